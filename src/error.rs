//! Errors that end a command, with their exit codes.
//!
//! There are three kinds of errors: findings about a plan ([`Diagnostic`](crate::diagnostic::Diagnostic)), failures
//! of a step ([`StepError`](crate::event::StepError)), and these.

mod hints;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::api::{HttpError, Meaning, ReadError};
use crate::catalog::CatalogError;
use crate::exit::Exit;
use crate::journal::JournalError;
use crate::report::{ReportError, duration};

/// Why a command could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Invalid usage, and what would be right.
    #[error("{message}")]
    Usage { message: String, help: Vec<String> },
    /// The record is empty, but the account has resources of this environment.
    #[error("the record is empty, but the account holds {found} of {plan}/{environment}: nothing was done")]
    RecordEmpty { found: String, plan: String, environment: String, teardown: bool },
    /// The account has resources of this environment that were made after the last line about their steps, without the
    /// record.
    #[error(
        "the account holds {found} of {plan}/{environment} that the record does not have, made since its last line about \
         their steps: nothing was done"
    )]
    RecordOlder { found: String, plan: String, environment: String, teardown: bool },
    /// A list shows what the record, or a refresh, has as gone, and a read finds it.
    #[error("{found} counts as gone, because it was not found by its id, and it is there: nothing was done")]
    NotGone { found: String },
    /// The plan has errors, which have been reported.
    #[error("the plan is wrong")]
    PlanWrong,
    /// A file that the user named cannot be read.
    #[error("cannot read `{}`: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    /// A result cannot be written.
    #[error("cannot write `{}`: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
    /// stdout or stderr cannot be written, although its reader has not gone (see `stream`).
    #[error("cannot write to {stream}: {error}")]
    Stream { stream: &'static str, error: io::Error },
    #[error("{what} changed since the preview: nothing was done")]
    ChangedSincePreview { what: Changed },
    /// There is no API key; `plan` is the file that was to be run.
    #[error("there is no API key: `GCORE_API_KEY` is not set")]
    NoKey { plan: Option<PathBuf> },
    /// `--api-key-command` printed no key.
    #[error("`--api-key-command` gave no key: {0}")]
    KeyCommand(String),
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The comment on a pull request may be out of date.
    #[error("the comment on the pull request was not written: {0}")]
    Comment(String),
    /// A read that the command needs has failed.
    #[error("{what}: {error}")]
    Api { what: String, error: ReadError },
    /// What has to be read of the account before the first call takes longer than `--timeout`.
    #[error("nothing was begun: the account was not read within {}", duration(*.within))]
    NotInTime { within: Duration },
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The system refused a resource that every process needs.
    #[error("cannot {what}: {error}")]
    System { what: &'static str, error: io::Error },
}

/// What is not any more as the preview showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    PlanFile,
    Input(String),
    /// The project or region.
    Place,
    Record,
    /// What the plan reads of the account.
    Reads,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Changed::PlanFile => f.write_str("the plan file"),
            Changed::Input(name) => write!(f, "input `{name}`"),
            Changed::Place => f.write_str("the project or region"),
            Changed::Record => f.write_str("the record"),
            Changed::Reads => f.write_str("what the plan reads"),
        }
    }
}

impl Error {
    /// Invalid usage, without help.
    pub fn usage(message: impl Into<String>) -> Self {
        Error::Usage { message: message.into(), help: Vec::new() }
    }

    /// The same error with one line of help.
    #[must_use]
    pub fn help(self, words: impl Into<String>) -> Self {
        match self {
            Error::Usage { message, mut help } => {
                help.push(words.into());
                Error::Usage { message, help }
            }
            other => other,
        }
    }

    /// The same error for a plan, which could be rehearsed.
    #[must_use]
    pub fn for_plan(self, file: &Path) -> Self {
        match self {
            Error::NoKey { .. } => Error::NoKey { plan: Some(file.to_owned()) },
            other => other,
        }
    }

