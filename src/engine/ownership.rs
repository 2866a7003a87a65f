//! Ownership of tasks and resources: by the steps of this run, by this record, and by the other records of the store.

use std::sync::{Arc, Mutex};

use crate::catalog::Method;
use crate::hash::HashMap;
use crate::id::InstanceId;
use crate::journal::{Journal, RecordedResource, Status, id_text};
use crate::shared::lock;

/// A task or resource, which can belong to one call only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Claimable {
    Task(String),
    /// `path`: that of the resource, when its id is a name, which is unique below that path only.
    Resource {
        kind: String,
        id: String,
        path: Option<String>,
    },
}

impl Claimable {
    pub fn task(id: &str) -> Self {
        Claimable::Task(id.to_owned())
    }

    pub fn resource(kind: &str, id: &str) -> Self {
        Claimable::Resource { kind: kind.to_owned(), id: id.to_owned(), path: None }
    }

    /// A resource with its own path, as its delete has it.
    pub fn resource_at(kind: &str, id: &str, path: Option<&str>) -> Self {
        let path = path.filter(|_| is_name(id)).map(str::to_owned);
        Claimable::Resource { kind: kind.to_owned(), id: id.to_owned(), path }
    }

    /// A recorded resource; `None` without kind or id.
    pub fn of(made: &RecordedResource) -> Option<Self> {
        let path = made.undo.as_ref().filter(|undo| undo.method == Method::Delete).map(|undo| undo.path.as_str());
        Some(Self::resource_at(made.kind.as_deref()?, &id_text(made.id.as_ref()?), path))
    }

    /// Whether both are the same, as far as is known: the path of a resource may be unknown.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Claimable::Resource { kind, id, path },
                Claimable::Resource { kind: other_kind, id: other_id, path: other_path },
            ) => kind == other_kind && id == other_id && (path.is_none() || other_path.is_none() || path == other_path),
            _ => self == other,
        }
    }
}

/// Whether an id is the name of its resource.
fn is_name(id: &str) -> bool {
    uuid::Uuid::try_parse(id).is_err() && !id.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads the other records of the store: the name of each and its status. Called again whenever current data is
/// needed, because other runs may be writing to them.
pub type OtherRecords = Arc<dyn Fn() -> Vec<(String, Status)> + Send + Sync>;

/// Which instance or record owns which task or resource.
pub struct Ownership {
    /// Owned by the steps of this run.
    claims: Mutex<HashMap<Claimable, InstanceId>>,
    /// Resources that were left when an instance was removed, because another instance of this record holds them as its
    /// own.
    relinquished: Mutex<Vec<(InstanceId, Claimable)>>,
    other_records: OtherRecords,
    /// Owned by other records when these were last read, with the name of the record.
    elsewhere: Arc<Mutex<Option<HashMap<Claimable, String>>>>,
}

impl Ownership {
    pub fn new(other_records: OtherRecords) -> Self {
        Self { claims: Mutex::default(), relinquished: Mutex::default(), other_records, elsewhere: Arc::default() }
    }

    /// Claims a task or resource for an instance. `false` when another step of this run has claimed it; claiming
    /// again is harmless.
    pub fn claim(&self, claimed: Claimable, by: &InstanceId) -> bool {
        let mut claims = lock(&self.claims);
        claims.entry(claimed).or_insert_with(|| by.clone()) == by
    }

    /// The step of this run that has claimed a task or resource.
    pub fn claimant(&self, claimed: &Claimable) -> Option<InstanceId> {
        lock(&self.claims).get(claimed).cloned()
    }

    /// Releases a claim that proved wrong.
    pub fn release(&self, claimed: &Claimable, by: &InstanceId) {
        let mut claims = lock(&self.claims);
        if claims.get(claimed) == Some(by) {
            claims.remove(claimed);
        }
    }

    /// The holder to whom an instance that is removed leaves a resource, with the secondary ones; `None` when it is the
    /// only one left. Of holders that are removed at the same time the last one removes the resource.
    pub fn relinquish(
        &self,
        claimed: &Claimable,
        secondary: impl Iterator<Item = Claimable>,
        by: &InstanceId,
        holders: &[InstanceId],
    ) -> Option<InstanceId> {
        let mut gone = lock(&self.relinquished);
        let left_to = holders.iter().find(|holder| *holder != by && !has_relinquished(&gone, claimed, holder))?.clone();
        gone.extend(secondary.chain([claimed.clone()]).map(|claimed| (by.clone(), claimed)));
        Some(left_to)
    }

    /// Whether an instance was removed without this resource, which it left to another.
    pub fn has_relinquished(&self, claimed: &Claimable, by: &InstanceId) -> bool {
        has_relinquished(&lock(&self.relinquished), claimed, by)
    }

    /// Whether a step of this run, or a call in this record, owns it.
    pub fn is_ours(&self, claimed: &Claimable, journal: &Journal) -> bool {
        lock(&self.claims).contains_key(claimed) || journal.with_status(|status| holds(status, claimed))
    }

    /// The name of the other record that owns it, as of the last reading of the other records.
    pub fn other_record(&self, claimed: &Claimable) -> Option<String> {
        let mut known = lock(&self.elsewhere);
        let known = known.get_or_insert_with(|| read(&self.other_records));
        let without_path = match claimed {
            Claimable::Resource { kind, id, path: Some(_) } => known.get(&Claimable::resource(kind, id)),
            // Of a name without its path, every resource of that name may be meant.
            Claimable::Resource { id, path: None, .. } if is_name(id) => {
                known.iter().find(|(other, _)| other.is(claimed)).map(|(_, name)| name)
            }
            Claimable::Resource { .. } | Claimable::Task(_) => None,
        };
        known.get(claimed).or(without_path).cloned()
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
        let claimables: Vec<Claimable> = claimables_of(&status).collect();
        claimables.into_iter().map(move |claimable| (claimable, name.clone()))
    };
    other_records().into_iter().flat_map(held).collect()
}

fn has_relinquished(gone: &[(InstanceId, Claimable)], claimed: &Claimable, by: &InstanceId) -> bool {
    gone.iter().any(|(other, left)| other == by && left.is(claimed))
}

fn holds(status: &Status, claimed: &Claimable) -> bool {
    match claimed {
        Claimable::Task(task) => status.tasks.contains(task),
        Claimable::Resource { .. } => {
            status.resources().any(|(_, made)| Claimable::of(made).is_some_and(|held| held.is(claimed)))
        }
    }
}

/// Every task and resource that a record owns.
fn claimables_of(status: &Status) -> impl Iterator<Item = Claimable> {
    let resources = status.resources().filter_map(|(_, made)| Claimable::of(made));
    status.tasks.iter().cloned().map(Claimable::Task).chain(resources)
}

#[cfg(test)]
mod tests;
