//! The simulator and the client compared with recordings of the real API: the forms of answers in `observed.yaml`,
//! and tests for what tasks list, for headers and for errors (`observed.md` §1 to §8).

mod errors;
mod form;
mod lists;

use std::collections::BTreeMap;

use super::*;
use crate::api::{Task, TaskState};
use form::{Form, observed};

const MACHINES_V2: &str = "/cloud/v2/instances/1/7";

/// A world whose tasks take time, with the answers seen so far.
struct Witness {
    world: World,
    tasks: Form,
    data: BTreeMap<String, Form>,
    reads: BTreeMap<String, Form>,
    wrong: Vec<String>,
}

impl Witness {
    fn new() -> Self {
        let observed = observed();
        let forms = |written: &BTreeMap<_, _>| {
            written.iter().map(|(name, written): (&String, _)| (name.clone(), Form::read(written))).collect()
        };
        Self {
            world: world(Options::default()),
            tasks: Form::read(&observed.tasks["any"]),
            data: forms(&observed.data),
            reads: forms(&observed.reads),
            wrong: Vec::new(),
        }
    }

    /// Checks the task of an accepted call at once, when it lists its resources, and at its end; returns it as it is
    /// then.
    fn follow(&mut self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, accepted) = self.world.send(method, path, body);
        assert_eq!(status, 200, "{path}: {accepted}");
        let task = accepted["tasks"][0].as_str().unwrap_or_else(|| panic!("no task in {accepted}")).to_owned();
        let look = format!("/cloud/v1/tasks/{task}");
        let first = self.world.get(&look);
        assert_eq!(first["state"], "RUNNING", "nobody ever saw one that was new");
        self.look_at(&first);
        loop {
            self.world.pass(1);
            let shown = self.world.get(&look);
            self.look_at(&shown);
            if shown["state"] == "FINISHED" {
                self.world.settle();
                return shown;
            }
            assert_eq!(shown["state"], "RUNNING", "{shown}");
        }
    }

    fn make(&mut self, path: &str, body: Value, kind: &str) -> String {
        let done = self.follow(Method::Post, path, Some(body));
        done["created_resources"][kind][0].as_str().unwrap_or_else(|| panic!("no {kind} in {done}")).to_owned()
    }

    fn look_at(&mut self, shown: &Value) {
        let mut envelope = shown.clone();
        envelope["data"] = json!({});
        envelope["created_resources"] = Value::Null;
        let task_type = shown["task_type"].as_str().unwrap();
        let mut found = self.tasks.differences(&envelope);
        let name = match (task_type, shown["data"].get("admin_pass")) {
            ("create_vm", Some(_)) => "create_vm, first",
            ("create_vm", None) => "create_vm, built",
            (other, _) => other,
        };
        found.extend(self.data.get_mut(name).map(|form| form.differences(&shown["data"])).unwrap_or_default());
        self.wrong.extend(found.into_iter().map(|found| format!("task {task_type}: {found}")));
        // The client can parse every task.
        let read = Task::read(shown).unwrap();
        let ends = matches!(read.state, TaskState::Finished);
        assert_eq!(ends, shown["state"] == "FINISHED");
        assert!(read.created_on.is_some() && read.finished_on.is_some() == ends);
    }

    fn read(&mut self, kind: &str, path: &str) -> Value {
        let shown = self.world.get(path);
        let form = self.reads.get_mut(kind).unwrap_or_else(|| panic!("{kind} was not recorded"));
        let found = form.differences(shown.pointer("/results/0").unwrap_or(&shown));
        self.wrong.extend(found.into_iter().map(|found| format!("read of {kind}: {found}")));
        shown
    }

    /// Reports differences, and recorded forms that did not occur.
    fn report(self) {
        let named = |part: &str, forms: &BTreeMap<String, Form>| {
            let unseen = forms.iter().flat_map(|(name, form)| form.unseen().into_iter().map(move |at| (name, at)));
            unseen.map(|(name, at)| format!("{part} {name}: nothing showed `{at}`")).collect::<Vec<_>>()
        };
        let unseen = [named("data of", &self.data), named("read of", &self.reads)].concat();
        assert!(self.wrong.is_empty() && unseen.is_empty(), "{:#?}\n{unseen:#?}", self.wrong);
    }
}

