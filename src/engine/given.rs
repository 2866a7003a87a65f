//! A resource that the user names by its id: read, so that a decision is about a resource that exists, and is not
//! another's.

use serde_json::Value;

use super::evidence::tags::{STAMP, STAMP_ATTEMPT, others_stamp, stamp_value, tag};
use super::operation::operation_of;
use super::pages::{Paging, pages};
use super::paths::fill_path;
use crate::api::{Client, ReadError, Request};
use crate::catalog::update::shown_at;
use crate::catalog::{Catalog, ListCall};
use crate::id::InstanceId;
use crate::journal::{RecordedCall, id_text};

/// What the API shows under an id.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    There(Box<Value>),
    Missing,
    /// The catalogue knows no read for what the call creates.
    Unread,
}

/// Reads what a create may have made, by its id (or name, where the API addresses it by name).
///
/// # Errors
///
/// When the API cannot be read.
pub async fn given(client: &Client, catalog: &Catalog, call: &RecordedCall, id: &str) -> Result<Given, ReadError> {
    let Some((operation, parameters)) = operation_of(catalog, call) else { return Ok(Given::Unread) };
    let resource = operation.creates.as_ref().and_then(|creates| creates.resource.as_ref());
    let Some(resource) = resource else { return Ok(Given::Unread) };
    let found = |read: Result<Option<Value>, ReadError>| match read {
        Ok(Some(item)) => Ok(Given::There(Box::new(item))),
        Ok(None) => Ok(Given::Missing),
        Err(error) if error.is_not_found() => Ok(Given::Missing),
        Err(error) => Err(error),
    };
    let read = resource.read.as_ref().and_then(|path| fill_path(path, &parameters, &resource.parameter, id));
    if let Some(path) = read {
        let object = client.read(Request::get(path)).await;
        let below = |object: Value| match shown_at(&operation).and_then(|pointer| object.pointer(pointer)) {
            Some(below) => below.clone(),
            None => object,
        };
        return found(object.map(|object| Some(below(object))));
    }
    let listed = resource.list.as_ref().and_then(|list| Some((list, fill_path(&list.path, &parameters, "", "")?)));
    let Some((list, path)) = listed else { return Ok(Given::Unread) };
    let items = pages(client, &Request::get(&path), &list.items_at, Paging::of(list)).await;
    let is_it = |item: &Value| {
        let names = list.name_field.iter().filter(|_| resource.by_name);
        names.chain([&list.id_field]).any(|field| item.get(field).map(id_text).as_deref() == Some(id))
    };
    found(items.map(|items| list.resources(items).into_iter().find(is_it)))
}

/// Whose a resource is by its stamp, when the attempt with this nonce did not make it.
pub fn stamped_by_another(
    catalog: &Catalog,
    call: &RecordedCall,
    item: &Value,
    environment: (&str, &str),
    instance: &InstanceId,
    nonce: &str,
) -> Option<String> {
    let operation = operation_of(catalog, call).map(|(operation, _)| operation);
    let creates = operation.as_ref().and_then(|operation| operation.creates.as_ref());
    let list: Option<&ListCall> = creates.and_then(|creates| creates.resource.as_ref()?.list.as_ref());
    let stamp = tag(item, list, STAMP)?;
    if tag(item, list, STAMP_ATTEMPT).as_deref() == Some(nonce) {
        return None;
    }
    let (plan, environment) = environment;
    others_stamp(&stamp, &stamp_value(plan, environment, instance))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Method;
    use crate::engine::tests::apart::{listed, with_answers};
    use crate::id::StepId;

    #[test]
    fn a_resource_is_read_by_its_id_or_found_in_the_list() {
        let volume = json!({ "id": "v1", "name": "data" });
        let zone = json!({ "id": 7, "name": "web.example" });
        let table = [
            ("/cloud/v1/volumes/1/7/v1", (200, volume.clone())),
            ("/cloud/v1/volumes/1/7/shut", (403, json!({}))),
            ("/dns/v2/zones/web.example", (200, zone.clone())),
            ("/cloud/v1/ssh_keys/1", listed(&[json!({ "id": "k1", "name": "web" })])),
        ];
        let call = |path: &str| RecordedCall::new(Method::Post, path);
        with_answers(table, async |context| {
            let given = async |path: &str, id: &str| given(&context.client, context.catalog, &call(path), id).await;
            let volumes = "/cloud/v1/volumes/1/7";
            assert_eq!(given(volumes, "v1").await.unwrap(), Given::There(Box::new(volume)));
            assert_eq!(given(volumes, "zzz").await.unwrap(), Given::Missing);
            assert!(given(volumes, "shut").await.is_err());
            assert_eq!(given("/dns/v2/zones", "web.example").await.unwrap(), Given::There(Box::new(zone)));
            assert_eq!(given("/cloud/v1/nothing", "x").await.unwrap(), Given::Unread);
        });
    }

    #[test]
    fn the_stamp_of_another_step_environment_or_attempt_is_anothers() {
        let call = RecordedCall::new(Method::Post, "/cloud/v1/volumes/1/7");
        let disk = InstanceId::new(StepId::new("disk"), None);
        for (stamp, attempt, is_anothers) in [
            (None, None, false),
            (Some("demo/default/disk"), Some("n1"), false),
            (Some("demo/default/disk"), Some("n0"), false),
            // Renamed since.
            (Some("demo/default/data"), Some("n1"), false),
            (Some("demo/default/data"), Some("n2"), true),
            (Some("demo/production/disk"), Some("n2"), true),
            (Some("gold"), None, false),
        ] {
            let tag = |key: &str, value: Option<&str>| value.map(|value| json!({ "key": key, "value": value }));
            let tags: Vec<_> = [tag(STAMP, stamp), tag(STAMP_ATTEMPT, attempt)].into_iter().flatten().collect();
            let item = json!({ "id": "v1", "tags": tags });
            let whose = stamped_by_another(Catalog::embedded(), &call, &item, ("demo", "default"), &disk, "n1");
            assert_eq!(whose.is_some(), is_anothers, "{stamp:?} {attempt:?} {whose:?}");
        }
    }
}
