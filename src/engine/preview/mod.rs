//! What a run would do, decided from the plan and the record. No request is made, but answers that were read
//! beforehand can be given ([`Reads`]).
//!
//! Values that depend on a step whose result is not known yet are shown as *(known after `step`)* and count as
//! changed. Values that only have to be read (the answer of a GET, `.resource`) are shown as *(known after reading
//! `step`)* and are assumed to be unchanged.

mod action;
mod adoption;
mod continued;
mod reads;
mod tally;
mod together;
mod unknown;
mod values;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::amend::{Amendment, amendment};
use super::context::Settings;
use super::counts::{NoInstance, no_instance};
use super::decide::{self, ChangeKind, Decision, Wanted};
use super::holder::{WOULD_CHANGE, former_holder, held_words, rename_help};
use super::refresh::recovered;
use super::render::{CallParts, RenderContext, elements, step_value};
use super::results;
use super::update::{Difference, in_form_of};
use crate::catalog::Catalog;
use crate::hash::HashSet;
use crate::id::{InstanceId, StepId};
use crate::journal::{InstanceStatus, RecordedCall, Status, StepResult};
use crate::plan::{Graph, OnChange, Plan, Selection, Step, Undo};
use crate::secret::Secrets;
use crate::source::Span;
use crate::template::{Each, TemplateError, value_of};
use action::{makes_new_resource, will_send};
use continued::OfPlan;
use unknown::{KnownValues, UnknownBecause, accepted};

pub use action::{Action, Change};
pub use reads::Reads;
pub use tally::{ChangeCounts, Symbol};

/// The `find` of a GET step.
enum Find {
    Nothing,
    One(Value),
    /// Its fields are known only later.
    Later,
}

/// The data that a preview is computed from.
pub struct Preview<'a> {
    pub plan: &'a Plan,
    pub catalog: &'a Catalog,
    pub settings: &'a Settings,
    pub secrets: &'a Secrets,
    pub digest_key: &'a [u8],
    pub inputs: &'a BTreeMap<String, minijinja::Value>,
    /// `None` when there is no record.
    pub status: Option<&'a Status>,
    pub replace: &'a Selection,
    /// Only these steps and what they depend on; all steps when empty.
    pub target: &'a Selection,
    pub prune: bool,
    /// Answers that were read beforehand.
    pub reads: &'a Reads,
}

