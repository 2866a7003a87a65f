//! Errors that end a command, with their exit codes.
//!
//! There are three kinds of errors: findings about a plan ([`Diagnostic`](crate::diagnostic::Diagnostic)), failures
//! of a step ([`StepError`](crate::event::StepError)), and these.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::api::{HttpError, Meaning, ReadError};
use crate::catalog::CatalogError;
use crate::cli::Typed;
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
    /// The account has resources of this environment that were made after the last line of the record, without it.
    #[error(
        "the record ends at {updated:.0}, but the account holds {found} of {plan}/{environment} that were made later, and that \
         it does not have: nothing was done"
    )]
    RecordOlder { found: String, plan: String, environment: String, updated: Timestamp },
    /// The plan has errors, which have been reported.
    #[error("the plan is wrong")]
    PlanWrong,
    /// A file that the user named cannot be read.
    #[error("cannot read `{}`: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    /// A result cannot be written.
    #[error("cannot write `{}`: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
    /// stdout or stderr cannot be written.
    #[error("cannot write to {stream}: {error}")]
    Stream { stream: &'static str, error: io::Error },
    #[error("{what} changed since the preview: nothing was done")]
    Moved { what: String },
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
            // The reader closed the pipe, as in `plan status | head`.
            Error::Stream { error, .. } if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Error::Usage { .. }
            | Error::Read { .. }
            | Error::Catalog(_)
            | Error::Http(HttpError::BaseUrl(..) | HttpError::Authorities(_)) => Exit::Usage,
            Error::PlanWrong | Error::Moved { .. } => Exit::PlanWrong,
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
            | Error::Http(HttpError::Client(_))
            | Error::Report(_)
            | Error::System { .. } => Exit::StepFailed,
        }
    }

    /// What to do next, one line each. `typed`: what the command was given, which the next one repeats.
    pub fn hints(&self, typed: &Typed) -> Vec<String> {
        match self {
            Error::Usage { help, .. } => help.clone(),
            Error::RecordEmpty { teardown, .. } => vec![
                format!("name the place of the record with `--state`, or recover it: `{}`", typed.with_plan("state recover", &[])),
                match teardown {
                    true => "then destroy again: with an empty record nothing of it would be removed",
                    false => "to create everything a second time, use another environment",
                }
                .to_owned(),
            ],
            Error::RecordOlder { .. } => vec![
                format!("if an older copy of the record was put back, recover what it lacks: `{}`", typed.with_plan("state recover", &[])),
                "if another record has the same name, use another environment, or name the place of that one with `--state`".to_owned(),
            ],
            Error::Moved { what } => {
                let again = "look again: `plan preview FILE --out FILE`";
                let is_given = what.starts_with("input ") || what.starts_with("secret ");
                vec![if is_given { format!("give the same `--set` and `--inputs` as to the preview, or {again}") } else { again.to_owned() }]
            }
            Error::NoKey { plan } => vec![
                "make a permanent API token at https://portal.gcore.com: Profile, API tokens".to_owned(),
                "then `export GCORE_API_KEY='…'` (single quotes: it holds a `$`), or name a command that prints it with \
                 `--api-key-command`"
                    .to_owned(),
                match plan {
                    Some(file) => format!("to try the plan without an account: `plan rehearse {}`", file.display()),
                    None => "to try it without an account: `plan simulate` serves a simulated API".to_owned(),
                },
            ],
            Error::KeyCommand(_) => {
                vec!["the command must exit 0 and print the key, and nothing else, to stdout".to_owned()]
            }
            Error::Http(HttpError::Key(_)) => {
                vec!["check `GCORE_API_KEY`: the token alone, on one line, without the word `APIKey`".to_owned()]
            }
            Error::Http(HttpError::BaseUrl(..)) => {
                vec!["correct `--base-url` or `GCORE_BASE_URL`, or leave them out for `https://api.gcore.com`".to_owned()]
            }
            Error::Http(HttpError::Authorities(_)) => {
                vec!["name a file with the certificates of the authorities to trust, as PEM".to_owned()]
            }
            Error::Api { error, .. } => {
                let hidden = matches!(error, ReadError::Refused(refusal) if refusal.withheld);
                let shown = hidden.then_some("`plan tasks --errors` and `plan wait --errors` show the API's message");
                [read_hint(error)].into_iter().chain(shown).map(str::to_owned).collect()
            }
            Error::NotInTime { .. } => vec!["run it again later, or with a longer `--timeout`".to_owned()],
            Error::Journal(JournalError::Locked { path, .. }) if path.to_string_lossy().contains("://") => vec![
                "wait for it with `--lock-timeout 10m`, or end that process, which may be on another machine".to_owned(),
                format!(
                    "when it has ended without a word: the lock expires a minute later, or at once with `{}`",
                    typed.with_record("state unlock", &["--force".to_owned()])
                ),
            ],
            Error::Journal(JournalError::Locked { path, .. }) => {
                let wait = "wait for it with `--lock-timeout 10m`, or end that process";
                // In a folder the path is that of a file.
                let keep = path.ends_with("lock").then_some("the lock ends with that process: do not remove its file");
                std::iter::once(wait).chain(keep).map(str::to_owned).collect()
            }
            Error::Journal(JournalError::Damaged { .. }) => vec![
                format!(
                    "`{}` keeps a copy and what can be read of it, and looks for the rest in the account",
                    typed.with_plan("state salvage", &[])
                ),
            ],
            Error::Journal(JournalError::Newer { .. }) => {
                vec!["nothing is wrong with it: use the `plan` that wrote it, or a later one".to_owned()]
            }
            Error::Journal(JournalError::TakenAway { .. }) => vec![
                "no further call was sent; another command, a cleaning (`git clean`, a checkout) or a copy changed it: keep it \
                 where none of them does, and never remove its lock file, which is free once its process has ended"
                    .to_owned(),
                format!(
                    "put the record back if there is a copy of it; otherwise `{}` finds what exists",
                    typed.with_plan("state recover", &[])
                ),
            ],
            Error::Journal(JournalError::Misplaced { plan, environment, .. }) => vec![
                format!(
                    "a copy is no record of its own: keep it outside of the folder of records; the record itself: `--plan \
                     {plan} --environment {environment}`"
                ),
                "if its folder was renamed, give it its name again, or copy the record to its place with `plan state pull` and \
                 `plan state push`"
                    .to_owned(),
            ],
            Error::Journal(JournalError::LeaseLost { .. }) => vec![
                "nothing was sent since; run again when the other run has ended: it continues where both stopped"
                    .to_owned(),
            ],
            Error::Journal(JournalError::Away { .. }) => vec![
                "run again on this machine when the store is back: what is kept here is handed in first".to_owned(),
            ],
            Error::Journal(JournalError::Store { .. }) => vec![
                "check the address, the credentials in the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`) and what they may do"
                    .to_owned(),
            ],
            Error::Journal(JournalError::Unfit { .. }) => vec![
                "records need a store where of several that create one object only one succeeds; name another with \
                 `--state`, see docs/state.md"
                    .to_owned(),
            ],
            Error::Journal(JournalError::Foreign { .. }) => vec![
                "nothing was done with it: a record comes from your own runs, not with a checkout; name yours with \
                 `--state FOLDER`"
                    .to_owned(),
            ],
            Error::Journal(JournalError::Impossible(_)) => {
                vec!["please report this; what is on record is untouched, and running again is safe".to_owned()]
            }
            Error::Write { error, .. } if error.kind() == io::ErrorKind::NotFound => {
                vec!["its folder does not exist: make it, or name another".to_owned()]
            }
            Error::Write { error, .. } if error.kind() == io::ErrorKind::AlreadyExists => {
                vec!["a file is there already: name another place".to_owned()]
            }
            Error::Read { path, error } if error.kind() == io::ErrorKind::NotFound && is_yaml(path) => {
                vec!["paths are looked up from the current folder; `plan init` writes a plan to start from".to_owned()]
            }
            Error::Read { error, .. } | Error::Write { error, .. } | Error::System { error, .. } => io_hint(error).into_iter().collect(),
            Error::Journal(JournalError::Io { error, .. }) if error.kind() == io::ErrorKind::InvalidInput => {
                vec!["a record is a file of its own, so nothing was read or done: name another place with `--state`".to_owned()]
            }
            Error::Journal(JournalError::Io { error, .. }) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
                vec!["its file system is read-only: make it writable; `plan state pull` and `plan state push` move a record to \
                      another place, where `--state` names it"
                    .to_owned()]
            }
            // As a whole, by a command that sends no call.
            Error::Journal(JournalError::Io { action: "replace", error, .. }) if is_full(error) => {
                io_hint(error).into_iter().chain(["what was there is as it was".to_owned()]).collect()
            }
            Error::Journal(JournalError::Io { error, .. }) if is_full(error) => {
                let under_way = format!(
                    "no further call was sent; `{}` shows what is on record, and the same command goes on from there: it \
                     resolves the outcome of calls that were under way",
                    typed.with_record("status", &[])
                );
                io_hint(error).into_iter().chain([under_way]).collect()
            }
            Error::Journal(JournalError::Io { error, .. }) => io_hint(error).into_iter().collect(),
            Error::PlanWrong
            | Error::Stream { .. }
            | Error::Comment(_)
            | Error::Http(HttpError::Client(_))
            | Error::Journal(JournalError::Closed(_))
            | Error::Catalog(_)
            | Error::Report(_) => Vec::new(),
        }
    }

    /// It has been reported already, or cannot be reported.
    pub fn is_silent(&self) -> bool {
        match self {
            Error::PlanWrong => true,
            Error::Stream { error, .. } => error.kind() == io::ErrorKind::BrokenPipe,
            _ => false,
        }
    }
}

