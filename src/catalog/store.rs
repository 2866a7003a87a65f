//! The catalogue's data files: text with one fact per line, readable and comparable.
//!
//! A line of `operations.txt` has `METHOD /path`, a tab and the operation as JSON, sorted by path and method; one of
//! `schemas.txt` the name of a definition, a tab and its schema, sorted by name; `answers.txt` has both for answers.
//! The binary contains them compressed.

use serde::{Deserialize, Serialize};

use super::CatalogError;
use super::facts::{Answer, Facts, is_default};
use super::operation::{BodyUse, Creates, Effect, Operation, Parameter, Route, ValueAt};
use super::ready::Ready;
use super::routes::parameter_name;
use super::schema::{Schema, Type, Types};

/// The data files of one product.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Texts {
    pub operations: String,
    pub schemas: String,
    /// Empty for the Cloud API.
    pub answers: String,
}

impl Texts {
    pub fn write(facts: &Facts) -> Texts {
        let mut texts = Texts::default();
        for operation in &facts.operations {
            let line = json(&Stored::from(operation));
            texts.operations += &format!("{}\t{line}\n", operation.route);
        }
        for (name, schema) in &facts.schemas {
            texts.schemas += &format!("{name}\t{}\n", json(schema));
        }
        for (route, answer) in &facts.answers {
            texts.answers += &format!("{route}\t{}\n", json(answer));
        }
        for (name, schema) in &facts.answer_schemas {
            texts.answers += &format!("{name}\t{}\n", json(schema));
        }
        texts
    }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("facts are plain data, which JSON can hold")
}

/// Parses a line of `schemas.txt` without its name.
pub(super) fn schema(json: &str) -> Result<Schema, CatalogError> {
    serde_json::from_str(json).map_err(|error| CatalogError::Document(error.to_string()))
}

/// Parses a line of `answers.txt` without its route.
pub(super) fn answer(json: &str) -> Result<Answer, CatalogError> {
    serde_json::from_str(json).map_err(|error| CatalogError::Document(error.to_string()))
}

/// Parses a line of `operations.txt` without its route.
pub(super) fn operation(route: Route, json: &str) -> Result<Operation, CatalogError> {
    let stored: Stored = serde_json::from_str(json).map_err(|error| CatalogError::Document(error.to_string()))?;
    Ok(stored.operation(route))
}

/// Whether a stored operation creates a resource, without parsing its JSON.
pub(super) fn creates(json: &str) -> bool {
    json.contains(r#""creates":{"#)
}

/// An operation as stored, without default values.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Stored {
    tag: String,
    id: String,
    effect: Effect,
    #[serde(rename = "async", default, skip_serializing_if = "is_default")]
    asynchronous: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    tasks: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    no_op: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    deprecated: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    successor: Option<String>,
    /// Path parameters other than plain integers.
    #[serde(default, skip_serializing_if = "is_default")]
    path: Vec<StoredParameter>,
    #[serde(default, skip_serializing_if = "is_default")]
    query: Vec<StoredParameter>,
    #[serde(default, skip_serializing_if = "is_default")]
    body: Option<Schema>,
    #[serde(default, skip_serializing_if = "is_default")]
    body_required: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    takes_tags: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    creates: Option<Creates>,
    #[serde(default, skip_serializing_if = "is_default")]
    also_makes: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    locks: Vec<ValueAt>,
    #[serde(default, skip_serializing_if = "is_default")]
    ready: Option<Ready>,
    #[serde(default, skip_serializing_if = "is_default")]
    content: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    files: Vec<String>,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct StoredParameter {
    name: String,
    #[serde(default, skip_serializing_if = "is_default")]
    required: bool,
    schema: Schema,
}

fn usual_path_parameter() -> Schema {
    Schema { types: Types::of(&[Type::Integer]), ..Schema::default() }
}

impl From<&Operation> for Stored {
    fn from(operation: &Operation) -> Self {
        let path = operation.path_parameters.iter().filter(|parameter| parameter.schema != usual_path_parameter());
        Stored {
            tag: operation.tag.clone(),
            id: operation.operation_id.clone(),
            effect: operation.effect,
            asynchronous: operation.asynchronous,
            tasks: operation.task_types.clone(),
            no_op: operation.may_be_no_op,
            deprecated: operation.deprecated,
            successor: operation.successor.as_ref().map(Route::to_string),
            path: path
                .map(|parameter| StoredParameter {
                    name: parameter.name.clone(),
                    required: false,
                    schema: parameter.schema.clone(),
                })
                .collect(),
            query: operation
                .query_parameters
                .iter()
                .map(|parameter| StoredParameter {
                    name: parameter.name.clone(),
                    required: parameter.required,
                    schema: parameter.schema.clone(),
                })
                .collect(),
            body: operation.body_schema.clone(),
            body_required: operation.body == BodyUse::Required,
            takes_tags: operation.takes_tags,
            creates: operation.creates.clone(),
            also_makes: operation.also_makes.clone(),
            locks: operation.locks.iter().chain(&operation.locks_else).cloned().collect(),
            ready: operation.ready.clone(),
            content: operation.media_types.clone(),
            files: operation.file_fields.clone(),
        }
    }
}

impl Stored {
    fn operation(self, route: Route) -> Operation {
        let mut unusual = self.path;
        let placeholders = route.path.split('/').filter_map(parameter_name);
        let path_parameters = placeholders
            .map(|name| {
                let at = unusual.iter().position(|parameter| parameter.name == name);
                let schema = at.map_or_else(usual_path_parameter, |at| unusual.swap_remove(at).schema);
                Parameter::new(name, true, schema)
            })
            .collect();
        let query_parameters = self
            .query
            .into_iter()
            .map(|parameter| Parameter::new(parameter.name, parameter.required, parameter.schema))
            .collect();
        let mut locks = self.locks.into_iter();
        Operation {
            tag: self.tag,
            operation_id: self.id,
            effect: self.effect,
            asynchronous: self.asynchronous,
            task_types: self.tasks,
            may_be_no_op: self.no_op,
            deprecated: self.deprecated,
            successor: self.successor.as_deref().and_then(Route::parse),
            path_parameters,
            query_parameters,
            ready: self.ready,
            media_types: self.content,
            file_fields: self.files,
            body: match (&self.body, self.body_required) {
                (None, false) => BodyUse::None,
                (_, true) => BodyUse::Required,
                (Some(_), false) => BodyUse::Optional,
            },
            takes_tags: self.takes_tags,
            creates: self.creates,
            also_makes: self.also_makes,
            locks: locks.next(),
            locks_else: locks.collect(),
            body_schema: self.body,
            route,
        }
    }
}
