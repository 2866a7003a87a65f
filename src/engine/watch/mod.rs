//! The watcher: polls the tasks of all steps of a run.
//!
//! Steps register their tasks and are notified of the end of each; [`schedule`] decides when a poll is worth a
//! request and which tasks share one. A poll that fails never counts as a failure of the task.

mod learnt;
mod rhythm;
mod schedule;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::api::{ApiError, Client, Meaning, Request, Task, TaskState, json_of};
use schedule::{Entry, Listing, Poll, Schedule};

pub use schedule::Place;

/// The longest page of `GET /cloud/v1/tasks`.
const PAGE: usize = 1000;
/// How many pages of a list are read beyond those that the awaited tasks would fill; tasks not found by then are
/// polled one by one.
const PAGES: usize = 5;
/// How many tasks missing from a list are polled concurrently.
const AT_A_TIME: usize = 8;
/// A list starts this much before the oldest acceptance, because clocks differ and times are rounded.
const SLACK: SignedDuration = SignedDuration::from_secs(10);
/// How often a task that the API does not know is polled, since the API may show it late.
const UNKNOWN_POLLS: u32 = 20;

/// A task to wait for.
#[derive(Debug, Clone)]
pub struct Awaited {
    pub task: String,
    pub place: Place,
    /// The task type that the operation usually starts; corrected by the first poll.
    pub task_type: Option<String>,
    /// When it was accepted, on the run's clock; earlier than the run for a task of an earlier run.
    pub since: Timestamp,
    pub first: Option<Duration>,
    pub every: Option<Duration>,
}

/// How waiting for a task ended.
#[derive(Debug, Clone)]
pub enum TaskEnd {
    Finished(Box<Task>),
    /// The task ended in ERROR.
    Failed(Box<Task>),
    /// The key may not poll the task, or the API does not know it.
    Refused(ApiError),
}

/// Receives warnings that concern no single step.
pub type Warn = Arc<dyn Fn(String) + Send + Sync>;

/// A message from a step to the watcher.
enum Message {
    Waits {
        awaited: Awaited,
        listener: u64,
        tell: oneshot::Sender<TaskEnd>,
    },
    /// The step no longer waits for the task.
    Leaves {
        task: String,
        listener: u64,
    },
}

/// The handle of the watcher; cheap to clone.
#[derive(Clone)]
pub struct Watcher {
    messages: mpsc::UnboundedSender<Message>,
    listeners: Arc<AtomicU64>,
}

impl Watcher {
    /// Starts the watcher on the current runtime. `durations`: observed ones of earlier tasks (type, milliseconds).
    pub fn start(client: Arc<Client>, durations: impl Iterator<Item = (String, u64)>, warn: Warn) -> Self {
        let (messages, told) = mpsc::unbounded_channel();
        let mut schedule = Schedule::default();
        for (task_type, took) in durations {
            schedule.learn(&task_type, Duration::from_millis(took));
        }
        tokio::spawn(Watch { client, schedule, waiting: HashMap::new(), warn, reported: Vec::new() }.run(told));
        Self { messages, listeners: Arc::default() }
    }

    /// Waits for the end of a task. Dropping the future ends the waiting.
    pub async fn wait(&self, awaited: Awaited) -> TaskEnd {
        let (tell, end) = oneshot::channel();
        let listener = self.listeners.fetch_add(1, Ordering::Relaxed);
        let _leaves = Leaves { messages: &self.messages, task: awaited.task.clone(), listener };
        // The watcher runs as long as a handle exists.
        let _ = self.messages.send(Message::Waits { awaited, listener, tell });
        match end.await {
            Ok(end) => end,
            Err(_) => std::future::pending().await,
        }
    }
}

/// Notifies the watcher when a waiting step is dropped.
struct Leaves<'w> {
    messages: &'w mpsc::UnboundedSender<Message>,
    task: String,
    listener: u64,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        let task = std::mem::take(&mut self.task);
        // Without a watcher there is nothing to notify.
        let _ = self.messages.send(Message::Leaves { task, listener: self.listener });
    }
}

struct Watch {
    client: Arc<Client>,
    schedule: Schedule,
    /// The waiting steps, by task.
    waiting: HashMap<String, Vec<(u64, oneshot::Sender<TaskEnd>)>>,
    warn: Warn,
    /// Undocumented task states that were reported already.
    reported: Vec<String>,
}

/// The result of a poll.
enum Polled {
    /// The tasks that were found.
    Tasks(Vec<Task>),
    Refused(ApiError),
    Nothing,
}

