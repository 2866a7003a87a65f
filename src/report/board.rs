//! The board: what every active call is doing now. A fold over events, shared by the reporters that show pending
//! work.

use std::collections::BTreeMap;
use std::time::Duration;

use super::doing::{CallRow, Doing, Lengths, Pending};
use super::shape::{Planned, Shape};
use super::{count, duration, list, sanitize, span};
use crate::event::{Activity, Event, Queue, Stamped};
use crate::hash::{HashMap, HashSet, IndexMap};
use crate::id::{InstanceId, StepId};

/// The active calls, in the order of their start, and how many instances of each step have ended.
#[derive(Debug, Default)]
pub struct Board {
    shape: Shape,
    activity: Option<Activity>,
    steps: usize,
    /// By order of start, so that removing one does not move the others.
    pending: BTreeMap<u64, (InstanceId, Pending)>,
    places: HashMap<InstanceId, u64>,
    next_place: u64,
    tallies: BTreeMap<StepId, StepCounts>,
}

#[derive(Debug, Default, Clone, Copy)]
struct StepCounts {
    instances: usize,
    done: usize,
    failed: usize,
    skipped: usize,
}

impl StepCounts {
    fn ended(self) -> usize {
        self.done + self.failed + self.skipped
    }
}

impl Board {
    /// A board for a plan of this shape, in which steps that have not started count as waiting.
    pub fn of(shape: Shape) -> Self {
        Self { shape, ..Self::default() }
    }

    /// What the command does; `None` before it has started.
    pub fn activity(&self) -> Option<Activity> {
        self.activity
    }

    /// Takes an event into the state that is drawn.
    pub fn handle(&mut self, stamped: &Stamped) {
        let now = Duration::from_millis(stamped.elapsed_ms);
        match &stamped.event {
            Event::RunStarted(run) => {
                let shape = std::mem::take(&mut self.shape);
                *self = Self { shape, activity: Some(run.command), steps: run.steps, ..Self::default() };
            }
            Event::StepExpanded { step, instances } => {
                self.tallies.entry(step.clone()).or_default().instances = *instances;
            }
            Event::TurnAwaited { instance, queue } => {
                let pause_ms = if let Queue::RateLimit { pause_ms } = queue { *pause_ms } else { 0 };
                let until = now + Duration::from_millis(pause_ms);
                self.doing(instance, now, Doing::Queued { queue: queue.clone(), until });
            }
            Event::CallStarted { instance, call, attempt } => {
                self.doing(instance, now, Doing::Calling { call: call.clone(), attempt: *attempt });
            }
            Event::CallDelayed { instance, reason, pause_ms } => {
                let until = now + Duration::from_millis(*pause_ms);
                self.doing(instance, now, Doing::Pausing { reason: reason.clone(), until });
            }
            Event::TasksAccepted { instance, tasks, earliest_ms, latest_ms } => {
                let (earliest, latest) = (Duration::from_millis(*earliest_ms), Duration::from_millis(*latest_ms));
                self.doing(instance, now, Doing::Waiting { tasks: tasks.clone(), earliest, latest });
            }
            Event::ResolvingStarted { instance, .. } => self.doing(instance, now, Doing::Resolving),
            Event::ReadinessAwaited { instance, until, .. } => {
                self.doing(instance, now, Doing::AwaitingReadiness { until: until.clone() });
            }
            Event::StepSucceeded { instance, .. } | Event::ResourceRemoved { instance, .. } => {
                self.ended(instance, |tally| tally.done += 1);
            }
            Event::StepFailed { instance, .. }
            | Event::StepUnknown { instance, .. }
            | Event::StepStillWaiting { instance, .. }
            | Event::ResourceLeft { instance, .. } => self.ended(instance, |tally| tally.failed += 1),
            Event::StepSkipped { instance, .. } => self.ended(instance, |tally| tally.skipped += 1),
            Event::RunFinished(_) => {
                self.pending.clear();
                self.places.clear();
            }
            Event::ReadinessReached { .. }
            | Event::ResourceExists { .. }
            | Event::InterruptReceived { .. }
            | Event::Warned { .. } => {}
        }
    }

    pub fn get(&self, instance: &InstanceId) -> Option<&Pending> {
        self.pending.get(self.places.get(instance)?).map(|(_, pending)| pending)
    }

    pub fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    /// The active calls in at most `most` rows: one for each call, or for all calls of a step when there are too many.
    /// Calls in a queue follow, and where there is room, steps that wait for others; those that wait for the same step
    /// share a row when there are too many.
    pub fn rows(&self, now: Duration, most: usize) -> Vec<CallRow> {
        let mut rows = match self.pending.len() <= most {
            true => self.alone(now),
            false => self.grouped(now, most),
        };
        if !rows.is_empty() {
            rows.extend(self.waiting_for_others(most.saturating_sub(rows.len())));
        }
        if rows.len() > most {
            let rest = rows.len() + 1 - most.max(1);
            rows.truncate(rows.len() - rest);
            let what = Lengths::from(count(rest, "more step"));
            rows.push(CallRow { who: "…".to_owned(), what, elapsed: Duration::ZERO });
        }
        rows
    }

