//! The body of a request, checked against its operation's shape as the API would.

use serde_json::{Map, Value};

use super::answer::Refusal;
use super::core::wants_body;
use crate::api::Request;
use crate::catalog::schema::{Bound, Schema};
use crate::catalog::{BodySchema, BodyUse, Catalog, Operation};

/// Deeper than any body of the API.
const DEPTH: usize = 32;

/// The fields of a request's body, every one of them right.
///
/// # Errors
///
/// 400 with `invalid_fields` when the body is missing, is no object, or does not have the operation's shape.
pub(super) fn check(operation: &Operation, request: &Request) -> Result<Map<String, Value>, Refusal> {
    if !wants_body(operation) {
        return Ok(Map::new());
    }
    let body = match &request.body {
        None if operation.body == BodyUse::Required => {
            return Err(Refusal::invalid_field("body", "this operation needs a JSON body"));
        }
        None => return Ok(Map::new()),
        Some(Value::Object(body)) => body,
        Some(_) => return Err(Refusal::invalid_field("body", "must be a JSON object")),
    };
    if let Some(shape) = Catalog::embedded().body_schema(operation) {
        let mut wrong = Vec::new();
        let value = Value::Object(body.clone());
        Check { shape: &shape, wrong: &mut wrong }.value(&value, shape.root(), "", DEPTH);
        if !wrong.is_empty() {
            return Err(Refusal::invalid(wrong));
        }
    }
    Ok(body.clone())
}

struct Check<'c> {
    shape: &'c BodySchema,
    wrong: &'c mut Vec<(String, String)>,
}

impl Check<'_> {
    fn value(&mut self, value: &Value, schema: &Schema, at: &str, depth: usize) {
        if depth == 0 || (value.is_null() && self.shape.nullable(schema)) {
            return;
        }
        if schema.reference.is_some() {
            let definition = self.shape.resolve(schema).clone();
            self.value(value, &definition, at, depth - 1);
        }
        self.itself(value, schema, at);
        match value {
            Value::Object(fields) => self.object(fields, schema, at, depth),
            Value::Array(items) => {
                if let Some(shape) = &schema.items {
                    for (index, item) in items.iter().enumerate() {
                        self.value(item, shape, &join(at, &index.to_string()), depth - 1);
                    }
                }
            }
            _ => {}
        }
        self.variants(value, schema, at, depth);
    }

    /// Type, values and limits of the value itself.
    fn itself(&mut self, value: &Value, schema: &Schema, at: &str) {
        let fits_type = schema.types.is_empty() || schema.types.iter().any(|known| is_type(value, known.as_str()));
        if !fits_type {
            let types: Vec<_> = schema.types.iter().map(|known| known.as_str()).collect();
            return self.note(at, format!("must be of type {}", types.join(" or ")));
        }
        if !schema.values.is_empty() && !schema.values.contains(value) {
            let values: Vec<_> = schema.values.iter().map(ToString::to_string).collect();
            self.note(at, format!("must be one of {}", values.join(", ")));
        }
        match value {
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or_default();
                if schema.minimum.as_ref().is_some_and(|bound| below(number, bound)) {
                    self.note(at, "is too small");
                }
                if schema.maximum.as_ref().is_some_and(|bound| above(number, bound)) {
                    self.note(at, "is too big");
                }
            }
            Value::String(text) => self.text(text, schema, at),
            Value::Array(items) => self.count(items.len(), schema.min_items, schema.max_items, at),
            Value::Object(fields) => self.count(fields.len(), schema.min_properties, schema.max_properties, at),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn text(&mut self, text: &str, schema: &Schema, at: &str) {
        self.count(text.chars().count(), schema.min_length, schema.max_length, at);
        let unfit = schema.pattern.as_deref().and_then(|pattern| regex_lite::Regex::new(pattern).ok());
        if unfit.is_some_and(|pattern| !pattern.is_match(text)) {
            self.note(at, "does not match the pattern");
        }
        let wrong_form = match schema.format.as_deref() {
            Some("uuid" | "uuid4") => !super::state::is_uuid(text),
            Some("ipvanyaddress") => text.parse::<std::net::IpAddr>().is_err(),
            Some("ipv4") => text.parse::<std::net::Ipv4Addr>().is_err(),
            Some("ipvanynetwork") => {
                super::addresses::Range::parse(text).is_none() && text.parse::<std::net::IpAddr>().is_err()
            }
            _ => false,
        };
        if wrong_form {
            self.note(at, format!("is not of the format {}", schema.format.as_deref().unwrap_or_default()));
        }
    }

    fn object(&mut self, fields: &Map<String, Value>, schema: &Schema, at: &str, depth: usize) {
        for name in &schema.required {
            if !fields.contains_key(name) {
                self.note(&join(at, name), "Missing data for required field.");
            }
        }
        for (name, value) in fields {
            if let Some(shape) = schema.properties.get(name) {
                self.value(value, shape, &join(at, name), depth - 1);
            }
        }
    }

    /// At least one variant fits; the complaints are those of the variant that was probably meant.
    fn variants(&mut self, value: &Value, schema: &Schema, at: &str, depth: usize) {
        let mut least: Option<Vec<(String, String)>> = None;
        for variant in &schema.variants {
            let mut wrong = Vec::new();
            Check { shape: self.shape, wrong: &mut wrong }.value(value, &variant.schema, at, depth - 1);
            if wrong.is_empty() {
                return;
            }
            if meant(value, schema.discriminator.as_deref(), &variant.when) {
                return self.wrong.append(&mut wrong);
            }
            if least.as_ref().is_none_or(|known| wrong.len() < known.len()) {
                least = Some(wrong);
            }
        }
        self.wrong.extend(least.unwrap_or_default());
    }

    fn count(&mut self, count: usize, least: Option<u64>, most: Option<u64>, at: &str) {
        let count = count as u64;
        if least.is_some_and(|least| count < least) {
            self.note(at, "is too short");
        }
        if most.is_some_and(|most| count > most) {
            self.note(at, "is too long");
        }
    }

    fn note(&mut self, at: &str, reason: impl Into<String>) {
        self.wrong.push((if at.is_empty() { "body" } else { at }.to_owned(), reason.into()));
    }
}

/// Whether a discriminator's value says that this variant is meant.
fn meant(value: &Value, discriminator: Option<&str>, when: &[Value]) -> bool {
    discriminator.and_then(|field| value.get(field)).is_some_and(|word| when.contains(word))
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => value.is_number(),
    }
}

fn below(number: f64, bound: &Bound) -> bool {
    bound.value.as_f64().is_some_and(|limit| if bound.exclusive { number <= limit } else { number < limit })
}

fn above(number: f64, bound: &Bound) -> bool {
    bound.value.as_f64().is_some_and(|limit| if bound.exclusive { number >= limit } else { number > limit })
}
