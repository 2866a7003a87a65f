//! What a run would do, against the record: no request is made.
//!
//! A step whose results are not known yet makes those parts of other calls unknown that refer to it; they are shown as
//! *(known after `step`)* and count as changed. What only has to be read (the answer of a GET, `.resource`) is taken to be
//! what it was: it is shown as *(known after reading `step`)*, and by itself is no change.

mod later;
mod reads;
mod tally;
mod unknown;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::change::{conceal, differences};
use super::context::Settings;
use super::decide::{self, ChangeKind, Decision, Wanted, removal};
use super::find::looked_up;
use super::render::{Surroundings, elements, step_value};
use super::results;
use super::update::{Difference, Forced, named_anew, wanted_call};
use crate::catalog::Catalog;
use crate::id::{InstanceId, StepId};
use crate::journal::{InstanceStatus, RecordedCall, RecordedResource, Status, StepResult};
use crate::plan::{Graph, OnChange, Plan, Selection, Step};
use crate::secret::Secrets;
use crate::template::{Each, TemplateError};
use unknown::{Known, Why};

pub use later::{holds_later, is_known_later, is_unread};
pub use reads::{Reads, object_of};
pub use tally::{Symbol, Tally};

/// What would happen to one instance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    pub instance: InstanceId,
    #[serde(flatten)]
    pub action: Action,
    /// The call, with secrets hidden and unknown parts named.
    pub call: Option<RecordedCall>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// The call is made.
    Call,
    /// Something that exists is taken over in its place.
    Adopt,
    /// It changes nothing, and is made every time.
    Read,
    /// Nothing: the record agrees.
    Keep,
    /// An earlier run began it; this one brings it to its end.
    Continue { phase: String },
    /// Something of an earlier attempt is removed, and the call made again.
    Retry,
    /// The recorded call differs.
    Change {
        how: ChangeKind,
        /// What differs: `body/name: `a` → `b``.
        fields: Vec<String>,
        /// What is called to change it in place.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        calls: Vec<RecordedCall>,
        /// What only a new thing has, and why.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        forced: Vec<Forced>,
    },
    /// `when` is false.
    Skip,
    /// Whether, or how often, it happens is known only later. `read`: once something has been read, and an earlier run has
    /// done it already: it is taken to stay as it is.
    Depends { on: Vec<StepId>, read: bool },
    /// No longer in the plan. `pruned`: this run takes it down; `stays_for`: it would, but for what was made from it and
    /// stays.
    Gone {
        pruned: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        stays_for: Option<InstanceId>,
        made: Vec<RecordedResource>,
    },
    /// Its templates cannot be evaluated.
    Wrong { message: String },
}

impl Change {
    /// A run would write something, or stop, because of it.
    pub fn is_pending(&self) -> bool {
        match &self.action {
            Action::Read | Action::Keep | Action::Skip => false,
            Action::Gone { pruned, stays_for, .. } => *pruned || stays_for.is_some(),
            Action::Change { how, .. } => *how != ChangeKind::Ignore,
            Action::Depends { read, .. } => !read,
            Action::Call | Action::Adopt | Action::Continue { .. } | Action::Retry | Action::Wrong { .. } => true,
        }
    }
}

/// What a step looks for in what it reads.
enum Find {
    Nothing,
    One(Value),
    /// It is known only later.
    Later,
}

/// Everything a preview needs to know.
pub struct Preview<'a> {
    pub plan: &'a Plan,
    pub catalog: &'a Catalog,
    pub settings: &'a Settings,
    pub secrets: &'a Secrets,
    pub digest_key: &'a [u8],
    pub inputs: &'a BTreeMap<String, minijinja::Value>,
    /// `None`: nothing is on record.
    pub status: Option<&'a Status>,
    pub replace: &'a Selection,
    /// Only these, and what they come after; all when there are none.
    pub target: &'a Selection,
    pub prune: bool,
    /// What was read so far.
    pub reads: &'a Reads,
}

