//! Answers in their documented form: known fields with their values, and other fields with a value of the right type.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::item::time;
use crate::api::Answer;
use crate::catalog::schema::{Schema, Type};
use crate::catalog::{BodySchema, Catalog, Operation, root_of};

/// The greatest depth of an answer.
const DEEPEST: usize = 6;

/// Fields of an answer that hold the total number of items.
const COUNT_FIELDS: [&str; 3] = ["count", "total_amount", "total_count"];

/// The body of an operation's answer.
pub(super) fn answer_body(operation: &Operation, fields: &Map<String, Value>, now: Timestamp) -> Value {
    shaped(operation, &Value::Object(fields.clone()), now)
}

/// A value in the form of the operation's answer.
fn shaped(operation: &Operation, known: &Value, now: Timestamp) -> Value {
    match Catalog::embedded().answer_schema(operation) {
        Some((_, shape)) => {
            let sparse = root_of(&operation.route.path) == "fastedge";
            AnswerShape { shape: &shape, now, sparse, short: false }.value(shape.root(), Some(known), 0)
        }
        None => known.clone(),
    }
}

/// The answer of an operation that made several resources.
pub(super) fn answer_of_several(operation: &Operation, several: Vec<Map<String, Value>>, now: Timestamp) -> Answer {
    let known = several.into_iter().map(Value::Object).collect();
    let status = Catalog::embedded().answer_schema(operation).map_or(200, |(status, _)| status);
    json_answer(status, &shaped(operation, &known, now))
}

/// The whole answer of an operation.
pub(super) fn answer(operation: &Operation, fields: &Map<String, Value>, now: Timestamp) -> Answer {
    match Catalog::embedded().answer_schema(operation) {
        Some((status, shape)) if *shape.root() == Schema::default() => bare(status),
        Some((status, _)) => json_answer(status, &answer_body(operation, fields, now)),
        None => bare(200),
    }
}

/// The answer of a list: an array, or an object that contains one; with `paged` the object, where both are
/// documented.
/// `id_field`: the id of an item, of which some lists consist.
pub(super) fn listing(
    operation: &Operation,
    items: Vec<Value>,
    (total, paged): (usize, bool),
    id_field: &str,
    now: Timestamp,
) -> Answer {
    let Some((status, shape)) = Catalog::embedded().answer_schema(operation) else { return bare(200) };
    let short = root_of(&operation.route.path) == "fastedge";
    let answer_shape = AnswerShape { shape: &shape, now, sparse: true, short };
    let root = shape.resolve(shape.root());
    let variants: Vec<&Schema> = match root.variants.as_slice() {
        [] => vec![root],
        variants => variants.iter().map(|variant| shape.resolve(&variant.schema)).collect(),
    };
    let is_list = |schema: &&&Schema| schema.types.contains(Type::Array);
    let plain = variants.iter().find(is_list);
    let wrapped = variants.iter().find(|schema| !is_list(schema));
    let (Some(wrapper), true) = (wrapped, paged || plain.is_none()) else {
        let items = match plain {
            Some(array) => listed(&answer_shape, array, items, id_field),
            None => items,
        };
        return json_answer(status, &Value::Array(items));
    };
    let mut whole = Map::new();
    let mut items = Some(items);
    for (name, field) in &wrapper.properties {
        let field = shape.resolve(field);
        let value = match (name.as_str(), field.types.contains(Type::Array)) {
            (_, true) => Value::Array(listed(&answer_shape, field, items.take().unwrap_or_default(), id_field)),
            (name, _) if COUNT_FIELDS.contains(&name) => json!(total),
            ("meta", _) => json!({ "total_count": total }),
            ("next" | "previous", _) => Value::Null,
            ("limit", _) => json!(100),
            ("offset", _) => json!(0),
            _ => continue,
        };
        whole.insert(name.clone(), value);
    }
    json_answer(status, &Value::Object(whole))
}

