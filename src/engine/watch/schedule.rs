//! The schedule of polls: which tasks are due when, and which of them share one request. Pure, so that tests need no
//! clock.
//!
//! [`rhythm`](super::rhythm) gives the time of each poll. Tasks of one project and region that are due close together
//! are polled with one list; every other task in the list counts as polled as well.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::learnt::Learnt;
use super::rhythm::{self, likelihood};
use crate::catalog::Pace;
use crate::engine::project_region::ProjectRegion;
use crate::hash::HashMap;

/// The shortest pause after a failed poll.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// After this many failures in a row, a list is not read for [`LISTED_AGAIN`].
const LIST_FAILURES: u32 = 3;
/// For this long after [`LIST_FAILURES`], the tasks of a list are polled one by one.
const LISTED_AGAIN: Duration = Duration::from_secs(60);
/// A poll that is due at once is delayed by this much, so that others can join it.
const GATHER: Duration = Duration::from_millis(200);

/// One task being waited for.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Tasks of the same project and region can be polled with one list.
    pub project_region: ProjectRegion,
    pub task_type: String,
    /// When the API accepted the task, on the run's clock; for one of an earlier run, when its intent was recorded,
    /// which is negative.
    pub since: SignedDuration,
    /// The first poll and the interval that the plan sets.
    pub first: Option<Duration>,
    pub every: Option<Duration>,
    /// The creation time that the API gives.
    pub created: Option<Timestamp>,
    /// When the next poll is due; `None` while a poll is under way.
    due: Option<Duration>,
    failures: u32,
    /// Since when every answer of the API has said that it does not know the task.
    missing: Option<Duration>,
}

/// A project and region whose list could not be read.
#[derive(Debug, Default)]
struct Unlisted {
    /// How often in a row.
    failures: u32,
    /// Until then its tasks are polled one by one.
    until: Duration,
}

/// A request to make now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Poll {
    /// `GET /cloud/v1/tasks/{id}`
    One(String),
    /// `GET /cloud/v1/tasks` for several tasks.
    Many(Listing),
}

/// Several tasks of one project and region, polled with one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    pub project_region: ProjectRegion,
    pub tasks: Vec<String>,
    /// The oldest acceptance, on the run's clock, of the tasks whose creation time is not known yet.
    pub since: Option<SignedDuration>,
    /// The oldest known creation time.
    pub created: Option<Timestamp>,
}

/// All awaited tasks. Adding, removing and finding the next due task take logarithmic time.
#[derive(Debug, Default)]
pub struct Schedule {
    entries: HashMap<String, Entry>,
    /// The tasks that are not being polled, by project and region and by due time.
    due: BTreeMap<ProjectRegion, BTreeSet<(Duration, String)>>,
    learnt: Learnt,
    /// Where the list could not be read when that was last tried.
    unlisted: BTreeMap<ProjectRegion, Unlisted>,
    /// Where tasks are not polled before a time.
    held: BTreeMap<ProjectRegion, Duration>,
}

impl Schedule {
    /// Adds a task; its first poll is when the plan says, or else when its type makes a poll worthwhile.
    pub fn add(&mut self, task: &str, mut entry: Entry, now: Duration) {
        let due = match entry.first {
            // A poll due at once is delayed a little, so that tasks added next share it.
            Some(first) => entry.at(first).max(now + GATHER),
            None => {
                let (pace, elapsed) = (self.pace(&entry.task_type), entry.elapsed(now));
                entry.at(rhythm::next(&pace, elapsed, likelihood(&pace, elapsed)))
            }
        };
        self.remove(task);
        self.learnt.track(&entry.task_type);
        entry.due = Some(due);
        self.due.entry(entry.project_region.clone()).or_default().insert((due, task.to_owned()));
        self.entries.insert(task.to_owned(), entry);
    }

    /// Ends the polls of a task; `None` when it is not awaited.
    pub fn remove(&mut self, task: &str) -> Option<Entry> {
        let entry = self.entries.remove(task)?;
        if let (Some(due), Some(all)) = (entry.due, self.due.get_mut(&entry.project_region)) {
            all.remove(&(due, task.to_owned()));
        }
        Some(entry)
    }

