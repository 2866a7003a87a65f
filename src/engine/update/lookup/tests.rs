use serde_json::json;

use super::*;

fn shown() -> Vec<Value> {
    vec![
        json!({ "port_id": "p0", "network_id": "n1", "network_details": { "external": false },
            "ip_assignments": [{ "subnet_id": "s1", "ip_address": "10.0.0.5" }] }),
        json!({ "port_id": "p1", "network_id": "n1", "network_details": { "external": false },
            "ip_assignments": [{ "subnet_id": "s2", "ip_address": "10.0.1.5" }], "interface_name": "db" }),
        json!({ "port_id": "p2", "network_id": "n2", "network_details": { "external": true },
            "ip_assignments": [{ "subnet_id": "s3", "ip_address": "92.0.0.5" }] }),
    ]
}

#[test]
fn an_interface_is_found_by_all_that_its_body_says_of_it() {
    let listed = [
        json!({ "type": "external" }),
        json!({ "type": "any_subnet", "network_id": "n1" }),
        json!({ "type": "subnet", "network_id": "n1", "subnet_id": "s2", "interface_name": "db" }),
    ];
    for (at, port) in [(0, ("p2", "92.0.0.5")), (1, ("p0", "10.0.0.5")), (2, ("p1", "10.0.1.5"))] {
        assert_eq!(port_of(&listed, at, &shown()), Ok((port.0.to_owned(), port.1.to_owned())));
    }
}

#[test]
fn what_the_body_says_of_an_interface_has_to_be_shown() {
    let shown = json!({ "port_id": "p1", "network_id": "n1", "network_details": { "external": true },
        "ip_assignments": [{ "subnet_id": "s0" }, { "subnet_id": "s1", "ip_address": "10.0.0.5" }],
        "interface_name": "db" });
    for (listed, expected) in [
        (json!({ "type": "reserved_fixed_ip", "port_id": "p1" }), true),
        (json!({ "type": "reserved_fixed_ip", "port_id": "p2" }), false),
        (json!({ "type": "reserved_fixed_ip" }), false),
        (json!({ "type": "subnet", "subnet_id": "s1" }), true),
        (json!({ "type": "subnet", "subnet_id": "s2" }), false),
        (json!({ "type": "subnet" }), false),
        (json!({ "type": "any_subnet", "network_id": "n1" }), true),
        (json!({ "type": "any_subnet", "network_id": "n2" }), false),
        (json!({ "type": "any_subnet", "network_id": null }), false),
        (json!({ "type": "external" }), true),
        (json!({ "type": "external", "interface_name": "db" }), true),
        (json!({ "type": "external", "interface_name": "web" }), false),
        (json!({ "type": "external", "ip_address": "10.0.0.5" }), true),
        (json!({ "type": "external", "ip_address": "10.0.0.6" }), false),
        (json!({ "type": "external", "ip_address": null, "interface_name": null }), true),
    ] {
        assert_eq!(fits(&listed, &shown), expected, "{listed}");
    }
    let inner = json!({ "network_details": { "external": false }, "interface_name": null });
    assert!(!fits(&json!({ "type": "external" }), &inner));
    let unnamed = json!({ "network_details": { "external": true }, "interface_name": null });
    assert!(fits(&json!({ "type": "external", "interface_name": "web" }), &unnamed));
    let portless = json!({ "network_details": { "external": true } });
    assert!(!fits(&json!({ "type": "reserved_fixed_ip" }), &portless), "nothing is not the same as nothing");
    assert!(!fits(&json!({ "type": "any_subnet" }), &portless));
}

#[test]
fn the_interface_of_which_the_body_says_most_is_matched_first() {
    let exact_first = [
        json!({ "type": "reserved_fixed_ip", "port_id": "p" }),
        json!({ "type": "subnet", "subnet_id": "s", "ip_address": "10.0.0.5" }),
        json!({ "type": "any_subnet", "network_id": "n", "interface_name": "a" }),
        json!({ "type": "subnet", "subnet_id": "s" }),
        json!({ "type": "any_subnet", "network_id": "n" }),
        json!({ "type": "external", "ip_address": null }),
    ];
    assert!(exact_first.iter().map(rank).is_sorted_by(|one, next| one < next));
    // All of them are at the same port's place, and each takes its own.
    let shown: Vec<Value> = (0..6)
        .map(|at| {
            json!({ "port_id": if at == 0 { "p" } else { "q" }, "network_id": "n",
                "network_details": { "external": at == 5 }, "interface_name": if at < 3 { Some("a") } else { Some("b") },
                "ip_assignments": [{ "subnet_id": if at < 4 { "s" } else { "t" },
                    "ip_address": if at < 2 { "10.0.0.5" } else { "10.0.0.9" } }] })
        })
        .collect();
    let listed: Vec<Value> = exact_first.into_iter().rev().collect();
    let (all, left) = match_interfaces(&listed, &shown);
    assert_eq!((all, left), (vec![Some(5), Some(4), Some(3), Some(2), Some(1), Some(0)], vec![]));
}

#[test]
fn one_of_several_is_not_guessed() {
    let listed = [json!({ "type": "any_subnet", "network_id": "n1" })];
    let why = port_of(&listed, 0, &shown()).unwrap_err();
    assert!(why.starts_with("several interfaces") && why.contains("p0") && why.contains("p1"), "{why}");
    let why = port_of(&[json!({ "type": "subnet", "subnet_id": "s9" })], 0, &shown()).unwrap_err();
    assert!(why.contains("no interface"), "{why}");
}

