//! How a read shows a resource: what was stored, and what is worked out at the moment of reading.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::answer::{resource_time, zulu_time};
use super::draw::SeededRandom;
use super::kinds::Numbering;
use super::store::{Resource, Store, Uid};
use crate::order::ordered_map;
use crate::packed;

/// The id as the API shows it: a number for kinds with numeric ids.
pub(super) fn id_value(resource: &Resource) -> Value {
    match resource.kind.numbering {
        Numbering::Integer => resource.id.parse::<u64>().map_or(Value::Null, Value::from),
        Numbering::Uuid | Numbering::Name => resource.id.as_str().into(),
    }
}

/// The resource as `GET` answers it; null when it is gone.
pub(super) fn resource_answer(store: &Store, uid: Uid) -> Value {
    let Some(resource) = store.get(uid) else { return Value::Null };
    let kind = resource.kind;
    let mut shown = Map::new();
    shown.insert(kind.id_field.into(), id_value(resource));
    if !kind.nameless {
        shown.insert(kind.name_field.into(), resource.name.as_str().into());
    }
    if resource.project_region.project > 0 && !kind.placeless {
        shown.insert("project_id".into(), resource.project_region.project.into());
    }
    if resource.project_region.region > 0 && !kind.placeless {
        shown.insert("region_id".into(), resource.project_region.region.into());
        shown.insert("region".into(), region_name(resource.project_region.region).into());
    }
    if !kind.timeless {
        shown.insert("created_at".into(), resource_time(resource.created).into());
        if kind.name != "ssh_keys" {
            shown.insert("updated_at".into(), resource_time(resource.updated).into());
        }
    }
    if kind.shows_task {
        shown.insert("creator_task_id".into(), resource.creator_task.as_deref().into());
        shown.insert("task_id".into(), resource.lock.as_deref().into());
    }
    if let Some(field) = kind.tags_field {
        shown.insert(field.into(), tag_list(resource));
    }
    describe(resource, &mut shown);
    // An underscore marks the simulator's own fields.
    let shared = resource.fields.iter().filter(|(field, _)| !field.starts_with('_'));
    shown.extend(shared.map(|(field, value)| (field.clone(), value.clone())));
    relate(store, uid, resource, &mut shown);
    Value::Object(shown)
}

/// The field with the tags that the server sets on a machine, except `task_id`.
pub(super) const SERVER_TAGS: &str = "_server_tags";

/// The tags that the server sets on a resource, and clients cannot (`observed.md` §10).
pub(super) fn server_tags(resource: &Resource) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    if !matches!(resource.kind.name, "instances" | "bminstances" | "volumes") {
        return tags;
    }
    let stored = resource.field(SERVER_TAGS).and_then(Value::as_object).into_iter().flatten();
    tags.extend(stored.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))));
    tags.extend(resource.creator_task.iter().map(|task| ("task_id".to_owned(), task.clone())));
    tags
}

/// All tags in order of their keys.
pub(super) fn tag_list(resource: &Resource) -> Value {
    let mut tags = ordered_map(resource.tags.iter().map(|(key, value)| (key.clone(), (value.clone(), false))));
    tags.extend(server_tags(resource).into_iter().map(|(key, value)| (key, (value, true))));
    let shown = |(key, (value, read_only))| json!({ "key": key, "value": value, "read_only": read_only });
    tags.into_iter().map(shown).collect::<Vec<_>>().into()
}

/// Adds the tags in their older forms, and other fields that a kind shows under two names.
fn describe(resource: &Resource, shown: &mut Map<String, Value>) {
    let mut show = |field: &str, value: Value| {
        shown.insert(field.to_owned(), value);
    };
    match resource.kind.name {
        "networks" | "subnets" | "floatingips" | "loadbalancers" => show("metadata", tag_list(resource)),
        "security_groups" => {
            show("metadata", tag_list(resource));
            show("tags", json!([]));
        }
        "keypairs" => {
            if resource.project_region.project > 0 {
                show("project_id", resource.project_region.project.into());
            }
            shown.shift_remove("updated_at");
        }
        "instances" | "bminstances" | "volumes" | "images" => {
            let mut metadata = resource.tags.clone();
            metadata.extend(server_tags(resource));
            show("metadata", json!(metadata));
            show("metadata_detailed", tag_list(resource));
            if resource.kind.name == "images" {
                if resource.seeded {
                    show("tags_v2", tag_list(resource));
                } else {
                    shown.shift_remove("task_id");
                }
            }
        }
        _ => {}
    }
    if resource.kind.name == "instances" {
        let born = zulu_time(resource.created);
        for (field, value) in [
            ("instance_id", Value::from(resource.id.as_str())),
            ("instance_name", resource.name.as_str().into()),
            ("created_at", born.clone().into()),
            ("instance_created", born.into()),
            ("keypair_name", resource.field("ssh_key_name").cloned().unwrap_or_default()),
        ] {
            shown.insert(field.into(), value);
        }
        shown.shift_remove("updated_at");
    }
}

