//! The record of an environment: what was intended, what the API answered, what exists.
//!
//! `record` is what stands on disk, `status` the pure fold over it, `validate` what it may say, `file` and `lock` keep it,
//! `folder` finds it. A
//! [`Journal`] takes records from many steps at once and answers each when it is durable: records that arrive while one
//! sync is under way share the next.

mod file;
mod folder;
mod lock;
mod record;
mod redact;
mod status;
#[cfg(test)]
mod tests;
mod validate;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::plan::InstanceId;

pub use file::{Contents, JournalFile, read};
pub use folder::{EnvironmentFolder, StateFolder};
pub use lock::{Lock, Owner};
pub use record::{
    Evidence, Header, IntendedUndo, Intent, Line, Made, Mark, Record, RecordedCall, RecordedOutput, Started,
    StepResult, Succeeded, VERSION,
};
pub use status::{Impossible, InstanceStatus, Phase, Status};
pub use validate::may_undo;
pub use writer::{Journal, MemorySink, Sink};

/// Why the record cannot be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    #[error("cannot {action} `{}`: {error}", path.display())]
    Io { action: &'static str, path: PathBuf, error: Arc<std::io::Error> },
    #[error("{}:{line}: the journal is damaged: {why}", path.display())]
    Damaged { path: PathBuf, line: usize, why: String },
    /// It can be read, and says what no record of ours says.
    #[error("`{}` is no record to act on: `{instance}`: {why}", path.display())]
    Foreign { path: PathBuf, instance: InstanceId, why: String },
    #[error("{}", locked(path, owner.as_ref()))]
    Locked { path: PathBuf, owner: Option<Owner> },
    /// A bug: this run tried to write what cannot follow.
    #[error("an impossible record was about to be written: {0}")]
    Impossible(Impossible),
    /// An earlier write failed, or the writer is gone: nothing can be trusted to be written any more.
    #[error("the journal is closed: {0}")]
    Closed(String),
}

impl JournalError {
    fn io(action: &'static str, path: &Path, error: std::io::Error) -> Self {
        JournalError::Io { action, path: path.to_owned(), error: Arc::new(error) }
    }
}

fn locked(path: &Path, owner: Option<&Owner>) -> String {
    match owner {
        Some(owner) => format!("the environment is in use by {owner}: `{}`", path.display()),
        None => format!("the environment is in use: `{}`", path.display()),
    }
}
