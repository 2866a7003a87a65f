//! A record on its way to the disk: whatever others wrote into it is searched for secrets.
//!
//! What is ours (names of steps, phases, numbers) stays, whatever it looks like: a password `done` hides no phase. Ids
//! are hidden only as a whole or where a long secret stands in them: otherwise an id that happens to hold four digits
//! of a secret would be lost, and its resource could not be deleted. Calls of the plan hold digests already, and must
//! stay comparable.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::reader;
use super::record::Record;
use super::tagged::{self, Tagged};
use crate::catalog::Catalog;
use crate::secret::{Redact, Secrets};

/// Fields whose texts `plan` writes itself, or checks as names.
const OWN_FIELDS: [&str; 26] = [
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
/// Fields that identify tasks and resources, and the calls that remove resources.
const ID_FIELDS: [&str; 10] = ["id", "ids", "task", "tasks", "name", "lock", "undo", "beside", "request_id", "path"];

/// A record, and its fields as they stand in a line.
#[derive(Debug)]
pub struct Encoded {
    pub record: Arc<Record>,
    pub json: String,
}

impl Encoded {
    pub fn of(record: Arc<Record>) -> Self {
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
        let redacted = reader::from_str::<Tagged>(&redacted_value(value, FieldText::Free, secrets).to_string());
        let without_words = || Arc::unwrap_or_clone(self.record).without_words();
        Self::of(Arc::new(redacted.map_or_else(|_| without_words(), |redacted| redacted.record)))
    }
}

/// A record as the writer of a journal would write it, for one that is written otherwise.
pub fn redacted(record: Record, secrets: &Secrets) -> Record {
    Arc::unwrap_or_clone(Encoded::of(Arc::new(record)).redacted(secrets).record)
}

/// How secrets are searched for in a field.
#[derive(Clone, Copy, PartialEq)]
enum FieldText {
    /// Text of users and the API: every secret in it is replaced.
    Free,
    /// An id or a name: redacted as a whole, or where a long secret stands in it.
    Naming,
}

fn redacted_value(value: Value, words: FieldText, secrets: &Secrets) -> Value {
    match value {
        Value::String(text) if words == FieldText::Naming => Value::String(secrets.redact_name(&text)),
        Value::Array(items) => items.into_iter().map(|item| redacted_value(item, words, secrets)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, field)| redacted_field(name, field, words, secrets))
            .collect::<Map<_, _>>()
            .into(),
        Value::String(text) => Value::String(secrets.redact(&text).into_owned()),
        other => other,
    }
}

/// A field of a record with secrets redacted, by its name: what `plan` wrote stays, ids and names are redacted as a
/// whole, and all other texts are searched for secrets.
fn redacted_field(name: String, field: Value, words: FieldText, secrets: &Secrets) -> (String, Value) {
    let field = match name.as_str() {
        ours if OWN_FIELDS.contains(&ours) => field,
        // Values of any type, from the API.
        "response" | "value" => secrets.redact_value(&field),
        // Of undo calls: whatever the names of its fields are, they are not ours.
        "body" | "known" if words == FieldText::Naming => redacted_names(field, secrets),
        "created" | "touched" => redacted_by_kind(field, secrets),
        "kind" => match field {
            Value::String(name) => Value::String(kind(name, secrets)),
            other => other,
        },
        naming if ID_FIELDS.contains(&naming) => redacted_value(field, FieldText::Naming, secrets),
        _ => redacted_value(field, words, secrets),
    };
    (name, field)
}

