//! `plan rehearse`: runs a plan against the embedded simulator, in compressed time, without keeping a record.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use secrecy::SecretString;
use tracing::Instrument as _;

use super::load::LoadedPlan;
use super::origin::Origin;
use super::run_options::{all_instances, need_instances, selection, view_options};
use super::session::{Session, SessionParts, count_succeeded, export, failure_reason};
use super::{environment_name, load, note, print_outputs, report, simulate, warn, write_output};
use crate::api::{Transport, trace};
use crate::cli::{ApiOptions, RehearseArguments, StateOptions};
use crate::clock::Clock;
use crate::command::Account;
use crate::context::Context;
use crate::engine::{self, LookedFor, RemovedToReplace, Run, RunEnd, RunOptions, Settings};
use crate::error::Error;
use crate::event::{Activity, RunStarted};
use crate::exit::Exit;
use crate::journal::{Header, Journal, MemorySink, Status};
use crate::order::ordered_set;
use crate::plan::Plan;
use crate::plan::inputs::made_up_secrets;
use crate::report::github::output::Ending;
use crate::report::shape::Shape;
use crate::shared::lock;
use crate::simulate::{Expected, InMemory, Options, Simulator, UnknownIds};

/// The default project and region of a rehearsal.
const PLACE: i64 = 1;
/// The most runs of a rehearsal with faults or other clients: one that fails is continued, as a user would do.
const RUNS: usize = 4;
/// The address of a rehearsal's API, which cannot exist (RFC 6761 §6.4).
const NOWHERE: &str = "http://rehearsal.invalid";

/// Rehearses a plan.
///
/// # Errors
///
/// When the plan or a fault is wrong.
pub async fn rehearse(context: &Context, arguments: &RehearseArguments) -> Result<Exit, Error> {
    let faults = simulate::faults(&arguments.fault)?;
    let busy = simulate::busy(arguments.busy.as_deref())?;
    let loaded = load::load_plan(context, &arguments.file, arguments.run.spec.as_deref())?;
    let plan = &loaded.plan;
    let inputs = load::resolve_inputs_over(context, plan, &made_up_secrets(&plan.inputs), &arguments.plan)?;
    write_output::check(context, plan, &arguments.run)?;
    arguments.run.report.as_deref().map(|path| report::format(context, path)).transpose()?;
    let environment = environment_name(context, arguments.plan.environment.as_deref())?;
    let options = RunOptions {
        target: selection(plan, &arguments.run.target)?,
        fail_fast: arguments.run.fail_fast,
        ..RunOptions::default()
    };
    let origin = Origin {
        file: &arguments.file,
        api: &ApiOptions::at(arguments.project_id, arguments.region_id),
        account: &account(),
        state: &StateOptions::default(),
        rehearses: true,
    };
    let (values, _) = origin.gather(context, &loaded, inputs, environment).await?;
    let settings = values.settings(plan, &arguments.run, None);
    need_instances(plan, &settings, &context.secrets, &values.inputs, [&options.target, &options.replace])?;
    let cloud = Options {
        seed: arguments.seed,
        unknown_ids: UnknownIds::Assume,
        slow_calls: true,
        busy,
        faults,
        expected: expected(context, plan, &settings, &values.inputs),
        ..Options::default()
    };
    let simulator = Arc::new(Mutex::new(Simulator::new(cloud)));
    // Pauses come from the seed as well.
    fastrand::seed(arguments.seed);
    let clock = clock(context, arguments);
    let transport = Arc::new(InMemory::new(simulator.clone(), clock).at(NOWHERE));
    let rehearsal =
        Rehearsal { context, arguments, loaded: &loaded, inputs: values.inputs, settings, options, transport, clock };
    let end = rehearsal.repeat().await?;
    print_harm(context, &simulator)?;
    if !end.finished.exit.is_by_signal() {
        warn_of_unmet(context, &simulator)?;
    }
    write_output::write(context, &end.outputs, &arguments.run.write_output)?;
    print_outputs(context, &end.outputs, &arguments.run.show_secret, arguments.format)?;
    let ending = Ending {
        exit: end.finished.exit,
        failure_reason: failure_reason(&end),
        state_path: None,
        resume_command: None,
    };
    export(context, &end.outputs, &ending, &arguments.run.show_secret)?;
    Ok(end.finished.exit)
}

/// The account of a rehearsal: its key is never sent.
fn account() -> Account {
    Account {
        base_url: NOWHERE.to_owned(),
        key: SecretString::from("rehearsal"),
        request_timeout: Duration::ZERO,
        authorities: Vec::new(),
        project_id: Some(PLACE),
        region_id: Some(PLACE),
        renewal: None,
    }
}

/// The clock of a rehearsal. It begins at a whole second, because the API rounds times, so that every rehearsal of a plan
/// is the same.
fn clock(context: &Context, arguments: &RehearseArguments) -> Clock {
    let now = context.now.round(jiff::Unit::Second).unwrap_or(context.now);
    match arguments.speed {
        Some(speed) => Clock::starting_at(now, speed),
        None => Clock::simulated(now),
    }
}

