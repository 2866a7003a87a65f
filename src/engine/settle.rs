//! Finding out what a write did whose answer was lost.
//!
//! The same code serves an answer lost during a run and a process killed between sending and hearing. Evidence, best
//! first: a resource that carries this attempt's tag; the audit log, by this attempt's `User-Agent`; tasks started since
//! the intent that belong to nobody else and whose `data` does not contradict the call; for calls without tasks, a
//! resource by name. Silence proves nothing before the settling time is over.

use std::collections::HashSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::call::{STAMP, STAMP_ATTEMPT, place_of, route_of};
use super::results::{self, fill_path, id_text};
use super::shared::Shared;
use super::watch::list_request;
use crate::api::{ReadError, Request, Task, timestamp};
use crate::catalog::{Creates, ListCall, Operation};
use crate::journal::{Intent, RecordedCall};

/// Clocks and rounding: something made this long before the intent may still be ours.
const BEFORE: SignedDuration = SignedDuration::from_secs(2);
/// The list of tasks starts earlier than that, because the server's clock may not be known yet.
const LIST_BEFORE: SignedDuration = SignedDuration::from_secs(90);
/// Pauses between looks; the last one repeats.
const PAUSES: [u64; 5] = [1, 1, 2, 3, 5];
/// A gateway that timed out may still pass the request on: such a silence is believed later.
const SLOW_FACTOR: u32 = 3;
const PAGE: usize = 1000;

/// A write that may have been carried out.
#[derive(Debug, Clone)]
pub struct Doubt {
    pub intent: Intent,
    /// When it left, on our clock.
    pub sent_at: Timestamp,
    /// Why its outcome is unknown.
    pub cause: String,
    /// The silence came after a timeout, not at once.
    pub slow: bool,
}

/// What was found.
#[derive(Debug)]
pub enum Settled {
    /// This task is ours; it is claimed.
    Task(String),
    /// The resource it made; its id is claimed.
    Resource(Value),
    /// The settling time is over, and nothing was found.
    Nothing,
    /// More than one thing it may have made.
    Several(Vec<String>),
    /// The API did not answer the questions.
    CannotTell(ReadError),
}

/// Looks until something is found or the settling time is over.
pub async fn settle(shared: &Shared, doubt: &Doubt) -> Settled {
    let call = &doubt.intent.call;
    let (operation, parameters) = match results::operation_of(shared.catalog, call) {
        Some((operation, parameters)) => (Some(operation), parameters),
        None => (None, Vec::new()),
    };
    let operation = operation.as_deref();
    let route = &route_of(operation, call);
    let search = Search { shared, doubt, operation, parameters: &parameters };
    let patience = shared.settings.settle_time * if doubt.slow { SLOW_FACTOR } else { 1 };
    let deadline = doubt.sent_at + SignedDuration::try_from(patience).unwrap_or(SignedDuration::MAX);
    let mut pauses = PAUSES.into_iter().chain(std::iter::repeat(PAUSES[PAUSES.len() - 1]));
    loop {
        let last = shared.now() >= deadline;
        let found = {
            let _alone = shared.gates.settling(route).await;
            search.look(last).await
        };
        match found {
            Ok(Some(settled)) => return settled,
            Ok(None) if last => return Settled::Nothing,
            Ok(None) => {}
            Err(error) => return Settled::CannotTell(error),
        }
        let left = Duration::try_from(deadline.duration_since(shared.now())).unwrap_or_default();
        let pause = Duration::from_secs(pauses.next().expect("the last pause repeats"));
        shared.clock().sleep(pause.min(left.max(Duration::from_millis(50)))).await;
    }
}

struct Search<'a> {
    shared: &'a Shared,
    doubt: &'a Doubt,
    operation: Option<&'a Operation>,
    parameters: &'a [(String, String)],
}

