//! `plan run`: checks a plan, then makes its calls, or continues an earlier run.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::SignedDuration;
use tracing::Instrument as _;

use super::compared;
use super::connect::client_of;
use super::environment_name;
use super::patience::within_timeout;
use super::preview_file::{PreviewFile, recorded};
use super::resume_command::resume_command;
use super::run_options::{need_places, replaced, selection, settings, view_options};
use super::session::{Parts, Session, export};
use super::shared_records::{self, Reading};
use super::shown::Shown;
use super::{Account, environment_file, guard, load, preview_file, print_outputs, records, report, write_output};
use crate::api::{Client, trace};
use crate::cli::RunArguments;
use crate::clock::Clock;
use crate::context::Context;
use crate::engine::{self, Import, Run, RunEnd, RunOptions, drift_records};
use crate::error::Error;
use crate::event::{Activity, RunStarted};
use crate::exit::Exit;
use crate::journal::{Journal, Phase, Record, Started, Status};
use crate::plan::Plan;
use crate::report::github::output::Ending;
use crate::report::github::unmasked;
use crate::report::reason;
use crate::store::EnvironmentRecord;

/// Runs a plan, or exactly what a preview has shown.
///
/// # Errors
///
/// When the plan is invalid, the account is not given, or the record cannot be read or locked.
pub async fn run(context: &Context, arguments: &RunArguments) -> Result<Exit, Error> {
    run_or_import(context, arguments, None).await
}

/// Records an existing resource as the result of a step, without any write (`plan state import`).
///
/// # Errors
///
/// As for [`run`].
pub(super) async fn import(context: &Context, arguments: &RunArguments, import: Import) -> Result<Exit, Error> {
    run_or_import(context, arguments, Some(import)).await
}