impl Preview<'_> {
    /// What a run would do, step by step in the order of the plan; and the reads that would tell more.
    pub fn changes(&self) -> (Vec<Change>, Vec<RecordedCall>) {
        let moves = self.status.map(|status| decide::moves(status, &self.plan.moved)).unwrap_or_default();
        let Some(status) = self.status.filter(|_| !moves.is_empty()) else { return self.changes_of_record() };
        let mut moved = status.clone();
        for record in moves {
            // What was read off a record follows it.
            let _ = moved.apply(status.updated, record);
        }
        Preview { status: Some(&moved), ..*self }.changes_of_record()
    }

    fn changes_of_record(&self) -> (Vec<Change>, Vec<RecordedCall>) {
        let graph = Graph::of(self.plan);
        let earlier: HashSet<&StepId> = self.target.steps().flat_map(|step| graph.all_dependencies(step)).collect();
        let chosen =
            |id: &StepId| self.target.is_empty() || earlier.contains(id) || self.target.steps().any(|step| step == id);
        let orphans = self.status.map(decide::orphans).unwrap_or_default();
        let mut known = Known::default();
        known.orphans = orphans;
        let mut by_step: BTreeMap<usize, Vec<Change>> = BTreeMap::new();
        for id in graph.order() {
            if chosen(id) {
                let whole = self.target.is_empty() || earlier.contains(id);
                let mut changes = self.step(&self.plan.steps[id], &mut known);
                changes.retain(|change| whole || self.target.covers(&change.instance));
                by_step.insert(self.plan.steps.get_index_of(id).unwrap_or_default(), changes);
            }
        }
        let mut changes: Vec<Change> = by_step.into_values().flatten().collect();
        if self.target.is_empty() {
            changes.extend(self.gone(&changes));
        }
        let is_gone = |change: &Change| {
            change.action == Action::Skip && self.recorded(&change.instance).is_some_and(InstanceStatus::may_exist)
        };
        changes.retain(|change| !is_gone(change));
        (changes, known.wanted)
    }

    fn surroundings<'s>(&'s self, known: &'s Known, each: Option<&'s Each>) -> Surroundings<'s> {
        Surroundings {
            settings: self.settings,
            secrets: self.secrets,
            digest_key: self.digest_key,
            folder: &self.plan.folder as &Path,
            inputs: self.inputs,
            steps: &known.values,
            each,
        }
    }

    fn step(&self, step: &Step, known: &mut Known) -> Vec<Change> {
        let plain = InstanceId::new(step.id.clone(), None);
        let each = match &step.for_each {
            None => vec![None],
            Some(template) => {
                if let Some((why, on)) = known.unknown_in(template.references()) {
                    known.forget(&step.id, why);
                    return vec![self.depends(plain, why, on)];
                }
                match elements(template, &self.surroundings(known, None).scope()) {
                    Ok(elements) => elements.into_iter().map(Some).collect(),
                    Err(error) => return vec![self.wrong(plain, &error, known)],
                }
            }
        };
        let mut changes = Vec::new();
        let mut values = Vec::new();
        for each in each {
            let id = InstanceId::new(step.id.clone(), each.as_ref().map(|each| each.key.clone()));
            let (change, value) = self.instance(step, id, each.as_ref(), known);
            if change.action != Action::Skip {
                values.push((change.instance.clone(), value));
            }
            changes.push(change);
        }
        known.learn(step, values, decide::reads(step));
        changes
    }

    /// Whether it happens, or how often, is known only later. What is read is taken to be what it was when an earlier run
    /// decided.
    fn depends(&self, instance: InstanceId, why: Why, on: Vec<StepId>) -> Change {
        let mut recorded = self.status.into_iter().flat_map(|status| status.instances.keys());
        let decided = recorded.any(|other| other.step == instance.step);
        Change { instance, action: Action::Depends { on, read: why == Why::Reading && decided }, call: None }
    }

    fn recorded(&self, instance: &InstanceId) -> Option<&InstanceStatus> {
        self.status?.instances.get(instance).map(|known| &**known)
    }

    /// One instance: what happens to it, and its value where that is known without a request.
    fn instance(&self, step: &Step, id: InstanceId, each: Option<&Each>, known: &mut Known) -> (Change, Option<Value>) {
        let surroundings = self.surroundings(known, each);
        if let Some(when) = &step.when {
            if let Some((why, on)) = known.unknown_in(when.references()) {
                return (self.depends(id, why, on), None);
            }
            match when.is_true(&surroundings.scope()) {
                Ok(true) => {}
                Ok(false) => return (Change { instance: id, action: Action::Skip, call: None }, None),
                Err(error) => return (self.wrong(id, &error, known), None),
            }
        }
        let call = match known.render(step, &surroundings) {
            Ok(call) => call,
            Err(error) => return (self.wrong(id, &error, known), None),
        };
        let find = match &step.find {
            Some(find) if known.unknown_in(find.references()).is_some() => Find::Later,
            Some(find) => {
                match find.evaluate(&surroundings.scope()).ok().and_then(|find| self.secrets.reveal(&find).ok()) {
                    Some(find) => Find::One(find),
                    None => Find::Later,
                }
            }
            None => Find::Nothing,
        };
        let (action, value) = self.action(step, &id, &call, &find, known);
        (Change { instance: id, action, call: Some(call) }, value)
    }

    fn action(
        &self,
        step: &Step,
        id: &InstanceId,
        call: &RecordedCall,
        find: &Find,
        asked: &mut Known,
    ) -> (Action, Option<Value>) {
        let recorded = self.recorded(id);
        let nothing = InstanceStatus::default();
        let known = recorded.unwrap_or(&nothing);
        let Difference { kind, split } = Difference::of(self.catalog, step, known, call, None);
        let orphan = asked.orphans.contains(id);
        let wanted = Wanted::of(step, self.replace.covers(id), orphan);
        let mut object = |result: &StepResult| {
            let wanted = step.resource_used || step.ready.condition().is_some();
            let read = known.agrees.as_ref().filter(|_| wanted).and_then(|made| object_of(made, result))?;
            self.reads.asked(&read, &mut asked.wanted).map(|(_, value)| self.conceal(step, value))
        };
        let mut value = || {
            let result = known.result.as_ref()?;
            Some(step_value(result, object(result).as_ref()))
        };
        match decide::instance(&wanted, recorded, kind) {
            Decision::Read => {
                let operation = step.operation.as_deref();
                let Some((status, answer)) = self.reads.asked(call, &mut asked.wanted) else {
                    return (Action::Read, None);
                };
                let result = match find {
                    Find::Later => return (Action::Read, None),
                    Find::Nothing => results::of_answer(operation, call, status, answer),
                    Find::One(wanted) => match looked_up(operation, Catalog::embedded(), (status, answer), wanted) {
                        Ok(result) => result,
                        Err(not_one) => {
                            let words =
                                std::iter::once(not_one.message).chain(not_one.help).collect::<Vec<_>>().join("; ");
                            return (Action::Wrong { message: self.secrets.redact(&words).into_owned() }, None);
                        }
                    },
                };
                let response = result.response.as_ref().map(|answer| self.conceal(step, answer));
                let resource = response.clone().filter(|_| matches!(find, Find::One(_)));
                (Action::Read, Some(step_value(&StepResult { response, ..result }, resource.as_ref())))
            }
            Decision::Call if step.adopt.is_some() => (Action::Adopt, None),
            Decision::Call => (Action::Call, None),
            Decision::Keep => (Action::Keep, value()),
            Decision::Resolve | Decision::Wait => {
                let phase = recorded.map_or("", |known| known.phase.name()).to_owned();
                (Action::Continue { phase }, None)
            }
            Decision::Clear => (Action::Retry, None),
            Decision::Change(how) => {
                let keeps = matches!(how, ChangeKind::Ignore | ChangeKind::Update | ChangeKind::Error);
                let fields = known
                    .agrees
                    .as_ref()
                    .map(|before| differences(before, &wanted_call(before, call, &step.ignored_changes)));
                let value = match &split.calls.last().filter(|_| how == ChangeKind::Update) {
                    Some(last) => known.result.as_ref().map(|result| {
                        let object = object(result);
                        step_value(&named_anew(known.agrees.as_deref(), &last.agrees, result.clone()), object.as_ref())
                    }),
                    None => value(),
                };
                let in_place = matches!(how, ChangeKind::Update | ChangeKind::Error)
                    && !matches!(step.on_change, Some(OnChange::Error | OnChange::Update(_)));
                let calls = split.calls.into_iter().filter(|_| in_place).map(|call| call.recorded).collect();
                let change = Action::Change { how, fields: fields.unwrap_or_default(), calls, forced: split.forced };
                (change, value.filter(|_| keeps))
            }
        }
    }

    fn conceal(&self, step: &Step, answer: &Value) -> Value {
        conceal(self.secrets, answer.clone(), step.secret)
    }

    fn wrong(&self, instance: InstanceId, error: &TemplateError, known: &mut Known) -> Change {
        known.forget(&instance.step, Why::Change);
        let position = self.plan.source.position(error.span.start);
        let message = format!("{} (line {})", self.secrets.redact(&error.message), position.line);
        Change { instance, action: Action::Wrong { message }, call: None }
    }

    /// Instances on record that the plan no longer has.
    fn gone(&self, changes: &[Change]) -> Vec<Change> {
        let Some(status) = self.status else { return Vec::new() };
        let undecided = changes
            .iter()
            .filter(|change| matches!(change.action, Action::Depends { .. } | Action::Wrong { .. }))
            .map(|change| change.instance.step.clone())
            .collect();
        let present = changes.iter().filter(|change| change.action != Action::Skip);
        let present = present.map(|change| change.instance.clone()).collect();
        let gone = decide::gone(status, &present, &undecided);
        let kept = removal(status, &gone).kept;
        gone.into_iter()
            .map(|instance| {
                let known = &status.instances[&instance];
                let stays = kept.iter().find(|kept| kept.instance == instance).filter(|_| self.prune);
                let stays_for = stays.map(|kept| kept.because_of.clone());
                let pruned = self.prune && stays_for.is_none();
                let action = Action::Gone { pruned, stays_for, made: known.made.clone() };
                Change { action, call: known.agrees.as_deref().cloned(), instance }
            })
            .collect()
    }
}
