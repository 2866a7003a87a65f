//! A simulated cloud, a journal, and runs on them that can be ended at any point.

use std::future::Future;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::{OnceCell, mpsc};

pub use super::seen::{assert_done, distinct};

use super::conditions::Conditions;
use super::death::{Disk, Life, OnTheWay, When, Wire};
use super::stored::{Freezing, StoredRecord};
use crate::api::{Answer, Client, ReadError, Request, Transport};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::engine::search::{self, Round};
use crate::engine::*;
use crate::event::{Event, RunFinished, Stamped};
use crate::exit::Exit;
use crate::journal::{
    Header, Journal, JournalError, Line, MemorySink, NoMoreCalls, Record, RecordedCall, Sink, Started, Status,
};
use crate::plan::{self, Plan};
use crate::secret::Secrets;
use crate::simulate::{Faults, InMemory, Options, Simulator};
use crate::source::Source;
use crate::store::folder::JournalFile;

const START: i64 = 1_800_000_000;

/// One environment over any number of runs.
pub struct Trial {
    pub simulator: Arc<Mutex<Simulator>>,
    sim_clock: Clock,
    /// The whole journal so far.
    pub journal: Vec<u8>,
    pub events: Vec<Event>,
    pub inputs: Vec<(String, String)>,
    /// Options of runs that may end early.
    pub options: RunOptions,
    /// Every request that was sent, in order.
    pub requests: Arc<Mutex<Vec<Request>>>,
    pub secrets: Secrets,
    /// What other clients do, and what happens to our calls.
    pub conditions: Conditions,
    /// Whether creates are sent with our tags.
    pub stamp: bool,
    /// How far the clock of the next process is ahead of the server's.
    pub ahead: SignedDuration,
    /// The other records of the store.
    pub other_records: Vec<(String, Status)>,
    /// The most requests in flight.
    pub parallelism: usize,
    pub on_the_way: Arc<Mutex<OnTheWay>>,
    /// Set when the record is in an object store.
    pub place: Option<StoredRecord>,
    /// How many lines fit into the record of the next process.
    pub room: Option<usize>,
    /// What the last process knew at its end.
    pub known: Option<Status>,
    /// Freezes the next process at this write, for this long.
    pub freeze: Option<(u64, Duration)>,
}

/// The journal that one process opened, and its state at that time.
pub(super) struct Book {
    sink: Box<dyn Sink>,
    status: Status,
    next: u64,
    /// The records that the process wrote to its own disk.
    kept: MemorySink,
}

/// Runs a test on a paused clock.
pub fn paused<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(test)
}

impl Trial {
    pub fn new(options: Options) -> Self {
        let started = Timestamp::from_second(START).unwrap();
        let first = Line { n: 0, at: started, record: Record::Header(Header::new("demo", "default")) };
        Self {
            simulator: Arc::new(Mutex::new(Simulator::new(options))),
            sim_clock: Clock::starting_at(started, 1.0),
            journal: first.encode().into_bytes(),
            events: Vec::new(),
            inputs: Vec::new(),
            options: RunOptions::default(),
            requests: Arc::default(),
            secrets: Secrets::default(),
            conditions: Conditions::default(),
            stamp: true,
            ahead: SignedDuration::ZERO,
            other_records: Vec::new(),
            parallelism: 10,
            on_the_way: Arc::default(),
            place: None,
            room: None,
            known: None,
            freeze: None,
        }
    }

    /// Another machine in the same environment, with the record in the same store.
    pub fn elsewhere(&self) -> Self {
        Self {
            simulator: self.simulator.clone(),
            sim_clock: self.sim_clock,
            place: self.place.as_ref().map(StoredRecord::elsewhere),
            ..Self::new(Options::default())
        }
    }

