//! The journal as a file: read whole, appended with a sync, replaced atomically when compacted.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::lock::Lock;
use crate::files::{self, Identity};
use crate::journal;
use crate::journal::{
    Appending, Batch, Contents, FileAction, Header, JournalError, Line, Record, Sink, Status, Stored,
};
use crate::store::Renewal;

/// An append that takes less, as on a file system in memory, is not worth another thread, which has to be woken.
const QUICK: Duration = Duration::from_micros(25);
/// A journal shorter than this is not worth compacting.
const COMPACT_ABOVE: u64 = 2_000;
/// A journal with fewer lines than this for each instance is not worth compacting.
const COMPACT_RATIO: u64 = 12;

/// Reads a journal. `None` when there is none.
///
/// # Errors
///
/// [`JournalError::Damaged`] as for [`journal::read`]; an I/O error with the path.
pub fn read(path: &Path) -> Result<Option<Contents>, JournalError> {
    match files::open_regular(path, OpenOptions::new().read(true)) {
        Ok(file) => journal::read(path, file).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(JournalError::io(FileAction::Read, path, error)),
    }
}

/// The compacted journal of a status, and the number of its lines.
fn compacted(status: &Status) -> (String, u64) {
    let records = status.compacted();
    let count = records.len() as u64;
    let line = |(n, (at, record))| Line { n, at, record }.encode();
    let lines = (0..).zip(records).map(line);
    (lines.collect(), count)
}

/// Replaces the journal by that of a renewal. The old one is kept beside it; returns its name. The caller holds the
/// lock.
///
/// # Errors
///
/// An I/O error with the path; the journal is unchanged then.
pub fn renew(path: &Path, renewal: &Renewal<'_>, now: Timestamp) -> Result<Option<String>, JournalError> {
    let not_replaced = |error| JournalError::io(FileAction::Replace, path, error);
    let copy = path.with_extension(format!("before-{}.jsonl", now.as_second()));
    let kept = match files::read_regular(path) {
        Ok(bytes) => {
            if renewal.over.is_some() {
                let there = journal::read(path, bytes.as_slice())?.status;
                renewal.may_replace(&path.display().to_string(), Some(&there))?;
            }
            files::replace(&copy, &bytes).map_err(not_replaced)?;
            Some(copy.display().to_string())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            renewal.may_replace(&path.display().to_string(), None)?;
            None
        }
        Err(error) => return Err(JournalError::io(FileAction::Read, path, error)),
    };
    let (text, _) = compacted(renewal.status);
    files::replace(path, text.as_bytes()).map_err(not_replaced)?;
    Ok(kept)
}

/// A journal that is continued. There is no file before the first append: a command that is refused leaves none.
#[derive(Debug)]
pub struct JournalFile {
    state: FileState,
    path: PathBuf,
    /// The last append took less time than handing one to another thread.
    is_quick: bool,
    /// Held as long as the file can be written.
    lock: Option<Lock>,
}

#[derive(Debug, Clone)]
enum FileState {
    /// Made by the first append, with this line.
    New {
        header: String,
    },
    Open(Open),
}

/// An open file, positioned at its end.
#[derive(Debug, Clone)]
struct Open {
    file: Arc<File>,
    identity: Identity,
    length: u64,
}

impl Open {
    fn at(path: &Path) -> Result<Self, JournalError> {
        let wrong = |error| JournalError::io(FileAction::Open, path, error);
        let file = files::open_regular(path, OpenOptions::new().append(true)).map_err(wrong)?;
        let found = file.metadata().map_err(wrong)?;
        Ok(Self { file: Arc::new(file), identity: Identity::of(&found), length: found.len() })
    }
}

impl JournalFile {
    /// Opens the journal for appending: cuts off a torn last line, and compacts it when it has grown long. When there is
    /// none, the first append makes it with `header`. Also returns the number of lines. The caller holds the lock.
    ///
    /// # Errors
    ///
    /// As for [`read`].
    pub fn open(
        path: &Path,
        header: impl FnOnce() -> Header,
        now: Timestamp,
    ) -> Result<(Self, Status, u64), JournalError> {
        let wrong = |error| JournalError::io(FileAction::Write, path, error);
        let Some(contents) = read(path)? else {
            let header = header();
            let first = Line { n: 0, at: now, record: Record::Header(header.clone()) };
            let state = FileState::New { header: first.encode() };
            return Ok((Self::new(path, state), Status::new(header, now), 1));
        };
        if contents.lines > COMPACT_ABOVE.max(contents.status.instances.len() as u64 * COMPACT_RATIO) {
            let (text, lines) = compacted(&contents.status);
            let status = journal::read(path, text.as_bytes())?.status;
            if status.instances == contents.status.instances {
                files::replace(path, text.as_bytes()).map_err(wrong)?;
                return Ok((Self::new(path, FileState::Open(Open::at(path)?)), status, lines));
            }
        }
        let mut open = Open::at(path)?;
        if open.length != contents.whole {
            open.file.set_len(contents.whole).map_err(wrong)?;
            open.file.sync_all().map_err(wrong)?;
            open.length = contents.whole;
        }
        Ok((Self::new(path, FileState::Open(open)), contents.status, contents.lines))
    }

