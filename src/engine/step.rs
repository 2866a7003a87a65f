//! Runs one instance of a step, from its templates to its result.
//!
//! What to do next is decided from the record, again after every turn: nothing recorded, send the call; an intent
//! without an answer, resolve it; tasks, wait for them; a result that agrees with the plan, keep it.

use std::time::Duration;

use super::decide::{self, ChangeKind, Decision, FormerSteps, Wanted};
use super::instance::{Done, Instance, InstanceEnd};
use super::interruption::Interruption;
use super::remade::{Elements, elements_of};
use super::render::{CallParts, Rendered};
use super::resolve::InDoubt;
use super::turn::{Accepted, TurnEnd};
use super::update::Changing;
use super::watch::TaskEnd;
use crate::event::Provenance;
use crate::hash::HashMap;
use crate::id::{InstanceId, StepId};
use crate::journal::{InstanceStatus, Phase, RecordedCall, StepResult};
use crate::shared::Shared;
use crate::template::Reference;

/// How often a run removes what a create left behind, and sends the create again.
const CLEARED: u32 = 5;

/// How far an instance has come.
enum Stage {
    /// Its call and outcome; `None`: skipped by its `when`.
    Ended(Option<(Shared<RecordedCall>, Done)>),
    /// It waits for its tasks, and holds no more than it needs afterwards.
    Waits(Box<Accepted>, WaitingCall),
}

/// What stays of the rendered call while an instance waits for its tasks.
enum WaitingCall {
    /// The call alone: the rest is rendered again when another turn is needed.
    Call(Shared<RecordedCall>),
    /// All of it, since the resource is read once the tasks have ended.
    Whole(Box<Rendered>),
}

impl WaitingCall {
    fn call(&self) -> &Shared<RecordedCall> {
        match self {
            WaitingCall::Call(call) => call,
            WaitingCall::Whole(rendered) => &rendered.recorded,
        }
    }
}

/// What the turns of an instance have in common.
struct Progress {
    /// When it started, on the run's clock.
    started: Duration,
    provenance: Provenance,
    /// How often what a create left behind was removed.
    cleared: u32,
    /// The last turn left a difference as it is (`on_change: ignore`).
    ignores: bool,
}

impl Progress {
    fn new(started: Duration) -> Self {
        Self { started, provenance: Provenance::Reused, cleared: 0, ignores: false }
    }
}

impl Instance {
    /// Runs the instance to its end and emits what happened.
    ///
    /// Thousands wait for their tasks at once. What an instance does before its tasks are accepted and after they have
    /// ended are futures of their own, so that a waiting instance holds no room for them.
    #[expect(clippy::manual_async_fn, reason = "the future of an `async fn` holds `self` twice")]
    pub fn run(self) -> impl Future<Output = (InstanceId, InstanceEnd)> + Send {
        async move {
            let id = self.id();
            let mut progress = Progress::new(self.run.context.clock().elapsed());
            let end = match self.work(&id, &mut progress).await {
                Ok(Some((call, done))) => self.succeeded(&id, call, done, progress.started),
                Ok(None) => self.skipped(&id),
                Err(why) => InstanceEnd::Interrupted(Box::pin(self.blamed(&id, why, progress.started)).await),
            };
            (id, end)
        }
    }

    async fn work(
        &self,
        id: &InstanceId,
        progress: &mut Progress,
    ) -> Result<Option<(Shared<RecordedCall>, Done)>, Interruption> {
        let (mut accepted, mut kept) =
            match Box::pin(async { self.amended(id, self.begin(id, progress).await?).await }).await? {
                Stage::Ended(end) => return Ok(end),
                Stage::Waits(accepted, kept) => (accepted, kept),
            };
        loop {
            let ends = self.begin_to_wait(id, &accepted).wait().await;
            let ends = ends.map_err(|left| left.of_tasks(&self.run.context, &accepted.tasks))?;
            let next = async { self.amended(id, self.go_on(id, progress, (accepted, kept), ends).await?).await };
            match Box::pin(next).await? {
                Stage::Ended(end) => return Ok(end),
                Stage::Waits(next, still) => (accepted, kept) = (next, still),
            }
        }
    }

