//! The watcher: polls the tasks of all steps of a run.
//!
//! Steps register their tasks and are notified of the end of each; [`schedule`] decides when a poll is worth a
//! request and which tasks share one. A poll that fails never counts as a failure of the task.

mod learnt;
mod lists;
mod rhythm;
mod schedule;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, ready};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::api::{ApiError, Client, Meaning, ReadError, Task, TaskState};
use crate::engine::project_region::ProjectRegion;
use crate::hash::{HashMap, HashSet};
use crate::shared::lock;
use lists::{Lead, Polled, perform};
use schedule::{Entry, Poll, Schedule};

pub use lists::{list_request, task_request};

/// While a list of a project and region is read, another one of it begins no earlier than this: tasks that become due
/// meanwhile share the next.
const LIST_INTERVAL: Duration = Duration::from_secs(2);
/// The ends of tasks that steps are notified of before these steps run: what each of them does then takes memory.
const ENDS_AT_ONCE: usize = 16;
/// How long a task that the API does not know is polled, since the API may show it late.
const MISSING: Duration = Duration::from_secs(90);
/// The failed polls of a task in a row after which the reason is reported.
const REPORTED_AFTER: u32 = 6;
/// The most tasks that are polled one by one at a time.
const ONE_BY_ONE: usize = 16;

/// A task to wait for.
#[derive(Debug, Clone)]
pub struct Awaited {
    pub task: String,
    pub project_region: ProjectRegion,
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
    /// The key may not poll the task.
    Refused(Box<ApiError>),
    /// The API has said for a while that it does not know the task, or does not any more: how it ended, or whether it
    /// still runs, is not known.
    Missing(Box<ApiError>),
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
        task: Box<str>,
        listener: u64,
    },
}

/// The handle of the watcher; cheap to clone.
#[derive(Clone)]
pub struct Watcher {
    messages: mpsc::UnboundedSender<Message>,
    listeners: Arc<AtomicU64>,
    unread: Unread,
}

impl Watcher {
    /// Starts the watcher on the current runtime. `durations`: observed ones of earlier tasks (type, milliseconds).
    pub fn start(client: Arc<Client>, durations: impl Iterator<Item = (String, u64)>, warn: Warn) -> Self {
        let (messages, told) = mpsc::unbounded_channel();
        let mut schedule = Schedule::default();
        for (task_type, took) in durations {
            schedule.learn(&task_type, Duration::from_millis(took));
        }
        let unread = Unread::default();
        let watch = Watch {
            unread: unread.clone(),
            client,
            schedule,
            waiting: Waiting::default(),
            lead: Lead::default(),
            permits: Arc::new(Semaphore::new(ONE_BY_ONE)),
            warn,
            reported: Vec::new(),
            list_reported: false,
            task_reported: false,
        };
        tokio::spawn(watch.run(told));
        Self { messages, listeners: Arc::default(), unread }
    }

    /// The error of the last poll of one of these tasks, when it could not be read for a while.
    pub fn unread(&self, tasks: &[String]) -> Option<String> {
        let unread = lock(&self.unread);
        tasks.iter().find_map(|task| unread.get(task).cloned())
    }

    /// Waits for the end of a task, which is watched from now on. Dropping the future ends the waiting.
    pub fn wait(&self, awaited: Awaited) -> TaskWait {
        let (tell, end) = oneshot::channel();
        let listener = self.listeners.fetch_add(1, Ordering::Relaxed);
        let task = awaited.task.as_str().into();
        // The watcher runs as long as a handle exists.
        let _ = self.messages.send(Message::Waits { awaited, listener, tell });
        TaskWait { messages: self.messages.clone(), task, listener, end }
    }
}

/// The end of a task, once it comes. Tells the watcher when it is not waited for any more.
pub struct TaskWait {
    messages: mpsc::UnboundedSender<Message>,
    task: Box<str>,
    listener: u64,
    end: oneshot::Receiver<TaskEnd>,
}

