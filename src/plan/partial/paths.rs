//! Partly known values: what they are read from, and what is known at a path in them.

use serde_json::Value;

use crate::catalog::{Partial, ValueSource};

/// What an unknown value is read from.
pub(in crate::plan) fn source_of(value: &Partial) -> Option<&ValueSource> {
    match value {
        Partial::Unknown(unknown) => unknown.source.as_ref(),
        _ => None,
    }
}

/// The step, when a value is all of its results.
pub(in crate::plan) fn results_of(value: &Partial) -> Option<&str> {
    match source_of(value)? {
        ValueSource::Step(step) => Some(step),
        _ => None,
    }
}

/// The value with `null` for unknown parts.
pub(super) fn with_nulls(value: &Partial) -> Value {
    match value {
        Partial::List(items) => items.iter().map(with_nulls).collect(),
        Partial::Map(fields) => {
            Value::Object(fields.iter().map(|(name, field)| (name.clone(), with_nulls(field))).collect())
        }
        other => other.known().unwrap_or_default(),
    }
}

/// A value whose secrets are markers.
pub(super) fn marked(value: &Value) -> Partial {
    match value {
        Value::String(text) => Partial::String(text.clone()),
        Value::Array(items) => Partial::List(items.iter().map(marked).collect()),
        Value::Object(fields) => {
            Partial::Map(fields.iter().map(|(name, field)| (name.clone(), marked(field))).collect())
        }
        other => Partial::from(other),
    }
}

pub(super) fn is_known(value: &Partial) -> bool {
    match value {
        Partial::List(items) => items.iter().all(is_known),
        Partial::Map(fields) => fields.iter().all(|(_, field)| is_known(field)),
        Partial::Text(_) | Partial::OneOf(_) | Partial::Unknown(_) => false,
        _ => true,
    }
}

/// Whether everything below a path is known, including that there is nothing.
pub(super) fn knows_below(value: &Partial, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return is_known(value) };
    match value {
        Partial::Map(_) => value.get(first).is_none_or(|field| knows_below(field, rest)),
        Partial::List(items) => {
            let item = first.parse().ok().and_then(|index: usize| items.get(index));
            item.is_none_or(|item| knows_below(item, rest))
        }
        other => is_known(other),
    }
}

/// The value at a path.
pub(super) fn value_below(value: &Partial, path: &[String]) -> Partial {
    let Some((first, rest)) = path.split_first() else { return value.clone() };
    let next = match value {
        Partial::Map(_) => value.get(first),
        Partial::List(items) => first.parse().ok().and_then(|index: usize| items.get(index)),
        Partial::OneOf(options) => {
            return Partial::OneOf(options.iter().map(|option| value_below(option, path)).collect());
        }
        _ => None,
    };
    next.map_or_else(Partial::unknown, |next| value_below(next, rest))
}
