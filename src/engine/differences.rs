//! The differences between two calls, in words.

use serde_json::{Map, Value, json};

use super::placeholder::{is_known_later, is_unread};
use crate::body_file::BodyFile;
use crate::journal::RecordedCall;
use crate::secret::{hide_digests, hide_sensitive, inside, place_of_body, stands_for_secret};

/// The fields in which two calls differ, each as `body/name: "a" → "b"`; secrets are not shown.
pub fn differences(before: &RecordedCall, after: &RecordedCall) -> Vec<String> {
    let mut found = Vec::new();
    let whole = |call: &RecordedCall| {
        let pairs = |pairs: &[(String, String)]| -> Map<String, Value> {
            let mut map = Map::new();
            for (name, value) in pairs {
                let values = map.entry(name.clone()).or_insert_with(|| json!([]));
                if let Value::Array(values) = values {
                    values.push(Value::String(value.clone()));
                }
            }
            map
        };
        json!({
            "call": format!("{} {}", call.method, call.path),
            "query": pairs(&call.query),
            "headers": pairs(&call.headers),
            "body": call.body,
            "body_file": call.body_file.as_deref().map(BodyFile::summary),
        })
    };
    let (old, new) = (whole(before), whole(after));
    let body = place_of_body(&after.path);
    for (part, name) in [("call", ""), ("query", ""), ("headers", "headers"), ("body", body), ("body_file", "")] {
        compare(("", name), part, &old[part], &new[part], &mut found);
    }
    found
}

/// `name`: the field with the values; `within`: the mapping that this field is in.
fn compare((within, name): (&str, &str), at: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let within = inside(within, name);
            for (name, value) in before {
                let after = after.get(name).unwrap_or(&Value::Null);
                compare((within, name), &format!("{at}/{name}"), value, after, found);
            }
            for (name, value) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
                compare((within, name), &format!("{at}/{name}"), &Value::Null, value, found);
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                compare((within, name), &format!("{at}/{index}"), before, after, found);
            }
        }
        // A value that will only be read later is assumed to be unchanged.
        (_, Value::String(after)) if is_unread(after) => {}
        (before, after) if before != after => {
            let shown = |value: &Value| {
                let mut value = value.clone();
                hide_sensitive((within, name), &mut value);
                shown(&value)
            };
            found.push(format!("{at}: {} → {}", shown(before), shown(after)));
        }
        _ => {}
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "(absent)".to_owned(),
        Value::String(text) if stands_for_secret(text) => hide_digests(text),
        Value::String(text) if is_known_later(text) => text.clone(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Method;
    use crate::engine::placeholder::{known_after, known_after_reading};

    #[test]
    fn every_difference_has_its_place_and_both_values() {
        let call = |path: &str, query: &[(&str, &str)], body: Value| RecordedCall {
            query: query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: Some(body.into()),
            ..RecordedCall::new(Method::Post, path)
        };
        let secret = "secret:00000000000000000000000000000000";
        let before = call(
            "/a",
            &[("x", "1"), ("x", "2")],
            json!({ "name": "a", "same": 1, "gone": true, "list": [1, { "b": 2 }], "key": secret, "long": [1], "read": "r" }),
        );
        let after = call(
            "/b",
            &[("x", "1"), ("x", "3")],
            json!({ "name": known_after("`n`"), "same": 1, "list": [1, { "b": 3 }], "key": "other", "long": [1, 2],
                "read": known_after_reading("`n`"), "new": null, "more": {} }),
        );
        let found: Vec<String> = differences(&before, &after)
            .iter()
            .map(|line| crate::secret::Secrets::default().redact(line).into_owned())
            .collect();
        let expected = [
            "call: `POST /a` → `POST /b`",
            "query/x/1: `2` → `3`",
            "body/name: `a` → (known after `n`)",
            "body/gone: `true` → (absent)",
            "body/list/1/b: `2` → `3`",
            "body/key: [secret] → `other`",
            "body/long: `[1]` → `[1,2]`",
            "body/more: (absent) → `{}`",
        ];
        assert_eq!(found, expected);
        assert_eq!(differences(&before, &before), Vec::<String>::new());
    }

    #[test]
    fn a_secret_by_name_place_or_form_is_told_as_changed_and_not_shown() {
        let call = |header: &str, body: Value| RecordedCall {
            headers: [("X-Api-Key".to_owned(), header.to_owned())].into_iter().collect(),
            body: Some(body.into()),
            ..RecordedCall::new(Method::Put, "/iam/users/7/password")
        };
        let before =
            call("a1", json!({ "new": "b1", "list": [{ "password": "c1" }], "all": { "token": "d1" }, "n": 1 }));
        let after = call("a2", json!({ "new": "b2", "list": [{ "password": "c2" }], "n": 2 }));
        let expected = [
            "headers/X-Api-Key/0: [secret] → [secret]",
            "body/new: [secret] → [secret]",
            "body/list/0/password: [secret] → [secret]",
            "body/all: `{\"token\":\"[secret]\"}` → (absent)",
            "body/n: `1` → `2`",
        ];
        assert_eq!(differences(&before, &after), expected);
    }
}
