//! The values of inputs, in increasing precedence: default, environment file, other files, `PLAN_INPUT_<NAME>`,
//! `--set`; checked against their declarations, with secrets concealed as soon as they are read.
//!
//! This module reads neither environment nor files: the caller provides them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::environment_doc::EnvironmentFile;
use super::fields::{described, listed, raw_scalar};
use super::model::{Input, InputType};
use super::withheld::withheld;
use crate::diagnostic::{Diagnostic, nearest, shortened};
use crate::hash::IndexMap;
use crate::secret::{Secrets, is_reserved};
use crate::source::{Position, Source, Span};
use crate::template::value_of;
use crate::yaml::{self, Items, Key, Node};

/// The sources of values, in increasing precedence.
#[derive(Debug, Default)]
pub struct InputSources<'a> {
    /// `environments/<name>.yaml` next to the plan, and its contents.
    pub beside: Option<(&'a Source, &'a EnvironmentFile)>,
    /// `--inputs FILE`, in the order given.
    pub files: &'a [Source],
    /// `PLAN_INPUT_<NAME>`: names of environment variables with their values.
    pub environment: &'a [(String, String)],
    /// `--set name=value`.
    pub set: &'a [(String, String)],
}

/// The prefix of environment variables for inputs.
pub const VARIABLE_PREFIX: &str = "PLAN_INPUT_";

/// A missing or invalid value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputProblem {
    /// The source of the value: `--set`, `PLAN_INPUT_X`, a file; or the plan, for a missing one.
    pub origin: Origin,
    /// The declaration in the plan, if there is one.
    pub declared: Option<Span>,
    pub message: String,
    pub help: Vec<String>,
}

/// The source of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// No value was given: the plan's declaration requires one.
    Plan,
    File {
        path: String,
        at: Position,
        span: Span,
    },
    Variable(String),
    Set(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Plan => f.write_str("the plan"),
            Origin::File { path, at, .. } => write!(f, "{path}:{}:{}", at.line, at.column),
            Origin::Variable(name) => f.write_str(name),
            Origin::Set(name) => write!(f, "--set {name}"),
        }
    }
}

/// A value that is not checked yet.
struct Given {
    value: Value,
    /// The text that it was parsed from, when it is another one: `0x12` is 18.
    written: Option<String>,
    origin: Origin,
}

/// The values of all inputs, as templates see them. Secret ones are secret markers. Optional ones without a value are
/// absent.
///
/// # Errors
///
/// All problems at once: unknown names, invalid values, missing required inputs.
pub fn resolve(
    declared: &IndexMap<String, Input>,
    sources: &InputSources<'_>,
    secrets: &Secrets,
) -> Result<BTreeMap<String, minijinja::Value>, Vec<InputProblem>> {
    let (values, problems) = resolve_known(declared, sources, secrets);
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// As [`resolve`], but returns the valid values also when others have problems.
pub fn resolve_known(
    declared: &IndexMap<String, Input>,
    sources: &InputSources<'_>,
    secrets: &Secrets,
) -> (BTreeMap<String, minijinja::Value>, Vec<InputProblem>) {
    let mut resolver =
        Resolver { inputs: declared, given: BTreeMap::new(), unreadable: BTreeSet::new(), problems: Vec::new() };
    if let Some((source, file)) = sources.beside {
        resolver.entries(source, file.inputs.items());
    }
    for file in sources.files {
        resolver.file(file);
    }
    for (name, text) in sources.environment {
        resolver.variable(name, text);
    }
    for (name, text) in sources.set {
        resolver.text(name, text, Origin::Set(name.clone()));
    }
    resolver.finish(secrets)
}

struct Resolver<'p> {
    inputs: &'p IndexMap<String, Input>,
    given: BTreeMap<String, Given>,
    /// Inputs whose value could not be parsed: they are not reported as missing.
    unreadable: BTreeSet<String>,
    problems: Vec<InputProblem>,
}

