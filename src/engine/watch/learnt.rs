//! How long tasks of each type take: the catalogue's table, corrected by observed durations.

use std::collections::VecDeque;
use std::time::Duration;

use super::rhythm;
use crate::catalog::{Pace, pace_of};
use crate::hash::HashMap;

/// Fewer observed durations than this are not used.
const ENOUGH: usize = 3;
/// The number of newest durations that are used.
const NEWEST: usize = 100;

/// Observed durations by task type.
#[derive(Debug, Default)]
pub struct Learnt {
    types: HashMap<String, Observed>,
}

/// The observed durations of one type.
#[derive(Debug)]
pub struct Observed {
    /// In seconds, the newest last.
    durations: VecDeque<f64>,
    pace: Pace,
}

impl Learnt {
    /// Adds an observed duration.
    pub fn learn(&mut self, task_type: &str, took: Duration) {
        let seen = self.track(task_type);
        if seen.durations.len() == NEWEST {
            seen.durations.pop_front();
        }
        seen.durations.push_back(took.as_secs_f64());
        if seen.durations.len() >= ENOUGH {
            seen.pace = corrected(pace_of(task_type), &seen.durations);
        }
    }

    /// Registers that a task of this type is being waited for.
    pub fn track(&mut self, task_type: &str) -> &mut Observed {
        let unseen = || Observed { durations: VecDeque::new(), pace: pace_of(task_type) };
        self.types.entry(task_type.to_owned()).or_insert_with(unseen)
    }

    /// The longest slack of all registered types: how much earlier than due a task may be polled along with others.
    pub fn longest_slack(&self) -> Duration {
        self.types.values().map(|seen| rhythm::longest_slack(&seen.pace)).max().unwrap_or_default()
    }

    /// The expected durations of a type.
    pub fn pace(&self, task_type: &str) -> Pace {
        self.types.get(task_type).map_or_else(|| pace_of(task_type), |seen| seen.pace)
    }
}

fn corrected(table: Pace, durations: &VecDeque<f64>) -> Pace {
    let mut seen: Vec<f64> = durations.iter().copied().collect();
    seen.sort_unstable_by(f64::total_cmp);
    // With a margin on both sides, so that a task outside the observed range is still polled in time.
    let earliest = Duration::from_secs_f64(seen[0] * 0.85).min(table.latest);
    let latest = Duration::from_secs_f64(seen[seen.len() - 1] * 1.15).max(earliest + Duration::from_secs(2));
    let usual = Duration::from_secs_f64(seen[seen.len() / 2]).clamp(earliest, latest);
    Pace { earliest, usual, latest, ..table }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_corrected_by_what_was_seen() {
        let seconds = Duration::from_secs_f64;
        let table = pace_of("create_volume");
        for (seen, earliest, usual, latest) in [
            (&[10.0, 40.0, 20.0][..], 8.5, 20.0, 46.0),
            (&[10.0, 40.0, 20.0, 30.0], 8.5, 30.0, 46.0),
            // At least two seconds wide; the earliest end is never after the table's latest.
            (&[4.0, 4.0, 4.0], 3.4, 4.0, 5.4),
            (&[1000.0, 1000.0, 1000.0], table.latest.as_secs_f64(), 1000.0, 1150.0),
        ] {
            let mut learnt = Learnt::default();
            for (number, took) in seen.iter().enumerate() {
                let pace = learnt.pace("create_volume");
                assert_eq!((pace.earliest, pace.usual, pace.latest), (table.earliest, table.usual, table.latest));
                learnt.learn("create_volume", seconds(*took));
                if number + 1 >= ENOUGH {
                    break;
                }
            }
            seen.iter().skip(ENOUGH).for_each(|took| learnt.learn("create_volume", seconds(*took)));
            let pace = learnt.pace("create_volume");
            for (is, expected) in [(pace.earliest, earliest), (pace.usual, usual), (pace.latest, latest)] {
                assert!((is.as_secs_f64() - expected).abs() < 1e-6, "{seen:?}: {pace:?}");
            }
            assert_eq!((pace.every, pace.timeout), (table.every, table.timeout));
        }
    }

    #[test]
    fn only_the_newest_durations_count_and_the_longest_slack_is_that_of_any_type() {
        let mut learnt = Learnt::default();
        assert_eq!(learnt.longest_slack(), Duration::ZERO);
        learnt.learn("create_volume", Duration::from_secs(500));
        (0..NEWEST).for_each(|_| learnt.learn("create_volume", Duration::from_secs(5)));
        assert!(learnt.pace("create_volume").latest < Duration::from_secs(10));
        let slack = |task_type: &str| rhythm::longest_slack(&learnt.pace(task_type));
        let (volume, balancer) = (slack("create_volume"), slack("create_loadbalancer"));
        assert!(volume < balancer);
        assert_eq!(learnt.longest_slack(), volume);
        learnt.track("create_loadbalancer");
        assert_eq!(learnt.longest_slack(), balancer);
    }
}
