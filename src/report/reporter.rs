//! What every reporter does, and how much it says.

use std::time::Duration;

use super::sink::ReportError;
use crate::event::Stamped;

/// How much is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// Failures, warnings and the end.
    Quiet,
    /// One line per change.
    #[default]
    Normal,
    /// Also every request.
    Verbose,
}

/// Receives the events of a run and reports them.
///
/// An error in a reporter never stops a run: after a closed pipe (`EPIPE`) it is silent, any other write error is
/// kept for [`Reporter::finish`].
pub trait Reporter: Send {
    fn handle(&mut self, event: &Stamped);

    /// Called while no event comes: `elapsed` since the run started, on the clock of [`Stamped::elapsed_ms`].
    fn tick(&mut self, elapsed: Duration) {
        let _ = elapsed;
    }

    /// Writes the end of the report.
    ///
    /// # Errors
    ///
    /// The first write error, except a closed pipe.
    fn finish(&mut self) -> Result<(), ReportError>;
}
