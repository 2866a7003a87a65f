//! Actions on a resource: starting, resizing, attaching, extending and the like.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::answer::{Refusal, no_content, ok};
use super::call::Call;
use super::state::CloudState;
use super::store::Uid;
use super::tasks::Change;
use super::work::{Work, held};
use super::{balancer, compute, data, ip, kinds, network, platform, security_group};
use crate::api::Answer;
use crate::catalog::Method;

/// How long a machine stays not ready after the task that changed its flavour (`observed.md` §6).
const RESIZING: Duration = Duration::from_secs(10);

/// Actions below the path of a resource: `POST …/action`, `PUT …/members`, `DELETE …/metadata_item`.
pub(super) fn act(state: &mut CloudState, call: &Call<'_>) -> Result<Answer, Refusal> {
    let uid = state.addressed(&super::target::Target { rest: Vec::new(), ..call.target.clone() })?;
    let root = state.store.root(uid);
    let action = call.target.rest.first().map(String::as_str).unwrap_or_default();
    state.check_free(&[uid, root])?;
    state.touch(uid);
    match (call.target.kind, action) {
        (_, action) if action.starts_with("metadata") => return Ok(metadata(state, call, uid)),
        ("routers", "attach") => return network::attach_subnet(state, call, uid),
        ("routers", "detach") => return network::detach_subnet(state, call, uid),
        ("instances", "addsecuritygroup" | "delsecuritygroup") => return regroup(state, call, uid, action),
        _ => {}
    }
    let data = data::change_data(state, call, uid, action_task(call));
    let mut work = Work { locks: held(uid, root), data, ..Work::default() };
    prepare(&mut work, state, call, uid, action)?;
    state.touched.extend(&work.made);
    finish(state, call, uid, action, work)
}

/// Adds to the work what an action makes and changes, by kind and action. Some of it is done at once.
fn prepare(work: &mut Work, state: &mut CloudState, call: &Call<'_>, uid: Uid, action: &str) -> Result<(), Refusal> {
    match (call.target.kind, action) {
        ("volumes", "attach") => attach_volume(state, call, uid)?,
        ("volumes", "detach") => detach_volume(state, call, uid)?,
        ("volumes" | "file_shares", "extend") => {
            set(work, uid, "size", Some(call.body.get("size").unwrap_or(&Value::Null)));
        }
        ("volumes", "retype") => set(work, uid, "volume_type", call.body.get("volume_type")),
        ("instances", "attach_interface") => {
            let attached = compute::attach_interface(state, call, uid)?;
            (work.made, work.touched) = (attached.all, attached.touched);
        }
        ("instances", "detach_interface") => compute::detach_interface(state, call, uid)?,
        ("instances", "changeflavor") => change_flavor(work, call, uid),
        ("registry_registries", "resize") => set(work, uid, "storage_limit", call.body.get("storage_limit")),
        ("gpu_virtual_clusters", "action") if call.body.contains_key("servers_count") => {
            set(work, uid, "servers_count", call.body.get("servers_count"));
        }
        ("ai_clusters", "resize") => {
            let newer = state.store.get(uid).is_some_and(|cluster| cluster.kind.name != "ai_clusters");
            let field = if newer { "servers_count" } else { "instances_count" };
            set(work, uid, field, call.body.get("instances_count"));
        }
        ("lifecycle_policies", "add_volumes_to_policy") => schedule_volumes(work, state, call, uid, true),
        ("lifecycle_policies", "remove_volumes_from_policy") => schedule_volumes(work, state, call, uid, false),
        ("loadbalancers", "resize") => {
            let flavor = super::seeds::balancer_flavor(call.text("flavor").unwrap_or_default());
            set(work, uid, "flavor", Some(&flavor));
        }
        ("instances", "put_into_servergroup") => {
            let group =
                state.need("servergroups", call.project_region(), call.text("servergroup_id").unwrap_or_default())?;
            work.changes.push(Change::Link(uid, group));
        }
        ("instances", "remove_from_servergroup") => {
            let groups: Vec<_> = state.store.used(uid, "servergroups").map(|(group, _)| group).collect();
            work.changes.extend(groups.into_iter().map(|group| Change::Unlink(uid, group)));
        }
        ("instances" | "bminstances", _) => {
            let word = if action == "action" { call.text("action").unwrap_or_default() } else { action };
            power(work, uid, word);
        }
        ("k8s_clusters", "upgrade") => set(work, uid, "version", call.body.get("version")),
        ("k8s_pools", "resize") => set(work, uid, "node_count", call.body.get("node_count")),
        ("pools", "members") => {
            let members = call.list("members").to_vec();
            let replaced = balancer::replace_members(state, uid, &members)?;
            (work.made, work.former) = (replaced.new, replaced.former);
        }
        ("floatingips", "assign") => {
            let port = ip::need_port(state, call.text("port_id").unwrap_or_default())?;
            ip::check_way_out(state, port)?;
            ip::bind(state, uid, Some(port));
        }
        ("floatingips", "unassign") => ip::bind(state, uid, None),
        ("floatingips", "convert") => {
            work.made.push(ip::to_reserved(state, uid));
            work.changes.push(Change::Remove(uid));
        }
        ("reserved_fixed_ips", "convert") => {
            work.made.push(ip::to_floating(state, uid));
            work.changes.push(Change::Remove(uid));
        }
        (_, "servers" | "node" | "instances") if call.method() == Method::Delete => {
            let id = call.target.rest.get(1).map(String::as_str).unwrap_or_default();
            let server = state.store.children(uid, "instances").find(|(_, server)| server.id == id);
            work.changes.extend(server.map(|(server, _)| Change::Remove(server)));
        }
        ("security_groups", "copy") => work.made.push(security_group::copy_group(state, uid, &call.body)),
        ("inference_instances", "start") => set(work, uid, "status", Some(&"ACTIVE".into())),
        ("inference_instances", "stop") => set(work, uid, "status", Some(&"DISABLED".into())),
        _ => work.made.extend(created_by_action(state, call, uid)),
    }
    Ok(())
}

