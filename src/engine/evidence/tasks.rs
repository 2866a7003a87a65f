//! The list of tasks as evidence: a task's type and age.

use super::{AttemptMarks, Verdict, likeness};
use crate::api::Task;

/// Not ours when the task has another type, or is older than the attempt. Where the types are not known, only a task
/// with the name or id of the call can be ours.
pub fn verdict_of_task(task: &Task, attempt: &AttemptMarks<'_>) -> Verdict {
    let fits = match &task.task_type {
        Some(task_type) if !attempt.task_types.is_empty() => attempt.task_types.contains(task_type),
        _ => likeness::confirms(&task.data.0, &attempt.intent.call, attempt.parameters),
    };
    Verdict::not_if(!fits || task.created_on.is_some_and(|created| created < attempt.since))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{attempt, intent, task};
    use super::*;

    #[test]
    fn a_task_of_another_type_or_older_is_not_ours_and_a_fitting_one_is_undecided() {
        let intent = intent(json!({ "name": "web" }));
        let types = ["create_router".to_owned()];
        let known = AttemptMarks { task_types: &types, ..attempt(&intent) };
        for (fields, expected, of_unknown_type) in [
            (json!({ "task_type": "create_router" }), Verdict::CannotTell, Verdict::NotOurs),
            (json!({ "task_type": "create_volume", "data": { "name": "web" } }), Verdict::NotOurs, Verdict::CannotTell),
            (json!({ "data": { "name": "web" } }), Verdict::CannotTell, Verdict::CannotTell),
            (json!({ "data": { "name": "other" } }), Verdict::NotOurs, Verdict::NotOurs),
            (
                json!({ "task_type": "create_router", "created_on": "2026-05-23T04:59:59", "data": { "name": "web" } }),
                Verdict::NotOurs,
                Verdict::NotOurs,
            ),
            (
                json!({ "task_type": "create_router", "created_on": "2026-05-23T05:00:00", "data": { "name": "web" } }),
                Verdict::CannotTell,
                Verdict::CannotTell,
            ),
        ] {
            assert_eq!(verdict_of_task(&task(fields.clone()), &known), expected, "{fields}");
            assert_eq!(verdict_of_task(&task(fields.clone()), &attempt(&intent)), of_unknown_type, "{fields}");
        }
    }
}
