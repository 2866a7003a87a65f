//! Why an operation of the engine ended without a result: one type for sending, waiting and removing.

use std::time::Duration;

use super::stop::Stop;
use crate::event::StepError;
use crate::journal::JournalError;

/// Why there is no result. Everything known about the outcome is on record.
#[derive(Debug)]
pub enum Interruption {
    /// It failed; the error says whether the call had an effect.
    Failed(StepError),
    /// The API refused because the resource exists already or is in use; the call had no effect.
    Conflict(StepError),
    /// The outcome is unknown: the call may have been carried out.
    Unknown(StepError),
    /// The key does not see the project or region, so that a 404 proves nothing; no further call may be sent.
    NoAccess(StepError),
    /// The time to wait is over; the tasks go on.
    StillWaiting {
        tasks: Vec<String>,
        waited: Duration,
        /// What is waited for other than tasks, and its last observed state.
        until: Option<String>,
        /// The last answer, when the tasks could not be read for a while: they may have ended.
        unread: Option<String>,
    },
    /// The run is ending.
    Stopped(Stop),
    /// The journal cannot be written: no further call may be sent.
    Journal(JournalError),
}

impl From<JournalError> for Interruption {
    fn from(error: JournalError) -> Self {
        match error {
            // The call was not sent, and the record says so; calls under way are completed.
            JournalError::Unreachable { .. } => Interruption::Stopped(Stop::StoreUnreachable),
            error => Interruption::Journal(error),
        }
    }
}
