//! A create is refused because of what exists, which an earlier attempt without an answer may have made: every later command
//! knows that, and no list shows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use super::conditions::{CreateFault, Log};
use super::death::{Life, When};
use super::harness::{Trial, assert_done, paused};
use super::strangers::ours;
use crate::catalog::Method;
use crate::event::{EffectKnown, ErrorClass, Event, StepError};
use crate::exit::Exit;
use crate::journal::{Phase, Record, RecordedCall};
use crate::simulate::Options;

const KEY: &str =
    "name: demo\nsteps:\n  - id: key\n    call: POST /cloud/v1/ssh_keys/{project_id}\n    body: { name: mine }\n";

/// A run that was killed after the API had made its key.
async fn killed(shown: &Arc<AtomicBool>) -> Trial {
    let mut trial = Trial::new(Options::default());
    trial.conditions.log = Log::Closed;
    trial.conditions.fates = vec![CreateFault::AnswerLost];
    let shown = shown.clone();
    trial.change_answers(move |request, mut answer| {
        let is_list = request.method == Method::Get && request.path.starts_with("/cloud/v1/ssh_keys");
        if is_list && !shown.load(Ordering::SeqCst) {
            answer.body = json!({ "count": 0, "results": [] }).to_string().into_bytes();
        }
        answer
    });
    let life = Life::until(When::Never);
    let killer = life.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        killer.die();
    });
    assert!(trial.run_until(&Trial::plan("plan.yaml", KEY), &life).await.is_none(), "it should still be looking");
    trial
}

/// Destroys, and asserts that the key is left, and named with the command that decides.
async fn assert_left(trial: &mut Trial, label: &str) {
    trial.events.clear();
    let exit = trial.destroy().await.exit;
    assert_eq!((exit, ours(trial).len()), (Exit::TeardownIncomplete, 1), "{label}");
    let named = |error: &StepError| {
        error.message.contains("SSH key `mine`") && error.help.iter().any(|help| help.contains("plan state resolve"))
    };
    let left = |event: &Event| matches!(event, Event::ResourceLeft { error, .. } if named(error));
    assert!(trial.events.iter().any(left), "{label}: {:?}", trial.events);
}

/// Decides, as `plan state resolve --not-applied` does.
fn decide(trial: &mut Trial) {
    let (instance, known) = trial.status().instances.into_iter().next().unwrap();
    if known.phase == Phase::InDoubt {
        let error = StepError::new(EffectKnown::NotApplied, ErrorClass::Unknown, "decided");
        trial.record(Record::NotApplied { instance: instance.clone(), error, unanswered: false });
    }
    for earlier in &known.earlier {
        let (instance, attempt) = (instance.clone(), earlier.intent.attempt);
        trial.record(Record::Resolved { instance, attempt, tasks: Vec::new(), made: None });
    }
}

#[test]
fn what_a_refused_attempt_tells_of_an_earlier_one_is_known_to_every_later_command() {
    let adopts = format!("{KEY}    on_conflict: adopt\n");
    let renamed = KEY.replace("mine", "other");
    let departed = "name: demo\nsteps:\n  - id: disk\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                    body: { name: disk, source: new-volume, size: 1 }\n";
    paused(async {
        for later in ["", KEY, adopts.as_str(), renamed.as_str(), departed] {
            let mut trial = killed(&Arc::default()).await;
            let end = trial.run(KEY).await;
            assert_eq!(end.finished.exit, Exit::Unknown, "{:?}", trial.failures());
            if !later.is_empty() {
                let exit = trial.run(later).await.finished.exit;
                assert_eq!(exit, Exit::Unknown, "{later}: {:?}", trial.failures());
            }
            assert_left(&mut trial, later).await;
            // It is there, however long ago the attempt was.
            tokio::time::sleep(Duration::from_mins(30)).await;
            assert_left(&mut trial, later).await;
            decide(&mut trial);
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{later}");
        }
    });
}

#[test]
fn a_run_that_dies_after_the_refusal_leaves_that_to_the_teardown() {
    paused(async {
        let shown = Arc::default();
        let mut trial = killed(&shown).await;
        // Started, the intent, the refusal with what it tells.
        let life = Life::until(When::Records { kept: 5, torn: false });
        assert!(trial.run_until(&Trial::plan("plan.yaml", KEY), &life).await.is_none());
        assert_left(&mut trial, "hidden").await;
        // The audit log names the attempt, and the list shows the key by now.
        shown.store(true, Ordering::SeqCst);
        trial.conditions.log = Log::Open;
        assert_eq!((trial.destroy().await.exit, ours(&trial).len()), (Exit::Done, 0));
    });
}

#[test]
fn nothing_stands_in_the_way_of_a_call_that_succeeds() {
    paused(async {
        let mut trial = killed(&Arc::default()).await;
        assert_eq!(trial.run(KEY).await.finished.exit, Exit::Unknown);
        let id = ours(&trial).into_iter().next().unwrap();
        trial.by_hand(&RecordedCall::new(Method::Delete, format!("/cloud/v1/ssh_keys/1/{id}"))).await;
        let end = trial.run(KEY).await;
        assert_done(&trial, &end);
        assert_eq!((trial.destroy().await.exit, ours(&trial).len()), (Exit::Done, 0));
    });
}
