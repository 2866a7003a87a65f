//! From an accepted write to its result: waits for its tasks and for readiness, and records what they made. Works on
//! recorded data, without a plan, so that a teardown can complete what an earlier run began.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::called::Called;
use super::collection::{creator_task, result_of_item};
use super::conceal;
use super::context::{About, RunContext};
use super::effect::{Effect, effect_of};
use super::evidence::{Verdict, tags};
use super::interruption::Interruption;
use super::leftover::leftover;
use super::made::{Before, made_by, of_tasks};
use super::operation::{self, Matched, Parameters};
use super::ownership::Claimable;
use super::paths;
use super::results;
use super::secondary::with_secondary;
use super::update::{UpdateState, update_state};
use super::watch::{Place, TaskEnd, task_duration};
use crate::api::{ApiError, Request, Task, TaskData};
use crate::catalog::update::shows_early;
use crate::catalog::{Method, Operation};
use crate::clock::millis;
use crate::event::{EffectKnown, ErrorClass, Provenance, StepError};
use crate::journal::{
    Evidence, Few, IntendedUndo, Intent, JournalError, Record, RecordedCall, RecordedResource, StepResult, Succeeded,
    Unanswered, id_text,
};
use crate::kind::resource_name;
use crate::plan::Wait;
use crate::shared::Shared;

/// Returns the undo call for a result.
pub type UndoOf<'a> = Box<dyn Fn(&StepResult) -> IntendedUndo + Send + Sync + 'a>;
/// Returns an error when the resource can never become ready (`fail_when` of the step).
pub type FailWhen<'a> = Box<dyn Fn(&StepResult, &Value) -> Option<StepError> + Send + Sync + 'a>;

/// What is needed to complete an accepted write.
pub struct Finishing<'a> {
    /// The recorded intent of the write.
    pub intent: &'a Intent,
    /// Its call, which keeps what is read in it; the recorded one must not.
    pub call: &'a RecordedCall,
    pub operation: Option<&'a Operation>,
    pub parameters: &'a Parameters,
    pub about: &'a About,
    /// Returns the undo call for the result.
    pub undo: UndoOf<'a>,
    pub wait: Wait,
    /// For an update: the call that the resource agrees with afterwards, and its result before.
    pub updates: Option<(Shared<RecordedCall>, StepResult)>,
    /// When the first request was sent, on the run's clock.
    pub since: Duration,
    /// Wait until the resource is ready, where a finished task alone does not mean that it is.
    pub until_ready: bool,
    /// Checks the resource against the step's `fail_when`.
    pub fail_when: FailWhen<'a>,
    /// When an earlier run recorded the intent, whose tasks may be finished already; `None` for a write of this run.
    pub intended_at: Option<Timestamp>,
}

/// How an accepted write ended.
#[derive(Debug)]
pub enum Ended {
    /// With a result; and the type and the milliseconds of each of its tasks.
    Well(StepResult, Vec<(String, u64)>),
    /// The task at index `at` ended in ERROR.
    InError { at: usize, tasks: Vec<Task> },
    /// These tasks were attributed to this write, but belong to another attempt.
    NotOurs(Vec<String>),
    /// The API does not know these tasks of the write, or does not any more, as it answered.
    Missing(Vec<String>, Box<ApiError>),
}

/// What exists although a task failed.
pub struct Leftover {
    pub made: Option<RecordedResource>,
    /// Whether the search is certain to have found all of it.
    pub certain: bool,
    /// Nothing was found in lists that may be late.
    pub may_show: bool,
    /// Resources that the call or another client may have made, in words.
    pub candidates: Vec<String>,
}

impl<'a> Finishing<'a> {
    /// Completes an attempt as its record describes it, without the step: until its tasks have ended.
    pub fn of_record(
        intent: &'a Intent,
        (operation, parameters): &'a Matched,
        about: &'a About,
        since: Duration,
        intended_at: Option<Timestamp>,
    ) -> Self {
        Self {
            intent,
            call: &intent.call,
            operation: operation.as_deref(),
            parameters,
            about,
            undo: Box::new(|_| intent.undo.clone()),
            wait: Wait { timeout: intent.timeout_ms.map(Duration::from_millis), ..Wait::default() },
            updates: None,
            since,
            until_ready: false,
            fail_when: Box::new(|_, _| None),
            intended_at,
        }
    }
}

