//! Undo calls that are not idempotent: a POST or PATCH given by the plan. Sending one twice would act twice, so the
//! outcome of an attempt without an answer is resolved, as for a call of a step.

use std::time::Duration;

use super::context::{About, RunContext};
use super::interruption::Interruption;
use super::operation;
use super::resolve::{InDoubt, resolve};
use super::search::Resolved;
use crate::event::{EffectKnown, ErrorClass};
use crate::id::InstanceId;
use crate::journal::{IntendedUndo, Intent, RecordedCall, Unanswered};
use crate::random::random_id;

/// The outcome of an undo call without an answer.
#[derive(Debug)]
pub enum UndoOutcome {
    /// It started these tasks.
    Tasks(Vec<String>),
    /// It was carried out.
    Done,
    /// It was not carried out: it may be sent again.
    Nothing,
}

/// A fresh nonce, which identifies one attempt.
pub fn new_nonce() -> String {
    random_id()
}

/// The intent of an undo attempt that is about to be sent; `None` for idempotent calls, which need none.
pub fn intent_of(context: &RunContext, instance: &InstanceId, call: &RecordedCall, attempt: u32) -> Option<Intent> {
    let operation = operation::operation_of(context.catalog, call).map(|(operation, _)| operation);
    if operation::is_repeatable(call.method, operation.as_deref()) {
        return None;
    }
    let nonce = new_nonce();
    let mark = context.mark(instance, &nonce);
    Some(Intent {
        instance: instance.clone(),
        call: call.clone().into(),
        attempt,
        nonce,
        stamped: false,
        after: Vec::new(),
        undo: IntendedUndo::Keep,
        timeout_ms: None,
        secret: false,
        mark: mark.into(),
        update: None,
    })
}

/// Resolves the outcome of an undo attempt. `earlier`: other attempts without an answer. `since`: the last moment at
/// which it may have been sent, on the run's clock.
///
/// # Errors
///
/// [`Interruption`] when the outcome stays unknown.
pub async fn resolve_undo(
    context: &RunContext,
    attempt: Unanswered,
    earlier: &[Unanswered],
    about: &About,
    cause: &str,
    since: Duration,
) -> Result<UndoOutcome, Interruption> {
    let in_doubt = InDoubt {
        attempt,
        earlier: earlier.to_vec(),
        since,
        cause: cause.to_owned(),
        slow: false,
        disowned: Vec::new(),
    };
    let unknown = |message: String| {
        let mut error = context.error(about, EffectKnown::Unknown, ErrorClass::Unknown, message);
        let destroy = context.settings.destroy_command();
        error.help.push(format!("run {destroy} again: its outcome is resolved before it is sent once more"));
        Err(Interruption::Unknown(error))
    };
    match resolve(context, &in_doubt).await {
        Resolved::Task { task, .. } => Ok(UndoOutcome::Tasks(vec![task])),
        Resolved::Resource { .. } | Resolved::Done => Ok(UndoOutcome::Done),
        Resolved::NoCandidate if in_doubt.is_carried_out() => Ok(UndoOutcome::Done),
        Resolved::NoCandidate => Ok(UndoOutcome::Nothing),
        Resolved::Undecided(candidates) => unknown(format!(
            "the outcome of its undo is not known ({cause}); these may be its work, or another client's: {}",
            candidates.join(", ")
        )),
        Resolved::CannotTell(why) => {
            unknown(format!("the outcome of its undo is not known ({cause}), and could not be resolved: {why}"))
        }
    }
}
