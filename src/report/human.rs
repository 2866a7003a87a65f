//! Lines for people: one for each event that is shown at the chosen verbosity, a heartbeat during silence, and a
//! summary of failures and existing resources at the end.
//!
//! Readable without colour and without a terminal, as in a CI log. On a terminal the same lines scroll above the
//! table of [`progress`](super::progress).

use std::time::Duration;

use super::board::Board;
use super::doing::{delay, pause, queued, waiting};
use super::shape::Shape;
use super::story::{self, Alike, Story};
use super::width::width;
use super::{Color, Palette, ReportError, Reporter, Sink, Verbosity, clock, count, duration, list, natural, sanitize};
use crate::event::{Activity, Delay, Event, Provenance, RunFinished, SkipReason, Stamped, StepDone, StepError};
use crate::exit::Exit;
use crate::hash::{HashMap, HashSet, IndexMap};
use crate::id::InstanceId;
use crate::order::sort_by_key;

/// After this much silence a heartbeat line is written.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// The most calls named in a heartbeat.
const NAMED_PENDING: usize = 6;
/// The most resources named at the end of a run that did not succeed.
const NAMED_EXISTING: usize = 8;
/// The most failures repeated at the end, so that the last line stays visible.
const MOST_REPEATED: usize = 20;
/// The most instances named together for one reason at the end.
const NAMED_TOGETHER: usize = 8;
/// The most instances with a line of their own when the run stops waiting for them.
const WAITING_SHOWN: usize = 3;
const NARROWEST: usize = 10;
const WIDEST: usize = 32;

/// The line view.
pub struct Human {
    sink: Sink,
    palette: Palette,
    verbosity: Verbosity,
    /// A table shows pending calls, so that heartbeats and lines about waiting are not needed.
    under_table: bool,
    board: Board,
    /// Failed instances, grouped by equal failures.
    failures: IndexMap<Alike, (Story, Vec<InstanceId>)>,
    /// What was not made, by the reason.
    not_made: IndexMap<String, Vec<InstanceId>>,
    /// What the run stopped waiting for.
    waiting: Vec<InstanceId>,
    /// The resources that this run made and did not remove.
    exists: Vec<(InstanceId, String)>,
    /// Calls whose delay was reported already.
    held_back: HashSet<InstanceId>,
    /// When the first request of each call was sent.
    left: HashMap<InstanceId, Duration>,
    last_line: Duration,
    width: usize,
}

impl Human {
    /// Lines without a table.
    pub fn new(sink: Sink, verbosity: Verbosity, color: Color) -> Self {
        Self {
            sink,
            palette: Palette::new(color),
            verbosity,
            under_table: false,
            board: Board::default(),
            failures: IndexMap::default(),
            not_made: IndexMap::default(),
            waiting: Vec::new(),
            exists: Vec::new(),
            held_back: HashSet::default(),
            left: HashMap::default(),
            last_line: Duration::ZERO,
            width: NARROWEST,
        }
    }

    /// Adds the steps of the plan, for lines about what is pending.
    pub fn of_plan(mut self, shape: Shape) -> Self {
        self.board = Board::of(shape);
        self
    }

    /// Lines above a table of pending calls.
    pub(super) fn above_table(mut self) -> Self {
        self.under_table = true;
        self
    }

    pub(super) fn board(&self) -> &Board {
        &self.board
    }

    /// Whether an event is shown at this verbosity.
    pub(super) fn is_shown(&self, event: &Stamped) -> bool {
        self.level(&event.event) <= self.verbosity
    }

