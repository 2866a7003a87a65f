//! Outputs of a plan, for people and for programs, always in plan order.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Color, Palette, sanitize};
use crate::diagnostic::nearest;
use crate::secret::{REDACTED, Secrets};

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
struct Shown<'a> {
    output: &'a OutputValue,
    value: Cow<'a, Value>,
    hidden: bool,
}

fn select<'a>(
    outputs: &'a [OutputValue],
    asked_for: &[String],
    secrets: &Secrets,
) -> Result<Vec<Shown<'a>>, OutputError> {
    for name in asked_for {
        if !outputs.iter().any(|output| output.name == *name) {
            let nearest = nearest(name, outputs.iter().map(|output| output.name.as_str())).map(str::to_owned);
            return Err(OutputError::Missing { name: name.clone(), nearest });
        }
    }
    let wanted = outputs.iter().filter(|output| asked_for.is_empty() || asked_for.contains(&output.name));
    Ok(wanted
        .map(|output| match (asked_for.is_empty(), output.secret) {
            (false, _) => Shown { output, value: Cow::Borrowed(&output.value), hidden: false },
            (true, true) => Shown { output, value: Cow::Owned(REDACTED.into()), hidden: true },
            (true, false) => Shown { output, value: Cow::Owned(secrets.redact_value(&output.value)), hidden: false },
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

fn table(shown: &[Shown<'_>], palette: Palette, width: Option<usize>) -> String {
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

fn json(shown: &[Shown<'_>]) -> String {
    let object: Map<String, Value> =
        shown.iter().map(|shown| (shown.output.name.clone(), shown.value.clone().into_owned())).collect();
    format!("{:#}\n", Value::Object(object))
}

fn env(shown: &[Shown<'_>]) -> Result<Rendered, OutputError> {
    let mut rendered = Rendered::default();
    let mut taken: HashMap<String, &str> = HashMap::new();
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
        rendered.text.push_str(&format!("{variable}='{}'\n", value.replace('\'', r"'\''")));
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
fn raw(shown: &[Shown<'_>]) -> Rendered {
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
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: OutputFormat = OutputFormat::Table { color: Color::Off, width: None };

    fn outputs() -> Vec<OutputValue> {
        let output = |name: &str, value: Value, secret, description: Option<&str>| OutputValue {
            name: name.to_owned(),
            value,
            secret,
            description: description.map(str::to_owned),
        };
        vec![
            output("web_ids", json!(["a", "b"]), false, None),
            output("first-ip", json!("10.0.0.5"), false, Some("where to look")),
            output("password", json!("hunter22"), true, None),
            output("count", json!(2), false, None),
        ]
    }

    fn all(format: OutputFormat) -> Rendered {
        render(&outputs(), &[], &Secrets::default(), format).unwrap()
    }

    fn one(name: &str, format: OutputFormat) -> String {
        render(&outputs(), &[name.to_owned()], &Secrets::default(), format).unwrap().text
    }

    #[test]
    fn a_table_has_columns_and_hides_secrets() {
        assert_eq!(
            all(TABLE).text,
            "web_ids   [\"a\",\"b\"]\nfirst-ip  10.0.0.5   where to look\npassword  [secret]\ncount     2\n"
        );
        assert_eq!(one("password", TABLE), "password  hunter22\n");
    }

    #[test]
    fn json_is_typed_and_in_plan_order() {
        let text = all(OutputFormat::Json).text;
        let keys: Vec<String> =
            serde_json::from_str::<Value>(&text).unwrap().as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["web_ids", "first-ip", "password", "count"]);
        assert!(text.contains("\"count\": 2") && text.contains("[secret]") && !text.contains("hunter22"), "{text}");
    }

    #[test]
    fn a_shell_reads_every_value_as_it_was() {
        let nasty = "it's $HOME `id`\nsecond \"line\"";
        let outputs = [OutputValue { name: "1 x".into(), value: json!(nasty), secret: false, description: None }];
        let rendered = render(&outputs, &[], &Secrets::default(), OutputFormat::Env).unwrap();
        assert_eq!(rendered.text, "_1_x='it'\\''s $HOME `id`\nsecond \"line\"'\n");
        let notes = all(OutputFormat::Env).notes;
        assert_eq!(notes, ["output `password` is secret and left out: ask for it by name"]);
    }

    #[test]
    fn two_outputs_are_never_one_variable() {
        let outputs = ["a-b", "a_b"].map(|name| OutputValue {
            name: name.into(),
            value: json!(1),
            secret: false,
            description: None,
        });
        let error = render(&outputs, &[], &Secrets::default(), OutputFormat::Env).unwrap_err();
        assert_eq!(error.to_string(), "outputs `a-b` and `a_b` would both be the shell variable `a_b`");
    }

    #[test]
    fn one_raw_value_is_nothing_but_itself() {
        assert_eq!(one("first-ip", OutputFormat::Raw), "10.0.0.5");
        assert_eq!(one("password", OutputFormat::Raw), "hunter22");
        assert_eq!(all(OutputFormat::Raw).text, "[\"a\",\"b\"]\n10.0.0.5\n2\n");
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let error = render(&outputs(), &["fist-ip".to_owned()], &Secrets::default(), TABLE).unwrap_err();
        assert_eq!(error.to_string(), "there is no output `fist-ip`, did you mean `first-ip`?");
    }

    #[test]
    fn long_values_are_cut_on_a_terminal_and_not_in_a_pipe() {
        let long = "x".repeat(300);
        let outputs = [OutputValue { name: "key".into(), value: json!(long), secret: false, description: None }];
        let text = |width| {
            let format = OutputFormat::Table { color: Color::Off, width };
            render(&outputs, &[], &Secrets::default(), format).unwrap().text
        };
        assert_eq!(text(Some(60)).trim_end().chars().count(), 60);
        assert!(text(None).contains(&long));
    }

    #[test]
    fn a_value_cannot_forge_a_row_or_show_a_secret_by_accident() {
        let secrets = Secrets::default();
        secrets.hide("hunter22");
        let value = json!("a\nfake  row\x1b[2J hunter22");
        let outputs = [OutputValue { name: "x".into(), value, secret: false, description: None }];
        let text = render(&outputs, &[], &secrets, TABLE).unwrap().text;
        assert_eq!(text, "x  a⏎fake  row␛[2J [secret]\n");
    }
}
