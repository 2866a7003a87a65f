//! A record on its way to the disk: whatever others wrote into it is searched for secrets.
//!
//! What is ours (names of steps, phases, numbers) stays, whatever it looks like: a password `done` hides no phase. Ids are
//! hidden only as a whole or where a long secret stands in them: of an id that happens to hold four digits of one, the
//! resource could not be taken down any more. Calls of the plan hold digests already, and must stay comparable.

use serde_json::{Map, Value};

use super::record::Record;
use super::tagged::{self, Tagged};
use crate::catalog::Catalog;
use crate::secret::{Redact, Secrets};

/// Ours.
const OURS: [&str; 26] = [
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
    "own",
];
/// What names things, and the calls that take them away.
const NAMING: [&str; 10] = ["id", "ids", "task", "tasks", "name", "lock", "undo", "beside", "request_id", "path"];

/// A record, and its fields as they stand in a line.
#[derive(Debug)]
pub struct Encoded {
    pub record: Record,
    pub json: String,
}

impl Encoded {
    pub fn of(record: Record) -> Self {
        Self { json: tagged::json(&record), record }
    }
}

impl Redact for Encoded {
    fn redacted(self, secrets: &Secrets) -> Self {
        if !secrets.shows(&self.json) {
            return self;
        }
        let value = serde_json::from_str(&self.json).expect("JSON that was just written can be read");
        // Texts become texts, and only where the record holds texts.
        let hidden = serde_json::from_value::<Tagged>(hidden(value, Words::Free, secrets));
        Self::of(hidden.map_or_else(|_| self.record.without_words(), |hidden| hidden.record))
    }
}

/// Whose words a field holds.
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
        // Of undo calls: whatever the names of its fields are, they are not ours.
        "body" | "known" if words == Words::Naming => named(field, secrets),
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

/// All texts of a value, names of fields too.
fn named(value: Value, secrets: &Secrets) -> Value {
    match value {
        Value::String(text) => Value::String(secrets.redact_name(&text)),
        Value::Array(items) => items.into_iter().map(|item| named(item, secrets)).collect(),
        Value::Object(fields) => {
            let hide = |(name, field): (String, Value)| (secrets.redact_name(&name), named(field, secrets));
            fields.into_iter().map(hide).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

/// Ids by kind: the kinds are the API's words, too.
fn by_kind(field: Value, secrets: &Secrets) -> Value {
    match field {
        Value::Object(kinds) => {
            let hide = |(name, ids): (String, _)| (kind(name, secrets), hidden(ids, Words::Naming, secrets));
            kinds.into_iter().map(hide).collect::<Map<_, _>>().into()
        }
        other => hidden(other, Words::Naming, secrets),
    }
}

/// A kind of the catalogue stays: without it, the resource could not be read or deleted.
fn kind(name: String, secrets: &Secrets) -> String {
    let is_known = || !Catalog::embedded().creators_of(&name).is_empty();
    match secrets.redact_name(&name) {
        hidden if hidden == name || is_known() => name,
        hidden => hidden,
    }
}

impl Record {
    /// The same with nothing of others in it, should hiding have made something else of it.
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
