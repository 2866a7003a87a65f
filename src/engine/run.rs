//! The life of one run: dispatch, roll back or prune, resolve attempts that are still open, evaluate outputs, exit
//! code. Also `destroy`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::adopt::Import;
use super::context::{About, RunContext};
use super::decide;
use super::dispatch::{Dispatched, Outcome, dispatch};
use super::finish::millis;
use super::interruption::Interruption;
use super::render::{Rendered, Surroundings};
use super::stop::{Signal, Stop, Stopper};
use super::teardown::{Extent, TeardownEnd, teardown};
use super::unanswered::{look_for_unanswered, warn_of_open};
use super::uploads;
use crate::catalog::Partial;
use crate::diagnostic::Severity;
use crate::event::{EffectKnown, ErrorClass, Event, Place, RunFinished, StepError};
use crate::exit::Exit;
use crate::id::{InstanceId, StepId};
use crate::journal::{JournalError, Record, RecordedOutput, Status};
use crate::plan::{Plan, Selection, Step};
use crate::secret::{BrokenMarker, Secrets};
use crate::source::Span;
use crate::template::{Each, TemplateError};

/// Options of `plan run`.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// `--target`: only these steps and what they depend on.
    pub target: Selection,
    /// `--replace`: create these again, even when they are unchanged.
    pub replace: Selection,
    /// Take down recorded instances that the plan no longer has.
    pub prune: bool,
    /// When the run fails, delete what it created.
    pub rollback: bool,
    /// After a failure, start no further step.
    pub fail_fast: bool,
    /// For `plan state import`: adopt this one resource, and make no other write.
    pub import: Option<Import>,
}

/// A run in progress.
pub struct Run {
    pub plan: Arc<Plan>,
    pub context: Arc<RunContext>,
    /// Inputs by name; secret inputs as secret markers.
    pub inputs: BTreeMap<String, minijinja::Value>,
    pub options: RunOptions,
    /// Ends the run from inside, for `--fail-fast`.
    pub stopper: Stopper,
}

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
}

