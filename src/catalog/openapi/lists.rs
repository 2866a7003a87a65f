//! How a collection is looked through for one of its members: read off the call that lists it.

use serde_json::{Map, Value};

use super::{Reader, text};
use crate::catalog::CatalogError;
use crate::catalog::knowledge::KnownResource;
use crate::catalog::operation::ListCall;

impl Reader<'_> {
    /// `None` when the document has no such call, or its answer no such list.
    pub(super) fn list_call(&self, known: &KnownResource, path: &str) -> Result<Option<ListCall>, CatalogError> {
        let item = self.document.paths().find(|(listed, _)| *listed == path).map(|(_, item)| item);
        let Some(raw) = item.and_then(|item| item.get("get")) else { return Ok(None) };
        let Some(fields) = self.fields_of_items(raw, &known.items_at)? else { return Ok(None) };
        let takes = |name: &str| self.raw_query(path, "get", name);
        let tags_field = self.tags_field(&fields)?;
        Ok(Some(ListCall {
            name_parameter: self.name_parameter(path)?,
            by_tag: takes("tag_key_value")?.is_some(),
            paged: takes("limit")?.is_some() && takes("offset")?.is_some(),
            items_at: known.items_at.clone(),
            id_field: id_field(known, &fields),
            name_field: known.name.clone().or_else(|| Some("name".to_owned())).filter(|name| fields.contains_key(name)),
            creator_task: fields.contains_key("creator_task_id"),
            tags: tags_field.is_some(),
            tags_field,
            path: path.to_owned(),
        }))
    }

    /// The fields of an element; of its first variant when there are several.
    fn fields_of_items(&self, raw: &Value, items_at: &str) -> Result<Option<Map<String, Value>>, CatalogError> {
        let Some(answer) = self.answer(raw)? else { return Ok(None) };
        let array = answer.get("properties").and_then(|fields| fields.get(items_at.trim_start_matches('/')));
        let Some(array) = array else { return Ok(None) };
        let array = self.document.resolve(array)?;
        let Some(item) = array.get("items").or_else(|| array.pointer("/anyOf/0/items")) else { return Ok(None) };
        let mut item = self.document.resolve(item)?;
        let variants = ["oneOf", "anyOf"].into_iter().find_map(|word| item.get(word)?.get(0));
        if let Some(first) = variants {
            item = self.document.resolve(first)?;
        }
        Ok(item.get("properties").and_then(Value::as_object).cloned())
    }

    fn name_parameter(&self, path: &str) -> Result<Option<String>, CatalogError> {
        for name in ["name", "name_part"] {
            let parameter = self.raw_query(path, "get", name)?;
            // Some take a filter of their own shape there: not a name.
            if parameter.is_some_and(|parameter| text(parameter.pointer("/schema/type")) == "string") {
                return Ok(Some(name.to_owned()));
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
    let own = known.parameter();
    let candidates = [known.id.as_deref(), Some("id"), Some(own.as_str()), known.name.as_deref(), Some("name")];
    let found = candidates.into_iter().flatten().find(|name| fields.contains_key(*name));
    found.unwrap_or("id").to_owned()
}
