//! Whether the fields of a body have their new values.

use serde_json::Value;

use crate::api::{Meaning, ReadError};
use crate::catalog::update::{ReadForm, form_of};
use crate::engine::refresh::{Comparison, ReadResource, field, holds_any};
use crate::journal::fields_of;

/// Whether an update has taken effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateState {
    /// Every field that it changes has its new value.
    Done,
    /// At least one field does not have its new value.
    NotDone,
    /// The resource does not show the fields, or hides a secret in one.
    CannotTell,
    /// No answer came, or the key may not read it: another read may tell.
    Unread,
}

impl UpdateState {
    /// What a read that failed says.
    pub(super) fn of_error(error: &ReadError) -> Self {
        let is_unread = matches!(error, ReadError::Failed { .. }) || error.meaning() == Some(Meaning::NotAllowed);
        if is_unread { UpdateState::Unread } else { UpdateState::CannotTell }
    }
}

/// The combined result for all fields of a body that the update changes.
pub(super) fn fields_state(before: Option<&Value>, after: Option<&Value>, shown: &ReadResource<'_>) -> UpdateState {
    let fields = |body: Option<&Value>| body.and_then(fields_of).cloned().unwrap_or_default();
    let (old, new) = (fields(before), fields(after));
    let changed = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    let changed = changed.filter(|name| old.get(*name) != new.get(*name));
    let mut state = UpdateState::CannotTell;
    for name in changed {
        let left = match form_of(shown.route, name) {
            ReadForm::Below(pointer) => holds_any(shown.object.pointer(pointer), old.get(name), new.get(name)),
            _ => None,
        };
        let is_emptied = new.get(name).is_none_or(|new| new.is_null() || new.as_array().is_some_and(Vec::is_empty));
        match field(name, new.get(name), shown) {
            _ if left == Some(true) => return UpdateState::NotDone,
            Comparison::Same => state = UpdateState::Done,
            // The elements that are shown belong to others.
            Comparison::CannotTell if is_emptied && left == Some(false) => state = UpdateState::Done,
            Comparison::Differs(_) => return UpdateState::NotDone,
            Comparison::CannotTell => return UpdateState::CannotTell,
        }
    }
    state
}
