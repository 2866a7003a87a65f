//! The keys that a mapping has so far.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use super::{Key, Node};

/// Up to this number keys are compared one by one, beyond it through a table.
const FEW_KEYS: usize = 16;

/// The keys of a mapping beyond the first few, by hashes of 64 bits.
#[derive(Default)]
pub struct Seen {
    keys: HashSet<u64>,
    hashes: RandomState,
}

impl Seen {
    /// Notes the key of the next entry.
    pub fn add(&mut self, entries: &[(Key, Node)], text: &str) {
        if entries.len() >= FEW_KEYS {
            self.keys.insert(self.hashes.hash_one(text));
        }
    }

    /// Whether one of these entries has a key.
    pub fn has(&self, entries: &[(Key, Node)], text: &str) -> bool {
        entries.iter().take(FEW_KEYS).any(|(key, _)| key.text == text)
            || (entries.len() > FEW_KEYS && self.keys.contains(&self.hashes.hash_one(text)))
    }
}
