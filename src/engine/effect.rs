//! What reads show of what an action (a call that makes nothing, such as one that attaches a volume) did to resources
//! on record: whether it is there. It decides the outcome of an undo whose task the API does not know any more, or that
//! is refused because there is nothing to take back; and of an action whose task ended in ERROR.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::called_again::is_not_there;
use super::context::RunContext;
use super::made::Mentions;
use super::operation::operation_of;
use super::refresh::{DriftCheck, DriftState, Refresh};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, RecordedCall, Status};
use crate::shared::Shared;

/// Whether the effect of an action is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing, or nothing any more: it was taken back.
    Gone,
    There,
    CannotTell,
}

/// The effect of the action of an instance, after `undo` may have taken it back.
pub async fn effect_after(context: &RunContext, instance: &InstanceId, undo: &RecordedCall) -> Effect {
    let operation = operation_of(context.catalog, undo).map(|(operation, _)| operation);
    if operation.is_none_or(|undo| undo.creates.is_some()) {
        return Effect::CannotTell;
    }
    let agreed = context.journal.with_status(|status| status.instances.get(instance)?.agreed().cloned());
    match agreed {
        Some(action) => look(context, instance, &action, None).await,
        None => Effect::CannotTell,
    }
}

/// The effect of this action of an instance, whose task ended in ERROR.
pub async fn effect_of(context: &RunContext, instance: &InstanceId, action: &RecordedCall) -> Effect {
    let now = Some(context.now());
    match look(context, instance, action, now).await {
        // A comparison that finds other values as well proves nothing.
        Effect::There => match with_other_values(action) {
            Some(other) if look(context, instance, &other, now).await != Effect::There => Effect::There,
            _ => Effect::CannotTell,
        },
        effect => effect,
    }
}

/// The action with other values in its body; `None` when there are none, or none can be made up.
fn with_other_values(action: &RecordedCall) -> Option<RecordedCall> {
    let other = |value: &Value| match value {
        Value::String(text) => Some(Value::String(format!("{text}0"))),
        Value::Number(number) => Some(Value::from(number.as_i64()?.checked_add(1)?)),
        Value::Bool(is) => Some(Value::Bool(!is)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let fields = action.body.as_deref().and_then(Value::as_object).filter(|fields| !fields.is_empty())?;
    let others: Option<Map<String, Value>> =
        fields.iter().map(|(name, value)| Some((name.clone(), other(value)?))).collect();
    Some(RecordedCall { body: Some(Value::Object(others?).into()), ..action.clone() })
}

/// Compares the resources that an action names with what it does to them. `ended`: when it ended, where that is not on
/// record.
async fn look(context: &RunContext, instance: &InstanceId, action: &RecordedCall, ended: Option<Timestamp>) -> Effect {
    let part = context.journal.with_status(|status| {
        let mentions = Mentions::of(action, None, &context.digest_key);
        let is_named =
            |known: &InstanceStatus| known.made.iter().filter_map(|made| made.id.as_deref()).any(|id| mentions.id(id));
        let named = status.instances.iter().filter(|(other, known)| *other == instance || is_named(known));
        let mut part = status.of_instances(named.map(|(id, _)| id));
        // As if it had succeeded, and as before its removal began.
        let known = InstanceStatus::clone(status.instances.get(instance)?);
        let done = InstanceStatus {
            phase: Phase::Succeeded,
            agrees: Some(Shared::from(action.clone())),
            finished_at: ended.or(known.finished_at),
            ..known
        };
        part.put(instance.clone(), done);
        Some(part)
    });
    let Some(part) = part else { return Effect::CannotTell };
    if !is_comparable(context, &part, action) {
        return Effect::CannotTell;
    }
    let refresh = Refresh {
        client: &context.client,
        catalog: context.catalog,
        status: &part,
        digest_key: &context.digest_key,
        notice: &|_, _| {},
    };
    refresh.look().await.map_or(Effect::CannotTell, |checks| shown(&part, instance, &checks))
}

/// Whether the catalogue knows in which field of a resource on record the effect of the action shows.
fn is_comparable(context: &RunContext, part: &Status, action: &RecordedCall) -> bool {
    let operation = |call: &RecordedCall| operation_of(context.catalog, call).map(|(operation, _)| operation);
    let Some(action) = operation(action).filter(|action| action.creates.is_none()) else { return false };
    let creates = part.instances.values().filter_map(|known| operation(known.agreed()?));
    let mut ways = creates.flat_map(|create| context.catalog.update_calls_of(&create).into_iter().collect::<Vec<_>>());
    ways.any(|way| way.operation.route == action.route)
}

fn shown(part: &Status, instance: &InstanceId, checks: &[DriftCheck]) -> Effect {
    let mut known = part.instances.get(instance).map(|known| InstanceStatus::clone(known)).unwrap_or_default();
    let mut compared = false;
    for check in checks {
        match &check.found {
            // With the resource itself, what was done to it is gone.
            DriftState::Gone => return Effect::Gone,
            DriftState::Changed { fields } if check.instance == *instance => known.drifted.extend(fields.clone()),
            DriftState::Same | DriftState::Changed { .. } => compared = true,
            DriftState::CannotTell { .. } => return Effect::CannotTell,
        }
    }
    match (is_not_there(&known), compared && known.drifted.is_empty()) {
        (true, _) => Effect::Gone,
        (false, true) => Effect::There,
        (false, false) => Effect::CannotTell,
    }
}
