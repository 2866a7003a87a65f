//! From an accepted write to its end: waiting for its tasks, and putting what they made on record. Needs no plan, so that
//! a teardown can bring to an end what an earlier run began.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::call::{Called, Halt};
use super::collection::{creator_task, result_of_item};
use super::evidence::{Verdict, tags};
use super::leftover::{Leftover, leftover};
use super::made::{Before, made};
use super::ownership::Thing;
use super::results::{self, Parameters};
use super::shared::{About, Shared};
use super::watch::{Awaited, TaskEnd, task_duration};
use crate::api::{ApiError, Request, Task, TaskData};
use crate::catalog::{Operation, pace_of};
use crate::event::{EffectKnown, ErrorClass, Event, How, StepError};
use crate::journal::{Evidence, IntendedUndo, Intent, Made, Record, RecordedCall, StepResult, Succeeded};
use crate::plan::Wait;

/// The undo of a result, once that is known.
pub type UndoOf<'a> = Box<dyn Fn(&StepResult) -> IntendedUndo + Send + Sync + 'a>;

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
    pub updates: Option<(RecordedCall, StepResult)>,
    /// When the first request left, on the run's clock.
    pub since: Duration,
    /// Wait until what was made is usable, where a finished task does not say so.
    pub usable: bool,
    /// When an earlier run was given the tasks, which may be done already.
    pub resumed: Option<Timestamp>,
}

/// Why an accepted write has no result yet, or never will.
#[derive(Debug)]
pub enum Unfinished {
    /// A task ended in ERROR; on record.
    Failed(StepError),
    /// The time to wait is over; the tasks go on.
    StillWaiting {
        tasks: Vec<String>,
        waited: Duration,
        /// What else than the tasks is waited for, and what was seen of it last.
        until: Option<String>,
    },
    /// Not allowed to look, or the API does not know the task.
    Refused(StepError),
    /// The task that was taken for ours made something of another attempt; on record as disowned: what became of the call
    /// is unknown again.
    NotOurs,
    Halt(Halt),
}

impl From<crate::journal::JournalError> for Unfinished {
    fn from(error: crate::journal::JournalError) -> Self {
        Unfinished::Halt(Halt::Journal(error))
    }
}

