//! The journal writer: records of many steps share one append and one sync.
//!
//! A step waits for its own append only. The status changes once its records are durable, and not before. For a
//! record in an object store the writer also sends heartbeats, and a call may be sent only while the lease is certain
//! to be held.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::JournalError;
use super::ahead::Ahead;
use super::line::{self, Checksum};
use super::record::Record;
use super::redact::Encoded;
use super::status::Status;
use crate::clock::Clock;
use crate::event::{EffectKnown, ErrorClass, StepError};
use crate::secret::Secrets;

/// How long the store is waited for when the process must end.
pub const LAST_WAIT: Duration = Duration::from_secs(1);

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
pub enum Kept {
    /// In its store.
    Durably,
    /// On this machine, because the store cannot be reached: no further call may be sent. With the error.
    Spooled(JournalError),
}

/// A pending append.
pub type Appending<'a> = Pin<Box<dyn Future<Output = Result<Kept, JournalError>> + Send + 'a>>;

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
    fn keep_here(&mut self, _: &Batch) -> Result<Kept, JournalError> {
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn push(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }
}

impl Sink for MemorySink {
    fn append<'a>(&'a mut self, batch: &'a Batch) -> Appending<'a> {
        self.push(batch.text.as_bytes());
        Box::pin(std::future::ready(Ok(Kept::Durably)))
    }
}

/// Why no further call may be sent.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// Another process has taken over the lease.
    LeaseLost(JournalError),
    /// The store cannot be reached; outcomes are spooled.
    Away(JournalError),
}

impl Trouble {
    pub fn error(&self) -> &JournalError {
        match self {
            Trouble::LeaseLost(error) | Trouble::Away(error) => error,
        }
    }
}

/// An open journal. Clones share it; the writer ends when the last one is dropped.
#[derive(Clone)]
pub struct Journal {
    appends: mpsc::UnboundedSender<Append>,
    shared: Arc<Mutex<Shared>>,
    trouble: watch::Receiver<Option<Trouble>>,
    hurry: Arc<watch::Sender<bool>>,
    terms: Option<Terms>,
    clock: Clock,
    secrets: Secrets,
}

struct Shared {
    /// The status of all durable records.
    status: Status,
    /// What waits to be written: what may follow is decided here.
    ahead: Ahead,
    next: u64,
    checksum: Checksum,
    /// The store can be away while the run goes on: intents are taken back then.
    takes_back: bool,
    /// When the last append that is in the log began.
    confirmed: Instant,
}

struct Append {
    first: u64,
    /// Each with its time, and its fields as they will stand in its line.
    records: Vec<(Timestamp, Arc<Record>, String)>,
    /// What may not be done when the store is away, and the record that takes it back.
    undone: Vec<Record>,
    /// It contains an intent, whose call is sent afterwards.
    opens: bool,
    waiting: Vec<Waiting>,
}

/// A caller that waits until its append is durable.
struct Waiting {
    done: oneshot::Sender<Result<(), JournalError>>,
    /// The error for the caller, even when the append succeeds.
    error: Option<JournalError>,
}

impl Journal {
    /// Starts the writer on the current tokio runtime. `status`: of the existing records; `next`: the number of the
    /// next line.
    pub fn start(sink: impl Sink, status: Status, next: u64, clock: Clock) -> Self {
        Self::start_boxed(Box::new(sink), status, next, clock)
    }

    /// The same for a sink whose type is known only at run time.
    pub fn start_boxed(sink: Box<dyn Sink>, status: Status, next: u64, clock: Clock) -> Self {
        let (appends, queue) = mpsc::unbounded_channel();
        let (ahead, checksum) = (Ahead::of(&status), Checksum::of(&status.header));
        let (takes_back, confirmed) = (sink.terms().is_some(), Instant::now());
        let shared = Arc::new(Mutex::new(Shared { ahead, status, next, checksum, takes_back, confirmed }));
        let (tell, trouble) = watch::channel(None);
        let terms = sink.terms();
        let hurry = Arc::new(watch::Sender::new(false));
        let (written, own, hurried) = (shared.clone(), appends.downgrade(), hurry.subscribe());
        let journal = Self { appends, shared, trouble, hurry, terms, clock, secrets: Secrets::default() };
        let writer = Writer { sink, queue, shared: written, own, tell, hurried, clock };
        tokio::spawn(writer.run());
        journal
    }

