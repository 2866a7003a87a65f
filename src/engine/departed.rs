//! Calls without an answer whose step left the plan: no step resolves them any more, so that their resources would stay
//! unknown.

use super::decide;
use super::interruption::Interruption;
use super::remove::complete_pending;
use super::run::Run;
use crate::event::StepError;
use crate::hash::HashSet;
use crate::id::InstanceId;
use crate::journal::JournalError;

/// Resolves them. `present`: every instance that the plan has now. Returns those whose outcome stays unknown.
///
/// # Errors
///
/// [`JournalError`] when the record cannot be written.
pub async fn resolve_departed(
    run: &Run,
    present: &HashSet<InstanceId>,
) -> Result<Vec<(InstanceId, StepError)>, JournalError> {
    let context = &run.context;
    let departed = context.journal.with_status(|status| {
        let mut gone = decide::gone(status, present, &HashSet::default());
        gone.retain(|instance| decide::is_only_in_doubt(&status.instances[instance]));
        gone
    });
    let mut unknown = Vec::new();
    for instance in departed {
        match complete_pending(context, &instance).await {
            Ok(())
                if context
                    .journal
                    .with_status(|status| status.instances.get(&instance).is_some_and(|known| known.may_exist())) =>
            {
                run.emit_existing(&instance);
            }
            Ok(()) => context.warn(format!("`{instance}`: its call was never answered, and nothing was found of it")),
            Err(Interruption::Journal(error)) => return Err(error),
            Err(Interruption::Unknown(error) | Interruption::Failed(error)) => unknown.push((instance, error)),
            // Its state is on record, and the next run continues.
            Err(_) => break,
        }
    }
    Ok(unknown)
}
