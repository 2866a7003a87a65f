//! Appends the journal's lines to the log, or spools them on this machine's disk while the store cannot be reached.

use std::path::PathBuf;
use std::time::Duration;

use super::contents::owner_in;
use super::log::{Appended, Log};
use super::spool::Spool;
use crate::journal::{Appending, Batch, JournalError, Sink, Stored, Terms};
use crate::store::log::{BEAT, Entry, Fold, VALID, sha256_hex};

/// How long an append is repeated without an answer before the store counts as unreachable.
const PATIENCE: Duration = Duration::from_secs(30);

/// A sink that writes under one lease.
pub struct LogSink {
    log: Log,
    next: u64,
    hash: String,
    epoch: u64,
    writer: String,
    spool: Spool,
    /// The error with which the store became unreachable.
    away: Option<JournalError>,
}

impl LogSink {
    /// Continues a fold whose last object is our own.
    pub fn new(log: Log, fold: &Fold, spool: PathBuf) -> Self {
        Self {
            log,
            next: fold.next,
            hash: fold.hash.clone(),
            epoch: fold.epoch,
            writer: fold.writer.clone(),
            spool: Spool::new(spool),
            away: None,
        }
    }

    fn object(&self, batch: &Batch) -> Vec<u8> {
        let entry = Entry {
            first: self.next,
            count: batch.count,
            epoch: self.epoch,
            writer: self.writer.clone(),
            previous: self.hash.clone(),
            fresh: false,
            text: batch.text.to_string(),
        };
        entry.encode()
    }

    async fn write(&mut self, batch: &Batch) -> Result<Stored, JournalError> {
        let bytes = self.object(batch);
        let kept = match &self.away {
            Some(error) => {
                self.push(&bytes, error)?;
                Stored::Spooled(error.clone())
            }
            None => match self.log.append(self.next, bytes.clone(), PATIENCE).await {
                Appended::Done => Stored::Durably,
                Appended::Fenced(theirs) => return Err(self.lost(&theirs)),
                Appended::Unreachable(error) => self.keep(&bytes, error)?,
            },
        };
        self.wrote(batch, &bytes);
        Ok(kept)
    }

    fn keep(&mut self, bytes: &[u8], error: String) -> Result<Stored, JournalError> {
        let place = self.log.place().to_owned();
        let error = JournalError::Unreachable { place, error, spool: self.spool.path().to_owned() };
        self.push(bytes, &error)?;
        self.away = Some(error.clone());
        Ok(Stored::Spooled(error))
    }

    /// Spools an object; `away`: why it is not in the store. When it cannot be kept here either, the error says both.
    fn push(&self, bytes: &[u8], away: &JournalError) -> Result<(), JournalError> {
        self.spool.push(bytes).map_err(|unkept| match away {
            JournalError::Unreachable { place, error, .. } => {
                let error = format!(
                    "{error}; and the outcomes of calls under way could not be kept on this machine either: {unkept}"
                );
                JournalError::Store { action: "write to", place: place.clone(), error }
            }
            _ => unkept,
        })
    }

    fn wrote(&mut self, batch: &Batch, bytes: &[u8]) {
        self.next += batch.count;
        self.hash = sha256_hex(bytes);
    }

    fn lost(&self, theirs: &[u8]) -> JournalError {
        let owner = Entry::decode(theirs).ok().and_then(|entry| owner_in(&entry));
        JournalError::LeaseLost { place: self.log.place().to_owned(), by: owner }
    }
}

impl Sink for LogSink {
    fn append<'a>(&'a mut self, batch: &'a Batch) -> Appending<'a> {
        Box::pin(self.write(batch))
    }

    fn keep_here(&mut self, batch: &Batch) -> Result<Stored, JournalError> {
        let bytes = self.object(batch);
        let kept = self.keep(&bytes, "it did not answer before the process had to end".to_owned())?;
        self.wrote(batch, &bytes);
        Ok(kept)
    }

    fn terms(&self) -> Option<Terms> {
        Some(Terms { beat: BEAT, valid: VALID })
    }
}