/// 32 hexadecimal digits derived from a text.
pub(super) fn opaque(text: &str) -> String {
    SeededRandom::fixed(("opaque", text)).request_id()
}

/// Adds the relations of a resource to other resources.
fn relate(store: &Store, uid: Uid, resource: &Resource, shown: &mut Map<String, Value>) {
    let ids = |found: &mut dyn Iterator<Item = (Uid, &Resource)>| -> Value {
        found.map(|(_, other)| json!({ "id": other.id })).collect::<Vec<_>>().into()
    };
    let whole = |found: &mut dyn Iterator<Item = (Uid, &Resource)>| -> Value {
        found.map(|(other, _)| resource_answer(store, other)).collect::<Vec<_>>().into()
    };
    let mut show = |field: &str, value: Value| {
        shown.insert(field.to_owned(), value);
    };
    match resource.kind.name {
        "subnets" if resource.seeded && resource.text("cidr").is_none() => {
            let network = store.used(uid, "networks").next().map(|(_, network)| network.id.clone());
            show("network_id", network.unwrap_or_else(|| SeededRandom::fixed(("network", &resource.id)).uuid()).into());
            show("cidr", "192.168.0.0/16".into());
            show("gateway_ip", "192.168.0.1".into());
            show("total_ips", 65_533.into());
            show("available_ips", 65_533.into());
        }
        "networks" => {
            let subnets: Vec<_> =
                store.users(uid, "subnets").map(|(_, subnet)| Value::from(subnet.id.as_str())).collect();
            show("subnets", subnets.into());
        }
        "instances" | "bminstances" => show("addresses", addresses(store, uid, resource)),
        "volumes" => show("attachments", attachments(store, uid, resource)),
        "servergroups" => {
            let members = store.users(uid, "instances");
            let member = |(_, other): (Uid, &Resource)| json!({ "instance_id": other.id, "instance_name": other.name });
            show("instances", members.map(member).collect::<Vec<_>>().into());
        }
        "loadbalancers" => {
            show("listeners", ids(&mut store.children(uid, "listeners")));
            let port = resource.field("vip_port_id");
            let ours = store.of_kind("floatingips").filter(|(_, ip)| port.is_some() && ip.field("port_id") == port);
            let ours: Vec<_> = ours.map(|(ip, _)| resource_answer(store, ip)).collect();
            show("floating_ips", ours.into());
        }
        "listeners" => {
            show("pool_count", store.users(uid, "pools").count().into());
            show("loadbalancer_id", resource.field("load_balancer_id").cloned().unwrap_or_default());
        }
        "pools" => {
            show("members", whole(&mut store.children(uid, "members")));
            show(
                "healthmonitor",
                store.children(uid, "healthmonitors").next().map_or(Value::Null, |(hm, _)| resource_answer(store, hm)),
            );
            show("listeners", ids(&mut store.used(uid, "listeners")));
            let balancer = resource.parent.and_then(|parent| store.get(parent));
            show("loadbalancers", balancer.map(|balancer| json!({ "id": balancer.id })).into_iter().collect());
        }
        "l7polices" => show("rules", whole(&mut store.children(uid, "l7rules"))),
        "security_groups" => show("security_group_rules", whole(&mut store.children(uid, "security_group_rules"))),
        "k8s_clusters" => show("pools", whole(&mut store.children(uid, "k8s_pools"))),
        "reserved_fixed_ips" => {
            let network = store.used(uid, "networks").next();
            show("network", network.map_or(Value::Null, |(network, _)| resource_answer(store, network)));
        }
        "ports" => {
            let device = resource.parent.and_then(|device| store.get(device));
            let network = store.used(uid, "networks").next().map(|(_, network)| network.id.as_str());
            let subnet = store.used(uid, "subnets").next().map(|(_, subnet)| subnet.id.as_str());
            let groups: Vec<_> =
                store.used(uid, "security_groups").map(|(_, group)| Value::from(group.id.as_str())).collect();
            show("network_id", network.into());
            show("ip_assignments", json!([{ "ip_address": resource.field("fixed_ip_address"), "subnet_id": subnet }]));
            show("security_group_ids", groups.into());
            show("device_id", device.map(|device| device.id.as_str()).into());
        }
        _ => {}
    }
}

/// A port by its id: of a machine or load balancer, or a reserved address, which counts as a port.
pub(super) fn port_at<'s>(store: &'s Store, id: &str) -> Option<(Uid, &'s Resource)> {
    let uid = store.by_id("ports", id).or_else(|| store.by_id("reserved_fixed_ips", id))?;
    Some((uid, store.get(uid)?))
}