    fn level(&self, event: &Event) -> Verbosity {
        // Intermediate states of a call are shown by the table, where there is one.
        let passing = if self.under_table { Verbosity::Verbose } else { Verbosity::Normal };
        match event {
            Event::StepFailed { .. }
            | Event::StepUnknown { .. }
            | Event::StepStillWaiting { .. }
            | Event::ResourceLeft { .. }
            | Event::InterruptReceived { .. }
            | Event::Warned { .. }
            | Event::RunFinished(_) => Verbosity::Quiet,
            // Kept instances are only counted at the end.
            Event::StepSucceeded { result, .. } if result.provenance == Provenance::Reused => Verbosity::Verbose,
            Event::RunStarted(_)
            | Event::ResolvingStarted { .. }
            | Event::StepSucceeded { .. }
            | Event::ReadinessReached { .. }
            | Event::ResourceRemoved { .. } => Verbosity::Normal,
            // Instances that are not started because the run ends are named together at its end.
            Event::StepSkipped { reason: SkipReason::NotStarted { .. }, .. } => Verbosity::Verbose,
            Event::StepSkipped { .. } => Verbosity::Normal,
            Event::TasksAccepted { .. } | Event::ReadinessAwaited { .. } => passing,
            Event::CallDelayed { instance, .. } if !self.held_back.contains(instance) => passing,
            Event::StepExpanded { .. }
            | Event::TurnAwaited { .. }
            | Event::CallStarted { .. }
            | Event::ResourceExists { .. }
            | Event::CallDelayed { .. } => Verbosity::Verbose,
        }
    }

    fn write_line(&mut self, event: &Stamped) {
        let now = Duration::from_millis(event.elapsed_ms);
        let palette = self.palette;
        match &event.event {
            Event::RunStarted(run) => self.sink.line(&story::start(run)),
            Event::StepExpanded { step, instances } => {
                self.row(now, step.as_str(), &format!("has {}", count(*instances, "instance")));
            }
            Event::TurnAwaited { instance, queue } => self.of(now, instance, &queued(queue)),
            Event::CallStarted { instance, call, attempt } => {
                let attempt = if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
                self.of(now, instance, &format!("calling {}{attempt}", sanitize(call)));
            }
            Event::CallDelayed { instance, reason, pause_ms } => {
                let then = match reason {
                    Delay::Locked { task: Some(_) } if *pause_ms == 0 => "again after its end".to_owned(),
                    _ => format!("again in {}", pause(Duration::from_millis(*pause_ms))),
                };
                self.of(now, instance, &format!("{}, {then}", delay(reason)));
            }
            Event::TasksAccepted { instance, tasks, earliest_ms, latest_ms } => {
                let (earliest, latest) = (Duration::from_millis(*earliest_ms), Duration::from_millis(*latest_ms));
                self.of(now, instance, &waiting(tasks, earliest, latest));
            }
            Event::ResolvingStarted { instance, reason } => {
                let words = format!("resolving the outcome of the call: {}", sanitize(reason));
                self.of(now, instance, &palette.warning(words));
            }
            Event::ReadinessAwaited { instance, until, shown } => {
                self.of(now, instance, &story::readiness(until, shown.as_deref()));
            }
            Event::ResourceExists { instance, kind, id, name } => {
                let words = format!("{} exists", story::named(kind.as_deref(), name.as_deref(), Some(id)));
                self.of(now, instance, &words);
            }
            Event::ReadinessReached { instance, waited_ms } => {
                let took = duration(Duration::from_millis(*waited_ms));
                self.of(now, instance, &format!("ready in {took}"));
            }
            Event::StepSucceeded { instance, result } => {
                let queued = self.queued(now, instance, result);
                self.of(now, instance, &palette.good(story::success(result, queued)));
            }
            Event::StepFailed { instance, error } => self.failure(now, instance, "failed", error),
            Event::StepUnknown { instance, error } => self.failure(now, instance, "unknown", error),
            // Of many, a line at the end names all together.
            Event::StepStillWaiting { .. } if self.waiting.len() >= WAITING_SHOWN => {}
            Event::StepStillWaiting { instance, tasks, waited_ms, until, unread } => {
                let waited = Duration::from_millis(*waited_ms);
                let words =
                    story::still_waiting(self.board.activity(), tasks, until.as_deref(), unread.as_deref(), waited);
                self.of(now, instance, &palette.warning(words));
            }
            Event::StepSkipped { instance, reason } => self.of(now, instance, &palette.faint(story::skip(reason))),
            Event::ResourceRemoved { instance, kind, id, already_gone, reverted_by } => {
                let words = story::removal(kind.as_deref(), id.as_deref(), *already_gone, reverted_by.as_deref());
                self.of(now, instance, &palette.good(words));
            }
            Event::ResourceLeft { instance, kind, id, error } => {
                self.failure(now, instance, &story::left(kind.as_deref(), id.as_deref()), error);
            }
            Event::InterruptReceived { signal, in_flight } => {
                let requests = count(*in_flight, "request");
                let words =
                    format!("{}: no further call is started, {requests} in flight may answer", sanitize(signal));
                self.sink.line(&palette.warning(words));
            }
            Event::Warned { message } => {
                self.sink.line(&format!("{} {}", palette.warning("warning:"), sanitize(message)));
            }
            Event::RunFinished(run) => self.end(run),
        }
    }

