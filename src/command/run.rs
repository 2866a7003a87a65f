//! `plan run`.

use crate::cli::RunArguments;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// # Errors
///
/// Always: it is not part of this build yet.
pub async fn run(_context: &Context, _arguments: &RunArguments) -> Result<Exit, Error> {
    Err(Error::usage("`plan run` is not part of this build yet"))
}
