//! The state of the simulated cloud at one moment: resources, tasks, and the operations that all kinds share. The
//! particular behaviour of kinds is in `network`, `compute`, `balancer` and `platform`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::answer::{Refusal, ok, resource_time};
use super::audit::Audit;
use super::draw::{SeededRandom, is_uuid};
use super::kinds::{self, Numbering, ResourceKind};
use super::options::{Options, UnknownIds};
use super::store::{ProjectRegion, Resource, Store, Uid};
use super::target::Target;
use super::tasks::{Change, Tasks};
use super::view;
use crate::api::Answer;
use crate::hash::HashSet;

/// A resource that was created at some time; it may have been removed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    /// The kind: a key of `created_resources`, or a name of the same form, such as `networks`.
    pub kind: &'static str,
    pub id: String,
    pub name: String,
}

impl Creation {
    fn of(resource: &Resource) -> Self {
        Self { kind: resource.kind.name, id: resource.id.clone(), name: resource.name.clone() }
    }
}

/// The fault of the next task.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TaskFault {
    pub(super) text: Option<String>,
    pub(super) leaves: bool,
}

/// The state of the simulated cloud at one moment.
#[derive(Debug)]
pub(super) struct CloudState {
    pub(super) now: Timestamp,
    pub(super) draw: SeededRandom,
    pub(super) store: Store,
    pub(super) tasks: Tasks,
    pub(super) audit: Audit,
    pub(super) options: Options,
    /// Every resource that clients ever created, in order.
    pub(super) ever: Vec<Creation>,
    /// Changes and removals of bystanders' resources by clients.
    pub(super) harmed: Vec<Creation>,
    /// Whether the current request is a bystander's.
    pub(super) bystander: bool,
    /// The fault for the task that the current request starts.
    pub(super) task_fault: Option<TaskFault>,
    /// The resources that the current request changes, for the audit log.
    pub(super) touched: Vec<Uid>,
    /// Changes that come some time after their tasks, the next first.
    pub(super) to_come: Vec<(Timestamp, Change)>,
    /// Settings that belong to no resource, by path.
    pub(super) switches: BTreeMap<String, Value>,
    pub(super) opened_regions: HashSet<ProjectRegion>,
    /// Ids of removed resources, which are not assumed to exist.
    pub(super) gone: HashSet<String>,
    last_integer: u64,
}

impl CloudState {
    pub(super) fn new(options: Options) -> Self {
        Self {
            now: Timestamp::UNIX_EPOCH,
            draw: SeededRandom::new(options.seed),
            store: Store::default(),
            tasks: Tasks::default(),
            audit: Audit::default(),
            options,
            ever: Vec::new(),
            harmed: Vec::new(),
            bystander: false,
            task_fault: None,
            touched: Vec::new(),
            to_come: Vec::new(),
            switches: BTreeMap::new(),
            opened_regions: HashSet::default(),
            gone: HashSet::default(),
            last_integer: 1000,
        }
    }

    /// Advances the time to `now`, never back, and completes the tasks that are due, in order.
    pub(super) fn advance(&mut self, now: Timestamp) {
        let now = now.max(self.now);
        while let Some(at) = self.next().filter(|at| *at <= now) {
            self.now = self.now.max(at);
            if self.to_come.first().is_some_and(|(due, _)| *due == at) {
                let (_, change) = self.to_come.remove(0);
                self.change(&change);
            } else if let Some(task) = self.tasks.end_next(now) {
                self.carry_out(&task);
            }
        }
        self.now = now;
    }

    /// Notes that the current request changes a resource.
    pub(super) fn touch(&mut self, uid: Uid) {
        self.touched.push(uid);
        if let Some(resource) = self.store.get(uid)
            && resource.of_bystander
            && !self.bystander
        {
            self.harmed.push(Creation::of(resource));
        }
    }

