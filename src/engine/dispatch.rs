//! Owns the state of a run: which steps are done, may start, or will never start.
//!
//! Instances run as tokio tasks and report their end here; nothing else changes this state. A step starts as soon as
//! every step it depends on is done. After a failure independent branches go on.

use std::cell::OnceCell;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value;
use tokio::task::{Id, JoinSet};

use super::context::About;
use super::counts::no_instance;
use super::decide;
use super::instance::{Instance, InstanceEnd};
use super::interruption::Interruption;
use super::render::{CallParts, each_value, elements};
use super::run::Run;
use super::stop::Stop;
use crate::api::{Shut, trace};
use crate::event::{EffectKnown, ErrorClass, Event, SkipReason, StepError};
use crate::hash::{HashMap, HashSet};
use crate::id::{InstanceId, StepId};
use crate::journal::{JournalError, RecordedCall, Status};
use crate::order::{ordered_map, sort_by_key};
use crate::plan::ReadyQueue;
use crate::template::{Each, skipped_step, value_of};

/// Instances that stay as they are and are taken one after another, before tasks and signals get a turn.
const BATCH: usize = 256;

/// How an instance ended, as far as the totals care.
#[derive(Debug)]
pub enum Outcome {
    Done {
        reused: bool,
    },
    /// By the step's `when`.
    Skipped,
    /// A dependency did not succeed, or the run was stopped.
    NotStarted,
    Failed(Box<StepError>),
    Unknown(Box<StepError>),
    StillWaiting,
}

impl Outcome {
    fn of(why: Interruption) -> Self {
        match why {
            Interruption::Failed(error) | Interruption::Conflict(error) | Interruption::NoAccess(error) => {
                Outcome::Failed(Box::new(error))
            }
            Interruption::Unknown(error) => Outcome::Unknown(Box::new(error)),
            Interruption::StillWaiting { .. } => Outcome::StillWaiting,
            Interruption::Stopped(_) | Interruption::Journal(_) => Outcome::NotStarted,
        }
    }
}

/// The outcome of a whole plan.
#[derive(Debug, Default)]
pub struct Dispatched {
    pub outcomes: Vec<(InstanceId, Outcome)>,
    /// `steps.<id>` of every step that is done or was skipped.
    pub values: BTreeMap<StepId, minijinja::Value>,
    /// Steps of which `--target` selects single instances: their values lack the others.
    pub in_part: HashSet<StepId>,
    /// Every instance that the plan has now.
    pub instances: HashSet<InstanceId>,
}

impl Dispatched {
    /// Instances that ended as unknown.
    pub fn unknown(&self) -> impl Iterator<Item = &InstanceId> {
        let unknown = self.outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Unknown(_)));
        unknown.map(|(instance, _)| instance)
    }
}

/// Runs every step of the plan, or of `--target`.
///
/// # Errors
///
/// [`JournalError`] when the record cannot be written: steps in progress end with the answers to their requests then.
pub async fn dispatch(run: &Arc<Run>) -> Result<Dispatched, JournalError> {
    let mut dispatcher = Dispatcher::new(run);
    let mut tasks: JoinSet<(InstanceId, InstanceEnd)> = JoinSet::new();
    let mut names: HashMap<Id, InstanceId> = HashMap::default();
    let mut reused = 0_usize;
    loop {
        while run.context.gates.has_slot(tasks.len())
            && let Some(instance) = dispatcher.next()
        {
            let id = instance.id();
            // A bug in this shows again in the task of the instance, which is where it is reported.
            let end = catch_unwind(AssertUnwindSafe(|| instance.reused(&id))).ok().flatten();
            if let Some(end) = end {
                dispatcher.ended(id, end)?;
                reused += 1;
                if reused.is_multiple_of(BATCH) {
                    tokio::task::yield_now().await;
                }
                continue;
            }
            let work = trace::log_as_step(&id, instance.is_secret(), instance.run());
            names.insert(tasks.spawn(work).id(), id);
        }
        let joined = tokio::select! {
            biased;
            joined = tasks.join_next_with_id() => joined,
            () = run.context.gates.slot_freed() => continue,
        };
        let Some(joined) = joined else { break };
        match joined {
            Ok((task, (id, end))) => {
                names.remove(&task);
                if let Err(error) = dispatcher.ended(id, end) {
                    hear_answers(run, &mut tasks).await;
                    return Err(error);
                }
            }
            Err(error) => {
                // After a panic in one step the writes of other steps still have to be completed.
                let Some(id) = names.remove(&error.id()) else { continue };
                let about = super::context::About::default();
                let words = format!("a bug in plan: {error}");
                let error = run.context.error(&about, EffectKnown::Unknown, ErrorClass::Internal, words);
                run.context.events.emit(Event::StepFailed { instance: id.clone(), error: error.clone() });
                dispatcher.ended(id, InstanceEnd::Interrupted(Interruption::Failed(error)))?;
            }
        }
    }
    Ok(dispatcher.finish())
}

