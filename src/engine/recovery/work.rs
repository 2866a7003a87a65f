//! One instance after another: what is known of it, until nothing more comes of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;

use super::trail::{self, Sent};
use super::{AUDIT_LOG, Recovered, Search, Trace};
use crate::api::{ReadError, Request, Task, TaskState};
use crate::catalog::{ListCall, Operation};
use crate::engine::collection::result_of_item;
use crate::engine::evidence::likeness::{contradicts, is_digest};
use crate::engine::made::{Before, made};
use crate::engine::pages::{Paging, pages};
use crate::engine::preview::{Action, Change, Preview, Reads};
use crate::engine::render::{CallParts, Surroundings, each_value, elements, step_value};
use crate::engine::results::{Parameters, fill_path, id_text, of_tasks, operation_of, read_path, without_sensitive};
use crate::engine::shared::{Settings, Shared};
use crate::engine::stamps::{Spot, instance_of, intent_of, is_findable, stamped};
use crate::id::{InstanceId, StepId};
use crate::journal::{Evidence, InstanceStatus, IntendedUndo, Phase, RecordedCall, Status, StepResult};
use crate::plan::{OnConflict, Selection, Step, Undo};
use crate::template::{Each, value_of};

const TASKS: &str = "/cloud/v1/tasks";
/// What a call in doubt may have made is younger than this: before, there was nothing of ours.
const BEFORE_ALL: i64 = 946_684_800;

pub struct Work<'a> {
    search: &'a Search<'a>,
    spots: Vec<Spot>,
    status: Status,
    found: Vec<(InstanceId, Trace)>,
    /// Of those found: their calls are the plan's.
    bound: HashSet<InstanceId>,
    /// Looked for, by all of its call or by a part.
    sought: HashSet<(InstanceId, bool)>,
    /// Objects behind instances, as far as others refer to them.
    resources: HashMap<InstanceId, Value>,
    /// What has the right name, by the instance that it may belong to.
    alike: BTreeMap<InstanceId, (RecordedCall, Vec<String>)>,
    sent: Vec<Sent>,
    /// Instances whose stamp stands in the data of a task; read when it is first needed.
    tasks: Option<Vec<(InstanceId, Task)>>,
    lists: usize,
    unread: Vec<(String, String)>,
}

/// A create of the plan, rendered.
struct Asked<'c> {
    instance: &'c InstanceId,
    step: &'c Step,
    operation: &'c Operation,
    call: RecordedCall,
    /// All of the call is known.
    whole: bool,
    parameters: Parameters,
}

impl<'a> Work<'a> {
    pub fn new(search: &'a Search<'a>) -> Self {
        Self {
            search,
            spots: super::spots_of(search.plan, search.settings, search.secrets, search.inputs),
            status: search.status.clone(),
            found: Vec::new(),
            bound: HashSet::new(),
            sought: HashSet::new(),
            resources: HashMap::new(),
            alike: BTreeMap::new(),
            sent: Vec::new(),
            tasks: None,
            lists: 0,
            unread: Vec::new(),
        }
    }

    /// Everything in the lists that show tags, also of steps that the plan no longer has.
    pub async fn by_stamps(&mut self) {
        let Search { client, catalog, settings, .. } = *self.search;
        let operations = catalog.operations().filter(|operation| operation.creates.is_some() && is_findable(operation));
        let looked = stamped(client, catalog, operations, &self.spots, &settings.plan, &settings.environment).await;
        self.lists += looked.lists;
        self.unread.extend(looked.unread);
        for stamped in looked.found {
            let is_found = self.found.iter().any(|(instance, _)| *instance == stamped.instance);
            match self.status.instances.get_mut(&stamped.instance) {
                // Two of one step: both are taken down, the younger one counts.
                Some(known) if is_found => add(known, stamped.status),
                Some(known) if known.phase != Phase::Absent || known.may_exist() => {}
                _ => self.put(stamped.instance, Trace::Stamp, stamped.status),
            }
        }
    }