/// The elements of a list: the items, or their ids where the document has numbers there.
fn listed(answer_shape: &AnswerShape<'_>, array: &Schema, items: Vec<Value>, id_field: &str) -> Vec<Value> {
    let of = array.items.as_ref().map(|of| answer_shape.shape.resolve(of));
    match of.is_some_and(|of| of.types.contains(Type::Integer)) {
        true => items.into_iter().filter_map(|item| item.get(id_field).cloned()).collect(),
        false => match of {
            Some(of) => items.into_iter().map(|item| answer_shape.completed(of, item)).collect(),
            None => items,
        },
    }
}

pub(super) fn json_answer(status: u16, body: &Value) -> Answer {
    let kind = ("content-type".to_owned(), "application/json".to_owned());
    Answer { status, headers: vec![kind], body: body.to_string().into_bytes() }
}

/// A status without a body.
pub(super) fn bare(status: u16) -> Answer {
    Answer { status, headers: Vec::new(), body: Vec::new() }
}

/// Gives answers the form of their schema.
struct AnswerShape<'s> {
    shape: &'s BodySchema,
    now: Timestamp,
    /// Optional fields without a value are omitted: in lists, and by FastEdge.
    sparse: bool,
    /// Elements of lists have documented fields only.
    short: bool,
}

impl AnswerShape<'_> {
    fn value(&self, written: &Schema, known: Option<&Value>, depth: usize) -> Value {
        let schema = self.shape.resolve(written);
        if let Some(variant) = self.variant(schema, known) {
            return self.value(variant, known, depth);
        }
        match known {
            Some(Value::Object(fields)) if !schema.properties.is_empty() => self.object(schema, fields, depth),
            // An answer that is an array of the created resources.
            Some(Value::Object(_)) if schema.types.contains(Type::Array) => match (&schema.items, depth) {
                (Some(items), 0) => Value::Array(vec![self.value(items, known, depth + 1)]),
                _ => json!([]),
            },
            Some(Value::Array(items)) => match &schema.items {
                Some(of) => items.iter().map(|item| self.value(of, Some(item), depth + 1)).collect(),
                None => Value::Array(items.clone()),
            },
            None => self.unknown(written, schema, depth),
            Some(known) => known.clone(),
        }
    }

    /// The variant of the schema that the known fields match.
    fn variant<'a>(&'a self, schema: &'a Schema, known: Option<&Value>) -> Option<&'a Schema> {
        let told = schema.discriminator.as_deref().and_then(|name| known?.get(name));
        let fits = |schema: &Schema| {
            let schema = self.shape.resolve(schema);
            let named = known.and_then(Value::as_object).into_iter().flatten();
            named.into_iter().all(|(name, value)| {
                let field = schema.properties.get(name).map(|field| self.shape.resolve(field));
                field.is_none_or(|field| field.values.is_empty() || field.values.contains(value))
            })
        };
        let by_value = told.and_then(|told| schema.variants.iter().find(|variant| variant.when.contains(told)));
        let by_fields = || schema.variants.iter().find(|variant| fits(&variant.schema));
        by_value.or_else(by_fields).or(schema.variants.first()).map(|variant| &variant.schema)
    }

    fn object(&self, schema: &Schema, known: &Map<String, Value>, depth: usize) -> Value {
        let mut shown = Map::new();
        // Fields that are all mappings exclude one another: of `allow`, `block` and `captcha` there is one.
        let is_mapping = |field: &Schema| self.shape.resolve(field).types.contains(Type::Object);
        let one_of_several = depth > 0 && !known.is_empty() && schema.properties.values().all(is_mapping);
        for (name, field) in &schema.properties {
            let own = known.get(name);
            // A document that lists required fields omits the others when they are empty.
            let always =
                (schema.required.is_empty() && !self.sparse && !one_of_several) || schema.required.contains(name);
            if own.is_some() || (always && depth < DEEPEST) {
                shown.insert(name.clone(), self.value(field, own, depth + 1));
            }
        }
        // Known nested fields are shown even when the document lacks them.
        if depth > 0 {
            for (name, value) in known {
                shown.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        Value::Object(shown)
    }

    fn unknown(&self, written: &Schema, schema: &Schema, depth: usize) -> Value {
        if let Some(default) = written.default.as_ref().or(schema.default.as_ref()) {
            return default.clone();
        }
        if self.shape.nullable(written) || depth >= DEEPEST {
            return Value::Null;
        }
        if let Some(value) = schema.values.first() {
            return value.clone();
        }
        match schema.types.iter().next() {
            Some(Type::Boolean) => json!(false),
            Some(Type::Integer | Type::Number) => {
                let least = schema.minimum.as_ref().and_then(|least| least.value.as_u64()).unwrap_or(0);
                json!(least)
            }
            Some(Type::Array) => json!([]),
            Some(Type::String) => self.text(schema),
            Some(Type::Object) if schema.required.is_empty() && depth > 0 => json!({}),
            Some(Type::Object) => self.object(schema, &Map::new(), depth),
            None => Value::Null,
        }
    }
}

impl AnswerShape<'_> {
    /// A text of the documented format.
    fn text(&self, schema: &Schema) -> Value {
        match schema.format.as_deref() {
            Some("date-time") => time(self.now),
            Some("uuid" | "uuid4") => json!("00000000-0000-4000-8000-000000000000"),
            Some("email") => json!("somebody@example.com"),
            Some("uri") => json!("https://example.com"),
            Some("ipv4" | "ipvanyaddress") => json!("192.0.2.1"),
            Some("ipv6") => json!("2001:db8::1"),
            Some("ipv4network" | "ipvanynetwork") => json!("192.0.2.0/24"),
            _ => {
                let least = schema.min_length.filter(|_| schema.pattern.is_none()).unwrap_or(0);
                "x".repeat(usize::try_from(least).unwrap_or(0)).into()
            }
        }
    }

    /// Adds the fields that an element of a list always has; FastEdge shows no others than the documented ones in a
    /// list.
    fn completed(&self, of: &Schema, mut item: Value) -> Value {
        if let Value::Object(fields) = &mut item {
            if self.short && !of.properties.is_empty() {
                fields.retain(|name, _| of.properties.contains_key(name));
            }
            for name in &of.required {
                if let Some(field) = of.properties.get(name).filter(|_| !fields.contains_key(name)) {
                    fields.insert(name.clone(), self.value(field, None, 2));
                }
            }
        }
        item
    }
}

