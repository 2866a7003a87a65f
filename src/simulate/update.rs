//! Updates of resources: fields, tags, lists of child resources.

use serde_json::{Value, json};

use super::answer::{Refusal, ok};
use super::call::Call;
use super::state::CloudState;
use super::store::Uid;
use super::tasks::Change;
use super::work::{Work, held};
use super::{balancer, data, ip, kinds, network, security_group};
use crate::api::Answer;

/// `PATCH` and `PUT` on a resource: replaces fields; merges tags where its kind has them, and null removes one.
pub(super) fn update(state: &mut CloudState, call: &Call<'_>) -> Result<Answer, Refusal> {
    let uid = state.addressed(&call.target)?;
    let root = state.store.root(uid);
    state.check_free(&[uid, root])?;
    if call.target.kind == "routers" {
        network::may_change_router(state, uid, &call.body)?;
    }
    let changes = changes(state, call, uid)?;
    state.touch(uid);
    if !call.asynchronous() {
        changes.fields.iter().for_each(|change| state.change(change));
        retag(state, call, uid);
        return Ok(state.show(uid));
    }
    let unchanged = changes.made.is_empty()
        && !changes.nested
        && !alters(state, &changes.fields)
        && !call.body.contains_key("tags");
    if unchanged && call.operation.may_be_no_op {
        return Ok(ok(200, json!({ "tasks": [] })));
    }
    retag(state, call, uid);
    let task_type = call.task_type().unwrap_or("update").to_owned();
    let data = data::change_data(state, call, uid, &task_type);
    let Changes { fields, made, touched, former, .. } = changes;
    let work = Work { made, touched, former, locks: held(uid, root), changes: fields, data };
    Ok(state.start(call, &task_type, work))
}

#[derive(Default)]
struct Changes {
    fields: Vec<Change>,
    /// New child resources.
    made: Vec<Uid>,
    /// What the task lists in addition: updated resources, and existing ones.
    touched: Vec<Uid>,
    former: Vec<(&'static str, Value)>,
    /// Whether a list of child resources was replaced.
    nested: bool,
}

fn changes(state: &mut CloudState, call: &Call<'_>, uid: Uid) -> Result<Changes, Refusal> {
    let kind = kinds::named(call.target.kind);
    let mut body = call.body.clone();
    body.shift_remove("tags");
    let mut changes = Changes::default();
    match kind.name {
        "pools" => {
            if let Some(members) = body.shift_remove("members") {
                let replaced = balancer::replace_members(state, uid, members.as_array().map_or(&[], Vec::as_slice))?;
                changes.former = replaced.former;
                changes.made = replaced.new;
                changes.nested = true;
            }
            if let Some(monitor) = body.shift_remove("healthmonitor") {
                balancer::replace_monitor(state, uid, &monitor);
                changes.nested = true;
            }
        }
        "security_groups" => {
            changes.touched.push(uid);
            body.shift_remove("changed_rules");
            if let Some(Value::Array(rules)) = body.shift_remove("rules") {
                security_group::replace_rules(state, uid, &rules);
                changes.nested = true;
            }
        }
        "floatingips" => {
            if let Some(port) = body.shift_remove("port_id") {
                let port = port.as_str().map(|id| ip::need_port(state, id)).transpose()?;
                if let Some(port) = port {
                    ip::check_way_out(state, port)?;
                }
                let before = state.store.get(uid).and_then(|ip| ip.text("port_id").map(str::to_owned));
                changes.nested = before != port.map(|port| state.id(port));
                ip::bind(state, uid, port);
            }
            body.shift_remove("fixed_ip_address");
        }
        "k8s_pools" => body.retain(|_, value| !value.is_null()),
        _ => {}
    }
    for hidden in kind.write_only {
        body.shift_remove(*hidden);
    }
    if let Some(Value::String(name)) = body.shift_remove(kind.name_field) {
        rename(state, uid, &name, &mut changes);
    }
    changes.fields.push(Change::Merge(uid, body));
    Ok(changes)
}

/// Renames a resource; one that is addressed by name keeps it.
fn rename(state: &mut CloudState, uid: Uid, name: &str, changes: &mut Changes) {
    if let Some(resource) = state.store.get_mut(uid)
        && !resource.kind.by_name
        && resource.name != name
    {
        name.clone_into(&mut resource.name);
        changes.nested = true;
    }
}

/// Whether any of the fields changes.
fn alters(state: &CloudState, changes: &[Change]) -> bool {
    changes.iter().any(|change| match change {
        Change::Merge(uid, fields) => state
            .store
            .get(*uid)
            .is_some_and(|resource| fields.iter().any(|(field, value)| resource.field(field) != Some(value))),
        Change::Remove(_) | Change::Link(..) | Change::Unlink(..) | Change::Later(..) => true,
    })
}

fn retag(state: &mut CloudState, call: &Call<'_>, uid: Uid) {
    let Some(given) = call.body.get("tags") else { return };
    let Some(resource) = state.store.get_mut(uid) else { return };
    let Value::Object(tags) = given else {
        // Tags of a load balancer's parts are a list of words, replaced as a whole.
        if given.is_array() {
            resource.fields.insert("tags".into(), given.clone());
        }
        return;
    };
    if resource.kind.tags_field.is_none() {
        resource.fields.insert("tags".into(), Value::Object(tags.clone()));
        return;
    }
    for (key, value) in tags {
        match value.as_str() {
            Some(value) => resource.tags.insert(key.clone(), value.to_owned()),
            None => resource.tags.remove(key),
        };
    }
}
