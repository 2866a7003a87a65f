//! Folds the events of a run into a report.

use std::time::Duration;

use jiff::Timestamp;

use super::super::doing::delay;
use super::super::story::{self, Story};
use super::model::{Failure, GraphNode, Instance, InstanceState, Report, VERSION};
use super::picture;
use crate::event::{Activity, Event, Provenance, RunFinished, RunStarted, SkipReason, Stamped, StepDone, StepError};
use crate::exit::Exit;
use crate::hash::IndexMap;
use crate::id::InstanceId;
use crate::kind::kind_name;
use crate::report::sanitize;
use crate::report::shape::Shape;

/// Collects the report of a run.
#[derive(Debug, Default)]
pub struct Collector {
    shape: Shape,
    started: Option<(Timestamp, u64, RunStarted)>,
    finished: Option<RunFinished>,
    instances: IndexMap<String, Instance>,
    warnings: Vec<String>,
    /// The time of the last event, since the run started.
    last: u64,
}

impl Collector {
    pub fn new(shape: Shape) -> Self {
        Self { shape, ..Self::default() }
    }

    /// Takes an event into the data of the page.
    pub fn handle(&mut self, event: &Stamped) {
        if let Event::RunStarted(run) = &event.event {
            *self = Self::new(std::mem::take(&mut self.shape));
            self.started = Some((event.at, event.elapsed_ms, run.clone()));
        }
        let now = self.since_start(event);
        self.last = self.last.max(now);
        match &event.event {
            Event::RunStarted(_)
            | Event::StepExpanded { .. }
            | Event::TurnAwaited { .. }
            | Event::ReadinessReached { .. }
            | Event::InterruptReceived { .. } => {}
            Event::CallStarted { instance, call, attempt } => {
                let instance = self.of(instance);
                instance.state = InstanceState::Running;
                instance.failure = None;
                instance.call = Some(call.clone());
                instance.attempts = instance.attempts.max(*attempt);
                instance.called_ms.get_or_insert(now);
            }
            Event::CallDelayed { instance, reason, .. } => self.delayed(instance, delay(reason)),
            Event::TasksAccepted { instance, tasks, .. } => {
                let instance = self.of(instance);
                instance.state = InstanceState::Running;
                instance.tasks.clone_from(tasks);
                instance.accepted_ms.get_or_insert(now);
            }
            Event::ResolvingStarted { instance, reason } => {
                self.delayed(
                    instance,
                    format!("its outcome was in doubt, and had to be resolved: {}", sanitize(reason)),
                );
            }
            Event::ReadinessAwaited { instance, .. } => self.of(instance).state = InstanceState::Running,
            Event::StepSucceeded { instance, result } => self.succeeded(instance, result, now),
            Event::ResourceExists { instance, kind, id, name } => {
                let instance = self.of(instance);
                instance.kind = kind.as_deref().map(kind_name);
                instance.id = Some(id.clone());
                instance.resource.clone_from(name);
            }
            Event::StepFailed { instance, error } => self.failed(instance, InstanceState::Failed, error, now),
            Event::StepUnknown { instance, error } => self.failed(instance, InstanceState::Unknown, error, now),
            Event::StepStillWaiting { instance, tasks, .. } => {
                let instance = self.of(instance);
                instance.state = InstanceState::Waiting;
                instance.tasks.clone_from(tasks);
                instance.ended_ms = Some(now);
            }
            Event::StepSkipped { instance, reason } => self.skipped(instance, reason),
            Event::ResourceRemoved { instance, kind, id, already_gone, reverted_by } => {
                let instance = self.of(instance);
                instance.state = InstanceState::Removed;
                instance.kind = kind.as_deref().map(kind_name);
                instance.id.clone_from(id);
                instance.reason = match (already_gone, reverted_by) {
                    (true, None) => Some("it was gone already".to_owned()),
                    (true, Some(_)) => Some("it was reverted already".to_owned()),
                    (false, call) => call.as_ref().map(|call| format!("reverted by {call}")),
                };
                instance.ended_ms = Some(now);
            }
            Event::ResourceLeft { instance, kind, id, error } => {
                self.failed(instance, InstanceState::Left, error, now);
                let instance = self.of(instance);
                instance.kind = kind.as_deref().map(kind_name);
                instance.id.clone_from(id);
            }
            Event::Warned { message } => self.warnings.push(message.clone()),
            Event::RunFinished(run) => self.finished = Some(run.clone()),
        }
    }

