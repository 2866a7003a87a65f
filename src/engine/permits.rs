//! Waiting inside the run, with an event for each wait: for a parent that another call locks, for a request permit,
//! and for the end of a pause that the API asked of all requests.

use serde_json::Value;
use tokio::sync::{OwnedMutexGuard, SemaphorePermit};

use super::context::RunContext;
use super::stop::Stop;
use crate::clock::millis;
use crate::event::{Event, Queue};
use crate::id::InstanceId;
use crate::journal::Status;

/// The lock of the parent that the API locks for a write, if there is one; to be held until the write's tasks are
/// done.
///
/// # Errors
///
/// [`Stop`] when the run must be left first.
pub async fn parent_lock(
    context: &RunContext,
    instance: &InstanceId,
    lock: Option<&str>,
) -> Result<Option<OwnedMutexGuard<()>>, Stop> {
    let Some(parent) = lock else { return Ok(None) };
    if let Some(gate) = context.gates.parent_now(parent) {
        return Ok(Some(gate));
    }
    let holder = context.journal.with_status(|status| owner_of(status, parent));
    emit_wait(
        context,
        instance,
        Queue::Parent { of: holder.map_or_else(|| parent.to_owned(), |holder| holder.to_string()) },
    );
    let _waits = context.gates.start_waiting();
    context.stopped.or_leave(context.gates.parent(parent)).await.map(Some)
}

/// A request permit, once the API's pause is over. `None` when the run ended first.
pub async fn request_permit<'s>(context: &'s RunContext, instance: &InstanceId) -> Option<SemaphorePermit<'s>> {
    let place = match context.gates.request_now() {
        Some(place) => place,
        None => {
            emit_wait(context, instance, Queue::Requests);
            context.stopped.or_leave(context.gates.request()).await.ok()?
        }
    };
    while let Some(pause) = context.client.held_for() {
        let pause_ms = millis(pause);
        emit_wait(context, instance, Queue::RateLimit { pause_ms });
        context.stopped.or_leave(context.clock().sleep(pause)).await.ok()?;
    }
    Some(place)
}

fn emit_wait(context: &RunContext, instance: &InstanceId, queue: Queue) {
    context.events.emit(Event::TurnAwaited { instance: instance.clone(), queue });
}

/// The instance that owns the resource with this id.
fn owner_of(status: &Status, id: &str) -> Option<InstanceId> {
    // A number is on record as one, and has one text.
    let number = id.parse::<u64>().ok().filter(|number| number.to_string() == id);
    let ids = [Some(Value::from(id)), number.map(Value::from)];
    let mut owners = ids.iter().flatten().flat_map(|id| status.owners_of(id));
    owners.next().map(|(instance, _)| instance.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::engine::tests::harness::{Trial, paused};
    use crate::id::StepId;
    use crate::journal::{Header, InstanceStatus, RecordedResource};
    use crate::simulate::Options;

    #[test]
    fn the_owner_of_a_parent_is_found_by_a_text_or_a_number() {
        let made = |id: Value| RecordedResource { id: Some(id.into()), ..RecordedResource::default() };
        let instance = |step: &str| InstanceId::new(StepId::new(step), None);
        let known = |step: &str, made: Vec<RecordedResource>| {
            (instance(step), InstanceStatus { made, ..InstanceStatus::default() }.into())
        };
        let mut status = Status::new(Header::new("demo", "default"), jiff::Timestamp::UNIX_EPOCH);
        status.instances.extend([
            known("idle", Vec::new()),
            known("zone", vec![made(json!(70))]),
            known("balancer", vec![made(json!("lb-1")), made(json!("lb-2"))]),
            known("later", vec![made(json!("lb-2")), made(json!(7))]),
        ]);
        for (parent, owner) in [
            ("lb-1", Some("balancer")),
            ("lb-2", Some("balancer")),
            ("7", Some("later")),
            ("70", Some("zone")),
            ("07", None),
            ("lb", None),
            ("", None),
        ] {
            assert_eq!(owner_of(&status, parent), owner.map(instance), "{parent}");
        }
    }

    #[test]
    fn a_wait_for_a_parent_names_the_step_that_made_it_or_else_its_id() {
        paused(async {
            let mut trial = Trial::new(Options::default());
            let text = "name: demo\nsteps:\n  - id: net\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                        body: { name: net-1, create_router: false }\n";
            trial.run(text).await;
            let made = trial.status().instances[0].made[0].id.as_deref().map(crate::journal::id_text).unwrap();
            for (parent, shown) in [(made.as_str(), "net"), ("other", "other")] {
                let work = async |context: &Arc<RunContext>| {
                    let _held = context.gates.parent(parent).await;
                    let instance = InstanceId::new(StepId::new("sub"), None);
                    let waiting = parent_lock(context, &instance, Some(parent));
                    tokio::time::timeout(Duration::from_secs(1), waiting).await.is_err()
                };
                let (waits, events) = trial.apart(work).await;
                let told = events.into_iter().find_map(|event| match event {
                    Event::TurnAwaited { queue: Queue::Parent { of }, .. } => Some(of),
                    _ => None,
                });
                assert_eq!((waits, told.as_deref()), (true, Some(shown)));
            }
        });
    }
}
