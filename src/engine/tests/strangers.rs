//! Other clients create the same resources at the same time: ours are created once and none is lost, theirs are not
//! touched.

use std::collections::BTreeSet;
use std::time::Duration;

use super::conditions::{Bystander, Conditions, CreateFault, Log};
use super::death::{Life, Moment, When};
use super::harness::{Trial, assert_done, paused};
use super::reliability::proof::Turns;
use crate::event::Event;
use crate::exit::Exit;
use crate::simulate::{AuditLog, Busy, Options};

/// Kinds whose calls are resolved by tag, by task or by name; `@` is the id that the first step creates.
pub const KINDS: [(&str, &str); 10] = [
    ("networks", "POST /cloud/v1/networks/{project_id}/{region_id}|name: twin, create_router: false"),
    ("volumes", "POST /cloud/v1/volumes/{project_id}/{region_id}|name: twin, source: new-volume, size: 1"),
    ("floatingips", "POST /cloud/v1/floatingips/{project_id}/{region_id}|{}"),
    ("reserved_fixed_ips", "POST /cloud/v1/reserved_fixed_ips/{project_id}/{region_id}|type: external"),
    ("routers", "POST /cloud/v1/routers/{project_id}/{region_id}|name: twin"),
    ("servergroups", "POST /cloud/v1/servergroups/{project_id}/{region_id}|name: twin, policy: affinity"),
    ("security_groups", "POST /cloud/v1/securitygroups/{project_id}/{region_id}|security_group: { name: twin }"),
    (
        "secrets",
        "POST /cloud/v2/secrets/{project_id}/{region_id}|name: twin, payload: { certificate: c, certificate_chain: c, private_key: k }",
    ),
    (
        "lifecycle_policies",
        "POST /cloud/v1/lifecycle_policy/{project_id}/{region_id}|name: twin, action: volume_snapshot",
    ),
    (
        "images",
        "POST /cloud/v1/downloadimage/{project_id}/{region_id}|name: twin, url: \"https://example.com/i.qcow2\"",
    ),
];

pub fn plan(call: &str, copies: usize) -> String {
    let (call, body) = call.split_once('|').unwrap();
    let body = if body.starts_with('{') { body.to_owned() } else { format!("{{ {body} }}") };
    format!(
        "name: demo\nsteps:\n  - id: thing\n    for_each: \"{{{{ range({copies}) }}}}\"\n    call: {call}\n    body: {body}\n"
    )
}

/// Ids of all existing resources that other clients did not create.
pub fn ours(trial: &Trial) -> BTreeSet<String> {
    let simulator = trial.simulator.lock().unwrap();
    // The rules of a security group are created and deleted with it.
    let things = simulator.everything().into_iter().filter(|held| held.kind != "security_group_rules");
    let all: BTreeSet<String> = things.map(|held| held.id).collect();
    all.difference(&trial.conditions.seen.lock().unwrap().theirs).cloned().collect()
}

/// Asserts that no resource of another client is gone or was mentioned in our writes.
fn assert_theirs_untouched(trial: &Trial, label: &str) {
    let simulator = trial.simulator.lock().unwrap();
    let all: BTreeSet<String> = simulator.everything().into_iter().map(|held| held.id).collect();
    let seen = trial.conditions.seen.lock().unwrap();
    assert!(seen.theirs.is_subset(&all), "{label}: something of theirs is gone");
    assert!(seen.touched.is_disjoint(&seen.theirs), "{label}: a write was about a resource of theirs");
}

