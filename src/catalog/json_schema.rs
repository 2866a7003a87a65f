//! Schemas as JSON Schema (draft-07, which editors support best), for editors, and for comparison in tests.

use serde_json::{Map, Value, json};

use super::Catalog;
use super::operation::Operation;
use super::schema::{Additional, BodySchema, Schema, Type};

/// The pattern of a string with a template.
const TEMPLATE: &str = r"\{\{";

/// How strings are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strings {
    /// A string with `{{` is valid everywhere: for plans.
    Templates,
    /// Strings are values as they are sent.
    Plain,
}

impl Catalog {
    /// The complete schema of an operation's body, with `definitions`; `None` without a body.
    pub fn to_json_schema(&self, operation: &Operation) -> Option<Value> {
        self.body_schema(operation).map(|body| to_json_schema(&body, Strings::Templates))
    }

    /// The root schema of an operation's body; it refers to `#/definitions/…` as in
    /// [`Catalog::json_schema_definitions`].
    pub fn json_schema_root(&self, operation: &Operation) -> Option<Value> {
        self.body_schema(operation).map(|body| json_schema(body.root(), Strings::Templates))
    }

    /// Every definition that bodies refer to, by name: for one schema with all operations.
    pub fn json_schema_definitions(&self) -> Map<String, Value> {
        let mut definitions = Map::new();
        for operation in self.operations() {
            let Some(body) = self.body_schema(&operation) else { continue };
            for (name, schema) in body.definitions() {
                if !definitions.contains_key(name) {
                    definitions.insert(name.clone(), json_schema(schema, Strings::Templates));
                }
            }
        }
        definitions.sort_keys();
        definitions
    }
}

/// A complete schema, with its `definitions`.
pub fn to_json_schema(body: &BodySchema, strings: Strings) -> Value {
    let mut root = json_schema(body.root(), strings);
    // Draft-07 ignores keywords next to `$ref`.
    if root.get("$ref").is_some() && !body.definitions().is_empty() {
        root = json!({ "allOf": [root] });
    }
    let definitions: Map<String, Value> =
        body.definitions().iter().map(|(name, schema)| (name.clone(), json_schema(schema, strings))).collect();
    if let Some(fields) = root.as_object_mut()
        && !definitions.is_empty()
    {
        fields.insert("definitions".to_owned(), Value::Object(definitions));
    }
    root
}

/// A schema without definitions, which it refers to as `#/definitions/<name>`.
pub fn json_schema(schema: &Schema, strings: Strings) -> Value {
    let templates = strings == Strings::Templates;
    let mut out = Map::new();
    if let Some(default) = &schema.default {
        out.insert("default".to_owned(), default.clone());
    }
    if let Some(name) = &schema.reference {
        let reference = json!({ "$ref": format!("#/definitions/{name}") });
        if !schema.nullable && out.is_empty() {
            return reference;
        }
        let branches = if schema.nullable { vec![reference, json!({ "type": "null" })] } else { vec![reference] };
        out.insert("anyOf".to_owned(), Value::Array(branches));
        return Value::Object(out);
    }
    if !schema.variants.is_empty() {
        let mut branches: Vec<Value> =
            schema.variants.iter().map(|variant| json_schema(&variant.schema, strings)).collect();
        if schema.nullable {
            branches.push(json!({ "type": "null" }));
        }
        out.insert("anyOf".to_owned(), Value::Array(branches));
        return Value::Object(out);
    }
    if templates && needs_branch(schema) {
        let plain = json_schema_own(schema, false);
        out.insert("anyOf".to_owned(), json!([plain, { "type": "string", "pattern": TEMPLATE }]));
        return Value::Object(out);
    }
    out.extend(json_schema_own(schema, templates));
    if let Some(Value::Object(fields)) = out.get_mut("properties") {
        for (name, field) in &schema.properties {
            fields.insert(name.clone(), json_schema(field, strings));
        }
    }
    if let Some(items) = &schema.items {
        out.insert("items".to_owned(), json_schema(items, strings));
    }
    if templates && is_list(schema) {
        // A list built with `for` and `each`. Its keywords apply to mappings only.
        let each = schema.items.as_ref().map_or(Value::Bool(true), |items| json_schema(items, strings));
        out.insert("required".to_owned(), json!(["for", "each"]));
        out.insert("properties".to_owned(), json!({ "for": true, "each": each }));
        out.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if let Some(keys) = &schema.keys {
        out.insert("propertyNames".to_owned(), json_schema(keys, strings));
    }
    if let Additional::Of(field) = &schema.additional {
        out.insert("additionalProperties".to_owned(), json_schema(field, strings));
    }
    Value::Object(out)
}

/// Whether the values are lists, and no other composite type.
fn is_list(schema: &Schema) -> bool {
    schema.types.contains(Type::Array) && !schema.types.contains(Type::Object)
}

/// Whether the limits would reject a template, so that templates need a branch of their own. Others apply only to
/// values of their type.
fn needs_branch(schema: &Schema) -> bool {
    !schema.values.is_empty() || (schema.types.contains(Type::String) && schema.max_length.is_some())
}

/// The types of a value; with `templates`, also those of a template in its place. Empty when any is valid.
fn json_types(schema: &Schema, templates: bool) -> Vec<&'static str> {
    let mut types: Vec<&str> = schema.types.iter().map(Type::as_str).collect();
    let bounded = !types.is_empty();
    if bounded && templates && !schema.types.contains(Type::String) {
        types.push("string");
    }
    if templates && is_list(schema) {
        types.push("object");
    }
    if bounded && schema.nullable {
        types.push("null");
    }
    types
}

