//! An index from ids of resources to the instances that own them, so that a search need not read all instances.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value;

use super::instance::InstanceStatus;

/// Positions of instances by the ids of their resources. A position may be out of date: the caller checks the instance.
#[derive(Debug, Clone, Default)]
pub struct Owners(BTreeSet<(u64, usize)>);

impl Owners {
    /// Notes what the instance at this place made.
    pub fn note(&mut self, at: usize, known: &InstanceStatus) {
        let things = known.made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary));
        self.0.extend(things.filter_map(|thing| thing.id.as_ref()).map(|id| (hash(id), at)));
    }

    /// The positions of the instances that may own a resource with this id, in order.
    pub fn of(&self, id: &Value) -> impl Iterator<Item = usize> {
        let hash = hash(id);
        self.0.range((hash, 0)..=(hash, usize::MAX)).map(|(_, at)| *at)
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// It is made of the instances, which are compared themselves.
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
