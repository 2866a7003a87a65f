//! `plan graph`: the dependencies of the steps as a diagram.

use super::{load_plan, print_text};
use crate::cli::GraphArguments;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::plan::draw;

/// `plan graph`: prints the order of the steps as a diagram.
///
/// # Errors
///
/// When the plan is invalid.
pub(super) fn graph(context: &Context, arguments: &GraphArguments) -> Result<Exit, Error> {
    let plan = load_plan(context, &arguments.file, None)?.plan;
    let mut text = Vec::new();
    let drawn = if arguments.dot { draw::dot(&plan, &mut text) } else { draw::mermaid(&plan, &mut text) };
    drawn.map_err(|error| Error::Stream { stream: "stdout", error })?;
    print_text(context, &context.secrets.redact(&String::from_utf8_lossy(&text)))?;
    Ok(Exit::Done)
}