    pub fn get(&self, task: &str) -> Option<&Entry> {
        self.entries.get(task)
    }

    /// Stores the real type and the creation time of a task, from an answer.
    pub fn observe(&mut self, task: &str, task_type: Option<&str>, created: Option<Timestamp>) {
        if let Some(entry) = self.entries.get_mut(task) {
            if let Some(task_type) = task_type {
                task_type.clone_into(&mut entry.task_type);
                self.learnt.track(task_type);
            }
            entry.created = created.or(entry.created);
        }
    }

    /// Stores the duration of a finished task.
    pub fn learn(&mut self, task_type: &str, took: Duration) {
        self.learnt.learn(task_type, took);
    }

    /// Marks that the list of a project and region cannot be read, now or at all. Returns whether its tasks are polled
    /// one by one from now on: one failure may pass by itself.
    pub fn cannot_list(&mut self, project_region: &ProjectRegion, passing: bool, now: Duration) -> bool {
        let known = self.unlisted.entry(project_region.clone()).or_default();
        known.failures += 1;
        known.until = match passing {
            true if known.failures < LIST_FAILURES => return false,
            true => now + LISTED_AGAIN,
            false => Duration::MAX,
        };
        true
    }

    /// The list of a project and region could be read.
    pub fn listed(&mut self, project_region: &ProjectRegion) {
        self.unlisted.remove(project_region);
    }

    /// Notes that the API has said once more that it does not know this task; returns for how long it has said so.
    pub fn missing(&mut self, task: &str, now: Duration) -> Duration {
        let Some(entry) = self.entries.get_mut(task) else { return Duration::ZERO };
        now.saturating_sub(*entry.missing.get_or_insert(now))
    }

    /// Until this time no poll of the tasks of a project and region is due, unless [`Self::release`] comes first.
    pub fn hold(&mut self, project_region: &ProjectRegion, until: Duration) {
        self.held.insert(project_region.clone(), until);
    }

    /// Ends [`Self::hold`]: the tasks are due as before.
    pub fn release(&mut self, project_region: &ProjectRegion) {
        self.held.remove(project_region);
    }

    /// When the next poll is due.
    pub fn next(&self) -> Option<Duration> {
        self.due.iter().filter_map(|(project_region, all)| self.first_of(project_region, all)).min()
    }

    /// When the first of these tasks, which are those of one project and region, is due.
    fn first_of(&self, project_region: &ProjectRegion, all: &BTreeSet<(Duration, String)>) -> Option<Duration> {
        let (due, _) = all.first()?;
        Some(self.held.get(project_region).map_or(*due, |until| *until.max(due)))
    }

    /// The polls to make at `now`. Their tasks are not due again until [`Schedule::polled`] or [`Schedule::failed`]
    /// is called for them.
    pub fn take_due(&mut self, now: Duration) -> Vec<Poll> {
        let due = self
            .due
            .iter()
            .filter(|(project_region, all)| self.first_of(project_region, all).is_some_and(|due| due <= now));
        let with_due_tasks: Vec<ProjectRegion> = due.map(|(project_region, _)| project_region.clone()).collect();
        let mut polls = Vec::new();
        for project_region in with_due_tasks {
            let one_by_one = self.unlisted.get(&project_region).is_some_and(|unlisted| now < unlisted.until);
            let listed = project_region.project_id.is_some() && !one_by_one;
            let mut tasks = self.due_at(&project_region, now, listed);
            tasks.sort_unstable();
            for task in &tasks {
                self.poll_begins(task);
            }
            if listed && tasks.len() > 1 {
                polls.push(Poll::Many(self.listing(project_region, tasks)));
            } else {
                polls.extend(tasks.into_iter().map(Poll::One));
            }
        }
        polls
    }

