//! Converts schemas of an OpenAPI document (3.0 or 3.1) to our own form.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::{Map, Number, Value};

use super::document::{Document, schema_name};
use crate::catalog::CatalogError;
use crate::catalog::Partial;
use crate::catalog::embedded::CLOUD;
use crate::catalog::knowledge::Knowledge;
use crate::catalog::schema::{Additional, Bound, Schema, Type, Types, Variant};

/// The greatest depth of nesting before a document counts as circular.
const DEEPEST: usize = 64;
/// In a corrected schema: other fields than the named ones are taken, and have no meaning.
const MEANINGLESS: &str = "meaningless";
/// The same, of values of this schema, which are taken for sure.
const USUALLY: &str = "usually";

/// Converts schemas and collects the definitions they refer to.
pub(super) struct Converter<'d> {
    document: &'d Document,
    knowledge: &'d Knowledge,
    pub definitions: BTreeMap<String, Schema>,
    /// The number of patterns that our regular expressions do not support; they are left out.
    pub skipped_patterns: usize,
    depth: usize,
    /// Whether it is a parameter, which is sent as text.
    in_parameter: bool,
}

/// The context of a schema, from which the kind of a field is derived.
#[derive(Clone, Copy, Default)]
struct Context<'a> {
    /// The field whose value, or element, it is.
    field: Option<&'a str>,
    /// The parent field.
    below: Option<&'a str>,
    /// The document's name of the enclosing schema.
    schema: Option<&'a str>,
}

impl<'d> Converter<'d> {
    pub fn new(document: &'d Document, knowledge: &'d Knowledge) -> Self {
        Self { document, knowledge, definitions: BTreeMap::new(), skipped_patterns: 0, depth: 0, in_parameter: false }
    }

    /// Converts a body: references to the document's schemas remain references.
    pub fn body(&mut self, raw: &Value) -> Result<Schema, CatalogError> {
        self.convert(raw, Context::default())
    }

    /// Converts a parameter: references are expanded.
    pub fn parameter(&mut self, name: &str, raw: &Value) -> Result<Schema, CatalogError> {
        let context = Context { field: Some(name), ..Context::default() };
        self.in_parameter = true;
        let converted = self.convert_inline(raw, context);
        self.in_parameter = false;
        let mut schema = self.dereferenced(converted?);
        if let Some(items) = schema.items.take() {
            let items = self.dereferenced(*items);
            // In a query, a list of one is written like its item.
            if schema.types.contains(Type::Array) && schema.types.iter().all(|r#type| is_list_of(r#type, &items)) {
                schema.types = Types::of(&[Type::Array]);
            }
            schema.items = Some(Box::new(items));
        }
        for variant in &mut schema.variants {
            variant.schema = self.dereferenced(std::mem::take(&mut variant.schema));
        }
        Ok(schema)
    }

    fn convert(&mut self, raw: &Value, context: Context<'_>) -> Result<Schema, CatalogError> {
        let Some(name) = schema_name(raw) else { return self.convert_inline(raw, context) };
        if context.field.is_some_and(|field| self.knowledge.narrows_below(field)) {
            return self.convert_inline(raw, context);
        }
        self.define(name)?;
        let mut schema = Schema::reference(self.definition_name(name));
        annotate(&mut schema, raw);
        self.set_kind(&mut schema, context);
        Ok(schema)
    }

    /// The name of a definition, with the product as a prefix.
    fn definition_name(&self, name: &str) -> String {
        if self.knowledge.root == CLOUD { name.to_owned() } else { format!("{}.{name}", self.knowledge.root) }
    }

    fn define(&mut self, name: &str) -> Result<(), CatalogError> {
        let defined = self.definition_name(name);
        if self.definitions.contains_key(&defined) {
            return Ok(());
        }
        let raw = self.document.schema(name).ok_or_else(|| CatalogError::Reference(name.to_owned()))?;
        // A placeholder, so that a schema may refer to itself.
        self.definitions.insert(defined.clone(), Schema::default());
        // Bodies use it as well.
        let in_parameter = std::mem::take(&mut self.in_parameter);
        let schema = self.convert(raw, Context { schema: Some(name), ..Context::default() })?;
        self.in_parameter = in_parameter;
        self.definitions.insert(defined, schema);
        Ok(())
    }

