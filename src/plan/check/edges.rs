//! The steps that a step depends on.

use crate::id::StepId;
use crate::plan::programs::programs;
use crate::plan::step_doc::StepDoc;
use crate::source::Span;

/// The steps that a step depends on, with the place of each reference.
pub(super) fn edges_of(step: &StepDoc) -> Vec<(StepId, Span)> {
    let references = programs(step)
        .into_iter()
        .flat_map(|(_, program)| program.uses().steps.iter().map(|used| (used.step.clone(), program.place(used.span))));
    references.chain(step.needs.iter().cloned()).collect()
}

/// The steps that a step depends on, sorted, each once.
pub(super) fn dependencies_of(step: &StepDoc) -> Box<[StepId]> {
    let mut after: Vec<StepId> = edges_of(step).into_iter().map(|(id, _)| id).collect();
    after.sort_unstable();
    after.dedup();
    after.into()
}