    /// The same journal, redacting these secrets in every record.
    #[must_use]
    pub fn hiding(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// Appends records together; returns when they are durable.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when they could not be written, or cannot follow the existing ones. The step must stop.
    pub async fn append(&self, records: Vec<Record>) -> Result<(), JournalError> {
        let encoded = |record| self.secrets.seal(Encoded::of(record)).into_owned();
        let records: Vec<Encoded> = records.into_iter().map(encoded).collect();
        let (done, answer) = oneshot::channel();
        {
            // Numbering and queueing under one lock, so that lines are queued in the order of their numbers.
            let mut shared = self.lock();
            let opens = records.iter().any(|encoded| opens_call(&encoded.record));
            match &*self.trouble.borrow() {
                Some(Trouble::LeaseLost(error)) => return Err(error.clone()),
                Some(Trouble::Away(error)) if opens => return Err(error.clone()),
                _ => {}
            }
            let waiting = vec![Waiting { done, error: None }];
            let append = shared.number(records, self.clock, opens, waiting)?;
            self.appends.send(append).map_err(|_| JournalError::Closed("an earlier write failed".to_owned()))?;
        }
        answer.await.unwrap_or_else(|_| Err(JournalError::Closed("an earlier write failed".to_owned())))
    }

    /// Checks, before a call is sent, that no other process can have taken over the lease.
    ///
    /// # Errors
    ///
    /// When one has, or the store cannot be reached: the call must not be sent.
    pub async fn confirm(&self) -> Result<(), JournalError> {
        let Some(terms) = self.terms else { return Ok(()) };
        loop {
            if let Some(trouble) = &*self.trouble.borrow() {
                return Err(trouble.error().clone());
            }
            if self.lock().confirmed.elapsed() < terms.valid {
                return Ok(());
            }
            self.append(vec![Record::Beat]).await?;
        }
    }

    /// Resolves when no further call may be sent; otherwise never.
    pub async fn trouble(&self) -> Trouble {
        let mut trouble = self.trouble.clone();
        loop {
            if let Some(trouble) = &*trouble.borrow_and_update() {
                return trouble.clone();
            }
            if trouble.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Marks that the process must end soon: a store without an answer is waited for no longer than `LAST_WAIT`.
    pub fn hurry(&self) {
        self.hurry.send_replace(true);
    }

    /// Releases a lease.
    ///
    /// # Errors
    ///
    /// When that cannot be written: other processes then wait until the lease expires.
    pub async fn close(&self) -> Result<(), JournalError> {
        if self.terms.is_some() && self.trouble.borrow().is_none() && self.with_status(|status| status.lease.is_some())
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

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a call is sent after this record.
fn opens_call(record: &Record) -> bool {
    matches!(record, Record::Intent(_) | Record::Removing { .. } | Record::Beat)
}

impl Shared {
    fn number(
        &mut self,
        records: Vec<Encoded>,
        clock: Clock,
        opens: bool,
        waiting: Vec<Waiting>,
    ) -> Result<Append, JournalError> {
        let first = self.next;
        let mut numbered = Vec::with_capacity(records.len());
        let undone = match self.takes_back {
            true => records.iter().filter_map(|encoded| taken_back(&encoded.record)).collect(),
            false => Vec::new(),
        };
        for Encoded { record, json } in records {
            let (at, record) = (clock.now(), Arc::new(record));
            self.ahead.add(&self.status, at, &record).map_err(JournalError::Impossible)?;
            numbered.push((at, record, json));
            self.next += 1;
        }
        Ok(Append { first, records: numbered, undone, opens, waiting })
    }

    /// The lines of appends that follow one another.
    fn batch(&self, appends: &[Append]) -> Batch {
        let first = appends.first().map_or(self.next, |append| append.first);
        let records = || appends.iter().flat_map(|append| &append.records);
        let mut text = String::with_capacity(records().map(|(_, _, json)| line::HEAD + json.len()).sum());
        let mut count = 0;
        for (at, _, json) in records() {
            line::write(&mut text, self.checksum, first + count, *at, json);
            count += 1;
        }
        Batch { first, count, text: text.into() }
    }

    /// Applies records that are durable now to the status.
    fn written(&mut self, appends: &mut [Append]) -> Result<(), JournalError> {
        for (at, record, _) in appends.iter_mut().flat_map(|append| append.records.drain(..)) {
            self.ahead.written();
            self.status.apply(at, Arc::unwrap_or_clone(record)).map_err(JournalError::Impossible)?;
        }
        Ok(())
    }
}

/// The record that revokes an intent whose call was not sent.
fn taken_back(record: &Record) -> Option<Record> {
    let error = |call: String| StepError {
        effect: EffectKnown::NotApplied,
        class: ErrorClass::Unreachable,
        message: "the store of the record was away: nothing was sent".to_owned(),
        call: Some(call),
        status: None,
        request_id: None,
        task: None,
        invalid_fields: Vec::new(),
        place: None,
        help: Vec::new(),
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

/// Takes all queued appends, writes and syncs them at once, and answers their callers. Ends after an error, because
/// nothing may follow a gap.
struct Writer {
    sink: Box<dyn Sink>,
    queue: mpsc::UnboundedReceiver<Append>,
    shared: Arc<Mutex<Shared>>,
    /// To queue heartbeats; does not keep the journal open.
    own: mpsc::WeakUnboundedSender<Append>,
    tell: watch::Sender<Option<Trouble>>,
    hurried: watch::Receiver<bool>,
    clock: Clock,
}

impl Writer {
    async fn run(mut self) {
        while let Some(first) = self.next().await {
            let mut waiting = vec![first];
            while let Ok(append) = self.queue.try_recv() {
                waiting.push(append);
            }
            let batch = self.lock().batch(&waiting);
            let began = Instant::now();
            let kept = self.append(&batch).await;
            // State follows the journal: a caller that is answered finds its record in the state.
            let kept = kept.and_then(|kept| self.lock().written(&mut waiting).map(|()| kept));
            match kept {
                Ok(Kept::Durably) => {
                    self.lock().confirmed = began;
                    answer(waiting, None);
                }
                Ok(Kept::Spooled(error)) => {
                    self.tell.send_replace(Some(Trouble::Away(error.clone())));
                    let (opening, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|append| append.opens);
                    answer(others, None);
                    if let Err((left, error)) = self.take_back(opening, &error).await {
                        return self.end(left, &error);
                    }
                }
                Err(error) => {
                    if matches!(error, JournalError::LeaseLost { .. }) {
                        self.tell.send_replace(Some(Trouble::LeaseLost(error.clone())));
                    }
                    return self.end(waiting, &error);
                }
            }
        }
    }

    /// Answers all callers with the error, including those that are still queued.
    fn end(&mut self, mut waiting: Vec<Append>, error: &JournalError) {
        self.queue.close();
        while let Ok(append) = self.queue.try_recv() {
            waiting.push(append);
        }
        answer(waiting, Some(error));
    }

    /// Appends a batch, or stores it on this machine when the process must end first.
    async fn append(&mut self, batch: &Batch) -> Result<Kept, JournalError> {
        let patient = self.sink.terms().is_none();
        let hurried = &mut self.hurried;
        let out_of_time = async {
            if patient || hurried.wait_for(|hurried| *hurried).await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(LAST_WAIT).await;
        };
        let appended = tokio::select! {
            biased;
            appended = self.sink.append(batch) => Some(appended),
            () = out_of_time => None,
        };
        appended.unwrap_or_else(|| self.sink.keep_here(batch))
    }

    /// The next queued append; sends heartbeats while there is none.
    async fn next(&mut self) -> Option<Append> {
        loop {
            let terms = self.sink.terms().filter(|_| self.tell.borrow().is_none());
            let Some(terms) = terms else { return self.queue.recv().await };
            let due = self.lock().confirmed + terms.beat;
            tokio::select! {
                biased;
                append = self.queue.recv() => return append,
                () = tokio::time::sleep_until(due) => {
                    if !self.beat() {
                        return self.queue.recv().await;
                    }
                }
            }
        }
    }

    /// Queues a heartbeat. `false` when the journal is closed.
    fn beat(&self) -> bool {
        let mut shared = self.lock();
        let Some(own) = self.own.upgrade().filter(|_| shared.ahead.is_leased()) else { return false };
        let beat = shared.number(vec![Encoded::of(Record::Beat)], self.clock, true, Vec::new());
        beat.is_ok_and(|beat| own.send(beat).is_ok())
    }

    /// Revokes the intents of calls that were not sent; their callers receive `away` once that is durable.
    async fn take_back(
        &mut self,
        opening: Vec<Append>,
        away: &JournalError,
    ) -> Result<(), (Vec<Append>, JournalError)> {
        let records: Vec<Encoded> =
            opening.iter().flat_map(|append| append.undone.iter().cloned().map(Encoded::of)).collect();
        if records.is_empty() {
            answer(opening, Some(away));
            return Ok(());
        }
        let waiting = opening.into_iter().flat_map(|append| append.waiting);
        let waiting = waiting.map(|waiting| Waiting { error: Some(away.clone()), ..waiting }).collect();
        // Behind the appends queued so far, since lines are in the order of their numbers.
        let append = {
            let mut shared = self.lock();
            let append = shared.number(records, self.clock, false, waiting).map_err(|error| (Vec::new(), error))?;
            match self.own.upgrade() {
                Some(own) => own.send(append).err().map(|unsent| unsent.0),
                None => Some(append),
            }
        };
        let Some(append) = append else { return Ok(()) };
        let mut append = vec![append];
        let batch = self.lock().batch(&append);
        let kept = self.append(&batch).await;
        match kept.and_then(|_| self.lock().written(&mut append)) {
            Ok(()) => {
                answer(append, None);
                Ok(())
            }
            Err(error) => Err((append, error)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers the callers of these appends: they are durable, or the error.
fn answer(appends: Vec<Append>, failed: Option<&JournalError>) {
    for Waiting { done, error } in appends.into_iter().flat_map(|append| append.waiting) {
        // The receiver is gone when its step was dropped.
        let _ = done.send(failed.cloned().or(error).map_or(Ok(()), Err));
    }
}
