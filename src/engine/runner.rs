//! The life of one run: dispatch, roll back or prune, resolve attempts that are still open, evaluate outputs, exit
//! code. Also `destroy`.

use std::sync::Arc;

use serde_json::Value;

use super::context::RunContext;
use super::decide;
use super::departed::resolve_departed;
use super::dispatch::{Dispatched, Outcome, dispatch};
use super::interruption::Interruption;
use super::measure::measure;
use super::remove::Extent;
use super::run::Run;
use super::stop::Stop;
use super::teardown::{TeardownEnd, forget_changes, removable, teardown};
use super::unanswered::{look_for_unanswered, warn_of_open};
use super::unrecorded::unrecorded;
use crate::clock::millis;
use crate::event::{ErrorClass, Event, RunFinished, StepError};
use crate::exit::Exit;
use crate::hash::HashSet;
use crate::id::{InstanceId, StepId};
use crate::journal::{JournalError, Record, RecordedOutput, Status};
use crate::secret::{BrokenMarker, Secrets};
use crate::template::TemplateError;

/// The value of an output at the end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunOutput {
    pub name: String,
    /// With the secrets.
    pub value: Value,
    pub secret: bool,
    pub description: Option<String>,
}

/// How a run ended.
#[derive(Debug)]
pub struct RunEnd {
    pub finished: RunFinished,
    /// In plan order, without those that refer to steps that did not succeed.
    pub outputs: Vec<RunOutput>,
    /// The first failure in plan order.
    pub failure: Option<(InstanceId, StepError)>,
    /// What `--replace` names and is still there as it was.
    pub not_replaced: Vec<InstanceId>,
}

/// Runs a plan to its end.
///
/// # Errors
///
/// [`JournalError`] when the record cannot be written: no further call is started then.
pub async fn run(run: Arc<Run>) -> Result<RunEnd, JournalError> {
    let moves = run.context.journal.with_status(|status| decide::moves(status, &run.plan.moved));
    if !moves.is_empty() {
        run.context.journal.append(moves).await?;
    }
    let stuck =
        |status: &Status| decide::stuck(status, &run.plan.moved, &run.plan.steps, &run.context.settings.record_flags);
    run.context.journal.with_status(stuck).into_iter().for_each(|words| run.context.warn(words));
    measure(&run).await;
    let mut dispatched = dispatch(&run).await?;
    let gone = run.context.journal.with_status(|status| run.removals.not_made_again(status));
    let mut unknown: HashSet<InstanceId> = dispatched.unknown().cloned().collect();
    let mut open = Vec::new();
    // Before every step was reached, it is not known which are gone; `--prune` resolves what it removes.
    if run.options.target.is_empty() && !run.options.prune && exit_of(&run, &dispatched) == Exit::Done {
        open = resolve_departed(&run, &dispatched.instances).await?;
    }
    open.extend(unanswered(&run.context, &unknown).await?);
    if run.options.for_the_job {
        open.extend(unrecorded(&run).await);
    }
    for (instance, error) in open {
        run.context.events.emit(Event::StepUnknown { instance: instance.clone(), error: error.clone() });
        dispatched.outcomes.push((instance, Outcome::Unknown(Box::new(error))));
    }
    let (mut outputs, missing) = evaluate_outputs(&run, &dispatched);
    let mut exit = exit_of(&run, &dispatched);
    let mut torn = TeardownEnd::default();
    if exit == Exit::Done {
        torn = leave_or_prune(&run, &dispatched).await?;
    } else if run.options.rollback && run.context.stopped.may_go_on().is_ok() {
        torn = roll_back(&run).await?;
        outputs.clear();
    }
    if !torn.left.is_empty() {
        exit = exit_of_rest(&torn);
    }
    exit = torn.stopped.and_then(exit_of_stop).unwrap_or(exit);
    // All steps succeeded, but an output that was asked for has no value.
    let only_outputs = exit == Exit::Done && !missing.is_empty();
    if only_outputs {
        exit = Exit::StepFailed;
    }
    unknown.extend(dispatched.unknown().cloned());
    warn_of_open(&run.context, &unknown);
    if run.options.import.is_none() {
        record_outputs(&run, &outputs).await?;
    }
    run.context.journal.append(vec![Record::Finished { exit: exit.code() }]).await?;
    let mut finished = totals(&run, &dispatched, gone, &torn, exit);
    if only_outputs {
        finished.missing = missing.iter().map(|(_, error)| without_value(error)).collect();
    }
    let replace = &run.options.replace;
    let not_replaced = run.context.journal.with_status(|status| {
        status.not_called_since_started().filter(|instance| replace.covers(instance)).cloned().collect::<Vec<_>>()
    });
    let failure = dispatched.outcomes.into_iter().find_map(|(instance, outcome)| match outcome {
        Outcome::Failed(error) | Outcome::Unknown(error) => Some((instance, *error)),
        _ => None,
    });
    let failure = failure.or_else(|| missing.into_iter().next());
    Ok(RunEnd { finished, outputs, failure, not_replaced })
}