    pub(super) async fn book(&self, life: &Life) -> Result<Book, JournalError> {
        if let Some(place) = &self.place {
            let opened = place.open(self.sim_clock, life).await?;
            return Ok(Book {
                sink: opened.sink,
                status: opened.status,
                next: opened.next,
                kept: MemorySink::default(),
            });
        }
        let mut disk = Disk::new(life);
        disk.room = self.room;
        let kept = disk.kept.clone();
        let lines = self.journal.iter().filter(|&&byte| byte == b'\n').count() as u64;
        Ok(Book { sink: Box::new(disk), status: self.status(), next: lines, kept })
    }

    pub fn with_faults(faults: &[&str]) -> Self {
        Self::new(Options { faults: Faults::parse(faults.iter().copied()).unwrap(), ..Options::default() })
    }

    /// A record of another plan on the same cloud; returns the journal so far.
    pub fn another_record(&mut self) -> Vec<u8> {
        let first = self.journal.iter().position(|&byte| byte == b'\n').expect("a journal has a header") + 1;
        let header = self.journal[..first].to_vec();
        std::mem::replace(&mut self.journal, header)
    }

    /// Loses the record; a new one begins, with a new key.
    pub fn lose_the_record(&mut self) {
        let record = Record::Header(Header::new("demo", "default"));
        self.journal = Line { n: 0, at: self.sim_clock.now(), record }.encode().into_bytes();
    }

    /// Recovers a lost record from the account.
    pub async fn recover(&mut self, plan: &Plan, accepted: &[(String, String)]) -> Recovered {
        self.secrets = Secrets::default();
        let (stopper, stopped) = stopper();
        let life = Life::until(When::Never);
        let book = self.book(&life).await.unwrap();
        let kept = book.kept.clone();
        let (context, mut events) = self.context(&stopper, stopped, &life, book);
        let made_up = plan::inputs::made_up_secrets(&plan.inputs).into_iter();
        let made_up = made_up.map(|(name, value)| (name, value.as_str().unwrap().to_owned()));
        let set: Vec<(String, String)> = made_up.chain(self.inputs.iter().cloned()).collect();
        let sources = plan::inputs::InputSources { set: &set, ..Default::default() };
        let inputs = plan::inputs::resolve(&plan.inputs, &sources, &self.secrets).unwrap();
        let status = self.status();
        let search = RecoveryInput {
            client: &context.client,
            catalog: context.catalog,
            plan,
            settings: &context.settings,
            secrets: &self.secrets,
            inputs: &inputs,
            accepted,
            status: &status,
            other_records: {
                let others = self.other_records.clone();
                Arc::new(move || others.clone())
            },
        };
        let recovered = recover(&search).await;
        self.keep(&kept, &mut events).await;
        recovered.records().into_iter().for_each(|record| self.record(record));
        recovered
    }

    /// Rewrites every record, for instance to the form of another version.
    pub fn rewrite(&mut self, change: impl Fn(&mut Record)) {
        let text = String::from_utf8(std::mem::take(&mut self.journal)).unwrap();
        for line in text.lines() {
            let mut line = Line::decode(line).unwrap();
            change(&mut line.record);
            self.journal.extend(line.encode().into_bytes());
        }
    }

    /// Changes every answer from now on.
    pub fn change_answers(&self, mut change: impl FnMut(&Request, Answer) -> Answer + Send + 'static) {
        *self.on_the_way.lock().unwrap() = Some(Box::new(move |request, answer| Ok(change(request, answer))));
    }

    /// Another client starts a call; returns its task.
    pub async fn begun_by_hand(&self, call: &RecordedCall) -> String {
        let cloud = InMemory::new(self.simulator.clone(), self.sim_clock);
        let answer = cloud.send(RunContext::request(call)).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        answer["tasks"][0].as_str().unwrap().to_owned()
    }

    /// Another client makes a call and waits for its task.
    pub async fn by_hand(&self, call: &RecordedCall) -> Value {
        let cloud = InMemory::new(self.simulator.clone(), self.sim_clock);
        let answer = cloud.send(RunContext::request(call)).await.unwrap();
        assert!(answer.is_success(), "{call}: {answer:?}");
        tokio::time::sleep(Duration::from_secs(7200)).await;
        // The simulator completes tasks when it is polled.
        cloud.send(Request::get("/cloud/v1/tasks")).await.unwrap();
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }

