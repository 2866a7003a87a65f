//! What a run changes where the plan's call differs from the recorded one, also from one that an earlier run left under
//! way: that is completed first.

use serde_json::Value;

use super::unknown::legible;
use super::{Action, Preview};
use crate::catalog::Catalog;
use crate::engine::called_again::{Former, former};
use crate::engine::decide::{self, ChangeKind, Decision, Wanted};
use crate::engine::differences::differences;
use crate::engine::operation::operation_of;
use crate::engine::placeholder::known_after;
use crate::engine::results;
use crate::engine::update::{Difference, Split, wanted_call};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, RecordedCall, StepResult};
use crate::plan::{OnChange, Step};

impl Preview<'_> {
    /// What the run changes once the call that is under way has succeeded; `None`: nothing.
    pub(super) fn change_after_pending(
        &self,
        step: &Step,
        known: &InstanceStatus,
        call: &RecordedCall,
        orphan: bool,
        plan: OfPlan,
    ) -> Option<Action> {
        let intent = known.intent.as_ref()?;
        let agrees = intent.update.as_ref().unwrap_or(&intent.call);
        let done = InstanceStatus {
            phase: Phase::Succeeded,
            agrees: Some(agrees.clone()),
            result: Some(known.result.clone().unwrap_or_else(|| self.result_of(&intent.instance, agrees))),
            ..known.clone()
        };
        let Difference { kind, split } = Difference::of(self.catalog, step, &done, call, None);
        // What was under way is new in this run: it is neither called nor replaced once more.
        let wanted = Wanted { always: false, ..Wanted::of(step, false, orphan, false) };
        match decide::instance(&wanted, Some(&done), kind) {
            Decision::Change(how) => {
                let calls = plan.calls(self.catalog, &done, call, how, orphan);
                Some(changed(step, &done, call, (how, split), calls))
            }
            _ => None,
        }
    }
}

impl Preview<'_> {
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
    Action::Change { how, fields, calls, removes, forced, because_of: None, bar: None }
}
