use serde_json::json;

use super::*;
use crate::api::Task;
use crate::catalog::{Catalog, Method};
use crate::engine::made::{Before, made, result_of_tasks};
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
    let result = result_of_tasks(Some(&operation), call, &[finished(created)], Some(200), &before);
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
        result_of_answer(Some(&operation), &call, 201, json!({ "id": "k", "name": "key", "private_key": "-----" }));
    assert_eq!((result.id.clone(), json!(result.created)), (Some(json!("k").into()), json!({ "ssh_keys": ["k"] })));
    assert_eq!(undo(&made(catalog, &call, &result, &IntendedUndo::Default)), "DELETE /cloud/v1/ssh_keys/1/k");
    let group = post("/cloud/v1/servergroups/1/7", json!({ "name": "g", "policy": "affinity" }));
    let (operation, _) = operation_of(catalog, &group).unwrap();
    assert_eq!(
        result_of_answer(Some(&operation), &group, 200, json!({ "servergroup_id": "s" })).id,
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
        let result = result_of_answer(Some(&operation), &call, 200, json!({ "tasks": [] }));
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
        let result = result_of_answer(Some(&operation), &call, 201, answer.clone());
        let found = result.id.as_deref().map(id_text);
        assert_eq!((result.name.as_deref(), found.as_deref()), (name, id), "{body} {answer}");
        assert_eq!(names_made(&operation, &call, &answer), id.is_some(), "{body} {answer}");
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
