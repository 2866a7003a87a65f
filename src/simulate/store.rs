//! The resources of the simulated cloud, their references and their parents. Without any rules.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::kinds::ResourceKind;
use crate::hash::HashMap;

/// The index of a resource in the store, by order of creation; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Uid(u64);

/// Project and region of a resource; 0 where it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(super) struct ProjectRegion {
    pub(super) project: u64,
    pub(super) region: u64,
}

/// A resource of the simulated cloud.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) kind: &'static ResourceKind,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) project_region: ProjectRegion,
    pub(super) parent: Option<Uid>,
    /// As a read shows them, except for fields computed when it is read.
    pub(super) fields: Map<String, Value>,
    /// Values of fields after the creating task.
    pub(super) once_made: Map<String, Value>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) creator_task: Option<String>,
    /// The id of the running task that locks it.
    pub(super) lock: Option<String>,
    /// It is being removed: no new reference is allowed.
    pub(super) leaving: bool,
    /// It existed from the beginning.
    pub(super) seeded: bool,
    /// Created by a bystander.
    pub(super) of_bystander: bool,
}

impl Resource {
    pub(super) fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.field(name)?.as_str()
    }

    /// Its key in a path.
    pub(super) fn key(&self) -> &str {
        if self.kind.by_name { &self.name } else { &self.id }
    }
}

/// What identifies a resource in a path.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Address {
    kind: &'static str,
    project_region: ProjectRegion,
    parent: Option<Uid>,
    key: String,
}

/// All resources, with indexes of their addresses and references.
#[derive(Debug, Default)]
pub(super) struct Store {
    last: u64,
    resources: HashMap<Uid, Resource>,
    by_kind: HashMap<&'static str, BTreeSet<Uid>>,
    by_address: HashMap<Address, Uid>,
    by_id: HashMap<(&'static str, String), Uid>,
    children: HashMap<Uid, BTreeSet<Uid>>,
    uses: HashMap<Uid, BTreeSet<Uid>>,
    users: HashMap<Uid, BTreeSet<Uid>>,
}

impl Store {
    pub(super) fn insert(&mut self, resource: Resource) -> Uid {
        self.last += 1;
        let uid = Uid(self.last);
        self.by_kind.entry(resource.kind.name).or_default().insert(uid);
        self.by_address.insert(address(&resource), uid);
        self.by_id.insert((resource.kind.name, resource.id.clone()), uid);
        if let Some(parent) = resource.parent {
            self.children.entry(parent).or_default().insert(uid);
        }
        self.resources.insert(uid, resource);
        uid
    }

    /// Removes a resource with its children and all references to it.
    pub(super) fn remove(&mut self, uid: Uid) {
        for child in self.children.remove(&uid).unwrap_or_default() {
            self.remove(child);
        }
        for used in self.uses.remove(&uid).unwrap_or_default() {
            forget(&mut self.users, used, uid);
        }
        for user in self.users.remove(&uid).unwrap_or_default() {
            forget(&mut self.uses, user, uid);
        }
        let Some(resource) = self.resources.remove(&uid) else { return };
        if let Some(parent) = resource.parent {
            forget(&mut self.children, parent, uid);
        }
        self.by_address.remove(&address(&resource));
        self.by_id.remove(&(resource.kind.name, resource.id.clone()));
        if let Some(kind) = self.by_kind.get_mut(resource.kind.name) {
            kind.remove(&uid);
        }
    }

    pub(super) fn get(&self, uid: Uid) -> Option<&Resource> {
        self.resources.get(&uid)
    }

    pub(super) fn get_mut(&mut self, uid: Uid) -> Option<&mut Resource> {
        self.resources.get_mut(&uid)
    }

    /// The resource with a path's key.
    pub(super) fn at(
        &self,
        kind: &'static ResourceKind,
        project_region: ProjectRegion,
        parent: Option<Uid>,
        key: &str,
    ) -> Option<Uid> {
        let address = Address { kind: kind.name, project_region, parent, key: key.to_owned() };
        self.by_address.get(&address).copied()
    }

