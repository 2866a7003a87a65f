//! The keys that a mapping has so far.

use std::hash::{BuildHasher, RandomState};

use super::list::Growing;
use super::{Key, Node};
use crate::hash::HashSet;
use crate::source::Span;

/// Up to this number keys are compared one by one, beyond it through a table.
const FEW_KEYS: usize = 16;
/// The most keys whose places are known, of a mapping whose entries are handed to the caller.
const MOST_PLACES: usize = 1000;

/// The keys of a mapping beyond the first few, by hashes of 64 bits.
#[derive(Default)]
pub struct Seen {
    keys: HashSet<u64>,
    hashes: RandomState,
    /// The keys of the first entries that were handed to the caller.
    given: Vec<Key>,
}

impl Seen {
    /// Notes the key of the next entry.
    pub fn add(&mut self, entries: &Growing<(Key, Node)>, text: &str) {
        if entries.len() >= FEW_KEYS {
            self.keys.insert(self.hashes.hash_one(text));
        }
    }

    /// Notes the key of an entry that is not kept.
    pub fn add_given(&mut self, key: &Key) {
        self.keys.insert(self.hashes.hash_one(key.text.as_str()));
        if self.given.len() < MOST_PLACES {
            self.given.push(key.clone());
        }
    }

    /// Whether one of these entries, or one that was handed to the caller, has a key.
    pub fn has(&self, entries: &Growing<(Key, Node)>, text: &str) -> bool {
        entries.iter().take(FEW_KEYS).any(|(key, _)| key.text == text) || self.beyond_few(text)
    }

    /// Whether an entry that was handed to the caller, or one beyond the first few, has a key.
    pub fn beyond_few(&self, text: &str) -> bool {
        !self.keys.is_empty() && self.keys.contains(&self.hashes.hash_one(text))
    }

    /// The place of a key, if it is known.
    pub fn place(&self, entries: &Growing<(Key, Node)>, text: &str) -> Option<Span> {
        let mut keys = entries.iter().map(|(key, _)| key).chain(&self.given);
        keys.find(|key| key.text == text).map(|key| key.span)
    }
}
