//! JSON that is kept as text: bodies and answers of a long record are mostly never read again, and as a tree of values
//! they take ten times the memory.

use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

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
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(to)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(from)?;
        serde_json::from_str::<Readable>(text.get()).map_err(Error::custom)?;
        Ok(Self { text, value: OnceLock::new() })
    }
}

/// Checks that a text can be parsed as a value, and keeps nothing of it: JSON with valid syntax may have a number that
/// is too large.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Readable)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self, A::Error> {
        while fields.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_what_was_read() {
        let written = r#"{"name":"a","list":[1,2.5,null],"text":"\u00e4\n"}"#;
        let body: JsonText = serde_json::from_str(written).unwrap();
        assert_eq!(serde_json::to_string(&body).unwrap(), written);
        assert_eq!(body["list"][1], json!(2.5));
        assert_eq!(serde_json::from_value::<JsonText>(json!(body)).unwrap(), body);
    }

    #[test]
    fn values_are_compared_however_they_are_written() {
        let read = |text: &str| serde_json::from_str::<JsonText>(text).unwrap();
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
            assert!(serde_json::from_str::<JsonText>(text).is_err(), "{text}");
        }
    }
}
