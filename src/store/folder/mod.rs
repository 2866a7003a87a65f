//! Records on this machine: `<folder>/<plan>/<environment>/journal.jsonl`, with a lock file beside each.

mod file;
mod lock;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use file::{JournalFile, read};
pub use lock::Lock;

use super::{EnvironmentName, Holder, Opened, Opening, Renewal, Store, Working};
use crate::files;
use crate::journal::{self, FileAction, Header, JournalError, Line, RecordWriter, Status};

/// The file of a record in its folder.
pub const JOURNAL: &str = "journal.jsonl";
const LOCK: &str = "lock";
/// Keeps records out of the Git repository that contains the folder.
const IGNORE: &str = ".gitignore";
/// The pause between two attempts to take a lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(250);

/// The folder with the records of any number of plans and environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolder {
    root: PathBuf,
}

impl StateFolder {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder of one environment.
    pub fn of(&self, environment: &EnvironmentName) -> PathBuf {
        self.root.join(&environment.plan).join(&environment.environment)
    }

    /// The journal of one environment.
    pub fn journal(&self, environment: &EnvironmentName) -> PathBuf {
        self.of(environment).join(JOURNAL)
    }

    fn list(&self) -> Result<Vec<EnvironmentName>, JournalError> {
        let mut found = Vec::new();
        for plan in names_in(&self.root)? {
            for environment in names_in(&self.root.join(&plan))? {
                let name = EnvironmentName { plan: plan.clone(), environment };
                if self.journal(&name).exists() {
                    found.push(name);
                }
            }
        }
        Ok(found)
    }

    fn make(&self, environment: &EnvironmentName) -> Result<(), JournalError> {
        self.make_root()?;
        let folder = self.of(environment);
        files::make_private_folder(&folder).map_err(|error| JournalError::io(FileAction::Create, &folder, error))
    }

    /// Creates the folder of records, with a `.gitignore` in it.
    fn make_root(&self) -> Result<(), JournalError> {
        if !self.root.exists() {
            if fs::symlink_metadata(&self.root).is_ok() {
                let nowhere = io::Error::new(io::ErrorKind::InvalidInput, "it is a link to nothing");
                return Err(JournalError::io(FileAction::Use, &self.root, nowhere));
            }
            files::make_private_folder(&self.root)
                .map_err(|error| JournalError::io(FileAction::Create, &self.root, error))?;
            let ignore = self.root.join(IGNORE);
            files::replace(&ignore, b"*\n").map_err(|error| JournalError::io(FileAction::Write, &ignore, error))?;
        }
        Ok(())
    }

    /// Checks that neither the folder of the plan nor that of the environment is a symbolic link.
    fn refuse_links(&self, environment: &EnvironmentName) -> Result<(), JournalError> {
        let is_link = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_symlink());
        match self.of(environment).ancestors().take(2).find(|path| is_link(path)) {
            Some(link) => Err(JournalError::io(
                FileAction::Use,
                link,
                io::Error::new(io::ErrorKind::InvalidInput, "it is a link"),
            )),
            None => Ok(()),
        }
    }

    /// Takes the lock, waiting for its holder.
    async fn lock(&self, environment: &EnvironmentName, opening: &Opening<'_>) -> Result<Lock, JournalError> {
        let path = self.of(environment).join(LOCK);
        let until = opening.clock.elapsed() + opening.patience;
        loop {
            match Lock::take(&path, &opening.owner) {
                Err(JournalError::Locked { .. }) if opening.clock.elapsed() < until => {
                    opening.clock.sleep(LOCK_INTERVAL).await;
                }
                taken => return taken,
            }
        }
    }
}

fn names_in(folder: &Path) -> Result<Vec<String>, JournalError> {
    let wrong = |error| JournalError::io(FileAction::List, folder, error);
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
    names.sort_unstable();
    Ok(names)
}

impl Store for StateFolder {
    fn name(&self) -> String {
        self.root.display().to_string()
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn place(&self, environment: &EnvironmentName) -> String {
        self.of(environment).display().to_string()
    }

    fn exists(&self) -> Working<'_, bool> {
        Box::pin(std::future::ready(Ok(self.root.is_dir())))
    }

    fn init(&self) -> Working<'_, bool> {
        let is_new = !self.root.exists();
        Box::pin(std::future::ready(self.make_root().map(|()| is_new)))
    }

    fn environments(&self) -> Working<'_, Vec<EnvironmentName>> {
        Box::pin(std::future::ready(self.list()))
    }

    fn read<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Option<Status>> {
        let read = self.refuse_links(environment).and_then(|()| read(&self.journal(environment)));
        let read = read.and_then(|contents| {
            let status = contents.map(|contents| contents.status).filter(|status| !status.is_blank());
            status.iter().try_for_each(|status| environment.check(&status.header, &self.place(environment)))?;
            Ok(status)
        });
        Box::pin(std::future::ready(read))
    }

    fn lines<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Vec<Line>> {
        let path = self.journal(environment);
        let lines = self.refuse_links(environment).and_then(|()| match files::read_regular(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => journal::lines(&path, &read.map_err(|error| JournalError::io(FileAction::Read, &path, error))?),
        });
        Box::pin(std::future::ready(lines))
    }

    fn holder<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Option<Holder>> {
        let holder = Lock::holder(&self.of(environment).join(LOCK));
        let holder = holder.map(|held| held.map(|owner| Holder { owner, bound_to_process: true }));
        Box::pin(std::future::ready(holder))
    }

    fn open<'a>(&'a self, environment: &'a EnvironmentName, opening: Opening<'a>) -> Working<'a, Opened> {
        Box::pin(async move {
            self.refuse_links(environment)?;
            self.make(environment)?;
            let lock = self.lock(environment, &opening).await?;
            files::remove_unfinished(&self.of(environment));
            let header = || Header::new(&environment.plan, &environment.environment);
            let (file, status, next) = JournalFile::open(&self.journal(environment), header, opening.clock.now())?;
            environment.check(&status.header, &self.place(environment))?;
            Ok(Opened { status, next, sink: Box::new(file.held_by(lock)) })
        })
    }

    fn raw<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Vec<u8>> {
        let path = self.journal(environment);
        let read = self.refuse_links(environment).and_then(|()| match files::read_regular(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read.map_err(|error| JournalError::io(FileAction::Read, &path, error)),
        });
        Box::pin(std::future::ready(read))
    }

    fn renew<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        opening: Opening<'a>,
        renewal: Renewal<'a>,
    ) -> Working<'a, Option<String>> {
        Box::pin(async move {
            self.refuse_links(environment)?;
            self.make(environment)?;
            let _lock = self.lock(environment, &opening).await?;
            files::remove_unfinished(&self.of(environment));
            file::renew(&self.journal(environment), &renewal, opening.clock.now())
        })
    }

    fn unlock<'a>(&'a self, _: &'a EnvironmentName, _: RecordWriter) -> Working<'a, bool> {
        Box::pin(std::future::ready(Ok(false)))
    }
}
