//! What is replaced together with a resource: everything that was made from it.

use std::collections::HashSet;

use super::References;
use crate::id::InstanceId;
use crate::journal::Status;
use crate::plan::{OnChange, Plan, Selection};

/// Recorded instances that exist and depend on this one, directly or through others: they are removed before it.
pub fn replaced_with(status: &Status, instance: &InstanceId) -> Vec<InstanceId> {
    let dependants = References::of(status).dependants(instance);
    let existing = status.existing().map(|(other, _)| other);
    existing.filter(|other| dependants.contains(*other)).cloned().collect()
}

/// Whether an instance may be replaced: by the plan, by `--replace`, or because its resource would be lost anyway.
/// `orphans`: instances that were made from a resource which does not exist any more.
pub fn may_replace(plan: &Plan, replace: &Selection, orphans: &HashSet<InstanceId>, instance: &InstanceId) -> bool {
    replace.covers(instance)
        || orphans.contains(instance)
        || plan.steps.get(&instance.step).is_none_or(|step| {
            // Only a create has a resource that can be lost.
            let creates = step.operation.as_ref().is_some_and(|operation| operation.creates.is_some());
            matches!(step.on_change, Some(OnChange::Replace)) || !creates
        })
}
