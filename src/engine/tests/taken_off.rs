//! What another client took off a router or a machine, and deleted: it needs no call any more, in an update or an undo.

use serde_json::{Value, json};

use super::harness::{Trial, assert_done, paused};
use super::parts::{assume, boot, group, id_of, plan as machine, shown, subnet, with_groups};
use crate::catalog::Method;
use crate::exit::Exit;
use crate::journal::RecordedCall;
use crate::simulate::{Faults, Options};

/// A router with these of the two subnets in its body, and a step that attaches the third.
fn router(own: &[&str]) -> String {
    let place = "{project_id}/{region_id}";
    let id = |step: &str| format!("{{{{ steps.{step}.id }}}}");
    let net = json!({ "id": "net", "call": format!("POST /cloud/v1/networks/{place}"),
        "body": { "name": "net", "create_router": false } });
    let subnet = |(at, step): (usize, &str)| {
        json!({ "id": step, "call": format!("POST /cloud/v1/subnets/{place}"), "body": { "name": step,
            "network_id": id("net"), "cidr": format!("10.0.{at}.0/24"), "connect_to_network_router": false } })
    };
    let interfaces: Value = own.iter().map(|step| json!({ "type": "subnet", "subnet_id": id(step) })).collect();
    let router = json!({ "id": "router", "call": format!("POST /cloud/v1/routers/{place}"),
        "body": { "name": "router", "interfaces": interfaces } });
    let call = |word: &str| format!("POST /cloud/v1/routers/{place}/{}/{word}", id("router"));
    let body = json!({ "subnet_id": id("three") });
    let att = json!({ "id": "att", "call": call("attach"), "body": body,
        "undo": { "call": call("detach"), "body": body } });
    let subnets = ["one", "two", "three"].into_iter().enumerate().map(subnet);
    let steps: Vec<Value> = std::iter::once(net).chain(subnets).chain([router, att]).collect();
    json!({ "name": "demo", "steps": steps }).to_string()
}

async fn post(trial: &Trial, path: String, body: Value) {
    trial.by_hand(&RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, path) }).await;
}

async fn delete(trial: &Trial, path: String) {
    trial.by_hand(&RecordedCall::new(Method::Delete, path)).await;
}

/// Another client takes a subnet of a step off the router.
async fn detach(trial: &Trial, step: &str) {
    let path = format!("/cloud/v1/routers/1/7/{}/detach", id_of(trial, "router"));
    post(trial, path, json!({ "subnet_id": id_of(trial, step) })).await;
}

/// The steps whose subnets the router has.
fn attached(trial: &Trial) -> Vec<&'static str> {
    let shown = trial.read(&format!("/cloud/v1/routers/1/7/{}", id_of(trial, "router"))).to_string();
    ["one", "two", "three"].into_iter().filter(|step| shown.contains(&id_of(trial, step))).collect()
}

fn set_faults(trial: &Trial, rules: &[&str]) {
    trial.simulator.lock().unwrap().set_faults(Faults::parse(rules.iter().copied()).unwrap());
}

async fn made(text: &str) -> Trial {
    let mut trial = Trial::new(Options::default());
    let end = trial.run(text).await;
    assert_done(&trial, &end);
    trial
}

#[test]
fn a_subnet_that_was_taken_off_a_router_is_the_drift_of_the_step_that_attached_it() {
    for (step, drift) in [("three", "att subnet_id"), ("one", "router interfaces")] {
        paused(async {
            let text = router(&["one", "two"]);
            let mut trial = made(&text).await;
            assert_eq!(trial.refresh().await, Vec::<String>::new());
            detach(&trial, step).await;
            assert_eq!(trial.refresh().await, [drift]);
            let end = trial.run(&text).await;
            assert_done(&trial, &end);
            assert_eq!(attached(&trial), ["one", "two", "three"]);
            assert_eq!(trial.refresh().await, Vec::<String>::new());
        });
    }
}

/// The API refuses to detach it, and the router shows that there is nothing to take back.
#[test]
fn the_undo_of_an_attachment_to_a_router_is_done_where_the_router_does_not_show_it() {
    for (by_hand, exit) in [(true, Exit::Done), (false, Exit::TeardownIncomplete)] {
        paused(async {
            let mut trial = made(&router(&[])).await;
            if by_hand {
                detach(&trial, "three").await;
            }
            set_faults(&trial, &["status=400:POST:/detach"]);
            assert_eq!(trial.destroy().await.exit, exit, "{:?}", trial.left());
            assert_eq!(trial.alive().is_empty(), by_hand);
        });
    }
}

/// Its answer is lost, and the API refuses it from then on.
#[test]
fn an_attachment_in_doubt_is_done_where_the_router_shows_it() {
    paused(async {
        let mut trial = Trial::with_faults(&["lost-answer:POST:/attach:1", "status=403:GET:user_actions"]);
        let end = trial.run(&router(&["one"])).await;
        assert_done(&trial, &end);
        assert_eq!(attached(&trial), ["one", "three"]);
        set_faults(&trial, &[]);
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert!(trial.alive().is_empty(), "{:?}", trial.alive());
    });
}

