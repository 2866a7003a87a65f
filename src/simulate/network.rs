//! Networks, subnets, routers and ports: creating, attaching, detaching.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::addresses::Range;
use super::answer::Refusal;
use super::call::Call;
use super::made::Made;
use super::seeds;
use super::state::{CloudState, fields};
use super::store::{ProjectRegion, Resource, Store, Uid};
use super::view::complete;
use crate::api::Answer;

/// A network, with its router unless the body says otherwise.
pub(super) fn network(state: &mut CloudState, call: &Call<'_>) -> Made {
    let draft = state.draft("networks", call.project_region(), &call.body);
    let name = draft.name.clone();
    let network = state.insert(draft);
    if call.flag("create_router") == Some(false) {
        return Made::one(network);
    }
    let body = fields(json!({ "name": format!("{name}_router"), "external_gateway_info": { "type": "default" } }));
    let router = insert_router(state, call.project_region(), &body);
    state.store.link(router, network);
    Made { all: vec![network, router], ..Made::default() }
}

/// Creates a subnet, and connects it to a router unless the body says otherwise.
pub(super) fn subnet(state: &mut CloudState, call: &Call<'_>) -> Result<Made, Refusal> {
    let project_region = call.project_region();
    let network = state.need("networks", project_region, call.text("network_id").unwrap_or_default())?;
    state.check_free(&[network])?;
    let cidr = call.text("cidr").unwrap_or_default();
    let range = Range::parse(cidr).ok_or_else(|| Refusal::invalid_field("cidr", "not a network in CIDR notation"))?;
    let taken = state
        .store
        .users(network, "subnets")
        .find(|(_, other)| other.text("cidr").and_then(Range::parse).is_some_and(|other| other.overlaps(&range)));
    if let Some((_, other)) = taken {
        let other = other.text("cidr").unwrap_or_default();
        return Err(Refusal::invalid_field("cidr", format!("overlaps with {other} in the same network")));
    }
    let router = match call.text("router_id_to_connect") {
        Some(router) => Some(state.need("routers", project_region, router)?),
        None if call.flag("connect_to_network_router") == Some(false) => None,
        None => state.store.users(network, "routers").next().map(|(router, _)| router),
    };
    let mut draft = state.draft("subnets", project_region, &call.body);
    let gateway = call.body.get("gateway_ip").cloned().unwrap_or_else(|| range.gateway().to_string().into());
    draft.fields.insert("gateway_ip".into(), gateway);
    draft.fields.insert("ip_version".into(), if range.is_v6() { 6 } else { 4 }.into());
    draft.fields.insert("total_ips".into(), range.hosts().into());
    draft.fields.insert("available_ips".into(), range.hosts().into());
    draft.fields.insert("has_router".into(), router.is_some().into());
    let subnet = state.insert(draft);
    state.store.link(subnet, network);
    if let Some(router) = router {
        join(state, router, subnet, network);
    }
    Ok(Made { all: vec![subnet], locks: vec![network], ..Made::default() })
}

/// Creates a router with its interfaces.
pub(super) fn router(state: &mut CloudState, call: &Call<'_>) -> Result<Made, Refusal> {
    let project_region = call.project_region();
    let mut subnets = Vec::new();
    for interface in call.list("interfaces") {
        let subnet = interface.get("subnet_id").and_then(Value::as_str).unwrap_or_default();
        subnets.push(state.need("subnets", project_region, subnet)?);
    }
    if let Some(network) = call.body.get("external_gateway_info").and_then(|info| info.get("network_id")?.as_str()) {
        state.need("networks", project_region, network)?;
    }
    let router = insert_router(state, project_region, &call.body);
    for subnet in subnets {
        if let Some(network) = network_of(state, subnet) {
            join(state, router, subnet, network);
        }
    }
    Ok(Made::one(router))
}

