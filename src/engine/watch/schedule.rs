//! Which tasks to look at when, and which of them with one request: pure, so that it can be tried without a clock.
//!
//! [`rhythm`](super::rhythm) says how often a task is worth a look. Those of one project and region that are due close
//! together are asked for with one list, and whatever else the list shows counts as looked at.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::rhythm::{self, likelihood};
use crate::catalog::{Pace, pace_of};

/// A failing look is not repeated faster than this.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// A look that is due at once waits so long for others.
const GATHER: Duration = Duration::from_millis(200);
/// Durations of a type seen before this many are chance.
const ENOUGH: usize = 3;

/// Where tasks are listed together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Place {
    pub project_id: Option<i64>,
    pub region_id: Option<i64>,
}

/// One task being waited for.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub place: Place,
    pub task_type: String,
    /// When the API accepted it, on the run's clock: before its beginning for a task of an earlier run.
    pub since: SignedDuration,
    /// The plan's own first look and interval.
    pub first: Option<Duration>,
    pub every: Option<Duration>,
    /// When the API says it made the task.
    pub created: Option<Timestamp>,
    due: Duration,
    looking: bool,
    failures: u32,
}

/// One request that is worth making now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// `GET /cloud/v1/tasks/{id}`
    One(String),
    /// `GET /cloud/v1/tasks` for these.
    Many(Listing),
}

/// A look at several tasks of one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    pub place: Place,
    pub tasks: Vec<String>,
    /// Others that are waited for: what the list shows of them is welcome.
    pub others: Vec<String>,
    /// The oldest acceptance, on the run's clock, of those whose making the API has not told yet.
    pub since: Option<SignedDuration>,
    /// The oldest making that the API has told.
    pub created: Option<Timestamp>,
}

/// All tasks being waited for.
#[derive(Debug, Default)]
pub struct Schedule {
    entries: HashMap<String, Entry>,
    /// Durations seen, by type, in seconds.
    learnt: HashMap<String, Vec<f64>>,
    /// A place whose list could not be read is asked task by task.
    unlisted: Vec<Place>,
}

impl Schedule {
    /// A task to look at from now on: first when the plan says so, or else when its type makes it worth a look.
    pub fn add(&mut self, task: &str, mut entry: Entry, now: Duration) {
        entry.due = match entry.first {
            // What is to be looked at at once waits for a moment, so that what comes with it shares the look.
            Some(first) => entry.at(first).max(now + GATHER),
            None => {
                let (pace, elapsed) = (self.pace(&entry.task_type), entry.elapsed(now));
                entry.at(rhythm::next(&pace, elapsed, likelihood(&pace, elapsed)))
            }
        };
        self.entries.insert(task.to_owned(), entry);
    }

    pub fn remove(&mut self, task: &str) -> Option<Entry> {
        self.entries.remove(task)
    }

    pub fn get(&self, task: &str) -> Option<&Entry> {
        self.entries.get(task)
    }

    /// What an answer told of a task: its real type, and when it was made.
    pub fn seen(&mut self, task: &str, task_type: Option<&str>, created: Option<Timestamp>) {
        if let Some(entry) = self.entries.get_mut(task) {
            if let Some(task_type) = task_type {
                task_type.clone_into(&mut entry.task_type);
            }
            entry.created = created.or(entry.created);
        }
    }

    /// A task of this type took so long.
    pub fn learn(&mut self, task_type: &str, took: Duration) {
        let seen = self.learnt.entry(task_type.to_owned()).or_default();
        seen.push(took.as_secs_f64());
        // The newest hundred speak for the cloud as it is.
        if seen.len() > 100 {
            seen.remove(0);
        }
    }

    /// The list of this place cannot be read.
    pub fn cannot_list(&mut self, place: &Place) {
        if !self.unlisted.contains(place) {
            self.unlisted.push(place.clone());
        }
    }

    /// When the next look is due.
    pub fn next(&self) -> Option<Duration> {
        self.entries.values().filter(|entry| !entry.looking).map(|entry| entry.due).min()
    }

    /// The looks to make at `now`. Tasks in them are not looked at again before [`Schedule::looked`] or
    /// [`Schedule::failed`].
    pub fn take_due(&mut self, now: Duration) -> Vec<Look> {
        let mut groups: HashMap<Place, Vec<String>> = HashMap::new();
        for (task, entry) in &self.entries {
            if !entry.looking && entry.due <= now {
                groups.entry(entry.place.clone()).or_default().push(task.clone());
            }
        }
        let mut looks = Vec::new();
        for (place, mut due) in groups {
            let listed = place.project_id.is_some() && !self.unlisted.contains(&place);
            if listed {
                self.join(&place, now, &mut due);
            }
            due.sort();
            for task in &due {
                self.entries.get_mut(task).expect("due tasks are entries").looking = true;
            }
            if listed && due.len() > 1 {
                looks.push(Look::Many(self.listing(place, due)));
            } else {
                looks.extend(due.into_iter().map(Look::One));
            }
        }
        looks
    }

