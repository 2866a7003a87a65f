use serde_json::json;

use super::*;

fn compare(route: &str, name: &str, planned: Value, seen: Value) -> Comparison {
    compare_with(route, name, Some(planned), json!({ name: seen }))
}

/// With the whole object that a read shows, and a body that may not have the field.
fn compare_with(route: &str, name: &str, planned: Option<Value>, object: Value) -> Comparison {
    let is_owned_by_another = |id: &Value| id == "another's";
    let shown = ReadResource { route, object: &object, digest_key: b"key", is_owned_by_another: &is_owned_by_another };
    field(name, planned.as_ref(), &shown)
}

fn now(value: Value) -> Comparison {
    Comparison::Differs(Some(value))
}

#[test]
fn elements_are_paired_whatever_their_order_and_their_number_of_fields() {
    let (few, many) = (json!({ "direction": "ingress" }), json!({ "direction": "ingress", "protocol": "tcp" }));
    let shown = |protocol: &str| json!({ "id": protocol, "direction": "ingress", "protocol": protocol });
    for seen in [json!([shown("tcp"), shown("udp")]), json!([shown("udp"), shown("tcp")])] {
        for planned in [json!([few, many]), json!([many, few])] {
            assert_eq!(compare("/t", "rules", planned, seen.clone()), Comparison::Same);
        }
    }
    let other = compare("/t", "rules", json!([few, many]), json!([shown("udp"), shown("udp")]));
    assert!(matches!(other, Comparison::Differs(Some(_))), "{other:?}");
}

#[test]
fn keys_of_the_plans_choice_are_all_compared_in_the_cloud_api() {
    let (cloud, other) = ("/cloud/v1/faas/namespaces/{namespace_name}", "/fastedge/v1/apps/{id}");
    for (route, planned, seen, expected) in [
        (cloud, json!({ "A": "1" }), json!({ "A": "1" }), Comparison::Same),
        (cloud, json!({}), json!({ "A": "1" }), Comparison::Differs(Some(json!({ "A": "1" })))),
        (cloud, json!({ "A": "1" }), json!({}), Comparison::Differs(Some(json!({})))),
        (
            cloud,
            json!({ "A": "1" }),
            json!({ "A": "2", "B": "1" }),
            Comparison::Differs(Some(json!({ "A": "2", "B": "1" }))),
        ),
        (cloud, json!({ "A": "1" }), json!({ "A": "1", "PASSWORD": "x" }), Comparison::CannotTell),
        (other, json!({}), json!({ "A": "1" }), Comparison::Same),
    ] {
        assert_eq!(compare(route, "envs", planned.clone(), seen.clone()), expected, "{planned} {seen}");
    }
}

#[test]
fn a_secret_inside_a_field_is_not_compared() {
    let [planned, seen] = ["a", "b"].map(|text| json!([{ "name": "one", "password": text }]));
    assert_eq!(compare("/t", "sources", planned, seen), Comparison::Same);
    // Also one that is a secret by its place or form.
    let options = |key: &str, token: &str, host: &str| {
        json!({
            "secure_key": { "enabled": true, "key": key },
            "staticRequestHeaders": { "value": { "X-Auth": token, "Host": host, "X-Example": format!("Bearer {token}") } },
        })
    };
    let planned = options("key-1", "token-0001", "a.example");
    assert_eq!(
        compare("/t", "options", planned.clone(), options("key-1", "token-0001", "a.example")),
        Comparison::Same
    );
    let others = options("key-2", "token-0002", "a.example");
    assert_eq!(compare("/t", "options", planned.clone(), others), Comparison::CannotTell);
    let changed = Comparison::Differs(Some(options("key-1", "token-0001", "b.example")));
    assert_eq!(compare("/t", "options", planned, options("key-2", "token-0002", "b.example")), changed);
    // Those inside a mapping that another client added, too.
    let seen = json!({ "A": "1", "B": { "secure_key": { "key": "key-2", "type": 0 } }, "C": "Bearer token-0002" });
    let told = json!({ "A": "1", "B": { "secure_key": { "type": 0 } } });
    let cloud = "/cloud/v3/faas/functions";
    assert_eq!(compare(cloud, "envs", json!({ "A": "1" }), seen), Comparison::Differs(Some(told)));
}

