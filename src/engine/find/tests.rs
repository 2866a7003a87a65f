use serde_json::json;

use super::*;
use crate::catalog::{Catalog, Route};

fn look(route: &str, items: &Value, wanted: Value) -> Result<FoundItem, NotOne> {
    let catalog = Catalog::embedded();
    let operation = catalog.find(&Route::parse(route).unwrap()).unwrap();
    let search = ListSearch {
        items: items.as_array().unwrap(),
        operation: Some(&operation),
        listed: catalog.listed(&operation),
    };
    search.one(wanted.as_object().unwrap())
}

const IMAGES: &str = "GET /cloud/v1/images/{project_id}/{region_id}";
const FLAVORS: &str = "GET /cloud/v1/flavors/{project_id}/{region_id}";
const BARE: &str = "GET /cloud/v1/bmflavors/{project_id}/{region_id}";
const REGIONS: &str = "GET /cloud/v1/regions";

#[test]
fn an_item_is_found_by_name_in_whichever_field_it_is() {
    let flavors = json!([{ "flavor_id": "g1", "flavor_name": "one" }, { "flavor_id": "g2", "flavor_name": "two" }]);
    let regions = json!([{ "id": 7, "display_name": "Here" }, { "id": 8, "display_name": "There" }]);
    let images = json!([{ "id": "a", "name": "ubuntu" }, { "id": "b", "name": "debian", "meta": { "arch": "arm" } }]);
    for (route, items, wanted, id, name) in [
        (FLAVORS, &flavors, json!({ "name": "two" }), json!("g2"), "two"),
        (FLAVORS, &flavors, json!({ "flavor_name": "two" }), json!("g2"), "two"),
        (BARE, &flavors, json!({ "flavor_id": "g1" }), json!("g1"), "one"),
        (REGIONS, &regions, json!({ "name": "There" }), json!(8), "There"),
        (REGIONS, &regions, json!({ "id": "7" }), json!(7), "Here"),
        (IMAGES, &images, json!({ "meta": { "arch": "arm" } }), json!("b"), "debian"),
        (IMAGES, &images, json!({ "name": "debian", "owner": null }), json!("b"), "debian"),
    ] {
        let found = look(route, items, wanted.clone()).unwrap();
        assert_eq!((found.id, found.name.as_deref()), (Some(id), Some(name)), "{wanted}");
    }
}

#[test]
fn numbers_and_texts_of_one_value_are_equal_and_objects_are_compared_by_the_wanted_fields() {
    for (found, wanted, equal) in [
        (json!(7), json!("7"), true),
        (json!("7"), json!(7), true),
        (json!("7a"), json!(7), false),
        (json!(7), json!(7.0), true),
        (json!(7), json!(8), false),
        (json!({ "a": 1, "b": 2 }), json!({ "a": 1 }), true),
        (json!({ "a": { "x": 1, "y": 2 } }), json!({ "a": { "y": "2" } }), true),
        (json!({ "a": 1 }), json!({ "a": 2 }), false),
        (json!({ "a": 1 }), json!({ "b": null }), true),
        (json!({ "a": 1 }), json!({ "b": 1 }), false),
        (json!([1]), json!([1]), true),
        (json!(true), json!("true"), false),
    ] {
        assert_eq!(is(&found, &wanted), equal, "{found} {wanted}");
    }
}

#[test]
fn names_and_texts_distinguish_items_before_ids_and_times() {
    let items = |items: Value| {
        let items = items.as_array().unwrap().clone();
        distinguishing_field(&items.iter().collect::<Vec<_>>())
    };
    for (all, field) in [
        (json!([{ "id": 1, "made_at": 1, "os": "a" }, { "id": 2, "made_at": 2, "os": "b" }]), Some("os")),
        (json!([{ "id": 1, "os": "a" }, { "id": 2, "os": "a" }]), Some("id")),
        (json!([{ "tags": ["a"], "meta": {}, "id": 1 }, { "tags": ["b"], "meta": { "x": 1 }, "id": 2 }]), Some("id")),
        (json!([{ "a": 1, "b": 1, "c": 1 }, { "a": 1, "b": 2, "c": 1 }, { "a": 1, "b": 1, "c": 3 }]), None),
        (json!([{ "os": "a" }, {}]), None),
    ] {
        assert_eq!(items(all.clone()).as_deref(), field, "{all}");
    }
}

#[test]
fn a_repeated_item_counts_once() {
    let images = json!([{ "id": "a", "name": "ubuntu" }, { "id": "a", "name": "ubuntu" }]);
    assert!(look(IMAGES, &images, json!({ "name": "ubuntu" })).is_ok());
}

