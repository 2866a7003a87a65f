//! Resources with the stamp of a step that the plan does not have, because it was renamed after they were created.

use super::super::RecoveryEvidence;
use super::parts::{is_whole, known_part};
use super::{PlannedCreate, Work};
use crate::catalog::ListCall;
use crate::engine::decide::FormerSteps;
use crate::engine::evidence::likeness::contradicts;
use crate::engine::names::is_same_name;
use crate::engine::preview::{Action, Change};
use crate::id::InstanceId;
use crate::journal::{Record, RecordedCall};

impl Work<'_> {
    /// The plan's calls that nothing is recovered for yet, when something was found of steps that the plan does not
    /// have.
    pub(super) fn open_calls(&self, changes: &[Change]) -> Vec<(InstanceId, RecordedCall)> {
        if self.lost().next().is_none() {
            return Vec::new();
        }
        let open = changes.iter().filter(|change| matches!(change.action, Action::Call));
        open.filter_map(|change| Some((change.instance.clone(), known_part(change.call.clone()?)))).collect()
    }

    /// Instances found by their stamp whose step the plan does not have.
    fn lost(&self) -> impl Iterator<Item = &InstanceId> {
        let stamped =
            self.found.iter().filter(|(_, trace)| *trace == RecoveryEvidence::Stamp).map(|(instance, _)| instance);
        stamped.filter(|instance| !self.search.plan.steps.contains_key(&instance.step))
    }

    /// The lost instance of a renamed step that `asked` continues: the only one with its key whose resource agrees with
    /// the whole call, unless another open call agrees with that resource.
    pub(super) fn former(&self, asked: &PlannedCreate<'_>, open: &[(InstanceId, RecordedCall)]) -> Option<InstanceId> {
        let list = asked.operation.creates.as_ref()?.resource.as_ref()?.list.as_ref()?;
        if !asked.is_complete || !is_whole(&asked.call) {
            return None;
        }
        let agreeing = |instance: &InstanceId, call: &RecordedCall| -> Vec<&InstanceId> {
            self.lost().filter(|lost| lost.key == instance.key && self.is_made_by(asked, list, lost, call)).collect()
        };
        let [former] = agreeing(asked.instance, &asked.call)[..] else { return None };
        let mut others = open.iter().filter(|(other, _)| other != asked.instance);
        let is_anothers = others.any(|(other, call)| agreeing(other, call).contains(&former));
        (!is_anothers).then(|| former.clone())
    }

    fn is_made_by(&self, asked: &PlannedCreate<'_>, list: &ListCall, lost: &InstanceId, call: &RecordedCall) -> bool {
        let known = self.status.instances.get(lost);
        let made = known.and_then(|known| Some((known.intent.as_ref()?, known.result.as_ref()?.response.as_ref()?)));
        let Some((intent, item)) = made else { return false };
        let pointer = asked.operation.creates.as_ref().and_then(|creates| creates.name_at.as_deref());
        let name = call.body.as_ref().and_then(|body| body.pointer(pointer.unwrap_or("/name")));
        let field = list.name_field.as_deref().unwrap_or("name");
        (intent.call.method, &intent.call.path) == (call.method, &call.path)
            && name.is_none_or(|name| item.get(field).is_some_and(|shown| is_same_name(&list.path, field, shown, name)))
            && !contradicts(item, call, &[])
    }

    /// Gives what was found under a former name its name in the plan.
    pub(super) fn rename(&mut self, former: &InstanceId, instance: &InstanceId) {
        let at = self.status.updated;
        let moved = Record::Moved { instance: former.clone(), to: instance.clone() };
        if self.status.apply(at, moved).is_ok() {
            self.found.retain(|(found, _)| found != former);
            self.found.push((instance.clone(), RecoveryEvidence::FormerStamp(former.clone())));
        }
    }

    /// Pairs of a recovered instance whose step the plan does not have, and a planned instance with the same call and
    /// no resource: the step seems renamed.
    pub(super) fn seem_renamed(&self) -> Vec<(InstanceId, InstanceId)> {
        let former_steps = FormerSteps::of(&self.status, |one| self.search.plan.steps.contains_key(&one.step));
        let open = self.preview().into_iter().filter(|change| matches!(change.action, Action::Call));
        let pair = |change: Change| {
            let former = former_steps.name_of(&self.status, &change.instance, change.call.as_ref()?)?;
            Some((former, change.instance))
        };
        open.filter_map(pair).collect()
    }
}
