//! The record of an environment: what was intended, what the API answered, what exists.
//!
//! `record` is what is kept, a line each, and `intent` the call in it; `text` reads lines, `status` is the pure fold over
//! them, `instance` its part for one instance; `validate` is what they may say. A [`Journal`] takes
//! records from many steps at once and answers each when it is durable: records that arrive while one sync is under way
//! share the next. Where lines are kept is not known here (see [`crate::store`]).

mod ahead;
mod durations;
mod instance;
mod intent;
mod line;
mod owner;
mod owners;
mod record;
mod redact;
mod status;
#[cfg(test)]
mod tests;
mod text;
mod validate;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::id::InstanceId;

pub use durations::Durations;
pub use instance::{InstanceStatus, Phase};
pub use intent::{Evidence, Head, IntendedUndo, Intent, Mark, RecordedCall, Unanswered};
pub use line::{Checksum, Line};
pub use owner::{Lease, Owner};
pub use record::{
    Adopted, Drifted, Header, Record, RecordedOutput, RecordedResource, Started, StepResult, Succeeded, VERSION,
};
pub use status::{Impossible, Status};
pub use text::{Contents, decode, lines, parse};
pub use validate::{is_id, is_identifier, may_undo, validate};
pub use writer::{Appending, Batch, Journal, Kept, MemorySink, Sink, Terms, Trouble};

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
    /// Somebody else writes to it now: this process may not send anything any more.
    #[error("{}", lost(place, by.as_ref()))]
    LeaseLost { place: String, by: Option<Owner> },
    /// The store cannot be reached. What was learnt meanwhile is kept on this machine.
    #[error("the store is away: `{place}`: {error}; what became of calls under way is kept in `{}`", spool.display())]
    Away { place: String, error: String, spool: PathBuf },
    /// The store answered no, or not at all.
    #[error("cannot {action} `{place}`: {error}")]
    Store { action: &'static str, place: String, error: String },
    /// The store does not keep what it promises.
    #[error("`{place}` cannot hold records: {why} ({code})")]
    Unfit { place: String, code: &'static str, why: String },
    /// A bug: this run tried to write what cannot follow.
    #[error("an impossible record was about to be written: {0}")]
    Impossible(Impossible),
    /// An earlier write failed, or the writer is gone: nothing can be trusted to be written any more.
    #[error("the journal is closed: {0}")]
    Closed(String),
}

impl JournalError {
    pub fn io(action: &'static str, path: &Path, error: std::io::Error) -> Self {
        JournalError::Io { action, path: path.to_owned(), error: Arc::new(error) }
    }
}

fn locked(path: &Path, owner: Option<&Owner>) -> String {
    match owner {
        Some(owner) => format!("the environment is in use by {owner}: `{}`", path.display()),
        None => format!("the environment is in use: `{}`", path.display()),
    }
}

fn lost(place: &str, by: Option<&Owner>) -> String {
    match by {
        Some(owner) => format!("the environment was taken over by {owner}: `{place}`"),
        None => format!("the environment was taken over: `{place}`"),
    }
}
