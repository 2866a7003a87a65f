//! A process that dies: from that moment it sends no request, writes nothing and receives nothing.
//!
//! The moment is given as a number of records, or as a request and a point in its life. Calls carried out before it
//! stay in the cloud, records synced before it stay on disk.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::conditions::Conditions;
use crate::api::{Answer, Lost, Request, Sending, Transport};
use crate::journal::{Appending, Batch, FileAction, JournalError, MemorySink, Sink, Stored};
use crate::simulate::InMemory;

/// How long a request may still be under way after its sender died.
const LATE: Duration = Duration::from_secs(3);

/// The point in a request's life at which its sender dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The intent is on disk; the request is not sent.
    BeforeSending,
    /// The request arrives after its sender died.
    Late,
    /// The API has carried it out; the answer is not received.
    Acted,
    /// The answer is received, and not recorded.
    Answered,
    /// The answer is recorded, and not acted on.
    Written,
}

impl Moment {
    pub const ALL: [Moment; 5] =
        [Moment::BeforeSending, Moment::Late, Moment::Acted, Moment::Answered, Moment::Written];
}

/// When a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Never,
    /// After this many of its own records; `torn`: half of the next one reaches the disk as well.
    Records {
        kept: usize,
        torn: bool,
    },
    /// At the nth request, from 1.
    Request {
        nth: u64,
        moment: Moment,
    },
}

/// The life of one process. Clones share it.
#[derive(Clone)]
pub struct Life(Arc<ProcessState>);

struct ProcessState {
    when: When,
    requests: AtomicU64,
    /// Answers that were missing, cut off, unreadable, or transient refusals.
    troubles: AtomicU64,
    dead: AtomicBool,
    dies_with_next_write: AtomicBool,
    died: Notify,
    /// The process does nothing before this moment.
    frozen_until: Mutex<Option<Instant>>,
}

impl Life {
    pub fn until(when: When) -> Self {
        Self(Arc::new(ProcessState {
            when,
            requests: AtomicU64::new(0),
            troubles: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            dies_with_next_write: AtomicBool::new(false),
            died: Notify::new(),
            frozen_until: Mutex::default(),
        }))
    }

    /// The number of requests about to be sent so far.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::SeqCst)
    }

    pub fn troubles(&self) -> u64 {
        self.0.troubles.load(Ordering::SeqCst)
    }

    pub fn is_over(&self) -> bool {
        self.0.dead.load(Ordering::SeqCst)
    }

    /// Resolves when the process has died.
    pub async fn end(&self) {
        let died = self.0.died.notified();
        if !self.is_over() {
            died.await;
        }
    }

    /// Freezes the process for a time.
    pub fn freeze(&self, pause: Duration) {
        *self.0.frozen_until.lock().unwrap() = Some(Instant::now() + pause);
    }

    /// Resolves when the process is not frozen.
    pub async fn thawed(&self) {
        let until = *self.0.frozen_until.lock().unwrap();
        if let Some(until) = until {
            tokio::time::sleep_until(until).await;
        }
    }

    /// A write has reached the store; the process dies of it when that was its moment.
    pub fn dies_with_this_write(&self) -> bool {
        if self.0.dies_with_next_write.load(Ordering::SeqCst) {
            self.die();
        }
        self.is_over()
    }

    /// Kills the process now.
    pub fn die(&self) {
        self.0.dead.store(true, Ordering::SeqCst);
        self.0.died.notify_one();
    }

    /// The point at which the process dies with the request that is about to be sent, if it does.
    fn moment(&self) -> Option<Moment> {
        let number = self.0.requests.fetch_add(1, Ordering::SeqCst) + 1;
        match self.0.when {
            When::Request { nth, moment } if nth == number => Some(moment),
            _ => None,
        }
    }
}

/// Changes answers before the client receives them, or loses them.
pub type OnTheWay = Option<Box<dyn FnMut(&Request, Answer) -> Result<Answer, Lost> + Send>>;