/// Creates the resource that the catalogue says an action creates, with no more than an id, for actions without code in
/// this module; `None` when it creates none.
fn created_by_action(state: &mut CloudState, call: &Call<'_>, of: Uid) -> Option<Uid> {
    let creates = call.operation.creates.as_ref()?;
    if creates.kind == "instances" {
        return Some(platform::insert_server(state, of, "replacement"));
    }
    let kind = kinds::KINDS.iter().find(|kind| kind.name == creates.kind)?;
    let draft = state.draft(kind.name, call.project_region(), &Map::new());
    Some(state.insert(draft))
}

fn finish(state: &mut CloudState, call: &Call<'_>, uid: Uid, action: &str, work: Work) -> Result<Answer, Refusal> {
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

/// The task type of an action: the first that begins with the action's name; otherwise the operation's first.
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

/// Gives a machine another flavour; it is ready some time after the task.
fn change_flavor(work: &mut Work, call: &Call<'_>, uid: Uid) {
    let flavor = super::seeds::flavor_of(call.text("flavor_id").unwrap_or_default());
    set(work, uid, "flavor", Some(&flavor));
    set(work, uid, "status", Some(&"RESIZE".into()));
    let active = Map::from_iter([("status".to_owned(), Value::from("ACTIVE"))]);
    work.changes.push(Change::Later(RESIZING, Box::new(Change::Merge(uid, active))));
}

/// Adds the given volumes to those of a lifecycle policy, or takes them away.
fn schedule_volumes(work: &mut Work, state: &CloudState, call: &Call<'_>, policy: Uid, adds: bool) {
    let known = state.store.get(policy).and_then(|policy| policy.field("volume_ids").cloned());
    let mut volumes = known.and_then(|known| known.as_array().cloned()).unwrap_or_default();
    let given = call.list("volume_ids").to_vec();
    volumes.retain(|volume| !given.contains(volume));
    if adds {
        volumes.extend(given);
    }
    set(work, policy, "volume_ids", Some(&volumes.into()));
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

fn attach_volume(state: &mut CloudState, call: &Call<'_>, volume: Uid) -> Result<(), Refusal> {
    let id = call.text("instance_id").unwrap_or_default();
    let machine = state.need("instances", call.project_region(), id)?;
    if compute::holder(state, volume).is_some() {
        return Err(Refusal::conflict(format!("Volume {} is already attached", state.id(volume))));
    }
    compute::attach_volume(state, machine, volume, false);
    Ok(())
}

fn detach_volume(state: &mut CloudState, call: &Call<'_>, volume: Uid) -> Result<(), Refusal> {
    let id = call.text("instance_id").unwrap_or_default();
    let machine = state.need("instances", call.project_region(), id)?;
    if compute::holder(state, volume) != Some(machine) {
        return Err(Refusal::conflict(format!("Volume {} is not attached to instance {id}", state.id(volume))));
    }
    compute::detach_volume(state, machine, volume);
    Ok(())
}

/// Security groups of a machine are given by name: one for all its ports, or several for single ports.
fn regroup(state: &mut CloudState, call: &Call<'_>, machine: Uid, action: &str) -> Result<Answer, Refusal> {
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
    let project_region = call.project_region();
    for (port, name) in wanted {
        let mut groups =
            state.store.of_kind("security_groups").filter(|(_, group)| group.project_region == project_region);
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
fn metadata(state: &mut CloudState, call: &Call<'_>, uid: Uid) -> Answer {
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
        let data = data::change_data(state, call, uid, &task_type);
        let work = Work { locks: vec![uid], data, ..Work::default() };
        return state.start(call, &task_type, work);
    }
    no_content()
}