#[test]
fn a_missing_item_is_reported_with_the_existing_ones() {
    let images = json!([
        { "id": "a", "name": "ubuntu-24.04-x64", "os": "linux" }, { "id": "b", "name": "ubuntu-22.04-x64", "os": "linux" },
        { "id": "c", "name": "debian-12", "os": "linux" }, { "id": "d", "name": "debian-12", "os": "bsd" },
    ]);
    for (items, wanted, message, help) in [
        (&images, json!({ "name": "ubuntu-24.04" }), "no item has `name` `ubuntu-24.04`", "there are `debian-12`"),
        (&images, json!({ "name": "ubuntu-24.04-x46" }), "no item has", "did you mean `ubuntu-24.04-x64`?"),
        (&images, json!({ "nmae": "x" }), "no item there has a field `nmae`", "did you mean `name`?"),
        (&images, json!({ "name": "debian-12" }), "2 items have `name` `debian-12`", "they are `c`, `d`"),
        (&images, json!({ "name": "debian-12" }), "2 items", "for example `os:`"),
        (
            &images,
            json!({ "name": "ubuntu-22.04-x64", "os": "bsd" }),
            "`name` `ubuntu-22.04-x64` and `os` `bsd`",
            "all of them",
        ),
        (&json!([]), json!({ "name": "x" }), "no item has `name` `x`: the list is empty", "another project or region"),
    ] {
        let not_one = look(IMAGES, items, wanted.clone()).unwrap_err();
        assert!(not_one.message.contains(message), "{not_one:?}");
        assert!(not_one.help.iter().any(|line| line.contains(help)), "{wanted}: {not_one:?}");
    }
}

#[test]
fn the_result_of_a_look_up_is_that_of_the_item() {
    let catalog = Catalog::embedded();
    let operation = catalog.find(&Route::parse(IMAGES).unwrap()).unwrap();
    let answer = json!({ "results": [{ "id": "i1", "name": "debian" }, { "id": "i2", "name": "ubuntu" }] });
    let result = looked_up(Some(&operation), catalog, (206, &answer), &json!({ "name": "ubuntu" })).unwrap();
    assert_eq!(
        (result.kind.as_deref(), result.name.as_deref(), result.status),
        (Some("images"), Some("ubuntu"), Some(206))
    );
    assert_eq!(
        (result.ids.len(), result.id, result.response.as_deref()),
        (1, Some(json!("i2").into()), Some(&answer["results"][1]))
    );
    let error = looked_up(Some(&operation), catalog, (200, &json!({ "id": 7 })), &json!({})).unwrap_err();
    assert!(error.message.contains("not a list"), "{error:?}");
}

#[test]
fn ids_and_names_are_found_in_fields_named_after_the_kind() {
    let of = |item: Value| {
        let catalog = Catalog::embedded();
        let operation = catalog.find(&Route::parse(BARE).unwrap()).unwrap();
        let items = [item];
        let search = ListSearch { items: &items, operation: Some(&operation), listed: None };
        (search.id_of(&items[0]), search.name_of(&items[0]).map(str::to_owned))
    };
    for (item, id, name) in [
        (json!({ "id": 7, "name": "a" }), Some(json!(7)), Some("a")),
        (json!({ "flavor_id": "f", "flavor_name": "b" }), Some(json!("f")), Some("b")),
        (json!({ "other_id": "o", "other_name": "c" }), None, None),
        (json!({ "_id": "o", "_name": "c" }), None, None),
        (json!({ "flavor_id": null }), None, None),
        (json!("text"), None, None),
    ] {
        assert_eq!(of(item.clone()), (id, name.map(str::to_owned)), "{item}");
    }
}

#[test]
fn a_field_that_no_item_has_is_reported_but_a_name_under_another_field_is_known() {
    let flavors = json!([{ "flavor_id": "f1", "flavor_name": "small" }]);
    let unknown = look(FLAVORS, &flavors, json!({ "size": 1 })).unwrap_err();
    assert_eq!(unknown.message, "no item there has a field `size`");
    let named = look(FLAVORS, &flavors, json!({ "name": "large" })).unwrap_err();
    assert!(!named.message.contains("has a field"), "{named:?}");
    let nameless = look(FLAVORS, &json!([{ "ram": 1 }]), json!({ "name": "large" })).unwrap_err();
    assert_eq!(nameless.message, "no item there has a field `name`");
}
