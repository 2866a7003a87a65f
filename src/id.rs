//! Ids of steps and instances, used from the plan to the report.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};

/// The id of a step: `[A-Za-z_][A-Za-z0-9_]*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(#[serde(deserialize_with = "name")] Arc<str>);

impl StepId {
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for StepId {
    fn borrow(&self) -> &str {
        &self.0
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

/// A name, without a copy in between.
fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
    struct Name;
    impl Visitor<'_> for Name {
        type Value = Arc<str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Arc<str>, E> {
            Ok(text.into())
        }
    }
    from.deserialize_str(Name)
}

fn some_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Arc<str>>, D::Error> {
    Ok(Option::<StepId>::deserialize(from)?.map(|StepId(name)| name))
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}[{key}]", self.step),
            None => write!(f, "{}", self.step),
        }
    }
}
