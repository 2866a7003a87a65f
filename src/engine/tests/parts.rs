//! Parts of a resource are changed in place: those of a machine, and the pools of a cluster.

use serde_json::{Value, json};

use super::harness::{Trial, assert_done, paused};
use crate::catalog::Method;
use crate::engine::{DriftState, RunOptions};
use crate::exit::Exit;
use crate::journal::{Record, RecordedCall};
use crate::simulate::tests::every_operation::STRANGER;
use crate::simulate::{Faults, Options, UnknownIds};

pub fn plan(before: bool, more: &str, web: &Value) -> String {
    let place = "{project_id}/{region_id}";
    let group = |id: &str| {
        json!({ "id": id, "call": format!("POST /cloud/v1/securitygroups/{place}"),
            "body": { "security_group": { "name": format!("{id}-group"), "security_group_rules": [] } } })
    };
    let subnet = |id: &str, cidr: &str| {
        json!({ "id": id, "call": format!("POST /cloud/v1/subnets/{place}"),
            "body": { "name": id, "cidr": cidr, "network_id": "{{ steps.net.id }}" } })
    };
    let disk = |id: &str| {
        json!({ "id": id, "call": format!("POST /cloud/v1/volumes/{place}"),
            "body": { "source": "new-volume", "name": id, "size": 5 } })
    };
    let mut body = json!({
        "name": "web", "flavor": "g2-standard-2-4", "interfaces": [], "volumes": [],
    });
    body.as_object_mut().unwrap().extend(web.as_object().unwrap().clone());
    let mut steps = vec![
        group("a"),
        group("b"),
        group("c"),
        json!({ "id": "net", "call": format!("POST /cloud/v1/networks/{place}"), "body": { "name": "net" } }),
        subnet("front", "10.0.0.0/24"),
        subnet("back", "10.0.1.0/24"),
        disk("one"),
        disk("two"),
        json!({ "id": "web", "call": format!("POST /cloud/v2/instances/{place}"), "body": body }),
    ];
    if !more.is_empty() && !before {
        steps[8]["on_change"] = json!(more);
    }
    json!({ "name": "demo", "steps": steps }).to_string()
}

pub(super) fn boot() -> Value {
    json!({ "source": "image", "image_id": STRANGER, "size": 5, "boot_index": 0 })
}

pub(super) fn subnet(name: &str) -> Value {
    let id = format!("{{{{ steps.{name}.id }}}}");
    json!({ "type": "subnet", "network_id": "{{ steps.net.id }}", "subnet_id": id })
}

fn disk(name: &str) -> Value {
    json!({ "source": "existing-volume", "volume_id": format!("{{{{ steps.{name}.id }}}}") })
}

pub(super) fn group(name: &str) -> Value {
    json!({ "id": format!("{{{{ steps.{name}.id }}}}") })
}

pub(super) fn with_groups(mut interface: Value, groups: &[&str]) -> Value {
    interface["security_groups"] = groups.iter().map(|name| group(name)).collect();
    interface
}

fn read(trial: &Trial, path: &str) -> Value {
    trial.read(&format!("/cloud/{}", path.replace("PR", "1/7")))
}

pub(super) fn id_of(trial: &Trial, step: &str) -> String {
    let status = trial.status();
    let known = status.instances.iter().find(|(id, _)| id.to_string() == step).unwrap().1;
    known.result.as_ref().unwrap().id.as_ref().unwrap().as_str().unwrap().to_owned()
}