impl Future for TaskWait {
    type Output = TaskEnd;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> std::task::Poll<TaskEnd> {
        if self.end.is_terminated() {
            return std::task::Poll::Pending;
        }
        match ready!(Pin::new(&mut self.end).poll(context)) {
            Ok(end) => std::task::Poll::Ready(end),
            // There is no watcher any more.
            Err(_) => std::task::Poll::Pending,
        }
    }
}

impl Drop for TaskWait {
    fn drop(&mut self) {
        if self.end.is_terminated() {
            return;
        }
        let task = std::mem::take(&mut self.task);
        // Without a watcher there is nothing to notify.
        let _ = self.messages.send(Message::Leaves { task, listener: self.listener });
    }
}

/// The error of the last poll of each task that could not be read for a while, by its id.
type Unread = Arc<Mutex<HashMap<String, String>>>;
/// The steps that wait for each task.
type Waiting = Arc<Mutex<HashMap<String, Vec<(u64, oneshot::Sender<TaskEnd>)>>>>;

struct Watch {
    client: Arc<Client>,
    unread: Unread,
    schedule: Schedule,
    waiting: Waiting,
    lead: Lead,
    /// For polls of one task each.
    permits: Arc<Semaphore>,
    warn: Warn,
    /// Undocumented task states that were reported already.
    reported: Vec<String>,
    /// Whether it was reported that a list, or a task, cannot be read.
    list_reported: bool,
    task_reported: bool,
}

