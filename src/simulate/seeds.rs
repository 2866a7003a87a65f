//! The initial contents of the simulated cloud: public images, flavours, the external network, Kubernetes versions.
//! Their ids depend only on their names, projects and regions, so that documents and tests can quote them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::draw::SeededRandom;
use super::kinds;
use super::state::fields;
use super::store::{ProjectRegion, Resource, Store, Uid};
use super::view::{self, region_name};

/// Name, distribution, version, system, smallest disk in GiB.
const IMAGES: [(&str, &str, &str, &str, u64); 8] = [
    ("ubuntu-22.04-x64", "ubuntu", "22.04", "linux", 3),
    ("ubuntu-24.04-x64", "ubuntu", "24.04", "linux", 3),
    ("debian-12-x64", "debian", "12", "linux", 2),
    ("debian-13-x64", "debian", "13", "linux", 2),
    ("rocky-9-x64", "rocky", "9", "linux", 10),
    ("almalinux-9-x64", "almalinux", "9", "linux", 10),
    ("fedora-41-x64", "fedora", "41", "linux", 5),
    ("windows-server-2022-x64", "windows-server", "2022", "windows", 21),
];

/// Name, virtual processors, memory in MiB.
const FLAVORS: [(&str, u64, u64); 8] = [
    ("g2-standard-1-2", 1, 2048),
    ("g2-standard-2-4", 2, 4096),
    ("g2-standard-2-8", 2, 8192),
    ("g2-standard-4-8", 4, 8192),
    ("g2-standard-4-16", 4, 16_384),
    ("g2-standard-8-16", 8, 16_384),
    ("g2-standard-8-32", 8, 32_768),
    ("g2-standard-16-64", 16, 65_536),
];

const BARE_METAL_FLAVORS: [(&str, u64, u64); 2] =
    [("bm1-infrastructure-small", 16, 65_536), ("bm1-infrastructure-medium", 32, 131_072)];

const BALANCER_FLAVORS: [(&str, u64, u64); 4] =
    [("lb1-1-2", 1, 2048), ("lb1-2-4", 2, 4096), ("lb1-4-8", 4, 8192), ("lb1-8-16", 8, 16_384)];

pub(super) const KUBERNETES_VERSIONS: [&str; 4] = ["v1.31.9", "v1.32.5", "v1.33.3", "v1.34.1"];

/// Number, display name, country, zone. Other regions have their number as name.
const REGIONS: [(u64, &str, &str, &str); 6] = [
    (7, "Simulated-7", "LU", "EMEA"),
    (8, "Simulated-8", "US", "AMERICAS"),
    (76, "Simulated-76", "NL", "EMEA"),
    (84, "Simulated-84", "DE", "EMEA"),
    (88, "Simulated-88", "SG", "APAC"),
    (104, "Simulated-104", "JP", "APAC"),
];

/// The regions a list shows when none are configured.
pub(super) fn region_numbers() -> Vec<u64> {
    REGIONS.iter().map(|(number, ..)| *number).collect()
}

/// A region as `GET /cloud/v1/regions/{region_id}` shows it.
pub(super) fn region(number: u64) -> Value {
    let known = REGIONS.iter().find(|(known, ..)| *known == number);
    let (country, zone) = known.map_or(("LU", "EMEA"), |(_, _, country, zone)| (*country, *zone));
    let project_region = ProjectRegion { project: 0, region: number };
    json!({
        "id": number, "display_name": region_name(number), "keystone_id": number, "keystone_name": region_name(number),
        "country": country, "zone": zone, "state": "ACTIVE", "access_level": "core", "endpoint_type": "public",
        "slug": region_name(number).to_lowercase(), "created_at": "2020-01-01T00:00:00+0000",
        "created_on": "2020-01-01T00:00:00+0000", "task_id": null,
        "external_network_id": fixed_id(project_region, "external-network"), "coordinates": null, "metrics_database_id": null,
        "available_volume_types": ["standard", "ssd_hiiops", "ssd_lowlatency", "cold", "ultra"],
        "file_share_types": ["standard", "vast"], "vlan_physical_network": "vlan",
        "has_ai": true, "has_ai_gpu": true, "has_baremetal": true, "has_basic_vm": true, "has_dbaas": true,
        "has_ddos": true, "has_k8s": true, "has_kvm": true, "has_sfs": true,
    })
}