/// Runs until the plan is complete or the outcome unknown, then destroys. Returns whether it was complete.
pub async fn live_through(label: &str, trial: &mut Trial, text: &str, copies: usize) -> bool {
    let mut exit = trial.run(text).await.finished.exit;
    for _ in 0..2 {
        if exit == Exit::Done {
            break;
        }
        tokio::time::sleep(Duration::from_secs(300)).await;
        exit = trial.run(text).await.finished.exit;
    }
    let failures = trial.failures();
    assert!(matches!(exit, Exit::Done | Exit::Unknown), "{label}: {exit:?} {failures:?}");
    let made = ours(trial);
    match exit {
        Exit::Done => assert_eq!(made.len(), copies, "{label}: made {made:?}"),
        _ => assert!(made.len() <= copies, "{label}: made {made:?}, {failures:?}"),
    }
    assert_theirs_untouched(trial, label);
    let destroyed = trial.destroy().await.exit;
    assert_theirs_untouched(trial, label);
    let left = ours(trial);
    if exit == Exit::Done {
        assert_eq!((destroyed, left.len()), (Exit::Done, 0), "{label}: {left:?}");
    } else {
        // Resources that are left are reported, with the candidates.
        let named = trial.events.iter().any(|event| matches!(event, Event::ResourceLeft { .. }));
        assert!(left.is_empty() || (destroyed == Exit::TeardownIncomplete && named), "{label}: {destroyed:?} {left:?}");
    }
    exit == Exit::Done
}

/// A run whose first call failed, killed while it resolves the outcome.
async fn killed_after_a_second(trial: &mut Trial, text: &str) {
    let life = Life::until(When::Never);
    let killer = life.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        killer.die();
    });
    let killed = trial.run_until(&Trial::plan("plan.yaml", text), &life).await;
    assert!(killed.is_none(), "it should still be looking");
}

const FATES: [CreateFault; 4] = [
    CreateFault::NeverArrives,
    CreateFault::AnswerLost,
    CreateFault::Late(Duration::from_millis(2600)),
    CreateFault::HeadOnly,
];
const BYSTANDERS: [&[Bystander]; 5] = [
    &[],
    &[Bystander::Before],
    &[Bystander::During],
    &[Bystander::After],
    &[Bystander::Before, Bystander::During, Bystander::After],
];

#[test]
fn with_an_open_audit_log_every_candidate_is_attributed() {
    paused(async {
        let mut turns = Turns::every(7);
        for (kind, call) in KINDS {
            for fate in FATES {
                for bystanders in BYSTANDERS {
                    for (late, stamp) in [(0, true), (0, false), (45, false)] {
                        if !turns.take() {
                            continue;
                        }
                        let label = format!("{kind}, {fate:?}, {bystanders:?}, log {late} s late, stamp {stamp}");
                        let mut trial = Trial::new(Options {
                            busy: Busy { audit: AuditLog::Late(Duration::from_secs(late)), ..Busy::default() },
                            ..Options::default()
                        });
                        trial.conditions = Conditions {
                            fates: vec![fate],
                            bystanders: bystanders.to_vec(),
                            untimed: true,
                            tasks_late: Duration::from_secs(3),
                            ..Conditions::default()
                        };
                        trial.stamp = stamp;
                        assert!(
                            live_through(&label, &mut trial, &plan(call, 1), 1).await,
                            "{label}: {:?}",
                            trial.failures()
                        );
                    }
                }
            }
        }
    });
}

#[test]
fn with_a_closed_audit_log_nothing_is_claimed_without_evidence() {
    paused(async {
        let mut turns = Turns::every(7);
        let (mut through, mut tried, mut expected) = (0, 0, 0);
        let mut stamped = 0;
        for (kind, call) in KINDS {
            for fate in FATES {
                for bystanders in BYSTANDERS {
                    for (stamp, takes_traces) in [(true, false), (false, false), (false, true)] {
                        if !turns.take() {
                            continue;
                        }
                        let by_tag = stamp && ["networks", "volumes", "floatingips"].contains(&kind);
                        let label = format!("{kind}, {fate:?}, {bystanders:?}, stamp {stamp}, traces {takes_traces}");
                        let mut trial = Trial::new(Options::default());
                        trial.conditions = Conditions {
                            fates: vec![fate],
                            bystanders: bystanders.to_vec(),
                            log: Log::Closed,
                            tasks_late: Duration::from_secs(3),
                            untimed: true,
                            takes_traces,
                            ..Conditions::default()
                        };
                        trial.stamp = stamp;
                        let done = live_through(&label, &mut trial, &plan(call, 1), 1).await;
                        through += usize::from(done);
                        tried += 1;
                        stamped += usize::from(done && by_tag);
                        expected += usize::from(by_tag);
                        // A request id identifies every task, without tag and audit log.
                        let by_task = !["servergroups", "security_groups", "lifecycle_policies"].contains(&kind);
                        assert!(done || !(takes_traces && by_task), "{label}: {:?}", trial.failures());
                    }
                }
            }
        }
        assert_eq!(stamped, expected, "a tag tells everything apart");
        assert!(expected > 0 && through * 5 > tried * 2, "{through} of {tried}");
    });
}

