//! One round of the search for what an attempt did: it reads the API, and [`evidence`](super::evidence) judges.

mod audit_log;
mod barely_older;
mod outcome;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::SignedDuration;
use serde_json::Value;

use super::collection::{creator_task, item_id, items, list_call, named_items, own_path};
use super::context::RunContext;
use super::evidence::audit;
use super::evidence::{AttemptMarks, HELD_BACK, Verdict, likeness, lists, request_ids, tags, tasks};
use super::made::{Before, result_of_tasks};
use super::operation::{self, Parameters, route_of};
use super::ownership::Claimable;
use super::pages::{Paging, pages};
use super::paths::{self, fill_path};
use super::project_region::ProjectRegion;
use super::refresh::{Agreement, agreement};
use super::results::lacks_id;
use super::watch::list_request;
use crate::api::{ReadError, Request, Task, TaskState, is_success};
use crate::catalog::{CLOUD, Creates, ListCall, Operation, root_of};
use crate::journal::{Evidence, Intent, RecordedCall, Unanswered, id_text};
use crate::kind::resource_name;
use outcome::Candidate;

pub use outcome::{LeftBehind, Resolved, Round};

/// Tolerance for clock differences within the API and for rounding: a resource created this shortly before the intent
/// is not certainly older than it.
const BEFORE: SignedDuration = SignedDuration::from_secs(2);
/// The tolerance when the record has no server time, so that clocks of two machines are compared.
const BEFORE_BY_ANOTHER_CLOCK: SignedDuration = SignedDuration::from_mins(10);
/// The list of tasks is read from this long before the earliest time at which the attempt can have made a resource.
const LIST_BEFORE: SignedDuration = SignedDuration::from_secs(60);
/// For this long after a call, a resource with the unique name that the call asked for counts as made by it, even when
/// it shows neither other fields of the call nor the time of its creation.
const ONLY_A_NAME: SignedDuration = SignedDuration::from_mins(30);
/// The same for what has more than the name in common with the call.
const ALIKE: SignedDuration = SignedDuration::from_hours(24);
/// How many resources one request to the audit log asks about.
const LOG_RESOURCES: usize = 20;

/// The search for the work of one attempt.
pub struct AttemptSearch<'a> {
    context: &'a RunContext,
    attempt: &'a Unanswered,
    /// Tasks that were attributed to this attempt and proved to be another's.
    disowned: &'a [String],
    operation: Option<Arc<Operation>>,
    parameters: Parameters,
    /// The audit log cannot be read: no access, or another product than the Cloud API.
    log_is_closed: AtomicBool,
}

impl<'a> AttemptSearch<'a> {
    pub fn new(context: &'a RunContext, attempt: &'a Unanswered, disowned: &'a [String]) -> Self {
        let (operation, parameters) = operation::matched(context.catalog, &attempt.intent.call);
        // The audit log covers the Cloud API only.
        let log_is_closed = AtomicBool::new(root_of(&attempt.intent.call.path) != CLOUD);
        Self { context, attempt, disowned, operation, parameters, log_is_closed }
    }

    /// The route of the call, for [`Gates`](super::gates::Gates).
    pub fn route(&self) -> String {
        route_of(self.operation.as_deref(), self.call())
    }

    pub fn project_region(&self) -> ProjectRegion {
        ProjectRegion::of(&self.parameters)
    }

    fn intent(&self) -> &Intent {
        &self.attempt.intent
    }

    fn call(&self) -> &RecordedCall {
        &self.attempt.intent.call
    }

    fn creates(&self) -> Option<&Creates> {
        self.operation.as_ref().and_then(|operation| operation.creates.as_ref())
    }

    /// The API said that the call was carried out.
    fn is_carried_out(&self) -> bool {
        self.attempt.head.as_ref().is_some_and(|head| is_success(head.status))
    }

    /// Whether the catalogue knows that the call creates no resource: its effect is then the same from any client.
    fn only_changes(&self) -> bool {
        self.operation.as_ref().is_some_and(|operation| operation.creates.is_none())
    }

    fn list(&self) -> Option<&ListCall> {
        self.creates()?.resource.as_ref()?.list.as_ref()
    }

    pub fn may_start_tasks(&self) -> bool {
        self.operation.as_ref().is_none_or(|operation| operation.asynchronous)
    }

