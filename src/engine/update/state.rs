//! Resolves an update whose answer was lost, by reading the resource.

use serde_json::Value;

use super::fields::{UpdateState, fields_state};
use super::parts::part_state;
use crate::api::Request;
use crate::catalog::update::{resource_route, shared_lists, shown_at};
use crate::engine::context::{About, RunContext};
use crate::engine::operation;
use crate::engine::paths;
use crate::engine::refresh::ReadResource;
use crate::event::{EffectKnown, ErrorClass, StepError};
use crate::journal::{Intent, fields_of_mut};

/// Reads the resource of an update and compares it.
pub async fn update_state(context: &RunContext, intent: &Intent) -> UpdateState {
    let known = context.journal.with_status(|status| status.instances.get(&intent.instance).cloned());
    let (Some(after), Some(known)) = (&intent.update, known) else { return UpdateState::CannotTell };
    let (Some(before), Some(result)) = (&known.agrees, &known.result) else { return UpdateState::CannotTell };
    if let Some(state) = part_state(context, intent, before).await {
        return state;
    }
    let Some((create, parameters)) = operation::operation_of(context.catalog, before) else {
        return UpdateState::CannotTell;
    };
    let path = paths::read_path(&create, &parameters, result);
    let (Some(path), Some(route)) = (path, resource_route(&create)) else { return UpdateState::CannotTell };
    let object = match context.client.read(Request::get(path)).await {
        Ok(object) => object,
        Err(error) => return UpdateState::of_error(&error),
    };
    let mut after = after.body.as_deref().cloned();
    let mut has_others = false;
    for (list, _) in shared_lists(route) {
        if let (Some(sent), Some(after)) = (sent_field(intent, list), after.as_mut().and_then(fields_of_mut)) {
            after.insert(list.to_owned(), sent.clone());
            has_others = true;
        }
    }
    let is_owned_by_another = |id: &Value| {
        !has_others && context.journal.with_status(|status| status.is_made_by_another(&intent.instance, id))
    };
    let object = shown_at(&create).map_or(Some(&object), |pointer| object.pointer(pointer));
    let Some(object) = object else { return UpdateState::CannotTell };
    let shown =
        ReadResource { route, object, digest_key: &context.digest_key, is_owned_by_another: &is_owned_by_another };
    fields_state(before.body.as_deref(), after.as_ref(), &shown)
}

/// The error for an update whose task ended in ERROR, and that cannot be read; `words`: those of the API.
pub fn unread(context: &RunContext, about: &About, task: &str, words: Option<&str>) -> StepError {
    let words = words.map(|words| format!(" ({words})")).unwrap_or_default();
    let words = format!("task {task} ended in ERROR{words}, and whether its change is there cannot be read");
    let mut error = context.error(about, EffectKnown::Unknown, ErrorClass::Task, words);
    error.task = Some(task.to_owned());
    error.help.push("run again: it is read before anything is sent".to_owned());
    error
}

/// A list that the call replaces, with what others have in it.
fn sent_field<'i>(intent: &'i Intent, field: &str) -> Option<&'i Value> {
    intent.call.body.as_deref()?.get(field).filter(|list| list.is_array())
}
