//! Finding out what a write did whose answer was lost.
//!
//! The same code serves an answer lost during a run and a process killed between sending and hearing. It asks, and
//! [`evidence`](super::evidence) judges: what is certainly ours is claimed, what is certainly another's is left out.
//! Nothing at all when the settling time is over means that it was never carried out. Something that may be ours, but may
//! be another's as well, is neither claimed nor passed over: nobody can tell, and the step says so.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::call::{Head, place_of, route_of};
use super::collection::{creator_task, item_id, items, list_call, named_items};
use super::evidence::audit::{self, Trail};
use super::evidence::{Attempt, Verdict, likeness, lists, request_ids, tags, tasks};
use super::ownership::Thing;
use super::pages::{Paging, pages};
use super::results::{self, fill_path, id_text};
use super::shared::Shared;
use super::watch::list_request;
use crate::api::{ReadError, Request, Task, is_success};
use crate::catalog::{Creates, ListCall, Operation, root_of};
use crate::journal::{Evidence, InstanceStatus, Intent, RecordedCall};

/// The first segment of the paths of the API whose lists lag and whose audit log tells.
const CLOUD: &str = "cloud";
/// Clocks of one cloud, and rounding: what is younger than this before the intent is not certainly older.
const BEFORE: SignedDuration = SignedDuration::from_secs(2);
/// The same where the record does not tell the server's time: the clocks of two machines.
const BEFORE_BY_ANOTHER_CLOCK: SignedDuration = SignedDuration::from_mins(10);
/// The list of tasks starts earlier than that.
const LIST_BEFORE: SignedDuration = SignedDuration::from_secs(60);
/// Pauses between looks; the last one repeats.
const PAUSES: [u64; 5] = [1, 1, 2, 3, 5];
/// A gateway that timed out may still pass the request on, and a call that is answered only when all is done takes its
/// time (12 s for a server group, `observed.md` §11): such a silence is believed later.
const SLOW_FACTOR: u32 = 3;
/// What may be ours is looked at for longer before it is given up: tags, and the audit log above all, may be late.
const UNDECIDED_FACTOR: u32 = 9;
const PAGE: usize = 1000;

/// A write that may have been carried out.
#[derive(Debug, Clone)]
pub struct Doubt {
    pub intent: Intent,
    /// It may have left until then, on the run's clock: the settling time counts from here.
    pub since: Duration,
    /// When the intent was written, on the clock of the record.
    pub intended_at: Timestamp,
    /// Why its outcome is unknown.
    pub cause: String,
    /// The silence came after a timeout, not at once.
    pub slow: bool,
    /// What came of the answer.
    pub head: Option<Head>,
    /// Tasks that were taken for its own and are another's.
    pub disowned: Vec<String>,
}

impl Doubt {
    /// The doubt that a record leaves; `None` when it has no intent.
    pub fn recorded(shared: &Shared, known: &InstanceStatus) -> Option<Self> {
        let (intent, intended_at) = (known.intent.as_deref()?.clone(), known.intended_at?);
        // The process that sent it may have died long after the intent, and its clock may be another: what was not
        // written in this run counts from its beginning.
        let now = shared.clock().elapsed();
        let started = shared.now() - SignedDuration::try_from(now).unwrap_or_default();
        let since = Duration::try_from(intended_at.duration_since(started)).unwrap_or_default().min(now);
        let head = known
            .error
            .as_ref()
            .and_then(|error| Some(Head { status: error.status?, request_id: error.request_id.clone() }));
        Some(Self {
            intent,
            since,
            intended_at,
            cause: "no answer is on record".to_owned(),
            slow: false,
            head,
            disowned: known.disowned.clone(),
        })
    }

    /// The API said that it was carried out; what it made did not arrive.
    pub fn is_carried_out(&self) -> bool {
        self.head.as_ref().is_some_and(|head| is_success(head.status))
    }
}