    pub async fn read_audit_log(&mut self) {
        let projects: BTreeSet<i64> = self.spots.iter().map(|(project, _)| *project).collect();
        for project in projects {
            let request = Request::get(AUDIT_LOG).query("project_id", project).query("order_by", "asc");
            match pages(self.search.client, &request, "/results", Paging::CLOUD).await {
                Ok(entries) => {
                    let settings = self.search.settings;
                    self.sent.extend(trail::sent(&entries, &settings.plan, &settings.environment));
                }
                Err(error) => self.unread.push((AUDIT_LOG.to_owned(), error.to_string())),
            }
        }
    }

    fn accepted(&self, instance: &InstanceId) -> Option<&'a str> {
        let name = instance.to_string();
        self.search.accepted.iter().find(|(accepted, _)| *accepted == name).map(|(_, id)| id.as_str())
    }

    fn put(&mut self, instance: InstanceId, trace: Trace, status: InstanceStatus) {
        self.alike.remove(&instance);
        self.status.instances.insert(instance.clone(), status);
        self.found.push((instance, trace));
    }

    fn preview(&self) -> Vec<Change> {
        let Search { plan, settings, secrets, inputs, .. } = *self.search;
        let preview = Preview {
            plan,
            catalog: self.search.catalog,
            settings,
            secrets,
            digest_key: self.status.header.key.as_bytes(),
            inputs,
            status: Some(&self.status),
            replace: &Selection::default(),
            target: &Selection::default(),
            reads: &Reads::default(),
            prune: false,
        };
        preview.changes().0
    }

    /// Looks for every create of the plan whose call is known by now; `partly`: also where only a part of it is. `false`:
    /// nothing has come of it.
    pub async fn round(&mut self, partly: bool) -> bool {
        let mut moved = false;
        let changes = self.preview();
        let known = known_steps(&changes);
        for change in changes {
            let (instance, action) = (change.instance, change.action);
            let is_bound = self.bound.contains(&instance);
            let is_found = !is_bound && self.found.iter().any(|(found, _)| *found == instance);
            let is_sought = action == Action::Call || self.accepted(&instance).is_some();
            if is_bound || !(is_found || is_sought) {
                continue;
            }
            let Some(step) = self.search.plan.steps.get(&instance.step) else { continue };
            let Some((call, whole)) = self.call(step, &instance, change.call, &known, partly).await else { continue };
            let Some((operation, parameters)) = operation_of(self.search.catalog, &call) else { continue };
            if operation.creates.is_none() {
                continue;
            }
            let asked = Asked { instance: &instance, step, operation: &operation, call, whole, parameters };
            if is_found {
                self.bind(&asked).await;
                moved |= self.bound.insert(instance.clone());
            } else if self.sought.insert((instance.clone(), whole)) {
                moved |= self.seek(&asked).await;
            }
        }
        moved || (partly && self.sent_besides(&known).await)
    }

    /// Looks for what the audit log tells of instances that a preview cannot name: how many there are is known only after
    /// something was read.
    async fn sent_besides(&mut self, known: &BTreeSet<StepId>) -> bool {
        let mut moved = false;
        let sent = self.sent.iter().filter_map(|sent| instance_of(&sent.step));
        let unknown: BTreeSet<InstanceId> =
            sent.filter(|instance| !self.status.instances.contains_key(instance)).collect();
        for instance in unknown {
            let Some(step) = self.search.plan.steps.get(&instance.step) else { continue };
            let rendered = self.rendered(step, &instance, known).await;
            let whole = rendered.is_some();
            let Some(call) = rendered.or_else(|| self.bare_call(step)) else { continue };
            let Some((operation, parameters)) = operation_of(self.search.catalog, &call) else { continue };
            let asked = Asked { instance: &instance, step, operation: &operation, call, whole, parameters };
            if operation.creates.is_some()
                && self.sought.insert((instance.clone(), whole))
                && let Some(status) = self.by_audit_log(&asked).await
            {
                self.bound.insert(instance.clone());
                self.put(instance, Trace::AuditLog, status);
                moved = true;
            }
        }
        moved
    }

    /// A call of which only the place is known.
    fn bare_call(&self, step: &Step) -> Option<RecordedCall> {
        let Settings { project_id, region_id, .. } = self.search.settings;
        let places = [("project_id", project_id), ("region_id", region_id)];
        let places: Parameters =
            places.into_iter().filter_map(|(name, id)| Some((name.to_owned(), (*id)?.to_string()))).collect();
        let path = fill_path(&step.operation.as_ref()?.route.path, &places, "", "")?;
        Some(RecordedCall { method: step.call.method, path, query: Vec::new(), headers: Vec::new(), body: None })
    }

    /// The plan's call, and whether all of it is known. What a preview leaves open because it makes no request is read here.
    async fn call(
        &mut self,
        step: &Step,
        instance: &InstanceId,
        call: Option<RecordedCall>,
        known: &BTreeSet<StepId>,
        partly: bool,
    ) -> Option<(RecordedCall, bool)> {
        let call = call?;
        if is_whole(&call) {
            return Some((call, true));
        }
        if let Some(call) = self.rendered(step, instance, known).await {
            return Some((call, true));
        }
        let known = known_part(call);
        (partly && !is_later(&known.path)).then_some((known, false))
    }

    /// The objects behind the steps that a step refers to.
    async fn read_resources(&mut self, step: &Step) {
        let used = |id: &StepId| self.search.plan.steps.get(id).is_some_and(|step| step.resource_used);
        let used: Vec<InstanceId> = self
            .status
            .instances
            .keys()
            .filter(|instance| step.after.contains(&instance.step) && used(&instance.step))
            .filter(|instance| !self.resources.contains_key(*instance))
            .cloned()
            .collect();
        for instance in used {
            let known = &self.status.instances[&instance];
            let Some((intent, result)) = known.intent.as_ref().zip(known.result.as_ref()) else { continue };
            let Some((operation, parameters)) = operation_of(self.search.catalog, &intent.call) else { continue };
            let Some(path) = read_path(&operation, &parameters, result) else { continue };
            if let Some(resource) = self.read(path).await {
                self.resources.insert(instance, resource);
            }
        }
    }

    /// The call, when everything that it builds on is known, or can be read.
    async fn rendered(&mut self, step: &Step, instance: &InstanceId, known: &BTreeSet<StepId>) -> Option<RecordedCall> {
        if !step.after.is_subset(known) {
            return None;
        }
        self.read_resources(step).await;
        let steps = self.values();
        let mut surroundings = self.surroundings(&steps);
        let each = each_of(step, instance, &surroundings);
        surroundings.each = each.as_ref();
        surroundings.render(&CallParts::of_step(step), None).ok().map(|rendered| rendered.recorded)
    }

    /// What was found by its stamp is what the plan's call made: the rest of that call is told by its task.
    async fn bind(&mut self, asked: &Asked<'_>) {
        let Some(mut known) = self.status.instances.get(asked.instance).cloned() else { return };
        let Some(mut result) = known.result.take() else { return };
        if let Some(task) = self.task_of(&result).await {
            let told = self.result_of_task(asked, &task);
            (result.created, result.touched) = (told.created, told.touched);
        }
        let nonce = known.intent.map(|intent| intent.nonce).unwrap_or_default();
        let bound = self.succeeded(asked, result, nonce);
        let others = known.made.len().saturating_sub(1);
        let made = known.made.into_iter().take(others).chain(bound.made).collect();
        self.status.instances.insert(asked.instance.clone(), InstanceStatus { made, phase: known.phase, ..bound });
    }

    async fn seek(&mut self, asked: &Asked<'_>) -> bool {
        if let Some(status) = self.by_task(asked).await {
            self.put(asked.instance.clone(), Trace::Task, status);
        } else if let Some(status) = self.by_audit_log(asked).await {
            self.put(asked.instance.clone(), Trace::AuditLog, status);
        } else if let Some((trace, status)) = self.by_list(asked).await {
            self.put(asked.instance.clone(), trace, status);
        } else {
            return false;
        }
        self.bound.insert(asked.instance.clone());
        true
    }

    /// A task whose data hold the stamp of the step: some kinds show it there, and in no list.
    async fn by_task(&mut self, asked: &Asked<'_>) -> Option<InstanceStatus> {
        if self.tasks.is_none() && asked.operation.takes_tags {
            self.tasks = Some(self.read_tasks().await);
        }
        let known = self.tasks.iter().flatten();
        let tasks: Vec<Task> =
            known.filter(|(instance, _)| instance == asked.instance).map(|(_, task)| task.clone()).collect();
        let mut status = None;
        for task in tasks {
            self.told_by(asked, &task, String::new(), &mut status).await;
        }
        status
    }

    async fn read_tasks(&mut self) -> Vec<(InstanceId, Task)> {
        let mut found = Vec::new();
        for (project, region) in &self.spots {
            let request = Request::get(TASKS).query("project_id", project).query("region_id", region);
            match pages(self.search.client, &request.query("order_by", "asc"), "/results", Paging::CLOUD).await {
                Ok(tasks) => {
                    let settings = self.search.settings;
                    let prefix = format!("{}/{}/", settings.plan, settings.environment);
                    let tasks = tasks.iter().filter_map(Task::read);
                    found.extend(tasks.filter_map(|task| Some((stamp_in(&task.data.0, &prefix)?, task))));
                }
                Err(error) => self.unread.push((TASKS.to_owned(), error.to_string())),
            }
        }
        found
    }

    /// What the log says that our calls for this instance made, as far as it is there.
    async fn by_audit_log(&mut self, asked: &Asked<'_>) -> Option<InstanceStatus> {
        let name = self.search.secrets.redact(&asked.instance.to_string()).into_owned();
        if !trail::is_held(&name) {
            return None;
        }
        let mut status = None;
        let sent: Vec<Sent> = self.sent.iter().filter(|sent| sent.step == name).cloned().collect();
        for sent in sent {
            match (&sent.task, &sent.resource) {
                (Some(id), _) => {
                    if let Some(task) = self.task(id).await {
                        self.told_by(asked, &task, sent.nonce, &mut status).await;
                    }
                }
                (None, Some(id)) => {
                    if let Some(item) = self.by_id(asked, id).await {
                        let result = result_of_item(Some(asked.operation), &asked.call, &without_sensitive(&item));
                        merge(&mut status, self.succeeded(asked, result, sent.nonce));
                    }
                }
                (None, None) => {}
            }
        }
        status
    }

    /// Takes in what a task of ours made, when it is there still; one that runs is waited for by the next run.
    async fn told_by(&mut self, asked: &Asked<'_>, task: &Task, nonce: String, status: &mut Option<InstanceStatus>) {
        match task.state {
            TaskState::Finished => {
                let result = self.result_of_task(asked, task);
                if self.is_there(asked, &result).await {
                    merge(status, self.succeeded(asked, result, nonce));
                }
            }
            TaskState::Pending(_) => {
                let mut accepted = self.succeeded(asked, StepResult::default(), nonce);
                (accepted.result, accepted.agrees, accepted.made) = (None, None, Vec::new());
                accepted.phase = Phase::Accepted { tasks: vec![task.id.clone()], recovered: true, status: None };
                accepted.evidence = Some(Evidence::AuditLog);
                accepted.intended_at = task.created_on;
                merge(status, accepted);
            }
            TaskState::Error | TaskState::Other(_) => {}
        }
    }

    /// What was accepted, or the only thing like it in something of ours. What is like it elsewhere, or not alone, is only remembered.
    async fn by_list(&mut self, asked: &Asked<'_>) -> Option<(Trace, InstanceStatus)> {
        let creates = asked.operation.creates.as_ref()?;
        let list = creates.resource.as_ref()?.list.as_ref()?;
        let path = fill_path(&list.path, &asked.parameters, "", "")?;
        let items = match pages(self.search.client, &Request::get(&path), &list.items_at, Paging::of(list)).await {
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => {
                self.unread.push((path, error.to_string()));
                return None;
            }
            Ok(items) => items,
        };
        self.lists += 1;
        let alike: Vec<Value> =
            items.into_iter().filter(|item| self.may_be(asked, list, &creates.kind, item)).collect();
        let accepted = self.accepted(asked.instance);
        let taken = alike.iter().find(|item| item.get(&list.id_field).map(id_text).as_deref() == accepted);
        if let (Some(item), Some(_)) = (taken, accepted) {
            let result = result_of_item(Some(asked.operation), &asked.call, &without_sensitive(item));
            return Some((Trace::Decision, self.succeeded(asked, result, String::new())));
        }
        if let [item] = &alike[..]
            && let Some(parent) = self.parent_of(asked, &path, item)
        {
            let result = result_of_item(Some(asked.operation), &asked.call, &without_sensitive(item));
            return Some((Trace::Parent(parent), self.succeeded(asked, result, String::new())));
        }
        let ids: Vec<String> = alike.iter().filter_map(|item| item.get(&list.id_field)).map(id_text).collect();
        if !ids.is_empty() {
            self.alike.insert(asked.instance.clone(), (asked.call.clone(), ids));
        }
        None
    }

    /// It has the name that the plan gives it, nothing in it says otherwise, and nobody on record has it.
    fn may_be(&self, asked: &Asked<'_>, list: &ListCall, kind: &str, item: &Value) -> bool {
        let Some(id) = item.get(&list.id_field).map(id_text) else { return false };
        let pointer = asked.operation.creates.as_ref().and_then(|creates| creates.name_at.as_deref());
        let body = asked.call.body.as_ref();
        let name = body.and_then(|body| body.pointer(pointer.unwrap_or("/name"))).filter(|name| !is_digest(name));
        let is_named = name.is_none() || item.get(list.name_field.as_deref().unwrap_or("name")) == name;
        let is_owned = self.status.owned().any(|(_, owned, known)| owned == kind && id_text(known) == id);
        is_named && !is_owned && !contradicts(item, &asked.call, &[])
    }

    /// The instance whose thing both the call and what is there go into.
    fn parent_of(&self, asked: &Asked<'_>, path: &str, item: &Value) -> Option<InstanceId> {
        let things = self.status.owned().filter(|(instance, _, _)| *instance != asked.instance);
        let named = |id: &str| {
            asked.parameters.iter().any(|(_, value)| value == id)
                || asked.call.body.as_ref().is_some_and(|body| mentions(body, id))
        };
        let is_in = |id: &str| path.split('/').any(|part| part == id) || mentions(item, id);
        let parents = things.filter_map(|(instance, _, id)| Some((instance, id.as_str()?)));
        parents.filter(|(_, id)| named(id) && is_in(id)).map(|(instance, _)| instance.clone()).last()
    }

    fn succeeded(&self, asked: &Asked<'_>, mut result: StepResult, nonce: String) -> InstanceStatus {
        if asked.step.secret {
            result.response = None;
        }
        let undo = self.undo(asked.step, asked.instance, &result);
        let made = made(self.search.catalog, &asked.call, &result, &undo);
        let after: Vec<StepId> = asked.step.after.iter().cloned().collect();
        let mut intent = intent_of(asked.instance, asked.call.clone(), nonce);
        (intent.after, intent.undo, intent.secret) = (after.clone(), undo, asked.step.secret);
        InstanceStatus {
            phase: Phase::Succeeded,
            attempts: 1,
            intent: Some(Box::new(intent)),
            result: Some(result),
            // What is known in part only, the next run compares with itself.
            agrees: asked.whole.then(|| asked.call.clone()),
            made: vec![made],
            after,
            ..InstanceStatus::default()
        }
    }

    /// The undo of a step's result, as the plan says it.
    fn undo(&self, step: &Step, instance: &InstanceId, result: &StepResult) -> IntendedUndo {
        let template = match &step.undo {
            Undo::Default => return IntendedUndo::Default,
            Undo::Keep => return IntendedUndo::Keep,
            Undo::Call(template) => template,
        };
        let steps = self.values();
        let mut surroundings = self.surroundings(&steps);
        let each = each_of(step, instance, &surroundings);
        surroundings.each = each.as_ref();
        let parts = CallParts { headers: None, ..CallParts::of_template(template, step) };
        match surroundings.render(&parts, Some(&value_of(&step_value(result, None)))) {
            Ok(rendered) if Shared::request(&rendered.recorded) == rendered.request => {
                IntendedUndo::Call(rendered.recorded)
            }
            _ => IntendedUndo::Default,
        }
    }

    fn surroundings<'s>(&'s self, steps: &'s BTreeMap<StepId, minijinja::Value>) -> Surroundings<'s> {
        Surroundings {
            settings: self.search.settings,
            secrets: self.search.secrets,
            digest_key: self.status.header.key.as_bytes(),
            folder: &self.search.plan.folder,
            inputs: self.search.inputs,
            steps,
            each: None,
        }
    }

    /// `steps` of what is known.
    fn values(&self) -> BTreeMap<StepId, minijinja::Value> {
        let mut by_step: BTreeMap<StepId, Vec<(String, Value)>> = BTreeMap::new();
        for (instance, known) in &self.status.instances {
            if let Some(result) = &known.result {
                let key = instance.key.clone().unwrap_or_default();
                by_step
                    .entry(instance.step.clone())
                    .or_default()
                    .push((key, step_value(result, self.resources.get(instance))));
            }
        }
        let is_each = |step: &StepId| self.search.plan.steps.get(step).is_some_and(|step| step.for_each.is_some());
        let value = |(step, values): (StepId, Vec<(String, Value)>)| {
            let value = if is_each(&step) { each_value(&values) } else { value_of(&values[0].1) };
            (step, value)
        };
        by_step.into_iter().map(value).collect()
    }

    fn result_of_task(&self, asked: &Asked<'_>, task: &Task) -> StepResult {
        let is_anothers = |kind: &str, id: &Value| self.status.owner_besides(asked.instance, kind, id).is_some();
        let before = Before { digest_key: self.status.header.key.as_bytes(), is_anothers: &is_anothers };
        of_tasks(Some(asked.operation), &asked.call, std::slice::from_ref(task), None, &before)
    }

    /// The task that made something, as that says.
    async fn task_of(&mut self, result: &StepResult) -> Option<Task> {
        let id = result.tasks.first().cloned()?;
        self.task(&id).await.filter(|task| task.state == TaskState::Finished)
    }

    async fn task(&mut self, id: &str) -> Option<Task> {
        self.read(format!("{TASKS}/{id}")).await.as_ref().and_then(Task::read)
    }

    async fn is_there(&mut self, asked: &Asked<'_>, result: &StepResult) -> bool {
        match (read_path(asked.operation, &asked.parameters, result), &result.id) {
            (Some(path), _) => self.read(path).await.is_some(),
            (None, Some(id)) => self.listed(asked, id).await.is_some(),
            (None, None) => false,
        }
    }

    async fn by_id(&mut self, asked: &Asked<'_>, id: &Value) -> Option<Value> {
        let resource = asked.operation.creates.as_ref()?.resource.as_ref()?;
        match resource.read.as_ref().filter(|_| !resource.by_name) {
            Some(read) => self.read(fill_path(read, &asked.parameters, &resource.parameter, &id_text(id))?).await,
            None => self.listed(asked, id).await,
        }
    }

    async fn listed(&mut self, asked: &Asked<'_>, id: &Value) -> Option<Value> {
        let list = asked.operation.creates.as_ref()?.resource.as_ref()?.list.as_ref()?;
        let path = fill_path(&list.path, &asked.parameters, "", "")?;
        let read = pages(self.search.client, &Request::get(&path), &list.items_at, Paging::of(list)).await;
        let items = self.noted(path, read)?;
        items.into_iter().find(|item| item.get(&list.id_field).map(id_text) == Some(id_text(id)))
    }

    /// An object; `None` when it is not there, or cannot be read, which is noted.
    async fn read(&mut self, path: String) -> Option<Value> {
        let read = self.search.client.read(Request::get(&path)).await;
        self.noted(path, read)
    }

    fn noted<T>(&mut self, path: String, read: Result<T, ReadError>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) if error.is_not_found() => None,
            Err(error) => {
                self.unread.push((path, error.to_string()));
                None
            }
        }
    }

    /// What is left: creates of which nothing is known, and those that only a name speaks for.
    pub fn finish(mut self) -> Recovered {
        self.order_what_the_plan_lost();
        let mut in_doubt = Vec::new();
        for (instance, (call, mut ids)) in std::mem::take(&mut self.alike) {
            let step = self.search.plan.steps.get(&instance.step);
            ids.retain(|id| !self.status.owned().any(|(_, _, known)| id_text(known) == *id));
            // One that may be adopted by its name is left to the run.
            if ids.is_empty() || step.is_some_and(|step| step.on_conflict == OnConflict::Adopt) {
                continue;
            }
            self.status.instances.insert(instance.clone(), doubt(&instance, call, step));
            in_doubt.push((instance, ids));
        }
        let doubted: BTreeSet<&StepId> = in_doubt.iter().map(|(instance, _)| &instance.step).collect();
        let (mut absent, mut not_looked_for) = (Vec::new(), Vec::new());
        for change in self.preview() {
            let Some(step) = self.search.plan.steps.get(&change.instance.step) else { continue };
            let creates = step.operation.as_ref().is_some_and(|operation| operation.creates.is_some());
            let is_some_found = self.found.iter().any(|(instance, _)| instance.step == step.id);
            let is_open = match change.action {
                Action::Call => true,
                Action::Depends { .. } => !is_some_found,
                _ => false,
            };
            if !creates || !is_open {
                continue;
            }
            let on: Vec<StepId> = step.after.iter().filter(|step| doubted.contains(step)).cloned().collect();
            match on.is_empty() {
                true => absent.push(change.instance),
                false => not_looked_for.push((change.instance, on)),
            }
        }
        let is_taken = |name: &str| {
            self.found.iter().any(|(instance, trace)| *trace == Trace::Decision && instance.to_string() == name)
        };
        let refused = self.search.accepted.iter().filter(|(name, _)| !is_taken(name)).cloned().collect();
        self.unread.sort();
        self.unread.dedup();
        let Self { status, found, lists, unread, .. } = self;
        Recovered { status, found, in_doubt, refused, absent, not_looked_for, lists, unread }
    }

    /// What was found and is no call of the plan comes after what it goes with and is older than it.
    fn order_what_the_plan_lost(&mut self) {
        let loose: Vec<InstanceId> = self
            .found
            .iter()
            .map(|(instance, _)| instance.clone())
            .filter(|instance| !self.bound.contains(instance))
            .collect();
        for instance in loose {
            let planned = self.search.plan.steps.get(&instance.step).map(|step| step.after.iter().cloned().collect());
            let after = planned.unwrap_or_else(|| self.older_relatives(&instance));
            let undo = self.search.plan.steps.get(&instance.step).map(|step| {
                let result = self.status.instances[&instance].result.clone().unwrap_or_default();
                self.undo(step, &instance, &result)
            });
            let Some(known) = self.status.instances.get_mut(&instance) else { continue };
            known.after.clone_from(&after);
            if let (Some(intent), Some(result)) = (&mut known.intent, &known.result) {
                intent.after = after;
                intent.call.body = None;
                intent.undo = undo.unwrap_or_default();
                if let Some(last) = known.made.last_mut() {
                    *last = made(self.search.catalog, &intent.call, result, &intent.undo);
                }
            }
        }
    }

    fn older_relatives(&self, instance: &InstanceId) -> Vec<StepId> {
        let seen = |instance: &InstanceId| -> Option<(&Value, &Value, String)> {
            let result = self.status.instances.get(instance)?.result.as_ref()?;
            let item = result.response.as_ref()?;
            Some((item, result.id.as_ref()?, item.get("created_at").map(id_text).unwrap_or_default()))
        };
        let Some((item, id, made_at)) = seen(instance) else { return Vec::new() };
        let is_older = |other: &InstanceId| {
            seen(other).is_some_and(|(their_item, their_id, their_time)| {
                let related = mentions(item, &id_text(their_id)) || mentions(their_item, &id_text(id));
                related && their_time < made_at
            })
        };
        let others = self.found.iter().map(|(other, _)| other).filter(|other| *other != instance);
        let steps: BTreeSet<StepId> = others.filter(|other| is_older(other)).map(|other| other.step.clone()).collect();
        steps.into_iter().collect()
    }
}