impl Finishing<'_> {
    /// Brings what came of a write to its end, and puts it on record.
    ///
    /// # Errors
    ///
    /// [`Unfinished`].
    pub async fn finish(&self, shared: &Shared, called: Called, how: How) -> Result<StepResult, Unfinished> {
        let evidence = match &called {
            Called::Tasks { evidence, .. } | Called::Found { evidence, .. } => *evidence,
            Called::Answered { .. } => None,
        };
        let (result, durations) = match called {
            Called::Answered { status, value } => {
                shared.hide_sensitive(&value);
                (results::of_answer(self.operation, &self.intent.call, status, &value), Vec::new())
            }
            Called::Found { item, .. } => (result_of_item(self.operation, &self.intent.call, &item), Vec::new()),
            // Nobody waits, so nobody knows yet what it makes: it stays on record as accepted, for whoever needs it.
            Called::Tasks { tasks, status, .. } if self.wait.skip && self.creates() => {
                return Ok(StepResult { tasks, status, ..StepResult::default() });
            }
            Called::Tasks { tasks, status, .. } => {
                let finished = self.wait(shared, &tasks).await?;
                let durations = finished.iter().filter_map(duration_of).collect();
                let result = self.result_of(shared, &finished, status);
                if evidence.is_some() && self.is_anothers(shared, &tasks, &result).await {
                    return Err(self.disown(shared, tasks).await?);
                }
                (result, durations)
            }
        };
        // What goes on after an answer at once is waited for when that answer is on record.
        let later = self.operation.is_some_and(|operation| operation.ready.is_some());
        if self.usable && !self.wait.skip && !later {
            self.await_readiness(shared, &result).await?;
        }
        Ok(self.record(shared, result, how, evidence, durations).await?)
    }

    fn result_of(&self, shared: &Shared, tasks: &[Task], status: Option<u16>) -> StepResult {
        let is_anothers = |kind: &str, id: &Value| shared.is_anothers(&self.intent.instance, kind, id);
        let before = Before { digest_key: &shared.digest_key, is_anothers: &is_anothers };
        results::of_tasks(self.operation, &self.intent.call, tasks, status, &before)
    }

    fn creates(&self) -> bool {
        self.operation.is_none_or(|operation| operation.creates.is_some())
    }

    /// A task was found, not answered: what it made must not carry somebody else's tag, nor be another task's work.
    async fn is_anothers(&self, shared: &Shared, tasks: &[String], result: &StepResult) -> bool {
        let path = self.operation.and_then(|operation| results::read_path(operation, self.parameters, result));
        let Some(path) = path.filter(|_| self.updates.is_none()) else { return false };
        // When it cannot be read, the first finding stands.
        let Ok(item) = shared.client.read(Request::get(path)).await else { return false };
        tags::of_item(&item, None, self.intent) == Verdict::NotOurs
            || creator_task(&item).is_some_and(|task| !tasks.contains(&task))
    }

    /// Gives back what proved to be another's: the call is in doubt again, and these tasks are no candidates any more.
    async fn disown(&self, shared: &Shared, tasks: Vec<String>) -> Result<Unfinished, crate::journal::JournalError> {
        let instance = &self.intent.instance;
        let words = format!("what was found for it belongs to another attempt: task {}", tasks.join(", "));
        let error = shared.error(self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
        for task in &tasks {
            shared.owners.release(&Thing::task(task), instance);
        }
        shared.journal.append(vec![Record::Disowned { instance: instance.clone(), tasks, error }]).await?;
        Ok(Unfinished::NotOurs)
    }

    async fn record(
        &self,
        shared: &Shared,
        result: StepResult,
        how: How,
        evidence: Option<Evidence>,
        durations: Vec<(String, u64)>,
    ) -> Result<StepResult, crate::journal::JournalError> {
        let (result, agrees, made) = match &self.updates {
            Some((agrees, before)) => (before.clone(), Some(agrees.clone()), Made::default()),
            None => {
                let made = made(shared.catalog, &self.intent.call, &result, &(self.undo)(&result));
                (result, None, made)
            }
        };
        if let (Some(id), Some(lock)) = (&made.id, &made.lock) {
            shared.gates.belongs(&results::id_text(id), lock);
        }
        let kept = StepResult { response: self.kept(result.response.as_ref()), ..result.clone() };
        let succeeded = Succeeded {
            instance: self.intent.instance.clone(),
            how,
            result: kept,
            made,
            duration_ms: millis(shared.clock().elapsed().saturating_sub(self.since)),
            durations,
            evidence,
            agrees,
        };
        shared.journal.append(vec![Record::Succeeded(Box::new(succeeded))]).await?;
        Ok(result)
    }

    /// What of the answer may be written down.
    fn kept(&self, response: Option<&Value>) -> Option<Value> {
        if self.intent.secret { None } else { response.map(results::without_sensitive) }
    }

    async fn wait(&self, shared: &Shared, tasks: &[String]) -> Result<Vec<Task>, Unfinished> {
        if self.wait.skip {
            return Ok(tasks.iter().map(|task| accepted_only(task)).collect());
        }
        let since = self.resumed.unwrap_or_else(|| shared.now());
        let task_type = self.operation.and_then(|operation| operation.task_types.first());
        let pace = pace_of(task_type.map_or("", String::as_str));
        shared.events.tell(Event::TasksAccepted {
            instance: self.intent.instance.clone(),
            tasks: tasks.to_vec(),
            earliest_ms: millis(pace.earliest),
            latest_ms: millis(pace.latest),
        });
        let place = super::call::place_of(self.parameters);
        let ends = futures_util::future::join_all(tasks.iter().map(|task| {
            shared.watcher.wait(Awaited {
                task: task.clone(),
                place: place.clone(),
                task_type: task_type.cloned(),
                since,
                first: if self.resumed.is_some() { Some(Duration::ZERO) } else { self.wait.first },
                every: self.wait.every,
            })
        }));
        let timeout = self.wait.timeout.unwrap_or(pace.timeout);
        let limited = tokio::time::timeout(shared.clock().real(timeout), ends);
        let ends = match shared.stopped.or_leave(limited).await {
            Ok(Ok(ends)) => ends,
            Ok(Err(_)) => return Err(Unfinished::StillWaiting { tasks: tasks.to_vec(), waited: timeout, until: None }),
            Err(stop) => return Err(Unfinished::Halt(Halt::Stopped(stop))),
        };
        let (mut ended, mut failed) = (Vec::new(), None);
        for end in ends {
            match end {
                TaskEnd::Finished(task) => ended.push(*task),
                TaskEnd::Failed(task) => {
                    failed.get_or_insert(ended.len());
                    ended.push(*task);
                }
                TaskEnd::Refused(error) => return Err(Unfinished::Refused(self.unseen(shared, tasks, &error))),
            }
        }
        match failed {
            // What the others made is there all the same.
            Some(at) => Err(self.failed(shared, &ended[at], &ended).await?),
            None => Ok(ended),
        }
    }

    /// A task that ended in ERROR may have left something behind all the same: that is found and put on record, so that
    /// it can be taken away.
    async fn failed(&self, shared: &Shared, task: &Task, ended: &[Task]) -> Result<Unfinished, Unfinished> {
        results::hide_data(&shared.secrets, task);
        let quota = task.error.as_deref().is_some_and(crate::api::tells_quota);
        let class = if quota { ErrorClass::Quota } else { ErrorClass::Task };
        let words = shared.words_of(task);
        let mut error =
            shared.error(self.about, EffectKnown::Applied, class, format!("task {} ended in ERROR: {words}", task.id));
        error.task = Some(task.id.clone());
        let found = self.leftover(shared, ended).await;
        let certain = found.as_ref().is_none_or(|found| found.certain);
        let leftover =
            found.map(|found| made(shared.catalog, &self.intent.call, &found.result, &(self.undo)(&found.result)));
        let leftover = leftover.filter(|made| made.id.is_some() || !made.beside.is_empty());
        let left =
            leftover.iter().flat_map(|made| made.id.iter().chain(made.beside.iter().flat_map(|beside| &beside.id)));
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
        shared.journal.append(vec![record]).await?;
        Ok(Unfinished::Failed(error))
    }

    /// What there is of it although a task failed; `None` for calls that make nothing.
    async fn leftover(&self, shared: &Shared, ended: &[Task]) -> Option<Leftover> {
        let operation = self.operation.filter(|_| self.updates.is_none())?;
        let result = self.result_of(shared, ended, None);
        leftover(shared, self.intent, operation, self.parameters, result).await
    }

    /// Not allowed to look at its tasks, or the API does not know them.
    fn unseen(&self, shared: &Shared, tasks: &[String], error: &ApiError) -> StepError {
        let mut refusal = shared.refusal(self.about, error);
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
