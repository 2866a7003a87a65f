//! What must not pass for the end of a call or of a removal, in a run and in a teardown.

use std::time::Duration;

use serde_json::json;

use super::conditions::{Conditions, CreateFault, Log};
use super::death::{Life, When};
use super::harness::{Trial, assert_done, paused};
use super::takedown::last_look;
use crate::api::Answer;
use crate::catalog::Method;
use crate::engine::RunOptions;
use crate::exit::Exit;
use crate::journal::{Record, RecordedCall};
use crate::simulate::{Busy, Options};

const PLACE: &str = "{project_id}/{region_id}";

fn disk(size: u64) -> String {
    format!(
        "name: demo\nsteps:\n  - id: disk\n    call: POST /cloud/v1/volumes/{PLACE}\n    \
         body: {{ name: disk, source: new-volume, size: {size} }}\n"
    )
}

#[test]
fn an_undo_by_post_acts_once_wherever_its_command_is_cut_off() {
    paused(async {
        let mut cuts = 0;
        for kept in 0.. {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&last_look()).await;
            assert_done(&trial, &end);
            if trial.destroy_until(&Life::until(When::Records { kept, torn: false })).await.is_some() {
                break;
            }
            cuts += 1;
            assert_eq!(trial.destroy().await.exit, Exit::Done, "cut after {kept} records: {:?}", trial.left());
            assert_eq!(trial.made()["snapshots"], 1, "cut after {kept} records");
        }
        assert!(cuts >= 3, "{cuts}");
    });
}

#[test]
fn a_removal_whose_task_ends_in_error_is_not_done() {
    paused(async {
        let mut trial = Trial::with_faults(&["task-error:DELETE:volumes"]);
        let end = trial.run(&disk(1)).await;
        assert_done(&trial, &end);
        let torn = trial.destroy().await;
        assert_eq!((torn.exit, torn.left), (Exit::TeardownIncomplete, 1));
        assert_eq!(trial.alive().len(), trial.status().existing().count());
    });
}

/// A 500 does not say that the call was not carried out.
#[test]
fn a_create_that_was_answered_with_500_is_looked_for() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.conditions =
            Conditions { fates: vec![CreateFault::Instead(500, "{}")], log: Log::Closed, ..Conditions::default() };
        let end = trial.run(&disk(1)).await;
        assert_done(&trial, &end);
        assert_eq!(trial.made()["volumes"], 1);
    });
}

#[test]
fn a_change_with_an_unreadable_answer_is_waited_for() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&disk(1)).await;
        assert_done(&trial, &end);
        trial.change_answers(|request, answer| match request.path.ends_with("/extend") {
            true => Answer { body: b"<html>".to_vec(), ..answer },
            false => answer,
        });
        let end = trial.run(&disk(2)).await;
        assert_done(&trial, &end);
        assert_eq!(trial.read("/cloud/v1/volumes/1/7")["results"][0]["size"], json!(2));
    });
}

#[test]
fn a_delete_without_an_answer_is_sent_again() {
    paused(async {
        let plan = format!(
            "{}    undo: none\n  - id: gone\n    call: DELETE /cloud/v1/volumes/{PLACE}/{{{{ steps.disk.id }}}}\n",
            disk(1)
        );
        let mut trial = Trial::with_faults(&["reset:DELETE:volumes:1"]);
        let end = trial.run(&plan).await;
        assert_done(&trial, &end);
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

#[test]
fn no_call_is_sent_again_after_another_step_has_failed_fast() {
    paused(async {
        let plan = format!(
            "name: demo\nsteps:\n  - id: net\n    call: POST /cloud/v1/networks/{PLACE}\n    body: {{ name: web, create_router: false }}\n    retry: {{ attempts: 9, on: [418] }}\n  \
             - id: bad\n    call: POST /cloud/v1/subnets/{PLACE}\n    body: {{ name: sub, network_id: 00000000-0000-4000-8000-000000000000, cidr: 10.0.0.0/24 }}\n"
        );
        let mut trial = Trial::with_faults(&["status=418:POST:networks:1"]);
        let options = RunOptions { fail_fast: true, ..RunOptions::default() };
        let end = trial.run_with(&plan, options, std::future::pending()).await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        assert_eq!(trial.alive(), Vec::<String>::new(), "{:?}", trial.failures());
    });
}

#[test]
fn an_undo_that_cannot_be_meant_is_not_sent() {
    paused(async {
        let secret = RecordedCall {
            body: Some(json!({ "name": format!("secret:{}", "0".repeat(64)) }).into()),
            ..RecordedCall::new(Method::Patch, "/cloud/v1/volumes/1/7/726ecfcc-7fd0-4e30-a86e-7892524aa483")
        };
        for undo in [secret, RecordedCall::new(Method::Post, "/iam/tokens")] {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&disk(1)).await;
            assert_done(&trial, &end);
            trial.rewrite(|record| {
                if let Record::Succeeded(done) = record {
                    done.made.undo = Some(undo.clone());
                }
            });
            let writes = trial.writes();
            let torn = trial.destroy().await;
            assert_eq!((torn.exit, trial.writes() - writes), (Exit::TeardownIncomplete, 0), "{undo}");
        }
    });
}

/// Without the server's time in the intent, what is ten minutes old could be its work.
#[test]
fn what_is_older_than_the_servers_time_of_the_intent_is_not_its_work() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let router = RecordedCall {
            body: Some(json!({ "name": "web" }).into()),
            ..RecordedCall::new(Method::Post, "/cloud/v1/routers/1/7")
        };
        trial.begun_by_hand(&router).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        trial.conditions =
            Conditions { fates: vec![CreateFault::NeverArrives], log: Log::Closed, ..Conditions::default() };
        let end = trial
            .run(&format!(
                "name: demo\nsteps:\n  - id: router\n    call: POST /cloud/v1/routers/{PLACE}\n    \
                           body: {{ name: web }}\n"
            ))
            .await;
        assert_done(&trial, &end);
    });
}

/// Two runners without a common record, and lists so late that the second saw nothing of the first one's work.
#[test]
fn what_another_run_made_without_this_record_is_named_at_the_end() {
    paused(async {
        for (runs, lists_late, exit) in [(1, 20, Exit::Done), (2, 20, Exit::Unknown), (2, 0, Exit::Unknown)] {
            let busy = Busy { lists_late: Duration::from_secs(lists_late), ..Busy::default() };
            let mut trial = Trial::new(Options { busy, ..Options::default() });
            for run in 1..=runs {
                trial.lose_the_record();
                let options = RunOptions { for_the_job: true, ..RunOptions::default() };
                let end = trial.run_with(&disk(1), options, std::future::pending()).await;
                let expected = if run == 1 { Exit::Done } else { exit };
                assert_eq!(end.finished.exit, expected, "{runs} runs, {lists_late} s: {:?}", trial.failures());
            }
            let named = trial.failures().iter().filter(|words| words.contains("is on no record")).count();
            assert_eq!((named, trial.alive().len()), (runs - 1, runs));
        }
    });
}
