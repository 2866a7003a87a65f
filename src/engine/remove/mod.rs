//! Removes the resources of one instance, using only the record.
//!
//! First pending calls are completed (`pending`): a write in doubt is resolved, running tasks are waited for. Then
//! every resource is removed by its recorded undo call, the youngest first. `removal` makes one such call: 404 counts
//! as done where the key can see the resource's project; "in use" and locks are retried within a time limit.

mod access;
mod identity;
mod listed;
mod pending;
mod removal;
mod users;

use self::pending::complete_pending;
use self::removal::{Gone, Removal};
use super::before::before_delete;
use super::called_again::is_not_there;
use super::context::{About, RunContext};
use super::decide::{NO_UNDO, held_by, holders, unsendable};
use super::evidence::tags::{STAMP, stamp_value, tag};
use super::interruption::Interruption;
use super::made::{include_in_delete, inclusion_parameters, read_of, split_included};
use super::operation;
use super::own_undo::elsewhere;
use super::ownership::Claimable;
use super::permits::parent_lock;
use super::prove::{other_maker, prove};
use super::secondary::unknown_kinds_of;
use crate::api::Request;
use crate::catalog::Method;
use crate::event::{EffectKnown, ErrorClass, Event, StepError};
use crate::id::InstanceId;
use crate::journal::{Drifted, InstanceStatus, JournalError, Phase, Record, RecordedCall, RecordedResource, id_text};
use crate::kind::resource_name;
use crate::shared::Shared;

/// Which resources of an instance are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All that it ever made.
    Whole,
    /// Only what it made since this run began.
    ThisRun,
}

/// What was done to the resources of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Removed {
    /// There were none, or they are kept.
    Nothing,
    /// An undo that is no DELETE was carried out.
    Reverted,
    Deleted,
}

/// Removes the resources of an instance.
///
/// # Errors
///
/// [`Interruption`] when a resource is left.
pub async fn remove(context: &RunContext, instance: &InstanceId, extent: Extent) -> Result<Removed, Interruption> {
    let alone = context.stopped.or_leave(context.gates.removal(instance)).await.map_err(Interruption::Stopped)?;
    if alone.waited && !may_exist(context, instance) {
        return Ok(Removed::Nothing);
    }
    complete_pending(context, instance).await?;
    let Some(status) = status_of(context, instance) else { return Ok(Removed::Nothing) };
    let stays = match extent {
        Extent::Whole => 0,
        Extent::ThisRun => context.journal.with_status(|status| status.made_before(instance)),
    };
    let mut removed = Removed::Nothing;
    for (at, made) in status.made.iter().enumerate().skip(stays).rev() {
        removed = removed.max(remove_made(context, instance, &status, made, at > stays).await?);
    }
    warn_about_kept(context, instance, &status);
    let instance = instance.clone();
    let gone = match stays {
        0 => Record::Removed { instance },
        _ => Record::RolledBack { instance },
    };
    context.journal.append(vec![gone]).await?;
    Ok(removed)
}

/// Warns about resources that are kept: those without an undo call, and existing ones that the call only used and no
/// other step owns, for kinds that outlive the main resource.
fn warn_about_kept(context: &RunContext, instance: &InstanceId, known: &InstanceStatus) {
    let Some(result) = &known.result else { return };
    let matched = known.agreed().and_then(|call| operation::operation_of(context.catalog, call));
    if matched.as_ref().is_some_and(|(operation, _)| operation.creates.is_some()) {
        for made in known.made.iter().filter(|made| made.undo.is_none()) {
            let (Some(kind), Some(id)) = (&made.kind, &made.id) else { continue };
            context.warn(format!("`{instance}`: {} stays: {NO_UNDO}", resource_name(Some(kind), &id_text(id))));
        }
    }
    let unknown_kinds_of = unknown_kinds_of(context, known);
    if !unknown_kinds_of.is_empty() {
        let kinds = unknown_kinds_of.join(", ");
        context.warn(format!("`{instance}`: {kinds} that its create may have made stay: they are not on record"));
    }
    let stays =
        matched.iter().filter_map(|(operation, _)| operation.creates.as_ref()).flat_map(|creates| &creates.stays);
    for kind in stays {
        for id in result.touched.get(kind).unwrap_or_default() {
            if context.journal.with_status(|status| status.other_owner(instance, kind, id).is_none()) {
                let resource = resource_name(Some(kind), &id_text(id));
                context.warn(format!("`{instance}`: {resource} stays: it was there before"));
            }
        }
    }
}

