use serde_json::json;

use super::*;

const VOLUME: &str = "6f1d2c3b-0000-4000-8000-000000000001";
const BOOT: &str = "6f1d2c3b-0000-4000-8000-000000000002";
const ADDRESS: &str = "6f1d2c3b-0000-4000-8000-000000000003";
const KEY: &[u8] = b"key";

fn call(method: Method, path: &str, body: Value) -> RecordedCall {
    RecordedCall { body: Some(body.into()), ..RecordedCall::new(method, path) }
}

fn post(path: &str, body: Value) -> RecordedCall {
    call(Method::Post, path, body)
}

fn finished(created: &Value) -> Task {
    Task::read(&json!({ "id": "task-1", "state": "FINISHED", "created_resources": created })).unwrap()
}

/// Result and recorded resource of a call whose task lists these ids; the ids in `owned` belong to another step.
fn outcome(call: &RecordedCall, listed: Value, owned: &[&str]) -> (StepResult, RecordedResource) {
    let catalog = Catalog::embedded();
    let (operation, _) = operation_of(catalog, call).unwrap();
    let is_owned_by_another = |_: &str, id: &Value| owned.contains(&id.as_str().unwrap());
    let before = Before { digest_key: KEY, is_owned_by_another: &is_owned_by_another };
    let result = result_of_tasks(Some(&operation), call, &[finished(&listed)], Some(200), &before);
    let made = made(catalog, call, &result, &IntendedUndo::Default);
    (result, made)
}

fn undo(made: &RecordedResource) -> String {
    let call = made.undo.as_ref().unwrap();
    let query: Vec<_> = call.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{call} {}", query.join("&")).trim_end().to_owned()
}

fn secondary(made: &RecordedResource) -> Vec<String> {
    made.secondary.iter().map(undo).collect()
}

#[test]
fn mentioned_or_owned_resources_were_not_made_by_the_call() {
    let listed = || json!({ "instances": ["i"], "volumes": [VOLUME, BOOT], "floatingips": [ADDRESS] });
    let machine = |volume: Value| {
        post("/cloud/v2/instances/1/7", json!({ "name": "web", "volumes": [volume], "interfaces": [] }))
    };
    let existing = |id: &str| machine(json!({ "source": "existing-volume", "volume_id": id }));
    let secret = digest_of(&json!(VOLUME), KEY);
    for (how, call, owned) in [
        ("in the body", existing(VOLUME), &[ADDRESS][..]),
        ("as a secret", existing(&secret), &[ADDRESS]),
        ("inside a text", machine(json!({ "user_data": format!("mount {VOLUME} /data") })), &[ADDRESS]),
        ("on record elsewhere", machine(json!({ "source": "new-volume" })), &[ADDRESS, VOLUME]),
    ] {
        let (result, made) = outcome(&call, listed(), owned);
        let created = result.created.to_map();
        assert_eq!(created["volumes"], json!([BOOT]), "{how}");
        assert_eq!(json!(result.touched), json!({ "volumes": [VOLUME], "floatingips": [ADDRESS] }));
        assert_eq!(created["floatingips"], json!([]), "{how}");
        assert_eq!(secondary(&made), [format!("DELETE /cloud/v1/volumes/1/7/{BOOT}")], "{how}");
    }
    let mut in_query = post("/cloud/v2/instances/1/7", json!({ "name": "web" }));
    in_query.query.push(("volumes".to_owned(), format!("{BOOT},{VOLUME}")));
    assert_eq!(outcome(&in_query, listed(), &[ADDRESS]).1.secondary[..], []);
}

#[test]
fn an_update_does_not_count_its_resource_as_created() {
    let pool = "6f1d2c3b-0000-4000-8000-00000000000a";
    let patch = call(Method::Patch, &format!("/cloud/v2/lbpools/1/7/{pool}"), json!({ "members": [] }));
    let (result, made) = outcome(&patch, json!({ "members": ["old"] }), &[]);
    assert_eq!((result.kind.as_deref(), result.id), (Some("pools"), Some(json!(pool).into())));
    assert_eq!(made, RecordedResource::default());
}

#[test]
fn a_machine_takes_its_boot_volume_with_it() {
    let call = post("/cloud/v2/instances/1/7", json!({ "name": "web" }));
    let (result, made) = outcome(&call, json!({ "instances": ["i"], "volumes": ["v", "w"], "ports": ["p"] }), &[]);
    assert_eq!((result.id, result.name.as_deref()), (Some(json!("i").into()), Some("web")));
    assert_eq!(undo(&made), "DELETE /cloud/v1/instances/1/7/i");
    assert_eq!(secondary(&made), ["DELETE /cloud/v1/volumes/1/7/v", "DELETE /cloud/v1/volumes/1/7/w"]);
    let along = inclusion_parameters(Catalog::embedded(), Some("instances"), made.undo.as_ref().unwrap());
    let whole = include_in_delete(made.undo.as_ref().unwrap(), &along, &made.secondary);
    let as_once = RecordedResource { undo: Some(whole.clone()), ..made.clone() };
    assert_eq!(undo(&as_once), "DELETE /cloud/v1/instances/1/7/i volumes=v,w");
    // Records of earlier versions name them in the delete itself.
    assert_eq!(split_included(Catalog::embedded(), &along, &whole), (made.undo.unwrap(), made.secondary.into()));
}

