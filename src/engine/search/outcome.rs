//! The outcomes of a search.

use serde_json::Value;

use crate::api::{ReadError, Task};
use crate::journal::Evidence;

/// The outcome of a search.
#[derive(Debug)]
pub enum Resolved {
    /// This task, started by this attempt, is ours; it is claimed.
    Task { attempt: u32, task: String, evidence: Evidence },
    /// The resource that this attempt made; it is claimed.
    Resource { attempt: u32, item: Value, evidence: Evidence },
    /// The call was carried out; there are no tasks to wait for, and it made nothing.
    Done,
    /// The time to resolve is over, and neither a task nor a resource can be the attempt's.
    NoCandidate,
    /// These candidates may be ours, or another client's; none where the API has no list to search.
    Undecided(Vec<String>),
    /// The API did not answer the reads.
    CannotTell(ReadError),
}

/// The outcome of one round.
#[derive(Debug)]
pub enum Round {
    Resolved(Resolved),
    /// Nothing that can be the attempt's, so far.
    NoCandidate,
    /// These candidates may be ours, or another client's.
    Undecided(Vec<String>),
}

/// A task or resource that may be ours.
pub(super) enum Candidate {
    Task(Task),
    Item { id: String, item: Value },
}

/// What exists of a create whose task ended in ERROR.
#[derive(Debug)]
pub enum LeftBehind {
    /// The resource of this id.
    Resource(Value),
    Nothing,
    /// These may be its work, or another client's; none where the API has no list to search.
    Undecided(Vec<String>),
}
