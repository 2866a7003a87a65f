//! A value without templates, kept small: a plan has as many of them as words.

use serde_json::{Number, Value};

/// A value without templates.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant(Kept);

#[derive(Debug, Clone, PartialEq)]
enum Kept {
    Null,
    Bool(bool),
    Number(Number),
    Text(Box<str>),
    Other(Box<Value>),
}

impl Constant {
    pub fn to_value(&self) -> Value {
        match &self.0 {
            Kept::Null => Value::Null,
            Kept::Bool(value) => Value::Bool(*value),
            Kept::Number(number) => Value::Number(number.clone()),
            Kept::Text(text) => Value::String(text.to_string()),
            Kept::Other(value) => (**value).clone(),
        }
    }
}

impl From<Value> for Constant {
    fn from(value: Value) -> Self {
        Self(match value {
            Value::Null => Kept::Null,
            Value::Bool(value) => Kept::Bool(value),
            Value::Number(number) => Kept::Number(number),
            Value::String(text) => Kept::Text(text.into()),
            other => Kept::Other(Box::new(other)),
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
        assert!(size_of::<Template>() <= 48, "{}", size_of::<Template>());
    }
}
