//! `plan tasks`: lists recent tasks of the account.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::patience::with_wait_note;
use super::print::age;
use super::table::table;
use super::{Account, note, print_json, print_text};
use crate::api::{Client, Request, TASKS, Task, TaskState, timestamp};
use crate::cli::{ResultFormat, TasksArguments};
use crate::clock::Clock;
use crate::context::Context;
use crate::engine::hide_data;
use crate::error::Error;
use crate::exit::Exit;
use crate::journal::id_text;
use crate::kind::kind_name;
use crate::report::{Palette, list, plural};
use crate::secret::Secrets;

/// The longest page of the API.
const PAGE: usize = 1000;
/// The most ids in a row.
const MOST_RESOURCES_NAMED: usize = 2;
/// Shown instead of the API's message for a failed task.
const NOT_ASKED_FOR: &str = "why is not shown, it may repeat a secret that the call was given: `--errors` shows it";

/// `plan tasks`: prints recent tasks of the API.
///
/// # Errors
///
/// When there is no key, or the API cannot be read.
pub(super) async fn tasks(context: &Context, arguments: &TasksArguments) -> Result<Exit, Error> {
    let account = Account::of(context, &arguments.api)?;
    expect_unknown_secrets(context, arguments.errors);
    let client = account.client(context, Clock::starting_at(context.now, 1.0))?;
    let from = arguments.since.map(|since| context.now - since);
    let reads = read(&client, &account, arguments, from);
    let mut found = with_wait_note(context, &client, "listing the tasks", reads).await??;
    for task in &mut found {
        without_data(task, &context.secrets);
        if !arguments.errors {
            without_message(task);
        }
    }
    match arguments.format {
        ResultFormat::Json => print_json(context, &Value::Array(found))?,
        ResultFormat::Human if found.is_empty() => note(context, "no such tasks")?,
        ResultFormat::Human => {
            let rows: Vec<Vec<String>> =
                found.iter().filter_map(|value| Some(row(value, &Task::read(value)?, context.now))).collect();
            let palette = Palette::new(context.color(&context.stdout));
            let text = table(&["TASK", "STATE", "TYPE", "STARTED", "TOOK", "CREATED"], &rows, palette);
            print_text(context, &context.secrets.redact(&text))?;
        }
    }
    Ok(Exit::Done)
}

/// Marks that secrets may be unknown, since this command reads no plan.
pub(super) fn expect_unknown_secrets(context: &Context, errors: bool) {
    context.hide_inputs();
    if !errors {
        context.secrets.expect_unknown();
    }
}

/// Removes a task's `data`, which may contain passwords and cloud-init data (observed.md §9), and redacts its error.
fn without_data(task: &mut Value, secrets: &Secrets) {
    if let Some(read) = Task::read(task) {
        hide_data(secrets, &read);
    }
    if let Some(fields) = task.as_object_mut() {
        fields.remove("data");
    }
}

/// Removes the API's message of a failed task, since the secrets of its plan are not known here.
fn without_message(task: &mut Value) {
    if let Some(error) = task.get_mut("error").filter(|error| !error.is_null()) {
        *error = NOT_ASKED_FOR.into();
    }
}

/// Removes the API's message of a failed task that is parsed.
pub(super) fn hide_message(task: &mut Task) {
    task.error = task.error.take().map(|_| NOT_ASKED_FOR.to_owned());
}

/// The newest tasks that match, newest first, page by page.
async fn read(
    client: &Client,
    account: &Account,
    arguments: &TasksArguments,
    from: Option<Timestamp>,
) -> Result<Vec<Value>, Error> {
    let mut found: Vec<Value> = Vec::new();
    // The API filters by one type; several are filtered here.
    let fits = |task: &Value| {
        let is = |name: &String| task.get("task_type").and_then(Value::as_str) == Some(name);
        arguments.types.is_empty() || arguments.types.iter().any(is)
    };
    let mut offset = 0;
    loop {
        let size = (arguments.limit - found.len()).min(PAGE);
        let size = if arguments.types.len() > 1 { PAGE } else { size };
        let request = request(account, arguments, from).query("limit", size).query("offset", offset);
        let answer = client
            .read(request)
            .await
            .map_err(|error| Error::Api { what: "the tasks cannot be listed".to_owned(), error })?;
        let page = answer.get("results").and_then(Value::as_array).cloned().unwrap_or_default();
        let total = answer.get("count").and_then(Value::as_u64).unwrap_or(0);
        offset += page.len();
        let last = page.is_empty() || offset as u64 >= total;
        found.extend(page.into_iter().filter(fits));
        if last || found.len() >= arguments.limit {
            found.truncate(arguments.limit);
            return Ok(found);
        }
    }
}

