//! A create whose tasks ended well and name nothing that was made: the answer may lag behind its tasks, or leave the
//! ids out. What it made is looked for; it never counts as nothing: when nothing shows it, the outcome is in doubt, and is
//! resolved like that of a call whose answer was lost.

use std::time::Duration;

use serde_json::Value;

use super::Finishing;
use crate::api::Task;
use crate::catalog::IdAt;
use crate::engine::collection::{creator_task, items, list_call};
use crate::engine::context::RunContext;
use crate::engine::evidence::{Verdict, tags};
use crate::engine::interruption::Interruption;
use crate::engine::results::lacks_id;
use crate::engine::secondary::{add_secondary, kinds};
use crate::engine::unseen::unlisted_for;
use crate::engine::watch::task_request;
use crate::event::{EffectKnown, ErrorClass};
use crate::journal::StepResult;

/// Why what came of tasks is not known, when no list shows it either.
pub(super) const UNNAMED: &str = "it is finished, and names nothing that it made";

/// The pauses before the tasks, and the list of what exists, are read again, in seconds.
const PAUSES: [u64; 5] = [1, 2, 4, 8, 16];
/// The pause between two searches for secondary resources.
const BETWEEN_LISTS: Duration = Duration::from_secs(2);

impl Finishing<'_> {
    /// Whether a result of ended tasks lacks the id of what the call creates.
    pub(super) fn is_unnamed(&self, result: &StepResult) -> bool {
        self.updates.is_none() && !self.wait.skip && lacks_id(self.operation, result)
    }

    /// The result once its tasks, or a list, name what was made; `None` when nothing does after half a minute.
    ///
    /// # Errors
    ///
    /// [`Interruption`].
    pub(super) async fn named_later(
        &self,
        context: &RunContext,
        mut tasks: Vec<Task>,
        status: Option<u16>,
    ) -> Result<Option<StepResult>, Interruption> {
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
                return Ok(Some(result));
            }
            if let Some(result) = self.listed(context, &mut tasks, status).await {
                return self.with_secondary_listed(context, &tasks, result).await.map(Some);
            }
        }
        Ok(None)
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
                || matches!(tags::verdict_of_item(item, Some(list), self.intent), Verdict::Ours(_))
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

    /// Adds to the result, which a list showed, the secondary resources of the same tasks. They are searched for until
    /// lists show what was made at their end: what is not found then was not made.
    async fn with_secondary_listed(
        &self,
        context: &RunContext,
        tasks: &[Task],
        mut result: StepResult,
    ) -> Result<StepResult, Interruption> {
        let creates = self.operation.and_then(|operation| operation.creates.as_ref());
        let Some(creates) = creates.filter(|creates| !kinds(creates).is_empty()) else { return Ok(result) };
        let ids: Vec<String> = tasks.iter().map(|task| task.id.clone()).collect();
        let now = context.client.server_time(context.now());
        let end = tasks.iter().map(|task| task.finished_on.unwrap_or(now)).max().unwrap_or(now);
        let known = context.client.known_server_time(context.now());
        let until = context.clock().elapsed() + unlisted_for(end, known, context.settings.resolve_time);
        loop {
            let looking = add_secondary(context, &self.intent.instance, creates, self.parameters, &ids, &mut result);
            let read = context.stopped.or_leave(looking).await.map_err(Interruption::Stopped)?;
            let left = until.saturating_sub(context.clock().elapsed());
            match read {
                Ok(()) if left.is_zero() => return Ok(result),
                Err(error) if left.is_zero() => {
                    let words = format!("what was made with it could not be read: {error}");
                    let mut error = context.error(self.about, EffectKnown::Applied, ErrorClass::Unknown, words);
                    error.help.push("run again: it is looked for once more".to_owned());
                    return Err(Interruption::Failed(error));
                }
                _ => {}
            }
            let clock = context.clock();
            let pause = clock.sleep(left.min(BETWEEN_LISTS));
            context.stopped.or_leave(pause).await.map_err(Interruption::Stopped)?;
        }
    }
}