    /// Milliseconds from the start of the run to an event.
    fn since_start(&self, event: &Stamped) -> u64 {
        let elapsed = match &event.event {
            // In a file of `--events`, this event has the time of both.
            Event::RunFinished(run) if run.elapsed_ms > 0 => run.elapsed_ms,
            _ => event.elapsed_ms,
        };
        elapsed.saturating_sub(self.started.as_ref().map_or(0, |(_, start, _)| *start))
    }

    /// Notes, once, why a call took longer.
    fn delayed(&mut self, instance: &InstanceId, why: String) {
        let delays = &mut self.of(instance).delays;
        if !delays.contains(&why) {
            delays.push(why);
        }
    }

    fn of(&mut self, id: &InstanceId) -> &mut Instance {
        let name = id.to_string();
        self.instances.entry(name.clone()).or_insert_with(|| Instance::new(name, id.step.to_string()))
    }

    fn skipped(&mut self, id: &InstanceId, reason: &SkipReason) {
        let is_reached = *reason == SkipReason::Condition;
        if !is_reached && self.mark_kept(id, reason) {
            return;
        }
        let instance = self.of(id);
        instance.state = if is_reached { InstanceState::Skipped } else { InstanceState::NotMade };
        instance.reason = Some(why(reason));
    }

    /// Marks the instances that an earlier run made of a step which this run did not reach; returns whether there are
    /// any.
    fn mark_kept(&mut self, id: &InstanceId, reason: &SkipReason) -> bool {
        let (name, step) = (id.to_string(), id.step.to_string());
        let is_it = |known: &&mut Instance| known.name == name || (id.key.is_none() && known.step == step);
        let mut is_any = false;
        for known in self.instances.values_mut().filter(is_it).filter(|known| known.id.is_some()) {
            known.state = InstanceState::Kept;
            known.reason = Some(why(reason));
            is_any = true;
        }
        is_any
    }

    fn succeeded(&mut self, id: &InstanceId, done: &StepDone, now: u64) {
        let instance = self.of(id);
        instance.state = if done.provenance == Provenance::Reused { InstanceState::Kept } else { InstanceState::Done };
        instance.failure = None;
        instance.call = Some(done.call.clone());
        instance.did = Some(done.did);
        instance.kind = done.kind.as_deref().map(kind_name);
        instance.id.clone_from(&done.id);
        instance.resource.clone_from(&done.name);
        if instance.tasks.is_empty() {
            instance.tasks.clone_from(&done.tasks);
        }
        if done.provenance != Provenance::Reused {
            // The event of a read has only its duration.
            instance.called_ms.get_or_insert(now.saturating_sub(done.duration_ms));
            instance.ended_ms = Some(now);
        }
        if matches!(done.provenance, Provenance::Recovered | Provenance::Adopted) {
            instance.delays.push(story::success(done, Duration::ZERO));
        }
    }

    fn failed(&mut self, id: &InstanceId, state: InstanceState, error: &StepError, now_ms: u64) {
        let Story { what, place, facts, help } = Story::of(error);
        let facts = facts.into_iter().map(|fact| (fact.label().to_owned(), fact.text)).collect();
        let instance = self.of(id);
        instance.state = state;
        instance.ended_ms = Some(now_ms);
        if instance.call.is_none() {
            instance.call.clone_from(&error.call);
        }
        instance.failure = Some(Failure { what, place, request_id: error.request_id.clone(), facts, help });
    }

    /// Says of an instance without an end what is known of it, and what to do; once the run has ended, it is not
    /// running.
    fn settle_state(&self, instance: &mut Instance) {
        if instance.state == InstanceState::Running && self.finished.is_some() {
            instance.state = if instance.tasks.is_empty() { InstanceState::Unknown } else { InstanceState::Waiting };
        }
        let (what, help) = match instance.state {
            InstanceState::Running => ("it is under way, or its run died", "look again, or run again to continue"),
            InstanceState::Waiting => ("its task goes on", "run again to wait for it"),
            InstanceState::Unknown => (
                "sent, and no answer is on record: it may have been carried out",
                "run again: its outcome is resolved first",
            ),
            _ => return,
        };
        if instance.failure.is_none() {
            instance.failure = Some(Failure {
                what: what.to_owned(),
                place: None,
                request_id: None,
                facts: instance.call.iter().map(|call| ("call".to_owned(), call.clone())).collect(),
                help: vec![help.to_owned()],
            });
        }
    }

