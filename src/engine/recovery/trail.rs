//! The audit log's entries with our `User-Agent`: the creates sent for an environment, and what each started or made.

use serde_json::Value;

use crate::engine::context::header_word;
use crate::engine::evidence::audit::{LogAction, sender};
use crate::hash::HashMap;

/// A create that was sent for a step of this environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The instance, as the `User-Agent` has it.
    pub instance: String,
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
        let [of_plan, of_environment, instance, nonce] = sender(text("user_agent")?)?;
        let task = text("task_id").map(str::to_owned);
        let resource = entry.pointer("/resources/0/resource_id").filter(|id| id.is_string() || id.is_number()).cloned();
        (LogAction::Create.is_of(entry) && of_plan == plan && of_environment == environment).then(|| Sent {
            instance: instance.to_owned(),
            nonce: nonce.to_owned(),
            task,
            resource,
        })
    };
    entries.iter().filter_map(ours).collect()
}

/// Who made a resource, according to the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// A call of this environment.
    Ours,
    Another,
    Unknown,
}

/// The makers of tasks and resources: by the id of the task, and by that of the resource unless it is a number, which
/// is unique within its kind only.
#[derive(Debug, Default)]
pub struct Makers(HashMap<String, Maker>);

impl Makers {
    /// Adds what these entries tell.
    pub fn read(&mut self, entries: &[Value], plan: &str, environment: &str) {
        for entry in entries.iter().filter(|entry| LogAction::Create.is_of(entry)) {
            let Some(agent) = entry.get("user_agent").and_then(Value::as_str).filter(|agent| !agent.is_empty()) else {
                continue;
            };
            let is_like = |name: &str, word: &str| header_word(name) == word;
            let maker = match sender(agent) {
                Some([of_plan, of_environment, ..])
                    if is_like(plan, of_plan) && is_like(environment, of_environment) =>
                {
                    if is_held(plan) && is_held(environment) { Maker::Ours } else { Maker::Unknown }
                }
                // Earlier versions did not name plan and environment.
                None if agent.starts_with("plan/") => Maker::Unknown,
                _ => Maker::Another,
            };
            let resources = entry.get("resources").and_then(Value::as_array).into_iter().flatten();
            let ids = resources.filter_map(|resource| resource.get("resource_id")?.as_str());
            let ids = ids.filter(|id| !id.bytes().all(|byte| byte.is_ascii_digit()));
            for id in ids.chain(entry.get("task_id").and_then(Value::as_str)) {
                let known = self.0.entry(id.to_owned()).or_insert(maker);
                if *known == Maker::Another {
                    *known = maker;
                }
            }
        }
    }

    /// The maker of a resource, by its id and the task that made it.
    pub fn of(&self, id: Option<&str>, task: Option<&str>) -> Maker {
        let told = [task, id].into_iter().flatten().filter_map(|id| self.0.get(id).copied());
        told.into_iter().find(|maker| *maker != Maker::Unknown).unwrap_or(Maker::Unknown)
    }
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
                assert_eq!((sent.instance.as_str(), sent.nonce.as_str()), ("key[a]", "0ddba11"));
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

    #[test]
    fn the_log_tells_who_made_what() {
        let entry = |agent: &str, action: &str, task: Value, id: Value| {
            let resources = json!([{ "resource_id": id, "resource_type": "volume" }]);
            json!({ "user_agent": agent, "action_type": action, "task_id": task, "resources": resources })
        };
        let ours = "plan/1 (plan web; environment pr-1; step key; attempt 1)";
        let production = "plan/1 (plan web; environment production; step key; attempt 1)";
        let mut makers = Makers::default();
        makers.read(
            &[
                entry(ours, "create", json!("t1"), json!("a")),
                entry("terraform", "update", json!(null), json!("a")),
                entry("terraform", "create", json!("t2"), json!("b")),
                entry(production, "create", json!(null), json!("c")),
                entry("terraform", "create", json!(null), json!(7)),
                entry("terraform", "create", json!(null), json!("8")),
                entry("", "create", json!(null), json!("d")),
                entry("plan/0.1.0 (attempt 0ddba11)", "create", json!(null), json!("e")),
            ],
            "web",
            "pr-1",
        );
        for (id, task, maker) in [
            (Some("a"), None, Maker::Ours),
            (None, Some("t1"), Maker::Ours),
            (Some("unseen"), Some("t1"), Maker::Ours),
            (Some("b"), Some("t2"), Maker::Another),
            (Some("c"), None, Maker::Another),
            (Some("7"), None, Maker::Unknown),
            (Some("8"), None, Maker::Unknown),
            (Some("d"), None, Maker::Unknown),
            (Some("e"), None, Maker::Unknown),
            (None, None, Maker::Unknown),
        ] {
            assert_eq!(makers.of(id, task), maker, "{id:?} {task:?}");
        }
        // Of a name that the header cuts off nothing is certain.
        let long = "n".repeat(100);
        let mut makers = Makers::default();
        let agent = format!("plan/1 (plan {}; environment e; step s; attempt 1)", header_word(&long));
        makers.read(&[entry(&agent, "create", json!("t"), json!("a"))], &long, "e");
        assert_eq!(makers.of(Some("a"), Some("t")), Maker::Unknown);
    }
}
