//! The `data` of tasks, in the recorded form of each type (`observed.md` §9); types without a recording show the
//! request's fields. Some forms hold the request's secrets as well: no client may show it.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::kinds::ResourceKind;
use super::state::{CloudState, fields};
use super::store::{Resource, Uid};
use super::view::{self, ports_of};
use super::{network, seeds};

/// These fields of a body, null where it has none.
fn picked(body: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    names.iter().map(|name| ((*name).to_owned(), body.get(*name).cloned().unwrap_or_default())).collect()
}

fn tag_map(body: &Map<String, Value>) -> Value {
    body.get("tags").filter(|tags| tags.is_object()).cloned().unwrap_or_else(|| json!({}))
}

/// Tags in the form of images and floating IPs: `key=value`, and the key by itself.
fn tag_words(body: &Map<String, Value>) -> Value {
    let tags = super::state::tags(body.get("tags"));
    tags.iter().flat_map(|(key, value)| [format!("{key}={value}"), key.clone()]).collect::<Vec<_>>().into()
}

/// The `data` of a create's task; `main` is the resource that it creates.
pub(super) fn create_data(
    state: &mut CloudState,
    call: &Call<'_>,
    kind: &ResourceKind,
    main: Uid,
) -> Map<String, Value> {
    let body = &call.body;
    let reservation = Value::from(state.draw.uuid());
    let name = state.store.get(main).map(|made| made.name.clone()).unwrap_or_default();
    match (kind.name, call.request.path.contains("/downloadimage/")) {
        ("volumes", _) => fields(json!({
            "device_config": device(body, Value::Null, body.get("name").cloned().unwrap_or_default()),
            "instance_id_to_attach_to": body.get("instance_id_to_attach_to"),
            "attachment_tag": body.get("attachment_tag"), "name": name,
            "lifecycle_policy_ids": body.get("lifecycle_policy_ids").cloned().unwrap_or_else(|| json!([])),
            "metadata": tag_map(body), "reservation_id": reservation,
        })),
        ("instances", _) => machine(state, call, main, &reservation),
        ("networks", _) => network_data(state, call, &name, &reservation),
        ("subnets", _) => subnet(state, body, main, &reservation),
        ("routers", _) => fields(json!({
            "name": name, "external_gateway_info": gateway(state, main, body),
            "interfaces": body.get("interfaces"), "routes": body.get("routes"),
        })),
        ("floatingips", _) => fields(json!({
            "port_id": body.get("port_id"), "fixed_ip_address": body.get("fixed_ip_address"), "tags": tag_words(body),
            "reservation_id": reservation,
        })),
        ("security_groups", _) => {
            let mut data = picked(body, &["name", "description", "rules", "tags"]);
            data.insert("internal_tags".into(), json!([]));
            data
        }
        ("security_group_rules", _) => {
            let group = state.store.get(main).and_then(|rule| rule.field("security_group_id").cloned());
            fields(json!({ "security_group_id": group, "rule": body }))
        }
        ("images", true) => {
            let mut data = picked(body, &["name", "os_distro", "os_version", "ssh_key", "os_type", "architecture"]);
            data.insert("image_url".into(), body.get("url").cloned().unwrap_or_default());
            data.insert("should_be_raw".into(), body.get("cow_format").cloned().unwrap_or(false.into()));
            data.insert("hw_video_model".into(), "vga".into());
            data.insert("tags".into(), tag_words(body));
            data
        }
        _ => request_fields(call, kind, &name),
    }
}

/// A volume of a body, in the form of the volume service.
fn device(volume: &Map<String, Value>, boot_index: Value, name: Value) -> Value {
    let source = volume.get("source").and_then(Value::as_str).unwrap_or("new-volume");
    let mut device = fields(json!({
        "boot_index": boot_index, "name": name, "size": volume.get("size"), "tag": volume.get("attachment_tag"),
        "metadata": tag_map(volume),
        "delete_on_termination": volume.get("delete_on_termination").cloned().unwrap_or(false.into()),
        "source": source,
    }));
    for field in ["type_name", "image_id", "snapshot_id", "volume_id", "apptemplate_id"] {
        if let Some(value) = volume.get(field) {
            device.insert(field.into(), value.clone());
        }
    }
    if source != "existing-volume" {
        device.entry("type_name").or_insert_with(|| "standard".into());
    }
    device.into()
}

