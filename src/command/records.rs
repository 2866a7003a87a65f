//! Finds the store and the record that a command works on.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};

use crate::cli::{RecordOptions, StateOptions};
use crate::clock::Clock;
use crate::command::load::read_source;
use crate::command::shell_words::record_flags;
use crate::command::state_place::{self, Durability};
use crate::command::{environment_name, findings, note, preview_file, warn};
use crate::context::Context;
use crate::engine::OtherRecords;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::journal::{Journal, JournalError, RecordWriter, Status};
use crate::plan::Plan;
use crate::report::{MOST_NAMES, count, list, sanitize};
use crate::source::folder_of;
use crate::store::folder::StateFolder;
use crate::store::objects;
use crate::store::{AnyStore, EnvironmentRecord, Opened, Opening};
use crate::yaml;

/// The spool folder for an unreachable object store, next to the plan or in the current folder.
const SPOOL: &str = ".plan/.spool";
const ADDRESSES: &str = "name a bucket and a prefix, as in `s3://BUCKET/PREFIX`, `gs://…`, `az://CONTAINER/…`; credentials, \
     region and endpoint come from the environment, see docs/state.md";
/// Records that are read concurrently.
const READ_AT_ONCE: usize = 8;

/// The store of records: `--state`, else `PLAN_STATE`, else the default of `state_place`.
///
/// # Errors
///
/// When it is an invalid address.
pub fn store(context: &Context, options: &StateOptions, file: Option<&Path>) -> Result<AnyStore, Error> {
    let beside = file.map(|file| context.resolve(folder_of(file)));
    let beside = beside.unwrap_or_else(|| context.folder.clone());
    let Some(named) = named(context, options) else {
        return Ok(Arc::new(StateFolder::new(state_place::default_folder(&context.environment, &beside))));
    };
    let address = named.to_string_lossy();
    if address == state_place::EPHEMERAL {
        // However the folder is named, its records are in one place.
        let beside = beside.canonicalize().unwrap_or(beside);
        let folder = state_place::for_the_job(&context.environment, &beside);
        if !state_place::is_of_job(&context.environment) {
            files::make_own_folder(&folder).map_err(|error| not_ours(&folder, &error))?;
        }
        return Ok(Arc::new(StateFolder::new(folder)));
    }
    if !address.contains("://") {
        if let Some(meant) = state_place::misspelt_address(&address) {
            let message = format!("`{address}` is no address of a store: two slashes follow its scheme and a colon");
            return Err(Error::usage(message)
                .help(format!("write `{meant}`; {ADDRESSES}"))
                .help(format!("a folder of this name is written `./{address}`")));
        }
        return Ok(Arc::new(StateFolder::new(context.resolve(named))));
    }
    let records = objects::connect(&address, &context.store_variables(), beside.join(SPOOL));
    let records = records.map_err(|why| Error::usage(format!("`{address}` cannot be used: {why}")).help(ADDRESSES))?;
    Ok(records)
}

fn not_ours(folder: &Path, error: &io::Error) -> Error {
    Error::usage(format!("`{}` cannot hold records: {error}", folder.display())).help(
        "the folder for temporary files is shared: remove that folder when it is yours, or name another place \
         with `--state FOLDER`",
    )
}

fn named<'c>(context: &'c Context, options: &'c StateOptions) -> Option<&'c PathBuf> {
    options.state.as_ref().or(context.environment.state.as_ref())
}

/// Refuses a first record in a place that will be deleted before its resources, and warns about uncertain places.
///
/// # Errors
///
/// On a hosted runner, unless the user has accepted that.
pub fn guard_place(context: &Context, options: &StateOptions, store: &AnyStore) -> Result<(), Error> {
    let Some(folder) = store.folder() else { return Ok(()) };
    let accepted = named(context, options).is_some_and(|named| named.as_os_str() == state_place::EPHEMERAL);
    let work_tree = folder.ancestors().find(|folder| folder.join(".git").exists());
    match state_place::durability(&context.environment, folder, accepted, !folder.exists(), work_tree) {
        Durability::Lasts => Ok(()),
        Durability::Warned(words) => warn(context, &words),
        Durability::Lost => {
            let message =
                "the record would be gone with this runner's disk, and the next run would make everything again";
            Err(Error::usage(message)
                .help(
                    "keep it in an object store: `--state s3://BUCKET/PREFIX` (also `gs://`, `az://`), or `PLAN_STATE`",
                )
                .help("or take everything down at the end of the job: `teardown: always` of the action")
                .help("or say that this is meant: `--state ephemeral`"))
        }
    }
}

