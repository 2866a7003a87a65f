//! Removing many instances, each after all that was made from it, as far apart as that order allows.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::call::Halt;
use super::decide::{Kept, removal};
use super::remove::{Remains, remove};
use super::shared::{About, Shared};
use super::stop::Stop;
use crate::event::{EffectKnown, ErrorClass, Event, StepError};
use crate::journal::JournalError;
use crate::plan::InstanceId;

/// What a teardown came to.
#[derive(Debug, Default)]
pub struct TornDown {
    pub removed: usize,
    /// What is left, and why.
    pub left: Vec<(InstanceId, StepError)>,
    pub stopped: Option<Stop>,
}

/// How much of an instance is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Everything it ever made.
    Whole,
    /// What it made since the run began.
    ThisRun,
}

/// Removes `instances`, everything that was made from each first. Carries on past failures; what something left behind was
/// made from stays too. Every one of them is removed afterwards, or named, or the teardown was stopped.
///
/// # Errors
///
/// [`JournalError`] when the record cannot be written any more.
pub async fn teardown(
    shared: &Arc<Shared>,
    instances: &[InstanceId],
    extent: Extent,
) -> Result<TornDown, JournalError> {
    let mut order = shared.journal.with_status(|status| removal(status, instances));
    let mut torn = TornDown::default();
    let mut running = FuturesUnordered::new();
    loop {
        if torn.stopped.is_none() {
            let mut next = order.take();
            if next.is_none() && running.is_empty() && torn.left.is_empty() {
                next = order.youngest();
            }
            while let Some(instance) = next {
                running.push(async move { (remove(shared, &instance, extent).await, instance) });
                next = order.take();
            }
        }
        let Some((removed, instance)) = running.next().await else { break };
        match removed {
            Ok(something) => {
                torn.removed += usize::from(something);
                order.gone(&instance);
            }
            Err(Remains::Left(error)) => torn.leave(shared, instance, error),
            Err(Remains::Halt(Halt::Journal(error))) => return Err(error),
            Err(Remains::Halt(Halt::Stopped(stop))) => torn.stopped = Some(stop),
            Err(Remains::Halt(_)) => {}
        }
    }
    let waiting = if torn.stopped.is_none() { order.never_free() } else { Vec::new() };
    for Kept { instance, because_of } in order.kept.into_iter().chain(waiting) {
        if torn.left.iter().all(|(left, _)| *left != instance) {
            let words = format!("`{because_of}` came after it, and is still there");
            let error = shared.error(&About::default(), EffectKnown::NotApplied, ErrorClass::Rejected, words);
            torn.leave(shared, instance, error);
        }
    }
    Ok(torn)
}

impl TornDown {
    fn leave(&mut self, shared: &Shared, instance: InstanceId, error: StepError) {
        let made = shared.journal.with_status(|status| {
            status.instances.get(&instance).and_then(|known| known.made.last().cloned()).unwrap_or_default()
        });
        shared.events.tell(Event::ResourceLeft {
            instance: instance.clone(),
            kind: made.kind,
            id: made.id.as_ref().map(super::results::id_text),
            error: error.clone(),
        });
        self.left.push((instance, error));
    }
}
