//! `plan schema`: the JSON Schema of the plan file.

use super::print_text;
use crate::catalog::Catalog;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::schema::plan_schema_text;

/// `plan schema`: prints the JSON Schema of plans.
///
/// # Errors
///
/// When stdout cannot be written.
pub(super) fn schema(context: &Context) -> Result<Exit, Error> {
    print_text(context, &context.secrets.redact(&plan_schema_text(Catalog::embedded())))?;
    Ok(Exit::Done)
}
