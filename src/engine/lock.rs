//! Waiting for a lock of the API: a write was refused because a task holds its parent.
//!
//! The refusal mostly names that task. Otherwise the locked resource is read, which may name its current task; when
//! it does not, the write is retried after a pause.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::context::RunContext;
use super::operation::parameter;
use super::paths::fill_path;
use super::project_region::ProjectRegion;
use super::stop::Stop;
use super::watch::{Awaited, TaskEnd};
use crate::api::{ApiError, LockHolder, Request};
use crate::catalog::Operation;
use crate::clock::millis;
use crate::event::{Delay, Event};
use crate::id::InstanceId;
use crate::journal::{RecordedCall, id_text};
use crate::order::sort_by_key;

/// The first pause when the task is not known; each further one is half as long again.
const PAUSE: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// The most time that one write spends waiting for locks.
const BUDGET: Duration = Duration::from_secs(30 * 60);

/// The write that was refused.
pub struct Refused<'a> {
    pub instance: &'a InstanceId,
    pub operation: Option<&'a Operation>,
    pub call: &'a RecordedCall,
    /// Path parameters by name.
    pub parameters: &'a [(String, String)],
}

/// The waiting of one write so far.
#[derive(Debug, Default)]
pub struct Locks {
    turns: i32,
    waited: Duration,
    /// The task that was waited for last. When the next refusal names it again, waiting for it is pointless.
    last: Option<String>,
}

impl Locks {
    /// Whether the time for waiting is used up.
    pub fn are_spent(&self) -> bool {
        self.waited >= BUDGET
    }

    /// Waits until the lock is released, as far as that can be known.
    ///
    /// # Errors
    ///
    /// [`Stop`] when the run ends before that.
    pub async fn wait(&mut self, context: &RunContext, refused: &Refused<'_>, error: &ApiError) -> Result<(), Stop> {
        let started = context.clock().elapsed();
        let waiting = self.wait_for_it(context, refused, error);
        context.stopped.or_leave(waiting).await?;
        self.waited += context.clock().elapsed().saturating_sub(started);
        Ok(())
    }

    async fn wait_for_it(&mut self, context: &RunContext, refused: &Refused<'_>, error: &ApiError) {
        let holder = match error.lock_holder.clone() {
            Some(holder) => Some(holder),
            None => holder_of(context, refused).await,
        };
        let holder = holder.filter(|holder| self.last.as_ref() != Some(&holder.task));
        let pause = PAUSE.mul_f64(1.5_f64.powi(self.turns.min(8))).min(LONGEST_PAUSE);
        let pause = error.retry_after.map_or(pause, |after| pause.max(Duration::from_secs(after)));
        let pause_ms = if holder.is_some() { 0 } else { millis(pause) };
        let task = holder.as_ref().map(|holder| holder.task.clone());
        let reason = Delay::Locked { task: task.clone() };
        context.events.emit(Event::CallDelayed { instance: refused.instance.clone(), reason, pause_ms });
        self.turns += 1;
        self.last = task;
        let seen = match holder {
            Some(holder) => end_of(context, refused, holder, BUDGET.saturating_sub(self.waited)).await,
            None => false,
        };
        if !seen {
            context.clock().sleep(pause).await;
        }
    }
}

/// Waits for a task to end; `false` when it cannot be polled. The lock is released however the task ends.
async fn end_of(context: &RunContext, refused: &Refused<'_>, holder: LockHolder, budget: Duration) -> bool {
    let awaited = Awaited {
        task: holder.task,
        project_region: ProjectRegion::of(refused.parameters),
        task_type: holder.task_type,
        since: holder.since.map_or_else(|| context.now(), |since| on_our_clock(context, since)),
        first: None,
        every: None,
    };
    let end = tokio::time::timeout(context.clock().real(budget), context.watcher.wait(awaited)).await;
    !matches!(end, Ok(TaskEnd::Refused(_) | TaskEnd::Missing(_)))
}

fn on_our_clock(context: &RunContext, theirs: Timestamp) -> Timestamp {
    let now = context.now();
    now.checked_sub(context.client.server_time(now).duration_since(theirs)).unwrap_or(now)
}

/// The task that is working on the resource, read from the resource itself.
async fn holder_of(context: &RunContext, refused: &Refused<'_>) -> Option<LockHolder> {
    for path in about(context, refused) {
        if let Ok(value) = context.client.read(Request::get(path)).await
            && let Some(task) = value.get("task_id").and_then(Value::as_str).filter(|task| !task.is_empty())
        {
            return Some(LockHolder { task: task.to_owned(), task_type: None, since: None });
        }
    }
    None
}

/// The paths that read the resource which the call is about, the likeliest first.
fn about(context: &RunContext, refused: &Refused<'_>) -> Vec<String> {
    let Some(operation) = refused.operation else { return Vec::new() };
    let mut paths = Vec::new();
    for parameter in &operation.path_parameters {
        let value = self::parameter(refused.parameters, &parameter.name);
        let Some((kind, value)) = parameter.kind.as_deref().zip(value) else { continue };
        paths.extend(readers(context, refused, kind, Some((operation, &parameter.name)), value));
    }
    if let Some(body) = refused.call.body.as_deref().and_then(Value::as_object) {
        for (field, kind) in [
            ("loadbalancer_id", "loadbalancers"),
            ("load_balancer_id", "loadbalancers"),
            ("listener_id", "listeners"),
            ("network_id", "networks"),
            ("subnet_id", "subnets"),
            ("volume_id", "volumes"),
            ("instance_id", "instances"),
        ] {
            if let Some(id) = body.get(field).filter(|id| id.is_string() || id.is_number()) {
                paths.extend(readers(context, refused, kind, None, &id_text(id)));
            }
        }
    }
    paths
}

/// The paths that read one resource of a kind. A kind may have several collections (machines and bare metal servers):
/// the one on the call's own path comes first.
fn readers(
    context: &RunContext,
    refused: &Refused<'_>,
    kind: &str,
    own: Option<(&Operation, &str)>,
    id: &str,
) -> Vec<String> {
    let through = own.and_then(|(operation, parameter)| {
        let path = &operation.route.path;
        let end = path.find(&format!("{{{parameter}}}"))? + parameter.len() + 2;
        Some(without_version(&path[..end]).to_owned())
    });
    let creators = context.catalog.creators_of(kind);
    let mut reads: Vec<(&str, &str)> = creators
        .iter()
        .filter_map(|creator: &Arc<Operation>| creator.creates.as_ref()?.resource.as_ref())
        .filter_map(|resource| Some((resource.read.as_deref()?, resource.parameter.as_str())))
        .collect();
    if let Some(through) = &through
        && reads.iter().any(|(read, _)| without_version(read) == through)
    {
        reads.retain(|(read, _)| without_version(read) == through);
    }
    // Virtual machines are more frequent than bare metal and AI servers.
    sort_by_key(&mut reads, |(read, _)| read.contains("/bminstances/") || read.contains("/ai/"));
    reads.dedup();
    reads.into_iter().filter_map(|(read, parameter)| fill_path(read, refused.parameters, parameter, id)).collect()
}

/// A path without its API version: `/cloud/v1/x` and `/cloud/v2/x` address the same resources.
fn without_version(path: &str) -> &str {
    let rest = path.strip_prefix("/cloud/v").unwrap_or(path);
    rest.find('/').map_or(rest, |at| &rest[at..])
}

#[cfg(test)]
mod tests;
