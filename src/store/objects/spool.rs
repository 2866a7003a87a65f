//! Objects that could not be appended to the log: kept on this machine (mode 0600) for the next run here.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::files;
use crate::journal::{FileAction, JournalError};
use crate::store::log::Entry;

/// The spool file of one environment.
#[derive(Debug, Clone)]
pub struct Spool {
    path: PathBuf,
}

impl Spool {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an object, durably.
    ///
    /// # Errors
    ///
    /// An I/O error with the path.
    pub fn push(&self, bytes: &[u8]) -> Result<(), JournalError> {
        let wrong = |error| JournalError::io(FileAction::Write, &self.path, error);
        if let Some(folder) = self.path.parent() {
            files::make_private_folder(folder).map_err(wrong)?;
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path).map_err(wrong)?;
        file.write_all(bytes).map_err(wrong)?;
        file.sync_data().map_err(wrong)
    }

    /// The spooled objects, oldest first. A torn last one was never acknowledged, and is left out.
    ///
    /// # Errors
    ///
    /// An I/O error with the path.
    pub fn read(&self) -> Result<Vec<Entry>, JournalError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(JournalError::io(FileAction::Read, &self.path, error)),
        };
        let (mut entries, mut rest) = (Vec::new(), &bytes[..]);
        while let Ok((entry, after)) = Entry::decode_first(rest) {
            entries.push(entry);
            rest = after;
        }
        Ok(entries)
    }

    /// Deletes the spool, after its objects were appended.
    ///
    /// # Errors
    ///
    /// An I/O error with the path.
    pub fn remove(&self) -> Result<(), JournalError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(JournalError::io(FileAction::Remove, &self.path, error))
            }
            _ => Ok(()),
        }
    }

    /// Renames the spool, because some of its objects could not be appended. Returns the new path.
    ///
    /// # Errors
    ///
    /// An I/O error with the path.
    pub fn set_aside(&self) -> Result<PathBuf, JournalError> {
        let aside = self.path.with_extension("left.jsonl");
        fs::rename(&self.path, &aside).map_err(|error| JournalError::io(FileAction::Rename, &self.path, error))?;
        Ok(aside)
    }
}
