//! Removes many instances concurrently: each one only after everything that depends on it is gone.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::context::{About, RunContext};
use super::decide::{KeptInstance, RemovalOrder, deleted_with_parent, removal, stays};
use super::interruption::Interruption;
use super::remove::{Extent, Removed, forget, remove, removed_with_parent};
use super::stop::Stop;
use crate::event::{EffectKnown, ErrorClass, Event, StepError};
use crate::hash::{HashMap, HashSet};
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
    let mut teardown = Teardown::of(context, instances, extent);
    let mut running = FuturesUnordered::new();
    loop {
        for instance in teardown.take_ready(running.is_empty()) {
            running.push(async move { (remove(context, &instance, extent).await, instance) });
        }
        let Some((removed, instance)) = running.next().await else { break };
        match removed {
            Ok(removed) => teardown.removed(instance, removed).await?,
            Err(why) => teardown.not_removed(instance, why)?,
        }
    }
    Ok(teardown.end())
}

/// A teardown under way.
struct Teardown<'c> {
    context: &'c RunContext,
    order: RemovalOrder,
    /// By instance: the other one with whose resource its own is deleted.
    deleted_with: HashMap<InstanceId, InstanceId>,
    /// By instance: those that wait for its removal, because they are deleted with it.
    inside: HashMap<InstanceId, Vec<InstanceId>>,
    end: TeardownEnd,
    /// Set when the key cannot read a project or region: no further removal is tried.
    no_access: Option<StepError>,
}

impl<'c> Teardown<'c> {
    fn of(context: &'c RunContext, instances: &[InstanceId], extent: Extent) -> Self {
        let (order, deleted_with) = context.journal.with_status(|status| match extent {
            Extent::Whole => (removal(status, instances), deleted_with_parent(context.catalog, status, instances)),
            Extent::ThisRun => (removal(status, instances), HashMap::default()),
        });
        let (inside, end) = (HashMap::default(), TeardownEnd::default());
        Self { context, order, deleted_with, inside, end, no_access: None }
    }

    /// The instances whose removal can begin now. `idle`: none is under way; instances that wait for each other are
    /// then removed, the youngest first, unless something was left.
    fn take_ready(&mut self, idle: bool) -> Vec<InstanceId> {
        let mut ready = Vec::new();
        if self.end.stopped.is_some() || self.no_access.is_some() {
            return ready;
        }
        let mut next = self.order.take();
        if next.is_none() && idle && self.end.left.is_empty() {
            next = self.order.youngest();
        }
        while let Some(instance) = next {
            match self.deleted_with.get(&instance) {
                Some(holder) => {
                    self.order.mark_gone(&instance);
                    self.inside.entry(holder.clone()).or_default().push(instance);
                }
                None => ready.push(instance),
            }
            next = self.order.take();
        }
        ready
    }

    /// Counts a removed instance, and takes those off the record that were deleted with it.
    async fn removed(&mut self, instance: InstanceId, removed: Removed) -> Result<(), JournalError> {
        self.end.removed += usize::from(removed == Removed::Deleted);
        self.end.reverted += usize::from(removed == Removed::Reverted);
        self.end.gone.push((instance.clone(), removed));
        for inside in self.inside.remove(&instance).unwrap_or_default() {
            match removed_with_parent(self.context, &inside).await {
                Ok(true) => {
                    self.end.removed += 1;
                    self.end.gone.push((inside, Removed::Deleted));
                }
                Err(Interruption::Journal(error)) => return Err(error),
                Err(Interruption::Stopped(stop)) => self.end.stopped = Some(stop),
                Ok(false) | Err(_) => {}
            }
        }
        self.order.mark_gone(&instance);
        Ok(())
    }

    /// Names an instance that was not removed, and why; a stop, or a key without access, ends the teardown.
    fn not_removed(&mut self, instance: InstanceId, why: Interruption) -> Result<(), JournalError> {
        let error = match why {
            Interruption::Journal(error) => return Err(error),
            Interruption::Stopped(stop) => {
                self.end.stopped = Some(stop);
                return Ok(());
            }
            Interruption::NoAccess(error) => {
                self.no_access = Some(error.clone());
                error
            }
            Interruption::StillWaiting { tasks, unread, .. } => {
                let words = match unread {
                    None => format!("its task still runs: {}", tasks.join(", ")),
                    Some(answer) => format!("its task {} cannot be read: {answer}", tasks.join(", ")),
                };
                self.context.error(&About::default(), EffectKnown::Unknown, ErrorClass::Unknown, words)
            }
            Interruption::Failed(error) | Interruption::Conflict(error) | Interruption::Unknown(error) => error,
        };
        self.end.add_left(self.context, instance, error);
        Ok(())
    }

    fn end(mut self) -> TeardownEnd {
        if self.end.stopped.is_none() {
            self.end.add_waiting(self.context, &self.order, self.inside, self.no_access.as_ref());
        }
        self.end
    }
}

/// The error for an instance that is kept without a call.
fn why_kept(context: &RunContext, kept: &KeptInstance) -> StepError {
    let KeptInstance { instance, because_of } = kept;
    let (stays, has_it) = context.journal.with_status(|status| {
        let other = status.instances.get(because_of);
        let ids = other.into_iter().flat_map(|other| &other.made).filter_map(|made| made.id.as_deref());
        let has_it = ids.flat_map(|id| status.owners_of(id)).any(|(owner, _)| owner == instance);
        (other.is_some_and(|other| stays(other)), has_it)
    });
    let words = match (kept.stays(), stays) {
        (true, _) => "it has no undo".to_owned(),
        (false, true) if has_it => format!("`{because_of}` has it on record as well, and keeps it"),
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
        before.retain(|resource| !there.contains(resource));
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

    /// Adds the instances whose removal was never tried. `inside`: those that are deleted with another; `no_access`:
    /// why none was tried any more.
    fn add_waiting(
        &mut self,
        context: &RunContext,
        order: &RemovalOrder,
        inside: HashMap<InstanceId, Vec<InstanceId>>,
        no_access: Option<&StepError>,
    ) {
        let waits = |words: String| {
            let error = || context.error(&About::default(), EffectKnown::NotApplied, ErrorClass::Rejected, words);
            no_access.cloned().unwrap_or_else(error)
        };
        for (holder, instances) in inside {
            for instance in instances {
                self.add_left(context, instance, waits(format!("it is deleted with `{holder}`, which still exists")));
            }
        }
        for kept in order.kept.iter().cloned().chain(order.never_free()) {
            let why = no_access.cloned().unwrap_or_else(|| why_kept(context, &kept));
            self.add_left(context, kept.instance, why);
        }
        for instance in order.not_gone() {
            if let Some(error) = no_access {
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
