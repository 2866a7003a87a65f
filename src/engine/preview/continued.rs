//! What a run changes where the plan's call differs from the recorded one, also from one that an earlier run left under
//! way: that is completed first.

use serde_json::Value;

use super::unknown::{KnownValues, legible};
use super::{Action, Preview};
use crate::catalog::Catalog;
use crate::engine::called_again::{Former, former};
use crate::engine::decide::{self, ChangeKind, Decision, Wanted};
use crate::engine::differences::differences;
use crate::engine::operation::operation_of;
use crate::engine::placeholder::known_after;
use crate::engine::results;
use crate::engine::update::{Difference, Split, in_form_of, update_of_result, wanted_call};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, RecordedCall, StepResult};
use crate::plan::{OnChange, Step};

impl Preview<'_> {
    /// What the run changes once the call that is under way has succeeded (`None`: nothing), and the value of the instance
    /// after all. What a change in place was interrupted of has its result already.
    pub(super) fn after_pending(
        &self,
        step: &Step,
        known: &InstanceStatus,
        call: &RecordedCall,
        orphan: bool,
        plan: OfPlan,
        asked: &mut KnownValues,
    ) -> (Option<Action>, Option<Value>) {
        let Some(intent) = known.intent.as_ref() else { return (None, None) };
        let updated = update_of_result(intent, known);
        let keeps = updated.is_some();
        let (agrees, result) = updated.unwrap_or_else(|| {
            let result = known.result.clone().unwrap_or_else(|| self.result_of(&intent.instance, &intent.call));
            (intent.call.clone(), result)
        });
        let done =
            InstanceStatus { phase: Phase::Succeeded, agrees: Some(agrees), result: Some(result), ..known.clone() };
        let done = in_form_of(&done, call, self.digest_key).unwrap_or(done);
        let difference = Difference::of(self.catalog, step, &done, call, None);
        // What was under way is new in this run: it is neither called nor replaced once more.
        let wanted = Wanted { always: false, ..Wanted::of(step, false, orphan, false) };
        let (then, value) = match decide::instance(&wanted, Some(&done), difference.kind) {
            Decision::Change(how) => {
                let calls = plan.calls(self.catalog, &done, call, how, orphan);
                let (then, value) = self.changed_value(step, &done, call, (how, difference.split), calls, asked);
                (Some(then), value)
            }
            _ => (None, self.recorded_value(step, &done, asked)),
        };
        (then, value.filter(|_| keeps))
    }

    /// The change of an instance, and its value after it, where it keeps its resource.
    pub(super) fn changed_value(
        &self,
        step: &Step,
        known: &InstanceStatus,
        call: &RecordedCall,
        (how, split): (ChangeKind, Split),
        calls: Option<Vec<RecordedCall>>,
        asked: &mut KnownValues,
    ) -> (Action, Option<Value>) {
        let keeps = matches!(how, ChangeKind::Ignore | ChangeKind::Update | ChangeKind::Error);
        let value = match split.calls.last().filter(|_| how == ChangeKind::Update) {
            Some(last) => self.updated_value(step, known, &last.agrees, asked),
            None => self.recorded_value(step, known, asked),
        };
        (changed(step, known, call, (how, split), calls), value.filter(|_| keeps))
    }
}

impl Preview<'_> {
    /// Whether a step that does not wait is done with a call once that is accepted: a create, and no change of a resource.
    pub(super) fn is_done_once_accepted(&self, known: &InstanceStatus) -> bool {
        let operation = known.intent.as_ref().and_then(|intent| operation_of(self.catalog, &intent.call));
        operation.is_none_or(|(operation, _)| operation.creates.is_some())
    }

    /// The result of a call that has not ended, as far as it is known before.
    fn result_of(&self, instance: &InstanceId, call: &RecordedCall) -> StepResult {
        let operation = operation_of(self.catalog, call).map(|(operation, _)| operation);
        let mut result = results::result_of_answer(operation.as_deref(), call, 0, Value::Null);
        if result.id.is_none() {
            result.set_ids([Value::String(known_after(&format!("`{instance}`")))]);
        }
        result
    }
}

/// Calls of the plan for a step besides its own, as far as they are known.
pub(super) struct OfPlan {
    /// Of `on_change: update`.
    pub update: Option<RecordedCall>,
    /// The undo of an action that is called again.
    pub undo: Option<RecordedCall>,
}

impl OfPlan {
    /// The calls of a change besides those that change a resource in place; `None` when there are none.
    pub fn calls(
        self,
        catalog: &Catalog,
        known: &InstanceStatus,
        call: &RecordedCall,
        how: ChangeKind,
        orphan: bool,
    ) -> Option<Vec<RecordedCall>> {
        match how {
            ChangeKind::Update => self.update.map(|call| vec![call]),
            ChangeKind::Rerun if former(catalog, known, call, self.undo.as_ref(), orphan) == Former::TakenBack => {
                Some(known.made.iter().rev().filter_map(|made| made.undo.clone()).collect())
            }
            _ => None,
        }
    }
}

/// The change of an instance. `calls`: of the plan. Where a part of the change is not allowed, nothing of it is sent.
pub(super) fn changed(
    step: &Step,
    known: &InstanceStatus,
    call: &RecordedCall,
    (how, split): (ChangeKind, Split),
    calls: Option<Vec<RecordedCall>>,
) -> Action {
    let before = known.agrees.as_ref();
    let fields = before.map(|before| differences(before, &wanted_call(before, call, &step.ignored_changes)));
    let in_place = how == ChangeKind::Update && !matches!(step.on_change, Some(OnChange::Update(_)));
    let made = split.calls.into_iter().filter(|_| in_place);
    let (found, removes): (Vec<_>, Vec<_>) = made.map(|call| (legible(call.recorded), call.removes)).unzip();
    let removes = removes.into_iter().flatten().collect();
    let calls = calls.unwrap_or(found);
    let (fields, forced) = (fields.unwrap_or_default(), split.forced);
    Action::Change { how, fields, calls, removes, forced, because_of: None, blocker: None }
}