impl Search<'_> {
    fn call(&self) -> &RecordedCall {
        &self.doubt.intent.call
    }

    fn creates(&self) -> Option<&Creates> {
        self.operation.and_then(|operation| operation.creates.as_ref())
    }

    /// The server's time of the intent.
    fn since(&self) -> Timestamp {
        self.shared.client.server_time(self.doubt.sent_at) - BEFORE
    }

    /// One round of questions. `last`: what is still several now stays several.
    async fn look(&self, last: bool) -> Result<Option<Settled>, ReadError> {
        if let Some(settled) = self.by_stamp().await? {
            return Ok(Some(settled));
        }
        let tasks = self.without_others(self.tasks().await?).await?;
        if tasks.is_empty() && self.may_start_tasks() && !last {
            return Ok(None);
        }
        let certain = tasks.len() == 1 && self.confirms(&tasks[0]);
        if !certain && let Some(settled) = self.by_audit_log().await {
            return Ok(Some(settled));
        }
        match tasks.as_slice() {
            [] if self.may_start_tasks() => Ok(None),
            [] => self.by_name(last).await,
            [task] => Ok(self.claim_task(&task.id)),
            several if self.all_ours(several.len()) => Ok(several.iter().find_map(|task| self.claim_task(&task.id))),
            several if last => {
                Ok(Some(Settled::Several(several.iter().map(|task| format!("task {}", task.id)).collect())))
            }
            _ => Ok(None),
        }
    }

    fn may_start_tasks(&self) -> bool {
        self.operation.is_none_or(|operation| operation.asynchronous)
    }

    fn task_types(&self) -> &[String] {
        self.operation.map(|operation| operation.task_types.as_slice()).unwrap_or_default()
    }

    fn claim_task(&self, task: &str) -> Option<Settled> {
        self.shared.claims.claim(task).then(|| Settled::Task(task.to_owned()))
    }

    /// A resource that carries the tag of this very attempt: no doubt is left.
    async fn by_stamp(&self) -> Result<Option<Settled>, ReadError> {
        if !self.doubt.intent.stamped {
            return Ok(None);
        }
        let Some(list) = self.list().filter(|list| list.tags || list.by_tag) else { return Ok(None) };
        let nonce = &self.doubt.intent.nonce;
        let mut request = match self.list_request(list) {
            Some(request) => request,
            None => return Ok(None),
        };
        if list.by_tag {
            request = request.query("tag_key_value", serde_json::json!({ STAMP_ATTEMPT: nonce }));
        }
        let items = self.items(list, request).await?;
        let ours = items.into_iter().find(|item| tag(item, Some(list), STAMP_ATTEMPT).as_deref() == Some(nonce));
        Ok(ours.and_then(|item| match creator_task(&item) {
            // Certain: a step that took the task by its looks finds out when it ends.
            Some(task) => {
                self.shared.claims.claim(&task);
                Some(Settled::Task(task))
            }
            None => self.claim_item(list, item),
        }))
    }

    /// Of tasks that may be ours those whose resource carries the tag of another attempt are not.
    async fn without_others(&self, tasks: Vec<Task>) -> Result<Vec<Task>, ReadError> {
        let list = self.list().filter(|list| list.creator_task && (list.tags || list.by_tag));
        let request = list.and_then(|list| self.list_request(list));
        let (Some(list), Some(request), true) = (list, request, self.doubt.intent.stamped && !tasks.is_empty()) else {
            return Ok(tasks);
        };
        let items = self.items(list, request).await?;
        let is_others = |task: &Task| {
            items.iter().any(|item| {
                creator_task(item).as_ref() == Some(&task.id)
                    && tag(item, Some(list), STAMP_ATTEMPT).is_some_and(|nonce| nonce != self.doubt.intent.nonce)
            })
        };
        Ok(tasks.into_iter().filter(|task| !is_others(task)).collect())
    }

    /// The task that created it is waited for, as if it had been answered; without one the resource itself is taken.
    fn claim_item(&self, list: &ListCall, item: Value) -> Option<Settled> {
        if let Some(task) = creator_task(&item) {
            return self.claim_task(&task);
        }
        let id = item.get(&list.id_field).map(id_text)?;
        self.shared.claims.claim(&format!("{}:{id}", self.creates()?.kind)).then_some(Settled::Resource(item))
    }

    /// Tasks started since the intent that may be ours.
    async fn tasks(&self) -> Result<Vec<Task>, ReadError> {
        if !self.may_start_tasks() && self.task_types().is_empty() {
            // Nothing would tell its task from any other: what has the same name may be another step's.
            return Ok(Vec::new());
        }
        let place = place_of(self.parameters);
        let from = self.shared.client.server_time(self.doubt.sent_at) - LIST_BEFORE;
        let mut found: Vec<Task> = Vec::new();
        for page in 0.. {
            let request = list_request(&place, from).query("limit", PAGE).query("offset", page * PAGE);
            let answer = match self.shared.client.read(request).await {
                Ok(answer) => answer,
                // A call that never starts tasks need not be allowed to list them.
                Err(ReadError::Refused(_)) if !self.may_start_tasks() => return Ok(Vec::new()),
                Err(error) => return Err(error),
            };
            let results = answer.get("results").and_then(Value::as_array).cloned().unwrap_or_default();
            found.extend(results.iter().filter_map(Task::read));
            let count = answer.get("count").and_then(Value::as_u64).unwrap_or(0);
            if results.is_empty() || ((page + 1) * PAGE) as u64 >= count {
                break;
            }
        }
        found.retain(|task| self.may_be_ours(task));
        Ok(found)
    }

    fn may_be_ours(&self, task: &Task) -> bool {
        let types = self.task_types();
        let fitting = match &task.task_type {
            Some(task_type) if !types.is_empty() => types.contains(task_type),
            // Nothing but the task's own words can tell.
            _ => self.confirms(task),
        };
        fitting
            && task.created_on.is_none_or(|created| created >= self.since())
            && !self.shared.claims.is_taken(&task.id)
            && !self.shared.journal.with_status(|status| status.tasks.contains(&task.id))
            && !contradicts(&task.data.0, self.call(), self.parameters)
    }

    /// The task says by itself that it is this call's: the same name, or the same ids.
    fn confirms(&self, task: &Task) -> bool {
        let name = self.call().body.as_ref().and_then(|body| body.get("name"));
        name.is_some() && task.data.0.get("name") == name
    }

    /// As many of our own calls like this one are in doubt as tasks were found: whichever is whose, the count is right.
    fn all_ours(&self, tasks: usize) -> bool {
        let like_this = |status: &crate::journal::Status| {
            let in_doubt =
                status.instances.values().filter(|instance| instance.phase == crate::journal::Phase::InDoubt);
            in_doubt
                .filter(|instance| instance.intent.as_ref().is_some_and(|intent| intent.call == *self.call()))
                .count()
        };
        tasks <= self.shared.journal.with_status(like_this)
    }

    /// The audit log knows every attempt by its `User-Agent`. It may lag, or be closed to this key: its silence, and its
    /// refusal, prove nothing.
    async fn by_audit_log(&self) -> Option<Settled> {
        let agent = format!("{} (attempt {})", self.shared.settings.user_agent, self.doubt.intent.nonce);
        let from = self.since().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let request = Request::get("/cloud/v1/user_actions")
            .query("user_agents", &agent)
            .query("from_timestamp", from)
            .query("limit", 100);
        let answer = self.shared.client.send(request).await.ok().filter(crate::api::Answer::is_success)?;
        let value = crate::api::json_of(&answer)?;
        let entries = value.get("results")?.as_array()?;
        let ours = entries.iter().find(|entry| entry.get("user_agent").and_then(Value::as_str) == Some(&agent))?;
        if let Some(task) = ours.get("task_id").and_then(Value::as_str).filter(|task| !task.is_empty()) {
            return self.claim_task(task);
        }
        let id = ours.pointer("/resources/0/resource_id").filter(|id| !id.is_null())?;
        let creates = self.creates()?;
        let item = self.read_by_id(creates, id).await?;
        self.shared.claims.claim(&format!("{}:{}", creates.kind, id_text(id))).then_some(Settled::Resource(item))
    }

    async fn read_by_id(&self, creates: &Creates, id: &Value) -> Option<Value> {
        let resource = creates.resource.as_ref()?;
        let path = fill_path(resource.read.as_ref()?, self.parameters, &resource.parameter, &id_text(id))?;
        self.shared.client.read(Request::get(path)).await.ok()
    }

    /// For calls that start no tasks: a resource of that name, made since the intent, that nobody claims.
    async fn by_name(&self, last: bool) -> Result<Option<Settled>, ReadError> {
        let Some(list) = self.list() else { return Ok(None) };
        let Some(creates) = self.creates() else { return Ok(None) };
        let items = named_items(self.shared, creates, list, self.call(), self.parameters).await?;
        let fitting: Vec<Value> = items.into_iter().filter(|item| self.item_may_be_ours(list, creates, item)).collect();
        match fitting.len() {
            0 => Ok(None),
            1 => Ok(fitting.into_iter().next().and_then(|item| self.claim_item(list, item))),
            _ if last => {
                let names = fitting
                    .iter()
                    .filter_map(|item| item.get(&list.id_field))
                    .map(|id| format!("{} {}", creates.kind, id_text(id)));
                Ok(Some(Settled::Several(names.collect())))
            }
            _ => Ok(None),
        }
    }

    fn item_may_be_ours(&self, list: &ListCall, creates: &Creates, item: &Value) -> bool {
        let made = ["created_at", "created_on", "created"]
            .iter()
            .find_map(|field| item.get(*field)?.as_str())
            .and_then(timestamp);
        let Some(id) = item.get(&list.id_field) else { return false };
        made.is_none_or(|made| made >= self.since())
            && !self.shared.claims.is_taken(&format!("{}:{}", creates.kind, id_text(id)))
            && !self.shared.journal.with_status(|status| status.claims(id))
            && !contradicts(item, self.call(), &[])
    }

    fn list(&self) -> Option<&ListCall> {
        self.creates()?.resource.as_ref()?.list.as_ref()
    }

    fn list_request(&self, list: &ListCall) -> Option<Request> {
        list_call(list, self.parameters)
    }

    async fn items(&self, list: &ListCall, request: Request) -> Result<Vec<Value>, ReadError> {
        items(self.shared, list, request).await
    }
}