impl Finishing<'_> {
    /// Completes a write and records its result. `None` when there is none: the attributed task belongs to another
    /// attempt, or the API does not know it any more, so that the outcome is in doubt again; or what was found is of no
    /// use without its answer, and has to be removed first. Each of these is recorded.
    ///
    /// # Errors
    ///
    /// [`Interruption`].
    pub async fn finish(
        &self,
        context: &RunContext,
        called: Called,
        provenance: Provenance,
    ) -> Result<Option<StepResult>, Interruption> {
        let evidence = called.evidence();
        match called {
            // The step asks not to wait, so the result is not known yet: the write stays recorded as accepted, and a
            // dependant waits for it.
            Called::Tasks { tasks, status, .. } if self.wait.skip && self.creates() => {
                Ok(Some(StepResult { tasks: tasks.into(), status, ..StepResult::default() }))
            }
            called => {
                let ended = self.await_end(context, called).await?;
                Box::pin(self.ended(context, ended, provenance, evidence)).await
            }
        }
    }

    /// Completes a write whose tasks have ended, and records its result, as [`Self::finish`] does.
    ///
    /// # Errors
    ///
    /// [`Interruption`].
    pub async fn finish_ended(
        &self,
        context: &RunContext,
        called: Called,
        ends: Vec<TaskEnd>,
        provenance: Provenance,
    ) -> Result<Option<StepResult>, Interruption> {
        let evidence = called.evidence();
        let ended = match called {
            Called::Tasks { tasks, status, .. } => {
                self.end_of(context, (tasks, status, evidence.is_some()), ends).await?
            }
            called => self.await_end(context, called).await?,
        };
        self.ended(context, ended, provenance, evidence).await
    }

    /// Records how the write ended.
    async fn ended(
        &self,
        context: &RunContext,
        ended: Ended,
        provenance: Provenance,
        evidence: Option<Evidence>,
    ) -> Result<Option<StepResult>, Interruption> {
        match ended {
            Ended::Well(result, _) if evidence.is_some() && self.shows_secret_once() => {
                self.record_without_its_secret(context, &result).await?;
                Ok(None)
            }
            Ended::Well(result, durations) => {
                // Readiness after a synchronous answer is waited for later, once that answer is on record.
                let later = self.operation.is_some_and(|operation| operation.ready.is_some());
                if self.until_ready && !self.wait.skip && !later {
                    match Box::pin(self.await_readiness(context, &result)).await {
                        // The resource exists: it is recorded, so that the next run, or a replacement, knows of it.
                        Err(Interruption::Failed(error)) => {
                            self.record(context, result, provenance, evidence, durations).await?;
                            return Err(Interruption::Failed(error));
                        }
                        awaited => awaited?,
                    }
                }
                Ok(Some(self.record(context, result, provenance, evidence, durations).await?))
            }
            Ended::InError { at, tasks } => {
                let effect = Box::pin(self.effect(context)).await?;
                if effect == Some(Effect::There) {
                    self.tell_done_in_error(context, &tasks[at]);
                    let result = self.result_of(context, &tasks, None);
                    return Ok(Some(self.record(context, result, provenance, evidence, Vec::new()).await?));
                }
                Err(Box::pin(self.failed(context, &tasks[at], &tasks, effect)).await?)
            }
            Ended::NotOurs(tasks) => {
                self.disown(context, tasks).await?;
                Ok(None)
            }
            Ended::Missing(tasks, error) => {
                self.record_tasks_missing(context, tasks, &error).await?;
                Ok(None)
            }
        }
    }

    /// Waits until the tasks of a write are finished.
    ///
    /// # Errors
    ///
    /// [`Interruption`].
    pub async fn await_end(&self, context: &RunContext, called: Called) -> Result<Ended, Interruption> {
        let found = called.evidence().is_some();
        match called {
            Called::Answered { status, value } => {
                context.hide_sensitive(&value);
                let mut result = results::of_answer(self.operation, self.call, status, value);
                self.sort_secondary(context, &mut result);
                Ok(Ended::Well(result, Vec::new()))
            }
            Called::Found { item, .. } => {
                context.hide_sensitive(&item);
                let mut result = result_of_item(self.operation, self.call, &item);
                self.sort_secondary(context, &mut result);
                if found {
                    result = Box::pin(self.with_what_its_task_made(context, &item, result)).await?;
                }
                Ok(Ended::Well(result, Vec::new()))
            }
            Called::Tasks { tasks, status, .. } => {
                let ends = self.wait(context, &tasks).await?;
                self.end_of(context, (tasks, status, found), ends).await
            }
        }
    }

    /// What the ends of its tasks make of a write. `found`: they were attributed to it.
    async fn end_of(
        &self,
        context: &RunContext,
        (tasks, status, found): (Vec<String>, Option<u16>, bool),
        ends: Vec<TaskEnd>,
    ) -> Result<Ended, Interruption> {
        let EndedTasks { ended: finished, failed, missing } = self.ended_tasks(context, &tasks, ends)?;
        if let Some(at) = failed {
            return Ok(Ended::InError { at, tasks: finished });
        }
        if let Some(error) = missing {
            return Ok(Ended::Missing(tasks, error));
        }
        let durations = finished.iter().filter_map(duration_of).collect();
        let mut result = self.result_of(context, &finished, status);
        if self.is_unnamed(&result) {
            result = Box::pin(self.named_later(context, finished, status)).await?;
        }
        if result.ids.len() > 1 {
            Box::pin(self.sort_touched(context, &tasks, &mut result)).await;
        }
        match found && Box::pin(self.is_owned_by_another(context, &tasks, &result)).await {
            true => Ok(Ended::NotOurs(tasks)),
            false => Ok(Ended::Well(result, durations)),
        }
    }

    /// Adds to the result for a resource that was found what the task that made it made besides. Only a task that the API
    /// does not know any more is not waited for instead, and would list it.
    async fn with_what_its_task_made(
        &self,
        context: &RunContext,
        item: &Value,
        result: StepResult,
    ) -> Result<StepResult, Interruption> {
        let Some(creates) = self.operation.and_then(|operation| operation.creates.as_ref()) else { return Ok(result) };
        let instance = &self.intent.instance;
        let read = with_secondary(context, instance, creates, self.parameters, item, result).await;
        read.map_err(|error| {
            let words = format!("the resource was found; its secondary resources cannot be read: {error}");
            let mut error = context.error(self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
            error.help.push("run again: it is searched for once more".to_owned());
            Interruption::Unknown(error)
        })
    }

    /// Sorts the secondary resources that the answer names: made by the call, when they were not there before it; only
    /// touched by it otherwise, or when no list was read.
    fn sort_secondary(&self, context: &RunContext, result: &mut StepResult) {
        let Some(answer) = &result.response else { return };
        for (kind, id) in results::secondary_of_answer(self.operation, self.call, answer) {
            let before = self.intent.mark.secondary_before.as_ref();
            let is_new = before.is_some_and(|before| !before.contains(&id_text(&id)));
            let is_ours = is_new && !context.is_owned_by_another(&self.intent.instance, &kind, &id);
            let list = if is_ours { &mut result.created } else { &mut result.touched };
            list.insert(kind, vec![id.into()]);
        }
    }

    /// What the call changed was there before it, or may have been, because no list was read.
    fn only_changed(&self, result: &StepResult) -> bool {
        let before = self.intent.mark.before.as_ref();
        let was_there = before.zip(result.id.as_ref()).map(|(before, id)| before.contains(&id_text(id)));
        match operation::or_changes(self.operation) {
            true => was_there != Some(false),
            // A PUT that creates may as well replace what another client made.
            false => self.call.method == Method::Put && self.updates.is_none() && was_there == Some(true),
        }
    }

    fn result_of(&self, context: &RunContext, tasks: &[Task], status: Option<u16>) -> StepResult {
        let is_owned_by_another = |kind: &str, id: &Value| context.is_owned_by_another(&self.intent.instance, kind, id);
        let before = Before { digest_key: &context.digest_key, is_owned_by_another: &is_owned_by_another };
        of_tasks(self.operation, self.call, tasks, status, &before)
    }

    /// Whether the answer of the create shows a secret that is never shown again.
    fn shows_secret_once(&self) -> bool {
        let creates = self.operation.and_then(|operation| operation.creates.as_ref());
        self.updates.is_none() && creates.is_some_and(|creates| creates.told_once.is_some())
    }

    /// Records what was found after a lost answer as left behind: its secret was in that answer only.
    async fn record_without_its_secret(&self, context: &RunContext, result: &StepResult) -> Result<(), JournalError> {
        let matched = self.operation.map(|operation| (operation, self.parameters.as_slice()));
        let made = made_by(context.catalog, matched, self.call, result, &IntendedUndo::Default);
        let (instance, id) = (&self.intent.instance, made.id.as_deref().map(id_text).unwrap_or_default());
        let resource = resource_name(made.kind.as_deref(), &id);
        let words = format!("{resource} exists, and its secret was in the answer that was lost");
        let mut error = context.error(self.about, EffectKnown::Applied, ErrorClass::Unknown, words);
        let destroy = context.settings.destroy_command();
        error.help.push(format!("run again, or {destroy}: it is removed first"));
        context.warn(format!("`{instance}`: {}: it is removed, and another one made", error.message));
        let leftover = Some(Box::new(made));
        let record = Record::Failed { instance: instance.clone(), error, leftover, unclear: false };
        context.journal.append(vec![record]).await
    }

    /// Warns that the secret of what was found after a lost answer was in that answer only.
    fn warn_of_its_secret(&self, context: &RunContext) {
        let creates = self.operation.and_then(|operation| operation.creates.as_ref());
        let shown = creates.and_then(|creates| creates.shown_once.as_ref()).filter(|_| self.updates.is_none());
        let Some(shown) = shown.filter(|shown| shown.is_for(self.call.body.as_deref())) else { return };
        let instance = &self.intent.instance;
        let field = shown.at.trim_start_matches('/').replace('/', ".");
        let named = if instance.key.is_some() { format!("'{instance}'") } else { instance.to_string() };
        context.warn(format!(
            "`{instance}`: its `{field}` was in the answer that was lost, and is shown by no other: `--replace {named}` \
             makes a new one"
        ));
    }

    fn creates(&self) -> bool {
        self.operation.is_none_or(|operation| operation.creates.is_some())
    }

    /// Checks a task that was found by a search rather than answered: whether the resource it made carries the tag of
    /// another attempt, or names another task as its maker.
    async fn is_owned_by_another(&self, context: &RunContext, tasks: &[String], result: &StepResult) -> bool {
        let path = self.operation.and_then(|operation| paths::read_path(operation, self.parameters, result));
        let Some(path) = path.filter(|_| self.updates.is_none()) else { return false };
        // When the resource cannot be read, the attribution stands.
        let Ok(item) = context.client.read(Request::get(path)).await else { return false };
        tags::of_item(&item, None, self.intent) == Verdict::NotOurs
            || creator_task(&item).is_some_and(|task| !tasks.contains(&task))
    }

    /// Records that these tasks belong to another attempt: the outcome is in doubt again, and they are no candidates
    /// any more.
    async fn disown(&self, context: &RunContext, tasks: Vec<String>) -> Result<(), JournalError> {
        let instance = &self.intent.instance;
        let words = format!("the tasks that were attributed to it belong to another attempt: {}", tasks.join(", "));
        let error = context.error(self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
        for task in &tasks {
            context.owners.release(&Claimable::task(task), instance);
        }
        context.journal.append(vec![Record::Disowned { instance: instance.clone(), tasks, error }]).await
    }

    /// Records that the API does not know these tasks any more: the outcome is in doubt again, although the call was
    /// accepted.
    async fn record_tasks_missing(
        &self,
        context: &RunContext,
        tasks: Vec<String>,
        error: &ApiError,
    ) -> Result<(), JournalError> {
        let instance = self.intent.instance.clone();
        let words =
            format!("it was accepted, and how it ended is not known: task {}: {}", tasks.join(", "), error.story());
        let error = context.error(self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
        context.journal.append(vec![Record::TasksMissing { instance, tasks, error }]).await
    }

    async fn record(
        &self,
        context: &RunContext,
        result: StepResult,
        provenance: Provenance,
        evidence: Option<Evidence>,
        durations: Vec<(String, u64)>,
    ) -> Result<StepResult, JournalError> {
        let (mut result, agrees, made) = match &self.updates {
            Some((agrees, before)) => (before.clone(), Some(agrees.clone()), RecordedResource::default()),
            None => {
                let made = self.made(context, &result);
                if self.only_changed(&result) && made.undo.is_none() {
                    let instance = &self.intent.instance;
                    context.warn(format!("`{instance}` existed before, and is left by a teardown"));
                }
                (result, None, made)
            }
        };
        if let (Some(id), Some(lock)) = (&made.id, &made.lock) {
            context.gates.register_parent(&id_text(id), lock);
        }
        let by_name = made.id.as_deref().is_some_and(results::is_name);
        let existed_on = by_name.then(|| context.client.known_server_time(context.now())).flatten();
        // The answer is copied once: without what the record may not hold.
        let response = result.response.take();
        let recordable = response.as_ref().filter(|_| !self.intent.secret).map(conceal::recordable);
        let kept = StepResult { response: recordable, ..result.clone() };
        result.response = response;
        let succeeded = Succeeded {
            instance: self.intent.instance.clone(),
            provenance,
            result: kept,
            made,
            duration_ms: millis(context.clock().elapsed().saturating_sub(self.since)),
            durations,
            evidence,
            agrees,
            existed_on,
        };
        let is_found = succeeded.evidence.is_some();
        context.journal.append(vec![Record::Succeeded(Box::new(succeeded))]).await?;
        if is_found {
            self.warn_of_its_secret(context);
        }
        Ok(result)
    }

    /// Waits for all tasks, unless the step does not wait.
    async fn wait(&self, context: &RunContext, tasks: &[String]) -> Result<Vec<TaskEnd>, Interruption> {
        if self.wait.skip {
            return Ok(tasks.iter().map(|task| TaskEnd::Finished(Box::new(accepted_only(task)))).collect());
        }
        let pending = PendingTasks {
            instance: &self.intent.instance,
            tasks,
            task_type: self.operation.and_then(|operation| operation.task_types.first()),
            place: Place::of(self.parameters),
            wait: &self.wait,
            intended_at: self.intended_at,
        };
        pending.begin(context).wait().await.map_err(|left| left.of_tasks(context, tasks))
    }

    /// How the tasks of a write have ended.
    fn ended_tasks(
        &self,
        context: &RunContext,
        tasks: &[String],
        ends: Vec<TaskEnd>,
    ) -> Result<EndedTasks, Interruption> {
        let (mut ended, mut failed, mut missing) = (Vec::new(), None, None);
        for end in ends {
            match end {
                TaskEnd::Finished(task) => ended.push(*task),
                TaskEnd::Failed(task) => {
                    failed.get_or_insert(ended.len());
                    ended.push(*task);
                }
                TaskEnd::Refused(error) => return Err(Interruption::Failed(self.unseen(context, tasks, &error))),
                TaskEnd::Missing(error) => drop(missing.get_or_insert(error)),
            }
        }
        Ok(EndedTasks { ended, failed, missing })
    }

    /// After a task that ended in ERROR: whether the change of an action, or of an update, shows all the same. `None` when
    /// the call makes something: then what it left is searched for.
    async fn effect(&self, context: &RunContext) -> Result<Option<Effect>, Interruption> {
        if self.updates.is_none() && self.creates() {
            return Ok(None);
        }
        let looking = async {
            match &self.updates {
                None => effect_of(context, &self.intent.instance, &self.intent.call).await,
                // It would show whether the task goes on to carry it out or not.
                Some(_) if self.operation.is_some_and(shows_early) => Effect::CannotTell,
                Some(_) => match update_state(context, self.intent).await {
                    UpdateState::Done => Effect::There,
                    UpdateState::NotDone => Effect::Gone,
                    UpdateState::CannotTell => Effect::CannotTell,
                },
            }
        };
        context.stopped.or_leave(looking).await.map(Some).map_err(Interruption::Stopped)
    }

    fn tell_done_in_error(&self, context: &RunContext, task: &Task) {
        conceal::hide_data(&context.secrets, task);
        let (instance, words) = (&self.intent.instance, context.words_of(task));
        context.warn(format!(
            "`{instance}`: task {} ended in ERROR ({words}), and a read shows what it was to change: it is done",
            task.id
        ));
    }

    /// Handles a task that ended in ERROR: it, or another task of the write, may have created resources all the same.
    /// These are searched for and recorded, so that they can be deleted. `effect`: what a read shows of an action.
    async fn failed(
        &self,
        context: &RunContext,
        task: &Task,
        ended: &[Task],
        effect: Option<Effect>,
    ) -> Result<Interruption, JournalError> {
        conceal::hide_data(&context.secrets, task);
        let quota = task.error.as_deref().is_some_and(crate::api::tells_quota);
        let class = if quota { ErrorClass::Quota } else { ErrorClass::Task };
        let words = context.words_of(task);
        let mut error =
            context.error(self.about, EffectKnown::Applied, class, format!("task {} ended in ERROR: {words}", task.id));
        error.task = Some(task.id.clone());
        let Leftover { made: leftover, certain, may_show, candidates } = self.leftover(context, ended).await;
        let left = leftover
            .iter()
            .flat_map(|made| made.id.iter().chain(made.secondary.iter().flat_map(|secondary| &secondary.id)));
        let left: Vec<String> = left.map(|id| id_text(id)).collect();
        error.effect = match (left.is_empty(), certain) {
            (false, _) => EffectKnown::Applied,
            // Nobody can look: it may have changed what it was to change.
            (true, true) if effect == Some(Effect::CannotTell) => EffectKnown::Unknown,
            (true, true) => EffectKnown::NotApplied,
            (true, false) => EffectKnown::Unknown,
        };
        if !left.is_empty() {
            let left = left.join(", ");
            let destroy = context.settings.destroy_command();
            error.help.push(format!("it left {left} behind: the next run, or {destroy}, removes it first"));
        } else if !certain {
            error.help.push(match candidates.as_slice() {
                [] => "whether the failed call left a resource behind is not known: look for it by its name".to_owned(),
                some => format!(
                    "the failed call may have left these behind, or another client created them: {}",
                    some.join(", ")
                ),
            });
        }
        error.help.push("fix the cause and run again: the run continues with this step".to_owned());
        let record = Record::Failed {
            instance: self.intent.instance.clone(),
            error: error.clone(),
            leftover: leftover.map(Box::new),
            // It is searched for again, as for what a call without an answer made.
            unclear: (!certain && error.effect == EffectKnown::Unknown) || may_show,
        };
        context.journal.append(vec![record]).await?;
        Ok(Interruption::Failed(error))
    }

    /// The resources that exist although a task failed, and whether the search is certain to have found all of them.
    pub async fn leftover(&self, context: &RunContext, ended: &[Task]) -> Leftover {
        let none = Leftover { made: None, certain: true, may_show: false, candidates: Vec::new() };
        let Some(operation) = self.operation.filter(|_| self.updates.is_none()) else { return none };
        let result = self.result_of(context, ended, None);
        let at = self.intended_at.unwrap_or_else(|| context.now());
        let failed = ended.iter().map(|task| task.id.clone()).collect();
        let attempt =
            Unanswered { intent: self.intent.clone().into(), at, head: None, failed, missing: Few::default() };
        let now = context.client.server_time(context.now());
        let end = ended.iter().map(|task| task.finished_on.unwrap_or(now)).max();
        let Some(found) = leftover(context, &attempt, operation, self.parameters, result, end).await else {
            return none;
        };
        let left = self.made(context, &found.result);
        let made = Some(left).filter(|made| made.id.is_some() || !made.secondary.is_empty());
        let may_show = made.is_none() && operation.creates.is_some();
        Leftover { made, certain: found.certain, may_show, candidates: found.candidates }
    }

    /// The resources that exist because of a result.
    pub fn made(&self, context: &RunContext, result: &StepResult) -> RecordedResource {
        let undo = match (self.undo)(result) {
            IntendedUndo::Default if self.only_changed(result) => IntendedUndo::Keep,
            undo => undo,
        };
        made_by(
            context.catalog,
            self.operation.map(|operation| (operation, self.parameters.as_slice())),
            self.call,
            result,
            &undo,
        )
    }

    /// The error for tasks that the key may not read.
    fn unseen(&self, context: &RunContext, tasks: &[String], error: &ApiError) -> StepError {
        let mut refusal = context.refusal(self.about, error);
        refusal.effect = EffectKnown::Applied;
        let tasks = tasks.join(", ");
        refusal.message = format!("its task {tasks} is on record, and cannot be read: {}", refusal.message);
        refusal.help.push("run again with a key that can read it: the run goes on waiting".to_owned());
        refusal
    }
}

/// The tasks of a write that have ended.
struct EndedTasks {
    ended: Vec<Task>,
    /// The index of the first that ended in ERROR.
    failed: Option<usize>,
    /// What the API says of one that it does not know any more.
    missing: Option<Box<ApiError>>,
}

/// A task of which only the id is known, because the step does not wait for it.
fn accepted_only(task: &str) -> Task {
    Task {
        id: task.to_owned(),
        task_type: None,
        state: crate::api::TaskState::Pending("NEW".to_owned()),
        created_on: None,
        finished_on: None,
        project_id: None,
        region_id: None,
        user_id: None,
        created: serde_json::Map::new(),
        data: TaskData::default(),
        error: None,
        request_id: None,
    }
}

fn duration_of(task: &Task) -> Option<(String, u64)> {
    Some((task.task_type.clone()?, millis(task_duration(task)?)))
}

mod pending;
#[cfg(test)]
mod tests;
mod touched;
mod unnamed;

pub use pending::{PendingTasks, TaskEnds};
