//! Hides what must not be recorded of answers and results: the fields that the API shows only once.

use serde_json::{Map, Value};

use super::evidence::tags::is_stamp;
use crate::api::Task;
use crate::journal::{JsonText, StepResult};
use crate::secret::{Secrets, inside, is_sensitive_text};

/// Prepares an answer for templates: of a secret step every scalar becomes a secret marker, of other steps only the
/// fields that the API shows once.
pub fn conceal(secrets: &Secrets, answer: Value, secret: bool) -> Value {
    conceal_field(secrets, ("", ""), answer, secret)
}

/// Prepares a result for templates: ids and names that contain a secret become secret markers.
pub fn conceal_names(secrets: &Secrets, result: StepResult) -> StepResult {
    let conceal = |value: Value| match &value {
        Value::String(text) if secrets.redact_name(text) != *text => Value::String(secrets.mark(&value)),
        _ => value,
    };
    let text = |text: String| match conceal(Value::String(text)) {
        Value::String(text) => text,
        other => other.to_string(),
    };
    StepResult {
        id: result.id.map(|id| conceal(id.into_owned()).into()),
        ids: result.ids.into_iter().map(|id| conceal(id.into_owned()).into()).collect(),
        name: result.name.map(text),
        created: result.created.map(conceal),
        touched: result.touched.map(conceal),
        tasks: result.tasks.into_iter().map(text).collect(),
        ..result
    }
}

/// Our own stamp is no secret: its words occur in everything that is printed. `within`: see [`inside`].
fn conceal_field(secrets: &Secrets, (within, name): (&str, &str), value: Value, secret: bool) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(inner, field)| {
                    let place = (inside(within, name), inner.as_str());
                    let is_stamp = is_stamp(name, &inner, &field);
                    let field = if is_stamp { field } else { conceal_field(secrets, place, field, secret) };
                    (inner, field)
                })
                .collect(),
        ),
        Value::Array(items) => {
            let conceal = |item| conceal_field(secrets, (within, name), item, secret);
            items.into_iter().map(|item| if is_stamp(name, "", &item) { item } else { conceal(item) }).collect()
        }
        Value::Null | Value::Bool(_) => value,
        scalar if is_sensitive(within, name, &scalar) => Value::String(secrets.conceal(&scalar)),
        scalar if secret && is_identifier(name) => Value::String(secrets.mark(&scalar)),
        scalar if secret => Value::String(secrets.conceal(&scalar)),
        scalar => scalar,
    }
}

/// Ids, names and times are not secrets by themselves; hiding them everywhere would make the output unreadable.
fn is_identifier(name: &str) -> bool {
    ["id", "name", "status", "state"].contains(&name)
        || ["_id", "_name", "_at", "_on"].iter().any(|end| name.ends_with(end))
}

/// What the record may hold of an answer.
pub fn recordable(answer: &JsonText) -> JsonText {
    let mut texts = Vec::new();
    sensitive_texts(answer, &mut texts);
    if texts.is_empty() { answer.clone() } else { without_sensitive(answer).into() }
}

/// The answer without the fields that the API shows only once, and without texts that repeat one of them (the address
/// of a stream contains its token), for the record.
pub fn without_sensitive(answer: &Value) -> Value {
    let secrets = Secrets::default();
    hide_once_shown(&secrets, answer);
    without_secrets(&secrets, ("", ""), answer)
}

fn without_secrets(secrets: &Secrets, (within, name): (&str, &str), value: &Value) -> Value {
    let is_secret = |within: &str, name: &str, value: &Value| {
        is_sensitive(within, name, value) || value.as_str().is_some_and(|text| secrets.redact_name(text) != text)
    };
    match value {
        Value::Object(fields) => {
            let within = inside(within, name);
            fields
                .iter()
                .filter(|(name, field)| !is_secret(within, name, field))
                .map(|(name, field)| (name.clone(), without_secrets(secrets, (within, name), field)))
                .collect::<Map<_, _>>()
                .into()
        }
        Value::Array(items) => items
            .iter()
            .filter(|item| !is_secret(within, name, item))
            .map(|item| without_secrets(secrets, (within, name), item))
            .collect(),
        other => other.clone(),
    }
}