/// The task that created a listed resource.
fn creator_task(item: &Value) -> Option<String> {
    item.get("creator_task_id").and_then(Value::as_str).filter(|task| !task.is_empty()).map(str::to_owned)
}

fn list_call(list: &ListCall, parameters: &[(String, String)]) -> Option<Request> {
    let request = Request::get(fill_path(&list.path, parameters, "", "")?);
    Some(if list.paged { request.query("limit", PAGE) } else { request })
}

/// All items of a list, page by page.
async fn items(shared: &Shared, list: &ListCall, request: Request) -> Result<Vec<Value>, ReadError> {
    let mut found: Vec<Value> = Vec::new();
    loop {
        let page = if list.paged { request.clone().query("offset", found.len()) } else { request.clone() };
        let answer = match shared.client.read(page).await {
            Ok(answer) => answer,
            // The parent is gone, and with it whatever was in it.
            Err(error) if error.is_not_found() => return Ok(found),
            Err(error) => return Err(error),
        };
        let results = answer.pointer(&list.items_at).or(answer.as_array().map(|_| &answer)).and_then(Value::as_array);
        let results = results.cloned().unwrap_or_default();
        let count = answer.get("count").and_then(Value::as_u64).unwrap_or(0);
        let empty = results.is_empty();
        found.extend(results);
        if empty || !list.paged || found.len() as u64 >= count {
            return Ok(found);
        }
    }
}

