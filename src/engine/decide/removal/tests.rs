use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::engine::stamps::intent_of;
use crate::journal::{Header, InstanceStatus, IntendedUndo, Intent, Phase, RecordedCall, StepResult};

fn id(text: &str) -> InstanceId {
    match text.split_once('[') {
        Some((step, key)) => InstanceId::new(StepId::new(step), Some(key.trim_end_matches(']').to_owned())),
        None => InstanceId::new(StepId::new(text), None),
    }
}

/// A record of instances, each with the body of its call and the steps it comes after.
fn status(instances: &[(&str, Value, &[&str])]) -> Status {
    let mut status = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
    for (name, body, after) in instances {
        let call = RecordedCall {
            body: Some(body.clone().into()),
            ..RecordedCall::new(Method::Post, "/cloud/v1/networks/1/7")
        };
        let own = json!(format!("id-of-{name}").replace(['[', ']'], "-"));
        let known = InstanceStatus {
            phase: Phase::Succeeded,
            agrees: Some(call.into()),
            result: Some(StepResult { id: Some(own.clone().into()), ..StepResult::default() }),
            made: vec![RecordedResource {
                undo: Some(RecordedCall::new(Method::Delete, "/x")),
                id: Some(own.into()),
                ..RecordedResource::default()
            }],
            after: after.iter().map(|step| StepId::new(*step)).collect(),
            ..InstanceStatus::default()
        };
        status.instances.insert(id(name), known.into());
    }
    status
}

