//! Recovered instances of steps that the plan does not have: their secondary resources, and their order.

use super::parts::mentions;
use serde_json::Value;

use super::Work;
use crate::engine::made::made;
use crate::engine::operation::operation_of;
use crate::id::{InstanceId, StepId};
use crate::journal::{StepResult, id_text};
use crate::order::ordered_set;

impl<'a> Work<'a> {
    /// Reads the secondary resources of recovered instances of steps that the plan does not have
    /// any more.
    pub async fn complete_not_in_plan(&mut self) {
        for instance in self.unmatched() {
            let known = self.status.instances.get(&instance);
            let known = known.and_then(|known| Some((known.intent.as_ref()?.call.clone(), known.result.clone()?)));
            let Some((call, result)) = known else { continue };
            let Some((operation, _)) = operation_of(self.search.catalog, &call) else { continue };
            let Some(task) = self.task_of(&result).await else { continue };
            let told = self.result_of_recorded_task(&instance, &operation, &call, &task);
            if let Some(known) = self.status.instances.get_mut(&instance) {
                known.result = Some(StepResult { created: told.created, touched: told.touched, ..result });
            }
        }
    }

    /// Recovered instances that were not matched with a call of the plan.
    fn unmatched(&self) -> Vec<InstanceId> {
        let found = self.found.iter().map(|(instance, _)| instance);
        found.filter(|instance| !self.bound.contains(*instance)).cloned().collect()
    }

    /// Orders recovered instances that the plan does not have any more after older ones that they belong to.
    pub(super) fn order_not_in_plan(&mut self) {
        for instance in self.unmatched() {
            let planned = self.search.plan.steps.get(&instance.step).map(|step| step.after.to_vec());
            let after = planned.unwrap_or_else(|| self.older_relatives(&instance));
            let undo = self.search.plan.steps.get(&instance.step).map(|step| {
                let result = self.status.instances[&instance].result.clone().unwrap_or_default();
                self.undo(step, &instance, &result)
            });
            let Some(known) = self.status.instances.get_mut(&instance) else { continue };
            let known = &mut **known;
            known.after.clone_from(&after);
            if let (Some(intent), Some(result)) = (&mut known.intent, &known.result) {
                intent.after = after;
                intent.call.body = None;
                intent.call.body_file = None;
                intent.undo = undo.unwrap_or_default();
                if let Some(last) = known.made.last_mut() {
                    *last = made(self.search.catalog, &intent.call, result, &intent.undo);
                }
            }
        }
    }

    fn older_relatives(&self, instance: &InstanceId) -> Vec<StepId> {
        let seen = |instance: &InstanceId| -> Option<(&Value, &Value, String)> {
            let result = self.status.instances.get(instance)?.result.as_ref()?;
            let item = result.response.as_ref()?;
            Some((item, result.id.as_ref()?, item.get("created_at").map(id_text).unwrap_or_default()))
        };
        let Some((item, id, made_at)) = seen(instance) else { return Vec::new() };
        let is_older = |other: &InstanceId| {
            seen(other).is_some_and(|(their_item, their_id, their_time)| {
                let related = mentions(item, &id_text(their_id)) || mentions(their_item, &id_text(id));
                related && their_time < made_at
            })
        };
        let others = self.found.iter().map(|(other, _)| other).filter(|other| *other != instance);
        let steps = ordered_set(others.filter(|other| is_older(other)).map(|other| other.step.clone()));
        steps.into_iter().collect()
    }
}