/// The record cannot be written: lets the steps in progress hear the answers to their requests. What these made is on
/// no record, but the journal knows it.
async fn hear_answers(run: &Run, tasks: &mut JoinSet<(InstanceId, InstanceEnd)>) {
    run.stopper.stop(Stop::RecordLost);
    while tasks.join_next().await.is_some() {}
}

struct Dispatcher<'r> {
    run: &'r Arc<Run>,
    nodes: Vec<Node>,
    /// Which steps are ready.
    ready: ReadyQueue,
    /// Instances that are ready to start.
    queue: VecDeque<Instance>,
    /// What was on record when the first step was not reached.
    existing: OnceCell<HashMap<StepId, Vec<InstanceId>>>,
    done: Dispatched,
}

/// The state of one step.
#[derive(Default)]
struct Node {
    /// Steps that have not ended and outputs that may read its value.
    readers: usize,
    chosen: bool,
    /// All instances of the step are selected, not only single ones.
    whole: bool,
    /// The number of instances that have not ended.
    running: usize,
    /// The keys in order, and the values of instances that are done.
    keys: Vec<Option<String>>,
    values: HashMap<Option<String>, Value>,
    for_each: bool,
    /// Why the step has no result.
    broken: Option<Broken>,
}

#[derive(Clone)]
enum Broken {
    By(InstanceId),
    /// Its work goes on after the end of this run.
    Unfinished(InstanceId),
    Stopped(Stop),
}

impl<'r> Dispatcher<'r> {
    fn new(run: &'r Arc<Run>) -> Self {
        let steps = &run.plan.steps;
        let after: Vec<Vec<usize>> = steps
            .values()
            .map(|step| step.after.iter().filter_map(|earlier| steps.get_index_of(earlier)).collect())
            .collect();
        let mut dispatcher = Self {
            run,
            nodes: steps.values().map(|_| Node::default()).collect(),
            ready: ReadyQueue::new(&after),
            queue: VecDeque::new(),
            existing: OnceCell::new(),
            done: Dispatched::default(),
        };
        dispatcher.count_readers();
        dispatcher.choose();
        dispatcher
    }

    /// A value is kept for as long as a step or an output may read it.
    fn count_readers(&mut self) {
        let plan = &self.run.plan;
        let by_steps = plan.steps.values().flat_map(|step| &step.after);
        let by_outputs = plan.outputs.values().flat_map(|output| output.value.references());
        for step in by_steps.chain(by_outputs.map(|reference| &reference.step)) {
            if let Some(at) = plan.steps.get_index_of(step) {
                self.nodes[at].readers += 1;
            }
        }
    }

    /// `--target`: those and what they come after; all steps otherwise.
    fn choose(&mut self) {
        let plan = &self.run.plan;
        let target = &self.run.options.target;
        let mut stack: Vec<(usize, bool)> = if target.is_empty() {
            (0..self.nodes.len()).map(|index| (index, true)).collect()
        } else {
            let named = target.steps().filter_map(|step| Some((plan.steps.get_index_of(step)?, step)));
            named.map(|(index, step)| (index, target.takes_whole(step))).collect()
        };
        while let Some((index, whole)) = stack.pop() {
            self.nodes[index].whole |= whole;
            if !std::mem::replace(&mut self.nodes[index].chosen, true) {
                let earlier = plan.steps[index].after.iter().filter_map(|step| plan.steps.get_index_of(step));
                stack.extend(earlier.map(|index| (index, true)));
            }
        }
        let in_part = self.nodes.iter().zip(plan.steps.keys()).filter(|(node, _)| node.chosen && !node.whole);
        self.done.in_part = in_part.map(|(_, step)| step.clone()).collect();
    }

    /// The next instance that can start now.
    fn next(&mut self) -> Option<Instance> {
        loop {
            if let Some(instance) = self.queue.pop_front() {
                return Some(instance);
            }
            let index = self.ready.take()?;
            self.open(index);
        }
    }

