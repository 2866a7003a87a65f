//! Reads the JSON of a line into its record.
//!
//! A long record is hundreds of megabytes of short fields, and takes its reader most of the time. This one knows less
//! than a general one: all text is at hand, and names of fields, ids and times have no escapes. Texts with escapes, and
//! numbers that are not plain integers, are left to `serde_json`, whose errors these are.

use std::borrow::Cow;

use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Number};

/// Asks for a value as its JSON text, as the name of a newtype: the visitor is given a borrowed string.
pub const AS_TEXT: &str = "gcore_plan::journal::reader::AS_TEXT";

/// How deep values may be nested, as in `serde_json`: a deeper one could exhaust the stack.
const MOST_NESTED: u8 = 127;

/// Reads one value, and nothing after it.
///
/// # Errors
///
/// When the text is not JSON, or not that of a `T`.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let mut reader = Reader::new(text);
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Reads the text of JSON values from its beginning on.
#[derive(Debug)]
pub struct Reader<'de> {
    text: &'de str,
    /// The first byte that is not read yet: always between two tokens.
    at: usize,
    nested: u8,
}

impl<'de> Reader<'de> {
    pub fn new(text: &'de str) -> Self {
        Self { text, at: 0, nested: 0 }
    }

    /// Ensures that only white space follows.
    ///
    /// # Errors
    ///
    /// When something else does.
    pub fn end(&mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.wrong("the end")),
        }
    }

    /// The next byte that is not white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        match self.text.as_bytes().get(self.at) {
            Some(b' ' | b'\n' | b'\r' | b'\t') => self.peek_past_space(),
            next => next.copied(),
        }
    }

    /// The next byte after white space, which our own lines do not have.
    #[cold]
    fn peek_past_space(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Goes past a byte, which must be next.
    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if self.peek() != Some(byte) {
            return Err(self.wrong_byte(byte));
        }
        self.at += 1;
        Ok(())
    }

    /// Goes past a word such as `null`, whose first letter is next.
    fn word(&mut self, word: &str) -> Result<(), Error> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.wrong(word));
        }
        self.at += word.len();
        Ok(())
    }

    #[cold]
    fn wrong(&self, expected: &str) -> Error {
        Error::custom(format_args!("expected {expected} at byte {} of its text", self.at))
    }

    #[cold]
    fn wrong_byte(&self, expected: u8) -> Error {
        self.wrong(&format!("`{}`", char::from(expected)))
    }

    /// The next value is of another type than the expected one.
    #[cold]
    fn unexpected(&mut self, expected: &dyn Expected) -> Error {
        let found = match self.peek() {
            None => return self.wrong("a value"),
            Some(b'{') => Unexpected::Map,
            Some(b'[') => Unexpected::Seq,
            Some(b'"') => Unexpected::Other("string"),
            Some(b'n') => Unexpected::Unit,
            Some(_) => Unexpected::Other("value"),
        };
        Error::invalid_type(found, expected)
    }

    /// A string, whose quotation mark is next.
    fn string(&mut self) -> Result<Cow<'de, str>, Error> {
        let rest = &self.text[self.at + 1..];
        match memchr::memchr2(b'"', b'\\', rest.as_bytes()) {
            Some(end) if rest.as_bytes()[end] == b'"' => {
                self.at += end + 2;
                Ok(Cow::Borrowed(&rest[..end]))
            }
            _ => self.escaped_string().map(Cow::Owned),
        }
    }

    /// A string that has escapes, or does not end.
    #[cold]
    fn escaped_string(&mut self) -> Result<String, Error> {
        let rest = &self.text.as_bytes()[self.at..];
        let mut escaped = false;
        let length = rest.iter().skip(1).position(|&byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let Some(length) = length.map(|length| length + 2) else { return Err(self.wrong("a string that ends")) };
        let string = serde_json::from_str(&self.text[self.at..self.at + length])?;
        self.at += length;
        Ok(string)
    }

    /// A number, whose first byte is next.
    fn number(&mut self) -> Result<Number, Error> {
        let rest = &self.text[self.at..];
        let of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.bytes().position(|byte| !of_number(&byte)).unwrap_or(rest.len());
        let digits = &rest[..length];
        let begins_well = length == 1 || !digits.starts_with(['0', '+']);
        let plain = digits.parse::<u64>().ok().filter(|_| begins_well);
        let number = plain.map_or_else(|| serde_json::from_str(digits), |number| Ok(number.into()))?;
        self.at += length;
        Ok(number)
    }

    /// Goes into a list or a map, whose first byte is next.
    fn enter(&mut self) -> Result<(), Error> {
        if self.nested == MOST_NESTED {
            return Err(self.wrong("fewer levels of lists and maps"));
        }
        self.nested += 1;
        self.at += 1;
        Ok(())
    }

    /// Goes to the next element of a list or a map, if it has one.
    fn element(&mut self, is_first: &mut bool, close: u8) -> Result<bool, Error> {
        if self.peek() == Some(close) {
            return Ok(false);
        }
        if !std::mem::take(is_first) {
            self.expect(b',')?;
        }
        Ok(true)
    }

    /// Goes to the name of the next field of a map, if it has one.
    fn field(&mut self, is_first: &mut bool) -> Result<bool, Error> {
        let is_there = self.element(is_first, b'}')?;
        if is_there && self.peek() != Some(b'"') {
            return Err(self.wrong("the name of a field"));
        }
        Ok(is_there)
    }

    /// Goes out of a list or a map.
    fn leave(&mut self, close: u8) -> Result<(), Error> {
        self.nested -= 1;
        self.expect(close)
    }

    /// Goes past a value that `serde_json` could read as one, and returns its text.
    ///
    /// # Errors
    ///
    /// When it could not.
    pub fn skip(&mut self) -> Result<&'de str, Error> {
        let first = self.peek();
        let from = self.at;
        match first {
            Some(b'"') => drop(self.string()?),
            Some(b'{') => {
                self.enter()?;
                let mut is_first = true;
                while self.field(&mut is_first)? {
                    self.skip()?;
                    self.expect(b':')?;
                    self.skip()?;
                }
                self.leave(b'}')?;
            }
            Some(b'[') => {
                self.enter()?;
                let mut is_first = true;
                while self.element(&mut is_first, b']')? {
                    self.skip()?;
                }
                self.leave(b']')?;
            }
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
            }
            _ => return Err(self.wrong("a value")),
        }
        Ok(&self.text[from..self.at])
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'"') => self.deserialize_str(visitor),
            Some(b'{') => self.deserialize_map(visitor),
            Some(b'[') => self.deserialize_seq(visitor),
            Some(b'n') => self.deserialize_unit(visitor),
            Some(b't' | b'f') => self.deserialize_bool(visitor),
            _ => self.deserialize_u64(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = match self.peek() {
            Some(b't') => self.word("true").map(|()| true)?,
            Some(b'f') => self.word("false").map(|()| false)?,
            _ => return Err(self.unexpected(&visitor)),
        };
        visitor.visit_bool(value)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Some(b'-' | b'0'..=b'9') = self.peek() else { return Err(self.unexpected(&visitor)) };
        let number = self.number()?;
        match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => visitor.visit_u64(number),
            (_, Some(number), _) => visitor.visit_i64(number),
            (.., number) => visitor.visit_f64(number.unwrap_or(f64::NAN)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Some(b'"') = self.peek() else { return Err(self.unexpected(&visitor)) };
        match self.string()? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Some(b'n') = self.peek() else { return Err(self.unexpected(&visitor)) };
        self.word("null")?;
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek() != Some(b'n') {
            return visitor.visit_some(self);
        }
        self.word("null")?;
        visitor.visit_none()
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Some(b'[') = self.peek() else { return Err(self.unexpected(&visitor)) };
        self.enter()?;
        let value = visitor.visit_seq(Elements { reader: self, is_first: true })?;
        self.leave(b']').map(|()| value)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Some(b'{') = self.peek() else { return Err(self.unexpected(&visitor)) };
        self.enter()?;
        let value = visitor.visit_map(Elements { reader: self, is_first: true })?;
        self.leave(b'}').map(|()| value)
    }

    /// A name alone, or a map of one field: the name and what belongs to it.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'"') => visitor.visit_enum(Variant { reader: self, has_value: false }),
            Some(b'{') => {
                self.enter()?;
                if !self.field(&mut true)? {
                    return Err(self.wrong("the name of a variant"));
                }
                let value = visitor.visit_enum(Variant { reader: self, has_value: true })?;
                self.leave(b'}').map(|()| value)
            }
            _ => Err(self.unexpected(&visitor)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        if name == AS_TEXT { visitor.visit_borrowed_str(self.skip()?) } else { visitor.visit_newtype_struct(self) }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.skip()?;
        visitor.visit_unit()
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u128 f32 f64 char bytes byte_buf unit_struct tuple_struct
    }
}

/// The elements of a list or a map.
struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    is_first: bool,
}

impl Elements<'_, '_> {
    /// How many elements there are at least: most lists have one, and are to have room for no more.
    fn least(&self) -> Option<usize> {
        let next = self.reader.text.as_bytes().get(self.reader.at);
        Some(usize::from(!matches!(next, Some(b']' | b'}'))))
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if !self.reader.element(&mut self.is_first, b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        self.least()
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if !self.reader.field(&mut self.is_first)? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.reader.expect(b':')?;
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        self.least()
    }
}

/// The name of a variant, and its value.
struct Variant<'r, 'de> {
    reader: &'r mut Reader<'de>,
    has_value: bool,
}

impl<'r, 'de> Variant<'r, 'de> {
    fn value(self) -> Result<&'r mut Reader<'de>, Error> {
        if self.has_value { Ok(self.reader) } else { Err(self.reader.wrong("a variant with a value")) }
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let name = seed.deserialize(&mut *self.reader)?;
        if self.has_value {
            self.reader.expect(b':')?;
        }
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        if self.has_value { <()>::deserialize(self.reader) } else { Ok(()) }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self.value()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.value()?.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.value()?.deserialize_map(visitor)
    }
}

#[cfg(test)]
mod tests;
