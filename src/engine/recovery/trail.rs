//! The audit log's entries with our `User-Agent`: the creates sent for an environment, and what each started or made.

use serde_json::Value;

use crate::engine::context::header_word;
use crate::engine::evidence::audit::sender;

/// A create that was sent for a step of this environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The instance, as the `User-Agent` has it.
    pub step: String,
    pub nonce: String,
    /// The task that it started, or else the id of the resource that it made.
    pub task: Option<String>,
    pub resource: Option<Value>,
}

/// The creates of an environment, oldest first, from entries in that order. Empty when plan or environment have a
/// name that the `User-Agent` holds only in part, because another name can have the same beginning.
pub fn sent(entries: &[Value], plan: &str, environment: &str) -> Vec<Sent> {
    if !is_held(plan) || !is_held(environment) {
        return Vec::new();
    }
    let ours = |entry: &Value| {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let [of_plan, of_environment, step, nonce] = sender(text("user_agent")?)?;
        let task = text("task_id").map(str::to_owned);
        let resource = entry.pointer("/resources/0/resource_id").filter(|id| id.is_string() || id.is_number()).cloned();
        let is_create = text("action_type") == Some("create");
        (is_create && of_plan == plan && of_environment == environment).then(|| Sent {
            step: step.to_owned(),
            nonce: nonce.to_owned(),
            task,
            resource,
        })
    };
    entries.iter().filter_map(ours).collect()
}

/// Whether the `User-Agent` holds the whole of this name.
pub fn is_held(name: &str) -> bool {
    header_word(name) == name
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_creates_with_our_agent_are_ours() {
        let entry = |agent: &str, action: &str| {
            json!({
                "user_agent": agent, "action_type": action, "task_id": "t",
                "resources": [{ "resource_id": 7, "resource_type": "router" }],
            })
        };
        let ours = "plan/0.1.0 (plan web; environment pr-1; step key[a]; attempt 0ddba11)";
        for (agent, action, is_ours) in [
            (ours, "create", true),
            (ours, "update", false),
            ("plan/0.1.0 (plan web; environment pr-2; step key; attempt 1)", "create", false),
            ("plan/0.1.0 (plan other; environment pr-1; step key; attempt 1)", "create", false),
            ("plan/0.1.0 (attempt 0ddba11)", "create", false),
            ("terraform (plan web; environment pr-1; step key; attempt 1)", "create", false),
            ("", "create", false),
        ] {
            let found = sent(&[entry(agent, action)], "web", "pr-1");
            assert_eq!(!found.is_empty(), is_ours, "{agent}");
            if let Some(sent) = found.first() {
                assert_eq!((sent.step.as_str(), sent.nonce.as_str()), ("key[a]", "0ddba11"));
                assert_eq!((sent.task.as_deref(), &sent.resource), (Some("t"), &Some(json!(7))));
            }
        }
    }

    #[test]
    fn a_name_that_a_header_cuts_off_proves_nothing() {
        let long = "n".repeat(100);
        let agent = format!("plan/1 (plan {}; environment e; step s; attempt 1)", header_word(&long));
        let entry = json!({ "user_agent": agent, "action_type": "create" });
        assert!(sent(&[entry], &long, "e").is_empty());
    }
}