fn status_of(context: &RunContext, instance: &InstanceId) -> Option<Shared<InstanceStatus>> {
    context.journal.with_status(|status| status.instances.get(instance).cloned())
}

/// Whether there is something of an instance to remove.
fn may_exist(context: &RunContext, instance: &InstanceId) -> bool {
    context.journal.with_status(|status| status.instances.get(instance).is_some_and(|known| known.may_exist()))
}

/// Takes an instance off the record that is gone because the resource that contained it was deleted. Returns whether
/// it was there.
///
/// # Errors
///
/// [`Interruption`] when the record cannot be written, or the run ends while another removal of it is under way.
pub async fn removed_with_parent(context: &RunContext, instance: &InstanceId) -> Result<bool, Interruption> {
    let alone = context.stopped.or_leave(context.gates.removal(instance)).await.map_err(Interruption::Stopped)?;
    if alone.waited && !may_exist(context, instance) {
        return Ok(false);
    }
    let made = status_of(context, instance).map(|known| known.made.clone()).unwrap_or_default();
    context.journal.append(vec![Record::Removed { instance: instance.clone() }]).await?;
    for made in made {
        context.events.emit(Event::ResourceRemoved {
            instance: instance.clone(),
            kind: made.kind,
            id: made.id.as_deref().map(id_text),
            already_gone: false,
            reverted_by: None,
        });
    }
    Ok(true)
}

/// Removes one resource with its secondary resources, of the latter only those that its own call is proven to have
/// made. Routers are removed before the main resource, which is a network that they use. Other secondary resources
/// are included in the main delete where the API allows it, or else removed afterwards, as a volume after its
/// machine.
async fn remove_made(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    made: &RecordedResource,
    more: bool,
) -> Result<Removed, Interruption> {
    if let Some(holder) = left_to(context, instance, made) {
        let resource = resource_name(made.kind.as_deref(), &made.id.as_deref().map(id_text).unwrap_or_default());
        context.warn(format!("`{instance}`: {resource} stays: {}", held_by(&holder)));
        return Ok(Removed::Nothing);
    }
    let deletes = made.undo.as_ref().is_some_and(|undo| undo.method == Method::Delete);
    if made.undo.is_some() && !deletes && !may_create(context, known) && is_not_there(known) {
        context.warn(format!("`{instance}`: what it changed is gone, so its undo is not sent"));
        return Ok(Removed::Nothing);
    }
    let may_be_theirs = made.undo.is_some() && (deletes || may_create(context, known));
    if made.uncertain && may_be_theirs && !carries_our_stamp(context, instance, made).await {
        return Err(Interruption::Failed(kept(context, instance, made)));
    }
    if let Some(record) = owned_elsewhere(context, made).filter(|_| deletes && may_create(context, known)) {
        return Err(Interruption::Failed(kept_for(context, instance, made, &record)));
    }
    let reading = context.stopped.or_leave(other_maker(context, instance, known, made));
    if let Some(maker) = reading.await.map_err(Interruption::Stopped)? {
        let kept = match elsewhere(context.catalog, known, made) {
            Some(_) => kept_from_undo(context, instance, made, &maker),
            None => kept_for_maker(context, instance, made, &maker),
        };
        return Err(Interruption::Failed(kept));
    }
    let along = made.undo.as_ref().map(|undo| inclusion_parameters(context.catalog, made.kind.as_deref(), undo));
    let along = along.unwrap_or_default();
    let main = made.undo.as_ref().map(|undo| split_included(context.catalog, &along, undo));
    let (undo, taken) = main.map_or((None, Vec::new()), |(undo, taken)| (Some(undo), taken));
    let secondary = made.secondary.iter().cloned().chain(taken).collect();
    let proven = context
        .stopped
        .or_leave(prove(context, instance, known, made, secondary))
        .await
        .map_err(Interruption::Stopped)?;
    for (kind, id, why) in &proven.theirs {
        context.warn(format!("`{instance}`: {} stays: {why}", resource_name(Some(kind), &id_text(id))));
    }

    let goes_along = |secondary: &RecordedResource| {
        undo.is_some() && along.iter().any(|also| secondary.kind.as_ref() == Some(&also.kind))
    };
    let (before, after): (Vec<&RecordedResource>, Vec<&RecordedResource>) =
        proven.ours.iter().partition(|secondary| secondary.kind.as_deref() == Some("routers"));
    let (mut with, mut after): (Vec<&RecordedResource>, Vec<&RecordedResource>) =
        after.into_iter().partition(|secondary| goes_along(secondary));
    let mut removed = Removed::Nothing;
    for secondary in before {
        removed = removed.max(remove_one(context, instance, secondary, None).await?.0);
    }
    let prepared = match &undo {
        Some(delete) => prepare(context, instance, known, delete).await?,
        None => Vec::new(),
    };
    let main = RecordedResource {
        undo: undo.map(|undo| include_in_delete(&undo, &along, with.iter().copied())),
        ..made.clone()
    };
    let main = remove_one(context, instance, &main, made.lock.as_deref()).await;
    if matches!(main, Err(Interruption::Failed(_))) {
        stays_prepared(context, instance, prepared).await?;
    }
    let (main, gone) = main?;
    removed = removed.max(main);
    if matches!(gone, Some(Gone::Already | Gone::Unseen)) {
        // The delete that would have included them was not needed, or its end was not seen.
        after.append(&mut with);
    }
    if gone.is_some() && (more || !after.is_empty() || !proven.unclear.is_empty()) {
        part_removed(context, instance, made).await?;
    }
    for secondary in after {
        removed = removed.max(remove_one(context, instance, secondary, None).await?.0);
        part_removed(context, instance, secondary).await?;
    }
    match proven.unclear.into_iter().next() {
        Some((_, error)) => Err(Interruption::Failed(error)),
        None => Ok(removed),
    }
}

