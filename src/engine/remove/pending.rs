//! Before a removal: completes the calls that an earlier command left pending.

use serde_json::Value;

use super::status_of;
use crate::catalog::Operation;
use crate::engine::call::Write;
use crate::engine::called::Called;
use crate::engine::context::{About, RunContext};
use crate::engine::finish::Finishing;
use crate::engine::interruption::Interruption;
use crate::engine::made::made;
use crate::engine::operation;
use crate::engine::resolve::InDoubt;
use crate::engine::results;
use crate::engine::update::update_of_result;
use crate::event::{EffectKnown, ErrorClass, Provenance};
use crate::id::InstanceId;
use crate::journal::{Evidence, Intent, Phase, Record, StepResult, id_text};
use crate::kind::resource_name;

/// Resolves an intent without an answer and waits for accepted tasks, so that all resources to remove are known.
///
/// # Errors
///
/// [`Interruption`] when the outcome stays unknown, or a task still runs.
pub async fn complete_pending(context: &RunContext, instance: &InstanceId) -> Result<(), Interruption> {
    let Some(status) = status_of(context, instance) else { return Ok(()) };
    let Some(intent) = &status.intent else { return Ok(()) };
    let matched = operation::matched(context.catalog, &intent.call);
    let (operation, parameters) = &matched;
    let about = About { call: Some(intent.call.clone()), place: None };
    let called = match &status.phase {
        // The outcome of an update does not matter for a removal.
        Phase::InDoubt if intent.update.is_some() => return record_not_applied(context, instance, &about, false).await,
        Phase::InDoubt if is_only_repeated(intent, operation.as_deref()) => {
            record_not_applied(context, instance, &about, true).await?;
            return undo_anyway(context, intent).await;
        }
        Phase::InDoubt => {
            let write = Write {
                operation: operation.clone(),
                parameters: parameters.clone(),
                // This request is never sent: a resource that does not exist is not created only to be removed.
                request: RunContext::request(&intent.call),
                intent: intent.clone().into_owned(),
                about: about.clone(),
                retry: None,
                stamp: false,
            };
            let Some(in_doubt) = InDoubt::recorded(context, &status) else { return Ok(()) };
            match write.find(context, &in_doubt).await? {
                Some(called) => called,
                None => {
                    warn_of_staying(context, intent, operation.as_deref());
                    return record_not_applied(context, instance, &about, true).await;
                }
            }
        }
        Phase::Accepted { tasks, recovered, status: answered } => {
            let evidence = recovered.then(|| status.evidence.unwrap_or(Evidence::Likeness));
            Called::Tasks { tasks: tasks.clone(), status: *answered, evidence }
        }
        _ => return Ok(()),
    };
    // An earlier attempt may be the one that was found.
    let found = status_of(context, instance).and_then(|status| status.intent.clone());
    let intent = found.as_ref().unwrap_or(intent);
    let since = context.clock().elapsed();
    let finishing = Finishing {
        updates: update_of_result(intent, &status),
        ..Finishing::of_record(intent, &matched, &about, since, status.intended_at)
    };
    let provenance = if called.is_recovered() { Provenance::Recovered } else { Provenance::Continued };
    match finishing.finish(context, called, provenance).await {
        Ok(Some(_)) => Ok(()),
        // The tasks proved to be another's: the outcome is in doubt again, without them.
        Ok(None) => Box::pin(complete_pending(context, instance)).await,
        // What a failed create left behind is on record by now.
        Err(Interruption::Failed(_))
            if status_of(context, instance).is_none_or(|status| !matches!(status.phase, Phase::Accepted { .. })) =>
        {
            Ok(())
        }
        Err(why) => Err(why),
    }
}

/// Whether the call is idempotent and creates nothing by which its outcome could be determined.
fn is_only_repeated(intent: &Intent, operation: Option<&Operation>) -> bool {
    operation::is_repeatable(intent.call.method, operation) && !operation::or_changes(operation)
}

/// Completes an idempotent attempt that may have been carried out: the plan's own undo reverts it, and is needed
/// whether it was or not.
async fn undo_anyway(context: &RunContext, intent: &Intent) -> Result<(), Interruption> {
    let undo = Some(&intent.undo).filter(|undo| undo.is_of_plan());
    let made = undo.map(|undo| made(context.catalog, &intent.call, &StepResult::default(), undo));
    let made = made.filter(|made| made.undo.is_some()).map(Box::new);
    let (instance, attempt) = (intent.instance.clone(), intent.attempt);
    let record = Record::Resolved { instance, attempt, tasks: Vec::new(), made };
    Ok(context.journal.append(vec![record]).await?)
}

/// A call in doubt that changes what is there, or else makes it: what was there before stays, changed or not.
fn warn_of_staying(context: &RunContext, intent: &Intent, operation: Option<&Operation>) {
    if !operation::or_changes(operation) {
        return;
    }
    let about = results::result_of_answer(operation, &intent.call, 0, Value::Null);
    let Some(id) = about.id.as_deref().map(id_text) else { return };
    let was_there = match &intent.mark.before {
        Some(before) if before.contains(&id) => "was there before",
        Some(_) => return,
        None => "may have been there before",
    };
    let resource = resource_name(about.kind.as_deref(), &id);
    context.warn(format!(
        "`{}`: its call was never answered, and may have been carried out: {resource} {was_there}, and stays as it is now",
        intent.instance
    ));
}

/// Records that nothing was found of the call. `expected`: it may still be carried out, and would create a resource.
async fn record_not_applied(
    context: &RunContext,
    instance: &InstanceId,
    about: &About,
    expected: bool,
) -> Result<(), Interruption> {
    let words = "never answered, and nothing was found of it";
    let error = context.error(about, EffectKnown::NotApplied, ErrorClass::Unknown, words);
    let record = Record::NotApplied { instance: instance.clone(), error, unanswered: expected };
    Ok(context.journal.append(vec![record]).await?)
}
