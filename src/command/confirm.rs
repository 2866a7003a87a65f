//! Asks for confirmation before a teardown.

use std::io::Write;

use crate::context::Context;
use crate::error::Error;

/// Whether to continue: `yes` was given, or the user confirms.
///
/// # Errors
///
/// When there is no terminal to ask on.
pub fn confirm(context: &Context, question: &str, yes: bool) -> Result<bool, Error> {
    if yes {
        return Ok(true);
    }
    if !context.interactive {
        return Err(
            Error::usage("this needs a confirmation, and there is no terminal to ask on").help("confirm with `--yes`")
        );
    }
    let mut err = context.stderr.clone();
    write!(err, "{question} [y/N] ")
        .and_then(|()| err.flush())
        .map_err(|error| Error::Stream { stream: "stderr", error })?;
    let answer = context.read_line().map_err(|error| Error::System { what: "read the answer", error })?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
