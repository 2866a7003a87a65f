//! Finds what a create left behind although one of its tasks ended in ERROR: the main resource, or only secondary
//! ones.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::collection::{items, list_call};
use super::context::RunContext;
use super::evidence::tags::{STAMP_ATTEMPT, tag};
use super::made::{along, resource_of};
use super::ownership::Claimable;
use super::results::{self, Parameters, id_text};
use super::search::{LeftBehind, Search};
use crate::catalog::{Creates, ListCall, Operation};
use crate::journal::{Intent, StepResult, Unanswered};

/// Between two looks: lists may be late.
const PAUSE: Duration = Duration::from_secs(2);

/// What exists after a failed create, and whether the search can have missed anything.
pub struct Leftover {
    pub result: StepResult,
    /// The lists name the maker of each item, or nothing in them can be its work, so that what was not found does not exist.
    pub certain: bool,
    /// What may be its work, or another's.
    pub candidates: Vec<String>,
}

/// Adds, to the resources that the tasks of a failed create list, those that name one of these tasks as their maker, or
/// are otherwise its work. As long as the main one is not found, it is looked for until lists show what was made at
/// `began`, the server's time.
pub async fn leftover(
    context: &RunContext,
    attempt: &Unanswered,
    operation: &Operation,
    parameters: &Parameters,
    result: StepResult,
    began: Option<Timestamp>,
) -> Option<Leftover> {
    let resolve_time = SignedDuration::try_from(context.settings.resolve_time).unwrap_or_default();
    let shown = began.map(|began| began + resolve_time);
    loop {
        let found = look(context, attempt, operation, parameters, result.clone()).await?;
        let left = shown.map(|shown| shown.duration_since(context.client.server_time(context.now())));
        let left = left.and_then(|left| Duration::try_from(left).ok()).unwrap_or_default();
        if found.result.id.is_some() || left.is_zero() {
            return Some(found);
        }
        if context.stopped.or_leave(context.clock().sleep(left.min(PAUSE))).await.is_err() {
            return Some(Leftover { certain: false, ..found });
        }
    }
}

async fn look(
    context: &RunContext,
    attempt: &Unanswered,
    operation: &Operation,
    parameters: &Parameters,
    mut result: StepResult,
) -> Option<Leftover> {
    let creates = operation.creates.as_ref()?;
    let intent = &attempt.intent;
    let (mut certain, mut candidates) = (true, Vec::new());
    for kind in kinds(creates) {
        // Several operations create resources of one kind (virtual machines and bare metal): for the main kind, the
        // lists of this operation are used.
        let resource = match *kind == creates.kind {
            true => creates.resource.clone(),
            false => resource_of(context.catalog, kind),
        };
        let list = resource.and_then(|resource| resource.list);
        let found = match search(context, intent, list.as_ref(), parameters, &result.tasks).await {
            Some(found) => found,
            None if *kind != creates.kind || result.id.is_some() => continue,
            None => match Search::new(context, attempt, &[]).left_behind().await {
                Ok(LeftBehind::Resource(id)) => vec![id],
                Ok(LeftBehind::Nothing) => continue,
                Ok(LeftBehind::Unclear(may_be)) => {
                    (certain, candidates) = (false, may_be);
                    continue;
                }
                Err(_) => {
                    certain = false;
                    continue;
                }
            },
        };
        let ids = result.created.ids_of(kind);
        let is_owned = |kind: &String, id: &Value| {
            let own = (*kind == creates.kind).then(|| results::own_path(operation, parameters, &id_text(id))).flatten();
            let claimed = Claimable::resource_at(kind, &id_text(id), own.as_deref());
            context.other_owner(&intent.instance, id, &claimed).is_some()
        };
        for id in found {
            if !ids.iter().any(|known| id_text(known) == id_text(&id)) && !is_owned(kind, &id) {
                ids.push(id.into());
            }
        }
        let ids = ids.clone();
        if *kind == creates.kind && result.id.is_none() {
            result.set_ids(ids);
        }
    }
    Some(Leftover { result, certain, candidates })
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
