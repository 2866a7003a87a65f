//! Which resources tasks list, and when (`observed.md` §1, §4, §5), and the headers of answers (§7).

use super::*;
use crate::simulate::UnknownIds;

/// The ids of a kind, as a finished task lists them.
fn listed(task: &Value, kind: &str) -> Vec<String> {
    let ids = task["created_resources"][kind].as_array().cloned().unwrap_or_default();
    ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_machines_task_lists_attached_volumes_and_automatic_ports() {
    let mut world = world(instant());
    let network = world.make(NETWORKS, json!({ "name": "net" }));
    let subnet = world.subnet(&network);
    let volume = world.make(VOLUMES, json!({ "name": "data", "source": "new-volume", "size": 5 }));
    let address = world.make("/cloud/v1/floatingips/1/7", json!({}));
    let wanted = json!({
        "name": "web", "flavor": "g1-standard-1-2",
        "volumes": [
            { "source": "existing-volume", "volume_id": volume, "boot_index": 0 },
            { "source": "new-volume", "size": 5, "boot_index": -1 },
        ],
        "interfaces": [{
            "type": "subnet", "network_id": network, "subnet_id": subnet,
            "floating_ip": { "source": "existing", "existing_floating_id": address },
        }],
    });
    let accepted = world.post(MACHINES_V2, wanted);
    let task = world.ended(accepted);
    assert_eq!(listed(&task, "volumes").len(), 2);
    assert!(listed(&task, "volumes").contains(&volume));
    assert!(listed(&task, "floatingips").iter().eq([&address]));
    assert_eq!(listed(&task, "ports").len(), 1);
    // The resources name the task that made them.
    let by_it = |world: &mut World, path: String| world.get(&path)["creator_task_id"] == task["id"];
    assert!(!by_it(&mut world, format!("{VOLUMES}/{volume}")));
    assert!(!by_it(&mut world, format!("/cloud/v1/floatingips/1/7/{address}")));
    let made = listed(&task, "volumes").into_iter().find(|id| *id != volume).unwrap();
    assert!(by_it(&mut world, format!("{VOLUMES}/{made}")));
    let tags = world.get(&format!("{VOLUMES}/{made}"))["tags"].clone();
    assert_eq!(tags, json!([{ "key": "task_id", "value": task["id"], "read_only": true }]));
}

#[test]
fn a_pools_task_lists_old_members_and_a_groups_task_the_group() {
    let mut world = world(instant());
    let balancer = world.make("/cloud/v1/loadbalancers/1/7", json!({ "name": "web-lb" }));
    let pool =
        json!({ "name": "pool", "load_balancer_id": balancer, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN" });
    let pool = world.make("/cloud/v1/lbpools/1/7", pool);
    let path = format!("/cloud/v2/lbpools/1/7/{pool}");
    let mut patched = |ports: &[u16]| {
        let members: Vec<_> =
            ports.iter().map(|port| json!({ "address": "10.0.0.1", "protocol_port": port })).collect();
        let accepted = world.send(Method::Patch, &path, Some(json!({ "members": members })));
        let task = world.ended(accepted);
        let there = world.get(&format!("/cloud/v1/lbpools/1/7/{pool}"))["members"].clone();
        let there: Vec<_> =
            there.as_array().unwrap().iter().map(|member| member["id"].as_str().unwrap().to_owned()).collect();
        (listed(&task, "members"), there)
    };
    let (one, there) = patched(&[8080]);
    assert_eq!(one, there);
    let (two, there) = patched(&[8080, 8081]);
    assert_eq!((&two, &two[0]), (&there, &one[0]), "who keeps address and port keeps the id");
    let (back, there) = patched(&[8081]);
    assert_eq!((&back, &there[..]), (&two, &two[1..]), "both old ones are listed, one is there");
    let (none, there) = patched(&[]);
    assert_eq!((none, there.len()), (two[1..].to_vec(), 0));
    // The body of this call is the list.
    let members = json!([{ "address": "10.0.0.1", "protocol_port": 8080 }]);
    let path = format!("/cloud/v1/loadbalancers/1/7/pools/{pool}/members");
    let accepted = world.send(Method::Put, &path, Some(members));
    let task = world.ended(accepted);
    let there = world.get(&format!("/cloud/v1/lbpools/1/7/{pool}"))["members"].clone();
    assert_eq!((&there[0]["id"], there.as_array().unwrap().len()), (&json!(listed(&task, "members")[0]), 1));

    let groups = "/cloud/v2/security_groups/1/7";
    let group = world.make(groups, json!({ "name": "web", "rules": [] }));
    let accepted = world.send(Method::Patch, &format!("{groups}/{group}"), Some(json!({ "name": "other" })));
    let task = world.ended(accepted);
    assert_eq!(listed(&task, "security_groups"), [group]);
}

#[test]
fn the_resources_of_a_running_task_are_null_empty_or_listed() {
    let mut world = world(Options::default());
    let balancer = world.make("/cloud/v1/loadbalancers/1/7", json!({ "name": "web-lb" }));
    let pool =
        json!({ "name": "pool", "load_balancer_id": balancer, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN" });
    let image = json!({ "name": "own", "url": "https://example.com/own.img" });
    for (path, body, at_first, before_the_end) in [
        ("/cloud/v1/lbpools/1/7", pool, json!({}), false),
        ("/cloud/v1/downloadimage/1/7", image, Value::Null, true),
        (NETWORKS, json!({ "name": "net" }), Value::Null, false),
    ] {
        let (_, accepted) = world.post(path, body);
        let look = format!("/cloud/v1/tasks/{}", accepted["tasks"][0].as_str().unwrap());
        assert_eq!(world.get(&look)["created_resources"], at_first, "{path}");
        let end = world.simulator.next_end().unwrap();
        world.now = end - Duration::from_millis(1);
        let shown = world.get(&look);
        assert_eq!(
            (&shown["state"], shown["created_resources"].get("images").is_some()),
            (&json!("RUNNING"), before_the_end)
        );
        world.settle();
    }
}

#[test]
fn a_group_without_rules_allows_egress_and_no_ingress() {
    let mut world = world(instant());
    let groups = "/cloud/v2/security_groups/1/7";
    let default = world.make(groups, json!({ "name": "web" }));
    let rules = world.get(&format!("/cloud/v1/securitygroups/1/7/{default}"))["security_group_rules"].clone();
    let rules = rules.as_array().unwrap();
    assert_eq!(rules.len(), 39);
    assert!(rules.iter().all(|rule| rule["direction"] == "egress" && rule["protocol"].is_string()));
    let mail =
        |rule: &&Value| rule["port_range_min"].as_u64() <= Some(25) && rule["port_range_max"].as_u64() >= Some(25);
    assert_eq!(rules.iter().filter(|rule| rule["port_range_min"].is_u64()).filter(mail).count(), 0);
}

#[test]
fn every_answer_names_its_request_and_a_task_the_one_that_started_it() {
    let mut world = world(instant());
    let mut answered = |method, path: &str, body| match world.react(method, path, body) {
        Reaction::Answer(answer) => answer,
        other => panic!("{other:?}"),
    };
    let accepted = answered(Method::Post, NETWORKS, Some(json!({ "name": "net" })));
    let id = accepted.header("request_id").unwrap().to_owned();
    assert!(accepted.header("traceparent").unwrap().starts_with(&format!("00-{id}-")));
    assert_eq!(accepted.header("etag"), None);
    let task = super::read(&accepted)["tasks"][0].as_str().unwrap().to_owned();
    let look = answered(Method::Get, &format!("/cloud/v1/tasks/{task}"), None);
    assert_eq!(super::read(&look)["request_id"], json!(id));
    assert!(look.header("etag").is_some() && look.header("request_id") != Some(&id));
    let missing = answered(Method::Get, &format!("{NETWORKS}/{IMAGE}"), None);
    assert_eq!(super::read(&missing)["request_id"].as_str(), missing.header("request_id"));
}

#[test]
fn a_trace_of_the_clients_becomes_the_requests_id_where_the_api_takes_it() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    for takes_traceparent in [false, true] {
        let mut world = world(Options { takes_traceparent, ..instant() });
        let mut create = request(Method::Post, NETWORKS, Some(json!({ "name": "net" })));
        create.headers.push(("traceparent".into(), format!("00-{TRACE}-00f067aa0ba902b7-01")));
        let Reaction::Answer(answer) = world.simulator.handle(&create, world.now) else { panic!("no answer") };
        assert_eq!(answer.header("request_id") == Some(TRACE), takes_traceparent);
        assert_eq!(world.simulator.tasks()[0]["request_id"], json!(answer.header("request_id")));
    }
}

#[test]
fn slow_calls_act_before_they_answer() {
    let mut world = world(Options { slow_calls: true, ..instant() });
    let group = json!({ "name": "apart", "policy": "affinity" });
    let Reaction::Delay(length, _) = world.react(Method::Post, "/cloud/v1/servergroups/1/7", Some(group)) else {
        panic!("answered at once")
    };
    assert!((11..=12).contains(&length.as_secs()));
    assert_eq!(world.simulator.resources("servergroups").len(), 1);
}

#[test]
fn a_machine_is_not_ready_for_some_seconds_after_a_change_of_flavour() {
    let mut world = world(Options { unknown_ids: UnknownIds::Assume, ..Options::default() });
    let path = format!("{MACHINES}/{IMAGE}");
    assert_eq!(world.get(&path)["status"], "ACTIVE");
    let (_, accepted) = world.post(&format!("{path}/changeflavor"), json!({ "flavor_id": "g1-standard-2-4" }));
    let look = format!("/cloud/v1/tasks/{}", accepted["tasks"][0].as_str().unwrap());
    while world.get(&look)["state"] != "FINISHED" {
        world.pass(1);
    }
    assert_eq!(world.get(&path)["status"], "RESIZE");
    world.pass(10);
    assert_eq!((&world.get(&path)["status"], &world.get(&path)["flavor"]["vcpus"]), (&json!("ACTIVE"), &json!(2)));
}
