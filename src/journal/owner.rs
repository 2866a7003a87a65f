//! The writer of a record.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The process that may write to an environment's record. It can be read by everyone who may read the record, and
/// names no machine and no user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordWriter {
    pub pid: u32,
    /// Its command: `run`, `destroy`, …
    pub command: String,
    pub since: Timestamp,
    /// The CI job (run, attempt and machine): a later step of the same job may take over the lease at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

impl std::fmt::Display for RecordWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`plan {}` (process {}", self.command, self.pid)?;
        if let Some(job) = &self.job {
            write!(f, " in job {job}")?;
        }
        write!(f, ", since {:.0})", self.since)
    }
}

/// The lease of a record in an object store: the right to write, taken by appending it to the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Counts from 1; a lease ends every lease with a lower epoch (fencing).
    pub epoch: u64,
    /// Random per process: identifies its own lines.
    pub writer: String,
    pub owner: RecordWriter,
}