impl Resolver<'_> {
    fn file(&mut self, file: &Source) {
        let path = file.path().display().to_string();
        let parsed = yaml::parse(file.text());
        for finding in parsed.findings.iter().filter(|finding| finding.is_error()) {
            let at = file.position(finding.primary.start());
            let (message, help) = self.words_of(finding);
            self.problem(Origin::File { path: path.clone(), at, span: finding.primary }, message, help);
        }
        let Some(root) = parsed.root.filter(|root| !root.is_null()) else { return };
        let Some(entries) = root.entries() else {
            let at = file.position(root.span.start());
            let message = format!("a file of inputs is a mapping, found {}", root.describe());
            return self.problem(
                Origin::File { path, at, span: root.span },
                message,
                vec!["write a line `NAME: VALUE` for each input".to_owned()],
            );
        };
        self.entries(file, entries);
    }

    fn entries(&mut self, file: &Source, entries: Items<'_, (Key, Node)>) {
        for (key, node) in entries {
            let (path, at) = (file.path().display().to_string(), file.position(key.span.start()));
            self.node(&key.text, node, Origin::File { path, at, span: key.span });
        }
    }

    /// Environment variables are usually upper case; the input's own spelling is accepted as well.
    fn variable(&mut self, variable: &str, text: &str) {
        let Some(rest) = variable.strip_prefix(VARIABLE_PREFIX) else { return };
        let exact = self.inputs.keys().find(|name| *name == rest);
        let name = exact.or_else(|| self.inputs.keys().find(|name| name.eq_ignore_ascii_case(rest)));
        let name = name.cloned().unwrap_or_else(|| rest.to_lowercase());
        self.text(&name, text, Origin::Variable(variable.to_owned()));
    }

    /// A value given as text: for text inputs it is used as it is, for others parsed as YAML.
    fn text(&mut self, name: &str, text: &str, origin: Origin) {
        let Some(input) = self.declared(name, &origin) else { return };
        if is_reserved(text) {
            let message = format!("`{name}` holds one of the characters U+E000 to U+E005, which are private to `plan`");
            return self.problem(origin, message, Vec::new());
        }
        if input.r#type == InputType::String {
            let value = Value::String(text.to_owned());
            self.given.insert(name.to_owned(), Given { value, written: None, origin });
            return;
        }
        let parsed = yaml::parse(text);
        match parsed.findings.iter().find(|finding| finding.is_error()) {
            Some(finding) => {
                let (message, help) = match input.secret {
                    true => withheld(finding),
                    false => (format!("cannot be read as YAML: {}", finding.message), finding.help.clone()),
                };
                let message = shortened(format!("`{name}` {message}"));
                self.unreadable.insert(name.to_owned());
                self.given.remove(name);
                self.problems.push(InputProblem { origin, declared: Some(input.span), message, help });
            }
            None => {
                let value = parsed.root.map_or(Value::Null, |root| root.to_value());
                self.unreadable.remove(name);
                self.given.insert(name.to_owned(), Given { value, written: Some(text.trim().to_owned()), origin });
            }
        }
    }

    fn node(&mut self, name: &str, node: &Node, origin: Origin) {
        if self.declared(name, &origin).is_some() {
            self.given.insert(name.to_owned(), Given { value: node.to_value(), written: None, origin });
        }
    }

    fn declared(&mut self, name: &str, origin: &Origin) -> Option<Input> {
        if let Some(input) = self.inputs.get(name) {
            return Some(input.clone());
        }
        let names = || self.inputs.keys().map(String::as_str);
        // In a file with secrets, an unindented value would be parsed as a key, so that keys are not shown.
        let shown = match origin {
            Origin::File { .. } if self.may_hold_secrets() => "of this name".to_owned(),
            _ => format!("`{name}`"),
        };
        let help = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.inputs.is_empty() => "the plan has no inputs".to_owned(),
            None => format!("the plan's inputs are {}", listed(names())),
        };
        self.problem(origin.clone(), format!("the plan has no input {shown}"), vec![help]);
        None
    }

    /// A file may contain the value of any input of the plan.
    fn may_hold_secrets(&self) -> bool {
        self.inputs.values().any(|input| input.secret)
    }

    /// The message and help for an invalid file of inputs.
    fn words_of(&self, finding: &Diagnostic) -> (String, Vec<String>) {
        match self.may_hold_secrets() {
            true => withheld(finding),
            false => (finding.message.clone(), finding.help.clone()),
        }
    }

    fn problem(&mut self, origin: Origin, message: String, help: Vec<String>) {
        let (message, help) = (shortened(message), help.into_iter().map(shortened).collect());
        self.problems.push(InputProblem { origin, declared: None, message, help });
    }

    fn finish(mut self, secrets: &Secrets) -> (BTreeMap<String, minijinja::Value>, Vec<InputProblem>) {
        let mut values = BTreeMap::new();
        for (name, input) in self.inputs {
            // A wrong value is no less a secret.
            if let Some(given) = self.given.get(name).filter(|_| input.secret) {
                secrets.hide_value(&given.value);
                let written = given.written.iter().filter(|_| !matches!(given.value, Value::Null | Value::Bool(_)));
                written.for_each(|written| secrets.hide(written));
            }
            let value = match self.given.remove(name) {
                Some(given) => self.checked(name, input, given),
                None if self.unreadable.contains(name) => None,
                None => self.ungiven(name, input),
            };
            match value {
                Some(value) if input.secret && !value.is_null() => {
                    values.insert(name.clone(), minijinja::Value::from(secrets.conceal(&value)));
                }
                Some(value) => {
                    values.insert(name.clone(), value_of(&value));
                }
                None => {}
            }
        }
        (values, self.problems)
    }

    fn checked(&mut self, name: &str, input: &Input, given: Given) -> Option<Arc<Value>> {
        if given.value.is_null() && !input.required {
            // An explicit `null`: as if there were no default.
            return None;
        }
        match fits(input, given.value) {
            Ok(value) => Some(Arc::new(value)),
            Err(why) => {
                let help = input.description.iter().map(|words| format!("{name}: {words}")).collect();
                let message = shortened(format!("the value of `{name}` does not fit: {why}"));
                self.problems.push(InputProblem { origin: given.origin, declared: Some(input.span), message, help });
                None
            }
        }
    }

    fn ungiven(&mut self, name: &str, input: &Input) -> Option<Arc<Value>> {
        if !input.required {
            return input.default.clone();
        }
        let mut help = Vec::new();
        help.extend(input.description.iter().map(|words| format!("{name}: {words}")));
        help.push(match input.secret {
            // Command line arguments can be read by everyone who can list processes.
            true => format!(
                "set the environment variable {VARIABLE_PREFIX}{}, or give it in a file with `--inputs FILE`",
                name.to_uppercase()
            ),
            false => format!(
                "give it with `--set {name}=...`, in a file with `--inputs FILE`, or as {VARIABLE_PREFIX}{}",
                name.to_uppercase()
            ),
        });
        let message = format!("the input `{name}` is required");
        self.problems.push(InputProblem { origin: Origin::Plan, declared: Some(input.span), message, help });
        None
    }
}

