//! Waiting for tasks, for locks, and for permits.

use std::time::Duration;

use serde_json::json;

use super::harness::{Trial, assert_done, paused};
use crate::api::Answer;
use crate::catalog::Method;
use crate::engine::{RunOptions, Signal, Stop};
use crate::event::{Delay, Event};
use crate::exit::Exit;
use crate::journal::RecordedCall;
use crate::simulate::{Durations, Faults, Options};

fn fixed(seconds: u64) -> Options {
    Options { durations: Durations::Fixed(Duration::from_secs(seconds)), ..Options::default() }
}

fn post(path: &str, body: serde_json::Value) -> RecordedCall {
    RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, path) }
}

/// The number of requests that only polled tasks.
fn polls(trial: &Trial) -> usize {
    let requests = trial.requests.lock().unwrap();
    requests.iter().filter(|request| request.path.starts_with("/cloud/v1/tasks")).count()
}

fn locked(trial: &Trial) -> Vec<Option<String>> {
    let delays = trial.events.iter().filter_map(|event| match event {
        Event::CallDelayed { reason: Delay::Locked { task }, .. } => Some(task.clone()),
        _ => None,
    });
    delays.collect()
}

/// The index of an event among all.
fn position(trial: &Trial, wanted: impl Fn(&Event) -> bool) -> usize {
    trial.events.iter().position(wanted).unwrap()
}

#[test]
fn a_failure_at_the_beginning_is_seen_at_once() {
    paused(async {
        let faults = Faults::parse(["task-error:bminstances"]).unwrap();
        let mut trial = Trial::new(Options { faults, ..fixed(6) });
        let started = tokio::time::Instant::now();
        let end = trial
            .run(
                "name: demo\nsteps:\n  - id: server\n    \
                 call: POST /cloud/v1/bminstances/{project_id}/{region_id}\n    \
                 body: { flavor: bm1-infrastructure-small, image_id: 1ee7ccee-5003-48c9-8ae0-d96063af75b2, \
                 interfaces: [{ type: external }] }\n",
            )
            .await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        // Seen after its 6 s; then lists have 10 s to show what it left.
        assert!(started.elapsed() < Duration::from_secs(17), "{:?}", started.elapsed());
    });
}

#[test]
fn a_run_that_goes_on_asks_for_all_tasks_with_one_list() {
    paused(async {
        let mut trial = Trial::new(fixed(100));
        let plan = "name: demo\nsteps:\n  - id: vol\n    for_each: \"{{ range(60) }}\"\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    body: { name: \"vol-{{ each.key }}\", source: new-volume, size: 1 }\n";
        let signal = async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            Stop::Interrupt(Signal::Interrupt)
        };
        let end = trial.run_with(plan, RunOptions::default(), signal).await;
        assert_eq!(end.finished.waiting, 60);
        let before = polls(&trial);
        let end = trial.run(plan).await;
        assert_done(&trial, &end);
        assert!(polls(&trial) - before <= 40, "{} polls", polls(&trial) - before);
    });
}

#[test]
fn a_locked_write_does_not_block_other_steps() {
    paused(async {
        let mut trial = Trial::new(fixed(20));
        trial.parallelism = 1;
        let volumes = "/cloud/v1/volumes/1/7";
        trial.by_hand(&post(volumes, json!({ "name": "vol", "source": "new-volume", "size": 1 }))).await;
        let id = trial.simulator.lock().unwrap().everything()[0].id.clone();
        trial.inputs = vec![("id".to_owned(), id)];
        let end = trial
            .run(
                "name: demo\ninputs: { id: {} }\nsteps:\n  - id: grow\n    for_each: [2, 3, 4, 5]\n    \
                 call: POST /cloud/v1/volumes/{project_id}/{region_id}/{{ inputs.id }}/extend\n    \
                 body: { size: \"{{ each.value }}\" }\n  - id: net\n    \
                 call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                 body: { name: net-a, create_router: false }\n",
            )
            .await;
        assert_done(&trial, &end);
        assert!(!locked(&trial).is_empty());
        let sent = position(
            &trial,
            |event| matches!(event, Event::CallStarted { instance, .. } if instance.to_string() == "net"),
        );
        let done = position(&trial, |event| matches!(event, Event::StepSucceeded { .. }));
        assert!(sent < done, "{:#?}", trial.events);
    });
}