    /// The resource with this kind and id, in any project.
    pub(super) fn by_id(&self, kind: &'static str, id: &str) -> Option<Uid> {
        self.by_id.get(&(kind, id.to_owned())).copied()
    }

    /// All resources of a kind, oldest first.
    pub(super) fn of_kind(&self, kind: &str) -> impl DoubleEndedIterator<Item = (Uid, &Resource)> {
        self.by_kind
            .get(kind)
            .into_iter()
            .flatten()
            .filter_map(|uid| self.resources.get(uid).map(|resource| (*uid, resource)))
    }

    /// The children of a resource with one kind, oldest first.
    pub(super) fn children(&self, parent: Uid, kind: &str) -> impl Iterator<Item = (Uid, &Resource)> {
        self.children
            .get(&parent)
            .into_iter()
            .flatten()
            .filter_map(|uid| self.resources.get(uid).map(|resource| (*uid, resource)))
            .filter(move |(_, resource)| resource.kind.name == kind)
    }

    /// A resource and all its descendants.
    pub(super) fn family(&self, uid: Uid) -> Vec<Uid> {
        let mut family = vec![uid];
        let mut next = 0;
        while let Some(member) = family.get(next).copied() {
            family.extend(self.children.get(&member).into_iter().flatten());
            next += 1;
        }
        family
    }

    /// Sets the parent of a resource that has none.
    pub(super) fn adopt(&mut self, child: Uid, parent: Uid) {
        if let Some(resource) = self.resources.get_mut(&child)
            && resource.parent.is_none()
            && !resource.kind.by_name
        {
            resource.parent = Some(parent);
            self.children.entry(parent).or_default().insert(child);
        }
    }

    /// Notes that `user` refers to `used`.
    pub(super) fn link(&mut self, user: Uid, used: Uid) {
        self.uses.entry(user).or_default().insert(used);
        self.users.entry(used).or_default().insert(user);
    }

    /// Notes that `user` no longer refers to `used`.
    pub(super) fn unlink(&mut self, user: Uid, used: Uid) {
        forget(&mut self.uses, user, used);
        forget(&mut self.users, used, user);
    }

    /// The resources of a kind that refer to it.
    pub(super) fn users(&self, used: Uid, kind: &str) -> impl Iterator<Item = (Uid, &Resource)> {
        self.linked(&self.users, used, kind)
    }

    /// The resources of a kind that it refers to.
    pub(super) fn used(&self, user: Uid, kind: &str) -> impl Iterator<Item = (Uid, &Resource)> {
        self.linked(&self.uses, user, kind)
    }

    fn linked<'s>(
        &'s self,
        links: &'s HashMap<Uid, BTreeSet<Uid>>,
        of: Uid,
        kind: &str,
    ) -> impl Iterator<Item = (Uid, &'s Resource)> {
        links
            .get(&of)
            .into_iter()
            .flatten()
            .filter_map(|uid| self.resources.get(uid).map(|resource| (*uid, resource)))
            .filter(move |(_, resource)| resource.kind.name == kind)
    }

    /// The topmost ancestor; the resource itself when it has no parent.
    pub(super) fn root(&self, mut uid: Uid) -> Uid {
        while let Some(parent) = self.get(uid).and_then(|resource| resource.parent) {
            uid = parent;
        }
        uid
    }
}

fn address(resource: &Resource) -> Address {
    let key = resource.key().to_owned();
    // Only a resource addressed by name needs its parent for its identity, and that parent is always in the path.
    let parent = if resource.kind.by_name { resource.parent } else { None };
    Address { kind: resource.kind.name, project_region: resource.project_region, parent, key }
}

fn forget(links: &mut HashMap<Uid, BTreeSet<Uid>>, of: Uid, what: Uid) {
    if let Some(set) = links.get_mut(&of) {
        set.remove(&what);
        if set.is_empty() {
            links.remove(&of);
        }
    }
}
