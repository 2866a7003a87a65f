use serde_json::json;

use super::*;
use crate::body_file::BodyFile;
use crate::catalog::Method;
use crate::engine::placeholder::known_after_reading;

fn pairs_of(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn call(query: &[(&str, &str)], headers: &[(&str, &str)], body: Value) -> RecordedCall {
    RecordedCall {
        query: pairs_of(query).into(),
        headers: pairs_of(headers).into(),
        body: Some(body.into()),
        ..RecordedCall::new(Method::Post, "/t")
    }
}

#[test]
fn an_ignored_parameter_keeps_its_recorded_values() {
    for (before, after, name, expected) in [
        (&[("a", "1")][..], &[("a", "2")][..], "a", &[("a", "1")][..]),
        (&[("a", "1")], &[("a", "2")], "b", &[("a", "2")]),
        (&[], &[("a", "2"), ("b", "3")], "a", &[("b", "3")]),
        (&[("a", "1")], &[("b", "3")], "a", &[("b", "3"), ("a", "1")]),
        (&[("a", "1"), ("b", "2")], &[("b", "2"), ("a", "9")], "a", &[("a", "1"), ("b", "2")]),
        (&[("a", "1"), ("a", "2")], &[("a", "3")], "a", &[("a", "1"), ("a", "2")]),
        (&[("a", "1"), ("b", "2")], &[("b", "9"), ("a", "9")], "a", &[("b", "9"), ("a", "1")]),
        (&[("a", "1"), ("b", "2")], &[("b", "2"), ("c", "3"), ("a", "9")], "a", &[("b", "2"), ("c", "3"), ("a", "1")]),
    ] {
        let nothing = json!({});
        let of_query = wanted_call(
            &call(before, &[], nothing.clone()),
            &call(after, &[], nothing.clone()),
            &[format!("query/{name}")],
        );
        assert_eq!(of_query, call(expected, &[], nothing.clone()), "{before:?} {after:?}");
        let of_headers = wanted_call(
            &call(&[], before, nothing.clone()),
            &call(&[], after, nothing.clone()),
            &[format!("headers/{name}")],
        );
        assert_eq!(of_headers, call(&[], expected, nothing), "{before:?} {after:?}");
    }
}

#[test]
fn an_ignored_file_keeps_what_was_sent() {
    let file = |name: &str| BodyFile {
        path: name.to_owned(),
        content_type: "text/plain".to_owned(),
        size: 1,
        sha256: name.to_owned(),
        md5: name.to_owned(),
    };
    let of = |name: &str| RecordedCall { body_file: Some(Box::new(file(name))), ..call(&[], &[], json!({})) };
    assert_eq!(wanted_call(&of("a"), &of("b"), &["body_file".to_owned()]), of("a"));
    assert_eq!(wanted_call(&of("a"), &of("b"), &["body".to_owned()]), of("b"));
}

#[test]
fn an_ignored_place_of_the_body_keeps_what_was_sent() {
    for (before, after, place, expected) in [
        (json!({ "a": 1 }), json!({ "a": 2, "b": 3 }), "a", json!({ "a": 1, "b": 3 })),
        (json!({}), json!({ "a": 2 }), "a", json!({})),
        (
            json!({ "a": { "b": 1, "c": 1 } }),
            json!({ "a": { "b": 2, "c": 2 } }),
            "a/b",
            json!({ "a": { "b": 1, "c": 2 } }),
        ),
        (json!({}), json!({ "a": { "b": 2 } }), "a/b", json!({ "a": { "b": 2 } })),
        (json!({ "a": { "b": 1 } }), json!({}), "a/b", json!({})),
        (json!({ "a": [1, 2] }), json!({ "a": [3, 4, 5] }), "a/1", json!({ "a": [3, 2, 5] })),
        (json!({ "a": [1] }), json!({ "a": [3, 4] }), "a/1", json!({ "a": [3, 4] })),
        (json!({ "a": [{ "b": 1 }] }), json!({ "a": [{ "b": 2 }] }), "a/0/b", json!({ "a": [{ "b": 1 }] })),
        (json!({ "a": 1 }), json!({ "a": { "b": 2 } }), "a/b", json!({ "a": { "b": 2 } })),
    ] {
        let wanted =
            wanted_call(&call(&[], &[], before.clone()), &call(&[], &[], after.clone()), &[format!("body/{place}")]);
        assert_eq!(wanted, call(&[], &[], expected), "{before} {after} {place}");
    }
}

#[test]
fn what_has_to_be_read_first_is_taken_to_be_unchanged() {
    let later = known_after_reading("`images`");
    for (before, after, expected) in [
        (json!({ "a": "x", "b": 1 }), json!({ "a": later, "b": 2 }), json!({ "a": "x", "b": 2 })),
        (json!({ "a": ["x", "y"] }), json!({ "a": [later, "z"] }), json!({ "a": ["x", "z"] })),
        (json!({ "a": ["x"] }), json!({ "a": [later, "z"] }), json!({ "a": [later, "z"] })),
        (json!({}), json!({ "a": later }), json!({ "a": later })),
        (json!({ "a": { "b": 7 } }), json!({ "a": { "b": later } }), json!({ "a": { "b": 7 } })),
        (json!({ "a": 7 }), json!({ "a": [later] }), json!({ "a": [later] })),
    ] {
        let wanted = wanted_call(&call(&[], &[], before.clone()), &call(&[], &[], after.clone()), &[]);
        assert_eq!(wanted, call(&[], &[], expected), "{before} {after}");
    }
}
