//! Refusals as recorded (`observed.md` §2, §3, §4, §8): status, class, text; and how the client classifies each.

use super::*;
use crate::api::{ApiError, Meaning};

/// A refused request: the answer as the client reads it, and its body.
fn refused(world: &mut World, method: Method, path: &str, body: Option<Value>) -> (ApiError, Value) {
    match world.react(method, path, body) {
        Reaction::Answer(answer) => {
            (ApiError::read(path, &answer, 0, &crate::secret::Secrets::default()), super::read(&answer))
        }
        other => panic!("{method} {path}: {other:?}"),
    }
}

fn check(
    world: &mut World,
    (method, path, body): (Method, &str, Value),
    status: u16,
    class: &str,
    words: &str,
) -> ApiError {
    let body = (!body.is_null()).then_some(body);
    let (error, shown) = refused(world, method, path, body);
    assert_eq!((error.status, error.class.as_deref()), (status, Some(class)), "{method} {path}: {shown}");
    assert!(error.message.contains(words), "{method} {path}: `{words}` is not in {shown}");
    error
}

const GROUPS: &str = "/cloud/v2/security_groups/1/7";
const ROUTERS: &str = "/cloud/v1/routers/1/7";

#[test]
fn a_quota_refusal_is_a_400_with_its_limits() {
    let quotas = [("routers".to_owned(), 1), ("instances".to_owned(), 0)].into();
    let mut world = world(Options { quotas, ..instant() });
    world.make(NETWORKS, json!({ "name": "one" }));
    let net = (Method::Post, NETWORKS, json!({ "name": "two", "create_router": true }));
    let error = check(&mut world, net.clone(), 400, "QuotaLimitExceed", "Quota limit for router_count exceeded by 1");
    assert_eq!(error.meaning(), Meaning::Quota);
    let (_, shown) = refused(&mut world, net.0, net.1, Some(net.2));
    let info = json!({ "attribute": "router_count", "current_usage": 1, "requested_usage": 2, "limit": 1 });
    assert_eq!(shown["info"], info);
    let machine = json!({
        "name": "web", "flavor": "g1-standard-1-2", "interfaces": [{ "type": "external" }],
        "volumes": [{ "source": "image", "image_id": IMAGE, "boot_index": 0 }],
    });
    let error =
        check(&mut world, (Method::Post, MACHINES_V2, machine.clone()), 400, "MultipleQuotaLimitExceeded", "vm_count");
    assert_eq!(error.meaning(), Meaning::Quota);
    let (_, shown) = refused(&mut world, Method::Post, MACHINES_V2, Some(machine));
    assert_eq!(shown["info"][0]["attribute"], "vm_count");
}

#[test]
fn an_invalid_key_is_refused_by_the_proxy_and_echoed_in_part() {
    let mut world = world(Options { api_key: Some("right".into()), ..instant() });
    let Reaction::Answer(answer) = world.react(Method::Get, NETWORKS, None) else { panic!("no answer") };
    assert_eq!((answer.status, answer.header("request_id"), answer.header("traceparent")), (401, None, None));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_request\""));
    let shown = super::read(&answer);
    assert_eq!(shown.as_object().unwrap().keys().collect::<Vec<_>>(), ["exception_class", "message"]);
    assert!(shown["message"].as_str().unwrap().starts_with("Invalid <APIKey> authentication token: 1$key*****"));
    assert_eq!(ApiError::read(NETWORKS, &answer, 0, &crate::secret::Secrets::default()).meaning(), Meaning::NotAllowed);
}

#[test]
fn refusals_have_the_recorded_messages() {
    let mut world = world(instant());
    let network = world.network();
    let subnet = world.subnet(&network);
    let machine = world.machine(&network, &subnet);
    let of_machine = format!("{MACHINES}/{machine}");
    let port = world.get(&format!("{of_machine}/interfaces"))["results"][0]["port_id"].clone();
    let rule = |rule: Value| json!({ "name": "web", "rules": [rule] });
    let no_way_out =
        format!("No external network is reachable from subnet(s): {subnet}. Therefore, cannot associate port");
    for (call, words) in [
        ((Method::Post, GROUPS, rule(json!({ "direction": "egress" }))), "Opening egress port 25"),
        (
            (Method::Post, GROUPS, rule(json!({ "direction": "ingress", "protocol": "icmp", "ethertype": "IPv6" }))),
            "ipv6-icmp",
        ),
        (
            (Method::Post, "/cloud/v1/loadbalancers/1/7", json!({ "name": "web-lb", "vip_subnet_id": subnet })),
            "Specify network ID in addition to subnet ID",
        ),
        ((Method::Post, "/cloud/v1/floatingips/1/7", json!({ "port_id": port })), no_way_out.as_str()),
        ((Method::Patch, &of_machine, json!({})), "To update an instance you need to specify a name or tags"),
        ((Method::Post, NETWORKS, Value::Null), "Invalid JSON: EOF"),
    ] {
        let error = check(&mut world, call, 400, "ValidationError", words);
        assert_eq!(error.meaning(), Meaning::Rejected);
    }
}

