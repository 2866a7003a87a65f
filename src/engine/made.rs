//! Which resources a call made, as opposed to those it only used; and the calls that delete what it made.
//!
//! A task lists every resource it had to do with: an existing volume that a machine was given stands beside the
//! volume that was created for it (observed.md §1). Ids that the call mentions, and ids that another step or record
//! owns, existed before.
//!
//! Pure. The checks that need the API, before a resource is deleted, are in `prove`.

use serde_json::Value;

use super::open_undo::fill;
use super::operation::{Parameters, lock_value, operation_of};
use super::paths::{fill_path, own_value};
use super::results::identify;
use crate::api::Task;
use crate::catalog::{AlsoBy, Catalog, Creates, DeleteCall, Method, Operation, Resource};
use crate::journal::{IntendedUndo, Kinds, RecordedCall, RecordedResource, StepResult, id_text, is_id};
use crate::secret::digest_of;
use crate::shared::Shared;

/// Ids shorter than this count as mentioned only when they are a whole value; longer ones also inside other text.
const SHORTEST_ID: usize = 8;

/// What is known of resources that existed before the call.
pub struct Before<'a> {
    /// Key of the digests that stand for secrets in recorded calls.
    pub digest_key: &'a [u8],
    /// Whether another step of this record, or another record of the store, owns the resource with this kind and id.
    pub is_owned_by_another: &'a (dyn Fn(&str, &Value) -> bool + Sync),
}

/// The result of a call whose tasks are all finished.
pub fn of_tasks(
    operation: Option<&Operation>,
    call: &RecordedCall,
    tasks: &[Task],
    status: Option<u16>,
    before: &Before<'_>,
) -> StepResult {
    let (created, touched) = sort_out(operation, call, tasks, before);
    let mut result = StepResult {
        tasks: tasks.iter().map(|task| task.id.clone()).collect(),
        status,
        created,
        touched,
        ..StepResult::default()
    };
    identify(&mut result, operation, call, None);
    result
}

/// Divides the resources that finished tasks list into those the call made and those that existed before.
fn sort_out(operation: Option<&Operation>, call: &RecordedCall, tasks: &[Task], before: &Before<'_>) -> (Kinds, Kinds) {
    let creates = operation.and_then(|operation| operation.creates.as_ref());
    let mentions = Mentions::of(call, creates, before.digest_key);
    // The API refuses a second resource of this kind and name: the resource of this name is the one that the call made,
    // wherever else the name occurs.
    let name = call.body.as_ref().zip(creates).and_then(|(body, creates)| body.pointer(own_name_at(creates)));
    let is_own_name = |kind: &str, id: &Value| creates.is_some_and(|creates| creates.kind == kind) && name == Some(id);
    let (mut created, mut touched) = (Kinds::default(), Kinds::default());
    for (kind, ids) in tasks.iter().flat_map(|task| &task.created) {
        // A listed kind has an entry even when none of its resources is new, so that templates can refer to it.
        created.ids_of(kind);
        for id in ids.as_array().into_iter().flatten().filter(|id| is_id(id)) {
            let theirs = !is_own_name(kind, id) && (mentions.id(id) || (before.is_owned_by_another)(kind, id));
            let list = if theirs { touched.ids_of(kind) } else { created.ids_of(kind) };
            if !list.iter().any(|known| **known == *id) {
                list.push(id.clone().into());
            }
        }
    }
    (created, touched)
}

/// All texts of a call in which an id may stand: path, query and body, without the name of the new resource, because
/// the id of some kinds is their name.
pub struct Mentions<'a> {
    texts: Vec<String>,
    digest_key: &'a [u8],
}

