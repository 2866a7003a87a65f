//! The fold over the objects of a log: the status of the record, the lease, and the place of the next object.

use super::entry::{Entry, sha256_hex};
use crate::journal::{BadLine, Checksum, Lease, Record, Status, decode};

/// The result of reading a log, up to an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Fold {
    pub status: Status,
    /// The number of the next line, which names the next object.
    pub next: u64,
    /// The hash of the last object.
    pub hash: String,
    pub epoch: u64,
    pub writer: String,
    /// The number of objects and lines since the last compaction.
    pub objects: usize,
    pub lines: u64,
}

/// Why an object cannot be at its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The line within the object; 0 is its head.
    pub line: usize,
    pub why: BadLine,
}

impl Misfit {
    fn head(why: impl Into<BadLine>) -> Self {
        Self { line: 0, why: why.into() }
    }
}

impl Fold {
    /// Begins with an object that is the whole compacted record.
    ///
    /// # Errors
    ///
    /// [`Misfit`] when it does not, or cannot be parsed.
    pub fn begin(bytes: &[u8]) -> Result<Self, Misfit> {
        let entry = decoded(bytes)?;
        if entry.first != 0 && !entry.fresh {
            return Err(Misfit::head("it does not say everything, and nothing stands before it"));
        }
        let status = status_of(&entry, None)?;
        Ok(Self::after(entry, bytes, status, 0, 0))
    }

    /// Adds the next object.
    ///
    /// # Errors
    ///
    /// [`Misfit`] when it cannot follow, or cannot be parsed; nothing is changed then.
    pub fn follow(&mut self, bytes: &[u8]) -> Result<(), Misfit> {
        let entry = decoded(bytes)?;
        self.may_follow(&entry).map_err(Misfit::head)?;
        let status = status_of(&entry, Some(&self.status))?;
        let (objects, lines) = if entry.fresh { (0, 0) } else { (self.objects, self.lines) };
        *self = Self::after(entry, bytes, status, objects, lines);
        Ok(())
    }

    /// How its lines are checked.
    pub fn checksum(&self) -> Checksum {
        Checksum::of(&self.status.header)
    }

    fn after(entry: Entry, bytes: &[u8], status: Status, objects: usize, lines: u64) -> Self {
        Self {
            status,
            next: entry.first + entry.count,
            hash: sha256_hex(bytes),
            epoch: entry.epoch,
            writer: entry.writer,
            objects: objects + 1,
            lines: lines + entry.count,
        }
    }

    fn may_follow(&self, entry: &Entry) -> Result<(), String> {
        if entry.first != self.next {
            return Err(format!(
                "it begins with line {} where {} was due: an object is missing",
                entry.first, self.next
            ));
        }
        if entry.previous != self.hash {
            return Err("it does not belong to the object before".to_owned());
        }
        let same = entry.epoch == self.epoch && entry.writer == self.writer;
        if !same && entry.epoch <= self.epoch {
            return Err(format!("it is of epoch {}, after {}", entry.epoch, self.epoch));
        }
        Ok(())
    }

    /// The object with which a new writer takes over, in its epoch. `lines` are numbered from [`Fold::next`].
    pub fn takeover(fold: Option<&Self>, lease: &Lease, text: String, count: u64, fresh: bool) -> Entry {
        Entry {
            first: fold.map_or(0, |fold| fold.next),
            count,
            epoch: lease.epoch,
            writer: lease.writer.clone(),
            previous: fold.map(|fold| fold.hash.clone()).unwrap_or_default(),
            fresh,
            text,
        }
    }

    /// The next object by the writer of the last one.
    pub fn continued(&self, text: String, count: u64) -> Entry {
        Entry {
            first: self.next,
            count,
            epoch: self.epoch,
            writer: self.writer.clone(),
            previous: self.hash.clone(),
            fresh: false,
            text,
        }
    }
}

fn decoded(bytes: &[u8]) -> Result<Entry, Misfit> {
    Entry::decode(bytes).map_err(Misfit::head)
}

fn status_of(entry: &Entry, before: Option<&Status>) -> Result<Status, Misfit> {
    let mut status = before.filter(|_| !entry.fresh).cloned();
    for (at, text) in entry.text.lines().enumerate() {
        let wrong = |why: BadLine| Misfit { line: at + 1, why };
        let line = decode(text.as_bytes()).map_err(wrong)?;
        let due = entry.first + at as u64;
        if line.n != due {
            return Err(wrong(format!("record number {} where {due} was due", line.n).into()));
        }
        status = Some(match (status, line.record) {
            (None, Record::Header(header)) => Status::new(header, line.at),
            (None, _) => return Err(wrong("the first record is not a header".into())),
            (Some(mut status), record) => {
                status.apply(line.at, record).map_err(|why| wrong(why.to_string().into()))?;
                status
            }
        });
    }
    status.ok_or_else(|| Misfit::head("it holds no lines"))
}
