//! Each kind of evidence on its own, where no other is available.

use std::time::Duration;

use serde_json::{Value, json};

use super::conditions::{Bystander, Conditions, CreateFault, Log};
use super::harness::{Trial, assert_done, paused};
use super::strangers::{KINDS, ours, plan};
use crate::catalog::Method;
use crate::engine::RunOptions;
use crate::exit::Exit;
use crate::journal::{Evidence, RecordedCall};
use crate::simulate::Options;

/// A cloud with a closed audit log.
fn without_audit_log(fates: &[CreateFault]) -> Trial {
    let mut trial = Trial::new(Options::default());
    trial.conditions = Conditions { fates: fates.to_vec(), log: Log::Closed, ..Conditions::default() };
    trial
}

fn kind(name: &str) -> &'static str {
    KINDS.iter().find(|(kind, _)| *kind == name).map(|(_, call)| *call).unwrap()
}

/// The search for a lost call waits for calls under way on the same route: their tasks are no candidates.
#[test]
fn a_call_under_way_is_not_taken_for_a_lost_one() {
    paused(async {
        let mut trial = without_audit_log(&[CreateFault::Slow(Duration::from_secs(15)), CreateFault::NeverArrives]);
        let end = trial.run(&plan(kind("routers"), 2)).await;
        assert_done(&trial, &end);
        assert_eq!(ours(&trial).len(), 2);
    });
}

#[test]
fn a_tag_is_found_before_any_task_is_listed() {
    paused(async {
        for name in ["networks", "volumes", "floatingips"] {
            let mut trial = without_audit_log(&[CreateFault::AnswerLost]);
            trial.conditions.bystanders = vec![Bystander::During, Bystander::After];
            trial.conditions.tasks_late = Duration::from_secs(1000);
            let end = trial.run(&plan(kind(name), 1)).await;
            assert_done(&trial, &end);
            assert_eq!(ours(&trial).len(), 1, "{name}");
            let evidence: Vec<_> = trial.status().instances.values().map(|known| known.evidence).collect();
            assert_eq!(evidence, [Some(Evidence::Stamp)], "{name}");
        }
    });
}

#[test]
fn resources_listed_before_the_first_call_are_not_its_work() {
    paused(async {
        for (name, path, body) in [
            ("servergroups", "servergroups", json!({ "name": "twin", "policy": "affinity" })),
            ("security_groups", "securitygroups", json!({ "security_group": { "name": "twin" } })),
        ] {
            let mut trial = without_audit_log(&[CreateFault::NeverArrives]);
            trial.conditions.untimed = true;
            trial
                .by_hand(&RecordedCall {
                    body: Some(body.into()),
                    ..RecordedCall::new(Method::Post, format!("/cloud/v1/{path}/1/7"))
                })
                .await;
            let end = trial.run(&plan(kind(name), 1)).await;
            assert_done(&trial, &end);
            assert_eq!(ours(&trial).len(), 2, "{name}: theirs, and ours");
        }
    });
}

#[test]
fn a_call_that_was_carried_out_is_not_sent_again() {
    paused(async {
        for (name, call) in KINDS {
            for fate in [CreateFault::Instead(200, "{}"), CreateFault::HeadOnly] {
                let mut trial = without_audit_log(&[fate]);
                // The resource that it made is shown nowhere.
                trial.change_answers(|request, mut answer| {
                    let mut value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                    if request.method == Method::Get && value.get("results").is_some() {
                        value["results"] = json!([]);
                        value["count"] = json!(0);
                        answer.body = value.to_string().into_bytes();
                    }
                    answer
                });
                for _ in 0..2 {
                    assert_eq!(trial.run(&plan(call, 1)).await.finished.exit, Exit::Unknown, "{name}, {fate:?}");
                    assert_eq!(trial.writes(), 1, "{name}, {fate:?}");
                }
            }
        }
    });
}

