//! Polls of tasks: one by its id, or several of one project and region with a list.
//!
//! A list is read page by page, and nothing is kept of tasks that no step waits for.

use std::sync::Arc;

use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use super::Waiting;
use super::schedule::{Listing, Poll};
use crate::api::{Answer, Client, ReadError, Request, Task, json_of};
use crate::engine::project_region::ProjectRegion;
use crate::hash::HashSet;
use crate::secret::without_reserved;
use crate::shared::lock;

/// The most tasks on a page of `GET /cloud/v1/tasks`.
const MOST_ON_PAGE: usize = 1000;
/// A list may take this many pages more than the awaited tasks would fill; tasks not found by then are polled one by
/// one.
const EXTRA_PAGES: usize = 5;
/// For this many awaited tasks one page more is read: polling these one by one would take more requests.
const TASKS_PER_EXTRA_PAGE: usize = 50;
/// How many tasks missing from a list are polled concurrently.
const AT_A_TIME: usize = 8;
/// The most by which a list starts before the oldest acceptance, because clocks differ and times are rounded.
const SLACK: SignedDuration = SignedDuration::from_secs(10);
/// The part of it for rounding: the server's time and the times of tasks are in whole seconds.
const ROUNDING: SignedDuration = SignedDuration::from_secs(2);

/// The longest time that was observed between the creation of a task and its acceptance, by the server's clock as far
/// as it is known; `None` before any.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lead(Option<SignedDuration>);

impl Lead {
    /// A task that was accepted at `since`, on the run's clock, was made at `created`, on the server's.
    pub fn learn(&mut self, client: &Client, since: SignedDuration, created: Timestamp) {
        let accepted = server_time_at(client, since);
        let lead = accepted.map(|accepted| accepted.duration_since(created));
        self.0 = self.0.max(lead);
    }

    /// How much before the oldest acceptance a list has to start.
    fn slack(self) -> SignedDuration {
        self.0.map_or(SLACK, |lead| (lead.max(SignedDuration::ZERO).saturating_add(ROUNDING)).min(SLACK))
    }
}

/// The result of a poll.
#[derive(Default)]
pub struct Polled {
    /// The tasks that were found.
    pub tasks: Vec<Task>,
    /// The tasks that could not be read by their ids, and why.
    pub unread: Vec<(String, ReadError)>,
    /// Of a list: whether it could be read.
    pub list: Option<Result<(), ReadError>>,
}

impl Polled {
    /// Adds a read of one task.
    fn add(&mut self, task: String, read: Result<Task, ReadError>) {
        match read {
            Ok(found) => self.tasks.push(found),
            Err(error) => self.unread.push((task, error)),
        }
    }
}

/// Makes a poll. `waiting`: the tasks that steps wait for. `permits`: a poll of one task takes one of these.
pub async fn perform(
    client: Arc<Client>,
    poll: Poll,
    waiting: Waiting,
    lead: Lead,
    permits: Arc<Semaphore>,
) -> (Poll, Polled) {
    let seen = match &poll {
        Poll::One(task) => {
            let _permit = permits.acquire().await.expect("the semaphore is never closed");
            let mut seen = Polled::default();
            seen.add(task.clone(), poll_one(&client, task).await);
            seen
        }
        Poll::Many(listing) => poll_many(&client, listing, &waiting, lead).await,
    };
    (poll, seen)
}

/// The request that reads one task.
pub fn task_request(task: &str) -> Request {
    Request::get(format!("/cloud/v1/tasks/{}", crate::engine::paths::encode(task)))
}

async fn poll_one(client: &Client, task: &str) -> Result<Task, ReadError> {
    let answer = ask(client, task_request(task)).await?;
    let read = json_of(&answer).as_ref().and_then(Task::read);
    read.ok_or_else(|| unreadable(&answer, "task"))
}

