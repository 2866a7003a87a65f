//! Whose something is: one answer for tasks and resources alike, from this record, the other records of the store, and
//! what the steps of this run have taken for their own.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::journal::{InstanceStatus, Journal, Made, Status};
use crate::plan::InstanceId;

/// Something that belongs to one call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Thing {
    Task(String),
    Resource { kind: String, id: String },
}

impl Thing {
    pub fn task(id: &str) -> Self {
        Thing::Task(id.to_owned())
    }

    pub fn resource(kind: &str, id: &str) -> Self {
        Thing::Resource { kind: kind.to_owned(), id: id.to_owned() }
    }
}

/// Reads what the other records of the store hold, at the moment it is asked: another run may be writing to them.
pub type Neighbours = Arc<dyn Fn() -> HashSet<Thing> + Send + Sync>;

/// Who has what.
pub struct Ownership {
    /// By the steps of this run.
    claims: Mutex<HashMap<Thing, InstanceId>>,
    neighbours: Neighbours,
}

impl Ownership {
    pub fn new(neighbours: Neighbours) -> Self {
        Self { claims: Mutex::default(), neighbours }
    }

    /// For a record that has no neighbours.
    pub fn alone() -> Self {
        Self::new(Arc::new(HashSet::new))
    }

    /// `false` when another step of this run has it already. Claiming twice is claiming once.
    pub fn claim(&self, thing: Thing, by: &InstanceId) -> bool {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.entry(thing).or_insert_with(|| by.clone()) == by
    }

    /// Takes back a claim that proved wrong.
    pub fn release(&self, thing: &Thing, by: &InstanceId) {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        if claims.get(thing) == Some(by) {
            claims.remove(thing);
        }
    }

    /// A step of this run, or a call on this record, has it.
    pub fn is_ours(&self, thing: &Thing, journal: &Journal) -> bool {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).contains_key(thing)
            || journal.with_status(|status| holds(status, thing))
    }

    /// What other records of the store hold. Read on a thread that may block.
    pub async fn neighbours(&self) -> HashSet<Thing> {
        let read = self.neighbours.clone();
        // Reading does not panic; if it did, nothing would be known of the neighbours.
        tokio::task::spawn_blocking(move || read()).await.unwrap_or_default()
    }
}

fn holds(status: &Status, thing: &Thing) -> bool {
    match thing {
        Thing::Task(id) => status.tasks.contains(id),
        Thing::Resource { .. } => status.instances.values().flat_map(resources_of).any(|held| held == *thing),
    }
}

/// Everything a record holds.
pub fn things_of(status: &Status) -> HashSet<Thing> {
    let tasks = status.tasks.iter().cloned().map(Thing::Task);
    tasks.chain(status.instances.values().flat_map(resources_of)).collect()
}

/// What exists because of an instance, each by itself.
fn resources_of(instance: &InstanceStatus) -> impl Iterator<Item = Thing> {
    let all = instance.made.iter().flat_map(|made| std::iter::once(made).chain(&made.beside));
    all.filter_map(thing_of)
}

fn thing_of(made: &Made) -> Option<Thing> {
    Some(Thing::resource(made.kind.as_deref()?, &super::results::id_text(made.id.as_ref()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::StepId;

    fn step(name: &str) -> InstanceId {
        InstanceId::new(StepId::new(name), None)
    }

    #[test]
    fn what_one_step_has_no_other_takes() {
        let ownership = Ownership::alone();
        let volume = Thing::resource("volumes", "7");
        assert!(ownership.claim(volume.clone(), &step("a")) && ownership.claim(volume.clone(), &step("a")));
        assert!(!ownership.claim(volume.clone(), &step("b")));
        ownership.release(&volume, &step("b"));
        assert!(!ownership.claim(volume.clone(), &step("b")), "only its owner can give it back");
        ownership.release(&volume, &step("a"));
        assert!(ownership.claim(volume, &step("b")));
    }

    #[test]
    fn a_number_is_an_id_of_one_kind_only() {
        let ownership = Ownership::alone();
        assert!(ownership.claim(Thing::resource("projects", "7"), &step("a")));
        assert!(ownership.claim(Thing::resource("registries", "7"), &step("b")));
        assert!(ownership.claim(Thing::task("7"), &step("b")));
    }
}
