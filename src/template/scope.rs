//! The scope as the engine sees it: only the names that a program refers to.

use std::path::PathBuf;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Serde};
use minijinja::{Error, ErrorKind, Value};

use super::Scope;
use super::uses::Uses;
use crate::secret::Secrets;

/// The name under which functions find the [`FunctionContext`]; it cannot be used in a template.
pub(super) const SURROUNDINGS: &str = "\0surroundings";

/// What functions need in addition to their arguments.
#[derive(Debug)]
pub(super) struct FunctionContext {
    pub folder: PathBuf,
    pub secrets: Option<Secrets>,
}

impl Object for FunctionContext {}

/// A JSON value as templates see it.
pub fn value_of(value: &serde_json::Value) -> Value {
    Value::from(Serde(value))
}

/// The results of a skipped step: all are undefined.
pub fn skipped_step() -> Value {
    Value::from_object(Skipped)
}

/// The results of a step with `for_each` of which no instance runs.
pub fn no_instances() -> Value {
    value_of(&serde_json::json!({ "all": [], "ids": [], "each": {}, "outcome": "succeeded" }))
}

#[derive(Debug)]
struct Skipped;

impl Object for Skipped {
    fn is_true(self: &Arc<Self>) -> bool {
        false
    }
}

pub(super) fn is_skipped(value: &Value) -> bool {
    value.downcast_object_ref::<Skipped>().is_some()
}

/// The root of all look-ups.
#[derive(Debug)]
struct Root {
    entries: Vec<(&'static str, Value)>,
}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.entries.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone())
    }
}

/// `inputs` and `steps`, as far as they are referred to.
#[derive(Debug)]
struct Named {
    entries: Vec<(String, Value)>,
    /// All existing names, for suggestions; and the message for an unknown one.
    names: Vec<String>,
    missing: Option<&'static str>,
}

impl Object for Named {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let found = self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
        found.or_else(|| {
            let words = self.missing?;
            Some(Value::from(Error::new(ErrorKind::InvalidOperation, format!("`{key}` {words}"))))
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.names.iter().map(|name| Value::from(name.as_str())).collect())
    }
}

/// Builds the root for one evaluation of a program with the references `uses`.
pub(super) fn root(scope: &Scope<'_>, uses: &Uses) -> Value {
    let mut entries = Vec::with_capacity(4);
    if !uses.inputs.is_empty() {
        let mut inputs: Vec<(String, Value)> = Vec::with_capacity(uses.inputs.len());
        for input in &uses.inputs {
            if let Some(value) = scope.inputs.get(input.name.as_str())
                && !inputs.iter().any(|(name, _)| input.name == *name)
            {
                inputs.push((input.name.to_string(), value.clone()));
            }
        }
        let names = inputs.iter().map(|(name, _)| name.clone()).collect();
        entries.push(("inputs", Value::from_object(Named { entries: inputs, names, missing: None })));
    }
    if !uses.steps.is_empty() {
        let mut steps: Vec<(String, Value)> = Vec::with_capacity(uses.steps.len());
        for reference in &uses.steps {
            if let Some(results) = scope.steps.get(&reference.step)
                && !steps.iter().any(|(name, _)| name == reference.step.as_str())
            {
                steps.push((reference.step.to_string(), results.clone()));
            }
        }
        let names = steps.iter().map(|(name, _)| name.clone()).collect();
        let missing = Some("is a step without results at this point");
        entries.push(("steps", Value::from_object(Named { entries: steps, names, missing })));
    }
    for used in &uses.names {
        if entries.iter().any(|(name, _)| *name == used.name) {
            continue;
        }
        if let Some(value) = named(scope, used.name) {
            entries.push((used.name, value));
        }
    }
    if uses.surroundings {
        let surroundings = FunctionContext { folder: scope.folder.to_owned(), secrets: scope.secrets.cloned() };
        entries.push((SURROUNDINGS, Value::from_object(surroundings)));
    }
    Value::from_object(Root { entries })
}

fn named(scope: &Scope<'_>, name: &str) -> Option<Value> {
    match name {
        "environment" => Some(Value::from(scope.environment)),
        "project_id" => scope.project_id.map(Value::from),
        "region_id" => scope.region_id.map(Value::from),
        "each" => scope.each.map(|each| {
            Value::from_pairs([
                ("key", Value::from(each.key.as_str())),
                ("value", value_of(&each.value)),
                ("index", Value::from(each.index)),
            ])
        }),
        "records" => scope.records.cloned(),
        "self" => scope.this.cloned(),
        "resource" => scope.resource.map(value_of),
        "item" => scope.item.map(|item| value_of(&item.value)),
        "key" => scope.item.map(|item| Value::from(item.key.as_str())),
        "index" => scope.item.map(|item| Value::from(item.index)),
        _ => None,
    }
}
