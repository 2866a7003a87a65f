//! `plan new`: prints a step to paste into a plan.

use super::curl;
use super::load;
use super::ops::find_operation;
use super::{note, print_text};
use crate::catalog::Catalog;
use crate::cli::NewArguments;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// `plan new`: prints a step for an operation, or for a curl command.
///
/// # Errors
///
/// When no operation or several match, or the command cannot be converted.
pub(super) fn new(context: &Context, arguments: &NewArguments) -> Result<Exit, Error> {
    let catalog = load::catalog(context, arguments.spec.as_deref())?;
    let step = match &arguments.curl {
        Some(command) => from_curl(context, catalog, command)?,
        None => catalog.new_step(&*find_operation(catalog, &arguments.operation.join(" "))?),
    };
    let step = match &arguments.id {
        Some(id) => with_id(&step, id)?,
        None => step,
    };
    print_text(context, &context.secrets.redact(&step))?;
    Ok(Exit::Done)
}

fn from_curl(context: &Context, catalog: &Catalog, command: &str) -> Result<String, Error> {
    let command = match command {
        "-" => context.read_stdin().map_err(|error| Error::System { what: "read stdin", error })?,
        typed => typed.to_owned(),
    };
    let call = curl::parse(&command).map_err(|why| {
        let error = Error::usage(format!("the curl command cannot be read: {why}"));
        // A reason that says what to write needs no further help.
        match why.contains("write ") {
            true => error,
            false => error.help("quote the whole command, or pipe it in with `--curl -`"),
        }
    })?;
    let step = curl::to_step(&call, catalog);
    for words in &step.notes {
        note(context, words)?;
    }
    Ok(step.yaml)
}

/// The step with another id, which is in its first line.
fn with_id(step: &str, id: &str) -> Result<String, Error> {
    let fits = |character: char| character.is_ascii_alphanumeric() || character == '_';
    if id.starts_with(|first: char| first.is_ascii_digit()) || id.is_empty() || !id.chars().all(fits) {
        return Err(Error::usage(format!("`{id}` is no id of a step"))
            .help("letters, digits and `_`, not starting with a digit"));
    }
    let rest = step.split_once('\n').map_or("", |(_, rest)| rest);
    Ok(format!("- id: {id}\n{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_can_be_given_another_id() {
        assert_eq!(with_id("- id: network\n  call: X\n", "net_2").unwrap(), "- id: net_2\n  call: X\n");
        assert!(with_id("- id: a\n", "2x").is_err() && with_id("- id: a\n", "a-b").is_err());
    }
}