impl<'a> Mentions<'a> {
    pub fn of(call: &RecordedCall, creates: Option<&Creates>, digest_key: &'a [u8]) -> Self {
        let mut texts: Vec<String> = call
            .path
            .split('/')
            .map(|segment| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .chain(call.query.iter().map(|(_, value)| value.clone()))
            .collect();
        let own_name = creates.map(own_name_at);
        if let Some(body) = &call.body {
            collect(body, "", own_name, &mut texts);
        }
        Self { texts, digest_key }
    }

    /// Whether the call mentions this id. Numbers do not count: the same number may mean something else.
    pub fn id(&self, id: &Value) -> bool {
        let Some(id) = id.as_str().filter(|id| !id.is_empty()) else { return false };
        let secret = digest_of(&Value::String(id.to_owned()), self.digest_key);
        self.texts
            .iter()
            .any(|text| text == id || text.contains(&secret) || (id.len() >= SHORTEST_ID && text.contains(id)))
    }
}

/// Where a create's body has the name of the new resource.
fn own_name_at(creates: &Creates) -> &str {
    creates.name_at.as_deref().unwrap_or("/name")
}

fn collect(value: &Value, at: &str, except: Option<&str>, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if except != Some(at) => texts.push(text.clone()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| collect(item, &format!("{at}/{index}"), except, texts))
        }
        Value::Object(fields) => fields.iter().for_each(|(name, field)| {
            texts.push(name.clone());
            collect(field, &format!("{at}/{name}"), except, texts);
        }),
        _ => {}
    }
}

/// The resources that exist because of a result, with the calls that delete them.
pub fn made(catalog: &Catalog, call: &RecordedCall, result: &StepResult, undo: &IntendedUndo) -> RecordedResource {
    let matched = operation_of(catalog, call);
    let matched = matched.as_ref().map(|(operation, parameters)| (operation.as_ref(), parameters.as_slice()));
    made_by(catalog, matched, call, result, undo)
}

/// As [`made`], for a call whose operation and path parameters are known; `None` when the catalogue does not have it.
pub fn made_by(
    catalog: &Catalog,
    matched: Option<(&Operation, &[(String, String)])>,
    call: &RecordedCall,
    result: &StepResult,
    undo: &IntendedUndo,
) -> RecordedResource {
    let (operation, parameters) = matched.map_or((None, [].as_slice()), |(found, values)| (Some(found), values));
    let creates = operation.and_then(|operation| operation.creates.as_ref());
    // An operation that creates nothing has an undo only where the plan gives one.
    let is_change = operation.is_some() && creates.is_none();
    if is_change && !undo.is_of_plan() {
        return RecordedResource::default();
    }
    let mut made = RecordedResource {
        kind: result.kind.clone(),
        id: result.id.clone(),
        name: result.name.clone(),
        lock: operation.and_then(|operation| lock_value(operation, call, parameters)),
        tasks: result.tasks.clone(),
        ..RecordedResource::default()
    };
    match (undo, creates) {
        (IntendedUndo::Keep, _) => {}
        (IntendedUndo::Call(call), _) => made.undo = Some(RecordedCall::clone(call)),
        (IntendedUndo::Open(call), _) => made.undo = fill(call, result),
        (IntendedUndo::Default, Some(creates)) => {
            made.undo = creates.resource.as_ref().and_then(|resource| {
                let own = own_value(resource, result)?;
                plain_call(resource.delete.as_ref()?, resource, parameters, &own)
            });
            made.secondary = further(creates, parameters, result).into();
            made.secondary.extend(secondary(catalog, creates, parameters, result));
        }
        (IntendedUndo::Default, None) => {}
    }
    made
}

fn plain_call(
    delete: &DeleteCall,
    resource: &Resource,
    parameters: &[(String, String)],
    own: &str,
) -> Option<RecordedCall> {
    let path = fill_path(&delete.path, parameters, &resource.parameter, own)?;
    Some(RecordedCall::new(delete.method, path))
}

/// The resources of the main kind besides the first, where one call made several.
fn further(creates: &Creates, parameters: &[(String, String)], result: &StepResult) -> Vec<RecordedResource> {
    let Some(resource) = creates.resource.as_ref().filter(|resource| !resource.by_name) else { return Vec::new() };
    let Some(delete) = &resource.delete else { return Vec::new() };
    let further = |id: &Shared<Value>| {
        Some(RecordedResource {
            kind: Some(creates.kind.clone()),
            id: Some(id.clone()),
            undo: Some(plain_call(delete, resource, parameters, &id_text(id))?),
            ..RecordedResource::default()
        })
    };
    result.ids.iter().skip(1).filter_map(further).collect()
}

/// The secondary resources of a create that outlive the deletion of the main one.
fn secondary(
    catalog: &Catalog,
    creates: &Creates,
    parameters: &[(String, String)],
    result: &StepResult,
) -> Vec<RecordedResource> {
    let listed = creates.lasting_kinds().into_iter().filter_map(|kind| Some((kind, result.created.get(kind)?)));
    listed.flat_map(|(kind, ids)| ids.iter().filter_map(|id| resource(catalog, kind, id, parameters))).collect()
}

