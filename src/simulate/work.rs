//! The work of tasks: started with the changes they will make, applied at their end.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::ok;
use super::call::Call;
use super::options::Durations;
use super::state::CloudState;
use super::store::Uid;
use super::tasks::{Change, Ending, Task, share_until_shown};
use super::{data, view};
use crate::api::Answer;
use crate::catalog::pace_of;

/// The work of a task, once its request was accepted.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// What it creates, the main resource first.
    pub(super) made: Vec<Uid>,
    /// Existing resources that it lists as well.
    pub(super) touched: Vec<Uid>,
    /// Removed resources that it lists as well.
    pub(super) former: Vec<(&'static str, Value)>,
    /// Other resources that it locks while it runs.
    pub(super) locks: Vec<Uid>,
    pub(super) changes: Vec<Change>,
    pub(super) data: Map<String, Value>,
}

impl CloudState {
    /// Starts a task; the answer has its id.
    pub(super) fn start(&mut self, call: &Call<'_>, task_type: &str, work: Work) -> Answer {
        let id = self.draw.uuid();
        // Failing tasks fail early: that of a machine, which takes 30 s, after 6.
        let length = self.length_of(task_type).mul_f64(if self.task_fault.is_some() { 0.2 } else { 1.0 });
        for uid in &work.made {
            if let Some(resource) = self.store.get_mut(*uid) {
                resource.creator_task = Some(id.clone());
            }
        }
        let listed = work.made.iter().chain(&work.touched).filter_map(|uid| self.store.get(*uid));
        let listed = listed.map(|listed| (listed.kind.created_key(), view::id_value(listed)));
        let lists: Vec<_> = work.former.into_iter().chain(listed).collect();
        let data_then = match (task_type, work.made.first()) {
            ("create_vm", Some(machine)) => Some(data::machine_built(self, *machine, work.data.clone())),
            _ => None,
        };
        let mut locks = work.locks;
        locks.extend(&work.made);
        for uid in &locks {
            if let Some(resource) = self.store.get_mut(*uid) {
                resource.lock = Some(id.clone());
            }
        }
        let ending = self.ending(task_type, &work.made);
        self.tasks.add(Task {
            id: id.clone(),
            task_type: task_type.to_owned(),
            project_region: call.project_region(),
            data: Value::Object(work.data),
            request_id: call.request_id.clone(),
            created: self.now,
            shown_from: self.now + length.mul_f64(share_until_shown(task_type)),
            data_then: data_then.map(Value::Object),
            ends: self.now + length,
            ending,
            done: false,
            acknowledged: None,
            lists,
            made: work.made,
            locks,
            changes: work.changes,
        });
        if length.is_zero() {
            self.advance(self.now);
        }
        ok(200, json!({ "tasks": [id] }))
    }

    /// How long a new task of this type takes.
    pub(super) fn length_of(&mut self, task_type: &str) -> Duration {
        let pace = pace_of(task_type);
        // Bystanders' tasks take half the time, so that their later creates find what they need.
        let share = if self.bystander { 0.5 } else { 1.0 };
        let length = match self.options.durations {
            Durations::Documented => self.draw.between(pace.earliest, pace.latest),
            Durations::Scaled(factor) => self.draw.between(pace.earliest, pace.latest).mul_f64(factor.max(0.0)),
            Durations::Fixed(length) => length,
        };
        length.mul_f64(share)
    }

    /// Lists show resources created until this time.
    pub(super) fn listed_until(&self) -> Timestamp {
        self.now.checked_sub(self.options.busy.lists_late).unwrap_or(self.now)
    }

    /// How a new task ends: in ERROR where a fault was injected.
    pub(super) fn ending(&mut self, task_type: &str, made: &[Uid]) -> Ending {
        let Some(fault) = self.task_fault.take() else { return Ending::Finished };
        let main = made.first().and_then(|uid| self.store.get(*uid));
        let text = fault.text.unwrap_or_else(|| match main {
            Some(resource) => format!("{} {} is in error state", resource.kind.label, resource.id),
            None => format!("Task {task_type} failed"),
        });
        Ending::Error { text, leaves: fault.leaves }
    }

    /// Applies the changes of a completed task.
    pub(super) fn carry_out(&mut self, task: &Task) {
        for uid in &task.locks {
            if let Some(resource) = self.store.get_mut(*uid)
                && resource.lock.as_ref() == Some(&task.id)
            {
                resource.lock = None;
                resource.leaving = false;
            }
        }
        match &task.ending {
            Ending::Finished => {
                task.made.iter().for_each(|uid| self.mark_made(*uid));
                task.changes.iter().for_each(|change| self.change(change));
            }
            Ending::Error { leaves: false, .. } if task.made.is_empty() => {
                for change in &task.changes {
                    // A resource whose removal failed still exists, in an error state.
                    if let Change::Remove(uid) = change {
                        self.break_down(*uid);
                    }
                }
            }
            // The newest first, since later resources may use earlier ones.
            Ending::Error { leaves: false, .. } => task.made.iter().rev().for_each(|uid| self.remove(*uid)),
            Ending::Error { leaves: true, .. } => task.made.iter().for_each(|uid| self.break_down(*uid)),
        }
    }

    /// Marks a resource as created.
    pub(super) fn mark_made(&mut self, uid: Uid) {
        let now = self.now;
        if let Some(resource) = self.store.get_mut(uid) {
            let settled = std::mem::take(&mut resource.once_made);
            resource.fields.extend(settled);
            resource.updated = now;
        }
    }

    /// Puts a resource in its error state.
    pub(super) fn break_down(&mut self, uid: Uid) {
        if let Some(resource) = self.store.get_mut(uid) {
            resource.once_made.clear();
            for (field, ..) in resource.kind.status {
                let word = match (resource.kind.name, *field) {
                    ("volumes" | "snapshots" | "file_shares", _) | (_, "vm_state") => "error",
                    _ => "ERROR",
                };
                resource.fields.insert((*field).into(), word.into());
            }
        }
    }

    /// Applies one change of a task.
    pub(super) fn change(&mut self, change: &Change) {
        match change {
            Change::Merge(uid, fields) => {
                let now = self.now;
                if let Some(resource) = self.store.get_mut(*uid) {
                    resource.fields.extend(fields.clone());
                    resource.updated = now;
                }
            }
            Change::Remove(uid) => self.remove(*uid),
            Change::Later(delay, change) => self.later(*delay, change),
            Change::Link(user, used) => self.store.link(*user, *used),
            Change::Unlink(user, used) => self.store.unlink(*user, *used),
        }
    }

    /// Schedules a change after its task, when the simulated cloud has delays.
    pub(super) fn later(&mut self, delay: Duration, change: &Change) {
        let delay = match self.options.durations {
            Durations::Documented => delay,
            Durations::Scaled(factor) => delay.mul_f64(factor.max(0.0)),
            Durations::Fixed(length) => length.min(delay),
        };
        if delay.is_zero() {
            self.change(change);
        } else {
            let due = self.now + delay;
            let place = self.to_come.partition_point(|(other, _)| *other <= due);
            self.to_come.insert(place, (due, change.clone()));
        }
    }

    /// When the next scheduled change happens.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let change = self.to_come.first().map(|(at, _)| *at);
        self.tasks.next_end().into_iter().chain(change).min()
    }
}

pub(super) fn held(uid: Uid, root: Uid) -> Vec<Uid> {
    if uid == root { vec![uid] } else { vec![uid, root] }
}