/// observed.md §3: a refusal names the task that holds the lock.
#[test]
fn the_task_that_a_lock_names_is_waited_for_at_once() {
    paused(async {
        let mut trial = Trial::new(fixed(20));
        trial.by_hand(&post("/cloud/v1/networks/1/7", json!({ "name": "net", "create_router": false }))).await;
        let network = trial.simulator.lock().unwrap().everything()[0].id.clone();
        trial.inputs = vec![("id".to_owned(), network)];
        // Another client's subnet, just begun.
        let subnet = json!({ "name": "theirs", "cidr": "10.1.0.0/24", "network_id": trial.inputs[0].1 });
        let task = trial.begun_by_hand(&post("/cloud/v1/subnets/1/7", subnet)).await;
        let end = trial
            .run(
                "name: demo\ninputs: { id: {} }\nsteps:\n  - id: subnet\n    \
                 call: POST /cloud/v1/subnets/{project_id}/{region_id}\n    \
                 body: { name: ours, cidr: 10.0.0.0/24, network_id: \"{{ inputs.id }}\" }\n",
            )
            .await;
        assert_done(&trial, &end);
        assert_eq!(locked(&trial), [Some(task)]);
    });
}

#[test]
fn nine_rules_of_one_group_run_into_no_lock() {
    paused(async {
        let mut trial = Trial::new(fixed(1));
        let end = trial
            .run(
                "name: demo\nsteps:\n  - id: group\n    \
                 call: POST /cloud/v2/security_groups/{project_id}/{region_id}\n    \
                 body: { name: rules-group, rules: [] }\n  - id: rule\n    for_each: \"{{ range(9) }}\"\n    \
                 call: POST /cloud/v2/security_groups/{project_id}/{region_id}/{{ steps.group.id }}/rules\n    \
                 body: { direction: ingress, ethertype: IPv4, protocol: tcp, port_range_min: \"{{ 8000 + \
                 each.value }}\", port_range_max: \"{{ 8000 + each.value }}\" }\n",
            )
            .await;
        assert_done(&trial, &end);
        assert_eq!(locked(&trial), []);
        assert_eq!(trial.writes(), 10);
        // The rules are deleted together with their group.
        let torn = trial.destroy().await;
        assert_eq!((torn.exit, torn.removed), (Exit::Done, 10));
        assert_eq!(trial.writes(), 11);
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

#[test]
fn a_resource_with_locked_in_its_name_is_adopted() {
    paused(async {
        let mut trial = Trial::new(fixed(1));
        let key = json!({ "name": "blocked-key", "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBlocked x" });
        trial.by_hand(&post("/cloud/v1/ssh_keys/1", key.clone())).await;
        let end = trial
            .run(&format!(
                "name: demo\nsteps:\n  - id: key\n    call: POST /cloud/v1/ssh_keys/{{project_id}}\n    \
                 on_conflict: adopt\n    body: {key}\n"
            ))
            .await;
        assert_done(&trial, &end);
        assert_eq!(locked(&trial), []);
    });
}

/// An import whose image stays `queued` for a while: observed.md §6.
const IMAGE: &str = "name: demo\nsteps:\n  - id: image\n    call: POST /cloud/v1/downloadimage/{project_id}/{region_id}\n    body: { name: image-a, url: \"https://images.example/a.qcow2\" }\n";

/// A cloud whose images are `queued` for the first reads.
fn queued(trial: &Trial, mut reads: usize) {
    trial.change_answers(move |request, mut answer| {
        let is_image = request.method == Method::Get && request.path.contains("/images/") && answer.is_success();
        if is_image && reads > 0 {
            reads -= 1;
            let mut image: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            image["status"] = json!("queued");
            answer.body = image.to_string().into_bytes();
        }
        answer
    });
}

#[test]
fn an_image_counts_as_done_when_it_is_active() {
    paused(async {
        let mut trial = Trial::new(fixed(5));
        queued(&trial, 3);
        let end = trial.run(IMAGE).await;
        assert_done(&trial, &end);
        let until = position(
            &trial,
            |event| matches!(event, Event::ReadinessAwaited { until, shown, .. } if until == "`status` is `active`" && shown.as_deref() == Some("`status` is `queued`")),
        );
        let reached = position(&trial, |event| matches!(event, Event::ReadinessReached { waited_ms: 14_000, .. }));
        let done = position(&trial, |event| matches!(event, Event::StepSucceeded { .. }));
        assert!(until < reached && reached < done, "{:#?}", trial.events);
    });
}

#[test]
fn ready_false_waits_for_the_task_alone() {
    paused(async {
        let mut trial = Trial::new(fixed(5));
        queued(&trial, 1000);
        let end = trial.run(&format!("{IMAGE}    ready: false\n")).await;
        assert_done(&trial, &end);
    });
}

#[test]
fn a_run_that_ends_before_readiness_goes_on_with_it() {
    paused(async {
        let mut trial = Trial::new(fixed(5));
        queued(&trial, 5);
        let plan = format!("{IMAGE}    wait: {{ timeout: 20s }}\n");
        let end = trial.run(&plan).await;
        assert_eq!(end.finished.exit, Exit::StillWaiting);
        let late = trial.events.iter().find_map(|event| match event {
            Event::StepStillWaiting { until, .. } => until.clone(),
            _ => None,
        });
        assert_eq!(late.as_deref(), Some("`status` is `active`; `status` is `queued`"));
        let end = trial.run(&plan).await;
        assert_done(&trial, &end);
        assert_eq!(trial.writes(), 1);
    });
}

#[test]
fn a_condition_that_never_holds_is_reported_with_the_last_values() {
    paused(async {
        let mut trial = Trial::new(fixed(2));
        let end = trial
            .run(
                "name: demo\nsteps:\n  - id: disk\n    \
                  call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                  body: { source: new-volume, name: disk-1, size: 5 }\n    \
                  ready: resource.status == 'in-use'\n    wait: { timeout: 6s }\n",
            )
            .await;
        assert_eq!(end.finished.exit, Exit::StillWaiting);
        let late = trial.events.iter().find_map(|event| match event {
            Event::StepStillWaiting { until, .. } => until.clone(),
            _ => None,
        });
        assert_eq!(late.as_deref(), Some("`resource.status == 'in-use'` holds; `resource.status` is `available`"));
    });
}

#[test]
fn a_new_resource_may_answer_404_for_a_while() {
    paused(async {
        let mut trial = Trial::new(fixed(2));
        let mut reads = 3;
        trial.change_answers(move |request, answer| {
            if !request.path.starts_with("/cloud/v1/networks/1/7/") || reads == 0 {
                return answer;
            }
            reads -= 1;
            Answer { status: 404, body: br#"{"exception_class":"NotFoundError","message":"no"}"#.to_vec(), ..answer }
        });
        let end = trial
            .run(
                "name: demo\nsteps:\n  - id: net\n    \
                  call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                  body: { name: late-net, create_router: false }\noutputs: { n: \"{{ steps.net.resource.name }}\" \
                  }\n",
            )
            .await;
        assert_done(&trial, &end);
        assert_eq!(Trial::output(&end, "n"), "late-net");
    });
}

/// observed.md §9: a task's `data` can hold a password and cloud-init data.
#[test]
fn the_data_of_a_task_is_never_shown() {
    paused(async {
        for (fault, failed) in [
            ("task-error:volumes:text=cannot set hunter2-pass in #cloud-config-x", true),
            ("lost-answer:POST:volumes", false),
        ] {
            let faults = Faults::parse([fault]).unwrap();
            let mut trial = Trial::new(Options { faults, ..fixed(3) });
            trial.change_answers(|request, mut answer| {
                if request.path.starts_with("/cloud/v1/tasks") && answer.is_success() {
                    let mut value: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
                    let with_data = |task: &mut serde_json::Value| {
                        if let Some(data) = task.get_mut("data").and_then(serde_json::Value::as_object_mut) {
                            data.insert("admin_pass".to_owned(), json!("hunter2-pass"));
                            data.insert("user_data".to_owned(), json!("#cloud-config-x"));
                        }
                    };
                    match value.get_mut("results").and_then(serde_json::Value::as_array_mut) {
                        Some(tasks) => tasks.iter_mut().for_each(with_data),
                        None => with_data(&mut value),
                    }
                    answer.body = value.to_string().into_bytes();
                }
                answer
            });
            let end = trial
                .run(
                    "name: demo\nsteps:\n  - id: disk\n    for_each: [1, 2]\n    \
                      call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                      body: { source: new-volume, name: \"disk-{{ each.key }}\", size: 5 }\n",
                )
                .await;
            assert_eq!(end.finished.exit == Exit::StepFailed, failed, "{:?}", end.finished);
            let told = format!("{:?} {}", trial.events, String::from_utf8_lossy(&trial.journal));
            for secret in ["hunter2", "cloud-config-x"] {
                assert!(!told.contains(secret), "{told}");
            }
        }
    });
}

/// A server group takes 12 s to be made, without a task: observed.md §11.
#[test]
fn an_interrupt_waits_for_a_slow_call_up_to_five_seconds() {
    paused(async {
        for (answered_after, known) in [(5, true), (12, false)] {
            let faults = Faults::parse([format!("late={answered_after}s:held:POST:servergroups").as_str()]).unwrap();
            let mut trial = Trial::new(Options { faults, ..fixed(1) });
            let plan = "name: demo\nsteps:\n  - id: group\n    call: POST /cloud/v1/servergroups/{project_id}/{region_id}\n    body: { name: group-a, policy: anti-affinity }\n";
            let started = tokio::time::Instant::now();
            let signal = async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Stop::Interrupt(Signal::Terminate)
            };
            let end = trial.run_with(plan, RunOptions::default(), signal).await;
            assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
            assert_eq!(end.finished.succeeded == 1, known, "{:?}", end.finished);
            assert_eq!(end.finished.waiting == 1, !known, "{:?}", end.finished);
        }
    });
}

#[test]
fn rules_are_named_when_their_group_stays() {
    paused(async {
        let mut trial = Trial::new(fixed(1));
        let plan = "name: demo\nsteps:\n  - id: group\n    call: POST /cloud/v2/security_groups/{project_id}/{region_id}\n    body: { name: rules-group, rules: [] }\n  - id: rule\n    call: POST /cloud/v2/security_groups/{project_id}/{region_id}/{{ steps.group.id }}/rules\n    body: { direction: ingress, ethertype: IPv4, protocol: tcp, port_range_min: 80, port_range_max: 80 }\n";
        let end = trial.run(plan).await;
        assert_done(&trial, &end);
        trial.change_answers(|request, answer| match request.method {
            Method::Delete => Answer { status: 400, body: b"{}".to_vec(), ..answer },
            _ => answer,
        });
        let torn = trial.destroy().await;
        assert_eq!((torn.exit, torn.left), (Exit::TeardownIncomplete, 2));
        assert_eq!(trial.status().existing().count(), 2);
        let left = trial.events.iter().find_map(|event| match event {
            Event::ResourceLeft { instance, error, .. } if instance.to_string() == "rule" => {
                Some(error.message.clone())
            }
            _ => None,
        });
        assert_eq!(left.as_deref(), Some("it is deleted with `group`, which still exists"));
    });
}