/// The removals wave by wave; and the kept instances with their reason.
fn waves(status: &Status, wanted: &[&str]) -> (Vec<String>, Vec<String>) {
    let wanted: Vec<InstanceId> = wanted.iter().map(|name| id(name)).collect();
    let mut removal = removal(status, &wanted);
    let mut waves = Vec::new();
    loop {
        let wave: Vec<InstanceId> = std::iter::from_fn(|| removal.take()).collect();
        if wave.is_empty() {
            break;
        }
        waves.push(wave.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
        wave.iter().for_each(|instance| removal.mark_gone(instance));
    }
    let kept = removal.kept.iter().map(|kept| format!("{} for {}", kept.instance, kept.because_of));
    (waves, kept.collect())
}

fn chains() -> Status {
    status(&[
        ("net[0]", json!({}), &[]),
        ("net[1]", json!({}), &[]),
        ("sub[0]", json!({ "network_id": "id-of-net-0-" }), &["net"]),
        ("sub[1]", json!({ "network_id": "id-of-net-1-" }), &["net"]),
        ("vm", json!({ "interfaces": [{ "subnet_id": "id-of-sub-0-" }] }), &["sub"]),
    ])
}

#[test]
fn dependants_are_removed_first() {
    let all = ["net[0]", "net[1]", "sub[0]", "sub[1]", "vm"];
    let (waves, kept) = waves(&chains(), &all);
    assert_eq!((waves, kept), (vec!["sub[1] vm".into(), "net[1] sub[0]".into(), "net[0]".into()], vec![]));
}

#[test]
fn one_of_two_goes_while_the_other_stays() {
    let (waves, kept) = waves(&chains(), &["net[1]", "sub[1]"]);
    assert_eq!((waves, kept), (vec!["sub[1]".to_owned(), "net[1]".into()], vec![]));
}

/// Each call mentions all of them by their name: there are no more entries than instances and mentions of a name.
#[test]
fn instances_of_one_name_are_not_compared_one_by_one() {
    let (disks, machines): (Vec<String>, Vec<String>) =
        (0..300).map(|n| (format!("disk[{n}]"), format!("vm[{n}]"))).unzip();
    let disks = disks.iter().map(|name| (name.as_str(), json!({}), &[][..]));
    let all = disks.chain(machines.iter().map(|name| (name.as_str(), json!({ "disk": "data" }), &["disk"][..])));
    let mut status = status(&all.collect::<Vec<_>>());
    for (instance, known) in &mut status.instances {
        let named = (instance.step.as_str() == "disk").then(|| "data".to_owned());
        known.result.as_mut().unwrap().name = named;
    }
    let wanted: Vec<InstanceId> = status.instances.keys().cloned().collect();
    let removal = removal(&status, &wanted);
    let entries: usize = removal.waits_for.iter().map(Vec::len).sum();
    assert!(entries <= 4 * wanted.len(), "{entries}");
    let (order, _) = removal_order(&status);
    assert!(order.iter().take(300).all(|instance| instance.step.as_str() == "vm") && order.len() == 600);
    // One that stays keeps all of them, and all depend on one that is replaced.
    let all_but_one: Vec<InstanceId> = wanted.iter().filter(|instance| **instance != id("vm[7]")).cloned().collect();
    let kept = super::removal(&status, &all_but_one).kept;
    assert!(kept.len() == 300 && kept.iter().all(|kept| kept.because_of == id("vm[7]")), "{kept:?}");
    assert_eq!(References::of(&status).dependants(&id("disk[0]")).len(), 300);
}

/// Everything has one name, which says nothing where an id says more.
#[test]
fn one_of_two_with_equal_names_goes_while_the_other_stays() {
    let mut status = chains();
    for known in status.instances.values_mut() {
        known.result.as_mut().unwrap().name = Some("twin".to_owned());
        known.agrees.as_mut().unwrap().body.as_mut().unwrap().edit(|body| body["name"] = json!("twin"));
    }
    assert_eq!(waves(&status, &["net[1]", "sub[1]"]), (vec!["sub[1]".to_owned(), "net[1]".into()], vec![]));
    // What is mentioned by its name alone, as an SSH key, is still used.
    let sub = status.instances.get_mut(&id("sub[1]")).unwrap();
    sub.agrees.as_mut().unwrap().body = Some(json!({ "key": "twin" }).into());
    assert_eq!(waves(&status, &["net[1]"]).1, ["net[1] for sub[1]"]);
}

#[test]
fn what_another_holds_too_is_not_kept_for_its_users() {
    let mut status = chains();
    let net = status.instances.get_mut(&id("net[0]")).unwrap();
    net.made[0].undo = Some(RecordedCall::new(Method::Delete, "/cloud/v1/networks/1/7/id-of-net-0-"));
    let second = net.clone();
    status.instances.insert(id("old"), second);
    assert_eq!(waves(&status, &["old"]), (vec!["old".to_owned()], vec![]));
    assert_eq!(waves(&status, &["old", "net[0]"]).1, ["net[0] for sub[0]"]);
}

/// The call that took something off a resource mentions that, and the resource does not use it any more. Any other update
/// may be what uses it.
#[test]
fn what_an_update_took_off_is_not_kept_for_it() {
    let body = json!({ "subnet_id": "id-of-sub-0-", "volume_ids": ["id-of-sub-0-"] });
    for (method, path, is_update, kept) in [
        (Method::Post, "/cloud/v1/routers/1/7/r/detach", true, false),
        (Method::Post, "/cloud/v2/volumes/1/7/id-of-sub-0-/detach", true, false),
        (Method::Put, "/cloud/v1/lifecycle_policy/1/7/9/remove_volumes_from_policy", true, false),
        (Method::Delete, "/cloud/v2/k8s/clusters/1/7/c/pools/id-of-sub-0-", true, false),
        (Method::Post, "/cloud/v1/routers/1/7/r/attach", true, true),
        (Method::Patch, "/cloud/v1/routers/1/7/r", true, true),
        (Method::Post, "/cloud/v1/routers/1/7/r/detach", false, true),
    ] {
        let mut status = chains();
        let router = status.instances.get_mut(&id("vm")).unwrap();
        // The resource still agrees with a call that mentions it: it is used, whatever was sent.
        let agreed = router.agrees.clone();
        let agrees = RecordedCall {
            body: Some(json!({ "interfaces": [] }).into()),
            ..RecordedCall::clone(agreed.as_ref().unwrap())
        };
        router.agrees = Some(agrees.clone().into());
        let call = RecordedCall { body: Some(body.clone().into()), ..RecordedCall::new(method, path) };
        let mut intent = intent_of(&id("vm"), call, String::new());
        intent.update = is_update.then(|| agrees.into());
        router.intent = Some(intent.into());
        let expected: &[&str] = if kept { &["sub[0] for vm"] } else { &[] };
        assert_eq!(waves(&status, &["sub[0]"]).1, expected, "{method} {path}");
        status.instances.get_mut(&id("vm")).unwrap().agrees = agreed;
        assert_eq!(waves(&status, &["sub[0]"]).1, ["sub[0] for vm"], "{method} {path}");
    }
}

#[test]
fn dependencies_of_a_kept_instance_are_kept_and_named() {
    let (waves, kept) = waves(&chains(), &["net[0]", "sub[0]", "net[1]"]);
    assert_eq!(waves, Vec::<String>::new());
    assert_eq!(kept, ["sub[0] for vm", "net[0] for sub[0]", "net[1] for sub[1]"]);
}

#[test]
fn what_no_undo_takes_away_keeps_what_it_uses_and_stays_on_record_with_it() {
    let intent = |undo| -> Intent {
        serde_json::from_value(json!({
            "instance": id("sub[1]"), "call": RecordedCall::new(Method::Post, "/x"), "attempt": 1, "nonce": "n",
            "stamped": false, "after": [], "undo": undo,
        }))
        .unwrap()
    };
    let all = ["net[0]", "net[1]", "sub[0]", "sub[1]", "vm"];
    for (undo, of_plan, wanted, kept) in [
        (None, Some(IntendedUndo::Keep), &all[..], &["sub[1] for sub[1]", "net[1] for sub[1]"][..]),
        // It was adopted.
        (None, None, &all, &["sub[1] for sub[1]", "net[1] for sub[1]"]),
        // It was there before, inside of what goes.
        (None, Some(IntendedUndo::Default), &all, &[]),
        (Some(RecordedCall::new(Method::Delete, "/x")), Some(IntendedUndo::Default), &all, &[]),
        // Nothing that it uses goes.
        (None, None, &["sub[1]"], &[]),
    ] {
        let mut status = chains();
        let sub = status.instances.get_mut(&id("sub[1]")).unwrap();
        sub.intent = of_plan.map(|undo| intent(undo).into());
        sub.called = sub.intent.is_some();
        sub.made[0].undo = undo;
        assert_eq!(waves(&status, wanted).1, kept, "{wanted:?}");
    }
}

#[test]
fn a_former_dependency_of_a_kept_step_may_be_removed() {
    let status = status(&[("a", json!({}), &[]), ("b", json!({ "name": "b" }), &["a"])]);
    assert_eq!(waves(&status, &["a"]), (vec!["a".to_owned()], vec![]));
    // When both are removed, the recorded order still counts.
    assert_eq!(waves(&status, &["a", "b"]).0, ["b", "a"]);
}

#[test]
fn reordered_steps_are_removed_as_well() {
    let status = status(&[("a", json!({}), &["b"]), ("b", json!({}), &["a"])]);
    let mut removal = removal(&status, &[id("a"), id("b")]);
    assert_eq!(removal.take(), None);
    let youngest = removal.youngest().unwrap();
    assert_eq!(youngest, id("b"));
    removal.mark_gone(&youngest);
    assert_eq!(removal.take(), Some(id("a")));
    removal.mark_gone(&id("a"));
    assert_eq!(removal.take(), None, "each is removed once");
}

#[test]
fn instances_kept_because_of_another_are_reported_with_the_reason() {
    let all = ["net[0]", "net[1]", "sub[0]", "sub[1]", "vm"].map(id);
    let mut removal = removal(&chains(), &all);
    assert_eq!(removal.not_gone(), all);
    // `vm` and `sub[1]` are released; `vm` cannot be removed.
    assert_eq!([removal.take(), removal.take(), removal.take()], [Some(id("sub[1]")), Some(id("vm")), None]);
    removal.mark_gone(&id("sub[1]"));
    assert_eq!(removal.take(), Some(id("net[1]")));
    removal.mark_gone(&id("net[1]"));
    assert_eq!(removal.not_gone(), ["net[0]", "sub[0]", "vm"].map(id));
    let because = |instance: &str, of: &str| KeptInstance { instance: id(instance), because_of: id(of) };
    assert_eq!(removal.never_free(), [because("net[0]", "sub[0]"), because("sub[0]", "vm")]);
    // One that comes after a whole step waits for any instance of it.
    let status = status(&[("a", json!({}), &[]), ("b[0]", json!({}), &["a"]), ("b[1]", json!({}), &["a"])]);
    let mut removal = super::removal(&status, &["a", "b[0]", "b[1]"].map(id));
    removal.mark_gone(&id("b[0]"));
    assert_eq!(removal.never_free(), [because("a", "b[1]")]);
}

#[test]
fn all_that_exists_is_in_the_order_of_removal_even_in_a_circle() {
    let names = |order: Vec<InstanceId>| order.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(removal_order(&chains()).0), ["sub[1]", "net[1]", "vm", "sub[0]", "net[0]"]);
    let mut circle = status(&[("a", json!({}), &["b"]), ("b", json!({}), &["a"]), ("c", json!({}), &[])]);
    circle.instances.insert(id("gone"), InstanceStatus::default().into());
    assert_eq!(names(removal_order(&circle).0), ["c", "b", "a"]);
}

#[test]
fn an_id_that_was_given_as_a_secret_is_a_reference_too() {
    let mut status = chains();
    let secret = crate::secret::digest_of(&json!("id-of-net-1-"), status.header.key.as_bytes());
    let sub = status.instances.get_mut(&id("sub[1]")).unwrap();
    sub.agrees.as_mut().unwrap().body = Some(json!({ "network_id": secret }).into());
    assert_eq!(waves(&status, &["net[1]", "sub[1]"]).0, ["sub[1]", "net[1]"]);
    assert_eq!(waves(&status, &["net[1]"]).1, ["net[1] for sub[1]"]);
}