/// The references of a body: field, kind and id.
pub(super) fn references(operation: &Operation, body: &Value) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    if let Some(shape) = Catalog::embedded().body_schema(operation) {
        gather(&shape, shape.root(), body, "", &mut found);
    }
    found
}

fn gather(shape: &BodySchema, written: &Schema, value: &Value, field: &str, found: &mut Vec<(String, String, Value)>) {
    let schema = shape.resolve(written);
    let by_id = shape.referred(written).filter(|referred| !referred.by_name);
    if let (Some(referred), true) = (by_id, value.is_string() || value.is_number()) {
        let reference = (field.to_owned(), referred.kind.to_owned(), value.clone());
        if !found.contains(&reference) {
            found.push(reference);
        }
        return;
    }
    for variant in &schema.variants {
        gather(shape, &variant.schema, value, field, found);
    }
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                let of_value = match &schema.additional {
                    crate::catalog::schema::Additional::Of(of) => Some(&**of),
                    _ => None,
                };
                if let Some(own) = schema.properties.get(name).or(of_value) {
                    gather(shape, own, inner, name, found);
                }
            }
        }
        Value::Array(items) => {
            if let Some(of) = &schema.items {
                items.iter().for_each(|item| gather(shape, of, item, field, found));
            }
        }
        _ => {}
    }
}