#[test]
fn two_lost_creates_with_one_name_stay_two_resources() {
    paused(async {
        let mut turns = Turns::every(3);
        for (kind, call) in KINDS {
            for fate in
                [CreateFault::AnswerLost, CreateFault::NeverArrives, CreateFault::Late(Duration::from_millis(1300))]
            {
                if !turns.take() {
                    continue;
                }
                let label = format!("{kind}, {fate:?}");
                let mut trial = Trial::new(Options::default());
                trial.conditions = Conditions {
                    fates: vec![fate, CreateFault::AnswerLost],
                    tasks_late: Duration::from_secs(3),
                    ..Conditions::default()
                };
                assert!(live_through(&label, &mut trial, &plan(call, 2), 2).await, "{label}: {:?}", trial.failures());
            }
        }
    });
}

/// A CI job is cancelled while its requests are in flight, and the next one runs at once.
#[test]
fn a_cancelled_job_creates_nothing_twice() {
    paused(async {
        let mut turns = Turns::every(3);
        for (kind, call) in KINDS {
            for copies in [2, 3] {
                if !turns.take() {
                    continue;
                }
                let label = format!("{kind}, {copies} copies");
                let mut trial = Trial::new(Options::default());
                let late = [2600, 1300, 1900].map(|after| CreateFault::Late(Duration::from_millis(after)));
                trial.conditions = Conditions { fates: late.to_vec(), ..Conditions::default() };
                let text = plan(call, copies);
                killed_after_a_second(&mut trial, &text).await;
                tokio::time::sleep(Duration::from_millis(600)).await;
                assert!(live_through(&label, &mut trial, &text, copies).await, "{label}: {:?}", trial.failures());
            }
        }
    });
}

#[test]
fn an_answer_without_tasks_and_id_is_no_success() {
    paused(async {
        let mut turns = Turns::every(5);
        for (kind, call) in KINDS {
            for fate in [
                CreateFault::Instead(200, ""),
                CreateFault::Instead(200, "{}"),
                CreateFault::Instead(201, "null"),
                CreateFault::Instead(200, "{\"tasks\": []}"),
                CreateFault::Instead(200, "{\"tasks\": [\"t"),
                CreateFault::HeadOnly,
            ] {
                if !turns.take() {
                    continue;
                }
                let label = format!("{kind}, {fate:?}");
                let mut trial = Trial::new(Options::default());
                trial.conditions = Conditions { fates: vec![fate], ..Conditions::default() };
                assert!(live_through(&label, &mut trial, &plan(call, 1), 1).await, "{label}: {:?}", trial.failures());
                let mut blind = Trial::new(Options::default());
                blind.stamp = false;
                blind.conditions = Conditions { fates: vec![fate], log: Log::Closed, ..Conditions::default() };
                live_through(&format!("{label}, blind"), &mut blind, &plan(call, 1), 1).await;
                assert_eq!(
                    ours(&blind).len() + blind.conditions.seen.lock().unwrap().touched.len().min(1),
                    1,
                    "{label}"
                );
            }
        }
    });
}

