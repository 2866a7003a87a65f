//! Machines, volumes, snapshots and images: creating, attaching, detaching.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::call::Call;
use super::ip::{bind, insert_floating_ip, need_port};
use super::kinds;
use super::made::Made;
use super::network::{network_and_subnet, port};
use super::security_group::groups;
use super::seeds;
use super::state::{CloudState, TaskFault, fields};
use super::store::{ProjectRegion, Uid};
use super::tasks::Change;
use super::view::{self, ports_of};

// ── volumes, snapshots, images ──────────────────────────────────────────────────────────────────────────────────────

/// The source of a new volume's content, checked: whether it is bootable, and the smallest size in GiB.
fn source(
    state: &mut CloudState,
    project_region: ProjectRegion,
    wanted: &Map<String, Value>,
) -> Result<(bool, u64), Refusal> {
    let text = |field: &str| wanted.get(field).and_then(Value::as_str).unwrap_or_default();
    match text("source") {
        "image" => {
            state.need_image(project_region, text("image_id"))?;
            Ok((true, 1))
        }
        "apptemplate" => Ok((true, 10)),
        "snapshot" => {
            let snapshot = state.need("snapshots", project_region, text("snapshot_id"))?;
            let size = state.store.get(snapshot).and_then(|snapshot| snapshot.field("size")?.as_u64());
            Ok((true, size.unwrap_or(1)))
        }
        _ => Ok((false, 1)),
    }
}

fn insert_volume(
    state: &mut CloudState,
    project_region: ProjectRegion,
    body: &Map<String, Value>,
    (bootable, smallest): (bool, u64),
) -> Uid {
    let mut draft = state.draft("volumes", project_region, body);
    let size = body.get("size").cloned().unwrap_or_else(|| smallest.into());
    let volume_type = body.get("type_name").cloned().unwrap_or_else(|| "standard".into());
    draft.fields.insert("size".into(), size);
    draft.fields.insert("volume_type".into(), volume_type);
    draft.fields.insert("bootable".into(), bootable.into());
    if bootable && let Some(image) = body.get("image_id").and_then(Value::as_str) {
        draft.fields.insert("volume_image_metadata".into(), image_metadata(state, project_region, image));
    }
    state.insert(draft)
}

/// The image fields that a volume shows.
pub(super) fn image_metadata(state: &CloudState, project_region: ProjectRegion, image: &str) -> Value {
    let known =
        state.store.at(kinds::named("images"), project_region, None, image).and_then(|uid| state.store.get(uid));
    let text = |field: &str, otherwise: &str| -> Value {
        known.and_then(|image| image.text(field)).unwrap_or(otherwise).into()
    };
    json!({
        "architecture": text("architecture", "x86_64"), "display_order": "2404", "hw_disk_bus": "scsi",
        "hw_machine_type": "q35", "hw_qemu_guest_agent": "True", "hw_scsi_model": "virtio-scsi",
        "os_distro": text("os_distro", "ubuntu"), "os_require_quiesce": "True", "os_type": text("os_type", "linux"),
        "os_version": text("os_version", "24.04"), "ssh_key": text("ssh_key", "allow"),
        "os_glance_importing_to_stores": "", "os_glance_failed_import": "", "image_id": image,
        "image_name": known.map_or("ubuntu-24.04-x64", |image| image.name.as_str()), "checksum": view::opaque(image),
        "container_format": "bare", "disk_format": "raw", "min_disk": "5", "min_ram": "0", "size": "2361393152",
    })
}

/// Image fields that a machine shows as read-only tags.
const IMAGE_TAGS: [&str; 5] = ["image_id", "image_name", "os_distro", "os_type", "os_version"];

/// Creates a volume.
pub(super) fn volume(state: &mut CloudState, call: &Call<'_>) -> Result<Made, Refusal> {
    let content = source(state, call.project_region(), &call.body)?;
    let machine = match call.text("instance_id_to_attach_to") {
        Some(id) => Some(state.need("instances", call.project_region(), id)?),
        None => None,
    };
    let volume = insert_volume(state, call.project_region(), &call.body, content);
    if let Some(machine) = machine {
        attach_volume(state, machine, volume, false);
    }
    Ok(Made::one(volume))
}