    /// A step is ready: determines its instances.
    fn open(&mut self, index: usize) {
        let step = &self.run.plan.steps[index];
        if !self.nodes[index].chosen {
            return self.close(index);
        }
        let earlier = step.after.iter().filter_map(|earlier| self.run.plan.steps.get_index_of(earlier));
        let broken = earlier.filter_map(|at| self.nodes[at].broken.clone()).next();
        let stopped = self.run.context.stopped.now().map(Broken::Stopped);
        if let Some(broken) = broken.or(stopped) {
            return self.skip(index, broken);
        }
        let earlier = step.after.iter();
        let values =
            ordered_map(earlier.filter_map(|earlier| Some((earlier.clone(), self.done.values.get(earlier)?.clone()))));
        let each = match &step.for_each {
            None => vec![None],
            Some(template) => match elements(template, &self.run.surroundings(&values, None).scope()) {
                Ok(elements) => elements.into_iter().map(Some).collect(),
                Err(error) => {
                    let error = self.run.template_error(&error);
                    return self.fail(index, error);
                }
            },
        };
        let each = match self.selected(index, each) {
            Ok(each) => each,
            Err(error) => return self.fail(index, error),
        };
        if step.for_each.is_some() {
            self.run.context.events.emit(Event::StepExpanded { step: step.id.clone(), instances: each.len() });
        }
        self.report_shifted(index, &each, &values);
        let node = &mut self.nodes[index];
        node.for_each = step.for_each.is_some();
        node.running = each.len();
        node.keys = each.iter().map(|each| each.as_ref().map(|each| each.key.clone())).collect();
        let is_read = node.readers > 0;
        let values = Arc::new(values);
        for each in each {
            let instance = Instance { run: self.run.clone(), step: index, each, values: values.clone(), is_read };
            // What a step made before it became a read is no longer part of the plan.
            if !decide::reads(instance.step()) {
                self.done.instances.insert(instance.id());
            }
            self.queue.push_back(instance);
        }
        if self.nodes[index].running == 0 {
            self.close(index);
        }
    }

    /// Warns when a list lost an element in its middle, before all later elements are changed.
    fn report_shifted(&self, index: usize, each: &[Option<Each>], values: &BTreeMap<StepId, minijinja::Value>) {
        let step = &self.run.plan.steps[index];
        let recorded = |status: &Status| decide::recorded_of(status, &step.id);
        if step.for_each.is_none() || self.run.context.journal.with_status(recorded) <= each.len() {
            return;
        }
        let calls: Vec<(InstanceId, RecordedCall)> = each
            .iter()
            .flatten()
            .filter_map(|each| {
                let surroundings = self.run.surroundings(values, Some(each));
                let rendered = surroundings.render(&CallParts::of_step(step), None).ok()?;
                Some((InstanceId::new(step.id.clone(), Some(each.key.clone())), rendered.recorded.into_owned()))
            })
            .collect();
        let calls = calls.iter().map(|(instance, call)| (instance, call));
        if let Some(first) = self.run.context.journal.with_status(|status| decide::shifted(status, calls)) {
            self.run.context.warn(decide::shifted_words(&first, &self.run.context.settings.record_flags));
        }
    }

    /// The instances of a step that `--target` selects, where it names single ones.
    fn selected(&self, index: usize, each: Vec<Option<Each>>) -> Result<Vec<Option<Each>>, StepError> {
        let step = &self.run.plan.steps[index];
        let keys: Vec<&str> = each.iter().flatten().map(|each| each.key.as_str()).collect();
        let options = &self.run.options;
        let named = options.target.keys_of(&step.id).chain(options.replace.keys_of(&step.id));
        if let Some(missing) = no_instance(&step.id, named, &keys) {
            let about = About { call: None, place: Some(self.run.plan_span(step.id_span)) };
            let mut error =
                self.run.context.error(&about, EffectKnown::NotApplied, ErrorClass::Template, missing.message);
            error.help.push(missing.help);
            return Err(error);
        }
        if self.nodes[index].whole {
            return Ok(each);
        }
        let key = |each: &Option<Each>| each.as_ref().map(|each| each.key.clone());
        let chosen = |one: &Option<Each>| options.target.covers(&InstanceId::new(step.id.clone(), key(one)));
        Ok(each.into_iter().filter(chosen).collect())
    }

    fn fail(&mut self, index: usize, error: StepError) {
        let instance = InstanceId::new(self.run.plan.steps[index].id.clone(), None);
        self.run.context.events.emit(Event::StepFailed { instance: instance.clone(), error: error.clone() });
        self.nodes[index].broken = Some(Broken::By(instance.clone()));
        self.done.outcomes.push((instance, Outcome::Failed(Box::new(error))));
        self.close(index);
    }