    pub fn status(&self) -> Status {
        let lines: Vec<Line> =
            String::from_utf8(self.journal.clone()).unwrap().lines().map(|line| Line::decode(line).unwrap()).collect();
        Status::of(lines).unwrap()
    }

    /// The run context, and the events that it emits.
    pub(super) fn context(
        &self,
        stopper: &Stopper,
        stopped: Stopped,
        life: &Life,
        book: Book,
    ) -> (Arc<RunContext>, mpsc::UnboundedReceiver<Stamped>) {
        let clock = Clock::starting_at(self.sim_clock.now() + self.ahead, 1.0);
        let transport = Wire {
            on_the_way: self.on_the_way.clone(),
            inner: InMemory::new(self.simulator.clone(), self.sim_clock),
            conditions: self.conditions.clone(),
            life: life.clone(),
            sent: self.requests.clone(),
        };
        let durations = book.status.durations.clone();
        let digest_key = book.status.header.key.clone().into_bytes();
        let journal = Journal::start_boxed(book.sink, book.status, book.next, clock);
        let leased = Arc::new(Leased::new(Arc::new(transport), journal.clone()));
        let client = Arc::new(Client::new(self.freezing(leased, life), clock));
        let (heeded, stopper) = (journal.clone(), stopper.clone());
        tokio::spawn(async move {
            stopper.stop(match heeded.no_more_calls().await {
                NoMoreCalls::LeaseLost(_) => Stop::LeaseLost,
                NoMoreCalls::Unreachable(_) => Stop::StoreUnreachable,
            });
        });
        let (sender, events) = mpsc::unbounded_channel();
        let events_out = Events { sender, clock };
        let warn: Warn = {
            let events = events_out.clone();
            Arc::new(move |message| events.emit(Event::Warned { message }))
        };
        let context = Arc::new(RunContext {
            watcher: Watcher::start(client.clone(), durations.iter(), warn),
            client,
            catalog: Catalog::embedded(),
            journal,
            secrets: self.secrets.clone(),
            gates: Gates::new(self.parallelism),
            listings: Listings::default(),
            stopped,
            events: events_out,
            settings: Settings {
                plan: "demo".to_owned(),
                environment: "default".to_owned(),
                project_id: Some(1),
                region_id: Some(7),
                stamp: self.stamp,
                resolve_time: Duration::from_secs(10),
                max_items: 1000,
                records: None,
                record_flags: RecordFlags::default(),
                user_agent: "plan/test".to_owned(),
            },
            digest_key,
            owners: Ownership::new({
                let other_records = self.other_records.clone();
                Arc::new(move || other_records.clone())
            }),
            contacted: OnceCell::new(),
            access: Access::default(),
        });
        (context, events)
    }

    fn freezing(&self, inner: Arc<dyn Transport>, life: &Life) -> Arc<dyn Transport> {
        let Some((at, pause)) = self.freeze else { return inner };
        Arc::new(Freezing { inner, life: life.clone(), at, writes: AtomicU64::new(0), pause })
    }

    /// One round of the search for the attempt in doubt of the only instance on record.
    pub async fn look(&self, last: bool, disowned: &[&str]) -> Result<Round, ReadError> {
        let (stopper, stopped) = stopper();
        let life = Life::until(When::Never);
        let book = self.book(&life).await.unwrap();
        let (context, _events) = self.context(&stopper, stopped, &life, book);
        let attempt = self.status().instances.values().next().and_then(|known| known.in_doubt()).unwrap();
        let disowned: Vec<String> = disowned.iter().map(|task| (*task).to_owned()).collect();
        search::AttemptSearch::new(&context, &attempt, &disowned).look(last).await
    }

