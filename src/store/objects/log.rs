//! The log of one environment in a bucket: reading it to its end, and appending an object.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::bucket::Bucket;
use crate::journal::{BadLine, JournalError, Line, decode, validate};
use crate::store::log::{Append, Entry, Fold, Misfit, Progress, StoreAnswer, StoreRequest};

/// Objects that are read concurrently.
const READ_AT_ONCE: usize = 16;
/// How often a read is attempted.
const READS: u32 = 4;
/// The first pause after a request without an answer; doubled each time.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The location of one environment's log.
#[derive(Debug, Clone)]
pub struct Log {
    bucket: Bucket,
    folder: String,
    /// For messages.
    place: String,
}

/// A hint where reading may begin: the last object that is a whole compacted record.
#[derive(Serialize, Deserialize)]
struct StartHint {
    first: u64,
}

/// The outcome of an append.
pub enum Appended {
    Done,
    /// Another writer's object has the place.
    Fenced(Vec<u8>),
    /// The store gave no answer in time.
    Unreachable(String),
}

impl Log {
    pub fn new(bucket: Bucket, folder: String, place: String) -> Self {
        Self { bucket, folder, place }
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    fn logs(&self) -> String {
        format!("{}/log", self.folder)
    }

    /// The path of the object that begins with this line.
    fn object_path(&self, first: u64) -> String {
        format!("{}/{}", self.logs(), file_name(first))
    }

    fn head(&self) -> String {
        format!("{}/head.json", self.folder)
    }

    pub fn failed(&self, action: &'static str, error: String) -> JournalError {
        JournalError::Store { action, place: self.place.clone(), error }
    }

    fn damaged(&self, first: u64, misfit: Misfit) -> JournalError {
        let path = PathBuf::from(format!("{}/log/{}", self.place, file_name(first)));
        JournalError::unreadable(path, misfit.line + 1, misfit.why)
    }

    /// Reads the whole log. `None` when there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is damaged.
    pub async fn load(&self) -> Result<Option<Fold>, JournalError> {
        let head = self.head();
        let hint = patiently(|| self.bucket.get(&head)).await.map_err(|error| self.failed("read", error))?;
        let head = hint.and_then(|bytes| serde_json::from_slice::<StartHint>(&bytes).ok()).map_or(0, |head| head.first);
        let loaded = match self.load_between(head, u64::MAX).await {
            // The hint may be outdated; the log itself is authoritative.
            Ok(None) | Err(JournalError::Damaged { .. }) if head > 0 => self.load_between(0, u64::MAX).await?,
            loaded => loaded?,
        };
        if let Some(fold) = &loaded {
            let foreign = |(instance, why)| JournalError::Foreign { path: self.place().into(), instance, why };
            validate(&fold.status).map_err(foreign)?;
        }
        Ok(loaded)
    }

    /// The log up to the line with this number.
    ///
    /// # Errors
    ///
    /// As for [`Log::load`].
    pub async fn load_until(&self, end: u64) -> Result<Option<Fold>, JournalError> {
        self.load_between(0, end).await
    }

    /// All lines, in order.
    ///
    /// # Errors
    ///
    /// As for [`Log::load`].
    pub async fn lines(&self) -> Result<Vec<Line>, JournalError> {
        let objects = self.objects_between(0, u64::MAX).await?;
        let Some((start, _)) = self.fold_of(&objects)? else { return Ok(Vec::new()) };
        let mut lines = Vec::new();
        for (first, bytes) in &objects[start..] {
            let damaged = |why: BadLine| self.damaged(*first, Misfit { line: 0, why });
            for text in Entry::decode(bytes).map_err(|why| damaged(why.into()))?.text.lines() {
                lines.push(decode(text.as_bytes()).map_err(damaged)?);
            }
        }
        Ok(lines)
    }

    async fn load_between(&self, head: u64, end: u64) -> Result<Option<Fold>, JournalError> {
        let objects = self.objects_between(head, end).await?;
        Ok(self.fold_of(&objects)?.map(|(_, fold)| fold))
    }

    /// Folds a sequence of objects. Also returns the index at which reading began: the first object, or, when an object
    /// does not fit, a later one that is a whole compacted record.
    fn fold_of(&self, objects: &[(u64, Vec<u8>)]) -> Result<Option<(usize, Fold)>, JournalError> {
        let mut folded: Option<(usize, Fold)> = None;
        let mut damage = None;
        for (at, (first, bytes)) in objects.iter().enumerate() {
            let misfit = match &mut folded {
                Some((_, fold)) if damage.is_none() => match fold.follow(bytes) {
                    Ok(()) => continue,
                    Err(misfit) => Some(misfit),
                },
                _ => None,
            };
            match Fold::begin(bytes) {
                Ok(fold) => (folded, damage) = (Some((at, fold)), None),
                Err(unfit) => drop(damage.get_or_insert_with(|| self.damaged(*first, misfit.unwrap_or(unfit)))),
            }
        }
        damage.map_or(Ok(folded), Err)
    }

    /// All objects, even those that cannot be parsed.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn objects(&self) -> Result<Vec<(u64, Vec<u8>)>, JournalError> {
        self.objects_between(0, u64::MAX).await
    }