impl InputProblem {
    /// The problem as a finding about the plan, when it concerns a declaration.
    pub fn to_diagnostic(&self) -> Option<Diagnostic> {
        Some(self.diagnostic_at(self.declared?))
    }

    /// The problem as a finding in this file of inputs, when it concerns the file and no declaration.
    pub fn in_file(&self, file: &Source) -> Option<Diagnostic> {
        let Origin::File { path, span, .. } = &self.origin else { return None };
        let is_there = self.declared.is_none() && file.path() == Path::new(path);
        let finding = Diagnostic::error("input-value", *span, self.message.clone());
        is_there.then(|| self.help.iter().cloned().fold(finding, Diagnostic::help))
    }

    /// The problem as a finding at a place of the plan.
    pub fn diagnostic_at(&self, place: Span) -> Diagnostic {
        let mut finding = Diagnostic::error(
            "input-value",
            place,
            match &self.origin {
                Origin::Plan => self.message.clone(),
                origin => format!("{} ({origin})", self.message),
            },
        );
        finding.help = self.help.clone();
        finding
    }
}

impl Input {
    /// Whether its values can be listed.
    pub(super) fn has_few_values(&self) -> bool {
        self.r#enum.is_some() || self.r#type == InputType::Boolean
    }

    /// Whether it has a value in every run.
    pub(super) fn has_a_value(&self) -> bool {
        self.default.as_ref().map_or(self.required, |default| !default.is_null())
    }
}

