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
        place: ProjectRegion::of(refused.parameters),
        task_type: holder.task_type,
        since: holder.since.map_or_else(|| context.now(), |since| by_our_clock(context, since)),
        first: None,
        every: None,
    };
    let end = tokio::time::timeout(context.clock().real(budget), context.watcher.wait(awaited)).await;
    !matches!(end, Ok(TaskEnd::Refused(_) | TaskEnd::Missing(_)))
}

fn by_our_clock(context: &RunContext, theirs: Timestamp) -> Timestamp {
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
    reads.sort_by_key(|(read, _)| read.contains("/bminstances/") || read.contains("/ai/"));
    reads.dedup();
    reads.into_iter().filter_map(|(read, parameter)| fill_path(read, refused.parameters, parameter, id)).collect()
}

/// A path without its API version: `/cloud/v1/x` and `/cloud/v2/x` address the same resources.
fn without_version(path: &str) -> &str {
    let rest = path.strip_prefix("/cloud/v").unwrap_or(path);
    rest.find('/').map_or(rest, |at| &rest[at..])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::{Catalog, Method};
    use crate::engine::tests::apart::{Canned, with_answers};
    use crate::engine::tests::harness::{Trial, paused};
    use crate::id::StepId;
    use crate::secret::Secrets;
    use crate::simulate::Options;

    fn locked(holder: Option<&str>, retry_after: Option<u64>) -> ApiError {
        let answer = crate::api::Answer { status: 409, headers: Vec::new(), body: b"{}".to_vec() };
        let holder = holder.map(|task| LockHolder { task: task.to_owned(), task_type: None, since: None });
        ApiError {
            lock_holder: holder,
            retry_after,
            ..ApiError::read("/dns/v2/zones", &answer, 0, &Secrets::default())
        }
    }

    fn refused_call(path: &str, body: Value) -> (Arc<Operation>, RecordedCall, Vec<(String, String)>) {
        let call = RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, path) };
        let (operation, parameters) = Catalog::embedded().matching(call.method, &call.path).unwrap();
        (operation, call, parameters)
    }

    #[test]
    fn the_locked_resource_is_that_of_the_path_and_those_of_the_body() {
        for (path, body, expected) in [
            ("/cloud/v1/volumes/1/7/v1/extend", json!({ "size": 2 }), &["/cloud/v1/volumes/1/7/v1"][..]),
            ("/cloud/v1/bminstances/1/7/m1/rebuild", json!({}), &["/cloud/v1/bminstances/1/7/m1"]),
            ("/cloud/v1/instances/1/7/m1/changeflavor", json!({}), &["/cloud/v1/instances/1/7/m1"]),
            ("/cloud/v1/snapshots/1/7", json!({ "volume_id": "v1" }), &["/cloud/v1/volumes/1/7/v1"]),
            ("/cloud/v1/lbpools/1/7", json!({ "loadbalancer_id": 5 }), &["/cloud/v1/loadbalancers/1/7/5"]),
            ("/cloud/v1/lbpools/1/7", json!({ "loadbalancer_id": null }), &[]),
        ] {
            let (operation, call, parameters) = refused_call(path, body);
            let instance = InstanceId::new(StepId::new("it"), None);
            let paths = with_answers([], async |context| {
                let refused =
                    Refused { instance: &instance, operation: Some(&operation), call: &call, parameters: &parameters };
                about(context, &refused)
            });
            assert_eq!(paths, expected);
        }
    }

    #[test]
    fn of_several_collections_of_a_kind_that_of_virtual_machines_is_read_first() {
        let (operation, call, parameters) =
            refused_call("/cloud/v2/volumes/1/7/v1/attach", json!({ "instance_id": "m1" }));
        let instance = InstanceId::new(StepId::new("it"), None);
        let paths = with_answers([], async |context| {
            let refused =
                Refused { instance: &instance, operation: Some(&operation), call: &call, parameters: &parameters };
            about(context, &refused)
        });
        assert_eq!(paths[..2], ["/cloud/v1/volumes/1/7/v1", "/cloud/v1/instances/1/7/m1"]);
        let others = &paths[2..];
        assert!(
            !others.is_empty() && others.iter().all(|path| path.contains("/bminstances/") || path.contains("/ai/")),
            "{others:?}"
        );
    }

    /// The pauses in seconds of waits for these refusals in turn, and the tasks that were waited for.
    async fn waited(table: Vec<(&str, Canned)>, errors: &[ApiError]) -> (Vec<f64>, Vec<Option<String>>, Locks) {
        let trial = Trial::new(Options::default());
        trial.answer_with(table);
        let (operation, call, parameters) = refused_call("/cloud/v1/volumes/1/7/v1/extend", json!({ "size": 2 }));
        let instance = InstanceId::new(StepId::new("it"), None);
        let mut locks = Locks::default();
        let work = async |context: &Arc<RunContext>| {
            let refused =
                Refused { instance: &instance, operation: Some(&operation), call: &call, parameters: &parameters };
            let mut pauses = Vec::new();
            for error in errors {
                let began = context.clock().elapsed();
                locks.wait(context, &refused, error).await.unwrap();
                pauses.push((context.clock().elapsed() - began).as_secs_f64());
            }
            pauses
        };
        let (pauses, events) = trial.apart(work).await;
        let tasks = events.into_iter().filter_map(|event| match event {
            Event::CallDelayed { reason: Delay::Locked { task }, .. } => Some(task),
            _ => None,
        });
        (pauses, tasks.collect(), locks)
    }

    #[test]
    fn without_a_task_to_wait_for_pauses_grow_to_a_limit() {
        paused(async {
            let (pauses, tasks, locks) = waited(Vec::new(), &vec![locked(None, None); 6]).await;
            for (pause, expected) in pauses.iter().zip([3.0, 4.5, 6.75, 10.125, 15.0, 15.0]) {
                assert!((pause - expected).abs() < 0.01, "{pauses:?}");
            }
            assert!(tasks == vec![None; 6] && !locks.are_spent(), "{tasks:?}");
            let (pauses, _, _) = waited(Vec::new(), &[locked(None, Some(60)), locked(None, Some(1))]).await;
            assert!((pauses[0] - 60.0).abs() < 0.01 && (pauses[1] - 4.5).abs() < 0.01, "{pauses:?}");
        });
    }

    #[test]
    fn the_task_that_holds_the_lock_is_waited_for_once() {
        paused(async {
            let task = |state: &str| (200, json!({ "id": "t1", "state": state }));
            let path = "/cloud/v1/tasks/t1";
            // Named by the refusal, or else by the resource.
            for (error, more) in [
                (locked(Some("t1"), None), None),
                (locked(None, None), Some(("/cloud/v1/volumes/1/7/v1", (200, json!({ "task_id": "t1" }))))),
            ] {
                let table = [(path, task("ERROR"))].into_iter().chain(more.clone()).collect();
                let (pauses, tasks, _) = waited(table, &[error.clone(), error]).await;
                assert_eq!(tasks, [Some("t1".to_owned()), None], "{more:?}");
                assert!(pauses[0] < 10.0 && (pauses[1] - 4.5).abs() < 0.01, "{pauses:?}");
            }
            // One that cannot be polled is no reason to send at once.
            let (pauses, _, _) = waited(vec![(path, (403, json!({})))], &[locked(Some("t1"), None)]).await;
            assert!(pauses[0] >= 3.0, "{pauses:?}");
            // One without an end uses up the time.
            let (pauses, _, locks) = waited(vec![(path, task("RUNNING"))], &[locked(Some("t1"), None)]).await;
            assert!((pauses[0] - BUDGET.as_secs_f64()).abs() < 0.01 && locks.are_spent(), "{pauses:?}");
            let none = (200, json!({ "task_id": "" }));
            let (_, tasks, _) = waited(vec![("/cloud/v1/volumes/1/7/v1", none)], &[locked(None, None)]).await;
            assert_eq!(tasks, [None]);
        });
    }

    #[test]
    fn a_time_of_the_server_is_converted_to_our_clock() {
        paused(async {
            let mut trial = Trial::new(Options::default());
            trial.ahead = jiff::SignedDuration::from_secs(100);
            let (ours, theirs) = trial
                .apart(async |context| {
                    context.contact(&ProjectRegion { project_id: Some(1), region_id: Some(7) }).await;
                    let theirs = context.client.server_time(context.now()) - jiff::SignedDuration::from_secs(7);
                    (by_our_clock(context, theirs), theirs)
                })
                .await
                .0;
            assert!((ours - theirs).get_seconds().abs_diff(100) <= 1, "{ours} {theirs}");
        });
    }

    #[test]
    fn versions_are_no_part_of_what_a_path_addresses() {
        for (path, rest) in [
            ("/cloud/v1/volumes/{id}", "/volumes/{id}"),
            ("/cloud/v2/volumes/{id}", "/volumes/{id}"),
            ("/dns/v2/zones", "/dns/v2/zones"),
            ("/cloud/v1", "1"),
        ] {
            assert_eq!(without_version(path), rest);
        }
    }
}
