//! Pure helpers of the search: calls known in part, merging of statuses, stamps in texts.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use crate::engine::later::is_known_later;
use crate::engine::preview::{Action, Change};
use crate::engine::render::{Surroundings, elements};
use crate::engine::stamps::{instance_of, intent_of};
use crate::id::{InstanceId, StepId};
use crate::journal::{Few, InstanceStatus, IntendedUndo, JsonText, Phase, RecordedCall};
use crate::plan::{Step, Undo};
use crate::template::Each;

/// A time before any resource of ours: the resource of a call in doubt can be of any age after it.
const BEFORE_ALL: i64 = 946_684_800;

/// Steps whose instances all have recorded results.
pub(super) fn known_steps(changes: &[Change]) -> BTreeSet<StepId> {
    let is_known = |change: &&Change| matches!(change.action, Action::Keep | Action::Change { .. } | Action::Skip);
    let open: BTreeSet<&StepId> =
        changes.iter().filter(|change| !is_known(change)).map(|change| &change.instance.step).collect();
    let all = changes.iter().map(|change| &change.instance.step);
    all.filter(|step| !open.contains(step)).cloned().collect()
}

/// The element of `for_each` that an instance stands for.
pub(super) fn each_of(step: &Step, instance: &InstanceId, surroundings: &Surroundings<'_>) -> Option<Each> {
    let all = elements(step.for_each.as_ref()?, &surroundings.scope()).ok()?;
    all.into_iter().find(|each| Some(each.key.as_str()) == instance.key.as_deref())
}

/// Whether all of the call is known.
pub(super) fn is_whole(call: &RecordedCall) -> bool {
    let pairs = call.query.iter().chain(&call.headers).map(|(_, value)| value.as_str());
    let body = call.body.as_ref().map(JsonText::text).unwrap_or_default();
    !std::iter::once(call.path.as_str()).chain(pairs).chain([body]).any(is_known_later)
}

/// The call without the values that are not known.
pub(super) fn known_part(call: RecordedCall) -> RecordedCall {
    fn known(value: &Value) -> Option<Value> {
        match value {
            Value::Object(fields) => {
                Some(fields.iter().filter_map(|(name, field)| Some((name.clone(), known(field)?))).collect())
            }
            Value::Array(items) => Some(items.iter().filter_map(known).collect()),
            Value::String(text) if is_known_later(text) => None,
            other => Some(other.clone()),
        }
    }
    let pairs = |pairs: Few<(String, String)>| pairs.into_iter().filter(|(_, text)| !is_known_later(text)).collect();
    RecordedCall {
        query: pairs(call.query),
        headers: pairs(call.headers),
        body: call.body.as_deref().and_then(known).map(JsonText::from),
        ..call
    }
}

/// Adds a further resource of an instance: the younger one is its result.
pub(super) fn merge(status: &mut Option<InstanceStatus>, next: InstanceStatus) {
    match status {
        None => *status = Some(next),
        Some(known) => add(known, next),
    }
}

pub(super) fn add(known: &mut InstanceStatus, next: InstanceStatus) {
    let made = known.made.drain(..).chain(next.made).collect();
    *known = InstanceStatus { made, ..next };
}

/// The status of a create that may have been carried out, so that no run sends it before a person has decided.
pub(super) fn in_doubt_status(instance: &InstanceId, call: RecordedCall, step: Option<&Step>) -> InstanceStatus {
    let mut intent = intent_of(instance, call, uuid::Uuid::new_v4().simple().to_string());
    intent.stamped = false;
    if let Some(step) = step {
        intent.after = step.after.to_vec();
        intent.secret = step.secret;
        intent.undo = if matches!(step.undo, Undo::Keep) { IntendedUndo::Keep } else { IntendedUndo::Default };
    }
    InstanceStatus {
        phase: Phase::InDoubt,
        attempts: 1,
        after: intent.after.clone(),
        intended_at: Timestamp::from_second(BEFORE_ALL).ok(),
        intent: Some(intent.into()),
        ..InstanceStatus::default()
    }
}

/// The instance whose stamp occurs in a task's `data`, in any of its forms (`observed.md` §9).
pub(super) fn stamp_in(data: &Value, prefix: &str) -> Option<InstanceId> {
    match data {
        Value::Object(fields) => fields.values().find_map(|field| stamp_in(field, prefix)),
        Value::Array(items) => items.iter().find_map(|item| stamp_in(item, prefix)),
        Value::String(text) => {
            let stamp = text.strip_prefix("plan=").unwrap_or(text);
            instance_of(stamp.strip_prefix(prefix)?)
        }
        _ => None,
    }
}

pub(super) fn mentions(value: &Value, id: &str) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(|field| mentions(field, id)),
        Value::Array(items) => items.iter().any(|item| mentions(item, id)),
        Value::String(text) => text == id,
        _ => false,
    }
}
