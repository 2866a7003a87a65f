//! The text form of values: as in JSON, where that is unambiguous.

use std::borrow::Cow;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

/// The text of a scalar.
///
/// # Errors
///
/// For undefined and `none`, and for lists and mappings, whose text form would be ambiguous.
pub(super) fn text_of(value: &Value) -> Result<Cow<'_, str>, Error> {
    if let Some(text) = value.as_str() {
        return Ok(Cow::Borrowed(text));
    }
    match value.kind() {
        ValueKind::Bool => Ok(Cow::Borrowed(if value.is_true() { "true" } else { "false" })),
        ValueKind::Number => Ok(Cow::Owned(value.to_string())),
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::None => refused("null cannot stand in text; give it a value with `| default('...', true)`"),
        ValueKind::Seq | ValueKind::Iterable => {
            refused("a list cannot stand in text; use `| tojson`, or `| join(',')`")
        }
        ValueKind::Map => refused("a mapping cannot stand in text; use `| tojson`"),
        ValueKind::Bytes => refused("bytes cannot stand in text; use `| b64encode`"),
        _ => refused("this value cannot stand in text"),
    }
}

/// Writes a scalar into the output of a template.
pub(super) fn format(
    output: &mut minijinja::Output<'_>,
    _: &mut minijinja::State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    output.write_str(&text_of(value)?).map_err(Error::from)
}

/// The greatest depth of a value; more than any answer of the API has.
const DEEPEST: usize = 128;
/// The most values in a result. The engine limits its own work, but ranges and joined lists are lazy and cost only when
/// they are iterated over.
const MOST_VALUES: usize = 1_000_000;
/// The most bytes of text in a result.
const MOST_BYTES: usize = 32 << 20;

/// The JSON form of a result.
///
/// # Errors
///
/// For values that JSON does not have (undefined, bytes, infinite numbers, integers beyond 64 bits), and for results
/// above the limits.
pub(super) fn json_of(value: &Value) -> Result<serde_json::Value, Error> {
    Budget { values: MOST_VALUES, bytes: MOST_BYTES }.json(value, 0)
}

struct Budget {
    values: usize,
    bytes: usize,
}

impl Budget {
    fn json(&mut self, value: &Value, depth: usize) -> Result<serde_json::Value, Error> {
        if depth > DEEPEST {
            return refused("the result is nested too deeply");
        }
        self.values = self.values.checked_sub(1).ok_or_else(too_much)?;
        match value.kind() {
            ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
            ValueKind::None => Ok(serde_json::Value::Null),
            ValueKind::Bool => Ok(serde_json::Value::Bool(value.is_true())),
            ValueKind::String => self.text(value.as_str().unwrap_or_default()).map(serde_json::Value::String),
            ValueKind::Number => number_of(value),
            ValueKind::Seq | ValueKind::Iterable => {
                let items = value.try_iter()?.checked().map(|item| self.json(&item?, depth + 1));
                items.collect::<Result<Vec<_>, _>>().map(serde_json::Value::Array)
            }
            ValueKind::Map => {
                let mut fields = serde_json::Map::new();
                for key in value.try_iter()?.checked() {
                    let key = key?;
                    let field = value.get_item(&key)?;
                    fields.insert(self.text(&text_of(&key)?)?, self.json(&field, depth + 1)?);
                }
                Ok(serde_json::Value::Object(fields))
            }
            ValueKind::Bytes => refused("bytes cannot be sent as JSON; use `| b64encode`"),
            // An invalid value contains an error, which its use returns.
            ValueKind::Invalid => value.try_iter().map(|_| serde_json::Value::Null),
            _ => refused("this value cannot be sent as JSON"),
        }
    }

    fn text(&mut self, text: &str) -> Result<String, Error> {
        self.bytes = self.bytes.checked_sub(text.len()).ok_or_else(too_much)?;
        Ok(text.to_owned())
    }
}

fn refused<T>(message: &'static str) -> Result<T, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

fn too_much() -> Error {
    Error::new(ErrorKind::InvalidOperation, "the result is too large")
}

fn number_of(value: &Value) -> Result<serde_json::Value, Error> {
    match serde_json::to_value(value) {
        Ok(number @ serde_json::Value::Number(_)) => Ok(number),
        Ok(_) => refused("an infinite number cannot be sent as JSON"),
        Err(_) => refused("an integer beyond 64 bits cannot be sent as JSON"),
    }
}