/// Creates a snapshot of a volume.
pub(super) fn snapshot(state: &mut CloudState, call: &Call<'_>) -> Result<Made, Refusal> {
    let volume = state.need("volumes", call.project_region(), call.text("volume_id").unwrap_or_default())?;
    state.check_free(&[volume])?;
    let mut draft = state.draft("snapshots", call.project_region(), &call.body);
    let size = state.store.get(volume).and_then(|volume| volume.field("size").cloned());
    draft.fields.insert("size".into(), size.unwrap_or_else(|| 1.into()));
    let snapshot = state.insert(draft);
    state.store.link(snapshot, volume);
    Ok(Made { all: vec![snapshot], locks: vec![volume], ..Made::default() })
}

/// Creates an image.
pub(super) fn image(state: &mut CloudState, call: &Call<'_>) -> Result<Made, Refusal> {
    if let Some(volume) = call.text("volume_id") {
        state.need("volumes", call.project_region(), volume)?;
    }
    let mut draft = state.draft(call.target.kind, call.project_region(), &call.body);
    let size = Map::from_iter([("size".to_owned(), Value::from(2_361_393_152_u64))]);
    if !call.request.path.contains("/downloadimage/") {
        draft.once_made.extend(size);
        return Ok(Made::one(state.insert(draft)));
    }
    draft.once_made.insert("status".into(), "queued".into());
    let image = state.insert(draft);
    let ready = [("status".to_owned(), Value::from("active"))].into_iter().chain(size).collect();
    let changes = vec![Change::Later(IMPORTING, Box::new(Change::Merge(image, ready)))];
    Ok(Made { changes, ..Made::one(image) })
}

/// How long an imported image stays not ready after its task (`observed.md` §6).
const IMPORTING: Duration = Duration::from_secs(20);

/// Attaches a volume to a machine.
pub(super) fn attach_volume(state: &mut CloudState, machine: Uid, volume: Uid, deleted_with_machine: bool) {
    let id = state.id(volume);
    state.store.link(machine, volume);
    if let Some(machine) = state.store.get_mut(machine)
        && let Some(Value::Array(volumes)) = machine.fields.get_mut("volumes")
    {
        volumes.push(json!({ "id": id, "delete_on_termination": deleted_with_machine }));
    }
    if let Some(volume) = state.store.get_mut(volume) {
        let status = if volume.once_made.is_empty() { &mut volume.fields } else { &mut volume.once_made };
        status.insert("status".into(), "in-use".into());
    }
}

/// Detaches it again.
pub(super) fn detach_volume(state: &mut CloudState, machine: Uid, volume: Uid) {
    let id = Value::from(state.id(volume));
    state.store.unlink(machine, volume);
    if let Some(machine) = state.store.get_mut(machine)
        && let Some(Value::Array(volumes)) = machine.fields.get_mut("volumes")
    {
        volumes.retain(|attached| attached.get("id") != Some(&id));
    }
    if let Some(volume) = state.store.get_mut(volume) {
        volume.fields.insert("status".into(), "available".into());
    }
}

/// The machine that a volume is attached to.
pub(super) fn holder(state: &CloudState, volume: Uid) -> Option<Uid> {
    let machines = state.store.users(volume, "instances").chain(state.store.users(volume, "bminstances"));
    machines.map(|(machine, _)| machine).next()
}

/// Releases the volumes and reserved addresses of a machine that is removed.
pub(super) fn release(state: &mut CloudState, leaving: Uid) {
    let volumes: Vec<_> = state.store.used(leaving, "volumes").map(|(volume, _)| volume).collect();
    if state.store.get(leaving).is_some_and(|resource| resource.kind.name == "instances") {
        volumes.into_iter().for_each(|volume| detach_volume(state, leaving, volume));
    }
    let reserved: Vec<_> = state.store.used(leaving, "reserved_fixed_ips").map(|(reserved, _)| reserved).collect();
    for reserved in reserved {
        occupy(state, reserved, None);
    }
}

// ── machines ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A machine's body, with every reference checked.
struct Wanted {
    volumes: Vec<WantedVolume>,
    interfaces: Vec<WantedInterface>,
    server_group: Option<Uid>,
}

/// A volume of the body: a new one (`content`: whether it is bootable, and its size in GiB), or an existing one.
enum WantedVolume {
    New { body: Map<String, Value>, content: (bool, u64), root: bool },
    Existing { volume: Uid, root: bool, deleted_with_machine: bool },
}

