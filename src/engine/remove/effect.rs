//! What reads show of an undo whose task the API does not know any more: whether what the step did is still there.

use crate::engine::called_again::is_not_there;
use crate::engine::context::RunContext;
use crate::engine::made::Mentions;
use crate::engine::operation::operation_of;
use crate::engine::refresh::{DriftCheck, DriftState, Refresh};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, RecordedCall, Status};

/// What is there of what a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing any more: it was taken back.
    Gone,
    There,
    CannotTell,
}

/// What is there of what the action of an instance did to resources on record, after `undo` may have taken it back.
pub(super) async fn effect(context: &RunContext, instance: &InstanceId, undo: &RecordedCall) -> Effect {
    let part = context.journal.with_status(|status| {
        let call = status.instances.get(instance)?.agreed()?.clone();
        let mentions = Mentions::of(&call, None, &context.digest_key);
        let is_named =
            |known: &InstanceStatus| known.made.iter().filter_map(|made| made.id.as_deref()).any(|id| mentions.id(id));
        let named = status.instances.iter().filter(|(other, known)| *other == instance || is_named(known));
        let mut part = status.of_instances(named.map(|(id, _)| id));
        // As before its removal began.
        let before =
            InstanceStatus { phase: Phase::Succeeded, ..InstanceStatus::clone(status.instances.get(instance)?) };
        part.put(instance.clone(), before);
        Some(part)
    });
    let Some(part) = part else { return Effect::CannotTell };
    if !is_comparable(context, &part, instance, undo) {
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

/// Whether the catalogue knows in which field of a resource on record the effect of the action shows, and that its undo
/// makes nothing.
fn is_comparable(context: &RunContext, part: &Status, instance: &InstanceId, undo: &RecordedCall) -> bool {
    let operation = |call: &RecordedCall| operation_of(context.catalog, call).map(|(operation, _)| operation);
    let makes_nothing = operation(undo).is_some_and(|undo| undo.creates.is_none());
    let action = part.instances.get(instance).and_then(|known| operation(known.agreed()?));
    let Some(action) = action.filter(|action| makes_nothing && action.creates.is_none()) else { return false };
    let creates = part.instances.values().filter_map(|known| operation(known.agreed()?));
    let mut ways = creates.flat_map(|create| context.catalog.ways(&create).into_iter().collect::<Vec<_>>());
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
