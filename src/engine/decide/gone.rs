//! What is on record and no longer in the plan.

use std::collections::HashSet;

use crate::id::{InstanceId, StepId};
use crate::journal::Status;

/// Instances on record that the plan does not have. `present`: those it has, whose `when` is not false; `undecided`: steps
/// of which that is not known.
pub fn gone(status: &Status, present: &HashSet<InstanceId>, undecided: &HashSet<StepId>) -> Vec<InstanceId> {
    let existing = status.existing().map(|(instance, _)| instance);
    existing.filter(|instance| !present.contains(*instance) && !undecided.contains(&instance.step)).cloned().collect()
}