    fn new(path: &Path, state: FileState) -> Self {
        Self { state, path: path.to_owned(), is_quick: false, lock: None }
    }

    /// Keeps the lock as long as the file is open.
    #[must_use]
    pub fn held_by(self, lock: Lock) -> Self {
        Self { lock: Some(lock), ..self }
    }

    /// Checks that other processes find this very file, as it was left by the last append, and the lock. Otherwise what
    /// is appended would be on no record, or would damage that of another process.
    fn check(&self) -> Result<(), JournalError> {
        if let Some(lock) = &self.lock {
            lock.check()?;
        }
        let away = |why: String| JournalError::TakenAway { path: self.path.clone(), why };
        match (&self.state, fs::symlink_metadata(&self.path)) {
            (FileState::New { .. }, Err(error)) if error.kind() == ErrorKind::NotFound => Ok(()),
            (FileState::New { .. }, Ok(_)) => Err(away("was written by another command".to_owned())),
            (FileState::Open(open), Ok(found)) if Identity::of(&found) != open.identity => {
                Err(away("is another file now".to_owned()))
            }
            (FileState::Open(open), Ok(found)) if found.len() != open.length => {
                Err(away(format!("has {} bytes where {} were written", found.len(), open.length)))
            }
            (FileState::Open(_), Ok(_)) => Ok(()),
            (FileState::Open(_), Err(error)) if error.kind() == ErrorKind::NotFound => Err(away("is gone".to_owned())),
            (_, Err(error)) => Err(JournalError::io(FileAction::Inspect, &self.path, error)),
        }
    }

    /// The open file; makes it before the first append.
    fn opened(&mut self) -> Result<&mut Open, JournalError> {
        if let FileState::New { header } = &self.state {
            files::replace(&self.path, header.as_bytes())
                .map_err(|error| JournalError::io(FileAction::Write, &self.path, error))?;
            self.state = FileState::Open(Open::at(&self.path)?);
        }
        match &mut self.state {
            FileState::Open(open) => Ok(open),
            FileState::New { .. } => Err(JournalError::Closed("its file was not made".to_owned())),
        }
    }
}

/// Appends a text and waits until it is durable; returns how long that took.
fn append_all(mut file: &File, text: &str) -> std::io::Result<Duration> {
    let began = Instant::now();
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    Ok(began.elapsed())
}

impl Sink for JournalFile {
    fn append<'a>(&'a mut self, batch: &'a Batch) -> Appending<'a> {
        Box::pin(async move {
            if batch.count == 0 {
                return Ok(Stored::Durably);
            }
            self.check()?;
            let is_quick = self.is_quick;
            let open = self.opened()?;
            let written = if is_quick {
                Ok(append_all(&open.file, &batch.text))
            } else {
                // On a blocking thread, which also keeps a paused clock from advancing.
                let (file, text) = (open.file.clone(), batch.text.clone());
                tokio::task::spawn_blocking(move || append_all(&file, &text)).await
            };
            match written {
                Ok(Ok(took)) => {
                    open.length += batch.text.len() as u64;
                    self.is_quick = took < QUICK;
                    Ok(Stored::Durably)
                }
                Ok(Err(error)) => Err(JournalError::io(FileAction::Write, &self.path, error)),
                Err(error) => Err(JournalError::Closed(format!("the writer stopped: {error}"))),
            }
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The null device takes every line and cannot make one durable.
    #[test]
    fn a_line_that_the_disk_does_not_confirm_is_not_durable() {
        let file = OpenOptions::new().append(true).open("/dev/null").unwrap();
        assert!(append_all(&file, "a line\n").is_err());
    }

    /// Both the copy and the record itself: whichever fails, the record was not replaced.
    #[test]
    fn a_record_that_is_not_replaced_is_named_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let status = Status::new(crate::journal::Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
        let renewal = Renewal { status: &status, over: None };
        assert_eq!(renew(&path, &renewal, Timestamp::UNIX_EPOCH).unwrap(), None);
        let before = std::fs::read(&path).unwrap();
        // No file goes where a folder is.
        std::fs::create_dir_all(folder.path().join("journal.before-0.jsonl/full")).unwrap();
        let error = renew(&path, &renewal, Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot replace `{}`: ", path.display())), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
