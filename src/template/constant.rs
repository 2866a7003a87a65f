//! A value without templates, kept small: a plan has as many of them as words.

use serde_json::Value;

use crate::yaml::{Scalar, Text};

/// A value without templates.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant(Repr);

#[derive(Debug, Clone, PartialEq)]
enum Repr {
    Scalar(Scalar),
    Other(Box<Value>),
}

impl Constant {
    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Repr::Scalar(Scalar::Text(text)) => Some(text.as_str()),
            Repr::Scalar(_) => None,
            Repr::Other(value) => value.as_str(),
        }
    }

    pub fn to_value(&self) -> Value {
        match &self.0 {
            Repr::Scalar(scalar) => scalar.to_value(),
            Repr::Other(value) => (**value).clone(),
        }
    }
}

impl From<Scalar> for Constant {
    fn from(scalar: Scalar) -> Self {
        Self(Repr::Scalar(match scalar {
            Scalar::Text(text) => Scalar::Text(text.into_plain()),
            other => other,
        }))
    }
}

impl From<Value> for Constant {
    fn from(value: Value) -> Self {
        Self(match value {
            Value::Null => Repr::Scalar(Scalar::Null),
            Value::Bool(value) => Repr::Scalar(Scalar::Bool(value)),
            Value::Number(number) => Repr::Scalar(Scalar::Number(number)),
            Value::String(text) => Repr::Scalar(Scalar::Text(Text::plain(text))),
            other => Repr::Other(Box::new(other)),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Template;
    use super::*;

    #[test]
    fn values_come_back_as_they_were_kept_and_take_little_room() {
        for value in [json!(null), json!(true), json!(-3), json!(1.5), json!("text"), json!([1, { "a": "b" }])] {
            assert_eq!(Constant::from(value.clone()).to_value(), value);
        }
        assert!(size_of::<Template>() <= 32, "{}", size_of::<Template>());
    }
}