/// What helps against a read that failed.
fn read_hint(error: &ReadError) -> &'static str {
    let ReadError::Refused(refusal) = error else {
        return "check that the API can be reached from here: `GCORE_BASE_URL`, a proxy (`HTTPS_PROXY`), the network; `--ca-file \
                FILE` trusts a further authority";
    };
    match refusal.meaning() {
        _ if refusal.is_foreign() || (300..400).contains(&refusal.status) => {
            "a proxy or another server seems to have answered: check `GCORE_BASE_URL` and `HTTPS_PROXY`"
        }
        Meaning::NotAllowed => "check `GCORE_API_KEY` and its role in the project",
        Meaning::NotFound => "check `--project-id`, `--region-id` and the ids that were named",
        Meaning::RateLimited | Meaning::Unavailable | Meaning::Locked | Meaning::Unknown => "try again later",
        Meaning::Rejected | Meaning::Conflict | Meaning::Quota => {
            "check the options and ids that were given; `-vv` shows the request and the whole answer"
        }
    }
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Whether nothing more fits: into the disk, or below a limit.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// A hint for an I/O error of a file or address.
fn io_hint(error: &io::Error) -> Option<String> {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "paths are looked up from the current folder",
        io::ErrorKind::AddrInUse => {
            "another program listens there: name another port, or `127.0.0.1:0` for any free one"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: `127.0.0.1:0` is this machine, any free port"
        }
        io::ErrorKind::IsADirectory => "it is a folder: name a file in it",
        io::ErrorKind::NotADirectory => "a part of the path is a file and not a folder: name another place",
        io::ErrorKind::PermissionDenied => {
            "this user has no permission: check the owner and mode of the file and its folder"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full: make room, and run again",
        io::ErrorKind::ReadOnlyFilesystem => "its file system is read-only: name another place",
        io::ErrorKind::FileTooLarge => {
            "a limit of the file system or the shell (`ulimit -f`): raise it, or name another place"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let gone = Error::Stream { stream: "stdout", error: io::ErrorKind::BrokenPipe.into() };
        assert!(gone.is_silent());
        assert_eq!(gone.exit(), Exit::Done);
        let full = Error::Stream { stream: "stdout", error: io::ErrorKind::StorageFull.into() };
        assert!(!full.is_silent());
        assert_eq!(full.exit(), Exit::StepFailed);
    }

    #[test]
    fn who_holds_a_lock_in_a_store_may_be_on_another_machine() {
        for (path, told) in [("s3://team/records/demo/default", true), ("/home/me/.plan/demo/default/lock", false)] {
            let locked = Error::Journal(JournalError::Locked { path: path.into(), owner: None });
            let hints = locked.hints(&Typed::default()).join("\n");
            assert_eq!(hints.contains("another machine"), told, "{hints}");
            assert_eq!(hints.contains("`plan state unlock --force`"), told, "{hints}");
        }
    }

    /// What replaces a record as a whole has sent no call, and leaves none under way.
    #[test]
    fn a_full_disk_is_told_by_what_was_to_be_written() {
        for (action, told) in [("write", "calls that were under way"), ("replace", "what was there is as it was")] {
            let full = io::ErrorKind::StorageFull.into();
            let error = Error::Journal(JournalError::io(action, Path::new("p"), full));
            let hints = error.hints(&Typed::default());
            assert_eq!(hints.len(), 2, "{hints:?}");
            assert!(hints[0].contains("the disk is full") && hints[1].contains(told), "{hints:?}");
        }
    }

    #[test]
    fn the_record_has_codes_of_its_own() {
        let locked = JournalError::Locked { path: "p".into(), owner: None };
        assert_eq!(Error::Journal(locked).exit(), Exit::Locked);
        let damaged = JournalError::Damaged { path: "p".into(), line: 3, why: "torn".into() };
        let error = Error::Journal(damaged);
        assert_eq!(error.exit(), Exit::RecordUnusable);
        assert!(!error.hints(&Typed::default()).is_empty());
    }
}