/// Searches for the attempts that were never answered; returns those whose outcome is still unknown. Empty when the run
/// is stopped first: the next run searches again.
async fn unanswered(
    context: &RunContext,
    except: &HashSet<InstanceId>,
) -> Result<Vec<(InstanceId, StepError)>, JournalError> {
    if context.stopped.may_go_on().is_err() {
        return Ok(Vec::new());
    }
    match look_for_unanswered(context, except).await {
        Ok(undecided) => Ok(undecided),
        Err(Interruption::Journal(error)) => Err(error),
        Err(_) => Ok(Vec::new()),
    }
}

/// Takes down what this run made, and keeps what existed before.
async fn roll_back(run: &Run) -> Result<TeardownEnd, JournalError> {
    let made = run.context.journal.with_status(Status::made_since_started);
    let torn = teardown(&run.context, &made, Extent::ThisRun).await?;
    let changed = run.context.journal.with_status(Status::changed_since_started);
    if !changed.is_empty() {
        run.context.warn(format!("this run changed {}: its changes stay", names(&changed)));
    }
    let gone = run.context.journal.with_status(|status| run.removals.not_there(status));
    if !gone.is_empty() {
        let it = if gone.len() == 1 { "it" } else { "them" };
        run.context.warn(format!(
            "this run removed {} to replace {it}: a rollback does not bring back what was there before; the next run \
             makes {it} again",
            names(&gone)
        ));
    }
    Ok(torn)
}

fn names(instances: &[InstanceId]) -> String {
    instances.iter().map(|instance| format!("`{instance}`")).collect::<Vec<_>>().join(", ")
}

/// The exit code of a teardown that could not remove everything.
fn exit_of_rest(torn: &TeardownEnd) -> Exit {
    let not_allowed = torn.left.iter().any(|(_, error)| error.class == ErrorClass::NotAllowed);
    if not_allowed { Exit::NotAllowed } else { Exit::TeardownIncomplete }
}

/// The exit code of a command that was stopped.
fn exit_of_stop(stop: Stop) -> Option<Exit> {
    match stop {
        Stop::Interrupt(signal) => Some(signal.exit()),
        Stop::LeaseLost => Some(Exit::Locked),
        Stop::StoreUnreachable | Stop::RecordLost => Some(Exit::RecordUnusable),
        Stop::OutOfTime | Stop::NoNewSteps | Stop::Shut(_) => None,
    }
}

/// Recorded instances that the plan no longer has: removed with `--prune`, reported otherwise, and taken off the record
/// where nothing is left of them.
async fn leave_or_prune(run: &Run, dispatched: &Dispatched) -> Result<TeardownEnd, JournalError> {
    if !run.options.target.is_empty() {
        return Ok(TeardownEnd::default());
    }
    let gone =
        run.context.journal.with_status(|status| decide::gone(status, &dispatched.instances, &HashSet::default()));
    let mut torn = TeardownEnd::default();
    if run.options.prune && !gone.is_empty() {
        torn = teardown(&run.context, &gone, Extent::Whole).await?;
    } else if !gone.is_empty() {
        warn_of_kept(run, &gone);
    }
    take_off_missing(&run.context, &dispatched.instances, torn.stopped).await?;
    Ok(torn)
}

/// Says what is no longer in the plan, and kept.
fn warn_of_kept(run: &Run, gone: &[InstanceId]) {
    let (down, off) = run.context.journal.with_status(|status| {
        let going = gone.iter().cloned().collect();
        let goes = |one: &InstanceId| decide::fate(run.context.catalog, status, one, &going).goes;
        gone.iter().cloned().partition::<Vec<InstanceId>, _>(goes)
    });
    for (kept, what) in [(down, "removes it"), (off, "takes it off the record, and leaves its resource")] {
        if !kept.is_empty() {
            run.context.warn(format!("no longer in the plan, and kept: {}; `--prune` {what}", names(&kept)));
        }
    }
}

