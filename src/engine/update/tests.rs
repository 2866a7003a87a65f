mod lists;
mod machine;
mod parts;

use serde_json::{Value, json};

use super::*;
use crate::catalog::{Catalog, Method};
use crate::engine::placeholder::known_after_reading;
use crate::journal::{RecordedCall, StepResult};

fn post(path: &str, body: Value) -> RecordedCall {
    RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, format!("/cloud/{path}")) }
}

fn divided(before: &RecordedCall, after: &RecordedCall) -> Split {
    let catalog = Catalog::embedded();
    let result = StepResult { id: Some(json!("x1").into()), name: Some("n".to_owned()), ..StepResult::default() };
    let resource = UpdatedResource::of(catalog, before, &result);
    let split = split(catalog, resource.as_ref(), before, after, None, true);
    if split.forced.is_empty() {
        let last = split.calls.last().map(|call| &call.agrees);
        assert_eq!(last, Some(after), "what the last call leaves is what the plan says");
    }
    split
}

/// The calls of the split, and the changes that need a new resource.
fn words(path: &str, before: Value, after: Value) -> (Vec<String>, Vec<String>) {
    let split = divided(&post(path, before), &post(path, after));
    let called = split.calls.iter().map(|call| {
        let body = call.recorded.body.as_ref().map(|body| body.text()).unwrap_or_default();
        format!("{} {body}", call.recorded.to_string().replace("/cloud/", "")).trim_end().to_owned()
    });
    let forced = split.forced.iter().map(|forced| format!("{}: {}", forced.field, forced.reason));
    (called.collect(), forced.collect())
}

/// Even where the update call takes the name, what it leaves would be another resource, or another client's.
#[test]
fn another_name_of_what_goes_by_its_name_needs_a_new_resource() {
    let zone = |name: &str, contact: &str| {
        let body = json!({ "name": name, "contact": contact });
        RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, "/dns/v2/zones") }
    };
    for contact in ["a@one.example", "b@one.example"] {
        let split = divided(&zone("one.example", "a@one.example"), &zone("two.example", contact));
        let forced: Vec<&str> = split.forced.iter().map(|forced| forced.field.as_str()).collect();
        assert_eq!((forced, split.calls.len()), (vec!["body/name"], 0), "{contact}");
    }
    let split = divided(&zone("one.example", "a@one.example"), &zone("one.example", "b@one.example"));
    assert_eq!((split.forced.len(), split.calls.len()), (0, 1));
}

