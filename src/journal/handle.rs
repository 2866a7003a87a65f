//! An open journal: decides which records may follow, numbers them and passes them to the [writer](super::writer).
//!
//! A step waits for its own append only. The status changes once its records are durable, and not before. A call may
//! be sent only while the lease of a record in an object store is certain to be held.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{mpsc, oneshot, watch};

use super::JournalError;
use super::line::Checksum;
use super::queue::{Append, NoMoreCalls, Waiting, WriterState};
use super::record::Record;
use super::remembering_sink::RememberingSink;
use super::sink::{Sink, Terms};
use super::status::Status;
use super::writer::Writer;
use crate::clock::Clock;
use crate::secret::Secrets;
use crate::shared::lock;

/// An open journal. Clones share it; the writer ends when the last one is dropped.
#[derive(Clone)]
pub struct Journal {
    appends: mpsc::UnboundedSender<Append>,
    shared: Arc<Mutex<WriterState>>,
    no_more_calls: watch::Receiver<Option<NoMoreCalls>>,
    end_soon: Arc<watch::Sender<bool>>,
    terms: Option<Terms>,
    clock: Clock,
}

impl Journal {
    /// Starts the writer as a task of the current tokio runtime. `status`: of the existing records; `next`: the number
    /// of the next line.
    pub fn start(sink: impl Sink, status: Status, next: u64, clock: Clock) -> Self {
        Self::start_boxed(Box::new(sink), status, next, clock)
    }

    /// Opens a journal for a sink whose type is known only at run time.
    pub fn start_boxed(sink: Box<dyn Sink>, status: Status, next: u64, clock: Clock) -> Self {
        let (appends, queue) = mpsc::unbounded_channel();
        let (tell, no_more_calls) = watch::channel(None);
        let end_soon = Arc::new(watch::Sender::new(false));
        let (terms, checksum) = (sink.terms(), Checksum::of(&status.header));
        let shared = Arc::new(Mutex::new(WriterState::new(status, next, terms.is_some())));
        let (written, own, ends_soon) = (shared.clone(), appends.downgrade(), end_soon.subscribe());
        let sink = Box::new(RememberingSink { sink, shared: shared.clone() });
        let writer = Writer { sink, queue, shared: written, checksum, own, tell, ends_soon, clock };
        tokio::spawn(writer.run());
        Self { appends, shared, no_more_calls, end_soon, terms, clock }
    }

    /// The same journal, redacting these secrets in every record.
    #[must_use]
    pub fn hiding(self, secrets: Secrets) -> Self {
        self.lock().secrets = secrets;
        self
    }

    /// Appends records together; returns when they are durable.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when they could not be written, or cannot follow the existing ones. The step must stop.
    pub async fn append(&self, records: Vec<Record>) -> Result<(), JournalError> {
        // An object of a store has the number of its first line as its name: one without a line would take the next one's.
        if records.is_empty() {
            return Ok(());
        }
        let (done, answer) = oneshot::channel();
        {
            // Numbering and queueing under one lock, so that lines are queued in the order of their numbers.
            let mut shared = self.lock();
            let opens = records.iter().any(opens_call);
            match &*self.no_more_calls.borrow() {
                Some(NoMoreCalls::LeaseLost(error)) => return Err(error.clone()),
                Some(NoMoreCalls::Unreachable(error)) if opens => return Err(error.clone()),
                _ => {}
            }
            let waiting = vec![Waiting { done, error: None }];
            let append = shared.number(records, self.clock, opens, waiting)?;
            self.appends.send(append).map_err(|_| closed(&shared))?;
        }
        answer.await.unwrap_or_else(|_| Err(closed(&self.lock())))
    }

    /// Checks, before a call is sent, that no other process can have taken over the lease.
    ///
    /// # Errors
    ///
    /// When one has, or the store cannot be reached: the call must not be sent.
    pub async fn confirm(&self) -> Result<(), JournalError> {
        let Some(terms) = self.terms else { return Ok(()) };
        loop {
            if let Some(no_more_calls) = &*self.no_more_calls.borrow() {
                return Err(no_more_calls.error().clone());
            }
            if self.lock().confirmed.elapsed() < terms.valid {
                return Ok(());
            }
            self.append(vec![Record::Beat]).await?;
        }
    }

    /// Waits until no further call may be sent, and returns why; otherwise never returns.
    pub async fn no_more_calls(&self) -> NoMoreCalls {
        let mut no_more_calls = self.no_more_calls.clone();
        loop {
            if let Some(no_more_calls) = &*no_more_calls.borrow_and_update() {
                return no_more_calls.clone();
            }
            if no_more_calls.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Why no further call may be sent; `None` while all is well.
    pub fn call_refusal(&self) -> Option<JournalError> {
        self.no_more_calls.borrow().as_ref().map(|why| why.error().clone())
    }

    /// Marks that the process must end soon: a store without an answer is waited for no longer than `LAST_WAIT`.
    pub fn end_soon(&self) {
        self.end_soon.send_replace(true);
    }

    /// Releases a lease.
    ///
    /// # Errors
    ///
    /// When that cannot be written: other processes then wait until the lease expires.
    pub async fn close(&self) -> Result<(), JournalError> {
        if self.terms.is_some()
            && self.no_more_calls.borrow().is_none()
            && self.with_status(|status| status.lease.is_some())
        {
            self.append(vec![Record::Released]).await?;
        }
        Ok(())
    }

    /// Leaves the status in memory until the process ends: freeing a long one takes as long as many steps.
    pub fn leave(&self) {
        std::mem::forget(Arc::clone(&self.shared));
    }

    /// Reads the status of all durable records.
    pub fn with_status<T>(&self, look: impl FnOnce(&Status) -> T) -> T {
        look(&self.lock().status)
    }

    /// The status of all durable records, and of those that could not be written.
    pub fn known(&self) -> Status {
        self.lock().known()
    }

    fn lock(&self) -> MutexGuard<'_, WriterState> {
        lock(&self.shared)
    }
}

/// Whether a call is sent after this record.
fn opens_call(record: &Record) -> bool {
    matches!(record, Record::Intent(_) | Record::Removing { .. } | Record::Beat)
}

/// The error of an append that the writer did not answer: the one that ended it.
fn closed(shared: &WriterState) -> JournalError {
    shared.ended.clone().unwrap_or_else(|| JournalError::Closed("an earlier write failed".to_owned()))
}
