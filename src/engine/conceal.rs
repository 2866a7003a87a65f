//! Hides what must not be recorded of answers and results.

use serde_json::Value;

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

fn conceal_field(secrets: &Secrets, name: &str, value: Value, secret: bool) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, field)| {
                    let field = conceal_field(secrets, &name, field, secret);
                    (name, field)
                })
                .collect(),
        ),
        Value::Array(items) => items.into_iter().map(|item| conceal_field(secrets, name, item, secret)).collect(),
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