/// Collects the texts in an answer that the API shows only once.
pub fn sensitive_texts(answer: &Value, found: &mut Vec<String>) {
    collect(("", ""), answer, found);
}

fn collect((within, name): (&str, &str), value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(inner, field)| collect((inside(within, name), inner), field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect((within, name), item, found)),
        Value::String(text) if is_sensitive(within, name, value) => found.push(text.clone()),
        _ => {}
    }
}

/// Registers as secrets the texts in an answer that the API shows only once; called before the answer is reported.
pub fn hide_once_shown(secrets: &Secrets, answer: &Value) {
    let mut texts = Vec::new();
    sensitive_texts(answer, &mut texts);
    texts.iter().for_each(|text| secrets.hide(text));
}

/// Registers as secrets the passwords and cloud-init data in a task's `data`, before its error is reported:
/// observed.md §9.
pub fn hide_data(secrets: &Secrets, task: &Task) {
    hide_once_shown(secrets, &task.data.0);
}

/// Whether the API shows this field only once. `within`: see [`inside`].
pub fn is_sensitive(within: &str, name: &str, field: &Value) -> bool {
    field.as_str().is_some_and(|text| is_sensitive_text(within, name, text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_secret_step_every_scalar_is_hidden_and_of_another_what_is_shown_once() {
        let answer = json!({
            "id": "i1", "name": "web", "status": "ok", "state": "up", "flavor_id": "f", "zone_name": "z", "made_at": "t1",
            "made_on": "t2", "count": 5, "text": "whole-text", "private_key": "key-text", "on": true, "none": null,
            "list": [{ "words": "list-text" }],
        });
        let (secrets, open) = (Secrets::default(), Secrets::default());
        let hidden = conceal(&secrets, answer.clone(), true);
        let shown = conceal(&open, answer.clone(), false);
        assert_eq!(secrets.reveal(&hidden).unwrap(), answer);
        assert_eq!(open.reveal(&shown).unwrap(), answer);
        for (name, field) in hidden.as_object().unwrap() {
            let is_plain = field.is_boolean() || field.is_null();
            assert_eq!(Secrets::marks_value(field), !is_plain, "{name}");
            assert_eq!(Secrets::marks_value(&shown[name]), name == "private_key", "{name}");
        }
        // A marked id stays readable elsewhere, other texts do not.
        let told = secrets.redact("i1 web ok up f z t1 t2 whole-text key-text list-text").into_owned();
        assert_eq!(told.matches(crate::secret::REDACTED).count(), 3, "{told}");
        assert!(told.starts_with("i1 web ok up f z t1 t2 "), "{told}");
    }

    #[test]
    fn the_stamp_in_a_secret_answer_stays() {
        let answer = json!({
            "tags": [{ "key": "plan", "value": "demo/default/net" }, { "key": "team", "value": "of-the-team" }],
            "metadata": { "plan-attempt": "0ddba11", "owner": "of-the-owner" },
            "tags_v2": ["plan=demo/default/net", "text-of-another"],
            "plan": "premium",
        });
        let secrets = Secrets::default();
        let hidden = conceal(&secrets, answer.clone(), true);
        assert_eq!((&hidden["tags"][0], &hidden["tags_v2"][0]), (&answer["tags"][0], &answer["tags_v2"][0]));
        assert_eq!(hidden["metadata"]["plan-attempt"], "0ddba11");
        let told = secrets.redact("plan run demo/default/net of-the-team of-the-owner text-of-another premium");
        assert_eq!(told, "plan run demo/default/net [secret] [secret] [secret] [secret]");
    }

    #[test]
    fn ids_and_names_with_a_secret_become_markers() {
        let secrets = Secrets::default();
        secrets.hide("hunter2-swordfish");
        let result = |text: &str| {
            let mut result = StepResult {
                id: Some(json!(text).into()),
                name: Some(text.to_owned()),
                tasks: [text.to_owned()].into_iter().collect(),
                kind: Some("networks".to_owned()),
                status: Some(200),
                ..StepResult::default()
            };
            result.ids = vec![json!(text).into(), json!(7).into()];
            result.created.insert("networks".to_owned(), vec![json!(text).into()]);
            result.touched.insert("subnets".to_owned(), vec![json!(text).into()]);
            result
        };
        let secret = result("web-hunter2-swordfish");
        let marked = conceal_names(&secrets, secret.clone());
        assert_eq!((marked.status, marked.kind.as_deref()), (Some(200), Some("networks")));
        let open = serde_json::to_value(&secret).unwrap();
        let hidden = serde_json::to_value(&marked).unwrap();
        assert_eq!(secrets.reveal(&hidden).unwrap(), open);
        for place in ["/id", "/ids/0", "/name", "/tasks/0", "/created/networks/0", "/touched/subnets/0"] {
            assert!(hidden.pointer(place).is_some_and(Secrets::marks_value), "{place}: {hidden}");
        }
        assert_eq!(conceal_names(&secrets, result("web")), result("web"));
    }

    #[test]
    fn fields_shown_once_are_not_recorded() {
        let answer = json!({
            "id": "k", "private_key": "-----", "nested": [{ "secret": "s", "public_key": "p" }],
            "token": "0a1b2c3d4e", "push_url": "rtmp://in.example/live?0a1b2c3d4e", "urls": ["https://k/0a1b2c3d4e"],
        });
        let recorded = json!({ "id": "k", "nested": [{ "public_key": "p" }], "urls": [] });
        assert_eq!(without_sensitive(&answer), recorded);
        for answer in [answer.clone(), recorded.clone()] {
            assert_eq!(*recordable(&answer.into()), recorded);
        }
        let mut texts = Vec::new();
        sensitive_texts(&answer, &mut texts);
        assert_eq!(texts, ["-----", "s", "0a1b2c3d4e"]);
    }

    #[test]
    fn a_field_that_is_secret_by_its_place_or_its_form_is_neither_recorded_nor_shown() {
        let answer = json!({
            "cname": "a.example",
            "options": {
                "secure_key": { "enabled": true, "key": "signing-key-1", "type": 0 },
                "staticRequestHeaders": { "enabled": true, "value": {
                    "X-Origin-Verify": "verify-1", "Host": "origin.example", "X-Example": "Bearer bearer-token-1",
                } },
                "staticHeaders": { "enabled": true, "value": { "X-Key": "public-1" } },
            },
            "config": { "account_name": "x", "account_key": "account-key-1" },
            "uris": ["srt://a.example:1?passphrase=phrase-0001", "srt://a.example:1?mode=caller"],
        });
        let recorded = json!({
            "cname": "a.example",
            "options": {
                "secure_key": { "enabled": true, "type": 0 },
                "staticRequestHeaders": { "enabled": true, "value": { "Host": "origin.example" } },
                "staticHeaders": { "enabled": true, "value": { "X-Key": "public-1" } },
            },
            "config": { "account_name": "x" },
            "uris": ["srt://a.example:1?mode=caller"],
        });
        assert_eq!(*recordable(&answer.clone().into()), recorded);
        let secrets = Secrets::default();
        let shown = conceal(&secrets, answer.clone(), false);
        assert_eq!(secrets.reveal(&shown).unwrap(), answer);
        for place in ["/options/secure_key/key", "/options/staticRequestHeaders/value/X-Origin-Verify", "/uris/0"] {
            assert!(shown.pointer(place).is_some_and(Secrets::marks_value), "{place}: {shown}");
        }
        assert_eq!(
            secrets.redact("signing-key-1 verify-1 account-key-1 public-1").to_string(),
            "[secret] [secret] [secret] public-1"
        );
    }
}