    /// Records, at the end of an instance, what the plan says besides its call; returns the stage.
    async fn amended(&self, id: &InstanceId, mut stage: Stage) -> Result<Stage, Interruption> {
        // What this run called, it called as the plan says.
        if let Stage::Ended(Some((_, done))) = &mut stage
            && done.provenance != Provenance::Called
            && let Some(name) = self.amend(id).await?
            && done.result.name.is_some()
        {
            done.result.name = Some(name);
        }
        Ok(stage)
    }

    /// From the templates to the first tasks, or to the end.
    async fn begin(&self, id: &InstanceId, progress: &mut Progress) -> Result<Stage, Interruption> {
        let template_failed = |error| self.run.template_failed(&error);
        if let Some(when) = &self.step().when
            && !when.is_true(&self.surroundings().scope()).map_err(template_failed)?
        {
            return Ok(Stage::Ended(None));
        }
        let rendered = self.rendered()?;
        self.run.check_rendered(self.step(), &rendered).map_err(Interruption::Failed)?;
        if decide::reads(self.step()) {
            let done = Box::pin(self.read(&rendered)).await?;
            return self.until_ready(id, rendered, done).await;
        }
        self.turns(id, rendered, progress).await
    }

    /// From the end of the tasks to the next, or to the end.
    async fn go_on(
        &self,
        id: &InstanceId,
        progress: &mut Progress,
        (accepted, kept): (Box<Accepted>, WaitingCall),
        ends: Vec<TaskEnd>,
    ) -> Result<Stage, Interruption> {
        let result = self.completed(id, *accepted, Some(ends), progress.provenance, progress.started).await?;
        let done = result.and_then(|result| self.done(id, kept.call(), result, progress));
        match (done, kept) {
            (Some(done), WaitingCall::Call(call)) => Ok(Stage::Ended(Some((call, done)))),
            (Some(done), WaitingCall::Whole(rendered)) => self.until_ready(id, *rendered, done).await,
            (None, WaitingCall::Call(_)) => self.turns(id, self.rendered()?, progress).await,
            (None, WaitingCall::Whole(rendered)) => self.turns(id, *rendered, progress).await,
        }
    }

    fn rendered(&self) -> Result<Rendered, Interruption> {
        let rendered = self.surroundings().render(&CallParts::of_step(self.step()), None);
        rendered.map_err(|error| self.run.template_failed(&error))
    }

    /// Waits until what was made is ready, and reads it where the step or a template needs what a read shows.
    async fn until_ready(&self, id: &InstanceId, rendered: Rendered, mut done: Done) -> Result<Stage, Interruption> {
        if !self.step().wait.skip && !self.step().ready.is_off() {
            Box::pin(self.await_own_readiness(id, &rendered, &done.result, done.provenance)).await?;
        }
        if done.resource.is_none() && self.reads_resource() {
            done.resource = Some(Box::pin(self.resource(id, &rendered, &done.result, done.provenance)).await?);
        }
        Ok(Stage::Ended(Some((rendered.recorded, done))))
    }

    /// Whether its resource is read once the call has succeeded.
    fn reads_resource(&self) -> bool {
        let step = self.step();
        step.ready.condition().is_some() || step.fail_when.is_some() || step.resource_used
    }

    /// The part of the rendered call that is held while its tasks run; an equal call on record is held in its place.
    fn waiting_call(&self, id: &InstanceId, rendered: Rendered) -> WaitingCall {
        let awaits_more = rendered.operation.as_ref().is_some_and(|operation| operation.ready.is_some());
        if awaits_more || self.reads_resource() {
            return WaitingCall::Whole(rendered.into());
        }
        let known = self.known(id);
        let recorded = known.intent.iter().flat_map(|intent| std::iter::once(&intent.call).chain(&intent.update));
        let same = recorded.into_iter().find(|call| **call == rendered.recorded).cloned();
        WaitingCall::Call(same.unwrap_or(rendered.recorded))
    }