/// The ports of a machine or load balancer, reserved addresses included.
pub(super) fn ports_of(store: &Store, device: Uid) -> impl Iterator<Item = (Uid, &Resource)> {
    store.children(device, "ports").chain(store.used(device, "reserved_fixed_ips"))
}

/// `{network: [{type, addr, …}]}`; empty while the machine is being built.
fn addresses(store: &Store, uid: Uid, machine: &Resource) -> Value {
    let mut by_network: Map<String, Value> = Map::new();
    if !machine.once_made.is_empty() {
        return by_network.into();
    }
    for (port_uid, port) in ports_of(store, uid) {
        let Some((_, network)) = store.used(port_uid, "networks").next() else { continue };
        let subnet = store.used(port_uid, "subnets").next().map(|(_, subnet)| subnet);
        let list = by_network.entry(network.name.clone()).or_insert_with(|| json!([]));
        let Value::Array(list) = list else { continue };
        list.push(json!({
            "type": "fixed",
            "addr": port.field("fixed_ip_address"),
            "subnet_id": subnet.map(|subnet| subnet.id.as_str()),
            "subnet_name": subnet.map(|subnet| subnet.name.as_str()),
            "interface_name": port.field("interface_name"),
        }));
        for (_, ip) in store.users(port_uid, "floatingips") {
            list.push(json!({ "type": "floating", "addr": ip.field("floating_ip_address") }));
        }
    }
    by_network.into()
}

fn attachments(store: &Store, uid: Uid, volume: &Resource) -> Value {
    let users = store.users(uid, "instances").chain(store.users(uid, "bminstances"));
    let attachment = |(owner, machine): (Uid, &Resource)| {
        json!({
            "attachment_id": SeededRandom::fixed((&volume.id, &machine.id)).uuid(),
            "volume_id": volume.id,
            "server_id": machine.id,
            "instance_name": null,
            "attached_at": resource_time(volume.updated),
            "device": device(store, owner, volume),
            "flavor_id": machine.field("flavor").and_then(|flavor| flavor.get("flavor_id")),
        })
    };
    users.map(attachment).collect::<Vec<_>>().into()
}

/// Where a volume is attached: the one that the machine starts from first, the others in their order.
fn device(store: &Store, machine: Uid, volume: &Resource) -> String {
    let is_root = |volume: &Resource| volume.field("is_root_volume") == Some(&true.into());
    if is_root(volume) {
        return "/dev/sda".to_owned();
    }
    let others = store.used(machine, "volumes").filter(|(_, other)| !is_root(other));
    let before = others.take_while(|(_, other)| other.id != volume.id).count();
    format!("/dev/sd{}", ('b'..='z').nth(before).unwrap_or('z'))
}

/// Adds the fields that every read of a kind shows.
pub(super) fn complete(resource: &mut Resource) {
    let kind = match resource.kind.name {
        // A client's own image has fewer fields than public ones.
        "images" if !resource.seeded => "own_images",
        kind => kind,
    };
    let constant = DEFAULTS.get(kind).and_then(Value::as_object).cloned().unwrap_or_default();
    for (field, value) in constant.into_iter().chain(own_defaults(resource)) {
        resource.fields.entry(field).or_insert(value);
    }
}

/// By kind: the fields whose values are the same for all.
static DEFAULTS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&packed!("src/simulate/defaults.json").text()).expect("the file is JSON"));

/// The fields that follow from the resource itself.
fn own_defaults(resource: &Resource) -> Map<String, Value> {
    let fields = match resource.kind.name {
        "k8s_pools" => json!({
            "max_node_count": resource.field("min_node_count"), "node_count": resource.field("min_node_count"),
        }),
        "registry_registries" => json!({ "url": format!("registry.simulated.invalid/{}", resource.name) }),
        "registry_users" => json!({ "expires_at": resource_time(resource.created) }),
        "postgresql_clusters" => {
            let configuration = resource.field("pg_server_configuration");
            json!({ "version": configuration.and_then(|configuration| configuration.get("version")) })
        }
        "access_rules" => json!({
            "access_level": resource.field("access_mode"), "access_to": resource.field("ip_address"),
        }),
        "projects" => json!({ "client_id": super::tasks::CLIENT }),
        "keypairs" => json!({ "sshkey_id": resource.id, "fingerprint": fingerprint(&resource.id) }),
        "ssh_keys" => json!({ "fingerprint": fingerprint(&resource.id) }),
        _ => Value::Null,
    };
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Sixteen pairs of hexadecimal digits derived from the key.
fn fingerprint(id: &str) -> String {
    let digits: Vec<_> = id.chars().filter(char::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| pair.iter().collect::<String>()).collect::<Vec<_>>().join(":")
}

/// The name of a region.
pub(super) fn region_name(region: u64) -> String {
    format!("Simulated-{region}")
}
