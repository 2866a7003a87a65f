//! What a run would make. In an older copy of the record, an instance that was removed, refused or replaced since looks
//! as before, and a run would make it again beside what exists.

use std::collections::BTreeSet;

use super::counts::keys_of;
use super::decide::{ChangeKind, moves, reads};
use super::preview::{Action, Preview};
use crate::id::{InstanceId, StepId};
use crate::journal::{Phase, Status};
use crate::plan::{OnChange, Step};

/// The instances that a run would make, or make anew, or may.
#[derive(Debug, Default)]
pub struct Makes {
    instances: BTreeSet<InstanceId>,
    /// Steps whose instances are known only later.
    steps: BTreeSet<StepId>,
}

impl Makes {
    /// What the previewed run would make.
    pub fn of(preview: &Preview<'_>) -> Self {
        let mut makes = Self::default();
        if !may_make(preview) {
            return makes;
        }
        for change in preview.changes().0 {
            match change.action.change() {
                // A call that is under way is sent again when its effect is not found.
                Action::Call | Action::Adopt { .. } | Action::Retry { .. } | Action::Continue { .. } => {
                    makes.instances.insert(change.instance)
                }
                Action::Change { how: ChangeKind::Replace | ChangeKind::Rerun, .. } => {
                    makes.instances.insert(change.instance)
                }
                Action::Depends { .. } => makes.steps.insert(change.instance.step),
                _ => false,
            };
        }
        makes
    }

    pub fn covers(&self, instance: &InstanceId) -> bool {
        self.instances.contains(instance) || self.steps.contains(&instance.step)
    }

    /// Whether it covers an instance of this step.
    pub fn has(&self, step: &StepId) -> bool {
        self.steps.contains(step) || self.instances.iter().any(|instance| instance.step == *step)
    }
}

/// Whether the run can make anything at all, told without any template but those of `for_each`: most runs again change
/// nothing, and a preview of them takes as long as they do.
fn may_make(preview: &Preview<'_>) -> bool {
    let Some(status) = preview.status else { return true };
    let is_lost = |status: &Status| status.instances.values().any(|known| !known.lost.is_empty());
    if !preview.replace.is_empty() || !moves(status, &preview.plan.moved).is_empty() || is_lost(status) {
        return true;
    }
    let is_done = |step: &Step, key: Option<String>| {
        let known = status.instances.get(&InstanceId::new(step.id.clone(), key));
        known.is_some_and(|known| known.phase == Phase::Succeeded)
    };
    let stays = |step: &Step| match &step.for_each {
        _ if step.always || matches!(step.on_change, Some(OnChange::Replace | OnChange::Rerun)) => false,
        None => is_done(step, None),
        Some(_) => {
            let keys = keys_of(preview.plan, step, preview.settings, preview.secrets, preview.inputs);
            keys.is_some_and(|keys| keys.into_iter().all(|key| is_done(step, Some(key))))
        }
    };
    preview.plan.steps.values().any(|step| !reads(step) && !stays(step))
}
