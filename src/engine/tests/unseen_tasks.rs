//! Tasks that cannot be looked at: a list that fails, tasks that the API does not know any more, answers that name
//! another call's task or none. What came of a call is read from its resource then, and nothing waits for ever.

use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{Trial, assert_done, distinct, paused};
use crate::api::{Answer, Request};
use crate::catalog::Method;
use crate::engine::{RunOptions, Signal, Stop};
use crate::event::Event;
use crate::exit::Exit;
use crate::journal::Phase;
use crate::simulate::{Durations, Options};

/// A network with its router, two volumes, and a machine with its boot volume.
const PLAN: &str = r#"
name: demo
inputs: { size: { type: integer, default: 1 } }
steps:
  - id: net
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: net-a, create_router: true }
  - id: disk
    for_each: [a, b]
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: "disk-{{ each.value }}", source: new-volume, size: "{{ inputs.size }}" }
  - id: vm
    call: POST /cloud/v2/instances/{project_id}/{region_id}
    body:
      name: vm-a
      flavor: g1-standard-1-2
      interfaces: [{ type: external }]
      volumes: [{ source: image, image_id: 1ee7ccee-5003-48c9-8ae0-d96063af75b2, size: 5 }]
"#;

const VOLUMES: &str = r#"
name: demo
inputs: { size: { type: integer, default: 1 } }
steps:
  - id: disk
    for_each: [a, b]
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: "disk-{{ each.value }}", source: new-volume, size: "{{ inputs.size }}" }
"#;

fn trial() -> Trial {
    Trial::new(Options { durations: Durations::Fixed(Duration::from_secs(8)), ..Options::default() })
}

fn json(status: u16, body: &Value) -> Answer {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Answer { status, headers, body: body.to_string().into_bytes() }
}

fn not_found() -> Answer {
    let id = "6f1d2c3b000040008000000000000001";
    json(404, &json!({ "exception_class": "NotFoundError", "message": "Task could not be found", "request_id": id }))
}

fn is_list(request: &Request) -> bool {
    request.method == Method::Get && request.path == "/cloud/v1/tasks"
}

fn is_task(request: &Request) -> bool {
    request.method == Method::Get && request.path.starts_with("/cloud/v1/tasks/")
}

/// The API knows no task any more.
pub fn forget_tasks(trial: &Trial) {
    trial.change_answers(without_tasks);
}

pub fn without_tasks(request: &Request, answer: Answer) -> Answer {
    match request {
        list if is_list(list) => json(200, &json!({ "count": 0, "results": [] })),
        task if is_task(task) => not_found(),
        _ => answer,
    }
}

/// A run that is left after three seconds, while its tasks run.
async fn left_early(trial: &mut Trial, plan: &str) {
    let signal = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        Stop::Interrupt(Signal::Interrupt)
    };
    trial.run_with(plan, RunOptions::default(), signal).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    // The simulator completes tasks when it is polled.
    trial.read("/cloud/v1/tasks");
}

/// How long some work takes, in seconds.
async fn seconds<T>(work: impl Future<Output = T>) -> (T, u64) {
    let began = tokio::time::Instant::now();
    let result = work.await;
    (result, began.elapsed().as_secs())
}

#[test]
fn a_list_of_tasks_that_cannot_be_read_does_not_hold_a_run_or_a_destroy_up() {
    let error = |status| json(status, &json!({ "exception_class": "Error", "message": "boom", "request_id": "r" }));
    let page = || Answer { status: 200, headers: Vec::new(), body: b"<html>".to_vec() };
    let nothing = || Answer { status: 204, headers: Vec::new(), body: Vec::new() };
    for list in [error(500), error(403), page(), nothing(), json(200, &json!([])), json(200, &json!(null))] {
        paused(async {
            let mut trial = trial();
            let answer = list.clone();
            trial.change_answers(move |request, other| if is_list(request) { answer.clone() } else { other });
            let (end, took) = seconds(trial.run(PLAN)).await;
            assert_done(&trial, &end);
            assert!(took < 40, "{took} s: {list:?}");
            assert_eq!(trial.warnings().matches("the list of tasks cannot be read").count(), 1, "{list:?}");
            let (torn, took) = seconds(trial.destroy()).await;
            assert_eq!((torn.exit, trial.alive().len()), (Exit::Done, 0), "{list:?}: {:?}", trial.left());
            assert!(took < 120, "{took} s: {list:?}");
        });
    }
}