impl Watch {
    async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        let clock = self.client.clock();
        let mut polls: FuturesUnordered<BoxFuture<'static, (Poll, Polled)>> = FuturesUnordered::new();
        loop {
            for poll in self.schedule.take_due(clock.elapsed()) {
                if let Poll::Many(listing) = &poll {
                    self.schedule.hold(&listing.project_region, clock.elapsed() + LIST_INTERVAL);
                }
                let (client, waiting) = (self.client.clone(), self.waiting.clone());
                polls.push(perform(client, poll, waiting, self.lead, self.permits.clone()).boxed());
            }
            let next = self.schedule.next();
            tokio::select! {
                biased;
                message = messages.recv() => match message {
                    Some(Message::Waits { awaited, listener, tell }) => self.register(awaited, listener, tell),
                    Some(Message::Leaves { task, listener }) => self.forget(&task, listener),
                    None => return,
                },
                Some((poll, seen)) = polls.next() => self.handle_poll(&poll, seen).await,
                () = async { clock.sleep_until(next.unwrap_or_default()).await }, if next.is_some() => {}
            }
        }
    }

    fn register(&mut self, awaited: Awaited, listener: u64, tell: oneshot::Sender<TaskEnd>) {
        let clock = self.client.clock();
        let elapsed = SignedDuration::try_from(clock.elapsed()).unwrap_or(SignedDuration::MAX);
        // A record written on a clock ahead of ours can have a time in the future.
        let since = elapsed - clock.now().duration_since(awaited.since).max(SignedDuration::ZERO);
        let mut entry = Entry::new(awaited.project_region, awaited.task_type.as_deref().unwrap_or_default(), since);
        entry.first = awaited.first;
        entry.every = awaited.every;
        if self.schedule.get(&awaited.task).is_none() {
            self.schedule.add(&awaited.task, entry, clock.elapsed());
        }
        lock(&self.waiting).entry(awaited.task).or_insert_with(|| Vec::with_capacity(1)).push((listener, tell));
    }

    /// Stops polling a task when its last waiting step is gone.
    fn forget(&mut self, task: &str, listener: u64) {
        let mut waiting = lock(&self.waiting);
        let Some(listeners) = waiting.get_mut(task) else { return };
        listeners.retain(|(other, _)| *other != listener);
        if listeners.is_empty() {
            waiting.remove(task);
            self.schedule.remove(task);
        }
    }

    /// Schedules the tasks of a poll anew, and wakes the steps whose tasks have ended.
    async fn handle_poll(&mut self, poll: &Poll, seen: Polled) {
        let now = self.client.clock().elapsed();
        let asked = match poll {
            Poll::One(task) => std::slice::from_ref(task),
            Poll::Many(listing) => {
                self.schedule.release(&listing.project_region);
                match &seen.list {
                    Some(Err(error)) => self.not_listed(&listing.project_region, error, now),
                    _ => self.schedule.listed(&listing.project_region),
                }
                &listing.tasks
            }
        };
        let found: HashSet<String> = seen.tasks.iter().map(|task| task.id.clone()).collect();
        let mut running = Vec::new();
        for (number, task) in seen.tasks.into_iter().enumerate() {
            // The steps notified so far record their results before more are notified.
            if number > 0 && number.is_multiple_of(ENDS_AT_ONCE) {
                tokio::task::yield_now().await;
            }
            running.extend(self.task_seen(task, now));
        }
        self.schedule.polled(&running, now);
        self.schedule.failed(asked.iter().filter(|task| !found.contains(*task)), now);
        for (task, error) in &seen.unread {
            self.unread(task, error, now);
        }
    }

    /// A list could not be read: its tasks are polled one by one, at once where the error lasts, else after several in
    /// a row.
    fn not_listed(&mut self, project_region: &ProjectRegion, error: &ReadError, now: Duration) {
        // The page of a proxy passes, whatever its status.
        let lasts = match error {
            ReadError::Refused(refusal) if !refusal.is_foreign() => {
                matches!(refusal.meaning(), Meaning::NotAllowed | Meaning::NotFound | Meaning::Rejected)
            }
            _ => false,
        };
        if self.schedule.cannot_list(project_region, !lasts, now) && !self.list_reported {
            self.list_reported = true;
            (self.warn)(format!("the list of tasks cannot be read: {error}; each task is asked for by its id"));
        }
    }

    /// A task could not be read by its id: it is asked for again, unless the API has said for long enough that it does
    /// not know it, or that the request is wrong or belongs elsewhere (a redirect), or the key may not read it.
    fn unread(&mut self, task: &str, error: &ReadError, now: Duration) {
        match (error, error.meaning()) {
            (ReadError::Refused(refusal), Some(Meaning::NotAllowed)) => {
                return self.end(task, &TaskEnd::Refused(Box::new(refusal.clone())));
            }
            (ReadError::Refused(refusal), Some(Meaning::NotFound | Meaning::Rejected))
                if self.schedule.missing(task, now) >= MISSING =>
            {
                return self.end(task, &TaskEnd::Missing(Box::new(refusal.clone())));
            }
            _ => {}
        }
        if self.schedule.failures(task) < REPORTED_AFTER {
            return;
        }
        lock(&self.unread).insert(task.to_owned(), error.to_string());
        if !self.task_reported {
            self.task_reported = true;
            (self.warn)(format!("task {task} cannot be read: {error}; it is polled again"));
        }
    }

    /// Notifies the waiting steps of a task's end; returns the task's id while it still runs.
    fn task_seen(&mut self, task: Task, now: Duration) -> Option<String> {
        lock(&self.unread).remove(&task.id);
        let entry = self.schedule.get(&task.id)?;
        let took = entry.elapsed(now);
        if let Some(created) = task.created_on {
            self.lead.learn(&self.client, entry.since, created);
        }
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

    fn end(&mut self, task: &str, end: &TaskEnd) {
        self.schedule.remove(task);
        let listeners = lock(&self.waiting).remove(task);
        for (_, listener) in listeners.unwrap_or_default() {
            // A step that has stopped waiting receives nothing.
            let _ = listener.send(end.clone());
        }
    }
}

/// How long a finished task ran, by the server's clock.
pub fn task_duration(task: &Task) -> Option<Duration> {
    Duration::try_from(task.finished_on?.duration_since(task.created_on?)).ok()
}
