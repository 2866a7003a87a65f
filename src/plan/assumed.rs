//! The values of a run that would start now.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::model::Input;
use crate::secret::Secrets;

/// Input values, as templates see them.
pub type Values = BTreeMap<String, minijinja::Value>;

/// The values of a run that would start now.
pub struct Assumed<'a> {
    /// The values of the inputs declared, as far as they are known.
    pub inputs: &'a dyn Fn(&IndexMap<String, Input>) -> Values,
    pub environment: &'a str,
    pub secrets: &'a Secrets,
}
