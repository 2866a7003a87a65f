//! At the end of the first run of a record that does not outlive its job: what carries the stamp of the environment,
//! and is on no record. When the command searched for that before its first call, lists may have been late.

use std::time::Duration;

use super::context::About;
use super::operation::operation_of;
use super::recovery::project_regions_of;
use super::results::resource_id;
use super::run::Run;
use super::stamps::{StampSearch, Stamped, is_findable, stampable, stamped};
use super::unseen::UNSEEN;
use crate::event::{EffectKnown, ErrorClass, StepError};
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, Status};
use crate::kind::resource_name;

/// The pause between two searches.
const PAUSE: Duration = Duration::from_secs(2);

/// What another run of this environment made, without this record. The measure is what this run made: a list that shows
/// it shows what is older as well.
pub async fn unrecorded(run: &Run) -> Vec<(InstanceId, StepError)> {
    let (context, settings) = (&run.context, &run.context.settings);
    let operations = stampable(run.plan.steps.values());
    let project_regions = project_regions_of(&run.plan, settings, &context.secrets, &run.inputs);
    let deadline = context.clock().elapsed() + UNSEEN;
    while !operations.is_empty() {
        let looking = stamped(
            &context.client,
            context.catalog,
            operations.clone(),
            &project_regions,
            &settings.plan,
            &settings.environment,
        );
        let Ok(StampSearch { found, .. }) = context.stopped.or_leave(looking).await else { break };
        if context.journal.with_status(|status| are_shown(run, status, &found)) || context.clock().elapsed() >= deadline
        {
            let others = context.journal.with_status(|status| {
                let others = found.into_iter().filter(|stamped| !is_ours(status, stamped));
                others.collect::<Vec<_>>()
            });
            return others.into_iter().map(|stamped| (stamped.instance.clone(), error_for(run, &stamped))).collect();
        }
        if context.stopped.or_leave(context.clock().sleep(PAUSE)).await.is_err() {
            break;
        }
    }
    Vec::new()
}

/// Whether the lists show all that this run made with its stamp.
fn are_shown(run: &Run, status: &Status, found: &[Stamped]) -> bool {
    let is_listed = |known: &InstanceStatus| {
        let intent = known.intent.as_ref().filter(|intent| intent.stamped && intent.update.is_none());
        let operation = intent.and_then(|intent| operation_of(run.context.catalog, &intent.call));
        known.phase == Phase::Succeeded && operation.is_some_and(|(operation, _)| is_findable(&operation))
    };
    let mut listed = status.instances.values().filter(|known| is_listed(known));
    listed.all(|known| found.iter().any(|stamped| resource_id(&stamped.status) == resource_id(known)))
}

/// Whether it was made by an attempt of this record.
fn is_ours(status: &Status, stamped: &Stamped) -> bool {
    let nonce = stamped.status.intent.as_ref().map(|intent| &intent.nonce);
    let known = status.instances.get(&stamped.instance);
    resource_id(&stamped.status).is_none_or(|id| status.knows(&id))
        || known.is_some_and(|known| {
            let earlier = known.earlier.iter().map(|attempt| &attempt.intent.nonce);
            earlier.chain(known.intent.as_ref().map(|intent| &intent.nonce)).any(|own| Some(own) == nonce)
        })
}

fn error_for(run: &Run, stamped: &Stamped) -> StepError {
    let kind = stamped.status.result.as_ref().and_then(|result| result.kind.as_deref());
    let words = format!(
        "{} carries the stamp of this step and is on no record: another run of this environment made it",
        resource_name(kind, &resource_id(&stamped.status).unwrap_or_default())
    );
    let mut error = run.context.error(&About::default(), EffectKnown::Applied, ErrorClass::Unknown, words);
    let recover = run.context.settings.recover_command(&run.plan.source.path_at(0).display().to_string());
    error.help.push(format!("delete it by hand, or destroy the environment and then recover the rest: {recover}"));
    error
        .help
        .push("a record in an object store (`--state s3://BUCKET/PREFIX`) is the same for all runners".to_owned());
    error
}