    // ── look-up ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// The resource that a path names.
    pub(super) fn addressed(&mut self, target: &Target) -> Result<Uid, Refusal> {
        let kind = kinds::named(target.kind);
        let key = target.key.as_deref().unwrap_or_default();
        let parent = self.parent(target)?;
        self.find(kind, ProjectRegion { project: target.project, region: target.region }, parent, key)
    }

    /// The parent of a nested resource, from its path.
    pub(super) fn parent(&mut self, target: &Target) -> Result<Option<Uid>, Refusal> {
        let Some((kind, key)) = &target.parent else { return Ok(None) };
        let project_region = ProjectRegion { project: target.project, region: target.region };
        self.find(kinds::named(kind), project_region, None, key).map(Some)
    }

    fn find(
        &mut self,
        kind: &'static ResourceKind,
        project_region: ProjectRegion,
        parent: Option<Uid>,
        key: &str,
    ) -> Result<Uid, Refusal> {
        let below = if kind.by_name { parent } else { None };
        // Bare metal clusters are addressed by the paths of both versions.
        let editions = [Some(kind), (kind.name == "ai_clusters").then(|| kinds::named("gpu_baremetal_clusters"))];
        let found = editions.into_iter().flatten().find_map(|kind| self.store.at(kind, project_region, below, key));
        let found = found.filter(|uid| {
            // A resource below another parent is not found.
            parent.is_none() || self.store.get(*uid).is_some_and(|resource| resource.parent == parent)
        });
        match found {
            Some(uid) => Ok(uid),
            // A resource of another project is not found.
            None if self.may_assume(kind, key) && parent.is_none() && self.store.by_id(kind.name, key).is_none() => {
                Ok(self.assume(kind, project_region, key))
            }
            None => Err(Refusal::not_found(match kind.name {
                "instances" => format!("Instance {key} could not be found"),
                "images" => format!("Image {key} not found"),
                _ => format!("{} with id {key} not found", kind.label),
            })),
        }
    }

    /// The resource with an id from a body or query; it must exist and must not be in removal.
    pub(super) fn need(&mut self, kind: &'static str, project_region: ProjectRegion, id: &str) -> Result<Uid, Refusal> {
        let uid = self.find(kinds::named(kind), project_region, None, id)?;
        match self.store.get(uid) {
            Some(resource) if resource.leaving => Err(self.locked_refusal(resource)),
            _ => Ok(uid),
        }
    }

    /// Checks the image that a volume is to be created from.
    pub(super) fn need_image(&self, project_region: ProjectRegion, id: &str) -> Result<(), Refusal> {
        let listed = self.store.at(kinds::named("images"), project_region, None, id).is_some();
        let taken = !self.options.known_images && !self.gone.contains(id);
        if listed || taken { Ok(()) } else { Err(Refusal::not_found(format!("Image {id} not found"))) }
    }

    fn may_assume(&self, kind: &ResourceKind, key: &str) -> bool {
        let plausible = kind.by_name || kind.numbering == Numbering::Integer || is_uuid(key);
        self.options.unknown_ids == UnknownIds::Assume && plausible && !key.is_empty() && !self.gone.contains(key)
    }

    /// Checks that no task holds any of these resources.
    pub(super) fn check_free(&self, resources: &[Uid]) -> Result<(), Refusal> {
        let mut locked = resources.iter().filter_map(|uid| self.store.get(*uid)).filter(|held| held.lock.is_some());
        locked.next().map_or(Ok(()), |held| Err(self.locked_refusal(held)))
    }

    /// The refusal for a resource that a task holds: every other one names the task, so that clients are tested with
    /// both texts.
    fn locked_refusal(&self, resource: &Resource) -> Refusal {
        let task = resource.lock.as_deref().and_then(|id| self.tasks.get(id));
        let named = task.filter(|task| task.id.as_bytes().first().is_some_and(|digit| digit % 2 == 0));
        Refusal::locked(&resource.id, named.map(|task| (task.task_type.as_str(), task.id.as_str(), task.created)))
    }