    pub fn read(path: &Path, error: io::Error) -> Self {
        Error::Read { path: path.to_owned(), error }
    }

    pub fn write(path: &Path, error: io::Error) -> Self {
        Error::Write { path: path.to_owned(), error }
    }

    /// The documented exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Error::Usage { .. }
            | Error::Read { .. }
            | Error::Catalog(_)
            | Error::Http(HttpError::BaseUrl(..) | HttpError::Authorities(_)) => Exit::Usage,
            Error::PlanWrong | Error::ChangedSincePreview { .. } => Exit::PlanWrong,
            Error::NoKey { .. } | Error::KeyCommand(_) | Error::Http(HttpError::Key(_)) => Exit::NotAllowed,
            Error::Api { error, .. } => match error.meaning() {
                Some(Meaning::NotAllowed) => Exit::NotAllowed,
                Some(Meaning::Quota) => Exit::Quota,
                _ => Exit::StepFailed,
            },
            Error::Journal(JournalError::Locked { .. } | JournalError::LeaseLost { .. }) => Exit::Locked,
            Error::NotInTime { .. } => Exit::StillWaiting,
            Error::RecordEmpty { .. } | Error::RecordOlder { .. } => Exit::RecordUnusable,
            Error::Journal(JournalError::Impossible(_)) => Exit::Bug,
            Error::Journal(_) => Exit::RecordUnusable,
            Error::Write { .. }
            | Error::Stream { .. }
            | Error::Comment(_)
            | Error::NotGone { .. }
            | Error::Http(HttpError::Client(_))
            | Error::Report(_)
            | Error::System { .. } => Exit::StepFailed,
        }
    }

    /// It has been reported already.
    pub fn is_silent(&self) -> bool {
        matches!(self, Error::PlanWrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Typed;
    use crate::journal::{FileAction, Locked};

    #[test]
    fn a_result_that_cannot_be_written_is_a_failure() {
        let full = Error::Stream { stream: "stdout", error: io::ErrorKind::StorageFull.into() };
        assert!(!full.is_silent());
        assert_eq!(full.exit(), Exit::StepFailed);
    }

    #[test]
    fn who_holds_a_lock_in_a_store_may_be_on_another_machine() {
        for (what, told) in [
            (Locked::Lease("s3://team/records/demo/default".to_owned()), true),
            (Locked::File("/home/me/.plan/demo/default/lock".into()), false),
            (Locked::File("/home/me/s3://records/demo/default/lock".into()), false),
        ] {
            let locked = Error::Journal(JournalError::Locked { what, owner: None });
            let hints = locked.hints(&Typed::default()).join("\n");
            assert_eq!(hints.contains("another machine"), told, "{hints}");
            assert_eq!(hints.contains("`plan state unlock --force`"), told, "{hints}");
            assert_eq!(hints.contains("do not remove its file"), !told, "{hints}");
        }
    }

    /// What replaces a record as a whole has sent no call, and leaves none under way.
    #[test]
    fn a_full_disk_is_told_by_what_was_to_be_written() {
        for (action, told) in
            [(FileAction::Write, "calls that were under way"), (FileAction::Replace, "the record is as it was")]
        {
            let full = io::ErrorKind::StorageFull.into();
            let error = Error::Journal(JournalError::io(action, Path::new("p"), full));
            let hints = error.hints(&Typed::default());
            assert_eq!(hints.len(), 2, "{hints:?}");
            assert!(hints[0].contains("the disk is full") && hints[1].contains(told), "{hints:?}");
        }
    }

    #[test]
    fn the_record_has_codes_of_its_own() {
        let locked = JournalError::Locked { what: Locked::File("p".into()), owner: None };
        assert_eq!(Error::Journal(locked).exit(), Exit::Locked);
        let damaged = JournalError::Damaged { path: "p".into(), line: 3, why: "torn".into() };
        let error = Error::Journal(damaged);
        assert_eq!(error.exit(), Exit::RecordUnusable);
        assert!(!error.hints(&Typed::default()).is_empty());
    }
}
