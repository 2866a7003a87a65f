//! One writer at a time: a lock file beside the journal, locked by the kernel as long as its owner lives.
//!
//! The file names its owner for processes that find it locked. It is never deleted: deleting it while another process
//! waits for the lock would allow two owners. A user may do so nevertheless, which its owner notices before it writes on.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::files::{self, Identity};
use crate::journal::{FileAction, JournalError, Locked, RecordWriter};

/// A held lock; released when it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    identity: Identity,
    _file: File,
}

/// How often a lock file that vanished while it was locked is opened again.
const TRIES: u32 = 10;

impl Lock {
    /// Takes the lock, or names its owner.
    ///
    /// # Errors
    ///
    /// [`JournalError::Locked`] when another process holds it; otherwise an I/O error with the path.
    pub fn take(path: &Path, owner: &RecordWriter) -> Result<Self, JournalError> {
        let mut tries = 1;
        loop {
            let lock = Self::take_once(path, owner)?;
            match lock.check() {
                // The file was removed after it was opened: another process can lock the one that has its name now.
                Err(_) if tries < TRIES => tries += 1,
                checked => return checked.map(|()| lock),
            }
        }
    }

    /// Checks that the locked file still is the one that other processes find.
    ///
    /// # Errors
    ///
    /// [`JournalError::TakenAway`] when another process could hold the lock as well; an I/O error with the path.
    pub fn check(&self) -> Result<(), JournalError> {
        let away = |why: &str| JournalError::TakenAway { path: self.path.clone(), why: why.to_owned() };
        match fs::symlink_metadata(&self.path) {
            Ok(found) if Identity::of(&found) == self.identity => Ok(()),
            Ok(_) => Err(away("is another file now, and another command may be writing")),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(away("is gone")),
            Err(error) => Err(JournalError::io(FileAction::Inspect, &self.path, error)),
        }
    }

    fn take_once(path: &Path, owner: &RecordWriter) -> Result<Self, JournalError> {
        let wrong = |error| JournalError::io(FileAction::Lock, path, error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = files::open_regular(path, &mut options).map_err(wrong)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::Locked {
                    what: Locked::File(PathBuf::from(path)),
                    owner: read_owner(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(wrong(error)),
        }
        let text = serde_json::to_string(owner).expect("an owner can be written as JSON");
        file.rewind().map_err(wrong)?;
        file.set_len(0).map_err(wrong)?;
        file.write_all(text.as_bytes()).map_err(wrong)?;
        let identity = Identity::of(&file.metadata().map_err(wrong)?);
        Ok(Self { path: path.to_owned(), identity, _file: file })
    }

    /// The owner of the lock at `path`; `None` when it is free, `Some(None)` when the owner is not legible.
    ///
    /// # Errors
    ///
    /// An I/O error with the path.
    pub fn holder(path: &Path) -> Result<Option<Option<RecordWriter>>, JournalError> {
        let wrong = |error| JournalError::io(FileAction::Inspect, path, error);
        let mut file = match files::open_regular(path, OpenOptions::new().read(true)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(read_owner(&mut file))),
            Err(TryLockError::Error(error)) => Err(wrong(error)),
        }
    }
}

fn read_owner(file: &mut File) -> Option<RecordWriter> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
