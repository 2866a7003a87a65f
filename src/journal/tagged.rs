//! A record as it stands in a line: an object with its name under `record`, followed by its fields.
//!
//! The name comes first, so that the fields are read into the record as they come. (A derived `tag` keeps them all
//! until it knows what they belong to.)

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::value::{CowStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, VariantAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::value::RawValue;

use super::json;
use super::record::Record;
use super::time::Time;

/// Most records are shorter, in bytes.
const USUAL: usize = 1024;

/// The JSON object of a record.
pub fn json(record: &Record) -> String {
    // `"beat"`, or `{"intent":{…}}`
    let written = json::to_string(&Around(record), USUAL).expect("records are made of types JSON can hold");
    let inside = written.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    match inside.and_then(|inside| inside.split_once(":{")) {
        None => format!("{{\"record\":{written}}}"),
        Some((name, "}")) => format!("{{\"record\":{name}}}"),
        Some((name, fields)) => ["{\"record\":", name, ",", fields].concat(),
    }
}

/// The record inside of its name, as is derived.
struct Around<'r>(&'r Record);

impl Serialize for Around<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Record::serialize(self.0, to)
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(json(self)).map_err(serde::ser::Error::custom)?.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Tagged::deserialize(from).map(|tagged| tagged.record)
    }
}

/// A record that was read, with what stands before it in a line.
pub struct Tagged {
    pub n: Option<u64>,
    pub at: Option<Timestamp>,
    pub record: Record,
}

/// What stands before a record's fields.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum RecordTag {
    N,
    At,
    Record,
    #[serde(other)]
    Checksum,
}

impl<'de> Deserialize<'de> for Tagged {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(LineVisitor)
    }
}

struct LineVisitor;

impl<'de> Visitor<'de> for LineVisitor {
    type Value = Tagged;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Tagged, A::Error> {
        let (mut n, mut at) = (None, None);
        while let Some(key) = fields.next_key()? {
            match key {
                RecordTag::N => n = Some(fields.next_value()?),
                RecordTag::At => at = Some(fields.next_value::<Time>()?.0),
                RecordTag::Checksum => drop(fields.next_value::<IgnoredAny>()?),
                RecordTag::Record => {
                    let Word(name) = fields.next_value()?;
                    return Ok(Tagged { n, at, record: Record::deserialize(Named { name, fields })? });
                }
            }
        }
        Err(A::Error::missing_field("record"))
    }
}

#[derive(Deserialize)]
struct Word<'a>(#[serde(borrow)] Cow<'a, str>);

/// The name of a record, and its fields, which have not been read.
struct Named<'de, A> {
    name: Cow<'de, str>,
    fields: A,
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for Named<'de, A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for Named<'de, A> {
    type Error = A::Error;
    type Variant = Fields<A>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Fields<A>), A::Error> {
        Ok((seed.deserialize(CowStrDeserializer::new(self.name))?, Fields(self.fields)))
    }
}

struct Fields<A>(A);

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for Fields<A> {
    type Error = A::Error;

    fn unit_variant(mut self) -> Result<(), A::Error> {
        while self.0.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        seed.deserialize(MapAccessDeserializer::new(self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self.0)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self.0)
    }
}