fn request(account: &Account, arguments: &TasksArguments, from: Option<Timestamp>) -> Request {
    let mut request = Request::get(TASKS).query("order_by", "desc");
    if let Some(project) = account.project_id {
        request = request.query("project_id", project);
    }
    if let Some(region) = account.region_id {
        request = request.query("region_id", region);
    }
    for state in &arguments.state {
        request = request.query("state", state.to_uppercase());
    }
    if let [only] = &arguments.types[..] {
        request = request.query("task_type", only);
    }
    if let Some(from) = from {
        request = request.query("from_timestamp", from.strftime("%Y-%m-%dT%H:%M:%SZ"));
    }
    request
}

fn row(value: &Value, task: &Task, now: Timestamp) -> Vec<String> {
    let updated = value.get("updated_on").and_then(Value::as_str).and_then(timestamp);
    let ended = task.finished_on.or(updated).filter(|_| !matches!(task.state, TaskState::Pending(_)));
    let took = task.created_on.map(|created| ended.unwrap_or(now).duration_since(created));
    vec![
        task.id.clone(),
        state(task).to_owned(),
        task.task_type.clone().unwrap_or_default(),
        task.created_on.map(|created| format!("{} ago", age(now.duration_since(created)))).unwrap_or_default(),
        took.map(|took| age(took.max(SignedDuration::ZERO))).unwrap_or_default(),
        task.error.clone().unwrap_or_else(|| created(task)),
    ]
}

/// The API's name of a task's state.
pub(super) fn state(task: &Task) -> &str {
    match &task.state {
        TaskState::Pending(state) | TaskState::Other(state) => state,
        TaskState::Finished => "FINISHED",
        TaskState::Error => "ERROR",
    }
}

/// The resources that a task created, as text: `network 8f1c…, 2 volumes …`.
pub(super) fn created(task: &Task) -> String {
    let kinds = task.created.iter().filter_map(|(kind, ids)| {
        let ids: Vec<String> = ids.as_array()?.iter().map(id_text).collect();
        let name = kind_name(kind);
        Some(match &ids[..] {
            [only] => format!("{name} {only}"),
            several => {
                format!("{} {} {}", several.len(), plural(several.len(), &name), list(several, MOST_RESOURCES_NAMED))
            }
        })
    });
    kinds.collect::<Vec<_>>().join(", ")
}

/// A task as JSON.
pub(super) fn to_json(task: &Task) -> Value {
    json!({
        "id": task.id,
        "state": state(task),
        "task_type": task.task_type,
        "created_resources": task.created,
        "error": task.error,
        "project_id": task.project_id,
        "region_id": task.region_id,
        "created_on": task.created_on,
        "finished_on": task.finished_on,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_shown_in_no_form() {
        let secrets = Secrets::default();
        let mut task = json!({
            "id": "t", "state": "ERROR", "error": "hunter2-pass is too short",
            "data": { "name": "vm", "admin_pass": "hunter2-pass" }
        });
        without_data(&mut task, &secrets);
        assert_eq!(task.get("data"), None);
        assert!(secrets.redact(&task.to_string()).contains(r#""error":"[secret] is too short""#), "{task}");
    }

    #[test]
    fn why_a_task_failed_is_shown_only_when_asked_for() {
        let mut task = json!({ "id": "t", "state": "ERROR", "error": "hunter2-pass is too short" });
        let mut read = Task::read(&task).unwrap();
        without_message(&mut task);
        hide_message(&mut read);
        assert_eq!((task["error"].as_str(), read.error.as_deref()), (Some(NOT_ASKED_FOR), Some(NOT_ASKED_FOR)));
        let mut fine = json!({ "id": "t", "state": "FINISHED", "error": null });
        without_message(&mut fine);
        assert_eq!(fine["error"], Value::Null);
    }

    #[test]
    fn created_resources_are_shown_as_text() {
        let task = Task::read(&json!({
            "id": "t", "state": "FINISHED",
            "created_resources": { "instances": ["vm"], "volumes": ["a", "b", "c"], "ports": [] }
        }));
        assert_eq!(created(&task.unwrap()), "instance vm, 3 volumes a, b and 1 more");
    }
}
