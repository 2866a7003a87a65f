//! Whether a 404 means that a resource is gone: a key without access to the project gets 404 for everything in it
//! (observed.md §8).

use crate::api::{Meaning, ReadError, Request};
use crate::engine::context::{About, RunContext};
use crate::engine::operation::operation_of;
use crate::event::{EffectKnown, ErrorClass, StepError};
use crate::journal::RecordedCall;

/// Checks that the key can read project and region of a recorded call, so that a 404 from there means gone.
///
/// # Errors
///
/// The reason when it cannot: then nothing may be recorded as gone.
pub async fn check_access(context: &RunContext, call: &RecordedCall) -> Result<(), StepError> {
    for (what, path) in places(context, call) {
        let read = async {
            let answer = context.client.read(Request::get(path.clone())).await;
            answer.map(|_| ()).map_err(|error| no_access(context, call, &what, &error))
        };
        context.access.get_or_read(path.clone(), read).await?;
    }
    Ok(())
}

/// Project and region of a call, or of another recorded call when it is in none, as a DNS zone is: the key may be of
/// another account.
fn places(context: &RunContext, call: &RecordedCall) -> Vec<(String, String)> {
    let own = places_of(context, call);
    if !own.is_empty() {
        return own;
    }
    context.access.stand_in(|| {
        context.journal.with_status(|status| {
            let calls = status.instances.values().filter_map(|known| known.agreed());
            calls.map(|call| places_of(context, call)).find(|places| !places.is_empty()).unwrap_or_default()
        })
    })
}

/// Project and region of a call: a name for messages, and the path that reads it.
fn places_of(context: &RunContext, call: &RecordedCall) -> Vec<(String, String)> {
    let parameters = operation_of(context.catalog, call).map(|(_, parameters)| parameters).unwrap_or_default();
    let of = |name: &str| parameters.iter().find(|(parameter, _)| parameter == name).map(|(_, value)| value);
    let project = of("project_id").map(|id| (format!("project {id}"), format!("/cloud/v1/projects/{id}")));
    let region = of("region_id").map(|id| (format!("region {id}"), format!("/cloud/v1/regions/{id}")));
    project.into_iter().chain(region).collect()
}

fn no_access(context: &RunContext, call: &RecordedCall, what: &str, error: &ReadError) -> StepError {
    let about = About { call: Some(call.clone().into()), place: None };
    let words = format!("the API answers 404, and {what} cannot be read with this key either: {error}");
    let class = match error.meaning() {
        Some(Meaning::NotAllowed | Meaning::NotFound | Meaning::Rejected) => ErrorClass::NotAllowed,
        _ => ErrorClass::Unreachable,
    };
    let mut error = context.error(&about, EffectKnown::NotApplied, class, words);
    error.help.push("use the key of the account the record was made with: no resource counts as deleted".to_owned());
    error
}
