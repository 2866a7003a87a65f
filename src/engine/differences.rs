//! The differences between two calls, in words.

use serde_json::{Map, Value, json};

use super::later::{is_known_later, is_unread};
use crate::body_file::BodyFile;
use crate::journal::RecordedCall;
use crate::secret::{hide_digests, stands_for_secret};

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
    compare("", &whole(before), &whole(after), &mut found);
    found
}

fn compare(at: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, value) in before {
                compare(&join(at, name), value, after.get(name).unwrap_or(&Value::Null), found);
            }
            for (name, value) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
                compare(&join(at, name), &Value::Null, value, found);
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                compare(&join(at, &index.to_string()), before, after, found);
            }
        }
        // A value that will only be read later is assumed to be unchanged.
        (_, Value::String(after)) if is_unread(after) => {}
        (before, after) if before != after => found.push(format!("{at}: {} → {}", shown(before), shown(after))),
        _ => {}
    }
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}/{name}") }
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