impl Watch {
    async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        let clock = self.client.clock();
        let mut polls: FuturesUnordered<BoxFuture<'static, (Poll, Polled)>> = FuturesUnordered::new();
        loop {
            for poll in self.schedule.take_due(clock.elapsed()) {
                polls.push(perform(self.client.clone(), poll).boxed());
            }
            let next = self.schedule.next();
            tokio::select! {
                biased;
                message = messages.recv() => match message {
                    Some(Message::Waits { awaited, listener, tell }) => self.register(awaited, listener, tell),
                    Some(Message::Leaves { task, listener }) => self.forget(&task, listener),
                    None => return,
                },
                Some((poll, seen)) = polls.next() => self.learn_of(&poll, seen),
                () = async { clock.sleep_until(next.unwrap_or_default()).await }, if next.is_some() => {}
            }
        }
    }

    fn register(&mut self, awaited: Awaited, listener: u64, tell: oneshot::Sender<TaskEnd>) {
        let clock = self.client.clock();
        let elapsed = SignedDuration::try_from(clock.elapsed()).unwrap_or(SignedDuration::MAX);
        // A record written on a clock ahead of ours can have a time in the future.
        let since = elapsed - clock.now().duration_since(awaited.since).max(SignedDuration::ZERO);
        let mut entry = Entry::new(awaited.place, awaited.task_type.as_deref().unwrap_or_default(), since);
        entry.first = awaited.first;
        entry.every = awaited.every;
        if self.schedule.get(&awaited.task).is_none() {
            self.schedule.add(&awaited.task, entry, clock.elapsed());
        }
        self.waiting.entry(awaited.task).or_default().push((listener, tell));
    }

    /// Stops polling a task when its last waiting step is gone.
    fn forget(&mut self, task: &str, listener: u64) {
        let Some(listeners) = self.waiting.get_mut(task) else { return };
        listeners.retain(|(other, _)| *other != listener);
        if listeners.is_empty() {
            self.waiting.remove(task);
            self.schedule.remove(task);
        }
    }

    fn learn_of(&mut self, poll: &Poll, seen: Polled) {
        let now = self.client.clock().elapsed();
        let asked = match poll {
            Poll::One(task) => std::slice::from_ref(task),
            Poll::Many(listing) => &listing.tasks,
        };
        match seen {
            Polled::Tasks(tasks) => {
                let found: HashSet<String> = tasks.iter().map(|task| task.id.clone()).collect();
                let mut running = Vec::new();
                for task in tasks {
                    running.extend(self.task_seen(task, now));
                }
                self.schedule.polled(&running, now);
                self.schedule.failed(asked.iter().filter(|task| !found.contains(*task)), now);
            }
            Polled::Refused(error) => self.refused(poll, asked, &error, now),
            Polled::Nothing => self.schedule.failed(asked, now),
        }
    }

    /// Notifies the waiting steps of a task's end; returns the task's id while it still runs.
    fn task_seen(&mut self, task: Task, now: Duration) -> Option<String> {
        let entry = self.schedule.get(&task.id)?;
        let took = entry.elapsed(now);
        self.schedule.observe(&task.id, task.task_type.as_deref(), task.created_on);
        match &task.state {
            TaskState::Pending(_) => return Some(task.id),
            TaskState::Other(state) => {
                if !self.reported.contains(state) {
                    self.reported.push(state.clone());
                    (self.warn)(format!("task {} is in the undocumented state `{state}`: waiting on", task.id));
                }
                return Some(task.id);
            }
            TaskState::Finished => {
                if let Some(task_type) = &task.task_type {
                    self.schedule.learn(task_type, task_duration(&task).unwrap_or(took));
                }
                self.end(&task.id.clone(), &TaskEnd::Finished(Box::new(task)));
            }
            TaskState::Error => self.end(&task.id.clone(), &TaskEnd::Failed(Box::new(task))),
        }
        None
    }

    fn refused(&mut self, poll: &Poll, asked: &[String], error: &ApiError, now: Duration) {
        match (error.meaning(), poll) {
            (Meaning::NotAllowed, _) => {
                for task in asked {
                    self.end(task, &TaskEnd::Refused(error.clone()));
                }
            }
            (Meaning::NotFound, Poll::One(task)) if self.schedule.failures(task) >= UNKNOWN_POLLS => {
                self.end(task, &TaskEnd::Refused(error.clone()));
            }
            (Meaning::NotFound | Meaning::Rejected, Poll::Many(listing)) => {
                self.schedule.cannot_list(&listing.place);
                self.schedule.failed(asked, now);
            }
            _ => self.schedule.failed(asked, now),
        }
    }

    fn end(&mut self, task: &str, end: &TaskEnd) {
        self.schedule.remove(task);
        for (_, listener) in self.waiting.remove(task).unwrap_or_default() {
            // A step that has stopped waiting receives nothing.
            let _ = listener.send(end.clone());
        }
    }
}

