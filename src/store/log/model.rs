//! Model checking: every interleaving of two writers, within bounds.
//!
//! Each writer reads the log, takes the lease when it may, writes intents, sends calls, releases the lease. Any
//! request to the store may stay unanswered; a create without an answer may have been carried out, not at all, or
//! only later; each writer may die between any two steps; any time may pass. All orders are explored, with at most
//! [`LOST`] lost answers ([`LOST_AT_MOST`] with `RELIABILITY_SCALE`), and per writer [`DEATHS`] deaths, [`CALLS`]
//! calls and [`BEATS`] heartbeats. Time is unbounded: states differ only within the first minute.
//!
//! Invariants of every state: a call is sent only by the writer of the last object of the log, its intent is in the
//! log, an acknowledged append is in the log, and the log can be read.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::hash::{HashMap, HashSet};
use crate::journal::{Header, Lease, Line, Record, RecordWriter};

const LOST: u8 = 1;
/// The bound for long runs (`RELIABILITY_SCALE`).
const LOST_AT_MOST: u8 = 2;
const DEATHS: u8 = 1;
const CALLS: u8 = 1;
const BEATS: u8 = 1;
/// Half a minute: the validity of a lease, and half the time after which it may be taken over.
const TICK: Duration = Duration::from_secs(30);
/// More ticks than this make no difference.
const ENOUGH: u8 = 2;

#[derive(Clone)]
struct World {
    /// The objects, in the order of the numbers of their first lines.
    log: Vec<(u64, Rc<Vec<u8>>)>,
    /// Creates still under way whose sender no longer waits.
    late: Vec<(u64, Rc<Vec<u8>>)>,
    lost: u8,
    deaths: u8,
    /// The bound on lost answers.
    losing: u8,
    writers: [Writer; 2],
}

#[derive(Clone)]
struct Writer {
    name: &'static str,
    doing: Doing,
    fold: Option<Rc<Fold>>,
    /// Ticks since the current tail of the log was first seen.
    still: u8,
    /// Ticks since the beginning of the current append, or of the last one in the log.
    since: u8,
    calls: u8,
    beats: u8,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Doing {
    Looking,
    Taking(Append),
    Holding,
    /// Writing an intent.
    Intending(Append),
    /// The intent is in the log; the call is not sent yet.
    Sending,
    /// Writing a heartbeat, because the last append is too old for a call.
    Beating(Append),
    Releasing(Append),
    Over,
}

fn owner(name: &str) -> RecordWriter {
    RecordWriter { pid: 1, command: name.to_owned(), since: Timestamp::UNIX_EPOCH, job: None }
}

fn line(n: u64, record: Record) -> String {
    Line { n, at: Timestamp::UNIX_EPOCH, record }.encode()
}

/// Cached folds, by the tail of the log.
#[derive(Default)]
struct Folds(HashMap<Vec<u8>, Rc<Fold>>);

impl Folds {
    fn of(&mut self, log: &[(u64, Rc<Vec<u8>>)]) -> Option<Rc<Fold>> {
        let ((_, last), before) = log.split_last()?;
        if let Some(known) = self.0.get(&**last) {
            return Some(known.clone());
        }
        let fold = match self.of(before) {
            None => Fold::begin(last).expect("the first object says everything"),
            Some(fold) => {
                let mut fold = (*fold).clone();
                fold.follow(last).expect("every object in the log can follow");
                fold
            }
        };
        let fold = Rc::new(fold);
        self.0.insert((**last).clone(), fold.clone());
        Some(fold)
    }
}

impl World {
    fn new(losing: u8) -> Self {
        let writer = |name| Writer { name, doing: Doing::Looking, fold: None, still: 0, since: 0, calls: 0, beats: 0 };
        Self { log: Vec::new(), late: Vec::new(), lost: 0, deaths: 0, losing, writers: [writer("a"), writer("b")] }
    }

    /// The identity of a state.
    fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        // The last object stands for all, since it has the hash of the previous one.
        (self.log.last(), &self.late, self.lost, self.deaths).hash(&mut hasher);
        for writer in &self.writers {
            (&writer.doing, writer.fold.as_ref().map(|fold| &fold.hash), writer.still, writer.since).hash(&mut hasher);
            (writer.calls, writer.beats).hash(&mut hasher);
        }
        hasher.finish()
    }

