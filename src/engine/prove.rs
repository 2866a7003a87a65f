//! Before anything beside the main thing of a step is taken away: was it made by that step's call?
//!
//! What the call mentions, what another step or record owns, and what names another task as its maker stays. What cannot
//! be told stays as well, and is named.

use std::collections::HashSet;

use serde_json::Value;

use super::context::{About, RunContext};
use super::made::{Mentions, read_of};
use super::ownership::Thing;
use super::results::{self, id_text};
use crate::api::{ReadError, Request};
use crate::event::{EffectKnown, ErrorClass, StepError};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, RecordedResource};

/// Whose a thing is that a task listed.
#[derive(Debug)]
enum Whose {
    Ours,
    /// Another step of this record takes it down, or keeps it.
    AnotherSteps,
    /// It is not there any more.
    Gone,
    Theirs(String),
    CannotTell(StepError),
}

/// What stands beside the main thing of a step, told apart.
#[derive(Debug, Default)]
pub struct Proven {
    pub ours: Vec<RecordedResource>,
    /// What may be ours, and why that cannot be told.
    pub unclear: Vec<(RecordedResource, StepError)>,
    /// What was there before: kind, id and why it stays.
    pub theirs: Vec<(String, Value, String)>,
}

/// Tells what a step's call made of the things that stand beside its main thing.
pub async fn prove(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    made: &RecordedResource,
    secondary: Vec<RecordedResource>,
) -> Proven {
    let mut proven = Proven::default();
    let mut seen = HashSet::new();
    for thing in secondary {
        let (Some(kind), Some(id)) = (thing.kind.clone(), thing.id.clone()) else { continue };
        if !seen.insert(format!("{kind}:{}", id_text(&id))) {
            continue;
        }
        match whose(context, instance, known, made, &thing, &kind, &id).await {
            Whose::Ours => proven.ours.push(thing),
            Whose::AnotherSteps | Whose::Gone => {}
            Whose::Theirs(why) => proven.theirs.push((kind, id, why)),
            Whose::CannotTell(error) => proven.unclear.push((thing, error)),
        }
    }
    proven
}

async fn whose(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    made: &RecordedResource,
    thing: &RecordedResource,
    kind: &str,
    id: &Value,
) -> Whose {
    if context.journal.with_status(|status| status.owner_besides(instance, kind, id).is_some()) {
        return Whose::AnotherSteps;
    }
    if is_mentioned(context, known, id) {
        return Whose::Theirs("the call that made the rest names it".to_owned());
    }
    if let Some(record) = context.owners.elsewhere(&Thing::resource(kind, &id_text(id))) {
        return Whose::Theirs(format!("it is on the record of {record}"));
    }
    let path = thing.undo.as_ref().and_then(|undo| read_of(context.catalog, kind, id, undo));
    // A kind that cannot be read has no other maker to name: the task's word stands.
    let Some(path) = path else { return Whose::Ours };
    match context.client.read(Request::get(path)).await {
        Ok(object) => by_maker(context, known, made, thing, &object),
        Err(error) if error.is_not_found() => Whose::Gone,
        Err(error) => Whose::CannotTell(cannot_read(context, thing, &error)),
    }
}

fn is_mentioned(context: &RunContext, known: &InstanceStatus, id: &Value) -> bool {
    let intended = known.intent.as_ref().map(|intent| &intent.call);
    known.agrees.iter().chain(intended).any(|call| {
        let matched = results::operation_of(context.catalog, call);
        let creates = matched.as_ref().and_then(|(operation, _)| operation.creates.as_ref());
        Mentions::of(call, creates, &context.digest_key).id(id)
    })
}

/// The object says which task made it.
fn by_maker(
    context: &RunContext,
    known: &InstanceStatus,
    made: &RecordedResource,
    thing: &RecordedResource,
    object: &Value,
) -> Whose {
    match object.get("creator_task_id") {
        Some(Value::String(maker)) if is_ours(known, made, maker) => Whose::Ours,
        Some(Value::String(maker)) => Whose::Theirs(format!("task {maker} made it")),
        // This kind does not say: the task's word stands.
        None => Whose::Ours,
        Some(_) => {
            let about = About { call: thing.undo.clone().map(Into::into), place: None };
            let words = "the API does not say which task made it";
            let mut error = context.error(&about, EffectKnown::NotApplied, ErrorClass::Unknown, words);
            error.help.push("delete it by hand if it is yours".to_owned());
            Whose::CannotTell(error)
        }
    }
}

fn is_ours(known: &InstanceStatus, made: &RecordedResource, maker: &str) -> bool {
    let result = known.result.iter().flat_map(|result| &result.tasks);
    let failed = known.error.as_ref().and_then(|error| error.task.as_ref());
    made.tasks.iter().chain(result).chain(failed).any(|task| task == maker)
}

fn cannot_read(context: &RunContext, thing: &RecordedResource, error: &ReadError) -> StepError {
    let about = About { call: thing.undo.clone().map(Into::into), place: None };
    let mut failed = context.read_failed(&about, error);
    failed.message = format!("it cannot be told whose it is: {}", failed.message);
    failed
}
