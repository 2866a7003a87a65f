//! Benchmarks, compared within one run: `cargo bench`, or `just bench`.
//!
//! - a plan of many independent steps against an instant HTTP server, with a durable journal, next to a bare client
//!   that sends the same requests with the same concurrency;
//! - the time per step of small and large plans, without a network;
//! - the cost of polling many tasks: requests and delays for a hundred machines and for a chain.

#![expect(clippy::disallowed_macros, reason = "a benchmark speaks to whoever runs it")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gcore_plan::api::{Client, Http, Request, Transport};
use gcore_plan::catalog::{Catalog, Method};
use gcore_plan::clock::Clock;
use gcore_plan::engine::{
    Access, Events, Gates, Ownership, Run, RunContext, RunEnd, RunOptions, Settings, Watcher, run, stopper,
};
use gcore_plan::exit::Exit;
use gcore_plan::journal::{Header, Journal, MemorySink, Owner, Status};
use gcore_plan::plan::{self, Plan};
use gcore_plan::secret::Secrets;
use gcore_plan::simulate::{Durations, InMemory, Options, Simulator};
use gcore_plan::source::Source;
use gcore_plan::store::folder::StateFolder;
use gcore_plan::store::{EnvironmentName, Opening, Store};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;
use tokio::sync::mpsc;

const PARALLELISM: usize = 10;
const STEPS: usize = 10_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(async {
        over_http().await;
        per_step().await;
    });
    paused(looks());
    checks();
}

fn paused(work: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().expect("a runtime can be made").block_on(work);
}

/// Synchronous creates, one per step, so that there is nothing to wait for but the answers.
fn keys(steps: usize) -> String {
    let mut text = "name: bench\nsteps:\n".to_owned();
    for n in 0..steps {
        text.push_str(&format!(
            "  - id: key_{n}\n    call: POST /cloud/v1/ssh_keys/{{project_id}}\n    body: {{ name: key-{n}, public_key: \"ssh-ed25519 AAAA{n}\" }}\n"
        ));
    }
    text
}

fn load(text: &str) -> Plan {
    plan::load(&Arc::new(Source::new("bench.yaml", text))).unwrap_or_else(|findings| panic!("{findings:?}"))
}

fn cloud(durations: Durations) -> Arc<Mutex<Simulator>> {
    Arc::new(Mutex::new(Simulator::new(Options { durations, ..Options::default() })))
}

async fn over_http() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    let base = format!("http://{}", listener.local_addr().expect("it is bound"));
    let now = Timestamp::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    // The server has its own threads, as it would have its own machine.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(&stream));
        }
    });
    let key = SecretString::from("bench");
    let http: Arc<dyn Transport> =
        Arc::new(Http::new(&base, &key, Duration::from_secs(30), &[]).expect("the address is right"));

    let started = Instant::now();
    bare(http.clone(), STEPS).await;
    let bare = started.elapsed();

    let plan = load(&keys(STEPS).replace("key-", "run-"));
    let folder = tempfile::tempdir().expect("a folder can be made");
    let clock = Clock::starting_at(now, 1.0);
    let store = StateFolder::new(folder.path());
    let name = EnvironmentName { plan: "bench".to_owned(), environment: "default".to_owned() };
    let owner = Owner { pid: 0, command: "bench".to_owned(), since: now, job: None };
    let opening = Opening { owner, patience: Duration::ZERO, clock, notice: &|_| {} };
    let opened = store.open(&name, opening).await.expect("the folder is ours");
    let journal = Journal::start_boxed(opened.sink, opened.status, opened.next, clock);
    let started = Instant::now();
    let end = go(plan, http, journal, clock).await;
    let ours = started.elapsed();
    assert_eq!(end.finished.exit, Exit::Done);
    println!("{STEPS} calls to an instant server, {PARALLELISM} at once");
    println!("  bare client      {bare:>10.2?}");
    println!("  plan, durable    {ours:>10.2?}   {:.2} x", ours.as_secs_f64() / bare.as_secs_f64());
}

/// Answers every request on a connection at once.
fn answer(stream: &std::net::TcpStream) -> std::io::Result<()> {
    use std::io::{BufRead, BufReader, Read, Write};
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        reader.read_exact(&mut vec![0; length])?;
        writer.write_all(
            b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"id\":\"k\"}",
        )?;
    }
}

