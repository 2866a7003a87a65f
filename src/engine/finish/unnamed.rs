//! A create whose tasks ended well and name nothing that was made: the answer may lag behind its tasks, or leave the ids
//! out. What it made is looked for; it never counts as nothing.

use std::time::Duration;

use serde_json::Value;

use super::Finishing;
use crate::api::Task;
use crate::catalog::IdAt;
use crate::engine::collection::{creator_task, items, list_call};
use crate::engine::context::RunContext;
use crate::engine::evidence::{Verdict, tags};
use crate::engine::interruption::Interruption;
use crate::engine::watch::task_request;
use crate::event::{EffectKnown, ErrorClass, StepError};
use crate::journal::StepResult;

/// The pauses before the tasks, and the list of what exists, are read again, in seconds.
const PAUSES: [u64; 5] = [1, 2, 4, 8, 16];

impl Finishing<'_> {
    /// Whether a result of ended tasks lacks the id of what the call creates.
    pub(super) fn is_unnamed(&self, result: &StepResult) -> bool {
        let creates = self.operation.filter(|operation| operation.creates.is_some() && !operation.may_be_no_op);
        creates.is_some() && self.updates.is_none() && !self.wait.skip && result.ids.is_empty()
    }

    /// The result once its tasks, or a list, name what was made.
    ///
    /// # Errors
    ///
    /// [`Interruption::Failed`] when nothing does after half a minute: the write stays on record as accepted.
    pub(super) async fn named_later(
        &self,
        context: &RunContext,
        mut tasks: Vec<Task>,
        status: Option<u16>,
    ) -> Result<StepResult, Interruption> {
        for pause in PAUSES {
            let clock = context.clock();
            let pause = clock.sleep(Duration::from_secs(pause));
            context.stopped.or_leave(pause).await.map_err(Interruption::Stopped)?;
            for task in &mut tasks {
                let read = context.client.read(task_request(&task.id)).await;
                if let Some(now) = read.ok().as_ref().and_then(Task::read) {
                    *task = now;
                }
            }
            let result = self.result_of(context, &tasks, status);
            if !self.is_unnamed(&result) {
                return Ok(result);
            }
            if let Some(result) = self.listed(context, &mut tasks, status).await {
                return Ok(result);
            }
        }
        Err(Interruption::Failed(self.unnamed(context, &tasks)))
    }

    /// The result with the ids of what these tasks made by the list of its kind: it names the task that created an
    /// item, or shows the tag of the attempt.
    async fn listed(&self, context: &RunContext, tasks: &mut [Task], status: Option<u16>) -> Option<StepResult> {
        let creates = self.operation?.creates.as_ref()?;
        let list = creates.resource.as_ref()?.list.as_ref()?;
        // A list that cannot be read now may be later.
        let found = items(context, list, list_call(list, self.parameters)?).await.ok()?;
        let is_ours = |item: &&Value| {
            creator_task(item).is_some_and(|task| tasks.iter().any(|ours| ours.id == task))
                || matches!(tags::of_item(item, Some(list), self.intent), Verdict::Ours(_))
        };
        let ids: Vec<Value> =
            found.iter().filter(is_ours).filter_map(|item| item.get(&list.id_field).cloned()).collect();
        let kind = match &creates.id_at {
            IdAt::Task(keys) => keys.first()?,
            _ => &creates.kind,
        };
        tasks.first_mut()?.created.insert(kind.clone(), Value::Array(ids));
        Some(self.result_of(context, tasks, status)).filter(|result| !self.is_unnamed(result))
    }

    fn unnamed(&self, context: &RunContext, tasks: &[Task]) -> StepError {
        let ids: Vec<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
        let words = format!("task {} finished and names nothing that it made, and no list shows it", ids.join(", "));
        let mut error = context.error(self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
        error.task = ids.first().map(|id| (*id).to_owned());
        error
            .help
            .push("what was made exists, and is on no record: run again, and it is looked for once more".to_owned());
        error
    }
}