    /// Takes turns until its tasks are accepted, or the record says that the step is done and agrees with the plan.
    async fn turns(&self, id: &InstanceId, rendered: Rendered, progress: &mut Progress) -> Result<Stage, Interruption> {
        let done = loop {
            let recovered = self.recovered(id, &rendered);
            let is_recovered = recovered.is_some();
            let known = recovered.unwrap_or_else(|| self.known(id));
            if !is_recovered && Box::pin(self.amend_form(id, &known, &rendered.recorded)).await? {
                continue;
            }
            let difference = self.difference(&known, &rendered);
            let (provenance, started) = (&mut progress.provenance, progress.started);
            let replace = *provenance == Provenance::Reused && self.run.options.replace.covers(id);
            let made = known.phase != Phase::Absent;
            let orphan = made && difference.kind.needs_new() && self.run.is_orphan(id);
            let mut wanted = Wanted::of(self.step(), replace, orphan, is_recovered);
            // `always` applies once per run.
            wanted.always &= *provenance == Provenance::Reused;
            let decision = decide::instance(&wanted, Some(&known), difference.kind);
            if self.run.options.import.is_some() {
                break Box::pin(self.import(id, &rendered, &known, decision, provenance)).await?;
            }
            progress.cleared += u32::from(decision == Decision::Clear);
            if progress.cleared > CLEARED {
                let words = format!("it was made {CLEARED} times in this run, and none of the answers arrived");
                return Err(self.refused(&rendered, words));
            }
            let turned = match decision {
                Decision::Change(kind @ ChangeKind::Error) if is_recovered && difference.kind.needs_new() => {
                    let change = Changing { kind, split: &difference.split };
                    return Err(Interruption::Failed(self.change_refused(&rendered, &known, &change)));
                }
                Decision::Reuse | Decision::Change(ChangeKind::Update | ChangeKind::Rerun | ChangeKind::Error)
                    if is_recovered =>
                {
                    Box::pin(self.record_recovered(id, &known)).await?;
                    continue;
                }
                Decision::Reuse => {
                    let result = known.result.clone().unwrap_or_default();
                    break Done { result, provenance: *provenance, resource: None };
                }
                Decision::Change(kind) => {
                    let change = Changing { kind, split: &difference.split };
                    Box::pin(self.changed(id, &rendered, &known, &change, provenance, started)).await?
                }
                decision => self.turn(id, &rendered, &known, decision, provenance, started).await?,
            };
            progress.ignores = decision == Decision::Change(ChangeKind::Ignore);
            match turned {
                TurnEnd::Accepted(accepted) => return Ok(Stage::Waits(accepted, self.waiting_call(id, rendered))),
                TurnEnd::Again => {}
                TurnEnd::Result(result) => {
                    if let Some(done) = self.done(id, &rendered.recorded, result, progress) {
                        break done;
                    }
                }
            }
        };
        self.until_ready(id, rendered, done).await
    }

    /// The outcome, when with this result the step is done.
    fn done(
        &self,
        id: &InstanceId,
        call: &Shared<RecordedCall>,
        result: StepResult,
        progress: &Progress,
    ) -> Option<Done> {
        let Progress { provenance, ignores, .. } = *progress;
        // What is ignored stays different, also after a broken-off update that was looked for.
        // The fresh answer may have fields that are not recorded: dependants get it from here.
        let is_done = ignores || provenance == Provenance::Reused || self.is_up_to_date(id, call);
        is_done.then_some(Done { result, provenance, resource: None })
    }

    /// Warns, before the call, when it seems to have been made under a former name of the step.
    fn report_renamed(&self, id: &InstanceId, call: &RecordedCall) {
        let context = &self.run.context;
        let words = context.journal.with_status(|status| {
            let planned = || FormerSteps::of(status, self.is_planned());
            let former_steps = self.run.former_steps.get_or_init(planned);
            former_steps.words_about(status, id, call, &context.settings.record_flags)
        });
        words.into_iter().for_each(|words| context.warn(words));
    }