fn machine(state: &CloudState, call: &Call<'_>, main: Uid, reservation: &Value) -> Map<String, Value> {
    let body = &call.body;
    let devices: Vec<_> = call
        .list("volumes")
        .iter()
        .filter_map(Value::as_object)
        .map(|volume| {
            let boot_index = volume.get("boot_index").cloned().unwrap_or_default();
            device(volume, boot_index, volume.get("name").cloned().unwrap_or_default())
        })
        .collect();
    let image = state.store.get(main).map(view::server_tags).unwrap_or_default();
    let mut metadata = fields(tag_map(body));
    let volumes = call.list("volumes").iter().cloned().map(|mut volume| {
        if let Some(volume) = volume.as_object_mut() {
            for word in ["os_distro", "os_type"] {
                volume.insert(word.into(), image.get(word).cloned().into());
            }
        }
        volume
    });
    metadata.insert("volumes".into(), volumes.collect());
    fields(json!({
        "name": body.get("name"), "block_device_config": devices,
        "network_config": call.list("interfaces").iter().map(|wanted| interface(state, call, wanted)).collect::<Vec<_>>(),
        "security_group_names": null, "keypair_id": body.get("ssh_key_name"), "flavor_name": body.get("flavor"),
        "user_data": body.get("user_data"), "floating_network_id": null, "admin_pass": body.get("password"),
        "name_template": body.get("name_template"), "metadata": metadata, "app_config": body.get("configuration"),
        "allow_app_ports": body.get("allow_app_ports").cloned().unwrap_or(false.into()),
        "servergroup_id": body.get("servergroup_id"), "reservation_id": reservation,
    }))
}

/// The data of a machine's task while the machine is being built: without secrets, with the chosen parts.
pub(super) fn machine_built(state: &CloudState, main: Uid, mut data: Map<String, Value>) -> Map<String, Value> {
    data.shift_remove("user_data");
    data.shift_remove("admin_pass");
    let Some(machine) = state.store.get(main) else { return data };
    let mut metadata: Map<_, _> =
        machine.tags.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    metadata.extend(view::server_tags(machine).into_iter().map(|(key, value)| (key, value.into())));
    data.insert("metadata".into(), metadata.into());
    if let Some(Value::Array(devices)) = data.get_mut("block_device_config") {
        for (index, device) in devices.iter_mut().filter_map(Value::as_object_mut).enumerate() {
            if device.get("name").is_none_or(Value::is_null) {
                let word = if index == 0 { "bootvolume".to_owned() } else { format!("volume_{index}") };
                device.insert("name".into(), format!("{}_{word}", machine.name).into());
            }
        }
    }
    data
}

fn interface(state: &CloudState, call: &Call<'_>, wanted: &Value) -> Value {
    let wanted = wanted.as_object().cloned().unwrap_or_default();
    if wanted.get("type").and_then(Value::as_str) == Some("external") {
        let external = seeds::external(&state.store, call.project_region());
        let name = state.store.get(external.network).map(|network| network.name.clone());
        return json!({ "name": name, "network_id": state.id(external.network), "type": "external" });
    }
    let mut told = Map::from_iter([("type".to_owned(), wanted.get("type").cloned().unwrap_or_default())]);
    let rest = wanted.into_iter().filter(|(field, _)| !matches!(field.as_str(), "type" | "security_groups"));
    told.extend(rest);
    told.into()
}

fn network_data(state: &CloudState, call: &Call<'_>, name: &str, reservation: &Value) -> Map<String, Value> {
    let body = &call.body;
    let routed = call.flag("create_router") != Some(false);
    let external = routed.then(|| state.id(seeds::external(&state.store, call.project_region()).network));
    let kind = body.get("type").and_then(Value::as_str).unwrap_or("vxlan");
    let router = routed.then(|| {
        json!({
            "name": "name is not used by task", "external_gateway_info": { "network_id": external }, "interfaces": null,
            "routes": null,
        })
    });
    fields(json!({
        "network_config": {
            "name": name, "mtu": null, "admin_state_up": null, "port_security_enabled": null, "project_id": null,
            "provider_network_type": kind, "provider_physical_network": (kind == "vlan").then_some("br-ex"),
            "provider_segmentation_id": null, "qos_policy_id": null, "router_external": null, "segments": null,
            "shared": null, "tenant_id": null, "is_default": null, "availability_zone_hints": null,
        },
        "router_config": router, "name": name, "metadata": body.get("tags"), "external_network_id": external,
        "reservation_id": reservation,
    }))
}

