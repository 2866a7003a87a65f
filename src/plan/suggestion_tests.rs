//! Tests the replacements that `check` suggests, on bodies of every operation with typical mistakes. More of them:
//! `PLAN_MUTATIONS=4 cargo test suggestion`.

use std::sync::Arc;

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::*;
use crate::catalog::check::generated::{Generator, mutate};
use crate::catalog::{ALLOW_NOTHING, Catalog, Partial};
use crate::diagnostic::{Diagnostic, Severity};
use crate::source::Source;

fn plan(route: &str, body: &Value) -> String {
    let segments = route.split('/').map(|segment| match segment {
        "{project_id}" | "{region_id}" => segment.to_owned(),
        _ if segment.starts_with('{') && segment.ends_with("_id}") => "b5b4d65d-945f-4b98-ab6f-332319c724ef".to_owned(),
        _ if segment.starts_with('{') => "web-1".to_owned(),
        _ => segment.to_owned(),
    });
    let call = segments.collect::<Vec<_>>().join("/");
    json!({ "name": "demo", "steps": [{ "id": "it", "call": call, "body": body }] }).to_string()
}

fn errors(text: &str) -> Vec<Diagnostic> {
    let mut findings = check(&Arc::new(Source::new("plan.yaml", text))).findings;
    findings.retain(Diagnostic::is_error);
    findings
}

/// Typical mistakes: letters missing or too many, quotes missing or too many, host bits.
fn mistakes(value: &Value, with: &mut dyn FnMut(Value)) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let mut renamed = |new: String| {
                    let fields = fields.iter().map(|(own, value)| match own == name {
                        true => (new.clone(), value.clone()),
                        false => (own.clone(), value.clone()),
                    });
                    with(Value::Object(fields.collect::<Map<_, _>>()));
                };
                renamed(format!("{name}s"));
                renamed(name.chars().skip(1).collect());
                mistakes(field, &mut |field| {
                    let mut changed = fields.clone();
                    changed.insert(name.clone(), field);
                    with(Value::Object(changed));
                });
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                mistakes(item, &mut |item| {
                    let mut changed = items.clone();
                    changed[index] = item;
                    with(Value::Array(changed));
                });
            }
        }
        Value::String(text) => {
            with(json!(format!("{text}x")));
            with(json!(text.chars().skip(1).collect::<String>()));
            with(json!(text.to_uppercase()));
            with(json!(text.replace(".0/", ".7/")));
            with(serde_json::from_str(text).unwrap_or_else(|_| json!(17)));
        }
        Value::Number(number) => with(json!(number.to_string())),
        Value::Bool(flag) => with(json!(flag.to_string())),
        Value::Null => {}
    }
}

#[test]
fn offered_calls_pass_the_check() {
    const BODIES: u64 = 1;
    const SPOILT: usize = 15;
    let more: u64 = std::env::var("PLAN_MUTATIONS").ok().and_then(|more| more.parse().ok()).unwrap_or(1);
    let (mut tried, mut wrong) = (0, Vec::new());
    for (nth, operation) in Catalog::embedded().operations().enumerate() {
        let Some(schema) = Catalog::embedded().body_schema(&operation) else { continue };
        let route = operation.route.to_string();
        for round in 0..BODIES * more {
            let mut generator = Generator { schema: &schema, rng: Rng::with_seed((round << 16) | nth as u64) };
            let good = generator.value(schema.root(), 0);
            if !errors(&plan(&route, &good)).is_empty() {
                continue;
            }
            let mut bodies = Vec::new();
            mistakes(&good, &mut |body| bodies.push(body));
            mutate(&good, &mut |body| bodies.push(body));
            generator.rng.shuffle(&mut bodies);
            for body in bodies.iter().take(SPOILT) {
                let text = plan(&route, body);
                let before = errors(&text);
                for finding in &before {
                    let Some(suggestion) = &finding.suggestion else { continue };
                    let mut mended = text.clone();
                    mended.replace_range(suggestion.span.range(), &suggestion.text);
                    tried += 1;
                    let after = errors(&mended);
                    if after.len() >= before.len() {
                        let then = after.first().map_or("", |error| error.message.as_str());
                        wrong.push(format!(
                            "{}: {}, `{}`: then {then}: {text:.420}",
                            finding.code, finding.message, suggestion.text
                        ));
                    }
                }
            }
        }
    }
    assert!(tried > 300, "{tried} were tried");
    let shown: Vec<&String> = wrong.iter().take(25).collect();
    assert!(wrong.is_empty(), "{} of {tried} are wrong: {shown:#?}", wrong.len());
}

/// Every value in a body, mutated one at a time.
fn mutated_values(value: &Value, with: &mut dyn FnMut(Value)) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                mutated_values(field, &mut |field| {
                    let mut changed = fields.clone();
                    changed.insert(name.clone(), field);
                    with(Value::Object(changed));
                });
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                mutated_values(item, &mut |item| {
                    let mut changed = items.clone();
                    changed[index] = item;
                    with(Value::Array(changed));
                });
            }
        }
        // A mutated mapping may have several errors.
        Value::Null => {}
        scalar => mutate(scalar, with),
    }
}

#[test]
fn one_wrong_value_is_one_finding() {
    let more: u64 = std::env::var("PLAN_MUTATIONS").ok().and_then(|more| more.parse().ok()).unwrap_or(1);
    const SPOILT: usize = 10;
    let (mut seen, mut blamed) = (0, Vec::new());
    for (nth, operation) in Catalog::embedded().operations().enumerate() {
        let Some(schema) = Catalog::embedded().body_schema(&operation) else { continue };
        for round in 0..more {
            let mut generator = Generator { schema: &schema, rng: Rng::with_seed((round << 16) | nth as u64) };
            let good = generator.value(schema.root(), 0);
            let found = |body: &Value| {
                let found = Catalog::embedded().check_request(&operation, Some(&Partial::from(body)), ALLOW_NOTHING);
                found.into_iter().filter(|found| found.severity == Severity::Error).collect::<Vec<_>>()
            };
            if !found(&good).is_empty() {
                continue;
            }
            let mut bodies = Vec::new();
            mutated_values(&good, &mut |body| bodies.push(body));
            generator.rng.shuffle(&mut bodies);
            for body in bodies.iter().take(SPOILT * more as usize) {
                let errors = found(body);
                seen += usize::from(!errors.is_empty());
                // A text may be both too long and not an id.
                if errors.iter().any(|error| error.at != errors[0].at) {
                    let told: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
                    blamed.push(format!("{told:?} {} {body:.400}", operation.route));
                }
            }
        }
    }
    assert!(seen > 500, "{seen} wrong bodies");
    let shown: Vec<&String> = blamed.iter().take(20).collect();
    assert!(blamed.is_empty(), "{} of {seen} blame more than one value: {shown:#?}", blamed.len());
}
