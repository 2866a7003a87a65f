//! The differences that count: without those that the plan ignores, and those that have to be read first.

use serde_json::{Map, Value};

use crate::engine::placeholder::is_unread;
use crate::journal::RecordedCall;

/// The plan's call with every ignored difference reset to the recorded value: equal to the recorded call exactly when
/// there is nothing to change. `ignored`: places such as `body/volumes/0/image_id`.
pub fn wanted_call(before: &RecordedCall, after: &RecordedCall, ignored: &[String]) -> RecordedCall {
    let mut wanted = after.clone();
    if let (Some(body), Some(old)) = (&mut wanted.body, &before.body)
        && is_unread(body.text())
    {
        body.edit(|body| take_back_unread(body, old));
    }
    for place in ignored {
        match place.split_once('/') {
            Some(("body", below)) => {
                let names: Vec<&str> = below.split('/').collect();
                if let (Some(body), Some(old)) = (&mut wanted.body, &before.body) {
                    body.edit(|body| take_back(body, old, &names));
                }
            }
            Some(("query", name)) => wanted.query = pairs(&before.query, &after.query, name).into(),
            Some(("headers", name)) => wanted.headers = pairs(&before.headers, &after.headers, name).into(),
            None if place == "body_file" => wanted.body_file.clone_from(&before.body_file),
            _ => {}
        }
    }
    wanted
}

/// The pairs of `after`, with the values of `before` for one name.
fn pairs(before: &[(String, String)], after: &[(String, String)], name: &str) -> Vec<(String, String)> {
    let old = before.iter().filter(|(other, _)| other == name);
    let mut all: Vec<_> = after.iter().filter(|(other, _)| other != name).chain(old).cloned().collect();
    // When only the order differs, the recorded order is kept.
    if all.len() == before.len() && before.iter().all(|pair| all.contains(pair)) {
        all = before.to_vec();
    }
    all
}

/// Sets the old value at a place; removes the place where there was none.
pub fn take_back(value: &mut Value, old: &Value, names: &[&str]) {
    let Some((name, below)) = names.split_first() else { return };
    match (value, old) {
        (Value::Object(fields), Value::Object(before)) => match (below.is_empty(), before.get(*name)) {
            (true, Some(old)) => drop(fields.insert((*name).to_owned(), old.clone())),
            (true, None) => drop(fields.shift_remove(*name)),
            (false, Some(old)) => {
                if let Some(field) = fields.get_mut(*name) {
                    take_back(field, old, below);
                }
            }
            (false, None) => {}
        },
        (Value::Array(items), Value::Array(before)) => {
            let at = name.parse::<usize>().ok();
            let Some((item, old)) = at.and_then(|at| items.get_mut(at).zip(before.get(at))) else { return };
            if below.is_empty() { item.clone_from(old) } else { take_back(item, old, below) }
        }
        _ => {}
    }
}

fn take_back_unread(value: &mut Value, old: &Value) {
    match (value, old) {
        (Value::String(text), _) if !is_unread(text) => {}
        (value @ Value::String(_), old) => value.clone_from(old),
        (Value::Object(fields), Value::Object(before)) => take_back_fields(fields, before),
        (Value::Array(items), Value::Array(before)) if items.len() == before.len() => {
            items.iter_mut().zip(before).for_each(|(item, old)| take_back_unread(item, old));
        }
        _ => {}
    }
}

fn take_back_fields(fields: &mut Map<String, Value>, before: &Map<String, Value>) {
    for (name, value) in fields.iter_mut() {
        if let Some(old) = before.get(name) {
            take_back_unread(value, old);
        }
    }
}

#[cfg(test)]
mod tests;