/// All texts of a value, names of fields too.
fn redacted_names(value: Value, secrets: &Secrets) -> Value {
    match value {
        Value::String(text) => Value::String(secrets.redact_name(&text)),
        Value::Array(items) => items.into_iter().map(|item| redacted_names(item, secrets)).collect(),
        Value::Object(fields) => {
            let hide = |(name, field): (String, Value)| (secrets.redact_name(&name), redacted_names(field, secrets));
            fields.into_iter().map(hide).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

/// Ids by kind: the kinds are the API's words, too.
fn redacted_by_kind(field: Value, secrets: &Secrets) -> Value {
    match field {
        Value::Object(kinds) => {
            let hide =
                |(name, ids): (String, _)| (kind(name, secrets), redacted_value(ids, FieldText::Naming, secrets));
            kinds.into_iter().map(hide).collect::<Map<_, _>>().into()
        }
        other => redacted_value(other, FieldText::Naming, secrets),
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
    /// The record without texts of the API, for one that is not a record any more once secrets are hidden in it.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "correct-horse-battery";

    /// The record as it is written, with the secret hidden.
    fn written(record: Value) -> Value {
        let secrets = Secrets::default();
        secrets.hide(SECRET);
        secrets.hide("done");
        let record: Tagged = serde_json::from_value(record).unwrap();
        serde_json::from_str(&Encoded::of(Arc::new(record.record)).redacted(&secrets).json).unwrap()
    }

    fn succeeded(result: Value) -> Value {
        json!({
            "record": "succeeded", "instance": { "step": "done" }, "how": "called", "result": result,
            "made": { "kind": "volumes", "id": SECRET, "name": SECRET }, "duration_ms": 7,
        })
    }

    #[test]
    fn words_of_others_are_hidden_and_ours_stay() {
        let result = json!({
            "kind": "volumes", "id": "id", "name": SECRET, "tasks": [SECRET, "done"],
            "created": { "volumes": [SECRET], SECRET: ["id"] },
            "response": { "text": format!("the password is {SECRET}"), "state": "done" },
        });
        let text = written(succeeded(result)).to_string();
        assert!(!text.contains(SECRET), "{text}");
        let done = written(succeeded(json!({ "kind": "volumes", "id": "of-done", "response": { "state": "done" } })));
        // The step is called `done`, as the short secret is; an id is hidden only as a whole.
        assert_eq!((&done["instance"], &done["result"]["id"]), (&json!({ "step": "done" }), &json!("of-done")));
        assert_eq!((&done["how"], &done["made"]["kind"]), (&json!("called"), &json!("volumes")));
        assert_ne!(done["result"]["response"]["state"], "done");
    }

    #[test]
    fn kinds_of_the_catalogue_stay_and_other_words_do_not() {
        let secrets = Secrets::default();
        secrets.hide("volumes");
        secrets.hide("gadgets-of-theirs");
        let kinds = json!({ "volumes": ["v"], "gadgets-of-theirs": ["g"] });
        let Value::Object(shown) = redacted_by_kind(kinds, &secrets) else { panic!("it is a mapping") };
        assert_eq!(shown.get("volumes"), Some(&json!(["v"])));
        assert!(!shown.contains_key("gadgets-of-theirs") && shown.values().any(|ids| *ids == json!(["g"])));
        assert_eq!(kind("networks".to_owned(), &secrets), "networks");
        assert_eq!(redacted_by_kind(json!(["v", "gadgets-of-theirs"]), &secrets)[0], "v");
        assert_ne!(redacted_by_kind(json!(["v", "gadgets-of-theirs"]), &secrets)[1], "gadgets-of-theirs");
        let field =
            |name: &str, value: &str| redacted_field(name.to_owned(), json!(value), FieldText::Free, &secrets).1;
        assert_eq!((field("kind", "volumes"), field("phase", "volumes")), (json!("volumes"), json!("volumes")));
        assert_ne!(field("kind", "gadgets-of-theirs"), "gadgets-of-theirs");
        for (name, value) in
            [("message", "no volumes"), ("error", "volumes"), ("value", "volumes"), ("name", "volumes")]
        {
            assert_ne!(field(name, value), value, "{name}");
        }
        // A name that only contains a short secret is another word.
        assert_eq!(field("id", "my-volumes-7"), "my-volumes-7");
        assert_ne!(field("message", "my-volumes-7"), "my-volumes-7");
    }

    #[test]
    fn messages_and_outputs_hold_no_secret() {
        let error = json!({
            "effect": "not-applied", "class": "rejected", "message": format!("`{SECRET}` is wrong"),
            "invalid_fields": [], "help": [format!("not {SECRET}")], "call": format!("POST /x/{SECRET}"),
        });
        let refused = written(json!({ "record": "not-applied", "instance": { "step": "done" }, "error": error }));
        assert!(!refused["error"]["message"].to_string().contains(SECRET), "{refused}");
        assert!(!refused["error"]["help"].to_string().contains(SECRET), "{refused}");
        assert_eq!(
            (&refused["error"]["class"], &refused["instance"]),
            (&json!("rejected"), &json!({ "step": "done" }))
        );
        let value = json!({ "list": [{ "key": SECRET }], "number": 5 });
        let outputs = written(json!({ "record": "outputs", "values": [{ "name": "o", "value": value }] }));
        assert!(!outputs.to_string().contains(SECRET), "{outputs}");
        assert_eq!(outputs["values"][0]["value"]["number"], 5);
    }
}
