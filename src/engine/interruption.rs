//! Why some work of the engine gave no result: one type from the request to the step, for what makes, waits and removes.

use std::time::Duration;

use super::stop::Stop;
use crate::event::StepError;
use crate::journal::JournalError;

/// Why there is no result. Everything that is known of it is on record.
#[derive(Debug)]
pub enum Interruption {
    /// It failed; the error says what is known of its effect.
    Failed(StepError),
    /// The API refused because it exists already, or is in use: nothing was done.
    Conflict(StepError),
    /// It may have been carried out, and nobody can tell.
    Unknown(StepError),
    /// Whether anything is there cannot be told with this key: nothing more may be tried.
    Blind(StepError),
    /// The time to wait is over; what it waits for goes on.
    StillWaiting {
        tasks: Vec<String>,
        waited: Duration,
        /// What else than the tasks is waited for, and what was seen of it last.
        until: Option<String>,
    },
    /// The run ends.
    Stopped(Stop),
    /// The record cannot be written: nothing may be started any more.
    Journal(JournalError),
}

impl From<JournalError> for Interruption {
    fn from(error: JournalError) -> Self {
        match error {
            // The call did not leave, and the record says so; what runs goes on.
            JournalError::Away { .. } => Interruption::Stopped(Stop::StoreAway),
            error => Interruption::Journal(error),
        }
    }
}
