//! JSON that is kept as text: bodies and answers of a long record are mostly never read again, and as a tree of values
//! they take ten times the memory.

use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::reader::AS_TEXT;

/// A JSON value as text, which is parsed when it is first looked into.
pub struct JsonText {
    /// Can be parsed.
    text: Box<RawValue>,
    value: OnceLock<Box<Value>>,
}

impl JsonText {
    /// A value that is read at once: the text and the value.
    pub fn read(value: Value) -> Self {
        let Self { text, .. } = Self::from(&value);
        Self { text, value: OnceLock::from(Box::new(value)) }
    }

    /// The text, without line breaks.
    pub fn text(&self) -> &str {
        self.text.get()
    }

    pub fn into_value(self) -> Value {
        let Self { text, value } = self;
        value.into_inner().map_or_else(|| parsed(&text), |value| *value)
    }

    /// Changes the value.
    pub fn edit(&mut self, change: impl FnOnce(&mut Value)) {
        let mut value = parsed(&self.text);
        change(&mut value);
        *self = value.into();
    }
}

fn parsed(text: &RawValue) -> Value {
    serde_json::from_str(text.get()).expect("what can be parsed was found out when it was read")
}

impl Deref for JsonText {
    type Target = Value;

    fn deref(&self) -> &Value {
        self.value.get_or_init(|| Box::new(parsed(&self.text)))
    }
}

impl From<&Value> for JsonText {
    fn from(value: &Value) -> Self {
        let text = to_raw_value(value).expect("a value is JSON");
        Self { text, value: OnceLock::new() }
    }
}

impl From<Value> for JsonText {
    fn from(value: Value) -> Self {
        Self::from(&value)
    }
}

/// A clone holds the text alone.
impl Clone for JsonText {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), value: OnceLock::new() }
    }
}

/// Equal values may be written in different ways.
impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text() || parsed(&self.text) == parsed(&other.text)
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for JsonText {
    /// The writer of records takes the text as it is.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match to.is_human_readable() {
            true => self.text.serialize(to),
            false => to.serialize_bytes(self.text().as_bytes()),
        }
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_newtype_struct(AS_TEXT, TextVisitor)
    }
}

/// Takes text from the reader of lines, and values from other formats.
struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = JsonText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<JsonText, E> {
        let text = serde_json::from_str(text).map_err(E::custom)?;
        Ok(JsonText { text, value: OnceLock::new() })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<JsonText, D::Error> {
        Value::deserialize(from).map(JsonText::from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::journal::reader;

    #[test]
    fn what_is_written_is_what_was_read() {
        let written = r#"{"name":"a","list":[1,2.5,null],"text":"\u00e4\n"}"#;
        let body: JsonText = reader::from_str(written).unwrap();
        assert_eq!(serde_json::to_string(&body).unwrap(), written);
        assert_eq!(body["list"][1], json!(2.5));
        assert_eq!(serde_json::from_value::<JsonText>(json!(body)).unwrap(), body);
    }

    #[test]
    fn values_are_compared_however_they_are_written() {
        let read = |text: &str| reader::from_str::<JsonText>(text).unwrap();
        assert_eq!(read(r#"{ "b": 1, "a": "\u0061" }"#), JsonText::from(json!({ "a": "a", "b": 1 })));
        assert_ne!(read("[1, 2]"), read("[2, 1]"));
    }

    #[test]
    fn a_change_is_in_the_text() {
        let mut body = JsonText::from(json!({ "size": 1 }));
        assert_eq!(body["size"], 1);
        body.edit(|body| body["size"] = json!(2));
        assert_eq!((body.text(), &body["size"]), (r#"{"size":2}"#, &json!(2)));
        assert_eq!(body.into_value(), json!({ "size": 2 }));
    }

    #[test]
    fn what_cannot_be_parsed_is_refused_at_once() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for text in ["1e999", r#""\ud800""#, r#"{"a":[1e999]}"#, deep.as_str()] {
            assert!(reader::from_str::<JsonText>(text).is_err(), "{text}");
        }
    }
}
