//! Resolves an update whose answer was lost, by reading the resource.

use serde_json::Value;

use super::parts::of_part;
use crate::api::Request;
use crate::catalog::update::{Form, form_of, shown_at, thing_route};
use crate::engine::context::RunContext;
use crate::engine::refresh::{Comparison, Shown, field, holds_any};
use crate::engine::results;
use crate::journal::Intent;

/// Whether an update has taken effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateState {
    /// Every field that it changes has its new value.
    Done,
    /// At least one field has not.
    NotDone,
    CannotTell,
}

/// Reads the resource of an update and compares it.
pub async fn update_state(context: &RunContext, intent: &Intent) -> UpdateState {
    let known = context.journal.with_status(|status| status.instances.get(&intent.instance).cloned());
    let (Some(after), Some(known)) = (&intent.update, known) else { return UpdateState::CannotTell };
    let (Some(before), Some(result)) = (&known.agrees, &known.result) else { return UpdateState::CannotTell };
    if let Some(state) = of_part(context, intent, before).await {
        return state;
    }
    let Some((create, parameters)) = results::operation_of(context.catalog, before) else {
        return UpdateState::CannotTell;
    };
    let path = results::read_path(&create, &parameters, result);
    let (Some(path), Some(thing)) = (path, thing_route(&create)) else { return UpdateState::CannotTell };
    let Ok(object) = context.client.read(Request::get(path)).await else { return UpdateState::CannotTell };
    let is_owned_by_another =
        |id: &Value| context.journal.with_status(|status| status.is_made_by_another(&intent.instance, id));
    let object = shown_at(&create).map_or(Some(&object), |pointer| object.pointer(pointer));
    let Some(object) = object else { return UpdateState::CannotTell };
    let shown = Shown { thing, object, digest_key: &context.digest_key, is_owned_by_another: &is_owned_by_another };
    of_fields(before.body.as_deref(), after.body.as_deref(), &shown)
}

/// The combined result for all fields of a body that the update changes.
pub(super) fn of_fields(before: Option<&Value>, after: Option<&Value>, shown: &Shown<'_>) -> UpdateState {
    let fields = |body: Option<&Value>| body.and_then(Value::as_object).cloned().unwrap_or_default();
    let (old, new) = (fields(before), fields(after));
    let changed = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    let changed = changed.filter(|name| old.get(*name) != new.get(*name));
    let mut state = UpdateState::CannotTell;
    for name in changed {
        if let Form::Below(pointer) = form_of(shown.thing, name)
            && holds_any(shown.object.pointer(pointer), old.get(name), new.get(name))
        {
            return UpdateState::NotDone;
        }
        match field(name, new.get(name), shown) {
            Comparison::Same => state = UpdateState::Done,
            Comparison::Differs(_) => return UpdateState::NotDone,
            Comparison::CannotTell => return UpdateState::CannotTell,
        }
    }
    state
}
