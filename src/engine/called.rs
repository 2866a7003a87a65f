//! The outcome of a write.

use serde_json::Value;

use crate::journal::Evidence;

/// The outcome of a write.
#[derive(Debug)]
pub enum Called {
    /// It started these tasks, which is recorded. `evidence`: set when they were found rather than answered.
    Tasks { tasks: Vec<String>, status: Option<u16>, evidence: Option<Evidence> },
    /// A synchronous answer, not recorded yet.
    Answered { status: u16, value: Value },
    /// The resource was found, after a lost answer or a conflict (`on_conflict`); not recorded yet.
    Found { item: Value, evidence: Option<Evidence> },
}

impl Called {
    /// A read shows that nothing is left to do.
    pub fn done() -> Self {
        Called::Answered { status: 200, value: Value::Null }
    }

    /// The evidence for an outcome that was found rather than answered.
    pub fn evidence(&self) -> Option<Evidence> {
        match self {
            Called::Tasks { evidence, .. } | Called::Found { evidence, .. } => *evidence,
            Called::Answered { .. } => None,
        }
    }

    /// Whether the outcome was found rather than answered.
    pub fn is_recovered(&self) -> bool {
        matches!(self, Called::Found { .. } | Called::Tasks { evidence: Some(_), .. })
    }
}
