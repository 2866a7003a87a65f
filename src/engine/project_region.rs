//! Project and region: where a resource is, and not which one it is.

use super::operation::parameter;

/// The path parameters of project and region.
pub const PROJECT_AND_REGION: [&str; 2] = ["project_id", "region_id"];

/// Whether a path parameter says where a resource is, and not which one.
pub fn is_project_or_region(parameter: &str) -> bool {
    PROJECT_AND_REGION.contains(&parameter)
}

/// The project and region of a call, as far as its path names them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ProjectRegion {
    pub project_id: Option<i64>,
    pub region_id: Option<i64>,
}

impl ProjectRegion {
    /// Those of a call with these path parameters.
    pub fn of(parameters: &[(String, String)]) -> Self {
        let [project_id, region_id] =
            PROJECT_AND_REGION.map(|name| parameter(parameters, name).and_then(|id| id.parse().ok()));
        Self { project_id, region_id }
    }

    /// Both ids, when the path names both.
    pub fn both(&self) -> Option<(i64, i64)> {
        self.project_id.zip(self.region_id)
    }
}
