//! Lists that are changed element by element or at once: every call, and what the resource agrees with after it.

use super::*;
use crate::engine::update::with_new_name;

/// Each call as its last segments and its body, with the value of the field after it; then what needs a new resource.
fn steps(path: &str, field: &str, before: Value, after: Value, may_remove: bool) -> Vec<String> {
    let (before, after) =
        (post(path, json!({ "name": "n", field: before })), post(path, json!({ "name": "n", field: after })));
    let catalog = Catalog::embedded();
    let result = StepResult { id: Some(json!("x1").into()), name: Some("n".to_owned()), ..StepResult::default() };
    let resource = UpdatedResource::of(catalog, &before, &result);
    let split = split(catalog, resource.as_ref(), &before, &after, None, may_remove);
    let called = split.calls.iter().map(|call| {
        let path = call.recorded.path.split("/1/7/").nth(1).unwrap();
        let body = call.recorded.body.as_ref().map(|body| body.text().to_owned()).unwrap_or_default();
        let after = call.agrees.body.as_ref().unwrap().get(field).cloned().unwrap_or_default();
        let removes = call.removes.as_ref().map(|words| format!(" removes {words}")).unwrap_or_default();
        format!("{} {path} {body} leaves {after}{removes}", call.recorded.method).replace('"', "")
    });
    let forced = split.forced.iter().map(|forced| format!("{}: {}", forced.field, forced.reason));
    called.chain(forced).collect()
}

const POLICY: &str = "v1/lifecycle_policy/1/7";
const ROUTER: &str = "v1/routers/1/7";
const CLUSTER: &str = "v2/k8s/clusters/1/7";

fn id(number: u8) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

#[test]
fn volumes_of_a_policy_are_removed_and_added_at_once() {
    let list = |numbers: &[u8]| json!(numbers.iter().map(|number| id(*number)).collect::<Vec<_>>());
    let words = |numbers: &[u8]| list(numbers).to_string().replace('"', "");
    for (before, after, removed, added) in [
        (&[1, 2][..], &[2, 3][..], Some((&[1][..], &[2][..])), Some((&[3][..], &[2, 3][..]))),
        (&[1, 2, 3], &[3], Some((&[1, 2], &[3])), None),
        (&[1], &[1, 2, 3], None, Some((&[2, 3], &[1, 2, 3]))),
    ] {
        let call = |word: &str, (sent, left): (&[u8], &[u8])| {
            format!("PUT x1/{word}_policy {{volume_ids:{}}} leaves {}", words(sent), words(left))
        };
        let removed = removed.map(|step| call("remove_volumes_from", step));
        let expected: Vec<String> = removed.into_iter().chain(added.map(|step| call("add_volumes_to", step))).collect();
        assert_eq!(steps(POLICY, "volume_ids", list(before), list(after), true), expected, "{before:?} {after:?}");
    }
}

#[test]
fn interfaces_of_a_router_leave_and_come_one_by_one() {
    let list = |numbers: &[u8]| {
        json!(numbers.iter().map(|number| json!({ "type": "subnet", "subnet_id": id(*number) })).collect::<Vec<_>>())
    };
    let words = |numbers: &[u8]| list(numbers).to_string().replace('"', "");
    let call = |word: &str, number: u8, left: &[u8]| {
        format!("POST x1/{word} {{subnet_id:{}}} leaves {}", id(number), words(left))
    };
    assert_eq!(
        steps(ROUTER, "interfaces", list(&[1, 2, 3]), list(&[3, 4]), true),
        [call("detach", 1, &[2, 3]), call("detach", 2, &[3]), call("attach", 4, &[3, 4])]
    );
    let nameless = json!([{ "type": "subnet", "subnet_id": id(1) }, { "type": "external" }]);
    let forced = steps(ROUTER, "interfaces", list(&[1]), nameless, true);
    assert_eq!(forced, ["body/interfaces/1: `plan` knows no call that changes it"]);
}