#[test]
fn an_update_takes_nothing_off_a_router_that_it_does_not_show() {
    for (after, by_hand, exit) in
        [(&["two"][..], true, Exit::Done), (&[], true, Exit::Done), (&["two"], false, Exit::StepFailed)]
    {
        paused(async {
            let own = if after.is_empty() { &["one"][..] } else { &["one", "two"] };
            let mut trial = made(&router(own)).await;
            if by_hand {
                detach(&trial, "one").await;
            }
            set_faults(&trial, &["status=404:POST:/detach"]);
            let end = trial.run(&router(after)).await;
            assert_eq!(end.finished.exit, exit, "{:?}", trial.failures());
            set_faults(&trial, &[]);
            let end = trial.run(&router(after)).await;
            assert_done(&trial, &end);
            assert_eq!(attached(&trial), [after, &["three"]].concat());
        });
    }
}

/// Another client takes a group off the machine, and deletes it.
async fn delete_group(trial: &Trial, step: &str) {
    let path = format!("/cloud/v1/instances/1/7/{}/delsecuritygroup", id_of(trial, "web"));
    post(trial, path, json!({ "name": format!("{step}-group") })).await;
    delete(trial, format!("/cloud/v1/securitygroups/1/7/{}", id_of(trial, step))).await;
}

#[test]
fn a_group_that_is_gone_is_not_taken_off_a_machine() {
    let with = |body: Value| machine(true, "", &body);
    let whole = |groups: &[&str]| {
        let groups: Value = groups.iter().map(|name| group(name)).collect();
        with(json!({ "interfaces": [subnet("front")], "volumes": [boot()], "security_groups": groups }))
    };
    let of_port =
        |groups: &[&str]| with(json!({ "interfaces": [with_groups(subnet("front"), groups)], "volumes": [boot()] }));
    for (before, after, expected) in [
        (whole(&["a", "b"]), whole(&["b", "c"]), "front: b-group c-group"),
        (whole(&["a"]), whole(&["c"]), "front: c-group"),
        (whole(&["a", "b"]), whole(&["c"]), "front: c-group"),
        (of_port(&["a", "b"]), of_port(&["b", "c"]), "front: b-group c-group"),
        (of_port(&["a", "b"]), of_port(&["c"]), "front: c-group"),
    ] {
        paused(async {
            let mut trial = Trial::new(assume(None));
            let end = trial.run(&before).await;
            assert_done(&trial, &end);
            delete_group(&trial, "a").await;
            let end = trial.run(&after).await;
            assert_done(&trial, &end);
            assert_eq!(shown(&trial).0, [expected]);
            let writes = trial.writes();
            let end = trial.run(&after).await;
            assert_done(&trial, &end);
            assert_eq!(trial.writes(), writes, "{expected}");
        });
    }
}

/// A read that wrongly finds no group says nothing while a port shows it.
#[test]
fn a_group_that_a_port_shows_is_not_gone() {
    paused(async {
        let with = |name: &str| {
            machine(
                true,
                "",
                &json!({ "interfaces": [subnet("front")], "volumes": [boot()], "security_groups": [group(name)] }),
            )
        };
        let mut trial = Trial::new(assume(None));
        let end = trial.run(&with("a")).await;
        assert_done(&trial, &end);
        set_faults(&trial, &["status=404:GET:securitygroups"]);
        let end = trial.run(&with("b")).await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        set_faults(&trial, &[]);
        let end = trial.run(&with("b")).await;
        assert_done(&trial, &end);
        assert_eq!(shown(&trial).0, ["front: b-group"]);
    });
}

#[test]
fn an_interface_that_is_gone_is_not_detached_from_a_machine() {
    paused(async {
        let with = |subnets: &[&str]| {
            let interfaces: Value = subnets.iter().map(|name| subnet(name)).collect();
            machine(true, "", &json!({ "interfaces": interfaces, "volumes": [boot()] }))
        };
        let mut trial = Trial::new(assume(None));
        let end = trial.run(&with(&["front", "back"])).await;
        assert_done(&trial, &end);
        let web = format!("/cloud/v1/instances/1/7/{}", id_of(&trial, "web"));
        let listed = trial.read(&format!("{web}/interfaces"))["results"].as_array().unwrap().clone();
        let back = id_of(&trial, "back");
        let at = listed.iter().find(|one| one["ip_assignments"][0]["subnet_id"] == *back).unwrap();
        let body = json!({ "port_id": at["port_id"], "ip_address": at["ip_assignments"][0]["ip_address"] });
        post(&trial, format!("{web}/detach_interface"), body).await;
        let writes = trial.writes();
        let end = trial.run(&with(&["front"])).await;
        assert_done(&trial, &end);
        assert_eq!((trial.writes(), shown(&trial).0.len()), (writes, 1));
    });
}
