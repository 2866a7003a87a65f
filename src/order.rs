//! Sorting, with one copy of the standard sort for all types of items.
//!
//! The standard library's stable sort has 4 to 5 KB of code for each type that it sorts, and the binary has a limit
//! (`docs/performance.md`). Here numbers are sorted, and items moved to their places.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Sorts items by a key, which is asked for once per item. Items of equal keys keep their order.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl FnMut(&T) -> K) {
    let keys: Vec<K> = items.iter().map(key).collect();
    let order = sorted(keys.len(), &mut |one, other| keys[one].cmp(&keys[other]));
    rearrange(items, order);
}

/// The set of all items, each put in its place (`collect` sorts them first).
pub fn ordered_set<T: Ord>(items: impl Iterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(items);
    set
}

/// The map of all items, each put in its place; of equal keys the last one stays.
pub fn ordered_map<K: Ord, V>(items: impl Iterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(items);
    map
}

/// The numbers below `length` in the order of what they stand for.
fn sorted(length: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    order.sort_by(|one, other| compare(*one, *other));
    order
}

/// Moves to each place the item whose place `order` has there.
fn rearrange<T>(items: &mut [T], mut order: Vec<usize>) {
    for start in 0..order.len() {
        let mut at = start;
        loop {
            let next = std::mem::replace(&mut order[at], at);
            if next == start {
                break;
            }
            items.swap(at, next);
            at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_sorted_as_the_standard_library_sorts_them() {
        // All lists of up to six of three keys, so that all cycles and equal keys occur.
        for length in 0..=6_u32 {
            for number in 0..3_usize.pow(length) {
                let digit = |at: u32| number / 3_usize.pow(at) % 3;
                let mut items: Vec<(usize, u32)> = (0..length).map(|at| (digit(at), at)).collect();
                let mut expected = items.clone();
                expected.sort_by_key(|(key, _)| *key);
                sort_by_key(&mut items, |(key, _)| *key);
                assert_eq!(items, expected);
            }
        }
    }
}