/// The same in memory.
struct Instant201;

impl Transport for Instant201 {
    fn send(&self, _: Request) -> gcore_plan::api::Sending<'_> {
        let answer = gcore_plan::api::Answer { status: 201, headers: Vec::new(), body: b"{\"id\":\"k\"}".to_vec() };
        Box::pin(std::future::ready(Ok(answer)))
    }
}

async fn bare(http: Arc<dyn Transport>, calls: usize) {
    use futures_util::StreamExt;
    let requests = futures_util::stream::iter((0..calls).map(|n| {
        let http = http.clone();
        async move {
            let mut request = Request::new(Method::Post, "/cloud/v1/ssh_keys/1");
            request.body = Some(json!({ "name": format!("bare-{n}"), "public_key": format!("ssh-ed25519 AAAA{n}") }));
            assert!(http.send(request).await.expect("the server is there").is_success());
        }
    }));
    requests.buffer_unordered(PARALLELISM).collect::<Vec<()>>().await;
}

async fn go(plan: Plan, transport: Arc<dyn Transport>, journal: Journal, clock: Clock) -> RunEnd {
    let (stopper, stopped) = stopper();
    let client = Arc::new(Client::new(transport, clock));
    let (sender, _events) = mpsc::unbounded_channel();
    let context = Arc::new(RunContext {
        watcher: Watcher::start(client.clone(), &[], Arc::new(|_| {})),
        client,
        catalog: Catalog::embedded(),
        journal,
        secrets: Secrets::default(),
        gates: Gates::new(PARALLELISM),
        stopped,
        events: Events { sender, clock },
        settings: Settings {
            plan: "bench".to_owned(),
            environment: "default".to_owned(),
            project_id: Some(1),
            region_id: Some(7),
            stamp: true,
            resolve_time: Duration::from_secs(10),
            max_items: 10_000,
            records: None,
            user_agent: "plan/bench".to_owned(),
        },
        digest_key: b"bench".to_vec(),
        owners: Ownership::new(Arc::new(Vec::new)),
        contacted: tokio::sync::OnceCell::new(),
        access: Access::default(),
    });
    let inputs = BTreeMap::new();
    let options = RunOptions::default();
    run(Arc::new(Run { plan: Arc::new(plan), context, inputs, options, stopper }))
        .await
        .expect("the record can be written")
}

fn in_memory(durations: Durations) -> (Arc<dyn Transport>, Journal, Clock) {
    let now = Timestamp::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let clock = Clock::starting_at(now, 1.0);
    let status = Status::new(Header::new("bench", "default"), now);
    let transport = Arc::new(InMemory::new(cloud(durations), Clock::starting_at(now, 1.0)));
    (transport, Journal::start(MemorySink::default(), status, 1, clock), clock)
}

async fn per_step() {
    println!("time per step, without network and disk");
    for steps in [100, 1_000, 10_000] {
        let plan = load(&keys(steps));
        let (_, journal, clock) = in_memory(Durations::Fixed(Duration::ZERO));
        let started = Instant::now();
        black_box(go(plan, Arc::new(Instant201), journal, clock).await);
        println!("  {steps:>7} steps    {:>10.2?}", started.elapsed() / u32::try_from(steps).unwrap_or(u32::MAX));
    }
}

async fn looks() {
    println!("looks at tasks");
    let machines = "name: bench\nsteps:\n  - id: volume\n    for_each: \"{{ range(100) }}\"\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    body: { name: \"vol-{{ each.key }}\", source: new-volume, size: 1 }\n";
    let (transport, journal, clock) = in_memory(Durations::Fixed(Duration::from_secs(12)));
    let end = go(load(machines), transport, journal, clock).await;
    println!(
        "  100 volumes of 12 s     {:>4} looks, done after {:.1} s",
        end.finished.polls,
        end.finished.elapsed_ms as f64 / 1000.0
    );
}

fn checks() {
    println!("checking a plan, in this process");
    for steps in [10, 1_000, 10_000] {
        let source = Arc::new(Source::new("bench.yaml", keys(steps)));
        let started = Instant::now();
        assert!(black_box(plan::check(&source)).plan.is_some());
        println!("  {steps:>7} steps    {:>10.2?}", started.elapsed());
    }
}
