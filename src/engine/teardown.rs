//! Removes many instances concurrently: each one only after everything that depends on it is gone.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::context::{About, RunContext};
use super::decide::{Kept, Removal, deleted_with_parent, removal, stays};
use super::interruption::Interruption;
use super::remove::{Extent, Removed, forget, remove, removed_with_parent};
use super::stop::Stop;
use crate::event::{EffectKnown, ErrorClass, Event, StepError};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, JournalError, Phase, Record, Status, id_text};

/// The outcome of a teardown.
#[derive(Debug, Default)]
pub struct TeardownEnd {
    pub removed: usize,
    /// Instances whose call was reverted, by an undo that is no DELETE.
    pub reverted: usize,
    /// What was done to the resources of each instance that was removed.
    pub gone: Vec<(InstanceId, Removed)>,
    /// What was not removed, and why.
    pub left: Vec<(InstanceId, StepError)>,
    pub stopped: Option<Stop>,
}

/// Removes `instances`, dependants first. A failure does not end the teardown, but keeps everything that the
/// remaining resource depends on. In the end each instance is removed, or named in [`TeardownEnd::left`], or the
/// teardown was stopped.
///
/// # Errors
///
/// [`JournalError`] when the record cannot be written any more.
pub async fn teardown(
    context: &Arc<RunContext>,
    instances: &[InstanceId],
    extent: Extent,
) -> Result<TeardownEnd, JournalError> {
    let (mut order, goes_along) = context.journal.with_status(|status| match extent {
        Extent::Whole => (removal(status, instances), deleted_with_parent(status, instances)),
        Extent::ThisRun => (removal(status, instances), HashMap::new()),
    });
    // By an instance: those that are deleted together with it.
    let mut inside: HashMap<InstanceId, Vec<InstanceId>> = HashMap::new();
    let mut torn = TeardownEnd::default();
    // Set when the key cannot read a project or region: no further removal is tried.
    let mut blind: Option<StepError> = None;
    let mut running = FuturesUnordered::new();
    loop {
        if torn.stopped.is_none() && blind.is_none() {
            let mut next = order.take();
            if next.is_none() && running.is_empty() && torn.left.is_empty() {
                next = order.youngest();
            }
            while let Some(instance) = next {
                match goes_along.get(&instance) {
                    Some(holder) => {
                        order.mark_gone(&instance);
                        inside.entry(holder.clone()).or_default().push(instance);
                    }
                    None => running.push(async move { (remove(context, &instance, extent).await, instance) }),
                }
                next = order.take();
            }
        }
        let Some((removed, instance)) = running.next().await else { break };
        match removed {
            Ok(removed) => {
                torn.removed += usize::from(removed == Removed::Deleted);
                torn.reverted += usize::from(removed == Removed::Reverted);
                torn.gone.push((instance.clone(), removed));
                for gone in inside.remove(&instance).unwrap_or_default() {
                    match removed_with_parent(context, &gone).await {
                        Ok(true) => {
                            torn.removed += 1;
                            torn.gone.push((gone, Removed::Deleted));
                        }
                        Ok(false) => {}
                        Err(Interruption::Journal(error)) => return Err(error),
                        Err(Interruption::Stopped(stop)) => torn.stopped = Some(stop),
                        Err(_) => {}
                    }
                }
                order.mark_gone(&instance);
            }
            Err(Interruption::NoAccess(error)) => {
                torn.add_left(context, instance, error.clone());
                blind = Some(error);
            }
            Err(Interruption::StillWaiting { tasks, unread, .. }) => {
                let words = match unread {
                    None => format!("its task still runs: {}", tasks.join(", ")),
                    Some(answer) => format!("its task {} cannot be read: {answer}", tasks.join(", ")),
                };
                let error = context.error(&About::default(), EffectKnown::Unknown, ErrorClass::Unknown, words);
                torn.add_left(context, instance, error);
            }
            Err(Interruption::Stopped(stop)) => torn.stopped = Some(stop),
            Err(Interruption::Journal(error)) => return Err(error),
            Err(Interruption::Failed(error) | Interruption::Conflict(error) | Interruption::Unknown(error)) => {
                torn.add_left(context, instance, error);
            }
        }
    }
    if torn.stopped.is_none() {
        torn.add_waiting(context, &order, inside, blind.as_ref());
    }
    Ok(torn)
}

