//! Explains a refused call by a recorded resource that it mentions and that does not exist any more.

use serde_json::Value;

use crate::api::Request;
use crate::engine::context::RunContext;
use crate::engine::made::Mentions;
use crate::engine::operation;
use crate::engine::paths;
use crate::engine::unseen::unseen_for;
use crate::event::StepError;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, RecordedCall};

/// Statuses of a refusal that a missing resource can cause.
const STATUSES: [u16; 4] = [400, 404, 409, 422];

/// Adds to the error of a refused call which of the recorded resources that it mentions do not exist any more.
pub async fn blame(context: &RunContext, own: &InstanceId, calls: &[&RecordedCall], error: &mut StepError) {
    if !error.status.is_some_and(|status| STATUSES.contains(&status)) {
        return;
    }
    let mentions: Vec<Mentions<'_>> = calls.iter().map(|call| Mentions::of(call, None, &context.digest_key)).collect();
    let named = |id: &Value| mentions.iter().any(|mentions| mentions.id(id));
    let candidates: Vec<(InstanceId, String)> = context.journal.with_status(|status| {
        // What was made a moment ago may not be shown yet.
        let is_shown = |known: &InstanceStatus| unseen_for(known.finished_at, context.now()).is_zero();
        let known = status.instances.iter().filter(|(_, known)| known.phase == Phase::Succeeded && is_shown(known));
        let named = known.filter(|(_, known)| known.made.iter().filter_map(|made| made.id.as_deref()).any(named));
        named.filter_map(|(instance, known)| Some((instance.clone(), read_path(context, known)?))).collect()
    });
    let mut gone = Vec::new();
    for (instance, path) in candidates {
        if context.client.read(Request::get(path)).await.is_err_and(|error| error.is_not_found()) {
            gone.push(instance);
        }
    }
    if gone.is_empty() {
        return;
    }
    let names = gone.iter().map(|instance| format!("`{instance}`")).collect::<Vec<_>>().join(", ");
    let is = if gone.len() == 1 { "is" } else { "are" };
    error.message = if gone.iter().all(|instance| instance == own) {
        format!("what an earlier run made is not there any more: {}", error.message)
    } else {
        format!("{names} {is} not there any more, and this call names it: {}", error.message)
    };
    error.gone.clone_from(&gone);
    error.help.push("run with `--refresh`: what is gone is made again, with what depends on it".to_owned());
}

fn read_path(context: &RunContext, known: &InstanceStatus) -> Option<String> {
    let (create, parameters) = operation::operation_of(context.catalog, known.agreed()?)?;
    paths::read_path(&create, &parameters, known.result.as_ref()?)
}