    fn convert_inline(&mut self, raw: &Value, context: Context<'_>) -> Result<Schema, CatalogError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(CatalogError::Reference("a shape is nested in itself".to_owned()));
        }
        let target = self.document.resolve(raw)?;
        let context = Context { schema: schema_name(raw).or(context.schema), ..context };
        let schema = match target {
            Value::Object(fields) => self.convert_object(fields, context),
            // `true` and `false` mean anything and nothing; the latter does not occur in bodies.
            _ => Ok(Schema::default()),
        };
        self.depth -= 1;
        let mut schema = schema?;
        annotate(&mut schema, raw);
        for example in examples(target) {
            self.widen(&mut schema, example);
        }
        self.set_kind(&mut schema, context);
        Ok(schema)
    }

    /// Extends a schema to allow an example, for documents whose examples are more reliable than their schemas.
    pub fn widen(&mut self, schema: &mut Schema, example: &Value) {
        if !self.knowledge.trusted_examples {
            return;
        }
        if let Some(name) = schema.reference.clone() {
            if let Some(mut definition) = self.definitions.remove(&name) {
                self.widen(&mut definition, example);
                self.definitions.insert(name, definition);
            }
            return;
        }
        let shown = match example {
            // There is no example.
            Value::Null => return,
            Value::Bool(_) => Type::Boolean,
            Value::Number(number) if number.is_f64() => Type::Number,
            Value::Number(_) => Type::Integer,
            Value::String(_) => Type::String,
            Value::Array(_) => Type::Array,
            Value::Object(_) => Type::Object,
        };
        if !schema.types.allow(shown) {
            if self.in_parameter && is_text_of(example, schema.types) {
                return;
            }
            if shown == Type::Array && schema.items.is_none() {
                schema.items = Some(Box::new(schema.clone()));
            }
            schema.types = schema.types.union(Types::of(&[shown]));
        }
        if let (Some(items), Some(of)) = (example.as_array(), schema.items.as_deref_mut()) {
            items.iter().for_each(|item| self.widen(of, item));
        }
        let Some(fields) = example.as_object().filter(|_| !schema.properties.is_empty()) else { return };
        let nulls = || fields.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name);
        for (name, value) in fields {
            match schema.properties.get_mut(name) {
                Some(field) if value.is_null() => {
                    let others = nulls().filter(|other| *other != name);
                    match field.nullable {
                        true => field.null_with.retain(|known| others.clone().any(|other| other == known)),
                        false => field.null_with = others.cloned().collect(),
                    }
                    field.nullable = true;
                }
                Some(field) => self.widen(field, value),
                None => drop(schema.properties.insert(name.clone(), Schema::default())),
            }
        }
    }

    fn convert_object(&mut self, raw: &Map<String, Value>, context: Context<'_>) -> Result<Schema, CatalogError> {
        let mut schema = self.convert_own(raw, context)?;
        for part in list(raw, "allOf") {
            let converted = self.convert_inline(part, context)?;
            schema = merge(schema, converted);
        }
        // An example of one part is an example of the whole.
        for part in list(raw, "allOf") {
            for example in examples(self.document.resolve(part)?) {
                self.widen(&mut schema, example);
            }
        }
        let alternatives = [list(raw, "anyOf"), list(raw, "oneOf")];
        if let Some(alternatives) = alternatives.into_iter().find(|list| !list.is_empty()) {
            let discriminator = raw.get("discriminator");
            schema = self.convert_alternatives(schema, alternatives, discriminator, context)?;
        }
        Ok(schema)
    }

    /// The keywords of a schema itself, without combinations.
    fn convert_own(&mut self, raw: &Map<String, Value>, context: Context<'_>) -> Result<Schema, CatalogError> {
        let (types, null) = types(raw);
        if self.knowledge.untyped_objects && is_bare_object(raw) {
            return Ok(Schema { nullable: null, ..Schema::default() });
        }
        let mut schema = Schema {
            types,
            nullable: null,
            required: strings(raw, "required"),
            min_properties: count(raw, "minProperties"),
            max_properties: count(raw, "maxProperties"),
            min_items: count(raw, "minItems"),
            max_items: count(raw, "maxItems"),
            unique_items: raw.get("uniqueItems") == Some(&Value::Bool(true)),
            minimum: bound(raw, "minimum", "exclusiveMinimum").or_else(|| end_of_format(raw, 0)),
            maximum: bound(raw, "maximum", "exclusiveMaximum").or_else(|| end_of_format(raw, 1)),
            min_length: count(raw, "minLength"),
            max_length: count(raw, "maxLength"),
            pattern: self.pattern(raw),
            format: raw.get("format").and_then(Value::as_str).map(str::to_owned),
            ..Schema::default()
        };
        schema.values = match raw.get("const") {
            Some(value) => vec![value.clone()],
            None => raw.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
        };
        schema.nullable |= schema.values.contains(&Value::Null);
        schema.values.retain(|value| !value.is_null());
        self.replace_stand_ins(&mut schema);
        for (name, field) in raw.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let below = context.field.or(context.below);
            let inside = Context { field: Some(name), below, ..context };
            let target = self.document.resolve(field)?;
            let says = |word: &str| target.get(word).or(field.get(word)) == Some(&Value::Bool(true));
            if says("readOnly") {
                schema.read_only.push(name.clone());
            }
            if says("writeOnly") {
                schema.write_only.push(name.clone());
            }
            let field = self.convert(field, inside)?;
            schema.properties.insert(name.clone(), field);
        }
        if let Some(items) = raw.get("items") {
            // Elements have the kind of the list's field, as in `volume_ids`.
            schema.items = Some(Box::new(self.convert(items, context)?));
        }
        if let Some(keys) = raw.get("propertyNames") {
            schema.keys = Some(Box::new(self.convert(keys, Context::default())?));
        }
        schema.additional = self.additional(raw, &schema)?;
        Ok(schema)
    }

    fn additional(&mut self, raw: &Map<String, Value>, schema: &Schema) -> Result<Additional, CatalogError> {
        let named = raw.get("additionalProperties").or_else(|| {
            raw.get("patternProperties").and_then(Value::as_object).and_then(|patterns| patterns.values().next())
        });
        Ok(match named {
            Some(Value::Bool(false)) => Additional::Closed,
            Some(Value::Bool(true)) => Additional::Any,
            Some(Value::String(word)) if word == MEANINGLESS => Additional::Meaningless,
            Some(shape) if shape.as_object().is_some_and(Map::is_empty) => Additional::Any,
            Some(Value::Object(usual)) if usual.contains_key(USUALLY) => {
                Additional::Usually(Box::new(self.convert(&usual[USUALLY], Context::default())?))
            }
            Some(shape) => Additional::Of(Box::new(self.convert(shape, Context::default())?)),
            None if schema.properties.is_empty() && schema.types.contains(Type::Object) => Additional::Any,
            None => Additional::None,
        })
    }

    fn convert_alternatives(
        &mut self,
        own: Schema,
        alternatives: &[Value],
        discriminator: Option<&Value>,
        context: Context<'_>,
    ) -> Result<Schema, CatalogError> {
        let (nulls, shapes): (Vec<&Value>, Vec<&Value>) = alternatives.iter().partition(|shape| is_null(shape));
        let mut converted = Vec::new();
        for shape in &shapes {
            converted.push(self.convert(shape, context)?);
        }
        let nullable = !nulls.is_empty();
        let mut schema = match converted.len() {
            0 => own,
            1 => {
                let only = converted.remove(0);
                if own == Schema::default() { only } else { merge(own, self.dereferenced(only)) }
            }
            _ => match only_types(&converted) {
                Some(types) => merge(own, Schema { types, ..Schema::default() }),
                None => self.variants(own, converted, discriminator),
            },
        };
        schema.nullable |= nullable;
        Ok(schema)
    }

    /// Combines several schemas. Fields next to them belong to each, so that each variant is complete.
    fn variants(&self, own: Schema, shapes: Vec<Schema>, discriminator: Option<&Value>) -> Schema {
        let property = discriminator.and_then(|it| it.get("propertyName")).and_then(Value::as_str);
        let mapping = discriminator.and_then(|it| it.get("mapping")).and_then(Value::as_object);
        let variants = shapes.into_iter().map(|shape| {
            let whole = if own.properties.is_empty() { shape } else { merge(own.clone(), self.dereferenced(shape)) };
            let when = property.map(|property| self.values_of(&whole, property, mapping)).unwrap_or_default();
            Variant { when, schema: whole }
        });
        Schema {
            variants: variants.collect(),
            discriminator: property.map(str::to_owned),
            nullable: own.nullable,
            default: own.default.clone(),
            types: if own.properties.is_empty() { own.types } else { Types::default() },
            ..Schema::default()
        }
    }

    /// Values of the discriminating field for a variant: from the variant itself, or else from the document's
    /// mapping.
    fn values_of(&self, variant: &Schema, property: &str, mapping: Option<&Map<String, Value>>) -> Vec<Value> {
        let whole = self.dereferenced(variant.clone());
        if let Some(field) = whole.properties.get(property) {
            let values = self.dereferenced(field.clone()).values;
            if !values.is_empty() {
                return values;
            }
        }
        let Some(name) = variant.reference.as_deref() else { return Vec::new() };
        mapping
            .into_iter()
            .flatten()
            .filter(|(_, target)| {
                target
                    .as_str()
                    .and_then(|target| target.rsplit('/').next())
                    .is_some_and(|last| self.definition_name(last) == name)
            })
            .map(|(value, _)| Value::String(value.clone()))
            .collect()
    }

    fn dereferenced(&self, schema: Schema) -> Schema {
        let mut schema = schema;
        for _ in 0..DEEPEST {
            let Some(name) = schema.reference.take() else { break };
            let definition = self.definitions.get(&name).cloned().unwrap_or_default();
            schema = merge(definition, schema);
        }
        schema
    }

    fn pattern(&mut self, raw: &Map<String, Value>) -> Option<String> {
        let pattern = raw.get("pattern")?.as_str()?;
        if Regex::new(pattern).is_ok() {
            return Some(pattern.to_owned());
        }
        self.skipped_patterns += 1;
        None
    }

    /// Replaces choices, of which one means any text with a pattern, by a pattern for all.
    fn replace_stand_ins(&self, schema: &mut Schema) {
        let means = |value: &Value| self.knowledge.stand_ins.get(value.as_str()?).cloned();
        if !schema.values.iter().any(|value| means(value).is_some()) {
            return;
        }
        let choices = std::mem::take(&mut schema.values).into_iter();
        // The stand-in itself is among the values that the document names.
        let with_itself = |value: &Value| Some([means(value)?, regex_lite::escape(value.as_str()?)].join("|"));
        let choices =
            choices.filter_map(|value| with_itself(&value).or_else(|| value.as_str().map(regex_lite::escape)));
        schema.pattern = Some(format!("^({})$", choices.collect::<Vec<_>>().join("|")));
    }

    /// Sets the kind that a value refers to, when it follows from the field's name.
    fn set_kind(&self, schema: &mut Schema, context: Context<'_>) {
        let whole = if schema.reference.is_some() { self.dereferenced(schema.clone()) } else { schema.clone() };
        if !may_be_an_id(&whole) {
            return;
        }
        let known = context.field.and_then(|field| self.knowledge.field(field, context.below, context.schema));
        if let Some(known) = known {
            schema.kind = Some(known.kind.clone());
            schema.by_name = known.by_name;
        }
    }
}