/// The error for an instance that is kept without a call.
fn why_kept(context: &RunContext, kept: &Kept) -> StepError {
    let Kept { instance, because_of } = kept;
    let stays = context.journal.with_status(|status| status.instances.get(because_of).is_some_and(|one| stays(one)));
    let words = match (kept.stays(), stays) {
        (true, _) => "it has no undo".to_owned(),
        (false, true) => format!("`{because_of}` depends on it, and stays: it has no undo"),
        (false, false) => format!("`{because_of}` depends on it, and still exists"),
    };
    let mut error = context.error(&About::default(), EffectKnown::NotApplied, ErrorClass::Rejected, words);
    if kept.stays() {
        error.help.push(format!(
            "delete it by hand, then {}: what it depends on can be removed after that",
            forget(context, instance)
        ));
    }
    error
}

/// What is on record as made and can be removed: kinds and ids.
pub fn removable(status: &Status) -> HashSet<(String, String)> {
    let made = status.instances.values().flat_map(|known| &known.made).filter(|made| made.undo.is_some());
    made.filter_map(|made| Some((made.kind.clone()?, id_text(made.id.as_deref()?)))).collect()
}

/// Takes the calls off the record that changed what is gone now. `before`: what could be removed before the teardown.
///
/// # Errors
///
/// [`JournalError`] when the record cannot be written.
pub async fn forget_changes(context: &RunContext, mut before: HashSet<(String, String)>) -> Result<(), JournalError> {
    let changes = context.journal.with_status(|status| {
        let there = removable(status);
        before.retain(|thing| !there.contains(thing));
        let is_of_gone = |known: &InstanceStatus| {
            let subject = known.result.as_ref().and_then(|result| Some((result.kind.clone()?, result.id.as_deref()?)));
            known.made.is_empty() && subject.is_some_and(|(kind, id)| before.contains(&(kind, id_text(id))))
        };
        let done = status.instances.iter().filter(|(_, known)| known.phase == Phase::Succeeded);
        let records = done.filter(|(_, known)| is_of_gone(known));
        records.map(|(instance, _)| Record::Removed { instance: instance.clone() }).collect::<Vec<_>>()
    });
    if changes.is_empty() { Ok(()) } else { context.journal.append(changes).await }
}

impl TeardownEnd {
    /// Adds the outcome of another teardown of the same command.
    pub fn extend(&mut self, other: TeardownEnd) {
        self.removed += other.removed;
        self.reverted += other.reverted;
        self.gone.extend(other.gone);
        self.left.extend(other.left);
        self.stopped = self.stopped.or(other.stopped);
    }

    /// Adds the instances whose removal was never tried. `inside`: those that go with another; `blind`: why none was tried
    /// any more.
    fn add_waiting(
        &mut self,
        context: &RunContext,
        order: &Removal,
        inside: HashMap<InstanceId, Vec<InstanceId>>,
        blind: Option<&StepError>,
    ) {
        let waits = |words: String| {
            let error = || context.error(&About::default(), EffectKnown::NotApplied, ErrorClass::Rejected, words);
            blind.cloned().unwrap_or_else(error)
        };
        for (holder, instances) in inside {
            for instance in instances {
                self.add_left(context, instance, waits(format!("it is deleted with `{holder}`, which still exists")));
            }
        }
        for kept in order.kept.iter().cloned().chain(order.never_free()) {
            let why = blind.cloned().unwrap_or_else(|| why_kept(context, &kept));
            self.add_left(context, kept.instance, why);
        }
        for instance in order.not_gone() {
            if let Some(error) = blind {
                self.add_left(context, instance, error.clone());
            }
        }
    }

    /// Adds an instance that was not removed, unless it is named already.
    pub fn add_left(&mut self, context: &RunContext, instance: InstanceId, error: StepError) {
        if self.left.iter().any(|(left, _)| *left == instance) {
            return;
        }
        let made = context.journal.with_status(|status| {
            status.instances.get(&instance).and_then(|known| known.made.last().cloned()).unwrap_or_default()
        });
        context.events.emit(Event::ResourceLeft {
            instance: instance.clone(),
            kind: made.kind,
            id: made.id.as_deref().map(id_text),
            error: error.clone(),
        });
        self.left.push((instance, error));
    }
}
