//! Load balancers and their parts. The load balancer is the root: any change below it locks it.

use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::call::Call;
use super::compute::occupy;
use super::ip::{bind, insert_floating_ip};
use super::made::Made;
use super::network::{network_and_subnet, port};
use super::seeds;
use super::state::{CloudState, fields};
use super::store::{ProjectRegion, Uid};
use super::tasks::Change;

/// Creates a load balancer, with its address and its floating IP.
pub(super) fn load_balancer(state: &mut CloudState, call: &Call<'_>) -> Result<Made, Refusal> {
    let project_region = call.project_region();
    let reserved =
        call.text("vip_port_id").map(|id| state.need("reserved_fixed_ips", project_region, id)).transpose()?;
    let vip = fields(json!({ "network_id": call.text("vip_network_id"), "subnet_id": call.text("vip_subnet_id") }));
    let (network, subnet) = network_and_subnet(state, project_region, &vip)?;
    let floating = call.body.get("floating_ip").and_then(Value::as_object);
    let existing = floating.and_then(|floating| floating.get("existing_floating_id")?.as_str());
    let existing = existing.map(|id| state.need("floatingips", project_region, id)).transpose()?;
    for listener in call.list("listeners") {
        secrets(state, project_region, listener.as_object().unwrap_or(&Map::new()))?;
    }

    let mut draft = state.draft("loadbalancers", project_region, &call.body);
    if draft.name.is_empty() {
        draft.name = call.text("name_template").unwrap_or("loadbalancer").to_owned();
    }
    draft.fields.insert("flavor".into(), seeds::balancer_flavor(call.text("flavor").unwrap_or("lb1-1-2")));
    if draft.fields.get("logging").is_some_and(Value::is_object) {
        let logging =
            json!({ "enabled": false, "topic_name": null, "destination_region_id": null, "retention_policy": null });
        let mut logging = fields(logging);
        logging.extend(call.body.get("logging").and_then(Value::as_object).cloned().unwrap_or_default());
        draft.fields.insert("logging".into(), logging.into());
    }
    let balancer = state.insert(draft);
    let vip_port = match reserved {
        Some(reserved) => {
            state.store.link(balancer, reserved);
            occupy(state, reserved, Some(balancer));
            reserved
        }
        None => port(state, balancer, network, subnet, &Map::new()),
    };
    let address = state.store.get(vip_port).and_then(|port| port.field("fixed_ip_address").cloned());
    let port_id = state.id(vip_port);
    let subnet_id = state.id(subnet);
    if let Some(balancer) = state.store.get_mut(balancer) {
        balancer.fields.insert("vip_port_id".into(), port_id.into());
        balancer.fields.insert("vip_address".into(), address.clone().into());
        let vrrp = json!([{ "ip_address": address, "subnet_id": subnet_id, "role": "MASTER" }]);
        balancer.once_made.insert("vrrp_ips".into(), vrrp);
    }
    let mut all = vec![balancer];
    let mut touched: Vec<_> = reserved.into_iter().collect();
    if floating.is_some() {
        let ip = match existing {
            Some(ip) => {
                touched.push(ip);
                ip
            }
            None => {
                let ip = insert_floating_ip(state, project_region, &Map::new());
                all.push(ip);
                ip
            }
        };
        bind(state, ip, Some(vip_port));
    }
    for listener in call.list("listeners") {
        all.extend(insert_listener(state, balancer, listener.as_object().unwrap_or(&Map::new())));
    }
    Ok(Made { all, touched, ..Made::default() })
}

/// Creates a listener with its pools; returns all that was created, the listener first.
fn insert_listener(state: &mut CloudState, balancer: Uid, body: &Map<String, Value>) -> Vec<Uid> {
    let project_region = state.store.get(balancer).map(|balancer| balancer.project_region).unwrap_or_default();
    let used = secrets(state, project_region, body).unwrap_or_default();
    let mut draft = state.draft("listeners", project_region, body);
    draft.parent = Some(balancer);
    draft.fields.insert("load_balancer_id".into(), state.id(balancer).into());
    if body.get("insert_x_forwarded") == Some(&Value::Bool(true)) {
        let headers = json!({ "X-Forwarded-For": "true", "X-Forwarded-Port": "true", "X-Forwarded-Proto": "true" });
        draft.fields.insert("insert_headers".into(), headers);
    }
    let listener = state.insert(draft);
    used.into_iter().for_each(|secret| state.store.link(listener, secret));
    let mut all = vec![listener];
    for pool in body.get("pools").and_then(Value::as_array).into_iter().flatten() {
        let pool = insert_pool(state, balancer, Some(listener), pool.as_object().unwrap_or(&Map::new()));
        all.extend(pool);
    }
    all
}