    /// The objects from `head` up to, but not including, `end`.
    async fn objects_between(&self, head: u64, end: u64) -> Result<Vec<(u64, Vec<u8>)>, JournalError> {
        let after = head.checked_sub(1).map(file_name);
        let logs = self.logs();
        let names = patiently(|| self.bucket.list(&logs, after.as_deref())).await;
        let names = names.map_err(|error| self.failed("list", error))?;
        let numbers: Vec<u64> = names.iter().filter_map(|name| number_of(name)).filter(|first| *first < end).collect();
        let read = |first: u64| async move {
            let gone = || self.failed("read", format!("line {first} was listed and is not there"));
            Ok((first, self.read(first).await?.ok_or_else(gone)?))
        };
        stream::iter(numbers).map(read).buffered(READ_AT_ONCE).try_collect().await
    }

    /// Reads on from the end of a fold. `false` when there is nothing new.
    ///
    /// # Errors
    ///
    /// As for [`Log::load`].
    pub async fn advance(&self, fold: &mut Fold) -> Result<bool, JournalError> {
        let mut moved = false;
        while let Some(bytes) = self.read(fold.next).await? {
            let first = fold.next;
            fold.follow(&bytes).map_err(|misfit| self.damaged(first, misfit))?;
            moved = true;
        }
        Ok(moved)
    }

    /// One object, if there is one.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn read(&self, first: u64) -> Result<Option<Vec<u8>>, JournalError> {
        let name = self.object_path(first);
        patiently(|| self.bucket.get(&name)).await.map_err(|error| self.failed("read", error))
    }

    /// Creates the next object, repeating the request for up to `patience` while the store gives no answer.
    pub async fn append(&self, first: u64, bytes: Vec<u8>, patience: Duration) -> Appended {
        let (name, until) = (self.object_path(first), Instant::now() + patience);
        let mut append = Append::new(bytes);
        let mut pause = PAUSE;
        // What the store answered last in place of taking the object, or showing the one that is there.
        let mut refusal = None;
        loop {
            let answer = match append.ask() {
                StoreRequest::Create => {
                    self.bucket.create(&name, append.bytes().to_vec()).await.map(|created| match created {
                        true => StoreAnswer::Created,
                        false => StoreAnswer::Taken,
                    })
                }
                StoreRequest::Read => {
                    self.bucket.get(&name).await.map(|found| found.map_or(StoreAnswer::Absent, StoreAnswer::Found))
                }
            };
            let (heard, failed) = match answer {
                Ok(heard) => (heard, false),
                Err(error) => {
                    refusal = Some(error);
                    (StoreAnswer::Nothing, true)
                }
            };
            if heard == StoreAnswer::Taken {
                refusal = None;
            }
            let absent = heard == StoreAnswer::Absent;
            match append.receive(heard) {
                Progress::Done => return Appended::Done,
                Progress::Fenced(bytes) => return Appended::Fenced(bytes),
                Progress::Going => {}
            }
            if Instant::now() >= until {
                let silent = || "it says that an object is there, and does not show it".to_owned();
                return Appended::Unreachable(refusal.unwrap_or_else(silent));
            }
            if failed || absent {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Writes the hint that reading may begin with this object. Without a hint, the whole log is read.
    pub async fn hint(&self, first: u64) {
        if let Ok(head) = serde_json::to_vec(&StartHint { first }) {
            let _ = self.bucket.put(&self.head(), head).await;
        }
    }
}

fn file_name(first: u64) -> String {
    format!("{first:012}.jsonl")
}

fn number_of(name: &str) -> Option<u64> {
    name.strip_suffix(".jsonl").filter(|digits| digits.len() >= 12)?.parse().ok()
}

/// Repeats a read that got no answer.
pub(super) async fn patiently<T, F: Future<Output = Result<T, String>>>(read: impl Fn() -> F) -> Result<T, String> {
    let mut pause = PAUSE;
    for _ in 1..READS {
        if let Ok(answer) = read().await {
            return Ok(answer);
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    read().await
}
