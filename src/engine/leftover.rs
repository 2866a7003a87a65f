//! Finds what a create left behind although one of its tasks ended in ERROR: the main resource, or only secondary
//! ones.

use serde_json::Value;

use super::collection::{items, list_call};
use super::context::RunContext;
use super::evidence::tags::{STAMP_ATTEMPT, tag};
use super::made::{along, resource_of};
use super::results::{Parameters, id_text};
use crate::catalog::{Creates, ListCall, Operation};
use crate::journal::{Intent, StepResult};

/// What exists after a failed create, and whether the search can have missed anything.
pub struct Leftover {
    pub result: StepResult,
    /// The lists name the maker of each item, so that what was not found does not exist.
    pub certain: bool,
}

/// Adds, to the resources that the tasks of a failed create list, those that name one of these tasks as their maker.
pub async fn leftover(
    context: &RunContext,
    intent: &Intent,
    operation: &Operation,
    parameters: &Parameters,
    mut result: StepResult,
) -> Option<Leftover> {
    let creates = operation.creates.as_ref()?;
    let mut certain = true;
    for kind in kinds(creates) {
        // Several operations create resources of one kind (virtual machines and bare metal): for the main kind, the
        // lists of this operation are used.
        let resource = match *kind == creates.kind {
            true => creates.resource.clone(),
            false => resource_of(context.catalog, kind),
        };
        let list = resource.and_then(|resource| resource.list);
        let Some(found) = search(context, intent, list.as_ref(), parameters, &result.tasks).await else {
            certain &= *kind != creates.kind || result.id.is_some();
            continue;
        };
        let ids = result.created.entry(kind.clone()).or_insert_with(|| Value::Array(Vec::new()));
        let Value::Array(ids) = ids else { continue };
        for id in found {
            if !ids.iter().any(|known| id_text(known) == id_text(&id))
                && !context.is_owned_by_another(&intent.instance, kind, &id)
            {
                ids.push(id);
            }
        }
        if *kind == creates.kind && result.id.is_none() {
            result.ids.clone_from(ids);
            result.id = ids.first().cloned();
        }
    }
    Some(Leftover { result, certain })
}

/// The main kind, and the secondary kinds that can exist without it.
fn kinds(creates: &Creates) -> Vec<&String> {
    let secondary = creates.stays.iter().chain(along(creates).iter().map(|also| &also.kind));
    let mut kinds = vec![&creates.kind];
    for kind in secondary {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// The ids of a list's items that one of the tasks made or that carry the tag of this attempt; `None` when that
/// cannot be told.
async fn search(
    context: &RunContext,
    intent: &Intent,
    list: Option<&ListCall>,
    parameters: &Parameters,
    tasks: &[String],
) -> Option<Vec<Value>> {
    let list = list.filter(|list| list.creator_task || (list.tags && intent.stamped))?;
    let found = items(context, list, list_call(list, parameters)?).await.ok()?;
    let ours = |item: &&Value| {
        let maker = item.get("creator_task_id").and_then(Value::as_str);
        let stamped = intent.stamped && tag(item, Some(list), STAMP_ATTEMPT).as_deref() == Some(&intent.nonce);
        stamped || maker.is_some_and(|maker| tasks.iter().any(|task| task == maker))
    };
    Some(found.iter().filter(ours).filter_map(|item| item.get(&list.id_field).cloned()).collect())
}
