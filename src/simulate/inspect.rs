//! What a simulator holds and what clients asked of it, for tests.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::core::Simulator;
use super::kinds;
use super::state::Creation;

/// A resource in the simulator, for tests.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceView {
    /// The kind: a key of `created_resources`, or a name of the same form, such as `networks`.
    pub kind: &'static str,
    pub id: String,
    pub name: String,
    pub project: u64,
    pub region: u64,
    /// As a read shows it.
    pub shown: Value,
}

/// A task that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub id: String,
    pub task_type: String,
    /// On the server's clock.
    pub ends: Timestamp,
}

impl Simulator {
    /// Existing resources of a kind, oldest first, without seeded ones and those of bystanders.
    pub fn resources(&self, kind: &str) -> Vec<ResourceView> {
        let mut held = self.held(kind, false);
        held.extend(self.of_products().filter(|held| held.kind == kind));
        held
    }

    fn of_products(&self) -> impl Iterator<Item = ResourceView> {
        self.products.held().map(|item| ResourceView {
            kind: item.known_kind(),
            id: item.id.as_str().map_or_else(|| item.id.to_string(), str::to_owned),
            // A drawn number is no name.
            name: match item.id.as_u64() {
                Some(id) if item.name.parse() == Ok(id) => String::new(),
                _ => item.name.clone(),
            },
            project: 0,
            region: 0,
            shown: Value::Object(item.shown(self.state.now)),
        })
    }

    /// Existing resources of bystanders.
    pub fn bystander_resources(&self) -> Vec<ResourceView> {
        let kinds = kinds::KINDS.iter().filter(|kind| kind.name != "ports");
        kinds.flat_map(|kind| self.held(kind.name, true)).collect()
    }

    /// Resources of bystanders that clients changed or removed, once for each time.
    pub fn harmed(&self) -> &[Creation] {
        &self.state.harmed
    }

    fn held(&self, kind: &str, of_bystanders: bool) -> Vec<ResourceView> {
        let found = self.state.store.of_kind(kind);
        let found = found.filter(|(_, resource)| !resource.seeded && resource.of_bystander == of_bystanders);
        found
            .map(|(uid, resource)| ResourceView {
                kind: resource.kind.name,
                id: resource.id.clone(),
                name: resource.name.clone(),
                project: resource.project_region.project,
                region: resource.project_region.region,
                shown: self.state.view(uid),
            })
            .collect()
    }

    /// All existing resources, by kind, without seeded ones, those of bystanders, and the ports of machines and load
    /// balancers, which are created and removed with them.
    pub fn everything(&self) -> Vec<ResourceView> {
        let kinds = kinds::KINDS.iter().filter(|kind| kind.name != "ports");
        kinds.flat_map(|kind| self.held(kind.name, false)).chain(self.of_products()).collect()
    }

    /// How many resources of each kind were ever created.
    pub fn ever_made(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for creation in self.history() {
            *counts.entry(creation.kind).or_default() += 1;
        }
        counts
    }

    /// Every resource ever created, in order: two with one name are probably a duplicate.
    pub fn history(&self) -> Vec<Creation> {
        self.state.ever.iter().chain(self.products.ever()).cloned().collect()
    }

    /// Requests so far, by method and path without ids: `POST /cloud/v1/networks/{project_id}/{region_id}`.
    pub fn requests(&self) -> &BTreeMap<String, u64> {
        &self.requests
    }

    /// Unfinished tasks, ordered by their end.
    pub fn pending(&self) -> Vec<Pending> {
        let pending = self.state.tasks.pending();
        pending
            .map(|task| Pending { id: task.id.clone(), task_type: task.task_type.clone(), ends: task.ends })
            .collect()
    }

    /// Every task, as `GET /cloud/v1/tasks/{task_id}` shows it, oldest first.
    pub fn tasks(&self) -> Vec<Value> {
        self.state.tasks.all().iter().map(|task| task.view(self.state.now)).collect()
    }
}
