//! When to look at which task: pure, so that it can be tried without a clock.
//!
//! Between `earliest` and `latest` a task may end at any moment. Looking every δ seconds costs window/δ looks and a delay
//! of δ/2; over tasks with different windows the best trade has δ grow with the square root of the window. Tasks looked at
//! together share the cost, so the more there are the more often it is worth it. After `latest` the interval widens to
//! what the documentation advises.

use std::collections::HashMap;
use std::time::Duration;

use crate::catalog::{Pace, pace_of};

/// Seconds of interval for a window of one second.
const TRADE: f64 = 0.36;
/// Ends are rarer at the beginning of the window than in its middle: the interval shrinks from this factor…
const EARLY: f64 = 1.6;
/// …to this one.
const LIKELY: f64 = 0.6;
/// No task is worth more looks than this.
const SHORTEST: Duration = Duration::from_millis(700);
/// A failing look is not repeated faster than this.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
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
    /// When the API accepted it.
    pub since: Duration,
    /// The plan's own first look and interval.
    pub first: Option<Duration>,
    pub every: Option<Duration>,
    due: Duration,
    looking: bool,
    failures: u32,
}

/// One request that is worth making now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// `GET /cloud/v1/tasks/{id}`
    One(String),
    /// `GET /cloud/v1/tasks` for these, accepted at `since` or later.
    Many { place: Place, tasks: Vec<String>, since: Duration },
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
    pub fn add(&mut self, task: &str, mut entry: Entry) {
        let pace = self.pace(&entry.task_type);
        entry.due = entry.since + entry.first.unwrap_or(pace.earliest);
        self.entries.insert(task.to_owned(), entry);
    }

    pub fn remove(&mut self, task: &str) -> Option<Entry> {
        self.entries.remove(task)
    }

    pub fn get(&self, task: &str) -> Option<&Entry> {
        self.entries.get(task)
    }

    /// The real type of a task, once an answer has told it.
    pub fn retype(&mut self, task: &str, task_type: &str) {
        if let Some(entry) = self.entries.get_mut(task) {
            task_type.clone_into(&mut entry.task_type);
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
            let since = due.iter().map(|task| self.entries[task].since).min().unwrap_or(now);
            for task in &due {
                self.entries.get_mut(task).expect("due tasks are entries").looking = true;
            }
            if listed && due.len() > 1 {
                looks.push(Look::Many { place, tasks: due, since });
            } else {
                looks.extend(due.into_iter().map(Look::One));
            }
        }
        looks
    }

    /// Tasks that would be due soon anyway come along: the request is the same.
    fn join(&self, place: &Place, now: Duration, due: &mut Vec<String>) {
        for (task, entry) in &self.entries {
            let soon = now + self.interval(entry, now, 1) / 2;
            if entry.place == *place && !entry.looking && entry.due > now && entry.due <= soon {
                due.push(task.clone());
            }
        }
    }

    /// A look told that these tasks still run.
    pub fn looked(&mut self, tasks: &[String], now: Duration) {
        let together = tasks.len();
        for task in tasks {
            if let Some(entry) = self.entries.get(task) {
                let interval = self.interval(entry, now, together);
                let entry = self.entries.get_mut(task).expect("it was there a line above");
                entry.due = now + interval;
                entry.looking = false;
                entry.failures = 0;
            }
        }
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
        match self.learnt.get(task_type) {
            Some(seen) if seen.len() >= ENOUGH => {
                let shortest = seen.iter().copied().fold(f64::INFINITY, f64::min);
                let longest = seen.iter().copied().fold(0.0, f64::max);
                // Room on both sides, and never so sure as to wait long for a task that is done.
                let earliest = Duration::from_secs_f64(shortest * 0.85).min(table.latest);
                let latest = Duration::from_secs_f64(longest * 1.15).max(earliest + Duration::from_secs(1));
                Pace { earliest, latest, ..table }
            }
            _ => table,
        }
    }

    fn interval(&self, entry: &Entry, now: Duration, together: usize) -> Duration {
        if let Some(every) = entry.every {
            return every;
        }
        let pace = self.pace(&entry.task_type);
        let elapsed = now.saturating_sub(entry.since);
        let window = pace.latest.saturating_sub(pace.earliest).as_secs_f64();
        let shared = (together.max(1) as f64).sqrt();
        let into = elapsed.saturating_sub(pace.earliest).as_secs_f64() / (window / 2.0).max(0.001);
        let eagerness = EARLY - (EARLY - LIKELY) * into.min(1.0);
        let base = (TRADE * eagerness * window.sqrt() / shared).max(SHORTEST.as_secs_f64());
        let late = elapsed.saturating_sub(pace.latest).as_secs_f64() / pace.latest.as_secs_f64().max(1.0);
        Duration::from_secs_f64(base * (1.0 + 2.0 * late)).min(pace.every.max(SHORTEST))
    }
}