/// Steps of whose every instance the results are on record.
fn known_steps(changes: &[Change]) -> BTreeSet<StepId> {
    let is_known = |change: &&Change| matches!(change.action, Action::Keep | Action::Change { .. } | Action::Skip);
    let open: BTreeSet<&StepId> =
        changes.iter().filter(|change| !is_known(change)).map(|change| &change.instance.step).collect();
    let all = changes.iter().map(|change| &change.instance.step);
    all.filter(|step| !open.contains(step)).cloned().collect()
}

/// The element of a `for_each` that an instance stands for.
fn each_of(step: &Step, instance: &InstanceId, surroundings: &Surroundings<'_>) -> Option<Each> {
    let all = elements(step.for_each.as_ref()?, &surroundings.scope()).ok()?;
    all.into_iter().find(|each| Some(&each.key) == instance.key.as_ref())
}

fn is_later(text: &str) -> bool {
    text.contains("(known after ")
}

/// Everything in the call is known.
fn is_whole(call: &RecordedCall) -> bool {
    let pairs = call.query.iter().chain(&call.headers).map(|(_, value)| value.as_str());
    let body = call.body.as_ref().map(Value::to_string).unwrap_or_default();
    !std::iter::once(call.path.as_str()).chain(pairs).chain([body.as_str()]).any(is_later)
}

