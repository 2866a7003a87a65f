//! `always: true`: a call that is sent on every run, and where that is allowed.

use super::model::OnChange;
use super::of_step::OfStep;
use super::step_doc::StepDoc;
use crate::diagnostic::Diagnostic;

/// The finding about an `always: true` that would create a resource with every run, or contradicts another key.
pub(super) fn check(step: &StepDoc, of: &OfStep) -> Option<Diagnostic> {
    let place = step.always.as_ref().filter(|always| always.value)?.span;
    if of.own.as_ref().is_some_and(|operation| operation.creates.is_some()) {
        let finding = Diagnostic::error("always-not-here", place, "this call would make another one on every run");
        return Some(
            finding.help("`on_change: replace` replaces it when the call changes; `--replace STEP` does so once"),
        );
    }
    let other = step.on_change.as_ref().filter(|on_change| !matches!(on_change, OnChange::Rerun))?;
    let word = match other {
        OnChange::Auto => "auto",
        OnChange::Ignore => "ignore",
        OnChange::Replace => "replace",
        OnChange::Update(_) => "update",
        _ => "error",
    };
    let message = format!("`always` makes the call whatever changed, and `on_change: {word}` says otherwise");
    Some(Diagnostic::error("always-not-here", place, message).help("keep one of the two"))
}
