//! `plan graph`: the order of the steps as a diagram.

use super::{load_plan, print_text};
use crate::cli::GraphArguments;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::plan::draw;

pub(super) fn graph(context: &Context, arguments: &GraphArguments) -> Result<Exit, Error> {
    let plan = load_plan(context, &arguments.file, None)?.plan;
    let text = if arguments.dot { draw::dot(&plan) } else { draw::mermaid(&plan) };
    print_text(context, &text)?;
    Ok(Exit::Done)
}
