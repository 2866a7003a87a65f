//! Taking one instance away again, from the record alone.
//!
//! What is in doubt is resolved first, what runs is waited for; then every thing it made is removed by its recorded call,
//! the youngest first. 404 is done. "In use" and locks are tried again within a budget.

mod pending;
mod removal;

use self::pending::complete_pending;
use self::removal::{Gone, Removal};
use super::before::before_delete;
use super::context::{About, RunContext};
use super::evidence::tags::{STAMP, stamp_value, tag};
use super::interruption::Interruption;
use super::made::{along_with, read_of, taken_along, taking_along};
use super::prove::prove;
use super::results;
use super::teardown::Extent;
use super::turn::parent_turn;
use crate::api::Request;
use crate::event::{EffectKnown, ErrorClass, Event, StepError};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, JournalError, Record, RecordedCall, RecordedResource, may_undo};
use crate::shared::Shared;

/// Removes what an instance made. `Ok(true)` when something was there to remove.
///
/// # Errors
///
/// [`Interruption`] when something is left.
pub async fn remove(context: &RunContext, instance: &InstanceId, extent: Extent) -> Result<bool, Interruption> {
    complete_pending(context, instance).await?;
    let Some(status) = status_of(context, instance) else { return Ok(false) };
    let stays = match extent {
        Extent::Whole => 0,
        Extent::ThisRun => context.journal.with_status(|status| status.made_before(instance)),
    };
    let mut removed = false;
    for (at, made) in status.made.iter().enumerate().skip(stays).rev() {
        removed |= remove_made(context, instance, &status, made, at > stays).await?;
    }
    name_what_stays(context, instance, &status);
    let instance = instance.clone();
    let gone = match stays {
        0 => Record::Removed { instance },
        _ => Record::RolledBack { instance },
    };
    context.journal.append(vec![gone]).await?;
    Ok(removed)
}

/// What a create made and no call takes away, and things of the kinds that outlive a step's main thing, that its call only
/// touched and no other step owns: said once.
fn name_what_stays(context: &RunContext, instance: &InstanceId, known: &InstanceStatus) {
    let Some(result) = &known.result else { return };
    let matched = known.agrees.as_ref().and_then(|call| results::operation_of(context.catalog, call));
    if matched.as_ref().is_some_and(|(operation, _)| operation.creates.is_some()) {
        for made in known.made.iter().filter(|made| made.undo.is_none()) {
            let (Some(kind), Some(id)) = (&made.kind, &made.id) else { continue };
            context.warn(format!("`{instance}`: {kind} {} stays: no `undo` takes it away", results::id_text(id)));
        }
    }
    let stays =
        matched.iter().filter_map(|(operation, _)| operation.creates.as_ref()).flat_map(|creates| &creates.stays);
    for kind in stays {
        for id in result.touched.get(kind).and_then(serde_json::Value::as_array).into_iter().flatten() {
            if context.journal.with_status(|status| status.other_owner(instance, kind, id).is_none()) {
                context.warn(format!("`{instance}`: {} {} stays: it was there before", kind, results::id_text(id)));
            }
        }
    }
}

fn status_of(context: &RunContext, instance: &InstanceId) -> Option<Shared<InstanceStatus>> {
    context.journal.with_status(|status| status.instances.get(instance).cloned())
}

/// Removes one thing and what was made beside it: nothing that cannot be shown to be made by the same call. A router is
/// taken away before its network, which it keeps in use; what else is beside goes along where the API can do that, or
/// afterwards, as a volume does once its machine is gone.
async fn remove_made(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    made: &RecordedResource,
    more: bool,
) -> Result<bool, Interruption> {
    if made.uncertain && made.undo.is_some() && !carries_our_stamp(context, instance, made).await {
        return Err(Interruption::Failed(kept(context, instance, made)));
    }
    let along = made.undo.as_ref().map(|undo| along_with(context.catalog, made.kind.as_deref(), undo));
    let along = along.unwrap_or_default();
    let main = made.undo.as_ref().map(|undo| taken_along(context.catalog, &along, undo));
    let (undo, taken) = main.map_or((None, Vec::new()), |(undo, taken)| (Some(undo), taken));
    let secondary = made.secondary.iter().cloned().chain(taken).collect();
    let proven = context
        .stopped
        .or_leave(prove(context, instance, known, made, secondary))
        .await
        .map_err(Interruption::Stopped)?;
    for (kind, id, why) in &proven.theirs {
        context.warn(format!("`{instance}`: {} {} stays: {why}", kind, results::id_text(id)));
    }

    let goes_along = |secondary: &RecordedResource| {
        undo.is_some() && along.iter().any(|also| secondary.kind.as_ref() == Some(&also.kind))
    };
    let (before, after): (Vec<&RecordedResource>, Vec<&RecordedResource>) =
        proven.ours.iter().partition(|secondary| secondary.kind.as_deref() == Some("routers"));
    let (mut with, mut after): (Vec<&RecordedResource>, Vec<&RecordedResource>) =
        after.into_iter().partition(|secondary| goes_along(secondary));
    for secondary in before {
        remove_one(context, instance, secondary, None).await?;
    }
    if let Some(delete) = &undo {
        prepare(context, instance, known, delete).await?;
    }
    let main =
        RecordedResource { undo: undo.map(|undo| taking_along(&undo, &along, with.iter().copied())), ..made.clone() };
    let removed = remove_one(context, instance, &main, made.lock.as_deref()).await?;
    if removed == Some(Gone::Already) {
        // Nobody took them along.
        after.append(&mut with);
    }
    if removed.is_some() && (more || !after.is_empty() || !proven.unclear.is_empty()) {
        part_removed(context, instance, made).await?;
    }
    for secondary in after {
        remove_one(context, instance, secondary, None).await?;
        part_removed(context, instance, secondary).await?;
    }
    match proven.unclear.into_iter().next() {
        Some((_, error)) => Err(Interruption::Failed(error)),
        None => Ok(removed.is_some()),
    }
}

