//! Bodies in the log, without secrets.

use serde_json::Value;

use super::super::{Answer, Request};
use crate::secret::{REDACTED, Redacted, Secrets, inside, is_sensitive_field, is_sensitive_text, place_of_body};

/// The most characters of a body in the log.
const LONGEST: usize = 16 * 1024;
/// Replaces what is left out, whether or not it is secret.
const LEFT_OUT: &str = "[left out]";
/// Fields that are secret only under exactly these names: a kubeconfig, and the contents of a secret of the cloud.
const SENSITIVE_WHOLE: [&str; 3] = ["config", "payload", "pem"];

/// The body of a request as text, with secrets and sensitive fields replaced, and cut at [`LONGEST`].
pub(super) fn logged_value(path: &str, body: &Value, secrets: &Secrets) -> String {
    short(&fields_of(path, body, secrets).to_string())
}

/// The body of a request, whole, with secrets and sensitive fields replaced.
pub(super) fn fields_of(path: &str, body: &Value, secrets: &Secrets) -> Value {
    hidden(place_of_body(path), body, false, secrets)
}

/// A header or parameter of a request. `within`: `headers`, or nothing.
pub(super) fn logged_text(within: &str, name: &str, text: &str, secrets: &Secrets) -> Redacted {
    secrets.redact(if is_sensitive_text(within, name, text) { REDACTED } else { text })
}

/// The body of an answer; `None` without one.
pub(super) fn logged_answer(request: &Request, answer: &Answer, private: bool, secrets: &Secrets) -> Option<String> {
    if answer.body.is_empty() {
        return None;
    }
    // The answer may repeat secrets that are not known here.
    if secrets.may_be_unknown() {
        return Some(LEFT_OUT.to_owned());
    }
    // The message for an invalid key repeats a part of it (observed.md §8).
    if private && answer.is_success() || answer.status == 401 {
        return Some(REDACTED.to_owned());
    }
    Some(match serde_json::from_slice::<Value>(&answer.body) {
        Ok(body) => {
            // A task's `data` contains the request, including its secrets.
            let of_tasks = request.path.split('/').any(|segment| segment == "tasks");
            short(&hidden("", &body, of_tasks, secrets).to_string())
        }
        Err(_) => {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            short(&secrets.redact(&text))
        }
    })
}

/// A body without known secrets, without its sensitive fields, and without texts that repeat one of these: the address of a
/// stream contains its token. `place`: see [`place_of_body`].
fn hidden(place: &str, body: &Value, of_tasks: bool, secrets: &Secrets) -> Value {
    let own = Secrets::default();
    hide_sensitive(("", place), body, &own);
    own.redact_value(&hide(("", place), &secrets.redact_value(body), of_tasks))
}

fn hide_sensitive((within, name): (&str, &str), value: &Value, own: &Secrets) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(inner, field)| hide_sensitive((inside(within, name), inner), field, own));
        }
        Value::Array(items) => items.iter().for_each(|item| hide_sensitive((within, name), item, own)),
        Value::String(text) if is_sensitive(within, name, value) => own.hide(text),
        _ => {}
    }
}

fn hide((within, name): (&str, &str), value: &Value, of_tasks: bool) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        _ if of_tasks && name == "data" => Value::String(LEFT_OUT.to_owned()),
        Value::Object(fields) => {
            let hide = |inner: &str, field: &Value| hide((inside(within, name), inner), field, of_tasks);
            Value::Object(fields.iter().map(|(inner, field)| (inner.clone(), hide(inner, field))).collect())
        }
        Value::Array(items) => items.iter().map(|item| hide((within, name), item, of_tasks)).collect(),
        _ if is_sensitive(within, name, value) => Value::String(REDACTED.to_owned()),
        plain => plain.clone(),
    }
}

/// `within`: see [`inside`].
fn is_sensitive(within: &str, name: &str, value: &Value) -> bool {
    is_sensitive_field(within, name)
        || SENSITIVE_WHOLE.contains(&name.to_ascii_lowercase().as_str())
        || value.as_str().is_some_and(|text| is_sensitive_text(within, name, text))
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}… ({} more bytes)", &text[..end], text.len() - end),
        None => text.to_owned(),
    }
}