#[test]
fn clocks_30_s_apart_create_nothing_twice() {
    paused(async {
        let mut turns = Turns::every(4);
        for (kind, call) in KINDS {
            for ahead in [30, -30] {
                for moment in [Moment::Acted, Moment::Late, Moment::BeforeSending] {
                    if !turns.take() {
                        continue;
                    }
                    let label = format!("{kind}, {ahead} s, {moment:?}");
                    let mut trial = Trial::new(Options {
                        busy: Busy { audit: AuditLog::Late(Duration::from_secs(20)), ..Busy::default() },
                        ..Options::default()
                    });
                    trial.ahead = jiff::SignedDuration::from_secs(ahead);
                    let text = plan(call, 1);
                    // The first request is the write, or the read before it.
                    let plan = Trial::plan("plan.yaml", &text);
                    let intended = |trial: &Trial| trial.status().instances.values().any(|known| known.attempts > 0);
                    for nth in 1..6 {
                        trial.run_until(&plan, &Life::until(When::Request { nth, moment })).await;
                        if intended(&trial) {
                            break;
                        }
                    }
                    assert!(intended(&trial), "{label}");
                    trial.ahead = jiff::SignedDuration::ZERO;
                    tokio::time::sleep(Duration::from_millis(600)).await;
                    assert!(live_through(&label, &mut trial, &text, 1).await, "{label}: {:?}", trial.failures());
                }
            }
        }
    });
}

#[test]
fn a_task_of_another_attempt_is_released_and_the_search_continues() {
    paused(async {
        let (_, call) = KINDS[1];
        let text = plan(call, 1);
        let mut trial = Trial::new(Options::default());
        trial.conditions = Conditions {
            fates: vec![CreateFault::Late(Duration::from_secs(3))],
            bystanders: vec![Bystander::Before],
            ..Conditions::default()
        };
        killed_after_a_second(&mut trial, &text).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let theirs = trial.simulator.lock().unwrap().tasks()[0]["id"].as_str().unwrap().to_owned();
        trial.record(crate::journal::Record::Accepted {
            instance: crate::id::InstanceId::new(crate::id::StepId::new("thing"), Some("0".to_owned())),
            tasks: vec![theirs.clone()],
            recovered: true,
            status: None,
            evidence: Some(crate::journal::Evidence::Decision),
        });
        let writes = trial.writes();
        let end = trial.run(&text).await;
        assert_done(&trial, &end);
        assert_eq!((ours(&trial).len(), trial.writes()), (1, writes), "found, not made anew");
        assert!(!trial.status().tasks.contains(&theirs));
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_theirs_untouched(&trial, "given back");
    });
}

#[test]
fn a_resource_of_another_record_is_not_ours() {
    paused(async {
        let (_, call) = KINDS[4];
        for known in [false, true] {
            let mut trial = Trial::new(Options::default());
            trial.conditions =
                Conditions { fates: vec![CreateFault::NeverArrives], log: Log::Closed, ..Conditions::default() };
            let text = plan(call, 1);
            killed_after_a_second(&mut trial, &text).await;
            // Another environment creates a router of the same name, half a second later.
            let first = trial.another_record();
            let end = trial.run(&text).await;
            assert_done(&trial, &end);
            let other = std::mem::replace(&mut trial.journal, first);
            if known {
                let lines: Vec<_> = String::from_utf8(other)
                    .unwrap()
                    .lines()
                    .map(|line| crate::journal::Line::decode(line).unwrap())
                    .collect();
                trial.other_records = vec![("another".to_owned(), crate::journal::Status::of(lines).unwrap())];
            }
            let end = trial.run(&text).await;
            let expected = if known { (Exit::Done, 2) } else { (Exit::Unknown, 1) };
            assert_eq!((end.finished.exit, trial.made()["routers"]), expected, "{:?}", trial.failures());
            trial.destroy().await;
            assert_eq!(trial.alive(), ["routers twin"]);
        }
    });
}

/// `DELETE` steps: after a refused attempt a 404 is a failure, after a lost answer it is success.
#[test]
fn a_wrong_id_is_refused_every_time() {
    paused(async {
        let text = "name: demo\nsteps:\n  - id: gone\n    call: DELETE /cloud/v1/volumes/{project_id}/{region_id}/\
                    00000000-0000-4000-8000-000000000000\n";
        let mut trial = Trial::new(Options::default());
        for _ in 0..3 {
            assert_eq!(trial.run(text).await.finished.exit, Exit::StepFailed);
        }
        let mut trial = Trial::with_faults(&["reset:DELETE:1"]);
        let end = trial.run(text).await;
        assert_done(&trial, &end);
    });
}

