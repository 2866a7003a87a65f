//! From an accepted write to its end: waiting for its tasks, and putting what they made on record. Needs no plan, so that
//! a teardown can bring to an end what an earlier run began.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::call::Called;
use super::collection::{creator_task, result_of_item};
use super::context::{About, RunContext};
use super::evidence::{Verdict, tags};
use super::interruption::Interruption;
use super::leftover::leftover;
use super::made::{Before, made};
use super::ownership::Thing;
use super::results::{self, Parameters};
use super::watch::{Awaited, TaskEnd, task_duration};
use crate::api::{ApiError, Request, Task, TaskData};
use crate::catalog::{Operation, pace_of};
use crate::event::{EffectKnown, ErrorClass, Event, Provenance, StepError};
use crate::journal::{
    Evidence, IntendedUndo, Intent, JournalError, Record, RecordedCall, RecordedResource, StepResult, Succeeded,
};
use crate::plan::Wait;
use crate::shared::Shared;

/// The undo of a result, once that is known.
pub type UndoOf<'a> = Box<dyn Fn(&StepResult) -> IntendedUndo + Send + Sync + 'a>;
/// Why an object cannot come good, when the step says so.
pub type HopelessOf<'a> = Box<dyn Fn(&StepResult, &Value) -> Option<StepError> + Send + Sync + 'a>;

/// What is needed to bring an accepted write to its end.
pub struct Finishing<'a> {
    /// What was sent.
    pub intent: &'a Intent,
    pub operation: Option<&'a Operation>,
    pub parameters: &'a Parameters,
    pub about: &'a About,
    /// How to take the result back.
    pub undo: UndoOf<'a>,
    pub wait: &'a Wait,
    /// The call the result agrees with from now on, when it is not `call`; and the result it had before (an update).
    pub updates: Option<(Shared<RecordedCall>, StepResult)>,
    /// When the first request left, on the run's clock.
    pub since: Duration,
    /// Wait until what was made is usable, where a finished task does not say so.
    pub usable: bool,
    /// What the step says of an object that cannot come good (`fail_when`).
    pub hopeless: HopelessOf<'a>,
    /// When an earlier run was given the tasks, which may be done already.
    pub resumed: Option<Timestamp>,
}

/// What an accepted write came to.
#[derive(Debug)]
pub enum Ended {
    /// Its result, and type and milliseconds of each of its tasks.
    Well(StepResult, Vec<(String, u64)>),
    /// One of its tasks, at this place, ended in ERROR.
    InError { at: usize, tasks: Vec<Task> },
    /// These tasks were taken for its own, and made something of another attempt.
    NotOurs(Vec<String>),
}

