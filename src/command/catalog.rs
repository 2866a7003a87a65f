//! `plan catalog`: rebuilds the embedded catalogue, for developers of `plan`.

use std::fs;

use super::note;
use crate::catalog::regenerate;
use crate::cli::CatalogArguments;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::count;

/// `plan catalog`: reads an OpenAPI document, and writes the facts of the catalogue.
///
/// # Errors
///
/// When a file cannot be read or written, or the document is not one.
pub(super) fn catalog(context: &Context, arguments: &CatalogArguments) -> Result<Exit, Error> {
    let spec = context.resolve(&arguments.spec);
    let text = fs::read_to_string(&spec).map_err(|error| Error::read(&arguments.spec, error))?;
    let written = regenerate(&text, &context.resolve(&arguments.write))?;
    let words = format!(
        "{} and {}; {} of the document not checked",
        count(written.operations, "operation"),
        count(written.schemas, "schema"),
        count(written.skipped_patterns, "pattern"),
    );
    note(context, &words)?;
    Ok(Exit::Done)
}
