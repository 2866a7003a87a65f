//! Many steps write, one sync serves all that wait.
//!
//! A step waits for its append; nobody else waits for the disk. Where others can reach the record, the writer also shows
//! that it lives, and a call leaves only while it is sure to be the only one who writes.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::JournalError;
use super::record::{Line, Record};
use super::status::Status;
use crate::clock::Clock;
use crate::event::{EffectKnown, ErrorClass, StepError};
use crate::secret::Secrets;

/// How long a store is waited for once the process must end.
pub const LAST_WAIT: Duration = Duration::from_secs(1);

/// Lines that are written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Number of the first line.
    pub first: u64,
    /// How many there are.
    pub count: u64,
    /// Whole lines.
    pub text: String,
}

/// Where a batch was kept.
#[derive(Debug, Clone)]
pub enum Kept {
    /// Where it belongs.
    Durably,
    /// On this machine, because the store is away: no call may leave from now on. Says what went wrong.
    Spooled(JournalError),
}

/// An append under way.
pub type Appending<'a> = Pin<Box<dyn Future<Output = Result<Kept, JournalError>> + Send + 'a>>;

/// How long the right to write lasts where others can take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// When nothing was written for so long, a sign of life is.
    pub beat: Duration,
    /// A call leaves only when something written within this time is in the log.
    pub valid: Duration,
}

/// Where lines are kept.
pub trait Sink: Send + 'static {
    /// Appends whole lines; they are durable when this is done.
    ///
    /// # Errors
    ///
    /// [`JournalError`] with the place; nothing more may be written then.
    fn append<'a>(&'a mut self, batch: &'a Batch) -> Appending<'a>;

    /// Keeps lines on this machine whose append was given up on, because the process must end soon.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when that cannot be, either.
    fn keep_here(&mut self, _: &Batch) -> Result<Kept, JournalError> {
        Err(JournalError::Closed("the process had to end".to_owned()))
    }

    /// `None`: nobody can write to it while this process lives.
    fn terms(&self) -> Option<Terms> {
        None
    }
}

/// Keeps lines in memory: for a rehearsal, and for tests that look at them.
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

/// Why no more calls may leave.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// Somebody else writes now.
    LeaseLost(JournalError),
    /// The store is away; answers are spooled.
    Away(JournalError),
}

impl Trouble {
    pub fn error(&self) -> &JournalError {
        match self {
            Trouble::LeaseLost(error) | Trouble::Away(error) => error,
        }
    }
}

/// A journal being written. Clones share it; when the last one is dropped, the writer ends.
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
    status: Status,
    next: u64,
    /// When the last append that is in the log began.
    confirmed: Instant,
}

struct Append {
    first: u64,
    count: u64,
    text: String,
    /// What may not be done when the store is away, and the record that takes it back.
    undone: Vec<Record>,
    /// It speaks for a call that has not left yet.
    opens: bool,
    done: oneshot::Sender<Result<(), JournalError>>,
}

impl Journal {
    /// Starts the writer on the current tokio runtime. `status` is what is already written, up to line `next`.
    pub fn start(sink: impl Sink, status: Status, next: u64, clock: Clock) -> Self {
        Self::start_boxed(Box::new(sink), status, next, clock)
    }

    /// The same for a sink whose kind is known only at run time.
    pub fn start_boxed(sink: Box<dyn Sink>, status: Status, next: u64, clock: Clock) -> Self {
        let (appends, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Mutex::new(Shared { status, next, confirmed: Instant::now() }));
        let (tell, trouble) = watch::channel(None);
        let terms = sink.terms();
        let hurry = Arc::new(watch::Sender::new(false));
        let (written, own, hurried) = (shared.clone(), appends.downgrade(), hurry.subscribe());
        let journal = Self { appends, shared, trouble, hurry, terms, clock, secrets: Secrets::default() };
        let writer = Writer { sink, queue, shared: written, own, tell, hurried, clock };
        tokio::spawn(writer.run());
        journal
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
        let records: Vec<Record> = records.into_iter().map(|record| self.secrets.seal(record).into_owned()).collect();
        let (done, answer) = oneshot::channel();
        {
            // Numbering and queueing under one lock: lines stand in the order of their numbers.
            let mut shared = self.lock();
            let opens = records.iter().any(opens_call);
            match &*self.trouble.borrow() {
                Some(Trouble::LeaseLost(error)) => return Err(error.clone()),
                Some(Trouble::Away(error)) if opens => return Err(error.clone()),
                _ => {}
            }
            let append = shared.number(&records, self.clock, opens, done)?;
            self.appends.send(append).map_err(|_| JournalError::Closed("an earlier write failed".to_owned()))?;
        }
        answer.await.unwrap_or_else(|_| Err(JournalError::Closed("an earlier write failed".to_owned())))
    }

    /// Makes sure, right before a call leaves, that nobody else can have begun to write.
    ///
    /// # Errors
    ///
    /// When somebody has, or the store cannot be asked: the call must not leave.
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