#[test]
fn a_resource_that_is_read_without_its_id_is_recorded_with_it() {
    const KEY: &str = "name: demo\nsteps:\n  - id: key\n    call: POST /cloud/v1/ssh_keys/{project_id}\n    \
                       body: { name: key-a, public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA }\n";
    for shown in [None, Some(json!({ "uuid": "u" })), Some(json!(null))] {
        paused(async {
            let mut trial = trial();
            let shown = shown.clone();
            trial.change_answers(move |request, answer| {
                let is_key = request.path.starts_with("/cloud/v1/ssh_keys/1");
                let is_one = request.method == Method::Post || request.path.starts_with("/cloud/v1/ssh_keys/1/");
                let Ok(Value::Object(mut fields)) = serde_json::from_slice(&answer.body) else { return answer };
                if is_key && is_one && answer.status < 300 {
                    fields.remove("id");
                    fields.extend(shown.clone().map(|shown| ("id".to_owned(), shown)));
                }
                Answer { body: Value::Object(fields).to_string().into_bytes(), ..answer }
            });
            let end = trial.run(KEY).await;
            assert_done(&trial, &end);
            let made: Vec<_> = trial.status().existing().flat_map(|(_, known)| known.made.clone()).collect();
            assert!(made.len() == 1 && made[0].id.is_some(), "{made:?}");
            assert_eq!((trial.destroy().await.exit, trial.alive().len()), (Exit::Done, 0));
        });
    }
}

#[test]
fn what_an_unknown_task_made_is_found_by_its_tag_or_by_the_task_that_it_names() {
    for stamp in [true, false] {
        paused(async {
            let mut trial = trial();
            trial.stamp = stamp;
            left_early(&mut trial, PLAN).await;
            let (alive, made) = (trial.alive(), trial.made());
            assert_eq!(made["volumes"], 3);
            forget_tasks(&trial);
            let (end, took) = seconds(trial.run(PLAN)).await;
            assert_done(&trial, &end);
            assert!((90..180).contains(&took), "{took} s");
            assert_eq!((trial.alive(), trial.made()), (alive, made));
            let end = trial.run(PLAN).await;
            assert_eq!((end.finished.exit, end.finished.reused), (Exit::Done, 4));
            *trial.on_the_way.lock().unwrap() = None;
            // The router and the boot volume are on record, too.
            let torn = trial.destroy().await;
            assert_eq!((torn.exit, trial.alive()), (Exit::Done, vec![]), "{:?}", trial.left());
        });
    }
}

#[test]
fn a_task_that_disappears_before_its_end_was_seen_is_no_reason_to_wait_or_to_call_again() {
    paused(async {
        let mut trial = trial();
        forget_tasks(&trial);
        let (end, took) = seconds(trial.run(PLAN)).await;
        assert_done(&trial, &end);
        assert!((90..200).contains(&took), "{took} s");
        assert_eq!((trial.made()["networks"], trial.made()["volumes"]), (1, 3));
        let (torn, took) = seconds(trial.destroy()).await;
        assert_eq!((torn.exit, trial.alive()), (Exit::Done, vec![]), "{:?}", trial.left());
        assert!(took < 600, "{took} s");
    });
}

#[test]
fn a_destroy_resolves_what_an_unknown_task_made_as_well() {
    paused(async {
        let mut trial = trial();
        left_early(&mut trial, PLAN).await;
        forget_tasks(&trial);
        let torn = trial.destroy().await;
        assert_eq!((torn.exit, trial.alive()), (Exit::Done, vec![]), "{:?}", trial.left());
    });
}

#[test]
fn an_unknown_task_whose_work_is_not_to_be_found_is_an_unknown_outcome_and_not_called_again() {
    paused(async {
        let mut trial = trial();
        trial.change_answers(|request, answer| match request.path.as_str() {
            "/cloud/v1/volumes/1/7" if request.method == Method::Get => {
                json(200, &json!({ "count": 0, "results": [] }))
            }
            "/cloud/v1/user_actions" => json(403, &json!({ "message": "no" })),
            _ => without_tasks(request, answer),
        });
        for _ in 0..2 {
            let end = trial.run(VOLUMES).await;
            assert_eq!((end.finished.exit, trial.made()["volumes"]), (Exit::Unknown, 2), "{:?}", trial.failures());
        }
        let failures = trial.failures().join("\n");
        assert!(failures.contains("the API carried it out, and what it made was not found"), "{failures}");
        assert!(failures.contains("the API does not show its task"), "{failures}");
        assert!(trial.status().instances.values().all(|known| known.phase == Phase::InDoubt));
        // Nothing is lost once lists show it.
        forget_tasks(&trial);
        let end = trial.run(VOLUMES).await;
        assert_done(&trial, &end);
        assert_eq!(trial.made()["volumes"], 2);
    });
}