fn insert_router(state: &mut CloudState, project_region: ProjectRegion, body: &Map<String, Value>) -> Uid {
    let mut draft = state.draft("routers", project_region, body);
    draft.fields.insert("interfaces".into(), json!([]));
    if let Some(Value::Object(info)) = draft.fields.get("external_gateway_info").cloned() {
        let external = seeds::external(&state.store, project_region);
        let address = next_address(state, external.subnet);
        let chosen = info.get("network_id").cloned();
        draft.fields.insert(
            "external_gateway_info".into(),
            json!({
                "enable_snat": info.get("enable_snat").cloned().unwrap_or(true.into()),
                "network_id": chosen.unwrap_or_else(|| state.id(external.network).into()),
                "external_fixed_ips": [{ "ip_address": address, "subnet_id": state.id(external.subnet) }],
            }),
        );
    }
    if draft.fields.get("routes").is_some_and(Value::is_null) {
        draft.fields.insert("routes".into(), json!([]));
    }
    state.insert(draft)
}

fn network_of(state: &CloudState, subnet: Uid) -> Option<Uid> {
    state.store.used(subnet, "networks").map(|(network, _)| network).next()
}

/// Gives a router an interface in a subnet.
fn join(state: &mut CloudState, router: Uid, subnet: Uid, network: Uid) {
    let gateway = state.store.get(subnet).and_then(|subnet| subnet.field("gateway_ip").cloned());
    let interface = json!({
        "network_id": state.id(network),
        "port_id": state.draw.uuid(),
        "mac_address": state.draw.mac_address(),
        "ip_assignments": [{ "ip_address": gateway, "subnet_id": state.id(subnet) }],
    });
    state.store.link(router, subnet);
    if let Some(router) = state.store.get_mut(router)
        && let Some(Value::Array(interfaces)) = router.fields.get_mut("interfaces")
    {
        interfaces.push(interface);
    }
}

/// `POST …/routers/…/attach`, which answers with the router at once.
pub(super) fn attach_subnet(state: &mut CloudState, call: &Call<'_>, router: Uid) -> Result<Answer, Refusal> {
    let subnet = state.need("subnets", call.project_region(), call.text("subnet_id").unwrap_or_default())?;
    state.check_free(&[router, subnet])?;
    if state.store.used(router, "subnets").any(|(known, _)| known == subnet) {
        let words = format!("Router already has a port on subnet {}", state.id(subnet));
        return Err(Refusal::new(400, "ValidationError", words));
    }
    if let Some(network) = network_of(state, subnet) {
        join(state, router, subnet, network);
    }
    Ok(state.show(router))
}

/// `POST …/routers/…/detach`.
pub(super) fn detach_subnet(state: &mut CloudState, call: &Call<'_>, router: Uid) -> Result<Answer, Refusal> {
    let subnet = state.need("subnets", call.project_region(), call.text("subnet_id").unwrap_or_default())?;
    state.check_free(&[router, subnet])?;
    let range = state.store.get(subnet).and_then(|subnet| subnet.text("cidr")).and_then(Range::parse);
    if hops(state, router).iter().any(|hop| range.is_some_and(|range| range.contains(*hop))) {
        let words = format!("Router interface for subnet {} is required by one or more routes", state.id(subnet));
        return Err(Refusal::conflict(words));
    }
    leave(state, router, subnet);
    Ok(state.show(router))
}

/// The next hops of a router's routes.
fn hops(state: &CloudState, router: Uid) -> Vec<IpAddr> {
    let routes = state.store.get(router).and_then(|router| router.field("routes")?.as_array());
    routes.into_iter().flatten().filter_map(hop).collect()
}

fn hop(route: &Value) -> Option<IpAddr> {
    route.get("nexthop")?.as_str()?.parse().ok()
}

/// Checks a change of a router (`observed.md` §8): routes go through its subnets, and a gateway is given with its
/// network.
pub(super) fn may_change_router(state: &CloudState, router: Uid, body: &Map<String, Value>) -> Result<(), Refusal> {
    if let Some(Value::Object(gateway)) = body.get("external_gateway_info")
        && !gateway.contains_key("network_id")
    {
        return Err(Refusal::invalid_field("external_gateway_info.network_id", "Field required"));
    }
    let routes = body.get("routes").and_then(Value::as_array).into_iter().flatten();
    let ranges: Vec<_> = state
        .store
        .used(router, "subnets")
        // The range of an assumed subnet is not known.
        .map(|(_, subnet)| subnet.text("cidr").and_then(Range::parse))
        .collect();
    let reachable = |hop: IpAddr| ranges.iter().any(|range| range.is_none_or(|range| range.contains(hop)));
    let lost: Vec<_> = routes.filter_map(hop).filter(|hop| !reachable(*hop)).map(|hop| hop.to_string()).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let words = format!("Nexthops: {} are not connected with router", lost.join(", "));
    Err(Refusal::new(400, "ValidationError", words))
}