impl Finishing<'_> {
    /// Brings what came of a write to its end, and puts it on record. `None`: the task that was taken for ours made
    /// something of another attempt; on record as disowned, what became of the call is unknown again.
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
            // Nobody waits, so nobody knows yet what it makes: it stays on record as accepted, for whoever needs it.
            Called::Tasks { tasks, status, .. } if self.wait.skip && self.creates() => {
                Ok(Some(StepResult { tasks, status, ..StepResult::default() }))
            }
            called => match self.await_end(context, called).await? {
                Ended::Well(result, durations) => {
                    // What goes on after an answer at once is waited for when that answer is on record.
                    let later = self.operation.is_some_and(|operation| operation.ready.is_some());
                    if self.usable && !self.wait.skip && !later {
                        match self.await_readiness(context, &result).await {
                            // It was made, and stays: the next run, or a replacement, has it on record.
                            Err(Interruption::Failed(error)) => {
                                self.record(context, result, provenance, evidence, durations).await?;
                                return Err(Interruption::Failed(error));
                            }
                            awaited => awaited?,
                        }
                    }
                    Ok(Some(self.record(context, result, provenance, evidence, durations).await?))
                }
                Ended::InError { at, tasks } => Err(self.failed(context, &tasks[at], &tasks).await?),
                Ended::NotOurs(tasks) => {
                    self.disown(context, tasks).await?;
                    Ok(None)
                }
            },
        }
    }

    /// Waits for the end of what came of a write.
    ///
    /// # Errors
    ///
    /// [`Interruption`].
    pub async fn await_end(&self, context: &RunContext, called: Called) -> Result<Ended, Interruption> {
        let found = called.evidence().is_some();
        match called {
            Called::Answered { status, value } => {
                context.hide_sensitive(&value);
                let result = results::of_answer(self.operation, &self.intent.call, status, &value);
                Ok(Ended::Well(result, Vec::new()))
            }
            Called::Found { item, .. } => {
                Ok(Ended::Well(result_of_item(self.operation, &self.intent.call, &item), Vec::new()))
            }
            Called::Tasks { tasks, status, .. } => {
                let (finished, failed) = self.wait(context, &tasks).await?;
                if let Some(at) = failed {
                    return Ok(Ended::InError { at, tasks: finished });
                }
                let durations = finished.iter().filter_map(duration_of).collect();
                let result = self.result_of(context, &finished, status);
                match found && self.is_anothers(context, &tasks, &result).await {
                    true => Ok(Ended::NotOurs(tasks)),
                    false => Ok(Ended::Well(result, durations)),
                }
            }
        }
    }

    fn result_of(&self, context: &RunContext, tasks: &[Task], status: Option<u16>) -> StepResult {
        let is_anothers = |kind: &str, id: &Value| context.is_anothers(&self.intent.instance, kind, id);
        let before = Before { digest_key: &context.digest_key, is_anothers: &is_anothers };
        results::of_tasks(self.operation, &self.intent.call, tasks, status, &before)
    }

    fn creates(&self) -> bool {
        self.operation.is_none_or(|operation| operation.creates.is_some())
    }

    /// A task was found, not answered: what it made must not carry somebody else's tag, nor be another task's work.
    async fn is_anothers(&self, context: &RunContext, tasks: &[String], result: &StepResult) -> bool {
        let path = self.operation.and_then(|operation| results::read_path(operation, self.parameters, result));
        let Some(path) = path.filter(|_| self.updates.is_none()) else { return false };
        // When it cannot be read, the first finding stands.
        let Ok(item) = context.client.read(Request::get(path)).await else { return false };
        tags::of_item(&item, None, self.intent) == Verdict::NotOurs
            || creator_task(&item).is_some_and(|task| !tasks.contains(&task))
    }

    /// Gives back what proved to be another's: the call is in doubt again, and these tasks are no candidates any more.
    async fn disown(&self, context: &RunContext, tasks: Vec<String>) -> Result<(), JournalError> {
        let instance = &self.intent.instance;
        let words = format!("what was found for it belongs to another attempt: task {}", tasks.join(", "));
        let error = context.error(self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
        for task in &tasks {
            context.owners.release(&Thing::task(task), instance);
        }
        context.journal.append(vec![Record::Disowned { instance: instance.clone(), tasks, error }]).await
    }

    async fn record(
        &self,
        context: &RunContext,
        result: StepResult,
        provenance: Provenance,
        evidence: Option<Evidence>,
        durations: Vec<(String, u64)>,
    ) -> Result<StepResult, JournalError> {
        let (result, agrees, made) = match &self.updates {
            Some((agrees, before)) => (before.clone(), Some(agrees.clone()), RecordedResource::default()),
            None => {
                let made = self.made(context, &result);
                (result, None, made)
            }
        };
        if let (Some(id), Some(lock)) = (&made.id, &made.lock) {
            context.gates.belongs(&results::id_text(id), lock);
        }
        let kept = StepResult { response: self.kept(result.response.as_ref()), ..result.clone() };
        let succeeded = Succeeded {
            instance: self.intent.instance.clone(),
            provenance,
            result: kept,
            made,
            duration_ms: millis(context.clock().elapsed().saturating_sub(self.since)),
            durations,
            evidence,
            agrees,
        };
        context.journal.append(vec![Record::Succeeded(Box::new(succeeded))]).await?;
        Ok(result)
    }

    /// What of the answer may be written down.
    fn kept(&self, response: Option<&Value>) -> Option<Value> {
        if self.intent.secret { None } else { response.map(results::without_sensitive) }
    }

    /// The tasks at their end, and the place of the first that ended in ERROR.
    async fn wait(&self, context: &RunContext, tasks: &[String]) -> Result<(Vec<Task>, Option<usize>), Interruption> {
        if self.wait.skip {
            return Ok((tasks.iter().map(|task| accepted_only(task)).collect(), None));
        }
        let since = self.resumed.unwrap_or_else(|| context.now());
        let task_type = self.operation.and_then(|operation| operation.task_types.first());
        let pace = pace_of(task_type.map_or("", String::as_str));
        context.events.emit(Event::TasksAccepted {
            instance: self.intent.instance.clone(),
            tasks: tasks.to_vec(),
            earliest_ms: millis(pace.earliest),
            latest_ms: millis(pace.latest),
        });
        let place = super::call::place_of(self.parameters);
        let ends = futures_util::future::join_all(tasks.iter().map(|task| {
            context.watcher.wait(Awaited {
                task: task.clone(),
                place: place.clone(),
                task_type: task_type.cloned(),
                since,
                first: if self.resumed.is_some() { Some(Duration::ZERO) } else { self.wait.first },
                every: self.wait.every,
            })
        }));
        let timeout = self.wait.timeout.unwrap_or(pace.timeout);
        let limited = tokio::time::timeout(context.clock().real(timeout), ends);
        let ends = match context.stopped.or_leave(limited).await {
            Ok(Ok(ends)) => ends,
            Ok(Err(_)) => {
                return Err(Interruption::StillWaiting { tasks: tasks.to_vec(), waited: timeout, until: None });
            }
            Err(stop) => return Err(Interruption::Stopped(stop)),
        };
        let (mut ended, mut failed) = (Vec::new(), None);
        for end in ends {
            match end {
                TaskEnd::Finished(task) => ended.push(*task),
                TaskEnd::Failed(task) => {
                    failed.get_or_insert(ended.len());
                    ended.push(*task);
                }
                TaskEnd::Refused(error) => return Err(Interruption::Failed(self.unseen(context, tasks, &error))),
            }
        }
        Ok((ended, failed))
    }

    /// A task that ended in ERROR may have left something behind all the same, and so may the others: that is found and put
    /// on record, so that it can be taken away.
    async fn failed(&self, context: &RunContext, task: &Task, ended: &[Task]) -> Result<Interruption, JournalError> {
        results::hide_data(&context.secrets, task);
        let quota = task.error.as_deref().is_some_and(crate::api::tells_quota);
        let class = if quota { ErrorClass::Quota } else { ErrorClass::Task };
        let words = context.words_of(task);
        let mut error =
            context.error(self.about, EffectKnown::Applied, class, format!("task {} ended in ERROR: {words}", task.id));
        error.task = Some(task.id.clone());
        let (leftover, certain) = self.leftover(context, ended).await;
        let left = leftover
            .iter()
            .flat_map(|made| made.id.iter().chain(made.secondary.iter().flat_map(|secondary| &secondary.id)));
        let left: Vec<String> = left.map(results::id_text).collect();
        error.effect = match (left.is_empty(), certain) {
            (false, _) => EffectKnown::Applied,
            (true, true) => EffectKnown::NotApplied,
            (true, false) => EffectKnown::Unknown,
        };
        if !left.is_empty() {
            let left = left.join(", ");
            error.help.push(format!("it left {left} behind: the next run, or `plan destroy`, removes it first"));
        } else if !certain {
            error
                .help
                .push("the API does not tell whether it left something behind: look for it by its name".to_owned());
        }
        error.help.push("mend the cause and run again: the run continues with this step".to_owned());
        let record = Record::Failed {
            instance: self.intent.instance.clone(),
            error: error.clone(),
            leftover: leftover.map(Box::new),
        };
        context.journal.append(vec![record]).await?;
        Ok(Interruption::Failed(error))
    }

    /// What there is of it although a task failed, and whether that is all there can be.
    pub async fn leftover(&self, context: &RunContext, ended: &[Task]) -> (Option<RecordedResource>, bool) {
        let Some(operation) = self.operation.filter(|_| self.updates.is_none()) else { return (None, true) };
        let result = self.result_of(context, ended, None);
        let Some(found) = leftover(context, self.intent, operation, self.parameters, result).await else {
            return (None, true);
        };
        let left = self.made(context, &found.result);
        (Some(left).filter(|made| made.id.is_some() || !made.secondary.is_empty()), found.certain)
    }

    /// What exists because of a result.
    pub fn made(&self, context: &RunContext, result: &StepResult) -> RecordedResource {
        made(context.catalog, &self.intent.call, result, &(self.undo)(result))
    }

    /// Not allowed to look at its tasks, or the API does not know them.
    fn unseen(&self, context: &RunContext, tasks: &[String], error: &ApiError) -> StepError {
        let mut refusal = context.refusal(self.about, error);
        refusal.effect = EffectKnown::Applied;
        let tasks = tasks.join(", ");
        refusal.message = format!("its task {tasks} is on record, and cannot be looked at: {}", refusal.message);
        refusal.help.push("once it can, run again: the run goes on waiting".to_owned());
        refusal
    }
}

/// A task nobody waits for: all that is known is its id.
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

/// Whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
