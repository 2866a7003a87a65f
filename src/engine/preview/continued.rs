//! What a run changes where the plan's call differs from the recorded one, also from one that an earlier run left under
//! way: that is completed first.

use serde_json::Value;

use super::unknown::legible;
use super::{Action, Preview};
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
    /// What the run changes once the recorded call has succeeded. `None`: nothing.
    pub(super) fn then(
        &self,
        step: &Step,
        known: &InstanceStatus,
        call: &RecordedCall,
        orphan: bool,
        update: Option<RecordedCall>,
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
            Decision::Change(how) => Some(changed(step, &done, call, (how, split), update, true)),
            _ => None,
        }
    }
}

impl Preview<'_> {
    /// The result of a call that has not ended, as far as it is known before.
    fn result_of(&self, instance: &InstanceId, call: &RecordedCall) -> StepResult {
        let operation = operation_of(self.catalog, call).map(|(operation, _)| operation);
        let mut result = results::of_answer(operation.as_deref(), call, 0, Value::Null);
        if result.id.is_none() {
            result.set_ids([Value::String(known_after(&format!("`{instance}`")))]);
        }
        result
    }
}

/// The change of an instance. `update`: the call of `on_change: update`; `in_place`: the API may be asked to change it.
pub(super) fn changed(
    step: &Step,
    known: &InstanceStatus,
    call: &RecordedCall,
    (how, split): (ChangeKind, Split),
    update: Option<RecordedCall>,
    in_place: bool,
) -> Action {
    let before = known.agrees.as_ref();
    let fields = before.map(|before| differences(before, &wanted_call(before, call, &step.ignored_changes)));
    let in_place = in_place
        && matches!(how, ChangeKind::Update | ChangeKind::Error)
        && !matches!(step.on_change, Some(OnChange::Error | OnChange::Update(_)));
    let made = split.calls.into_iter().filter(|_| in_place);
    let (calls, removes): (Vec<_>, Vec<_>) = made.map(|call| (legible(call.recorded), call.removes)).unzip();
    let removes = removes.into_iter().flatten().collect();
    let calls = update.filter(|_| how == ChangeKind::Update).map_or(calls, |call| vec![call]);
    let (fields, forced) = (fields.unwrap_or_default(), split.forced);
    Action::Change { how, fields, calls, removes, forced, because_of: None, bar: None }
}
