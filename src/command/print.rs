//! Prints results to stdout and notes to stderr.

use std::io::Write;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;

use crate::cli::ResultFormat;
use crate::context::Context;
use crate::engine::RunOutput;
use crate::error::Error;
use crate::report::annotation::{Annotation, AnnotationLevel};
use crate::report::outputs::{OutputFormat, OutputValue, render};
use crate::report::{Palette, Verbosity, duration, sanitize};
use crate::secret::{Redacted, Secrets};
use crate::stream::runner::defuse_json;

/// Prints a result unchanged.
///
/// # Errors
///
/// When stdout cannot be written.
pub fn print_text(context: &Context, text: &Redacted) -> Result<(), Error> {
    let mut out = context.stdout.clone();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Error::Stream { stream: "stdout", error })
}

/// Prints a result as JSON, with secrets redacted.
///
/// # Errors
///
/// When stdout cannot be written.
pub fn print_json(context: &Context, value: &Value) -> Result<(), Error> {
    print_json_text(context, &context.secrets.seal(value.clone()).map(|value| format!("{value:#}\n")))
}

/// Prints redacted JSON. Text that a runner would read as a command is escaped inside its strings, so that programs
/// read the same values everywhere.
///
/// # Errors
///
/// When stdout cannot be written.
pub fn print_json_text(context: &Context, json: &Redacted) -> Result<(), Error> {
    match context.stdout.runner {
        true => print_text(context, &json.clone().map(|json| defuse_json(&json).into_owned())),
        false => print_text(context, json),
    }
}

/// Prints a note, unless `--quiet` is given.
///
/// # Errors
///
/// When stderr cannot be written.
pub fn note(context: &Context, message: &str) -> Result<(), Error> {
    if context.verbosity() == Verbosity::Quiet {
        return Ok(());
    }
    let lines = context.secrets.redact(message);
    let text: String = lines.lines().map(|line| format!("{}\n", sanitize(line))).collect();
    context.stderr.clone().write_all(text.as_bytes()).map_err(|error| Error::Stream { stream: "stderr", error })
}

/// Prints a warning on stderr even with `--quiet`; in a job as an annotation.
///
/// # Errors
///
/// When stderr cannot be written.
pub fn warn(context: &Context, message: &str) -> Result<(), Error> {
    let text = sanitize(&context.secrets.redact(message)).into_owned();
    let mut err = context.stderr.clone();
    let written = match &context.environment.github {
        Some(_) => err.command(&Annotation::new(AnnotationLevel::Warning, text).command()),
        None => writeln!(err, "{} {text}", Palette::new(context.color(&context.stderr)).warning("warning:")),
    };
    written.map_err(|error| Error::Stream { stream: "stderr", error })
}

/// Prints the outputs of a run on stdout: public ones, and the secret ones in `show_secret`. Warns of a name there that
/// is no output.
///
/// # Errors
///
/// When stdout or stderr cannot be written.
pub fn print_outputs(
    context: &Context,
    outputs: &[RunOutput],
    show_secret: &[String],
    format: ResultFormat,
) -> Result<(), Error> {
    if outputs.is_empty() && format == ResultFormat::Human {
        return Ok(());
    }
    for missing in show_secret.iter().filter(|name| !outputs.iter().any(|output| output.name == **name)) {
        warn(context, &format!("there is no output `{}` to show", sanitize(missing)))?;
    }
    let values: Vec<OutputValue> = outputs.iter().map(|output| seen(context, output, show_secret)).collect();
    let format = match format {
        ResultFormat::Human => {
            OutputFormat::Table { color: context.color(&context.stdout), width: context.width(&context.stdout) }
        }
        ResultFormat::Json => OutputFormat::Json,
    };
    // The selection was made above; secrets asked for by name must stay readable.
    let rendered =
        render(&values, &[], &Secrets::default(), format).map_err(|error| Error::usage(error.to_string()))?;
    for words in &rendered.notes {
        note(context, words)?;
    }
    let text = Redacted::asked_for(rendered.text);
    match format {
        OutputFormat::Json => print_json_text(context, &text),
        _ => print_text(context, &text),
    }
}

/// A duration in seconds or larger units: `42 s`, `2h 5m`, `3d`.
pub(super) fn age(span: SignedDuration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    // Negative after the clock was set back; counts as zero.
    match u64::try_from(span.as_secs()).unwrap_or(0) {
        0 => "0 s".to_owned(),
        seconds if seconds >= 2 * DAY => format!("{}d", seconds / DAY),
        seconds => duration(Duration::from_secs(seconds)),
    }
}

/// An output as it may be shown: secret ones only when they are in `show_secret`; in others, secrets are redacted.
fn seen(context: &Context, output: &RunOutput, show_secret: &[String]) -> OutputValue {
    let asked = show_secret.contains(&output.name);
    OutputValue {
        name: output.name.clone(),
        value: if asked { output.value.clone() } else { context.secrets.redact_value(&output.value) },
        secret: output.secret && !asked,
        description: output.description.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_the_second_on() {
        assert_eq!(age(SignedDuration::from_secs(3700)), "1h 1m");
        assert_eq!(age(SignedDuration::from_hours(47)), "47h");
        assert_eq!(age(SignedDuration::from_hours(73)), "3d");
        assert_eq!(age(SignedDuration::from_secs(-5)), "0 s");
        assert_eq!(age(SignedDuration::from_millis(4700)), "4 s");
    }
}
