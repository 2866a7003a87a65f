//! What to do about an error: the lines below its message.

use std::io;
use std::path::Path;

use super::{Changed, Error};
use crate::api::{HttpError, Meaning, ReadError};
use crate::cli::{Typed, is_yaml};
use crate::journal::{FileAction, JournalError, Locked};

const ANOTHER_RECORD: &str = "if another record has the same name, use another environment, or name the place of that one with \
                              `--state`";
const MAKE_A_TOKEN: &str = "make a permanent API token at https://portal.gcore.com: Profile, API tokens";
const EXPORT_THE_KEY: &str = "then `export GCORE_API_KEY='…'` (single quotes: it holds a `$`), or name a command that prints \
                              it with `--api-key-command`";
const KEY_COMMAND: &str = "the command must exit 0 and print the key, and nothing else, to stdout";
const KEY: &str = "check `GCORE_API_KEY`: the token alone, on one line, without the word `APIKey`";
const BASE_URL: &str = "correct `--base-url` or `GCORE_BASE_URL`, or leave them out for `https://api.gcore.com`";
const AUTHORITIES: &str = "name a file with the certificates of the authorities to trust, as PEM";
const NEWER: &str = "nothing is wrong with it: use the `plan` that wrote it, or a later one";
const TAKEN_AWAY: &str = "no further call was sent; another command, a cleaning (`git clean`, a checkout) or a copy changed \
                          it: keep it where none of them does, and never remove its lock file, which is free once its \
                          process has ended";
const RENAMED_FOLDER: &str = "if its folder was renamed, give it its name again, or copy the record to its place with \
                              `plan state pull` and `plan state push`";
const LEASE_LOST: &str =
    "nothing was sent since; run again when the other run has ended: it continues where both stopped";
const STORE_UNREACHABLE: &str = "run again on this machine when the store is back and the credentials are valid: the outcomes that are kept \
                    here are written to it first; when this machine ends with its job, run again elsewhere: that run \
                    looks for the outcome of each call that was begun";
const STORE: &str = "check the address, the credentials in the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`) and what they \
                     may do";
const UNFIT: &str = "records need a store that lets only one of several writers create an object; name another with \
                     `--state`, see docs/state.md";
const FOREIGN: &str = "nothing was done with it: a record comes from your own runs, not with a checkout; name yours with \
                       `--state FOLDER`";
const IMPOSSIBLE: &str = "please report this; what is on record is untouched, and running again is safe";
const NO_RECORD_FILE: &str =
    "a record is a file of its own, so nothing was read or done: name another place with `--state`";
const READ_ONLY: &str = "its file system is read-only: make it writable; `plan state pull` and `plan state push` move a \
                         record to another place, where `--state` names it";
const UNREACHABLE: &str = "check that the API can be reached from here: `GCORE_BASE_URL`, a proxy (`HTTPS_PROXY`), the \
                           network; `--ca-file FILE` trusts a further authority";

impl Error {
    /// What to do next, one line each. `typed`: what the command was given, which the next one repeats.
    pub fn hints(&self, typed: &Typed) -> Vec<String> {
        match self {
            Error::Usage { help, .. } => help.clone(),
            Error::RecordEmpty { teardown, .. } => {
                let recover = typed.with_plan("state recover", &[]);
                let then = match teardown {
                    true => "then destroy again: with an empty record nothing of it would be removed",
                    false => "to create everything a second time, use another environment",
                };
                vec![
                    format!("name the place of the record with `--state`, or recover it: `{recover}`"),
                    then.to_owned(),
                ]
            }
            Error::RecordOlder { teardown, .. } => {
                let recover = typed.with_plan("state recover", &[]);
                let then = if *teardown { ", then destroy again" } else { "" };
                vec![
                    format!("if an older copy of the record was put back, recover what it lacks: `{recover}`{then}"),
                    ANOTHER_RECORD.to_owned(),
                ]
            }
            Error::NotGone { .. } => vec![format!(
                "run again; if the record has it as gone since before, put it back on record: `{}`",
                typed.with_plan("state recover", &[])
            )],
            Error::ChangedSincePreview { what } => one(match what {
                Changed::Input(_) => {
                    "give the same `--set`, `--inputs` and environment file as to the preview, or look again: `plan preview FILE --out FILE`"
                }
                _ => "look again: `plan preview FILE --out FILE`",
            }),
            Error::NoKey { plan } => no_key(plan.as_deref()),
            Error::KeyCommand(_) => one(KEY_COMMAND),
            Error::Http(HttpError::Key(_)) => one(KEY),
            Error::Http(HttpError::BaseUrl(..)) => one(BASE_URL),
            Error::Http(HttpError::Authorities(_)) => one(AUTHORITIES),
            Error::Api { error, .. } => {
                let hidden = matches!(error, ReadError::Refused(refusal) if refusal.withheld);
                let shown = hidden.then_some("`plan tasks --errors` and `plan wait --errors` show the API's message");
                [read_hint(error)].into_iter().chain(shown).map(str::to_owned).collect()
            }
            Error::NotInTime { .. } => one("run it again later, or with a longer `--timeout`"),
            Error::Journal(error) => journal_hints(error, typed),
            Error::Write { error, .. } => match error.kind() {
                io::ErrorKind::NotFound => one("its folder does not exist: make it, or name another"),
                io::ErrorKind::AlreadyExists => one("a file is there already: name another place"),
                _ => io_hints(error),
            },
            Error::Read { path, error } if error.kind() == io::ErrorKind::NotFound && is_yaml(path) => {
                one("paths are looked up from the current folder; `plan init` writes a plan to start from")
            }
            Error::Read { error, .. } | Error::System { error, .. } => io_hints(error),
            Error::PlanWrong
            | Error::Stream { .. }
            | Error::Comment(_)
            | Error::Http(HttpError::Client(_))
            | Error::Catalog(_)
            | Error::Report(_) => Vec::new(),
        }
    }
}