/// Removes a router's interface in a subnet.
pub(super) fn leave(state: &mut CloudState, router: Uid, subnet: Uid) {
    let id = state.id(subnet);
    state.store.unlink(router, subnet);
    if let Some(router) = state.store.get_mut(router)
        && let Some(Value::Array(interfaces)) = router.fields.get_mut("interfaces")
    {
        interfaces
            .retain(|interface| interface.pointer("/ip_assignments/0/subnet_id") != Some(&Value::from(id.as_str())));
    }
}

/// The network and subnet of an interface in a body, checked.
pub(super) fn network_and_subnet(
    state: &mut CloudState,
    project_region: ProjectRegion,
    wanted: &Map<String, Value>,
) -> Result<(Uid, Uid), Refusal> {
    let (network, subnet) = place(state, project_region, wanted)?;
    let address = wanted.get("ip_address").and_then(Value::as_str).and_then(|address| address.parse().ok());
    let range = state.store.get(subnet).and_then(|subnet| subnet.text("cidr")).and_then(Range::parse);
    match (address, range) {
        (Some(address), Some(range)) if !range.contains(address) => {
            Err(Refusal::invalid_field("ip_address", format!("{address} is not in subnet {}", state.id(subnet))))
        }
        _ => Ok((network, subnet)),
    }
}

fn place(
    state: &mut CloudState,
    project_region: ProjectRegion,
    wanted: &Map<String, Value>,
) -> Result<(Uid, Uid), Refusal> {
    let text = |field: &str| wanted.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let subnet = text("subnet_id").map(|id| state.need("subnets", project_region, id)).transpose()?;
    let network = text("network_id").map(|id| state.need("networks", project_region, id)).transpose()?;
    match (network, subnet) {
        (None, None) => {
            let external = seeds::external(&state.store, project_region);
            Ok((external.network, external.subnet))
        }
        (None, Some(subnet)) => {
            let network = network_of(state, subnet)
                .ok_or_else(|| Refusal::not_found(format!("Network of subnet {} not found", state.id(subnet))))?;
            Ok((network, subnet))
        }
        (Some(network), Some(subnet)) => match network_of(state, subnet) {
            // An assumed subnet belongs to the network that the plan names.
            None => {
                state.store.link(subnet, network);
                Ok((network, subnet))
            }
            Some(owner) if owner == network => Ok((network, subnet)),
            Some(_) => {
                let words = format!("subnet {} is not in network {}", state.id(subnet), state.id(network));
                Err(Refusal::invalid_field("subnet_id", words))
            }
        },
        (Some(network), None) => {
            let mut first = state.store.users(network, "subnets").map(|(subnet, _)| subnet).next();
            if first.is_none() && state.store.get(network).is_some_and(|network| network.seeded) {
                let subnet = state.assume_some("subnets", project_region);
                state.store.link(subnet, network);
                first = Some(subnet);
            }
            let subnet = first.ok_or_else(|| {
                Refusal::invalid_field("network_id", "the network has no subnet to take an address from")
            })?;
            Ok((network, subnet))
        }
    }
}

/// A new port of `device` in a subnet.
pub(super) fn port(state: &mut CloudState, device: Uid, network: Uid, subnet: Uid, wanted: &Map<String, Value>) -> Uid {
    let project_region = state.store.get(device).map(|device| device.project_region).unwrap_or_default();
    let mut draft = state.draft("ports", project_region, &Map::new());
    let address = match wanted.get("ip_address").and_then(Value::as_str) {
        Some(address) => address.to_owned(),
        None => next_address(state, subnet),
    };
    draft.parent = Some(device);
    draft.fields.insert("fixed_ip_address".into(), address.into());
    draft.fields.insert("interface_name".into(), wanted.get("interface_name").cloned().unwrap_or_default());
    draft.fields.insert("mac_address".into(), state.draw.mac_address().into());
    draft.fields.insert("port_security_enabled".into(), true.into());
    draft.fields.insert("allowed_address_pairs".into(), json!([]));
    complete(&mut draft);
    // Such a port is part of the device, and does not count as created.
    let port = state.store.insert(draft);
    state.store.link(port, network);
    state.store.link(port, subnet);
    port
}

