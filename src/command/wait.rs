//! `plan wait`: waits for tasks that other clients have started.

use std::io::Write;
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::table::table;
use super::tasks::{created, expect_unknown_secrets, hide_message, state, to_json};
use super::{Account, Signals, note, print_json, print_text};
use crate::api::{Client, ReadError, Request, TASKS, Task, TaskState};
use crate::cli::{ResultFormat, WaitArguments};
use crate::clock::Clock;
use crate::context::Context;
use crate::engine::{Awaited, ProjectRegion, TaskEnd, Watcher, hide_data};
use crate::error::Error;
use crate::exit::Exit;
use crate::report::{Palette, count, sanitize};

/// `plan wait`: waits for tasks, also of other clients.
///
/// # Errors
///
/// When there is no key, or a task cannot be read.
pub(super) async fn wait(context: &Context, arguments: &WaitArguments) -> Result<Exit, Error> {
    let clock = Clock::starting_at(context.now, 1.0);
    let client = Account::of(context, &arguments.api)?.client(context, clock)?;
    expect_unknown_secrets(context, arguments.errors);
    let mut signals = Signals::listen()?;
    let looked = tokio::select! {
        looked = join_all(arguments.tasks.iter().map(|id| read_task(&client, id))) => looked,
        exit = interrupted(&mut signals) => {
            note(context, "the API has not answered yet: run the same command to continue waiting")?;
            return Ok(exit);
        }
    };
    let mut known = looked.into_iter().collect::<Result<Vec<Task>, Error>>()?;

    let timeout = async {
        match arguments.timeout {
            Some(timeout) => clock.sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    known.iter_mut().for_each(|task| readable(context, arguments, task));
    let early = tokio::select! {
        ended = end_all(context, arguments, &client, &mut known) => { ended?; None }
        () = timeout => Some(Exit::StillWaiting),
        exit = interrupted(&mut signals) => Some(exit),
    };
    print(context, arguments.format, &known)?;
    if early.is_some() {
        let waiting = known.iter().filter(|task| is_pending(task)).count();
        note(context, &format!("{} still running: run the same command to continue waiting", count(waiting, "task")))?;
    }
    let failed = known.iter().any(|task| task.state == TaskState::Error);
    Ok(match early {
        _ if failed => Exit::StepFailed,
        Some(exit) => exit,
        None => Exit::Done,
    })
}

/// Waits for a signal; returns how the command ends then.
async fn interrupted(signals: &mut Signals) -> Exit {
    signals.next().await.exit()
}

async fn read_task(client: &Client, id: &str) -> Result<Task, Error> {
    let failed = |error: ReadError| match error.is_not_found() {
        true => Error::usage(format!("there is no task `{}`", sanitize(id))).help("`plan tasks` lists the latest"),
        false => Error::Api { what: format!("task `{id}` cannot be read"), error },
    };
    let value = client.read(Request::get(format!("{TASKS}/{}", crate::engine::encode(id)))).await;
    Task::read(&value.map_err(failed)?).ok_or_else(|| Error::usage(format!("`{id}` is no task")))
}

fn is_pending(task: &Task) -> bool {
    matches!(task.state, TaskState::Pending(_) | TaskState::Other(_))
}

/// Waits for every running task; `known` has the current state at any time.
async fn end_all(
    context: &Context,
    arguments: &WaitArguments,
    client: &Arc<Client>,
    known: &mut [Task],
) -> Result<(), Error> {
    let (stderr, secrets) = (context.stderr.clone(), context.secrets.clone());
    let warn = Arc::new(move |message: String| {
        // A closed stderr does not end the wait.
        let _ = writeln!(stderr.clone(), "warning: {}", secrets.redact(&sanitize(&message)));
    });
    let watcher = Watcher::start(Arc::clone(client), std::iter::empty(), warn);
    let waits =
        known.iter_mut().filter(|task| is_pending(task)).map(|task| end(context, arguments, &watcher, client, task));
    join_all(waits).await.into_iter().collect()
}

async fn end(
    context: &Context,
    arguments: &WaitArguments,
    watcher: &Watcher,
    client: &Client,
    task: &mut Task,
) -> Result<(), Error> {
    let end = watcher.wait(awaited(client, task)).await;
    match end {
        TaskEnd::Finished(ended) | TaskEnd::Failed(ended) => {
            *task = *ended;
            readable(context, arguments, task);
            let words = task.error.clone().unwrap_or_else(|| created(task));
            note(context, &format!("{} {} {}", sanitize(&task.id), state(task), sanitize(&words)))
        }
        TaskEnd::Refused(error) | TaskEnd::Missing(error) => {
            Err(Error::Api { what: format!("task `{}` cannot be read", task.id), error: ReadError::Refused(*error) })
        }
    }
}

/// Removes from a task what must not be shown.
fn readable(context: &Context, arguments: &WaitArguments, task: &mut Task) {
    hide_data(&context.secrets, task);
    if !arguments.errors {
        hide_message(task);
    }
}

fn awaited(client: &Client, task: &Task) -> Awaited {
    let clock = client.clock();
    let now = client.server_time(clock.now());
    let age = task.created_on.map_or(SignedDuration::ZERO, |created| now.duration_since(created));
    Awaited {
        task: task.id.clone(),
        project_region: ProjectRegion { project_id: task.project_id, region_id: task.region_id },
        task_type: task.task_type.clone(),
        since: clock.now().checked_sub(age).unwrap_or(clock.now()),
        first: None,
        every: None,
    }
}

fn print(context: &Context, format: ResultFormat, tasks: &[Task]) -> Result<(), Error> {
    match format {
        ResultFormat::Json => print_json(context, &json!(tasks.iter().map(to_json).collect::<Vec<Value>>())),
        ResultFormat::Human => {
            let rows: Vec<Vec<String>> = tasks
                .iter()
                .map(|task| {
                    let words = task.error.clone().unwrap_or_else(|| created(task));
                    vec![task.id.clone(), state(task).to_owned(), task.task_type.clone().unwrap_or_default(), words]
                })
                .collect();
            let palette = Palette::new(context.color(&context.stdout));
            let text = table(&["TASK", "STATE", "TYPE", "CREATED"], &rows, palette);
            print_text(context, &context.secrets.redact(&text))
        }
    }
}
