//! Reads of the search; paths that cannot be read are collected.

use serde_json::Value;

use super::{PlannedCreate, Work};
use crate::api::{ReadError, Request, TASKS, Task, TaskState};
use crate::catalog::Operation;
use crate::catalog::update::shown_at;
use crate::engine::made::Before;
use crate::engine::made::result_of_tasks;
use crate::engine::pages::{Paging, pages};
use crate::engine::paths::{fill_path, read_path};
use crate::id::InstanceId;
use crate::journal::{RecordedCall, StepResult, id_text};

impl Work<'_> {
    pub(super) fn result_of_task(&self, asked: &PlannedCreate<'_>, task: &Task) -> StepResult {
        self.result_of_recorded_task(asked.instance, asked.operation, &asked.call, task)
    }

    pub(super) fn result_of_recorded_task(
        &self,
        instance: &InstanceId,
        operation: &Operation,
        call: &RecordedCall,
        task: &Task,
    ) -> StepResult {
        let is_owned_by_another = |kind: &str, id: &Value| self.status.other_owner(instance, kind, id).is_some();
        let before =
            Before { digest_key: self.status.header.key.as_bytes(), is_owned_by_another: &is_owned_by_another };
        result_of_tasks(Some(operation), call, std::slice::from_ref(task), None, &before)
    }

    /// The task that made a resource, as the resource names it.
    pub(super) async fn task_of(&mut self, result: &StepResult) -> Option<Task> {
        let id = result.tasks.first().cloned()?;
        self.task(&id).await.filter(|task| task.state == TaskState::Finished)
    }

    /// Reads a task; `None` when it does not exist or cannot be read, which is noted.
    pub(super) async fn task(&mut self, id: &str) -> Option<Task> {
        self.read(format!("{TASKS}/{id}")).await.as_ref().and_then(Task::read)
    }

    /// The resource of a result, if it still exists.
    pub(super) async fn object_of(&mut self, asked: &PlannedCreate<'_>, result: &StepResult) -> Option<Value> {
        match read_path(asked.operation, &asked.parameters, result) {
            Some(path) => self.read_shown(asked, path).await,
            None => self.listed(asked, result.id.as_deref()?).await,
        }
    }

    async fn read_shown(&mut self, asked: &PlannedCreate<'_>, path: String) -> Option<Value> {
        let object = self.read(path).await?;
        let below = shown_at(asked.operation).and_then(|pointer| object.pointer(pointer).cloned());
        Some(below.unwrap_or(object))
    }

    /// Reads the resource with this id; `None` when it does not exist or cannot be read, which is noted.
    pub(super) async fn by_id(&mut self, asked: &PlannedCreate<'_>, id: &Value) -> Option<Value> {
        let resource = asked.operation.creates.as_ref()?.resource.as_ref()?;
        match resource.read.as_ref().filter(|_| !resource.by_name) {
            Some(read) => {
                let path = fill_path(read, &asked.parameters, &resource.parameter, &id_text(id))?;
                self.read_shown(asked, path).await
            }
            None => self.listed(asked, id).await,
        }
    }

    /// The item with this id in the list of its kind; `None` also when the list cannot be read, which is noted.
    pub(super) async fn listed(&mut self, asked: &PlannedCreate<'_>, id: &Value) -> Option<Value> {
        let list = asked.operation.creates.as_ref()?.resource.as_ref()?.list.as_ref()?;
        let path = fill_path(&list.path, &asked.parameters, "", "")?;
        let read = pages(self.search.client, &Request::get(&path), &list.items_at, Paging::of(list)).await;
        let items = list.resources(self.noted(path, read)?);
        items.into_iter().find(|item| item.get(&list.id_field).map(id_text) == Some(id_text(id)))
    }

    /// Reads a resource; `None` when it does not exist or cannot be read, which is noted.
    pub(super) async fn read(&mut self, path: String) -> Option<Value> {
        let read = self.search.client.read(Request::get(&path)).await;
        self.noted(path, read)
    }

    /// The value that was read; a failure other than "not found" is noted.
    pub(super) fn noted<T>(&mut self, path: String, read: Result<T, ReadError>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) if error.is_not_found() => None,
            Err(error) => {
                self.unread.push((path, error.to_string()));
                None
            }
        }
    }
}
