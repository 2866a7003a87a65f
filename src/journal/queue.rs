//! What waits to be written: the handles of a journal number and queue it, the writer takes it.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::JournalError;
use super::ahead::Ahead;
use super::record::Record;
use super::status::Status;
use crate::clock::Clock;
use crate::event::{EffectKnown, ErrorClass, StepError};
use crate::secret::Secrets;

/// Why no further call may be sent.
#[derive(Debug, Clone)]
pub enum NoMoreCalls {
    /// Another process has taken over the lease.
    LeaseLost(JournalError),
    /// The store cannot be reached; outcomes are spooled.
    Unreachable(JournalError),
}

impl NoMoreCalls {
    pub fn error(&self) -> &JournalError {
        match self {
            NoMoreCalls::LeaseLost(error) | NoMoreCalls::Unreachable(error) => error,
        }
    }
}

/// What the handles and the writer share.
pub(super) struct WriterState {
    /// The status of all durable records.
    pub status: Status,
    /// What waits to be written: what may follow is decided here.
    pub ahead: Ahead,
    /// When the last append that is in the log began.
    pub confirmed: Instant,
    /// What the writer redacts.
    pub secrets: Secrets,
    /// The error after which nothing more is written.
    pub ended: Option<JournalError>,
    next: u64,
    /// The store may become unreachable while the run goes on: intents are revoked then.
    takes_back: bool,
}

/// Records that are appended together.
pub(super) struct Append {
    pub first: u64,
    pub records: Vec<(Timestamp, Arc<Record>)>,
    /// The records that revoke the intents and removals in `records`: appended, instead of the calls being sent, when
    /// the store cannot be reached.
    pub revoking: Vec<Record>,
    /// A call may be sent because of it: it contains an intent, a removal, or a heartbeat, which prolongs the lease.
    /// None of these is appended once the store cannot be reached.
    pub opens: bool,
    pub waiting: Vec<Waiting>,
}

/// A caller that waits until its append is durable.
pub(super) struct Waiting {
    pub done: oneshot::Sender<Result<(), JournalError>>,
    /// The error that the caller gets although its append succeeds, so that the call is not sent.
    pub error: Option<JournalError>,
}

impl Waiting {
    /// Answers the caller: its append is durable, or the error.
    pub fn answer(self, failed: Option<&JournalError>) {
        // The receiver is gone when its step was dropped.
        let _ = self.done.send(failed.cloned().or(self.error).map_or(Ok(()), Err));
    }
}

impl WriterState {
    /// Nothing waits. `status`: of the existing records; `next`: the number of the next line; `takes_back`: the store can
    /// become unreachable.
    pub fn new(status: Status, next: u64, takes_back: bool) -> Self {
        let (ahead, confirmed) = (Ahead::of(&status), Instant::now());
        Self { status, ahead, confirmed, secrets: Secrets::default(), ended: None, next, takes_back }
    }

    /// Numbers records that follow what is written and what waits; they must be queued before the lock is released.
    ///
    /// # Errors
    ///
    /// [`JournalError::Impossible`] when one cannot follow.
    pub fn number(
        &mut self,
        records: Vec<Record>,
        clock: Clock,
        opens: bool,
        waiting: Vec<Waiting>,
    ) -> Result<Append, JournalError> {
        let (first, leased) = (self.next, self.ahead.is_leased());
        let mut numbered = Vec::with_capacity(records.len());
        let revoking = match self.takes_back {
            true => records.iter().filter_map(taken_back).collect(),
            false => Vec::new(),
        };
        for record in records {
            let (at, record) = (clock.now(), Arc::new(record));
            if let Err(impossible) = self.ahead.add(&self.status, at, &record) {
                // None of them is written: a gap in the numbers would make the whole journal unreadable.
                self.ahead.take_back(numbered.len(), leased);
                self.next = first;
                return Err(JournalError::Impossible(impossible));
            }
            numbered.push((at, record));
            self.next += 1;
        }
        Ok(Append { first, records: numbered, revoking, opens, waiting })
    }

    /// Applies records that are durable now to the status, as they stand in their lines.
    ///
    /// # Errors
    ///
    /// [`JournalError::Impossible`] when one cannot follow.
    pub fn written(&mut self, records: Vec<(Timestamp, Arc<Record>)>) -> Result<(), JournalError> {
        for (at, record) in records {
            self.ahead.written();
            self.status.apply(at, Arc::unwrap_or_clone(record)).map_err(JournalError::Impossible)?;
        }
        Ok(())
    }
}

impl WriterState {
    /// The status with the records that could not be written: what this process knows. A call whose intent could not be
    /// written was not sent.
    pub fn known(&self) -> Status {
        let mut status = self.status.clone();
        let is_sent = |record: &Record| !matches!(record, Record::Intent(_) | Record::Removing { .. });
        for (at, record) in self.ahead.waiting().filter(|(_, record)| is_sent(record)) {
            // One that cannot follow tells nothing more.
            drop(status.apply(at, Record::clone(record)));
        }
        status
    }
}

/// The record that revokes an intent whose call was not sent.
fn taken_back(record: &Record) -> Option<Record> {
    let error = |call: String| {
        let words = "the store of the record could not be reached: nothing was sent";
        StepError { call: Some(call), ..StepError::new(EffectKnown::NotApplied, ErrorClass::Unreachable, words) }
    };
    match record {
        Record::Intent(intent) => Some(Record::NotApplied {
            instance: intent.instance.clone(),
            error: error(intent.call.to_string()),
            unanswered: false,
        }),
        Record::Removing { instance, call, .. } => {
            Some(Record::RemovalFailed { instance: instance.clone(), error: error(call.to_string()) })
        }
        _ => None,
    }
}
