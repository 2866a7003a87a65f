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

/// Whether all that is known of an instance is that a call of it has no answer.
pub fn is_only_in_doubt(known: &InstanceStatus) -> bool {
    known.phase == Phase::InDoubt && known.made.is_empty()
}