/// Takes off the record what was found missing and is not among these instances: nothing makes it again. Once stopped,
/// nothing is recorded.
async fn take_off_missing(
    context: &RunContext,
    present: &HashSet<InstanceId>,
    stopped: Option<Stop>,
) -> Result<(), JournalError> {
    let missing = context.journal.with_status(|status| decide::missing(status, present, &HashSet::default()));
    if missing.is_empty() || stopped.is_some() {
        return Ok(());
    }
    let records = missing.iter().map(|instance| Record::Removed { instance: instance.clone() }).collect();
    context.journal.append(records).await?;
    context.warn(missing_words(&missing));
    Ok(())
}

/// ``found gone, and taken off the record: `ip` ``
pub fn missing_words(missing: &[InstanceId]) -> String {
    format!("found gone, and taken off the record: {}", names(missing))
}

/// Evaluates the outputs whose steps are all done or skipped, with all their instances: returns their values, and the
/// errors by output.
fn evaluate_outputs(run: &Run, dispatched: &Dispatched) -> (Vec<RunOutput>, Vec<(InstanceId, StepError)>) {
    let (mut outputs, mut missing) = (Vec::new(), Vec::new());
    for (name, output) in &run.plan.outputs {
        let mut steps = output.value.references().map(|reference| reference.step.as_str());
        if steps.any(|step| !dispatched.values.contains_key(step) || dispatched.in_part.contains(step)) {
            continue;
        }
        let surroundings = run.surroundings(&dispatched.values, None);
        let evaluated = output.value.evaluate(&surroundings.scope()).and_then(|value| {
            let secret = output.secret || Secrets::marks_value(&value);
            let broken = |broken: BrokenMarker| TemplateError {
                span: output.value.span,
                message: broken.to_string(),
                help: None,
            };
            Ok((run.context.secrets.reveal(&value).map_err(broken)?, secret))
        });
        match evaluated {
            Ok((value, secret)) => {
                let description = output.description.as_deref().map(str::to_owned);
                outputs.push(RunOutput { name: name.to_string(), value, secret, description });
            }
            Err(error) => {
                let mut error = run.template_error(&error);
                error.message = format!("output `{name}` cannot be evaluated: {}", error.message);
                run.context.warn(without_value(&error));
                missing.push((InstanceId::new(StepId::new("outputs"), Some(name.to_string())), error));
            }
        }
    }
    (outputs, missing)
}

/// Why an output has no value, and where.
fn without_value(error: &StepError) -> String {
    let place = error.place.as_ref();
    let place = place.map(|place| format!(" ({}:{}:{})", place.file, place.line, place.column));
    format!("{}{}", error.message, place.unwrap_or_default())
}

/// Records the outputs. With `--target` those that refer to other steps stay as they are on record.
async fn record_outputs(run: &Run, outputs: &[RunOutput]) -> Result<(), JournalError> {
    let recorded = |output: &RunOutput| RecordedOutput {
        name: output.name.clone(),
        value: Some(&output.value).filter(|value| !output.secret && !value.is_null()).cloned(),
        secret: Some(output.secret),
        description: output.description.clone(),
    };
    let is_partial = !run.options.target.is_empty();
    let values = run.context.journal.with_status(|status| {
        let before = |name: &str| status.outputs.iter().find(|output| is_partial && output.name == name).cloned();
        let of_plan = run.plan.outputs.keys().map(ToString::to_string);
        let values = of_plan.filter_map(|name| {
            outputs.iter().find(|output| output.name == name).map(recorded).or_else(|| before(&name))
        });
        Some(values.collect::<Vec<_>>()).filter(|values| status.outputs != *values)
    });
    match values {
        Some(values) => run.context.journal.append(vec![Record::Outputs { values }]).await,
        None => Ok(()),
    }
}

