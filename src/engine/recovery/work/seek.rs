//! Searches for what one create of the plan made: by task, by audit log, in a list.

use serde_json::Value;

use super::super::trail::{Maker, Sent};
use super::super::{RecoveryEvidence, trail};
use super::copies::{Facts, objections};
use super::former::name_in;
use super::parts::{mentions, merge, stamp_in};
use super::{PlannedCreate, Work};
use crate::api::{Request, TASKS, Task, TaskState};
use crate::catalog::ListCall;
use crate::engine::collection::{creator_task, result_of_item};
use crate::engine::conceal::without_sensitive;
use crate::engine::evidence::likeness::contradicts;
use crate::engine::evidence::tags::{STAMP, STAMP_ATTEMPT, others_stamp, stamp_value, tag};
use crate::engine::names::is_same_name;
use crate::engine::ownership::Claimable;
use crate::engine::pages::{Paging, pages};
use crate::engine::paths::{fill_path, own_path};
use crate::engine::stamps::instance_of;
use crate::id::InstanceId;
use crate::journal::{Evidence, InstanceStatus, Phase, StepResult, id_text};

impl Work<'_> {
    /// Searches for the resource of a create by task, audit log and list, in this order. Returns whether it was found.
    pub(super) async fn seek(&mut self, asked: &PlannedCreate<'_>) -> bool {
        if let Some(status) = self.by_task(asked).await {
            self.put(asked.instance.clone(), RecoveryEvidence::Task, status);
        } else if let Some(status) = self.by_audit_log(asked).await {
            self.put(asked.instance.clone(), RecoveryEvidence::AuditLog, status);
        } else if let Some((trace, status)) = self.by_list(asked).await {
            self.put(asked.instance.clone(), trace, status);
        } else {
            return false;
        }
        self.bound.insert(asked.instance.clone());
        true
    }

    /// By a task whose `data` has the stamp of the step: some kinds show it only there.
    pub(super) async fn by_task(&mut self, asked: &PlannedCreate<'_>) -> Option<InstanceStatus> {
        if self.tasks.is_none() && asked.operation.takes_tags {
            self.tasks = Some(self.read_tasks().await);
        }
        let known = self.tasks.iter().flatten();
        let ours = known.filter(|(instance, task)| {
            instance == asked.instance && self.makers.of(None, Some(&task.id)) != Maker::Another
        });
        let tasks: Vec<Task> = ours.map(|(_, task)| task.clone()).collect();
        let mut status = None;
        for task in tasks {
            self.take_result_of_task(asked, &task, String::new(), &mut status).await;
        }
        status
    }

    /// Reads the tasks of every project and region whose data have the environment's stamp, by instance.
    pub(super) async fn read_tasks(&mut self) -> Vec<(InstanceId, Task)> {
        let mut found = Vec::new();
        for (project, region) in &self.project_regions {
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

    /// By the audit log's entries for this instance, as far as the resources still exist.
    pub(super) async fn by_audit_log(&mut self, asked: &PlannedCreate<'_>) -> Option<InstanceStatus> {
        let name = self.search.secrets.redact(&asked.instance.to_string()).into_owned();
        if !trail::is_held(&name) {
            return None;
        }
        let mut status = None;
        let sent: Vec<Sent> = self.sent.iter().filter(|sent| sent.instance == name).cloned().collect();
        for sent in sent {
            match (&sent.task, &sent.resource) {
                (Some(id), _) => {
                    if let Some(task) = self.task(id).await {
                        self.take_result_of_task(asked, &task, sent.nonce, &mut status).await;
                    }
                }
                (None, Some(id)) => {
                    if let Some(item) = self.by_id(asked, id).await {
                        let result = result_of_item(Some(asked.operation), &asked.call, &without_sensitive(&item));
                        self.take(&mut status, self.succeeded(asked, result, sent.nonce));
                    }
                }
                (None, None) => {}
            }
        }
        status
    }

    /// Adds what was found, unless it is on record.
    fn take(&self, status: &mut Option<InstanceStatus>, found: InstanceStatus) {
        if !self.is_on_record(&found) {
            merge(status, found);
        }
    }

    /// Takes the resource that a task of ours made, if it still exists; a running task is left for the next run.
    pub(super) async fn take_result_of_task(
        &mut self,
        asked: &PlannedCreate<'_>,
        task: &Task,
        nonce: String,
        status: &mut Option<InstanceStatus>,
    ) {
        match task.state {
            TaskState::Finished => {
                let mut result = self.result_of_task(asked, task);
                if let Some(item) = self.object_of(asked, &result).await {
                    result.response = Some(without_sensitive(&item).into());
                    self.take(status, self.succeeded(asked, result, nonce));
                }
            }
            // The instance of another name waits for it.
            TaskState::Pending(_) if self.status.tasks.contains(&task.id) => {}
            TaskState::Pending(_) => {
                let mut accepted = self.succeeded(asked, StepResult::default(), nonce);
                (accepted.result, accepted.made) = (None, Vec::new());
                accepted.phase = Phase::Accepted { tasks: vec![task.id.clone()], recovered: true, status: None };
                accepted.evidence = Some(Evidence::AuditLog);
                accepted.intended_at = task.created_on;
                merge(status, accepted);
            }
            TaskState::Error | TaskState::Other(_) => {}
        }
    }

    /// By the list of the kind: takes a resource that the user has confirmed, or the only one that agrees inside a
    /// recovered resource. Others that agree are noted as candidates in doubt.
    pub(super) async fn by_list(&mut self, asked: &PlannedCreate<'_>) -> Option<(RecoveryEvidence, InstanceStatus)> {
        let creates = asked.operation.creates.as_ref()?;
        let list = creates.resource.as_ref()?.list.as_ref()?;
        let path = fill_path(&list.path, &asked.parameters, "", "")?;
        let items = match pages(self.search.client, &Request::get(&path), &list.items_at, Paging::of(list)).await {
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => {
                self.unread.push((path, error.to_string()));
                return None;
            }
            Ok(elements) => list.resources(elements),
        };
        self.lists += 1;
        let fitting = items.into_iter().filter(|item| self.is_candidate(asked, list, &creates.kind, item));
        let mut alike: Vec<Value> = fitting.collect();
        alike.retain(|item| {
            let whose = self.whose(asked, list, &creates.kind, item);
            let id = item.get(&list.id_field).map(id_text).unwrap_or_default();
            self.of_others.extend(whose.iter().map(|whose| (asked.instance.clone(), id.clone(), whose.clone())));
            whose.is_none()
        });
        let accepted = self.accepted(asked.instance);
        let taken = alike.iter().find(|item| item.get(&list.id_field).map(id_text).as_deref() == accepted);
        if let (Some(item), Some(_)) = (taken, accepted) {
            let result = self.result_of_listed(asked, item).await;
            return Some((RecoveryEvidence::Decision, self.succeeded(asked, result, String::new())));
        }
        let settings = self.search.settings;
        let owner = stamp_value(&settings.plan, &settings.environment, asked.instance);
        let is_stamped = |item: &&Value| tag(item, Some(list), STAMP).as_ref() == Some(&owner);
        let stamped: Vec<&Value> = alike.iter().filter(is_stamped).collect();
        let facts: Vec<Facts> = stamped.iter().map(|item| self.facts_of_listed(list, item)).collect();
        let mut ours = None;
        for (item, _) in stamped.into_iter().zip(objections(&facts)).filter(|(_, objection)| objection.is_none()) {
            let result = self.result_of_listed(asked, item).await;
            let nonce = tag(item, Some(list), STAMP_ATTEMPT).unwrap_or_default();
            merge(&mut ours, self.succeeded(asked, result, nonce));
        }
        if let Some(ours) = ours {
            return Some((RecoveryEvidence::Stamp, ours));
        }
        let renamed: Vec<&Value> = alike.iter().filter(|item| self.has_a_former_name(asked, list, item)).collect();
        if let [item] = renamed[..] {
            let result = self.result_of_listed(asked, item).await;
            return Some((RecoveryEvidence::AuditLog, self.succeeded(asked, result, String::new())));
        }
        if let [item] = &alike[..]
            && let Some(parent) = self.parent_of(asked, &path, item)
        {
            let result = self.result_of_listed(asked, item).await;
            return Some((RecoveryEvidence::Parent(parent), self.succeeded(asked, result, String::new())));
        }
        let ids: Vec<String> = alike.iter().filter_map(|item| item.get(&list.id_field)).map(id_text).collect();
        if !ids.is_empty() {
            self.alike.insert(asked.instance.clone(), (asked.call.clone(), ids));
        }
        None
    }

    /// The result for an item of a list, with the secondary resources of its task.
    async fn result_of_listed(&mut self, asked: &PlannedCreate<'_>, item: &Value) -> StepResult {
        let mut result = result_of_item(Some(asked.operation), &asked.call, &without_sensitive(item));
        let Some(task) = creator_task(item) else { return result };
        let Some(task) = self.task(&task).await.filter(|task| task.state == TaskState::Finished) else { return result };
        let told = self.result_of_task(asked, &task);
        // What one task made for several resources may be another one's.
        if told.ids.len() == 1 && told.id == result.id {
            (result.created, result.touched, result.tasks) = (told.created, told.touched, told.tasks);
        }
        result
    }

    /// Whether the item has the planned name, contradicts no field of the call, and is not owned by any recorded
    /// instance.
    pub(super) fn is_candidate(&self, asked: &PlannedCreate<'_>, list: &ListCall, kind: &str, item: &Value) -> bool {
        let Some(id) = item.get(&list.id_field).map(id_text) else { return false };
        let name = asked.operation.creates.as_ref().and_then(|creates| name_in(creates, &asked.call));
        let field = list.name_field.as_deref().unwrap_or("name");
        let is_named =
            name.is_none_or(|name| item.get(field).is_some_and(|shown| is_same_name(&list.path, field, shown, name)));
        let is_owned = self.status.owned().any(|(_, owned, known)| owned == kind && id_text(known) == id);
        is_named && !is_owned && !contradicts(item, &asked.call, &[])
    }

    /// Whose an item is, when it is certainly another's.
    fn whose(&self, asked: &PlannedCreate<'_>, list: &ListCall, kind: &str, item: &Value) -> Option<String> {
        let settings = self.search.settings;
        let prefix = format!("{}/{}/", settings.plan, settings.environment);
        let stamp = tag(item, Some(list), STAMP).and_then(|stamp| others_stamp(&stamp, &prefix));
        stamp.or_else(|| {
            let id = id_text(item.get(&list.id_field)?);
            let own = own_path(asked.operation, &asked.parameters, &id);
            let record = self.elsewhere.other_record(&Claimable::resource_at(kind, &id, own.as_deref()))?;
            Some(format!("it is on the record of {record}"))
        })
    }

    fn facts_of_listed(&self, list: &ListCall, item: &Value) -> Facts {
        let (id, task) = (item.get(&list.id_field).map(id_text), creator_task(item));
        let nonce = tag(item, Some(list), STAMP_ATTEMPT).unwrap_or_default();
        Facts { nonce, maker: self.makers.of(id.as_deref(), task.as_deref()), task }
    }

    /// Whether the audit log has the create of an item by this environment, for a step that the plan does not have any
    /// more, and an instance with the same key.
    fn has_a_former_name(&self, asked: &PlannedCreate<'_>, list: &ListCall, item: &Value) -> bool {
        let id = item.get(&list.id_field).map(id_text);
        let task = creator_task(item);
        let is_former = |name: &str| {
            instance_of(name).is_some_and(|former| {
                former.key == asked.instance.key && !self.search.plan.steps.contains_key(&former.step)
            })
        };
        self.sent.iter().filter(|sent| is_former(&sent.instance)).any(|sent| {
            let made = sent.resource.as_ref().map(id_text);
            (made.is_some() && made == id) || (task.is_some() && sent.task == task)
        })
    }

    /// The recovered instance whose resource contains both the planned call and the item.
    pub(super) fn parent_of(&self, asked: &PlannedCreate<'_>, path: &str, item: &Value) -> Option<InstanceId> {
        let owned = self.status.owned().filter(|(instance, _, _)| *instance != asked.instance);
        let named = |id: &str| {
            asked.parameters.iter().any(|(_, value)| value == id)
                || asked.call.body.as_ref().is_some_and(|body| mentions(body, id))
        };
        let is_in = |id: &str| path.split('/').any(|part| part == id) || mentions(item, id);
        let parents = owned.filter_map(|(instance, _, id)| Some((instance, id.as_str()?)));
        parents.filter(|(_, id)| named(id) && is_in(id)).map(|(instance, _)| instance.clone()).last()
    }
}
