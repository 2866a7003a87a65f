//! Which secondary resources the create of an existing resource made: told by the lists of their kinds, of which each item
//! names the task that made it.
//!
//! For resources that were not created by a recorded call, so that no task of theirs is on record.

use serde_json::Value;

use super::collection::{creator_task, items, list_call};
use super::context::RunContext;
use super::made::{along, resource_of};
use super::ownership::Claimable;
use super::results::{self, Parameters, id_text};
use crate::api::ReadError;
use crate::catalog::{Creates, IdAt, ListCall};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, StepResult};

/// Adds to the result for an existing resource the task that made it, and what that task made besides.
///
/// # Errors
///
/// When a list cannot be read.
pub async fn with_secondary(
    context: &RunContext,
    instance: &InstanceId,
    creates: &Creates,
    parameters: &Parameters,
    item: &Value,
    mut result: StepResult,
) -> Result<StepResult, ReadError> {
    let Some(task) = creator_task(item) else { return Ok(result) };
    result.tasks.push(task.clone());
    let kinds = kinds(creates);
    if kinds.is_empty() {
        return Ok(result);
    }
    let main = creates.resource.as_ref().and_then(|resource| resource.list.as_ref());
    let is_one_of_several = made_by(context, main, parameters, &task).await?.len() > 1;
    for kind in kinds {
        let list = resource_of(context.catalog, kind).and_then(|resource| resource.list);
        for id in made_by(context, list.as_ref(), parameters, &task).await? {
            let claimed = Claimable::resource(kind, &id_text(&id));
            // What one task made for several resources belongs to the one that shows it.
            let is_its = !is_one_of_several || mentions(item, &id);
            if is_its && context.other_owner(instance, &id, &claimed).is_none() {
                result.created.ids_of(kind).push(id.into());
            }
        }
    }
    Ok(result)
}

/// The secondary kinds that can exist without the main resource.
fn kinds(creates: &Creates) -> Vec<&String> {
    let of_delete = along(creates).iter().map(|also| &also.kind).filter(|kind| creates.also.contains(kind));
    let mut kinds: Vec<&String> = creates.stays.iter().chain(of_delete).filter(|kind| **kind != creates.kind).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// The ids of a list's items that this task made.
async fn made_by(
    context: &RunContext,
    list: Option<&ListCall>,
    parameters: &Parameters,
    task: &str,
) -> Result<Vec<Value>, ReadError> {
    let list = list.filter(|list| list.creator_task);
    let Some((list, request)) = list.and_then(|list| Some((list, list_call(list, parameters)?))) else {
        return Ok(Vec::new());
    };
    let found = items(context, list, request).await?;
    let of_task = found.iter().filter(|item| creator_task(item).as_deref() == Some(task));
    Ok(of_task.filter_map(|item| item.get(&list.id_field).cloned()).collect())
}

fn mentions(item: &Value, id: &Value) -> bool {
    match item {
        Value::Array(items) => items.iter().any(|item| mentions(item, id)),
        Value::Object(fields) => fields.values().any(|field| mentions(field, id)),
        value => value == id,
    }
}

/// The kinds of resources that may outlive the ones of an instance and are not on record, because nothing says which task
/// made them.
pub fn untold(context: &RunContext, known: &InstanceStatus) -> Vec<String> {
    let matched = known.agreed().and_then(|call| results::operation_of(context.catalog, call));
    let creates = matched.as_ref().and_then(|(operation, _)| operation.creates.as_ref());
    let Some(creates) = creates.filter(|creates| matches!(creates.id_at, IdAt::Task(_))) else { return Vec::new() };
    let result = known.result.iter().any(|result| !result.tasks.is_empty());
    let is_told = result || known.made.iter().any(|made| !made.tasks.is_empty() || !made.secondary.is_empty());
    let is_removed = known.made.iter().any(|made| made.undo.is_some());
    if is_told || !is_removed { Vec::new() } else { kinds(creates).into_iter().cloned().collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::{Catalog, Method};

    #[test]
    fn kinds_that_can_exist_without_the_main_resource_are_looked_for() {
        let kinds = |path: &str| -> Vec<String> {
            let (create, _) = Catalog::embedded().matching(Method::Post, &format!("{path}/1/7")).unwrap();
            super::kinds(create.creates.as_ref().unwrap()).into_iter().cloned().collect()
        };
        assert_eq!(kinds("/cloud/v2/instances"), ["floatingips", "volumes"]);
        assert_eq!(kinds("/cloud/v1/networks"), ["routers"]);
        assert_eq!(kinds("/cloud/v1/loadbalancers"), ["floatingips"]);
        // The snapshots of a volume are made by calls of their own.
        assert_eq!(kinds("/cloud/v1/volumes"), Vec::<String>::new());
    }

    #[test]
    fn a_resource_shows_what_belongs_to_it_at_any_depth() {
        let machine = json!({ "id": "vm", "volumes": [{ "id": "boot" }], "number": 7 });
        for (id, is_shown) in [(json!("boot"), true), (json!(7), true), (json!("data"), false), (json!("id"), false)] {
            assert_eq!(mentions(&machine, &id), is_shown, "{id}");
        }
    }
}
