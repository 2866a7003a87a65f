//! What comes of a turn of an instance.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::results::Parameters;
use crate::catalog::Operation;
use crate::journal::StepResult;

/// The operation of a call, and its path parameters.
pub type Matched = (Option<Arc<Operation>>, Parameters);

/// What came of a turn of an instance that is not done.
pub enum Turned {
    /// The result of its call.
    Result(StepResult),
    /// Another turn is needed.
    Again,
    /// Its tasks are on record, and have to be waited for.
    Accepted(Accepted),
}

impl From<Option<StepResult>> for Turned {
    fn from(result: Option<StepResult>) -> Self {
        result.map_or(Turned::Again, Turned::Result)
    }
}

/// An accepted write, whose tasks are on record.
pub struct Accepted {
    pub matched: Matched,
    /// An earlier run made the call.
    pub resumed: bool,
    /// The lock of the parent that the API locks, until the tasks are done.
    pub turn: Option<OwnedMutexGuard<()>>,
}
