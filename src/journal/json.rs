//! Writes records as JSON: the same bytes as `serde_json`, in half the time.
//!
//! Most texts have nothing to escape, and are copied as a whole; the rest, and numbers that are not plain, go to
//! `serde_json`. JSON that is text already ([`JsonText`](super::JsonText)) comes as bytes, and is written as it is.

use std::fmt::Write as _;

use serde::ser::{self, Error as _, Serialize, Serializer};
use serde_json::Error;

/// The JSON of a value, with this many bytes reserved for it.
///
/// # Errors
///
/// When the value is of a type that JSON cannot hold.
pub fn to_string(value: &impl Serialize, reserved: usize) -> Result<String, Error> {
    let mut writer = JsonWriter { text: String::with_capacity(reserved) };
    value.serialize(&mut writer)?;
    Ok(writer.text)
}

struct JsonWriter {
    text: String,
}

impl JsonWriter {
    /// What `serde_json` writes.
    fn general(&mut self, value: &impl Serialize) -> Result<(), Error> {
        self.text.push_str(&serde_json::to_string(value)?);
        Ok(())
    }

    /// The beginning of a field. Names of fields have nothing to escape.
    fn name(&mut self, name: &'static str) {
        self.text.reserve(name.len() + 3);
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    fn named(&mut self, name: &'static str) {
        self.text.push('{');
        self.name(name);
    }

    fn open(&mut self, open: char, close: &'static str) -> Compound<'_> {
        self.text.push(open);
        Compound { writer: self, is_empty: true, close }
    }
}

/// By byte: whether it is escaped in a text.
const ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};

/// Methods for integers.
macro_rules! integers {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), Error> {
            let _ = write!(self.text, "{value}");
            Ok(())
        })*
    };
}

/// Methods for types that are left to `serde_json`.
macro_rules! general {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), Error> {
            self.general(&value)
        })*
    };
}

impl<'w> Serializer for &'w mut JsonWriter {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Compound<'w>;
    type SerializeTuple = Compound<'w>;
    type SerializeTupleStruct = Compound<'w>;
    type SerializeTupleVariant = Compound<'w>;
    type SerializeMap = Compound<'w>;
    type SerializeStruct = Compound<'w>;
    type SerializeStructVariant = Compound<'w>;

    integers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    );
    general!(serialize_f32: f32, serialize_f64: f64, serialize_char: char);

    /// So that JSON that is text comes as bytes.
    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bytes(self, json: &[u8]) -> Result<(), Error> {
        self.text.push_str(std::str::from_utf8(json).map_err(Error::custom)?);
        Ok(())
    }

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        if text.bytes().any(|byte| ESCAPED[usize::from(byte)]) {
            return self.general(&text);
        }
        self.text.reserve(text.len() + 2);
        self.text.push('"');
        self.text.push_str(text);
        self.text.push('"');
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.text.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.text.push_str("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.named(variant);
        value.serialize(&mut *self)?;
        self.text.push('}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'w>, Error> {
        Ok(self.open('[', "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'w>, Error> {
        Ok(self.open('[', "]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'w>, Error> {
        Ok(self.open('[', "]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'w>, Error> {
        self.named(variant);
        Ok(self.open('[', "]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'w>, Error> {
        Ok(self.open('{', "}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'w>, Error> {
        Ok(self.open('{', "}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'w>, Error> {
        self.named(variant);
        Ok(self.open('{', "}}"))
    }
}

/// A list or an object that is being written.
struct Compound<'w> {
    writer: &'w mut JsonWriter,
    is_empty: bool,
    close: &'static str,
}

impl Compound<'_> {
    fn separate(&mut self) {
        if !std::mem::take(&mut self.is_empty) {
            self.writer.text.push(',');
        }
    }

    fn item<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Error> {
        self.separate();
        value.serialize(&mut *self.writer)
    }

    fn field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.separate();
        self.writer.name(name);
        value.serialize(&mut *self.writer)
    }

    fn close(self) {
        self.writer.text.push_str(self.close);
    }
}

/// Lists, under the names that serde has for them.
macro_rules! list {
    ($($list:ident: $method:ident),*) => {
        $(impl ser::$list for Compound<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        })*
    };
}

list!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);

/// Reads objects whose fields have one type.
macro_rules! object {
    ($($object:ident),*) => {
        $(impl ser::$object for Compound<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        })*
    };
}

object!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Error> {
        self.separate();
        let from = self.writer.text.len();
        key.serialize(&mut *self.writer)?;
        match self.writer.text[from..].starts_with('"') {
            true => Ok(()),
            false => Err(Error::custom("the key of an object must be a text")),
        }
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Error> {
        self.writer.text.push(':');
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::{Value, json};

    use super::*;
    use crate::journal::JsonText;

    fn written(value: &impl Serialize) -> String {
        to_string(value, 0).unwrap()
    }

    /// One of each form that serde knows.
    #[derive(Serialize)]
    enum Form {
        Unit,
        Newtype(u8),
        Tuple(bool, Option<()>),
        Struct { list: Vec<Form>, text: Option<String> },
    }

    #[derive(Serialize)]
    struct Pair(i64, char);

    #[derive(Serialize)]
    struct Nothing;

    #[test]
    fn every_form_is_written_as_by_serde_json() {
        let inner = vec![Form::Unit, Form::Newtype(7), Form::Tuple(true, None)];
        let forms = vec![
            Form::Struct { list: inner, text: Some("a \"b\"\\\u{1}\n é \u{2028}".to_owned()) },
            Form::Struct { list: Vec::new(), text: None },
            Form::Tuple(false, Some(())),
        ];
        assert_eq!(written(&forms), serde_json::to_string(&forms).unwrap());
        let values =
            (Pair(-1, '"'), Nothing, 1.5_f32, f64::NAN, u64::MAX, i128::MIN, BTreeMap::from([("a\tb", 1_u16)]));
        assert_eq!(written(&values), serde_json::to_string(&values).unwrap());
        assert!(to_string(&BTreeMap::from([(1, 2)]), 0).is_err());
    }

    #[test]
    fn json_that_is_text_is_written_as_it_is() {
        let text: JsonText = serde_json::from_str("{\"a\": [1, \"\\u00e9\"]}").unwrap();
        assert_eq!(written(&[&text]), serde_json::to_string(&[&text]).unwrap());
    }

    fn value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|number| json!(number)),
            "[ -~é\\n\\t\\\\\"\u{0}\u{7f}]{0,12}".prop_map(Value::from),
        ];
        scalar.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z\"\\n]{0,4}", inner, 0..4)
                    .prop_map(|fields| fields.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_value_is_written_as_by_serde_json(value in value()) {
            prop_assert_eq!(written(&value), value.to_string());
        }
    }
}
