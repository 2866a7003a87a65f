//! The JSON Schema of the plan file (draft-07, which editors support best): the keys of a plan from `plan.json`, and
//! for every operation of the catalogue the schema of its body, so that editors complete and check bodies.
//!
//! It is less strict than `plan check`: templates are allowed everywhere, and references are not checked.

use serde_json::{Value, json};

use crate::catalog::{Catalog, Operation, parameter_name};
use crate::packed;
use crate::packed::Packed;

/// The part that does not depend on the catalogue.
const PLAN: Packed = packed!("src/schema/plan.json");

/// The schema of plans for a catalogue.
pub fn plan_schema(catalog: &Catalog) -> Value {
    let mut schema: Value = serde_json::from_str(&PLAN.text()).expect("our own part of the schema is JSON");
    let operations: Vec<_> = catalog.operations().collect();
    let calls: Vec<Value> =
        operations.iter().filter(|operation| !operation.deprecated).map(|op| suggested(op).into()).collect();
    let bodies: Vec<Value> = operations
        .iter()
        .filter_map(|operation| {
            let body = catalog.json_schema_root(operation)?;
            Some(json!({
                "if": { "required": ["call"], "properties": { "call": { "pattern": pattern(operation) } } },
                "then": { "properties": { "body": body } },
            }))
        })
        .collect();
    let definitions = schema["definitions"].as_object_mut().expect("our own part has definitions");
    definitions["plan-call"]["anyOf"][0]["enum"] = Value::Array(calls);
    definitions["plan-step"]["allOf"] = json!([{ "$ref": "#/definitions/plan-bodies" }]);
    definitions["plan-whole-call"]["anyOf"][1]["allOf"] = json!([{ "$ref": "#/definitions/plan-bodies" }]);
    definitions.insert("plan-bodies".to_owned(), json!({ "allOf": bodies }));
    definitions.extend(catalog.json_schema_definitions());
    schema
}

/// The schema as text.
pub fn plan_schema_text(catalog: &Catalog) -> String {
    format!("{:#}\n", plan_schema(catalog))
}

/// A call as an editor suggests it: placeholders are templates.
fn suggested(operation: &Operation) -> String {
    let segments = operation.route.path.split('/').map(|segment| match parameter_name(segment) {
        None | Some("project_id" | "region_id") => segment.to_owned(),
        Some(name) => format!("{{{{ {name} }}}}"),
    });
    format!("{} {}", operation.route.method, segments.collect::<Vec<_>>().join("/"))
}

/// The pattern of an operation's calls, with templates in any segment.
fn pattern(operation: &Operation) -> String {
    let segments = operation.route.path.split('/').map(|segment| match parameter_name(segment) {
        Some(_) => r"(\{\{.*\}\}|[^/])+".to_owned(),
        None => regex_lite::escape(segment),
    });
    format!("^{} {}$", operation.route.method, segments.collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests;