/// The machine's parts: the groups of each port with its subnet, and the names of its volumes.
pub fn shown(trial: &Trial) -> (Vec<String>, Vec<String>) {
    let web = id_of(trial, "web");
    let list = |path: String| read(trial, &path)["results"].as_array().unwrap().clone();
    let ports = list(format!("v1/instances/PR/{web}/ports"));
    let subnets: Vec<(String, String)> =
        ["front", "back"].map(|name| (id_of(trial, name), name.to_owned())).into_iter().collect();
    let mut interfaces: Vec<String> = list(format!("v1/instances/PR/{web}/interfaces"))
        .iter()
        .map(|interface| {
            let subnet = interface["ip_assignments"][0]["subnet_id"].as_str().unwrap_or_default();
            let name = subnets.iter().find(|(id, _)| id == subnet).map_or("other", |(_, name)| name);
            let port = ports.iter().find(|port| port["id"] == interface["port_id"]).unwrap();
            let mut groups: Vec<&str> = port["security_groups"]
                .as_array()
                .unwrap()
                .iter()
                .map(|group| group["name"].as_str().unwrap())
                .collect();
            groups.sort_unstable();
            format!("{name}: {}", groups.join(" "))
        })
        .collect();
    interfaces.sort();
    (interfaces, shown_volumes(trial))
}

/// Name, size and type of the volumes that the machine has.
fn shown_volumes(trial: &Trial) -> Vec<String> {
    let web = id_of(trial, "web");
    let machine = read(trial, &format!("v1/instances/PR/{web}"));
    let mut volumes: Vec<String> = machine["volumes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|volume| {
            let volume = read(trial, &format!("v1/volumes/PR/{}", volume["id"].as_str().unwrap()));
            format!(
                "{} {} {}",
                volume["name"].as_str().unwrap(),
                volume["size"],
                volume["volume_type"].as_str().unwrap()
            )
        })
        .collect();
    volumes.sort();
    volumes
}

pub struct Case {
    pub before: Value,
    pub after: Value,
    pub interfaces: &'static [&'static str],
    pub volumes: &'static [&'static str],
    /// The calls, as the last segment of each path.
    pub calls: &'static [&'static str],
}

pub fn cases() -> Vec<Case> {
    let nic = || json!([{ "type": "external" }]);
    vec![
        Case {
            before: json!({ "interfaces": [subnet("front")], "volumes": [boot()], "security_groups": [group("a"), group("b")] }),
            after: json!({ "interfaces": [subnet("front")], "volumes": [boot()], "security_groups": [group("b"), group("c")] }),
            interfaces: &["front: b-group c-group"],
            volumes: &["web-volume-0 5 standard"],
            calls: &["addsecuritygroup", "delsecuritygroup"],
        },
        Case {
            before: json!({ "interfaces": [subnet("front")], "volumes": [boot()], "security_groups": [group("a")] }),
            after: json!({ "interfaces": [subnet("front"), subnet("back")], "volumes": [boot()], "security_groups": [group("a")] }),
            interfaces: &["back: a-group", "front: a-group"],
            volumes: &["web-volume-0 5 standard"],
            calls: &["attach_interface"],
        },
        Case {
            before: json!({ "interfaces": [subnet("front"), subnet("back")], "volumes": [boot()] }),
            after: json!({ "interfaces": [subnet("back")], "volumes": [boot()] }),
            interfaces: &["back: "],
            volumes: &["web-volume-0 5 standard"],
            calls: &["detach_interface"],
        },
        Case {
            before: json!({ "interfaces": [with_groups(subnet("front"), &["a"]), with_groups(subnet("back"), &["b"])], "volumes": [boot()] }),
            after: json!({ "interfaces": [with_groups(subnet("front"), &["b", "c"]), with_groups(subnet("back"), &["b"])], "volumes": [boot()] }),
            interfaces: &["back: b-group", "front: b-group c-group"],
            volumes: &["web-volume-0 5 standard"],
            calls: &["addsecuritygroup", "delsecuritygroup"],
        },
        Case {
            before: json!({ "interfaces": nic(), "volumes": [boot(), disk("one")] }),
            after: json!({ "interfaces": nic(), "volumes": [boot(), disk("two")] }),
            interfaces: &["other: "],
            volumes: &["two 5 standard", "web-volume-0 5 standard"],
            calls: &["attach", "detach"],
        },
        Case {
            before: json!({ "interfaces": nic(), "volumes": [boot(), disk("one")] }),
            after: json!({ "interfaces": nic(), "volumes": [{ "source": "image", "image_id": STRANGER, "size": 9, "boot_index": 0, "type_name": "ssd_hiiops" }, disk("one")] }),
            interfaces: &["other: "],
            volumes: &["one 5 standard", "web-volume-0 9 ssd_hiiops"],
            calls: &["retype", "extend"],
        },
        Case {
            before: json!({ "interfaces": nic(), "volumes": [boot(), { "source": "new-volume", "size": 7, "name": "logs" }] }),
            after: json!({ "interfaces": nic(), "volumes": [boot(), { "source": "new-volume", "size": 8, "name": "logs" }] }),
            interfaces: &["other: "],
            volumes: &["logs 8 standard", "web-volume-0 5 standard"],
            calls: &["extend"],
        },
    ]
}