impl Run {
    pub(super) fn surroundings<'a>(
        &'a self,
        values: &'a BTreeMap<StepId, minijinja::Value>,
        each: Option<&'a Each>,
    ) -> Surroundings<'a> {
        Surroundings {
            settings: &self.context.settings,
            secrets: &self.context.secrets,
            digest_key: &self.context.digest_key,
            folder: &self.plan.folder,
            body_files: &self.plan.body_files,
            inputs: &self.inputs,
            steps: values,
            each,
        }
    }

    /// The place in the plan file for a span.
    pub fn place(&self, span: Span) -> Place {
        let position = self.plan.source.position(span.start);
        let file = self.plan.source.path_at(span.start).display().to_string();
        Place { file, line: position.line, column: position.column }
    }

    pub(super) fn template_failed(&self, error: &TemplateError) -> Interruption {
        Interruption::Failed(self.template_error(error))
    }

    pub(super) fn template_error(&self, error: &TemplateError) -> StepError {
        StepError {
            effect: EffectKnown::NotApplied,
            class: ErrorClass::Template,
            message: self.context.secrets.redact(&error.message).into_owned(),
            call: None,
            status: None,
            request_id: None,
            task: None,
            invalid_fields: Vec::new(),
            place: Some(self.place(error.span)),
            help: error.help.clone().into_iter().collect(),
        }
    }

    /// Checks the rendered body against the catalogue, because the values of templates can make a valid plan invalid.
    pub(super) fn check_rendered(&self, step: &Step, rendered: &Rendered) -> Result<(), StepError> {
        let Some(operation) = &rendered.operation else { return Ok(()) };
        let body = rendered.request.body.as_ref().map(Partial::from);
        let findings = match &rendered.request.body_file {
            Some(upload) => operation.check_file(Some(&upload.file.content_type)),
            None => self.context.catalog.check_request(operation, body.as_ref(), &step.allow_unknown),
        };
        let mut errors = findings.into_iter().filter(|finding| finding.severity == Severity::Error);
        let Some(first) = errors.next() else { return Ok(()) };
        let pointer: String = first.at.iter().map(|segment| format!("/{segment}")).collect();
        let span = step.body.as_ref().map_or(step.call.span, |body| body.at(&pointer).span);
        let about = About { call: Some(rendered.recorded.clone()), place: Some(self.place(span)) };
        let more = match errors.count() {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let message = format!("the body would be wrong: {}{more}", first.message);
        let mut error = self.context.error(&about, EffectKnown::NotApplied, ErrorClass::Template, message);
        error.help = first.help.iter().map(|help| self.context.secrets.redact(help).into_owned()).collect();
        Err(error)
    }

    pub(super) async fn remove(&self, instance: &InstanceId) -> Result<(), Interruption> {
        super::remove::remove(&self.context, instance, Extent::Whole).await.map(|_| ())
    }

    pub(super) async fn remove_all(&self, instances: &[InstanceId]) -> Result<(), Interruption> {
        let torn = teardown(&self.context, instances, Extent::Whole).await?;
        match (torn.left.into_iter().next(), torn.stopped) {
            (Some((_, error)), _) => Err(Interruption::Failed(error)),
            (None, Some(stop)) => Err(Interruption::Stopped(stop)),
            (None, None) => Ok(()),
        }
    }

    /// Recorded instances that depend on this one, directly or through others.
    pub(super) fn recorded_dependants(&self, instance: &InstanceId) -> Vec<InstanceId> {
        self.context.journal.with_status(|status| decide::replaced_with(status, instance))
    }

    /// Whether the instance was made from a resource that does not exist any more: then it is created again without
    /// being allowed to by the plan.
    pub(super) fn is_orphan(&self, instance: &InstanceId) -> bool {
        self.context.journal.with_status(decide::orphans).contains(instance)
    }
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
    uploads::measure(&run).await;
    let mut dispatched = dispatch(&run).await?;
    for (instance, error) in unanswered(&run.context).await? {
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
    if exit == Exit::Done && !missing.is_empty() {
        exit = Exit::StepFailed;
    }
    if exit == Exit::Done {
        warn_of_open(&run.context);
    }
    if run.options.import.is_none() {
        record_outputs(&run, &outputs).await?;
    }
    run.context.journal.append(vec![Record::Finished { exit: exit.code() }]).await?;
    let finished = totals(&run, &dispatched, &torn, exit);
    let failure = dispatched.outcomes.into_iter().find_map(|(instance, outcome)| match outcome {
        Outcome::Failed(error) | Outcome::Unknown(error) => Some((instance, *error)),
        _ => None,
    });
    let failure = failure.or_else(|| missing.into_iter().next());
    Ok(RunEnd { finished, outputs, failure })
}

/// Searches for the attempts that were never answered; gives those whose outcome is still unknown. Empty when the run
/// is stopped first: the next run searches again.
async fn unanswered(context: &RunContext) -> Result<Vec<(InstanceId, StepError)>, JournalError> {
    if context.stopped.may_go_on().is_err() {
        return Ok(Vec::new());
    }
    match look_for_unanswered(context).await {
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
        run.context.warn(format!("this run changed {}: that stays as it is now", names(&changed)));
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
        Stop::Interrupt(Signal::Terminate) => Some(Exit::Terminated),
        Stop::Interrupt(_) => Some(Exit::Interrupted),
        Stop::LeaseLost => Some(Exit::Locked),
        Stop::StoreAway => Some(Exit::RecordUnusable),
        Stop::OutOfTime | Stop::NoNewSteps | Stop::Shut(_) => None,
    }
}

/// Recorded instances that the plan no longer has: removed with `--prune`, reported otherwise.
async fn leave_or_prune(run: &Run, dispatched: &Dispatched) -> Result<TeardownEnd, JournalError> {
    if !run.options.target.is_empty() {
        return Ok(TeardownEnd::default());
    }
    let gone = run.context.journal.with_status(|status| decide::gone(status, &dispatched.instances, &HashSet::new()));
    if gone.is_empty() {
        return Ok(TeardownEnd::default());
    }
    if run.options.prune {
        return teardown(&run.context, &gone, Extent::Whole).await;
    }
    run.context.warn(format!("no longer in the plan, and kept: {}; `--prune` takes it down", names(&gone)));
    Ok(TeardownEnd::default())
}

/// The outputs with values, and those that could not be evaluated although all their steps succeeded.
fn evaluate_outputs(run: &Run, dispatched: &Dispatched) -> (Vec<RunOutput>, Vec<(InstanceId, StepError)>) {
    let (mut outputs, mut missing) = (Vec::new(), Vec::new());
    for (name, output) in &run.plan.outputs {
        let mut steps = output.value.references().map(|reference| reference.step.as_str());
        if steps.any(|step| !dispatched.values.contains_key(step)) {
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
                let description = output.description.clone();
                outputs.push(RunOutput { name: name.clone(), value, secret, description });
            }
            Err(error) => {
                let mut error = run.template_error(&error);
                error.message = format!("output `{name}` cannot be evaluated: {}", error.message);
                let place = error.place.as_ref();
                let place = place.map(|place| format!(" ({}:{}:{})", place.file, place.line, place.column));
                run.context.warn(format!("{}{}", error.message, place.unwrap_or_default()));
                missing.push((InstanceId::new(StepId::new("outputs"), Some(name.clone())), error));
            }
        }
    }
    (outputs, missing)
}

