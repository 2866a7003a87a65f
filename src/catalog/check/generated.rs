//! Compares the checker with an independent validator, on generated bodies of every operation.
//!
//! A generated body must have no findings; after a mutation it must have findings exactly when the validator rejects
//! it.

use std::cell::Cell;

use fastrand::Rng;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::format::problem;
use super::{BodyFinding, check_body};
use crate::catalog::json_schema::{Strings, to_json_schema};
use crate::catalog::schema::{Additional, BodySchema, Schema, Type};
use crate::catalog::{Catalog, Partial};
use crate::diagnostic::Severity;

/// Texts of which one matches each pattern of the API.
const TEXTS: [&str; 16] = [
    "web-1",
    "web",
    "a1",
    "HTTP",
    "aws-iam",
    "128mCPU-128MiB",
    "128mCPU-128MB",
    "/health",
    "example.com",
    "library/nginx:1.27",
    "Name with spaces.1",
    "key",
    "200",
    "",
    "a",
    "0123456789abcdef",
];

/// Generates valid bodies for a schema.
pub(crate) struct Generator<'s> {
    pub schema: &'s BodySchema,
    pub rng: Rng,
}

impl Generator<'_> {
    /// A valid value for a schema; the deeper it is nested, the fewer optional fields it has.
    pub(crate) fn value(&mut self, written: &Schema, depth: usize) -> Value {
        let shape = self.schema.resolve(written);
        if self.schema.nullable(written) && self.rng.u8(..8) == 0 {
            return Value::Null;
        }
        if !shape.variants.is_empty() {
            let variant = &shape.variants[self.rng.usize(..shape.variants.len())];
            return self.value(&variant.schema, depth);
        }
        if !shape.values.is_empty() {
            return shape.values[self.rng.usize(..shape.values.len())].clone();
        }
        let types: Vec<Type> = shape.types.iter().collect();
        match types.get(self.rng.usize(..types.len().max(1))) {
            None => json!({ "any": ["thing", 1] }),
            Some(Type::Boolean) => json!(self.rng.bool()),
            Some(Type::Integer) => json!(self.integer(shape)),
            Some(Type::Number) => json!(self.integer(shape) as f64),
            Some(Type::String) => json!(text(shape)),
            Some(Type::Array) => self.list(shape, depth),
            Some(Type::Object) => self.mapping(shape, depth),
        }
    }

    fn integer(&mut self, shape: &Schema) -> i64 {
        let low = shape.minimum.as_ref().map(|low| low.value.as_f64().unwrap() as i64 + i64::from(low.exclusive));
        let high = shape.maximum.as_ref().map(|high| high.value.as_f64().unwrap() as i64 - i64::from(high.exclusive));
        let low = low.unwrap_or_else(|| high.unwrap_or(100).min(0));
        self.rng.i64(low..=high.unwrap_or(low.saturating_add(100)))
    }

    fn list(&mut self, shape: &Schema, depth: usize) -> Value {
        let least = shape.min_items.unwrap_or(0);
        let most = shape.max_items.unwrap_or(least + 2).min(least + 2);
        let open = Schema::default();
        let items = shape.items.as_deref().unwrap_or(&open);
        let mut list: Vec<Value> = Vec::new();
        for _ in 0..self.rng.u64(least..=most) {
            let item = self.value(items, depth + 1);
            if !shape.unique_items || !list.contains(&item) {
                list.push(item);
            }
        }
        Value::Array(list)
    }

    fn mapping(&mut self, shape: &Schema, depth: usize) -> Value {
        let mut map = Map::new();
        for (name, field) in &shape.properties {
            if shape.required.contains(name) || (depth < 5 && self.rng.bool()) {
                map.insert(name.clone(), self.value(field, depth + 1));
            }
        }
        // Where one of these is `null`, so are the others.
        map.retain(|name, value| !value.is_null() || shape.properties[name].null_with.is_empty());
        let wanted = shape.min_properties.unwrap_or(0).max(1) as usize;
        match &shape.additional {
            Additional::None | Additional::Closed => {
                while let Some(name) = shape.properties.keys().find(|name| !map.contains_key(*name)) {
                    if map.len() >= shape.min_properties.unwrap_or(0) as usize {
                        break;
                    }
                    map.insert(name.clone(), self.value(&shape.properties[name], depth + 1));
                }
            }
            Additional::Any | Additional::Usually(_) => drop(map.insert("key".to_owned(), json!("value"))),
            Additional::Meaningless => {}
            Additional::Of(field) => {
                let keys = shape.keys.as_deref().map_or_else(|| "key".to_owned(), text);
                for nth in 0..wanted {
                    let value = self.value(field, depth + 1);
                    map.insert(if nth == 0 { keys.clone() } else { format!("{keys}{nth}") }, value);
                }
            }
        }
        Value::Object(map)
    }
}

fn text(shape: &Schema) -> String {
    let known = match shape.format.as_deref() {
        Some("uuid4") => Some("b5b4d65d-945f-4b98-ab6f-332319c724ef"),
        Some("ipvanyaddress" | "ipv4") => Some("10.0.0.5"),
        Some("ipv6") => Some("fd00::1"),
        Some("ipvanynetwork" | "ipv4network") => Some("10.0.0.0/24"),
        Some("ipvanyinterface" | "ipv4interface") => Some("10.0.0.5/24"),
        Some("ipv6interface") => Some("fd00::5/64"),
        Some("date-time") => Some("2026-01-31T12:00:00Z"),
        Some("uri") => Some("https://example.com/a"),
        Some("email") => Some("me@example.com"),
        _ => None,
    };
    if let Some(known) = known {
        return known.to_owned();
    }
    let fits = |text: &&str| {
        let schema = BodySchema::alone(Schema { format: None, ..shape.clone() });
        check_body(&schema, &Partial::String((*text).to_owned())).is_empty()
    };
    let long = "a".repeat(usize::try_from(shape.min_length.unwrap_or_default()).unwrap());
    let mut texts = TEXTS.into_iter().chain([long.as_str()]);
    texts.find(fits).unwrap_or_else(|| panic!("no text for {shape:?}")).to_owned()
}