    // ── creation ────────────────────────────────────────────────────────────────────────────────────────────────

    /// A resource from a create's body, not stored yet: every field of the body that a read shows.
    pub(super) fn draft(
        &mut self,
        kind: &'static str,
        project_region: ProjectRegion,
        body: &Map<String, Value>,
    ) -> Resource {
        let kind = kinds::named(kind);
        let name = body.get(kind.name_field).or_else(|| body.get("name")).and_then(Value::as_str).unwrap_or_default();
        let id = match kind.numbering {
            Numbering::Uuid => self.draw.uuid(),
            Numbering::Integer => {
                self.last_integer += 1;
                self.last_integer.to_string()
            }
            Numbering::Name => name.to_owned(),
        };
        // Name and tags are stored separately, because reads show them in several forms.
        let apart = |field: &str| field == kind.name_field || (kind.tags_field.is_some() && field == "tags");
        let hidden = |field: &str| kind.write_only.contains(&field) || apart(field);
        let mut fields: Map<_, _> = body
            .iter()
            .filter(|(field, _)| !hidden(field))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect();
        let mut once_made = Map::new();
        for (field, making, made) in kind.status {
            fields.insert((*field).into(), (*making).into());
            once_made.insert((*field).into(), (*made).into());
        }
        Resource {
            kind,
            id,
            name: name.to_owned(),
            project_region,
            parent: None,
            fields,
            once_made,
            tags: if kind.tags_field.is_some() { tags(body.get("tags")) } else { BTreeMap::new() },
            created: self.now,
            updated: self.now,
            creator_task: None,
            lock: None,
            leaving: false,
            seeded: false,
            of_bystander: self.bystander,
        }
    }

    /// Stores a drafted resource, and notes what a client created.
    pub(super) fn insert(&mut self, mut resource: Resource) -> Uid {
        view::complete(&mut resource);
        if !resource.of_bystander {
            self.ever.push(Creation::of(&resource));
        }
        self.store.insert(resource)
    }

    /// Checks that the quota allows one more, and that the name is free where it must be unique.
    pub(super) fn check_room(
        &self,
        kind: &'static ResourceKind,
        project_region: ProjectRegion,
        parent: Option<Uid>,
        name: &str,
    ) -> Result<(), Refusal> {
        if let Some(limit) = self.options.quotas.get(kind.name) {
            let count = self
                .store
                .of_kind(kind.name)
                .filter(|(_, held)| held.project_region == project_region && !held.seeded)
                .count();
            if count as u64 >= *limit {
                return Err(Refusal::quota(kind.name, count as u64, 1, *limit));
            }
        }
        let taken = if kind.by_name {
            self.store.at(kind, project_region, parent, name).is_some()
        } else {
            kind.unique_name
                && self.store.of_kind(kind.name).any(|(_, known)| {
                    known.project_region == project_region && known.parent == parent && known.name == name
                })
        };
        if taken { Err(Refusal::conflict(format!("{} with name {name} already exists", kind.label))) } else { Ok(()) }
    }

    /// A resource as a read shows it.
    pub(super) fn view(&self, uid: Uid) -> Value {
        view::resource_answer(&self.store, uid)
    }

    /// 200 with the resource.
    pub(super) fn show(&self, uid: Uid) -> Answer {
        ok(200, self.view(uid))
    }

    pub(super) fn id(&self, uid: Uid) -> String {
        self.store.get(uid).map(|resource| resource.id.clone()).unwrap_or_default()
    }

    pub(super) fn clock(&self) -> String {
        resource_time(self.now)
    }
}

/// The tags of a create body: a mapping of texts.
pub(super) fn tags(body: Option<&Value>) -> BTreeMap<String, String> {
    body.and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// The fields of an object; anything else has none.
pub(super) fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
