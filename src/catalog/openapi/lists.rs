//! How a collection is searched for one resource, derived from the operation that lists it.

use serde_json::{Map, Value};

use super::{Reader, text};
use crate::catalog::CatalogError;
use crate::catalog::knowledge::KnownResource;
use crate::catalog::operation::ListCall;

impl Reader<'_> {
    /// `None` when the document has no such operation, or its answer has no such list.
    pub(super) fn list_call(&self, known: &KnownResource, path: &str) -> Result<Option<ListCall>, CatalogError> {
        let item = self.document.paths().find(|(listed, _)| *listed == path).map(|(_, item)| item);
        let Some(raw) = item.and_then(|item| item.get("get")) else { return Ok(None) };
        let Some(fields) = self.fields_of_items(raw, &known.items_at)? else { return Ok(None) };
        let takes = |name: &str| self.raw_query(path, "get", name);
        let tags_field = self.tags_field(&fields)?;
        Ok(Some(ListCall {
            name_parameter: self.name_parameter(known, path)?,
            by_tag: takes("tag_key_value")?.is_some(),
            paged: takes("limit")?.is_some() && takes("offset")?.is_some(),
            longest_page: known.page,
            numbered: takes("page")?.is_some(),
            items_at: known.items_at.clone(),
            id_field: id_field(known, &fields),
            name_field: known.name.clone().or_else(|| Some("name".to_owned())).filter(|name| fields.contains_key(name)),
            creator_task: fields.contains_key("creator_task_id"),
            tags: tags_field.is_some(),
            tags_field,
            remark_field: known.remark.clone().filter(|remark| {
                let outer = remark.split_once('/').map_or(remark.as_str(), |(outer, _)| outer);
                fields.contains_key(outer)
            }),
            path: path.to_owned(),
        }))
    }

    /// The fields of an element; of its first variant when there are several.
    fn fields_of_items(&self, raw: &Value, items_at: &str) -> Result<Option<Map<String, Value>>, CatalogError> {
        let Some(answer) = self.answer(raw)? else { return Ok(None) };
        let item = match self.array(answer, items_at)? {
            Some(array) => array.get("items").or_else(|| array.pointer("/anyOf/0/items")),
            // The document shows one item in the place of the list.
            None => Some(answer),
        };
        let Some(item) = item else { return Ok(None) };
        let mut item = self.document.resolve(item)?;
        let variants = ["oneOf", "anyOf"].into_iter().find_map(|word| item.get(word)?.get(0));
        if let Some(first) = variants {
            item = self.document.resolve(first)?;
        }
        let mut fields = Map::new();
        self.fields_of(item, &mut fields)?;
        Ok(Some(fields))
    }

    /// The array in an answer; in the alternative that has one.
    fn array<'a>(&'a self, answer: &'a Value, items_at: &str) -> Result<Option<&'a Value>, CatalogError> {
        for word in ["oneOf", "anyOf"] {
            for alternative in answer.get(word).and_then(Value::as_array).into_iter().flatten() {
                if let Some(array) = self.array(self.document.resolve(alternative)?, items_at)? {
                    return Ok(Some(array));
                }
            }
        }
        if items_at.is_empty() {
            return Ok(Some(answer).filter(|answer| answer.get("items").is_some()));
        }
        let named = items_at.trim_start_matches('/').split('/');
        let mut at = answer;
        for name in named {
            match self.field_of(at, name)? {
                Some(field) => at = field,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// A field of a schema, or of a part of it.
    fn field_of<'a>(&'a self, shape: &'a Value, name: &str) -> Result<Option<&'a Value>, CatalogError> {
        if let Some(field) = shape.get("properties").and_then(|fields| fields.get(name)) {
            return self.document.resolve(field).map(Some);
        }
        // The last part takes precedence: it refines the first.
        for part in shape.get("allOf").and_then(Value::as_array).into_iter().flatten().rev() {
            if let Some(field) = self.field_of(self.document.resolve(part)?, name)? {
                return Ok(Some(field));
            }
        }
        Ok(None)
    }

    /// The fields of a schema and of its parts.
    fn fields_of(&self, shape: &Value, fields: &mut Map<String, Value>) -> Result<(), CatalogError> {
        for part in shape.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.fields_of(self.document.resolve(part)?, fields)?;
        }
        fields.extend(shape.get("properties").and_then(Value::as_object).cloned().unwrap_or_default());
        Ok(())
    }

    fn name_parameter(&self, known: &KnownResource, path: &str) -> Result<Option<String>, CatalogError> {
        for name in known.name.iter().map(String::as_str).chain(["name", "name_part"]) {
            let parameter = self.raw_query(path, "get", name)?;
            // Some operations have a filter object there, which is not a name.
            if parameter.is_some_and(|parameter| text(parameter.pointer("/schema/type")) == "string") {
                return Ok(Some(name.to_owned()));
            }
            if known.name.is_some() {
                // A filter by another field would find other resources.
                break;
            }
        }
        Ok(None)
    }

    fn tags_field(&self, fields: &Map<String, Value>) -> Result<Option<String>, CatalogError> {
        for name in ["tags_v2", "tags"] {
            let Some(field) = fields.get(name) else { continue };
            let field = self.document.resolve(field)?;
            let mapping = field.get("additionalProperties").is_some_and(Value::is_object);
            let pairs = match field.get("items") {
                Some(item) => self.document.resolve(item)?.pointer("/properties/key").is_some(),
                None => false,
            };
            if mapping || pairs {
                return Ok(Some(name.to_owned()));
            }
        }
        Ok(None)
    }
}

fn id_field(known: &KnownResource, fields: &Map<String, Value>) -> String {
    if let Some(id) = known.id.as_ref().filter(|_| fields.is_empty()) {
        // The elements are ids.
        return id.clone();
    }
    let own = known.parameter();
    // A number is never the name.
    let name = || [known.name.as_deref(), Some("name")].into_iter().filter(|_| !known.integer).flatten();
    let candidates = [known.id.as_deref(), Some("id"), Some(own.as_str())].into_iter().flatten().chain(name());
    let found = candidates.into_iter().find(|name| fields.contains_key(*name));
    found.unwrap_or("id").to_owned()
}