    /// Whether later reads may still attribute a candidate (tags and the audit log can be late).
    pub fn may_be_decided_later(&self) -> bool {
        let is_tagged = self.intent().stamped && self.creates().is_none_or(|creates| creates.remark_at.is_none());
        is_tagged || !self.log_is_closed.load(Ordering::Relaxed)
    }

    fn known(&self) -> AttemptMarks<'_> {
        let intent = self.intent();
        let by_ours = || (self.context.client.server_time(self.attempt.at), BEFORE_BY_ANOTHER_CLOCK);
        let (sent, tolerance) = intent.mark.server_time.map_or_else(by_ours, |time| (time, BEFORE));
        AttemptMarks {
            intent,
            parameters: &self.parameters,
            task_types: self.operation.as_ref().map(|operation| operation.task_types.as_slice()).unwrap_or_default(),
            answered_id: self
                .attempt
                .head
                .as_ref()
                .filter(|_| !self.attempt.may_stand_in_the_way())
                .and_then(|head| Some((head.request_id.as_deref()?, is_success(head.status)))),
            traces_taken: self.context.client.takes_traces(),
            since: sent - tolerance,
            until: sent + HELD_BACK + tolerance,
        }
    }

    /// The `User-Agent` that this attempt was sent with.
    fn agent(&self) -> String {
        let intent = self.intent();
        // The `User-Agent` of earlier versions, whose records do not hold it.
        let former = || format!("{} (attempt {})", self.context.settings.user_agent, intent.nonce);
        intent.mark.user_agent.clone().unwrap_or_else(former)
    }

    /// One round of the search. `last`: there will be no further one, so that nothing can be expected to show up
    /// later.
    ///
    /// # Errors
    ///
    /// When the API cannot be read.
    pub async fn look(&self, last: bool) -> Result<Round, ReadError> {
        if let Some(resolved) = self.by_stamp().await? {
            return Ok(Round::Resolved(resolved));
        }
        if let Some(resolved) = self.by_maker().await? {
            return Ok(Round::Resolved(resolved));
        }
        let attempt = self.known();
        let mut open = Vec::new();
        let mut others = Vec::new();
        for task in self.tasks().await? {
            match self.verdict_of_task(&task, &attempt) {
                Verdict::Ours(evidence) => return Ok(Round::Resolved(self.claim_task(&task.id, evidence))),
                Verdict::NotOurs => others.push(task),
                Verdict::CannotTell => open.push(Candidate::Task(task)),
            }
        }
        if open.is_empty() && self.may_start_tasks() && !last {
            return Ok(Round::NoCandidate);
        }
        if let Some(resolved) = self.by_audit_log().await {
            return Ok(Round::Resolved(resolved));
        }
        let mut named = None;
        if open.is_empty() {
            let is_anothers = |task: &str| others.iter().any(|other| other.id == task);
            open = self.candidates(named.insert(self.named_items().await?), is_anothers, &attempt);
        }
        let mut open = self.without_others(open).await?;
        if let Some(resolved) = self.by_own_key(&open).await {
            return Ok(Round::Resolved(resolved));
        }
        if let ([Candidate::Task(task)], true) = (open.as_slice(), self.only_changes())
            && likeness::is_about(&task.data.0, &self.parameters)
        {
            return Ok(Round::Resolved(self.claim_task(&task.id, Evidence::Likeness)));
        }
        if open.is_empty() && last {
            open = self.barely_older(others, named).await?;
        }
        Ok(if open.is_empty() && !self.leaves_no_trace() {
            Round::NoCandidate
        } else {
            Round::Undecided(open.iter().map(|one| self.words(one)).collect())
        })
    }

    /// Whether no answer of the API can show what the call made, so that finding nothing proves nothing.
    fn leaves_no_trace(&self) -> bool {
        let shows_tasks = self.may_start_tasks() && root_of(&self.call().path) == CLOUD;
        let is_listed = self.creates().is_some_and(|creates| {
            let listed = || list_call(self.list()?, &self.parameters).map(|_| ());
            own_path(creates, &self.parameters).is_some() || listed().is_some()
        });
        !self.only_changes() && !shows_tasks && !is_listed
    }

    fn words(&self, candidate: &Candidate) -> String {
        match candidate {
            Candidate::Task(task) => format!("task {}", task.id),
            Candidate::Item { id, .. } => resource_name(self.creates().map(|creates| creates.kind.as_str()), id),
        }
    }

    fn verdict_of_task(&self, task: &Task, attempt: &AttemptMarks<'_>) -> Verdict {
        let by_tags = tags::verdict_of_data(&task.data.0, attempt.intent);
        let verdict = Verdict::of([
            request_ids::verdict_of_task(task, attempt),
            self.or_former_name(by_tags, || task.data.0.to_string()),
            tasks::verdict_of_task(task, attempt),
            likeness::verdict(&task.data.0, attempt, &self.parameters),
        ]);
        match verdict {
            _ if self.disowned.contains(&task.id) => Verdict::NotOurs,
            // It was waited for, and names nothing that it made: there is only its work to look for.
            _ if self.is_missing(&task.id) && self.names_nothing(task) => Verdict::NotOurs,
            // The API knows it again.
            _ if self.is_missing(&task.id) => Verdict::Ours(Evidence::RequestId),
            // The task is another step's, by its answer or by certain evidence.
            _ if self.context.owners.is_ours(&Claimable::task(&task.id), &self.context.journal) => Verdict::NotOurs,
            verdict => verdict,
        }
    }

    fn claim_task(&self, task: &str, evidence: Evidence) -> Resolved {
        match self.context.owners.claim(Claimable::task(task), &self.intent().instance) {
            true => Resolved::Task { attempt: self.intent().attempt, task: task.to_owned(), evidence },
            false => Resolved::Undecided(vec![format!("task {task}")]),
        }
    }

    /// Whether this is a task of the accepted attempt that the API did not know any more.
    fn is_missing(&self, task: &str) -> bool {
        self.attempt.missing.iter().any(|missing| missing == task)
    }

    /// Whether a task of the attempt is finished, and names nothing that the attempt made.
    fn names_nothing(&self, task: &Task) -> bool {
        let is_owned_by_another =
            |kind: &str, id: &Value| self.context.is_owned_by_another(&self.intent().instance, kind, id);
        let before = Before { digest_key: &self.context.digest_key, is_owned_by_another: &is_owned_by_another };
        let operation = self.operation.as_deref();
        task.state == TaskState::Finished
            && self.intent().update.is_none()
            && lacks_id(operation, &result_of_tasks(operation, self.call(), std::slice::from_ref(task), None, &before))
    }

    /// Waits for the task that created the item, as if the call had been answered with it; without a task that the API
    /// knows, takes the item itself.
    fn claim_item(&self, id: &str, mut item: Value, evidence: Evidence) -> Option<Resolved> {
        if let Some(task) = creator_task(&item).filter(|task| !self.is_missing(task)) {
            return Some(self.claim_task(&task, evidence));
        }
        let creates = self.creates()?;
        // A read may show the resource without the id by which it was asked for.
        if let (Some(operation), Some(list)) = (self.operation.as_deref(), self.list())
            && item_id(operation, list, self.call(), &item).is_none()
            && let Some(fields) = item.as_object_mut()
        {
            fields.insert(list.id_field.clone(), creates.id_value(id));
        }
        let kind = &creates.kind;
        Some(match self.context.owners.claim(self.resource(kind, id), &self.intent().instance) {
            true => Resolved::Resource { attempt: self.intent().attempt, item, evidence },
            false => Resolved::Undecided(vec![resource_name(Some(kind), id)]),
        })
    }

    /// The resource with the tag of this very attempt, which is certain evidence.
    async fn by_stamp(&self) -> Result<Option<Resolved>, ReadError> {
        let list = self.list().filter(|list| self.intent().stamped && list.shows_stamps());
        let Some((list, mut request)) = list.and_then(|list| Some((list, list_call(list, &self.parameters)?))) else {
            return Ok(None);
        };
        if list.by_tag {
            let tag = serde_json::json!({ tags::STAMP_ATTEMPT: self.intent().nonce });
            request = request.query("tag_key_value", tag);
        }
        let found = items(self.context, list, request).await?;
        Ok(found.into_iter().find_map(|item| match tags::verdict_of_item(&item, Some(list), self.intent()) {
            Verdict::Ours(evidence) => {
                let id = item.get(&list.id_field).map(id_text)?;
                self.claim_item(&id, item, evidence)
            }
            _ => None,
        }))
    }

    /// The resource that names a task of this attempt as its maker, when that task itself is not to be seen any more.
    async fn by_maker(&self) -> Result<Option<Resolved>, ReadError> {
        let list = self.list().filter(|list| list.creator_task && !self.attempt.missing.is_empty());
        let Some((list, request)) = list.and_then(|list| Some((list, list_call(list, &self.parameters)?))) else {
            return Ok(None);
        };
        let made = items(self.context, list, request).await?.into_iter().find(|item| {
            creator_task(item).is_some_and(|task| self.is_missing(&task))
                && tags::verdict_of_item(item, Some(list), self.intent()) != Verdict::NotOurs
        });
        Ok(made.and_then(|item| self.claim_item(&item.get(&list.id_field).map(id_text)?, item, Evidence::RequestId)))
    }

    /// The candidate whose name (or other key) the API keeps unique, which did not exist when this attempt was sent,
    /// and which agrees with the call. Or the only new candidate, when the API said that the call was carried out.
    /// Neither is evidence of what was made when the call cannot have been carried out any more, or may have been by
    /// another client, who has had time to use the name.
    async fn by_own_key(&self, open: &[Candidate]) -> Option<Resolved> {
        let [Candidate::Item { id, item }] = open else { return None };
        let before = self.intent().mark.before.as_ref()?;
        let agrees = self.agreement(id, item).await?;
        // By the server's clock: that of the machine which made the call may have been another.
        let now = self.context.client.server_time(self.context.now());
        let AttemptMarks { since, until, .. } = self.known();
        let is_in_time = match (lists::made(item), agrees) {
            (Some(made), _) => made <= until,
            (None, Agreement::KeyOnly) => now <= since + ONLY_A_NAME,
            (None, Agreement::Whole) => now <= since + ALIKE,
        };
        if !is_in_time {
            return None;
        }
        if before.is_empty() && self.creates()?.unique {
            self.claim_item(id, item.clone(), Evidence::OwnKey)
        } else if self.is_carried_out() && root_of(&self.call().path) != CLOUD {
            self.claim_item(id, item.clone(), Evidence::OnlyNew)
        } else {
            None
        }
    }

    /// How a resource agrees with what the call asked for; `None` when a field differs, or it cannot be read. Lists
    /// show few fields.
    async fn agreement(&self, id: &str, item: &Value) -> Option<Agreement> {
        let (operation, creates) = (self.operation.as_deref()?, self.creates()?);
        let is_listed = own_path(creates, &self.parameters).is_none();
        let has_more = is_listed && creates.resource.as_ref().is_some_and(|resource| resource.read.is_some());
        let read = if has_more { Some(self.read_by_id(&Value::from(id)).await?) } else { None };
        let (shown, instance) = (read.as_ref().unwrap_or(item), &self.intent().instance);
        self.context.journal.with_status(|status| agreement(status, instance, self.call(), operation, shown))
    }

    /// Tasks of this project and region since the intent.
    async fn tasks(&self) -> Result<Vec<Task>, ReadError> {
        let attempt = self.known();
        if !self.may_start_tasks() && attempt.task_types.is_empty() {
            // The call starts no tasks by its document, and no task type is known of it: any task with this name would
            // seem to be the attempt's.
            return Ok(Vec::new());
        }
        let request = list_request(&self.project_region(), attempt.since - LIST_BEFORE);
        match pages(&self.context.client, &request, "/results", Paging::CLOUD).await {
            Ok(tasks) => Ok(tasks.iter().filter_map(Task::read).collect()),
            // A call that never starts tasks may be made with a key that must not list them.
            Err(ReadError::Refused(_)) if !self.may_start_tasks() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// What exists of a create whose task ended in ERROR, of a kind whose list does not name the maker of each.
    ///
    /// # Errors
    ///
    /// When the list cannot be read.
    pub async fn left_behind(&self) -> Result<LeftBehind, ReadError> {
        let agent = self.agent();
        let entries = self.log(self.log_since().query("user_agents", &agent)).await.unwrap_or_default();
        if let Some(id) = audit::resource(&entries, &agent)
            && self.read_by_id(&id).await.is_some()
        {
            return Ok(LeftBehind::Resource(id));
        }
        let (Some(list), Some(operation)) = (self.list(), self.operation.as_deref()) else {
            return Ok(LeftBehind::Undecided(Vec::new()));
        };
        let named = self.named_items().await?;
        let is_own = |item: &&Value| creator_task(item).is_some_and(|task| self.attempt.failed.contains(&task));
        if let Some(id) = named.iter().find(is_own).and_then(|item| item_id(operation, list, self.call(), item)) {
            return Ok(LeftBehind::Resource(id));
        }
        let open = self.without_others(self.candidates(&named, |_| false, &self.known())).await?;
        if let Some(Resolved::Resource { item, .. }) = self.by_own_key(&open).await
            && let Some(id) = item_id(operation, list, self.call(), &item)
        {
            return Ok(LeftBehind::Resource(id));
        }
        let open = if open.is_empty() { self.barely_older(Vec::new(), Some(named)).await? } else { open };
        Ok(match open.is_empty() {
            true => LeftBehind::Nothing,
            false => LeftBehind::Undecided(open.iter().map(|one| self.words(one)).collect()),
        })
    }

    async fn read_by_id(&self, id: &Value) -> Option<Value> {
        let resource = self.creates()?.resource.as_ref()?;
        let id = id_text(id);
        if let Some(read) = &resource.read {
            let path = fill_path(read, &self.parameters, &resource.parameter, &id)?;
            return self.context.client.read(Request::get(path)).await.ok();
        }
        let list = resource.list.as_ref()?;
        let found = items(self.context, list, list_call(list, &self.parameters)?).await.ok()?;
        found.into_iter().find(|item| item.get(&list.id_field).map(id_text).as_ref() == Some(&id))
    }

    /// The items with the name in the call.
    async fn named_items(&self) -> Result<Vec<Value>, ReadError> {
        let (Some(list), Some(creates)) = (self.list(), self.creates()) else { return Ok(Vec::new()) };
        named_items(self.context, creates, list, self.call(), &self.parameters).await
    }

    /// The items that do not certainly belong to another client. `is_anothers`: whether a task is another client's, whose
    /// resources are excluded.
    fn candidates(
        &self,
        named: &[Value],
        is_anothers: impl Fn(&str) -> bool,
        attempt: &AttemptMarks<'_>,
    ) -> Vec<Candidate> {
        let (Some(list), Some(creates)) = (self.list(), self.creates()) else { return Vec::new() };
        let owned = |claimable: &Claimable| self.context.owners.is_ours(claimable, &self.context.journal);
        let mut open = Vec::new();
        for item in named {
            let id = self.operation.as_deref().and_then(|operation| item_id(operation, list, self.call(), item));
            let Some(id) = id else { continue };
            let task = creator_task(item);
            let task = task.filter(|task| !self.is_missing(task));
            let by_another = task.is_some_and(|task| is_anothers(&task) || owned(&Claimable::task(&task)));
            let by_tags = tags::verdict_of_item(item, Some(list), attempt.intent);
            let by_tags = self.or_former_name(by_tags, || tags::tag(item, Some(list), tags::STAMP).unwrap_or_default());
            let verdict = Verdict::of([
                by_tags,
                lists::verdict_of_item(item, &id, attempt),
                likeness::verdict(item, attempt, &[]),
            ]);
            let id = id_text(&id);
            if verdict != Verdict::NotOurs && !by_another && !owned(&self.resource(&creates.kind, &id)) {
                open.push(Candidate::Item { id, item: item.clone() });
            }
        }
        open
    }

    /// Whether a recovery left the call in doubt, which does not know the attempt.
    fn is_recovered(&self) -> bool {
        self.intent().mark.user_agent.is_none() && !self.intent().stamped
    }

    /// The verdict by a stamp, which `text` has; what carries one of this environment may be what a recovery left in
    /// doubt, made under another name of the step.
    fn or_former_name(&self, verdict: Verdict, text: impl Fn() -> String) -> Verdict {
        let settings = &self.context.settings;
        let is_ours = || text().contains(&format!("{}/{}/", settings.plan, settings.environment));
        match verdict {
            Verdict::NotOurs if self.is_recovered() && is_ours() => Verdict::CannotTell,
            verdict => verdict,
        }
    }

    /// A resource of the kind that the call creates.
    fn resource(&self, kind: &str, id: &str) -> Claimable {
        let path = self.operation.as_deref().and_then(|operation| paths::own_path(operation, &self.parameters, id));
        Claimable::resource_at(kind, id, path.as_deref())
    }
}