/// The other instance of the record that holds this resource as its own: it is that one's to remove.
fn left_to(context: &RunContext, instance: &InstanceId, made: &RecordedResource) -> Option<InstanceId> {
    let holders = context.journal.with_status(|status| holders(status, instance, made));
    let secondary = made.secondary.iter().filter_map(Claimable::of);
    context.owners.let_go(&Claimable::of(made)?, secondary, instance, &holders)
}

/// Whether the call of an instance may create something. The undo of one that only changes what is there (it attaches a
/// volume) takes back what the plan asked for, whoever's call had that effect, and deletes nothing of another client.
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
    let thing = Claimable::of(made).filter(|thing| !matches!(thing, Claimable::Resource { path: Some(_), .. }))?;
    context.owners.other_record(&thing)
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
    let words =
        format!("kept: task {maker} made it, and task {}, which listed it, only used it", made.tasks.join(", "));
    let mut error = context.error(&about, EffectKnown::NotApplied, ErrorClass::Rejected, words);
    let forget = forget(context, instance);
    error.help.push(format!("if it is yours, delete it by hand, and destroy again; if not, {forget}"));
    error.help.push("what the call of this step made may be on no record: look for it by its name".to_owned());
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

/// What to do about an undo that is not about the resource of its step.
fn correct_undo(context: &RunContext, instance: &InstanceId) -> Vec<String> {
    let (destroy, forget) = (context.settings.destroy_command(), forget(context, instance));
    vec![
        format!("take `undo` out of the plan, or correct it, and run the plan, which records that; then run {destroy}"),
        format!("or delete the resource of the step by hand, then {forget}"),
    ]
}

/// The error for a resource that is still there after an undo which is not about it, or may be.
fn left_by_undo(
    context: &RunContext,
    instance: &InstanceId,
    made: &RecordedResource,
    gone: Gone,
    why: &str,
) -> StepError {
    let about = About { call: made.undo.clone().map(Shared::from), place: None };
    let answered = if gone == Gone::Already { "found nothing there" } else { "was carried out" };
    let words = format!("its undo names another resource than the step made, and {answered}; {why}");
    let effect = if gone == Gone::Already { EffectKnown::NotApplied } else { EffectKnown::Applied };
    let mut error = context.error(&about, effect, ErrorClass::Rejected, words);
    error.help = correct_undo(context, instance);
    error
}

/// Checks that the resource of a step is gone after an undo that is not about it: its answer says nothing of that.
async fn verify_gone(
    context: &RunContext,
    instance: &InstanceId,
    made: &RecordedResource,
    gone: Gone,
) -> Result<(), Interruption> {
    let known = status_of(context, instance);
    let Some(undo) = known.and_then(|known| elsewhere(context.catalog, &known, made)) else { return Ok(()) };
    // An undo that changes something may leave what was made; one that found nothing has changed nothing.
    if !undo.deletes && gone != Gone::Already {
        return Ok(());
    }
    let why = match undo.read {
        None if gone != Gone::Already => return Ok(()),
        None => "whether that of the step is still there cannot be read".to_owned(),
        Some(path) => {
            let reading = context.client.read(Request::get(path));
            match context.stopped.or_leave(reading).await.map_err(Interruption::Stopped)? {
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) => format!("whether that of the step is still there could not be read: {error}"),
                Ok(_) => "that of the step is still there".to_owned(),
            }
        }
    };
    let error = left_by_undo(context, instance, made, gone, &why);
    context.journal.append(vec![Record::RemovalFailed { instance: instance.clone(), error: error.clone() }]).await?;
    Err(Interruption::Failed(error))
}