    /// The plan of a text; `file` determines its folder.
    pub fn plan(file: &str, text: &str) -> Arc<Plan> {
        let source = Arc::new(Source::new(file, text));
        Arc::new(plan::load(&source).unwrap_or_else(|findings| panic!("{findings:#?}")))
    }

    pub async fn run(&mut self, text: &str) -> RunEnd {
        self.run_with(text, RunOptions::default(), std::future::pending()).await
    }

    /// Runs to the end, or until `stop` resolves.
    pub async fn run_with(&mut self, text: &str, options: RunOptions, stop: impl Future<Output = Stop>) -> RunEnd {
        let life = Life::until(When::Never);
        self.live(&Self::plan("plan.yaml", text), options, stop, &life).await.expect("this process lives on")
    }

    /// Runs as long as the process lives. `None` when it died before the end.
    pub async fn run_until(&mut self, plan: &Arc<Plan>, life: &Life) -> Option<RunEnd> {
        self.live(plan, self.options.clone(), std::future::pending(), life).await
    }

    /// The same with a record that may be unreachable or taken over: the exit code of the command.
    pub async fn run_or_give_up(&mut self, plan: &Arc<Plan>, life: &Life) -> Option<Exit> {
        let plan = plan.clone();
        match self.try_live(&plan, self.options.clone(), std::future::pending(), life).await {
            Ok(end) => end.map(|end| end.finished.exit),
            Err(error) => Some(crate::error::Error::from(error).exit()),
        }
    }

    async fn live(
        &mut self,
        plan: &Arc<Plan>,
        options: RunOptions,
        stop: impl Future<Output = Stop>,
        life: &Life,
    ) -> Option<RunEnd> {
        self.try_live(plan, options, stop, life).await.unwrap_or_else(|error| panic!("the journal failed: {error}"))
    }

    async fn try_live(
        &mut self,
        plan: &Arc<Plan>,
        options: RunOptions,
        stop: impl Future<Output = Stop>,
        life: &Life,
    ) -> Result<Option<RunEnd>, JournalError> {
        // A new process knows only the secrets that it reads.
        self.secrets = Secrets::default();
        let (stopper, stopped) = stopper();
        let book = self.book(life).await?;
        let kept = book.kept.clone();
        let (context, mut events) = self.context(&stopper, stopped, life, book);
        let made_up = plan::inputs::made_up_secrets(&plan.inputs).into_iter();
        let made_up = made_up.map(|(name, value)| (name, value.as_str().unwrap().to_owned()));
        let set: Vec<(String, String)> = made_up.chain(self.inputs.iter().cloned()).collect();
        let sources = plan::inputs::InputSources { set: &set, ..Default::default() };
        let inputs = plan::inputs::resolve(&plan.inputs, &sources, &self.secrets).unwrap();
        let under_way = Run {
            plan: plan.clone(),
            context,
            inputs,
            options,
            stopper: stopper.clone(),
            former_steps: OnceLock::new(),
            removals: RemovedToReplace::default(),
        };
        let under_way_journal = under_way.context.journal.clone();
        let end = {
            let running = async {
                under_way.context.journal.append(vec![started("run")]).await?;
                run(Arc::new(under_way)).await
            };
            tokio::pin!(running, stop);
            let to_its_end = async {
                tokio::select! {
                    end = &mut running => end,
                    reason = &mut stop => {
                        stopper.stop(reason);
                        running.await
                    }
                }
            };
            let end = or_dead(life, to_its_end).await;
            if let Ok(Some(end)) = &end {
                self.finish(&under_way_journal, end.finished.exit).await;
            }
            end
        };
        self.known = Some(under_way_journal.known());
        self.keep(&kept, &mut events).await;
        end
    }

    /// Runs with a disk that accepts a number of records, as if the process died then. `None` when that happened
    /// before the end.
    pub async fn crash_after(&mut self, text: &str, records: usize) -> Option<RunEnd> {
        self.run_until(&Self::plan("plan.yaml", text), &Life::until(When::Records { kept: records, torn: false })).await
    }

