//! Where records live: `<state folder>/<plan>/<environment>/journal.jsonl`, and a lock beside it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::file::{Contents, JournalFile};
use super::lock::{Lock, Owner};
use super::record::{Header, VERSION};
use super::status::Status;
use super::{JournalError, read};
use crate::clock::Clock;
use crate::files;
use crate::secret::hex;

const JOURNAL: &str = "journal.jsonl";
const LOCK: &str = "lock";
/// How often a lock held by another run is tried again.
const LOCK_INTERVAL: Duration = Duration::from_millis(250);

/// The folder that holds the records of any number of plans and environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolder {
    root: PathBuf,
}

/// The folder of one environment of one plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentFolder {
    path: PathBuf,
    plan: String,
    environment: String,
}

impl StateFolder {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub fn path(&self) -> &Path {
        &self.root
    }

    pub fn environment(&self, plan: &str, environment: &str) -> EnvironmentFolder {
        EnvironmentFolder {
            path: self.root.join(plan).join(environment),
            plan: plan.to_owned(),
            environment: environment.to_owned(),
        }
    }

    /// Every environment that has a journal, by plan and name.
    ///
    /// # Errors
    ///
    /// An I/O error with the path.
    pub fn environments(&self) -> Result<Vec<EnvironmentFolder>, JournalError> {
        let mut found = Vec::new();
        for plan in names_in(&self.root)? {
            for environment in names_in(&self.root.join(&plan))? {
                let folder = self.environment(&plan, &environment);
                if folder.journal().exists() {
                    found.push(folder);
                }
            }
        }
        Ok(found)
    }
}

fn names_in(folder: &Path) -> Result<Vec<String>, JournalError> {
    let wrong = |error| JournalError::io("list", folder, error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(wrong(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(wrong)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

impl EnvironmentFolder {
    /// The store it belongs to.
    pub fn state(&self) -> StateFolder {
        let root = self.path.parent().and_then(Path::parent).unwrap_or(&self.path);
        StateFolder::new(root)
    }

    pub fn plan(&self) -> &str {
        &self.plan
    }

    pub fn environment(&self) -> &str {
        &self.environment
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn journal(&self) -> PathBuf {
        self.path.join(JOURNAL)
    }

    /// What the journal says, without taking the lock.
    ///
    /// # Errors
    ///
    /// As [`read`].
    pub fn read(&self) -> Result<Option<Contents>, JournalError> {
        self.is_ours()?;
        read(&self.journal())
    }

    /// Who is writing to it now.
    ///
    /// # Errors
    ///
    /// An I/O error with the path.
    pub fn holder(&self) -> Result<Option<Option<Owner>>, JournalError> {
        Lock::holder(&self.path.join(LOCK))
    }

    /// Takes the lock, waiting up to `patience` for whoever holds it.
    ///
    /// # Errors
    ///
    /// [`JournalError::Locked`] with the owner when it stays locked; an I/O error with the path.
    pub async fn lock(&self, owner: &Owner, patience: Duration, clock: &Clock) -> Result<Lock, JournalError> {
        self.is_ours()?;
        files::make_private_folder(&self.path).map_err(|error| JournalError::io("make", &self.path, error))?;
        let until = clock.elapsed() + patience;
        loop {
            match Lock::take(&self.path.join(LOCK), owner) {
                Err(JournalError::Locked { .. }) if clock.elapsed() < until => clock.sleep(LOCK_INTERVAL).await,
                taken => return taken,
            }
        }
    }

    /// Neither the folder of the plan nor that of the environment is a link to somewhere else.
    fn is_ours(&self) -> Result<(), JournalError> {
        let is_link = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_symlink());
        match self.path.ancestors().take(2).find(|path| is_link(path)) {
            Some(link) => {
                Err(JournalError::io("use", link, io::Error::new(io::ErrorKind::InvalidInput, "it is a link")))
            }
            None => Ok(()),
        }
    }

    /// Opens the journal for writing; the caller holds the lock.
    ///
    /// # Errors
    ///
    /// As [`JournalFile::open`].
    pub fn open(&self, _lock: &Lock, now: Timestamp) -> Result<(JournalFile, Status, u64), JournalError> {
        JournalFile::open(&self.journal(), || Self::header(&self.plan, &self.environment), now)
    }

    /// The header of a new journal, with a key of its own.
    pub fn header(plan: &str, environment: &str) -> Header {
        let key: Vec<u8> =
            uuid::Uuid::new_v4().into_bytes().into_iter().chain(uuid::Uuid::new_v4().into_bytes()).collect();
        Header {
            version: VERSION,
            tool: concat!("plan ", env!("CARGO_PKG_VERSION")).to_owned(),
            plan: plan.to_owned(),
            environment: environment.to_owned(),
            key: hex(&key),
        }
    }
}
