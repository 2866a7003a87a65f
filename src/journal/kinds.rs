//! Ids by kind, in the order of the answer: mostly of one kind, for which a hash table would be far too large.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::few::Few;
use crate::shared::Shared;

/// A few kinds, each with its ids.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Kinds(Few<(String, Vec<Shared<Value>>)>);

impl Kinds {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ids of a kind; `None` without an entry for it.
    pub fn get(&self, kind: &str) -> Option<&[Shared<Value>]> {
        self.iter().find(|(other, _)| *other == kind).map(|(_, ids)| ids)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &[Shared<Value>])> {
        self.0.iter().map(|(kind, ids)| (kind, ids.as_slice()))
    }

    /// The ids of all kinds.
    pub fn ids(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().flat_map(|(_, ids)| ids).map(|id| &**id)
    }

    /// Sets the ids of a kind.
    pub fn insert(&mut self, kind: String, ids: Vec<Shared<Value>>) {
        match self.0.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, known)) => *known = ids,
            None => self.0.push((kind, ids)),
        }
    }

    /// The list of a kind, empty until something is put there.
    pub fn ids_of(&mut self, kind: &str) -> &mut Vec<Shared<Value>> {
        let known = self.0.iter().position(|(other, _)| other == kind);
        let at = known.unwrap_or(self.0.len());
        if known.is_none() {
            self.0.push((kind.to_owned(), Vec::new()));
        }
        &mut self.0[at].1
    }

    /// These kinds, with other ids.
    #[must_use]
    pub fn map(self, change: impl Fn(Value) -> Value) -> Self {
        let changed = |ids: Vec<Shared<Value>>| ids.into_iter().map(|id| change(id.into_owned()).into()).collect();
        Self(self.0.into_iter().map(|(kind, ids)| (kind, changed(ids))).collect())
    }

    /// As templates see it.
    pub fn to_map(&self) -> Map<String, Value> {
        let listed = |ids: &[Shared<Value>]| ids.iter().map(|id| Value::clone(id)).collect();
        self.iter().map(|(kind, ids)| (kind.clone(), listed(ids))).collect()
    }

    /// Frees memory that is not needed, and shares `id` with an equal one.
    pub(super) fn shrink(&mut self, id: Option<&Shared<Value>>) {
        self.0.shrink_to_fit();
        for (_, ids) in self.0.iter_mut() {
            ids.shrink_to_fit();
            if let (Some(id), Some(first)) = (id, ids.first_mut())
                && id == first
            {
                first.clone_from(id);
            }
        }
    }
}

/// The ids of a kind in an answer, mostly a list.
fn listed(answered: Value) -> Vec<Shared<Value>> {
    match answered {
        Value::Array(ids) => ids.into_iter().map(Shared::from).collect(),
        Value::Null => Vec::new(),
        id => vec![id.into()],
    }
}

impl FromIterator<(String, Value)> for Kinds {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(kinds: I) -> Self {
        let mut all = Self::default();
        kinds.into_iter().for_each(|(kind, ids)| all.insert(kind, listed(ids)));
        all
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
                    all.insert(kind, listed(ids));
                }
                Ok(all)
            }
        }
        from.deserialize_map(KindsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_listed_however_they_are_written() {
        let told = json!({ "volumes": ["v", 7], "ports": null, "routers": "r", "images": [] });
        let mut kinds: Kinds = serde_json::from_value(told).unwrap();
        let listed = json!({ "volumes": ["v", 7], "ports": [], "routers": ["r"], "images": [] });
        assert_eq!((json!(kinds), Value::Object(kinds.to_map())), (listed.clone(), listed.clone()));
        assert_eq!(kinds.ids().collect::<Vec<_>>(), [&json!("v"), &json!(7), &json!("r")]);
        assert!(kinds.get("ports").is_some_and(<[_]>::is_empty) && kinds.get("keys").is_none());
        kinds.ids_of("keys").push(json!("k").into());
        kinds.ids_of("ports").push(json!("p").into());
        let changed = kinds.map(|id| json!([id]));
        assert_eq!(json!(changed)["keys"], json!([["k"]]));
        assert_eq!(json!(changed)["ports"], json!([["p"]]));
    }

    #[test]
    fn one_text_is_held_once() {
        let id = Shared::from(json!("v"));
        let mut kinds: Kinds = [("volumes".to_owned(), json!(["v", "w"]))].into_iter().collect();
        kinds.shrink(Some(&id));
        let held = &kinds.get("volumes").unwrap()[0];
        assert!(held.is(&id) && kinds.get("volumes").unwrap().len() == 2);
    }
}
