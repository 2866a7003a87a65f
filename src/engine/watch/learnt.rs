//! How long tasks of each type take: the table of the catalogue, corrected by what was seen.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::rhythm;
use crate::catalog::{Pace, pace_of};

/// Durations of a type seen before this many are chance.
const ENOUGH: usize = 3;
/// The newest so many speak for the cloud as it is.
const NEWEST: usize = 100;

/// What was met, by type of task.
#[derive(Debug, Default)]
pub struct Learnt {
    types: HashMap<String, Seen>,
}

/// What was seen of a type.
#[derive(Debug)]
pub struct Seen {
    /// In seconds, the newest last.
    durations: VecDeque<f64>,
    pace: Pace,
}

impl Learnt {
    /// A task of this type took so long.
    pub fn learn(&mut self, task_type: &str, took: Duration) {
        let seen = self.meet(task_type);
        if seen.durations.len() == NEWEST {
            seen.durations.pop_front();
        }
        seen.durations.push_back(took.as_secs_f64());
        if seen.durations.len() >= ENOUGH {
            seen.pace = corrected(pace_of(task_type), &seen.durations);
        }
    }

    /// A task of this type is waited for.
    pub fn meet(&mut self, task_type: &str) -> &mut Seen {
        let unseen = || Seen { durations: VecDeque::new(), pace: pace_of(task_type) };
        self.types.entry(task_type.to_owned()).or_insert_with(unseen)
    }

    /// No task of a type that was met comes along with others earlier than this.
    pub fn longest_slack(&self) -> Duration {
        self.types.values().map(|seen| rhythm::longest_slack(&seen.pace)).max().unwrap_or_default()
    }

    /// What is known of a type.
    pub fn pace(&self, task_type: &str) -> Pace {
        self.types.get(task_type).map_or_else(|| pace_of(task_type), |seen| seen.pace)
    }
}

fn corrected(table: Pace, durations: &VecDeque<f64>) -> Pace {
    let mut seen: Vec<f64> = durations.iter().copied().collect();
    seen.sort_by(f64::total_cmp);
    // Room on both sides, and never so sure as to wait long for a task that is done.
    let earliest = Duration::from_secs_f64(seen[0] * 0.85).min(table.latest);
    let latest = Duration::from_secs_f64(seen[seen.len() - 1] * 1.15).max(earliest + Duration::from_secs(2));
    let usual = Duration::from_secs_f64(seen[seen.len() / 2]).clamp(earliest, latest);
    Pace { earliest, usual, latest, ..table }
}