#[test]
fn single_values_differ_only_when_both_forms_are_known() {
    use Comparison::{CannotTell, Same};
    let digest = digest_of(&json!("s3cret"), b"key");
    for (name, planned, seen, expected) in [
        ("size", json!(5), json!(5.0), Same),
        ("size", json!(5), json!(6), now(json!(6))),
        ("size", json!("5"), json!(5), Same),
        ("size", json!("6"), json!(5), CannotTell),
        ("size", json!(5), json!("5"), Same),
        ("size", json!(5), json!(null), now(json!(null))),
        ("size", json!(null), json!(5), CannotTell),
        ("size", json!({ "gib": 5 }), json!(5), CannotTell),
        ("shared", json!(true), json!(false), now(json!(false))),
        ("shared", json!(true), json!(null), now(json!(null))),
        ("shared", json!("true"), json!(true), CannotTell),
        ("zone", json!("a"), json!("b"), now(json!("b"))),
        ("zone", json!("a"), json!("a "), Same),
        ("zone", json!("a"), json!("A"), Same),
        ("zone", json!("a"), json!("***"), CannotTell),
        ("name", json!("a"), json!("a\n"), Same),
        ("name", json!("a"), json!("A"), now(json!("A"))),
        ("name", json!("::1"), json!("0::1"), now(json!("0::1"))),
        ("cidr", json!("fd00::/64"), json!("fd00:0::/64"), Same),
        ("cidr", json!("fd00::/64"), json!("fd00:0::/48"), now(json!("fd00:0::/48"))),
        ("ip", json!("fd00::1"), json!("fd00:0::1"), Same),
        ("ip", json!("fd00::1"), json!("fd00::2"), now(json!("fd00::2"))),
        ("from", json!("2026-01-01T00:00:00Z"), json!("2026-01-01T01:00:00+01:00"), Same),
        ("from", json!("2026-01-01T00:00:00Z"), json!("2026-01-02T00:00:00Z"), now(json!("2026-01-02T00:00:00Z"))),
        ("from", json!("2026-01-01T00:00:00Z"), json!("soon"), CannotTell),
        ("from", json!("soon"), json!("2026-01-01T00:00:00Z"), CannotTell),
        ("value", json!(digest), json!("s3cret"), Same),
        ("value", json!(digest), json!("other"), CannotTell),
        ("serial", json!(1), json!(2), CannotTell),
    ] {
        assert_eq!(compare("/t", name, planned.clone(), seen.clone()), expected, "{name}: {planned} {seen}");
    }
    for (seen, expected) in [(json!(null), Same), (json!([]), Same), (json!("x"), CannotTell)] {
        assert_eq!(compare_with("/t", "zone", None, json!({ "zone": seen })), expected, "{seen}");
    }
    assert_eq!(compare_with("/t", "zone", Some(json!("a")), json!({})), CannotTell);
}

#[test]
fn mappings_are_compared_by_the_fields_of_the_plan() {
    use Comparison::{CannotTell, Same};
    for (planned, seen, expected) in [
        (json!({ "a": 1 }), json!({ "a": 1, "b": 2 }), Same),
        (json!({ "a": 1, "b": 2 }), json!({ "a": 1 }), CannotTell),
        (json!({ "a": 1, "b": 2, "c": 3 }), json!({ "a": 1, "b": 9 }), now(json!({ "a": 1, "b": 9, "c": 3 }))),
        (json!({ "a": 1, "password": "x" }), json!({ "a": 1, "password": "x", "b": 2 }), CannotTell),
        (
            json!({ "a": 1, "password": true }),
            json!({ "a": 1, "password": false }),
            now(json!({ "a": 1, "password": false })),
        ),
    ] {
        assert_eq!(compare("/t", "options", planned.clone(), seen.clone()), expected, "{planned} {seen}");
    }
}

#[test]
fn lists_are_compared_whatever_their_order() {
    use Comparison::{CannotTell, Same};
    let secret = digest_of(&json!("s3cret"), b"key");
    for (name, planned, seen, expected) in [
        ("servers", json!(["a", "b"]), json!(["b", "a"]), Same),
        ("servers", json!(["a"]), json!(["b", "a"]), now(json!(["b", "a"]))),
        ("servers", json!(["a"]), json!(["b"]), now(json!(["b"]))),
        ("servers", json!([secret]), json!(["b"]), CannotTell),
        ("servers", json!([]), json!([{ "a": 1 }]), CannotTell),
        ("servers", json!([{ "a": 1 }]), json!([]), CannotTell),
        ("servers", json!([{ "a": 1 }]), json!([{ "a": 2 }]), CannotTell),
        ("servers", json!([]), json!([["a"]]), CannotTell),
        ("members", json!([]), json!([{ "a": 1, "b": null }]), now(json!([{ "a": 1, "b": null }]))),
        ("members", json!([{ "a": 1 }]), json!([]), now(json!([]))),
        ("members", json!([{ "a": 1 }]), json!([{ "a": 1, "id": "x" }, { "a": 1, "id": "another's" }]), Same),
        (
            "members",
            json!([{ "a": 1, "b": 2, "password": "x", "token_used": true }]),
            json!([{ "a": 2, "b": null, "c": 3, "password": "y", "token_used": false }]),
            now(json!([{ "a": 2, "token_used": false }])),
        ),
        ("members", json!([{ "a": 1 }]), json!(["a"]), now(json!(["a"]))),
    ] {
        assert_eq!(compare("/t", name, planned.clone(), seen.clone()), expected, "{name}: {planned} {seen}");
    }
}

