//! `plan output`: prints recorded outputs of the last run; in a GitHub Actions job also exports them.

use std::path::Path;

use serde_json::Value;

use super::records::{find_record, read};
use super::session::export_values;
use super::{note, print_json_text, print_text};
use crate::cli::{OutputArguments, OutputFormat};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::id::is_output_name;
use crate::journal::RecordedOutput;
use crate::report::github::output::Ending;
use crate::report::outputs::{self, OutputError, OutputValue};
use crate::report::{MOST_NAMES, list};
use crate::secret::Secrets;

/// `plan output`: prints the outputs of the last run.
///
/// # Errors
///
/// When there is no record, or no output of a name.
pub(super) async fn output(context: &Context, arguments: &OutputArguments) -> Result<Exit, Error> {
    let (file, names) = file_and_names(arguments)?;
    let environment = find_record(context, file, &arguments.record).await?;
    let status = read(&environment).await?;
    let values: Vec<OutputValue> = status.outputs.iter().map(value_of).collect();
    if let Some(secret) = values.iter().find(|output| output.secret && names.contains(&output.name)) {
        return Err(Error::usage(format!("output `{}` is secret: it is not kept on record", secret.name))
            .help(format!("`plan run FILE --show-secret {}` prints it", secret.name)));
    }
    if values.is_empty() && names.is_empty() {
        note(context, "no outputs are on record: the plan has none, or has not run to its end")?;
    }
    let format = match arguments.format {
        OutputFormat::Table => outputs::OutputFormat::Table {
            color: context.color(&context.stdout),
            width: context.width(&context.stdout),
        },
        OutputFormat::Json => outputs::OutputFormat::Json,
        OutputFormat::Env => outputs::OutputFormat::Env,
        OutputFormat::Raw => outputs::OutputFormat::Raw,
    };
    // The record contains no secrets.
    let rendered =
        outputs::render(&values, names, &Secrets::default(), format).map_err(|error| wrong(error, &values))?;
    for words in &rendered.notes {
        note(context, words)?;
    }
    let text = context.secrets.redact(&rendered.text);
    match arguments.format {
        OutputFormat::Json => print_json_text(context, &text)?,
        _ => print_text(context, &text)?,
    }
    let ending =
        Ending { exit: Exit::Done, failure_reason: None, state_path: Some(environment.place()), resume_command: None };
    export_values(context, &values, &ending, &[])?;
    Ok(Exit::Done)
}

/// The plan file and the names of outputs. A first argument that cannot be a name is the file, as in other commands.
fn file_and_names(arguments: &OutputArguments) -> Result<(Option<&Path>, &[String]), Error> {
    let file = arguments.file.as_deref();
    match arguments.words.split_first() {
        Some((first, names)) if !is_output_name(first) => match (file, &arguments.record.plan) {
            (None, None) => Ok((Some(Path::new(first)), names)),
            _ => Err(Error::usage(format!("`{first}` is no name of an output, and the plan is named already"))),
        },
        _ => Ok((file, &arguments.words)),
    }
}

fn value_of(output: &RecordedOutput) -> OutputValue {
    OutputValue {
        name: output.name.clone(),
        value: output.value.clone().unwrap_or(Value::Null),
        secret: output.is_secret(),
        description: output.description.clone(),
    }
}

fn wrong(error: OutputError, values: &[OutputValue]) -> Error {
    let message = error.to_string();
    match error {
        OutputError::Missing { .. } if values.is_empty() => {
            Error::usage(message).help("no outputs are on record: the plan has none, or has not run to its end")
        }
        OutputError::Missing { .. } => {
            let names = values.iter().map(|output| format!("`{}`", output.name));
            Error::usage(message).help(format!("on record are {}", list(names, MOST_NAMES)))
        }
        OutputError::SameVariable { .. } | OutputError::ZeroByte { .. } => {
            Error::usage(message).help("`--format json` can hold them")
        }
    }
}
