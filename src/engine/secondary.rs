//! Which secondary resources the create of an existing resource made, according to the lists of their kinds, whose
//! items name the task that made them.
//!
//! For resources that were not created by a recorded call, so that no task of theirs is on record.

use serde_json::Value;

use super::collection::{creator_task, items, list_call};
use super::context::RunContext;
use super::made::resource_of;
use super::operation::{self, Parameters};
use super::ownership::Claimable;
use crate::api::ReadError;
use crate::catalog::{Creates, IdAt, ListCall};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, StepResult, id_text};

/// Adds to the result for an existing resource the task that made it, and the secondary resources of that task.
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

/// Adds to the result of a create, whose tasks do not name what they made, what the lists of its secondary kinds say
/// they made, too.
///
/// # Errors
///
/// When a list cannot be read.
pub async fn add_secondary(
    context: &RunContext,
    instance: &InstanceId,
    creates: &Creates,
    parameters: &Parameters,
    tasks: &[String],
    result: &mut StepResult,
) -> Result<(), ReadError> {
    for kind in kinds(creates) {
        let list = resource_of(context.catalog, kind).and_then(|resource| resource.list);
        for task in tasks {
            for id in made_by(context, list.as_ref(), parameters, task).await? {
                let claimed = Claimable::resource(kind, &id_text(&id));
                let is_known = result.created.get(kind).is_some_and(|ids| ids.iter().any(|known| **known == id));
                if !is_known && context.other_owner(instance, &id, &claimed).is_none() {
                    result.created.ids_of(kind).push(id.into());
                }
            }
        }
    }
    Ok(())
}

/// The secondary kinds that the create makes and that can exist without the main resource.
pub fn kinds(creates: &Creates) -> Vec<&String> {
    creates.lasting_kinds().into_iter().filter(|kind| creates.also.contains(kind)).collect()
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

/// Whether an item has this value anywhere in it.
pub fn mentions(item: &Value, id: &Value) -> bool {
    match item {
        Value::Array(items) => items.iter().any(|item| mentions(item, id)),
        Value::Object(fields) => fields.values().any(|field| mentions(field, id)),
        value => value == id,
    }
}

/// The kinds of resources that may outlive the ones of an instance and are not on record, because nothing says which
/// task made them.
pub fn unknown_kinds_of(context: &RunContext, known: &InstanceStatus) -> Vec<String> {
    let matched = known.agreed().and_then(|call| operation::operation_of(context.catalog, call));
    let creates = matched.as_ref().and_then(|(operation, _)| operation.creates.as_ref());
    let Some(creates) = creates.filter(|creates| matches!(creates.id_at, IdAt::Task(_))) else { return Vec::new() };
    let result = known.result.iter().any(|result| !result.tasks.is_empty());
    let is_told = result || known.made.iter().any(|made| !made.tasks.is_empty() || !made.secondary.is_empty());
    let is_removed = known.made.iter().any(|made| made.undo.is_some());
    if is_told || !is_removed { Vec::new() } else { kinds(creates).into_iter().cloned().collect() }
}

#[cfg(test)]
mod tests;