#[test]
fn ids_of_the_plan_are_looked_for_below_a_field() {
    use Comparison::{CannotTell, Same};
    let router = "/cloud/v1/routers/{project_id}/{region_id}/{router_id}";
    let [one, two] = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"];
    let of =
        |ids: &[&str]| json!(ids.iter().map(|id| json!({ "type": "subnet", "subnet_id": id })).collect::<Vec<_>>());
    for (planned, seen, expected) in [
        (Some(of(&[one])), json!([{ "port": { "ips": [{ "subnet_id": one }, { "subnet_id": two }] } }]), Same),
        (Some(of(&[one, two])), of(&[two]), now(of(&[two]))),
        (Some(of(&[one])), of(&[]), now(of(&[]))),
        // Short texts are no ids; the digest of a secret cannot be found.
        (Some(json!([{ "type": "subnet" }])), of(&[one]), CannotTell),
        (Some(of(&["secret:00000000000000000000000000000000"])), of(&[one]), CannotTell),
        (Some(of(&[])), of(&[]), Same),
        (Some(of(&[])), of(&[one]), CannotTell),
        (None, of(&[]), Same),
        (None, of(&[one]), CannotTell),
        (Some(json!(one)), of(&[two]), Comparison::Differs(None)),
    ] {
        let object = json!({ "interfaces": seen });
        assert_eq!(compare_with(router, "interfaces", planned.clone(), object), expected, "{planned:?} {seen}");
    }
    assert_eq!(compare_with(router, "interfaces", Some(of(&[one])), json!({})), CannotTell);
    let machine = "/cloud/v1/instances/{project_id}/{region_id}/{instance_id}";
    for (planned, seen, expected) in [
        (json!([{ "volume_id": one }, { "size": 5 }]), json!([{ "id": one }]), CannotTell),
        (
            json!([{ "volume_id": one }, { "volume_id": two }]),
            json!([{ "id": two }]),
            now(json!([{ "volume_id": two }])),
        ),
        (json!([{ "volume_id": "secret:00000000000000000000000000000000" }]), json!([{ "id": two }]), CannotTell),
        (json!(one), json!([{ "id": one }]), CannotTell),
    ] {
        let object = json!({ "volumes": seen });
        assert_eq!(compare_with(machine, "volumes", Some(planned.clone()), object), expected, "{planned} {seen}");
    }
    let volume = "/cloud/v1/volumes/{project_id}/{region_id}/{volume_id}";
    let retyped = compare_with(volume, "type_name", Some(json!("standard")), json!({ "volume_type": "cold" }));
    assert_eq!(retyped, now(json!("cold")));
}

#[test]
fn an_element_is_still_held_when_its_id_is_shown_and_the_plan_dropped_it() {
    let [one, two] = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"];
    for (seen, before, after, expected) in [
        (json!([one]), json!([one]), json!([]), Some(true)),
        (json!([one]), json!([one]), json!([one]), None),
        (json!([two]), json!([one]), json!([]), Some(false)),
        (json!({ "a": { "b": [one] } }), json!([{ "id": one }, { "id": two }]), json!([{ "id": two }]), Some(true)),
        (json!(["short"]), json!(["short"]), json!([]), None),
        (json!(["12345678"]), json!(["12345678"]), json!([]), Some(true)),
        (json!([two]), json!(["secret:00000000000000000000000000000000"]), json!([]), None),
    ] {
        assert_eq!(holds_any(Some(&seen), Some(&before), Some(&after)), expected, "{seen} {before} {after}");
        assert_eq!(holds_any(None, Some(&before), Some(&after)), None);
        assert_eq!(holds_any(Some(&seen), None, Some(&after)), None);
    }
}

