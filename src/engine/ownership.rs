//! Ownership of tasks and resources: by the steps of this run, by this record, and by the other records of the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::results::id_text;
use crate::id::InstanceId;
use crate::journal::{Journal, Status};

/// A task or resource, which can belong to one call only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Claimable {
    Task(String),
    Resource { kind: String, id: String },
}

impl Claimable {
    pub fn task(id: &str) -> Self {
        Claimable::Task(id.to_owned())
    }

    pub fn resource(kind: &str, id: &str) -> Self {
        Claimable::Resource { kind: kind.to_owned(), id: id.to_owned() }
    }
}

/// Reads the other records of the store: the name of each and its status. Called again whenever current data is
/// needed, because other runs may be writing to them.
pub type OtherRecords = Arc<dyn Fn() -> Vec<(String, Status)> + Send + Sync>;

/// Which instance or record owns which task or resource.
pub struct Ownership {
    /// Owned by the steps of this run.
    claims: Mutex<HashMap<Claimable, InstanceId>>,
    other_records: OtherRecords,
    /// Owned by other records when these were last read, with the name of the record.
    elsewhere: Arc<Mutex<Option<HashMap<Claimable, String>>>>,
}

impl Ownership {
    pub fn new(other_records: OtherRecords) -> Self {
        Self { claims: Mutex::default(), other_records, elsewhere: Arc::default() }
    }

    /// Claims a task or resource for an instance. `false` when another step of this run has claimed it; claiming
    /// again is harmless.
    pub fn claim(&self, thing: Claimable, by: &InstanceId) -> bool {
        let mut claims = lock(&self.claims);
        claims.entry(thing).or_insert_with(|| by.clone()) == by
    }

    /// Releases a claim that proved wrong.
    pub fn release(&self, thing: &Claimable, by: &InstanceId) {
        let mut claims = lock(&self.claims);
        if claims.get(thing) == Some(by) {
            claims.remove(thing);
        }
    }

    /// Whether a step of this run, or a call in this record, owns it.
    pub fn is_ours(&self, thing: &Claimable, journal: &Journal) -> bool {
        lock(&self.claims).contains_key(thing) || journal.with_status(|status| holds(status, thing))
    }

    /// The name of the other record that owns it, as of the last reading of the other records.
    pub fn other_record(&self, thing: &Claimable) -> Option<String> {
        let mut known = lock(&self.elsewhere);
        known.get_or_insert_with(|| read(&self.other_records)).get(thing).cloned()
    }

    /// Reads the other records again, on a blocking thread.
    pub async fn read_other_records(&self) {
        let (other_records, known) = (self.other_records.clone(), self.elsewhere.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let held = read(&other_records);
            *lock(&known) = Some(held);
        });
        // The reading does not panic; if it did, the earlier reading would stay in use.
        let _ = reading.await;
    }
}

fn read(other_records: &OtherRecords) -> HashMap<Claimable, String> {
    let held = |(name, status): (String, Status)| {
        let things: Vec<Claimable> = things_of(&status).collect();
        things.into_iter().map(move |thing| (thing, name.clone()))
    };
    other_records().into_iter().flat_map(held).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn holds(status: &Status, thing: &Claimable) -> bool {
    match thing {
        Claimable::Task(task) => status.tasks.contains(task),
        Claimable::Resource { kind, id } => {
            status.owned().any(|(_, held, known)| held == kind && id_text(known) == *id)
        }
    }
}

/// Every task and resource that a record owns.
fn things_of(status: &Status) -> impl Iterator<Item = Claimable> {
    let resources = status.owned().map(|(_, kind, id)| Claimable::resource(kind, &id_text(id)));
    status.tasks.iter().cloned().map(Claimable::Task).chain(resources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StepId;

    fn step(name: &str) -> InstanceId {
        InstanceId::new(StepId::new(name), None)
    }

    #[test]
    fn a_claimed_task_cannot_be_claimed_by_another_step() {
        let ownership = Ownership::new(Arc::new(Vec::new));
        let volume = Claimable::resource("volumes", "7");
        assert!(ownership.claim(volume.clone(), &step("a")) && ownership.claim(volume.clone(), &step("a")));
        assert!(!ownership.claim(volume.clone(), &step("b")));
        ownership.release(&volume, &step("b"));
        assert!(!ownership.claim(volume.clone(), &step("b")), "only its owner can give it back");
        ownership.release(&volume, &step("a"));
        assert!(ownership.claim(volume, &step("b")));
    }

    #[test]
    fn a_number_is_an_id_of_one_kind_only() {
        let ownership = Ownership::new(Arc::new(Vec::new));
        assert!(ownership.claim(Claimable::resource("projects", "7"), &step("a")));
        assert!(ownership.claim(Claimable::resource("registries", "7"), &step("b")));
        assert!(ownership.claim(Claimable::task("7"), &step("b")));
    }
}