/// Values for the secret inputs that need one: a rehearsal sends them nowhere, and a default in the plan could end up
/// in a machine. Not for those that accept only certain values.
pub fn made_up_secrets(inputs: &IndexMap<String, Input>) -> BTreeMap<String, Value> {
    let needed = inputs.iter().filter(|(_, input)| input.secret && input.required);
    let values = needed.map(|(name, input)| (name, input, Value::from(format!("made-up-value-of-{name}"))));
    let fitting = values.filter(|(_, input, value)| fits(input, value.clone()).is_ok());
    fitting.map(|(name, _, value)| (name.clone(), value)).collect()
}

/// Converts the value to the declared type.
///
/// # Errors
///
/// A message why it is invalid, which never contains the value of a secret, nor one that it may have.
pub(super) fn fits(input: &Input, value: Value) -> Result<Value, String> {
    let value = typed(input.r#type, value)?;
    let shown = |value: &Value| match input.secret {
        true => "it".to_owned(),
        false => format!("`{}`", raw_scalar(value)),
    };
    if let Some(allowed) = &input.r#enum
        && !allowed.iter().any(|allowed| is_equal(allowed, &value))
    {
        if input.secret {
            return Err("it is none of the values in `enum`".to_owned());
        }
        let allowed: Vec<String> = allowed.iter().map(raw_scalar).collect();
        let near = value.as_str().and_then(|word| nearest(word, allowed.iter().map(String::as_str)));
        let meant = near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
        let allowed = listed(allowed.iter().map(String::as_str));
        return Err(format!("{} is none of {allowed}{meant}", shown(&value)));
    }
    if let (Some(pattern), Some(text)) = (&input.pattern, value.as_str()) {
        let matches = regex_lite::Regex::new(pattern).is_ok_and(|regex| regex.is_match(text));
        if !matches {
            return Err(format!("{} does not match the pattern `{pattern}`", shown(&value)));
        }
    }
    if let Some(number) = value.as_f64() {
        if let Some(minimum) = input.minimum.filter(|minimum| number < *minimum) {
            return Err(format!("{} is below the minimum of {minimum}", shown(&value)));
        }
        if let Some(maximum) = input.maximum.filter(|maximum| number > *maximum) {
            return Err(format!("{} is above the maximum of {maximum}", shown(&value)));
        }
    }
    Ok(value)
}

/// Whether two values are equal; numbers are, however they are written.
fn is_equal(one: &Value, other: &Value) -> bool {
    let numbers = one.as_number().zip(other.as_number());
    one == other || numbers.is_some_and(|(one, other)| whole(one).is_some() && whole(one) == whole(other))
}

/// What a value of a type is called.
pub(super) fn type_in_words(r#type: InputType) -> &'static str {
    match r#type {
        InputType::String => "text",
        InputType::Integer => "an integer",
        InputType::Number => "a number",
        InputType::Boolean => "`true` or `false`",
        InputType::List => "a list",
        InputType::Map => "a mapping",
    }
}

fn typed(r#type: InputType, value: Value) -> Result<Value, String> {
    let wrong = || Err(format!("expected {}, found {}", type_in_words(r#type), described(&value)));
    match (r#type, &value) {
        (InputType::String, Value::String(_))
        | (InputType::Boolean, Value::Bool(_))
        | (InputType::Number, Value::Number(_))
        | (InputType::List, Value::Array(_))
        | (InputType::Map, Value::Object(_)) => Ok(value),
        (InputType::Integer, Value::Number(number)) => match whole(number) {
            Some(number) => Ok(number),
            None => wrong(),
        },
        _ => wrong(),
    }
}

/// `3` and `3.0` are the same integer.
fn whole(number: &serde_json::Number) -> Option<Value> {
    /// Up to here floats represent every integer exactly.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !number.is_f64() {
        return Some(Value::Number(number.clone()));
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT)?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the exact range")]
    Some(Value::from(float as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_of_an_enum_are_equal_however_they_are_written() {
        let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        for (one, other, are_equal) in
            [("2", "2.0", true), ("2.0", "2", true), ("2.5", "2.5", true), ("2", "2.5", false), ("1e3", "1000", true)]
        {
            assert_eq!(is_equal(&number(one), &number(other)), are_equal, "{one} {other}");
        }
        assert!(!is_equal(&json!("2"), &json!(2)) && is_equal(&json!("a"), &json!("a")));
    }
}
