//! An index from ids of resources to the instances that own them, so that a search need not read all instances.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::OnceLock;

use serde_json::Value;

use super::instance::InstanceStatus;

/// Positions of instances by the ids of their resources. The index is built when an owner is first searched for; most
/// commands never do. A position may be out of date: the caller checks the instance.
#[derive(Debug, Clone, Default)]
pub struct Owners(OnceLock<BTreeSet<(u64, usize)>>);

impl Owners {
    /// Notes what the instance at this place made.
    pub fn note(&mut self, place: usize, known: &InstanceStatus) {
        if let Some(places) = self.0.get_mut() {
            places.extend(entries(place, known));
        }
    }

    /// The positions of the instances that may own a resource with this id, in order. `all`: the instances, by
    /// position.
    pub fn of<'i>(&self, id: &Value, all: impl Iterator<Item = &'i InstanceStatus>) -> impl Iterator<Item = usize> {
        let hash = hash(id);
        let read = || all.enumerate().flat_map(|(place, known)| entries(place, known)).collect();
        self.0.get_or_init(read).range((hash, 0)..=(hash, usize::MAX)).map(|(_, place)| *place)
    }
}

fn entries(place: usize, known: &InstanceStatus) -> impl Iterator<Item = (u64, usize)> {
    let resources = known.made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary));
    resources.filter_map(|resource| resource.id.as_ref()).map(move |id| (hash(id), place))
}

/// Always equal: derived from the instances, which are compared themselves.
impl PartialEq for Owners {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

fn hash(id: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
