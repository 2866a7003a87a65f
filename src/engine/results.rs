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
pub fn of_answer(operation: Option<&Operation>, call: &RecordedCall, status: u16, answer: Value) -> StepResult {
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

/// Whether the answer of a create, or the call itself, names what was made.
pub fn names_what_was_made(operation: &Operation, call: &RecordedCall, answer: &Value) -> bool {
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
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::Task;
    use crate::catalog::{Catalog, Method};
    use crate::engine::made::{Before, made, of_tasks};
    use crate::engine::operation::operation_of;
    use crate::journal::{IntendedUndo, RecordedResource, id_text};

    fn post(path: &str, body: Value) -> RecordedCall {
        RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, path) }
    }

    fn finished(created: Value) -> Task {
        let task = json!({ "id": "task-1", "state": "FINISHED", "created_resources": created });
        Task::read(&task).unwrap()
    }

    /// Result and recorded resource of an asynchronous create.
    fn created(call: &RecordedCall, created: Value) -> (StepResult, RecordedResource) {
        let catalog = Catalog::embedded();
        let (operation, _) = operation_of(catalog, call).unwrap();
        let before = Before { digest_key: &[], is_owned_by_another: &|_, _| false };
        let result = of_tasks(Some(&operation), call, &[finished(created)], Some(200), &before);
        let made = made(catalog, call, &result, &IntendedUndo::Default);
        (result, made)
    }

    fn undo(made: &RecordedResource) -> String {
        let call = made.undo.as_ref().unwrap();
        let query: Vec<_> = call.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{call} {}", query.join("&")).trim_end().to_owned()
    }

    #[test]
    fn a_misspelt_key_of_the_api_is_known() {
        let call = post("/cloud/v1/l7policies/1/7", json!({ "name": "p", "listener_id": "l" }));
        let (result, made) = created(&call, json!({ "l7polices": ["p7"] }));
        assert_eq!(result.id, Some(json!("p7").into()));
        assert_eq!(undo(&made), "DELETE /cloud/v1/l7policies/1/7/p7");
        assert_eq!(made.lock.as_deref(), Some("l"));
    }

    #[test]
    fn the_answer_of_a_synchronous_create_has_its_id() {
        let catalog = Catalog::embedded();
        let call = post("/cloud/v1/ssh_keys/1", json!({ "name": "key" }));
        let (operation, _) = operation_of(catalog, &call).unwrap();
        let result =
            of_answer(Some(&operation), &call, 201, json!({ "id": "k", "name": "key", "private_key": "-----" }));
        assert_eq!((result.id.clone(), json!(result.created)), (Some(json!("k").into()), json!({ "ssh_keys": ["k"] })));
        assert_eq!(undo(&made(catalog, &call, &result, &IntendedUndo::Default)), "DELETE /cloud/v1/ssh_keys/1/k");
        let group = post("/cloud/v1/servergroups/1/7", json!({ "name": "g", "policy": "affinity" }));
        let (operation, _) = operation_of(catalog, &group).unwrap();
        assert_eq!(
            of_answer(Some(&operation), &group, 200, json!({ "servergroup_id": "s" })).id,
            Some(json!("s").into())
        );
    }

    #[test]
    fn a_call_that_creates_nothing_is_about_the_last_resource_of_its_path() {
        let (volume, cluster) = ("726ecfcc-7fd0-4e30-a86e-7892524aa483", "c%201");
        for (path, kind, id) in [
            (format!("/cloud/v1/volumes/1/7/{volume}/extend"), Some("volumes"), Some(json!(volume))),
            (format!("/cloud/v2/k8s/clusters/1/7/{cluster}/upgrade"), Some("k8s_clusters"), Some(json!("c 1"))),
        ] {
            let call = post(&path, json!({}));
            let (operation, _) = operation_of(Catalog::embedded(), &call).unwrap();
            let result = of_answer(Some(&operation), &call, 200, json!({ "tasks": [] }));
            let (found, ids) = (result.id.as_deref().cloned(), result.ids.len());
            assert_eq!((result.kind.as_deref(), found, ids, result.status), (kind, id, 1, Some(200)), "{path}");
        }
    }

    #[test]
    fn names_and_ids_come_from_the_call_or_else_from_the_answer() {
        let secret = "secret:00000000000000000000000000000000";
        for (body, answer, name, id) in [
            (json!({ "name": "a" }), json!({ "id": "k", "name": "b" }), Some("a"), Some("k")),
            (json!({ "name": "" }), json!({ "id": "k", "name": "b" }), Some("b"), Some("k")),
            (json!({ "name": secret }), json!({ "id": "k", "name": "b" }), Some("b"), Some("k")),
            (json!({}), json!({ "id": 5, "name": secret }), None, Some("5")),
            (json!({}), json!({ "id": null }), None, None),
        ] {
            let call = post("/cloud/v1/ssh_keys/1", body.clone());
            let (operation, _) = operation_of(Catalog::embedded(), &call).unwrap();
            let result = of_answer(Some(&operation), &call, 201, answer.clone());
            let found = result.id.as_deref().map(id_text);
            assert_eq!((result.name.as_deref(), found.as_deref()), (name, id), "{body} {answer}");
            assert_eq!(names_what_was_made(&operation, &call, &answer), id.is_some(), "{body} {answer}");
        }
    }

    #[test]
    fn secondary_resources_are_named_unless_the_call_names_them() {
        let call = |body: Value| post("/cdn/resources", body);
        let (operation, _) = operation_of(Catalog::embedded(), &call(json!({}))).unwrap();
        let answer = json!({ "id": 7, "originGroup": 5 });
        let made = vec![("cdn_origin_groups".to_owned(), json!(5))];
        for (body, answer, expected) in [
            (json!({ "origin": "o" }), &answer, &made[..]),
            (json!({ "originGroup": null }), &answer, &made),
            (json!({ "originGroup": 5 }), &answer, &[]),
            (json!({ "origin": "o" }), &json!({ "id": 7 }), &[]),
        ] {
            assert_eq!(secondary_of_answer(Some(&operation), &call(body.clone()), answer), expected, "{body} {answer}");
        }
    }
}