/// The answer without these fields, at any depth.
fn without_fields(mut answer: Answer, fields: &[&str]) -> Answer {
    fn strip(value: &mut Value, fields: &[&str]) {
        match value {
            Value::Object(object) => {
                fields.iter().for_each(|field| drop(object.remove(*field)));
                object.values_mut().for_each(|inner| strip(inner, fields));
            }
            Value::Array(items) => items.iter_mut().for_each(|item| strip(item, fields)),
            _ => {}
        }
    }
    if let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) {
        strip(&mut body, fields);
        answer.body = body.to_string().into_bytes();
    }
    answer
}

#[test]
fn what_a_finished_task_does_not_name_is_resolved_like_the_work_of_a_lost_answer() {
    for log_is_open in [true, false] {
        paused(async {
            let mut trial = trial();
            trial.change_answers(move |request, answer| match request.path.as_str() {
                "/cloud/v1/user_actions" if !log_is_open => json(403, &json!({ "message": "no" })),
                path if path.starts_with("/cloud/v1/tasks") => without_fields(answer, &["created_resources"]),
                path if path.starts_with("/cloud/v1/volumes") => {
                    without_fields(answer, &["creator_task_id", "tags", "metadata", "metadata_detailed"])
                }
                _ => answer,
            });
            let (end, took) = seconds(trial.run(VOLUMES)).await;
            assert!(took < 200, "{took} s");
            if log_is_open {
                assert_done(&trial, &end);
                let torn = trial.destroy().await;
                assert_eq!((torn.exit, trial.alive()), (Exit::Done, vec![]), "{:?}", trial.left());
                return;
            }
            // Whatever runs next, nothing is made twice, and the candidates are named.
            for _ in 0..2 {
                assert_eq!((trial.run(VOLUMES).await.finished.exit, trial.made()["volumes"]), (Exit::Unknown, 2));
            }
            let failures = trial.failures().join("\n");
            assert!(failures.contains("is finished, and names nothing that it made"), "{failures}");
            assert!(failures.contains("these may be its work, or another client's: volume "), "{failures}");
            assert_eq!(trial.destroy().await.exit, Exit::TeardownIncomplete);
            assert!(trial.left().join("\n").contains("these may be its work"), "{:?}", trial.left());
            // Once the task names it, it is found.
            trial.change_answers(|_, answer| answer);
            let end = trial.run(VOLUMES).await;
            assert_done(&trial, &end);
            assert_eq!(trial.made()["volumes"], 2);
        });
    }
}

#[test]
fn of_an_update_with_an_unknown_task_the_resource_says_whether_it_was_carried_out() {
    for carried_out in [true, false] {
        paused(async {
            let mut trial = trial();
            let end = trial.run(VOLUMES).await;
            assert_done(&trial, &end);
            trial.inputs = vec![("size".to_owned(), "2".to_owned())];
            trial.change_answers(move |request, answer| {
                let mut answer = without_tasks(request, answer);
                let read = request.method == Method::Get && request.path.contains("/volumes/");
                if let (false, true, Ok(mut volume)) =
                    (carried_out, read, serde_json::from_slice::<Value>(&answer.body))
                {
                    volume["size"] = json!(1);
                    answer.body = volume.to_string().into_bytes();
                }
                answer
            });
            let (end, took) = seconds(trial.run(VOLUMES)).await;
            match carried_out {
                true => assert_done(&trial, &end),
                false => {
                    assert_eq!(end.finished.exit, Exit::Unknown, "{:?}", trial.failures());
                    let failures = trial.failures().join("\n");
                    assert!(failures.contains("a read does not show the change"), "{failures}");
                }
            }
            assert!(took < 200, "{took} s");
        });
    }
}