#[test]
fn a_pool_is_removed_only_where_the_plan_allows_it() {
    let pool =
        |name: &str, most: u8| json!({ "name": name, "flavor_id": "f", "min_node_count": 1, "max_node_count": most });
    let words = |pools: &[Value]| json!(pools).to_string().replace('"', "");
    let (a, b) = (pool("pool-a", 1), pool("pool-b", 1));
    let removes = "`pool-b` of `pools`, and what runs in it";
    assert_eq!(
        steps(CLUSTER, "pools", json!([a, b]), json!([a]), true),
        [format!("DELETE n/pools/pool-b  leaves {} removes {removes}", words(std::slice::from_ref(&a)))]
    );
    assert_eq!(
        steps(CLUSTER, "pools", json!([a, b]), json!([a]), false),
        ["body/pools/1: `pool-b` would be removed, and what runs in it"]
    );
    let changed = pool("pool-a", 3);
    assert_eq!(
        steps(CLUSTER, "pools", json!([a, b]), json!([changed, b]), false),
        [format!("PATCH n/pools/pool-a {{max_node_count:3}} leaves {}", words(&[changed, b.clone()]))]
    );
    let made = steps(CLUSTER, "pools", json!([a]), json!([a, b]), false);
    assert_eq!(
        made,
        [format!("POST n/pools {} leaves {}", b.to_string().replace('"', ""), words(&[a.clone(), b.clone()]))]
    );
    let nameless = json!([{ "flavor_id": "f" }]);
    assert_eq!(
        steps(CLUSTER, "pools", nameless, json!([]), true),
        ["body/pools/0: `plan` knows no call that changes it"]
    );
    let moved = json!([{ "name": "pool-a", "flavor_id": "g", "min_node_count": 1, "max_node_count": 1 }]);
    let forced = steps(CLUSTER, "pools", json!([a]), moved, true);
    assert_eq!(forced, ["body/pools/0/flavor_id: `plan` knows no call that changes it"]);
}

#[test]
fn parameters_and_headers_act_on_a_create_only() {
    let of = |query: &[(&str, &str)], headers: &[(&str, &str)]| {
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        RecordedCall { query: pairs(query), headers: pairs(headers), ..post("v1/networks/1/7", json!({ "name": "n" })) }
    };
    let reason = "it has an effect only on a create";
    for (before, after, fields) in [
        (of(&[("a", "1")], &[]), of(&[("a", "2")], &[]), &["query/a"][..]),
        (of(&[("a", "1"), ("b", "1")], &[]), of(&[("b", "1")], &[]), &["query/a"]),
        (of(&[], &[]), of(&[], &[("x", "1")]), &["headers/x"]),
        (of(&[("a", "1"), ("b", "1")], &[]), of(&[("b", "1"), ("a", "1")], &[]), &[]),
    ] {
        let result = StepResult { id: Some(json!("x1").into()), ..StepResult::default() };
        let resource = UpdatedResource::of(Catalog::embedded(), &before, &result);
        let split = split(Catalog::embedded(), resource.as_ref(), &before, &after, None, true);
        let forced: Vec<&str> = split.forced.iter().map(|forced| forced.field.as_str()).collect();
        assert_eq!((forced.as_slice(), split.calls.len()), (fields, 0), "{before:?} {after:?}");
        assert!(split.forced.iter().all(|forced| forced.reason == reason));
    }
}

#[test]
fn sizes_only_grow_and_versions_only_rise() {
    for (path, field, old, new, allowed) in [
        ("v1/volumes/1/7", "size", json!(5), json!(6), true),
        ("v1/volumes/1/7", "size", json!(5), json!(4), false),
        ("v1/volumes/1/7", "size", json!(5), json!("5"), false),
        ("v1/volumes/1/7", "size", json!(5), json!(5.0), false),
        (CLUSTER, "version", json!("v1.9.0"), json!("v1.10.0"), true),
        (CLUSTER, "version", json!("v1.31.0"), json!("v1.31"), false),
        (CLUSTER, "version", json!("v1.31.0"), json!("1.31.0"), false),
    ] {
        let steps = steps(path, field, old.clone(), new.clone(), true);
        assert_eq!(steps[0].starts_with("POST"), allowed, "{path} {old} {new}: {steps:?}");
    }
}

#[test]
fn a_result_takes_the_new_name_and_no_secret() {
    let call = |name: Value| post("v1/networks/1/7", json!({ "name": name }));
    let secret = "secret:00000000000000000000000000000000";
    for (had, before, after, name) in [
        (Some("a"), Some(json!("a")), json!("b"), Some("b")),
        (Some("shown"), Some(json!("a")), json!("a"), Some("shown")),
        (Some("a"), None, json!("b"), Some("b")),
        (None, Some(json!("a")), json!("b"), None),
        (Some("a"), Some(json!("a")), json!(secret), Some("a")),
        (Some("a"), Some(json!("a")), json!(7), Some("a")),
    ] {
        let result = StepResult { name: had.map(str::to_owned), ..StepResult::default() };
        let before_call = before.clone().map(call);
        let renamed = with_new_name(before_call.as_ref(), &call(after.clone()), result);
        assert_eq!(renamed.name.as_deref(), name, "{before:?} {after}");
    }
}
