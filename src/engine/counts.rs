//! How many instances the steps of a plan have, as far as that is known before it runs.

use std::collections::BTreeMap;

use super::context::Settings;
use super::render::{Surroundings, elements};
use crate::id::StepId;
use crate::plan::Plan;
use crate::secret::Secrets;

/// The steps whose number of instances follows from the inputs; the others depend on what earlier steps make.
pub fn instance_counts(
    plan: &Plan,
    settings: &Settings,
    secrets: &Secrets,
    inputs: &BTreeMap<String, minijinja::Value>,
) -> BTreeMap<StepId, usize> {
    let none = BTreeMap::new();
    let surroundings = Surroundings::before_run(plan, settings, secrets, inputs, &none);
    let count = |for_each: &_| elements(for_each, &surroundings.scope()).ok().map(|elements| elements.len());
    let counts = plan.steps.values().map(|step| (step.id.clone(), step.for_each.as_deref().map_or(Some(1), count)));
    counts.filter_map(|(id, count)| Some((id, count?))).collect()
}
