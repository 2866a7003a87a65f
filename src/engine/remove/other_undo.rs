//! An undo that is not about the resource of its step: its answer says nothing of that, which is read afterwards.

use super::removal::RemovedWhen;
use super::{forget, status_of};
use crate::api::Request;
use crate::engine::context::{About, RunContext};
use crate::engine::interruption::Interruption;
use crate::engine::own_undo::elsewhere;
use crate::event::{EffectKnown, ErrorClass, StepError};
use crate::id::InstanceId;
use crate::journal::{Record, RecordedResource};
use crate::shared::Shared;

/// What to do about an undo that is not about the resource of its step.
pub(super) fn correct_undo(context: &RunContext, instance: &InstanceId) -> Vec<String> {
    let (destroy, forget) = (context.settings.destroy_command(), forget(context, instance));
    vec![
        format!("take `undo` out of the plan, or correct it, and run the plan, which records that; then run {destroy}"),
        format!("or delete the resource of the step by hand, then {forget}"),
    ]
}

/// The error for a resource that is still there after an undo which is not about it, or may be.
fn left_by_undo(
    context: &RunContext,
    instance: &InstanceId,
    made: &RecordedResource,
    gone: RemovedWhen,
    why: &str,
) -> StepError {
    let about = About { call: made.undo.clone().map(Shared::from), place: None };
    let answered = if gone == RemovedWhen::Already { "found nothing there" } else { "was carried out" };
    let words = format!("its undo names another resource than the step made, and {answered}; {why}");
    let effect = if gone == RemovedWhen::Already { EffectKnown::NotApplied } else { EffectKnown::Applied };
    let mut error = context.error(&about, effect, ErrorClass::Rejected, words);
    error.help = correct_undo(context, instance);
    error
}

/// Checks that the resource of a step is gone after an undo that is not about it: its answer says nothing of that.
pub(super) async fn verify_gone(
    context: &RunContext,
    instance: &InstanceId,
    made: &RecordedResource,
    gone: RemovedWhen,
) -> Result<(), Interruption> {
    let known = status_of(context, instance);
    let Some(undo) = known.and_then(|known| elsewhere(context.catalog, &known, made)) else { return Ok(()) };
    // An undo that changes something may leave what was made; one that found nothing has changed nothing.
    if !undo.deletes && gone != RemovedWhen::Already {
        return Ok(());
    }
    let why = match undo.read {
        None if gone != RemovedWhen::Already => return Ok(()),
        None => "whether that of the step is still there cannot be read".to_owned(),
        Some(path) => {
            let reading = context.client.read(Request::get(path));
            match context.stopped.or_leave(reading).await.map_err(Interruption::Stopped)? {
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) => format!("whether that of the step is still there could not be read: {error}"),
                Ok(_) => "that of the step is still there".to_owned(),
            }
        }
    };
    let error = left_by_undo(context, instance, made, gone, &why);
    context.journal.append(vec![Record::RemovalFailed { instance: instance.clone(), error: error.clone() }]).await?;
    Err(Interruption::Failed(error))
}
