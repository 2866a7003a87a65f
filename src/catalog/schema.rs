//! The schema of a request body: a subset of JSON Schema that is small on disk and fast to check.
//!
//! It differs from JSON Schema in three ways. A mapping with named fields takes no others unless the document says
//! so: the API ignores unknown fields, and a misspelt one is never intended. `oneOf` is treated as `anyOf`: the API
//! takes the first variant that fits. A field may have the kind of resource that it refers to.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};

use crate::hash::IndexMap;

/// JSON types of a value; empty for any. `null` is separate, see [`Schema::nullable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Types(u8);

/// One JSON type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Type {
    pub const ALL: [Type; 6] = [Type::Boolean, Type::Integer, Type::Number, Type::String, Type::Array, Type::Object];

    /// The name in JSON Schema.
    pub fn as_str(self) -> &'static str {
        match self {
            Type::Boolean => "boolean",
            Type::Integer => "integer",
            Type::Number => "number",
            Type::String => "string",
            Type::Array => "array",
            Type::Object => "object",
        }
    }

    pub fn parse(word: &str) -> Option<Type> {
        Type::ALL.into_iter().find(|r#type| r#type.as_str() == word)
    }
}

impl Types {
    pub fn of(types: &[Type]) -> Types {
        Types(types.iter().fold(0, |bits, r#type| bits | 1 << *r#type as u8))
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the type is included; `number` includes integers.
    pub fn contains(self, r#type: Type) -> bool {
        self.0 & (1 << r#type as u8) != 0 || (r#type == Type::Integer && self.contains(Type::Number))
    }

    /// Whether a value of this type is allowed.
    pub fn allow(self, r#type: Type) -> bool {
        self.is_empty() || self.contains(r#type)
    }

    #[must_use]
    pub fn union(self, other: Types) -> Types {
        Types(self.0 | other.0)
    }

    #[must_use]
    pub fn intersection(self, other: Types) -> Types {
        Types(self.0 & other.0)
    }

    /// The type, when there is only one.
    pub fn only(self) -> Option<Type> {
        let mut types = self.iter();
        types.next().filter(|_| types.next().is_none())
    }

    pub fn iter(self) -> impl Iterator<Item = Type> {
        Type::ALL.into_iter().filter(move |r#type| self.0 & (1 << *r#type as u8) != 0)
    }
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, r#type) in self.iter().enumerate() {
            if nth > 0 {
                f.write_str("|")?;
            }
            f.write_str(r#type.as_str())?;
        }
        Ok(())
    }
}

impl Serialize for Types {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Types {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.split('|')
            .map(|word| {
                Type::parse(word).ok_or_else(|| serde::de::Error::custom(format_args!("`{word}` is no JSON type")))
            })
            .try_fold(Types::default(), |types, r#type| Ok(types.union(Types::of(&[r#type?]))))
    }
}

/// What a mapping allows besides its named fields.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Additional {
    /// Not specified: other fields are ignored by the API, and probably typos.
    #[default]
    None,
    /// Nothing: the API refuses other fields.
    Closed,
    /// Anything, though the API gives a meaning only to named fields.
    Meaningless,
    /// Anything.
    Any,
    /// Values with this schema.
    Of(Box<Schema>),
    /// Anything, though the document knows only values with this schema.
    Usually(Box<Schema>),
}

/// A limit of a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    #[serde(rename = "is")]
    pub value: Number,
    /// Whether the limit itself is excluded.
    #[serde(default, skip_serializing_if = "is_default")]
    pub exclusive: bool,
}

/// One of several schemas.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Variant {
    /// Values of the discriminating field for this variant.
    #[serde(default, skip_serializing_if = "is_default")]
    pub when: Vec<Value>,
    pub schema: Schema,
}

/// The schema of a value.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Schema {
    /// The name of a definition that applies in addition.
    #[serde(rename = "ref", default, skip_serializing_if = "is_default")]
    pub reference: Option<String>,
    #[serde(rename = "type", default, skip_serializing_if = "is_default")]
    pub types: Types,
    /// `null` is allowed as well.
    #[serde(default, skip_serializing_if = "is_default")]
    pub nullable: bool,
    /// The fields beside it that are `null` wherever it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub null_with: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub required: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub properties: IndexMap<String, Schema>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub additional: Additional,
    /// The schema of a mapping's keys.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keys: Option<Box<Schema>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub min_properties: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_properties: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub items: Option<Box<Schema>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub min_items: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_items: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub unique_items: bool,
    /// The allowed values; empty for any.
    #[serde(rename = "enum", default, skip_serializing_if = "is_default")]
    pub values: Vec<Value>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub minimum: Option<Bound>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub maximum: Option<Bound>,
    /// In characters.
    #[serde(default, skip_serializing_if = "is_default")]
    pub min_length: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_length: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub pattern: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub format: Option<String>,
    /// At least one of these must match as well.
    #[serde(default, skip_serializing_if = "is_default")]
    pub variants: Vec<Variant>,
    /// The field whose value selects the variant.
    #[serde(default, skip_serializing_if = "is_default")]
    pub discriminator: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub default: Option<Value>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub deprecated: bool,
    /// The kind of resource whose id is taken.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kind: Option<String>,
    /// The name of that resource is taken instead of its id.
    #[serde(default, skip_serializing_if = "is_default")]
    pub by_name: bool,
    /// Read-only fields: a body does not need them even when the document requires them (OpenAPI, `readOnly`).
    #[serde(skip)]
    pub read_only: Vec<String>,
    /// Write-only fields: no answer shows them (OpenAPI, `writeOnly`).
    #[serde(skip)]
    pub write_only: Vec<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Schema {
    /// A reference to a definition.
    pub fn reference(name: impl Into<String>) -> Schema {
        Schema { reference: Some(name.into()), ..Schema::default() }
    }

    /// The schema of a body, in which read-only fields are not required.
    #[must_use]
    pub fn of_body(self) -> Schema {
        self.at_every_level(&|schema| {
            let (read_only, _) = (std::mem::take(&mut schema.read_only), std::mem::take(&mut schema.write_only));
            schema.required.retain(|name| !read_only.contains(name));
        })
    }

    /// The schema of an answer, in which there are no write-only fields.
    #[must_use]
    pub fn of_answer(self) -> Schema {
        self.at_every_level(&|schema| {
            let write_only = std::mem::take(&mut schema.write_only);
            schema.required.retain(|name| !write_only.contains(name));
            schema.properties.retain(|name, _| !write_only.contains(name));
        })
    }

    fn at_every_level(mut self, change: &impl Fn(&mut Schema)) -> Schema {
        change(&mut self);
        self.properties =
            self.properties.into_iter().map(|(name, field)| (name, field.at_every_level(change))).collect();
        self.items = self.items.map(|items| Box::new(items.at_every_level(change)));
        self.keys = self.keys.map(|keys| Box::new(keys.at_every_level(change)));
        if let Additional::Of(value) = self.additional {
            self.additional = Additional::Of(Box::new(value.at_every_level(change)));
        }
        let of_variant = |variant: Variant| Variant { schema: variant.schema.at_every_level(change), ..variant };
        self.variants = self.variants.into_iter().map(of_variant).collect();
        self
    }

    /// Whether a mapping takes only named fields; a schema without fields takes any.
    pub fn takes_only_named(&self) -> bool {
        match self.additional {
            Additional::None => self.types.contains(Type::Object) || !self.properties.is_empty(),
            Additional::Closed => true,
            Additional::Any | Additional::Meaningless | Additional::Of(_) | Additional::Usually(_) => false,
        }
    }

    /// The names of definitions in this schema and below.
    pub fn references(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.visit(&mut |schema| names.extend(schema.reference.as_deref()));
        names
    }

    /// Calls `see` for this schema and every nested one; references are not followed.
    pub fn visit<'s>(&'s self, see: &mut impl FnMut(&'s Schema)) {
        see(self);
        for field in self.properties.values() {
            field.visit(see);
        }
        for below in self.items.iter().chain(&self.keys) {
            below.visit(see);
        }
        if let Additional::Of(below) | Additional::Usually(below) = &self.additional {
            below.visit(see);
        }
        for variant in &self.variants {
            variant.schema.visit(see);
        }
    }
}

/// The schema of an operation's body, with all its definitions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BodySchema {
    root: Schema,
    definitions: BTreeMap<String, Schema>,
}

impl BodySchema {
    /// `definition` gives a definition by its name; unknown ones allow anything.
    ///
    /// # Errors
    ///
    /// The first error of `definition`.
    pub fn gather<E>(root: Schema, mut definition: impl FnMut(&str) -> Result<Option<Schema>, E>) -> Result<Self, E> {
        let mut definitions: BTreeMap<String, Schema> = BTreeMap::new();
        let mut wanted: Vec<String> = root.references().into_iter().map(str::to_owned).collect();
        while let Some(name) = wanted.pop() {
            if let Entry::Vacant(place) = definitions.entry(name) {
                let schema = definition(place.key())?.unwrap_or_default();
                wanted.extend(schema.references().into_iter().map(str::to_owned));
                place.insert(schema);
            }
        }
        Ok(Self { root, definitions })
    }

    /// A schema without definitions.
    pub fn alone(root: Schema) -> Self {
        Self { root, definitions: BTreeMap::new() }
    }

    pub fn root(&self) -> &Schema {
        &self.root
    }

    /// The schema of the body, or of its elements, when it is a list.
    pub fn element(&self) -> &Schema {
        let root = self.resolve(&self.root);
        root.items.as_deref().unwrap_or(root)
    }

    pub fn definitions(&self) -> &BTreeMap<String, Schema> {
        &self.definitions
    }

    /// The definition that a reference points to; any other schema itself.
    pub fn resolve<'s>(&'s self, schema: &'s Schema) -> &'s Schema {
        let mut schema = schema;
        // A definition that is only a reference may be part of a cycle.
        for _ in 0..=self.definitions.len() {
            match schema.reference.as_deref().and_then(|name| self.definitions.get(name)) {
                Some(definition) => schema = definition,
                None => break,
            }
        }
        schema
    }

    /// Whether `null` is allowed, here or by the definition.
    pub fn nullable(&self, schema: &Schema) -> bool {
        schema.nullable || self.resolve(schema).nullable
    }

    /// The kind of resource that a value refers to.
    pub fn referred<'s>(&'s self, schema: &'s Schema) -> Option<Referred<'s>> {
        let mut schemas = [schema, self.resolve(schema)].into_iter();
        schemas.find_map(|schema| schema.kind.as_deref().map(|kind| Referred { kind, by_name: schema.by_name }))
    }
}

/// What a value refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Referred<'s> {
    pub kind: &'s str,
    /// By its name; otherwise by its id.
    pub by_name: bool,
}

impl Referred<'_> {
    /// The attribute that the value is: `name` or `id`.
    pub fn attribute(self) -> &'static str {
        if self.by_name { "name" } else { "id" }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_short_on_disk_and_comes_back_whole() {
        let text = r#"{"type":"object","required":["a"],"properties":{"a":{"type":"integer|string"},"b":{"ref":"B"}}}"#;
        let schema: Schema = serde_json::from_str(text).unwrap();
        assert_eq!(schema.properties["a"].types, Types::of(&[Type::Integer, Type::String]));
        assert_eq!(serde_json::to_string(&schema).unwrap(), text);
    }

    #[test]
    fn a_number_may_be_an_integer_and_not_the_other_way_round() {
        assert!(Types::of(&[Type::Number]).allow(Type::Integer));
        assert!(!Types::of(&[Type::Integer]).allow(Type::Number));
        assert!(Types::default().allow(Type::Array));
    }

    #[test]
    fn definitions_that_name_each_other_are_gathered_once_and_resolve_to_an_end() {
        let body = BodySchema::gather::<()>(Schema::reference("A"), |name| {
            Ok(Some(Schema::reference(if name == "A" { "B" } else { "A" })))
        })
        .unwrap();
        assert_eq!(body.definitions().len(), 2);
        assert!(body.resolve(body.root()).reference.is_some());
        assert_eq!(json!(body.root()), json!({ "ref": "A" }));
    }
}