fn subnet(state: &CloudState, body: &Map<String, Value>, main: Uid, reservation: &Value) -> Map<String, Value> {
    let made = state.store.get(main);
    let mut config = picked(body, &["network_id", "cidr", "name"]);
    config.insert("ip_version".into(), made.and_then(|subnet| subnet.field("ip_version").cloned()).into());
    config.insert("enable_dhcp".into(), body.get("enable_dhcp").cloned().unwrap_or(true.into()));
    for field in ["dns_nameservers", "host_routes", "gateway_ip"] {
        if let Some(value) = body.get(field) {
            config.insert(field.into(), value.clone());
        }
    }
    let router = state.store.users(main, "routers").next().map(|(_, router)| router.id.as_str());
    fields(json!({
        "name": body.get("name"), "subnet_config": config, "metadata": tag_map(body), "router_id_to_connect": router,
        "reservation_id": reservation,
    }))
}

fn gateway(state: &CloudState, router: Uid, body: &Map<String, Value>) -> Value {
    let wanted = body.get("external_gateway_info").and_then(Value::as_object);
    let chosen =
        state.store.get(router).and_then(|router| router.field("external_gateway_info")?.get("network_id").cloned());
    wanted.map_or(Value::Null, |wanted| {
        json!({ "enable_snat": wanted.get("enable_snat").cloned().unwrap_or(true.into()), "network_id": chosen })
    })
}

/// The fields of the request, without its secrets and tags.
fn request_fields(call: &Call<'_>, kind: &ResourceKind, name: &str) -> Map<String, Value> {
    const SECRET: [&str; 8] =
        ["password", "username", "user_data", "payload", "tags", "public_key", "pg_conf", "secret"];
    let mut data: Map<_, _> = call
        .body
        .iter()
        .filter(|(field, _)| !SECRET.contains(&field.as_str()))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    if let Some((parent, key)) = &call.target.parent {
        data.insert(format!("{}_id", parent.trim_end_matches('s')), key.as_str().into());
    }
    if kind.name == "bminstances" {
        let data_of_machine =
            [("flavor", "flavor_name"), ("interfaces", "network_config"), ("ssh_key_name", "keypair_name")];
        for (theirs, ours) in data_of_machine {
            let value = data.shift_remove(theirs).unwrap_or_default();
            data.insert(ours.into(), value);
        }
        data.insert("name".into(), name.into());
        data.insert("reservation_id".into(), Value::Null);
    }
    data
}

// ── tasks about what exists ─────────────────────────────────────────────────────────────────────────────────────────

/// The `data` of the task of an update or an action.
pub(super) fn change_data(state: &mut CloudState, call: &Call<'_>, uid: Uid, task_type: &str) -> Map<String, Value> {
    let Some(resource) = state.store.get(uid) else { return Map::new() };
    let (id, name) = (Value::from(resource.id.as_str()), Value::from(resource.name.as_str()));
    match task_type {
        "patch_lbpool" => {
            let mut data: Map<_, _> = call.body.clone();
            data.insert("id".into(), id);
            data
        }
        "resize_vm" => fields(json!({
            "flavor_name": call.body.get("flavor_id"), "instance_id": id, "name": name,
            "os_project_id": view::opaque(&resource.project_region.project.to_string()), "reservation_id": state.draw.uuid(),
        })),
        "put_into_server_group" => {
            fields(json!({ "instance_id": id, "servergroup_id": call.body.get("servergroup_id") }))
        }
        "attach_volume" => {
            let mut data = picked(&call.body, &["instance_id", "attachment_tag"]);
            data.insert("volume_id".into(), id);
            data
        }
        "detach_volume" => fields(json!({ "volume_id": id, "instance_id": call.body.get("instance_id") })),
        _ => Map::from_iter([(id_name(resource), id), ("name".into(), name)]),
    }
}