    /// Why a step has no event: a step that it depends on failed, or the run ended first.
    fn why_not(&self, step: &str) -> String {
        let mut pending: Vec<&str> = vec![step];
        let mut seen: Vec<&str> = Vec::new();
        while let Some(at) = pending.pop() {
            for before in self.shape.steps.get(at).into_iter().flat_map(|planned| &planned.after) {
                let bad = |known: &&Instance| known.step == *before && known.state >= InstanceState::Waiting;
                if let Some(bad) = self.instances.values().find(bad) {
                    let goes_on = bad.state == InstanceState::Waiting;
                    return format!("`{}` {}", bad.name, if goes_on { "is not done" } else { "did not succeed" });
                }
                if !seen.contains(&before.as_str()) {
                    seen.push(before);
                    pending.push(before);
                }
            }
        }
        let done = self.finished.as_ref().is_some_and(|run| run.exit == Exit::Done);
        if done { "this run was not about it" } else { "the run ended before its turn" }.to_owned()
    }

    /// The report of all events so far.
    pub fn report(&self) -> Report {
        let run = self.started.as_ref();
        let mut instances: Vec<Instance> = self.instances.values().cloned().collect();
        for step in self.shape.steps.keys() {
            // A step without any event was not reached.
            if !self.instances.values().any(|known| known.step == *step) {
                let mut unreached = Instance::new(step.clone(), step.clone());
                unreached.state = InstanceState::NotMade;
                unreached.reason = Some(self.why_not(step));
                instances.push(unreached);
            }
        }
        instances.iter_mut().for_each(|instance| self.settle_state(instance));
        picture::mark_critical_path(&mut instances, &self.shape);
        let finished = self.finished.as_ref();
        Report {
            version: VERSION,
            plan: run.map(|(_, _, run)| run.plan.clone()).unwrap_or_default(),
            environment: run.map(|(_, _, run)| run.environment.clone()).unwrap_or_default(),
            file: run.and_then(|(_, _, run)| run.file.clone()),
            command: run.map(|(_, _, run)| run.command),
            // The API of a rehearsal does not exist any more.
            api: run
                .filter(|(_, _, run)| run.command != Activity::Rehearse && !run.api.is_empty())
                .map(|(_, _, run)| run.api.clone()),
            started: run.map(|(at, ..)| *at),
            exit: finished.map(|run| run.exit.code()),
            outcome: finished.map_or("it did not end", |run| run.meaning()).to_owned(),
            elapsed_ms: self.last,
            requests: finished.map(|run| run.requests).filter(|requests| *requests > 0),
            polls: finished.map(|run| run.polls).filter(|polls| *polls > 0),
            steps: steps(&self.shape, &instances),
            instances,
            warnings: self.warnings.clone(),
            next: finished.and_then(|run| run.next.clone()),
        }
    }
}

/// Why an instance was not made, or not continued.
fn why(reason: &SkipReason) -> String {
    match reason {
        SkipReason::Condition => "its `when` is false".to_owned(),
        SkipReason::Dependency { step } => format!("`{step}` did not succeed"),
        SkipReason::NotStarted { why } => why.clone(),
    }
}

/// Every step of the plan, then recorded ones that the plan does not have any more.
fn steps(shape: &Shape, instances: &[Instance]) -> Vec<GraphNode> {
    let mut steps: IndexMap<&str, GraphNode> = IndexMap::default();
    let blank = |id: &str, after: &[String]| GraphNode {
        id: id.to_owned(),
        state: InstanceState::NotMade,
        instances: 0,
        after: after.to_vec(),
    };
    for (id, planned) in &shape.steps {
        steps.insert(id, blank(id, &planned.after));
    }
    for instance in instances {
        let step = steps.entry(&instance.step).or_insert_with(|| blank(&instance.step, &[]));
        step.state = if step.instances == 0 { instance.state } else { step.state.max(instance.state) };
        step.instances += 1;
    }
    steps.into_values().collect()
}
