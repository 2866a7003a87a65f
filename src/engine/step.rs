//! Runs one instance of a step, from its templates to its result.
//!
//! What to do next is decided from the record, again after every turn: nothing recorded, send the call; an intent
//! without an answer, resolve it; tasks, wait for them; a result that agrees with the plan, keep it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use super::call::Write;
use super::called::Called;
use super::conceal::{conceal, conceal_names};
use super::context::About;
use super::decide::{self, ChangeKind, Decision, Differs, FormerSteps, Wanted};
use super::finish::Finishing;
use super::interruption::Interruption;
use super::objection;
use super::refresh::blame;
use super::render::{CallParts, Rendered, Surroundings, step_value};
use super::resolve::InDoubt;
use super::results::{self, Parameters};
use super::run::Run;
use super::turn::parent_turn;
use super::update::{Changing, update_of_result};
use crate::catalog::Operation;
use crate::clock::millis;
use crate::event::{Event, Provenance, SkipReason, StepDone, StepError};
use crate::id::{InstanceId, StepId};
use crate::journal::{Evidence, InstanceStatus, Intent, Phase, RecordedCall, StepResult};
use crate::plan::Step;
use crate::shared::Shared;
use crate::template::Each;

/// How often a run removes what a create left behind, and sends the create again.
const CLEARED: u32 = 5;

/// The operation of a call, and its path parameters.
pub(super) type Matched = (Option<Arc<Operation>>, Parameters);

/// An intent on record with its operation.
pub(super) struct Intended<'a> {
    pub intent: &'a Intent,
    /// Its call, which keeps what is read in it; the recorded one must not.
    pub call: &'a Shared<RecordedCall>,
    pub matched: Matched,
}

/// One instance of a step, ready to run.
pub struct Instance {
    pub run: Arc<Run>,
    /// Position of the step in the plan.
    pub step: usize,
    pub each: Option<Each>,
    /// The values of the steps it depends on.
    pub values: Arc<BTreeMap<StepId, minijinja::Value>>,
    /// Whether any step or output may read its value.
    pub is_read: bool,
}

/// How an instance ended.
#[derive(Debug)]
pub enum InstanceEnd {
    /// With `steps.<id>` for templates.
    Done {
        value: Option<Value>,
        reused: bool,
    },
    /// By the step's `when`.
    Skipped,
    Interrupted(Interruption),
}

/// The outcome of an instance that is done.
pub(super) struct Done {
    pub result: StepResult,
    pub provenance: Provenance,
    pub resource: Option<Value>,
}

impl Instance {
    pub(super) fn step(&self) -> &Step {
        &self.run.plan.steps[self.step]
    }

    pub fn id(&self) -> InstanceId {
        InstanceId::new(self.step().id.clone(), self.each.as_ref().map(|each| each.key.clone()))
    }

