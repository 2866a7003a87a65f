//! Floating and reserved IPs: creating, binding to ports, releasing.

use serde_json::{Map, Value};

use super::answer::Refusal;
use super::call::Call;
use super::made::Made;
use super::network::{is_external, leave, network_and_subnet, next_address};
use super::seeds;
use super::state::CloudState;
use super::store::{ProjectRegion, Resource, Uid};
use super::view::port_at;

/// Binds a floating IP to a port, or frees it.
pub(super) fn bind(state: &mut CloudState, ip: Uid, port: Option<Uid>) {
    let before: Vec<_> =
        state.store.used(ip, "ports").chain(state.store.used(ip, "reserved_fixed_ips")).map(|(port, _)| port).collect();
    before.iter().for_each(|port| state.store.unlink(ip, *port));
    let address = port.and_then(|port| state.store.get(port)?.field("fixed_ip_address").cloned());
    let port_id = port.map(|port| state.id(port));
    if let Some(port) = port {
        state.store.link(ip, port);
    }
    if let Some(ip) = state.store.get_mut(ip) {
        ip.fields.insert("status".into(), if port_id.is_some() { "ACTIVE" } else { "DOWN" }.into());
        ip.fields.insert("port_id".into(), port_id.into());
        ip.fields.insert("fixed_ip_address".into(), address.into());
    }
}

/// Creates a floating IP.
pub(super) fn floating_ip(state: &mut CloudState, call: &Call<'_>) -> Result<Made, Refusal> {
    let port = call.text("port_id").map(|id| need_port(state, id)).transpose()?;
    if let Some(port) = port {
        check_way_out(state, port)?;
    }
    let ip = insert_floating_ip(state, call.project_region(), &call.body);
    if port.is_some() {
        bind(state, ip, port);
    }
    Ok(Made::one(ip))
}

/// Checks that the port's subnet has a router with a gateway, which a floating IP needs.
pub(super) fn check_way_out(state: &CloudState, port: Uid) -> Result<(), Refusal> {
    if is_external(&state.store, port) {
        return Ok(());
    }
    let subnets: Vec<_> = state.store.used(port, "subnets").collect();
    // An assumed network may have a router that the simulator does not know.
    let reachable = subnets.iter().any(|(uid, subnet)| {
        let gateway =
            |(_, router): (Uid, &Resource)| router.field("external_gateway_info").is_some_and(Value::is_object);
        subnet.seeded || state.store.users(*uid, "routers").any(gateway)
    });
    if reachable || subnets.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = subnets.iter().map(|(_, subnet)| subnet.id.as_str()).collect();
    let words = format!(
        "No external network is reachable from subnet(s): {}. Therefore, cannot associate port {} with a floating IP.",
        ids.join(", "),
        state.id(port)
    );
    Err(Refusal::new(400, "ValidationError", words))
}

/// Adds a floating IP to the store.
pub(super) fn insert_floating_ip(
    state: &mut CloudState,
    project_region: ProjectRegion,
    body: &Map<String, Value>,
) -> Uid {
    let external = seeds::external(&state.store, project_region);
    let address = next_address(state, external.subnet);
    let mut draft = state.draft("floatingips", project_region, body);
    draft.fields.insert("floating_ip_address".into(), address.into());
    draft.fields.insert("port_id".into(), Value::Null);
    draft.fields.insert("fixed_ip_address".into(), Value::Null);
    draft.fields.insert("status".into(), "DOWN".into());
    state.insert(draft)
}

/// The port with this id, or the refusal when there is none.
pub(super) fn need_port(state: &CloudState, id: &str) -> Result<Uid, Refusal> {
    port_at(&state.store, id)
        .map(|(port, _)| port)
        .ok_or_else(|| Refusal::not_found(format!("Port with id {id} not found")))
}

/// Creates a reserved fixed IP.
pub(super) fn reserved_fixed_ip(state: &mut CloudState, call: &Call<'_>) -> Result<Made, Refusal> {
    let project_region = call.project_region();
    let external = call.text("type") == Some("external");
    let (network, subnet) = network_and_subnet(state, project_region, &call.body)?;
    let address = match call.text("ip_address") {
        Some(address) => address.to_owned(),
        None => next_address(state, subnet),
    };
    let mut draft = state.draft("reserved_fixed_ips", project_region, &call.body);
    draft.name = format!("rfip-{address}");
    for (field, value) in [
        ("fixed_ip_address", Value::from(address)),
        ("is_external", external.into()),
        ("network_id", state.id(network).into()),
        ("subnet_id", state.id(subnet).into()),
    ] {
        draft.fields.insert(field.into(), value);
    }
    let reserved = state.insert(draft);
    state.store.link(reserved, network);
    state.store.link(reserved, subnet);
    Ok(Made::one(reserved))
}

/// Turns a floating IP into a reserved address.
pub(super) fn to_reserved(state: &mut CloudState, ip: Uid) -> Uid {
    let project_region = state.store.get(ip).map(|ip| ip.project_region).unwrap_or_default();
    let address = state.store.get(ip).and_then(|ip| ip.field("floating_ip_address").cloned()).unwrap_or_default();
    let external = seeds::external(&state.store, project_region);
    let mut draft = state.draft("reserved_fixed_ips", project_region, &Map::new());
    draft.fields.insert("network_id".into(), state.id(external.network).into());
    draft.fields.insert("subnet_id".into(), state.id(external.subnet).into());
    draft.fields.insert("fixed_ip_address".into(), address);
    draft.fields.insert("is_external".into(), true.into());
    let reserved = state.insert(draft);
    state.store.link(reserved, external.network);
    state.store.link(reserved, external.subnet);
    reserved
}

/// Turns a reserved address into a floating IP.
pub(super) fn to_floating(state: &mut CloudState, reserved: Uid) -> Uid {
    let project_region = state.store.get(reserved).map(|reserved| reserved.project_region).unwrap_or_default();
    let address = state.store.get(reserved).and_then(|reserved| reserved.field("fixed_ip_address").cloned());
    let ip = insert_floating_ip(state, project_region, &Map::new());
    if let (Some(ip), Some(address)) = (state.store.get_mut(ip), address) {
        ip.fields.insert("floating_ip_address".into(), address);
    }
    ip
}

/// Removes a subnet or port from routers and floating IPs.
pub(super) fn release(state: &mut CloudState, leaving: Uid) {
    let routers: Vec<_> = state.store.users(leaving, "routers").map(|(router, _)| router).collect();
    for router in routers {
        leave(state, router, leaving);
    }
    let ips: Vec<_> = state.store.users(leaving, "floatingips").map(|(ip, _)| ip).collect();
    for ip in ips {
        bind(state, ip, None);
    }
}
