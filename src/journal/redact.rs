//! Redacts secrets in a record before it is written, in all texts that come from the API.
//!
//! Texts of `plan` itself (names of steps and phases, numbers) are kept, even when a secret has the same value. Ids
//! are hidden only when they equal a secret or contain a long one: if a short secret that happens to occur in an id
//! hid it, the resource could not be deleted any more. Planned calls have digests already, and must stay comparable.

use serde_json::{Map, Value};

use super::record::Record;
use crate::catalog::Catalog;
use crate::secret::{Redact, Secrets};

/// Fields with texts of `plan` itself.
const OURS: [&str; 25] = [
    "call",
    "update",
    "agrees",
    "record",
    "instance",
    "phase",
    "how",
    "effect",
    "class",
    "method",
    "nonce",
    "key",
    "plan",
    "environment",
    "step",
    "after",
    "command",
    "run",
    "tool",
    "file",
    "place",
    "durations",
    "owner",
    "expires",
    "attempt",
];
/// Fields with ids and names, and with undo calls.
const NAMING: [&str; 10] = ["id", "ids", "task", "tasks", "name", "lock", "undo", "beside", "request_id", "path"];

impl Redact for Record {
    fn redacted(self, secrets: &Secrets) -> Self {
        let whole = serde_json::to_string(&self).expect("records are made of types JSON can hold");
        if !secrets.shows(&whole) {
            return self;
        }
        let value = serde_json::from_str(&whole).expect("JSON that was just written can be read");
        // Redaction turns texts into texts, and acts only on texts.
        serde_json::from_value(hidden(value, Words::Free, secrets)).unwrap_or_else(|_| self.without_words())
    }
}

/// The origin of a field's texts.
#[derive(Clone, Copy, PartialEq)]
enum Words {
    Free,
    Naming,
}

fn hidden(value: Value, words: Words, secrets: &Secrets) -> Value {
    match value {
        Value::String(text) if words == Words::Naming => Value::String(secrets.redact_name(&text)),
        Value::Array(items) => items.into_iter().map(|item| hidden(item, words, secrets)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, field)| of_field(name, field, words, secrets)).collect::<Map<_, _>>().into()
        }
        Value::String(text) => Value::String(secrets.redact(&text).into_owned()),
        other => other,
    }
}

fn of_field(name: String, field: Value, words: Words, secrets: &Secrets) -> (String, Value) {
    let field = match name.as_str() {
        ours if OURS.contains(&ours) => field,
        // Values of any type, from the API.
        "response" | "value" => secrets.redact_value(&field),
        "error" => hidden(field, Words::Free, secrets),
        "created" | "touched" => by_kind(field, secrets),
        "kind" => match field {
            Value::String(name) => Value::String(kind(name, secrets)),
            other => other,
        },
        naming if NAMING.contains(&naming) => hidden(field, Words::Naming, secrets),
        _ => hidden(field, words, secrets),
    };
    (name, field)
}

/// Redacts ids by kind, where the kinds are texts of the API as well.
fn by_kind(field: Value, secrets: &Secrets) -> Value {
    match field {
        Value::Object(kinds) => {
            let hide = |(name, ids): (String, _)| (kind(name, secrets), hidden(ids, Words::Naming, secrets));
            kinds.into_iter().map(hide).collect::<Map<_, _>>().into()
        }
        other => hidden(other, Words::Naming, secrets),
    }
}

/// Keeps a kind that the catalogue knows, since a resource without its kind cannot be deleted.
fn kind(name: String, secrets: &Secrets) -> String {
    let is_known = || !Catalog::embedded().creators_of(&name).is_empty();
    match secrets.redact_name(&name) {
        hidden if hidden == name || is_known() => name,
        hidden => hidden,
    }
}

impl Record {
    /// The record without any text of the API, in case the redacted one cannot be parsed.
    fn without_words(mut self) -> Self {
        if let Record::Succeeded(done) = &mut self {
            done.result.response = None;
            done.result.name = None;
        }
        if let Record::Outputs { values } = &mut self {
            values.iter_mut().for_each(|output| output.value = None);
        }
        self
    }
}
