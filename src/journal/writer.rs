//! The writer of a journal: encodes records, and appends those of many steps with one sync.
//!
//! For a record in an object store it also sends heartbeats.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::JournalError;
use super::line::{self, Checksum};
use super::queue::{Append, NoMoreCalls, Waiting, WriterState};
use super::record::Record;
use super::redact::Encoded;
use super::sink::{Batch, Sink, Stored};
use crate::clock::Clock;
use crate::shared::lock;

/// How long the store is waited for when the process must end.
pub const LAST_WAIT: Duration = Duration::from_secs(1);

/// The length of most lines, in bytes.
const USUAL_LINE: usize = 1024;

/// Takes all queued appends, writes and syncs them at once, and answers their callers. Ends after an error, because
/// nothing may follow a gap.
pub(super) struct Writer {
    pub sink: Box<dyn Sink>,
    pub queue: mpsc::UnboundedReceiver<Append>,
    pub shared: Arc<Mutex<WriterState>>,
    pub checksum: Checksum,
    /// To queue heartbeats; does not keep the journal open.
    pub own: mpsc::WeakUnboundedSender<Append>,
    pub tell: watch::Sender<Option<NoMoreCalls>>,
    pub ends_soon: watch::Receiver<bool>,
    pub clock: Clock,
}

/// Records in their lines.
struct EncodedBatch {
    batch: Batch,
    /// As they stand in the lines.
    records: Vec<(Timestamp, Arc<Record>)>,
}

impl Writer {
    /// Writes appends until the last handle is dropped, all that are queued with one sync.
    pub async fn run(mut self) {
        while let Some(first) = self.next().await {
            let mut waiting = vec![first];
            while let Ok(append) = self.queue.try_recv() {
                waiting.push(append);
            }
            let began = Instant::now();
            match self.write(&mut waiting).await {
                Ok(Stored::Durably) => {
                    self.lock().confirmed = began;
                    answer(waiting, None);
                }
                Ok(Stored::Spooled(error)) => {
                    self.tell.send_replace(Some(NoMoreCalls::Unreachable(error.clone())));
                    let (opening, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|append| append.opens);
                    answer(others, None);
                    if let Err((left, error)) = self.take_back(opening, &error).await {
                        return self.end(left, &error);
                    }
                }
                Err(error) => {
                    if matches!(error, JournalError::LeaseLost { .. }) {
                        self.tell.send_replace(Some(NoMoreCalls::LeaseLost(error.clone())));
                    }
                    return self.end(waiting, &error);
                }
            }
        }
    }

    /// Writes the records of these appends, and applies them to the status: a caller that is answered finds its record
    /// there.
    async fn write(&mut self, appends: &mut [Append]) -> Result<Stored, JournalError> {
        let EncodedBatch { batch, records } = self.encoded(appends);
        let kept = self.append(&batch).await?;
        self.lock().written(records)?;
        Ok(kept)
    }

    /// The lines of appends that follow one another, with secrets redacted.
    fn encoded(&self, appends: &mut [Append]) -> EncodedBatch {
        let secrets = self.lock().secrets.clone();
        let first = appends.first().map_or(0, |append| append.first);
        let (mut text, mut records) = (String::with_capacity(appends.len() * USUAL_LINE), Vec::new());
        for (n, (at, record)) in (first..).zip(appends.iter_mut().flat_map(|append| append.records.drain(..))) {
            let Encoded { record, json } = secrets.seal(Encoded::of(record)).into_owned();
            line::write(&mut text, self.checksum, n, at, &json);
            records.push((at, record));
        }
        EncodedBatch { batch: Batch { first, count: records.len() as u64, text: text.into() }, records }
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
    async fn append(&mut self, batch: &Batch) -> Result<Stored, JournalError> {
        let patient = self.sink.terms().is_none();
        let ends_soon = &mut self.ends_soon;
        let out_of_time = async {
            if patient || ends_soon.wait_for(|ends_soon| *ends_soon).await.is_err() {
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
        let beat = shared.number(vec![Record::Beat], self.clock, true, Vec::new());
        beat.is_ok_and(|beat| own.send(beat).is_ok())
    }

    /// Revokes the intents of calls that were not sent; their callers receive `away` once that is durable.
    async fn take_back(
        &mut self,
        opening: Vec<Append>,
        away: &JournalError,
    ) -> Result<(), (Vec<Append>, JournalError)> {
        let records: Vec<Record> = opening.iter().flat_map(|append| append.revoking.iter().cloned()).collect();
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
        match self.write(&mut append).await {
            Ok(_) => {
                answer(append, None);
                Ok(())
            }
            Err(error) => Err((append, error)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, WriterState> {
        lock(&self.shared)
    }
}

/// Answers the callers of these appends: they are durable, or the error.
fn answer(appends: Vec<Append>, failed: Option<&JournalError>) {
    appends.into_iter().flat_map(|append| append.waiting).for_each(|waiting| waiting.answer(failed));
}
