//! Waiting: for tasks, for locks, and for nobody who has to wait himself.

use std::time::Duration;

use serde_json::json;

use super::harness::{Trial, assert_done, paused};
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
    RecordedCall {
        method: Method::Post,
        path: path.to_owned(),
        query: Vec::new(),
        headers: Vec::new(),
        body: Some(body),
    }
}

/// Requests that only looked at tasks.
fn looks(trial: &Trial) -> usize {
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

/// Where an event of an instance is among all.
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
                "name: demo\nsteps:\n  - id: server\n    call: POST /cloud/v1/bminstances/{project_id}/{region_id}\n    body: { flavor: bm1-infrastructure-small, image_id: 1ee7ccee-5003-48c9-8ae0-d96063af75b2, interfaces: [{ type: external }] }\n",
            )
            .await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
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
        let before = looks(&trial);
        let end = trial.run(plan).await;
        assert_done(&trial, &end);
        assert!(looks(&trial) - before <= 40, "{} looks", looks(&trial) - before);
    });
}

#[test]
fn a_locked_write_keeps_nobody_from_going() {
    paused(async {
        let mut trial = Trial::new(fixed(20));
        trial.parallelism = 1;
        let volumes = "/cloud/v1/volumes/1/7";
        trial.by_hand(&post(volumes, json!({ "name": "vol", "source": "new-volume", "size": 1 }))).await;
        let id = trial.simulator.lock().unwrap().everything()[0].id.clone();
        trial.inputs = vec![("id".to_owned(), id)];
        let end = trial
            .run(
                "name: demo\ninputs: { id: {} }\nsteps:\n  - id: grow\n    for_each: [2, 3, 4, 5]\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}/{{ inputs.id }}/extend\n    body: { size: \"{{ each.value }}\" }\n  - id: net\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    body: { name: net-a, create_router: false }\n",
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

/// observed.md §3.
#[test]
fn the_task_that_a_lock_names_is_waited_for_at_once() {
    paused(async {
        let mut trial = Trial::new(fixed(20));
        trial.by_hand(&post("/cloud/v1/networks/1/7", json!({ "name": "net", "create_router": false }))).await;
        let network = trial.simulator.lock().unwrap().everything()[0].id.clone();
        trial.inputs = vec![("id".to_owned(), network)];
        // Another's subnet, begun just now.
        let subnet = json!({ "name": "theirs", "cidr": "10.1.0.0/24", "network_id": trial.inputs[0].1 });
        let task = trial.begun_by_hand(&post("/cloud/v1/subnets/1/7", subnet)).await;
        let end = trial
            .run(
                "name: demo\ninputs: { id: {} }\nsteps:\n  - id: subnet\n    call: POST /cloud/v1/subnets/{project_id}/{region_id}\n    body: { name: ours, cidr: 10.0.0.0/24, network_id: \"{{ inputs.id }}\" }\n",
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
                "name: demo\nsteps:\n  - id: group\n    call: POST /cloud/v2/security_groups/{project_id}/{region_id}\n    body: { name: rules-group, rules: [] }\n  - id: rule\n    for_each: \"{{ range(9) }}\"\n    call: POST /cloud/v2/security_groups/{project_id}/{region_id}/{{ steps.group.id }}/rules\n    body: { direction: ingress, ethertype: IPv4, protocol: tcp, port_range_min: \"{{ 8000 + each.value }}\", port_range_max: \"{{ 8000 + each.value }}\" }\n",
            )
            .await;
        assert_done(&trial, &end);
        assert_eq!(locked(&trial), []);
        assert_eq!(trial.writes(), 10);
    });
}

#[test]
fn a_name_that_says_locked_is_adopted_all_the_same() {
    paused(async {
        let mut trial = Trial::new(fixed(1));
        let key = json!({ "name": "blocked-key", "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBlocked x" });
        trial.by_hand(&post("/cloud/v1/ssh_keys/1", key.clone())).await;
        let end = trial
            .run(&format!(
                "name: demo\nsteps:\n  - id: key\n    call: POST /cloud/v1/ssh_keys/{{project_id}}\n    on_conflict: adopt\n    body: {key}\n"
            ))
            .await;
        assert_done(&trial, &end);
        assert_eq!(locked(&trial), []);
    });
}
