//! From an accepted write to its result: waits for its tasks and for readiness, and records what they made. Works on
//! recorded data, without a plan, so that a teardown can complete what an earlier run began.

mod doubts;
mod failed;
mod pending;
mod touched;
mod unnamed;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::called::Called;
use super::collection::result_of_item;
use super::conceal;
use super::context::{About, RunContext};
use super::effect::Effect;
use super::interruption::Interruption;
use super::made::{Before, result_of_tasks};
use super::operation::{self, Matched, Parameters};
use super::project_region::ProjectRegion;
use super::results;
use super::secondary::with_secondary;
use super::watch::{TaskEnd, task_duration};
use crate::api::{Task, TaskData};
use crate::catalog::{Method, Operation};
use crate::clock::millis;
use crate::event::{EffectKnown, ErrorClass, Provenance, StepError};
use crate::journal::{
    Evidence, IntendedUndo, Intent, JournalError, Record, RecordedCall, RecordedResource, StepResult, Succeeded,
    id_text,
};
use crate::plan::Wait;
use crate::shared::Shared;
use failed::EndedTasks;
use unnamed::UNNAMED;

pub use pending::{PendingTasks, TaskEnds};

/// Returns the undo call for a result.
pub type UndoOf<'a> = Box<dyn Fn(&StepResult) -> IntendedUndo + Send + Sync + 'a>;
/// Returns an error when the resource can never become ready (`fail_when` of the step).
pub type FailWhen<'a> = Box<dyn Fn(&StepResult, &Value) -> Option<StepError> + Send + Sync + 'a>;

/// What is needed to complete an accepted write.
pub struct Finishing<'a> {
    /// The recorded intent of the write.
    pub intent: &'a Intent,
    /// Its call, which keeps its body parsed once it is read; the recorded one must not.
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
    Succeeded(StepResult, Vec<(String, u64)>),
    /// The task at index `at` ended in ERROR.
    InError { at: usize, tasks: Vec<Task> },
    /// These tasks were attributed to this write, but belong to another attempt.
    NotOurs(Vec<String>),
    /// The outcome of these tasks cannot be found, for this reason: the API does not know them, or does not any more;
    /// or they finished, and neither they nor a list name what they made (`unnamed`).
    Missing { tasks: Vec<String>, why: String, unnamed: bool },
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
            Ended::Succeeded(result, _) if evidence.is_some() && self.shows_secret_once() => {
                self.record_without_its_secret(context, &result).await?;
                Ok(None)
            }
            Ended::Succeeded(result, durations) => {
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
                let effect = Box::pin(self.effect(context, &tasks[at])).await?;
                if effect == Some(Effect::There) {
                    self.warn_done_in_error(context, &tasks[at]);
                    let result = self.result_of(context, &tasks, None);
                    return Ok(Some(self.record(context, result, provenance, evidence, Vec::new()).await?));
                }
                Err(Box::pin(self.failed(context, &tasks[at], &tasks, effect)).await?)
            }
            Ended::NotOurs(tasks) => {
                self.disown(context, tasks).await?;
                Ok(None)
            }
            Ended::Missing { tasks, why, unnamed } => {
                self.record_tasks_missing(context, tasks, &why, unnamed).await?;
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
                let mut result = results::result_of_answer(self.operation, self.call, status, value);
                self.sort_secondary(context, &mut result);
                Ok(Ended::Succeeded(result, Vec::new()))
            }
            Called::Found { item, .. } => {
                context.hide_sensitive(&item);
                let mut result = result_of_item(self.operation, self.call, &item);
                self.sort_secondary(context, &mut result);
                if found {
                    result = Box::pin(self.with_secondary_of_task(context, &item, result)).await?;
                }
                Ok(Ended::Succeeded(result, Vec::new()))
            }
            Called::Tasks { tasks, status, .. } => {
                let ends = self.wait(context, &tasks).await?;
                self.end_of(context, (tasks, status, found), ends).await
            }
        }
    }

    /// How a write ended, by the ends of its tasks. `found`: they were attributed to it.
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
        if let Some(why) = missing {
            return Ok(Ended::Missing { tasks, why, unnamed: false });
        }
        let durations = finished.iter().filter_map(duration_of).collect();
        let mut result = self.result_of(context, &finished, status);
        if self.is_unnamed(&result) {
            let Some(named) = Box::pin(self.named_later(context, finished, status)).await? else {
                return Ok(Ended::Missing { tasks, why: UNNAMED.to_owned(), unnamed: true });
            };
            result = named;
        }
        if result.ids.len() > 1 {
            Box::pin(self.sort_touched(context, &tasks, &mut result)).await;
        }
        match found && Box::pin(self.is_owned_by_another(context, &tasks, &result)).await {
            true => Ok(Ended::NotOurs(tasks)),
            false => Ok(Ended::Succeeded(result, durations)),
        }
    }

    /// Adds the secondary resources of the same task to the result of a resource that was found. The API does not know
    /// that task any more: otherwise the run would wait for it, and it would list them.
    async fn with_secondary_of_task(
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

    /// Whether the call changed a resource that existed before it, or may have, because no list was read.
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
        result_of_tasks(self.operation, self.call, tasks, status, &before)
    }

    fn creates(&self) -> bool {
        self.operation.is_none_or(|operation| operation.creates.is_some())
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
            project_region: ProjectRegion::of(self.parameters),
            wait: &self.wait,
            intended_at: self.intended_at,
        };
        pending.begin(context).wait().await.map_err(|left| left.of_tasks(context, tasks))
    }
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

#[cfg(test)]
mod tests;
