//! Removes the resources of one instance, using only the record.
//!
//! First pending calls are completed (`pending`): a write in doubt is resolved, running tasks are waited for. Then
//! every resource is removed by its recorded undo call, the youngest first. `removal` makes one such call: 404 counts
//! as done where the key can see the resource's project; "in use" and locks are retried within a time limit.

mod access;
mod identity;
mod listed;
mod other_undo;
mod ours;
mod pending;
mod removal;
mod sequence;
mod users;

use super::before::before_delete;
use super::context::{About, RunContext};
use super::decide::{NO_UNDO, unsendable};
use super::interruption::Interruption;
use super::made::{inclusion_parameters, split_included};
use super::operation;
use super::permits::parent_lock;
use super::prove::prove;
use super::secondary::unknown_kinds_of;
use crate::catalog::Method;
use crate::event::{EffectKnown, ErrorClass, Event};
use crate::id::InstanceId;
use crate::journal::{Drifted, InstanceStatus, JournalError, Phase, Record, RecordedCall, RecordedResource, id_text};
use crate::kind::resource_name;
use crate::shared::Shared;
use other_undo::verify_gone;
use ours::{refuse_unless_ours, why_left};
use removal::{RemovedWhen, UndoCall};
use sequence::Sequence;

pub use identity::created_before;
pub use pending::complete_pending;

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
        context.warn(format!("`{instance}`: {kinds} of its create may remain: they are not on record"));
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
/// it is known to have been there.
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
    let was_there = !made.is_empty();
    for made in made {
        context.events.emit(Event::ResourceRemoved {
            instance: instance.clone(),
            kind: made.kind,
            id: made.id.as_deref().map(id_text),
            already_gone: false,
            reverted_by: None,
        });
    }
    Ok(was_there)
}

/// Removes one resource with those of its secondary resources that its own call is proven to have made. `more`: other
/// resources of the instance are still on record.
async fn remove_made(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    made: &RecordedResource,
    more: bool,
) -> Result<Removed, Interruption> {
    if let Some(why) = why_left(context, instance, known, made) {
        context.warn(format!("`{instance}`: {why}"));
        return Ok(Removed::Nothing);
    }
    refuse_unless_ours(context, instance, known, made).await?;
    let by = made.undo.as_ref().map(|undo| inclusion_parameters(context.catalog, made.kind.as_deref(), undo));
    let by = by.unwrap_or_default();
    let (undo, included) = made.undo.as_ref().map(|undo| split_included(context.catalog, &by, undo)).unzip();
    let secondary = made.secondary.iter().cloned().chain(included.unwrap_or_default()).collect();
    let proving = context.stopped.or_leave(prove(context, instance, known, made, secondary));
    let proven = proving.await.map_err(Interruption::Stopped)?;
    for (kind, id, why) in &proven.of_others {
        context.warn(format!("`{instance}`: {} stays: {why}", resource_name(Some(kind), &id_text(id))));
    }
    let sequence = Sequence::of(made, undo.as_ref(), &by, proven.ours);
    let removed = remove_sequence(context, instance, known, sequence, more || !proven.unclear.is_empty()).await?;
    match proven.unclear.into_iter().next() {
        Some((_, error)) => Err(Interruption::Failed(error)),
        None => Ok(removed),
    }
}

/// Removes a resource and its secondary resources in order. `more`: other resources of the instance stay on record
/// after these.
async fn remove_sequence(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    sequence: Sequence,
    more: bool,
) -> Result<Removed, Interruption> {
    let mut removed = Removed::Nothing;
    for secondary in &sequence.before {
        removed = removed.max(remove_one(context, instance, secondary, None).await?.0);
    }
    let main = sequence.main.clone();
    let (main_removed, gone) = remove_main(context, instance, known, &main).await?;
    removed = removed.max(main_removed);
    let after = sequence.after_main(gone);
    if gone.is_some() && (more || !after.is_empty()) {
        part_removed(context, instance, &main).await?;
    }
    for secondary in &after {
        removed = removed.max(remove_one(context, instance, secondary, None).await?.0);
        part_removed(context, instance, secondary).await?;
    }
    Ok(removed)
}

/// Removes the main resource, after the calls without which the API refuses that.
async fn remove_main(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    main: &RecordedResource,
) -> Result<(Removed, Option<RemovedWhen>), Interruption> {
    let prepared = match &main.undo {
        Some(delete) => prepare(context, instance, known, delete).await?,
        None => Vec::new(),
    };
    let removed = remove_one(context, instance, main, main.lock.as_deref()).await;
    if matches!(removed, Err(Interruption::Failed(_))) {
        stays_prepared(context, instance, prepared).await?;
    }
    removed
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
        match UndoCall::new(context, instance, &before.call).run().await {
            Ok(_) => changes.push(before.changes),
            Err(Interruption::Failed(_) | Interruption::Unknown(_)) => {}
            Err(why) => return Err(why),
        }
    }
    Ok(changes)
}

/// Records what the calls before a delete have changed of a resource that is still there, so that the next run that
/// keeps it sets this right.
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
) -> Result<(Removed, Option<RemovedWhen>), Interruption> {
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
    let mut removal = UndoCall::new(context, instance, call).of(made);
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
        already_gone: gone == RemovedWhen::Already,
        reverted_by: (!deletes).then(|| context.secrets.redact(&call.to_string()).into_owned()),
    });
    Ok((if deletes { Removed::Deleted } else { Removed::Reverted }, Some(gone)))
}
