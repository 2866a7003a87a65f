//! The values that later steps see of an instance: those on record, and those after a change.

use super::reads::object_of;
use super::unknown::KnownValues;
use serde_json::Value;

use super::{Action, Find, Preview};
use crate::catalog::Catalog;
use crate::engine::conceal::conceal;
use crate::engine::find::looked_up;
use crate::engine::ready::{never_ready_help, never_ready_words, until_words};
use crate::engine::render::step_value;
use crate::engine::results;
use crate::engine::update::with_new_name;
use crate::journal::{InstanceStatus, JsonText, RecordedCall, StepResult};
use crate::plan::Step;
use crate::template::{Each, Expression, Scope, value_of};

impl Preview<'_> {
    /// What a step looks for, as far as it is known.
    pub(super) fn find_of(&self, step: &Step, each: Option<&Each>, known: &KnownValues) -> Find {
        let Some(find) = &step.find else { return Find::Nothing };
        if known.unknown_in(find.references()).is_some() {
            return Find::Later;
        }
        let wanted = find.evaluate(&self.surroundings(known, each).scope()).ok();
        wanted.and_then(|wanted| self.secrets.reveal(&wanted).ok()).map_or(Find::Later, Find::One)
    }

    /// The value of an instance as it is on record.
    pub(super) fn recorded_value(&self, step: &Step, known: &InstanceStatus, asked: &mut KnownValues) -> Option<Value> {
        let result = known.result.as_ref()?;
        let resource = self.resource_of(step, known, result, asked);
        match known.drifted_name().filter(|_| result.name.is_some()) {
            Some(name) => {
                Some(step_value(&StepResult { name: Some(name.to_owned()), ..result.clone() }, resource.as_ref()))
            }
            None => Some(step_value(result, resource.as_ref())),
        }
    }

    /// The value of an instance after an update in place; `call`: the create as it stands then.
    pub(super) fn updated_value(
        &self,
        step: &Step,
        known: &InstanceStatus,
        call: &RecordedCall,
        asked: &mut KnownValues,
    ) -> Option<Value> {
        let result = known.result.as_ref()?;
        let resource = self.resource_of(step, known, result, asked);
        Some(step_value(&with_new_name(known.agrees.as_deref(), call, result.clone()), resource.as_ref()))
    }

    /// `resource` of an instance, where templates need it and it was read.
    fn resource_of(
        &self,
        step: &Step,
        known: &InstanceStatus,
        result: &StepResult,
        asked: &mut KnownValues,
    ) -> Option<Value> {
        let wanted = step.resource_used || step.ready.condition().is_some() || step.fail_when.is_some();
        let read = known.agrees.as_ref().filter(|_| wanted).and_then(|made| object_of(made, result))?;
        self.reads.asked(&read, &mut asked.wanted).map(|(_, value)| self.conceal(step, value))
    }

    /// What a run does about an instance on record whose resource, as it was read, is not ready: it waits, or fails.
    pub(super) fn not_ready(
        &self,
        step: &Step,
        each: Option<&Each>,
        value: &Value,
        known: &KnownValues,
    ) -> Option<Action> {
        // What a read showed of a secret step is hidden from its conditions, too.
        let resource = value.get("resource").filter(|_| !step.secret)?;
        let (own, surroundings) = (value_of(value), self.surroundings(known, each));
        let scope = Scope { this: Some(&own), resource: Some(resource), ..surroundings.scope() };
        let holds = |condition: &&Expression| condition.is_true(&scope).ok();
        if let Some(fail_when) = step.fail_when.as_deref().filter(|it| holds(it) == Some(true)) {
            return Some(self.failing(&never_ready_words(fail_when), fail_when.span, [never_ready_help(&step.id)]));
        }
        let ready = step.ready.condition().filter(|it| holds(it) == Some(false))?;
        Some(Action::Continue { phase: format!("waiting until {}", until_words(ready)?), then: None })
    }

    /// A step that reads, with its value when the answer is known.
    pub(super) fn read(
        &self,
        step: &Step,
        call: &RecordedCall,
        find: &Find,
        asked: &mut KnownValues,
    ) -> (Action, Option<Value>) {
        let operation = step.operation.as_deref();
        let Some((status, answer)) = self.reads.asked(call, &mut asked.wanted) else {
            return (Action::Read, None);
        };
        let result = match find {
            Find::Later => return (Action::Read, None),
            Find::Nothing => results::result_of_answer(operation, call, status, answer.clone()),
            Find::One(wanted) => match looked_up(operation, Catalog::embedded(), (status, answer), wanted) {
                Ok(result) => result,
                Err(not_one) => {
                    let not_one = if step.secret { not_one.without_items() } else { not_one };
                    let span = step.find.as_ref().map_or(step.span, |find| find.span);
                    return (self.failing(&not_one.message, span, not_one.help), None);
                }
            },
        };
        let response = result.response.as_ref().map(|answer| self.conceal(step, answer));
        let is_resource = matches!(find, Find::One(_)) || (step.resource_used && step.ready.condition().is_none());
        let resource = response.clone().filter(|_| is_resource);
        let result = StepResult { response: response.map(JsonText::from), ..result };
        (Action::Read, Some(step_value(&result, resource.as_ref())))
    }

    fn conceal(&self, step: &Step, answer: &Value) -> Value {
        conceal(self.secrets, answer.clone(), step.secret)
    }
}
