//! Ids by kind, in the order in which they were told: mostly of one kind, for which a table would be far too large.

use std::fmt;
use std::ops::Index;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A few kinds, each with its ids.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Kinds(Vec<(String, Value)>);

impl Kinds {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, kind: &str) -> Option<&Value> {
        self.iter().find(|(other, _)| *other == kind).map(|(_, ids)| ids)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter().map(|(kind, ids)| (kind, ids))
    }

    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().map(|(_, ids)| ids)
    }

    /// The ids of a kind; null until they are set.
    pub fn of(&mut self, kind: &str) -> &mut Value {
        let at = self.0.iter().position(|(other, _)| other == kind).unwrap_or_else(|| {
            self.0.push((kind.to_owned(), Value::Null));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    /// The list of a kind, empty until something is put there.
    pub fn ids_of(&mut self, kind: &str) -> &mut Vec<Value> {
        let ids = self.of(kind);
        if !ids.is_array() {
            *ids = Value::Array(Vec::new());
        }
        ids.as_array_mut().expect("it was just made one")
    }

    /// As templates see it.
    pub fn to_map(&self) -> Map<String, Value> {
        self.0.iter().cloned().collect()
    }

    /// Holds no more memory than it needs.
    pub(super) fn shrink(&mut self) {
        self.0.shrink_to_fit();
        self.0.iter_mut().filter_map(|(_, ids)| ids.as_array_mut()).for_each(Vec::shrink_to_fit);
    }
}

impl Index<&str> for Kinds {
    type Output = Value;

    fn index(&self, kind: &str) -> &Value {
        self.get(kind).unwrap_or(&Value::Null)
    }
}

impl FromIterator<(String, Value)> for Kinds {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(kinds: I) -> Self {
        let mut all = Self::default();
        kinds.into_iter().for_each(|(kind, ids)| *all.of(&kind) = ids);
        all
    }
}

impl IntoIterator for Kinds {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Serialize for Kinds {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Kinds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct KindsVisitor;
        impl<'de> Visitor<'de> for KindsVisitor {
            type Value = Kinds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut kinds: A) -> Result<Kinds, A::Error> {
                let mut all = Kinds::default();
                while let Some((kind, ids)) = kinds.next_entry::<String, Value>()? {
                    *all.of(&kind) = ids;
                }
                Ok(all)
            }
        }
        from.deserialize_map(KindsVisitor)
    }
}
