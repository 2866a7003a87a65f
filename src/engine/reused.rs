//! Instances whose recorded result is reused, as most are when a plan is run again: their calls agree with the plan.
//! Nothing of them has to be waited for, so that the dispatcher takes them as they are, and starts no task for each.

use super::decide::{self, Decision, Differs, Wanted};
use super::instance::{Done, Instance, InstanceEnd};
use super::render::CallParts;
use crate::event::Provenance;
use crate::id::InstanceId;
use crate::journal::Phase;
use crate::plan::Ready;

impl Instance {
    /// The end of an instance that stays as it is, when the record alone says so. `None`: it has to be run, which
    /// also reports its errors.
    pub fn reused(&self, id: &InstanceId) -> Option<InstanceEnd> {
        let (step, options) = (self.step(), &self.run.options);
        let known = self.known(id);
        if known.phase != Phase::Succeeded || options.import.is_some() || self.asks_the_api() {
            return None;
        }
        let wanted = Wanted::of(step, options.replace.covers(id), false, false);
        if decide::instance(&wanted, Some(&known), Differs::No) != Decision::Reuse {
            return None;
        }
        let surroundings = self.surroundings();
        if let Some(when) = &step.when
            && !when.is_true(&surroundings.scope()).ok()?
        {
            return None;
        }
        // What agrees with the record was checked before it was sent.
        let rendered = surroundings.render(&CallParts::of_step(step), None).ok()?;
        if known.agrees.as_ref() != Some(&rendered.recorded) {
            return None;
        }
        if !self.amendment(&known).is_empty() {
            return None;
        }
        let result = known.result.clone().unwrap_or_default();
        let done = Done { result, provenance: Provenance::Reused, resource: None };
        Some(self.succeeded(id, rendered.recorded, done, self.run.context.clock().elapsed()))
    }

    /// Whether a request is made before the instance is done.
    fn asks_the_api(&self) -> bool {
        let step = self.step();
        let is_awaited = !step.wait.skip && step.operation.as_ref().is_some_and(|operation| operation.ready.is_some());
        (is_awaited && !step.ready.is_off())
            || matches!(step.ready, Ready::Also(_))
            || step.fail_when.is_some()
            || step.resource_used
    }
}