/// Whether a record ends with the job that writes it, so that another job has another one.
pub fn is_for_the_job(context: &Context, options: &StateOptions, store: &AnyStore) -> bool {
    let is_accepted = named(context, options).is_some_and(|named| named.as_os_str() == state_place::EPHEMERAL);
    let is_hosted = context.environment.github.as_ref().is_some_and(|job| job.hosted);
    store.folder().is_some() && (is_accepted || is_hosted)
}

/// The store, for commands that need existing records.
///
/// # Errors
///
/// When the store does not exist.
pub async fn existing_store(context: &Context, options: &StateOptions, file: Option<&Path>) -> Result<AnyStore, Error> {
    let store = store(context, options, file)?;
    if store.exists().await? {
        return Ok(store);
    }
    Err(no_store(&store))
}

fn no_store(store: &AnyStore) -> Error {
    let (what, help) = match store.folder() {
        Some(_) => (
            "folder",
            "nothing was run here yet, or the records are elsewhere: name their folder with `--state FOLDER`, or the plan file \
             that it is beside",
        ),
        None => ("store", "check the address; `plan state init ADDRESS` makes a store there"),
    };
    Error::usage(format!("there is no {what} of records at `{}`", store.name())).help(help)
}

/// The record that is named by file or name, or is the only one.
///
/// # Errors
///
/// When no record or several match, the plan file has no name, or the store does not exist.
pub async fn find_record(
    context: &Context,
    file: Option<&Path>,
    options: &RecordOptions,
) -> Result<EnvironmentRecord, Error> {
    let shown = of_preview(context, file, options)?;
    let (file, options) = shown.as_ref().map_or((file, options), |(plan, options)| (Some(plan.as_path()), options));
    let store = store(context, &options.state, file)?;
    let environment = environment_name(context, options.environment.as_deref())?;
    let torn_down = context.environment.github.as_ref().and_then(|github| github.teardown_plan.as_ref());
    let plan = match (options.plan.as_ref().or(torn_down), file) {
        (Some(plan), _) => plan.clone(),
        (None, Some(file)) => match plan_name(context, file) {
            Ok(name) => name,
            Err(error) => recorded_as(&store, file, &environment).await?.ok_or(error)?,
        },
        (None, None) => only_plan(&store).await?,
    };
    Ok(EnvironmentRecord::new(store, &plan, &environment))
}

/// When the file is one of `plan preview --out`: the plan, environment and place of records that it stands for.
///
/// # Errors
///
/// When it is damaged, or another environment or place is named beside it.
pub fn of_preview(
    context: &Context,
    file: Option<&Path>,
    options: &RecordOptions,
) -> Result<Option<(PathBuf, RecordOptions)>, Error> {
    let shown = file.map(|file| preview_file::read(context, file)).transpose()?.flatten();
    shown.map(|shown| Ok((shown.asked.plan.clone(), shown.record_options(context, options)?))).transpose()
}

/// Whether no plan has a record of this environment.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn has_no_record(context: &Context, file: Option<&Path>, options: &RecordOptions) -> Result<bool, Error> {
    let store = store(context, &options.state, file)?;
    let environment = environment_name(context, options.environment.as_deref())?;
    Ok(!store.environments().await?.iter().any(|name| name.environment == environment))
}

/// The name in a plan file, even when the rest of it is invalid, so that its record can be found.
pub(super) fn plan_name(context: &Context, file: &Path) -> Result<String, Error> {
    let source = read_source(context, file)?;
    let parsed = yaml::parse(source.text());
    let name = parsed.root.as_ref().and_then(|root| root.get("name")).and_then(|name| name.as_str());
    let name = name.filter(|name| crate::cli::plan_name(name.trim_start_matches('-')).is_ok());
    name.map(str::to_owned).ok_or_else(|| {
        Error::usage(format!("`{}` tells no name of a plan", file.display()))
            .help("say which record is meant with `--plan NAME`")
    })
}