/// A project like the recorded ones: networks, machines with existing boot volumes, a load balancer.
#[test]
fn answers_have_the_form_of_the_recorded_ones() {
    let mut seen = Witness::new();
    let network = json!({ "name": "net", "type": "vlan", "create_router": true });
    let network = seen.make(NETWORKS, network, "networks");
    let subnet = json!({
        "name": "sub", "network_id": network, "cidr": "192.168.100.0/24", "enable_dhcp": true,
        "connect_to_network_router": true, "dns_nameservers": ["8.8.8.8"],
    });
    let subnet = seen.make(SUBNETS, subnet, "subnets");
    seen.read("networks", &format!("{NETWORKS}/{network}"));
    seen.read("subnets", &format!("{SUBNETS}/{subnet}"));
    let external = seen.world.get("/cloud/v1/availablenetworks/1/7?external=true")["results"][0]["id"].clone();
    let router = json!({
        "name": "router", "interfaces": [{ "type": "subnet", "subnet_id": subnet }],
        "external_gateway_info": { "type": "manual", "enable_snat": true, "network_id": external },
    });
    let router = seen.make("/cloud/v1/routers/1/7", router, "routers");
    seen.read("routers", &format!("/cloud/v1/routers/1/7/{router}"));

    let boot = json!({ "name": "boot", "source": "image", "image_id": IMAGE, "size": 5, "type_name": "standard" });
    let boot = seen.make(VOLUMES, boot, "volumes");
    let data = json!({ "name": "data", "source": "new-volume", "size": 1, "type_name": "standard" });
    let data = seen.make(VOLUMES, data, "volumes");
    seen.read("volumes", &format!("{VOLUMES}/{data}"));
    let machine = |interface: Value| {
        json!({
            "name": "web", "flavor": "g1-standard-1-2", "interfaces": [interface],
            "volumes": [{
                "source": "existing-volume", "volume_id": boot, "boot_index": 0, "delete_on_termination": false,
            }],
        })
    };
    let first = seen.make(MACHINES_V2, machine(json!({ "type": "external" })), "instances");
    seen.read("instances", &format!("{MACHINES}/{first}"));
    seen.read("interfaces", &format!("{MACHINES}/{first}/interfaces"));
    seen.read("volumes", &format!("{VOLUMES}/{boot}"));
    seen.follow(Method::Delete, &format!("{MACHINES}/{first}"), None);
    let inside = json!({ "type": "subnet", "network_id": network, "subnet_id": subnet });
    let second = seen.make(MACHINES_V2, machine(inside), "instances");
    seen.read("interfaces", &format!("{MACHINES}/{second}/interfaces"));
    machine_is_changed(&mut seen, &second, &data);
    seen.follow(Method::Delete, &format!("{MACHINES}/{second}"), None);
    seen.follow(Method::Delete, &format!("{VOLUMES}/{data}"), None);

    image_is_imported(&mut seen);
    load_balancer_is_changed(&mut seen);
    let group = json!({ "name": "web", "description": "none", "rules": [] });
    let group = seen.make("/cloud/v2/security_groups/1/7", group, "security_groups");
    seen.read("securitygroups", &format!("/cloud/v1/securitygroups/1/7/{group}"));
    seen.report();
}

fn machine_is_changed(seen: &mut Witness, machine: &str, data: &str) {
    let servers = json!({ "name": "apart", "policy": "soft-anti-affinity" });
    let group = seen.world.post("/cloud/v1/servergroups/1/7", servers).1["servergroup_id"].clone();
    seen.read("servergroups", &format!("/cloud/v1/servergroups/1/7/{}", group.as_str().unwrap()));
    let of_machine = |act: &str| format!("{MACHINES}/{machine}/{act}");
    let of_volume = |act: &str| format!("/cloud/v2/volumes/1/7/{data}/{act}");
    let here = || Some(json!({ "instance_id": machine }));
    seen.follow(Method::Post, &of_volume("attach"), here());
    seen.follow(Method::Post, &of_volume("detach"), here());
    seen.follow(Method::Post, &of_machine("changeflavor"), Some(json!({ "flavor_id": "g1-standard-2-4" })));
    seen.follow(Method::Post, &of_machine("put_into_servergroup"), Some(json!({ "servergroup_id": group })));
}

fn image_is_imported(seen: &mut Witness) {
    let image = json!({
        "name": "own", "url": "https://example.com/own.img", "architecture": "x86_64", "os_distro": "cirros",
        "os_type": "linux", "os_version": "0.4.0", "ssh_key": "allow", "cow_format": false, "is_baremetal": false,
        "tags": { "test": "yes" },
    });
    let (_, accepted) = seen.world.post("/cloud/v1/downloadimage/1/7", image);
    let look = format!("/cloud/v1/tasks/{}", accepted["tasks"][0].as_str().unwrap());
    let done = loop {
        let shown = seen.world.get(&look);
        seen.look_at(&shown);
        if shown["state"] == "FINISHED" {
            break shown;
        }
        seen.world.pass(1);
    };
    let path = format!("/cloud/v1/images/1/7/{}", done["created_resources"]["images"][0].as_str().unwrap());
    // After FINISHED the image has no size for some twenty seconds, but can be removed.
    assert_eq!(seen.read("images", &path)["status"], "queued");
    seen.world.pass(21);
    let ready = seen.world.get(&path);
    assert_eq!((&ready["status"], ready["size"].is_number()), (&json!("active"), true));
    seen.follow(Method::Delete, &path, None);
}

fn load_balancer_is_changed(seen: &mut Witness) {
    let balancer = seen.make("/cloud/v1/loadbalancers/1/7", json!({ "name": "web-lb" }), "loadbalancers");
    let listener = json!({ "name": "http", "load_balancer_id": balancer, "protocol": "HTTP", "protocol_port": 80 });
    let listener = seen.make("/cloud/v1/lblisteners/1/7", listener, "listeners");
    let pool = json!({ "name": "pool", "listener_id": listener, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN" });
    let pool = seen.make("/cloud/v1/lbpools/1/7", pool, "pools");
    let member = json!({
        "address": "10.0.0.1", "protocol_port": 8080, "admin_state_up": true, "weight": 1, "backup": false,
    });
    seen.follow(Method::Patch, &format!("/cloud/v2/lbpools/1/7/{pool}"), Some(json!({ "members": [member] })));
    seen.read("loadbalancers", &format!("/cloud/v1/loadbalancers/1/7/{balancer}"));
    seen.read("lblisteners", &format!("/cloud/v1/lblisteners/1/7/{listener}"));
    seen.read("lbpools", &format!("/cloud/v1/lbpools/1/7/{pool}"));
}