/// An interface of the body.
struct WantedInterface {
    body: Map<String, Value>,
    at: PortNetwork,
    groups: Vec<Uid>,
    floating: WantedFloatingIp,
}

/// The network of a port.
enum PortNetwork {
    Subnet { network: Uid, subnet: Uid },
    Reserved(Uid),
}

/// The floating IP of a port.
enum WantedFloatingIp {
    None,
    New,
    Existing(Uid),
}

/// A virtual machine with its volumes, ports and addresses.
pub(super) fn machine(state: &mut CloudState, call: &Call<'_>) -> Result<Made, Refusal> {
    let wanted = wanted(state, call)?;
    let project_region = call.project_region();
    let kind = call.target.kind;
    let mut draft = state.draft(kind, project_region, &call.body);
    if draft.name.is_empty() {
        draft.name = call.text("name_template").map_or_else(|| "instance".to_owned(), str::to_owned);
    }
    let name = draft.name.clone();
    let flavor = call.text("flavor").unwrap_or_default();
    let flavor = if kind == "bminstances" { seeds::bare_metal_flavor_of(flavor) } else { seeds::flavor_of(flavor) };
    draft.fields.insert("flavor".into(), flavor);
    draft.fields.insert("volumes".into(), json!([]));
    let groups = wanted.interfaces.iter().flat_map(|interface| &interface.groups);
    let mut names: Vec<_> =
        groups.filter_map(|group| state.store.get(*group)).map(|group| json!({ "name": group.name })).collect();
    if names.is_empty() {
        names.push(json!({ "name": "default" }));
    }
    names.dedup();
    draft.fields.insert("security_groups".into(), names.into());
    let machine = state.insert(draft);
    let mut made = Made::one(machine);
    if let Some(group) = wanted.server_group {
        state.store.link(machine, group);
    }
    for (index, volume) in wanted.volumes.into_iter().enumerate() {
        let (volume, new) = add_volume(state, project_region, machine, volume, &format!("{name}-volume-{index}"));
        if new { made.all.push(volume) } else { made.touched.push(volume) }
    }
    for interface in wanted.interfaces {
        add_interface(state, machine, &interface, &mut made);
    }
    Ok(made)
}

fn wanted(state: &mut CloudState, call: &Call<'_>) -> Result<Wanted, Refusal> {
    let project_region = call.project_region();
    let server_group =
        call.text("servergroup_id").map(|id| state.need("servergroups", project_region, id)).transpose()?;
    let mut volumes = Vec::new();
    for (index, volume) in call.list("volumes").iter().enumerate() {
        volumes.push(wanted_volume(state, project_region, volume, index)?);
    }
    // The machine's groups are those of all its ports.
    let of_machine = groups(state, project_region, call.body.get("security_groups"))?;
    let mut interfaces = Vec::new();
    for interface in call.list("interfaces") {
        let mut interface = wanted_interface(state, project_region, interface)?;
        if interface.groups.is_empty() {
            interface.groups.clone_from(&of_machine);
        }
        interfaces.push(interface);
    }
    Ok(Wanted { volumes, interfaces, server_group })
}

fn wanted_volume(
    state: &mut CloudState,
    project_region: ProjectRegion,
    volume: &Value,
    index: usize,
) -> Result<WantedVolume, Refusal> {
    let body = fields(volume.clone());
    let boot = body.get("boot_index").and_then(Value::as_i64);
    let root = boot == Some(0) || (boot.is_none() && index == 0);
    if body.get("source").and_then(Value::as_str) != Some("existing-volume") {
        // The image is checked as part of the body, so that its refusal is 400 (`observed.md` §8).
        let content = source(state, project_region, &body).map_err(Refusal::wrong_in_body)?;
        return Ok(WantedVolume::New { body, content, root });
    }
    let id = body.get("volume_id").and_then(Value::as_str).unwrap_or_default();
    let volume = state.need("volumes", project_region, id)?;
    state.check_free(&[volume])?;
    if holder(state, volume).is_some() && state.task_fault.is_none() {
        // The request is accepted; its task fails.
        let text = Some(format!("Volume {id} is in unexpected state in-use"));
        state.task_fault = Some(TaskFault { text, leaves: false });
    }
    let deleted_with_machine = body.get("delete_on_termination").and_then(Value::as_bool) == Some(true);
    Ok(WantedVolume::Existing { volume, root, deleted_with_machine })
}