/// Reads a list; returns the tasks in it that steps wait for, also those that were not asked for.
async fn poll_many(client: &Client, listing: &Listing, waiting: &Waiting, lead: Lead) -> Polled {
    let asked = listing.tasks.len();
    let mut missing: HashSet<&str> = listing.tasks.iter().map(String::as_str).collect();
    let request =
        list_request(&listing.project_region, listed_from(client, listing, lead.slack())).query("limit", MOST_ON_PAGE);
    let mut seen = Polled { list: Some(Ok(())), ..Polled::default() };
    for page in 0..EXTRA_PAGES + asked.div_ceil(MOST_ON_PAGE) + asked / TASKS_PER_EXTRA_PAGE {
        let answer = ask(client, request.clone().query("offset", page * MOST_ON_PAGE)).await;
        let read = answer.as_ref().map_err(Clone::clone).and_then(|answer| {
            let read = Page::read(answer);
            read.ok_or_else(|| unreadable(answer, "list of tasks"))
        });
        let read = match read {
            Ok(read) => read,
            Err(error) if page == 0 => return Polled { list: Some(Err(error)), ..Polled::default() },
            Err(_) => break,
        };
        let before = seen.tasks.len();
        seen.tasks.extend(read.tasks(waiting));
        for task in &seen.tasks[before..] {
            missing.remove(task.id.as_str());
        }
        if missing.is_empty() || read.results.is_empty() || ((page + 1) * MOST_ON_PAGE) as u64 >= read.count() {
            break;
        }
    }
    // A task missing from the list is polled by its id; its answer has the time from which the next list must start.
    let mut missing: Vec<String> = missing.into_iter().map(str::to_owned).collect();
    missing.sort_unstable();
    let polls = missing.into_iter().map(|task| async move {
        let read = poll_one(client, &task).await;
        (task, read)
    });
    let mut polls = futures_util::stream::iter(polls).buffer_unordered(AT_A_TIME);
    while let Some((task, read)) = polls.next().await {
        seen.add(task, read);
    }
    seen
}

/// A page of a list; its items are parsed when one is awaited.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    #[serde(default)]
    count: Value,
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
}

impl<'a> Page<'a> {
    /// The page in an answer; `None` when there is none.
    pub(super) fn read(answer: &'a Answer) -> Option<Self> {
        serde_json::from_slice(&answer.body).ok()
    }

    /// How long the whole list is.
    pub(super) fn count(&self) -> u64 {
        self.count.as_u64().unwrap_or(0)
    }

    /// The tasks that steps wait for.
    pub(super) fn tasks(&self, waiting: &Waiting) -> Vec<Task> {
        let waiting = lock(waiting);
        let read = self.results.iter().filter_map(|text| {
            let Identified { id } = serde_json::from_str(text.get()).ok()?;
            let Value::String(id) = without_reserved(Value::String(id)) else { return None };
            waiting.contains_key(&id).then(|| serde_json::from_str(text.get()).ok())?
        });
        read.filter_map(|task| Task::read(&without_reserved(task))).collect()
    }
}

/// Any item with an id.
#[derive(Deserialize)]
struct Identified {
    id: String,
}

/// The time from which a list must start to include all awaited tasks, by the server's clock.
fn listed_from(client: &Client, listing: &Listing, slack: SignedDuration) -> Timestamp {
    let accepted = listing.since.and_then(|since| server_time_at(client, since));
    let begins = accepted.into_iter().chain(listing.created).filter_map(|time| time.checked_sub(slack).ok());
    begins.min().unwrap_or_else(|| client.server_time(client.clock().now()))
}

/// The server's time when the run's clock showed `since`.
fn server_time_at(client: &Client, since: SignedDuration) -> Option<Timestamp> {
    let clock = client.clock();
    let elapsed = SignedDuration::try_from(clock.elapsed()).unwrap_or(SignedDuration::MAX);
    client.server_time(clock.now()).checked_sub(elapsed - since).ok()
}

/// `GET /cloud/v1/tasks` of one project and region since `from`, oldest first. The caller adds the page.
pub fn list_request(project_region: &ProjectRegion, from: Timestamp) -> Request {
    let mut request = Request::get("/cloud/v1/tasks");
    if let Some(project) = project_region.project_id {
        request = request.query("project_id", project);
    }
    if let Some(region) = project_region.region_id {
        request = request.query("region_id", region);
    }
    request.query("from_timestamp", from.strftime("%Y-%m-%dT%H:%M:%SZ")).query("order_by", "asc")
}

/// Sends a request once: what fails is asked for again by a later poll.
async fn ask(client: &Client, request: Request) -> Result<Answer, ReadError> {
    client.count_poll();
    let path = request.path.clone();
    match client.send(request).await {
        Ok(answer) if answer.is_success() => Ok(answer),
        Ok(answer) => Err(ReadError::Refused(client.error(&path, &answer))),
        Err(lost) => Err(ReadError::Failed { cause: lost.to_string(), attempts: 1 }),
    }
}

/// The error for an answer of success that is not what was asked for.
fn unreadable(answer: &Answer, what: &str) -> ReadError {
    ReadError::Failed { cause: format!("the answer (status {}) is no {what}", answer.status), attempts: 1 }
}
