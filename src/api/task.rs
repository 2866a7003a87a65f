//! A task of the API: the work after an accepted write.
//!
//! Facts: `GET /cloud/v1/tasks/{task_id}`. States and types are open sets; times come with and without zone.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

/// The list of tasks; one task is below it.
pub const TASKS: &str = "/cloud/v1/tasks";

/// A task at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    pub id: String,
    pub task_type: Option<String>,
    pub state: TaskState,
    pub created_on: Option<Timestamp>,
    pub finished_on: Option<Timestamp>,
    pub project_id: Option<i64>,
    pub region_id: Option<i64>,
    pub user_id: Option<Value>,
    /// Ids by kind, without empty kinds.
    pub created: Map<String, Value>,
    /// The request in the API's own form, including passwords and cloud-init data.
    pub data: TaskData,
    /// The API's message when it failed.
    pub error: Option<String>,
    /// The id of the request that started it.
    pub request_id: Option<String>,
}

/// The request data of a task. It may contain passwords and cloud-init data (observed.md §9), so that it is never
/// shown.
#[derive(Clone, PartialEq, Default)]
pub struct TaskData(pub Value);

impl std::fmt::Debug for TaskData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TaskData(not shown)")
    }
}

/// The state of a task, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskState {
    /// NEW or RUNNING.
    Pending(String),
    Finished,
    Error,
    /// An undocumented state: waited for, and reported.
    Other(String),
}

impl Task {
    /// Parses a task; `None` without id or state.
    pub fn read(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let state = match text("state")?.as_str() {
            "FINISHED" => TaskState::Finished,
            "ERROR" => TaskState::Error,
            state @ ("NEW" | "RUNNING") => TaskState::Pending(state.to_owned()),
            other => TaskState::Other(other.to_owned()),
        };
        Some(Self {
            id: text("id")?,
            task_type: text("task_type"),
            state,
            created_on: text("created_on").and_then(|time| timestamp(&time)),
            finished_on: text("finished_on").and_then(|time| timestamp(&time)),
            project_id: value.get("project_id").and_then(Value::as_i64),
            region_id: value.get("region_id").and_then(Value::as_i64),
            user_id: value.get("user_id").filter(|id| !id.is_null()).cloned(),
            created: created(value.get("created_resources")),
            data: TaskData(value.get("data").cloned().unwrap_or(Value::Null)),
            error: value.get("error").filter(|error| !error.is_null()).map(|error| match error {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }),
            request_id: text("request_id").filter(|id| !id.is_empty()),
        })
    }
}

fn created(resources: Option<&Value>) -> Map<String, Value> {
    let Some(Value::Object(kinds)) = resources else { return Map::new() };
    kinds
        .iter()
        .filter(|(_, ids)| ids.as_array().is_some_and(|ids| !ids.is_empty()))
        .map(|(kind, ids)| (kind.clone(), ids.clone()))
        .collect()
}

/// Parses a time in the API's formats: RFC 3339, `+0000`, or without a zone (then UTC).
pub fn timestamp(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if let Ok(time) = Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text) {
        return Some(time);
    }
    let civil: DateTime = text.replacen(' ', "T", 1).parse().ok()?;
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form_the_api_writes() {
        let expected: Timestamp = "2026-05-23T05:07:31Z".parse().unwrap();
        for text in [
            "2026-05-23T05:07:31Z",
            "2026-05-23T05:07:31",
            "2026-05-23T05:07:31+0000",
            "2026-05-23T05:07:31+00:00",
            "2026-05-23 05:07:31",
            "2026-05-23T05:07:31.000000",
        ] {
            assert_eq!(timestamp(text), Some(expected), "{text}");
        }
        assert_eq!(timestamp("soon"), None);
    }

    #[test]
    fn missing_fields_of_a_task_are_absent_and_its_data_is_not_shown() {
        let read = |request_id: &str| {
            let data = serde_json::json!({ "password": "hunter22" });
            let task = serde_json::json!({ "id": "t", "state": "NEW", "request_id": request_id, "data": data,
                "error": null, "user_id": null });
            Task::read(&task).unwrap()
        };
        let told = read("req-1");
        assert_eq!((told.request_id.as_deref(), told.error.as_deref(), &told.user_id), (Some("req-1"), None, &None));
        assert_eq!(read("").request_id, None);
        let shown = format!("{told:?}");
        assert!(shown.contains("TaskData(not shown)") && !shown.contains("hunter22"), "{shown}");
    }

    #[test]
    fn empty_kinds_are_left_out() {
        let task = Task::read(&serde_json::json!({
            "id": "t", "state": "FINISHED", "created_resources": { "networks": ["n"], "routers": [], "ports": null }
        }))
        .unwrap();
        assert_eq!(Value::Object(task.created), serde_json::json!({ "networks": ["n"] }));
    }
}