    /// Steps without any event, because others are not done.
    fn waiting_for_others(&self, most: usize) -> Vec<CallRow> {
        let mut waiting: IndexMap<String, Vec<&str>> = IndexMap::default();
        for (step, planned) in self.without_events() {
            let behind = planned.after.iter().filter(|step| !self.is_over(step)).map(|step| sanitize(step));
            let behind: Vec<_> = behind.collect();
            if !behind.is_empty() {
                waiting.entry(list(&behind, 3)).or_default().push(step);
            }
        }
        let together = waiting.values().map(Vec::len).sum::<usize>() > most;
        let mut rows = Vec::new();
        for (behind, steps) in waiting {
            match &steps[..] {
                [_, _, ..] if together => {
                    let what = Lengths::from(format!("wait for {behind}"));
                    rows.push(CallRow { who: count(steps.len(), "step"), what, elapsed: Duration::ZERO });
                }
                _ => rows.extend(steps.into_iter().map(|step| CallRow {
                    who: sanitize(step).into_owned(),
                    what: Lengths::from(format!("waits for {behind}")),
                    elapsed: Duration::ZERO,
                })),
            }
        }
        rows.truncate(most);
        rows
    }

    /// Steps without any event yet.
    fn without_events(&self) -> impl Iterator<Item = (&str, &Planned)> {
        let steps = self.shape.steps.iter().map(|(step, planned)| (step.as_str(), planned));
        steps.filter(|(step, _)| !self.tallies.contains_key(*step))
    }

    fn is_over(&self, step: &str) -> bool {
        self.tallies.get(step).is_some_and(|tally| tally.ended() >= tally.instances)
    }

    /// The rows as one line: `web[0..99] 87 waiting, 13 done (1m 5s); lb waits for network`.
    pub fn phrase(&self, now: Duration, most: usize) -> String {
        let rows: Vec<String> = self
            .rows(now, most)
            .into_iter()
            .map(|row| match row.elapsed.is_zero() {
                true => format!("{} {}", row.who, row.what.longest()),
                false => format!("{} {} ({})", row.who, row.what.longest(), duration(row.elapsed)),
            })
            .collect();
        rows.join("; ")
    }

    /// The bottom line. `12 of 40+`: how many there will be depends on what is not made yet.
    pub fn totals(&self) -> String {
        let sum = |part: fn(&StepCounts) -> usize| self.tallies.values().map(part).sum::<usize>();
        let (done, failed, skipped) = (sum(|tally| tally.done), sum(|tally| tally.failed), sum(|tally| tally.skipped));
        let known: usize = self.tallies.values().map(|tally| tally.instances.max(tally.ended())).sum();
        let heard = done + failed + skipped + self.pending.len();
        let (all, open) = match self.activity {
            // A teardown counts what is there, and knows all of it.
            Some(Activity::Destroy) => (self.steps.max(heard), false),
            _ => {
                let to_come = match self.shape.steps.is_empty() {
                    true => self.steps.saturating_sub(self.tallies.len()),
                    false => self.without_events().map(|(_, planned)| planned.instances.unwrap_or(1)).sum(),
                };
                (known.max(heard) + to_come, self.without_events().any(|(_, planned)| planned.instances.is_none()))
            }
        };
        let word = if self.activity == Some(Activity::Destroy) { "removed" } else { "done" };
        let queued = self.pending.values().filter(|(_, pending)| pending.is_queued()).count();
        let more = if open { "+" } else { "" };
        let in_work = format!("{} in work", self.pending.len() - queued);
        let mut parts = vec![format!("{done} of {all}{more} {word}"), in_work];
        for (number, word) in [(queued, "queued"), (failed, "failed"), (skipped, "skipped")] {
            if number > 0 {
                parts.push(format!("{number} {word}"));
            }
        }
        parts.join(", ")
    }

    fn doing(&mut self, instance: &InstanceId, now: Duration, doing: Doing) {
        let tally = self.tallies.entry(instance.step.clone()).or_default();
        tally.instances = tally.instances.max(1);
        let place = *self.places.entry(instance.clone()).or_insert(self.next_place);
        if place == self.next_place {
            self.next_place += 1;
            let pending = Pending { started: now, since: now, doing };
            self.pending.insert(place, (instance.clone(), pending));
        } else if let Some((_, pending)) = self.pending.get_mut(&place) {
            pending.since = now;
            pending.doing = doing;
        }
    }