#[test]
fn an_answer_with_a_task_that_is_on_record_for_another_call_is_not_believed() {
    paused(async {
        let mut trial = trial();
        let mut first = None;
        trial.change_answers(move |request, answer| {
            if request.method != Method::Post {
                return answer;
            }
            first.get_or_insert(answer).clone()
        });
        let end = trial.run(VOLUMES).await;
        assert_done(&trial, &end);
        let status = trial.status();
        let ids = status.instances.values().map(|known| format!("{:?}", known.result.as_ref().unwrap().id));
        assert_eq!((distinct(ids), trial.made()["volumes"]), (2, 2));
        let torn = trial.destroy().await;
        assert_eq!((torn.exit, trial.alive()), (Exit::Done, vec![]), "{:?}", trial.left());
    });
}

/// An answer of success that names no task says that a change was accepted, and not that it is done. No task is guessed
/// from an answer of another form than the documented.
#[test]
fn a_change_whose_answer_names_no_task_is_read_back() {
    for (status, body) in [
        (204, ""),
        (200, ""),
        (200, "{}"),
        (200, "null"),
        (200, r#"{"tasks": null}"#),
        (200, r#"{"tasks": "1ee7ccee-5003-48c9-8ae0-d96063af75b2"}"#),
        (200, r#"{"tasks": ["1ee7ccee-5003-48c9-8ae0-d96063af75b2", null]}"#),
        (200, r#"{"task_id": "1ee7ccee-5003-48c9-8ae0-d96063af75b2"}"#),
        (200, r#"{"data": {"tasks": ["1ee7ccee-5003-48c9-8ae0-d96063af75b2"]}}"#),
        (200, r#"["1ee7ccee-5003-48c9-8ae0-d96063af75b2"]"#),
    ] {
        for shown in [true, false] {
            paused(async {
                let mut trial = trial();
                let end = trial.run(VOLUMES).await;
                assert_done(&trial, &end);
                trial.inputs = vec![("size".to_owned(), "2".to_owned())];
                // Nothing but a read of the volume shows the change, from the end of its task on.
                trial.change_answers(move |request, answer| match request {
                    sent if sent.method == Method::Post => {
                        Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
                    }
                    list if is_list(list) && !shown => json(200, &json!({ "count": 0, "results": [] })),
                    log if log.path == "/cloud/v1/user_actions" => json(403, &json!({ "message": "no" })),
                    _ => answer,
                });
                let (end, took) = seconds(trial.run(VOLUMES)).await;
                assert_done(&trial, &end);
                assert!((8..60).contains(&took), "{took} s: {status} {body}");
                let sizes: Vec<Value> = trial
                    .status()
                    .instances
                    .values()
                    .map(|known| {
                        let id = known.result.as_ref().and_then(|result| result.id.as_deref().cloned()).unwrap();
                        trial.read(&format!("/cloud/v1/volumes/1/7/{}", id.as_str().unwrap()))["size"].clone()
                    })
                    .collect();
                assert_eq!(sizes, [json!(2), json!(2)], "{status} {body}");
                // Each is sent once.
                let extends = |request: &&Request| request.path.ends_with("/extend");
                assert_eq!(trial.requests.lock().unwrap().iter().filter(extends).count(), 2);
            });
        }
    }
}

#[test]
fn a_task_that_could_not_be_read_until_the_time_was_over_is_not_said_to_go_on() {
    paused(async {
        let mut trial = trial();
        trial.change_answers(|request, answer| match is_list(request) || is_task(request) {
            true => json(500, &json!({ "exception_class": "Error", "message": "boom", "request_id": "r" })),
            false => answer,
        });
        let end = trial.run(VOLUMES).await;
        assert_eq!(end.finished.exit, Exit::StillWaiting, "{:?}", trial.failures());
        let told = trial.events.iter().filter_map(|event| match event {
            Event::StepStillWaiting { unread, .. } => unread.clone(),
            _ => None,
        });
        let told: Vec<String> = told.collect();
        assert!(told.len() == 2 && told.iter().all(|answer| answer.contains("boom")), "{told:?}");
        assert_eq!(trial.destroy().await.exit, Exit::TeardownIncomplete);
        let left = trial.left().join("\n");
        assert!(left.contains("cannot be read: Error: boom") && !left.contains("still runs"), "{left}");
        // The next command reads it.
        trial.change_answers(|_, answer| answer);
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}
