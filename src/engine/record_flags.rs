//! The flags that name a record on a command line, for the commands that messages tell a user to type.

use std::fmt;

/// The flags that name the record of a run, each after a space; none for a rehearsal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordFlags {
    plan: String,
    environment_and_state: String,
}

impl RecordFlags {
    /// All values are quoted for a shell.
    pub fn new(plan: &str, environment: &str, state: &str) -> Self {
        Self {
            plan: format!(" --plan {plan}"),
            environment_and_state: format!(" --environment {environment} --state {state}"),
        }
    }

    /// Those of a command that takes the file of the plan.
    pub fn without_plan(&self) -> &str {
        &self.environment_and_state
    }
}

impl fmt::Display for RecordFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.plan, self.environment_and_state)
    }
}
