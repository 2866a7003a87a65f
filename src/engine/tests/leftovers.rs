//! What a create leaves behind whose task ends in ERROR: found although lists are late, distinguished from what others
//! made, and named where that is not certain.

use std::time::Duration;

use serde_json::{Value, json};

use super::conditions::{Bystander, Conditions, Log};
use super::harness::{Trial, assert_done, paused};
use super::strangers::{KINDS, ours, plan};
use crate::api::Answer;
use crate::engine::{RunEnd, RunOptions};
use crate::event::Event;
use crate::exit::Exit;
use crate::simulate::{Busy, Durations, Faults, Options};

/// A cloud whose creates end in ERROR after a second, and leave what they were making.
fn trial(lists_late: u64, log: Log, bystanders: &[Bystander]) -> Trial {
    let mut trial = Trial::new(Options {
        durations: Durations::Fixed(Duration::from_secs(1)),
        busy: Busy { lists_late: Duration::from_secs(lists_late), ..Busy::default() },
        faults: Faults::parse(["task-error:POST:leaves"]).unwrap(),
        ..Options::default()
    });
    trial.conditions = Conditions { log, bystanders: bystanders.to_vec(), untimed: true, ..Conditions::default() };
    trial
}

fn call(kind: &str) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map(|(_, call)| *call).unwrap()
}

async fn rolled_back(trial: &mut Trial, kind: &str) -> RunEnd {
    let options = RunOptions { rollback: true, ..RunOptions::default() };
    trial.run_with(&plan(call(kind), 1), options, std::future::pending()).await
}

#[test]
fn what_a_failed_create_left_is_found_when_lists_are_late() {
    paused(async {
        for stamp in [true, false] {
            for kind in ["networks", "volumes", "routers", "floatingips", "images"] {
                let mut trial = trial(5, Log::Closed, &[]);
                trial.stamp = stamp;
                let end = rolled_back(&mut trial, kind).await;
                assert_eq!((end.finished.exit, end.finished.removed), (Exit::StepFailed, 1), "{kind}, stamp {stamp}");
                assert_eq!(trial.alive(), Vec::<String>::new(), "{kind}, stamp {stamp}");
            }
        }
    });
}

/// Lists show it only after the run has ended: the next run, or a destroy, looks again.
#[test]
fn what_a_failed_create_left_is_found_later_when_lists_are_very_late() {
    for again in [false, true] {
        paused(async {
            for kind in ["networks", "volumes"] {
                let mut trial = trial(20, Log::Closed, &[]);
                let end = trial.run(&plan(call(kind), 1)).await;
                assert_eq!(end.finished.exit, Exit::StepFailed, "{kind}: {:?}", trial.failures());
                assert_eq!(trial.alive().len(), 1, "{kind}");
                trial.simulator.lock().unwrap().set_faults(Faults::default());
                if again {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                    let end = trial.run(&plan(call(kind), 1)).await;
                    assert_done(&trial, &end);
                }
                tokio::time::sleep(Duration::from_secs(30)).await;
                assert_eq!(trial.destroy().await.exit, Exit::Done, "{kind}: {:?}", trial.left());
                assert_eq!(trial.alive(), Vec::<String>::new(), "{kind}, again {again}");
            }
        });
    }
}

/// After a quarter of an hour nothing is looked for any more.
#[test]
fn what_a_failed_create_may_have_left_is_looked_for_for_a_quarter_of_an_hour() {
    paused(async {
        let mut trial = trial(0, Log::Closed, &[]);
        trial.simulator.lock().unwrap().set_faults(Faults::parse(["task-error:POST"]).unwrap());
        let text = plan(call("networks"), 1);
        assert_eq!(trial.run(&text).await.finished.exit, Exit::StepFailed);
        let open = |trial: &Trial| trial.status().unanswered().count();
        assert_eq!((open(&trial), trial.destroy().await.exit, open(&trial)), (1, Exit::Done, 1));
        tokio::time::sleep(Duration::from_secs(15 * 60)).await;
        assert_eq!((trial.destroy().await.exit, open(&trial)), (Exit::Done, 0));
    });
}

#[test]
fn what_a_failed_create_left_is_found_in_the_audit_log_where_the_list_names_no_makers() {
    paused(async {
        let mut trial = trial(0, Log::Open, &[Bystander::Before, Bystander::During, Bystander::After]);
        let end = rolled_back(&mut trial, "secrets").await;
        assert_eq!((end.finished.exit, end.finished.removed), (Exit::StepFailed, 1), "{:?}", trial.failures());
        assert!(ours(&trial).is_empty());
        let seen = trial.conditions.seen.lock().unwrap();
        assert!(seen.touched.is_disjoint(&seen.theirs));
    });
}

#[test]
fn what_may_be_another_clients_is_named_until_the_user_decides() {
    paused(async {
        let mut trial = trial(0, Log::Closed, &[Bystander::During]);
        let end = rolled_back(&mut trial, "secrets").await;
        assert_eq!((end.finished.exit, end.finished.removed), (Exit::Unknown, 0), "{:?}", trial.failures());
        trial.events.clear();
        assert_eq!(trial.destroy().await.exit, Exit::TeardownIncomplete);
        let left = ours(&trial).into_iter().next().unwrap();
        let names_it =
            |event: &Event| matches!(event, Event::ResourceLeft { .. }) && format!("{event:?}").contains(&left);
        assert!(trial.events.iter().any(names_it), "{:?}", trial.events);
    });
}

#[test]
fn a_failed_create_that_left_nothing_changed_nothing() {
    paused(async {
        for kind in ["networks", "secrets"] {
            let mut trial = trial(0, Log::Closed, &[]);
            trial.simulator.lock().unwrap().set_faults(Faults::parse(["task-error:POST"]).unwrap());
            let end = rolled_back(&mut trial, kind).await;
            assert_eq!((end.finished.exit, end.finished.removed), (Exit::StepFailed, 0), "{:?}", trial.failures());
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{kind}: {:?}", trial.left());
        }
    });
}

/// The main resource is found by the lists, and so is what the same task made besides.
#[test]
fn what_a_create_made_besides_is_found_when_its_task_names_nothing() {
    let machine = "  - id: web
    call: POST /cloud/v2/instances/{project_id}/{region_id}
    body:
      name: web
      flavor: g2-standard-2-4
      volumes: [{ source: image, image_id: 2f9d5d5e-8c1b-4f0e-9a67-3b1f6c5d8e42, size: 20, boot_index: 0, name: boot }]
      interfaces: [{ type: external }]
";
    let network = "  - id: net
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: net, create_router: true }
";
    for (step, lists_late, named) in
        [(machine, 0, Value::Null), (network, 0, Value::Null), (network, 0, json!({})), (network, 4, Value::Null)]
    {
        paused(async {
            let mut trial = Trial::new(Options {
                busy: Busy { lists_late: Duration::from_secs(lists_late), ..Busy::default() },
                ..Options::default()
            });
            trial.change_answers(move |_, answer| {
                let Ok(mut task) = serde_json::from_slice::<Value>(&answer.body) else { return answer };
                let Some(created) = task.get_mut("created_resources") else { return answer };
                *created = named.clone();
                Answer { body: task.to_string().into_bytes(), ..answer }
            });
            let end = trial.run(&format!("name: demo\nsteps:\n{step}")).await;
            assert_done(&trial, &end);
            assert_eq!(trial.alive().len(), 2, "{:?}", trial.alive());
            assert_eq!(trial.status().owned().count(), 2, "{step}, {lists_late} s");
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
            assert_eq!(trial.alive(), Vec::<String>::new(), "{step}, {lists_late} s");
        });
    }
}