/// One resource of a kind, with the call that deletes it; `None` when the API has no such call.
pub fn resource(
    catalog: &Catalog,
    kind: &str,
    id: &Value,
    parameters: &[(String, String)],
) -> Option<RecordedResource> {
    let resource = resource_of(catalog, kind)?;
    let undo = plain_call(resource.delete.as_ref()?, &resource, parameters, &id_text(id))?;
    Some(RecordedResource {
        kind: Some(kind.to_owned()),
        id: Some(id.clone().into()),
        undo: Some(undo),
        ..RecordedResource::default()
    })
}

/// The paths of the API that read, list and delete a kind.
pub fn resource_of(catalog: &Catalog, kind: &str) -> Option<Resource> {
    catalog.creators_of(kind).iter().find_map(|creator| creator.creates.as_ref()?.resource.clone())
}

/// The parameters by which a recorded delete includes other resources; empty when the catalogue does not know the
/// delete.
pub fn inclusion_parameters(catalog: &Catalog, kind: Option<&str>, delete: &RecordedCall) -> Vec<AlsoBy> {
    let Some((operation, _)) = operation_of(catalog, delete) else { return Vec::new() };
    let creators = kind.map(|kind| catalog.creators_of(kind)).unwrap_or_default();
    let deletes = creators.iter().filter_map(|creator| creator.creates.as_ref()?.resource.as_ref()?.delete.as_ref());
    let ours =
        deletes.into_iter().find(|known| known.method == operation.route.method && known.path == operation.route.path);
    ours.map(|delete| delete.also_by.clone()).unwrap_or_default()
}

/// Takes the ids of other resources out of a delete that includes them; returns the plain delete, and those resources.
///
/// Records of earlier versions, and undo calls written in a plan, name them there.
pub fn split_included(
    catalog: &Catalog,
    along: &[AlsoBy],
    delete: &RecordedCall,
) -> (RecordedCall, Vec<RecordedResource>) {
    let parameters: Parameters = operation_of(catalog, delete).map(|(_, parameters)| parameters).unwrap_or_default();
    let mut taken = Vec::new();
    let query = delete
        .query
        .iter()
        .filter(|(name, value)| {
            let Some(also) = along.iter().find(|also| also.parameter == *name) else { return true };
            let ids = value.split(',').map(str::trim).filter(|id| !id.is_empty());
            taken
                .extend(ids.filter_map(|id| resource(catalog, &also.kind, &Value::String(id.to_owned()), &parameters)));
            false
        })
        .cloned()
        .collect();
    (RecordedCall { query, ..delete.clone() }, taken)
}

/// The delete that includes the given secondary resources, where the API allows it.
pub fn include_in_delete<'m>(
    delete: &RecordedCall,
    along: &[AlsoBy],
    things: impl IntoIterator<Item = &'m RecordedResource> + Clone,
) -> RecordedCall {
    let mut call = delete.clone();
    for also in along {
        let of_kind = things.clone().into_iter().filter(|thing| thing.kind.as_deref() == Some(&also.kind));
        let ids: Vec<String> = of_kind.filter_map(|thing| thing.id.as_deref()).map(id_text).collect();
        if also.repeated {
            call.query.extend(ids.into_iter().map(|id| (also.parameter.clone(), id)));
        } else if !ids.is_empty() {
            call.query.push((also.parameter.clone(), ids.join(",")));
        }
    }
    call
}

/// The path that reads a resource, derived from the call that deletes it: the same one, where that reads as well. (Virtual
/// machines and bare metal are one kind with two reads.)
pub fn read_of(catalog: &Catalog, kind: &str, id: &Value, delete: &RecordedCall) -> Option<String> {
    if delete.method == Method::Delete && catalog.matching(Method::Get, &delete.path).is_some() {
        return Some(delete.path.clone());
    }
    let resource = resource_of(catalog, kind)?;
    let (_, parameters) = operation_of(catalog, delete)?;
    fill_path(resource.read.as_ref()?, &parameters, &resource.parameter, &id_text(id))
}

#[cfg(test)]
mod tests {
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
        let result = of_tasks(Some(&operation), call, &[finished(&listed)], Some(200), &before);
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
}
