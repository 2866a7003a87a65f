//! Recorded instances that the plan does not have any more.

use std::collections::HashSet;

use crate::id::{InstanceId, StepId};
use crate::journal::Status;

/// Recorded instances that are not in the plan. `present`: the plan's instances whose `when` is not false;
/// `undecided`: steps whose instances are not known yet.
pub fn gone(status: &Status, present: &HashSet<InstanceId>, undecided: &HashSet<StepId>) -> Vec<InstanceId> {
    let existing = status.existing().map(|(instance, _)| instance);
    existing.filter(|instance| !present.contains(*instance) && !undecided.contains(&instance.step)).cloned().collect()
}
