//! The audit log as evidence: it stores the `User-Agent` of every write, and ours is different for every attempt. The
//! log may be late, or closed to a key, so that a missing entry proves nothing.

use serde_json::Value;

use super::Verdict;
use crate::engine::ownership::Claimable;
use crate::engine::results::id_text;
use crate::journal::Evidence;

/// What the log shows of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Trail {
    /// It started this task.
    Task(String),
    /// It made, or changed, the resource of this id.
    Resource(Value),
    /// It was carried out; the entry names neither task nor resource.
    Nothing,
}

/// The log's entry for the attempt that was sent with this `User-Agent`.
pub fn trail(entries: &[Value], agent: &str) -> Option<Trail> {
    let entry = entries.iter().find(|entry| agent_of(entry) == Some(agent))?;
    let task = entry.get("task_id").and_then(Value::as_str).filter(|task| !task.is_empty());
    let resource = entry.pointer("/resources/0/resource_id").filter(|id| id.is_string() || id.is_number());
    Some(match (task, resource) {
        (Some(task), _) => Trail::Task(task.to_owned()),
        (None, Some(id)) => Trail::Resource(id.clone()),
        (None, None) => Trail::Nothing,
    })
}

/// The id of what the attempt that was sent with this `User-Agent` made, where the log names it.
pub fn resource(entries: &[Value], agent: &str) -> Option<Value> {
    let of_attempt = entries.iter().filter(|entry| agent_of(entry) == Some(agent));
    of_attempt
        .filter_map(|entry| entry.pointer("/resources/0/resource_id"))
        .find(|id| id.is_string() || id.is_number())
        .cloned()
}

/// Whether a task or resource was made by our attempt or by another client or call, according to the log. `step`: the
/// part of the `User-Agent` that all attempts of this step share, given when the record does not have the agent of
/// the attempt; an entry with it may be the attempt's.
pub fn of_thing(entries: &[Value], thing: &Claimable, agent: &str, step: Option<&str>) -> Verdict {
    let about = |entry: &&Value| match thing {
        Claimable::Task(task) => entry.get("task_id").and_then(Value::as_str) == Some(task),
        Claimable::Resource { id, .. } => {
            let resources = entry.get("resources").and_then(Value::as_array).into_iter().flatten();
            let made = entry.get("action_type").and_then(Value::as_str) == Some("create");
            made && resources.filter_map(|resource| resource.get("resource_id")).any(|known| id_text(known) == *id)
        }
    };
    let agents: Vec<&str> = entries.iter().filter(about).filter_map(agent_of).collect();
    if agents.contains(&agent) {
        return Verdict::Ours(Evidence::AuditLog);
    }
    let may_be_it = |agent: &&str| step.is_some_and(|step| agent.contains(step));
    Verdict::not_if(!agents.is_empty() && !agents.iter().any(may_be_it))
}

fn agent_of(entry: &Value) -> Option<&str> {
    entry.get("user_agent").and_then(Value::as_str).filter(|agent| !agent.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(agent: Value, task: Value, resource: Value) -> Value {
        json!({
            "user_agent": agent, "task_id": task, "action_type": "create",
            "resources": [{ "resource_id": resource, "resource_type": "router" }],
        })
    }

    #[test]
    fn the_trail_of_an_attempt_is_found_by_its_agent() {
        for (entries, expected) in [
            (vec![], None),
            (vec![entry(json!("terraform"), json!("t"), json!("r"))], None),
            (vec![entry(json!(null), json!("t"), json!("r"))], None),
            (vec![entry(json!("ours"), json!("t"), json!("r"))], Some(Trail::Task("t".to_owned()))),
            (vec![entry(json!("ours"), json!(null), json!(7))], Some(Trail::Resource(json!(7)))),
            (vec![entry(json!("ours"), json!(""), json!(null))], Some(Trail::Nothing)),
            (
                vec![entry(json!("ours too"), json!("s"), json!("q")), entry(json!("ours"), json!("t"), json!("r"))],
                Some(Trail::Task("t".to_owned())),
            ),
        ] {
            assert_eq!(trail(&entries, "ours"), expected, "{entries:?}");
        }
    }

    #[test]
    fn the_creating_agent_in_the_audit_log_proves_the_maker() {
        let (task, resource) = (Claimable::task("t"), Claimable::resource("routers", "7"));
        let ours = Verdict::Ours(Evidence::AuditLog);
        for (agent, thing, expected) in [
            (json!("ours"), &task, ours),
            (json!("ours"), &resource, ours),
            (json!("theirs"), &task, Verdict::NotOurs),
            (json!("theirs"), &resource, Verdict::NotOurs),
            (json!(null), &task, Verdict::CannotTell),
            (json!(""), &resource, Verdict::CannotTell),
        ] {
            let entries = [entry(agent.clone(), json!("t"), json!(7))];
            assert_eq!(of_thing(&entries, thing, "ours", None), expected, "{agent} {thing:?}");
        }
        assert_eq!(of_thing(&[], &task, "ours", None), Verdict::CannotTell);
        let other = [entry(json!("theirs"), json!("s"), json!("8"))];
        assert_eq!(of_thing(&other, &task, "ours", None), Verdict::CannotTell);
        assert_eq!(of_thing(&other, &resource, "ours", None), Verdict::CannotTell);
    }

    #[test]
    fn an_update_in_the_audit_log_does_not_prove_a_create() {
        let mut changed = entry(json!("theirs"), json!(null), json!("7"));
        changed["action_type"] = json!("update");
        assert_eq!(of_thing(&[changed], &Claimable::resource("routers", "7"), "ours", None), Verdict::CannotTell);
    }

    #[test]
    fn the_agent_of_any_attempt_counts_when_the_record_has_none() {
        let ours = "plan/0.1.0 (plan web; environment pr-1; step router; attempt 0ddba11)";
        let entries = [entry(json!(ours), json!("t"), json!(7))];
        for (step, expected) in [
            (Some("(plan web; environment pr-1; step router; attempt "), Verdict::CannotTell),
            (Some("(plan web; environment pr-1; step other; attempt "), Verdict::NotOurs),
            (None, Verdict::NotOurs),
        ] {
            assert_eq!(of_thing(&entries, &Claimable::resource("routers", "7"), "made up", step), expected, "{step:?}");
        }
    }
}