    fn object(&self, first: u64) -> Option<&Rc<Vec<u8>>> {
        self.log.iter().find(|(number, _)| *number == first).map(|(_, bytes)| bytes)
    }

    fn create(&mut self, first: u64, bytes: &Rc<Vec<u8>>) -> bool {
        let is_free = self.object(first).is_none();
        if is_free {
            self.log.push((first, bytes.clone()));
        }
        is_free
    }

    /// Every possible answer of the store, with the resulting world.
    fn answers(&self, first: u64, append: &Append) -> Vec<(World, StoreAnswer)> {
        let bytes = Rc::new(append.bytes().to_vec());
        let mut answers = Vec::new();
        let mut carried_out = self.clone();
        let heard = match append.ask() {
            StoreRequest::Create if carried_out.create(first, &bytes) => StoreAnswer::Created,
            StoreRequest::Create => StoreAnswer::Taken,
            StoreRequest::Read => {
                self.object(first).map_or(StoreAnswer::Absent, |bytes| StoreAnswer::Found((**bytes).clone()))
            }
        };
        if self.lost < self.losing {
            let lost = |world: &World| World { lost: world.lost + 1, ..world.clone() };
            answers.push((lost(&carried_out), StoreAnswer::Nothing));
            if append.ask() == StoreRequest::Create && heard == StoreAnswer::Created {
                answers.push((lost(self), StoreAnswer::Nothing));
                let mut late = lost(self);
                late.late.push((first, bytes));
                answers.push((late, StoreAnswer::Nothing));
            }
        }
        answers.push((carried_out, heard));
        answers
    }

    /// Every possible next state.
    fn next(&self, folds: &mut Folds) -> Vec<World> {
        let mut next = Vec::new();
        let mut later = self.clone();
        for writer in &mut later.writers {
            writer.still = (writer.still + 1).min(ENOUGH);
            writer.since = (writer.since + 1).min(ENOUGH);
        }
        next.push(later);
        for at in 0..self.late.len() {
            let mut world = self.clone();
            let (first, bytes) = world.late.remove(at);
            world.create(first, &bytes);
            next.push(world);
        }
        for who in 0..self.writers.len() {
            if self.writers[who].doing == Doing::Over {
                continue;
            }
            self.steps(who, folds, &mut next);
            if self.deaths < DEATHS {
                let mut world = self.clone();
                world.deaths += 1;
                world.writers[who].end();
                next.push(world);
            }
        }
        next
    }

    fn steps(&self, who: usize, folds: &mut Folds, next: &mut Vec<World>) {
        let writer = &self.writers[who];
        match &writer.doing {
            Doing::Looking => self.look(who, folds, next),
            Doing::Holding if writer.calls < CALLS => {
                next.push(self.doing(who, Doing::Intending(writer.append(Record::Beat))));
            }
            Doing::Holding => next.push(self.doing(who, Doing::Releasing(writer.append(Record::Released)))),
            Doing::Sending if u32::from(writer.since) * TICK < VALID => {
                self.assert_sole_writer(who, folds);
                let mut world = self.doing(who, Doing::Holding);
                world.writers[who].calls += 1;
                next.push(world);
            }
            Doing::Sending if writer.beats < BEATS => {
                let mut world = self.doing(who, Doing::Beating(writer.append(Record::Beat)));
                world.writers[who].beats += 1;
                next.push(world);
            }
            Doing::Sending => {}
            Doing::Taking(append) | Doing::Intending(append) | Doing::Beating(append) | Doing::Releasing(append) => {
                for (world, heard) in self.answers(writer.next_object(), append) {
                    next.push(world.heard(who, append.clone(), heard, folds));
                }
            }
            Doing::Over => {}
        }
    }

    fn doing(&self, who: usize, doing: Doing) -> World {
        let mut world = self.clone();
        world.writers[who].doing = doing;
        world.writers[who].since = 0;
        world
    }

