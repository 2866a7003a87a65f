//! The calls of the plan as far as the values for them are known.

use std::collections::{BTreeMap, BTreeSet};

use super::parts::{each_of, is_whole, known_part};
use serde_json::Value;

use super::{PlannedCreate, Work};
use crate::engine::context::Settings;
use crate::engine::operation::{Parameters, operation_of};
use crate::engine::paths::{fill_path, read_path};
use crate::engine::placeholder::is_known_later;
use crate::engine::render::{CallParts, RenderContext, each_value, step_value};
use crate::id::{InstanceId, StepId};
use crate::journal::{InstanceStatus, RecordedCall};
use crate::order::ordered_map;
use crate::plan::Step;
use crate::template::value_of;

impl<'a> Work<'a> {
    /// A call of which only project and region are known.
    pub(super) fn bare_call(&self, step: &Step) -> Option<RecordedCall> {
        let Settings { project_id, region_id, .. } = self.search.settings;
        let places = [("project_id", project_id), ("region_id", region_id)];
        let places: Parameters =
            places.into_iter().filter_map(|(name, id)| Some((name.to_owned(), (*id)?.to_string()))).collect();
        let path = fill_path(&step.operation.as_ref()?.route.path, &places, "", "")?;
        Some(RecordedCall::new(step.call.method, path))
    }

    /// The plan's call, and whether all of it is known. Values that a preview leaves open because it makes no request
    /// are read.
    pub(super) async fn call(
        &mut self,
        step: &Step,
        instance: &InstanceId,
        call: Option<RecordedCall>,
        known: &BTreeSet<StepId>,
        partly: bool,
    ) -> Option<(RecordedCall, bool)> {
        let call = call?;
        if is_whole(&call) {
            return Some((call, true));
        }
        if let Some(call) = self.rendered(step, instance, known).await {
            return Some((call, true));
        }
        let known = known_part(call);
        (partly && !is_known_later(&known.path)).then_some((known, false))
    }

    /// Reads the resources behind the steps that a step refers to.
    async fn read_resources(&mut self, step: &Step) {
        let used = |id: &StepId| self.search.plan.steps.get(id).is_some_and(|step| step.resource_used);
        let used: Vec<InstanceId> = self
            .status
            .instances
            .keys()
            .filter(|instance| step.after.contains(&instance.step) && used(&instance.step))
            .filter(|instance| !self.resources.contains_key(*instance))
            .cloned()
            .collect();
        for instance in used {
            let known = &self.status.instances[&instance];
            let Some((intent, result)) = known.intent.as_ref().zip(known.result.as_ref()) else { continue };
            let Some((operation, parameters)) = operation_of(self.search.catalog, &intent.call) else { continue };
            let Some(path) = read_path(&operation, &parameters, result) else { continue };
            if let Some(resource) = self.read(path).await {
                self.resources.insert(instance, resource);
            }
        }
    }

    /// Renders the call, when everything that it depends on is known or can be read.
    pub(super) async fn rendered(
        &mut self,
        step: &Step,
        instance: &InstanceId,
        known: &BTreeSet<StepId>,
    ) -> Option<RecordedCall> {
        if !step.after.iter().all(|step| known.contains(step)) {
            return None;
        }
        self.read_resources(step).await;
        let steps = self.values();
        let mut surroundings = self.surroundings(&steps);
        let each = each_of(step, instance, &surroundings);
        surroundings.each = each.as_ref();
        surroundings.render(&CallParts::of_step(step), None).ok().map(|rendered| rendered.recorded.into_owned())
    }

    /// Matches a resource found by its stamp with the plan's call; the rest of the recorded call comes from its task.
    pub(super) async fn bind(&mut self, asked: &PlannedCreate<'_>) {
        let Some(known) = self.status.instances.get(asked.instance) else { return };
        let mut known = InstanceStatus::clone(known);
        let Some(mut result) = known.result.take() else { return };
        if let Some(task) = self.task_of(&result).await {
            let told = self.result_of_task(asked, &task);
            (result.created, result.touched) = (told.created, told.touched);
        }
        let nonce = known.intent.as_ref().map(|intent| intent.nonce.clone()).unwrap_or_default();
        let bound = self.succeeded(asked, result, nonce);
        let others = known.made.len().saturating_sub(1);
        let made = known.made.drain(..).take(others).chain(bound.made).collect();
        let mut bound = InstanceStatus { made, phase: known.phase.clone(), ..bound };
        bound.inherit(known);
        self.status.put(asked.instance.clone(), bound);
    }

    pub(super) fn surroundings<'s>(&'s self, steps: &'s BTreeMap<StepId, minijinja::Value>) -> RenderContext<'s> {
        RenderContext {
            settings: self.search.settings,
            secrets: self.search.secrets,
            digest_key: self.status.header.key.as_bytes(),
            folder: &self.search.plan.folder,
            body_files: &self.search.plan.body_files,
            inputs: self.search.inputs,
            steps,
            each: None,
        }
    }

    /// `steps` for templates, from what is known.
    pub(super) fn values(&self) -> BTreeMap<StepId, minijinja::Value> {
        let mut by_step: BTreeMap<StepId, Vec<(String, Value)>> = BTreeMap::new();
        for (instance, known) in &self.status.instances {
            if let Some(result) = &known.result {
                let key = instance.key.as_deref().unwrap_or_default().to_owned();
                by_step
                    .entry(instance.step.clone())
                    .or_default()
                    .push((key, step_value(result, self.resources.get(instance))));
            }
        }
        let is_each = |step: &StepId| self.search.plan.steps.get(step).is_some_and(|step| step.for_each.is_some());
        let value = |(step, values): (StepId, Vec<(String, Value)>)| {
            let value = if is_each(&step) { each_value(&values) } else { value_of(&values[0].1) };
            (step, value)
        };
        ordered_map(by_step.into_iter().map(value))
    }
}
