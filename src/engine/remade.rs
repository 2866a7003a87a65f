//! Which dependants of a replaced resource the run makes again: those that the plan still has, that are targeted, and
//! whose turn comes after the resource's. A run and a preview ask alike.

use super::decide::{self, Allowed, Remade, ReplaceBlocker};
use super::render::{RenderContext, elements};
use crate::hash::{HashMap, HashSet};
use crate::id::{InstanceId, StepId};
use crate::plan::{Graph, Step};
use crate::template::{Each, Reference};

/// The elements of a `for_each`, by key.
pub type Elements = HashMap<String, Each>;

/// The turn in which a resource is to be replaced.
pub struct ReplacementCheck<'a> {
    pub allowed: Allowed<'a>,
    /// The instance that is to be replaced.
    pub replaced: &'a InstanceId,
    /// The first instance without an undo among `replaced` and its dependants; `None` when each has one.
    pub staying: Option<&'a InstanceId>,
    /// The values of the steps that it comes after.
    pub surroundings: RenderContext<'a>,
    /// Whether the value that a template refers to is known in this turn.
    pub is_known: &'a dyn Fn(&Reference) -> bool,
}

/// The elements of a step's `for_each`, by key; `None` without one, and while they are not known.
pub fn elements_of(
    step: &Step,
    surroundings: &RenderContext<'_>,
    is_known: &dyn Fn(&Reference) -> bool,
) -> Option<Elements> {
    let list = step.for_each.as_ref()?;
    let known = list.references().all(is_known);
    let found = known.then(|| elements(list, &surroundings.scope()).ok()).flatten()?;
    Some(found.into_iter().map(|each| (each.key.clone(), each)).collect())
}

impl ReplacementCheck<'_> {
    /// The instances that may not be removed, and why: the replaced one itself, or dependants.
    pub fn blockers<'d>(&'d self, dependants: &'d [InstanceId]) -> Vec<(&'d InstanceId, ReplaceBlocker)> {
        if self.staying == Some(self.replaced) {
            return vec![(self.replaced, ReplaceBlocker::Itself)];
        }
        if dependants.is_empty() {
            return Vec::new();
        }
        let graph = Graph::of(self.allowed.plan);
        let target = self.allowed.target;
        let earlier: HashSet<&StepId> = target.steps().flat_map(|step| graph.all_dependencies(step)).collect();
        let targeted = |one: &InstanceId| target.is_empty() || earlier.contains(&one.step) || target.covers(one);
        let later: HashSet<&StepId> = graph.all_dependants(&self.replaced.step).into_iter().collect();
        // By step: its elements, and whether it comes after the resource.
        let mut steps: HashMap<&StepId, (Option<Elements>, bool)> = HashMap::default();
        let blockers = dependants.iter().filter_map(|one| {
            let remade = match self.allowed.plan.steps.get(&one.step) {
                Some(step) if !decide::reads(step) => {
                    let (each, later) = steps.entry(&one.step).or_insert_with(|| {
                        (elements_of(step, &self.surroundings, self.is_known), later.contains(&step.id))
                    });
                    match () {
                        () if !self.has(step, each.as_ref(), one) => Remade::Gone,
                        () if !targeted(one) => Remade::Untargeted,
                        () if !*later => Remade::Apart,
                        () => Remade::Yes,
                    }
                }
                _ => Remade::Gone,
            };
            Some((one, self.allowed.blocker(one, remade)?))
        });
        let blockers: Vec<_> = blockers.collect();
        let staying =
            dependants.iter().filter(|one| Some(*one) == self.staying).map(|one| (one, ReplaceBlocker::Stays));
        if blockers.is_empty() { staying.collect() } else { blockers }
    }

    /// Whether the plan has an instance of a step. What is not known yet is assumed to stay as it is on record.
    fn has(&self, step: &Step, elements: Option<&Elements>, instance: &InstanceId) -> bool {
        let each = match (&step.for_each, &instance.key, elements) {
            (None, None, _) => None,
            (Some(_), Some(key), Some(elements)) => match elements.get(&**key) {
                Some(each) => Some(each),
                None => return false,
            },
            (Some(_), Some(_), None) => return true,
            (None, Some(_), _) | (Some(_), None, _) => return false,
        };
        let Some(when) = step.when.as_ref().filter(|when| when.references().all(self.is_known)) else { return true };
        let surroundings = RenderContext { each, ..self.surroundings };
        when.is_true(&surroundings.scope()).unwrap_or(true)
    }
}
