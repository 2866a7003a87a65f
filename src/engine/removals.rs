//! What a run has removed besides its prune and its rollback: resources that are replaced, with what depends on them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::remove::Removed;
use crate::id::InstanceId;
use crate::journal::Status;
use crate::shared::lock;

/// The instances that a run has removed to make them again.
#[derive(Debug, Default)]
pub struct RemovedToReplace(Mutex<BTreeMap<InstanceId, Removed>>);

impl RemovedToReplace {
    /// Notes what was done to the resources of an instance.
    pub(super) fn note(&self, instance: &InstanceId, removed: Removed) {
        if removed != Removed::Nothing {
            lock(&self.0).insert(instance.clone(), removed);
        }
    }

    /// Those that are not there.
    pub(super) fn not_there(&self, status: &Status) -> Vec<InstanceId> {
        let is_there = |instance: &InstanceId| status.instances.get(instance).is_some_and(|known| known.may_exist());
        let removals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        removals.keys().filter(|instance| !is_there(instance)).cloned().collect()
    }

    /// Those that the run did not make again: how many were deleted, and how many reverted.
    pub(super) fn not_made_again(&self, status: &Status) -> (usize, usize) {
        let is_there = |instance: &InstanceId| status.instances.get(instance).is_some_and(|known| known.may_exist());
        let removals = lock(&self.0);
        let gone = removals.iter().filter(|(instance, _)| !is_there(instance));
        let (deleted, reverted): (Vec<_>, Vec<_>) = gone.partition(|(_, removed)| **removed == Removed::Deleted);
        (deleted.len(), reverted.len())
    }
}