    pub async fn destroy(&mut self) -> RunFinished {
        self.destroy_until(&Life::until(When::Never)).await.expect("this process lives on")
    }

    /// Destroys as long as the process lives. `None` when it died before the end.
    pub async fn destroy_until(&mut self, life: &Life) -> Option<RunFinished> {
        let (stopper, stopped) = stopper();
        let book = unless_dead(life, self.book(life)).await?;
        let kept = book.kept.clone();
        let (context, mut events) = self.context(&stopper, stopped, life, book);
        let finished = unless_dead(life, async {
            context.journal.append(vec![started("destroy")]).await?;
            destroy(&context).await
        })
        .await;
        if let Some(finished) = &finished {
            self.finish(&context.journal, finished.exit).await;
        }
        self.keep(&kept, &mut events).await;
        finished
    }

    /// Adds a line to the journal, as another command would.
    pub fn record(&mut self, record: Record) {
        let n = self.journal.iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.journal.extend(Line { n, at: self.sim_clock.now(), record }.encode().into_bytes());
    }

    /// Ends a command, which releases its lease.
    async fn finish(&self, journal: &Journal, exit: Exit) {
        if self.place.is_some() {
            // When the lease is lost or the store unreachable, the exit code says so.
            let _ = journal.append(vec![Record::Finished { exit: exit.code() }]).await;
        }
    }

    /// Stores what is on disk after a run, read as the next run reads it.
    async fn keep(&mut self, kept: &MemorySink, events: &mut mpsc::UnboundedReceiver<Stamped>) {
        self.journal.extend(kept.bytes());
        if let Some(place) = &self.place {
            self.journal = place.journal().await;
        }
        if self.journal.last() != Some(&b'\n') {
            self.journal = reopened(&self.journal);
        }
        while let Ok(stamped) = events.try_recv() {
            self.events.push(stamped.event);
        }
    }

    /// The simulator's time.
    pub fn time(&self) -> Timestamp {
        self.sim_clock.now()
    }

    /// Fields that reads show without a call of the run.
    pub fn read(&self, path: &str) -> Value {
        let mut request = Request::get(path);
        request.headers.push(("authorization".to_owned(), "APIKey simulated".to_owned()));
        let answer = self.simulator.lock().unwrap().handle(&request, self.time());
        let crate::simulate::Reaction::Answer(answer) = answer else { panic!("{path}: no answer") };
        assert!(answer.is_success(), "{path}: {}", String::from_utf8_lossy(&answer.body));
        serde_json::from_slice(&answer.body).unwrap()
    }
}

/// The record of a command that begins.
fn started(command: &str) -> Record {
    let (run, command) = ("r".to_owned(), command.to_owned());
    Record::Started(Started {
        run,
        command,
        file: None,
        project_id: Some(1),
        region_id: Some(7),
        expires: None,
        secrets: false,
    })
}

/// The result of some work, or `None` when the process died first.
async fn unless_dead<T>(life: &Life, work: impl Future<Output = Result<T, JournalError>>) -> Option<T> {
    or_dead(life, work).await.unwrap_or_else(|error| panic!("the journal failed: {error}"))
}

async fn or_dead<T>(
    life: &Life,
    work: impl Future<Output = Result<T, JournalError>>,
) -> Result<Option<T>, JournalError> {
    tokio::select! {
        biased;
        () = life.end() => Ok(None),
        end = work => match end {
            Err(_) if life.is_over() => Ok(None),
            end => end.map(Some),
        },
    }
}

/// Opens a journal with a torn last line as a file, and closes it.
fn reopened(bytes: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    std::fs::write(&path, bytes).unwrap();
    let header = || panic!("the journal has a header");
    drop(JournalFile::open(&path, header, Timestamp::from_second(START).unwrap()).unwrap());
    std::fs::read(&path).unwrap()
}
