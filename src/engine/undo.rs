//! An undo that is no plain removal: a POST or a PATCH of the plan's own. Sent twice, it would do twice what it does; so an
//! attempt without an answer is looked for, exactly as a call of a step is.

use std::time::Duration;

use super::context::{About, RunContext};
use super::interruption::Interruption;
use super::resolve::{Doubt, Resolved, resolve};
use super::results;
use crate::event::{EffectKnown, ErrorClass};
use crate::id::InstanceId;
use crate::journal::{IntendedUndo, Intent, RecordedCall, Unanswered};

/// What became of an undo without an answer.
#[derive(Debug)]
pub enum Became {
    /// It started these tasks.
    Tasks(Vec<String>),
    /// It was carried out.
    Done,
    /// It was not carried out: it may be sent again.
    Nothing,
}

/// A name for one attempt.
pub fn new_nonce() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// What tells an attempt apart that is about to leave; `None` for calls that may be repeated without harm.
pub fn intent_of(context: &RunContext, instance: &InstanceId, call: &RecordedCall, attempt: u32) -> Option<Intent> {
    let operation = results::operation_of(context.catalog, call).map(|(operation, _)| operation);
    if results::is_repeatable(call.method, operation.as_deref()) {
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
        mark,
        update: None,
    })
}

/// Looks for an attempt that was not answered. `earlier`: others that were not, either. `since`: it may have left until
/// then, on the run's clock.
///
/// # Errors
///
/// [`Interruption`] when nobody can tell.
pub async fn look_for(
    context: &RunContext,
    attempt: Unanswered,
    earlier: &[Unanswered],
    about: &About,
    cause: &str,
    since: Duration,
) -> Result<Became, Interruption> {
    let doubt =
        Doubt { attempt, earlier: earlier.to_vec(), since, cause: cause.to_owned(), slow: false, disowned: Vec::new() };
    let unknown = |words: String| {
        let mut error = context.error(about, EffectKnown::Unknown, ErrorClass::Unknown, words);
        error.help.push("run `plan destroy` again: it is looked for once more, and not repeated before".to_owned());
        Err(Interruption::Unknown(error))
    };
    match resolve(context, &doubt).await {
        Resolved::Task { task, .. } => Ok(Became::Tasks(vec![task])),
        Resolved::Resource { .. } | Resolved::Done => Ok(Became::Done),
        Resolved::Nothing if doubt.is_carried_out() => Ok(Became::Done),
        Resolved::Nothing => Ok(Became::Nothing),
        Resolved::Undecided(candidates) => unknown(format!(
            "the answer of its undo was lost ({cause}); what may be its work may be somebody else's as well: {}",
            candidates.join(", ")
        )),
        Resolved::CannotTell(why) => {
            unknown(format!("the answer of its undo was lost ({cause}), and looking for it failed: {why}"))
        }
    }
}