/// A free address of the subnet; the last one again when all are taken.
pub(super) fn next_address(state: &mut CloudState, subnet: Uid) -> String {
    let Some(resource) = state.store.get(subnet) else { return "192.0.2.1".into() };
    let range = resource.text("cidr").and_then(Range::parse);
    // An assumed subnet has no range of its own.
    let range = range.or_else(|| Range::parse("192.168.0.0/16")).expect("a constant range is well-formed");
    let mut next = resource.field("_next_address").and_then(Value::as_u64).unwrap_or_default();
    if next >= range.hosts() {
        let holders = state.store.users(subnet, "ports").chain(state.store.users(subnet, "reserved_fixed_ips"));
        let taken: crate::hash::HashSet<_> =
            holders.filter_map(|(_, port)| port.text("fixed_ip_address").map(str::to_owned)).collect();
        next = (0..range.hosts()).find(|n| !taken.contains(&range.host(*n).to_string())).unwrap_or(next);
    }
    if let Some(resource) = state.store.get_mut(subnet) {
        resource.fields.insert("_next_address".into(), (next + 1).into());
    }
    range.host(next).to_string()
}

/// `GET …/instances/…/interfaces`: one element per port.
pub(super) fn interface(state: &CloudState, port: Uid, resource: &Resource) -> Value {
    let network = state.store.used(port, "networks").next();
    let subnet = state.store.used(port, "subnets").next();
    let floating: Vec<_> = state.store.users(port, "floatingips").map(|(ip, _)| state.view(ip)).collect();
    let details = network.map_or(Value::Null, |(network, _)| {
        let mut details = nowhere(state.view(network));
        let subnets = state.store.users(network, "subnets").map(|(subnet, _)| nowhere(state.view(subnet)));
        details.insert("subnets".into(), subnets.map(Value::Object).collect());
        details.into()
    });
    let mut shown = fields(json!({
        "port_id": resource.id,
        "mac_address": resource.field("mac_address"),
        "network_id": network.map(|(_, network)| network.id.as_str()),
        "port_security_enabled": resource.field("port_security_enabled").cloned().unwrap_or(true.into()),
        "allowed_address_pairs": resource.field("allowed_address_pairs").cloned().unwrap_or_else(|| json!([])),
        "ip_assignments": [{
            "ip_address": resource.field("fixed_ip_address"),
            "subnet_id": subnet.map(|(_, subnet)| subnet.id.as_str()),
        }],
        "floatingip_details": floating,
        "network_details": details,
    }));
    if let Some(name) = resource.text("interface_name") {
        shown.insert("interface_name".into(), name.into());
    }
    shown.into()
}

/// A port of a machine with its security groups.
pub(super) fn guarded_port(state: &CloudState, port: Uid, resource: &Resource) -> Value {
    let groups = state.store.used(port, "security_groups");
    let groups: Vec<_> = groups.map(|(_, group)| json!({ "id": group.id, "name": group.name })).collect();
    json!({ "id": resource.id, "name": resource.name, "security_groups": groups })
}

/// A network or subnet in the form of an interface, without project and region.
fn nowhere(shown: Value) -> Map<String, Value> {
    let mut shown = fields(shown);
    for field in ["project_id", "region_id", "region"] {
        shown.insert(field.into(), Value::Null);
    }
    for field in ["task_id", "port_security_enabled", "available_ips", "total_ips"] {
        shown.shift_remove(field);
    }
    shown
}

/// Whether a port is in the external network.
pub(super) fn is_external(store: &Store, port: Uid) -> bool {
    store.used(port, "networks").any(|(_, network)| network.field("external") == Some(&true.into()))
}