impl Entry {
    pub fn new(place: Place, task_type: &str, since: Duration) -> Self {
        Self {
            place,
            task_type: task_type.to_owned(),
            since,
            first: None,
            every: None,
            due: since,
            looking: false,
            failures: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { project_id: Some(1), region_id: Some(7) }
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Runs tasks of known durations through a schedule; gives looks and the mean delay in seconds.
    fn simulate(tasks: &[(&str, f64)]) -> (usize, f64) {
        let mut schedule = Schedule::default();
        for (index, (task_type, _)) in tasks.iter().enumerate() {
            schedule.add(&index.to_string(), Entry::new(place(), task_type, Duration::ZERO));
        }
        let (mut looks, mut delay) = (0, 0.0);
        while let Some(now) = schedule.next() {
            for look in schedule.take_due(now) {
                looks += 1;
                let seen = match look {
                    Look::One(task) => vec![task],
                    Look::Many { tasks, .. } => tasks,
                };
                for task in &seen {
                    let (_, duration) = tasks[task.parse::<usize>().unwrap()];
                    if duration <= now.as_secs_f64() {
                        delay += now.as_secs_f64() - duration;
                        schedule.remove(task);
                    }
                }
                schedule.looked(&seen, now);
            }
        }
        (looks, delay / tasks.len() as f64)
    }

    #[test]
    fn a_hundred_machines_share_their_looks() {
        let tasks: Vec<_> = (0..100).map(|n| ("create_vm", 15.0 + f64::from(n * 37 % 100) * 0.15)).collect();
        let (looks, delay) = simulate(&tasks);
        assert!(looks <= 30 && delay <= 0.6, "{looks} looks, {delay} s");
    }

    #[test]
    fn a_chain_costs_few_looks_and_little_delay() {
        // Fifty chains, so that no lucky or unlucky moment decides.
        let (mut looks, mut delay) = (0.0, 0.0);
        let chain =
            [("create_network", 6.0), ("create_subnet", 6.5), ("create_vm", 22.0), ("create_loadbalancer", 60.0)];
        for shift in (0..50).map(|n| f64::from(n) * 0.06) {
            for (task_type, duration) in chain {
                let (more, late) = simulate(&[(task_type, duration + shift)]);
                looks += more as f64 / 50.0;
                delay += late / 200.0;
            }
        }
        assert!(looks + 4.0 <= 36.0 && delay <= 0.8, "{looks} looks, {delay} s");
        assert!((looks + 4.0) * delay <= 28.0, "{looks} looks, {delay} s");
    }

    #[test]
    fn the_plan_may_say_when_to_look() {
        let mut schedule = Schedule::default();
        let entry = Entry {
            first: Some(seconds(3.0)),
            every: Some(seconds(4.0)),
            ..Entry::new(place(), "create_vm", seconds(1.0))
        };
        schedule.add("t", entry);
        assert_eq!(schedule.next(), Some(seconds(4.0)));
        schedule.take_due(seconds(4.0));
        assert_eq!(schedule.next(), None);
        schedule.looked(&["t".to_owned()], seconds(4.0));
        assert_eq!(schedule.next(), Some(seconds(8.0)));
    }

    #[test]
    fn what_was_seen_corrects_the_table() {
        let mut schedule = Schedule::default();
        for took in [14.0, 14.5, 15.0] {
            schedule.learn("create_network", seconds(took));
        }
        let pace = schedule.pace("create_network");
        assert!(pace.earliest >= seconds(9.0) && pace.latest >= seconds(17.0), "{pace:?}");
    }

    #[test]
    fn failing_looks_become_rarer() {
        let mut schedule = Schedule::default();
        schedule.add("t", Entry::new(place(), "create_vm", Duration::ZERO));
        let mut gaps = Vec::new();
        for _ in 0..6 {
            let now = schedule.next().unwrap();
            schedule.take_due(now);
            schedule.failed(&["t".to_owned()], now);
            gaps.push((schedule.next().unwrap() - now).as_secs());
        }
        assert_eq!(gaps, [1, 2, 4, 5, 5, 5]);
    }
}