/// What exists under the name a create asks for.
///
/// # Errors
///
/// When the list cannot be read.
pub async fn named_items(
    shared: &Shared,
    creates: &Creates,
    list: &ListCall,
    call: &RecordedCall,
    parameters: &[(String, String)],
) -> Result<Vec<Value>, ReadError> {
    let pointer = creates.name_at.as_deref().unwrap_or("/name");
    let name = call.body.as_ref().and_then(|body| body.pointer(pointer)).cloned();
    let Some(mut request) = list_call(list, parameters) else { return Ok(Vec::new()) };
    if let (Some(parameter), Some(Value::String(name))) = (&list.name_parameter, &name) {
        request = request.query(parameter, name);
    }
    let found = items(shared, list, request).await?;
    let Some(name) = name else { return Ok(found) };
    let field = list.name_field.as_deref().unwrap_or("name");
    Ok(found.into_iter().filter(|item| item.get(field) == Some(&name)).collect())
}

/// The resource that a task made, found by its `creator_task_id`; `None` when there is none, or it cannot be told.
pub async fn item_of_task(
    shared: &Shared,
    operation: &Operation,
    parameters: &[(String, String)],
    task: &str,
) -> Option<Value> {
    let list = operation.creates.as_ref()?.resource.as_ref()?.list.as_ref().filter(|list| list.creator_task)?;
    let found = items(shared, list, list_call(list, parameters)?).await.ok()?;
    found.into_iter().find(|item| item.get("creator_task_id").and_then(Value::as_str) == Some(task))
}

