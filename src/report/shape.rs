//! What is known of a run before it begins.

use crate::hash::IndexMap;

/// What is known of a run before it begins: its steps in order.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    pub steps: IndexMap<String, Planned>,
}

/// What is known of a step.
#[derive(Debug, Clone, Default)]
pub struct Planned {
    /// The steps it comes after.
    pub after: Vec<String>,
    /// How many instances it has; `None` where that depends on what an earlier step makes.
    pub instances: Option<usize>,
}