fn wanted_interface(
    state: &mut CloudState,
    project_region: ProjectRegion,
    interface: &Value,
) -> Result<WantedInterface, Refusal> {
    let body = fields(interface.clone());
    let groups = groups(state, project_region, body.get("security_groups"))?;
    let at = match body.get("port_id").and_then(Value::as_str) {
        Some(id) => PortNetwork::Reserved(free_address(state, project_region, id)?),
        None => {
            let (network, subnet) = network_and_subnet(state, project_region, &body)?;
            PortNetwork::Subnet { network, subnet }
        }
    };
    let floating = match body.get("floating_ip") {
        Some(Value::Object(wanted)) => match wanted.get("existing_floating_id").and_then(Value::as_str) {
            Some(id) => WantedFloatingIp::Existing(state.need("floatingips", project_region, id)?),
            None => WantedFloatingIp::New,
        },
        _ => WantedFloatingIp::None,
    };
    Ok(WantedInterface { body, at, groups, floating })
}

/// A reserved address without a machine, unless it is shared as a virtual IP.
fn free_address(state: &mut CloudState, project_region: ProjectRegion, id: &str) -> Result<Uid, Refusal> {
    let reserved = state.need("reserved_fixed_ips", project_region, id)?;
    let used = ["instances", "bminstances", "loadbalancers"]
        .into_iter()
        .any(|kind| state.store.users(reserved, kind).next().is_some());
    if used { Err(Refusal::conflict(format!("Port {id} is already in use"))) } else { Ok(reserved) }
}

fn add_volume(
    state: &mut CloudState,
    project_region: ProjectRegion,
    machine: Uid,
    wanted: WantedVolume,
    name: &str,
) -> (Uid, bool) {
    let (volume, new, root, deleted_with_machine) = match wanted {
        WantedVolume::New { mut body, content, root } => {
            let deleted_with_machine = body.shift_remove("delete_on_termination") == Some(Value::Bool(true));
            body.shift_remove("boot_index");
            body.entry("name").or_insert_with(|| name.into());
            (insert_volume(state, project_region, &body, content), true, root, deleted_with_machine)
        }
        WantedVolume::Existing { volume, root, deleted_with_machine } => (volume, false, root, deleted_with_machine),
    };
    if holder(state, volume).is_some() {
        return (volume, new);
    }
    attach_volume(state, machine, volume, deleted_with_machine);
    if root {
        if let Some(volume) = state.store.get_mut(volume) {
            volume.fields.insert("is_root_volume".into(), true.into());
            volume.fields.insert("bootable".into(), true.into());
        }
        report_image(state, machine, volume);
    }
    (volume, new)
}

/// Adds the tags of the boot image to a machine.
fn report_image(state: &mut CloudState, machine: Uid, volume: Uid) {
    let image = state.store.get(volume).and_then(|volume| volume.field("volume_image_metadata")?.as_object().cloned());
    let image: Map<_, _> =
        image.into_iter().flatten().filter(|(word, _)| IMAGE_TAGS.contains(&word.as_str())).collect();
    if let Some(machine) = state.store.get_mut(machine) {
        machine.fields.insert(view::SERVER_TAGS.into(), image.into());
    }
}

/// Adds an interface with its port and floating IP, new or existing.
fn add_interface(state: &mut CloudState, machine: Uid, wanted: &WantedInterface, made: &mut Made) {
    let project_region = state.store.get(machine).map(|machine| machine.project_region).unwrap_or_default();
    let port = match wanted.at {
        PortNetwork::Subnet { network, subnet } => port(state, machine, network, subnet, &wanted.body),
        PortNetwork::Reserved(reserved) => {
            state.store.link(machine, reserved);
            occupy(state, reserved, Some(machine));
            reserved
        }
    };
    for group in &wanted.groups {
        state.store.link(port, *group);
    }
    made.touched.push(port);
    match wanted.floating {
        WantedFloatingIp::None => {}
        WantedFloatingIp::New => {
            let ip = insert_floating_ip(state, project_region, &Map::new());
            bind(state, ip, Some(port));
            made.all.push(ip);
        }
        WantedFloatingIp::Existing(ip) => {
            bind(state, ip, Some(port));
            made.touched.push(ip);
        }
    }
}