/// What was found.
#[derive(Debug)]
pub enum Settled {
    /// This task is ours; it is claimed.
    Task(String, Evidence),
    /// The resource it made; it is claimed.
    Resource(Value, Evidence),
    /// It was carried out; there is nothing to wait for, and nothing that it made.
    Done,
    /// The settling time is over, and nothing was found.
    Nothing,
    /// These may be ours, or another's.
    Undecided(Vec<String>),
    /// The API did not answer the questions.
    CannotTell(ReadError),
}

/// What one round of questions came to.
enum Look {
    Settled(Settled),
    Nothing,
    Undecided(Vec<String>),
}

/// Something that may be ours.
enum Candidate {
    Task(Task),
    Item { id: String, item: Value },
}

/// Looks until it is known whose everything is, or the settling time is over.
pub async fn settle(shared: &Shared, doubt: &Doubt) -> Settled {
    let call = &doubt.intent.call;
    let (operation, parameters) = match results::operation_of(shared.catalog, call) {
        Some((operation, parameters)) => (Some(operation), parameters),
        None => (None, Vec::new()),
    };
    let operation = operation.as_deref();
    let route = &route_of(operation, call);
    shared.meet(&place_of(&parameters)).await;
    // The audit log tells of the Cloud API, and of no other product.
    let is_logged = root_of(&call.path) == CLOUD;
    let search =
        Search { shared, doubt, operation, parameters: &parameters, log_is_closed: AtomicBool::new(!is_logged) };
    let slow = doubt.slow || !search.may_start_tasks();
    let patience = shared.settings.settle_time * if slow { SLOW_FACTOR } else { 1 };
    let deadline = doubt.since + patience;
    let mut pauses = PAUSES.into_iter().chain(std::iter::repeat(PAUSES[PAUSES.len() - 1]));
    loop {
        let now = shared.clock().elapsed();
        let last = now >= deadline;
        let found = {
            let _alone = shared.gates.settling(route).await;
            search.look(last).await
        };
        let undecided_until = doubt.since + shared.settings.settle_time * search.undecided_factor();
        match found {
            Ok(Look::Settled(settled)) => return settled,
            Ok(Look::Nothing) if last => return Settled::Nothing,
            Ok(Look::Undecided(candidates)) if last && now >= undecided_until => return Settled::Undecided(candidates),
            Ok(_) => {}
            Err(error) => return Settled::CannotTell(error),
        }
        let left = if last { undecided_until } else { deadline }.saturating_sub(shared.clock().elapsed());
        let pause = Duration::from_secs(pauses.next().expect("the last pause repeats"));
        shared.clock().sleep(pause.min(left.max(Duration::from_millis(50)))).await;
    }
}

struct Search<'a> {
    shared: &'a Shared,
    doubt: &'a Doubt,
    operation: Option<&'a Operation>,
    parameters: &'a [(String, String)],
    /// The key may not read the audit log: it need not be waited for.
    log_is_closed: AtomicBool,
}

