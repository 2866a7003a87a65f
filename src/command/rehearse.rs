//! `plan rehearse`.

use crate::cli::RehearseArguments;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// # Errors
///
/// Always: it is not part of this build yet.
pub async fn rehearse(_context: &Context, _arguments: &RehearseArguments) -> Result<Exit, Error> {
    Err(Error::usage("`plan rehearse` is not part of this build yet"))
}
