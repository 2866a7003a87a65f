//! Ids of steps and instances, and names of outputs, used from the plan to the report.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::word::Word;

/// The id of a step: `[A-Za-z_][A-Za-z0-9_]*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(#[serde(serialize_with = "as_text", deserialize_with = "word")] Word);

impl StepId {
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(id.as_ref().into())
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::borrow::Borrow<str> for StepId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

/// One call of a step: the step itself, or one element of its `for_each`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InstanceId {
    pub step: StepId,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some_name")]
    pub key: Option<Arc<str>>,
}

impl InstanceId {
    pub fn new(step: StepId, key: Option<String>) -> Self {
        Self { step, key: key.map(Arc::from) }
    }
}

/// Whether an output can have this name: `steps.<id>.outputs.<name>` of a GitHub workflow refers to it.
pub fn is_output_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-'))
}

fn as_text<S: Serializer>(word: &Word, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(word)
}

fn word<'de, D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
    from.deserialize_str(Name(|text| Word::from(text)))
}

fn some_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Arc<str>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Key(#[serde(deserialize_with = "shared")] Arc<str>);
    fn shared<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
        from.deserialize_str(Name(|text| Arc::from(text)))
    }
    Ok(Option::<Key>::deserialize(from)?.map(|Key(name)| name))
}

/// Deserializes a name without an intermediate copy.
struct Name<T>(fn(&str) -> T);

impl<T> Visitor<'_> for Name<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok((self.0)(text))
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}[{key}]", self.step),
            None => write!(f, "{}", self.step),
        }
    }
}
