//! The difference between a recorded call and the plan's, and the result after an update.

use serde_json::Value;

use super::{Split, UpdatedResource, split, wanted_call};
use crate::catalog::Catalog;
use crate::engine::decide::{ChangeKind, Differs};
use crate::journal::{InstanceStatus, Intent, RecordedCall, StepResult};
use crate::plan::{OnChange, Step};
use crate::secret::stands_for_secret;
use crate::shared::Shared;

/// A change with the decision about it.
pub struct Changing<'a> {
    pub kind: ChangeKind,
    pub split: &'a Split,
}

/// The difference between a recorded call and the plan's.
pub struct Difference {
    pub kind: Differs,
    pub split: Split,
}

impl Difference {
    /// `after`: the plan's call; `sent`: its body with secrets, where these are known.
    pub fn of(
        catalog: &Catalog,
        step: &Step,
        known: &InstanceStatus,
        after: &RecordedCall,
        sent: Option<&Value>,
    ) -> Self {
        let Some(before) = &known.agrees else { return Self { kind: Differs::Forces, split: Split::default() } };
        if *after == **before {
            return Self { kind: Differs::No, split: Split::default() };
        }
        let after = wanted_call(before, after, &step.ignored_changes);
        if after == **before {
            return Self { kind: Differs::No, split: Split::default() };
        }
        let creates = step.operation.as_ref().is_some_and(|operation| operation.creates.is_some());
        let Some(result) = known.result.as_ref().filter(|_| creates) else {
            return Self { kind: Differs::Forces, split: Split::default() };
        };
        let may_remove = matches!(step.on_change, Some(OnChange::Replace));
        let split =
            split(catalog, UpdatedResource::of(catalog, before, result).as_ref(), before, &after, sent, may_remove);
        let in_place = split.forced.is_empty() && !split.calls.is_empty();
        Self { kind: if in_place { Differs::InPlace } else { Differs::Forces }, split }
    }
}

/// The call that the resource agrees with after an update, and the result as it is then.
pub fn update_of_result(intent: &Intent, known: &InstanceStatus) -> Option<(Shared<RecordedCall>, StepResult)> {
    let (agrees, result) = intent.update.clone().zip(known.result.clone())?;
    let result = with_new_name(known.agrees.as_deref(), &agrees, result);
    Some((agrees, result))
}

/// A result with the name that it has after an update.
pub fn with_new_name(before: Option<&RecordedCall>, after: &RecordedCall, mut result: StepResult) -> StepResult {
    let name = |call: &RecordedCall| Some(call.body.as_ref()?.get("name")?.as_str()?.to_owned());
    let new = name(after).filter(|new| before.and_then(name).as_ref() != Some(new));
    if let Some(new) = new.filter(|new| result.name.is_some() && !stands_for_secret(new)) {
        result.name = Some(new);
    }
    result
}
