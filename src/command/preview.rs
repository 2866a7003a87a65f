//! `plan preview`.

use crate::cli::PreviewArguments;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// # Errors
///
/// Always: it is not part of this build yet.
pub async fn preview(_context: &Context, _arguments: &PreviewArguments) -> Result<Exit, Error> {
    Err(Error::usage("`plan preview` is not part of this build yet"))
}