    fn skip(&mut self, index: usize, broken: Broken) {
        let instance = InstanceId::new(self.run.plan.steps[index].id.clone(), None);
        let reason = match &broken {
            Broken::By(step) => SkipReason::Dependency { step: step.clone() },
            Broken::Unfinished(step) => SkipReason::NotStarted { why: format!("`{step}` is not done") },
            Broken::Stopped(stop) => SkipReason::NotStarted { why: stop.words().to_owned() },
        };
        self.report_existing(&instance.step);
        self.run.context.events.emit(Event::StepSkipped { instance: instance.clone(), reason });
        self.nodes[index].broken = Some(broken);
        self.done.outcomes.push((instance, Outcome::NotStarted));
        self.close(index);
    }

    /// Tells what earlier runs made of a step that this run does not reach.
    fn report_existing(&self, step: &StepId) {
        let by_step = |status: &Status| {
            let mut by_step: HashMap<StepId, Vec<InstanceId>> = HashMap::default();
            for (instance, _) in status.existing() {
                by_step.entry(instance.step.clone()).or_default().push(instance.clone());
            }
            by_step
        };
        let by_step = self.existing.get_or_init(|| self.run.context.journal.with_status(by_step));
        by_step.get(step).into_iter().flatten().for_each(|instance| self.run.emit_existing(instance));
    }

    /// Handles the end of an instance.
    fn ended(&mut self, id: InstanceId, end: InstanceEnd) -> Result<(), JournalError> {
        let Some(index) = self.run.plan.steps.get_index_of(&id.step) else { return Ok(()) };
        let mut broken = None;
        let outcome = match end {
            InstanceEnd::Done { value, reused } => {
                self.nodes[index].values.extend(value.map(|value| (id.key.as_deref().map(str::to_owned), value)));
                Outcome::Done { reused }
            }
            InstanceEnd::Skipped => {
                // With a false `when` the instance is no longer part of the plan.
                self.done.instances.remove(&id);
                Outcome::Skipped
            }
            InstanceEnd::Interrupted(Interruption::Journal(error)) => return Err(error),
            InstanceEnd::Interrupted(Interruption::Stopped(stop)) => {
                broken = Some(Broken::Stopped(stop));
                let reason = SkipReason::NotStarted { why: stop.words().to_owned() };
                self.run.emit_existing(&id);
                self.run.context.events.emit(Event::StepSkipped { instance: id.clone(), reason });
                Outcome::NotStarted
            }
            InstanceEnd::Interrupted(why) => {
                let goes_on = matches!(why, Interruption::StillWaiting { .. });
                broken = Some(if goes_on { Broken::Unfinished(id.clone()) } else { Broken::By(id.clone()) });
                Outcome::of(why)
            }
        };
        if matches!(outcome, Outcome::Failed(_) | Outcome::Unknown(_)) {
            self.failed(&outcome);
        }
        self.done.outcomes.push((id, outcome));
        let node = &mut self.nodes[index];
        node.running -= 1;
        node.broken = node.broken.take().or(broken);
        if node.running == 0 {
            self.close(index);
        }
        Ok(())
    }

    /// Stops the run after a failure, with `--fail-fast` or when the API will accept no further call.
    fn failed(&self, outcome: &Outcome) {
        let not_allowed = matches!(outcome, Outcome::Failed(error) if error.status == Some(401));
        let shut = self.run.context.client.shut().or(not_allowed.then_some(Shut::Key));
        match shut {
            Some(shut) => self.run.stopper.stop(Stop::Shut(shut)),
            None if self.run.options.fail_fast => self.run.stopper.stop(Stop::NoNewSteps),
            None => {}
        }
    }

    /// Handles the end of a step: its dependants may be ready now.
    fn close(&mut self, index: usize) {
        let id = self.run.plan.steps[index].id.clone();
        let node = &mut self.nodes[index];
        if node.broken.is_none() && node.chosen && node.readers > 0 {
            let mut values = std::mem::take(&mut node.values);
            let value = if node.for_each {
                let done: Vec<(String, Value)> =
                    node.keys.iter().filter_map(|key| Some((key.clone()?, values.remove(key)?))).collect();
                each_value(&done)
            } else {
                values.remove(&None).map_or_else(skipped_step, |value| value_of(&value))
            };
            self.done.values.insert(id, value);
        }
        for earlier in &self.run.plan.steps[index].after {
            let Some(at) = self.run.plan.steps.get_index_of(earlier) else { continue };
            self.nodes[at].readers -= 1;
            if self.nodes[at].readers == 0 {
                self.done.values.remove(earlier);
            }
        }
        self.ready.done(index);
    }

    fn finish(mut self) -> Dispatched {
        let steps = &self.run.plan.steps;
        sort_by_key(&mut self.done.outcomes, |(id, _)| steps.get_index_of(&id.step));
        self.done
    }
}