fn may_be_an_id(schema: &Schema) -> bool {
    let scalar = Types::of(&[Type::String, Type::Integer]);
    let plain = |schema: &Schema| !schema.types.is_empty() && schema.types.intersection(scalar) == schema.types;
    if schema.variants.is_empty() {
        plain(schema) && schema.values.is_empty()
    } else {
        schema.variants.iter().all(|variant| plain(&variant.schema))
    }
}

/// Whether a text is that of a value of one of the types, as in a query.
fn is_text_of(example: &Value, types: Types) -> bool {
    let bare = example.as_str().and_then(|text| serde_json::from_str(text).ok());
    bare.and_then(|bare: Value| Partial::from(&bare).r#type()).is_some_and(|shown| types.allow(shown))
}

/// The keywords allowed next to a reference.
fn annotate(schema: &mut Schema, raw: &Value) {
    if let Some(default) = raw.get("default").filter(|default| !default.is_null()) {
        schema.default = Some(default.clone());
    }
    schema.deprecated |= raw.get("deprecated") == Some(&Value::Bool(true));
    schema.nullable |= raw.get("nullable") == Some(&Value::Bool(true));
}

/// Whether a type is a list, or that of its items.
fn is_list_of(r#type: Type, items: &Schema) -> bool {
    r#type == Type::Array || items.types.contains(r#type)
}

/// Combines two schemas that both apply; the second takes precedence.
fn merge(one: Schema, two: Schema) -> Schema {
    let mut merged = one;
    merged.types = match (merged.types.is_empty(), two.types.is_empty()) {
        (true, _) => two.types,
        (_, true) => merged.types,
        _ => merged.types.intersection(two.types),
    };
    for name in two.required {
        if !merged.required.contains(&name) {
            merged.required.push(name);
        }
    }
    merged.read_only.extend(two.read_only);
    merged.write_only.extend(two.write_only);
    // A bare `type: object` allows any field, unless the other one names some.
    let (bare, names) = (merged.properties.is_empty(), !two.properties.is_empty());
    let opens = two.additional != Additional::None && (bare || names || two.additional != Additional::Any);
    if bare && names || opens {
        merged.additional = two.additional;
    }
    // A field that only an example of this part shows has its schema in the other part.
    for (name, field) in two.properties {
        if field != Schema::default() || !merged.properties.contains_key(&name) {
            merged.properties.insert(name, field);
        }
    }
    if !two.values.is_empty() {
        merged.values = two.values;
    }
    if !two.variants.is_empty() {
        merged.variants = two.variants;
        merged.discriminator = two.discriminator;
    }
    merged.null_with = match (merged.nullable, two.nullable) {
        (true, true) => two.null_with.into_iter().filter(|name| merged.null_with.contains(name)).collect(),
        (false, true) => two.null_with,
        (_, false) => merged.null_with,
    };
    merged.nullable |= two.nullable;
    merged.deprecated |= two.deprecated;
    merged.unique_items |= two.unique_items;
    macro_rules! nearer {
        ($($field:ident),*) => { $(merged.$field = two.$field.or(merged.$field);)* };
    }
    nearer!(
        reference,
        keys,
        min_properties,
        max_properties,
        items,
        min_items,
        max_items,
        minimum,
        maximum,
        min_length,
        max_length,
        pattern,
        format,
        default,
        kind
    );
    merged.by_name |= two.by_name;
    merged
}

/// `Some` when the alternatives differ only in their types.
fn only_types(shapes: &[Schema]) -> Option<Types> {
    let bare = |shape: &Schema| {
        *shape == Schema { types: shape.types, additional: shape.additional.clone(), ..Schema::default() }
    };
    let scalar = |shape: &Schema| !shape.types.contains(Type::Object) && !shape.types.is_empty();
    shapes
        .iter()
        .all(|shape| bare(shape) && scalar(shape))
        .then(|| shapes.iter().fold(Types::default(), |types, shape| types.union(shape.types)))
}

/// The examples in a schema.
fn examples(raw: &Value) -> impl Iterator<Item = &Value> {
    raw.get("example").into_iter().chain(raw.get("examples").and_then(Value::as_array).into_iter().flatten())
}

/// Whether it is `type: object` without further keywords.
fn is_bare_object(raw: &Map<String, Value>) -> bool {
    let says = ["properties", "additionalProperties", "patternProperties", "allOf", "anyOf", "oneOf"];
    raw.get("type").and_then(Value::as_str) == Some("object") && !says.iter().any(|word| raw.contains_key(*word))
}

fn is_null(raw: &Value) -> bool {
    raw.get("type").and_then(Value::as_str) == Some("null")
}

fn types(raw: &Map<String, Value>) -> (Types, bool) {
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
fn end_of_format(raw: &Map<String, Value>, end: usize) -> Option<Bound> {
    let ends: [Option<i64>; 2] = match raw.get("format")?.as_str()? {
        "uint8" => [Some(0), Some(u8::MAX.into())],
        "uint32" => [Some(0), Some(u32::MAX.into())],
        "uint64" => [Some(0), None],
        "int32" => [Some(i32::MIN.into()), Some(i32::MAX.into())],
        _ => return None,
    };
    ends[end].map(|number| Bound { value: number.into(), exclusive: false })
}

fn bound(raw: &Map<String, Value>, plain: &str, exclusive: &str) -> Option<Bound> {
    let number = |value: Option<&Value>| -> Option<Number> { value.and_then(Value::as_number).cloned() };
    match raw.get(exclusive) {
        // OpenAPI 3.0 has a boolean here.
        Some(Value::Bool(exclusive)) => number(raw.get(plain)).map(|value| Bound { value, exclusive: *exclusive }),
        Some(value) => number(Some(value)).map(|value| Bound { value, exclusive: true }),
        None => number(raw.get(plain)).map(|value| Bound { value, exclusive: false }),
    }
}

fn count(raw: &Map<String, Value>, name: &str) -> Option<u64> {
    raw.get(name).and_then(Value::as_u64)
}

fn strings(raw: &Map<String, Value>, name: &str) -> Vec<String> {
    list(raw, name).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn list<'r>(raw: &'r Map<String, Value>, name: &str) -> &'r [Value] {
    raw.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