/// How long a finished task ran, by the server's clock.
pub fn task_duration(task: &Task) -> Option<Duration> {
    Duration::try_from(task.finished_on?.duration_since(task.created_on?)).ok()
}

async fn perform(client: Arc<Client>, poll: Poll) -> (Poll, Polled) {
    let seen = match &poll {
        Poll::One(task) => poll_one(&client, task).await,
        Poll::Many(listing) => poll_many(&client, listing).await,
    };
    (poll, seen)
}

async fn poll_one(client: &Client, task: &str) -> Polled {
    match ask(client, Request::get(format!("/cloud/v1/tasks/{}", super::results::encode(task)))).await {
        Ok(value) => Task::read(&value).map_or(Polled::Nothing, |task| Polled::Tasks(vec![task])),
        Err(seen) => seen,
    }
}

/// Reads a list and gives every task in it, including tasks that no step of this run awaits; the watcher ignores
/// those.
async fn poll_many(client: &Client, listing: &Listing) -> Polled {
    let mut missing: HashSet<&str> = listing.tasks.iter().map(String::as_str).collect();
    let request = list_request(&listing.place, listed_from(client, listing)).query("limit", PAGE);
    let mut found: Vec<Task> = Vec::new();
    for page in 0..PAGES + listing.tasks.len().div_ceil(PAGE) {
        let value = match ask(client, request.clone().query("offset", page * PAGE)).await {
            Ok(value) => value,
            Err(seen) if page == 0 => return seen,
            Err(_) => break,
        };
        let Some(results) = value.get("results").and_then(Value::as_array) else { return Polled::Nothing };
        for task in results.iter().filter_map(Task::read) {
            missing.remove(task.id.as_str());
            found.push(task);
        }
        let count = value.get("count").and_then(Value::as_u64).unwrap_or(0);
        if missing.is_empty() || results.is_empty() || ((page + 1) * PAGE) as u64 >= count {
            break;
        }
    }
    // A task missing from the list is polled by its id; its answer has the time from which the next list must start.
    let mut missing: Vec<String> = missing.into_iter().map(str::to_owned).collect();
    missing.sort_unstable();
    let polls = missing.into_iter().map(|task| async move { poll_one(client, &task).await });
    let mut polls = futures_util::stream::iter(polls).buffer_unordered(AT_A_TIME);
    while let Some(seen) = polls.next().await {
        if let Polled::Tasks(tasks) = seen {
            found.extend(tasks);
        }
    }
    Polled::Tasks(found)
}

/// The time from which a list must start to include all awaited tasks, by the server's clock.
fn listed_from(client: &Client, listing: &Listing) -> Timestamp {
    let clock = client.clock();
    let now = client.server_time(clock.now());
    let elapsed = SignedDuration::try_from(clock.elapsed()).unwrap_or(SignedDuration::MAX);
    let accepted = listing.since.and_then(|since| now.checked_sub(elapsed - since + SLACK).ok());
    let made = listing.created.and_then(|created| created.checked_sub(SLACK).ok());
    accepted.into_iter().chain(made).min().unwrap_or(now)
}

/// `GET /cloud/v1/tasks` of one project and region since `from`, oldest first. The caller adds the page.
pub fn list_request(place: &Place, from: Timestamp) -> Request {
    let mut request = Request::get("/cloud/v1/tasks");
    if let Some(project) = place.project_id {
        request = request.query("project_id", project);
    }
    if let Some(region) = place.region_id {
        request = request.query("region_id", region);
    }
    request.query("from_timestamp", from.strftime("%Y-%m-%dT%H:%M:%SZ")).query("order_by", "asc")
}

async fn ask(client: &Client, request: Request) -> Result<Value, Polled> {
    client.count_poll();
    match client.send(request).await {
        Ok(answer) if answer.is_success() => json_of(&answer).ok_or(Polled::Nothing),
        Ok(answer) => Err(Polled::Refused(client.error(&answer))),
        Err(_) => Err(Polled::Nothing),
    }
}