/// The secrets that a listener refers to.
fn secrets(
    state: &mut CloudState,
    project_region: ProjectRegion,
    body: &Map<String, Value>,
) -> Result<Vec<Uid>, Refusal> {
    let one = body.get("secret_id").and_then(Value::as_str);
    let more = body.get("sni_secret_id").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let ids = one.into_iter().chain(more).filter(|id| !id.is_empty());
    ids.map(|id| state.need("secrets", project_region, id)).collect()
}

fn insert_pool(state: &mut CloudState, balancer: Uid, listener: Option<Uid>, body: &Map<String, Value>) -> Vec<Uid> {
    let project_region = state.store.get(balancer).map(|balancer| balancer.project_region).unwrap_or_default();
    let mut draft = state.draft("pools", project_region, body);
    draft.parent = Some(balancer);
    let pool = state.insert(draft);
    if let Some(listener) = listener {
        state.store.link(pool, listener);
    }
    let mut all = vec![pool];
    for member in body.get("members").and_then(Value::as_array).into_iter().flatten() {
        all.push(insert_below(state, "members", pool, member.as_object().unwrap_or(&Map::new())));
    }
    if let Some(Value::Object(monitor)) = body.get("healthmonitor") {
        all.push(insert_below(state, "healthmonitors", pool, monitor));
    }
    all
}

fn insert_below(state: &mut CloudState, kind: &'static str, parent: Uid, body: &Map<String, Value>) -> Uid {
    let project_region = state.store.get(parent).map(|parent| parent.project_region).unwrap_or_default();
    let mut draft = state.draft(kind, project_region, body);
    draft.parent = Some(parent);
    state.insert(draft)
}

/// The load balancer above a resource, when no task holds it.
fn free_root(state: &CloudState, below: Uid) -> Result<Uid, Refusal> {
    let root = state.store.root(below);
    state.check_free(&[root, below])?;
    Ok(root)
}

/// Creates a listener of a load balancer.
pub(super) fn listener(state: &mut CloudState, call: &Call<'_>) -> Result<Made, Refusal> {
    let project_region = call.project_region();
    let balancer = state.need("loadbalancers", project_region, call.text("load_balancer_id").unwrap_or_default())?;
    state.check_free(&[balancer])?;
    secrets(state, project_region, &call.body)?;
    let default_pool = call.text("default_pool_id").map(|id| state.need("pools", project_region, id)).transpose()?;
    let (port, protocol) = (call.body.get("protocol_port"), call.text("protocol"));
    let taken = state.store.children(balancer, "listeners").any(|(_, other)| {
        other.field("protocol_port") == port && (other.text("protocol") == Some("UDP")) == (protocol == Some("UDP"))
    });
    if taken {
        let words = format!("Another listener of the load balancer already uses port {}", port.unwrap_or(&Value::Null));
        return Err(Refusal::conflict(words));
    }
    let listener = insert_listener(state, balancer, &call.body);
    if let (Some(pool), Some(listener)) = (default_pool, listener.first()) {
        state.store.link(pool, *listener);
    }
    Ok(Made { all: listener, locks: vec![balancer], ..Made::default() })
}

/// Creates a pool, with its members and its health monitor.
pub(super) fn pool(state: &mut CloudState, call: &Call<'_>) -> Result<Made, Refusal> {
    let project_region = call.project_region();
    let listener = call.text("listener_id").map(|id| state.need("listeners", project_region, id)).transpose()?;
    let balancer = match (call.text("load_balancer_id"), listener) {
        (Some(id), _) => state.need("loadbalancers", project_region, id)?,
        (None, Some(listener)) => state.store.root(listener),
        (None, None) => {
            let reason = "one of load_balancer_id and listener_id is needed";
            return Err(Refusal::invalid_field("load_balancer_id", reason));
        }
    };
    state.check_free(&[balancer])?;
    check_members(state, project_region, call.list("members"))?;
    let all = insert_pool(state, balancer, listener, &call.body);
    Ok(Made { all, locks: vec![balancer], ..Made::default() })
}

fn check_members(state: &mut CloudState, project_region: ProjectRegion, members: &[Value]) -> Result<(), Refusal> {
    for member in members {
        let text = |field: &str| member.get(field).and_then(Value::as_str);
        if let Some(machine) = text("instance_id")
            && state.store.by_id("bminstances", machine).is_none()
        {
            state.need("instances", project_region, machine)?;
        }
        if let Some(subnet) = text("subnet_id") {
            state.need("subnets", project_region, subnet)?;
        }
    }
    Ok(())
}