fn fixed_id(project_region: ProjectRegion, name: &str) -> String {
    SeededRandom::fixed((project_region.project, project_region.region, name)).uuid()
}

fn seeded(kind: &str, project_region: ProjectRegion, name: &str, now: Timestamp, body: Value) -> Resource {
    let mut resource = Resource {
        kind: kinds::named(kind),
        id: fixed_id(project_region, &format!("{kind}/{name}")),
        name: name.to_owned(),
        project_region,
        parent: None,
        fields: fields(body),
        once_made: Map::new(),
        tags: Default::default(),
        created: now,
        updated: now,
        creator_task: None,
        lock: None,
        leaving: false,
        seeded: true,
        of_bystander: false,
    };
    view::complete(&mut resource);
    resource
}

const EXTERNAL_NETWORK: &str = "pub_net";
const EXTERNAL_SUBNET: &str = "pub_net_subnet";

/// A project that existed before the simulation began.
pub(super) fn project(number: u64, now: Timestamp) -> Resource {
    let project_region = ProjectRegion::default();
    let mut project =
        seeded("projects", project_region, &format!("project-{number}"), now, json!({ "is_default": number == 1 }));
    project.id = number.to_string();
    project
}

/// The resources that a project has in a region from the start.
pub(super) fn resources(project_region: ProjectRegion, now: Timestamp) -> Vec<Resource> {
    let mut all: Vec<_> = IMAGES.iter().map(|image| public_image(project_region, now, image)).collect();
    let network = json!({ "external": true, "shared": true, "mtu": 1500, "type": "vlan", "default": false });
    // The external network belongs to the region: its id is the same in every project.
    let mut network = seeded("networks", project_region, EXTERNAL_NETWORK, now, network);
    network.id = fixed_id(ProjectRegion { project: 0, ..project_region }, "external-network");
    let subnet = json!({
        "cidr": "198.18.0.0/15", "gateway_ip": "198.18.0.1", "enable_dhcp": true, "network_id": network.id,
        "total_ips": 131_069, "available_ips": 131_069,
    });
    all.push(network);
    all.push(seeded("subnets", project_region, EXTERNAL_SUBNET, now, subnet));
    all.push(seeded(
        "security_groups",
        project_region,
        "default",
        now,
        json!({ "description": "Default security group" }),
    ));
    all
}

/// Connects the external subnet with the external network.
pub(super) fn join(store: &mut Store, project_region: ProjectRegion) {
    let External { network, subnet } = external(store, project_region);
    store.link(subnet, network);
}

/// The id of a public image that is in every region.
pub(super) fn default_image(project_region: ProjectRegion) -> String {
    fixed_id(ProjectRegion { project: 0, ..project_region }, "images/ubuntu-24.04-x64")
}

fn public_image(project_region: ProjectRegion, now: Timestamp, image: &(&str, &str, &str, &str, u64)) -> Resource {
    let (name, distribution, version, system, disk) = *image;
    let ssh_key = if system == "windows" { "deny" } else { "allow" };
    let body = json!({
        "os_distro": distribution, "os_version": version, "os_type": system, "min_disk": disk, "min_ram": 512,
        "visibility": "public", "status": "active", "ssh_key": ssh_key, "architecture": "x86_64",
    });
    let mut image = seeded("images", project_region, name, now, body);
    image.id = fixed_id(ProjectRegion { project: 0, ..project_region }, &format!("images/{name}"));
    image
}

pub(super) struct External {
    pub(super) network: Uid,
    pub(super) subnet: Uid,
}

/// The external network of a region and its subnet.
pub(super) fn external(store: &Store, project_region: ProjectRegion) -> External {
    let seeded = |kind, name| {
        store
            .of_kind(kind)
            .find(|(_, resource)| resource.seeded && resource.project_region == project_region && resource.name == name)
            .map(|(uid, _)| uid)
            .expect("a project's region is opened before any of its resources is spoken of")
    };
    External { network: seeded("networks", EXTERNAL_NETWORK), subnet: seeded("subnets", EXTERNAL_SUBNET) }
}

