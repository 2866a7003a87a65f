//! Checks single values: allowed values, ranges, lengths, patterns, formats.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::format::Problem;
use super::{Checker, format, holes, pattern, words};
use crate::catalog::schema::{Schema, Type};
use crate::catalog::value::Partial;
use crate::diagnostic::{code, nearest};

impl Checker<'_> {
    /// Checks a value of the right type, when its schema does not list allowed values.
    pub(super) fn scalar(&mut self, shape: &Schema, value: &Partial) {
        match value {
            Partial::Number(number) => self.range(shape, number),
            Partial::String(text) => {
                self.length(shape, text.chars().count());
                self.pattern(shape, text);
                self.format(shape, text);
            }
            Partial::Text(pieces) => self.known_parts(shape, pieces),
            _ => {}
        }
    }

    /// Checks that the known parts of a text can be parts of a valid one.
    fn known_parts(&mut self, shape: &Schema, pieces: &[Option<String>]) {
        let known: usize = pieces.iter().flatten().map(|piece| piece.chars().count()).sum();
        if let Some(most) = shape.max_length.filter(|most| known as u64 > *most) {
            let (name, most) = (self.name(), words::count(most, "character"));
            let message = format!("{name} wants at most {most}, and has {known} without what the template gives");
            return self.report(Self::error("wrong-length", message));
        }
        if let Some(pattern) = shape.pattern.as_deref().filter(|pattern| !pattern::may_match(pattern, pieces)) {
            let message = format!(
                "{} is not written as the API wants it: `{}`, whatever the template gives",
                self.name(),
                holes::with_ellipses(pieces)
            );
            self.report(Self::error("wrong-format", message).help(words::pattern_in_words(pattern)));
        }
        if let Some(name) = shape.format.as_deref().filter(|name| !holes::may_have_format(name, pieces)) {
            let wanted = format::words(name).unwrap_or("something else");
            let message = format!(
                "{} wants {wanted}, and `{}` is none, whatever the template gives",
                self.name(),
                holes::with_ellipses(pieces)
            );
            self.report(Self::error("wrong-format", message));
        }
    }

    /// Checks a value against a list of allowed values.
    pub(super) fn allowed(&mut self, shape: &Schema, value: &Partial) {
        let holes = matches!(value, Partial::List(_) | Partial::Map(_)) && value.known().is_none();
        if holes {
            return;
        }
        let fits = |allowed: &Value| match value {
            Partial::Text(pieces) => allowed.as_str().is_some_and(|allowed| may_become(pieces, allowed)),
            _ => value.known().is_some_and(|value| equal(&value, allowed)),
        };
        if shape.values.iter().any(fits) {
            return;
        }
        let given = value.known().map(|value| words::value(&value));
        let what = given.as_ref().map_or_else(|| "this text".to_owned(), |given| format!("`{given}`"));
        let message = format!("{what} is no value of {}", self.name());
        let texts: Vec<&str> = shape.values.iter().filter_map(Value::as_str).collect();
        let near = given.as_deref().and_then(|given| nearest(given, texts.iter().copied()));
        // With a single allowed value, that is the one meant.
        let right = match (near, shape.values.as_slice()) {
            (Some(near), _) => Some(words::yaml(&Value::String(near.to_owned()))),
            (None, [only]) => Some(words::yaml(only)),
            (None, _) => None,
        };
        let found = Self::error(code::VALUE_NOT_ALLOWED, message);
        let found = match near {
            Some(near) => found.help(format!("did you mean `{near}`?")),
            None => found,
        };
        let found = found.help(format!("allowed: {}", words::field_list(shape.values.iter().map(words::value))));
        self.report(found.replace(right));
    }

    fn range(&mut self, shape: &Schema, number: &Number) {
        let too_low = shape.minimum.as_ref().is_some_and(|low| match compare(number, &low.value) {
            Ordering::Less => true,
            Ordering::Equal => low.exclusive,
            Ordering::Greater => false,
        });
        let too_high = shape.maximum.as_ref().is_some_and(|high| match compare(number, &high.value) {
            Ordering::Greater => true,
            Ordering::Equal => high.exclusive,
            Ordering::Less => false,
        });
        if too_low || too_high {
            let range = words::range(shape.minimum.as_ref(), shape.maximum.as_ref());
            let message = format!("{} is {range}, and this is {number}", self.name());
            self.report(Self::error(code::OUT_OF_RANGE, message));
        }
    }

    fn length(&mut self, shape: &Schema, length: usize) {
        self.count(length, shape.min_length, shape.max_length, "character");
    }

    fn pattern(&mut self, shape: &Schema, text: &str) {
        let Some(pattern) = &shape.pattern else { return };
        if pattern::matches(pattern, text) {
            return;
        }
        let message = format!("{} is not written as the API wants it", self.name());
        self.report(Self::error("wrong-format", message).help(words::pattern_in_words(pattern)));
    }

    fn format(&mut self, shape: &Schema, text: &str) {
        let Some(name) = shape.format.as_deref() else { return };
        match format::problem(name, text) {
            None => {}
            Some(Problem::Wrong) => {
                let wanted = format::words(name).unwrap_or("something else");
                let message = format!("{} wants {wanted}, and `{text}` is none", self.name());
                self.report(Self::error("wrong-format", message));
            }
            Some(Problem::HostBits(network)) => {
                let message = format!("`{text}` is an address within a network, and {} wants the network", self.name());
                let found = Self::error("host-bits-set", message);
                self.report(found.help(format!("did you mean `{network}`?")).replace(Some(network)));
            }
        }
    }
}

