//! Values as they are shown: without texts that are secret by the name, the place or the form of their fields, whether
//! or not they are known to be secrets.

use serde_json::Value;

use super::sensitive::{inside, is_sensitive_field, is_sensitive_text, place_of_body};
use super::{REDACTED, is_reserved, stands_for_secret};

/// Hides the secret texts of a value. `name`: the field that it is in; `within`: the mapping of that field, see
/// [`inside`](super::inside).
pub fn hide_sensitive((within, name): (&str, &str), value: &mut Value) {
    match value {
        // What is known later, and a digest, show nothing.
        Value::String(text) if is_reserved(text) || stands_for_secret(text) => {}
        Value::String(text) if is_sensitive_text(within, name, text) => REDACTED.clone_into(text),
        Value::Number(_) if is_sensitive_field(within, name) => *value = Value::from(REDACTED),
        Value::Array(items) => items.iter_mut().for_each(|item| hide_sensitive((within, name), item)),
        Value::Object(fields) => {
            let within = inside(within, name);
            let call = fields.get("method").and(fields.get("path")).and_then(Value::as_str);
            let body = call.map(|path| place_of_body(path).to_owned());
            for (name, field) in fields.iter_mut() {
                match (&body, name.as_str()) {
                    (Some(place), "body") => hide_sensitive(("", place), field),
                    (Some(_), "headers" | "query") => hide_in_pairs(name, field),
                    _ => hide_sensitive((within, name), field),
                }
            }
        }
        _ => {}
    }
}

/// The headers or parameters of a recorded call.
fn hide_in_pairs(within: &str, pairs: &mut Value) {
    for pair in pairs.as_array_mut().into_iter().flatten() {
        if let Some([Value::String(name), value]) = pair.as_array_mut().map(Vec::as_mut_slice) {
            hide_sensitive((within, name), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_recorded_call_is_shown_without_its_secrets() {
        let digest = "secret:00000000000000000000000000000000";
        let mut shown = json!({
            "attempt": 1,
            "call": {
                "method": "PUT", "path": "/iam/users/7/password",
                "headers": [["X-Api-Key", "of-the-header"], ["X-Team", "blue"]],
                "query": [["token", "of-the-query"], ["page", "2"]],
                "body": { "old": "of-old", "new": "of-new", "name": "n", "password": digest },
            },
            "other": { "new": "n", "list": [{ "password": 4711 }], "user_data": "s" },
        });
        hide_sensitive(("", ""), &mut shown);
        let expected = json!({
            "attempt": 1,
            "call": {
                "method": "PUT", "path": "/iam/users/7/password",
                "headers": [["X-Api-Key", "[secret]"], ["X-Team", "blue"]],
                "query": [["token", "[secret]"], ["page", "2"]],
                "body": { "old": "[secret]", "new": "[secret]", "name": "n", "password": digest },
            },
            "other": { "new": "n", "list": [{ "password": "[secret]" }], "user_data": "[secret]" },
        });
        assert_eq!(shown, expected);
    }
}