/// The plan whose only record of that environment was made from this file, which may be gone.
async fn recorded_as(store: &AnyStore, file: &Path, environment: &str) -> Result<Option<String>, Error> {
    let shown = file.display().to_string();
    let mut found = Vec::new();
    for name in store.environments().await?.into_iter().filter(|name| name.environment == environment) {
        let status = match store.read(&name).await {
            Err(JournalError::Misplaced { .. }) => continue,
            read => read?,
        };
        let started = status.and_then(|status| status.started);
        if started.is_some_and(|(_, started)| started.file.as_deref() == Some(&shown)) {
            found.push(name.plan);
        }
    }
    Ok(if found.len() == 1 { found.pop() } else { None })
}

async fn only_plan(store: &AnyStore) -> Result<String, Error> {
    if !store.exists().await? {
        return Err(no_store(store));
    }
    let mut plans: Vec<String> = store.environments().await?.into_iter().map(|name| name.plan).collect();
    plans.dedup();
    match &plans[..] {
        [only] => Ok(only.clone()),
        [] => Err(Error::usage(format!("there are no records in `{}`", store.name()))
            .help("name the plan file, or another place of records with `--state`")),
        several => Err(Error::usage(format!("`{}` holds records of several plans", store.name()))
            .help(format!("name the plan file, or say which with `--plan NAME`: {}", list(several, MOST_NAMES)))),
    }
}

/// The status of a record.
///
/// # Errors
///
/// When there is none, naming existing ones; or when it cannot be read.
pub(super) async fn read(record: &EnvironmentRecord) -> Result<Status, Error> {
    match record.read().await? {
        Some(status) => Ok(status),
        None => Err(no_record(record).await?),
    }
}

/// The error for a missing record, naming existing ones.
pub(super) async fn no_record(record: &EnvironmentRecord) -> Result<Error, Error> {
    let store = &record.store;
    if !store.exists().await? {
        return Ok(no_store(store));
    }
    let names = store.environments().await?.into_iter();
    let others: Vec<String> =
        names.filter(|name| name.plan == record.plan() && *name != record.name).map(|name| name.environment).collect();
    let message = format!("environment `{}` of plan `{}` has no record", record.environment(), record.plan());
    Ok(Error::usage(message).help(match others.is_empty() {
        true => format!("records are looked for in `{}`: name another place with `--state`", store.name()),
        false => format!("there are records of {}: say which with `--environment NAME`", list(others, MOST_NAMES)),
    }))
}

/// Opens a record for writing, with messages about what is waited for.
///
/// # Errors
///
/// When another process holds it, or it cannot be read or written.
pub(super) async fn take(
    context: &Context,
    record: &EnvironmentRecord,
    command: &str,
    patience: Duration,
    clock: Clock,
) -> Result<Opened, Error> {
    let notice = |message: String| {
        // When stderr is closed, the command itself will fail.
        let _ = note(context, &message);
    };
    let opening = Opening { owner: owner(context, command), patience, clock, notice: &notice };
    Ok(record.open(opening).await?)
}

/// Waits until no other process holds a record.
///
/// # Errors
///
/// As for [`take`].
pub(super) async fn wait_for_holder(
    context: &Context,
    record: &EnvironmentRecord,
    command: &str,
    patience: Duration,
) -> Result<(), Error> {
    let clock = Clock::starting_at(context.now, 1.0);
    let Opened { sink, status, next } = take(context, record, command, patience, clock).await?;
    // A lock is free once it is dropped; a lease is given back.
    if sink.terms().is_some() {
        Journal::start_boxed(sink, status, next, clock).close().await?;
    }
    Ok(())
}

/// Opens a record for a manual change.
///
/// # Errors
///
/// As for [`take`].
pub(super) async fn open(
    context: &Context,
    record: &EnvironmentRecord,
    command: &str,
    patience: Duration,
) -> Result<Journal, Error> {
    let clock = Clock::starting_at(context.now, 1.0);
    let opened = take(context, record, command, patience, clock).await?;
    Ok(Journal::start_boxed(opened.sink, opened.status, opened.next, clock).hiding(context.secrets.clone()))
}

/// The other records of the same store, without those that cannot be read. In a folder they are read each time; in an
/// object store once, here, because a step must not wait for it.
pub(super) async fn other_records(record: &EnvironmentRecord) -> OtherRecords {
    let own = record.clone();
    if own.store.folder().is_some() {
        // A folder is read without waiting.
        return Arc::new(move || others_of(own.clone()).now_or_never().unwrap_or_default());
    }
    let others = others_of(own).await;
    Arc::new(move || others.clone())
}