/// The `data` of a removal's task; `going` is every resource that it removes.
pub(super) fn removal_data(state: &CloudState, call: &Call<'_>, uid: Uid, going: &[Uid]) -> Map<String, Value> {
    let Some(resource) = state.store.get(uid) else { return Map::new() };
    let ids = |kind: &str| -> Vec<&str> {
        let of_kind = going.iter().filter_map(|uid| state.store.get(*uid)).filter(|going| going.kind.name == kind);
        of_kind.map(|going| going.id.as_str()).collect()
    };
    let id = Value::from(resource.id.as_str());
    match resource.kind.name {
        "instances" => {
            let kept = ports_of(&state.store, uid).filter(|(_, port)| port.kind.name != "ports");
            let kept: Vec<_> = kept.map(|(_, port)| port.id.as_str()).collect();
            let ports = |external: bool| -> Vec<Value> {
                let ports = state.store.children(uid, "ports");
                let there = ports.filter(|(port, _)| network::is_external(&state.store, *port) == external);
                there.map(|(port, shown)| raw_port(state, port, shown, resource)).collect()
            };
            fields(json!({
                "instance_uuid": id, "name": resource.name, "volume_ids_to_delete": ids("volumes"),
                "floating_ids_to_delete": ids("floatingips"), "trunk_ids_to_delete": [], "ports_to_keep": kept,
                "internal_ports_to_delete": ports(false), "external_ports_to_delete": ports(true),
            }))
        }
        "volumes" => fields(json!({ "volume_id": id, "snapshot_ids": ids("snapshots") })),
        "security_group_rules" => {
            fields(json!({ "security_group_id": resource.field("security_group_id"), "security_group_rule_id": id }))
        }
        "images" | "routers" | "networks" | "subnets" => Map::from_iter([(id_name(resource), id)]),
        _ => other_data(call, resource),
    }
}

fn other_data(call: &Call<'_>, resource: &Resource) -> Map<String, Value> {
    let mut data = Map::from_iter([(id_name(resource), Value::from(resource.id.as_str()))]);
    data.insert("name".into(), resource.name.as_str().into());
    if let Some((parent, key)) = &call.target.parent {
        data.insert(format!("{}_id", parent.trim_end_matches('s')), key.as_str().into());
    }
    data
}

/// A port in the form of the network service, as tasks that remove machines show it.
fn raw_port(state: &CloudState, uid: Uid, port: &Resource, machine: &Resource) -> Value {
    let project = view::opaque(&port.project_region.project.to_string());
    let subnet = state.store.used(uid, "subnets").next().map(|(_, subnet)| subnet.id.as_str());
    let mut groups: Vec<_> = state.store.used(uid, "security_groups").map(|(_, group)| group.id.as_str()).collect();
    if groups.is_empty() {
        let of_project = state.store.of_kind("security_groups");
        let default = of_project
            .map(|(_, group)| group)
            .find(|group| group.project_region == port.project_region && group.name == "default");
        groups.extend(default.map(|group| group.id.as_str()));
    }
    let at = super::answer::zulu_time(port.created);
    json!({
        "id": port.id, "name": format!("port for instance {}", machine.name),
        "network_id": state.store.used(uid, "networks").next().map(|(_, network)| network.id.as_str()),
        "tenant_id": project, "mac_address": port.field("mac_address"), "admin_state_up": true, "status": "ACTIVE",
        "device_id": machine.id, "device_owner": "compute:nova",
        "fixed_ips": [{ "subnet_id": subnet, "ip_address": port.field("fixed_ip_address") }],
        "allowed_address_pairs": [], "extra_dhcp_opts": [], "security_groups": groups,
        "description": json!({ "task_id": machine.creator_task, "parent_resource": "instance" }).to_string(),
        "binding:vnic_type": "normal", "binding:vif_type": "ovs", "qos_policy_id": view::opaque("qos"),
        "qos_network_policy_id": null, "port_security_enabled": true, "tags": [], "created_at": at, "updated_at": at,
        "revision_number": 4, "project_id": project,
    })
}

/// The field in which a task has the id of its resource.
fn id_name(resource: &Resource) -> String {
    match resource.kind.name {
        "instances" | "bminstances" => "instance_uuid".into(),
        "secrets" => "resource_id".into(),
        "floatingips" => "floatingip_id".into(),
        "k8s_clusters" => "cluster_id".into(),
        "k8s_pools" => "pool_id".into(),
        kind => format!("{}_id", kind.trim_end_matches('s')),
    }
}
