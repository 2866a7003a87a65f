//! Ownership of tasks and resources: by the steps of this run, by this record, and by the other records of the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::catalog::Method;
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
    let_go: Mutex<Vec<(InstanceId, Claimable)>>,
    other_records: OtherRecords,
    /// Owned by other records when these were last read, with the name of the record.
    elsewhere: Arc<Mutex<Option<HashMap<Claimable, String>>>>,
}

impl Ownership {
    pub fn new(other_records: OtherRecords) -> Self {
        Self { claims: Mutex::default(), let_go: Mutex::default(), other_records, elsewhere: Arc::default() }
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
    pub fn let_go(
        &self,
        claimed: &Claimable,
        secondary: impl Iterator<Item = Claimable>,
        by: &InstanceId,
        holders: &[InstanceId],
    ) -> Option<InstanceId> {
        let mut gone = lock(&self.let_go);
        let left_to = holders.iter().find(|holder| *holder != by && !has_let_go(&gone, claimed, holder))?.clone();
        gone.extend(secondary.chain([claimed.clone()]).map(|claimed| (by.clone(), claimed)));
        Some(left_to)
    }

    /// Whether an instance was removed without this resource, which it left to another.
    pub fn has_let_go(&self, claimed: &Claimable, by: &InstanceId) -> bool {
        has_let_go(&lock(&self.let_go), claimed, by)
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
        let things: Vec<Claimable> = claimables_of(&status).collect();
        things.into_iter().map(move |thing| (thing, name.clone()))
    };
    other_records().into_iter().flat_map(held).collect()
}

fn has_let_go(gone: &[(InstanceId, Claimable)], claimed: &Claimable, by: &InstanceId) -> bool {
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
    fn of_instances_with_one_resource_the_last_that_is_removed_takes_it_away() {
        let volume = Claimable::resource("volumes", VOLUME);
        let [a, b, c] = ["a", "b", "c"].map(step);
        for (holders, removed, expected) in [
            (vec![&a], vec![&a], vec![None]),
            (vec![&a, &b], vec![&a], vec![Some(&b)]),
            (vec![&a, &b], vec![&a, &b], vec![Some(&b), None]),
            (vec![&a, &b], vec![&b, &a], vec![Some(&a), None]),
            (vec![&a, &b, &c], vec![&b, &a, &c], vec![Some(&a), Some(&c), None]),
            // Again, as after a removal that stopped.
            (vec![&a, &b], vec![&a, &a], vec![Some(&b), Some(&b)]),
        ] {
            let ownership = Ownership::new(Arc::new(Vec::new));
            let holders: Vec<InstanceId> = holders.into_iter().cloned().collect();
            for (by, left_to) in removed.into_iter().zip(expected) {
                let router = Claimable::resource("routers", "r");
                let left = ownership.let_go(&volume, std::iter::once(router.clone()), by, &holders);
                assert_eq!(left.as_ref(), left_to, "{holders:?} {by}");
                assert_eq!(ownership.has_let_go(&router, by), left.is_some());
            }
            let other = Claimable::resource("volumes", "another");
            assert!(!ownership.has_let_go(&other, &a));
        }
    }

    #[test]
    fn a_name_is_an_id_in_one_project_and_region_only() {
        let recorded = |path: &str| RecordedResource {
            kind: Some("inference_instances".to_owned()),
            id: Some(serde_json::json!("web").into()),
            undo: Some(crate::journal::RecordedCall::new(Method::Delete, path)),
            ..RecordedResource::default()
        };
        let [here, there] = ["/cloud/v3/inference/1/deployments/web", "/cloud/v3/inference/2/deployments/web"];
        let held = Claimable::of(&recorded(here)).unwrap();
        let named = |path: Option<&str>| Claimable::resource_at("inference_instances", "web", path);
        assert!(held.is(&named(Some(here))) && held.is(&named(None)) && !held.is(&named(Some(there))));
        let id = "6f1d2c3b-0000-4000-8000-000000000001";
        assert_eq!(Claimable::resource_at("volumes", id, Some(here)), Claimable::resource("volumes", id));
    }

    #[test]
    fn a_number_is_an_id_of_one_kind_only() {
        let ownership = Ownership::new(Arc::new(Vec::new));
        assert!(ownership.claim(Claimable::resource("projects", "7"), &step("a")));
        assert!(ownership.claim(Claimable::resource("registries", "7"), &step("b")));
        assert!(ownership.claim(Claimable::task("7"), &step("b")));
    }
    /// A record that owns a task, a volume by its id, and two deployments of one name in two projects.
    fn other(task: &str, volume: &str) -> Status {
        let header = crate::journal::Header::new("other", "default");
        let mut status = Status::new(header, jiff::Timestamp::UNIX_EPOCH);
        let deployment = |path: Option<&str>, name: &str| RecordedResource {
            kind: Some("inference_instances".to_owned()),
            id: Some(serde_json::json!(name).into()),
            undo: path.map(|path| crate::journal::RecordedCall::new(Method::Delete, path)),
            ..RecordedResource::default()
        };
        let volume = RecordedResource { kind: Some("volumes".to_owned()), ..deployment(None, volume) };
        let made = vec![volume, deployment(Some(HERE), "web"), deployment(None, "db")];
        let known = crate::journal::InstanceStatus { made, ..Default::default() };
        status.instances.insert(step("a"), known.into());
        status.tasks.insert(task.to_owned());
        status
    }

    const HERE: &str = "/cloud/v3/inference/1/deployments/web";
    const VOLUME: &str = "6f1d2c3b-0000-4000-8000-000000000001";

    #[test]
    fn a_resource_of_another_record_belongs_to_it() {
        let ownership = Ownership::new(Arc::new(|| vec![("production".to_owned(), other("t", VOLUME))]));
        let deployment = |name: &str, path: Option<&str>| Claimable::resource_at("inference_instances", name, path);
        for (claimed, owned) in [
            (Claimable::task("t"), true),
            (Claimable::task("u"), false),
            (Claimable::task("web"), false),
            (Claimable::resource("volumes", VOLUME), true),
            (Claimable::resource("snapshots", VOLUME), false),
            (Claimable::resource("volumes", "6f1d2c3b-0000-4000-8000-000000000002"), false),
            (deployment("web", Some(HERE)), true),
            (deployment("web", Some("/cloud/v3/inference/2/deployments/web")), false),
            (deployment("web", None), true),
            (deployment("api", None), false),
            // That record does not say where its deployment is: it may be any.
            (deployment("db", Some("/cloud/v3/inference/2/deployments/db")), true),
        ] {
            let name = owned.then(|| "production".to_owned());
            assert_eq!(ownership.other_record(&claimed), name, "{claimed:?}");
        }
    }

    #[test]
    fn a_number_without_its_path_is_compared_as_it_is() {
        let ownership = Ownership::new(Arc::new(|| vec![("production".to_owned(), other("t", "7"))]));
        assert_eq!(ownership.other_record(&Claimable::resource("volumes", "7")).as_deref(), Some("production"));
        assert_eq!(ownership.other_record(&Claimable::resource("volumes", "77")), None);
    }

    #[tokio::test]
    async fn other_records_are_read_again() {
        let tasks = Arc::new(Mutex::new(vec!["first"]));
        let shown = tasks.clone();
        let read = move || lock(&shown).iter().map(|task| ("other".to_owned(), other(task, VOLUME))).collect();
        let ownership = Ownership::new(Arc::new(read));
        let owns = |task: &str| ownership.other_record(&Claimable::task(task)).is_some();
        assert!(owns("first") && !owns("second"));
        lock(&tasks).push("second");
        assert!(!owns("second"), "nothing is read without being told to");
        ownership.read_other_records().await;
        assert!(owns("first") && owns("second"));
    }

    #[test]
    fn a_task_is_itself_only() {
        let [task, resource] = [Claimable::task("7"), Claimable::resource("volumes", "7")];
        assert!(task.is(&Claimable::task("7")) && !task.is(&Claimable::task("8")));
        assert!(!task.is(&resource) && !resource.is(&task));
    }
}
