//! Hides what must not be recorded of answers and results.

use serde_json::Value;

use super::evidence::tags::is_stamp;
use super::results;
use crate::journal::StepResult;
use crate::secret::Secrets;

/// Prepares an answer for templates: of a secret step every scalar becomes a secret marker, of other steps only the
/// fields that the API shows once.
pub fn conceal(secrets: &Secrets, answer: Value, secret: bool) -> Value {
    conceal_field(secrets, "", answer, secret)
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

/// Our own stamp is no secret: its words occur in everything that is printed.
fn conceal_field(secrets: &Secrets, name: &str, value: Value, secret: bool) -> Value {
    let conceal = |name: &str, value: Value| conceal_field(secrets, name, value, secret);
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(inner, field)| {
                    let field = if is_stamp(name, &inner, &field) { field } else { conceal(&inner, field) };
                    (inner, field)
                })
                .collect(),
        ),
        Value::Array(items) => {
            items.into_iter().map(|item| if is_stamp(name, "", &item) { item } else { conceal(name, item) }).collect()
        }
        Value::Null | Value::Bool(_) => value,
        scalar if results::is_sensitive(name, &scalar) => Value::String(secrets.conceal(&scalar)),
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
}
