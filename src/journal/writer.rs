//! Many steps write, one sync serves all that wait.
//!
//! A step waits for its append; nobody else waits for the disk. The write itself runs on a blocking thread, which also
//! holds a paused clock still.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::JournalError;
use super::record::{Line, Record};
use super::status::Status;
use crate::clock::Clock;
use crate::secret::{Redacted, Secrets};

/// Where lines are kept.
pub trait Sink: Send + 'static {
    /// Appends whole lines; they are durable when this returns.
    ///
    /// # Errors
    ///
    /// [`JournalError`] with the path.
    fn append(&mut self, text: &[u8]) -> Result<(), JournalError>;
}

/// Keeps lines in memory: for a rehearsal, and for tests that look at them.
#[derive(Debug, Clone, Default)]
pub struct MemorySink(Arc<Mutex<Vec<u8>>>);

impl MemorySink {
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Sink for MemorySink {
    fn append(&mut self, text: &[u8]) -> Result<(), JournalError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(text);
        Ok(())
    }
}

/// A journal being written. Clones share it; when the last one is dropped, the writer ends.
#[derive(Clone)]
pub struct Journal {
    appends: mpsc::UnboundedSender<Append>,
    shared: Arc<Mutex<Shared>>,
    clock: Clock,
    secrets: Secrets,
}

struct Shared {
    status: Status,
    next: u64,
}

struct Append {
    text: String,
    done: oneshot::Sender<Result<(), JournalError>>,
}

impl Journal {
    /// Starts the writer on the current tokio runtime. `status` is what is already on disk, in `lines` lines.
    pub fn start(sink: impl Sink, status: Status, lines: u64, clock: Clock) -> Self {
        let (appends, queue) = mpsc::unbounded_channel();
        tokio::spawn(write(sink, queue));
        Self {
            appends,
            shared: Arc::new(Mutex::new(Shared { status, next: lines })),
            clock,
            secrets: Secrets::default(),
        }
    }

    /// The same, with what must not stand in it: every record is searched on its way to the disk.
    #[must_use]
    pub fn hiding(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// Writes records that belong together; returns when they are durable.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when they could not be written, or cannot follow what is there. The step must stop.
    pub async fn append(&self, records: Vec<Record>) -> Result<(), JournalError> {
        let records: Vec<Redacted<Record>> = records.into_iter().map(|record| self.secrets.seal(record)).collect();
        let (done, answer) = oneshot::channel();
        {
            // Numbering and queueing under one lock: lines stand in the order of their numbers.
            let mut shared = self.lock();
            let mut text = String::new();
            for record in records {
                let at = self.clock.now();
                shared.status.apply(at, &record).map_err(JournalError::Impossible)?;
                text.push_str(&Line { n: shared.next, at, record: record.into_owned() }.encode());
                shared.next += 1;
            }
            self.appends
                .send(Append { text, done })
                .map_err(|_| JournalError::Closed("an earlier write failed".to_owned()))?;
        }
        answer.await.unwrap_or_else(|_| Err(JournalError::Closed("an earlier write failed".to_owned())))
    }

    /// Looks at what the journal says by now.
    pub fn with_status<T>(&self, look: impl FnOnce(&Status) -> T) -> T {
        look(&self.lock().status)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes everything that waits, writes and syncs it once, answers everybody. Ends after a failure: what follows a hole must
/// not be written.
async fn write(mut sink: impl Sink, mut queue: mpsc::UnboundedReceiver<Append>) {
    while let Some(first) = queue.recv().await {
        let mut waiting = vec![first];
        while let Ok(append) = queue.try_recv() {
            waiting.push(append);
        }
        let text: String = waiting.iter().map(|append| append.text.as_str()).collect();
        let written = tokio::task::spawn_blocking(move || {
            let written = sink.append(text.as_bytes());
            (sink, written)
        });
        let result = match written.await {
            Ok((returned, result)) => {
                sink = returned;
                result
            }
            Err(error) => {
                let closed = JournalError::Closed(format!("the writer stopped: {error}"));
                answer(waiting, &Err(closed));
                return;
            }
        };
        answer(waiting, &result);
        if result.is_err() {
            return;
        }
    }
}

fn answer(waiting: Vec<Append>, result: &Result<(), JournalError>) {
    for append in waiting {
        // A step that was dropped meanwhile does not listen any more.
        let _ = append.done.send(result.clone());
    }
}