fn one(hint: &str) -> Vec<String> {
    vec![hint.to_owned()]
}

/// `plan`: the file that was to be run.
fn no_key(plan: Option<&Path>) -> Vec<String> {
    let rehearse = match plan {
        Some(file) => format!("to try the plan without an account: `plan rehearse {}`", file.display()),
        None => "to try it without an account: `plan simulate` serves a simulated API".to_owned(),
    };
    vec![MAKE_A_TOKEN.to_owned(), EXPORT_THE_KEY.to_owned(), rehearse]
}

fn journal_hints(error: &JournalError, typed: &Typed) -> Vec<String> {
    match error {
        JournalError::Locked { what, .. } => lock_hints(what, typed),
        JournalError::Damaged { .. } => {
            let salvage = typed.with_plan("state salvage", &[]);
            vec![format!("`{salvage}` keeps a copy and what can be read of it, and looks for the rest in the account")]
        }
        JournalError::Newer { .. } => one(NEWER),
        JournalError::TakenAway { .. } => {
            let recover = typed.with_plan("state recover", &[]);
            vec![
                TAKEN_AWAY.to_owned(),
                format!("put the record back if there is a copy of it; otherwise `{recover}` finds what exists"),
            ]
        }
        JournalError::Misplaced { plan, environment, .. } => vec![
            format!(
                "a copy is no record of its own: keep it outside of the folder of records; the record itself: `--plan \
                 {plan} --environment {environment}`"
            ),
            RENAMED_FOLDER.to_owned(),
        ],
        JournalError::LeaseLost { .. } => one(LEASE_LOST),
        JournalError::Unreachable { .. } => one(STORE_UNREACHABLE),
        JournalError::Store { .. } => one(STORE),
        JournalError::Unfit { .. } => one(UNFIT),
        JournalError::Foreign { .. } => one(FOREIGN),
        JournalError::Impossible(_) => one(IMPOSSIBLE),
        JournalError::Io { action, error, .. } => record_file_hints(*action, error, typed),
        JournalError::Closed(_) => Vec::new(),
    }
}

fn lock_hints(what: &Locked, typed: &Typed) -> Vec<String> {
    match what {
        Locked::Lease(_) => {
            let unlock = typed.with_record("state unlock", &["--force".to_owned()]);
            vec![
                "wait for it with `--lock-timeout 10m`, or end that process, which may be on another machine"
                    .to_owned(),
                format!("when it was killed: the lock expires a minute later, or at once with `{unlock}`"),
            ]
        }
        Locked::File(_) => vec![
            "wait for it with `--lock-timeout 10m`, or end that process".to_owned(),
            "the lock ends with that process: do not remove its file".to_owned(),
        ],
    }
}

/// What helps when a file of a record cannot be read or written.
fn record_file_hints(action: FileAction, error: &io::Error, typed: &Typed) -> Vec<String> {
    match error.kind() {
        io::ErrorKind::InvalidInput => one(NO_RECORD_FILE),
        io::ErrorKind::ReadOnlyFilesystem => one(READ_ONLY),
        // The disk is full, or a limit is reached. A command that replaces the record as a whole sends no call.
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
            if action == FileAction::Replace =>
        {
            io_hints(error).into_iter().chain(["the record is as it was".to_owned()]).collect()
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            let status = typed.with_record("status", &[]);
            let under_way = format!(
                "no further call was sent; `{status}` shows what is on record, and the same command goes on from there: it \
                 resolves the outcome of calls that were under way"
            );
            io_hints(error).into_iter().chain([under_way]).collect()
        }
        _ => io_hints(error),
    }
}

/// What helps against a read that failed.
fn read_hint(error: &ReadError) -> &'static str {
    let ReadError::Refused(refusal) = error else { return UNREACHABLE };
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

/// A hint for an I/O error of a file or address, if there is one.
fn io_hints(error: &io::Error) -> Vec<String> {
    one(match error.kind() {
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
        _ => return Vec::new(),
    })
}