#[test]
fn a_resource_is_read_where_it_is_deleted_when_that_is_possible() {
    for (kind, delete, read) in [
        ("instances", "/cloud/v1/instances/1/7/i", Some("/cloud/v1/instances/1/7/i")),
        ("instances", "/cloud/v1/bminstances/1/7/i", Some("/cloud/v1/bminstances/1/7/i")),
        ("volumes", "/cloud/v1/volumes/1/7/i", Some("/cloud/v1/volumes/1/7/i")),
        ("volumes", "/cloud/v1/unheard/1/7/i", None),
    ] {
        let call = RecordedCall::new(Method::Delete, delete);
        let found = read_of(Catalog::embedded(), kind, &json!("i"), &call);
        assert_eq!(found.as_deref(), read, "{delete}");
    }
}

#[test]
fn a_network_takes_its_router_with_it() {
    let call = post("/cloud/v1/networks/1/7", json!({ "name": "net" }));
    let (_, made) = outcome(&call, json!({ "networks": ["n"], "routers": ["r"] }), &[]);
    assert_eq!(undo(&made), "DELETE /cloud/v1/networks/1/7/n");
    assert_eq!(secondary(&made), ["DELETE /cloud/v1/routers/1/7/r"]);
}

#[test]
fn a_cluster_is_addressed_by_name_and_known_by_id() {
    let call = post("/cloud/v2/k8s/clusters/1/7", json!({ "name": "prod/1" }));
    let (result, made) = outcome(&call, json!({ "k8s_clusters": ["c5"] }), &[]);
    assert_eq!((result.id, result.name.as_deref()), (Some(json!("c5").into()), Some("prod/1")));
    assert_eq!(undo(&made), "DELETE /cloud/v2/k8s/clusters/1/7/prod%2F1");
}

#[test]
fn a_resource_identified_by_name_counts_as_created_although_the_call_mentions_it() {
    let call = post("/cloud/v3/inference/1/deployments", json!({ "name": "a-long-name" }));
    let (result, _) = outcome(&call, json!({ "inference_instances": ["a-long-name"] }), &[]);
    assert_eq!(result.id, Some(json!("a-long-name").into()));
    // The same name elsewhere in the call, or on record in another project, belongs to something else.
    let call = post("/cloud/v3/inference/1/deployments", json!({ "name": "nginx", "image": "nginx" }));
    for owned in [&[][..], &["nginx"]] {
        let (result, made) = outcome(&call, json!({ "inference_instances": ["nginx"] }), owned);
        assert_eq!(result.id, Some(json!("nginx").into()), "{owned:?}");
        assert_eq!(undo(&made), "DELETE /cloud/v3/inference/1/deployments/nginx");
    }
}

#[test]
fn the_result_and_the_record_name_tasks_and_status_and_each_resource_once() {
    let call = post("/cloud/v1/volumes/1/7", json!({ "name": "web" }));
    let (result, made) = outcome(&call, json!({ "volumes": [VOLUME, VOLUME, BOOT] }), &[]);
    assert_eq!((result.status, result.tasks.to_vec()), (Some(200), vec!["task-1".to_owned()]));
    assert_eq!(
        (result.ids.len(), made.name.as_deref(), made.tasks.to_vec()),
        (2, Some("web"), vec!["task-1".to_owned()])
    );
}

#[test]
fn the_own_name_is_no_mention_and_every_other_text_is() {
    let catalog = Catalog::embedded();
    for (body, name, is_mentioned) in [
        (json!({ "name": VOLUME }), VOLUME, false),
        (json!({ "name": "web", "more": { "name": VOLUME } }), VOLUME, true),
        (json!({ "name": "web", "list": ["x", VOLUME] }), VOLUME, true),
        (json!({ "name": "web", VOLUME: 1 }), VOLUME, true),
        (json!({ "name": "web" }), VOLUME, false),
    ] {
        let call = post("/cloud/v1/volumes/1/7", body.clone());
        let (operation, _) = operation_of(catalog, &call).unwrap();
        let mentions = Mentions::of(&call, operation.creates.as_ref(), KEY);
        assert_eq!(mentions.id(&json!(name)), is_mentioned, "{body}");
    }
}
