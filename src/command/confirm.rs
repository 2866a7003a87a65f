//! Asking before something is taken down.

use std::io::Write;

use crate::context::Context;
use crate::error::Error;

/// Whether to go on: because `yes` was said, or somebody types it.
///
/// # Errors
///
/// When nobody can be asked.
pub fn confirm(context: &Context, question: &str, yes: bool) -> Result<bool, Error> {
    if yes {
        return Ok(true);
    }
    if !context.interactive {
        return Err(Error::usage("there is nobody to ask: this is no terminal").help("say `--yes` if it is meant"));
    }
    let mut err = context.stderr.clone();
    write!(err, "{question} [y/N] ")
        .and_then(|()| err.flush())
        .map_err(|error| Error::Stream { stream: "stderr", error })?;
    let answer = context.read_answer().map_err(|error| Error::System { what: "read the answer", error })?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
