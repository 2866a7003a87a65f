//! Outcomes that are not the step's after all: tasks of another attempt, tasks that the API does not know, resources
//! whose secret was in a lost answer.

use super::Finishing;
use crate::api::Request;
use crate::engine::collection::creator_task;
use crate::engine::context::RunContext;
use crate::engine::evidence::{Verdict, tags};
use crate::engine::made::made_by;
use crate::engine::ownership::Claimable;
use crate::engine::paths;
use crate::event::{EffectKnown, ErrorClass};
use crate::journal::{IntendedUndo, JournalError, Record, StepResult, id_text};
use crate::kind::resource_name;
use crate::shell::quoted;

impl Finishing<'_> {
    /// Whether the answer of the create shows a secret that is never shown again.
    pub(super) fn shows_secret_once(&self) -> bool {
        let creates = self.operation.and_then(|operation| operation.creates.as_ref());
        self.updates.is_none() && creates.is_some_and(|creates| creates.told_once.is_some())
    }

    /// Records what was found after a lost answer as left behind: its secret was in that answer only.
    pub(super) async fn record_without_its_secret(
        &self,
        context: &RunContext,
        result: &StepResult,
    ) -> Result<(), JournalError> {
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
    pub(super) fn warn_of_its_secret(&self, context: &RunContext) {
        let creates = self.operation.and_then(|operation| operation.creates.as_ref());
        let shown = creates.and_then(|creates| creates.shown_once.as_ref()).filter(|_| self.updates.is_none());
        let Some(shown) = shown.filter(|shown| shown.is_for(self.call.body.as_deref())) else { return };
        let instance = &self.intent.instance;
        let field = shown.at.trim_start_matches('/').replace('/', ".");
        let named = quoted(&instance.to_string());
        context.warn(format!(
            "`{instance}`: its `{field}` was in the answer that was lost, and is shown by no other: `--replace {named}` \
             makes a new one"
        ));
    }

    /// Checks a task that was found by a search rather than answered: whether the resource it made carries the tag of
    /// another attempt, or names another task as its maker.
    pub(super) async fn is_owned_by_another(
        &self,
        context: &RunContext,
        tasks: &[String],
        result: &StepResult,
    ) -> bool {
        let path = self.operation.and_then(|operation| paths::read_path(operation, self.parameters, result));
        let Some(path) = path.filter(|_| self.updates.is_none()) else { return false };
        // When the resource cannot be read, the attribution stands.
        let Ok(item) = context.client.read(Request::get(path)).await else { return false };
        tags::verdict_of_item(&item, None, self.intent) == Verdict::NotOurs
            || creator_task(&item).is_some_and(|task| !tasks.contains(&task))
    }

    /// Records that these tasks belong to another attempt: the outcome is in doubt again, and they are no candidates
    /// any more.
    pub(super) async fn disown(&self, context: &RunContext, tasks: Vec<String>) -> Result<(), JournalError> {
        let instance = &self.intent.instance;
        let words = format!("the tasks that were attributed to it belong to another attempt: {}", tasks.join(", "));
        let error = context.error(self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
        for task in &tasks {
            context.owners.release(&Claimable::task(task), instance);
        }
        context.journal.append(vec![Record::Disowned { instance: instance.clone(), tasks, error }]).await
    }

    /// Records that the outcome of these tasks cannot be found: it is in doubt again, although the call was accepted.
    /// `unnamed`: they are finished, which the error says by naming one of them.
    pub(super) async fn record_tasks_missing(
        &self,
        context: &RunContext,
        tasks: Vec<String>,
        why: &str,
        unnamed: bool,
    ) -> Result<(), JournalError> {
        let instance = self.intent.instance.clone();
        let words = format!("it was accepted, and what came of it is not known: task {}: {why}", tasks.join(", "));
        let mut error = context.error(self.about, EffectKnown::Unknown, ErrorClass::Unknown, words);
        error.task = tasks.first().filter(|_| unnamed).cloned();
        context.journal.append(vec![Record::TasksMissing { instance, tasks, error }]).await
    }
}
