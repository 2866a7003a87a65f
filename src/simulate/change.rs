//! Updates, actions and removals of existing resources.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::answer::{Refusal, no_content, ok};
use super::call::Call;
use super::state::State;
use super::store::Uid;
use super::tasks::Change;
use super::work::Work;
use super::{balancer, compute, data, kinds, network, platform};
use crate::api::Answer;
use crate::catalog::Method;

/// How long a machine stays not ready after the task that changed its flavour (`observed.md` §6).
const RESIZING: Duration = Duration::from_secs(10);

// ── updates ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// `PATCH` and `PUT` on a resource: replaces fields, merges tags; null removes a tag.
pub(super) fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let uid = state.addressed(&call.target)?;
    let root = state.store.root(uid);
    state.free(&[uid, root])?;
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
    let data = data::of_change(state, call, uid, &task_type);
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

fn changes(state: &mut State, call: &Call<'_>, uid: Uid) -> Result<Changes, Refusal> {
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
                network::replace_rules(state, uid, &rules);
                changes.nested = true;
            }
        }
        "floatingips" => {
            if let Some(port) = body.shift_remove("port_id") {
                let port = port.as_str().map(|id| network::need_port(state, id)).transpose()?;
                if let Some(port) = port {
                    network::has_way_out(state, port)?;
                }
                let before = state.store.get(uid).and_then(|ip| ip.text("port_id").map(str::to_owned));
                changes.nested = before != port.map(|port| state.id(port));
                network::bind(state, uid, port);
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
fn rename(state: &mut State, uid: Uid, name: &str, changes: &mut Changes) {
    if let Some(resource) = state.store.get_mut(uid)
        && !resource.kind.by_name
        && resource.name != name
    {
        name.clone_into(&mut resource.name);
        changes.nested = true;
    }
}

/// Whether any of the fields changes.
fn alters(state: &State, changes: &[Change]) -> bool {
    changes.iter().any(|change| match change {
        Change::Merge(uid, fields) => state
            .store
            .get(*uid)
            .is_some_and(|resource| fields.iter().any(|(field, value)| resource.field(field) != Some(value))),
        Change::Remove(_) | Change::Link(..) | Change::Unlink(..) | Change::Later(..) => true,
    })
}

fn retag(state: &mut State, call: &Call<'_>, uid: Uid) {
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

fn held(uid: Uid, root: Uid) -> Vec<Uid> {
    if uid == root { vec![uid] } else { vec![uid, root] }
}

// ── removal ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// `DELETE` on a resource.
pub(super) fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let uid = match (call.target.kind, call.target.key.as_deref()) {
        // A pool has one monitor: its path ends with `healthmonitor`.
        ("healthmonitors", None) => only_child(state, call, "healthmonitors")?,
        _ => state.addressed(&call.target)?,
    };
    let root = state.store.root(uid);
    let network = parent_network(state, uid);
    let mut locks = held(uid, root);
    locks.extend(network);
    state.free(&locks)?;
    may_go(state, uid)?;
    let mut going = secondary(state, call, uid)?;
    state.free(&going)?;
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
    let data = data::of_removal(state, call, uid, &going);
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

fn only_child(state: &mut State, call: &Call<'_>, kind: &'static str) -> Result<Uid, Refusal> {
    let missing = || Refusal::not_found(format!("{} not found", kinds::named(kind).label));
    let parent = state.parent(&call.target)?.ok_or_else(missing)?;
    state.store.children(parent, kind).map(|(child, _)| child).next().ok_or_else(missing)
}

/// The network of a subnet: its subnets are created and deleted one at a time.
fn parent_network(state: &State, uid: Uid) -> Option<Uid> {
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

/// Nothing that stays needs it.
fn may_go(state: &State, uid: Uid) -> Result<(), Refusal> {
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

/// What goes with it by the nature of its kind, or because the query says so.
fn secondary(state: &State, call: &Call<'_>, uid: Uid) -> Result<Vec<Uid>, Refusal> {
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

// ── actions ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Actions below the path of a resource: `POST …/action`, `PUT …/members`, `DELETE …/metadata_item`.
pub(super) fn act(state: &mut State, call: &Call<'_>) -> Result<Answer, Refusal> {
    let uid = state.addressed(&super::kinds::Target { rest: Vec::new(), ..call.target.clone() })?;
    let root = state.store.root(uid);
    let action = call.target.rest.first().map(String::as_str).unwrap_or_default();
    state.free(&[uid, root])?;
    state.touch(uid);
    if action.starts_with("metadata") {
        return Ok(metadata(state, call, uid));
    }
    let data = data::of_change(state, call, uid, action_task(call));
    let mut work = Work { locks: held(uid, root), data, ..Work::default() };
    match (call.target.kind, action) {
        ("routers", "attach") => return network::attach_subnet(state, call, uid),
        ("routers", "detach") => return network::detach_subnet(state, call, uid),
        ("volumes", "attach") => attach_volume(state, call, uid)?,
        ("volumes", "detach") => detach_volume(state, call, uid)?,
        ("volumes" | "file_shares", "extend") => {
            let size = Map::from_iter([("size".to_owned(), call.body.get("size").cloned().unwrap_or_default())]);
            work.changes.push(Change::Merge(uid, size));
        }
        ("volumes", "retype") => set(&mut work, uid, "volume_type", call.body.get("volume_type")),
        ("instances", "attach_interface") => {
            let attached = compute::attach_interface(state, call, uid)?;
            (work.made, work.touched) = (attached.all, attached.touched);
        }
        ("instances", "detach_interface") => compute::detach_interface(state, call, uid)?,
        ("instances", "changeflavor") => {
            let flavor = super::seeds::flavor_of(call.text("flavor_id").unwrap_or_default());
            set(&mut work, uid, "flavor", Some(&flavor));
            set(&mut work, uid, "status", Some(&"RESIZE".into()));
            let active = Map::from_iter([("status".to_owned(), Value::from("ACTIVE"))]);
            work.changes.push(Change::Later(RESIZING, Box::new(Change::Merge(uid, active))));
        }
        ("registry_registries", "resize") => set(&mut work, uid, "storage_limit", call.body.get("storage_limit")),
        ("gpu_virtual_clusters", "action") if call.body.contains_key("servers_count") => {
            set(&mut work, uid, "servers_count", call.body.get("servers_count"));
        }
        ("ai_clusters", "resize") => {
            let newer = state.store.get(uid).is_some_and(|cluster| cluster.kind.name != "ai_clusters");
            let field = if newer { "servers_count" } else { "instances_count" };
            set(&mut work, uid, field, call.body.get("instances_count"));
        }
        ("lifecycle_policies", "add_volumes_to_policy" | "remove_volumes_from_policy") => {
            let known = state.store.get(uid).and_then(|policy| policy.field("volume_ids").cloned());
            let mut volumes = known.and_then(|known| known.as_array().cloned()).unwrap_or_default();
            let given = call.list("volume_ids").to_vec();
            volumes.retain(|volume| !given.contains(volume));
            if action == "add_volumes_to_policy" {
                volumes.extend(given);
            }
            set(&mut work, uid, "volume_ids", Some(&volumes.into()));
        }
        ("loadbalancers", "resize") => {
            let flavor = super::seeds::balancer_flavor(call.text("flavor").unwrap_or_default());
            set(&mut work, uid, "flavor", Some(&flavor));
        }
        ("instances", "addsecuritygroup" | "delsecuritygroup") => return regroup(state, call, uid, action),
        ("instances", "put_into_servergroup") => {
            let group = state.need("servergroups", call.scope(), call.text("servergroup_id").unwrap_or_default())?;
            work.changes.push(Change::Link(uid, group));
        }
        ("instances", "remove_from_servergroup") => {
            let groups: Vec<_> = state.store.used(uid, "servergroups").map(|(group, _)| group).collect();
            work.changes.extend(groups.into_iter().map(|group| Change::Unlink(uid, group)));
        }
        ("instances" | "bminstances", _) => {
            let word = if action == "action" { call.text("action").unwrap_or_default() } else { action };
            power(&mut work, uid, word);
        }
        ("k8s_clusters", "upgrade") => set(&mut work, uid, "version", call.body.get("version")),
        ("k8s_pools", "resize") => set(&mut work, uid, "node_count", call.body.get("node_count")),
        ("pools", "members") => {
            let members = call.list("members").to_vec();
            let replaced = balancer::replace_members(state, uid, &members)?;
            (work.made, work.former) = (replaced.new, replaced.former);
        }
        ("floatingips", "assign") => {
            let port = network::need_port(state, call.text("port_id").unwrap_or_default())?;
            network::has_way_out(state, port)?;
            network::bind(state, uid, Some(port));
        }
        ("floatingips", "unassign") => network::bind(state, uid, None),
        ("floatingips", "convert") => {
            work.made.push(network::to_reserved(state, uid));
            work.changes.push(Change::Remove(uid));
        }
        ("reserved_fixed_ips", "convert") => {
            work.made.push(network::to_floating(state, uid));
            work.changes.push(Change::Remove(uid));
        }
        (_, "servers" | "node" | "instances") if call.method() == Method::Delete => {
            let id = call.target.rest.get(1).map(String::as_str).unwrap_or_default();
            work.changes.extend(
                state
                    .store
                    .children(uid, "instances")
                    .find(|(_, server)| server.id == id)
                    .map(|(server, _)| Change::Remove(server)),
            );
        }
        ("security_groups", "copy") => work.made.push(network::copy_group(state, uid, &call.body)),
        ("inference_instances", "start") => set(&mut work, uid, "status", Some(&"ACTIVE".into())),
        ("inference_instances", "stop") => set(&mut work, uid, "status", Some(&"DISABLED".into())),
        _ => work.made.extend(offspring(state, call, uid)),
    }
    state.touched.extend(&work.made);
    finish(state, call, uid, action, work)
}

/// The resource that an action creates according to the catalogue, when this module has no code for it: only an id.
fn offspring(state: &mut State, call: &Call<'_>, of: Uid) -> Option<Uid> {
    let creates = call.operation.creates.as_ref()?;
    if creates.kind == "instances" {
        return Some(platform::insert_server(state, of, "replacement"));
    }
    let kind = kinds::KINDS.iter().find(|kind| kind.name == creates.kind)?;
    let draft = state.draft(kind.name, call.scope(), &Map::new());
    Some(state.insert(draft))
}

fn finish(state: &mut State, call: &Call<'_>, uid: Uid, action: &str, work: Work) -> Result<Answer, Refusal> {
    if call.asynchronous() {
        let task_type = action_task(call).to_owned();
        return Ok(state.start(call, &task_type, work));
    }
    work.changes.iter().for_each(|change| state.change(change));
    let silent = call.target.kind == "inference_instances" || call.method() == Method::Delete;
    if silent {
        return Ok(no_content());
    }
    let secret = matches!(action, "refresh_secret" | "credentials").then(|| state.draw.secret());
    let mut shown = state.view(work.made.first().copied().unwrap_or(uid));
    if let (Some(shown), Some(secret)) = (shown.as_object_mut(), secret) {
        shown.insert(if action == "credentials" { "password" } else { "secret" }.into(), secret.into());
    }
    Ok(ok(200, shown))
}

/// The task type of an action: the one that contains the action's name, where an operation has several.
fn action_task<'c>(call: &'c Call<'_>) -> &'c str {
    let word = match call.text("action") {
        Some("reboot") => "soft_reboot",
        Some("reboot_hard") => "hard_reboot",
        Some(word) => word,
        None => "",
    };
    let types = &call.operation.task_types;
    let named = types.iter().find(|known| !word.is_empty() && known.starts_with(word));
    named.or(types.first()).map_or("update", String::as_str)
}

fn set(work: &mut Work, uid: Uid, field: &str, value: Option<&Value>) {
    if let Some(value) = value {
        work.changes.push(Change::Merge(uid, Map::from_iter([(field.to_owned(), value.clone())])));
    }
}

/// Sets a machine's status for start and stop.
fn power(work: &mut Work, uid: Uid, word: &str) {
    let status = match word {
        "stop" => "SHUTOFF",
        "suspend" => "SUSPENDED",
        _ => "ACTIVE",
    };
    let state = if word == "suspend" { "paused" } else { "active" };
    set(work, uid, "status", Some(&status.into()));
    set(work, uid, "vm_state", Some(&state.into()));
}

fn attach_volume(state: &mut State, call: &Call<'_>, volume: Uid) -> Result<(), Refusal> {
    let id = call.text("instance_id").unwrap_or_default();
    let machine = state.need("instances", call.scope(), id)?;
    if compute::holder(state, volume).is_some() {
        return Err(Refusal::conflict(format!("Volume {} is already attached", state.id(volume))));
    }
    compute::attach_volume(state, machine, volume, false);
    Ok(())
}

fn detach_volume(state: &mut State, call: &Call<'_>, volume: Uid) -> Result<(), Refusal> {
    let id = call.text("instance_id").unwrap_or_default();
    let machine = state.need("instances", call.scope(), id)?;
    if compute::holder(state, volume) != Some(machine) {
        return Err(Refusal::conflict(format!("Volume {} is not attached to instance {id}", state.id(volume))));
    }
    compute::detach_volume(state, machine, volume);
    Ok(())
}

/// Security groups of a machine are given by name: one for all its ports, or several for single ports.
fn regroup(state: &mut State, call: &Call<'_>, machine: Uid, action: &str) -> Result<Answer, Refusal> {
    let ports: Vec<(Uid, String)> =
        super::view::ports_of(&state.store, machine).map(|(uid, port)| (uid, port.id.clone())).collect();
    let mut wanted: Vec<(Uid, String)> = Vec::new();
    if let Some(name) = call.text("name") {
        wanted.extend(ports.iter().map(|(port, _)| (*port, name.to_owned())));
    }
    for asked in call.list("ports_security_group_names") {
        let id = asked.get("port_id").and_then(Value::as_str).unwrap_or_default();
        let missing = || Refusal::not_found(format!("Port {id} of the instance not found"));
        let (port, _) = ports.iter().find(|(_, known)| known == id).ok_or_else(missing)?;
        let names = asked.get("security_group_names").and_then(Value::as_array).into_iter().flatten();
        wanted.extend(names.filter_map(Value::as_str).map(|name| (*port, name.to_owned())));
    }
    let scope = call.scope();
    for (port, name) in wanted {
        let mut groups = state.store.of_kind("security_groups").filter(|(_, group)| group.scope == scope);
        let group = groups.find(|(_, group)| group.name == name).map(|(group, _)| group);
        drop(groups);
        let group = group.ok_or_else(|| Refusal::not_found(format!("Security group {name} not found")))?;
        if action == "addsecuritygroup" { state.store.link(port, group) } else { state.store.unlink(port, group) }
    }
    let used = ports.iter().flat_map(|(port, _)| state.store.used(*port, "security_groups"));
    let mut names: Vec<Value> = used.map(|(_, group)| json!({ "name": group.name })).collect();
    names.dedup();
    if let Some(machine) = state.store.get_mut(machine) {
        machine.fields.insert("security_groups".into(), names.into());
    }
    Ok(no_content())
}

/// The old calls for tags: POST adds, PUT replaces, DELETE removes a key.
fn metadata(state: &mut State, call: &Call<'_>, uid: Uid) -> Answer {
    let given = super::state::tags(Some(&Value::Object(call.body.clone())));
    let named = call.query("key").map(str::to_owned).or_else(|| call.target.rest.get(1).cloned());
    if let Some(resource) = state.store.get_mut(uid) {
        match call.method() {
            Method::Put => resource.tags = given,
            Method::Delete => {
                resource.tags.remove(&named.unwrap_or_default());
            }
            _ => resource.tags.extend(given),
        }
    }
    if call.asynchronous() {
        let task_type = call.task_type().unwrap_or("update").to_owned();
        let data = data::of_change(state, call, uid, &task_type);
        let work = Work { locks: vec![uid], data, ..Work::default() };
        return state.start(call, &task_type, work);
    }
    no_content()
}