impl Search<'_> {
    fn intent(&self) -> &Intent {
        &self.doubt.intent
    }

    fn call(&self) -> &RecordedCall {
        &self.doubt.intent.call
    }

    fn creates(&self) -> Option<&Creates> {
        self.operation.and_then(|operation| operation.creates.as_ref())
    }

    /// Nothing is made by it, as far as is known: what it did is the same, whoever asked for it.
    fn only_changes(&self) -> bool {
        self.operation.is_some_and(|operation| operation.creates.is_none())
    }

    fn list(&self) -> Option<&ListCall> {
        self.creates()?.resource.as_ref()?.list.as_ref()
    }

    fn may_start_tasks(&self) -> bool {
        self.operation.is_none_or(|operation| operation.asynchronous)
    }

    /// As long as something can still tell, it is waited for.
    fn undecided_factor(&self) -> u32 {
        if self.intent().stamped || !self.log_is_closed.load(Ordering::Relaxed) { UNDECIDED_FACTOR } else { 1 }
    }

    fn attempt(&self) -> Attempt<'_> {
        let intent = self.intent();
        let by_ours = || self.shared.client.server_time(self.doubt.intended_at) - BEFORE_BY_ANOTHER_CLOCK;
        Attempt {
            intent,
            parameters: self.parameters,
            task_types: self.operation.map(|operation| operation.task_types.as_slice()).unwrap_or_default(),
            told: self
                .doubt
                .head
                .as_ref()
                .and_then(|head| Some((head.request_id.as_deref()?, is_success(head.status)))),
            traces_taken: self.shared.client.takes_traces(),
            since: intent.mark.server_time.map_or_else(by_ours, |time| time - BEFORE),
        }
    }

    /// The agent that this attempt was sent with.
    fn agent(&self) -> String {
        let intent = self.intent();
        // So it was written by versions whose record does not say.
        let former = || format!("{} (attempt {})", self.shared.settings.user_agent, intent.nonce);
        intent.mark.user_agent.clone().unwrap_or_else(former)
    }

    /// One round of questions. `last`: nothing that is not seen now will ever be.
    async fn look(&self, last: bool) -> Result<Look, ReadError> {
        if let Some(settled) = self.by_stamp().await? {
            return Ok(Look::Settled(settled));
        }
        let mut open = Vec::new();
        let mut others = HashSet::new();
        for task in self.tasks().await? {
            match self.verdict_of_task(&task) {
                Verdict::Ours(evidence) => return Ok(Look::Settled(self.claim_task(&task.id, evidence))),
                Verdict::NotOurs => drop(others.insert(task.id)),
                Verdict::CannotTell => open.push(Candidate::Task(task)),
            }
        }
        if open.is_empty() && self.may_start_tasks() && !last {
            return Ok(Look::Nothing);
        }
        if let Some(settled) = self.by_audit_log().await {
            return Ok(Look::Settled(settled));
        }
        if open.is_empty() {
            open = self.items(&others).await?;
        }
        let open = self.without_others(open).await?;
        if let Some(settled) = self.by_own_key(&open) {
            return Ok(Look::Settled(settled));
        }
        if let ([Candidate::Task(task)], true) = (open.as_slice(), self.only_changes())
            && likeness::is_about(&task.data.0, self.parameters)
        {
            return Ok(Look::Settled(self.claim_task(&task.id, Evidence::Likeness)));
        }
        Ok(if open.is_empty() {
            Look::Nothing
        } else {
            Look::Undecided(open.iter().map(|one| self.words(one)).collect())
        })
    }

    fn words(&self, candidate: &Candidate) -> String {
        match candidate {
            Candidate::Task(task) => format!("task {}", task.id),
            Candidate::Item { id, .. } => {
                format!("{} {id}", self.creates().map_or("resource", |creates| creates.kind.as_str()))
            }
        }
    }

    fn verdict_of_task(&self, task: &Task) -> Verdict {
        let attempt = self.attempt();
        let verdict = Verdict::of([
            request_ids::of_task(task, &attempt),
            tags::of_data(&task.data.0, attempt.intent),
            tasks::of_task(task, &attempt),
            likeness::of(&task.data.0, &attempt, self.parameters),
        ]);
        match verdict {
            _ if self.doubt.disowned.contains(&task.id) => Verdict::NotOurs,
            // Another step was given it by an answer, or has it for certain.
            _ if self.shared.owners.is_ours(&Thing::task(&task.id), &self.shared.journal) => Verdict::NotOurs,
            verdict => verdict,
        }
    }

    fn claim_task(&self, task: &str, evidence: Evidence) -> Settled {
        match self.shared.owners.claim(Thing::task(task), &self.intent().instance) {
            true => Settled::Task(task.to_owned(), evidence),
            false => Settled::Undecided(vec![format!("task {task}")]),
        }
    }

    /// The task that created it is waited for, as if it had been answered; without one the resource itself is taken.
    fn claim_item(&self, id: &str, item: Value, evidence: Evidence) -> Option<Settled> {
        if let Some(task) = creator_task(&item) {
            return Some(self.claim_task(&task, evidence));
        }
        let kind = &self.creates()?.kind;
        Some(match self.shared.owners.claim(Thing::resource(kind, id), &self.intent().instance) {
            true => Settled::Resource(item, evidence),
            false => Settled::Undecided(vec![format!("{kind} {id}")]),
        })
    }

    /// A resource that carries the tag of this very attempt: no doubt is left.
    async fn by_stamp(&self) -> Result<Option<Settled>, ReadError> {
        let list = self.list().filter(|list| self.intent().stamped && (list.tags || list.by_tag));
        let Some((list, mut request)) = list.and_then(|list| Some((list, list_call(list, self.parameters)?))) else {
            return Ok(None);
        };
        if list.by_tag {
            let tag = serde_json::json!({ tags::STAMP_ATTEMPT: self.intent().nonce });
            request = request.query("tag_key_value", tag);
        }
        let found = items(self.shared, list, request).await?;
        Ok(found.into_iter().find_map(|item| match tags::of_item(&item, Some(list), self.intent()) {
            Verdict::Ours(evidence) => {
                let id = item.get(&list.id_field).map(id_text)?;
                self.claim_item(&id, item, evidence)
            }
            _ => None,
        }))
    }

    /// What the API lets nobody have twice, was not there when this attempt left, and is what was asked for; or the only
    /// one that is new, when the API said that the call was carried out.
    fn by_own_key(&self, open: &[Candidate]) -> Option<Settled> {
        let [Candidate::Item { id, item }] = open else { return None };
        let before = self.intent().mark.before.as_ref()?;
        let elsewhere = root_of(&self.call().path) != CLOUD;
        if before.is_empty() && self.creates()?.unique {
            self.claim_item(id, item.clone(), Evidence::OwnKey)
        } else if self.doubt.is_carried_out() && elsewhere {
            self.claim_item(id, item.clone(), Evidence::OnlyNew)
        } else {
            None
        }
    }

    /// Tasks of the place since the intent.
    async fn tasks(&self) -> Result<Vec<Task>, ReadError> {
        let attempt = self.attempt();
        if !self.may_start_tasks() && attempt.task_types.is_empty() {
            // Nothing would tell its task from any other: what has the same name may be another step's.
            return Ok(Vec::new());
        }
        let place = place_of(self.parameters);
        let request = list_request(&place, attempt.since - LIST_BEFORE);
        match pages(&self.shared.client, &request, "/results", Paging::CLOUD).await {
            Ok(tasks) => Ok(tasks.iter().filter_map(Task::read).collect()),
            // A call that never starts tasks need not be allowed to list them.
            Err(ReadError::Refused(_)) if !self.may_start_tasks() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// What the audit log tells of this attempt. It may lag, or be closed to this key.
    async fn by_audit_log(&self) -> Option<Settled> {
        let agent = self.agent();
        let entries = self.log(Some(&agent)).await?;
        match audit::trail(&entries, &agent)? {
            Trail::Task(task) => Some(self.claim_task(&task, Evidence::AuditLog)),
            Trail::Resource(id) if self.creates().is_some() => {
                let item = self.read_by_id(&id).await?;
                self.claim_item(&id_text(&id), item, Evidence::AuditLog)
            }
            Trail::Resource(_) | Trail::Nothing if self.only_changes() => Some(Settled::Done),
            Trail::Resource(_) | Trail::Nothing => None,
        }
    }

    /// Entries of the audit log since the intent: of one agent, or of everybody in this place.
    async fn log(&self, agent: Option<&str>) -> Option<Vec<Value>> {
        if self.log_is_closed.load(Ordering::Relaxed) {
            return None;
        }
        let from = self.attempt().since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut request = Request::get("/cloud/v1/user_actions").query("from_timestamp", from).query("limit", PAGE);
        if let Some(agent) = agent {
            request = request.query("user_agents", agent);
        } else {
            let place = place_of(self.parameters);
            let ids = [("project_id", place.project_id), ("region_id", place.region_id)];
            for (name, id) in ids.into_iter().filter_map(|(name, id)| Some((name, id?))) {
                request = request.query(name, id);
            }
        }
        let answer = self.shared.client.send(request).await.ok()?;
        if !answer.is_success() {
            self.log_is_closed.store(matches!(answer.status, 401 | 403 | 404), Ordering::Relaxed);
            return None;
        }
        crate::api::json_of(&answer)?.get("results")?.as_array().cloned()
    }

    async fn read_by_id(&self, id: &Value) -> Option<Value> {
        let resource = self.creates()?.resource.as_ref()?;
        let id = id_text(id);
        if let Some(read) = &resource.read {
            let path = fill_path(read, self.parameters, &resource.parameter, &id)?;
            return self.shared.client.read(Request::get(path)).await.ok();
        }
        let list = resource.list.as_ref()?;
        let found = items(self.shared, list, list_call(list, self.parameters)?).await.ok()?;
        found.into_iter().find(|item| item.get(&list.id_field).map(id_text).as_ref() == Some(&id))
    }

    /// What the collection shows under the name that was asked for, and is not certainly another's. `others`: tasks that
    /// are, and with them what they made.
    async fn items(&self, others: &HashSet<String>) -> Result<Vec<Candidate>, ReadError> {
        let (Some(list), Some(creates)) = (self.list(), self.creates()) else { return Ok(Vec::new()) };
        let attempt = self.attempt();
        let owned = |thing: &Thing| self.shared.owners.is_ours(thing, &self.shared.journal);
        let mut open = Vec::new();
        for item in named_items(self.shared, creates, list, self.call(), self.parameters).await? {
            let id = self.operation.and_then(|operation| item_id(operation, list, self.call(), &item));
            let Some(id) = id else { continue };
            let task = creator_task(&item);
            let by_another = task.is_some_and(|task| others.contains(&task) || owned(&Thing::task(&task)));
            let verdict = Verdict::of([
                tags::of_item(&item, Some(list), attempt.intent),
                lists::of_item(&item, &id, &attempt),
                likeness::of(&item, &attempt, &[]),
            ]);
            let id = id_text(&id);
            if verdict != Verdict::NotOurs && !by_another && !owned(&Thing::resource(&creates.kind, &id)) {
                open.push(Candidate::Item { id, item });
            }
        }
        Ok(open)
    }

    /// Of what may be ours, what still may be when what was made, the audit log and the other records have been asked.
    async fn without_others(&self, mut open: Vec<Candidate>) -> Result<Vec<Candidate>, ReadError> {
        if !open.is_empty() {
            open = self.without_other_tags(open).await?;
        }
        if !open.is_empty()
            && let Some(entries) = self.log(None).await
        {
            let agent = self.agent();
            open.retain(|one| audit::of_thing(&entries, &self.thing(one), &agent) != Verdict::NotOurs);
        }
        if !open.is_empty() {
            self.shared.owners.look_elsewhere().await;
            open.retain(|one| self.shared.owners.elsewhere(&self.thing(one)).is_none());
        }
        Ok(open)
    }

    fn thing(&self, candidate: &Candidate) -> Thing {
        match candidate {
            Candidate::Task(task) => Thing::task(&task.id),
            Candidate::Item { id, .. } => {
                Thing::resource(self.creates().map_or("", |creates| creates.kind.as_str()), id)
            }
        }
    }

    /// Tasks whose resource carries the tag of another attempt, or none, are not of a stamped one.
    async fn without_other_tags(&self, open: Vec<Candidate>) -> Result<Vec<Candidate>, ReadError> {
        let list = self.list().filter(|list| self.intent().stamped && (list.tags || list.by_tag));
        let Some((list, request)) = list.and_then(|list| Some((list, list_call(list, self.parameters)?))) else {
            return Ok(open);
        };
        let made = items(self.shared, list, request).await?;
        let kind = self.creates().map(|creates| creates.kind.as_str()).unwrap_or_default();
        let is_made_by = |item: &Value, task: &Task| {
            let listed = task.created.get(kind).and_then(Value::as_array).into_iter().flatten();
            let id = item.get(&list.id_field);
            creator_task(item).as_ref() == Some(&task.id) || listed.into_iter().any(|made| Some(made) == id)
        };
        let is_anothers = |candidate: &Candidate| match candidate {
            Candidate::Task(task) => made.iter().any(|item| {
                is_made_by(item, task) && tags::of_item(item, Some(list), self.intent()) == Verdict::NotOurs
            }),
            Candidate::Item { .. } => false,
        };
        Ok(open.into_iter().filter(|candidate| !is_anothers(candidate)).collect())
    }
}