// ── flavours ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Processors and memory (MiB) of a flavour; an unknown name is parsed as `…-<processors>-<GiB>`.
fn size(name: &str) -> (u64, u64) {
    let known = FLAVORS.iter().chain(&BARE_METAL_FLAVORS).chain(&BALANCER_FLAVORS).find(|(known, ..)| *known == name);
    if let Some((_, processors, memory)) = known {
        return (*processors, *memory);
    }
    let mut numbers = name.rsplit('-').map_while(|word| word.parse::<u64>().ok());
    let memory = numbers.next();
    match (numbers.next(), memory) {
        (Some(processors), Some(memory)) => (processors, memory * 1024),
        _ => (1, 1024),
    }
}

/// A machine's flavour, as a read of the machine shows it.
pub(super) fn flavor_of(name: &str) -> Value {
    let (processors, memory) = size(name);
    json!({
        "flavor_id": name, "flavor_name": name, "vcpus": processors, "ram": memory, "architecture": "x86_64",
        "os_type": "linux",
        "hardware_description": { "vcpus": processors.to_string(), "ram": memory.to_string() },
    })
}

/// A bare metal server's flavour, as a read of the server shows it.
pub(super) fn bare_metal_flavor_of(name: &str) -> Value {
    let (processors, memory) = size(name);
    json!({
        "flavor_id": name, "flavor_name": name, "vcpus": processors, "ram": memory, "architecture": "x86_64",
        "os_type": "linux", "resource_class": name,
        "hardware_description": {
            "cpu": format!("{processors} cores"), "ram": format!("{memory} MiB"), "disk": "2x480 GB SSD",
            "network": "2x10 Gbit/s", "license": "",
        },
    })
}

pub(super) fn balancer_flavor(name: &str) -> Value {
    let (processors, memory) = size(name);
    json!({ "flavor_id": name, "flavor_name": name, "vcpus": processors, "ram": memory })
}

fn listed(flavors: impl Iterator<Item = Value>) -> Vec<Value> {
    flavors
        .map(|flavor| {
            let mut flavor = fields(flavor);
            flavor.insert("disabled".into(), false.into());
            Value::Object(flavor)
        })
        .collect()
}

pub(super) fn flavors() -> Vec<Value> {
    listed(FLAVORS.iter().map(|(name, ..)| flavor_of(name)))
}

pub(super) fn bare_metal_flavors() -> Vec<Value> {
    listed(BARE_METAL_FLAVORS.iter().map(|(name, ..)| bare_metal_flavor_of(name)))
}

/// Flavours of Kubernetes nodes: virtual and bare metal, in one form.
pub(super) fn node_flavors() -> Vec<Value> {
    listed(FLAVORS.iter().chain(&BARE_METAL_FLAVORS).map(|(name, ..)| bare_metal_flavor_of(name)))
}

pub(super) fn balancer_flavors() -> Vec<Value> {
    BALANCER_FLAVORS.iter().map(|(name, ..)| balancer_flavor(name)).collect()
}

pub(super) fn kubernetes_versions() -> Vec<Value> {
    KUBERNETES_VERSIONS.iter().map(|version| json!({ "version": version })).collect()
}

/// A public and a private key that look real and are not.
pub(super) fn key_pair(draw: &mut SeededRandom) -> (String, String) {
    let body = STANDARD.encode(format!("simulated key {}", draw.secret()));
    let public = format!("ssh-ed25519 {body} simulated");
    let private = format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n");
    (public, private)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_flavours_are_read_by_their_name() {
        assert_eq!(size("g9-mega-3-12"), (3, 12 * 1024));
        assert_eq!(size("g2-standard-2-4"), (2, 4096));
        assert_eq!(size("whatever"), (1, 1024));
    }

    #[test]
    fn the_seeds_are_the_same_in_every_simulator() {
        let project_region = ProjectRegion { project: 1, region: 7 };
        let ids = |now: Timestamp| resources(project_region, now).into_iter().map(|seed| seed.id).collect::<Vec<_>>();
        assert_eq!(ids(Timestamp::UNIX_EPOCH), ids(Timestamp::MAX));
    }
}