/// Whether what was once taken for ours by likeness shows by its tag that it is.
async fn carries_our_stamp(context: &RunContext, instance: &InstanceId, made: &RecordedResource) -> bool {
    let (Some(kind), Some(id), Some(undo)) = (&made.kind, &made.id, &made.undo) else { return false };
    let Some(path) = read_of(context.catalog, kind, id, undo) else { return false };
    let owner = stamp_value(&context.settings.plan, &context.settings.environment, instance);
    let read = context.client.read(Request::get(path)).await;
    read.is_ok_and(|item| tag(&item, None, STAMP) == Some(owner))
}

/// Why something that another may own stays.
fn kept(context: &RunContext, instance: &InstanceId, made: &RecordedResource) -> StepError {
    let about = About { call: made.undo.clone().map(Shared::from), place: None };
    let words = "kept: it was taken for this step's by its likeness alone, and may be somebody else's";
    let mut error = context.error(&about, EffectKnown::NotApplied, ErrorClass::Unknown, words);
    error.help.push(format!("if it is yours, delete it by hand; then `plan state forget '{instance}'`"));
    error
}

/// Makes the calls without which a delete would be refused. One that is refused itself may have been made before: whether
/// it matters, the delete tells.
async fn prepare(
    context: &RunContext,
    instance: &InstanceId,
    known: &InstanceStatus,
    delete: &RecordedCall,
) -> Result<(), Interruption> {
    let intended = known.intent.as_ref().filter(|intent| intent.update.is_none()).map(|intent| &intent.call);
    let Some(create) = known.agrees.as_ref().or(intended) else { return Ok(()) };
    for call in before_delete(context.catalog, create, delete) {
        match Removal::new(context, instance, &call).run().await {
            Ok(_) | Err(Interruption::Failed(_) | Interruption::Unknown(_)) => {}
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

/// What is gone is on record before anything else is tried: whatever fails then, it is not taken for there any more.
async fn part_removed(
    context: &RunContext,
    instance: &InstanceId,
    made: &RecordedResource,
) -> Result<(), JournalError> {
    let record = Record::PartRemoved { instance: instance.clone(), kind: made.kind.clone(), id: made.id.clone() };
    context.journal.append(vec![record]).await
}

async fn remove_one(
    context: &RunContext,
    instance: &InstanceId,
    made: &RecordedResource,
    lock: Option<&str>,
) -> Result<Option<Gone>, Interruption> {
    let Some(call) = &made.undo else { return Ok(None) };
    let known = status_of(context, instance).and_then(|known| known.intent.clone());
    let why = match () {
        () if call.lacks_a_secret() => Some("needs a secret, and the record holds none"),
        // Written by an earlier version, for a result that had no id.
        () if call.path.split('/').any(|segment| segment == "null") => Some("does not say what it is about"),
        () if !may_undo(context.catalog, known.as_ref().map(|intent| &*intent.call), call) => {
            Some("is none of the API's")
        }
        () => None,
    };
    if let Some(why) = why {
        let about = About { call: Some(call.clone().into()), place: None };
        let words = format!("the call that would take it back {why}: it is not sent");
        let mut error = context.error(&about, EffectKnown::NotApplied, ErrorClass::Rejected, words);
        error.help.push(format!("remove it by hand, then `plan state forget '{instance}'`"));
        return Err(Interruption::Failed(error));
    }
    let _alone = parent_turn(context, instance, lock).await.map_err(Interruption::Stopped)?;
    let mut removal = Removal::new(context, instance, call);
    let gone = match removal.resumed().await? {
        Some(gone) => gone,
        None => removal.run().await?,
    };
    context.events.emit(Event::ResourceRemoved {
        instance: instance.clone(),
        kind: made.kind.clone(),
        id: made.id.as_ref().map(results::id_text),
        already_gone: gone == Gone::Already,
    });
    Ok(Some(gone))
}