    /// Whether the plan has an instance. The elements of a `for_each` that are not known yet are assumed to be as
    /// before.
    fn is_planned(&self) -> impl FnMut(&InstanceId) -> bool {
        let surroundings = self.run.surroundings(&self.values, None);
        let mut by_step: HashMap<&StepId, Option<Elements>> = HashMap::default();
        move |one| {
            let Some(step) = self.run.plan.steps.get(&one.step) else { return false };
            match (&step.for_each, &one.key) {
                (None, None) => true,
                (Some(_), Some(key)) => {
                    let is_known = |reference: &Reference| self.values.contains_key(&reference.step);
                    let each = by_step.entry(&step.id).or_insert_with(|| elements_of(step, &surroundings, &is_known));
                    each.as_ref().is_none_or(|each| each.contains_key(&**key))
                }
                _ => false,
            }
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
                let words = "it is not on record, and the imported instance depends on it".to_owned();
                return Err(self.refused_with(
                    rendered,
                    words,
                    vec![format!("import `{id}` first, or create it with a run")],
                ));
            }
        };
        Ok(Done { result, provenance: *provenance, resource: None })
    }

    /// The recorded call agrees with the plan; or the step does not wait, and its tasks are running.
    fn is_up_to_date(&self, id: &InstanceId, call: &Shared<RecordedCall>) -> bool {
        let known = self.known(id);
        self.agrees(&known, call) || (self.step().wait.skip && matches!(known.phase, Phase::Accepted { .. }))
    }

    /// One turn of an instance that is not done.
    async fn turn(
        &self,
        id: &InstanceId,
        rendered: &Rendered,
        known: &InstanceStatus,
        decision: Decision,
        provenance: &mut Provenance,
        started: Duration,
    ) -> Result<TurnEnd, Interruption> {
        match (decision, &known.phase, known.intent.as_deref()) {
            (Decision::Call, ..) if self.adopts(id) => {
                Box::pin(self.adopt(id, rendered, provenance)).await.map(TurnEnd::Result)
            }
            (Decision::Call, ..) => {
                if known.phase == Phase::Absent {
                    self.report_renamed(id, &rendered.recorded);
                }
                *provenance = Provenance::Called;
                let write = self.write_of(id, rendered, None);
                self.refuse_if_held(&write)?;
                self.make(&write, known, None, provenance, started).await
            }
            (Decision::Resolve, _, Some(intent))
                if let Some(in_doubt) = InDoubt::recorded(&self.run.context, known) =>
            {
                *provenance = if intent.update.is_some() { Provenance::Updated } else { Provenance::Called };
                let write = self.write_again(id, rendered, known, intent).await?;
                let resolving = async move {
                    match write {
                        Some(write) => self.make(&write, known, Some(in_doubt), provenance, started).await,
                        None => self.give_up_update(id, rendered, known, &in_doubt, started).await.map(TurnEnd::from),
                    }
                };
                Box::pin(resolving).await
            }
            (Decision::Wait, Phase::Accepted { tasks, recovered, .. }, Some(intent)) => {
                *provenance = match (intent.update.is_some(), *recovered) {
                    (true, _) => Provenance::Updated,
                    (false, true) => Provenance::Recovered,
                    (false, false) => Provenance::Continued,
                };
                Box::pin(self.resume(intent, tasks, *provenance, started)).await
            }
            // A resource of an earlier attempt has to be removed first.
            _ => {
                Box::pin(self.run.remove(id)).await?;
                Ok(TurnEnd::Again)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_instance_holds_little() {
        fn size_of_future<F: Future>(_: impl Fn(Instance) -> F) -> usize {
            size_of::<F>()
        }
        let size = size_of_future(Instance::run);
        assert!(size <= 1064, "{size} bytes, of which very many are held at once");
    }
}