async fn run_or_import(context: &Context, arguments: &RunArguments, import: Option<Import>) -> Result<Exit, Error> {
    let approved = preview_file::read(context, &arguments.file)?;
    if import.is_some() && approved.is_some() {
        return Err(
            Error::usage("what is imported belongs to a plan, and this is a preview").help("name the plan file")
        );
    }
    let bound = approved.as_ref().map(|approved| approved.bind(context, arguments)).transpose()?;
    let arguments = bound.as_ref().unwrap_or(arguments);
    let file = arguments.file.as_path();
    let loaded = load::load_plan(context, file, arguments.run.spec.as_deref())?;
    let plan = &loaded.plan;
    let given = approved.as_ref().map(|approved| approved.given(plan)).unwrap_or_default();
    let inputs = load::resolve_inputs_over(context, plan, &given, &arguments.plan)?;
    write_output::check(context, plan, &arguments.run)?;
    arguments.run.report.as_deref().map(|path| report::format(context, path)).transpose()?;
    let account = Account::of(context, &arguments.api).map_err(|error| error.for_plan(file))?;
    let environment = environment_name(context, arguments.plan.environment.as_deref())?;
    let (project_id, region_id) = load::places(context, plan, &inputs, &environment, &arguments.api, &account)?;
    environment_file::print_near(context, file, &environment)?;
    need_places(plan, project_id, region_id)?;
    let reading = Reading { plan, inputs: &inputs, environment: &environment, rehearses: false };
    let shared = shared_records::read(context, &arguments.state, file, &reading).await?;
    let records = shared.value();
    load::check_values(context, &loaded, &inputs, &environment, (project_id, region_id), records.as_ref())?;
    shared.print(context)?;
    print_unmasked(context, plan, &inputs)?;

    let transport = account.transport()?;
    let store = records::store(context, &arguments.state, Some(file))?;
    records::guard_place(context, &arguments.state, &store)?;
    let is_for_the_job = records::is_for_the_job(context, &arguments.state, &store);
    let record = EnvironmentRecord::new(store, &plan.name, &environment);
    let clock = Clock::starting_at(context.now, 1.0);
    let target = match &import {
        Some(import) => selection(plan, &[import.instance.to_string()])?,
        None => selection(plan, &arguments.run.target)?,
    };
    let mut options = RunOptions {
        import: import.clone(),
        replace: replaced(plan, &arguments.replace, &target)?,
        target,
        prune: arguments.prune,
        rollback: arguments.rollback,
        fail_fast: arguments.run.fail_fast,
        for_the_job: false,
    };
    let opened = records::take(context, &record, "run", arguments.lock.lock_timeout, clock).await?;
    let journal =
        Journal::start_boxed(opened.sink, opened.status.clone(), opened.next, clock).hiding(context.secrets.clone());
    let read = async {
        let fresh = match arguments.refresh {
            true => Some(refresh(context, &account, &journal).await?),
            false => None,
        };
        if let Some(approved) = &approved {
            let key = approved.key(&opened.status);
            let shown = Shown {
                plan,
                catalog: loaded.catalog,
                inputs: &inputs,
                environment: &environment,
                project_id,
                region_id,
                records: records.clone(),
                status: recorded(Some(fresh.as_ref().unwrap_or(&opened.status))),
                options: &options,
            };
            let client = approved.asked.read.then(|| client_of(context, &account)).transpose()?;
            let changes = serde_json::json!(shown.changes(context, &key, client.as_ref()).await?);
            let now = PreviewFile::new(context, approved.asked.clone(), &shown, &key, &changes);
            approved.verify(&now)?;
        }
        if opened.status.instances.is_empty() && !arguments.run.no_stamp && import.is_none() {
            options.for_the_job = is_for_the_job;
            let settings = settings(plan, &environment, project_id, region_id, &arguments.run, records.clone());
            let client =
                Client::new(transport.clone(), clock).traced(context.trace.clone()).hiding(context.secrets.clone());
            guard::guard(context, &client, loaded.catalog, plan, &settings, &inputs).await?;
        }
        let of_environment = load::environment_file(context, plan, &environment)?;
        Ok(of_environment.and_then(|read| read.file.ttl))
    };
    let of_environment = match within_timeout(clock, arguments.run.timeout, read).await {
        Ok(ttl) => ttl,
        Err(error) => {
            journal.close().await?;
            return Err(error);
        }
    };
    let done = opened.status.instances.values().filter(|instance| instance.phase == Phase::Succeeded).count();
    let ttl = arguments.ttl.or(of_environment).or(plan.ttl).and_then(|ttl| SignedDuration::try_from(ttl).ok());
    let started = Started {
        run: context.token(),
        command: "run".to_owned(),
        file: Some(file.display().to_string()),
        project_id,
        region_id,
        expires: ttl.and_then(|ttl| context.now.checked_add(ttl).ok()),
        ahead: None,
        secrets: plan.has_secrets() || opened.status.held_secrets(),
    };
    journal.append(vec![Record::Started(started)]).await?;
    // The former status would keep a second copy of every instance that changes.
    drop(opened.status);

    let settings = settings(plan, &environment, project_id, region_id, &arguments.run, records);
    let counts = engine::instance_counts(plan, &settings, &context.secrets, &inputs);
    let view = view_options(plan, &arguments.run, report::shape_of_run(plan, &options.target, &counts));
    let session = Session::start(
        context,
        Parts {
            transport,
            clock,
            catalog: loaded.catalog,
            journal,
            other_records: records::other_records(&record).await,
            settings,
            parallelism: arguments.run.parallelism,
            timeout: arguments.run.timeout.map(|timeout| timeout.saturating_sub(clock.elapsed())),
            view,
        },
    )?;
    session.print_started(RunStarted {
        version: crate::event::EVENTS_VERSION,
        command: Activity::Run,
        plan: plan.name.clone(),
        file: Some(file.display().to_string()),
        environment: environment.clone(),
        steps: plan.steps.len(),
        recorded: done,
        state: Some(record.place()),
        api: account.base_url.clone(),
    });
    let run = Run {
        plan: plan.clone(),
        context: session.run_context.clone(),
        inputs,
        options,
        stopper: session.stopper.clone(),
        former_steps: OnceLock::new(),
    };
    let mut end = engine::run(Arc::new(run)).instrument(trace::run("run", &plan.name, &environment)).await?;
    let resume = resume_command(plan, &environment, file, arguments, import.as_ref());
    end.finished.next = (end.finished.exit != Exit::Done).then(|| resume.clone());
    let exit = end.finished.exit;
    session.finish(context, end.finished.clone()).await?;
    write_output::write(context, &end.outputs, &arguments.run.write_output)?;
    print_outputs(context, &end.outputs, &arguments.run.show_secret, arguments.format)?;
    export(context, &end.outputs, &ending(&end, &record, resume), &arguments.run.show_secret)?;
    Ok(exit)
}

/// Compares recorded resources with the API, and records what is gone or changed.
async fn refresh(context: &Context, account: &Account, journal: &Journal) -> Result<Status, Error> {
    let status = journal.with_status(Status::clone);
    let looked = compared::compare(context, &client_of(context, account)?, &status).await?;
    let records = drift_records(&looked);
    if records.is_empty() {
        return Ok(status);
    }
    journal.append(records).await?;
    let lines = compared::lines(&looked, &status);
    super::note(context, &context.secrets.redact(&format!("drift:\n{}", lines.trim_end())))?;
    Ok(journal.with_status(Status::clone))
}

fn ending(end: &RunEnd, record: &EnvironmentRecord, resume: String) -> Ending {
    Ending {
        exit: end.finished.exit,
        failure_reason: end.failure.as_ref().map(|(instance, error)| reason(instance, error)),
        state_path: Some(record.place()),
        resume_command: Some(resume),
    }
}

/// Warns about secrets too short to be redacted in a log.
fn print_unmasked(context: &Context, plan: &Plan, inputs: &BTreeMap<String, minijinja::Value>) -> Result<(), Error> {
    for (name, _) in plan.inputs.iter().filter(|(_, input)| input.secret) {
        let Some(marker) = inputs.get(name).and_then(|value| value.as_str()) else { continue };
        let value = context.secrets.reveal(&serde_json::Value::String(marker.to_owned())).unwrap_or_default();
        if let Some(words) = unmasked(name, &value) {
            super::warn(context, &words)?;
        }
    }
    Ok(())
}
