//! How long tasks took, by type: what the watcher learns from.

use std::collections::{BTreeMap, VecDeque};

/// The most durations kept for a type, the newest: older ones say little about the cloud as it is now.
const NEWEST: usize = 100;

/// Milliseconds of finished tasks, by type, the newest last.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Durations(BTreeMap<String, VecDeque<u64>>);

impl Durations {
    /// Type and milliseconds of each, type by type.
    pub fn iter(&self) -> impl Iterator<Item = (String, u64)> {
        self.0.iter().flat_map(|(task_type, took)| took.iter().map(|took| (task_type.clone(), *took)))
    }
}

impl Extend<(String, u64)> for Durations {
    fn extend<T: IntoIterator<Item = (String, u64)>>(&mut self, durations: T) {
        for (task_type, took) in durations {
            let seen = self.0.entry(task_type).or_default();
            if seen.len() == NEWEST {
                seen.pop_front();
            }
            seen.push_back(took);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_each_type_are_kept() {
        let mut durations = Durations::default();
        durations.extend((0..1000).map(|n| ("create_vm".to_owned(), n)));
        durations.extend([("create_volume".to_owned(), 7)]);
        let kept: Vec<(String, u64)> = durations.iter().collect();
        assert_eq!((kept.len(), kept[0].1, kept[99].1, kept[100].1), (101, 900, 999, 7));
    }
}