/// A resource under the name a create asks for: for `on_conflict: adopt`. Also tells whether it carries our own stamp.
///
/// # Errors
///
/// In words: why there is not exactly one.
pub async fn adoptable(
    shared: &Shared,
    operation: &Operation,
    call: &RecordedCall,
    parameters: &[(String, String)],
    owner: &str,
) -> Result<(Value, bool), String> {
    let creates = operation.creates.as_ref().ok_or("the call creates nothing that could be found by name")?;
    let list = creates.resource.as_ref().and_then(|resource| resource.list.as_ref());
    let list = list.ok_or("the API has no list to find it in")?;
    let found = named_items(shared, creates, list, call, parameters).await.map_err(|error| error.to_string())?;
    let ids: HashSet<String> = found.iter().filter_map(|item| item.get(&list.id_field)).map(id_text).collect();
    match (found.into_iter().next(), ids.len()) {
        (Some(item), 1) => {
            let ours = tag(&item, Some(list), STAMP).as_deref() == Some(owner);
            Ok((item, ours))
        }
        (_, 0) => Err("nothing of that name was found".to_owned()),
        (_, several) => Err(format!("{several} resources have that name")),
    }
}

/// The value of a tag of a listed resource, in any of the forms the API shows tags.
pub fn tag(item: &Value, list: Option<&ListCall>, key: &str) -> Option<String> {
    let own = list.and_then(|list| list.tags_field.as_deref());
    let fields = own.into_iter().chain(["tags", "tags_v2", "metadata_detailed", "metadata"]);
    for tags in fields.filter_map(|field| item.get(field)) {
        let value = match tags {
            Value::Object(tags) => tags.get(key).and_then(Value::as_str),
            Value::Array(tags) => tags
                .iter()
                .find(|tag| tag.get("key").and_then(Value::as_str) == Some(key))
                .and_then(|tag| tag.get("value")?.as_str()),
            _ => None,
        };
        if let Some(value) = value {
            return Some(value.to_owned());
        }
    }
    None
}

/// Names under which a task's `data`, or a resource, holds what the request calls otherwise.
const ALIASES: [(&str, &str); 4] = [
    ("flavor", "flavor_name"),
    ("ssh_key_name", "keypair_name"),
    ("instance_id", "instance_uuid"),
    ("type_name", "volume_type"),
];

/// Some field that both have says something else. Neither is a copy of the other: only what both have decides.
fn contradicts(theirs: &Value, call: &RecordedCall, parameters: &[(String, String)]) -> bool {
    let Some(theirs) = theirs.as_object() else { return false };
    let other = |name: &str| {
        let alias = ALIASES.iter().find(|(ours, _)| *ours == name).map(|(_, theirs)| *theirs);
        theirs.get(name).or_else(|| theirs.get(alias?)).filter(|value| !value.is_null())
    };
    let differs =
        |name: &str, ours: &str| other(name).is_some_and(|theirs| is_scalar(theirs) && id_text(theirs) != ours);
    let sent = call.body.as_ref().and_then(Value::as_object);
    sent.into_iter().flatten().any(|(name, value)| {
        is_scalar(value) && !is_digest(value) && is_telling(name) && differs(name, &id_text(value))
    }) || parameters.iter().any(|(name, value)| differs(name, value))
}

fn is_scalar(value: &Value) -> bool {
    value.is_string() || value.is_number()
}

/// Names and references decide; sizes and types may be shown in another form.
fn is_telling(name: &str) -> bool {
    name == "name"
        || name == "flavor"
        || name.ends_with("_id")
        || name.ends_with("_name")
        || name == "cidr"
        || name == "size"
}

fn is_digest(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with("secret:"))
}

/// The result and the rest of what a found resource says, as if the create had been answered with it.
pub fn result_of_item(operation: Option<&Operation>, call: &RecordedCall, item: &Value) -> crate::journal::StepResult {
    let mut result = results::of_answer(operation, call, 200, item);
    let list = operation.and_then(|operation| operation.creates.as_ref()?.resource.as_ref()?.list.as_ref());
    if let Some(id) = list.and_then(|list| item.get(&list.id_field)).filter(|id| is_scalar(id)) {
        result.id = Some(id.clone());
        result.ids = vec![id.clone()];
        if let Some(kind) = &result.kind {
            result.created.insert(kind.clone(), Value::Array(vec![id.clone()]));
        }
    }
    result
}
