//! The result of a call, from finished tasks or a synchronous answer: ids and names.
//!
//! Pure. Works on recorded calls, so that it serves a live run, a resumed one, and a teardown without a plan.

use serde_json::Value;

use super::operation::scalar_at;
use super::project_region::is_project_or_region;
use crate::catalog::{Creates, IdAt, Operation, parameter_name};
use crate::journal::{InstanceStatus, JsonText, Kinds, RecordedCall, StepResult, id_text, is_id};
use crate::pointer;
use crate::secret::stands_for_secret;
use crate::shared::Shared;

/// The result of a synchronous call.
pub fn result_of_answer(operation: Option<&Operation>, call: &RecordedCall, status: u16, answer: Value) -> StepResult {
    let mut result = StepResult { status: Some(status), ..StepResult::default() };
    identify(&mut result, operation, call, Some(&answer));
    result.response = Some(JsonText::read(answer));
    result
}

/// A secondary resource of a call, as its answer names it: kind and id.
pub fn secondary_of_answer(operation: Option<&Operation>, call: &RecordedCall, answer: &Value) -> Vec<(String, Value)> {
    let creates = operation.and_then(|operation| operation.creates.as_ref());
    let is_named = |field: &str| call.body.as_ref().and_then(|body| body.get(field)).is_some_and(|id| !id.is_null());
    let told = creates.into_iter().flat_map(|creates| &creates.secondary).filter(|told| !is_named(&told.unless));
    told.filter_map(|told| Some((told.kind.clone(), scalar_at(answer, &told.at)?))).collect()
}

/// Determines kind, ids and name of the result.
pub(super) fn identify(
    result: &mut StepResult,
    operation: Option<&Operation>,
    call: &RecordedCall,
    answer: Option<&Value>,
) {
    if let Some((operation, None)) = operation.map(|operation| (operation, &operation.creates)) {
        // An operation that creates nothing is about an existing resource, which it does not own.
        let (kind, id) = subject(operation, call);
        result.kind = kind;
        result.set_ids(id);
        return;
    }
    let Some(creates) = operation.and_then(|operation| operation.creates.as_ref()) else {
        // The catalogue does not know the operation: when only one kind was created, that is the kind.
        let mut kinds = result.created.iter();
        if let (Some((kind, ids)), None) = (kinds.next(), kinds.next()) {
            let (kind, ids) = (kind.clone(), ids.to_vec());
            drop(kinds);
            result.kind = Some(kind);
            result.set_ids(ids);
        }
        return;
    };
    result.kind = Some(creates.kind.clone());
    result.name = name_of(creates, call, answer);
    result.set_ids(ids_of(creates, operation, call, &result.created, answer));
    if let (false, IdAt::Response(_) | IdAt::Body(_) | IdAt::Path(_)) = (result.ids.is_empty(), &creates.id_at)
        && result.created.is_empty()
    {
        result.created.insert(creates.kind.clone(), result.ids.clone());
    }
}

/// Whether the result of a create, whose tasks have ended, names nothing that it made.
pub fn lacks_id(operation: Option<&Operation>, result: &StepResult) -> bool {
    operation.is_some_and(|operation| operation.creates.is_some() && !operation.may_be_no_op) && result.ids.is_empty()
}

/// Whether the answer of a create, or the call itself, names what was made.
pub fn names_made(operation: &Operation, call: &RecordedCall, answer: &Value) -> bool {
    !ids_in_answer(operation, call, answer).is_empty()
}

/// The ids of what a create made, by its answer or the call itself.
pub fn ids_in_answer(operation: &Operation, call: &RecordedCall, answer: &Value) -> Vec<Shared<Value>> {
    let creates = operation.creates.as_ref();
    let ids = creates.map(|creates| ids_of(creates, Some(operation), call, &Kinds::default(), Some(answer)));
    ids.unwrap_or_default()
}

