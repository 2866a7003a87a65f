//! Which record is meant, and where it is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::{RecordOptions, StateOptions};
use crate::clock::Clock;
use crate::command::load::read_source;
use crate::command::note;
use crate::context::Context;
use crate::error::Error;
use crate::journal::{Journal, Owner, Status};
use crate::report::list;
use crate::store::folder::StateFolder;
use crate::store::{AnyStore, EnvironmentRecord, Opened, Opening};
use crate::yaml;

/// The folder of records, in the current folder or beside the plan.
const DEFAULT_STATE: &str = ".plan";
const DEFAULT_ENVIRONMENT: &str = "default";
/// Names listed in a hint.
const NAMED: usize = 10;

/// Where records are: `--state`, else `PLAN_STATE`, else `.plan` beside the plan file, or in the current folder.
///
/// # Errors
///
/// When it is an address of a kind that is not known.
pub fn store(context: &Context, options: &StateOptions, file: Option<&Path>) -> Result<AnyStore, Error> {
    if let Some(named) = options.state.as_ref().or(context.environment.state.as_ref()) {
        if named.to_string_lossy().contains("://") {
            return Err(Error::usage(format!("`{}` is an address, not a folder", named.display()))
                .help("this version keeps records in folders only: name one with `--state FOLDER`"));
        }
        return Ok(Arc::new(StateFolder::new(context.resolve(named))));
    }
    let beside = file.and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
    Ok(Arc::new(StateFolder::new(context.resolve(&beside.join(DEFAULT_STATE)))))
}

/// The same, where looking at nothing would be a mistake.
///
/// # Errors
///
/// When there is no such store.
pub async fn existing_store(context: &Context, options: &StateOptions, file: Option<&Path>) -> Result<AnyStore, Error> {
    let store = store(context, options, file)?;
    if store.exists().await? {
        return Ok(store);
    }
    Err(no_store(&store))
}

fn no_store(store: &AnyStore) -> Error {
    let (what, help) = match store.folder() {
        Some(_) => ("folder", "name the folder of records with `--state FOLDER`, or the plan file that it is beside"),
        None => ("store", "check the address; `plan state init ADDRESS` makes a store there"),
    };
    Error::usage(format!("there is no {what} of records at `{}`", store.name())).help(help)
}

/// `--environment`, else `PLAN_ENVIRONMENT`, else `default`.
///
/// # Errors
///
/// When the variable holds no name of an environment.
pub fn environment_name(context: &Context, option: Option<&str>) -> Result<String, Error> {
    match (option, &context.environment.environment) {
        (Some(name), _) => Ok(name.to_owned()),
        (None, None) => Ok(DEFAULT_ENVIRONMENT.to_owned()),
        (None, Some(name)) => {
            crate::cli::name(name).map_err(|why| Error::usage(format!("`PLAN_ENVIRONMENT` is no name: {why}")))
        }
    }
}

/// The record that was named by file, name, or by being the only one.
///
/// # Errors
///
/// When none or several may be meant, the plan file tells no name, or the place where records should be is not there.
pub async fn find_record(
    context: &Context,
    file: Option<&Path>,
    options: &RecordOptions,
) -> Result<EnvironmentRecord, Error> {
    let store = store(context, &options.state, file)?;
    let plan = match (&options.plan, file) {
        (Some(plan), _) => plan.clone(),
        (None, Some(file)) => plan_name(context, file)?,
        (None, None) => only_plan(&store).await?,
    };
    let environment = environment_name(context, options.environment.as_deref())?;
    Ok(EnvironmentRecord::new(store, &plan, &environment))
}

/// The name a plan file says, also when the rest of it is wrong: the record must stay within reach.
fn plan_name(context: &Context, file: &Path) -> Result<String, Error> {
    let source = read_source(context, file)?;
    let parsed = yaml::parse(source.text());
    let name = parsed.root.as_ref().and_then(|root| root.get("name")).and_then(|name| name.as_str());
    let name = name.filter(|name| crate::cli::name(name.trim_start_matches('-')).is_ok());
    name.map(str::to_owned).ok_or_else(|| {
        Error::usage(format!("`{}` tells no name of a plan", file.display()))
            .help("say which record is meant with `--plan NAME`")
    })
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
            .help(format!("say which with `--plan NAME`: {}", list(several, NAMED)))),
    }
}

/// What a record says.
///
/// # Errors
///
/// When there is none, with those there are; when it cannot be read.
pub(super) async fn read(record: &EnvironmentRecord) -> Result<Status, Error> {
    match record.read().await? {
        Some(status) => Ok(status),
        None => Err(no_record(record).await?),
    }
}

/// Why there is nothing to read, and what there is instead.
pub(super) async fn no_record(record: &EnvironmentRecord) -> Result<Error, Error> {
    let store = &record.store;
    if !store.exists().await? {
        return Ok(no_store(store));
    }
    let names = store.environments().await?.into_iter();
    let others: Vec<String> = names.filter(|name| name.plan == record.plan()).map(|name| name.environment).collect();
    let message = format!("environment `{}` of plan `{}` has no record", record.environment(), record.plan());
    Ok(Error::usage(message).help(match others.is_empty() {
        true => format!("records are looked for in `{}`: name another place with `--state`", store.name()),
        false => format!("there are records of {}: say which with `--environment NAME`", list(others, NAMED)),
    }))
}

/// Takes the right to write to a record, telling people what is waited for.
///
/// # Errors
///
/// When somebody else has it; when the record cannot be read or written.
pub(super) async fn take(
    context: &Context,
    record: &EnvironmentRecord,
    command: &str,
    patience: Duration,
    clock: Clock,
) -> Result<Opened, Error> {
    let notice = |words: String| {
        // Should stderr be gone, the command itself will say so.
        let _ = note(context, &words);
    };
    let opening = Opening { owner: owner(context, command), patience, clock, notice: &notice };
    Ok(record.open(opening).await?)
}

/// Opens a record for a few lines by hand.
///
/// # Errors
///
/// As [`take`].
pub(super) async fn open(
    context: &Context,
    record: &EnvironmentRecord,
    command: &str,
    patience: Duration,
) -> Result<Journal, Error> {
    let clock = Clock::starting_at(context.now, 1.0);
    let opened = take(context, record, command, patience, clock).await?;
    Ok(Journal::start_boxed(opened.sink, opened.status, opened.next, clock))
}

/// This process, as the holder of a lock.
pub fn owner(context: &Context, command: &str) -> Owner {
    Owner {
        pid: std::process::id(),
        command: command.to_owned(),
        since: context.now,
        job: context.environment.github.as_ref().and_then(|github| github.job.clone()),
        host: None,
    }
}