async fn record_outputs(run: &Run, outputs: &[RunOutput]) -> Result<(), JournalError> {
    let values = outputs
        .iter()
        .map(|output| RecordedOutput {
            name: output.name.clone(),
            value: Some(&output.value).filter(|value| !output.secret && !value.is_null()).cloned(),
            secret: Some(output.secret),
            description: output.description.clone(),
        })
        .collect::<Vec<_>>();
    let unchanged = run.context.journal.with_status(|status| status.outputs == values);
    if unchanged { Ok(()) } else { run.context.journal.append(vec![Record::Outputs { values }]).await }
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

fn totals(run: &Run, dispatched: &Dispatched, torn: &TeardownEnd, exit: Exit) -> RunFinished {
    let count =
        |wanted: fn(&Outcome) -> bool| dispatched.outcomes.iter().filter(|(_, outcome)| wanted(outcome)).count();
    let (requests, polls) = run.context.client.counts();
    RunFinished {
        exit,
        succeeded: count(|outcome| matches!(outcome, Outcome::Done { reused: false })),
        reused: count(|outcome| matches!(outcome, Outcome::Done { reused: true })),
        failed: count(|outcome| matches!(outcome, Outcome::Failed(_))),
        skipped: count(|outcome| matches!(outcome, Outcome::Skipped | Outcome::NotStarted)),
        waiting: count(|outcome| matches!(outcome, Outcome::StillWaiting)),
        unknown: count(|outcome| matches!(outcome, Outcome::Unknown(_))),
        removed: torn.removed,
        reverted: torn.reverted,
        left: torn.left.len(),
        requests,
        polls,
        elapsed_ms: millis(run.context.clock().elapsed()),
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
    let mut undecided = unanswered(context).await?;
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
        undecided = unanswered(context).await?;
    }
    for (instance, error) in undecided {
        torn.add_left(context, instance, error);
    }
    let remaining = context.journal.with_status(|status| status.existing().count());
    let exit = match torn.stopped.and_then(exit_of_stop) {
        Some(exit) => exit,
        _ if remaining == 0 && torn.left.is_empty() => Exit::Done,
        _ => exit_of_rest(&torn),
    };
    if exit == Exit::Done {
        warn_of_open(context);
    }
    context
        .journal
        .append(vec![Record::Outputs { values: Vec::new() }, Record::Finished { exit: exit.code() }])
        .await?;
    let (requests, polls) = context.client.counts();
    Ok(RunFinished {
        exit,
        succeeded: 0,
        reused: 0,
        failed: 0,
        skipped: 0,
        waiting: 0,
        unknown: 0,
        removed: torn.removed,
        reverted: torn.reverted,
        left: remaining.max(torn.left.len()),
        requests,
        polls,
        elapsed_ms: millis(context.clock().elapsed()),
        next: None,
    })
}

/// Emits the event that a run has ended.
pub fn report_finished(context: &RunContext, finished: RunFinished) {
    context.events.emit(Event::RunFinished(finished));
}
