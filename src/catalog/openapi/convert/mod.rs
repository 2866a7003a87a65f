//! Converts schemas of an OpenAPI document (3.0 or 3.1) to our own form.

mod keywords;
mod merge;

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::{Map, Value};

pub(super) use self::keywords::examples;
use self::keywords::{bound, count, end_of_format, is_bare_object, is_null, list, strings, types};
use self::merge::{annotate, merge, only_types};
use super::document::{Document, schema_name};
use crate::catalog::CatalogError;
use crate::catalog::Partial;
use crate::catalog::embedded::CLOUD;
use crate::catalog::knowledge::KnowledgeFile;
use crate::catalog::schema::{Additional, Schema, Type, Types, Variant};

/// The greatest depth of nesting before a document counts as circular.
const DEEPEST: usize = 64;
/// In corrected schemas: the API accepts other fields, and gives them no meaning.
const MEANINGLESS: &str = "meaningless";
/// In corrected schemas: the API accepts other fields, and only values of this schema are known.
const USUALLY: &str = "usually";

/// Converts schemas and collects the definitions they refer to.
pub(super) struct Converter<'d> {
    document: &'d Document,
    knowledge: &'d KnowledgeFile,
    pub definitions: BTreeMap<String, Schema>,
    /// The number of patterns that our regular expressions do not support; they are left out.
    pub skipped_patterns: usize,
    depth: usize,
    /// Whether it is a parameter, which is sent as text.
    in_parameter: bool,
}

/// Where a schema stands in the document; the kind of a field is derived from it.
#[derive(Clone, Copy, Default)]
struct SchemaPosition<'a> {
    /// The field whose value, or element, it is.
    field: Option<&'a str>,
    /// The parent field.
    below: Option<&'a str>,
    /// The document's name of the enclosing schema.
    schema: Option<&'a str>,
}

impl<'d> Converter<'d> {
    pub fn new(document: &'d Document, knowledge: &'d KnowledgeFile) -> Self {
        Self { document, knowledge, definitions: BTreeMap::new(), skipped_patterns: 0, depth: 0, in_parameter: false }
    }

    /// Converts a body: references to the document's schemas remain references.
    ///
    /// # Errors
    ///
    /// When a reference leads nowhere, or a shape is nested in itself.
    pub fn body(&mut self, raw: &Value) -> Result<Schema, CatalogError> {
        self.convert(raw, SchemaPosition::default())
    }

    /// Converts a parameter: references are expanded.
    ///
    /// # Errors
    ///
    /// When a reference leads nowhere, or a shape is nested in itself.
    pub fn parameter(&mut self, name: &str, raw: &Value) -> Result<Schema, CatalogError> {
        let position = SchemaPosition { field: Some(name), ..SchemaPosition::default() };
        self.in_parameter = true;
        let converted = self.convert_inline(raw, position);
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

    fn convert(&mut self, raw: &Value, position: SchemaPosition<'_>) -> Result<Schema, CatalogError> {
        let Some(name) = schema_name(raw) else { return self.convert_inline(raw, position) };
        if position.field.is_some_and(|field| self.knowledge.narrows_below(field)) {
            return self.convert_inline(raw, position);
        }
        self.define(name)?;
        let mut schema = Schema::reference(self.definition_name(name));
        annotate(&mut schema, raw);
        self.set_kind(&mut schema, position);
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
        let schema = self.convert(raw, SchemaPosition { schema: Some(name), ..SchemaPosition::default() })?;
        self.in_parameter = in_parameter;
        self.definitions.insert(defined, schema);
        Ok(())
    }

    fn convert_inline(&mut self, raw: &Value, position: SchemaPosition<'_>) -> Result<Schema, CatalogError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(CatalogError::Reference("a shape is nested in itself".to_owned()));
        }
        let target = self.document.resolve(raw)?;
        let position = SchemaPosition { schema: schema_name(raw).or(position.schema), ..position };
        let schema = match target {
            Value::Object(fields) => self.convert_object(fields, position),
            // `true` and `false` mean anything and nothing; the latter does not occur in bodies.
            _ => Ok(Schema::default()),
        };
        self.depth -= 1;
        let mut schema = schema?;
        annotate(&mut schema, raw);
        for example in examples(target) {
            self.widen(&mut schema, example);
        }
        self.set_kind(&mut schema, position);
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

    fn convert_object(
        &mut self,
        raw: &Map<String, Value>,
        position: SchemaPosition<'_>,
    ) -> Result<Schema, CatalogError> {
        let mut schema = self.convert_own(raw, position)?;
        for part in list(raw, "allOf") {
            let converted = self.convert_inline(part, position)?;
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
            schema = self.convert_alternatives(schema, alternatives, discriminator, position)?;
        }
        Ok(schema)
    }

    /// The keywords of a schema itself, without combinations.
    fn convert_own(&mut self, raw: &Map<String, Value>, position: SchemaPosition<'_>) -> Result<Schema, CatalogError> {
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
            let below = position.field.or(position.below);
            let inside = SchemaPosition { field: Some(name), below, ..position };
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
            schema.items = Some(Box::new(self.convert(items, position)?));
        }
        if let Some(keys) = raw.get("propertyNames") {
            schema.keys = Some(Box::new(self.convert(keys, SchemaPosition::default())?));
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
                Additional::Usually(Box::new(self.convert(&usual[USUALLY], SchemaPosition::default())?))
            }
            Some(shape) => Additional::Of(Box::new(self.convert(shape, SchemaPosition::default())?)),
            None if schema.properties.is_empty() && schema.types.contains(Type::Object) => Additional::Any,
            None => Additional::None,
        })
    }

    fn convert_alternatives(
        &mut self,
        own: Schema,
        alternatives: &[Value],
        discriminator: Option<&Value>,
        position: SchemaPosition<'_>,
    ) -> Result<Schema, CatalogError> {
        let (nulls, shapes): (Vec<&Value>, Vec<&Value>) = alternatives.iter().partition(|shape| is_null(shape));
        let mut converted = Vec::new();
        for shape in &shapes {
            converted.push(self.convert(shape, position)?);
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
    fn set_kind(&self, schema: &mut Schema, position: SchemaPosition<'_>) {
        let whole = if schema.reference.is_some() { self.dereferenced(schema.clone()) } else { schema.clone() };
        if !may_be_an_id(&whole) {
            return;
        }
        let known = position.field.and_then(|field| self.knowledge.field(field, position.below, position.schema));
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

/// Whether a type is a list, or that of its items.
fn is_list_of(r#type: Type, items: &Schema) -> bool {
    r#type == Type::Array || items.types.contains(r#type)
}
