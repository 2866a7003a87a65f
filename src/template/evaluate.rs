//! Evaluates templates; returns a value, or an error with its place that says what is missing.

use minijinja::{Error, ErrorKind};
use serde_json::Value;

use super::missing::missing;
use super::program::Program;
use super::text::{json_of, text_of};
use super::{
    Expression, ExpressionKind, KnownNames, Mention, Part, Scope, Shape, Template, TemplateError, Text, ValueType,
    scope,
};

/// The longest text that a template may produce.
const LONGEST: usize = 16 << 20;

impl Template {
    /// The value in this scope. Secrets stay markers.
    ///
    /// # Errors
    ///
    /// The first expression that cannot be evaluated, with its place.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, TemplateError> {
        match &self.shape {
            Shape::Constant(value) => Ok(value.to_value()),
            Shape::Expression(program) => json(program, scope),
            Shape::Text(Text::Parts(parts)) => parts_text(parts, scope).map(Value::String),
            Shape::Text(Text::Program(program)) => json(program, scope),
            Shape::List(items) => {
                items.iter().map(|item| item.evaluate(scope)).collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Shape::Mapping(entries) => entries
                .iter()
                .map(|(key, value)| Ok((key.text.to_string(), value.evaluate(scope)?)))
                .collect::<Result<serde_json::Map<_, _>, _>>()
                .map(Value::Object),
            Shape::For(list) => list.evaluate(scope),
        }
    }

    /// The value as text, for a path segment or header.
    ///
    /// # Errors
    ///
    /// As for [`Template::evaluate`], and for values without a text form.
    pub fn evaluate_text(&self, scope: &Scope<'_>) -> Result<String, TemplateError> {
        match self.evaluate(scope)? {
            Value::String(text) => Ok(text),
            Value::Bool(flag) => Ok(flag.to_string()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(TemplateError {
                span: self.span,
                message: format!("expected text, the result is {}", crate::yaml::describe(&other)),
                help: None,
            }),
        }
    }
}

impl Expression {
    /// The value in this scope.
    ///
    /// # Errors
    ///
    /// When the expression cannot be evaluated, or has no value.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, TemplateError> {
        match &self.kind {
            ExpressionKind::Constant(constant) => Ok(Value::Bool(*constant)),
            ExpressionKind::Program(program) => json(program, scope),
        }
    }

    /// Whether the condition holds. Lists and mappings hold when they are not empty, null does not.
    ///
    /// # Errors
    ///
    /// When the expression cannot be evaluated, or is text or a number, since the truth of `"false"` is ambiguous.
    pub fn is_true(&self, scope: &Scope<'_>) -> Result<bool, TemplateError> {
        match self.evaluate(scope)? {
            Value::Bool(holds) => Ok(holds),
            Value::Null => Ok(false),
            Value::Array(items) => Ok(!items.is_empty()),
            Value::Object(fields) => Ok(!fields.is_empty()),
            Value::String(_) => Err(self.ambiguous("text")),
            Value::Number(_) => Err(self.ambiguous("a number")),
        }
    }

    /// The error of a condition that gives neither true nor false, but `what`.
    pub fn ambiguous(&self, what: &str) -> TemplateError {
        TemplateError {
            span: self.span,
            message: format!("a condition must be true or false, this one gives {what}"),
            help: Some("compare it, as in `x == 'on'`, `x > 0` or `x is not none`".to_owned()),
        }
    }
}

/// Evaluates a program to JSON.
pub(super) fn json(program: &Program, scope: &Scope<'_>) -> Result<Value, TemplateError> {
    let root = scope::root(scope, program.uses());
    let result = program.run(root.clone()).and_then(|value| json_of(&value));
    result.map_err(|error| explain(program, scope, &root, &error, &Everything))
}

/// In a run everything that a template refers to is known.
struct Everything;

impl KnownNames for Everything {
    fn knows(&self, _: &str, _: &[String]) -> bool {
        true
    }

    fn value_type(&self, _: &Mention) -> Option<ValueType> {
        None
    }

    fn reads_files(&self) -> bool {
        true
    }
}

fn parts_text(parts: &[Part], scope: &Scope<'_>) -> Result<String, TemplateError> {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Expression(program) => {
                let root = scope::root(scope, program.uses());
                let result = program.run(root.clone()).and_then(|value| {
                    out.push_str(&text_of(&value)?);
                    Ok(())
                });
                result.map_err(|error| explain(program, scope, &root, &error, &Everything))?;
                if out.len() > LONGEST {
                    return Err(TemplateError {
                        span: program.span(),
                        message: "the text grows beyond 16 MiB".to_owned(),
                        help: None,
                    });
                }
            }
        }
    }
    Ok(out)
}