/// What the runs of a rehearsal have in common.
struct Rehearsal<'a> {
    context: &'a Context,
    arguments: &'a RehearseArguments,
    loaded: &'a LoadedPlan,
    inputs: BTreeMap<String, minijinja::Value>,
    settings: Settings,
    options: RunOptions,
    transport: Arc<dyn Transport>,
    clock: Clock,
}

impl Rehearsal<'_> {
    /// Runs the plan, and again as long as [`is_over`] says so; returns the end of the last run.
    async fn repeat(&self) -> Result<RunEnd, Error> {
        let (plan, settings) = (&self.loaded.plan, &self.settings);
        let mut status = Status::new(Header::new(&plan.name, &settings.environment), self.context.now);
        let counts = engine::instance_counts(plan, settings, &self.context.secrets, &self.inputs);
        let shape = report::shape_of_run(plan, &self.options.target, &counts);
        let instances = all_instances(plan, &counts);
        let mut runs = 0;
        loop {
            runs += 1;
            let recorded = count_succeeded(&status);
            let end = self.run(&mut status, shape.clone(), instances).await?;
            let progress = count_succeeded(&status) > recorded;
            if is_over(&end, runs, progress, self.arguments) {
                return Ok(end);
            }
            note(self.context, "the run is repeated, as a user would do next")?;
        }
    }

    /// Runs the plan once. The record is only in memory: `status` is passed from one run to the next.
    async fn run(&self, status: &mut Status, shape: Shape, instances: Option<usize>) -> Result<RunEnd, Error> {
        let (context, flags, plan) = (self.context, &self.arguments.run, &self.loaded.plan);
        let session = Session::start(
            context,
            SessionParts {
                transport: self.transport.clone(),
                clock: self.clock,
                catalog: self.loaded.catalog,
                journal: Journal::start(MemorySink::default(), status.clone(), 1, self.clock),
                other_records: Arc::new(Vec::new),
                settings: self.settings.clone(),
                parallelism: flags.parallelism,
                timeout: flags.timeout,
                view: view_options(plan, flags, shape),
            },
        )?;
        let environment = &self.settings.environment;
        session.print_started(RunStarted {
            version: crate::event::EVENTS_VERSION,
            command: Activity::Rehearse,
            plan: plan.name.clone(),
            file: Some(self.arguments.file.display().to_string()),
            environment: environment.clone(),
            steps: plan.steps.len(),
            instances,
            recorded: count_succeeded(status),
            state: None,
            api: NOWHERE.to_owned(),
        });
        let run = Run {
            plan: plan.clone(),
            context: session.run_context.clone(),
            inputs: self.inputs.clone(),
            options: self.options.clone(),
            stopper: session.stopper.clone(),
            former_steps: OnceLock::new(),
            removals: RemovedToReplace::default(),
        };
        let end = engine::run(Arc::new(run)).instrument(trace::run("rehearse", &plan.name, environment)).await?;
        *status = session.run_context.journal.with_status(Status::clone);
        session.finish(context, end.finished.clone()).await?;
        Ok(end)
    }
}

/// Items that the plan looks up by name, which are assumed to exist in the account.
fn expected(
    context: &Context,
    plan: &Plan,
    settings: &Settings,
    inputs: &BTreeMap<String, minijinja::Value>,
) -> Vec<Expected> {
    let looked_for = engine::looked_for(plan, settings, &context.secrets, inputs);
    let expected = |found: LookedFor| Expected { path: found.rendered.request.path, fields: found.wanted };
    looked_for.into_iter().map(expected).collect()
}

/// With `--busy`: reports changes to resources of other clients, which must not happen.
fn print_harm(context: &Context, simulator: &Mutex<Simulator>) -> Result<(), Error> {
    let simulator = lock(simulator);
    let harmed = simulator.harmed().iter().map(|harmed| format!("{} `{}` {}", harmed.kind, harmed.name, harmed.id));
    for harmed in ordered_set(harmed) {
        note(context, &format!("changed or removed resources of other clients: {harmed}"))?;
    }
    Ok(())
}

/// Warns about faults that met no request: the rehearsal says nothing of them.
fn warn_of_unmet(context: &Context, simulator: &Mutex<Simulator>) -> Result<(), Error> {
    let unmet = lock(simulator).unmet_faults();
    unmet.iter().try_for_each(|(rule, why)| warn(context, &format!("the fault `{rule}` met no request: {why}")))
}

/// Whether a run is the last of the rehearsal: it is done or was stopped by a signal, there are no faults and no other
/// clients, it is the last of [`RUNS`], or made no progress after an earlier one.
fn is_over(end: &RunEnd, runs: usize, progress: bool, arguments: &RehearseArguments) -> bool {
    end.finished.exit == Exit::Done
        || end.finished.exit.is_by_signal()
        || (arguments.fault.is_empty() && arguments.busy.is_none())
        || runs >= RUNS
        || (runs > 1 && !progress)
}