/// The exit code of the gravest outcome.
fn exit_of(run: &Run, dispatched: &Dispatched) -> Exit {
    let any = |wanted: fn(&Outcome) -> bool| dispatched.outcomes.iter().any(|(_, outcome)| wanted(outcome));
    let failed = |class: ErrorClass| {
        dispatched.outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(error) if error.class == class))
    };
    if failed(ErrorClass::Internal) {
        return Exit::Bug;
    }
    if let Some(exit) = run.context.stopped.now().and_then(exit_of_stop) {
        return exit;
    }
    if any(|outcome| matches!(outcome, Outcome::Unknown(_))) {
        Exit::Unknown
    } else if failed(ErrorClass::NotAllowed) {
        Exit::NotAllowed
    } else if failed(ErrorClass::Quota) {
        Exit::Quota
    } else if any(|outcome| matches!(outcome, Outcome::Failed(_))) {
        Exit::StepFailed
    } else if any(|outcome| matches!(outcome, Outcome::StillWaiting | Outcome::NotStarted)) {
        Exit::StillWaiting
    } else {
        Exit::Done
    }
}

/// `gone`: how many instances the run deleted, and how many it reverted, to make them again, and did not.
fn totals(run: &Run, dispatched: &Dispatched, gone: (usize, usize), torn: &TeardownEnd, exit: Exit) -> RunFinished {
    let count =
        |wanted: fn(&Outcome) -> bool| dispatched.outcomes.iter().filter(|(_, outcome)| wanted(outcome)).count();
    let (requests, polls) = run.context.client.counts();
    let (removed, reverted) = gone;
    RunFinished {
        exit,
        succeeded: count(|outcome| matches!(outcome, Outcome::Done { reused: false })),
        reused: count(|outcome| matches!(outcome, Outcome::Done { reused: true })),
        failed: count(|outcome| matches!(outcome, Outcome::Failed(_))),
        skipped: count(|outcome| matches!(outcome, Outcome::Skipped | Outcome::NotStarted)),
        waiting: count(|outcome| matches!(outcome, Outcome::StillWaiting)),
        unknown: count(|outcome| matches!(outcome, Outcome::Unknown(_))),
        removed: torn.removed + removed,
        reverted: torn.reverted + reverted,
        left: torn.left.len(),
        requests,
        polls,
        elapsed_ms: millis(run.context.clock().elapsed()),
        missing: Vec::new(),
        next: None,
    }
}

/// Removes everything that an environment has on record.
///
/// # Errors
///
/// [`JournalError`] when the record cannot be written.
pub async fn destroy(context: &Arc<RunContext>) -> Result<RunFinished, JournalError> {
    let mut torn = TeardownEnd::default();
    // A call that was carried out late may have made resources that block the deletion of those it depends on.
    let mut undecided = unanswered(context, &HashSet::default()).await?;
    let before = context.journal.with_status(removable);
    loop {
        let left: HashSet<&InstanceId> = torn.left.iter().map(|(instance, _)| instance).collect();
        let instances: Vec<InstanceId> = context.journal.with_status(|status| {
            let existing = status.existing().map(|(instance, _)| instance);
            existing.filter(|instance| !left.contains(instance)).cloned().collect()
        });
        if instances.is_empty() || torn.stopped.is_some() {
            break;
        }
        torn.extend(teardown(context, &instances, Extent::Whole).await?);
        // Such a call may have been carried out in the meantime.
        undecided = unanswered(context, &HashSet::default()).await?;
    }
    let unknown = undecided.iter().map(|(instance, _)| instance.clone()).collect();
    for (instance, error) in undecided {
        torn.add_left(context, instance, error);
    }
    forget_changes(context, before).await?;
    take_off_missing(context, &HashSet::default(), torn.stopped).await?;
    let remaining = context.journal.with_status(|status| status.existing().count());
    let exit = match torn.stopped.and_then(exit_of_stop) {
        Some(exit) => exit,
        _ if remaining == 0 && torn.left.is_empty() => Exit::Done,
        _ => exit_of_rest(&torn),
    };
    warn_of_open(context, &unknown);
    context
        .journal
        .append(vec![Record::Outputs { values: Vec::new() }, Record::Finished { exit: exit.code() }])
        .await?;
    let (requests, polls) = context.client.counts();
    Ok(RunFinished {
        removed: torn.removed,
        reverted: torn.reverted,
        left: remaining.max(torn.left.len()),
        requests,
        polls,
        ..RunFinished::new(exit, millis(context.clock().elapsed()))
    })
}

/// Emits the event that a run has ended.
pub fn report_finished(context: &RunContext, finished: RunFinished) {
    context.events.emit(Event::RunFinished(finished));
}