#[test]
fn changes_in_place_use_the_call_for_them() {
    for (path, before, after, calls) in [
        (
            "v1/networks/1/7",
            json!({ "name": "one", "tags": { "x": "1", "y": "2" } }),
            json!({ "name": "two", "tags": { "x": "1", "z": "3" } }),
            &[r#"PATCH v2/networks/1/7/x1 {"name":"two","tags":{"z":"3","y":null}}"#][..],
        ),
        (
            "v1/volumes/1/7",
            json!({ "name": "one", "source": "new-volume", "size": 5, "type_name": "standard" }),
            json!({ "name": "two", "source": "new-volume", "size": 9, "type_name": "ssd_hiiops" }),
            &[
                r#"PATCH v1/volumes/1/7/x1 {"name":"two"}"#,
                r#"POST v1/volumes/1/7/x1/retype {"volume_type":"ssd_hiiops"}"#,
                r#"POST v1/volumes/1/7/x1/extend {"size":9}"#,
            ],
        ),
        (
            "v1/volumes/1/7",
            json!({ "name": "one", "source": "new-volume", "size": 5, "instance_id_to_attach_to": "00000000-0000-4000-8000-000000000001" }),
            json!({ "name": "one", "source": "new-volume", "size": 5, "instance_id_to_attach_to": "00000000-0000-4000-8000-000000000002" }),
            &[
                r#"POST v2/volumes/1/7/x1/detach {"instance_id":"00000000-0000-4000-8000-000000000001"}"#,
                r#"POST v2/volumes/1/7/x1/attach {"instance_id":"00000000-0000-4000-8000-000000000002"}"#,
            ],
        ),
        (
            "v2/instances/1/7",
            json!({ "flavor": "g2-standard-2-4", "name": "one", "volumes": [], "interfaces": [] }),
            json!({ "flavor": "g2-standard-4-8", "name": "one", "volumes": [], "interfaces": [] }),
            &[r#"POST v1/instances/1/7/x1/changeflavor {"flavor_id":"g2-standard-4-8"}"#],
        ),
        (
            "v2/instances/1/7",
            json!({ "flavor": "f", "servergroup_id": "00000000-0000-4000-8000-000000000001" }),
            json!({ "flavor": "f", "servergroup_id": "00000000-0000-4000-8000-000000000002" }),
            &[
                "POST v1/instances/1/7/x1/remove_from_servergroup",
                r#"POST v1/instances/1/7/x1/put_into_servergroup {"servergroup_id":"00000000-0000-4000-8000-000000000002"}"#,
            ],
        ),
        (
            "v1/routers/1/7",
            json!({ "name": "router", "interfaces": [{ "type": "subnet", "subnet_id": "00000000-0000-4000-8000-000000000001" }] }),
            json!({ "name": "router", "interfaces": [{ "type": "subnet", "subnet_id": "00000000-0000-4000-8000-000000000002" }] }),
            &[
                r#"POST v1/routers/1/7/x1/detach {"subnet_id":"00000000-0000-4000-8000-000000000001"}"#,
                r#"POST v1/routers/1/7/x1/attach {"subnet_id":"00000000-0000-4000-8000-000000000002"}"#,
            ],
        ),
        (
            "v1/l7policies/1/7/p1/rules",
            json!({ "compare_type": "EQUAL_TO", "type": "PATH", "value": "/a", "invert": false }),
            json!({ "compare_type": "EQUAL_TO", "type": "PATH", "value": "/b", "invert": false }),
            &[
                r#"PUT v1/l7policies/1/7/p1/rules/x1 {"value":"/b","compare_type":"EQUAL_TO","invert":false,"type":"PATH"}"#,
            ],
        ),
        (
            "v2/k8s/clusters/1/7",
            json!({ "name": "n", "version": "v1.30.4", "pools": [{ "name": "p", "min_node_count": 1, "max_node_count": 2, "flavor_id": "f" }] }),
            json!({ "name": "n", "version": "v1.31.0", "pools": [{ "name": "p", "min_node_count": 1, "max_node_count": 3, "flavor_id": "f" }] }),
            &[
                r#"POST v2/k8s/clusters/1/7/n/upgrade {"version":"v1.31.0"}"#,
                r#"PATCH v2/k8s/clusters/1/7/n/pools/p {"max_node_count":3}"#,
            ],
        ),
        (
            "v1/lbpools/1/7/p1/healthmonitor",
            json!({ "type": "TCP", "delay": 10, "max_retries": 3, "timeout": 5 }),
            json!({ "type": "TCP", "delay": 20, "max_retries": 3, "timeout": 5 }),
            &[r#"PATCH v2/lbpools/1/7/p1 {"healthmonitor":{"delay":20,"max_retries":3,"timeout":5,"type":"TCP"}}"#],
        ),
        (
            "v1/caas/1/7/containers",
            json!({ "name": "n", "is_disabled": false, "timeout": 10 }),
            json!({ "name": "n", "is_disabled": true, "timeout": 20 }),
            &[
                r#"PATCH v1/caas/1/7/containers/x1 {"timeout":20}"#,
                r#"PATCH v1/caas/1/7/containers/x1 {"is_disabled":true}"#,
            ],
        ),
        (
            "v1/securitygroups/1/7/source/copy",
            json!({ "name": "one" }),
            json!({ "name": "two" }),
            &[r#"PATCH v2/security_groups/1/7/x1 {"name":"two"}"#],
        ),
        (
            "v1/floatingips/1/7",
            json!({ "port_id": "00000000-0000-4000-8000-000000000001" }),
            json!({}),
            &[r#"PATCH v2/floatingips/1/7/x1 {"port_id":null}"#],
        ),
    ] {
        let (called, forced) = words(path, before, after);
        assert_eq!((called, forced), (calls.iter().map(|call| (*call).to_owned()).collect(), vec![]), "{path}");
    }
}

#[test]
fn changes_that_need_a_new_resource_have_a_reason() {
    for (path, before, after, expected) in [
        ("v1/volumes/1/7", json!({ "size": 9 }), json!({ "size": 5 }), "body/size: the API only makes it larger"),
        (
            "v1/subnets/1/7",
            json!({ "cidr": "10.0.0.0/24" }),
            json!({ "cidr": "10.1.0.0/24" }),
            "body/cidr: `plan` knows no call that changes it",
        ),
        (
            "v1/networks/1/7",
            json!({ "type": "vlan" }),
            json!({ "type": "vxlan" }),
            "body/type: `plan` knows no call that changes it",
        ),
        (
            "v2/k8s/clusters/1/7",
            json!({ "version": "v1.31.0" }),
            json!({ "version": "v1.30.9" }),
            "body/version: the API only changes it to a later version",
        ),
        (
            "v1/subnets/1/7",
            json!({ "gateway_ip": "10.0.0.1" }),
            json!({}),
            "body/gateway_ip: the plan no longer sets it, and the API has no value for that",
        ),
        (
            "v1/dbaas/postgres/clusters/1/7",
            json!({ "storage": { "size_gib": 100, "type": "ssd-hiiops" } }),
            json!({ "storage": { "size_gib": 50, "type": "ssd-hiiops" } }),
            "body/storage/size_gib: the API only makes it larger",
        ),
        (
            "v1/dbaas/postgres/clusters/1/7",
            json!({ "storage": { "size_gib": 50, "type": "ssd-hiiops" } }),
            json!({ "storage": { "size_gib": 50, "type": "ssd-lowlatency" } }),
            "body/storage/type: the update call has no such field",
        ),
        (
            "v2/secrets/1/7",
            json!({ "name": "one" }),
            json!({ "name": "two" }),
            "body/name: `plan` knows no call that changes it",
        ),
    ] {
        let (called, forced) = words(path, before, after);
        assert_eq!((called, forced), (vec![], vec![expected.to_owned()]), "{path}");
    }
    let elsewhere =
        divided(&post("v1/networks/1/7", json!({ "name": "one" })), &post("v1/networks/1/8", json!({ "name": "one" })));
    assert_eq!(elsewhere.forced[0].field, "call");
    let named = |path: &str, name: &str| post(path, json!({ "name": name }));
    for other in ["v1/networks/1/8", "v1/routers/1/7"] {
        let split = divided(&named("v1/networks/1/7", "one"), &named(other, "two"));
        assert!(split.calls.is_empty() && split.forced.len() == 1, "{other}: {:?}", split.forced);
    }
}

#[test]
fn a_change_that_its_call_would_refuse_needs_a_new_resource() {
    let (called, forced) = words(
        "v1/volumes/1/7",
        json!({ "name": "one", "type_name": "standard" }),
        json!({ "name": "two", "type_name": "cold" }),
    );
    assert_eq!(called, [r#"PATCH v1/volumes/1/7/x1 {"name":"two"}"#]);
    assert!(forced[0].starts_with("body/type_name: `POST /cloud/v1/volumes/"), "{forced:?}");
}

#[test]
fn secrets_go_along_and_are_not_written_down() {
    let before =
        post("v1/caas/secrets/1/7", json!({ "name": "n", "login": "l", "password": "secret:1", "registry": "r" }));
    let after =
        post("v1/caas/secrets/1/7", json!({ "name": "n", "login": "l", "password": "secret:2", "registry": "r" }));
    let sent = json!({ "name": "n", "login": "l", "password": "s3cret", "registry": "r" });
    let result = StepResult { id: Some(json!("n").into()), name: Some("n".to_owned()), ..StepResult::default() };
    let resource = UpdatedResource::of(Catalog::embedded(), &before, &result);
    let split = split(Catalog::embedded(), resource.as_ref(), &before, &after, Some(&sent), false);
    assert_eq!(split.calls[0].recorded.body, Some(json!({ "password": "secret:2" }).into()));
    assert_eq!(split.calls[0].sent, Some(json!({ "password": "s3cret" })));
}

#[test]
fn ignored_places_and_unread_values_are_no_change() {
    let before =
        post("v2/instances/1/7", json!({ "name": "one", "volumes": [{ "image_id": "i1", "size": 5 }], "flavor": "f" }));
    let mut after = post(
        "v2/instances/1/7",
        json!({ "name": "one", "volumes": [{ "image_id": "i2", "size": 5 }], "flavor": known_after_reading("`flavors`") }),
    );
    let ignored = ["body/volumes/0/image_id".to_owned()];
    assert_eq!(wanted_call(&before, &after, &ignored), before);
    assert_ne!(wanted_call(&before, &after, &[]), before);
    after.query.push(("x".to_owned(), "1".to_owned()));
    assert_ne!(wanted_call(&before, &after, &ignored), before);
    assert_eq!(wanted_call(&before, &after, &[ignored[0].clone(), "query/x".to_owned()]), before);
    // The same words in a plan are a value like any other.
    let words = post("v2/instances/1/7", json!({ "name": "one", "flavor": "(known after reading `flavors`)" }));
    assert_eq!(wanted_call(&before, &words, &[]), words);
}

#[test]
fn other_products_take_fields_inside_a_field_without_it_or_by_put() {
    let call =
        |path: &str, body: Value| RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, path) };
    let catalog = Catalog::embedded();
    let mut result = StepResult { id: Some(json!(7).into()), ..StepResult::default() };
    result.created.insert("cdn_origin_groups".to_owned(), vec![json!(5).into()]);
    let cdn = |fields: Value| {
        let mut body = json!({ "cname": "a.example.com", "origin": "o.example.com" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        body
    };
    for (path, before, after, expected) in [
        (
            "/streaming/streams",
            json!({ "name": "a", "active": true }),
            json!({ "name": "a", "active": false }),
            Ok(r#"PATCH /streaming/streams/7 {"stream":{"active":false,"name":"a"}}"#),
        ),
        (
            "/streaming/videos",
            json!({ "video": { "name": "a", "description": "x" } }),
            json!({ "video": { "name": "a", "description": "y" } }),
            Ok(r#"PATCH /streaming/videos/7 {"name":"a","description":"y"}"#),
        ),
        (
            "/streaming/videos",
            json!({ "video": { "name": "a", "description": "x" } }),
            json!({ "video": { "name": "a" } }),
            Err("body/video/description"),
        ),
        (
            "/cdn/resources",
            cdn(json!({})),
            cdn(json!({ "description": "x" })),
            Ok(r#"PATCH /cdn/resources/7 {"description":"x"}"#),
        ),
        (
            "/cdn/resources",
            cdn(json!({})),
            cdn(json!({ "waap_api_domain_enabled": true })),
            Ok(r#"PUT /cdn/resources/7 {"waap_api_domain_enabled":true,"originGroup":5}"#),
        ),
    ] {
        let (before, after) = (call(path, before), call(path, after));
        let resource = UpdatedResource::of(catalog, &before, &result);
        let split = split(catalog, resource.as_ref(), &before, &after, None, false);
        match expected {
            Ok(words) => {
                let [only] = split.calls.as_slice() else { panic!("{path}: {:?}", split.forced) };
                let body = only.recorded.body.as_ref().map(|body| body.text()).unwrap_or_default();
                assert_eq!(format!("{} {body}", only.recorded), words);
                assert_eq!((split.forced.len(), &only.agrees), (0, &after), "{path}");
            }
            Err(field) => {
                let forced: Vec<&str> = split.forced.iter().map(|forced| forced.field.as_str()).collect();
                assert_eq!((forced.as_slice(), split.calls.len()), (&[field][..], 0), "{path}");
            }
        }
    }
}

/// The create of overlays takes a list, their update one of them.
#[test]
fn a_list_of_one_is_changed_as_its_element() {
    let overlays = |body: Value| RecordedCall {
        body: Some(body.into()),
        ..RecordedCall::new(Method::Post, "/streaming/streams/7/overlays")
    };
    let before = overlays(json!([{ "url": "https://example.com/a", "width": 120 }]));
    let split = divided(&before, &overlays(json!([{ "url": "https://example.com/b", "width": 120 }])));
    assert!(split.forced.is_empty(), "{:?}", split.forced);
    let sent: Vec<_> = split.calls.iter().map(|call| (call.recorded.to_string(), call.sent.clone())).collect();
    let changed = json!({ "url": "https://example.com/b" });
    assert_eq!(sent, [("PATCH /streaming/streams/7/overlays/x1".to_owned(), Some(changed))]);
    let two = overlays(json!([{ "url": "https://example.com/a" }, { "url": "https://example.com/c" }]));
    let forced = divided(&before, &two).forced;
    assert!(
        matches!(&forced[..], [only] if only.field == "body" && only.reason.contains("each element")),
        "{forced:?}"
    );
}

/// A rule that redirects: each call has the fields that its action requires, and another action leaves those of the old
/// one behind.
#[test]
fn a_call_with_variants_has_the_fields_of_the_one_that_is_meant() {
    const POOL: &str = "aaaaaaaa-0000-4000-8000-000000000001";
    let rule = |name: &str, more: Value| {
        let mut body = json!({ "listener_id": "bbbbbbbb-0000-4000-8000-000000000001", "name": name });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let pool = json!({ "action": "REDIRECT_TO_POOL", "redirect_pool_id": POOL });
    let url = json!({ "action": "REDIRECT_TO_URL", "redirect_url": "https://a.example/", "redirect_http_code": 301 });
    let reject = json!({ "action": "REJECT" });
    for (before, after, sent) in [
        (
            rule("one", pool.clone()),
            rule("two", pool.clone()),
            json!({ "name": "two", "action": "REDIRECT_TO_POOL", "redirect_pool_id": POOL }),
        ),
        (
            rule("one", url.clone()),
            rule("two", url.clone()),
            json!({ "name": "two", "action": "REDIRECT_TO_URL", "redirect_url": "https://a.example/" }),
        ),
        (rule("one", pool.clone()), rule("one", reject.clone()), reject.clone()),
        (rule("one", url.clone()), rule("one", reject.clone()), reject.clone()),
        (rule("one", reject), rule("one", pool.clone()), pool.clone()),
        (rule("one", pool), rule("one", url.clone()), url.clone()),
    ] {
        let split = divided(&post("v1/l7policies/1/7", before.clone()), &post("v1/l7policies/1/7", after.clone()));
        assert_eq!(split.forced.len(), 0, "{before} → {after}: {:?}", split.forced);
        let bodies: Vec<Value> = split.calls.iter().filter_map(|call| call.sent.clone()).collect();
        assert_eq!(bodies, [sent], "{before} → {after}");
    }
}