/// The ids of the main resources that a create made.
fn ids_of(
    creates: &Creates,
    operation: Option<&Operation>,
    call: &RecordedCall,
    created: &Kinds,
    answer: Option<&Value>,
) -> Vec<Shared<Value>> {
    let ids: Vec<Value> = match &creates.id_at {
        IdAt::Task(keys) => match keys.iter().find_map(|key| created.get(key).filter(|ids| !ids.is_empty())) {
            Some(ids) => return ids.to_vec(),
            None => Vec::new(),
        },
        IdAt::Response(pointer) => match (answer, pointer.strip_prefix("/0/")) {
            // An answer with one element for each resource.
            (Some(Value::Array(items)), Some(field)) => {
                items.iter().filter_map(|item| item.get(field)).filter(|id| is_id(id)).cloned().collect()
            }
            (answer, _) => answer.and_then(|answer| scalar_at(answer, pointer)).into_iter().collect(),
        },
        IdAt::Body(pointer) => call.body.as_ref().and_then(|body| scalar_at(body, pointer)).into_iter().collect(),
        IdAt::Path(names) => {
            operation.and_then(|operation| named_in_path(operation, call, names)).into_iter().collect()
        }
    };
    if !ids.is_empty() {
        return ids.into_iter().map(Shared::from).collect();
    }
    // There is no id at the documented place: an asynchronous create may have been answered at once, or a synchronous
    // one by tasks.
    let answered = answer.and_then(|answer| scalar_at(answer, "/id")).map(Shared::from);
    answered.or_else(|| created.get(&creates.kind)?.first().cloned()).into_iter().collect()
}

/// The id of an instance's resource, as text.
pub(super) fn resource_id(known: &InstanceStatus) -> Option<String> {
    known.result.as_ref()?.id.as_deref().map(id_text)
}

/// Whether a client has chosen an id: the API gives out numbers and UUIDs.
pub fn is_name(id: &Value) -> bool {
    id.as_str().is_some_and(|id| uuid::Uuid::try_parse(id).is_err())
}

/// Kind and id of the existing resource that a call is about: the last one named by its path.
pub(super) fn subject(operation: &Operation, call: &RecordedCall) -> (Option<String>, Option<Value>) {
    let places = operation.route.path.split('/').zip(call.path.split('/')).collect::<Vec<_>>();
    let named = places.into_iter().rev().find_map(|(place, value)| {
        let name = parameter_name(place)?;
        let parameter = operation.path_parameters.iter().find(|parameter| parameter.name == name)?;
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
        let integer = parameter.types.iter().any(|r#type| r#type == "integer");
        let id = value.parse::<i64>().ok().filter(|_| integer).map_or(Value::String(value), Value::from);
        Some((Some(parameter.kind.clone()?), Some(id))).filter(|_| !is_project_or_region(name))
    });
    named.unwrap_or_default()
}

/// The values of these path parameters, joined by `/`.
pub(super) fn named_in_path(operation: &Operation, call: &RecordedCall, names: &[String]) -> Option<Value> {
    let places: Vec<(&str, &str)> = operation.route.path.split('/').zip(call.path.split('/')).collect();
    let value = |name: &String| {
        let (_, value) = places.iter().find(|(place, _)| place.trim_matches(['{', '}']) == name)?;
        Some(percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
    };
    let values: Option<Vec<String>> = names.iter().map(value).collect();
    Some(Value::String(values?.join("/")))
}

fn name_of(creates: &Creates, call: &RecordedCall, answer: Option<&Value>) -> Option<String> {
    let text =
        |value: &Value| value.as_str().filter(|name| !name.is_empty() && !stands_for_secret(name)).map(str::to_owned);
    let at = creates.name_at.as_deref().unwrap_or("/name");
    let sent = call.body.as_ref().and_then(|body| pointer::get(body, at)).and_then(text);
    sent.or_else(|| answer.and_then(|answer| answer.get("name")).and_then(text))
}

#[cfg(test)]
mod tests;
