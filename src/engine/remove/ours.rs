//! Whether a resource on record is the step's to remove: another instance, record, task or client may own it.

use super::forget;
use super::other_undo::correct_undo;
use crate::api::Request;
use crate::catalog::Method;
use crate::engine::called_again::is_not_there;
use crate::engine::context::{About, RunContext};
use crate::engine::decide::{held_by, holders};
use crate::engine::evidence::tags::{STAMP, stamp_value, tag};
use crate::engine::interruption::Interruption;
use crate::engine::made::read_of;
use crate::engine::maker::only_used;
use crate::engine::operation;
use crate::engine::own_undo::elsewhere;
use crate::engine::ownership::Claimable;
use crate::engine::prove::other_maker;
use crate::event::{EffectKnown, ErrorClass, StepError};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, RecordedResource, id_text};
use crate::kind::resource_name;
use crate::shared::Shared;

/// Why a resource is left as it is, without a call; `None` when it is to be removed.
pub(super) fn why_left(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    made: &RecordedResource,
) -> Option<String> {
    if let Some(holder) = left_to(context, instance, made) {
        let resource = resource_name(made.kind.as_deref(), &made.id.as_deref().map(id_text).unwrap_or_default());
        return Some(format!("{resource} stays: {}", held_by(&holder)));
    }
    let reverts = made.undo.as_ref().is_some_and(|undo| undo.method != Method::Delete);
    let is_gone = reverts && !may_create(context, known) && is_not_there(known);
    is_gone.then(|| "what it changed is gone, so its undo is not sent".to_owned())
}

/// Refuses to remove a resource that another client, record or task may own.
///
/// # Errors
///
/// [`Interruption::Failed`]: the resource is kept.
pub(super) async fn refuse_unless_ours(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    made: &RecordedResource,
) -> Result<(), Interruption> {
    let creates = may_create(context, known);
    let deletes = made.undo.as_ref().is_some_and(|undo| undo.method == Method::Delete);
    let may_be_theirs = made.undo.is_some() && (deletes || creates);
    if made.uncertain && may_be_theirs && !carries_our_stamp(context, instance, made).await {
        return Err(Interruption::Failed(kept(context, instance, made)));
    }
    if let Some(record) = owned_elsewhere(context, made).filter(|_| deletes && creates) {
        return Err(Interruption::Failed(kept_for(context, instance, made, &record)));
    }
    let reading = context.stopped.or_leave(other_maker(context, instance, known, made));
    match reading.await.map_err(Interruption::Stopped)? {
        Some(maker) => Err(Interruption::Failed(match elsewhere(context.catalog, known, made) {
            Some(_) => kept_from_undo(context, instance, made, &maker),
            None => kept_for_maker(context, instance, made, &maker),
        })),
        None => Ok(()),
    }
}

/// The other instance of the record that holds this resource as its own: it is that one's to remove.
fn left_to(context: &RunContext, instance: &InstanceId, made: &RecordedResource) -> Option<InstanceId> {
    let holders = context.journal.with_status(|status| holders(status, instance, made));
    let secondary = made.secondary.iter().filter_map(Claimable::of);
    context.owners.relinquish(&Claimable::of(made)?, secondary, instance, &holders)
}

/// Whether the call of an instance may create something. The undo of one that only changes what is there (it attaches a
/// volume) reverts the effect that the plan wants, whichever client's call had it, and deletes nothing of another client.
fn may_create(context: &RunContext, known: &InstanceStatus) -> bool {
    let intended = known.intent.as_ref().map(|intent| &*intent.call);
    let matched = known.agreed().or(intended).and_then(|call| operation::operation_of(context.catalog, call));
    matched.is_none_or(|(operation, _)| operation.creates.is_some())
}

/// Whether the tag of a resource attributed by likeness proves that it is ours.
async fn carries_our_stamp(context: &RunContext, instance: &InstanceId, made: &RecordedResource) -> bool {
    let (Some(kind), Some(id), Some(undo)) = (&made.kind, &made.id, &made.undo) else { return false };
    let Some(path) = read_of(context.catalog, kind, id, undo) else { return false };
    let owner = stamp_value(&context.settings.plan, &context.settings.environment, instance);
    let read = context.client.read(Request::get(path)).await;
    read.is_ok_and(|item| tag(&item, None, STAMP) == Some(owner))
}

/// The other record of the store that has a resource as its own, by an id that the API gave out. A name can be that of
/// another account's resource.
fn owned_elsewhere(context: &RunContext, made: &RecordedResource) -> Option<String> {
    let claimable =
        Claimable::of(made).filter(|claimable| !matches!(claimable, Claimable::Resource { path: Some(_), .. }))?;
    context.owners.other_record(&claimable)
}

/// The error for a resource that is kept because another record has it as its own.
fn kept_for(context: &RunContext, instance: &InstanceId, made: &RecordedResource, record: &str) -> StepError {
    let about = About { call: made.undo.clone().map(Shared::from), place: None };
    let words = format!("kept: it is on record as made by {record} as well");
    let mut error = context.error(&about, EffectKnown::NotApplied, ErrorClass::Rejected, words);
    error.help.push(format!("if it belongs to that one, {}", forget(context, instance)));
    error.help.push("if it belongs to this one, take it off the record of the other in the same way".to_owned());
    error
}

/// The error for a resource that is kept because it names another task as its maker than those of its step.
fn kept_for_maker(context: &RunContext, instance: &InstanceId, made: &RecordedResource, maker: &str) -> StepError {
    let about = About { call: made.undo.clone().map(Shared::from), place: None };
    let words = format!("kept: {}", only_used(made, maker));
    let mut error = context.error(&about, EffectKnown::NotApplied, ErrorClass::Rejected, words);
    let forget = forget(context, instance);
    error.help.push(format!("if it is yours, delete it by hand, and try again; if not, {forget}"));
    error.help.push("what the call of this step made may be on no record: look for it by its name".to_owned());
    error
}

/// The error for a resource that is kept because another client may own it.
fn kept(context: &RunContext, instance: &InstanceId, made: &RecordedResource) -> StepError {
    let about = About { call: made.undo.clone().map(Shared::from), place: None };
    let words = "kept: it was attributed to this step by its likeness alone, and may be another client's";
    let mut error = context.error(&about, EffectKnown::NotApplied, ErrorClass::Unknown, words);
    error.help.push(format!("if it is yours, delete it by hand; then {}", forget(context, instance)));
    error
}

/// The error for a resource whose undo would remove another one, which names a task that is not of this step as its maker.
fn kept_from_undo(context: &RunContext, instance: &InstanceId, made: &RecordedResource, maker: &str) -> StepError {
    let about = About { call: made.undo.clone().map(Shared::from), place: None };
    let words = format!("its undo is not sent: it names another resource than the step made, which is of task {maker}");
    let mut error = context.error(&about, EffectKnown::NotApplied, ErrorClass::Rejected, words);
    error.help = correct_undo(context, instance);
    error
}
