//! Why a record cannot be read or written.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fold::Impossible;
use super::line::BadLine;
use super::owner::RecordWriter;
use crate::id::InstanceId;

/// Why the record cannot be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    #[error("cannot {action} `{}`: {error}", path.display())]
    Io { action: FileAction, path: PathBuf, error: Arc<std::io::Error> },
    #[error("{}:{line}: the journal is damaged: {why}", path.display())]
    Damaged { path: PathBuf, line: usize, why: String },
    /// A newer `plan` wrote it, so that this one neither reads nor changes it.
    #[error("`{}` cannot be read by this `plan`: {}", path.display(), BadLine::Newer { version: *version })]
    Newer { path: PathBuf, version: u64 },
    /// It can be read, but holds a call or id that `plan` does not write.
    #[error("`{}` is no record to act on: `{instance}`: {why}", path.display())]
    Foreign { path: PathBuf, instance: InstanceId, why: String },
    #[error("{}", locked(what, owner.as_ref()))]
    Locked { what: Locked, owner: Option<RecordWriter> },
    /// Another process has taken over the lease: this process must not send any further call.
    #[error("{}", lost(place, by.as_ref()))]
    LeaseLost { place: String, by: Option<RecordWriter> },
    /// Another program removed, replaced or changed the files of the record while this process wrote it.
    #[error("the record was changed under this command: `{}` {why}", path.display())]
    TakenAway { path: PathBuf, why: String },
    /// The header of a record names another plan or environment than its place.
    #[error("`{place}` holds the record of plan `{plan}`, environment `{environment}`")]
    Misplaced { place: String, plan: String, environment: String },
    /// The store cannot be reached. Records made meanwhile are kept on this machine.
    #[error("the store cannot be reached: `{place}`: {error}; the outcomes of calls under way are kept in `{}`", spool.display())]
    Unreachable { place: String, error: String, spool: PathBuf },
    /// The store refused a request, or did not answer it.
    #[error("cannot {action} `{place}`: {error}")]
    Store { action: &'static str, place: String, error: String },
    /// The store does not guarantee what records need.
    #[error("`{place}` cannot hold records: {why} ({code})")]
    Unfit { place: String, code: &'static str, why: String },
    /// A bug: this run tried to write a record that cannot follow.
    #[error("an impossible record was about to be written: {0}")]
    Impossible(Impossible),
    /// An earlier write failed, or the writer has ended: nothing more can be recorded.
    #[error("the journal is closed: {0}")]
    Closed(String),
}

/// What failed for a file or folder of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileAction {
    List,
    Lock,
    Inspect,
    Create,
    Open,
    Read,
    Remove,
    Rename,
    /// The whole record by another one: no call is under way meanwhile.
    Replace,
    Use,
    Write,
}

impl fmt::Display for FileAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileAction::List => "list",
            FileAction::Lock => "lock",
            FileAction::Inspect => "look at",
            FileAction::Create => "make",
            FileAction::Open => "open",
            FileAction::Read => "read",
            FileAction::Remove => "remove",
            FileAction::Rename => "rename",
            FileAction::Replace => "replace",
            FileAction::Use => "use",
            FileAction::Write => "write",
        })
    }
}

/// What another process holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locked {
    /// The lock file of a record in a folder, which is free once that process has ended.
    File(PathBuf),
    /// The lease of the record at this place in an object store, which expires after the last heartbeat.
    Lease(String),
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Locked::File(path) => path.display().fmt(f),
            Locked::Lease(place) => place.fmt(f),
        }
    }
}

impl JournalError {
    /// A line that cannot be read.
    pub fn unreadable(path: PathBuf, line: usize, why: BadLine) -> Self {
        match why {
            BadLine::Newer { version } => JournalError::Newer { path, version },
            BadLine::Damaged(why) => JournalError::Damaged { path, line, why },
        }
    }

    pub fn io(action: FileAction, path: &Path, error: std::io::Error) -> Self {
        JournalError::Io { action, path: path.to_owned(), error: Arc::new(error) }
    }
}

fn locked(what: &Locked, owner: Option<&RecordWriter>) -> String {
    match owner {
        Some(owner) => format!("the environment is in use by {owner}: `{what}`"),
        None => format!("the environment is in use: `{what}`"),
    }
}

fn lost(place: &str, by: Option<&RecordWriter>) -> String {
    match by {
        Some(owner) => format!("the environment was taken over by {owner}: `{place}`"),
        None => format!("the environment was taken over: `{place}`"),
    }
}