    fn ended(&mut self, instance: &InstanceId, count: impl FnOnce(&mut StepCounts)) {
        if let Some(place) = self.places.remove(instance) {
            self.pending.remove(&place);
        }
        count(self.tallies.entry(instance.step.clone()).or_default());
    }

    /// What is at work before what waits in a queue.
    fn alone(&self, now: Duration) -> Vec<CallRow> {
        let (queued, at_work): (Vec<_>, Vec<_>) = self.pending.values().partition(|(_, pending)| pending.is_queued());
        at_work.into_iter().chain(queued).map(|(instance, pending)| pending.row(instance, now)).collect()
    }

    fn grouped(&self, now: Duration, most: usize) -> Vec<CallRow> {
        let mut groups: IndexMap<&StepId, Vec<(&InstanceId, &Pending)>> = IndexMap::default();
        for (instance, pending) in self.pending.values() {
            groups.entry(&instance.step).or_default().push((instance, pending));
        }
        let is_queued = |members: &Vec<(&InstanceId, &Pending)>| members.iter().all(|(_, pending)| pending.is_queued());
        let (queued, at_work): (Vec<_>, Vec<_>) = groups.into_iter().partition(|(_, members)| is_queued(members));
        let row = |(step, members): (&StepId, Vec<(&InstanceId, &Pending)>)| match members[..] {
            [(instance, pending)] => pending.row(instance, now),
            _ => self.group(step, &members, now),
        };
        let mut rows: Vec<CallRow> = at_work.into_iter().map(row).collect();
        if rows.len() + queued.len() <= most {
            rows.extend(queued.into_iter().map(row));
        } else {
            rows.extend(queue_rows(&queued, now));
        }
        rows
    }

    fn group(&self, step: &StepId, members: &[(&InstanceId, &Pending)], now: Duration) -> CallRow {
        let tally = self.tallies.get(step).copied().unwrap_or_default();
        let all = tally.instances.max(members.len() + tally.ended());
        let mut states: IndexMap<&str, usize> = IndexMap::default();
        for (_, pending) in members {
            *states.entry(pending.doing.word()).or_default() += 1;
        }
        let to_come = all - members.len() - tally.ended();
        let ends = [("done", tally.done), ("failed", tally.failed), ("skipped", tally.skipped), ("to come", to_come)];
        let parts = states.into_iter().chain(ends).filter(|(_, number)| *number > 0);
        let what = Lengths::from(parts.map(|(word, number)| format!("{number} {word}")).collect::<Vec<_>>().join(", "));
        let since = members.iter().map(|(_, pending)| pending.started).min().unwrap_or(now);
        CallRow {
            who: format!("{step}[{}]", keys(members, all)),
            what: match typical(members) {
                Some(typical) => what.and(&format!(", typically {typical}")),
                None => what,
            },
            elapsed: now.saturating_sub(since),
        }
    }
}

/// A row for each queue: which step waits in it, or how many.
fn queue_rows(groups: &[(&StepId, Vec<(&InstanceId, &Pending)>)], now: Duration) -> Vec<CallRow> {
    let mut queues: IndexMap<String, (HashSet<&StepId>, &Pending)> = IndexMap::default();
    for (step, members) in groups {
        for (_, pending) in members {
            let (steps, first) =
                queues.entry(pending.doing.describe_several(now)).or_insert((HashSet::default(), pending));
            steps.insert(step);
            if pending.started < first.started {
                *first = pending;
            }
        }
    }
    let rows = queues.into_iter().map(|(together, (steps, first))| {
        let (who, what) = match steps.iter().next() {
            Some(step) if steps.len() == 1 => (sanitize(step.as_str()).into_owned(), first.doing.describe(now)),
            _ => (count(steps.len(), "step"), Lengths::from(together)),
        };
        CallRow { who, what, elapsed: now.saturating_sub(first.started) }
    });
    rows.collect()
}

/// How long the tasks of these calls usually take, when any of them waits for a task.
fn typical(members: &[(&InstanceId, &Pending)]) -> Option<String> {
    let spans = members.iter().filter_map(|(_, pending)| match &pending.doing {
        Doing::Waiting { earliest, latest, .. } => Some((*earliest, *latest)),
        _ => None,
    });
    let (earliest, latest) = spans.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))?;
    Some(span(earliest, latest))
}

/// `0..99` for the indices of a list, otherwise the number of instances.
fn keys(members: &[(&InstanceId, &Pending)], all: usize) -> String {
    let indices = members.iter().all(|(instance, _)| {
        instance.key.as_ref().is_some_and(|key| key.parse::<usize>().is_ok_and(|index| index < all))
    });
    if indices { format!("0..{}", all - 1) } else { format!("{all} instances") }
}

#[cfg(test)]
mod tests;
