//! What comes of a turn of an instance.

use tokio::sync::OwnedMutexGuard;

use super::operation::Matched;
use crate::journal::StepResult;

/// What came of a turn of an instance that is not done.
pub enum TurnEnd {
    /// The result of its call.
    Result(StepResult),
    /// Another turn is needed.
    Again,
    /// Its tasks are on record, and have to be waited for.
    Accepted(Box<Accepted>),
}

impl From<Option<StepResult>> for TurnEnd {
    fn from(result: Option<StepResult>) -> Self {
        result.map_or(TurnEnd::Again, TurnEnd::Result)
    }
}

/// An accepted write, whose tasks are on record.
pub struct Accepted {
    /// The ids as the API gave them; in the record, secrets in them are redacted.
    pub tasks: Vec<String>,
    pub matched: Matched,
    /// An earlier run made the call.
    pub resumed: bool,
    /// The lock of the parent that the API locks, until the tasks are done.
    pub lock: Option<OwnedMutexGuard<()>>,
}
