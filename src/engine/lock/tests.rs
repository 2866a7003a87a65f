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
    ApiError { lock_holder: holder, retry_after, ..ApiError::read("/dns/v2/zones", &answer, 0, &Secrets::default()) }
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
    let (operation, call, parameters) = refused_call("/cloud/v2/volumes/1/7/v1/attach", json!({ "instance_id": "m1" }));
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
                (on_our_clock(context, theirs), theirs)
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