/// The error for a resource that is kept because another client may own it.
fn kept(context: &RunContext, instance: &InstanceId, made: &RecordedResource) -> StepError {
    let about = About { call: made.undo.clone().map(Shared::from), place: None };
    let words = "kept: it was attributed to this step by its likeness alone, and may be another client's";
    let mut error = context.error(&about, EffectKnown::NotApplied, ErrorClass::Unknown, words);
    error.help.push(format!("if it is yours, delete it by hand; then {}", forget(context, instance)));
    error
}

/// The command after which the record no longer knows an instance.
pub fn forget(context: &RunContext, instance: &InstanceId) -> String {
    context.settings.state_command("forget", instance, "")
}

/// Makes the calls without which the API refuses the delete, and returns what those that it carried out have changed. A
/// refusal of such a call is ignored: it may have been made before, and the delete shows whether it is still needed.
async fn prepare(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    delete: &RecordedCall,
) -> Result<Vec<Drifted>, Interruption> {
    let intended = known.intent.as_ref().filter(|intent| intent.update.is_none()).map(|intent| &intent.call);
    let Some(create) = known.agrees.as_ref().or(intended) else { return Ok(Vec::new()) };
    let mut changes = Vec::new();
    // A call with a digest in place of a secret cannot be sent.
    let calls = before_delete(context.catalog, create, delete).into_iter();
    for before in calls.filter(|before| !before.call.lacks_a_secret()) {
        match Removal::new(context, instance, &before.call).run().await {
            Ok(_) => changes.push(before.changes),
            Err(Interruption::Failed(_) | Interruption::Unknown(_)) => {}
            Err(why) => return Err(why),
        }
    }
    Ok(changes)
}

/// Records what the calls before a delete have changed of a resource that is still there, so that the next run that keeps
/// it sets this right.
async fn stays_prepared(context: &RunContext, instance: &InstanceId, fields: Vec<Drifted>) -> Result<(), JournalError> {
    let is_kept = status_of(context, instance).is_some_and(|known| known.phase == Phase::Succeeded);
    if fields.is_empty() || !is_kept {
        return Ok(());
    }
    context.journal.append(vec![Record::Drifted { instance: instance.clone(), fields }]).await
}

/// Records a removed resource at once, so that it does not count as existing when a later call fails.
async fn part_removed(
    context: &RunContext,
    instance: &InstanceId,
    made: &RecordedResource,
) -> Result<(), JournalError> {
    let record =
        Record::PartRemoved { instance: instance.clone(), kind: made.kind.clone(), id: made.id.as_deref().cloned() };
    context.journal.append(vec![record]).await
}

/// Removes or reverts one resource, when there is an undo for it.
async fn remove_one(
    context: &RunContext,
    instance: &InstanceId,
    made: &RecordedResource,
    lock: Option<&str>,
) -> Result<(Removed, Option<Gone>), Interruption> {
    let Some(call) = &made.undo else { return Ok((Removed::Nothing, None)) };
    let known = status_of(context, instance).and_then(|known| known.intent.clone());
    let intended = known.as_ref().map(|intent| &*intent.call);
    if let Some(why) = unsendable(context.catalog, intended, call) {
        let about = About { call: Some(call.clone().into()), place: None };
        let words = format!("its undo is not sent: it {why}");
        let mut error = context.error(&about, EffectKnown::NotApplied, ErrorClass::Rejected, words);
        error.help.push(format!("remove it by hand, then {}", forget(context, instance)));
        return Err(Interruption::Failed(error));
    }
    let _alone = parent_lock(context, instance, lock).await.map_err(Interruption::Stopped)?;
    let mut removal = Removal::new(context, instance, call).of(made);
    let gone = match removal.resumed().await? {
        Some(gone) => gone,
        None => removal.run().await?,
    };
    verify_gone(context, instance, made, gone).await?;
    let deletes = call.method == Method::Delete;
    context.events.emit(Event::ResourceRemoved {
        instance: instance.clone(),
        kind: made.kind.clone(),
        id: made.id.as_deref().map(id_text),
        already_gone: gone == Gone::Already,
        reverted_by: (!deletes).then(|| context.secrets.redact(&call.to_string()).into_owned()),
    });
    Ok((if deletes { Removed::Deleted } else { Removed::Reverted }, Some(gone)))
}
