//! What is there before the first request: the projects, and the resources of each of their regions.

use super::seeds;
use super::state::CloudState;
use super::store::ProjectRegion;

impl CloudState {
    /// Creates the initial resources of a project and region, when it is first named.
    pub(super) fn open(&mut self, project_region: ProjectRegion) {
        self.open_project(project_region.project);
        if project_region.project > 0 && project_region.region > 0 && self.opened_regions.insert(project_region) {
            for resource in seeds::resources(project_region, self.now) {
                let parent = resource.parent;
                let uid = self.store.insert(resource);
                if let Some(network) = parent {
                    self.store.link(uid, network);
                }
            }
            seeds::join(&mut self.store, project_region);
        }
    }

    /// Adds a project that no client created, when the options allow it.
    pub(super) fn open_project(&mut self, project: u64) {
        let id = project.to_string();
        let allowed = project > 0 && self.options.projects.as_ref().is_none_or(|known| known.contains(&project));
        if allowed && !self.gone.contains(&id) && self.store.by_id("projects", &id).is_none() {
            self.store.insert(seeds::project(project, self.now));
        }
    }
}
