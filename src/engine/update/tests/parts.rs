//! Lost answers of calls that change a part of a resource: what a read shows of the part says whether they took effect.

use super::*;
use crate::engine::evidence::testing::intent;
use crate::engine::tests::apart::{Canned, listed, with_answers};
use crate::engine::update::parts::part_state;
use crate::journal::Intent;

const MACHINE: &str = "/cloud/v1/instances/1/7/m1";

/// What is known of a call of the machine or cluster whose create had `before`, and is to agree with `after`.
fn state(call: RecordedCall, before: Value, after: Value, table: &[(&str, Canned)]) -> Option<UpdateState> {
    let create = |body: Value| post("v2/instances/1/7", body);
    let update = Some(create(after).into());
    let intent = Intent { call: call.into(), update, ..intent(json!({})) };
    let table = table.to_vec();
    with_answers(table, async |context| part_state(context, &intent, &create(before)).await)
}

fn call(method: Method, path: &str, body: Value) -> RecordedCall {
    RecordedCall { body: Some(body.into()), ..RecordedCall::new(method, format!("/cloud/{path}")) }
}

const REFUSED: fn() -> Canned = || (500, json!({ "message": "no" }));

#[test]
fn groups_are_as_every_port_shows_them() {
    use UpdateState::{CannotTell, Done, NotDone};
    let port = |id: &str, groups: &[&str]| json!({ "id": id, "security_groups": groups.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>() });
    let all = json!({ "name": "web" });
    let one = |port: &str, groups: &[&str]| json!({ "ports_security_group_names": [{ "port_id": port, "security_group_names": groups }] });
    for (body, ports, added, removed) in [
        (&all, vec![port("p1", &["web"]), port("p2", &["web", "db"])], Done, NotDone),
        (&all, vec![port("p1", &["web"]), port("p2", &["db"])], NotDone, NotDone),
        (&all, vec![port("p1", &["db"]), port("p2", &[])], NotDone, Done),
        (&all, vec![], NotDone, NotDone),
        (&one("p1", &["web", "db"]), vec![port("p1", &["web", "db"]), port("p2", &[])], Done, NotDone),
        (&one("p1", &["web", "db"]), vec![port("p1", &["web"]), port("p2", &["db"])], NotDone, NotDone),
        (&one("p1", &["web"]), vec![port("p1", &[]), port("p2", &["web"])], NotDone, Done),
        (&one("p3", &["web"]), vec![port("p1", &["web"])], NotDone, NotDone),
    ] {
        for (word, expected) in [("addsecuritygroup", added), ("delsecuritygroup", removed)] {
            let sent = call(Method::Post, &format!("v1/instances/1/7/m1/{word}"), body.clone());
            let told = listed(&ports);
            let state = state(sent, json!({}), json!({}), &[(&format!("{MACHINE}/ports"), told)]);
            assert_eq!(state, Some(expected), "{word} {body} {ports:?}");
        }
    }
    let sent = call(Method::Post, "v1/instances/1/7/m1/addsecuritygroup", all);
    assert_eq!(state(sent, json!({}), json!({}), &[]), Some(CannotTell));
}

#[test]
fn an_interface_is_there_or_not() {
    use UpdateState::{Done, NotDone, Unread};
    let shown = |port: &str, subnet: &str| json!({ "port_id": port, "ip_assignments": [{ "subnet_id": subnet }] });
    let wanted = |subnets: &[&str]| {
        let all = subnets.iter().map(|subnet| json!({ "type": "subnet", "subnet_id": subnet }));
        json!({ "interfaces": all.collect::<Vec<_>>() })
    };
    let at = format!("{MACHINE}/interfaces");
    for (interfaces, attached, detached) in [
        (vec![shown("p1", "s1"), shown("p2", "s2")], Done, NotDone),
        (vec![shown("p1", "s1")], NotDone, NotDone),
        (vec![shown("p2", "s2")], NotDone, Done),
    ] {
        let attach = call(Method::Post, "v1/instances/1/7/m1/attach_interface", json!({}));
        let detach = call(Method::Post, "v1/instances/1/7/m1/detach_interface", json!({ "port_id": "p1" }));
        for (sent, expected) in [(attach, attached), (detach, detached)] {
            let told = listed(&interfaces);
            let state = state(sent.clone(), wanted(&["s1"]), wanted(&["s1", "s2"]), &[(at.as_str(), told)]);
            assert_eq!(state, Some(expected), "{sent} {interfaces:?}");
        }
    }
    let attach = call(Method::Post, "v1/instances/1/7/m1/attach_interface", json!({}));
    assert_eq!(state(attach, json!({}), json!({}), &[(at.as_str(), REFUSED())]), Some(Unread));
}

