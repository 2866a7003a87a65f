//! A parsed OpenAPI document, and the references in it.

use serde_json::{Map, Value};

use crate::catalog::CatalogError;
use crate::hash::IndexMap;

/// The most references in a row before they count as circular.
const DEEPEST: usize = 64;

pub(in crate::catalog) struct Document {
    root: Value,
}

impl Document {
    /// Parses JSON or YAML.
    ///
    /// # Errors
    ///
    /// When the text cannot be parsed, or has no `paths`.
    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        let root = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| CatalogError::Document(error.to_string()))?
        } else {
            let yaml: serde_yaml::Value =
                serde_yaml::from_str(text).map_err(|error| CatalogError::Document(error.to_string()))?;
            json(yaml)?
        };
        Self::new(root)
    }

    /// An empty document.
    pub fn empty() -> Self {
        Self { root: Value::Null }
    }

    /// Whether some of its paths begin with this segment.
    pub fn is_about(&self, root: &str) -> bool {
        self.paths().any(|(path, _)| crate::catalog::root_of(path) == root)
    }

    /// The document with this content.
    ///
    /// # Errors
    ///
    /// When it has no `paths`.
    pub fn new(root: Value) -> Result<Self, CatalogError> {
        if root.get("paths").is_some_and(Value::is_object) {
            Ok(Self { root })
        } else {
            Err(CatalogError::Document("it has no `paths`".to_owned()))
        }
    }

    /// The document with other schemas under these names.
    pub fn corrected(&self, schemas: &IndexMap<String, Value>) -> Self {
        let mut root = self.root.clone();
        if let Some(Value::Object(own)) = root.pointer_mut("/components/schemas") {
            own.extend(
                schemas
                    .iter()
                    .filter(|(name, _)| own.contains_key(*name))
                    .map(|(n, s)| (n.clone(), s.clone()))
                    .collect::<Vec<_>>(),
            );
        }
        Self { root }
    }

    pub fn paths(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.root.get("paths").and_then(Value::as_object).into_iter().flatten()
    }

    /// The schema of the JSON body of a call, given as `METHOD /path`.
    ///
    /// # Errors
    ///
    /// When a reference leads nowhere, or back to itself.
    pub fn body_of(&self, call: &str) -> Result<Option<&Value>, CatalogError> {
        let (method, path) = call.split_once(' ').unwrap_or_default();
        let item = self.root.get("paths").and_then(|paths| paths.get(path));
        let body = item.and_then(|item| item.get(method.to_lowercase())?.get("requestBody"));
        let Some(body) = body else { return Ok(None) };
        Ok(self.resolve(body)?.pointer("/content/application~1json/schema"))
    }

    /// The document's own schema with this name.
    pub fn schema(&self, name: &str) -> Option<&Value> {
        self.root.pointer("/components/schemas")?.get(name)
    }

    /// Follows `$ref` to its target.
    ///
    /// # Errors
    ///
    /// When a reference leads nowhere, or back to itself.
    pub fn resolve<'d>(&'d self, value: &'d Value) -> Result<&'d Value, CatalogError> {
        let mut value = value;
        for _ in 0..DEEPEST {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Ok(value) };
            value = reference
                .strip_prefix('#')
                .and_then(|pointer| self.root.pointer(pointer))
                .ok_or_else(|| CatalogError::Reference(reference.to_owned()))?;
        }
        Err(CatalogError::Reference("a reference leads back to itself".to_owned()))
    }
}

/// The name of the document's own schema that a reference points to.
pub(super) fn schema_name(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/").filter(|name| !name.contains('/'))
}

/// Converts YAML to JSON: keys become text, as in `200:`.
fn json(value: serde_yaml::Value) -> Result<Value, CatalogError> {
    Ok(match value {
        serde_yaml::Value::Mapping(fields) => {
            let mut map = Map::new();
            for (key, field) in fields {
                let key = match json(key)? {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                map.insert(key, json(field)?);
            }
            Value::Object(map)
        }
        serde_yaml::Value::Sequence(items) => Value::Array(items.into_iter().map(json).collect::<Result<_, _>>()?),
        serde_yaml::Value::Tagged(tagged) => json(tagged.value)?,
        scalar => serde_json::to_value(scalar).map_err(|error| CatalogError::Document(error.to_string()))?,
    })
}
