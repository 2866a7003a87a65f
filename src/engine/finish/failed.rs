//! Tasks that ended in ERROR, or whose end cannot be seen: the error of the step, and what the create left behind.

use super::Finishing;
use crate::api::{ApiError, Task};
use crate::engine::conceal;
use crate::engine::context::RunContext;
use crate::engine::effect::{Effect, effect_of};
use crate::engine::interruption::Interruption;
use crate::engine::leftover::leftover;
use crate::engine::made::made_by;
use crate::engine::update::{UpdateState, unread, update_state};
use crate::engine::watch::TaskEnd;
use crate::event::{EffectKnown, ErrorClass, StepError};
use crate::journal::{Few, IntendedUndo, JournalError, Record, RecordedResource, StepResult, Unanswered, id_text};

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

/// The tasks of a write that have ended.
pub(super) struct EndedTasks {
    pub(super) ended: Vec<Task>,
    /// The index of the first that ended in ERROR.
    pub(super) failed: Option<usize>,
    /// What the API says of one that it does not know any more.
    pub(super) missing: Option<String>,
}

impl Finishing<'_> {
    /// How the tasks of a write have ended.
    pub(super) fn ended_tasks(
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
                TaskEnd::Missing(error) => drop(missing.get_or_insert_with(|| error.story())),
            }
        }
        Ok(EndedTasks { ended, failed, missing })
    }

    /// After a task that ended in ERROR: whether the change of an action, or of an update, shows all the same. `None` when
    /// the call makes something: then what it left is searched for.
    ///
    /// # Errors
    ///
    /// [`Interruption`], also when an update could not be read: it stays on record as accepted, so that the next run reads
    /// it first.
    pub(super) async fn effect(&self, context: &RunContext, task: &Task) -> Result<Option<Effect>, Interruption> {
        if self.updates.is_none() && self.creates() {
            return Ok(None);
        }
        let looking = async {
            match &self.updates {
                None => Some(effect_of(context, &self.intent.instance, &self.intent.call).await),
                Some(_) => match update_state(context, self.intent).await {
                    UpdateState::Done => Some(Effect::There),
                    UpdateState::NotDone => Some(Effect::Gone),
                    UpdateState::CannotTell => Some(Effect::CannotTell),
                    UpdateState::Unread => None,
                },
            }
        };
        let effect = context.stopped.or_leave(looking).await.map_err(Interruption::Stopped)?;
        if effect.is_none() {
            conceal::hide_data(&context.secrets, task);
            return Err(Interruption::Failed(unread(context, self.about, &task.id, Some(&context.words_of(task)))));
        }
        Ok(effect)
    }

    pub(super) fn warn_done_in_error(&self, context: &RunContext, task: &Task) {
        conceal::hide_data(&context.secrets, task);
        let (instance, words) = (&self.intent.instance, context.words_of(task));
        context.warn(format!(
            "`{instance}`: task {} ended in ERROR ({words}), and a read shows its change: it counts as done",
            task.id
        ));
    }

    /// Handles a task that ended in ERROR: it, or another task of the write, may have created resources all the same.
    /// These are searched for and recorded, so that they can be deleted. `effect`: what a read shows of an action.
    pub(super) async fn failed(
        &self,
        context: &RunContext,
        task: &Task,
        ended: &[Task],
        effect: Option<Effect>,
    ) -> Result<Interruption, JournalError> {
        conceal::hide_data(&context.secrets, task);
        let quota = task.error.as_deref().is_some_and(crate::api::is_about_quota);
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
    pub(super) fn unseen(&self, context: &RunContext, tasks: &[String], error: &ApiError) -> StepError {
        let mut refusal = context.refusal(self.about, error);
        refusal.effect = EffectKnown::Applied;
        let tasks = tasks.join(", ");
        refusal.message = format!("its task {tasks} is on record, and cannot be read: {}", refusal.message);
        refusal.help.push("run again with a key that can read it: the run goes on waiting".to_owned());
        refusal
    }
}
