//! Speed and memory of the program as its users run it, side by side in one run: `cargo bench`, or `just bench`.
//!
//! A table of bars: what is measured, what it came to, and what it may come to. `docs/performance.md` says how to read
//! it. `BENCH_SCALE=100000` (10,000 without) is the number of steps of the largest plans; words on the command line
//! choose sections.

#![expect(clippy::disallowed_macros, reason = "a benchmark speaks to whoever runs it")]

mod bare;
mod child;
mod peers;
mod plans;
mod record;
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use child::{Taken, Workplace};
use peers::Sdk;
use server::Server;

/// Requests at once: what `plan run` does unless it is told otherwise.
const PARALLELISM: usize = 10;
const CALLS: usize = 10_000;

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|word| word == name);
    let scale = std::env::var("BENCH_SCALE").ok().and_then(|scale| scale.parse().ok()).unwrap_or(10_000);
    if wanted("serve") && !chosen.is_empty() {
        let server = Server::start(Duration::from_millis(500));
        println!("{}", server.base);
        std::thread::sleep(Duration::from_secs(3600));
    }
    if wanted("calls") {
        calls();
    }
    if wanted("steps") {
        steps(scale);
    }
    if wanted("records") {
        records(scale);
    }
    if wanted("polls") {
        polls();
    }
    if wanted("peers") {
        peers();
    }
}

/// The folders to run in: in memory, where the system has a file system there; and on a disk.
fn disks() -> Vec<(&'static str, PathBuf)> {
    let memory = Path::new("/dev/shm");
    let memory = memory.is_dir().then(|| ("in memory", memory.to_owned()));
    memory.into_iter().chain([("on disk", std::env::temp_dir())]).collect()
}

fn calls() {
    println!("\n{CALLS} calls to an instant server, {PARALLELISM} at once");
    let server = Server::start(Duration::ZERO);
    let bare = (0..3).map(|_| bare::creates(&server.base, CALLS, PARALLELISM)).min().unwrap_or_default();
    println!("  {:<32} {bare:>10.2?}", "bare client");
    for (place, folder) in disks() {
        for (shape, plan) in [("steps", plans::fan(CALLS)), ("for_each", plans::for_each(CALLS))] {
            let runs = (0..3).map(|_| Workplace::new(&folder, &server.base, &plan).plan(&["run", "plan.yaml"]));
            let best = runs.min_by_key(|taken| taken.wall).expect("there is one");
            let times = best.wall.as_secs_f64() / bare.as_secs_f64();
            println!(
                "  {:<32} {:>10.2?}   {times:.2} x   cpu {:.2?}",
                format!("plan, {shape}, {place}"),
                best.wall,
                best.cpu
            );
        }
    }
}

fn steps(scale: usize) {
    println!("\nCPU and memory of a step");
    let folder = disks().remove(0).1;
    type Shape = (&'static str, fn(usize) -> String);
    let shapes: [Shape; 5] = [
        ("steps", plans::fan),
        ("for_each", plans::for_each),
        ("wide", plans::wide),
        ("chain", plans::chain),
        ("volumes", plans::volumes),
    ];
    for (name, plan) in shapes {
        let server = Server::start(Duration::from_millis(500));
        let idle = Workplace::new(&folder, &server.base, &plan(1)).plan(&["run", "plan.yaml"]);
        for size in [100, 1_000, 10_000, 100_000].into_iter().filter(|size| *size <= scale) {
            let before = server.counted();
            let place = Workplace::new(&folder, &server.base, &plan(size));
            let taken = place.plan(&["run", "plan.yaml"]);
            let after = server.counted();
            show(name, size, &idle, &taken, (after.0 - before.0, after.1 - before.1));
        }
    }
}

fn show(name: &str, size: usize, idle: &Taken, taken: &Taken, (requests, lists): (u64, u64)) {
    let cpu = taken.cpu.saturating_sub(idle.cpu).as_secs_f64() * 1e6 / size as f64;
    let memory = taken.peak.saturating_sub(idle.peak) as f64 / 1024.0 / size as f64;
    println!(
        "  {name:<10} {size:>7}   {cpu:>7.0} us   {memory:>6.1} KiB   {:>9.2?}   {requests} requests, {lists} lists",
        taken.wall
    );
}

fn records(scale: usize) {
    println!("\nrecords");
    let folder = disks().remove(0).1;
    let server = Server::start(Duration::ZERO);
    let place = Workplace::new(&folder, &server.base, &plans::fan(scale));
    place.plan(&["run", "plan.yaml"]);
    let shown = |words: String, taken: Taken| {
        println!("  {words:<40} {:>10.2?}   cpu {:.2?}   {} MiB", taken.wall, taken.cpu, taken.peak >> 20);
    };
    shown(format!("second run of {scale} steps"), place.plan(&["run", "plan.yaml"]));
    let place = Workplace::new(&folder, &server.base, &plans::for_each(scale));
    place.plan(&["run", "plan.yaml"]);
    shown(format!("second run of {scale} instances"), place.plan(&["run", "plan.yaml"]));
    for size in [CALLS, scale] {
        let plan = plans::fan(size);
        let place = Workplace::new(&folder, &server.base, &plan);
        let file = plan.len() as f64 / f64::from(1 << 20);
        shown(format!("check of {size} steps, {file:.1} MiB"), place.plan(&["check", "plan.yaml"]));
    }
    let place = Workplace::new(&folder, &server.base, &plans::for_each(1));
    place.plan(&["run", "plan.yaml"]);
    let lines = scale * 10;
    record::grow(&place.journal(), lines);
    for command in [&["status"][..], &["status", "--all"], &["output"], &["destroy", "--dry-run"]] {
        let arguments: Vec<&str> = command.iter().chain(&["plan.yaml"]).copied().collect();
        shown(format!("{} of {lines} records", command.join(" ")), place.plan(&arguments));
    }
}

/// Prints the polls and the duration of a rehearsal with 100 volumes.
fn polls() {
    println!("\nwaiting, rehearsed");
    let place = Workplace::new(&disks().remove(0).1, "http://127.0.0.1:1", &plans::volumes(100));
    println!("  100 volumes: {}", place.plan(&["rehearse", "plan.yaml"]).last);
}

fn peers() {
    println!("\nothers, where they are installed");
    let server = Server::start(Duration::from_millis(500));
    let show = |words: &str, number: usize, take: &dyn Fn() -> Option<Taken>| {
        let before = server.counted().0;
        if let Some(taken) = take() {
            let each = taken.wall / u32::try_from(number).unwrap_or(u32::MAX);
            let requests = server.counted().0 - before;
            println!("  {words:<48} {:>9.2?}   {each:>9.2?} each   {requests} requests", taken.wall);
        }
    };
    let plan =
        |shape: &str| Some(Workplace::new(&disks().remove(0).1, &server.base, shape).plan(&["run", "plan.yaml"]));
    show("plan: 1000 calls", 1_000, &|| plan(&plans::fan(1_000)));
    show("Python SDK: 1000 calls, one after another", 1_000, &|| Sdk::Keys.run(&server, 1_000));
    show("curl in a shell loop: 200 calls", 200, &|| peers::shell_loop(&server, 200));
    show("terraform: 1000 resources that make no call", 1_000, &|| peers::terraform(1_000));
    show("plan: 100 volumes, waited for", 100, &|| plan(&plans::volumes(100)));
    show("Python SDK: 100 volumes at once, waited for", 100, &|| Sdk::Volumes.run(&server, 100));
}
