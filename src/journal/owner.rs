//! Who writes to a record.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who holds the right to write to an environment's record. Whoever may read the record reads this: no machine and no user
/// is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub pid: u32,
    /// What it is doing: `run`, `destroy`, …
    pub command: String,
    pub since: Timestamp,
    /// Run, attempt and machine of the CI job it is part of: a later step of the same job may take its place at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`plan {}` (process {}", self.command, self.pid)?;
        if let Some(job) = &self.job {
            write!(f, " in job {job}")?;
        }
        write!(f, ", since {:.0})", self.since)
    }
}

/// The right to write to a record that others can reach: taken by writing it into the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Counts from 1; a higher one ends every lower one.
    pub epoch: u64,
    /// Drawn anew by every process: tells its own lines from those of another.
    pub writer: String,
    pub owner: Owner,
}
