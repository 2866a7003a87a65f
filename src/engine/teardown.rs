//! Removing many instances in the reverse of the order in which they were made, as far apart as that order allows.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::call::Halt;
use super::remove::{Remains, remove};
use super::shared::Shared;
use super::stop::Stop;
use crate::event::{Event, StepError};
use crate::journal::JournalError;
use crate::plan::{InstanceId, StepId};

/// What a teardown came to.
#[derive(Debug, Default)]
pub struct TornDown {
    pub removed: usize,
    /// What is left, and why.
    pub left: Vec<(InstanceId, StepError)>,
    pub stopped: Option<Stop>,
}

/// Removes `instances`, everything that came after each first. Carries on past failures; what something left behind
/// depends on stays too.
///
/// # Errors
///
/// [`JournalError`] when the record cannot be written any more.
pub async fn teardown(shared: &Arc<Shared>, instances: &[InstanceId]) -> Result<TornDown, JournalError> {
    let mut order = Order::new(shared, instances);
    let mut torn = TornDown::default();
    let mut running = FuturesUnordered::new();
    loop {
        if torn.stopped.is_none() {
            for instance in order.take_ready() {
                running.push(async move { (remove(shared, &instance).await, instance) });
            }
        }
        let Some((removed, instance)) = running.next().await else { break };
        match removed {
            Ok(something) => {
                torn.removed += usize::from(something);
                order.done(&instance);
            }
            Err(Remains::Left(error)) => {
                let made = shared.journal.with_status(|status| {
                    status.instances.get(&instance).and_then(|known| known.made.last().cloned()).unwrap_or_default()
                });
                shared.events.tell(Event::ResourceLeft {
                    instance: instance.clone(),
                    kind: made.kind,
                    id: made.id.as_ref().map(super::results::id_text),
                    error: error.clone(),
                });
                torn.left.push((instance, error));
            }
            Err(Remains::Halt(Halt::Journal(error))) => return Err(error),
            Err(Remains::Halt(Halt::Stopped(stop))) => torn.stopped = Some(stop),
            Err(Remains::Halt(_)) => {}
        }
    }
    Ok(torn)
}

/// The recorded order, reversed.
struct Order {
    waiting: Vec<InstanceId>,
    /// Instances of a step that are still there.
    present: HashMap<StepId, usize>,
    /// Steps that were made after a step and must go before it.
    later: HashMap<StepId, BTreeSet<StepId>>,
}

impl Order {
    fn new(shared: &Shared, instances: &[InstanceId]) -> Self {
        let mut order = Self { waiting: instances.to_vec(), present: HashMap::new(), later: HashMap::new() };
        let chosen: HashSet<&InstanceId> = instances.iter().collect();
        shared.journal.with_status(|status| {
            for (instance, known) in &status.instances {
                // Instances that stay keep what they came after as well.
                if !chosen.contains(instance) && !known.may_exist() {
                    continue;
                }
                *order.present.entry(instance.step.clone()).or_default() += 1;
                for earlier in &known.after {
                    order.later.entry(earlier.clone()).or_default().insert(instance.step.clone());
                }
            }
        });
        order
    }

    fn take_ready(&mut self) -> Vec<InstanceId> {
        let (ready, waiting) =
            std::mem::take(&mut self.waiting).into_iter().partition(|instance| self.is_free(&instance.step));
        self.waiting = waiting;
        ready
    }

    /// Nothing that came after the step is there any more.
    fn is_free(&self, step: &StepId) -> bool {
        self.later.get(step).is_none_or(|later| {
            later.iter().all(|other| other == step || self.present.get(other).is_none_or(|present| *present == 0))
        })
    }

    fn done(&mut self, instance: &InstanceId) {
        if let Some(present) = self.present.get_mut(&instance.step) {
            *present = present.saturating_sub(1);
        }
    }
}