    /// How long the call was queued before its first request was sent.
    fn queued(&self, now: Duration, instance: &InstanceId, result: &StepDone) -> Duration {
        let began = now.saturating_sub(Duration::from_millis(result.duration_ms));
        self.left.get(instance).map_or(Duration::ZERO, |left| left.saturating_sub(began))
    }

    /// Reports a failure, unless another instance has reported the same one.
    fn failure(&mut self, now: Duration, instance: &InstanceId, what: &str, error: &StepError) {
        let (what, mut story) = (self.palette.bad(what), Story::of(error));
        let alike = Alike::of(&story);
        if let Some((_, resource)) = self.exists.iter().rev().find(|(existing, _)| existing == instance) {
            story.made(resource);
        }
        if let Some((_, others)) = self.failures.get_mut(&alike) {
            if others.contains(instance) {
                return self.of(now, instance, &format!("{what}, for the same reason"));
            }
            let like = others.first().map(ToString::to_string).unwrap_or_default();
            others.push(instance.clone());
            return self.of(now, instance, &format!("{what}, as `{}`: {}", sanitize(&like), story.what));
        }
        self.of(now, instance, &format!("{what}: {}", story.what));
        let at = story.place.iter().map(|place| ("at", place));
        let facts = story.facts.iter().map(|fact| (fact.label(), &fact.text));
        let help = story.help.iter().map(|help| ("help", help));
        for (label, text) in at.chain(facts).chain(help) {
            let label = self.palette.faint(format!("{label:>9}:"));
            self.sink.line(&format!("{label} {text}"));
        }
        self.failures.insert(alike, (story, vec![instance.clone()]));
    }

    fn end(&mut self, run: &RunFinished) {
        let took = duration(Duration::from_millis(run.elapsed_ms));
        let (totals, requests) = (story::totals(run), story::requests(run));
        if run.exit == Exit::Done {
            return self.sink.line(&format!("{} in {took}: {totals}; {requests}", self.palette.good("done")));
        }
        let meaning = self.palette.bad(run.meaning());
        self.sink.line(&format!("{meaning}, after {took}: {totals}; {requests}"));
        for (story, who) in self.failures.values().take(MOST_REPEATED) {
            let place = story.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
            let who =
                list(who.iter().map(|instance| self.palette.name(sanitize(&instance.to_string()))), NAMED_TOGETHER);
            self.sink.line(&format!("  {who}: {}{place}", story.what));
        }
        run.missing.iter().for_each(|why| self.sink.line(&format!("  {}", sanitize(why))));
        if self.failures.len() > MOST_REPEATED {
            self.sink.line(&format!("  and {} more, reported above", self.failures.len() - MOST_REPEATED));
        }
        if self.waiting.len() > WAITING_SHOWN {
            let mut who = std::mem::take(&mut self.waiting);
            sort_by_key(&mut who, |instance| natural(&instance.to_string()));
            let who = list(who.iter().map(|instance| sanitize(&instance.to_string()).into_owned()), NAMED_TOGETHER);
            let label = self.palette.name("still waiting:");
            let next = match self.board.activity() {
                Some(Activity::Rehearse) => "",
                _ => " (the next run waits for their tasks)",
            };
            self.sink.line(&format!("{label} {who}{next}"));
        }
        for (why, mut who) in std::mem::take(&mut self.not_made) {
            sort_by_key(&mut who, |instance| natural(&instance.to_string()));
            // What an earlier run made exists, and is only not continued.
            let is_there = |instance: &InstanceId| self.exists.iter().any(|(other, _)| other.step == instance.step);
            let (there, not_made): (Vec<_>, Vec<_>) = who.into_iter().partition(is_there);
            for (label, who) in [("not made:", not_made), ("not reached:", there)] {
                let who = list(who.iter().map(|instance| sanitize(&instance.to_string()).into_owned()), NAMED_TOGETHER);
                if !who.is_empty() {
                    self.sink.line(&format!("{} {who} ({why})", self.palette.name(label)));
                }
            }
        }
        if !self.board.is_idle() {
            let pending = self.board.phrase(Duration::from_millis(run.elapsed_ms), NAMED_PENDING);
            self.sink.line(&format!("{} {pending}", self.palette.name("pending:")));
        }
        if !self.exists.is_empty() {
            let exists = self
                .exists
                .iter()
                .map(|(instance, resource)| format!("`{}` {resource}", sanitize(&instance.to_string())));
            self.sink.line(&format!("{} {}", self.palette.name("exists:"), list(exists, NAMED_EXISTING)));
        }
        if let Some(next) = &run.next {
            self.sink.line(&format!("{} {}", self.palette.name("next:"), sanitize(next)));
        }
    }