    /// Reads the log to its end; takes the lease when it may.
    fn look(&self, who: usize, folds: &mut Folds, next: &mut Vec<World>) {
        let fold = folds.of(&self.log);
        let writer = &self.writers[who];
        let moved = fold.as_ref().map(|fold| &fold.hash) != writer.fold.as_ref().map(|fold| &fold.hash);
        let mut world = self.clone();
        if moved {
            world.writers[who].still = 0;
            world.writers[who].fold.clone_from(&fold);
            next.push(world.clone());
        }
        let still = u32::from(world.writers[who].still) * TICK;
        let held = fold.as_ref().and_then(|fold| fold.status.lease.as_ref());
        if verdict(held, &owner(writer.name), still) == Verdict::Take {
            let takeover = takeover(fold.as_deref(), writer.name);
            world.writers[who].doing = Doing::Taking(Append::new(takeover.encode()));
            (world.writers[who].since, world.writers[who].still) = (0, 0);
            next.push(world);
        }
    }

    fn heard(mut self, who: usize, mut append: Append, heard: StoreAnswer, folds: &mut Folds) -> World {
        let progress = append.receive(heard);
        let writer = &mut self.writers[who];
        match progress {
            Progress::Going => {
                writer.doing = match &writer.doing {
                    Doing::Intending(_) => Doing::Intending(append),
                    Doing::Beating(_) => Doing::Beating(append),
                    Doing::Releasing(_) => Doing::Releasing(append),
                    _ => Doing::Taking(append),
                };
            }
            Progress::Done => {
                let at = self.log.iter().position(|(_, bytes)| **bytes == append.bytes());
                let at = at.expect("what counts as done is in the log");
                writer.fold = folds.of(&self.log[..=at]);
                writer.still = 0;
                match writer.doing {
                    Doing::Intending(_) | Doing::Beating(_) => writer.doing = Doing::Sending,
                    Doing::Releasing(_) => writer.end(),
                    _ => writer.doing = Doing::Holding,
                }
            }
            // The other writer took over first; this one has lost its lease.
            Progress::Fenced(_) => match writer.doing {
                Doing::Taking(_) => writer.doing = Doing::Looking,
                _ => writer.end(),
            },
        }
        self
    }

    fn assert_sole_writer(&self, who: usize, folds: &mut Folds) {
        let last = folds.of(&self.log).expect("whoever sends has written");
        assert_eq!(last.writer, self.writers[who].name, "a call was sent after another writer had begun to write");
        let own = self.writers[who].fold.as_ref().expect("whoever sends has written");
        assert_eq!(last.hash, own.hash, "a call was sent whose intent is not the last word");
    }
}

impl Writer {
    /// Ends the process: its knowledge is gone.
    fn end(&mut self) {
        *self = Self { name: self.name, doing: Doing::Over, fold: None, still: 0, since: 0, calls: 0, beats: 0 };
    }

    /// The number of the next object.
    fn next_object(&self) -> u64 {
        self.fold.as_ref().map_or(0, |fold| fold.next)
    }

    fn append(&self, record: Record) -> Append {
        let fold = self.fold.as_ref().expect("whoever writes has read");
        Append::new(fold.continued(line(fold.next, record), 1).encode())
    }
}

fn takeover(fold: Option<&Fold>, name: &str) -> Entry {
    let epoch = fold.map_or(1, |fold| fold.epoch + 1);
    let lease = Lease { epoch, writer: name.to_owned(), owner: owner(name) };
    let header = Header { key: name.to_owned(), ..Header::new("demo", "default") };
    let first = fold.is_none().then(|| line(0, Record::Header(header)));
    let n = fold.map_or(1, |fold| fold.next);
    let text = first.clone().unwrap_or_default() + &line(n, Record::Leased(lease.clone()));
    Fold::takeover(fold, &lease, text, 1 + u64::from(first.is_some()), fold.is_none())
}

#[test]
fn no_call_is_sent_after_another_process_has_taken_over() {
    let mut folds = Folds::default();
    let mut seen = HashSet::default();
    let losing = if std::env::var_os("RELIABILITY_SCALE").is_some() { LOST_AT_MOST } else { LOST };
    let mut open = vec![World::new(losing)];
    let mut takeovers = 0_u32;
    while let Some(world) = open.pop() {
        if !seen.insert(world.key()) {
            continue;
        }
        // The log can always be read.
        let fold = folds.of(&world.log);
        takeovers += u32::from(fold.is_some_and(|fold| fold.epoch > 1));
        open.extend(world.next(&mut folds));
    }
    // The bounds are wide enough to include takeovers.
    assert!(takeovers > 1_000, "only {takeovers} states of {} are after a takeover", seen.len());
}