#[test]
fn a_volume_is_there_or_not() {
    use UpdateState::{CannotTell, Done, NotDone};
    let sent = |word: &str| call(Method::Post, &format!("v2/volumes/1/7/v1/{word}"), json!({ "instance_id": "m1" }));
    let of_machine = json!({ "volumes": [] });
    for (machine, attached, detached) in [
        (json!({ "volumes": [{ "id": "v0" }, { "id": "v1" }] }), Done, NotDone),
        (json!({ "volumes": [{ "id": "v0" }] }), NotDone, Done),
        (json!({ "volumes": [] }), NotDone, Done),
        (json!({}), CannotTell, CannotTell),
    ] {
        for (word, expected) in [("attach", attached), ("detach", detached)] {
            let state = state(sent(word), of_machine.clone(), json!({}), &[(MACHINE, (200, machine.clone()))]);
            assert_eq!(state, Some(expected), "{word} {machine}");
        }
    }
    // A step of its own is compared like every other resource.
    let machine = (200, json!({ "volumes": [{ "id": "v1" }] }));
    assert_eq!(state(sent("attach"), json!({ "size": 1 }), json!({}), &[(MACHINE, machine)]), None);
}

#[test]
fn a_volume_of_a_machine_has_its_new_fields_or_not() {
    use UpdateState::{CannotTell, Done, NotDone};
    let volumes = |size: u64, kind: &str| json!({ "volumes": [{ "source": "image", "size": 5 }, { "source": "new-volume", "size": size, "type_name": kind }] });
    let volume = "/cloud/v1/volumes/1/7/v1";
    for (word, after, shown, expected) in [
        ("extend", volumes(9, "standard"), (200, json!({ "size": 9, "volume_type": "standard" })), Done),
        ("extend", volumes(9, "standard"), (200, json!({ "size": 7, "volume_type": "standard" })), NotDone),
        ("retype", volumes(7, "cold"), (200, json!({ "size": 7, "volume_type": "cold" })), Done),
        ("retype", volumes(7, "cold"), (200, json!({ "size": 7, "volume_type": "standard" })), NotDone),
        ("extend", volumes(7, "standard"), (200, json!({ "size": 7 })), CannotTell),
        ("extend", volumes(9, "standard"), (404, json!({})), CannotTell),
    ] {
        let sent = call(Method::Post, &format!("v1/volumes/1/7/v1/{word}"), json!({}));
        let state = state(sent, volumes(7, "standard"), after.clone(), &[(volume, shown.clone())]);
        assert_eq!(state, Some(expected), "{word} {after} {shown:?}");
    }
    let sent = call(Method::Post, "v1/volumes/1/7/v1/extend", json!({ "size": 9 }));
    assert_eq!(state(sent, json!({ "size": 7 }), json!({ "size": 9 }), &[(volume, (200, json!({ "size": 9 })))]), None);
}

#[test]
fn a_pool_is_there_or_not_and_has_its_new_fields_or_not() {
    use UpdateState::{Done, NotDone, Unread};
    let clusters = "v2/k8s/clusters/1/7/c1/pools";
    let pool = format!("/cloud/{clusters}/p1");
    let pools = |least: u64| json!({ "pools": [{ "name": "p0" }, { "name": "p1", "min_node_count": least }] });
    let shown = |least: u64| (200, json!({ "name": "p1", "min_node_count": least }));
    for (sent, told, expected) in [
        (call(Method::Post, clusters, json!({ "name": "p1" })), shown(1), Done),
        (call(Method::Post, clusters, json!({ "name": "p1" })), (404, json!({})), NotDone),
        (call(Method::Post, clusters, json!({ "name": "p1" })), REFUSED(), Unread),
        (call(Method::Delete, &format!("{clusters}/p1"), json!({})), shown(1), NotDone),
        (call(Method::Delete, &format!("{clusters}/p1"), json!({})), (404, json!({})), Done),
        (call(Method::Delete, &format!("{clusters}/p1"), json!({})), REFUSED(), Unread),
        (call(Method::Patch, &format!("{clusters}/p1"), json!({})), shown(3), Done),
        (call(Method::Patch, &format!("{clusters}/p1"), json!({})), shown(1), NotDone),
    ] {
        let state = state(sent.clone(), pools(1), pools(3), &[(pool.as_str(), told.clone())]);
        assert_eq!(state, Some(expected), "{sent} {told:?}");
    }
    let made = call(Method::Post, clusters, json!({ "name": "p1" }));
    assert_eq!(state(made, json!({}), json!({}), &[(pool.as_str(), shown(1))]), None);
}
