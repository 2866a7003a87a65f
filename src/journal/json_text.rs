//! JSON that is kept as text: bodies and answers of a long record are mostly never read again, and as a tree of values
//! they take ten times the memory.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::reader::AS_TEXT;
use crate::pointer;

/// A JSON value as text, which is parsed when it is first looked into.
pub struct JsonText {
    /// Valid JSON.
    text: Box<RawValue>,
    value: OnceLock<Box<Value>>,
}

impl JsonText {
    /// Keeps the value besides its text, for one that is read at once.
    pub fn read(value: Value) -> Self {
        let Self { text, .. } = Self::from(&value);
        Self { text, value: OnceLock::from(Box::new(value)) }
    }

    /// The text, without line breaks.
    pub fn text(&self) -> &str {
        self.text.get()
    }

    /// The value at a pointer. When nothing was looked into yet, what is beside a field of the object is not kept.
    pub fn at(&self, pointer: &str) -> Option<Value> {
        let name = pointer.strip_prefix('/').filter(|name| !name.contains(['/', '~']) && self.value.get().is_none());
        let field = |name| FieldNamed(name).deserialize(&mut serde_json::Deserializer::from_str(self.text())).ok();
        // What is no object is looked into as a whole.
        name.and_then(field).unwrap_or_else(|| pointer::get(self, pointer).cloned())
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

/// Reads a field of an object, and nothing else.
struct FieldNamed<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for FieldNamed<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Option<Value>, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FieldNamed<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut fields: M) -> Result<Option<Value>, M::Error> {
        let mut found = None;
        while let Some(name) = fields.next_key::<Cow<'_, str>>()? {
            match name == self.0 {
                true => found = Some(fields.next_value()?),
                false => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
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
    fn one_field_is_what_the_whole_value_has_there() {
        for written in [r#"{"a":{"b":[1]},"name":"\u00e4","name":"c"}"#, r#"{"n":1}"#, "[{\"name\":1}]", "null", "1"] {
            let whole: Value = serde_json::from_str(written).unwrap();
            for pointer in ["/name", "/a", "/a/b", "/a/b/0", "/0", "", "/n~1", "/"] {
                let text: JsonText = reader::from_str(written).unwrap();
                assert_eq!(text.at(pointer).as_ref(), whole.pointer(pointer), "{written} {pointer}");
                assert_eq!(JsonText::read(whole.clone()).at(pointer).as_ref(), whole.pointer(pointer));
            }
        }
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
