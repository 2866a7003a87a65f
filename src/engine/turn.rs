//! Waiting in the run's own queues, and telling of it: for a parent that another call holds, for a place among the requests,
//! and for the end of a pause that the API asked everybody for.

use tokio::sync::{OwnedMutexGuard, SemaphorePermit};

use super::shared::Shared;
use super::stop::Stop;
use crate::event::{Event, Queue};
use crate::id::InstanceId;
use crate::journal::Status;

/// The gate of a parent that the API locks, where a write has one: held until its tasks are done.
///
/// # Errors
///
/// When the run is left first.
pub async fn parent_turn(
    shared: &Shared,
    instance: &InstanceId,
    lock: Option<&str>,
) -> Result<Option<OwnedMutexGuard<()>>, Stop> {
    let Some(parent) = lock else { return Ok(None) };
    if let Some(gate) = shared.gates.parent_now(parent) {
        return Ok(Some(gate));
    }
    let holder = shared.journal.with_status(|status| maker_of(status, parent));
    tell(shared, instance, Queue::Parent { of: holder.map_or_else(|| parent.to_owned(), |holder| holder.to_string()) });
    shared.stopped.or_leave(shared.gates.parent(parent)).await.map(Some)
}

/// A place among the requests, once nobody has to hold back. `None`: the run ended first.
pub async fn request_turn<'s>(shared: &'s Shared, instance: &InstanceId) -> Option<SemaphorePermit<'s>> {
    let place = match shared.gates.request_now() {
        Some(place) => place,
        None => {
            tell(shared, instance, Queue::Requests);
            shared.stopped.or_leave(shared.gates.request()).await.ok()?
        }
    };
    while let Some(pause) = shared.client.held_for() {
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        tell(shared, instance, Queue::RateLimit { pause_ms });
        shared.stopped.or_leave(shared.clock().sleep(pause)).await.ok()?;
    }
    Some(place)
}

fn tell(shared: &Shared, instance: &InstanceId, queue: Queue) {
    shared.events.tell(Event::TurnAwaited { instance: instance.clone(), queue });
}

fn maker_of(status: &Status, id: &str) -> Option<InstanceId> {
    let made = status.instances.iter().find(|(_, known)| {
        known.made.iter().any(|made| made.id.as_ref().is_some_and(|own| super::results::id_text(own) == id))
    });
    made.map(|(instance, _)| instance.clone())
}