#[test]
fn only_the_tags_of_the_plan_are_compared() {
    use Comparison::{CannotTell, Same};
    let listed = |pairs: &[(&str, &str)]| json!({ "tags": pairs.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect::<Vec<_>>() });
    for (planned, object, expected) in [
        (json!({ "a": "1" }), listed(&[("a", "1"), ("theirs", "2")]), Same),
        (json!({ "a": "1" }), listed(&[("a", "2")]), now(json!({ "a": "2" }))),
        (json!({ "a": "1", "b": "2" }), listed(&[("a", "1")]), now(json!({ "a": "1" }))),
        (json!({ "a": "1" }), json!({ "metadata": { "a": "1" } }), Same),
        (json!({ "a": "secret:00000000000000000000000000000000" }), listed(&[]), Same),
        (json!({ "a": "1" }), json!({}), CannotTell),
        (json!({ "a": "1" }), json!({ "tags": [] }), now(json!({}))),
        (json!({ "a": "1" }), json!({ "tags_v2": [], "tags": [], "metadata": [] }), now(json!({}))),
        (json!({ "a": "1" }), listed(&[("a ", "1 ")]), Same),
        (json!({ "a": "1" }), json!({ "tags": "?" }), CannotTell),
        (json!({ "a": "1" }), json!({ "tags": null }), CannotTell),
        (json!({ "a": "1" }), json!({ "tags": null, "tags_v2": [] }), CannotTell),
        (json!({ "a": "1" }), json!({ "tags": ["a=1"] }), CannotTell),
        (json!({ "a": "1" }), json!({ "tags": ["a=1"], "metadata": [] }), CannotTell),
        (json!({ "a": "1" }), json!({ "metadata": [] }), CannotTell),
        (json!({ "a": "1" }), json!({ "metadata": { "b": "2" } }), now(json!({}))),
        (json!({ "a": "1" }), json!({ "tags": ["a=1"], "tags_v2": [{ "key": "a", "value": "1" }] }), Same),
        (
            json!({ "a": "1" }),
            json!({ "tags": ["a=2"], "tags_v2": [{ "key": "a", "value": "2" }] }),
            now(json!({ "a": "2" })),
        ),
    ] {
        assert_eq!(compare_with("/t", "tags", Some(planned.clone()), object.clone()), expected, "{planned} {object}");
    }
    assert_eq!(compare_with("/t", "tags", None, listed(&[("a", "1")])), CannotTell);
    // Elsewhere tags are a list of texts.
    assert_eq!(compare("/t", "tags", json!(["a"]), json!(["b"])), now(json!(["b"])));
}

#[test]
fn a_key_that_was_sent_and_is_not_shown_is_missed_where_all_are_shown() {
    let (app, zone) = ("/fastedge/v1/apps/{app_id}", "/dns/v2/zones/{name}");
    let rule = "/waap/v1/domains/{domain_id}/custom-rules/{rule_id}";
    let block = || json!({ "block": { "status_code": 403 } });
    let rest = |value: Value| Comparison::Differs(Some(value));
    for (route, name, planned, seen, expected) in [
        (app, "env", json!({ "A": "1", "B": "2" }), json!({ "B": "2", "C": "3" }), rest(json!({ "B": "2" }))),
        (app, "env", json!({ "A": "1" }), json!({ "A": "1", "C": "3" }), Comparison::Same),
        (app, "other", json!({ "A": "1" }), json!({}), Comparison::CannotTell),
        (zone, "meta", json!({ "webhook": "x" }), json!({ "max_hosts": 10 }), rest(json!({}))),
        (zone, "meta", json!({ "webhook": null }), json!({ "max_hosts": 10 }), Comparison::CannotTell),
        (zone, "meta", json!({ "webhook": "x" }), Value::Null, Comparison::CannotTell),
        (rule, "action", block(), json!({ "block": null, "allow": {} }), rest(json!({}))),
        (rule, "action", block(), json!({ "block": { "status_code": 403 }, "allow": null }), Comparison::Same),
        (rule, "action", json!({ "allow": {} }), json!({ "allow": null, "block": null }), Comparison::CannotTell),
        (rule, "action", json!({ "allow": {} }), json!({ "allow": null, "block": {} }), rest(json!({}))),
    ] {
        assert_eq!(compare(route, name, planned.clone(), seen.clone()), expected, "{name}: {planned} {seen}");
    }
}

#[test]
fn what_the_api_sets_in_a_field_that_is_the_resource_is_not_compared() {
    let player = |planned: Value| {
        let shown = ReadResource {
            route: "/streaming/players/{player_id}",
            object: &json!({ "id": 1001, "client_id": 7, "name": "Player" }),
            digest_key: b"key",
            is_owned_by_another: &|_| false,
        };
        field("player", Some(&planned), &shown)
    };
    assert_eq!(player(json!({ "id": 33, "client_id": 100, "name": "Player" })), Comparison::Same);
    assert!(matches!(player(json!({ "id": 33, "name": "Other" })), Comparison::Differs(_)));
}
