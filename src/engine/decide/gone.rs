//! Recorded instances that the plan does not have any more.

use crate::hash::HashSet;
use crate::id::{InstanceId, StepId};
use crate::journal::{InstanceStatus, Phase, Status};

/// Recorded instances that are not in the plan. `present`: the plan's instances whose `when` is not false;
/// `undecided`: steps whose instances are not known yet.
pub fn gone(status: &Status, present: &HashSet<InstanceId>, undecided: &HashSet<StepId>) -> Vec<InstanceId> {
    let existing = status.existing().map(|(instance, _)| instance);
    existing.filter(|instance| !present.contains(*instance) && !undecided.contains(&instance.step)).cloned().collect()
}

/// Recorded instances that are not in the plan, as in `gone`, and of which all was found missing: nothing makes them
/// again.
pub fn missing(status: &Status, present: &HashSet<InstanceId>, undecided: &HashSet<StepId>) -> Vec<InstanceId> {
    let missing = status.instances.iter().filter(|(_, known)| known.is_gone() && known.made.is_empty());
    let left = missing.map(|(instance, _)| instance).filter(|instance| !present.contains(*instance));
    left.filter(|instance| !undecided.contains(&instance.step)).cloned().collect()
}

/// Whether all that is known of an instance is that a call of it has no answer.
pub fn is_only_in_doubt(known: &InstanceStatus) -> bool {
    known.phase == Phase::InDoubt && known.made.is_empty()
}
