//! The tasks of an accepted removal: waited for, and what the resource says when their end cannot be seen.

use super::{AfterAttempt, CONTINUES, FAILED_TASKS, IN_USE_PAUSE, RemovedWhen, UndoCall};
use crate::api::{ApiError, Meaning, ReadError, Request};
use crate::catalog::{Method, pace_of};
use crate::engine::effect::{Effect, effect_after};
use crate::engine::interruption::Interruption;
use crate::engine::project_region::ProjectRegion;
use crate::engine::remove::forget;
use crate::engine::watch::{Awaited, TaskEnd};
use crate::engine::{conceal, operation};
use crate::event::{Delay, EffectKnown, ErrorClass, StepError};
use crate::journal::Record;

impl<'a> UndoCall<'a> {
    pub(super) async fn accepted(&mut self, tasks: Vec<String>) -> Result<AfterAttempt, Interruption> {
        self.tasks.extend(tasks.iter().cloned());
        let accepted = Record::RemovalAccepted { instance: self.instance.clone(), tasks: tasks.clone() };
        self.context.journal.append(vec![accepted]).await?;
        self.wait(tasks).await
    }

    pub(super) async fn wait(&mut self, tasks: Vec<String>) -> Result<AfterAttempt, Interruption> {
        let matched = operation::operation_of(self.context.catalog, self.call);
        let (task_type, project_region) = matched
            .map_or((None, ProjectRegion::default()), |(operation, parameters)| {
                (operation.task_types.first().cloned(), ProjectRegion::of(&parameters))
            });
        let timeout = pace_of(task_type.as_deref().unwrap_or_default()).timeout;
        let since = self.context.now();
        let ends = futures_util::future::join_all(tasks.iter().map(|task| {
            let awaited = Awaited {
                task: task.clone(),
                project_region: project_region.clone(),
                task_type: task_type.clone(),
                since,
                first: None,
                every: None,
            };
            self.context.watcher.wait(awaited)
        }));
        let limited = tokio::time::timeout(self.context.clock().real(timeout), ends);
        let ends = match self.context.stopped.or_leave(limited).await.map_err(Interruption::Stopped)? {
            Ok(ends) => ends,
            Err(_) => {
                let words = match self.context.watcher.unread(&tasks) {
                    None => format!("its removal still runs: task {}", tasks.join(", ")),
                    Some(answer) => {
                        format!("its removal was accepted, and task {} cannot be read: {answer}", tasks.join(", "))
                    }
                };
                let error = self.context.error(&self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
                return Err(self.record_failed_removal(error).await?);
            }
        };
        for end in ends {
            match end {
                TaskEnd::Finished(_) => {}
                TaskEnd::Failed(task) => {
                    conceal::hide_data(&self.context.secrets, &task);
                    let words = format!("task {} ended in ERROR: {}", task.id, self.context.words_of(&task));
                    let mut error = self.context.error(&self.about, EffectKnown::NotApplied, ErrorClass::Task, words);
                    error.task = Some(task.id.clone());
                    if self.is_taken_back().await? {
                        return Ok(AfterAttempt::Gone(RemovedWhen::Now));
                    }
                    self.failed_tasks += 1;
                    if self.failed_tasks > FAILED_TASKS {
                        return Err(self.record_failed_removal(error).await?);
                    }
                    let record = Record::RemovalFailed { instance: self.instance.clone(), error };
                    self.context.journal.append(vec![record]).await?;
                    return Ok(AfterAttempt::Again(
                        Delay::InUse { by: Vec::new(), removed: Vec::new() },
                        IN_USE_PAUSE * self.failed_tasks,
                    ));
                }
                TaskEnd::Missing(error) => return self.missing(&tasks, &error).await,
                TaskEnd::Refused(error) => {
                    let unseen = self.unseen(&tasks, &error);
                    return Err(self.record_failed_removal(unseen).await?);
                }
            }
        }
        Ok(AfterAttempt::Gone(RemovedWhen::Now))
    }

    /// The API does not know the task of an accepted removal any more: the resource itself says what came of it.
    async fn missing(&mut self, tasks: &[String], error: &ApiError) -> Result<AfterAttempt, Interruption> {
        // It may have been carried out: then the next answer says that there is nothing any more.
        self.tried_before = true;
        self.seen = self.seen.take().or_else(|| self.shown.clone());
        let cause = format!(
            "its removal was accepted, and how it ended is not known: task {}: {}",
            tasks.join(", "),
            error.story()
        );
        let unknown = |words: String| self.context.error(&self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
        let read = match &self.read {
            _ if self.call.method != Method::Delete => return self.missing_undo(tasks, cause).await,
            // Its DELETE says whether it is gone.
            None => None,
            Some(path) => {
                let reading = self.context.client.read(Request::get(path.clone()));
                Some(self.context.stopped.or_leave(reading).await.map_err(Interruption::Stopped)?)
            }
        };
        match read {
            Some(Err(ReadError::Refused(error))) if error.meaning() == Meaning::NotFound => {
                self.not_found(&error).await.map(|step| match step {
                    AfterAttempt::Gone(_) => AfterAttempt::Gone(RemovedWhen::Unseen),
                    again => again,
                })
            }
            Some(Err(error)) => {
                let mut error = unknown(format!("{cause}; whether it is gone could not be read: {error}"));
                error.help.push(CONTINUES.to_owned());
                Err(self.record_failed_removal(error).await?)
            }
            read @ (None | Some(Ok(_))) => {
                let still = if read.is_some() { "; it is still there" } else { "" };
                let mut error = unknown(format!("{cause}{still}"));
                self.failed_tasks += 1;
                if self.failed_tasks > FAILED_TASKS {
                    error.help.push(CONTINUES.to_owned());
                    return Err(self.record_failed_removal(error).await?);
                }
                Ok(AfterAttempt::Again(Delay::Failed { cause: error.message }, IN_USE_PAUSE * self.failed_tasks))
            }
        }
    }

    /// The same for an undo that is no DELETE: what the step did to other resources says what came of it. It is not
    /// sent again unless that is still there.
    async fn missing_undo(&mut self, tasks: &[String], cause: String) -> Result<AfterAttempt, Interruption> {
        let looking = effect_after(self.context, self.instance, self.call);
        let still = match self.context.stopped.or_leave(looking).await.map_err(Interruption::Stopped)? {
            Effect::Gone => return Ok(AfterAttempt::Gone(RemovedWhen::Unseen)),
            Effect::There => true,
            Effect::CannotTell => false,
        };
        self.failed_tasks += 1;
        let words = if still { format!("{cause}; the effect that it undoes is still there") } else { cause };
        let mut error = self.context.error(&self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
        if still && self.failed_tasks <= FAILED_TASKS {
            return Ok(AfterAttempt::Again(Delay::Failed { cause: error.message }, IN_USE_PAUSE * self.failed_tasks));
        }
        // The next command waits for it before anything is sent.
        error.task = tasks.first().cloned();
        let destroy = self.context.settings.destroy_command();
        let forget = forget(self.context, self.instance);
        error.help.push(format!("look whether `{}` was carried out; if it was, {forget}", self.call));
        error.help.push(format!("if not, undo it by hand, and do the same; {destroy} does not send it again"));
        Err(self.record_failed_removal(error).await?)
    }

    /// The error for tasks of an accepted removal that the key may not read: it was not the removal that was refused.
    pub(super) fn unseen(&self, tasks: &[String], error: &ApiError) -> StepError {
        let mut refusal = self.refusal(error);
        let tasks = tasks.join(", ");
        refusal.message = format!("its removal was accepted, and task {tasks} cannot be read: {}", refusal.message);
        refusal.effect = EffectKnown::Unknown;
        refusal.help.push("try again with a key that can read it: it continues where it stopped".to_owned());
        refusal
    }
}