impl Preview<'_> {
    /// What a run would do, in plan order; and the reads with which the preview would be more exact.
    pub fn changes(&self) -> (Vec<Change>, Vec<RecordedCall>) {
        let moves = self.status.map(|status| decide::moves(status, &self.plan.moved)).unwrap_or_default();
        let Some(status) = self.status.filter(|_| !moves.is_empty()) else { return self.changes_of_record() };
        let mut moved = status.clone();
        for record in moves {
            // Records that came from the status itself can be applied to it.
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
        let mut known = KnownValues::default();
        known.orphans = orphans;
        let mut by_step: BTreeMap<usize, Vec<Change>> = BTreeMap::new();
        for id in graph.order() {
            if chosen(id) {
                let whole = self.target.is_empty() || earlier.contains(id);
                let mut changes = self.step(&self.plan.steps[id], &mut known);
                // About a step whose instances are not known yet.
                let is_of_all =
                    |change: &Change| change.instance.key.is_none() && self.plan.steps[id].for_each.is_some();
                changes.retain(|change| whole || is_of_all(change) || self.target.covers(&change.instance));
                by_step.insert(self.plan.steps.get_index_of(id).unwrap_or_default(), changes);
            }
        }
        let mut changes: Vec<Change> = by_step.into_values().flatten().collect();
        if self.target.is_empty() {
            changes.extend(self.gone(&changes, &known));
        }
        let is_gone = |change: &Change| {
            let is_recorded = |known: &InstanceStatus| known.may_exist() || known.is_gone();
            change.action == Action::Skip && self.recorded(&change.instance).is_some_and(is_recorded)
        };
        changes.retain(|change| !is_gone(change));
        (changes, known.wanted)
    }

    fn surroundings<'s>(&'s self, known: &'s KnownValues, each: Option<&'s Each>) -> RenderContext<'s> {
        RenderContext {
            settings: self.settings,
            secrets: self.secrets,
            digest_key: self.digest_key,
            folder: &self.plan.folder as &Path,
            body_files: &self.plan.body_files,
            inputs: self.inputs,
            steps: &known.values,
            each,
        }
    }

    fn step(&self, step: &Step, known: &mut KnownValues) -> Vec<Change> {
        known.uses_resource = step.uses_resource;
        let changes = self.instances(step, known);
        let changes_something = |change: &Change| change.is_pending() && !matches!(change.action, Action::Amend { .. });
        if changes.iter().any(changes_something) || known.unsettled_among(&step.after).next().is_some() {
            known.unsettled.insert(step.id.clone());
        }
        let creates = step.operation.as_ref().is_some_and(|operation| operation.creates.is_some());
        if creates && changes.iter().any(|change| makes_new_resource(&change.action)) {
            known.note_remade(&step.id);
        }
        changes
    }

    fn instances(&self, step: &Step, known: &mut KnownValues) -> Vec<Change> {
        let plain = InstanceId::new(step.id.clone(), None);
        let each = match &step.for_each {
            None => vec![None],
            Some(template) => {
                if let Some((why, on)) = known.unknown_in(template.references()) {
                    known.mark_unknown(&step.id, why);
                    return vec![self.depends(plain, why, on)];
                }
                match elements(template, &self.surroundings(known, None).scope()) {
                    Ok(elements) if let Some(missing) = self.missing(step, &elements) => {
                        known.mark_unknown(&step.id, UnknownBecause::Change);
                        let action = self.failing(&missing.message, step.id_span, [missing.help]);
                        return vec![Change { instance: plain, action, call: None }];
                    }
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

    /// An instance that `--target` or `--replace` names and that the step does not have.
    fn missing(&self, step: &Step, elements: &[Each]) -> Option<NoInstance> {
        let keys: Vec<&str> = elements.iter().map(|each| each.key.as_str()).collect();
        no_instance(&step.id, self.target.keys_of(&step.id).chain(self.replace.keys_of(&step.id)), &keys)
    }

    /// The change of an instance whose existence depends on other steps. Where these only have to be read, the
    /// decision of an earlier run is assumed to hold.
    fn depends(&self, instance: InstanceId, why: UnknownBecause, on: Vec<StepId>) -> Change {
        let mut recorded = self.status.into_iter().flat_map(|status| status.instances.keys());
        let decided = recorded.any(|other| other.step == instance.step);
        Change { instance, action: Action::Depends { on, read: why == UnknownBecause::Reading && decided }, call: None }
    }

    fn recorded(&self, instance: &InstanceId) -> Option<&InstanceStatus> {
        self.status?.instances.get(instance).map(|known| &**known)
    }

    /// What a run would do about one instance, and the instance's value where it is known without a request.
    fn instance(
        &self,
        step: &Step,
        id: InstanceId,
        each: Option<&Each>,
        known: &mut KnownValues,
    ) -> (Change, Option<Value>) {
        if let Some(change) = self.without_call(step, &id, each, known) {
            return (change, None);
        }
        let call = known.render(&CallParts::of_step(step), &step.after, &self.surroundings(known, each), None);
        let call = match call {
            Ok(call) => call,
            Err(error) => return (self.wrong(id, &error, known), None),
        };
        let (action, value) = match known.replaced.get(&id).cloned() {
            Some(cause) => (self.replaced_with(&id, step, &call, cause), None),
            None => {
                let update = self.update_call(step, &id, each, known);
                let undo = self.undo_of_action(step, &id, &call, each, known);
                let find = self.find_of(step, each, known);
                self.action(step, &id, &call, &find, known, OfPlan { update, undo })
            }
        };
        let action = match action {
            Action::Adopt { .. } => self.adoption(step, &id, each, &call, known),
            Action::Keep if let Some(value) = &value => {
                self.not_ready(step, each, value, known).unwrap_or(Action::Keep)
            }
            action => action,
        };
        let action = self.with_dependants(&id, self.amended(step, &id, each, action, known), known);
        known.note_changed(&id, &action, &call);
        let value = match action.change() {
            // It stays as it is.
            Action::Change { blocker: Some(_), .. } => {
                self.recorded(&id).and_then(|known| Some(step_value(known.result.as_ref()?, None)))
            }
            _ => value,
        };
        let is_under_way = matches!(action, Action::Continue { then: None, .. });
        if value.is_none() && !step.wait.skip && (is_under_way || will_send(action.change())) {
            known.note_ahead(&id, &results::result_of_answer(step.operation.as_deref(), &call, 0, Value::Null));
        }
        (Change { instance: id, action, call: Some(call) }, value)
    }

    /// The change of an instance that `when` keeps from its call, or about which `when` cannot tell yet.
    fn without_call(
        &self,
        step: &Step,
        id: &InstanceId,
        each: Option<&Each>,
        known: &mut KnownValues,
    ) -> Option<Change> {
        let when = step.when.as_ref()?;
        if let Some((why, on)) = known.unknown_in(when.references()) {
            return Some(self.depends(id.clone(), why, on));
        }
        let holds = when.is_true(&self.surroundings(known, each).scope());
        match holds {
            Ok(true) => None,
            Ok(false) => Some(Change { instance: id.clone(), action: Action::Skip, call: None }),
            Err(error) => Some(self.wrong(id.clone(), &error, known)),
        }
    }

    /// Adds to an action what else of the plan changed (undo, ownership, dependencies), for an instance whose resource
    /// stays.
    fn amended(
        &self,
        step: &Step,
        id: &InstanceId,
        each: Option<&Each>,
        mut action: Action,
        known: &KnownValues,
    ) -> Action {
        let Some(recorded) = self.recorded(id) else { return action };
        let amendment = || amendment(self.catalog, step, recorded, &self.surroundings(known, each));
        match action {
            Action::Keep => match amendment() {
                amendment if amendment.is_empty() => Action::Keep,
                Amendment { mut fields, said, drift, .. } => {
                    fields.extend(drift);
                    Action::Amend { fields, said }
                }
            },
            Action::Change { how: how @ (ChangeKind::Update | ChangeKind::Ignore), ref mut fields, .. } => {
                let amendment = amendment();
                fields.extend(amendment.fields);
                fields.extend(amendment.drift.into_iter().filter(|_| how == ChangeKind::Ignore));
                action
            }
            action => action,
        }
    }

    fn action(
        &self,
        step: &Step,
        id: &InstanceId,
        call: &RecordedCall,
        find: &Find,
        asked: &mut KnownValues,
        plan: OfPlan,
    ) -> (Action, Option<Value>) {
        let recovered = self.status.and_then(|status| recovered(self.catalog, status, id, call));
        let recorded = recovered.as_ref().or_else(|| self.recorded(id));
        // The run records the plan's form first.
        let reformed = recorded.filter(|_| recovered.is_none());
        let reformed = reformed.and_then(|known| in_form_of(known, call, self.digest_key));
        let recorded = reformed.as_ref().or(recorded);
        let nothing = InstanceStatus::default();
        let known = recorded.unwrap_or(&nothing);
        let Difference { kind, split } = Difference::of(self.catalog, step, known, call, None);
        let orphan = asked.orphans.contains(id);
        let wanted = Wanted::of(step, self.replace.covers(id), orphan, recovered.is_some());
        let on: Vec<StepId> = asked.unsettled_among(&step.after).cloned().collect();
        match decide::instance(&wanted, recorded, kind) {
            // What is there now is not what the run will read.
            Decision::Read if !on.is_empty() => {
                let looks_up = !matches!(find, Find::Nothing);
                (if looks_up { Action::Depends { on, read: false } } else { Action::Read }, None)
            }
            Decision::Read => self.read(step, call, find, asked),
            Decision::Call if step.adopt.is_some() => (Action::Adopt { then: None }, None),
            Decision::Call => (self.refused_as_held(step, id, call).unwrap_or(Action::Call), None),
            Decision::Reuse => (Action::Keep, self.recorded_value(step, known, asked)),
            // The step is done then.
            Decision::Wait if step.wait.skip && self.is_done_once_accepted(known) => {
                (Action::Keep, recorded.and_then(accepted))
            }
            Decision::Resolve | Decision::Wait => {
                let phase = known.phase.name().to_owned();
                let (then, value) = self.after_pending(step, known, call, orphan, plan, asked);
                (Action::Continue { phase, then: then.map(Box::new) }, value)
            }
            Decision::Clear => {
                let left = known.made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary));
                (Action::Retry { left: left.filter(|left| left.undo.is_some()).cloned().collect() }, None)
            }
            Decision::Change(how) => {
                let calls = plan.calls(self.catalog, known, call, how, orphan);
                self.changed_value(step, known, call, (how, split), calls, asked)
            }
        }
    }

    /// The call of `on_change: update`, as far as its values are known.
    fn update_call(
        &self,
        step: &Step,
        id: &InstanceId,
        each: Option<&Each>,
        known: &KnownValues,
    ) -> Option<RecordedCall> {
        let Some(OnChange::Update(template)) = &step.on_change else { return None };
        let own = value_of(&step_value(self.recorded(id)?.result.as_ref()?, None));
        let parts = CallParts::of_template(template, step);
        known.render(&parts, &step.after, &self.surroundings(known, each), Some(&own)).ok()
    }

    /// The undo of an action that is on record with one, as far as its values are known.
    fn undo_of_action(
        &self,
        step: &Step,
        id: &InstanceId,
        call: &RecordedCall,
        each: Option<&Each>,
        known: &KnownValues,
    ) -> Option<RecordedCall> {
        let (Undo::Call(template), Some(operation)) = (&step.undo, &step.operation) else { return None };
        if operation.creates.is_some() || self.recorded(id).is_none_or(|known| known.made.is_empty()) {
            return None;
        }
        let result = StepResult { response: None, ..results::result_of_answer(Some(operation), call, 0, Value::Null) };
        let own = value_of(&step_value(&result, None));
        let parts = CallParts { headers: None, ..CallParts::of_template(template, step) };
        known.render(&parts, &step.after, &self.surroundings(known, each), Some(&own)).ok()
    }

    /// The failure of a call that would change what a former step has on record.
    fn refused_as_held(&self, step: &Step, id: &InstanceId, call: &RecordedCall) -> Option<Action> {
        let holder = former_holder(self.plan, self.status?, id, step.operation.as_deref(), call)?;
        let help = rename_help(self.plan, &self.settings.record_flags, &holder, id);
        Some(self.failing(&held_words(WOULD_CHANGE, &holder), step.call.span, Some(help)))
    }

    fn wrong(&self, instance: InstanceId, error: &TemplateError, known: &mut KnownValues) -> Change {
        known.mark_unknown(&instance.step, UnknownBecause::Change);
        let action = self.failing(&error.message, error.span, error.help.clone());
        Change { instance, action, call: None }
    }

    /// What makes a run fail, with its place.
    fn failing(&self, message: &str, span: Span, help: impl IntoIterator<Item = String>) -> Action {
        let redacted = |text: &str| self.secrets.redact(text).into_owned();
        Action::Wrong {
            message: redacted(message),
            at: self.plan.source.shown(span.start()),
            help: help.into_iter().map(|help| redacted(&help)).collect(),
        }
    }
}
