//! What is known of a run before it begins: which steps it has, what each comes after, and how many instances it has.

use crate::hash::{HashMap, HashSet};
use crate::id::{InstanceId, StepId};
use crate::journal::{InstanceStatus, Status};
use crate::plan::{Graph, Plan, Selection};
use crate::report::shape::{Planned, Shape};

/// The steps that a run of a plan is about: those of `--target` and what they come after, or all.
pub(in crate::command) fn shape_of_run(plan: &Plan, target: &Selection, counts: &HashMap<StepId, usize>) -> Shape {
    let graph = Graph::of(plan);
    let mut wanted: HashSet<&StepId> = HashSet::default();
    let mut pending: Vec<&StepId> = target.steps().collect();
    while let Some(id) = pending.pop() {
        if wanted.insert(id) {
            pending.extend(graph.dependencies(id));
        }
    }
    let named_alone = |id: &StepId| match target.takes_whole(id) {
        true => None,
        false => Some(target.keys_of(id).count()).filter(|named| *named > 0),
    };
    let planned = |id: &StepId| Planned {
        after: graph.dependencies(id).map(ToString::to_string).collect(),
        instances: named_alone(id).or(counts.get(id).copied()),
    };
    let steps = plan.steps.keys().filter(|id| target.is_empty() || wanted.contains(id));
    Shape { steps: steps.map(|id| (id.to_string(), planned(id))).collect() }
}

/// The steps of a plan.
pub(super) fn shape_of_plan(plan: &Plan) -> Shape {
    shape_of_run(plan, &Selection::default(), &HashMap::default())
}

/// The steps on record.
pub(super) fn shape_of_record(status: &Status) -> Shape {
    let mut shape = Shape::default();
    for (id, instance) in &status.instances {
        let planned = shape.steps.entry(id.step.to_string()).or_default();
        instance.after.iter().for_each(|step| comes_after(planned, step));
    }
    shape
}

/// A teardown of these instances: each goes before what it was made after.
pub(in crate::command) fn shape_of_teardown<'a>(
    instances: impl Iterator<Item = (&'a InstanceId, &'a InstanceStatus)>,
) -> Shape {
    let instances: Vec<_> = instances.collect();
    let mut shape = Shape::default();
    for (id, _) in &instances {
        let planned = shape.steps.entry(id.step.to_string()).or_default();
        planned.instances = Some(planned.instances.unwrap_or(0) + 1);
    }
    for (id, instance) in instances {
        for step in &instance.after {
            if let Some(planned) = shape.steps.get_mut(step.as_str()) {
                comes_after(planned, &id.step);
            }
        }
    }
    shape
}

fn comes_after(planned: &mut Planned, step: &StepId) {
    if !planned.after.iter().any(|known| known == step.as_str()) {
        planned.after.push(step.to_string());
    }
}
