//! Outputs of a plan, for people and for programs, always in plan order.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Color, Palette, sanitize};
use crate::diagnostic::nearest;
use crate::hash::HashMap;
use crate::secret::{REDACTED, Secrets};
use crate::shell::in_quotes;

/// One output, evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputValue {
    pub name: String,
    pub value: Value,
    /// Shown only when asked for by name.
    pub secret: bool,
    pub description: Option<String>,
}

/// How outputs are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// Name, value, description, in columns.
    Table {
        color: Color,
        /// The width of the terminal; `None`: values are not cut.
        width: Option<usize>,
    },
    /// One object, values typed.
    Json,
    /// `NAME='value'` lines for a shell.
    Env,
    /// Only the values: strings as they are, other values as JSON.
    Raw,
}

/// The outputs as text for stdout, and notes for stderr.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rendered {
    pub text: String,
    pub notes: Vec<String>,
}

/// Why outputs cannot be printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    #[error("there is no output `{name}`{}", did_you_mean(.nearest.as_deref()))]
    Missing { name: String, nearest: Option<String> },
    #[error("outputs `{one}` and `{other}` would both be the shell variable `{variable}`")]
    SameVariable { one: String, other: String, variable: String },
    #[error("output `{name}` holds a zero byte, which a shell variable cannot")]
    ZeroByte { name: String },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(", did you mean `{name}`?")).unwrap_or_default()
}

/// The outputs in `asked_for`, or all when it is empty. Secret ones are shown only when asked for by name; in other
/// outputs `secrets` are redacted.
///
/// # Errors
///
/// See [`OutputError`].
pub fn render(
    outputs: &[OutputValue],
    asked_for: &[String],
    secrets: &Secrets,
    format: OutputFormat,
) -> Result<Rendered, OutputError> {
    let shown = select(outputs, asked_for, secrets)?;
    match format {
        OutputFormat::Table { color, width } => {
            Ok(Rendered { text: table(&shown, Palette::new(color), width), ..Rendered::default() })
        }
        OutputFormat::Json => Ok(Rendered { text: json(&shown), ..Rendered::default() }),
        OutputFormat::Env => env(&shown),
        OutputFormat::Raw => Ok(raw(&shown)),
    }
}

/// An output, and the part of it that may be shown.
struct ShownOutput<'a> {
    output: &'a OutputValue,
    value: Cow<'a, Value>,
    hidden: bool,
}

fn select<'a>(
    outputs: &'a [OutputValue],
    asked_for: &[String],
    secrets: &Secrets,
) -> Result<Vec<ShownOutput<'a>>, OutputError> {
    for name in asked_for {
        if !outputs.iter().any(|output| output.name == *name) {
            let nearest = nearest(name, outputs.iter().map(|output| output.name.as_str())).map(str::to_owned);
            return Err(OutputError::Missing { name: name.clone(), nearest });
        }
    }
    let wanted = outputs.iter().filter(|output| asked_for.is_empty() || asked_for.contains(&output.name));
    Ok(wanted
        .map(|output| match (asked_for.is_empty(), output.secret) {
            (false, _) => ShownOutput { output, value: Cow::Borrowed(&output.value), hidden: false },
            (true, true) => ShownOutput { output, value: Cow::Owned(REDACTED.into()), hidden: true },
            (true, false) => {
                ShownOutput { output, value: Cow::Owned(secrets.redact_value(&output.value)), hidden: false }
            }
        })
        .collect())
}

/// A string as it is, other values as compact JSON.
pub fn plain(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

const GAP: &str = "  ";

fn table(shown: &[ShownOutput<'_>], palette: Palette, width: Option<usize>) -> String {
    let rows: Vec<(Cow<'_, str>, String, String)> = shown
        .iter()
        .map(|shown| {
            let description = shown.output.description.as_deref().unwrap_or_default();
            let name = sanitize(&shown.output.name);
            (name, sanitize(&plain(&shown.value)).into_owned(), sanitize(description).into_owned())
        })
        .collect();
    let names = rows.iter().map(|row| length(&row.0)).max().unwrap_or(0);
    // A value that is too wide is cut; its description follows even when it does not fit.
    let room = width.map(|width| width.saturating_sub(names + GAP.len()).max(20));
    let values: Vec<String> = rows.iter().map(|row| fit(&row.1, room)).collect();
    let column = values.iter().map(|value| length(value)).max().unwrap_or(0);
    let mut text = String::new();
    for ((name, _, description), value) in rows.iter().zip(&values) {
        text.push_str(&palette.name(name));
        text.push_str(&" ".repeat(names - length(name)));
        text.push_str(GAP);
        text.push_str(value);
        let left = room.map(|room| room.saturating_sub(column + GAP.len()));
        if !description.is_empty() && left.is_none_or(|left| left >= 10) {
            text.push_str(&" ".repeat(column - length(value)));
            text.push_str(GAP);
            text.push_str(&palette.faint(fit(description, left)));
        }
        text.push('\n');
    }
    text
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn fit(text: &str, room: Option<usize>) -> String {
    match room {
        Some(room) if length(text) > room => text.chars().take(room - 1).chain(['…']).collect(),
        _ => text.to_owned(),
    }
}

fn json(shown: &[ShownOutput<'_>]) -> String {
    let object: Map<String, Value> =
        shown.iter().map(|shown| (shown.output.name.clone(), shown.value.clone().into_owned())).collect();
    format!("{:#}\n", Value::Object(object))
}

fn env(shown: &[ShownOutput<'_>]) -> Result<Rendered, OutputError> {
    let mut rendered = Rendered::default();
    let mut taken: HashMap<String, &str> = HashMap::default();
    for shown in shown {
        let name = &shown.output.name;
        if shown.hidden {
            rendered.notes.push(left_out(name));
            continue;
        }
        let variable = variable(name);
        if let Some(one) = taken.insert(variable.clone(), name) {
            return Err(OutputError::SameVariable { one: one.to_owned(), other: name.clone(), variable });
        }
        let value = plain(&shown.value);
        if value.contains('\0') {
            return Err(OutputError::ZeroByte { name: name.clone() });
        }
        rendered.text.push_str(&format!("{variable}={}\n", in_quotes(&value)));
    }
    Ok(rendered)
}

/// The name as a shell takes it.
fn variable(name: &str) -> String {
    let mut variable: String =
        name.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '_' }).collect();
    if variable.is_empty() || variable.starts_with(|first: char| first.is_ascii_digit()) {
        variable.insert(0, '_');
    }
    variable
}

/// A single value without a line break; several values with one line each.
fn raw(shown: &[ShownOutput<'_>]) -> Rendered {
    let mut rendered = Rendered::default();
    if let [only] = shown
        && !only.hidden
    {
        rendered.text = plain(&only.value).into_owned();
        return rendered;
    }
    for shown in shown {
        if shown.hidden {
            rendered.notes.push(left_out(&shown.output.name));
        } else {
            rendered.text.push_str(&plain(&shown.value));
            rendered.text.push('\n');
        }
    }
    rendered
}

fn left_out(name: &str) -> String {
    format!("output `{}` is secret and left out: ask for it by name", sanitize(name))
}

#[cfg(test)]
mod tests;