    /// Tasks that would be due soon anyway come along: the request is the same.
    fn join(&self, place: &Place, now: Duration, due: &mut Vec<String>) {
        for (task, entry) in &self.entries {
            let soon = now + rhythm::slack(&self.pace(&entry.task_type), entry.elapsed(entry.due));
            if entry.place == *place && !entry.looking && entry.due > now && entry.due <= soon {
                due.push(task.clone());
            }
        }
    }

    fn listing(&self, place: Place, tasks: Vec<String>) -> Listing {
        let asked = || tasks.iter().map(|task| &self.entries[task]);
        let since = asked().filter(|entry| entry.created.is_none()).map(|entry| entry.since).min();
        let created = asked().filter_map(|entry| entry.created).min();
        let others = self.entries.iter().filter(|(_, entry)| entry.place == place && !entry.looking);
        let others = others.map(|(task, _)| task.clone()).collect();
        Listing { place, tasks, others, since, created }
    }

    /// A look told that these tasks still run.
    pub fn looked(&mut self, tasks: &[String], now: Duration) {
        let together = self.together(tasks, now);
        for task in tasks {
            let Some(entry) = self.entries.get(task) else { continue };
            let next = rhythm::next(&self.pace(&entry.task_type), entry.elapsed(now), together);
            let due = entry.every.map_or_else(|| entry.at(next), |every| now + every);
            let entry = self.entries.get_mut(task).expect("it was there a line above");
            entry.due = due;
            entry.looking = false;
            entry.failures = 0;
        }
    }

    /// The likelihood that one of these ends now. What takes longer than ever mostly does so for one reason: those count
    /// as one.
    fn together(&self, tasks: &[String], now: Duration) -> f64 {
        let (mut in_time, mut late) = (0.0, 0.0_f64);
        for entry in tasks.iter().filter_map(|task| self.entries.get(task)) {
            let (pace, elapsed) = (self.pace(&entry.task_type), entry.elapsed(now));
            match likelihood(&pace, elapsed) {
                likely if elapsed < pace.latest => in_time += likely,
                likely => late = late.max(likely),
            }
        }
        in_time + late
    }

    /// A look at these tasks gave nothing: again, but not faster and faster.
    pub fn failed(&mut self, tasks: &[String], now: Duration) {
        for task in tasks {
            if let Some(entry) = self.entries.get(task) {
                let slowest = self.pace(&entry.task_type).every.max(AFTER_FAILURE);
                let entry = self.entries.get_mut(task).expect("it was there a line above");
                entry.failures += 1;
                entry.due = now + (AFTER_FAILURE * (1 << entry.failures.min(6)) / 2).min(slowest);
                entry.looking = false;
            }
        }
    }

    /// The tasks with more than `failures` failed looks in a row.
    pub fn failures(&self, task: &str) -> u32 {
        self.entries.get(task).map_or(0, |entry| entry.failures)
    }

    /// What is known of a type: the table, corrected by what was seen.
    pub fn pace(&self, task_type: &str) -> Pace {
        let table = pace_of(task_type);
        let Some(seen) = self.learnt.get(task_type).filter(|seen| seen.len() >= ENOUGH) else { return table };
        let mut seen = seen.clone();
        seen.sort_by(f64::total_cmp);
        // Room on both sides, and never so sure as to wait long for a task that is done.
        let earliest = Duration::from_secs_f64(seen[0] * 0.85).min(table.latest);
        let latest = Duration::from_secs_f64(seen[seen.len() - 1] * 1.15).max(earliest + Duration::from_secs(2));
        let usual = Duration::from_secs_f64(seen[seen.len() / 2]).clamp(earliest, latest);
        Pace { earliest, usual, latest, ..table }
    }
}

impl Entry {
    pub fn new(place: Place, task_type: &str, since: SignedDuration) -> Self {
        Self {
            place,
            task_type: task_type.to_owned(),
            since,
            first: None,
            every: None,
            created: None,
            due: Duration::ZERO,
            looking: false,
            failures: 0,
        }
    }

    /// How long it had run at `now`, by the run's clock.
    pub fn elapsed(&self, now: Duration) -> Duration {
        let now = SignedDuration::try_from(now).unwrap_or(SignedDuration::MAX);
        Duration::try_from(now - self.since).unwrap_or(Duration::ZERO)
    }

    /// When it will have run for so long, by the run's clock.
    fn at(&self, elapsed: Duration) -> Duration {
        let elapsed = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
        Duration::try_from(self.since.saturating_add(elapsed)).unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests;