    /// The due tasks of a project and region; with `listed`, also those that are due soon, since they share the
    /// request.
    fn due_at(&self, project_region: &ProjectRegion, now: Duration, listed: bool) -> Vec<String> {
        let Some(all) = self.due.get(project_region) else { return Vec::new() };
        let furthest = if listed { now + self.learnt.longest_slack() } else { now };
        let near = all.iter().take_while(|(due, _)| *due <= furthest);
        let comes_along = |due: Duration, task: &str| {
            let entry = &self.entries[task];
            due <= now + rhythm::slack(&self.pace(&entry.task_type), entry.elapsed(due))
        };
        near.filter(|(due, task)| *due <= now || comes_along(*due, task)).map(|(_, task)| task.clone()).collect()
    }

    fn poll_begins(&mut self, task: &str) {
        let Some(entry) = self.entries.get_mut(task) else { return };
        if let (Some(due), Some(all)) = (entry.due.take(), self.due.get_mut(&entry.project_region)) {
            all.remove(&(due, task.to_owned()));
        }
    }

    /// Sets the next due time of a task after a poll.
    fn poll_ends(&mut self, task: &str, due: Duration) {
        self.poll_begins(task);
        let Some(entry) = self.entries.get_mut(task) else { return };
        entry.due = Some(due);
        self.due.entry(entry.project_region.clone()).or_default().insert((due, task.to_owned()));
    }

    fn listing(&self, project_region: ProjectRegion, tasks: Vec<String>) -> Listing {
        let asked = || tasks.iter().map(|task| &self.entries[task]);
        let since = asked().filter(|entry| entry.created.is_none()).map(|entry| entry.since).min();
        let created = asked().filter_map(|entry| entry.created).min();
        Listing { project_region, tasks, since, created }
    }

    /// Schedules the next poll of tasks that still run.
    pub fn polled(&mut self, tasks: &[String], now: Duration) {
        let together = self.together(tasks, now);
        for task in tasks {
            let Some(entry) = self.entries.get_mut(task) else { continue };
            (entry.failures, entry.missing) = (0, None);
            let next = rhythm::next(&self.learnt.pace(&entry.task_type), entry.elapsed(now), together);
            let due = entry.every.map_or_else(|| entry.at(next), |every| now + every);
            self.poll_ends(task, due);
        }
    }

    /// The likelihood that one of these tasks ends now. Tasks that take longer than expected mostly have one common
    /// cause, and count as one.
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

    /// Schedules the next poll after a failed one, later each time.
    pub fn failed<'t>(&mut self, tasks: impl IntoIterator<Item = &'t String>, now: Duration) {
        for task in tasks {
            let Some(entry) = self.entries.get_mut(task) else { continue };
            entry.failures += 1;
            let slowest = self.learnt.pace(&entry.task_type).every.max(AFTER_FAILURE);
            let pause = (AFTER_FAILURE * (1 << entry.failures.min(6)) / 2).min(slowest);
            self.poll_ends(task, now + pause);
        }
    }

    /// How many polls of this task have failed in a row.
    pub fn failures(&self, task: &str) -> u32 {
        self.entries.get(task).map_or(0, |entry| entry.failures)
    }

    /// The expected durations of a type: the table, corrected by observed durations.
    pub fn pace(&self, task_type: &str) -> Pace {
        self.learnt.pace(task_type)
    }
}

impl Entry {
    pub fn new(project_region: ProjectRegion, task_type: &str, since: SignedDuration) -> Self {
        Self {
            project_region,
            task_type: task_type.to_owned(),
            since,
            first: None,
            every: None,
            created: None,
            due: None,
            failures: 0,
            missing: None,
        }
    }

    /// How long the task has been running at `now`, on the run's clock.
    pub fn elapsed(&self, now: Duration) -> Duration {
        let now = SignedDuration::try_from(now).unwrap_or(SignedDuration::MAX);
        Duration::try_from(now - self.since).unwrap_or(Duration::ZERO)
    }

    /// When the task will have been running for `elapsed`, on the run's clock.
    fn at(&self, elapsed: Duration) -> Duration {
        let elapsed = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
        Duration::try_from(self.since.saturating_add(elapsed)).unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests;
