//! Which record is meant, and where it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::{RecordOptions, StateOptions};
use crate::command::load::read_source;
use crate::context::Context;
use crate::engine::Neighbours;
use crate::error::Error;
use crate::journal::{Contents, EnvironmentFolder, Owner, StateFolder};
use crate::report::list;
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
/// When it is an address, not a folder.
pub fn state_folder(context: &Context, options: &StateOptions, file: Option<&Path>) -> Result<StateFolder, Error> {
    if let Some(named) = options.state.as_ref().or(context.environment.state.as_ref()) {
        if named.to_string_lossy().contains("://") {
            return Err(Error::usage(format!("`{}` is an address, not a folder", named.display()))
                .help("this version keeps records in folders only: name one with `--state FOLDER`"));
        }
        return Ok(StateFolder::new(context.resolve(named)));
    }
    let beside = file.and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
    Ok(StateFolder::new(context.resolve(&beside.join(DEFAULT_STATE))))
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
/// When none or several may be meant, or the plan file tells no name.
pub fn find_record(
    context: &Context,
    file: Option<&Path>,
    options: &RecordOptions,
) -> Result<EnvironmentFolder, Error> {
    let state = state_folder(context, &options.state, file)?;
    let plan = match (&options.plan, file) {
        (Some(plan), _) => plan.clone(),
        (None, Some(file)) => plan_name(context, file)?,
        (None, None) => only_plan(&state)?,
    };
    let environment = environment_name(context, options.environment.as_deref())?;
    Ok(state.environment(&plan, &environment))
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

fn only_plan(state: &StateFolder) -> Result<String, Error> {
    let mut plans: Vec<String> = state.environments()?.iter().map(|folder| folder.plan().to_owned()).collect();
    plans.dedup();
    match &plans[..] {
        [only] => Ok(only.clone()),
        [] => Err(Error::usage(format!("there are no records in `{}`", state.path().display()))
            .help("name the plan file, or the folder of records with `--state FOLDER`")),
        several => Err(Error::usage(format!("`{}` holds records of several plans", state.path().display()))
            .help(format!("say which with `--plan NAME`: {}", list(several, NAMED)))),
    }
}

/// What a record says.
///
/// # Errors
///
/// When there is none, with those there are; when it cannot be read.
pub(super) fn read(folder: &EnvironmentFolder) -> Result<Contents, Error> {
    if let Some(contents) = folder.read()? {
        return Ok(contents);
    }
    let state = folder.path().parent().and_then(Path::parent).map(PathBuf::from).unwrap_or_default();
    let others: Vec<String> = StateFolder::new(&state)
        .environments()?
        .iter()
        .filter(|other| other.plan() == folder.plan())
        .map(|other| other.environment().to_owned())
        .collect();
    let message = format!("environment `{}` of plan `{}` has no record", folder.environment(), folder.plan());
    Err(Error::usage(message).help(match others.is_empty() {
        true => format!("records are looked for in `{}`: name another folder with `--state`", state.display()),
        false => format!("there are records of {}: say which with `--environment NAME`", list(others, NAMED)),
    }))
}

/// This process, as the holder of a lock.
pub fn owner(context: &Context, command: &str) -> Owner {
    Owner { pid: std::process::id(), command: command.to_owned(), since: context.now }
}

/// Reads what the other records of a store say, whenever it is asked. One that cannot be read says nothing.
pub(super) fn neighbours(folder: &EnvironmentFolder) -> Neighbours {
    let own = folder.clone();
    Arc::new(move || {
        let others = own.state().environments().unwrap_or_default().into_iter().filter(|other| *other != own);
        let read = |other: EnvironmentFolder| {
            let status = other.read().ok().flatten()?.status;
            Some((format!("plan `{}`, environment `{}`", other.plan(), other.environment()), status))
        };
        others.filter_map(read).collect()
    })
}