pub fn assume(faults: Option<&str>) -> Options {
    let faults = faults.map(|fault| Faults::parse([fault]).unwrap()).unwrap_or_default();
    Options { unknown_ids: UnknownIds::Assume, faults, ..Options::default() }
}

pub(super) fn calls_since(trial: &Trial, from: usize) -> Vec<String> {
    let requests = trial.requests.lock().unwrap();
    let writes = requests.iter().filter(|request| request.method != crate::catalog::Method::Get).skip(from);
    writes.map(|request| request.path.rsplit('/').next().unwrap_or("").to_owned()).collect()
}

async fn try_case(case: &Case, fault: Option<&str>) {
    let mut trial = Trial::new(assume(fault));
    let end = trial.run(&plan(true, "", &case.before)).await;
    assert_done(&trial, &end);
    let (writes, machines) = (trial.writes(), trial.made()["instances"]);
    let after = plan(false, "", &case.after);
    let end = trial.run(&after).await;
    assert_done(&trial, &end);
    let calls = calls_since(&trial, writes);
    assert_eq!(calls, case.calls, "{fault:?}");
    let (interfaces, volumes) = shown(&trial);
    assert_eq!((interfaces, volumes), (to_vec(case.interfaces), to_vec(case.volumes)), "{fault:?}: {calls:?}");
    let writes = trial.writes();
    let end = trial.run(&after).await;
    assert_done(&trial, &end);
    assert_eq!((trial.writes(), trial.made()["instances"]), (writes, machines), "{fault:?}");
    assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
    assert_eq!(trial.alive(), Vec::<String>::new(), "{fault:?}");
}