/// Every single mutation of a value.
pub(crate) fn mutate(value: &Value, with: &mut dyn FnMut(Value)) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let without: Map<String, Value> =
                    fields.iter().filter(|(other, _)| *other != name).map(|(k, v)| (k.clone(), v.clone())).collect();
                let mut misspelt = without.clone();
                misspelt.insert(format!("{name}x"), field.clone());
                with(Value::Object(without));
                with(Value::Object(misspelt));
                mutate(field, &mut |field| {
                    let mut changed = fields.clone();
                    changed.insert(name.clone(), field);
                    with(Value::Object(changed));
                });
            }
            with(json!([]));
            with(json!("a mapping stood here"));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                mutate(item, &mut |item| {
                    let mut changed = items.clone();
                    changed[index] = item;
                    with(Value::Array(changed));
                });
            }
            with(json!({ "a": "list stood here" }));
            with(Value::Array(vec![]));
            with(Value::Array(
                items.iter().chain(items).chain(items).cycle().take(items.len() * 60).cloned().collect(),
            ));
        }
        Value::String(_) => {
            for other in [json!("no such value!"), json!(7), json!([]), json!(null), json!("x".repeat(5000)), json!("")]
            {
                with(other);
            }
        }
        Value::Number(_) => {
            for other in
                [json!("7"), json!(-1_000_000_007), json!(1_000_000_000_007_i64), json!(1.5), json!(true), json!({})]
            {
                with(other);
            }
        }
        Value::Bool(_) => {
            for other in [json!("true"), json!(1), json!(null)] {
                with(other);
            }
        }
        Value::Null => with(json!({ "nothing": "stood here" })),
    }
}

fn errors(schema: &BodySchema, body: &Value) -> Vec<BodyFinding> {
    let mut findings = check_body(schema, &Partial::from(body));
    // A warning is about valid but unlikely values.
    findings.retain(|found| found.severity == Severity::Error);
    findings
}

/// The validator, with the API's formats.
fn validator(schema: &BodySchema) -> Validator {
    let mut options = jsonschema::options().should_validate_formats(true);
    for format in [
        "uuid4",
        "ipvanyaddress",
        "ipvanynetwork",
        "ipv4network",
        "ipvanyinterface",
        "ipv4interface",
        "ipv6interface",
        "ipv4",
        "ipv6",
        "date-time",
        "uri",
        "email",
    ] {
        options = options.with_format(format, move |text: &str| problem(format, text).is_none());
    }
    options.build(&to_json_schema(schema, Strings::Plain)).expect("our schemas are JSON Schema")
}

/// Counts of mutated bodies: how many were invalid, and how many of these had findings.
#[derive(Default)]
struct Score {
    right: Cell<usize>,
    wrong: Cell<usize>,
    found: Cell<usize>,
}

fn add(count: &Cell<usize>, more: usize) {
    count.set(count.get() + more);
}

/// The bodies of an operation. `PLAN_MUTATIONS=20 cargo test --lib generated` tries 20 times as many, with so many more
/// mutations of each.
const BODIES: u64 = 2;
/// The mutations of a body.
const SPOILT: usize = 20;

#[test]
fn valid_generated_bodies_have_no_findings_and_invalid_mutated_ones_do() {
    let more: u64 = std::env::var("PLAN_MUTATIONS").ok().and_then(|more| more.parse().ok()).unwrap_or(1);
    let score = Score::default();
    for (nth, operation) in Catalog::embedded().operations().enumerate() {
        let Some(schema) = Catalog::embedded().body_schema(&operation) else { continue };
        let validator = validator(&schema);
        for seed in 0..BODIES * more {
            let mut generator = Generator { schema: &schema, rng: Rng::with_seed(seed << 16 | nth as u64) };
            let body = generator.value(schema.root(), 0);
            let found = errors(&schema, &body);
            assert!(validator.is_valid(&body), "{}: {body} is generated right", operation.route);
            assert_eq!(found, [], "{}: {body}", operation.route);
            add(&score.right, 1);
            let mut spoilt = Vec::new();
            mutate(&body, &mut |body| spoilt.push(body));
            generator.rng.shuffle(&mut spoilt);
            for body in spoilt.iter().take(SPOILT * more as usize) {
                let found = errors(&schema, body);
                if validator.is_valid(body) {
                    assert_eq!(found, [], "{}: {body} is still right", operation.route);
                    add(&score.right, 1);
                } else {
                    add(&score.wrong, 1);
                    add(&score.found, usize::from(!found.is_empty()));
                    assert!(!found.is_empty(), "{}: {body} is wrong", operation.route);
                }
            }
        }
    }
    let (right, wrong, found) = (score.right.get(), score.wrong.get(), score.found.get());
    assert!(wrong > 2000 && right > 500, "{right} right bodies without a finding, {found} of {wrong} wrong ones found");
}