/// The call without what is not known.
fn known_part(call: RecordedCall) -> RecordedCall {
    fn known(value: &Value) -> Option<Value> {
        match value {
            Value::Object(fields) => {
                Some(fields.iter().filter_map(|(name, field)| Some((name.clone(), known(field)?))).collect())
            }
            Value::Array(items) => Some(items.iter().filter_map(known).collect()),
            Value::String(text) if is_later(text) => None,
            other => Some(other.clone()),
        }
    }
    let pairs = |pairs: Vec<(String, String)>| pairs.into_iter().filter(|(_, text)| !is_later(text)).collect();
    RecordedCall {
        query: pairs(call.query),
        headers: pairs(call.headers),
        body: call.body.as_ref().and_then(known),
        ..call
    }
}

/// One more thing that an instance made: the younger one is its result.
fn merge(status: &mut Option<InstanceStatus>, next: InstanceStatus) {
    match status {
        None => *status = Some(next),
        Some(known) => add(known, next),
    }
}

fn add(known: &mut InstanceStatus, next: InstanceStatus) {
    let made = known.made.drain(..).chain(next.made).collect();
    *known = InstanceStatus { made, ..next };
}

/// A create that may have been carried out: nothing is made before somebody decides.
fn doubt(instance: &InstanceId, call: RecordedCall, step: Option<&Step>) -> InstanceStatus {
    let mut intent = intent_of(instance, call, uuid::Uuid::new_v4().simple().to_string());
    intent.stamped = false;
    if let Some(step) = step {
        intent.after = step.after.iter().cloned().collect();
        intent.secret = step.secret;
        intent.undo = if matches!(step.undo, Undo::Keep) { IntendedUndo::Keep } else { IntendedUndo::Default };
    }
    InstanceStatus {
        phase: Phase::InDoubt,
        attempts: 1,
        after: intent.after.clone(),
        intended_at: Timestamp::from_second(BEFORE_ALL).ok(),
        intent: Some(Box::new(intent)),
        ..InstanceStatus::default()
    }
}

/// The instance whose stamp stands somewhere in a task's data, in any of the forms there are (`observed.md` §9).
fn stamp_in(data: &Value, prefix: &str) -> Option<InstanceId> {
    match data {
        Value::Object(fields) => fields.values().find_map(|field| stamp_in(field, prefix)),
        Value::Array(items) => items.iter().find_map(|item| stamp_in(item, prefix)),
        Value::String(text) => {
            let stamp = text.strip_prefix("plan=").unwrap_or(text);
            instance_of(stamp.strip_prefix(prefix)?)
        }
        _ => None,
    }
}

fn mentions(value: &Value, id: &str) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(|field| mentions(field, id)),
        Value::Array(items) => items.iter().any(|item| mentions(item, id)),
        Value::String(text) => text == id,
        _ => false,
    }
}
