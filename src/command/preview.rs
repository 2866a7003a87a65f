//! `plan preview`: shows what a run would do. With a key it sends the reads of a run, and no writes.

use serde_json::json;

use super::origin::Origin;
use super::preview_file::{PreviewFile, RunFlags, recorded};
use super::run_options::{need_instances, replaced, selection};
use super::shared_records::SharedRecords;
use super::shell_words::record_flags;
use super::shown::PreviewInput;
use super::{compared, environment_name, load, note, preview_text, print_json, print_text, pull_request, records};
use crate::api::Client;
use crate::cli::{PreviewArguments, PreviewFormat};
use crate::command::Account;
use crate::command::connect::{PROJECT, REGION, client_of, number_of};
use crate::context::Context;
use crate::engine::{
    Action, Change, ChangeCounts, FormerSteps, RecordFlags, RunOptions, recorded_of, shifted, shifted_words, stuck,
};
use crate::error::Error;
use crate::exit::Exit;
use crate::hash::HashSet;
use crate::id::InstanceId;
use crate::journal::Status;
use crate::plan::Plan;
use crate::secret::hide_sensitive;
use crate::store::EnvironmentRecord;

/// Shows what a run would do.
///
/// # Errors
///
/// When the plan is wrong or the record cannot be read.
pub async fn preview(context: &Context, arguments: &PreviewArguments) -> Result<Exit, Error> {
    let loaded = load::load_plan(context, &arguments.file, arguments.spec.as_deref())?;
    let plan = &loaded.plan;
    let inputs = load::resolve_inputs(context, plan, &arguments.plan)?;
    let environment = environment_name(context, arguments.plan.environment.as_deref())?;
    let account = without_key(context, arguments)?;
    let (file, state) = (arguments.file.as_path(), &arguments.state);
    let origin = Origin { file, api: &arguments.api, account: &account, state, rehearses: false };
    let (values, shared) = origin.gather(context, &loaded, inputs, environment).await?;
    let store = records::store(context, state, Some(file))?;
    let record = EnvironmentRecord::new(store, &plan.name, &values.environment);
    let status = record.read().await?;
    if recorded(status.as_ref()).is_none() {
        records::warn_of_former(context, &record, plan, file).await?;
    }
    let status = recorded(status.as_ref());
    if let Some(status) = status {
        records::warn_of_other_file(context, &record, status, file)?;
    }
    let target = selection(plan, &arguments.target)?;
    let options = RunOptions {
        replace: replaced(plan, &arguments.replace, &target)?,
        target,
        prune: arguments.prune,
        ..RunOptions::default()
    };
    let key = status.map_or_else(|| context.token(), |status| status.header.key.clone());
    let shown = PreviewInput { plan, catalog: loaded.catalog, values: &values, status, options: &options };
    let named = [&options.target, &options.replace];
    need_instances(plan, &shown.settings(), &context.secrets, &values.inputs, named)?;
    let client = reader(context, arguments)?;
    let fresh = match (status, &client) {
        (Some(status), Some(client)) if arguments.refresh => Some(refreshed(context, client, status).await?),
        _ => None,
    };
    let status = fresh.as_ref().or(status);
    let shown = PreviewInput { status, ..shown };
    let changes = shown.changes(context, &key, client.as_ref()).await?;
    let flags = record_flags(&record);
    report_stuck(context, plan, status, &flags)?;
    report_shifted(context, plan, status, &changes, &flags)?;
    report_renamed(context, plan, status, &changes, &flags)?;
    print(context, arguments.format, &shown, &shared, &changes)?;
    pull_request::print(context, plan, &values.environment, &changes, arguments.comment).await?;
    if let Some(out) = &arguments.out {
        let asked = run_flags(context, arguments, &values.environment, client.is_some());
        PreviewFile::new(context, asked, &shown, &key, &json!(changes))?.write(context, out)?;
        note(context, &format!("written to `{}`: `plan run {}` does this or refuses", out.display(), out.display()))?;
    }
    Ok(exit_of(&changes, arguments.exit_code))
}

/// The status as the API has the resources now; reports how they differ from the record.
async fn refreshed(context: &Context, client: &Client, status: &Status) -> Result<Status, Error> {
    let looked = compared::compare(context, client, status).await?;
    let lines = compared::lines(&looked, status);
    if !lines.is_empty() {
        note(context, &context.secrets.redact(&format!("drift:\n{}", lines.trim_end())))?;
    }
    Ok(compared::refreshed(context, status, &looked))
}

