//! A run inside GitHub Actions: workflow commands in the log, annotations on the plan's lines, outputs, and a summary.
//!
//! This module does not read the environment: the paths of the runner's files and the log are arguments. Commands go
//! to the same stream as text for people (stderr; stdout is for results), through one [`Log`] in which text of the
//! API cannot act as a command.
//!
//! The order in the [`Fanout`](super::Fanout) matters: [`Groups`] first, so that lines are inside their group; then
//! [`Human`](super::Human) on [`Log::text`], [`Annotations`], and [`Summary`]. At the end [`Log::finish`] resumes
//! command processing.

mod annotations;
mod findings;
mod gantt;
mod groups;
mod log;
pub mod output;
pub mod preview;
mod summary;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

pub use annotations::Annotations;
pub use findings::findings_summary;
pub use groups::Groups;
pub use log::{Log, LogText, unmasked};
pub use summary::{SUMMARY_LIMIT, Summary};

use super::{ReportError, Verbosity};
use crate::secret::Redacted;

/// The verbosity: debug logging of the runner (`RUNNER_DEBUG=1`) turns on everything.
pub fn verbosity(asked: Verbosity, runner_debug: Option<&str>) -> Verbosity {
    if runner_debug == Some("1") { Verbosity::Verbose } else { asked }
}

/// Appends to one of the runner's files (`$GITHUB_OUTPUT`, `$GITHUB_STEP_SUMMARY`); `what` names it in errors.
///
/// # Errors
///
/// When the file cannot be opened or written.
pub fn append(path: &Path, what: &str, text: &Redacted) -> Result<(), ReportError> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| ReportError { what: format!("{what} to {}", path.display()), source })
}