#[test]
fn a_volume_is_found_among_others_of_its_machine() {
    let shown = |id: &str, name: &str, size: u64, device: &str| {
        json!({ "id": id, "name": name, "size": size, "is_root_volume": device == "/dev/sda",
            "attachments": [{ "device": device }] })
    };
    let volumes = [shown("v3", "", 5, "/dev/sdc"), shown("v1", "", 5, "/dev/sda"), shown("v2", "b", 5, "/dev/sdb")];
    let own = |fields: Value| {
        let mut volume = json!({ "source": "new-volume", "size": 5 });
        volume.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
        volume
    };
    let of = |listed: &[Value], at: usize, made: &[&str], shown: &[Value]| {
        volume_of(listed, at, &made.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>(), shown)
    };
    let named = [own(json!({})), own(json!({})), own(json!({ "name": "b" }))];
    let alike = [own(json!({})), own(json!({})), own(json!({}))];
    let booted = [own(json!({})), own(json!({ "boot_index": 0 })), own(json!({}))];
    for (listed, ids) in [(&named, ["v1", "v3", "v2"]), (&alike, ["v1", "v2", "v3"]), (&booted, ["v2", "v1", "v3"])] {
        for (at, id) in ids.into_iter().enumerate() {
            assert_eq!(of(listed, at, &[], &volumes), Ok(id.to_owned()), "{listed:?} {at}");
        }
    }
    let attached = [own(json!({})), json!({ "source": "existing-volume", "volume_id": "v2" }), own(json!({}))];
    assert_eq!(of(&attached, 2, &[], &volumes), Ok("v3".to_owned()));
    // One more volume was attached by another client, and only the ids of the volumes that the machine made
    // distinguish them.
    assert!(of(&alike[..2], 1, &[], &volumes).is_err_and(|why| why.contains("several")));
    assert_eq!(of(&alike[..2], 1, &["v1", "v3"], &volumes), Ok("v3".to_owned()));
    // Without device names nothing distinguishes them.
    let placeless = volumes.map(|mut volume| {
        volume.as_object_mut().unwrap().shift_remove("attachments");
        volume
    });
    assert!(of(&alike, 1, &[], &placeless).is_err_and(|why| why.contains("v2") && why.contains("v3")));
    assert_eq!(of(&alike, 0, &[], &placeless), Ok("v1".to_owned()), "the machine starts from it");
    assert!(of(&[own(json!({ "size": 7 }))], 0, &[], &placeless).is_err());
}

/// Another client grew, renamed or retyped a volume: the one that the machine starts from, and the only one that is left, are
/// found nevertheless; whichever may be another one is not.
#[test]
fn a_volume_that_another_client_changed_is_found_where_it_can_be_no_other() {
    let shown = |id: &str, name: &str, size: Value, device: &str| {
        json!({ "id": id, "name": name, "size": size, "volume_type": "standard", "is_root_volume": device == "/dev/sda",
            "attachments": [{ "device": device }] })
    };
    let own = |name: &str, size: u64| json!({ "source": "new-volume", "name": name, "size": size });
    let listed = [own("boot", 10), own("data", 5), own("logs", 5)];
    let boot = || shown("v1", "boot", json!(10), "/dev/sda");
    let data = || shown("v2", "data", json!(5), "/dev/sdb");
    let logs = || shown("v3", "logs", json!(5), "/dev/sdc");
    let (all, none) = (&["v1", "v2", "v3"][..], &[][..]);
    for (at, made, now, found) in [
        // What the machine starts from, whatever is known besides.
        (0, none, [shown("v1", "other", json!(20), "/dev/sda"), data(), logs()], Some("v1")),
        (0, all, [shown("v1", "data", json!(5), "/dev/sda"), data(), logs()], None),
        // The only one that is left.
        (1, all, [boot(), shown("v2", "data", json!(9), "/dev/sdb"), logs()], Some("v2")),
        (1, all, [shown("v1", "x", json!(20), "/dev/sda"), shown("v2", "y", json!(5), "/dev/sdb"), logs()], Some("v2")),
        (1, all, [boot(), shown("v2", "data", json!("5"), "/dev/sdb"), logs()], Some("v2")),
        // It may be another client's, it is smaller, two were changed, or it is what another of the body may be.
        (1, none, [boot(), shown("v2", "data", json!(9), "/dev/sdb"), logs()], None),
        (1, all, [boot(), shown("v2", "data", json!(4), "/dev/sdb"), logs()], None),
        (1, all, [boot(), shown("v2", "x", json!(5), "/dev/sdb"), shown("v3", "y", json!(5), "/dev/sdc")], None),
        (1, all, [boot(), shown("v2", "logs", json!(5), "/dev/sdb"), logs()], None),
    ] {
        let made: Vec<String> = made.iter().map(|id| (*id).to_owned()).collect();
        let told = volume_of(&listed, at, &made, &now);
        assert_eq!(told.as_deref().ok(), found, "{told:?} {now:?}");
        if let Err(why) = told {
            assert!(why.contains("v2") && why.contains(&format!("volumes/{at}")), "{why}");
        }
    }
}