pub fn to_vec(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn parts_of_a_machine_are_attached_and_detached_in_place() {
    for case in cases() {
        paused(try_case(&case, None));
    }
}

#[test]
fn a_part_is_attached_or_detached_once_when_an_answer_is_lost() {
    for case in cases() {
        for call in case.calls {
            for fault in ["lost-answer", "reset"] {
                let fault = format!("{fault}:POST:{call}:1");
                paused(async {
                    let mut trial = Trial::new(assume(Some(&fault)));
                    let end = trial.run(&plan(true, "", &case.before)).await;
                    assert_done(&trial, &end);
                    let after = plan(false, "", &case.after);
                    let end = trial.run(&after).await;
                    assert_done(&trial, &end);
                    assert_eq!(shown(&trial), (to_vec(case.interfaces), to_vec(case.volumes)), "{fault}");
                    let writes = trial.writes();
                    let end = trial.run(&after).await;
                    assert_done(&trial, &end);
                    assert_eq!(trial.writes(), writes, "{fault}");
                });
            }
        }
    }
}

#[test]
fn a_part_that_cannot_be_attached_or_would_be_lost_stops_the_run() {
    let nic = || json!([{ "type": "external" }]);
    for (before, after, why) in [
        (
            json!({ "interfaces": nic(), "volumes": [boot()] }),
            json!({ "interfaces": nic(), "volumes": [boot(), { "source": "new-volume", "size": 5 }] }),
            "make it in a step of its own",
        ),
        (
            json!({ "interfaces": nic(), "volumes": [boot(), { "source": "new-volume", "size": 5 }] }),
            json!({ "interfaces": nic(), "volumes": [boot()] }),
            "the data on it would go",
        ),
        (
            json!({ "interfaces": nic(), "volumes": [disk("one"), disk("two")] }),
            json!({ "interfaces": nic(), "volumes": [disk("two")] }),
            "the machine starts from it",
        ),
        (
            json!({ "interfaces": nic(), "volumes": [boot()] }),
            json!({ "interfaces": [{ "type": "external" }, { "type": "external", "interface_name": "x", "ip_family": "ipv6" }, { "type": "subnet", "network_id": "{{ steps.net.id }}", "subnet_id": "{{ steps.back.id }}", "floating_ip": { "source": "new" } }], "volumes": [boot()] }),
            "without a floating IP",
        ),
        (
            json!({ "interfaces": nic(), "volumes": [boot()], "security_groups": [group("a")] }),
            json!({ "interfaces": [with_groups(json!({ "type": "external" }), &["a"])], "volumes": [boot()] }),
            "moves them between",
        ),
    ] {
        paused(async {
            let mut trial = Trial::new(assume(None));
            let end = trial.run(&plan(true, "", &before)).await;
            assert_done(&trial, &end);
            let end = trial.run(&plan(false, "", &after)).await;
            assert_eq!(end.finished.exit, Exit::StepFailed, "{why}");
            let failures = trial.failures().join("\n");
            assert!(failures.contains(why), "{failures}");
            assert_eq!(trial.made()["instances"], 1);
        });
    }
}

pub(super) fn cluster(pools: &Value, on_change: Option<&str>) -> String {
    let mut step = json!({
        "id": "cluster", "call": "POST /cloud/v2/k8s/clusters/{project_id}/{region_id}",
        "body": { "name": "prod", "version": "v1.31.0", "keypair": "key", "pools": pools },
    });
    if let Some(on_change) = on_change {
        step["on_change"] = json!(on_change);
    }
    json!({ "name": "demo", "steps": [step] }).to_string()
}

pub(super) fn pool(name: &str, most: u64) -> Value {
    json!({ "name": name, "flavor_id": "g2-standard-2-4", "min_node_count": 1, "max_node_count": most })
}

pub(super) fn pools_of(trial: &Trial) -> Vec<String> {
    let shown = read(trial, "v2/k8s/clusters/PR/prod/pools");
    let mut names: Vec<String> = shown["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pool| format!("{} {}", pool["name"].as_str().unwrap(), pool["max_node_count"]))
        .collect();
    names.sort();
    names
}

#[test]
fn pools_are_changed_as_a_whole_and_removed_only_where_that_is_allowed() {
    for fault in [
        None,
        Some("lost-answer:POST:pools:1"),
        Some("lost-answer:DELETE:1"),
        Some("reset:POST:pools:1"),
        Some("reset:DELETE:1"),
    ] {
        paused(async {
            let mut trial = Trial::new(assume(fault));
            let end = trial.run(&cluster(&json!([pool("one", 2), pool("two", 2)]), None)).await;
            assert_done(&trial, &end);
            let after = json!([pool("one", 3), pool("three", 2)]);
            let end = trial.run(&cluster(&after, None)).await;
            assert_eq!(end.finished.exit, Exit::StepFailed, "{fault:?}");
            let failures = trial.failures().join("\n");
            assert!(failures.contains("`body/pools/1`: `two` would be removed"), "{failures}");
            assert_eq!(pools_of(&trial), ["one 2", "two 2"], "{fault:?}");
            let allowed = cluster(&after, Some("replace"));
            let end = trial.run(&allowed).await;
            assert_done(&trial, &end);
            assert_eq!(pools_of(&trial), ["one 3", "three 2"], "{fault:?}");
            assert_eq!(trial.made()["k8s_clusters"], 1, "{fault:?}");
            let writes = trial.writes();
            let end = trial.run_with(&allowed, RunOptions::default(), std::future::pending()).await;
            assert_done(&trial, &end);
            assert_eq!(trial.writes(), writes, "{fault:?}");
            assert_eq!(trial.destroy().await.exit, Exit::Done);
            assert_eq!(trial.alive(), Vec::<String>::new());
        });
    }
}

#[test]
fn parts_that_another_client_removes_are_found_and_added_again() {
    let machine = json!({ "interfaces": [{ "type": "external" }], "volumes": [boot(), disk("one")] });
    let pools = cluster(&json!([pool("one", 2), pool("two", 2)]), None);
    for (plan, step, field) in [(plan(true, "", &machine), "web", "volumes"), (pools, "cluster", "pools")] {
        paused(async {
            let mut trial = Trial::new(assume(None));
            let end = trial.run(&plan).await;
            assert_done(&trial, &end);
            assert!(trial.looked().await.iter().all(|looked| looked.found == DriftState::Same), "{step}");
            let (method, path, body) = match field {
                "volumes" => {
                    let path = format!("v2/volumes/1/7/{}/detach", id_of(&trial, "one"));
                    (Method::Post, path, Some(json!({ "instance_id": id_of(&trial, "web") })))
                }
                _ => (Method::Delete, "v2/k8s/clusters/1/7/prod/pools/two".to_owned(), None),
            };
            let path = format!("/cloud/{path}");
            let call = RecordedCall { body: body.map(Into::into), ..RecordedCall::new(method, path) };
            trial.by_hand(&call).await;
            let found = trial.looked().await.into_iter().find(|looked| looked.instance.to_string() == step).unwrap();
            let DriftState::Changed { fields } = found.found else { panic!("{found:?}") };
            assert_eq!(fields.iter().map(|field| field.field.as_str()).collect::<Vec<_>>(), [field]);
            trial.record(Record::Drifted { instance: found.instance, fields });
            let end = trial.run(&plan).await;
            assert_done(&trial, &end);
            assert!(trial.looked().await.iter().all(|looked| looked.found == DriftState::Same), "{step}");
            let count = if field == "volumes" { shown_volumes(&trial).len() } else { pools_of(&trial).len() };
            assert_eq!(count, 2, "{step}");
        });
    }
}

/// Permission to replace what the plan changes is none to delete what another client made larger.
#[test]
fn a_volume_that_another_client_extended_is_reported_with_the_possible_remedies() {
    for on_change in ["auto", "replace"] {
        paused(async {
            let plan = |size: u32| {
                json!({ "name": "demo", "steps": [{ "id": "disk", "on_change": on_change,
                    "call": "POST /cloud/v1/volumes/{project_id}/{region_id}",
                    "body": { "source": "new-volume", "name": "disk", "size": size } }] })
                .to_string()
            };
            let mut trial = Trial::new(assume(None));
            let end = trial.run(&plan(5)).await;
            assert_done(&trial, &end);
            let disk = id_of(&trial, "disk");
            let path = format!("/cloud/v1/volumes/1/7/{disk}/extend");
            let body = Some(json!({ "size": 20 }));
            trial.by_hand(&RecordedCall { body: body.map(Into::into), ..RecordedCall::new(Method::Post, path) }).await;
            let found = trial.looked().await.pop().unwrap();
            let DriftState::Changed { fields } = found.found else { panic!("{found:?}") };
            trial.record(Record::Drifted { instance: found.instance, fields });
            let end = trial.run(&plan(5)).await;
            assert_eq!(end.finished.exit, Exit::StepFailed);
            let told = format!("{:?}", trial.events);
            for words in [
                "another client changed it, and the API cannot change it back: body/size",
                "leave it as it is now: write `size: 20` in the plan",
                "ignore: [body/size]",
                "--replace disk",
            ] {
                assert!(told.contains(words), "{words}: {told}");
            }
            // The plan asks for another size now.
            let end = trial.run(&plan(10)).await;
            let replaced = on_change == "replace";
            assert_eq!(end.finished.exit == Exit::Done, replaced, "{:?}", trial.failures());
            assert_eq!(id_of(&trial, "disk") != disk, replaced, "{on_change}");
        });
    }
}
