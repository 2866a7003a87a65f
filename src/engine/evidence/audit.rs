//! The audit log as evidence: it stores the `User-Agent` of every write, and ours is different for every attempt. The
//! log may be late, or closed to a key, so that a missing entry proves nothing.

use serde_json::Value;

use super::Verdict;
use crate::engine::ownership::Claimable;
use crate::journal::{Evidence, id_text};

/// The log.
pub const AUDIT_LOG: &str = "/cloud/v1/user_actions";

/// What an entry of the log says was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogAction {
    Create,
    Delete,
}

impl LogAction {
    /// The word of the log.
    pub fn word(self) -> &'static str {
        match self {
            LogAction::Create => "create",
            LogAction::Delete => "delete",
        }
    }

    /// Whether an entry tells it.
    pub fn is_of(self, entry: &Value) -> bool {
        entry.get("action_type").and_then(Value::as_str) == Some(self.word())
    }
}

/// What the log shows of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum AuditEvidence {
    /// It started this task.
    Task(String),
    /// It made, or changed, the resource of this id.
    Resource(Value),
    /// It was carried out; the entry names neither task nor resource.
    Nothing,
}

/// The log's entry for the attempt that was sent with this `User-Agent`.
pub fn trail(entries: &[Value], agent: &str) -> Option<AuditEvidence> {
    let entry = entries.iter().find(|entry| agent_of(entry) == Some(agent))?;
    let task = entry.get("task_id").and_then(Value::as_str).filter(|task| !task.is_empty());
    let resource = entry.pointer("/resources/0/resource_id").filter(|id| id.is_string() || id.is_number());
    Some(match (task, resource) {
        (Some(task), _) => AuditEvidence::Task(task.to_owned()),
        (None, Some(id)) => AuditEvidence::Resource(id.clone()),
        (None, None) => AuditEvidence::Nothing,
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

/// Plan, environment, step and attempt in a `User-Agent` of ours: `plan/1.0 (plan P; environment E; step S; attempt
/// N)`.
pub fn sender(agent: &str) -> Option<[&str; 4]> {
    let comment = agent.strip_prefix("plan/")?.split_once(" (")?.1.strip_suffix(')')?;
    let mut parts = comment.split("; ");
    let mut word = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix(' ');
    Some([word("plan")?, word("environment")?, word("step")?, word("attempt")?])
}

/// Whether a task or resource was made by our attempt or by another client or call, according to the log.
/// `may_be_ours`: whether another `User-Agent` may be the attempt's, because the record does not have its own.
pub fn verdict(entries: &[Value], claimable: &Claimable, agent: &str, may_be_ours: impl Fn(&str) -> bool) -> Verdict {
    let about = |entry: &&Value| match claimable {
        Claimable::Task(task) => entry.get("task_id").and_then(Value::as_str) == Some(task),
        Claimable::Resource { id, .. } => is_about(entry, LogAction::Create, id),
    };
    let agents: Vec<&str> = entries.iter().filter(about).filter_map(agent_of).collect();
    if agents.contains(&agent) {
        return Verdict::Ours(Evidence::AuditLog);
    }
    Verdict::not_if(!agents.is_empty() && !agents.into_iter().any(may_be_ours))
}

/// Whether the log shows that the resource of this id was deleted.
pub fn is_deleted(entries: &[Value], id: &str) -> bool {
    entries.iter().any(|entry| is_about(entry, LogAction::Delete, id))
}

fn is_about(entry: &Value, action: LogAction, id: &str) -> bool {
    let resources = entry.get("resources").and_then(Value::as_array).into_iter().flatten();
    action.is_of(entry)
        && resources.filter_map(|resource| resource.get("resource_id")).any(|known| id_text(known) == id)
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
            (vec![entry(json!("ours"), json!("t"), json!("r"))], Some(AuditEvidence::Task("t".to_owned()))),
            (vec![entry(json!("ours"), json!(null), json!(7))], Some(AuditEvidence::Resource(json!(7)))),
            (vec![entry(json!("ours"), json!(""), json!(null))], Some(AuditEvidence::Nothing)),
            (
                vec![entry(json!("ours too"), json!("s"), json!("q")), entry(json!("ours"), json!("t"), json!("r"))],
                Some(AuditEvidence::Task("t".to_owned())),
            ),
        ] {
            assert_eq!(trail(&entries, "ours"), expected, "{entries:?}");
        }
    }

    #[test]
    fn the_creating_agent_in_the_audit_log_proves_the_maker() {
        let (task, resource) = (Claimable::task("t"), Claimable::resource("routers", "7"));
        let ours = Verdict::Ours(Evidence::AuditLog);
        for (agent, claimable, expected) in [
            (json!("ours"), &task, ours),
            (json!("ours"), &resource, ours),
            (json!("theirs"), &task, Verdict::NotOurs),
            (json!("theirs"), &resource, Verdict::NotOurs),
            (json!(null), &task, Verdict::CannotTell),
            (json!(""), &resource, Verdict::CannotTell),
        ] {
            let entries = [entry(agent.clone(), json!("t"), json!(7))];
            assert_eq!(verdict(&entries, claimable, "ours", |_| false), expected, "{agent} {claimable:?}");
        }
        assert_eq!(verdict(&[], &task, "ours", |_| false), Verdict::CannotTell);
        let other = [entry(json!("theirs"), json!("s"), json!("8"))];
        assert_eq!(verdict(&other, &task, "ours", |_| false), Verdict::CannotTell);
        assert_eq!(verdict(&other, &resource, "ours", |_| false), Verdict::CannotTell);
    }

    #[test]
    fn an_update_in_the_audit_log_does_not_prove_a_create() {
        let mut changed = entry(json!("theirs"), json!(null), json!("7"));
        changed["action_type"] = json!("update");
        assert_eq!(verdict(&[changed], &Claimable::resource("routers", "7"), "ours", |_| false), Verdict::CannotTell);
    }

    #[test]
    fn another_agent_counts_when_the_record_has_none() {
        let entries = [entry(json!("former"), json!("t"), json!(7))];
        for (may_be, expected) in [("former", Verdict::CannotTell), ("other", Verdict::NotOurs)] {
            let found = verdict(&entries, &Claimable::resource("routers", "7"), "made up", |agent| agent == may_be);
            assert_eq!(found, expected, "{may_be}");
        }
    }

    #[test]
    fn a_deletion_is_that_of_the_resource_only() {
        let mut deleted = entry(json!("theirs"), json!("t"), json!(7));
        deleted["action_type"] = json!("delete");
        assert!(is_deleted(std::slice::from_ref(&deleted), "7") && !is_deleted(&[deleted], "8"));
        assert!(!is_deleted(&[entry(json!("theirs"), json!("t"), json!(7))], "7") && !is_deleted(&[], "7"));
    }
}