/// A transport that works as long as the process lives.
pub struct Wire {
    pub on_the_way: Arc<Mutex<OnTheWay>>,
    pub inner: InMemory,
    pub conditions: Conditions,
    pub life: Life,
    pub sent: Arc<Mutex<Vec<Request>>>,
}

impl Wire {
    async fn carry(&self, request: Request) -> Result<Answer, Lost> {
        self.sent.lock().unwrap().push(request.clone());
        let answer = self.conditions.carry(&self.inner, request.clone()).await;
        let answer = match (&mut *self.on_the_way.lock().unwrap(), answer) {
            (Some(change), Ok(answer)) => change(&request, answer),
            (_, answer) => answer,
        };
        if is_trouble(&answer) {
            self.life.0.troubles.fetch_add(1, Ordering::SeqCst);
        }
        answer
    }
}

impl Transport for Wire {
    fn send(&self, request: Request) -> Sending<'_> {
        Box::pin(async move {
            let life = &self.life;
            if life.is_over() {
                return std::future::pending().await;
            }
            match life.moment() {
                None => self.carry(request).await,
                Some(Moment::BeforeSending) => {
                    life.die();
                    std::future::pending().await
                }
                Some(Moment::Late) => {
                    let inner = self.inner.clone();
                    self.sent.lock().unwrap().push(request.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep(LATE).await;
                        // The sender is dead and receives no answer.
                        let _ = inner.send(request).await;
                    });
                    life.die();
                    std::future::pending().await
                }
                Some(Moment::Acted) => {
                    let _ = self.carry(request).await;
                    life.die();
                    std::future::pending().await
                }
                Some(Moment::Answered) => {
                    let answer = self.carry(request).await;
                    life.die();
                    answer
                }
                Some(Moment::Written) => {
                    let answer = self.carry(request).await;
                    life.0.dies_with_next_write.store(true, Ordering::SeqCst);
                    answer
                }
            }
        })
    }

    fn base_url(&self) -> &str {
        self.inner.base_url()
    }
}

fn is_trouble(answer: &Result<Answer, Lost>) -> bool {
    match answer {
        Err(_) => true,
        Ok(answer) if answer.is_success() => {
            !answer.body.is_empty() && serde_json::from_slice::<serde_json::Value>(&answer.body).is_err()
        }
        Ok(answer) => answer.status == 429 || answer.status >= 500,
    }
}

/// A sink that works as long as the process lives.
pub struct Disk {
    pub kept: MemorySink,
    pub life: Life,
    left: usize,
    /// How many lines fit, when the disk is full after them; the process lives on.
    pub room: Option<usize>,
}

impl Disk {
    pub fn new(life: &Life) -> Self {
        let left = match life.0.when {
            When::Records { kept, .. } => kept,
            _ => usize::MAX,
        };
        Self { kept: MemorySink::default(), life: life.clone(), left, room: None }
    }
}

impl Disk {
    fn write(&mut self, text: &str) -> Result<Stored, JournalError> {
        let gone = || Err(JournalError::Closed("the process died".to_owned()));
        for line in text.split_inclusive('\n') {
            if self.life.is_over() {
                return gone();
            }
            if self.room == Some(0) {
                let full = std::io::ErrorKind::StorageFull.into();
                return Err(JournalError::io(FileAction::Write, std::path::Path::new("journal"), full));
            }
            self.room = self.room.map(|room| room - 1);
            if self.left == 0 {
                if let When::Records { torn: true, .. } = self.life.0.when {
                    self.kept.push(&line.as_bytes()[..line.len() / 2]);
                }
                self.life.die();
                return gone();
            }
            self.left -= 1;
            self.kept.push(line.as_bytes());
        }
        if self.life.0.dies_with_next_write.load(Ordering::SeqCst) {
            self.life.die();
            return gone();
        }
        Ok(Stored::Durably)
    }
}

impl Sink for Disk {
    fn append<'a>(&'a mut self, batch: &'a Batch) -> Appending<'a> {
        Box::pin(std::future::ready(self.write(&batch.text)))
    }
}
