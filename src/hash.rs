//! Hash maps and sets with one hash function, seeded anew by each process.
//!
//! `foldhash` takes a tenth of the instructions of the standard library's SipHash for the short keys used here. Its seed
//! is not meant to withstand an attacker who can measure collisions; keys come from plan files, records, and answers of
//! the API.

#![expect(clippy::disallowed_types, reason = "they get their hash function here")]

use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

use foldhash::fast::{FoldHasher, RandomState};

pub type HashMap<K, V> = std::collections::HashMap<K, V, Seeded>;
pub type HashSet<K> = std::collections::HashSet<K, Seeded>;
/// Keeps the order in which keys were inserted.
pub type IndexMap<K, V> = indexmap::IndexMap<K, V, Seeded>;
pub type IndexSet<K> = indexmap::IndexSet<K, Seeded>;

/// Makes hashers with the seed of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seeded;

impl BuildHasher for Seeded {
    type Hasher = KeyHasher;

    #[inline(never)]
    fn build_hasher(&self) -> KeyHasher {
        static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);
        KeyHasher(SEED.build_hasher())
    }
}

/// Hashes a key. Its methods are never copied into the code of a map, of which there are more than a hundred.
pub struct KeyHasher(FoldHasher<'static>);

impl Hasher for KeyHasher {
    #[inline(never)]
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    #[inline(never)]
    fn write_u8(&mut self, number: u8) {
        self.0.write_u8(number);
    }

    #[inline(never)]
    fn write_u64(&mut self, number: u64) {
        self.0.write_u64(number);
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    #[inline(never)]
    fn finish(&self) -> u64 {
        self.0.finish()
    }
}
