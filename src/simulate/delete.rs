//! Deletes: which resources may be deleted, which are deleted with them, and the task.

use serde_json::{Map, Value, json};

use super::answer::{Refusal, no_content, ok};
use super::call::Call;
use super::state::CloudState;
use super::store::Uid;
use super::tasks::Change;
use super::work::{Work, held};
use super::{compute, data, kinds};
use crate::api::Answer;

/// `DELETE` on a resource.
pub(super) fn delete(state: &mut CloudState, call: &Call<'_>) -> Result<Answer, Refusal> {
    let uid = match (call.target.kind, call.target.key.as_deref()) {
        // A pool has one monitor: its path ends with `healthmonitor`.
        ("healthmonitors", None) => only_child(state, call, "healthmonitors")?,
        _ => state.addressed(&call.target)?,
    };
    let root = state.store.root(uid);
    let network = parent_network(state, uid);
    let mut locks = held(uid, root);
    locks.extend(network);
    state.check_free(&locks)?;
    check_deletable(state, uid)?;
    let mut going = secondary(state, call, uid)?;
    state.check_free(&going)?;
    going.push(uid);
    state.touch(uid);
    if !call.asynchronous() {
        going.iter().rev().for_each(|uid| state.remove(*uid));
        // Assignments are the only kind whose synchronous delete is answered with an object, here empty.
        return Ok(if call.target.kind == "assignments" { ok(200, json!({})) } else { no_content() });
    }
    for uid in &going {
        if let Some(resource) = state.store.get_mut(*uid) {
            resource.leaving = true;
            set_deleting(&mut resource.fields, resource.kind.name);
        }
    }
    let data = data::removal_data(state, call, uid, &going);
    let kind = kinds::named(call.target.kind);
    let types = call.operation.task_types.iter();
    let task_type = types.map(String::as_str).find(|known| *known == kind.delete_task).or(call.task_type());
    let task_type = task_type.unwrap_or(kind.delete_task).to_owned();
    // The main resource first, so that those it uses are free when they are removed.
    let changes = going.iter().rev().map(|uid| Change::Remove(*uid)).collect();
    locks.extend(&going);
    locks.sort_unstable();
    locks.dedup();
    Ok(state.start(call, &task_type, Work { locks, changes, data, ..Work::default() }))
}

fn only_child(state: &mut CloudState, call: &Call<'_>, kind: &'static str) -> Result<Uid, Refusal> {
    let missing = || Refusal::not_found(format!("{} not found", kinds::named(kind).label));
    let parent = state.parent(&call.target)?.ok_or_else(missing)?;
    state.store.children(parent, kind).map(|(child, _)| child).next().ok_or_else(missing)
}

/// The network of a subnet: its subnets are created and deleted one at a time.
fn parent_network(state: &CloudState, uid: Uid) -> Option<Uid> {
    let is_subnet = state.store.get(uid).is_some_and(|resource| resource.kind.name == "subnets");
    is_subnet.then(|| state.store.used(uid, "networks").map(|(network, _)| network).next()).flatten()
}

/// Sets the status of a resource that is being removed.
fn set_deleting(fields: &mut Map<String, Value>, kind: &str) {
    for (field, word) in [("provisioning_status", "PENDING_DELETE"), ("status", "deleting")] {
        let word = if kind == "k8s_clusters" { "Deleting" } else { word };
        if let Some(status) = fields.get_mut(field)
            && !matches!(kind, "instances" | "bminstances" | "floatingips")
        {
            *status = word.into();
        }
    }
}

/// Checks that it may be deleted, and that nothing that stays needs it.
fn check_deletable(state: &CloudState, uid: Uid) -> Result<(), Refusal> {
    let Some(resource) = state.store.get(uid) else { return Ok(()) };
    let kind = resource.kind;
    let by_default = matches!(kind.name, "security_groups" | "projects") && resource.name == "default";
    let public = resource.seeded && resource.text("visibility") == Some("public");
    let external = resource.seeded && kind.name == "networks" && resource.field("external") == Some(&true.into());
    if by_default || public || external {
        return Err(Refusal::forbidden(format!("{} {} can not be deleted", kind.label, resource.name)));
    }
    if resource.field("is_vip") == Some(&true.into()) {
        return Err(Refusal::conflict("Reserved fixed IP is a VIP: set is_vip to false first"));
    }
    for user_kind in kind.held_by {
        if let Some((_, user)) = state.store.users(uid, user_kind).next() {
            let words = format!("{} {} is in use by {} {}", kind.label, resource.id, user.kind.label, user.id);
            return Err(if kind.name == "secrets" {
                Refusal::invalid_field("secret_id", words)
            } else {
                Refusal::conflict(words)
            });
        }
    }
    if kind.name == "routers" && state.store.used(uid, "subnets").next().is_some() {
        return Err(Refusal::conflict(format!("Router {} still has interfaces in subnets", resource.id)));
    }
    if let Some((_, child)) =
        state.store.children(uid, "registry_users").chain(state.store.children(uid, "faas_functions")).next()
    {
        return Err(Refusal::conflict(format!(
            "{} {} still has {} {}",
            kind.label, resource.name, child.kind.label, child.name
        )));
    }
    Ok(())
}

/// The resources that are deleted with it: those that always are, by its kind, and those that the query names.
fn secondary(state: &CloudState, call: &Call<'_>, uid: Uid) -> Result<Vec<Uid>, Refusal> {
    match call.target.kind {
        "instances" | "bminstances" => compute::removed_with(state, call, uid),
        "listeners" if call.query("delete_default_pool") == Some("true") => {
            Ok(state.store.users(uid, "pools").map(|(pool, _)| pool).collect())
        }
        "volumes" => {
            let wanted = call.query_list("snapshots");
            let snapshots = state.store.users(uid, "snapshots").filter(|(_, snapshot)| wanted.contains(&snapshot.id));
            Ok(snapshots.map(|(snapshot, _)| snapshot).collect())
        }
        // A cluster is removed with its last pool.
        "k8s_pools" => {
            let cluster = state.store.root(uid);
            let last = state.store.children(cluster, "k8s_pools").count() == 1;
            Ok(if last { vec![cluster] } else { Vec::new() })
        }
        _ => Ok(Vec::new()),
    }
}