#[test]
fn a_router_refuses_subnets_and_routes_that_do_not_fit() {
    let mut world = world(instant());
    let network = world.network();
    let subnet = world.subnet(&network);
    let router = world.make(ROUTERS, json!({ "name": "router", "interfaces": [{ "subnet_id": subnet }] }));
    let path = format!("{ROUTERS}/{router}");
    let (attach, detach) = (format!("{path}/attach"), format!("{path}/detach"));
    let here = json!({ "subnet_id": subnet });
    let words = format!("Router already has a port on subnet {subnet}");
    check(&mut world, (Method::Post, &attach, here.clone()), 400, "ValidationError", &words);
    let route = |hop: &str| json!({ "routes": [{ "destination": "10.9.0.0/16", "nexthop": hop }] });
    let words = "Nexthops: 172.16.0.1 are not connected with router";
    check(&mut world, (Method::Patch, &path, route("172.16.0.1")), 400, "ValidationError", words);
    assert_eq!(world.send(Method::Patch, &path, Some(route("10.0.0.9"))).0, 200);
    // Routes have to be removed before the interface.
    assert_eq!(world.send(Method::Post, &detach, Some(here.clone())).0, 409);
    assert_eq!(world.send(Method::Patch, &path, Some(json!({ "routes": [] }))).0, 200);
    assert_eq!(world.send(Method::Post, &detach, Some(here)).0, 200);
    let gateway = json!({ "external_gateway_info": { "type": "manual", "enable_snat": true } });
    let (_, shown) = refused(&mut world, Method::Patch, &path, Some(gateway));
    assert_eq!(
        (&shown["exception_class"], shown.pointer("/invalid_fields/external_gateway_info/network_id").is_some()),
        (&json!("ValidationError"), true),
        "{shown}"
    );
}

#[test]
fn a_health_monitor_is_patched_whole() {
    let mut world = world(instant());
    let balancer = world.make("/cloud/v1/loadbalancers/1/7", json!({ "name": "web-lb" }));
    let pool =
        json!({ "name": "pool", "load_balancer_id": balancer, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN" });
    let pool = world.make("/cloud/v1/lbpools/1/7", pool);
    let part = json!({ "healthmonitor": { "type": "HTTP", "delay": 10, "max_retries": 3 } });
    let (error, shown) = refused(&mut world, Method::Patch, &format!("/cloud/v2/lbpools/1/7/{pool}"), Some(part));
    assert_eq!(shown["invalid_fields"], json!({ "healthmonitor": { "timeout": ["Field required"] } }), "{shown}");
    assert_eq!(error.invalid_fields, [("/healthmonitor/timeout".to_owned(), "Field required".to_owned())]);
}

/// Both texts of §3 are a lock to the client; the first names the task.
#[test]
fn a_lock_has_one_of_two_messages() {
    let mut texts = [0, 0];
    for seed in 0..8 {
        let mut world = world(Options { seed, ..Options::default() });
        let group = world.make(GROUPS, json!({ "name": "web", "rules": [] }));
        let rule = |port: u16| {
            json!({
                "direction": "ingress", "protocol": "tcp", "ethertype": "IPv4", "port_range_min": port,
                "port_range_max": port,
            })
        };
        let path = format!("{GROUPS}/{group}/rules");
        let (_, first) = world.post(&path, rule(80));
        let (error, shown) = refused(&mut world, Method::Post, &path, Some(rule(81)));
        assert_eq!((error.status, error.meaning()), (409, Meaning::Locked), "{shown}");
        let message = shown["message"].as_str().unwrap();
        let named = message.contains(&format!("with id `{}` (", first["tasks"][0].as_str().unwrap()));
        let unnamed =
            message == format!("Resource `{group}` is already locked by another task. Please try again later.");
        assert!(named != unnamed, "{message}");
        texts[usize::from(named)] += 1;
    }
    assert!(texts.iter().all(|count| *count > 0), "{texts:?}");
}

#[test]
fn a_volume_in_use_is_found_out_by_the_task() {
    let mut world = world(instant());
    let volume = world.make(VOLUMES, json!({ "name": "boot", "source": "image", "image_id": IMAGE, "size": 5 }));
    let machine = json!({
        "name": "web", "flavor": "g1-standard-1-2", "interfaces": [{ "type": "external" }],
        "volumes": [{ "source": "existing-volume", "volume_id": volume, "boot_index": 0 }],
    });
    world.make(MACHINES_V2, machine.clone());
    let accepted = world.post(MACHINES_V2, machine);
    let task = world.ended(accepted);
    assert_eq!((&task["state"], &task["created_resources"]), (&json!("ERROR"), &Value::Null));
    assert_eq!(task["error"], format!("Volume {volume} is in unexpected state in-use"));
    assert_eq!(world.simulator.resources("instances").len(), 1);
    assert_eq!(world.simulator.resources("volumes")[0].shown["status"], "in-use");
}

#[test]
fn an_image_that_is_none_is_missing_for_a_volume_and_wrong_for_a_machine() {
    let mut world = world(Options { known_images: true, ..instant() });
    let boot = json!({ "name": "boot", "source": "image", "image_id": IMAGE, "size": 5 });
    let words = format!("Image {IMAGE} not found");
    check(&mut world, (Method::Post, VOLUMES, boot.clone()), 404, "NotFoundError", &words);
    let machine = json!({
        "name": "web", "flavor": "g1-standard-1-2", "interfaces": [{ "type": "external" }], "volumes": [boot],
    });
    check(&mut world, (Method::Post, MACHINES_V2, machine), 400, "ValidationError", &words);
}

#[test]
fn resources_of_another_project_are_not_found() {
    let mut world = world(instant());
    let network = world.network();
    let path = format!("/cloud/v1/networks/2/7/{network}");
    let error = check(&mut world, (Method::Get, &path, Value::Null), 404, "NotFoundError", &network);
    assert_eq!(error.meaning(), Meaning::NotFound);
}
