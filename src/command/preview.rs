//! `plan preview`: shows what a run would do. With a key it sends the reads of a run, and no writes.

use serde_json::json;

use super::preview_file::{PreviewFile, RunFlags, recorded};
use super::run_options::{need_instances, need_places, replaced, selection};
use super::session::flags;
use super::shared_records::{self, Reading};
use super::shown::Shown;
use super::{
    compared, environment_file, environment_name, load, note, preview_text, print_json, print_text, pull_request,
    records,
};
use crate::api::Client;
use crate::cli::{PreviewArguments, PreviewFormat};
use crate::command::Account;
use crate::command::connect::{client_of, number_of};
use crate::context::Context;
use crate::engine::{Action, Change, FormerSteps, RunOptions, Tally, renamed_words, shifted, shifted_words, stuck};
use crate::error::Error;
use crate::exit::Exit;
use crate::journal::Status;
use crate::plan::Plan;
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
    let (project_id, region_id) = load::places(context, plan, &inputs, &environment, &arguments.api, &account)?;
    environment_file::print_near(context, &arguments.file, &environment)?;
    need_places(plan, project_id, region_id)?;
    let reading = Reading { plan, inputs: &inputs, environment: &environment, rehearses: false };
    let shared = shared_records::read(context, &arguments.state, &arguments.file, &reading).await?;
    let records = shared.value();
    load::check_values(context, &loaded, &inputs, &environment, (project_id, region_id), records.as_ref())?;
    shared.print(context)?;
    let store = records::store(context, &arguments.state, Some(&arguments.file))?;
    let record = EnvironmentRecord::new(store, &plan.name, &environment);
    let status = record.read().await?;

    let status = recorded(status.as_ref());
    let target = selection(plan, &arguments.target)?;
    let options = RunOptions {
        replace: replaced(plan, &arguments.replace, &target)?,
        target,
        prune: arguments.prune,
        ..RunOptions::default()
    };
    let key = status.map_or_else(|| context.token(), |status| status.header.key.clone());
    let shown = Shown {
        plan,
        catalog: loaded.catalog,
        inputs: &inputs,
        environment: &environment,
        project_id,
        region_id,
        records,
        status,
        options: &options,
    };
    need_instances(plan, &shown.settings(), &context.secrets, &inputs, [&options.target, &options.replace])?;
    let client = reader(context, arguments)?;
    let fresh = match (status, &client) {
        (Some(status), Some(client)) if arguments.refresh => {
            let looked = compared::compare(context, client, status).await?;
            let lines = compared::lines(&looked, status);
            if !lines.is_empty() {
                note(context, &context.secrets.redact(&format!("drift:\n{}", lines.trim_end())))?;
            }
            Some(compared::refreshed(context, status, &looked))
        }
        _ => None,
    };
    let shown = Shown { status: fresh.as_ref().or(status), ..shown };
    let changes = shown.changes(context, &key, client.as_ref()).await?;
    for words in fresh.as_ref().or(status).map(|status| stuck(status, &plan.moved, &plan.steps)).unwrap_or_default() {
        note(context, &format!("warning: {}", context.secrets.redact(&words)))?;
    }
    report_shifted(context, plan, fresh.as_ref().or(status), &changes)?;
    report_renamed(context, plan, fresh.as_ref().or(status), &changes, &flags(&record))?;
    let text = |text: String| print_text(context, &context.secrets.redact(&text));
    match arguments.format {
        PreviewFormat::Human => text(preview_text::text(&changes, status.is_some()))?,
        PreviewFormat::Markdown => text(pull_request::markdown(context, plan, &environment, &changes))?,
        PreviewFormat::Json => {
            let pending = changes.iter().filter(|change| change.is_pending()).count();
            let counts = Tally::of(&changes);
            print_json(
                context,
                &json!({ "version": 1, "pending": pending, "counts": counts, "changes": changes, "records": shared.to_json() }),
            )?;
        }
    }
    pull_request::print(context, plan, &environment, &changes, arguments.comment).await?;
    if let Some(out) = &arguments.out {
        let asked = RunFlags {
            plan: arguments.file.clone(),
            environment: environment.clone(),
            state: arguments.state.state.clone().or_else(|| context.environment.state.clone()),
            spec: arguments.spec.clone(),
            target: arguments.target.clone(),
            replace: arguments.replace.clone(),
            prune: arguments.prune,
            read: client.is_some(),
            refresh: arguments.refresh,
        };
        PreviewFile::new(context, asked, &shown, &key, &json!(changes)).write(context, out)?;
        note(context, &format!("written to `{}`: `plan run {}` does this or refuses", out.display(), out.display()))?;
    }
    if changes.iter().any(Change::fails) {
        return Ok(Exit::PlanWrong);
    }
    let pending = changes.iter().any(Change::is_pending);
    Ok(if arguments.exit_code && pending { Exit::ChangesPending } else { Exit::Done })
}

/// Says of a list that lost an element why so much of it changes, as the run does.
fn report_shifted(context: &Context, plan: &Plan, status: Option<&Status>, changes: &[Change]) -> Result<(), Error> {
    let Some(status) = status else { return Ok(()) };
    for step in plan.steps.values().filter(|step| step.for_each.is_some()) {
        let planned = changes.iter().filter(|change| change.instance.step == step.id);
        let planned = planned.filter(|change| !matches!(change.action, Action::Gone { .. }));
        let calls: Vec<_> = planned.filter_map(|change| Some((&change.instance, change.call.as_ref()?))).collect();
        let recorded = status.existing().filter(|(instance, _)| instance.step == step.id).count();
        if recorded > calls.len()
            && let Some(first) = shifted(status, calls)
        {
            note(context, &format!("warning: {}", context.secrets.redact(&shifted_words(&first))))?;
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
        project_id: number_of("GCORE_CLOUD_PROJECT_ID", api.project_id, environment.project_id.as_deref())?,
        region_id: number_of("GCORE_CLOUD_REGION_ID", api.region_id, environment.region_id.as_deref())?,
        renewal: None,
    })
}

/// Says which calls seem to have been made under a former name of their step, as the run does.
fn report_renamed(
    context: &Context,
    plan: &Plan,
    status: Option<&Status>,
    changes: &[Change],
    flags: &str,
) -> Result<(), Error> {
    let Some(status) = status else { return Ok(()) };
    let former = FormerSteps::of(status, |step| plan.steps.contains_key(step));
    for change in changes.iter().filter(|change| matches!(change.action, Action::Call)) {
        let former = change.call.as_ref().and_then(|call| former.name_of(status, &change.instance, call));
        if let Some(former) = former {
            let words = renamed_words(&change.instance, &former, flags);
            note(context, &format!("warning: {}", context.secrets.redact(&words)))?;
        }
    }
    Ok(())
}