/// The pattern of a text; with `templates`, a template matches as well.
fn json_pattern(schema: &Schema, templates: bool) -> Option<String> {
    match (&schema.pattern, templates && !schema.types.is_empty()) {
        (Some(own), true) => Some(format!("(?:{own})|{TEMPLATE}")),
        (Some(own), false) => Some(own.clone()),
        (None, true) if !schema.types.contains(Type::String) => Some(TEMPLATE.to_owned()),
        (None, _) => None,
    }
}

/// The keywords of a schema without those for fields and elements.
fn json_schema_own(schema: &Schema, templates: bool) -> Map<String, Value> {
    let mut out = Map::new();
    let mut say = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(name.to_owned(), value);
        }
    };
    say(
        "type",
        match json_types(schema, templates).as_slice() {
            [] => None,
            [one] => Some(json!(one)),
            several => Some(json!(several)),
        },
    );
    say("pattern", json_pattern(schema, templates).map(Value::from));
    say("format", schema.format.clone().filter(|_| !templates).map(Value::from));
    say("minLength", schema.min_length.map(Value::from));
    say("maxLength", schema.max_length.map(Value::from));
    for (bound, plain, exclusive) in
        [(&schema.minimum, "minimum", "exclusiveMinimum"), (&schema.maximum, "maximum", "exclusiveMaximum")]
    {
        if let Some(bound) = bound {
            let name = if bound.exclusive { exclusive } else { plain };
            say(name, Some(Value::Number(bound.value.clone())));
        }
    }
    say("minItems", schema.min_items.map(Value::from));
    say("maxItems", schema.max_items.map(Value::from));
    say("uniqueItems", schema.unique_items.then_some(Value::Bool(true)));
    say("minProperties", schema.min_properties.map(Value::from));
    say("maxProperties", schema.max_properties.map(Value::from));
    if !schema.values.is_empty() {
        let null = schema.nullable.then_some(Value::Null);
        say("enum", Some(schema.values.iter().cloned().chain(null).collect()));
    }
    if !schema.required.is_empty() {
        say("required", Some(json!(schema.required)));
    }
    if !schema.properties.is_empty() {
        say("properties", Some(json!({})));
    }
    say("additionalProperties", schema.takes_only_named().then_some(Value::Bool(false)));
    say("deprecated", schema.deprecated.then_some(Value::Bool(true)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Route;

    fn validator(call: &str) -> jsonschema::Validator {
        let route = Route::parse(&call.replace("PR", "{project_id}/{region_id}")).unwrap();
        let operation = Catalog::embedded().find(&route).unwrap();
        let schema = Catalog::embedded().to_json_schema(&operation).unwrap();
        jsonschema::draft7::new(&schema).unwrap()
    }

    #[test]
    fn a_template_may_stand_for_any_value_and_other_text_may_not() {
        let volume = validator("POST /cloud/v1/volumes/PR");
        let body = |size: Value, kind: &str| json!({ "name": "data", "source": "new-volume", "size": size, "type_name": kind });
        assert!(volume.is_valid(&body(json!(5), "standard")));
        assert!(volume.is_valid(&body(json!("{{ inputs.size }}"), "{{ inputs.type }}")));
        assert!(!volume.is_valid(&body(json!("5"), "standard")));
        assert!(!volume.is_valid(&body(json!(5), "no such type")));
        assert!(!volume.is_valid(&body(json!(0), "standard")));
    }

    #[test]
    fn a_list_or_a_mapping_may_be_a_template_and_a_name_may_hold_one() {
        let machine = validator("POST /cloud/v2/instances/PR");
        let body = json!({
            "name": "{{ environment }}-web",
            "flavor": "{{ inputs.flavor }}",
            "volumes": "{{ inputs.volumes }}",
            "interfaces": [{ "type": "external" }, "{{ inputs.interface }}"],
            "tags": { "team": "{{ inputs.team }}" },
        });
        assert!(machine.is_valid(&body));
        let mut misspelt = body.clone();
        misspelt["flavour"] = json!("x");
        assert!(!machine.is_valid(&misspelt));
        for (interfaces, is_valid) in [
            (json!({ "for": "{{ inputs.nets }}", "each": { "type": "any_subnet", "network_id": "{{ item }}" } }), true),
            (json!({ "for": ["a"], "each": { "tpye": "external" } }), false),
            (json!({ "for": ["a"] }), false),
            (json!({ "for": ["a"], "each": { "type": "external" }, "when": true }), false),
        ] {
            let mut made_from = body.clone();
            made_from["interfaces"] = interfaces;
            assert_eq!(machine.is_valid(&made_from), is_valid, "{made_from}");
        }
    }

    #[test]
    fn definitions_serve_every_operation() {
        let definitions = Catalog::embedded().json_schema_definitions();
        let roots: Vec<Value> = Catalog::embedded()
            .operations()
            .filter_map(|operation| Catalog::embedded().json_schema_root(&operation))
            .collect();
        assert_eq!(roots.len(), 377);
        let all = json!({ "anyOf": roots, "definitions": definitions });
        assert!(
            jsonschema::draft7::new(&all).unwrap().is_valid(&json!({ "name": "demo-net", "create_router": false }))
        );
    }
}
