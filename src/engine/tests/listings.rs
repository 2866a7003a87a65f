//! The lists that are read before creates are sent: few for many creates, and in time.

use serde_json::{Value, json};

use super::conditions::{Bystander, Conditions, CreateFault, Log};
use super::harness::{Trial, assert_done, paused};
use super::strangers::{live_through, plan};
use crate::api::Request;
use crate::catalog::Method;
use crate::simulate::Options;

/// How often the list of a path was read.
fn lists(trial: &Trial, path: &str) -> usize {
    let requests = trial.requests.lock().unwrap();
    requests.iter().filter(|request| request.method == Method::Get && request.path == path).count()
}

fn is_by_name(request: &Request) -> bool {
    request.query.iter().any(|(name, _)| name == "name")
}

fn creates(path: &str, body: &str, copies: usize) -> String {
    format!(
        "name: demo\nsteps:\n  - id: thing\n    for_each: \"{{{{ range({copies}) }}}}\"\n    call: POST {path}\n    body: {body}\n"
    )
}

#[test]
fn two_hundred_creates_read_their_list_a_few_times() {
    paused(async {
        for (path, filled, body, most) in [
            // A filter for names: three by name, then the whole list, again when that is two seconds old.
            (
                "/cloud/v1/ssh_keys/{project_id}",
                "/cloud/v1/ssh_keys/1",
                "{ name: \"key-{{ each.key }}\", public_key: \"ssh-ed25519 AAAA{{ each.key }}\" }",
                6,
            ),
            (
                "/cloud/v1/servergroups/{project_id}/{region_id}",
                "/cloud/v1/servergroups/1/7",
                "{ name: \"group-{{ each.key }}\", policy: affinity }",
                4,
            ),
            // A unique name is ours when nothing had it before: each reading begins after its creates asked for it.
            (
                "/fastedge/v1/kv",
                "/fastedge/v1/kv",
                "{ name: \"store-{{ each.key }}\", byod: { prefix: a, url: \"https://example.com\" } }",
                30,
            ),
        ] {
            let mut trial = Trial::with_faults(&["delay=100ms"]);
            let end = trial.run(&creates(path, body, 200)).await;
            assert_done(&trial, &end);
            let read = lists(&trial, filled);
            assert!((1..=most).contains(&read), "{path}: {read}");
            assert_eq!(trial.made().values().sum::<u64>(), 200, "{path}");
        }
    });
}

#[test]
fn a_resource_made_after_the_list_was_read_is_not_claimed() {
    paused(async {
        for call in [
            "POST /cloud/v1/servergroups/{project_id}/{region_id}|name: twin, policy: affinity",
            "POST /cloud/v1/securitygroups/{project_id}/{region_id}|security_group: { name: twin }",
        ] {
            for fate in [CreateFault::NeverArrives, CreateFault::AnswerLost] {
                let label = format!("{call}, {fate:?}");
                let mut trial = Trial::with_faults(&["delay=100ms:GET"]);
                trial.conditions = Conditions {
                    // The fifth uses the reading of an earlier one; a twin appears before each.
                    fates: [[CreateFault::Answered; 4].as_slice(), &[fate]].concat(),
                    bystanders: vec![Bystander::During],
                    log: Log::Closed,
                    untimed: true,
                    ..Conditions::default()
                };
                trial.parallelism = 1;
                assert!(!live_through(&label, &mut trial, &plan(call, 5), 5).await, "{label}");
            }
        }
    });
}

#[test]
fn a_long_list_is_read_by_name_for_a_few_creates() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.change_answers(|request, mut answer| {
            let is_list = request.method == Method::Get && request.path == "/cloud/v1/ssh_keys/1";
            if is_list && !is_by_name(request) {
                let page: Vec<Value> = (0..1000).map(|n| json!({ "id": n, "name": format!("theirs-{n}") })).collect();
                answer.body = json!({ "count": 9000, "results": page }).to_string().into_bytes();
            }
            answer
        });
        let body = "{ name: \"key-{{ each.key }}\", public_key: \"ssh-ed25519 AAAA{{ each.key }}\" }";
        let end = trial.run(&creates("/cloud/v1/ssh_keys/{project_id}", body, 8)).await;
        assert_done(&trial, &end);
        let requests = trial.requests.lock().unwrap();
        let lists = requests.iter().filter(|request| request.path == "/cloud/v1/ssh_keys/1" && request.body.is_none());
        let (by_name, whole): (Vec<_>, Vec<_>) = lists.partition(|request| is_by_name(request));
        assert_eq!((by_name.len(), whole.len()), (8, 1), "one page says how long it is");
    });
}
