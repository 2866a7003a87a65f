//! What an active call is doing, in words.

use std::time::Duration;

use super::story::named;
use super::{duration, list, sanitize, span};
use crate::clock::LONGEST_PAUSE;
use crate::event::{Delay, Queue};
use crate::id::InstanceId;

/// What an active call is doing.
#[derive(Debug, Clone, PartialEq)]
pub enum Doing {
    Queued { queue: Queue, until: Duration },
    Calling { call: String, attempt: u32 },
    Pausing { reason: Delay, until: Duration },
    Waiting { tasks: Vec<String>, earliest: Duration, latest: Duration },
    Resolving,
    AwaitingReadiness { until: String },
}

/// An active call. Times count from the start of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// When the call began.
    pub started: Duration,
    /// When it began to do this.
    pub since: Duration,
    pub doing: Doing,
}

/// A row of the table: the call, what it is doing, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRow {
    pub who: String,
    pub what: Lengths,
    pub elapsed: Duration,
}

/// One text in several lengths, longest first; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lengths(Vec<String>);

impl Lengths {
    /// The longest text.
    pub fn longest(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// The longest text that `fit` accepts, or else the shortest.
    pub fn fitting(&self, fit: impl Fn(&str) -> bool) -> &str {
        self.0.iter().find(|words| fit(words)).or(self.0.last()).map_or("", String::as_str)
    }

    pub(super) fn and(mut self, more: &str) -> Self {
        self.0 = self.0.iter().map(|words| format!("{words}{more}")).chain(self.0.last().cloned()).collect();
        self
    }
}

impl From<String> for Lengths {
    fn from(words: String) -> Self {
        Self(vec![words])
    }
}

impl Pending {
    pub(super) fn is_queued(&self) -> bool {
        matches!(self.doing, Doing::Queued { .. })
    }

    pub(super) fn row(&self, instance: &InstanceId, now: Duration) -> CallRow {
        let what = self.doing.describe(now);
        let late = matches!(&self.doing, Doing::Waiting { latest, .. } if now.saturating_sub(self.since) > *latest * 2);
        CallRow {
            who: sanitize(&instance.to_string()).into_owned(),
            what: if late { what.and(", longer than usual") } else { what },
            elapsed: now.saturating_sub(self.started),
        }
    }
}

impl Doing {
    /// One word, for counting.
    pub fn word(&self) -> &'static str {
        match self {
            Doing::Queued { .. } => "queued",
            Doing::Calling { .. } => "calling",
            Doing::Pausing { .. } => "held back",
            Doing::Waiting { .. } => "waiting",
            Doing::Resolving => "being resolved",
            Doing::AwaitingReadiness { .. } => "getting ready",
        }
    }

    /// What several wait for, in the words of [`Doing::describe`].
    pub(super) fn describe_several(&self, now: Duration) -> String {
        match self {
            Doing::Queued { queue: Queue::Parent { of }, .. } => {
                format!("wait for other writes below {}", sanitize(of))
            }
            Doing::Queued { queue: Queue::Requests, .. } => "wait for a free request (`--parallelism`)".to_owned(),
            _ => self.describe(now).longest().to_owned(),
        }
    }

    /// What the call is doing, with the reason for a wait.
    pub fn describe(&self, now: Duration) -> Lengths {
        let words = match self {
            Doing::Queued { queue: Queue::RateLimit { .. }, until } => {
                vec![format!("rate limited, {}", duration(until.saturating_sub(now)))]
            }
            Doing::Queued { queue, .. } => vec![queued(queue), self.word().to_owned()],
            Doing::Calling { call, attempt } => {
                let attempt = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
                vec![format!("calling {}{attempt}", sanitize(call)), format!("calling{attempt}")]
            }
            Doing::Pausing { reason, until } => {
                let then = match until.saturating_sub(now) {
                    Duration::ZERO if matches!(reason, Delay::Locked { task: Some(_) }) => {
                        "again after its end".to_owned()
                    }
                    Duration::ZERO => "trying again".to_owned(),
                    left => format!("again in {}", duration(left)),
                };
                vec![format!("{}, {then}", delay(reason)), format!("held back, {then}"), then]
            }
            Doing::Waiting { tasks, earliest, latest } => {
                let typical = span(*earliest, *latest);
                vec![
                    waiting(tasks, *earliest, *latest),
                    format!("waiting, typically {typical}"),
                    format!("typically {typical}"),
                ]
            }
            Doing::Resolving => vec!["resolving the outcome of a call".to_owned(), self.word().to_owned()],
            Doing::AwaitingReadiness { until } => vec![format!("waiting until {}", sanitize(until))],
        };
        Lengths(words)
    }
}

/// `waiting for task 3f2a…, typically 15 s to 30 s`.
pub fn waiting(tasks: &[String], earliest: Duration, latest: Duration) -> String {
    let noun = if tasks.len() == 1 { "task" } else { "tasks" };
    let tasks = list(tasks.iter().map(|task| sanitize(task)), 2);
    format!("waiting for {noun} {tasks}, typically {}", span(earliest, latest))
}

/// What a call waits for in the run's own queue.
pub fn queued(queue: &Queue) -> String {
    match queue {
        Queue::Parent { of } => format!("waits for another write below {}", sanitize(of)),
        Queue::Requests => "waits for a free request (`--parallelism`)".to_owned(),
        Queue::RateLimit { pause_ms } => format!("rate limited, {}", pause(Duration::from_millis(*pause_ms))),
    }
}

/// How long nothing is sent.
pub fn pause(length: Duration) -> String {
    match length >= LONGEST_PAUSE {
        true => format!("{}, the longest that is waited whatever the API asks for", duration(length)),
        false => duration(length),
    }
}

/// Why a call is delayed.
pub fn delay(reason: &Delay) -> String {
    match reason {
        Delay::RateLimited => "the API asks to slow down (429)".to_owned(),
        Delay::Locked { task: Some(task) } => format!("locked by task {}", sanitize(task)),
        Delay::Locked { task: None } => "locked by a running task".to_owned(),
        Delay::NotSent { cause } => format!("not sent: {}", sanitize(cause)),
        Delay::Unavailable { status } => format!("the API is unavailable ({status})"),
        Delay::Failed { cause } => format!("the request failed: {}", sanitize(cause)),
        Delay::InUse { by, removed } if by.is_empty() && removed.is_empty() => "still in use".to_owned(),
        Delay::InUse { removed, .. } if !removed.is_empty() => {
            let have = if removed.len() == 1 { "has" } else { "have" };
            let resources = removed
                .iter()
                .map(|resource| named(resource.kind.as_deref(), resource.name.as_deref(), Some(&resource.id)));
            format!("still in use by {}, which {have} been removed a moment ago", list(resources, 3))
        }
        Delay::InUse { by, .. } => {
            format!("still in use by {}, which this record does not know", list(by.iter().map(|id| sanitize(id)), 3))
        }
    }
}