    pub(super) fn surroundings(&self) -> Surroundings<'_> {
        self.run.surroundings(&self.values, self.each.as_ref())
    }

    pub(super) fn about(&self, call: &Shared<RecordedCall>) -> About {
        About { call: Some(call.clone()), place: Some(self.run.plan_span(self.step().call.span)) }
    }

    pub(super) fn known(&self, id: &InstanceId) -> Shared<InstanceStatus> {
        self.run.context.journal.with_status(|status| status.instances.get(id).cloned().unwrap_or_default())
    }

    /// Whether the step's answer is secret (`secret: true`).
    pub fn is_secret(&self) -> bool {
        self.step().secret
    }

    /// Runs the instance to its end and emits what happened.
    ///
    /// Thousands wait for their tasks at once. What few need, and what is over by then, is a future of its own, so that
    /// a waiting instance holds no room for it.
    pub async fn run(self) -> (InstanceId, InstanceEnd) {
        let id = self.id();
        let started = self.run.context.clock().elapsed();
        let end = match self.work(&id, started).await {
            Ok(Some((call, done))) => self.succeeded(&id, call, done, started),
            Ok(None) => self.skipped(&id),
            Err(mut why) => {
                if let Interruption::Failed(error) = &mut why {
                    let known = self.known(&id);
                    let calls: Vec<&RecordedCall> = known.intent.iter().map(|intent| &*intent.call).collect();
                    Box::pin(blame(&self.run.context, &id, &calls, error)).await;
                }
                let waited = self.run.context.clock().elapsed().saturating_sub(started);
                InstanceEnd::Interrupted(self.interrupted(&id, why, waited))
            }
        };
        (id, end)
    }

    async fn work(
        &self,
        id: &InstanceId,
        started: Duration,
    ) -> Result<Option<(Shared<RecordedCall>, Done)>, Interruption> {
        let surroundings = self.surroundings();
        if let Some(when) = &self.step().when
            && !when.is_true(&surroundings.scope()).map_err(|error| self.run.template_failed(&error))?
        {
            return Ok(None);
        }
        let parts = CallParts::of_step(self.step());
        let rendered = surroundings.render(&parts, None).map_err(|error| self.run.template_failed(&error))?;
        self.run.check_rendered(self.step(), &rendered).map_err(Interruption::Failed)?;
        let mut done = if decide::reads(self.step()) {
            Box::pin(self.read(&rendered)).await?
        } else {
            self.write(id, &rendered, started).await?
        };
        if !self.step().wait.skip && !self.step().ready.is_off() {
            Box::pin(self.await_own_readiness(id, &rendered, &done.result, done.provenance)).await?;
        }
        let judged = self.step().ready.condition().is_some() || self.step().fail_when.is_some();
        if done.resource.is_none() && (judged || self.step().resource_used) {
            done.resource = Some(Box::pin(self.resource(id, &rendered, &done.result, done.provenance)).await?);
        }
        Ok(Some((rendered.recorded, done)))
    }

    /// Takes turns until the record says that the step is done and agrees with the plan.
    async fn write(&self, id: &InstanceId, rendered: &Rendered, started: Duration) -> Result<Done, Interruption> {
        let mut provenance = Provenance::Reused;
        let mut cleared = 0;
        loop {
            let recovered = self.recovered(id, rendered);
            let is_recovered = recovered.is_some();
            let known = recovered.unwrap_or_else(|| self.known(id));
            let difference = self.difference(&known, rendered);
            let replace = provenance == Provenance::Reused && self.run.options.replace.covers(id);
            let made = known.phase != Phase::Absent;
            let orphan = made && difference.kind == Differs::Forces && self.run.is_orphan(id);
            let mut wanted = Wanted::of(self.step(), replace, orphan, is_recovered);
            // `always` applies once per run.
            wanted.always &= provenance == Provenance::Reused;
            let decision = decide::instance(&wanted, Some(&known), difference.kind);
            if self.run.options.import.is_some() {
                return Box::pin(self.import(id, rendered, &known, decision, &mut provenance)).await;
            }
            cleared += u32::from(decision == Decision::Clear);
            if cleared > CLEARED {
                let words = format!("it was made {CLEARED} times in this run, and none of the answers arrived");
                return Err(self.refused(rendered, words));
            }
            let result = match decision {
                Decision::Change(kind @ ChangeKind::Error) if is_recovered && difference.kind == Differs::Forces => {
                    let change = Changing { kind, split: &difference.split };
                    return Err(Interruption::Failed(self.change_refused(rendered, &known, &change)));
                }
                Decision::Keep | Decision::Change(ChangeKind::Update | ChangeKind::Rerun | ChangeKind::Error)
                    if is_recovered =>
                {
                    Box::pin(self.record_recovered(id, &known)).await?;
                    continue;
                }
                Decision::Keep => {
                    return Ok(Done { result: known.result.clone().unwrap_or_default(), provenance, resource: None });
                }
                Decision::Change(kind) => {
                    let change = Changing { kind, split: &difference.split };
                    Box::pin(self.changed(id, rendered, &known, &change, &mut provenance, started)).await?
                }
                decision => self.turn(id, rendered, &known, decision, &mut provenance, started).await?,
            };
            // What is ignored stays different, also after a broken-off update that was looked for.
            let ignores = decision == Decision::Change(ChangeKind::Ignore);
            // The fresh answer may have fields that are not recorded: dependants get it from here.
            if let Some(result) = result
                && (ignores || provenance == Provenance::Reused || self.is_up_to_date(id, rendered))
            {
                return Ok(Done { result, provenance, resource: None });
            }
        }
    }

    /// Warns, before the call, when it seems to have been made under a former name of the step.
    fn report_renamed(&self, id: &InstanceId, call: &RecordedCall) {
        let context = &self.run.context;
        let former = context.journal.with_status(|status| {
            let of_plan = |step: &StepId| self.run.plan.steps.contains_key(step);
            self.run.former_steps.get_or_init(|| FormerSteps::of(status, of_plan)).name_of(status, id, call)
        });
        if let Some(former) = former {
            context.warn(decide::renamed_words(id, &former));
        }
    }

    /// For `plan state import`: one instance adopts its resource; every step it depends on must be on record.
    async fn import(
        &self,
        id: &InstanceId,
        rendered: &Rendered,
        known: &InstanceStatus,
        decision: Decision,
        provenance: &mut Provenance,
    ) -> Result<Done, Interruption> {
        let wanted = self.run.options.import.as_ref().is_some_and(|import| import.instance == *id);
        let result = match (wanted, decision, &known.result) {
            (true, Decision::Call, _) => self.adopt(id, rendered, provenance).await?,
            (true, ..) => return Err(self.refused(rendered, "it is on record already".to_owned())),
            (false, _, Some(result)) => result.clone(),
            (false, _, None) => {
                return Err(
                    self.refused(rendered, "it is not on record, and what is imported comes after it".to_owned())
                );
            }
        };
        Ok(Done { result, provenance: *provenance, resource: None })
    }

    /// The recorded call agrees with the plan; or the step does not wait, and its tasks are running.
    fn is_up_to_date(&self, id: &InstanceId, rendered: &Rendered) -> bool {
        let known = self.known(id);
        self.agrees(&known, rendered) || (self.step().wait.skip && matches!(known.phase, Phase::Accepted { .. }))
    }

    /// Waits for the lock of the parent that the API locks; held until the tasks of the write are done.
    async fn enter(
        &self,
        id: &InstanceId,
        call: &RecordedCall,
        (operation, parameters): &Matched,
    ) -> Result<Option<OwnedMutexGuard<()>>, Interruption> {
        let lock = operation.as_ref().and_then(|operation| results::lock_value(operation, call, parameters));
        parent_turn(&self.run.context, id, lock.as_deref()).await.map_err(Interruption::Stopped)
    }

    /// One turn of an instance that is not done. `None`: another turn is needed.
    async fn turn(
        &self,
        id: &InstanceId,
        rendered: &Rendered,
        known: &InstanceStatus,
        decision: Decision,
        provenance: &mut Provenance,
        started: Duration,
    ) -> Result<Option<StepResult>, Interruption> {
        match (decision, &known.phase, known.intent.as_deref()) {
            (Decision::Call, ..) if self.adopts(id) => Box::pin(self.adopt(id, rendered, provenance)).await.map(Some),
            (Decision::Call, ..) => {
                if known.phase == Phase::Absent {
                    self.report_renamed(id, &rendered.recorded);
                }
                *provenance = Provenance::Called;
                let write = self.write_of(id, rendered, None);
                self.make(&write, known, None, provenance, started).await
            }
            (Decision::Resolve, _, Some(intent))
                if let Some(in_doubt) = InDoubt::recorded(&self.run.context, known) =>
            {
                *provenance = if intent.update.is_some() { Provenance::Updated } else { Provenance::Called };
                let write = self.write_again(id, rendered, known, intent)?;
                let resolving = async move {
                    match write {
                        Some(write) => self.make(&write, known, Some(in_doubt), provenance, started).await,
                        None => self.give_up_update(id, rendered, known, &in_doubt, started).await,
                    }
                };
                Box::pin(resolving).await
            }
            (Decision::Wait, Phase::Accepted { tasks, recovered, status }, Some(intent)) => {
                *provenance = match (intent.update.is_some(), *recovered) {
                    (true, _) => Provenance::Updated,
                    (false, true) => Provenance::Recovered,
                    (false, false) => Provenance::Continued,
                };
                // Earlier versions attributed results by likeness; without recorded evidence that is assumed.
                let evidence = recovered.then(|| known.evidence.unwrap_or(Evidence::Likeness));
                let called = Called::Tasks { tasks: tasks.clone(), status: *status, evidence };
                let waiting = async move {
                    let intended = self.intended(intent);
                    let _turn = self.enter(&intent.instance, &intent.call, &intended.matched).await?;
                    self.finish(known, intended, called, *provenance, started, true).await
                };
                Box::pin(waiting).await
            }
            // A resource of an earlier attempt has to be removed first.
            _ => {
                Box::pin(self.run.remove(id)).await?;
                Ok(None)
            }
        }
    }

    /// Sends a write and completes it.
    pub(super) async fn make(
        &self,
        write: &Write,
        known: &InstanceStatus,
        in_doubt: Option<InDoubt>,
        provenance: &mut Provenance,
        started: Duration,
    ) -> Result<Option<StepResult>, Interruption> {
        let matched = self.operation_of(&write.intent.call);
        let _turn = Box::pin(self.enter(&write.intent.instance, &write.intent.call, &matched)).await?;
        let called = match Box::pin(write.make(&self.run.context, known.attempts, in_doubt)).await {
            Ok(called) => called,
            Err(Interruption::Conflict(refusal)) => {
                return Box::pin(self.conflict(write, refusal, provenance, started)).await;
            }
            Err(why) => return Err(why),
        };
        // However the outcome was found, a change in place is reported as an update.
        if called.is_recovered() && write.intent.update.is_none() {
            *provenance = Provenance::Recovered;
        }
        // The recovered outcome may be that of an earlier attempt: its recorded intent is used.
        let known = self.known(&write.intent.instance);
        let recorded = known.intent.as_deref().unwrap_or(&write.intent);
        let same = recorded.call == write.intent.call;
        let call = if same { &write.intent.call } else { &recorded.call };
        let matched = if same { matched } else { self.operation_of(call) };
        self.finish(&known, Intended { intent: recorded, call, matched }, called, *provenance, started, false).await
    }

    /// Waits for the tasks of an accepted write and records the result.
    pub(super) async fn finish(
        &self,
        known: &InstanceStatus,
        Intended { intent, call, matched: (operation, parameters) }: Intended<'_>,
        called: Called,
        provenance: Provenance,
        started: Duration,
        resumed: bool,
    ) -> Result<Option<StepResult>, Interruption> {
        let about = self.about(call);
        let finishing = Finishing {
            intent,
            call,
            operation: operation.as_deref(),
            parameters: &parameters,
            about: &about,
            undo: Box::new(|result| self.undo_of(result, intent)),
            wait: &self.step().wait,
            updates: update_of_result(intent, known),
            since: started,
            usable: !self.step().ready.is_off(),
            hopeless: Box::new(|result, object| self.hopeless(result, object)),
            resumed: known.intended_at.filter(|_| resumed),
        };
        finishing.finish(&self.run.context, called, provenance).await
    }

    pub(super) fn intended<'a>(&self, intent: &'a Intent) -> Intended<'a> {
        Intended { intent, call: &intent.call, matched: self.operation_of(&intent.call) }
    }

    /// The operation of a recorded call: from the catalogue, or the step's own when the plan was checked against
    /// another document (`--spec`).
    fn operation_of(&self, call: &RecordedCall) -> Matched {
        match results::operation_of(self.run.context.catalog, call) {
            Some((operation, parameters)) => (Some(operation), parameters),
            None => (None, Vec::new()),
        }
    }

    pub(super) fn succeeded(
        &self,
        id: &InstanceId,
        call: Shared<RecordedCall>,
        done: Done,
        started: Duration,
    ) -> InstanceEnd {
        let context = &self.run.context;
        let reused = done.provenance == Provenance::Reused;
        let changed = done.result.id.is_some()
            && context.journal.with_status(|status| {
                let made = status.instances.get(id).map(|known| known.made.as_slice()).unwrap_or_default();
                made.iter().all(|made| made.id != done.result.id)
            });
        let conceal = |answer: Value| conceal(&context.secrets, answer, self.step().secret);
        context.events.emit(Event::StepSucceeded {
            instance: id.clone(),
            result: StepDone {
                provenance: done.provenance,
                call: call.to_string(),
                kind: done.result.kind.clone(),
                id: done.result.id.as_ref().map(|id| context.secrets.redact_name(&results::id_text(id))),
                name: done.result.name.as_ref().map(|name| context.secrets.redact_name(name)),
                changed,
                tasks: done.result.tasks.iter().map(|task| context.secrets.redact_name(task)).collect(),
                duration_ms: if reused { 0 } else { millis(context.clock().elapsed().saturating_sub(started)) },
            },
        });
        if !self.is_read {
            return InstanceEnd::Done { value: None, reused };
        }
        let named = conceal_names(&context.secrets, done.result);
        let result =
            StepResult { response: named.response.clone().map(|answer| conceal(answer.into_value()).into()), ..named };
        InstanceEnd::Done { value: Some(step_value(&result, done.resource.map(conceal).as_ref())), reused }
    }

    fn skipped(&self, id: &InstanceId) -> InstanceEnd {
        let event = Event::StepSkipped { instance: id.clone(), reason: SkipReason::Condition };
        self.run.context.events.emit(event);
        InstanceEnd::Skipped
    }

    /// Emits why there is no result. A stop while tasks are under way is reported as still waiting.
    fn interrupted(&self, id: &InstanceId, why: Interruption, waited: Duration) -> Interruption {
        let instance = id.clone();
        let why = match (why, self.known(id).phase.clone()) {
            (Interruption::Stopped(_), Phase::Accepted { tasks, .. }) => {
                Interruption::StillWaiting { tasks, waited, until: None }
            }
            (Interruption::Stopped(_), Phase::InDoubt) => {
                Interruption::StillWaiting { tasks: Vec::new(), waited, until: None }
            }
            (Interruption::Failed(error) | Interruption::Conflict(error) | Interruption::NoAccess(error), _) => {
                Interruption::Failed(self.located(id, error))
            }
            (why, _) => why,
        };
        let event = match &why {
            Interruption::Unknown(error) => Event::StepUnknown { instance, error: error.clone() },
            Interruption::StillWaiting { tasks, waited, until } => Event::StepStillWaiting {
                instance,
                tasks: tasks.clone(),
                waited_ms: millis(*waited),
                until: until.clone(),
            },
            Interruption::Failed(error) | Interruption::Conflict(error) | Interruption::NoAccess(error) => {
                Event::StepFailed { instance, error: error.clone() }
            }
            // The dispatcher reports the instances that were not started.
            Interruption::Stopped(_) | Interruption::Journal(_) => return why,
        };
        self.emit_existing(id);
        self.run.context.events.emit(event);
        why
    }

    /// Emits what the record has of the instance, the newest of several.
    fn emit_existing(&self, id: &InstanceId) {
        let hide = |text: &str| self.run.context.secrets.redact_name(text);
        let known = self.known(id);
        let Some(made) = known.made.last() else { return };
        let Some(made_id) = &made.id else { return };
        self.run.context.events.emit(Event::ResourceExists {
            instance: id.clone(),
            kind: made.kind.clone(),
            id: hide(&results::id_text(made_id)),
            name: made.name.as_deref().map(hide),
        });
    }

    /// Moves the error to the first field that the API objects to, where the plan has it.
    fn located(&self, id: &InstanceId, mut error: StepError) -> StepError {
        let Some(template) = self.step().body.as_ref().filter(|_| error.status.is_some()) else { return error };
        let known = self.known(id);
        let none = Value::Null;
        let sent = known.call().and_then(|call| call.body.as_deref()).unwrap_or(&none);
        let field = match error.invalid_fields.first() {
            Some((field, _)) => Some(objection::place_of(field, sent)),
            None => objection::place_in_message(&error.message, sent),
        };
        if let Some(field) = field {
            error.place = Some(self.run.plan_span(template.at(&field).span).place());
        }
        error
    }
}