/// Whether a text matches a schema, apart from its format.
pub(super) fn is_text_of(shape: &Schema, text: &str) -> bool {
    let length = text.chars().count() as u64;
    shape.types.allow(Type::String)
        && shape.values.is_empty()
        && shape.pattern.as_ref().is_none_or(|pattern| pattern::matches(pattern, text))
        && shape.min_length.is_none_or(|least| length >= least)
        && shape.max_length.is_none_or(|most| length <= most)
}

/// The value with the needed type, when it only has quotes missing or too many.
pub(super) fn requoted(shape: &Schema, value: &Partial) -> Option<Value> {
    match value {
        Partial::String(text) => {
            let bare: Value = serde_json::from_str(text).ok()?;
            let found = Partial::from(&bare).r#type()?;
            (super::is_scalar(found) && shape.types.allow(found)).then_some(bare)
        }
        Partial::Number(_) | Partial::Bool(_) if shape.types.contains(Type::String) => {
            value.known().map(|value| Value::String(value.to_string()))
        }
        _ => None,
    }
}

/// Whether two values are equal by JSON Schema: `1` and `1.0` are.
pub(super) fn equal(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Number(one), Value::Number(two)) => compare(one, two) == Ordering::Equal,
        _ => one == two,
    }
}

/// Exact for integers of any size.
pub(super) fn compare(one: &Number, two: &Number) -> Ordering {
    match (one.as_i128(), two.as_i128()) {
        (Some(one), Some(two)) => one.cmp(&two),
        _ => {
            let (one, two) = (one.as_f64().unwrap_or(f64::NAN), two.as_f64().unwrap_or(f64::NAN));
            one.partial_cmp(&two).unwrap_or(Ordering::Equal)
        }
    }
}

/// Whether a partly known text can still become this one.
pub(super) fn may_become(pieces: &[Option<String>], text: &str) -> bool {
    let mut rest = text;
    let mut after_hole = false;
    for (nth, piece) in pieces.iter().enumerate() {
        let Some(piece) = piece else {
            after_hole = true;
            continue;
        };
        let last = nth + 1 == pieces.len();
        rest = match (after_hole, last) {
            (false, _) => match rest.strip_prefix(piece.as_str()) {
                Some(rest) => rest,
                None => return false,
            },
            (true, true) => return rest.ends_with(piece.as_str()),
            (true, false) => match rest.find(piece.as_str()) {
                Some(at) => &rest[at + piece.len()..],
                None => return false,
            },
        };
        after_hole = false;
    }
    after_hole || rest.is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_partly_known_text_may_become_any_text_with_its_parts() {
        let piece = |text: &str| Some(text.to_owned());
        assert!(may_become(&[piece("g1-"), None], "g1-standard"));
        assert!(!may_become(&[piece("g2-"), None], "g1-standard"));
        assert!(may_become(&[None, piece("-4")], "g1-4"));
        assert!(!may_become(&[None, piece("-8")], "g1-4"));
        assert!(may_become(&[None, piece("x"), None], "axb"));
        assert!(may_become(&[None], ""));
    }

    #[test]
    fn numbers_are_compared_exactly() {
        let number = |value: Value| value.as_number().unwrap().clone();
        assert_eq!(compare(&number(json!(u64::MAX)), &number(json!(u64::MAX - 1))), Ordering::Greater);
        assert!(equal(&json!(1), &json!(1.0)));
    }
}
