//! The values of a run that would start now.

use std::collections::BTreeMap;
use std::path::Path;

use super::doc::PlanDoc;
use super::model::Input;
use super::partial::Given;
use crate::hash::IndexMap;
use crate::secret::Secrets;

/// Input values, as templates see them.
pub type InputValues = BTreeMap<String, minijinja::Value>;

/// The values of a run that would start now.
pub struct Assumed<'a> {
    /// The values of the inputs declared, as far as they are known.
    pub inputs: &'a dyn Fn(&IndexMap<String, Input>) -> InputValues,
    pub environment: &'a str,
    pub secrets: &'a Secrets,
}

impl Assumed<'_> {
    /// The values of the inputs that a plan declares.
    pub(super) fn of(&self, doc: &PlanDoc) -> InputValues {
        let declared = doc.inputs.iter().map(|input| (input.name.clone(), input.input.clone())).collect();
        (self.inputs)(&declared)
    }

    /// What a plan is checked with.
    pub(super) fn given<'g>(&'g self, inputs: &'g InputValues, folder: Option<&'g Path>) -> Given<'g> {
        let (environment, secrets) = (Some(self.environment), Some(self.secrets));
        Given { inputs: Some(inputs), environment, secrets, folder, ..Given::default() }
    }
}