/// Sets the holder of a reserved address.
pub(super) fn occupy(state: &mut CloudState, reserved: Uid, by: Option<Uid>) {
    let holder = by.and_then(|uid| state.store.get(uid)).map(|holder| (holder.kind.name, holder.id.clone()));
    let reservation = match &holder {
        Some((kind, id)) => {
            json!({ "status": "in_use", "resource_type": kind.trim_end_matches('s'), "resource_id": id })
        }
        None => json!({ "status": "available", "resource_type": null, "resource_id": null }),
    };
    if let Some(reserved) = state.store.get_mut(reserved) {
        let attachments: Vec<_> = holder
            .iter()
            .map(|(kind, id)| json!({ "resource_type": kind.trim_end_matches('s'), "resource_id": id }))
            .collect();
        reserved.fields.insert("status".into(), if holder.is_some() { "ACTIVE" } else { "DOWN" }.into());
        reserved.fields.insert("reservation".into(), reservation);
        reserved.fields.insert("attachments".into(), attachments.into());
    }
}

/// `POST …/attach_interface`: the port exists at once, before the task ends.
pub(super) fn attach_interface(state: &mut CloudState, call: &Call<'_>, machine: Uid) -> Result<Made, Refusal> {
    let wanted = wanted_interface(state, call.project_region(), &Value::Object(call.body.clone()))?;
    let mut made = Made::default();
    add_interface(state, machine, &wanted, &mut made);
    Ok(made)
}

/// `POST …/detach_interface`, by port or by address.
pub(super) fn detach_interface(state: &mut CloudState, call: &Call<'_>, machine: Uid) -> Result<(), Refusal> {
    let (port_id, address) = (call.text("port_id"), call.text("ip_address"));
    let found = ports_of(&state.store, machine)
        .find(|(_, port)| port_id == Some(&port.id) || (address.is_some() && port.text("fixed_ip_address") == address))
        .map(|(uid, port)| (uid, port.kind.name));
    match found {
        Some((port, "ports")) => state.remove(port),
        Some((reserved, _)) => {
            state.store.unlink(machine, reserved);
            occupy(state, reserved, None);
        }
        None => {
            let what = port_id.or(address).unwrap_or_default();
            return Err(Refusal::not_found(format!("Port {what} of the instance not found")));
        }
    }
    Ok(())
}

/// The resources removed with a machine: volumes bound to it, and those that the query names.
pub(super) fn removed_with(state: &CloudState, call: &Call<'_>, machine: Uid) -> Result<Vec<Uid>, Refusal> {
    let mut going = Vec::new();
    if let Some(resource) = state.store.get(machine) {
        let attached = resource.field("volumes").and_then(Value::as_array).into_iter().flatten();
        let bound = attached.filter(|volume| volume.get("delete_on_termination") == Some(&Value::Bool(true)));
        going.extend(bound.filter_map(|volume| state.store.by_id("volumes", volume.get("id")?.as_str()?)));
    }
    for id in call.query_list("volumes") {
        let volume = state.store.used(machine, "volumes").find(|(_, volume)| volume.id == id).map(|(volume, _)| volume);
        let words = || Refusal::invalid_field("volumes", format!("volume {id} is not attached to the instance"));
        going.push(volume.ok_or_else(words)?);
    }
    let ports: Vec<_> = ports_of(&state.store, machine).map(|(port, _)| port).collect();
    let ips = || ports.iter().flat_map(|port| state.store.users(*port, "floatingips"));
    if call.query("delete_floatings") == Some("true") || call.query("all_floating_ips") == Some("true") {
        going.extend(ips().map(|(ip, _)| ip));
    }
    for id in call.query_list("floatings").into_iter().chain(call.query_list("floating_ip_ids")) {
        let words = || Refusal::invalid_field("floatings", format!("floating IP {id} is not bound to the instance"));
        going.push(ips().find(|(_, ip)| ip.id == id).map(|(ip, _)| ip).ok_or_else(words)?);
    }
    for id in call.query_list("reserved_fixed_ips").into_iter().chain(call.query_list("reserved_fixed_ip_ids")) {
        going.push(need_port(state, &id)?);
    }
    going.sort_unstable();
    going.dedup();
    Ok(going)
}
