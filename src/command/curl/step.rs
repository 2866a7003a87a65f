//! The step of a plan that makes the same request.

use serde_json::{Map, Value};

use super::{Body, Call};
use crate::catalog::{CLOUD, Catalog, Operation, parameter_name, root_of};
use crate::template::is_template;

/// A step, and notes for the user about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvertedStep {
    pub yaml: String,
    pub notes: Vec<String>,
}

/// The step for a call.
pub fn to_step(call: &Call, catalog: &Catalog) -> ConvertedStep {
    let mut notes = Vec::new();
    // The documentation of the Cloud API sometimes omits the prefix.
    let has_product = catalog.roots().any(|root| root == root_of(&call.path));
    let called = if has_product { call.path.clone() } else { format!("/{CLOUD}{}", call.path) };
    // Placeholders must not match words of documented paths.
    let plain: Vec<String> = called.split('/').map(plain_segment).collect();
    let matched = catalog.matching(call.method, &plain.join("/"));
    let known = matched.as_ref().map(|(operation, _)| operation);
    let path = match known {
        Some(operation) => fill(&operation.route.path, &called, &mut notes),
        None => {
            notes.push(format!("note: the catalogue knows no `{} {called}`", call.method));
            let segments = called.split('/').map(|segment| if is_template(segment) { "<value>" } else { segment });
            segments.collect::<Vec<_>>().join("/")
        }
    };
    if let Some(operation) = known.filter(|operation| operation.deprecated) {
        let successor = operation.successor.as_ref().map(|successor| format!(": use {successor}")).unwrap_or_default();
        notes.push(format!("note: this operation is deprecated{successor}"));
    }
    let id = known.map(|operation| catalog.new_step(operation));
    let first = id.as_deref().and_then(|step| step.lines().next()).unwrap_or("- id: step");
    let mut yaml = format!("{first}\n  call: {} {path}\n", call.method);
    let mut read = None;
    let body = match call.body.clone() {
        Some(Body::File(path)) if known.is_none_or(|operation| operation.takes_file()) => {
            ("body_file", Some(path.into()))
        }
        Some(Body::File(path)) => {
            let quoted = path.replace('\\', r"\\").replace('\'', r"\'");
            read = Some(format!("{{{{ file('{quoted}') | fromjson }}}}"));
            ("body", None)
        }
        Some(Body::Json(body)) => ("body", Some(body)),
        Some(Body::Form(parts)) => ("body", Some(form(parts, known.map(|operation| (catalog, &**operation))))),
        None => ("body", None),
    };
    let pairs = |pairs: &[(String, String)]| {
        Value::Object(pairs.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect())
    };
    for (key, value) in [
        ("query", (!call.query.is_empty()).then(|| pairs(&call.query))),
        ("headers", (!call.headers.is_empty()).then(|| pairs(&call.headers))),
        (body.0, body.1),
    ] {
        if let Some(value) = value {
            write(&mut yaml, key, &literal(value));
        }
    }
    if let Some(template) = read {
        write(&mut yaml, "body", &template.into());
    }
    ConvertedStep { yaml, notes }
}

/// The fields of a form.
fn form(parts: Vec<(String, String)>, known: Option<(&Catalog, &Operation)>) -> Value {
    match known {
        Some((catalog, operation)) => catalog.form_body(operation, parts),
        None => parts.into_iter().map(|(name, text)| (name, Value::from(text))).collect::<Map<_, _>>().into(),
    }
}

/// A segment for matching with the catalogue: a placeholder becomes `x`, which any parameter matches.
fn plain_segment(segment: &str) -> String {
    if segment.contains(['{', '$', '<']) { "x".to_owned() } else { segment.to_owned() }
}

/// The documented path with the values of the call; project and region stay placeholders.
fn fill(documented: &str, called: &str, notes: &mut Vec<String>) -> String {
    let segments =
        documented.split('/').zip(called.split('/')).map(|(documented, called)| match parameter_name(documented) {
            None => documented.to_owned(),
            Some("project_id" | "region_id") => {
                if called.parse::<i64>().is_ok() {
                    let name = documented.trim_matches(['{', '}']);
                    notes.push(format!(
                        "note: `{documented}` stands for {called}: give it with `--{}`, or write `{name}: {called}` \
                         into the step",
                        name.replace('_', "-")
                    ));
                }
                documented.to_owned()
            }
            Some(name) if called.contains(['{', '$', '<']) => format!("<{name}>"),
            Some(_) => called.to_owned(),
        });
    segments.collect::<Vec<_>>().join("/")
}

/// The value with every text as it is: a command has no templates, and what looks like one is for another program.
fn literal(value: Value) -> Value {
    match value {
        Value::String(text) if is_template(&text) && text.contains("endraw") => {
            // The end of a raw part cannot stand in one.
            let quoted = |text: String, open: &str| text.replace(open, &format!("\u{0}{open}\u{0}"));
            let marked = ["{{", "{%", "{#"].into_iter().fold(text, quoted);
            let pieces = marked.split('\u{0}').enumerate();
            pieces
                .map(|(nth, piece)| if nth % 2 == 1 { format!("{{{{ '{piece}' }}}}") } else { piece.to_owned() })
                .collect::<String>()
                .into()
        }
        Value::String(text) if is_template(&text) => format!("{{% raw %}}{text}{{% endraw %}}").into(),
        Value::Array(items) => items.into_iter().map(literal).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, field)| (name, literal(field))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

/// Writes a key of the step, with its value in YAML below it.
fn write(yaml: &mut String, key: &str, value: &Value) {
    let text = serde_yaml::to_string(value).expect("JSON can be written as YAML");
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            yaml.push_str(&format!("  {key}:\n"));
            for line in text.lines() {
                // Empty lines of a block of text stay empty.
                yaml.push_str(&if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") });
            }
        }
        _ => yaml.push_str(&format!("  {key}: {value}\n")),
    }
}
