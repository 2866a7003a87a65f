//! A create whose tasks name several resources of its kind: the list also has what a task touched, in any order
//! (observed.md §1).

use super::Finishing;
use crate::api::Request;
use crate::engine::collection::creator_task;
use crate::engine::context::RunContext;
use crate::engine::paths;
use crate::journal::StepResult;

impl Finishing<'_> {
    /// Counts resources of the created kind that name another task as their maker as touched. As long as all do, or none
    /// can be read, the list stands.
    pub(super) async fn sort_touched(&self, context: &RunContext, tasks: &[String], result: &mut StepResult) {
        let kind = result.kind.clone().filter(|_| self.updates.is_none() && result.ids.len() > 1);
        let (Some(operation), Some(kind)) = (self.operation, kind) else { return };
        let mut touched = Vec::new();
        for id in &result.ids {
            let one = StepResult { id: Some(id.clone()), ..result.clone() };
            let Some(path) = paths::read_path(operation, self.parameters, &one) else { return };
            let item = context.client.read(Request::get(path)).await;
            let maker = item.ok().as_ref().and_then(creator_task);
            if maker.is_some_and(|maker| !tasks.contains(&maker)) {
                touched.push(id.clone());
            }
        }
        let own: Vec<_> = result.ids.iter().filter(|id| !touched.contains(id)).cloned().collect();
        if !own.is_empty() && !touched.is_empty() {
            result.created.ids_of(&kind).retain(|id| !touched.contains(id));
            result.touched.ids_of(&kind).extend(touched);
            result.set_ids(own);
        }
    }
}