/// Creates a member of a pool.
pub(super) fn member(state: &mut CloudState, call: &Call<'_>, pool: Option<Uid>) -> Result<Made, Refusal> {
    let pool = pool.ok_or_else(|| Refusal::not_found("Pool not found"))?;
    let root = free_root(state, pool)?;
    check_members(state, call.project_region(), &[Value::Object(call.body.clone())])?;
    let member = insert_below(state, "members", pool, &call.body);
    Ok(Made { all: vec![member], locks: vec![root, pool], ..Made::default() })
}

/// The members of a pool after a replacement.
pub(super) struct Replaced {
    pub(super) new: Vec<Uid>,
    /// Those that existed before, whether they are kept or not, as tasks list them.
    pub(super) former: Vec<(&'static str, Value)>,
}

/// Replaces the members of a pool by the whole list of a PATCH or PUT; a member with the same address and port keeps
/// its id (`observed.md` §4).
pub(super) fn replace_members(state: &mut CloudState, pool: Uid, members: &[Value]) -> Result<Replaced, Refusal> {
    let project_region = state.store.get(pool).map(|pool| pool.project_region).unwrap_or_default();
    check_members(state, project_region, members)?;
    let place = |fields: &Map<String, Value>| (fields.get("address").cloned(), fields.get("protocol_port").cloned());
    let mut old: Vec<_> = state
        .store
        .children(pool, "members")
        .map(|(uid, member)| (uid, member.id.clone(), place(&member.fields)))
        .collect();
    let former = old.iter().map(|(_, id, _)| ("members", Value::from(id.as_str()))).collect();
    let mut new = Vec::new();
    for member in members.iter().filter_map(Value::as_object) {
        match old.iter().position(|(_, _, at)| *at == place(member)) {
            Some(kept) => {
                let (uid, ..) = old.swap_remove(kept);
                state.change(&Change::Merge(uid, member.clone()));
            }
            None => new.push(insert_below(state, "members", pool, member)),
        }
    }
    old.into_iter().for_each(|(gone, ..)| state.remove(gone));
    Ok(Replaced { new, former })
}

/// Replaces a pool's health monitor; null removes it.
pub(super) fn replace_monitor(state: &mut CloudState, pool: Uid, monitor: &Value) {
    let old: Vec<_> = state.store.children(pool, "healthmonitors").map(|(monitor, _)| monitor).collect();
    if let (Some(kept), Value::Object(monitor)) = (old.first(), monitor) {
        return state.change(&Change::Merge(*kept, monitor.clone()));
    }
    old.into_iter().for_each(|monitor| state.remove(monitor));
    if let Value::Object(monitor) = monitor {
        let monitor = insert_below(state, "healthmonitors", pool, monitor);
        state.mark_made(monitor);
    }
}

/// Creates the health monitor of a pool.
pub(super) fn health_monitor(state: &mut CloudState, call: &Call<'_>, pool: Option<Uid>) -> Result<Made, Refusal> {
    let pool = pool.ok_or_else(|| Refusal::not_found("Pool not found"))?;
    let root = free_root(state, pool)?;
    if state.store.children(pool, "healthmonitors").next().is_some() {
        return Err(Refusal::conflict("The pool already has a health monitor"));
    }
    let monitor = insert_below(state, "healthmonitors", pool, &call.body);
    Ok(Made { all: vec![monitor], locks: vec![root, pool], ..Made::default() })
}

/// Creates an L7 policy of a listener.
pub(super) fn l7_policy(state: &mut CloudState, call: &Call<'_>) -> Result<Made, Refusal> {
    let listener = state.need("listeners", call.project_region(), call.text("listener_id").unwrap_or_default())?;
    let root = free_root(state, listener)?;
    if let Some(pool) = call.text("redirect_pool_id") {
        state.need("pools", call.project_region(), pool)?;
    }
    let policy = insert_below(state, "l7polices", listener, &call.body);
    Ok(Made { all: vec![policy], locks: vec![root, listener], ..Made::default() })
}

/// Creates a rule of an L7 policy.
pub(super) fn l7_rule(state: &mut CloudState, call: &Call<'_>, policy: Option<Uid>) -> Result<Made, Refusal> {
    let policy = policy.ok_or_else(|| Refusal::not_found("L7 policy not found"))?;
    let root = free_root(state, policy)?;
    let rule = insert_below(state, "l7rules", policy, &call.body);
    Ok(Made { all: vec![rule], locks: vec![root, policy], ..Made::default() })
}
