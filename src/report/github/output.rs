//! Step outputs for later steps and jobs: the file behind `$GITHUB_OUTPUT`.
//!
//! Every output is written under its own name (strings as they are, other values as JSON), all public ones together
//! as `json`, and then the outcome of the command. Values are enclosed in random delimiters, so that no value can end
//! its own.

use serde_json::{Map, Value};

use crate::exit::Exit;
use crate::hash::HashSet;
use crate::id::is_output_name;
use crate::report::outputs::{OutputValue, plain};
use crate::report::sanitize;
use crate::secret::{Redacted, Secrets};

/// GitHub's limit for one output of a job.
const LARGEST: usize = 1024 * 1024;

/// The outcome of the command, for later steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    pub exit: Exit,
    /// The first failure in one line; `None` after success.
    pub failure_reason: Option<String>,
    pub state_path: Option<String>,
    /// The command that continues; `None` when there is nothing left to do.
    pub resume_command: Option<String>,
}

/// The text to append to the file, and warnings about outputs that are missing from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    pub text: Redacted,
    pub warnings: Vec<String>,
}

/// Why the file of outputs cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutputFileError {
    /// Nothing was written: a value contains the random delimiter.
    #[error("output `{name}` holds the delimiter that should end it")]
    Delimiter { name: String },
}

/// Renders the file. Secret outputs, and others that contain a secret, are left out unless they are in
/// `show_secret`.
///
/// # Errors
///
/// [`OutputFileError::Delimiter`] when a value contains `delimiter`.
pub fn render(
    outputs: &[OutputValue],
    ending: &Ending,
    show_secret: &[String],
    secrets: &Secrets,
    delimiter: &str,
) -> Result<OutputFile, OutputFileError> {
    let mut file = Writer::new(delimiter);
    let mut warnings = Vec::new();
    file.put_ending(ending, secrets)?;
    let shown: Vec<(&OutputValue, Destination)> = outputs
        .iter()
        .filter_map(|output| Some((output, destination_of(output, show_secret, secrets, &mut warnings)?)))
        .collect();
    let all: Map<String, Value> = shown
        .iter()
        .filter(|(_, seen)| *seen == Destination::Public)
        .map(|(output, _)| (output.name.clone(), output.value.clone()))
        .collect();
    file.put("json", &secrets.seal(Value::Object(all)).map(|all| all.to_string()))?;
    for (output, seen) in shown {
        file.put_output(output, seen, secrets, &mut warnings)?;
    }
    Ok(OutputFile { text: Redacted::concat(file.values), warnings })
}

/// Renders the outcome of a command without outputs. Outputs of an earlier command in the same step, such as `json`,
/// are kept.
///
/// # Errors
///
/// [`OutputFileError::Delimiter`] when a value contains `delimiter`.
pub fn render_ending(ending: &Ending, secrets: &Secrets, delimiter: &str) -> Result<Redacted, OutputFileError> {
    let mut file = Writer::new(delimiter);
    file.put_ending(ending, secrets)?;
    Ok(Redacted::concat(file.values))
}

/// The outcome as workflows compare it: `done`, `step-failed`, `still-waiting`.
fn result(exit: Exit) -> String {
    match serde_json::to_value(exit) {
        Ok(Value::String(word)) => word,
        _ => exit.code().to_string(),
    }
}

/// Where an output is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destination {
    Public,
    /// Only under its own name: GitHub withholds outputs that contain a secret from other jobs, which must not happen
    /// to `json`.
    AskedFor,
}

fn destination_of(
    output: &OutputValue,
    show_secret: &[String],
    secrets: &Secrets,
    warnings: &mut Vec<String>,
) -> Option<Destination> {
    let name = sanitize(&output.name);
    let masked = secrets.redact_value(&output.value) != output.value;
    match (output.secret, masked, show_secret.contains(&output.name)) {
        (false, false, _) => return Some(Destination::Public),
        (_, _, true) => {
            warnings.push(format!(
                "output `{name}` holds a masked value: later steps of this job can read it, GitHub hands it to no \
                 other job"
            ));
            return Some(Destination::AskedFor);
        }
        (true, _, false) => warnings.push(format!("output `{name}` is secret and was not exported")),
        (false, true, false) => warnings.push(format!(
            "output `{name}` holds a secret and was not exported: GitHub would drop it, and it would be readable"
        )),
    }
    None
}

/// The record of a run for the end of the job, in the form of a runner's file.
///
/// # Errors
///
/// When it contains the delimiter.
pub fn render_record(record: &Value, secrets: &Secrets, delimiter: &str) -> Result<Redacted, OutputFileError> {
    let mut writer = Writer::new(delimiter);
    // A name with a secret in it would be another one when it is hidden: without it, nothing is taken down.
    if secrets.redact_value(record) == *record {
        writer.put("record", &secrets.seal(record.clone()).map(|record| record.to_string()))?;
    }
    Ok(Redacted::concat(writer.values))
}

struct Writer<'a> {
    values: Vec<Redacted>,
    /// In lower case, because GitHub compares names without case.
    taken: HashSet<String>,
    delimiter: &'a str,
}

impl<'a> Writer<'a> {
    fn new(delimiter: &'a str) -> Self {
        Self { values: Vec::new(), taken: HashSet::default(), delimiter }
    }

    fn put_ending(&mut self, ending: &Ending, secrets: &Secrets) -> Result<(), OutputFileError> {
        let or_empty = |text: &Option<String>| text.as_deref().map(sanitize).unwrap_or_default().into_owned();
        for (name, value) in [
            ("result", result(ending.exit)),
            ("exit-code", ending.exit.code().to_string()),
            ("failure-reason", or_empty(&ending.failure_reason)),
            ("state-path", or_empty(&ending.state_path)),
            ("resume-command", or_empty(&ending.resume_command)),
        ] {
            self.put(name, &secrets.redact(&value))?;
        }
        Ok(())
    }

    /// Writes an output under its own name, if it is a valid one.
    fn put_output(
        &mut self,
        output: &OutputValue,
        seen: Destination,
        secrets: &Secrets,
        warnings: &mut Vec<String>,
    ) -> Result<(), OutputFileError> {
        let name = sanitize(&output.name);
        let instead = if seen == Destination::Public { "is only in `json`" } else { "was not exported" };
        if !is_output_name(&output.name) {
            warnings.push(format!(
                "output `{name}` {instead}: the name of a step's output has letters, digits, `_` and `-`"
            ));
            return Ok(());
        }
        if self.taken.contains(&output.name.to_ascii_lowercase()) {
            warnings.push(format!("output `{name}` {instead}: the name is taken, whatever its case"));
            return Ok(());
        }
        let value = plain(&output.value);
        if value.len() > LARGEST {
            warnings.push(format!("output `{name}` is larger than GitHub hands to other jobs (1 MiB)"));
        }
        let value = match seen {
            Destination::Public => secrets.seal(output.value.clone()).map(|value| plain(&value).into_owned()),
            Destination::AskedFor => Redacted::asked_for(value.into_owned()),
        };
        self.put(&output.name, &value)
    }

    fn put(&mut self, name: &str, value: &Redacted) -> Result<(), OutputFileError> {
        if value.contains(self.delimiter) || name.contains(self.delimiter) {
            return Err(OutputFileError::Delimiter { name: name.to_owned() });
        }
        self.taken.insert(name.to_ascii_lowercase());
        self.values.push(value.clone().map(|value| format!("{name}<<{0}\n{value}\n{0}\n", self.delimiter)));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