/// Converts the engine's error to our own, with the place in the file.
pub(super) fn explain(
    program: &Program,
    scope: &Scope<'_>,
    root: &minijinja::Value,
    error: &Error,
    knowledge: &dyn KnownNames,
) -> TemplateError {
    let span = match error.range() {
        Some(range) if !range.is_empty() => program.locate_run(range),
        _ => program.span(),
    };
    let is_undefined = error.kind() == ErrorKind::UndefinedError;
    // Operations on values of one type report an undefined value as one of a wrong type.
    let is_of_type = || {
        let detail = error.detail().unwrap_or_default();
        ["cannot ", "value is not a string", "unsupported types"].iter().any(|part| detail.contains(part))
    };
    if (is_undefined || (error.kind() == ErrorKind::InvalidOperation && is_of_type()))
        && let Some(missing) = missing(program, scope, root, knowledge, is_undefined)
    {
        return missing;
    }
    let detail = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<Error>())
        .and_then(Error::detail)
        .or(error.detail());
    let message = match error.kind() {
        ErrorKind::OutOfFuel => "this template does too much work".to_owned(),
        ErrorKind::UndefinedError => "a name here is undefined".to_owned(),
        kind => message_for(detail.map_or_else(|| kind.to_string(), str::to_owned)),
    };
    let (message, help) = match message.split_once("; ") {
        Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
        None => (message, None),
    };
    TemplateError { span, message, help }
}

/// Whether a type of the engine, by its name in Rust, is one of whole numbers.
fn is_whole_number(name: &str) -> bool {
    name.starts_with(['i', 'u'])
}

/// The engine's message in our words.
fn message_for(message: String) -> String {
    let type_name = |name: &str| match name {
        "string" => "a text",
        "number" => "a number",
        "bool" => "`true` or `false`",
        "sequence" | "iterator" | "iterable" => "a list",
        "map" => "a mapping",
        "none" => "null",
        _ => "something else",
    };
    let wanted = |name: &str| match name {
        "bool" => "`true` or `false`",
        "char" => "one character",
        name if is_whole_number(name) => "a whole number",
        name if name.starts_with('f') => "a number",
        _ => "a text",
    };
    let conversion = message.strip_prefix("cannot convert ").and_then(|rest| rest.split_once(" to "));
    if let Some((given, target)) = conversion {
        return match target.contains(' ') || given == "value" {
            true => message,
            false if is_whole_number(target) && given == "string" => {
                "this wants a whole number, and this is a text; `| int` makes a number of a text".to_owned()
            }
            false => format!("this wants {}, and this is {}", wanted(target), type_name(given)),
        };
    }
    if ["invalid float literal", "invalid digit found in string"].contains(&message.as_str()) {
        return "this text is no number".to_owned();
    }
    // The engine shows the operands, which may stand for values that are not known.
    if let Some(operands) = message.strip_prefix("unable to calculate ") {
        let divides = [" / ", " // ", " % "].iter().any(|operator| operands.contains(operator));
        return match divides && operands.trim_end_matches(".0").ends_with(" 0") {
            true => "this divides by zero".to_owned(),
            false => "the result of this calculation is beyond the numbers that there are".to_owned(),
        };
    }
    if message == "invalid operation" {
        return "this cannot be done with such values".to_owned();
    }
    if message == "value is not a string" {
        return "this wants a text".to_owned();
    }
    let operation =
        message.strip_prefix("tried to use ").and_then(|rest| rest.split_once(" operator on unsupported types "));
    if let Some((operator, (left, right))) =
        operation.and_then(|(operator, types)| Some((operator, types.split_once(" and ")?)))
    {
        return format!("`{operator}` cannot be used on {} and {}", type_name(left), type_name(right));
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_calculation_shows_no_operands() {
        for (engine, ours) in [
            ("unable to calculate 1 / 0", "this divides by zero"),
            ("unable to calculate 7 // 0", "this divides by zero"),
            ("unable to calculate 9 * 10", "the result of this calculation is beyond the numbers that there are"),
            ("invalid operation", "this cannot be done with such values"),
        ] {
            assert_eq!(message_for(engine.to_owned()), ours);
        }
    }
}
