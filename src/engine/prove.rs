//! Before a resource of a step is deleted: was it made by that step's call?
//!
//! A task lists what it touched, so that the main resource is read as well, where the API shows which task made it.
//! Resources that the call mentions, that another step or record owns, or that name another task as their maker are
//! kept. Where the maker is unknown, and nothing else shows it, the resource is kept as well, and reported.

use std::time::Duration;

use serde_json::Value;

use super::context::{About, RunContext};
use super::evidence::tags::stamp_value;
use super::made::{Mentions, SHORTEST_ID, read_of, resource_of};
use super::maker;
use super::operation;
use super::ownership::Claimable;
use super::secondary::mentions;
use super::watch::task_request;
use crate::api::{ReadError, Request, Task, timestamp};
use crate::catalog::Method;
use crate::event::{EffectKnown, ErrorClass, StepError};
use crate::hash::HashSet;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, RecordedResource, id_text};

/// The clocks behind one API may differ by so much.
const MARGIN: Duration = Duration::from_secs(5);

/// The pause before a resource that is not found is read once more.
const AGAIN: Duration = Duration::from_secs(2);

/// The owner of a resource that a task listed.
#[derive(Debug)]
enum ResourceOwner {
    Ours,
    /// Owned by another step of this record, which deletes or keeps it.
    OtherStep,
    /// It does not exist any more.
    Gone,
    Other(String),
    CannotTell(StepError),
}

/// The secondary resources of a step by ownership.
#[derive(Debug, Default)]
pub struct Proven {
    pub ours: Vec<RecordedResource>,
    /// Those that may be ours, and why that is not certain.
    pub unclear: Vec<(RecordedResource, StepError)>,
    /// Those that existed before: kind, id, and why they are kept.
    pub of_others: Vec<(String, Value, String)>,
}

/// Determines which secondary resources were made by the step's own call.
pub async fn prove(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    made: &RecordedResource,
    secondary: Vec<RecordedResource>,
) -> Proven {
    let mut proven = Proven::default();
    let mut seen = HashSet::default();
    for resource in secondary {
        let (Some(kind), Some(id)) = (resource.kind.clone(), resource.id.clone()) else { continue };
        if !seen.insert(format!("{kind}:{}", id_text(&id))) {
            continue;
        }
        match owner_of(context, instance, known, made, &resource, &kind, &id).await {
            ResourceOwner::Ours => proven.ours.push(resource),
            ResourceOwner::OtherStep | ResourceOwner::Gone => {}
            ResourceOwner::Other(why) => proven.of_others.push((kind, id.into_owned(), why)),
            ResourceOwner::CannotTell(error) => proven.unclear.push((resource, error)),
        }
    }
    proven
}

async fn owner_of(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    made: &RecordedResource,
    resource: &RecordedResource,
    kind: &str,
    id: &Value,
) -> ResourceOwner {
    let claimed = Claimable::resource(kind, &id_text(id));
    let is_others = |owner: &InstanceId, other: &RecordedResource| {
        owner != instance && other.kind.as_deref() == Some(kind) && !context.owners.has_relinquished(&claimed, owner)
    };
    if context.journal.with_status(|status| status.owners_of(id).any(|(owner, other)| is_others(owner, other))) {
        return ResourceOwner::OtherStep;
    }
    if is_mentioned(context, known, id) {
        return ResourceOwner::Other("the call that made the rest names it".to_owned());
    }
    if let Some(record) = context.owners.other_record(&claimed) {
        return ResourceOwner::Other(format!("it is on the record of {record}"));
    }
    let path = resource.undo.as_ref().and_then(|undo| read_of(context.catalog, kind, id, undo));
    // A kind that cannot be read cannot name another maker: the task's list is trusted.
    let Some(path) = path else { return ResourceOwner::Ours };
    let mut read = context.client.read(Request::get(path.clone())).await;
    // A single "not found" may be wrong, and nothing would name the resource any more.
    if read.as_ref().is_err_and(ReadError::is_not_found) {
        context.clock().sleep(AGAIN).await;
        read = context.client.read(Request::get(path)).await;
    }
    match read {
        Ok(object) => owner_by_maker(context, instance, known, made, resource, &object).await,
        Err(error) if error.is_not_found() => ResourceOwner::Gone,
        Err(error) => ResourceOwner::CannotTell(cannot_read(context, resource, &error)),
    }
}

