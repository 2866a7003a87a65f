//! `plan state pull` and `plan state push`: copy a record from a store to a file, and back.

use std::fs;
use std::sync::Arc;

use super::records::{self, find_record, no_record};
use super::{note, print_text, warn};
use crate::cli::{PullArguments, PushArguments};
use crate::clock::Clock;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::journal::{self, Checksum, Header, JournalError, Line, Status};
use crate::report::count;
use crate::store::lineage::{History, Relation, relation};
use crate::store::{EnvironmentRecord, Renewal};

/// `plan state pull`: copies a record to a file.
///
/// # Errors
///
/// When there is no record, it cannot be read, or the file exists.
pub(super) async fn pull(context: &Context, arguments: &PullArguments) -> Result<Exit, Error> {
    let record = find_record(context, arguments.file.as_deref(), &arguments.record).await?;
    let (to, is_stdout) = (context.resolve(&arguments.to), arguments.to.as_os_str() == "-");
    if !is_stdout && to.parent().is_some_and(|folder| !folder.is_dir()) {
        return Err(Error::usage(format!("`{}` is in no folder that exists", arguments.to.display()))
            .help("make its folder, or name another file"));
    }
    if !is_stdout && to.exists() {
        return Err(Error::usage(format!("`{}` is there already", arguments.to.display()))
            .help("name a new file: that one may be the only copy of a record"));
    }
    if let Some(owner) = record.holder().await?.and_then(|holder| holder.owner) {
        warn(context, &format!("in use by {owner}: what it records from now on is not in the file"))?;
    }
    let Some(history) = history(&record).await? else { return Err(no_record(&record).await?) };
    let checksum = Checksum::of(&history.status.header);
    let text: String = history.lines().map(|line| line.encode_for(checksum)).collect();
    if is_stdout {
        print_text(context, &context.secrets.redact(&text))?;
        return Ok(Exit::Done);
    }
    files::replace(&to, text.as_bytes()).map_err(|error| Error::write(&arguments.to, error))?;
    note(context, &format!("`{}` holds {}", arguments.to.display(), described(&record, &history.status)))?;
    Ok(Exit::Done)
}

/// `plan state push`: copies a record from a file.
///
/// # Errors
///
/// When the file is not a record, another process writes to the existing record, or one does not continue the other.
pub(super) async fn push(context: &Context, arguments: &PushArguments) -> Result<Exit, Error> {
    let brought = from_file(context, arguments)?;
    let Header { plan, environment, .. } = &brought.status.header;
    let named = crate::cli::plan_name(plan).and_then(|_| crate::cli::environment_name(environment));
    named.map_err(|why| Error::usage(format!("`{}` is of no plan: {why}", arguments.from.display())))?;
    let store = records::store(context, &arguments.state, None)?;
    let record = EnvironmentRecord::new(Arc::clone(&store), plan, environment);
    let there = match history(&record).await {
        // A damaged record is replaced only with `--force`.
        Err(Error::Journal(JournalError::Damaged { .. })) if arguments.force => None,
        read => Some(read?.unwrap_or_else(|| empty_history(plan, environment))),
    };
    match there.as_ref().map(|there| (relation(&brought, there), there)) {
        Some((Relation::Same, _)) => {
            note(context, &format!("`{}` has the same record already", record.place()))?;
            return Ok(Exit::Done);
        }
        Some((relation, there)) if !arguments.force => may_replace(&record, relation, &brought, there)?,
        _ => {}
    }
    let notice = |message: String| drop(note(context, &message));
    let clock = Clock::starting_at(context.now, 1.0);
    let owner = records::owner(context, "state push");
    let opening = crate::store::Opening { owner, patience: arguments.lock.lock_timeout, clock, notice: &notice };
    let over = there.as_ref().map(|there| &there.status).filter(|_| !arguments.force);
    let kept = record.renew(opening, Renewal { status: &brought.status, over }).await?;
    if let Some(kept) = kept {
        note(context, &format!("the replaced record is kept in `{kept}`"))?;
    }
    note(context, &format!("`{}` holds {}", record.place(), described(&record, &brought.status)))?;
    note(context, &format!("use this place from now on: `--state {}` or `PLAN_STATE`", store.name()))?;
    Ok(Exit::Done)
}

fn from_file(context: &Context, arguments: &PushArguments) -> Result<History, Error> {
    let path = &arguments.from;
    let bytes = fs::read(context.resolve(path)).map_err(|error| Error::read(path, error))?;
    let no_record = |why: String| {
        Error::usage(format!("`{}` is no record{why}", path.display())).help("name a file that `plan state pull` wrote")
    };
    let lines = journal::lines(path, &bytes).map_err(|error| match error {
        JournalError::Damaged { line: 1, why, .. } => no_record(format!(": {why}")),
        other => Error::Journal(other),
    })?;
    let history = History::of(lines).ok_or_else(|| no_record(String::new()))?;
    if bytes.last().is_some_and(|last| *last != b'\n') {
        let why = format!("`{}` was cut off: its last line has no end", path.display());
        return Err(Error::usage(why).help("copy the whole file again: what is missing would be on no record"));
    }
    if history.status.is_blank() {
        return Err(no_record(": no command has begun in it".to_owned()));
    }
    Ok(history)
}

async fn history(record: &EnvironmentRecord) -> Result<Option<History>, Error> {
    let lines: Vec<Line> = record.store.lines(&record.name).await?;
    Ok(History::of(lines))
}

fn empty_history(plan: &str, environment: &str) -> History {
    let header = journal::Record::Header(Header::new(plan, environment));
    History::of(vec![Line { n: 0, at: jiff::Timestamp::UNIX_EPOCH, record: header }])
        .expect("a header alone is a record")
}

fn described(record: &EnvironmentRecord, status: &Status) -> String {
    let lines = count(usize::try_from(status.lines).unwrap_or(usize::MAX), "line");
    let instances = count(status.instances.len(), "instance");
    format!("the record of plan `{}`, environment `{}`: {lines}, {instances}", record.plan(), record.environment())
}

fn may_replace(
    record: &EnvironmentRecord,
    relation: Relation,
    brought: &History,
    there: &History,
) -> Result<(), Error> {
    let (ours, theirs) = (brought.status.lines, there.status.lines);
    let why = match relation {
        Relation::NothingThere | Relation::Newer | Relation::Same => return Ok(()),
        Relation::Older => format!("it is older than the record in the store: {ours} lines here, {theirs} there"),
        Relation::Diverged => {
            format!("both were changed since they were copied from each other: {ours} lines here, {theirs} there")
        }
        Relation::Undetermined => {
            format!(
                "the lines that would tell which of the two is newer are not kept: {ours} lines here, {theirs} there"
            )
        }
        Relation::Another => "the store holds another record, with another history".to_owned(),
    };
    let message = format!("the record cannot take the place of `{}`: {why}", record.place());
    Err(Error::usage(message)
        .help("look at both with `plan state list`, and save the store's record with `plan state pull` first")
        .help("`--force` puts it there: resources that only the other record names are no longer managed, and are not deleted"))
}
