//! Fields of a resource that is assumed to exist in the account: those that every resource of its kind has, so that a
//! read of it looks like a real one. Relations that the plan will state (the network of a subnet) are left open.

use serde_json::{Map, Value, json};

use super::compute::image_metadata;
use super::draw::SeededRandom;
use super::kinds::{self, ResourceKind};
use super::network::{next_address, port};
use super::seeds;
use super::state::{CloudState, fields};
use super::store::{ProjectRegion, Uid};
use super::view;

impl CloudState {
    /// A resource that is assumed to exist because it is named.
    pub(super) fn assume(&mut self, kind: &'static ResourceKind, project_region: ProjectRegion, key: &str) -> Uid {
        let name = if kind.by_name { key.to_owned() } else { format!("{}-{}", kind.name, key.get(..8).unwrap_or(key)) };
        let body = Map::from_iter([(kind.name_field.to_owned(), Value::from(name))]);
        let mut resource = self.draft(kind.name, project_region, &body);
        if !kind.by_name {
            key.clone_into(&mut resource.id);
        }
        let settled = std::mem::take(&mut resource.once_made);
        resource.fields.extend(settled);
        resource.seeded = true;
        resource.of_bystander = false;
        resource.creator_task = kind.shows_task.then(|| SeededRandom::fixed(("creator", key)).uuid());
        view::complete(&mut resource);
        let uid = self.store.insert(resource);
        complete_assumed(self, uid);
        uid
    }

    /// Another assumed resource, with a random id.
    pub(super) fn assume_some(&mut self, kind: &'static str, project_region: ProjectRegion) -> Uid {
        let id = self.draw.uuid();
        self.assume(kinds::named(kind), project_region, &id)
    }
}

/// Adds the fields and relations of an assumed resource, with its ports and its parent.
fn complete_assumed(state: &mut CloudState, uid: Uid) {
    let Some(resource) = state.store.get(uid) else { return };
    let project_region = resource.project_region;
    match resource.kind.name {
        "instances" => {
            let external = seeds::external(&state.store, project_region);
            port(state, uid, external.network, external.subnet, &Map::new());
            set(
                state,
                uid,
                json!({
                    "flavor": seeds::flavor_of("g2-standard-2-4"), "security_groups": [{ "name": "default" }],
                    view::SERVER_TAGS: {
                        "image_id": seeds::default_image(project_region), "image_name": "ubuntu-24.04-x64", "os_distro": "ubuntu",
                        "os_type": "linux", "os_version": "24.04",
                    },
                }),
            );
        }
        "loadbalancers" => {
            let external = seeds::external(&state.store, project_region);
            let vip = port(state, uid, external.network, external.subnet, &Map::new());
            let address = state.store.get(vip).and_then(|vip| vip.field("fixed_ip_address").cloned());
            let vrrp = |role: &str, address: String| json!({ "ip_address": address, "subnet_id": state.id(external.subnet), "role": role });
            let vrrp = [vrrp("MASTER", "198.18.255.1".into()), vrrp("BACKUP", "198.18.255.2".into())];
            let known = json!({
                "flavor": seeds::balancer_flavor("lb1-1-2"), "vip_address": address, "vip_port_id": state.id(vip),
                "vrrp_ips": vrrp,
            });
            set(state, uid, known);
        }
        "listeners" => {
            let balancer = state.assume_some("loadbalancers", project_region);
            state.store.adopt(uid, balancer);
            let id = state.id(balancer);
            set(state, uid, json!({ "load_balancer_id": id, "protocol": "HTTP", "protocol_port": 80 }));
        }
        "pools" => {
            let listener = state.assume_some("listeners", project_region);
            let balancer = state.store.root(listener);
            state.store.adopt(uid, balancer);
            state.store.link(uid, listener);
            set(state, uid, json!({ "lb_algorithm": "ROUND_ROBIN", "protocol": "HTTP" }));
        }
        "reserved_fixed_ips" => {
            let external = seeds::external(&state.store, project_region);
            let address = next_address(state, external.subnet);
            state.store.link(uid, external.network);
            state.store.link(uid, external.subnet);
            let known = json!({
                "fixed_ip_address": address, "is_external": true, "network_id": state.id(external.network),
                "subnet_id": state.id(external.subnet),
            });
            set(state, uid, known);
        }
        "volumes" => {
            let image = image_metadata(state, project_region, &seeds::default_image(project_region));
            set(state, uid, json!({ "bootable": true, "volume_image_metadata": image }));
        }
        "floatingips" => {
            let external = seeds::external(&state.store, project_region);
            let address = next_address(state, external.subnet);
            set(state, uid, json!({ "floating_ip_address": address }));
        }
        _ => {}
    }
}

fn set(state: &mut CloudState, uid: Uid, known: Value) {
    if let Some(resource) = state.store.get_mut(uid) {
        resource.fields.extend(fields(known));
    }
}
