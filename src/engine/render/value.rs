//! The values of a step that templates of later steps see.

use serde_json::{Map, Value};

use crate::journal::StepResult;
use crate::template::{Each, Scope, Template, TemplateError, value_of};

/// `steps.<id>` of one instance, as templates see it.
pub fn step_value(result: &StepResult, resource: Option<&Value>) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    put("id", result.id.as_deref().cloned());
    put("ids", Some(result.ids.iter().map(|id| Value::clone(id)).collect()));
    put("name", result.name.clone().map(Value::String));
    put("created", Some(Value::Object(result.created.to_map())));
    put("touched", Some(Value::Object(result.touched.to_map())));
    put("task", result.tasks.first().cloned().map(Value::String));
    put("tasks", Some(result.tasks.iter().cloned().map(Value::String).collect()));
    put("status", result.status.map(Value::from));
    put("response", result.response.as_deref().cloned().or_else(|| accepted(result)));
    put("resource", resource.cloned());
    put("outcome", Some(Value::String("succeeded".to_owned())));
    Value::Object(fields)
}

/// The answer of a call that started tasks, which is on record as their ids.
fn accepted(result: &StepResult) -> Option<Value> {
    (!result.tasks.is_empty()).then(|| serde_json::json!({ "tasks": &*result.tasks }))
}

/// `steps.<id>` of a step with `for_each`: its instances by key and by index.
pub fn each_value(instances: &[(String, Value)]) -> minijinja::Value {
    let ids: Vec<Value> = instances
        .iter()
        .flat_map(|(_, value)| value.get("ids").and_then(Value::as_array).cloned().unwrap_or_default())
        .collect();
    let all: Vec<Value> = instances.iter().map(|(_, value)| value.clone()).collect();
    let each: Map<String, Value> = instances.iter().cloned().collect();
    value_of(&serde_json::json!({ "all": all, "ids": ids, "each": each, "outcome": "succeeded" }))
}

/// The elements of a `for_each`.
///
/// # Errors
///
/// [`TemplateError`] when the value is neither a list nor a mapping.
pub fn elements(template: &Template, scope: &Scope<'_>) -> Result<Vec<Each>, TemplateError> {
    Each::of(template.evaluate(scope)?).map_err(|what| TemplateError {
        span: template.span,
        message: format!("`for_each` needs a list or a mapping, and this is {what}"),
        help: Some(Each::instead_of(what).to_owned()),
    })
}