#[test]
fn an_adopted_resource_outlives_the_teardown() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let (path, body) = ("/cloud/v1/ssh_keys/1", json!({ "name": "theirs", "public_key": "ssh-ed25519 AAAA" }));
        let call = RecordedCall { body: Some(body.clone().into()), ..RecordedCall::new(Method::Post, path) };
        trial.by_hand(&call).await;
        let text = format!(
            "name: demo\nsteps:\n  - id: key\n    call: POST /cloud/v1/ssh_keys/{{project_id}}\n    body: {body}\n    \
             on_conflict: adopt\n"
        );
        let end = trial.run(&text).await;
        assert_done(&trial, &end);
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive().len(), 1, "{:?}", trial.alive());
    });
}

#[test]
fn of_two_steps_that_adopt_one_resource_by_a_conflict_one_has_it() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let (path, body) = ("/cloud/v1/ssh_keys/1", json!({ "name": "theirs", "public_key": "ssh-ed25519 AAAA" }));
        let call = RecordedCall { body: Some(body.clone().into()), ..RecordedCall::new(Method::Post, path) };
        trial.by_hand(&call).await;
        let step = |id: &str| {
            format!(
                "  - id: {id}\n    call: POST /cloud/v1/ssh_keys/{{project_id}}\n    body: {body}\n    \
                 on_conflict: adopt\n"
            )
        };
        let both = format!("name: demo\nsteps:\n{}{}", step("one"), step("two"));
        for _ in 0..2 {
            let end = trial.run(&both).await;
            assert_eq!(end.finished.exit, Exit::StepFailed);
            let (_, error) = end.failure.unwrap();
            assert!(error.message.contains("of this record has it"), "{error:?}");
            assert!(error.help[0].contains("a resource has one step"), "{error:?}");
            assert_eq!(trial.status().resources().count(), 1);
        }
    });
}

#[test]
fn what_another_step_of_the_record_has_is_not_adopted() {
    // A record set is identified by its path, and a PUT of one meets no conflict.
    let records = "{ ttl: 300, resource_records: [{ content: ['192.0.2.1'] }] }";
    let set = "/dns/v2/zones/example.com/www.example.com/A";
    for (call, body, on_conflict) in [
        ("POST /cloud/v1/ssh_keys/{project_id}", "{ name: key-1 }", "on_conflict: adopt"),
        (&format!("POST {set}"), records, "on_conflict: adopt"),
        (&format!("POST {set}"), records, ""),
        (&format!("PUT {set}"), records, ""),
    ] {
        paused(async {
            let mut trial = Trial::new(Options::default());
            let zone = RecordedCall {
                body: Some(json!({ "name": "example.com" }).into()),
                ..RecordedCall::new(Method::Post, "/dns/v2/zones")
            };
            trial.by_hand(&zone).await;
            let text = |id: &str| {
                format!("name: demo\nsteps:\n  - id: {id}\n    call: {call}\n    body: {body}\n    {on_conflict}\n")
            };
            let end = trial.run(&text("old")).await;
            assert_done(&trial, &end);
            let before = trial.alive();
            // A PUT is refused before it is sent: the preview says so.
            let shown = trial.preview(&text("new"), true);
            assert_eq!(shown[0] == "new* wrong", call.starts_with("PUT"), "{call}: {shown:?}");
            // Pruning `old` would take away what `new` uses.
            let options = RunOptions { prune: true, ..RunOptions::default() };
            let end = trial.run_with(&text("new"), options, std::future::pending()).await;
            assert_eq!(end.finished.exit, Exit::StepFailed, "{call}: {:?}", trial.events);
            assert_eq!(trial.alive(), before, "{call}");
            assert!(
                trial.failures().iter().any(|words| words.contains("`old` of this record has it")),
                "{call}: {:?}",
                trial.failures()
            );
            let moved = format!("{}moved: [{{ from: old, to: new }}]\n", text("new"));
            let end = trial.run(&moved).await;
            assert_done(&trial, &end);
            assert_eq!(trial.alive(), before, "{call}");
        });
    }
}

#[test]
fn the_api_is_asked_again_no_sooner_than_it_says() {
    paused(async {
        for status in [429, 503] {
            let mut trial = Trial::with_faults(&[&format!("status={status}:retry-after=120:POST:networks:1")]);
            let began = tokio::time::Instant::now();
            let end = trial.run(&plan(kind("networks"), 1)).await;
            assert_done(&trial, &end);
            assert!(began.elapsed() >= Duration::from_secs(120), "{status}: {:?}", began.elapsed());
        }
    });
}
