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
pub const SHORTEST_ID: usize = 8;

/// What is known of resources that existed before the call.
pub struct Before<'a> {
    /// Key of the digests that stand for secrets in recorded calls.
    pub digest_key: &'a [u8],
    /// Whether another step of this record, or another record of the store, owns the resource with this kind and id.
    pub is_owned_by_another: &'a (dyn Fn(&str, &Value) -> bool + Sync),
}

/// The result of a call whose tasks are all finished.
pub fn result_of_tasks(
    operation: Option<&Operation>,
    call: &RecordedCall,
    tasks: &[Task],
    status: Option<u16>,
    before: &Before<'_>,
) -> StepResult {
    let (created, touched) = divide(operation, call, tasks, before);
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
fn divide(operation: Option<&Operation>, call: &RecordedCall, tasks: &[Task], before: &Before<'_>) -> (Kinds, Kinds) {
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
    resources: impl IntoIterator<Item = &'m RecordedResource> + Clone,
) -> RecordedCall {
    let mut call = delete.clone();
    for also in along {
        let of_kind = resources.clone().into_iter().filter(|resource| resource.kind.as_deref() == Some(&also.kind));
        let ids: Vec<String> = of_kind.filter_map(|resource| resource.id.as_deref()).map(id_text).collect();
        if also.repeated {
            call.query.extend(ids.into_iter().map(|id| (also.parameter.clone(), id)));
        } else if !ids.is_empty() {
            call.query.push((also.parameter.clone(), ids.join(",")));
        }
    }
    call
}

/// The path that reads a resource, derived from the call that deletes it: the same one, where that reads as well.
/// (Virtual machines and bare metal are one kind with two reads.)
pub fn read_of(catalog: &Catalog, kind: &str, id: &Value, delete: &RecordedCall) -> Option<String> {
    if delete.method == Method::Delete && catalog.matching(Method::Get, &delete.path).is_some() {
        return Some(delete.path.clone());
    }
    let resource = resource_of(catalog, kind)?;
    let (_, parameters) = operation_of(catalog, delete)?;
    fill_path(resource.read.as_ref()?, &parameters, &resource.parameter, &id_text(id))
}

#[cfg(test)]
mod tests;
