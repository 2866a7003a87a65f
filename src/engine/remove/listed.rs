//! Whether a list still shows what a call deletes, where the API has no read of it alone.

use serde_json::Value;

use crate::api::{ReadError, Request};
use crate::catalog::{Catalog, Method, Resource};
use crate::engine::context::RunContext;
use crate::engine::made::resource_of;
use crate::engine::operation::operation_of;
use crate::engine::pages::{ListReader, ReadFailure, items};
use crate::engine::paths::fill_path;
use crate::journal::{RecordedCall, RecordedResource, id_text};

/// The list that shows a resource.
#[derive(Debug, PartialEq)]
pub(super) struct Listed {
    path: String,
    /// Where its answer has the elements, when that is not the only list in it.
    at: String,
    /// The field of its elements with the id; `None` when it is not known which one has it.
    id_field: Option<String>,
    id: String,
}

/// The list that shows what a DELETE removes: that of its kind, or the collection above its path. `None` without one.
pub(super) fn listed_at(catalog: &Catalog, made: Option<&RecordedResource>, call: &RecordedCall) -> Option<Listed> {
    let is_list = |path: &String| catalog.matching(Method::Get, path).is_some();
    if call.method != Method::Delete {
        return None;
    }
    let of_kind = || {
        let made = made?;
        let kind = made.kind.as_deref()?;
        let (operation, parameters) = operation_of(catalog, call)?;
        // One kind can have several versions of the API.
        let creators = catalog.creators_of(kind);
        let mut resources = creators.iter().filter_map(|creator| creator.creates.as_ref()?.resource.clone());
        let deletes =
            |resource: &Resource| resource.delete.as_ref().is_some_and(|delete| delete.path == operation.route.path);
        let list = resources.find(deletes).or_else(|| resource_of(catalog, kind))?.list?;
        let path = Some(fill_path(&list.path, &parameters, "", "")?).filter(is_list)?;
        Some(Listed { path, at: list.items_at, id_field: Some(list.id_field), id: id_text(made.id.as_deref()?) })
    };
    let above = || {
        let (operation, _) = operation_of(catalog, call)?;
        let (collection, parameter) = operation.route.path.rsplit_once('/')?;
        if !parameter.starts_with('{') || collection.ends_with('}') {
            return None;
        }
        let (above, last) = call.path.rsplit_once('/')?;
        let path = Some(above.to_owned()).filter(is_list)?;
        let id = percent_encoding::percent_decode_str(last).decode_utf8_lossy().into_owned();
        Some(Listed { path, at: String::new(), id_field: None, id })
    };
    of_kind().or_else(above)
}

impl Listed {
    /// Whether the list shows the resource.
    ///
    /// # Errors
    ///
    /// When the list cannot be read, or does not say it.
    pub(super) async fn shows(&self, context: &RunContext) -> Result<bool, ReadError> {
        let (operation, _) = context.catalog.matching(Method::Get, &self.path).unzip();
        let reader =
            ListReader { client: &context.client, retried_statuses: &[], permits: None, most_items: usize::MAX };
        let failed = |cause: &str| ReadError::Failed { cause: cause.to_owned(), attempts: 1 };
        let read = reader.read_all(&Request::get(self.path.clone()), operation.as_deref()).await;
        let complete = read.map_err(|failure| match failure {
            ReadFailure::Read(error) => error,
            ReadFailure::TooMany { .. } => failed("its list is too long"),
        })?;
        let listed = complete.answer.pointer(&self.at).and_then(Value::as_array);
        let listed = listed.or_else(|| items(&complete.answer)).ok_or_else(|| ReadError::not_a_list(&self.path))?;
        match (listed.iter().any(|item| self.is(item)), complete.missing) {
            (false, Some(_)) => Err(failed("its list is not complete")),
            (is_shown, _) => Ok(is_shown),
        }
    }

    /// Whether an element of the list is the resource. One that shows no id may be it.
    fn is(&self, item: &Value) -> bool {
        const IDS: [&str; 3] = ["id", "uuid", "name"];
        let is_id = |value: &Value| id_text(value) == self.id;
        let fields = || self.id_field.as_deref().into_iter().chain(IDS).filter_map(|field| item.get(field));
        match item {
            Value::Object(_) => fields().next().is_none() || fields().any(is_id),
            scalar => is_id(scalar),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_read_alone_is_looked_for_in_the_list_of_its_kind_or_above_its_path() {
        let catalog = Catalog::embedded();
        for (kind, id, path, list, at, id_field) in [
            (
                Some("storage_buckets"),
                json!("pictures"),
                "/storage/provisioning/v1/storage/7/s3/bucket/pictures",
                "/storage/provisioning/v2/storage/7/s3/buckets",
                "/results",
                Some("name"),
            ),
            (
                Some("storage_ssh_keys"),
                json!(7),
                "/storage/provisioning/v1/key/7",
                "/storage/provisioning/v2/key",
                "/data",
                Some("id"),
            ),
            (
                Some("cdn_preset_uses"),
                json!(12),
                "/cdn/presets/3/applied/12",
                "/cdn/presets/3/applied",
                "/object_ids",
                Some("object_id"),
            ),
            (None, json!(null), "/storage/provisioning/v1/key/9", "/storage/provisioning/v1/key", "", None),
        ] {
            let call = RecordedCall::new(Method::Delete, path);
            let id = Some(id).filter(|id| !id.is_null());
            let made = RecordedResource {
                kind: kind.map(str::to_owned),
                id: id.clone().map(Into::into),
                ..RecordedResource::default()
            };
            let id = id.map_or_else(|| "9".to_owned(), |id| id_text(&id));
            let (path, at) = (list.to_owned(), at.to_owned());
            let expected = Listed { path, at, id_field: id_field.map(str::to_owned), id };
            assert_eq!(listed_at(catalog, Some(&made), &call), Some(expected), "{list}");
        }
        for (method, path) in [
            (Method::Delete, "/nothing/of/the/catalogue/1"),
            (Method::Delete, "/storage/provisioning/v1/storage/7/s3/bucket/pictures/lifecycle"),
            (Method::Patch, "/cdn/resources/7"),
        ] {
            assert_eq!(listed_at(catalog, None, &RecordedCall::new(method, path)), None, "{path}");
        }
    }

    #[test]
    fn an_element_is_recognised_by_its_id() {
        let listed = |id_field: Option<&str>, id: &str| Listed {
            path: String::new(),
            at: String::new(),
            id_field: id_field.map(str::to_owned),
            id: id.to_owned(),
        };
        for (field, id, item, is) in [
            (Some("id"), "7", json!({ "id": 7, "name": "x" }), true),
            (Some("id"), "7", json!({ "id": "7" }), true),
            (Some("id"), "7", json!({ "id": 8, "name": "x" }), false),
            (Some("object_id"), "7", json!(7), true),
            (Some("object_id"), "7", json!(8), false),
            (None, "pictures", json!({ "id": 1, "name": "pictures" }), true),
            // It shows no id.
            (None, "7", json!({ "title": "x" }), true),
        ] {
            assert_eq!(listed(field, id).is(&item), is, "{item}");
        }
    }
}
