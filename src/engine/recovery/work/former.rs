//! Resources with the stamp of a step that the plan does not have, because it was renamed after they were created.

use serde_json::Value;

use super::super::RecoveryEvidence;
use super::parts::{is_whole, known_part};
use super::{PlannedCreate, Work};
use crate::catalog::{Creates, ListCall};
use crate::engine::decide::FormerSteps;
use crate::engine::evidence::likeness::{contradicts, is_digest};
use crate::engine::names::is_same_name;
use crate::engine::preview::{Action, Change};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Record, RecordedCall};

/// Whether a resource that was found agrees with a call: by its place, its name, and all that both show.
pub(super) fn agrees(found: &InstanceStatus, creates: &Creates, list: &ListCall, call: &RecordedCall) -> bool {
    let made = found.intent.as_ref().and_then(|intent| Some((intent, found.result.as_ref()?.response.as_ref()?)));
    let Some((intent, item)) = made else { return false };
    let field = list.name_field.as_deref().unwrap_or("name");
    let shows = |name: &Value| item.get(field).is_some_and(|shown| is_same_name(&list.path, field, shown, name));
    (intent.call.method, &intent.call.path) == (call.method, &call.path)
        && name_in(creates, call).is_none_or(shows)
        && !contradicts(item, call, &[])
}

/// The name in a call.
pub(super) fn name_in<'c>(creates: &Creates, call: &'c RecordedCall) -> Option<&'c Value> {
    call.body.as_ref()?.pointer(creates.name_at.as_deref().unwrap_or("/name")).filter(|name| !is_digest(name))
}

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
        let creates = asked.operation.creates.as_ref();
        self.status.instances.get(lost).zip(creates).is_some_and(|(known, creates)| agrees(known, creates, list, call))
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

    /// Pairs of an instance whose step the plan does not have, or beside whose resource another one carries its stamp, and
    /// a planned instance with the same call and no resource: the step seems renamed.
    pub(super) fn seem_renamed(&self) -> Vec<(InstanceId, InstanceId)> {
        let is_beside = |one: &InstanceId| self.unrecorded.iter().any(|copy| copy.instance == *one && copy.beside);
        let is_planned = |one: &InstanceId| self.search.plan.steps.contains_key(&one.step) && !is_beside(one);
        let former_steps = FormerSteps::of(&self.status, is_planned);
        let open = self.preview().into_iter().filter(|change| matches!(change.action, Action::Call));
        let pair = |change: Change| {
            let former = former_steps.name_of(&self.status, &change.instance, change.call.as_ref()?)?;
            let has_resource = self.status.instances.get(&former).is_some_and(|known| known.may_exist());
            has_resource.then_some((former, change.instance))
        };
        open.filter_map(pair).collect()
    }
}
