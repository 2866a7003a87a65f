//! A run inside GitHub Actions: workflow commands in the log, annotations on the plan's lines, outputs, and a summary.
//!
//! Nothing here reads the environment: the runner's files and the log come in as arguments. Commands go to the same stream
//! as the lines for people (stderr: stdout stays results), through one [`Log`] that no text of the API can pass as a command.
//!
//! The order in the [`Fanout`](super::Fanout) matters: [`Groups`] first, so that the lines stand inside; then
//! [`Human`](super::Human) over [`Log::text`], [`Annotations`], and [`Summary`]. At the very end [`Log::finish`] makes the
//! runner listen again.

pub mod annotations;
mod findings;
mod gantt;
mod groups;
mod log;
pub(super) mod markdown;
pub mod output;
mod summary;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

pub use annotations::{Annotation, Annotations, Level};
pub use findings::findings_summary;
pub use groups::Groups;
pub use log::{Log, LogText, unmasked};
pub use summary::{SUMMARY_LIMIT, Summary};

use super::{ReportError, Verbosity};
use crate::secret::Redacted;

/// How much to say: debugging switched on for the runner (`RUNNER_DEBUG=1`) asks for everything.
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