fn is_mentioned(context: &RunContext, known: &InstanceStatus, id: &Value) -> bool {
    // The intent of an update mentions resources that the create made: it does not count.
    let intended = known.intent.as_ref().filter(|intent| intent.update.is_none()).map(|intent| &intent.call);
    known.agrees.iter().chain(intended).any(|call| {
        let matched = operation::operation_of(context.catalog, call);
        let creates = matched.as_ref().and_then(|(operation, _)| operation.creates.as_ref());
        Mentions::of(call, creates, &context.digest_key).id(id)
    })
}

/// Compares the maker that the resource names with the step's tasks.
async fn owner_by_maker(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    made: &RecordedResource,
    resource: &RecordedResource,
    object: &Value,
) -> ResourceOwner {
    match object.get("creator_task_id") {
        Some(Value::String(maker)) if known.has_task(made, maker) => ResourceOwner::Ours,
        Some(Value::String(maker)) if !maker.is_empty() => ResourceOwner::Other(format!("task {maker} made it")),
        // This kind does not name its maker: the task's list is trusted.
        None => ResourceOwner::Ours,
        Some(_) if is_part(context, made, resource, object).await => ResourceOwner::Ours,
        Some(_) => {
            let about = About { call: resource.undo.clone().map(Into::into), place: None };
            let words = "the API does not say which task made it";
            let mut error = context.error(&about, EffectKnown::NotApplied, ErrorClass::Unknown, words);
            let forget = context.settings.state_command("forget", instance, "");
            error.help.push("if it is yours, delete it by hand, and try again".to_owned());
            error.help.push(format!("if not, {forget}: it stays"));
            ResourceOwner::CannotTell(error)
        }
    }
}

/// Whether a secondary resource that names no maker was made with the main one all the same: the record has it as such,
/// it shows the id of the main one, to which it is attached, and the task that made that lists it and ran when it was
/// created.
async fn is_part(context: &RunContext, made: &RecordedResource, resource: &RecordedResource, object: &Value) -> bool {
    let is_it = |one: &RecordedResource| (&one.kind, &one.id) == (&resource.kind, &resource.id);
    let main = made.id.as_deref().filter(|id| id.as_str().is_some_and(|id| id.len() >= SHORTEST_ID));
    let created = object.get("created_at").and_then(Value::as_str).and_then(timestamp);
    let (Some(main), Some(created)) = (main, created) else { return false };
    if !made.secondary.iter().any(is_it) || !mentions(object, main) {
        return false;
    }
    for task in &made.tasks {
        let read = context.client.read(task_request(task)).await;
        let Some(task) = read.ok().as_ref().and_then(Task::read) else { continue };
        let listed = resource.kind.as_ref().and_then(|kind| task.created.get(kind)?.as_array());
        let ran = task.created_on.zip(task.finished_on);
        if listed.is_some_and(|ids| ids.iter().any(|id| Some(id) == resource.id.as_deref()))
            && ran.is_some_and(|(began, ended)| created >= began - MARGIN && created <= ended + MARGIN)
        {
            return true;
        }
    }
    false
}

/// The task that made the main resource of a step, when the resource names another one than those on record for it.
///
/// A read that fails leaves it to the record.
pub async fn other_maker(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    made: &RecordedResource,
) -> Option<String> {
    let (kind, id, undo) = (made.kind.as_deref()?, made.id.as_deref()?, made.undo.as_ref()?);
    if undo.method != Method::Delete || made.tasks.is_empty() || made.uncertain {
        return None;
    }
    let shows_maker = resource_of(context.catalog, kind)?.list?.creator_task;
    let path = read_of(context.catalog, kind, id, undo).filter(|_| shows_maker)?;
    let item = context.client.read(Request::get(path)).await.ok()?;
    let stamp = stamp_value(&context.settings.plan, &context.settings.environment, instance);
    maker::other_maker(known, made, &item, None, &stamp)
}

fn cannot_read(context: &RunContext, resource: &RecordedResource, error: &ReadError) -> StepError {
    let about = About { call: resource.undo.clone().map(Into::into), place: None };
    let mut failed = context.read_failed(&about, error);
    failed.message = format!("its owner is unknown: {}", failed.message);
    failed
}
