//! The operations of a step's calls.

use std::sync::Arc;

use super::doc::PlanDoc;
use crate::catalog::Operation;
use crate::hash::HashMap;

/// For one step: its own call, and those of `undo` and `on_change: update`.
#[derive(Default)]
pub(super) struct OfStep {
    pub own: Option<Arc<Operation>>,
    pub undo: Option<Arc<Operation>>,
    pub update: Option<Arc<Operation>>,
}

/// Operations by the ids of their steps.
pub(super) fn operations_by_step<'d>(doc: &'d PlanDoc, of: &[OfStep]) -> HashMap<&'d str, Arc<Operation>> {
    let ids = doc.steps.iter().zip(of);
    ids.filter_map(|(step, of)| Some((step.id.as_ref()?.value.as_str(), Arc::clone(of.own.as_ref()?)))).collect()
}