/// An undo by POST: sent twice it would create two.
pub const SNAPSHOT: &str = "name: demo\nsteps:\n  - id: vol\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                        body: { name: vol, source: new-volume, size: 1 }\n    undo:\n      \
                        call: POST /cloud/v1/snapshots/{project_id}/{region_id}\n      \
                        body: { name: last-look, volume_id: \"{{ self.id }}\" }\n";

#[test]
fn a_non_idempotent_undo_acts_once() {
    paused(async {
        let answers = [
            CreateFault::AnswerLost,
            CreateFault::HeadOnly,
            CreateFault::NeverArrives,
            CreateFault::Late(Duration::from_secs(3)),
        ];
        for (first, second) in answers.into_iter().flat_map(|first| answers.map(|second| (first, second))) {
            for log in [Log::Open, Log::Closed] {
                let label = format!("{first:?}, {second:?}, log {log:?}");
                let mut trial = Trial::new(Options::default());
                trial.conditions = Conditions {
                    fates: vec![CreateFault::Answered, first, second],
                    tasks_late: Duration::from_secs(2),
                    takes_traces: log == Log::Closed,
                    log,
                    ..Conditions::default()
                };
                let end = trial.run(SNAPSHOT).await;
                assert_done(&trial, &end);
                assert_eq!(trial.destroy().await.exit, Exit::Done, "{label}");
                assert_eq!(trial.made()["snapshots"], 1, "{label}");
            }
        }
    });
}

#[test]
fn a_non_idempotent_undo_killed_anywhere_acts_once() {
    paused(async {
        for moment in Moment::ALL {
            for nth in 1..5 {
                let mut trial = Trial::new(Options::default());
                let end = trial.run(SNAPSHOT).await;
                assert_done(&trial, &end);
                trial.destroy_until(&Life::until(When::Request { nth, moment })).await;
                assert_eq!(trial.destroy().await.exit, Exit::Done, "{moment:?} of request {nth}");
                assert_eq!(trial.made()["snapshots"], 1, "{moment:?} of request {nth}");
            }
        }
    });
}

#[test]
fn an_undo_with_an_unknown_outcome_is_not_repeated() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.conditions = Conditions {
            fates: vec![CreateFault::Answered, CreateFault::AnswerLost],
            log: Log::Closed,
            ..Conditions::default()
        };
        trial.stamp = false;
        let end = trial.run(SNAPSHOT).await;
        assert_done(&trial, &end);
        for _ in 0..3 {
            assert_eq!(trial.destroy().await.exit, Exit::TeardownIncomplete);
            assert_eq!(trial.made()["snapshots"], 1);
        }
        trial.conditions.log = Log::Open;
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.made()["snapshots"], 1);
    });
}

/// A resource that an earlier version attributed by likeness, without recorded evidence.
#[test]
fn a_resource_attributed_by_likeness_is_kept_unless_it_has_our_tag() {
    paused(async {
        for stamp in [false, true] {
            let mut trial = Trial::new(Options::default());
            trial.stamp = stamp;
            let (_, call) = KINDS[0];
            let end = trial.run(&plan(call, 1)).await;
            assert_done(&trial, &end);
            trial.rewrite(|record| {
                if let crate::journal::Record::Succeeded(done) = record {
                    done.provenance = crate::event::Provenance::Recovered;
                }
            });
            let destroyed = trial.destroy().await;
            let named = trial
                .events
                .iter()
                .any(|event| matches!(event, Event::ResourceLeft { error, .. } if error.message.contains("likeness")));
            let expected = if stamp { (Exit::Done, 0) } else { (Exit::TeardownIncomplete, 1) };
            assert_eq!((destroyed.exit, trial.alive().len()), expected, "stamp {stamp}");
            assert_eq!(named, !stamp);
        }
    });
}