/// Before a first record: warns when a plan of another name has made the same steps of the same file in this
/// environment. The name in its file was changed, and a run makes everything a second time.
///
/// # Errors
///
/// When stderr cannot be written.
pub(super) async fn warn_of_former(
    context: &Context,
    record: &EnvironmentRecord,
    plan: &Plan,
    file: &Path,
) -> Result<(), Error> {
    // Different projects keep plans of one file name in an object store.
    let is_folder = record.store.folder().is_some();
    let names = record.store.environments().await.unwrap_or_default();
    for name in names.into_iter().filter(|name| name.environment == record.environment() && *name != record.name) {
        let former = EnvironmentRecord { store: record.store.clone(), name };
        let Ok(Some(status)) = former.read().await else { continue };
        let typed = status.started.as_ref().and_then(|(_, started)| started.file.as_deref()).map(Path::new);
        let mut existing = status.existing().map(|(instance, _)| plan.steps.contains_key(&instance.step)).peekable();
        let has_steps = existing.peek().is_some()
            && if is_folder { existing.any(|known| known) } else { existing.all(|known| known) };
        if has_steps && typed.is_some_and(|typed| is_same_file(context, typed, file)) {
            let steps = count(status.existing().count(), "instance");
            let destroy = format!("`plan destroy{}`", record_flags(&former));
            warn(
                context,
                &format!(
                    "plan `{0}` has {steps} of this file on record in environment `{1}`: a run under the name `{2}` makes them \
                     again; give the plan its name again (`name: {0}`), or take down what it made: {3}",
                    former.plan(),
                    former.environment(),
                    record.plan(),
                    destroy,
                ),
            )?;
        }
    }
    Ok(())
}

/// Warns when the record was last written from another plan file, which is still there and has the same name: what one
/// of them made, the other changes and removes.
///
/// # Errors
///
/// When stderr cannot be written.
pub(super) fn warn_of_other_file(
    context: &Context,
    record: &EnvironmentRecord,
    status: &Status,
    file: &Path,
) -> Result<(), Error> {
    let Some(other) = status.started.as_ref().and_then(|(_, started)| started.file.as_deref()).map(Path::new) else {
        return Ok(());
    };
    let has_something = status.existing().next().is_some();
    let is_plan = |path: &Path| plan_name(context, path).is_ok_and(|name| name == record.plan());
    // What was read from a pipe cannot be read again.
    let is_there = context.resolve(other).is_file() && other != Path::new("-");
    if !has_something || !is_there || is_same_file(context, other, file) || !is_plan(other) {
        return Ok(());
    }
    warn(
        context,
        &format!(
            "what is on record of plan `{0}` in environment `{1}` was last made from `{2}`, which has the same `name` as `{3}`: one \
             name is one record, and each file changes and removes what the other made; give one of them another `name`",
            record.plan(),
            record.environment(),
            sanitize(&other.display().to_string()),
            sanitize(&file.display().to_string()),
        ),
    )
}

/// Whether a path as an earlier command was given it names the same file.
fn is_same_file(context: &Context, typed: &Path, file: &Path) -> bool {
    let whole = |path: &Path| context.resolve(path).canonicalize().ok();
    typed == file || whole(typed).is_some_and(|typed| whole(file) == Some(typed))
}

async fn others_of(own: EnvironmentRecord) -> Vec<(String, Status)> {
    let names = own.store.environments().await.unwrap_or_default();
    let others = names.into_iter().filter(|name| *name != own.name).map(|name| {
        let other = EnvironmentRecord { store: own.store.clone(), name };
        async move {
            let status = other.read().await.ok().flatten()?;
            Some((format!("plan `{}`, environment `{}`", other.plan(), other.environment()), status))
        }
    });
    stream::iter(others).buffer_unordered(READ_AT_ONCE).filter_map(std::future::ready).collect().await
}

/// This process, as the holder of a lock or lease.
pub fn owner(context: &Context, command: &str) -> RecordWriter {
    RecordWriter {
        pid: std::process::id(),
        command: command.to_owned(),
        since: context.now,
        job: context.environment.github.as_ref().and_then(|github| github.job.clone()),
    }
}

/// Reports what failed about one of several environments; returns the exit code.
pub(super) fn print_failure(context: &Context, record: &EnvironmentRecord, error: &Error) -> Result<Exit, Error> {
    if !error.is_silent() {
        let message = format!("{} ({}): {error}", record.plan(), record.environment());
        findings::print_line(context, &message, &error.hints(&context.typed.in_environment(record.environment())))?;
    }
    Ok(error.exit())
}
