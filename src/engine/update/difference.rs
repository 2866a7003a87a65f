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
        let kind = match split.forced.as_slice() {
            [] if !split.calls.is_empty() => Differs::InPlace,
            [_, ..] if split.forced.iter().all(|forced| is_by_others(known, &forced.field, &after)) => {
                Differs::ByOthers
            }
            _ => Differs::Forces,
        };
        Self { kind, split }
    }
}

/// Whether a field of the body differs only because another client changed it: the plan's value is that of the last call.
fn is_by_others(known: &InstanceStatus, place: &str, after: &RecordedCall) -> bool {
    let Some(field) = place.strip_prefix("body/").filter(|field| !field.contains('/')) else { return false };
    let drifted = known.drifted.iter().any(|drifted| drifted.field == field);
    let sent = known.intent.as_ref().map(|intent| intent.update.as_ref().unwrap_or(&intent.call));
    let value = |call: &RecordedCall| call.body.as_deref().and_then(|body| body.get(field)).cloned();
    drifted && sent.is_some_and(|sent| value(sent) == value(after))
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