    /// A line about an instance.
    fn of(&mut self, now: Duration, instance: &InstanceId, what: &str) {
        self.row(now, &instance.to_string(), what);
    }

    fn row(&mut self, now: Duration, who: &str, what: &str) {
        let who = sanitize(who);
        let length = width(&who);
        self.width = self.width.max(length.min(WIDEST));
        let padding = " ".repeat(self.width.saturating_sub(length));
        let (time, who) = (self.palette.faint(format!("{:>7}", clock(now))), self.palette.name(who));
        self.sink.line(&format!("{time}  {who}{padding}  {what}"));
        self.last_line = now;
    }
}

impl Reporter for Human {
    fn handle(&mut self, event: &Stamped) {
        if let Event::StepFailed { error, .. } = &event.event {
            self.exists.retain(|(existing, _)| !error.gone.contains(existing));
        }
        if self.is_shown(event) {
            self.write_line(event);
        }
        self.board.handle(event);
        match &event.event {
            Event::CallStarted { instance, .. } => {
                self.left.entry(instance.clone()).or_insert(Duration::from_millis(event.elapsed_ms));
            }
            Event::CallDelayed { instance, .. } => {
                self.held_back.insert(instance.clone());
            }
            Event::StepSucceeded { instance, result } => {
                self.exists.extend(story::existing(result).map(|resource| (instance.clone(), resource)));
            }
            Event::ResourceExists { instance, kind, id, .. } => {
                self.exists.push((instance.clone(), story::named(kind.as_deref(), None, Some(id))));
            }
            Event::ResourceRemoved { instance, .. } => self.exists.retain(|(existing, _)| existing != instance),
            Event::StepStillWaiting { instance, .. } => self.waiting.push(instance.clone()),
            Event::StepSkipped { instance, reason } => {
                if let Some(why) = story::why_not_made(reason) {
                    self.not_made.entry(why).or_default().push(instance.clone());
                }
            }
            _ => {}
        }
    }

    fn tick(&mut self, elapsed: Duration) {
        let silent = elapsed.saturating_sub(self.last_line) < HEARTBEAT;
        if self.under_table || silent || self.board.is_idle() || self.verbosity < Verbosity::Normal {
            return;
        }
        self.last_line = elapsed;
        let pending = self.board.phrase(elapsed, NAMED_PENDING);
        let time = self.palette.faint(format!("{:>7}", clock(elapsed)));
        self.sink.line(&format!("{time}  pending: {pending}"));
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        self.sink.finish()
    }
}

#[cfg(test)]
mod tests;
