//! Reads single keywords of a schema in a document.

use serde_json::{Map, Number, Value};

use crate::catalog::schema::{Bound, Type, Types};

/// The examples in a schema.
pub(in crate::catalog::openapi) fn examples(raw: &Value) -> impl Iterator<Item = &Value> {
    raw.get("example").into_iter().chain(raw.get("examples").and_then(Value::as_array).into_iter().flatten())
}

/// Whether it is `type: object` without further keywords.
pub(super) fn is_bare_object(raw: &Map<String, Value>) -> bool {
    let says = ["properties", "additionalProperties", "patternProperties", "allOf", "anyOf", "oneOf"];
    raw.get("type").and_then(Value::as_str) == Some("object") && !says.iter().any(|word| raw.contains_key(*word))
}

pub(super) fn is_null(raw: &Value) -> bool {
    raw.get("type").and_then(Value::as_str) == Some("null")
}

pub(super) fn types(raw: &Map<String, Value>) -> (Types, bool) {
    let words: Vec<&str> = match raw.get("type") {
        Some(Value::String(word)) => vec![word],
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let known = words.iter().filter_map(|word| Type::parse(word)).collect::<Vec<_>>();
    let mut types = Types::of(&known);
    if words.is_empty() && raw.contains_key("properties") {
        types = Types::of(&[Type::Object]);
    }
    (types, words.contains(&"null"))
}

/// The first or the last number of an integer's format, when the document gives no closer bound.
pub(super) fn end_of_format(raw: &Map<String, Value>, end: usize) -> Option<Bound> {
    let ends: [Option<i64>; 2] = match raw.get("format")?.as_str()? {
        "uint8" => [Some(0), Some(u8::MAX.into())],
        "uint32" => [Some(0), Some(u32::MAX.into())],
        "uint64" => [Some(0), None],
        "int32" => [Some(i32::MIN.into()), Some(i32::MAX.into())],
        _ => return None,
    };
    ends[end].map(|number| Bound { value: number.into(), exclusive: false })
}

pub(super) fn bound(raw: &Map<String, Value>, plain: &str, exclusive: &str) -> Option<Bound> {
    let number = |value: Option<&Value>| -> Option<Number> { value.and_then(Value::as_number).cloned() };
    match raw.get(exclusive) {
        // OpenAPI 3.0 has a boolean here.
        Some(Value::Bool(exclusive)) => number(raw.get(plain)).map(|value| Bound { value, exclusive: *exclusive }),
        Some(value) => number(Some(value)).map(|value| Bound { value, exclusive: true }),
        None => number(raw.get(plain)).map(|value| Bound { value, exclusive: false }),
    }
}

pub(super) fn count(raw: &Map<String, Value>, name: &str) -> Option<u64> {
    raw.get(name).and_then(Value::as_u64)
}

pub(super) fn strings(raw: &Map<String, Value>, name: &str) -> Vec<String> {
    list(raw, name).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn list<'r>(raw: &'r Map<String, Value>, name: &str) -> &'r [Value] {
    raw.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