/// Prints the changes in a format.
fn print(
    context: &Context,
    format: PreviewFormat,
    shown: &PreviewInput<'_>,
    shared: &SharedRecords,
    changes: &[Change],
) -> Result<(), Error> {
    let text = |text: String| print_text(context, &context.secrets.redact(&text));
    match format {
        PreviewFormat::Human => text(preview_text::text(changes, shown.status.is_some())),
        PreviewFormat::Markdown => {
            text(pull_request::markdown(context, shown.plan, &shown.values.environment, changes))
        }
        PreviewFormat::Json => {
            let pending = changes.iter().filter(|change| change.is_pending()).count();
            let (counts, records) = (ChangeCounts::of(changes), shared.to_json());
            let mut preview =
                json!({ "version": 1, "pending": pending, "counts": counts, "changes": changes, "records": records });
            hide_sensitive(("", ""), &mut preview["changes"]);
            print_json(context, &preview)
        }
    }
}

/// What a run of the preview needs of the command line; `read`: whether reads were sent.
fn run_flags(context: &Context, arguments: &PreviewArguments, environment: &str, read: bool) -> RunFlags {
    RunFlags {
        plan: arguments.file.clone(),
        environment: environment.to_owned(),
        state: arguments.state.state.clone().or_else(|| context.environment.state.clone()),
        spec: arguments.spec.clone(),
        target: arguments.target.clone(),
        replace: arguments.replace.clone(),
        prune: arguments.prune,
        read,
        refresh: arguments.refresh,
    }
}

/// The exit code; `tells_pending` (`--exit-code`): one of its own when a run would change something.
fn exit_of(changes: &[Change], tells_pending: bool) -> Exit {
    if changes.iter().any(Change::fails) {
        Exit::PlanWrong
    } else if tells_pending && changes.iter().any(Change::is_pending) {
        Exit::ChangesPending
    } else {
        Exit::Done
    }
}

/// Says which recorded instances `moved` leaves where they are, as the run does.
fn report_stuck(context: &Context, plan: &Plan, status: Option<&Status>, flags: &RecordFlags) -> Result<(), Error> {
    for words in status.map(|status| stuck(status, &plan.moved, &plan.steps, flags)).unwrap_or_default() {
        note(context, &format!("warning: {}", context.secrets.redact(&words)))?;
    }
    Ok(())
}

/// Says of a list that lost an element why so much of it changes, as the run does.
fn report_shifted(
    context: &Context,
    plan: &Plan,
    status: Option<&Status>,
    changes: &[Change],
    flags: &RecordFlags,
) -> Result<(), Error> {
    let Some(status) = status else { return Ok(()) };
    for step in plan.steps.values().filter(|step| step.for_each.is_some()) {
        let planned = changes.iter().filter(|change| change.instance.step == step.id);
        let planned = planned.filter(|change| !matches!(change.action, Action::Gone { .. }));
        let calls: Vec<_> = planned.filter_map(|change| Some((&change.instance, change.call.as_ref()?))).collect();
        if recorded_of(status, &step.id) > calls.len()
            && let Some(first) = shifted(status, calls)
        {
            note(context, &format!("warning: {}", context.secrets.redact(&shifted_words(&first, flags))))?;
        }
    }
    Ok(())
}

/// The client for reads: none without a key, unless `--read` requires one.
fn reader(context: &Context, arguments: &PreviewArguments) -> Result<Option<Client>, Error> {
    if arguments.offline {
        return Ok(None);
    }
    match Account::of(context, &arguments.api) {
        Ok(account) => client_of(context, &account).map(Some),
        Err(Error::NoKey { .. }) if !arguments.read && !arguments.refresh => Ok(None),
        Err(error) => Err(error),
    }
}

/// A preview needs project and region of an account, and no key.
fn without_key(context: &Context, arguments: &PreviewArguments) -> Result<Account, Error> {
    let environment = &context.environment;
    let api = &arguments.api;
    Ok(Account {
        base_url: String::new(),
        key: String::new().into(),
        request_timeout: api.request_timeout,
        authorities: Vec::new(),
        project_id: number_of(&PROJECT, api.project_id, environment.project_id.as_deref())?,
        region_id: number_of(&REGION, api.region_id, environment.region_id.as_deref())?,
        renewal: None,
    })
}

/// Says which calls seem to have been made under a former name of their step, as the run does.
fn report_renamed(
    context: &Context,
    plan: &Plan,
    status: Option<&Status>,
    changes: &[Change],
    flags: &RecordFlags,
) -> Result<(), Error> {
    let Some(status) = status else { return Ok(()) };
    let gone = changes.iter().filter(|change| matches!(change.action, Action::Gone { .. }));
    let gone: HashSet<&InstanceId> = gone.map(|change| &change.instance).collect();
    let former = FormerSteps::of(status, |one| plan.steps.contains_key(&one.step) && !gone.contains(one));
    for change in changes.iter().filter(|change| matches!(change.action, Action::Call)) {
        let call = change.call.as_ref();
        let words = call.and_then(|call| former.words_about(status, &change.instance, call, flags));
        if let Some(words) = words {
            note(context, &format!("warning: {}", context.secrets.redact(&words)))?;
        }
    }
    Ok(())
}
