//! Where the lines of a journal go.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::JournalError;
use crate::shared::lock;

/// Lines that are appended together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The number of the first line.
    pub first: u64,
    /// The number of lines.
    pub count: u64,
    /// Whole lines.
    pub text: Arc<str>,
}

/// Where a batch was stored.
#[derive(Debug, Clone)]
pub enum Stored {
    /// In its store.
    Durably,
    /// On this machine, because the store cannot be reached: no further call may be sent. With the error.
    Spooled(JournalError),
}

/// A pending append.
pub type Appending<'a> = Pin<Box<dyn Future<Output = Result<Stored, JournalError>> + Send + 'a>>;

/// The time limits of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The interval without an append after which a heartbeat is appended.
    pub beat: Duration,
    /// A call may be sent only within this time after the beginning of the last append in the log.
    pub valid: Duration,
}

/// The destination of lines.
pub trait Sink: Send + 'static {
    /// Appends complete lines; they are durable when this returns.
    ///
    /// # Errors
    ///
    /// [`JournalError`] with the place; nothing more may be appended then.
    fn append<'a>(&'a mut self, batch: &'a Batch) -> Appending<'a>;

    /// Stores lines on this machine whose append was abandoned because the process must end.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when that fails, too.
    fn keep_here(&mut self, _: &Batch) -> Result<Stored, JournalError> {
        Err(JournalError::Closed("the process had to end".to_owned()))
    }

    /// The limits of the lease; `None` when the lock lasts as long as the process.
    fn terms(&self) -> Option<Terms> {
        None
    }
}

/// A sink in memory, for rehearsals and tests.
#[derive(Debug, Clone, Default)]
pub struct MemorySink(Arc<Mutex<Vec<u8>>>);

impl MemorySink {
    pub fn bytes(&self) -> Vec<u8> {
        lock(&self.0).clone()
    }

    pub fn push(&self, bytes: &[u8]) {
        lock(&self.0).extend_from_slice(bytes);
    }
}

impl Sink for MemorySink {
    fn append<'a>(&'a mut self, batch: &'a Batch) -> Appending<'a> {
        self.push(batch.text.as_bytes());
        Box::pin(std::future::ready(Ok(Stored::Durably)))
    }
}