    /// Resolves when no more calls may leave; never, when that does not happen.
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

    /// The process must end soon: a store that does not answer is waited for no longer than `LAST_WAIT`.
    pub fn hurry(&self) {
        self.hurry.send_replace(true);
    }

    /// Gives the right to write back, where it would last beyond this process.
    ///
    /// # Errors
    ///
    /// When that cannot be written: others will have to wait.
    pub async fn close(&self) -> Result<(), JournalError> {
        if self.terms.is_some() && self.trouble.borrow().is_none() && self.with_status(|status| status.lease.is_some())
        {
            self.append(vec![Record::Released]).await?;
        }
        Ok(())
    }

    /// Looks at what the journal says by now.
    pub fn with_status<T>(&self, look: impl FnOnce(&Status) -> T) -> T {
        look(&self.lock().status)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call is about to leave on the strength of this record.
fn opens_call(record: &Record) -> bool {
    matches!(record, Record::Intent(_) | Record::Removing { .. } | Record::Beat)
}

impl Shared {
    fn number(
        &mut self,
        records: &[Record],
        clock: Clock,
        opens: bool,
        done: oneshot::Sender<Result<(), JournalError>>,
    ) -> Result<Append, JournalError> {
        let first = self.next;
        let mut text = String::new();
        for record in records {
            let at = clock.now();
            self.status.apply(at, record).map_err(JournalError::Impossible)?;
            text.push_str(&Line { n: self.next, at, record: record.clone() }.encode());
            self.next += 1;
        }
        let undone = records.iter().filter_map(taken_back).collect();
        Ok(Append { first, count: self.next - first, text, undone, opens, done })
    }
}

/// What is true of a call that was announced and never left.
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

/// Takes everything that waits, writes and syncs it once, answers everybody. Ends after a failure: what follows a hole must
/// not be written.
struct Writer {
    sink: Box<dyn Sink>,
    queue: mpsc::UnboundedReceiver<Append>,
    shared: Arc<Mutex<Shared>>,
    /// To queue signs of life; does not keep the journal open.
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
            let batch = Batch {
                first: waiting[0].first,
                count: waiting.iter().map(|append| append.count).sum(),
                text: waiting.iter().map(|append| append.text.as_str()).collect(),
            };
            let began = Instant::now();
            match self.append(&batch).await {
                Ok(Kept::Durably) => {
                    self.lock().confirmed = began;
                    answer(waiting, &Ok(()));
                }
                Ok(Kept::Spooled(error)) => {
                    self.tell.send_replace(Some(Trouble::Away(error.clone())));
                    if let Err(error) = self.take_back(&waiting).await {
                        return answer(waiting, &Err(error));
                    }
                    let (opening, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|append| append.opens);
                    answer(opening, &Err(error));
                    answer(others, &Ok(()));
                }
                Err(error) => {
                    if matches!(error, JournalError::LeaseLost { .. }) {
                        self.tell.send_replace(Some(Trouble::LeaseLost(error.clone())));
                    }
                    // Queued meanwhile: nobody else would tell them why.
                    self.queue.close();
                    while let Ok(append) = self.queue.try_recv() {
                        waiting.push(append);
                    }
                    return answer(waiting, &Err(error));
                }
            }
        }
    }

    /// Appends a batch, or keeps it here when the process must end first.
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

    /// The next append; signs of life while there is none.
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

    /// Queues a sign of life behind what is queued already. `false` when there is nothing left to keep alive.
    fn beat(&self) -> bool {
        let mut shared = self.lock();
        let Some(own) = self.own.upgrade().filter(|_| shared.status.lease.is_some()) else { return false };
        let (done, _) = oneshot::channel();
        let beat = shared.number(&[Record::Beat], self.clock, true, done);
        beat.is_ok_and(|beat| own.send(beat).is_ok())
    }

    /// Puts on record that announced calls did not leave.
    async fn take_back(&mut self, waiting: &[Append]) -> Result<(), JournalError> {
        let records: Vec<Record> = waiting.iter().flat_map(|append| append.undone.iter().cloned()).collect();
        if records.is_empty() {
            return Ok(());
        }
        let (done, _) = oneshot::channel();
        // Behind whatever was queued meanwhile: lines stand in the order of their numbers.
        let append = {
            let mut shared = self.lock();
            let append = shared.number(&records, self.clock, false, done)?;
            match self.own.upgrade() {
                Some(own) => own.send(append).err().map(|unsent| unsent.0),
                None => Some(append),
            }
        };
        if let Some(append) = append {
            let batch = Batch { first: append.first, count: append.count, text: append.text };
            self.append(&batch).await?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(waiting: Vec<Append>, result: &Result<(), JournalError>) {
    for append in waiting {
        // A step that was dropped meanwhile does not listen any more.
        let _ = append.done.send(result.clone());
    }
}
