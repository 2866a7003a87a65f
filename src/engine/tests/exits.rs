//! How runs and teardowns end: what is still begun after a failure, the exit code, the totals, and the outputs on
//! record.

use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{Trial, paused};
use crate::engine::{RunOptions, Signal, Stop};
use crate::event::{Event, RunFinished};
use crate::exit::Exit;
use crate::simulate::{Durations, Options};

const VOLUMES: &str = "/cloud/v1/volumes/1/7";

/// A volume that the answers of a test may refuse, and a group that does not need it.
const TWO: &str = "name: demo\nsteps:\n  - id: disk\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                   body: { name: disk-1, source: new-volume, size: 1 }\n  - id: group\n    \
                   call: POST /cloud/v1/servergroups/{project_id}/{region_id}\n    body: { name: group-1, policy: affinity }\n";

#[test]
fn after_a_failure_others_go_on_unless_the_run_fails_fast_or_nothing_more_will_be_accepted() {
    paused(async {
        let later = "  - id: later\n    needs: group\n    call: POST /cloud/v1/servergroups/{project_id}/{region_id}\n    \
                     body: { name: group-2, policy: affinity }\n";
        for (status, fail_fast, exit, goes_on) in [
            (400, false, Exit::StepFailed, true),
            (400, true, Exit::StepFailed, false),
            (401, false, Exit::NotAllowed, false),
            (403, false, Exit::NotAllowed, true),
        ] {
            let mut trial = Trial::new(Options::default());
            trial.answer_also([(VOLUMES, (status, json!({ "message": "no" })))]);
            let options = RunOptions { fail_fast, ..RunOptions::default() };
            let end = trial.run_with(&format!("{TWO}{later}"), options, std::future::pending()).await;
            let made = trial.alive().contains(&"servergroups group-2".to_owned());
            assert_eq!((end.finished.exit, made), (exit, goes_on), "{status} {fail_fast}: {:?}", trial.failures());
            let (instance, error) = end.failure.unwrap();
            assert_eq!((instance.to_string(), error.status), ("disk".to_owned(), Some(status)));
        }
    });
}

#[test]
fn outputs_are_on_record_without_secrets_and_without_what_has_no_value() {
    paused(async {
        let text = format!(
            "{TWO}outputs:\n  id: \"{{{{ steps.group.id }}}}\"\n  hidden: {{ value: \"{{{{ steps.group.name }}}}\", secret: true }}\n  \
             none: \"{{{{ none }}}}\"\n"
        );
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&text).await;
        assert_eq!(end.finished.exit, Exit::Done, "{:?}", trial.failures());
        let shown = |trial: &Trial| -> Vec<(String, bool, Option<bool>)> {
            let outputs = trial.status().outputs;
            outputs.into_iter().map(|output| (output.name, output.value.is_some(), output.secret)).collect()
        };
        let expected = [("id", true, false), ("hidden", false, true), ("none", false, false)];
        let expected = expected.map(|(name, has_value, secret)| (name.to_owned(), has_value, Some(secret)));
        assert_eq!(shown(&trial), expected);
        // What is on record already is not written again.
        let lines = |trial: &Trial| trial.journal.iter().filter(|&&byte| byte == b'\n').count();
        let before = lines(&trial);
        trial.run(&text).await;
        assert_eq!(lines(&trial), before + 2, "that it began, and that it ended");
        trial.destroy().await;
        assert_eq!(shown(&trial), []);
    });
}

#[test]
fn what_is_secret_in_an_answer_is_hidden_whether_a_step_reads_it_or_not() {
    paused(async {
        for secret in [true, false] {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&format!("{TWO}    secret: {secret}\n")).await;
            assert_eq!(end.finished.exit, Exit::Done, "{:?}", trial.failures());
            assert_eq!(trial.secrets.shows("the group has affinity"), secret);
        }
    });
}

#[test]
fn an_output_without_a_value_fails_a_run_whose_steps_are_done() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let text = format!("{TWO}outputs: {{ id: \"{{{{ steps.group.response.more.than }}}}\" }}\n");
        let end = trial.run(&text).await;
        assert_eq!((end.finished.exit, end.finished.succeeded), (Exit::StepFailed, 2));
        assert_eq!(end.failure.map(|(instance, _)| instance.to_string()), Some("outputs[id]".to_owned()));
        assert!(trial.warnings().contains("output `id` cannot be evaluated"), "{}", trial.warnings());
        // The summary names it in place of a step.
        assert_eq!((end.finished.meaning(), end.finished.missing.len()), ("an output has no value", 1));
        assert!(end.finished.missing[0].contains("output `id` cannot be evaluated"), "{:?}", end.finished.missing);
    });
}

#[test]
fn a_teardown_ends_with_what_is_left_or_with_what_stopped_it() {
    paused(async {
        let of = |finished: &RunFinished| (finished.exit, finished.removed, finished.left);
        for (status, exit) in [(400, Exit::TeardownIncomplete), (403, Exit::NotAllowed)] {
            let mut trial = Trial::new(Options::default());
            trial.run(TWO).await;
            let disk = trial.status().instances[0].made[0].undo.as_ref().unwrap().path.clone();
            trial.answer_also([(disk.as_str(), (status, json!({ "message": "no" })))]);
            assert_eq!(of(&trial.destroy().await), (exit, 1, 1));
            trial.answer_also([]);
            assert_eq!(of(&trial.destroy().await), (Exit::Done, 1, 0));
        }
    });
}

#[test]
fn an_interrupted_run_ends_with_its_signal_and_goes_on_later() {
    paused(async {
        let durations = Durations::Fixed(Duration::from_secs(100));
        for (stop, exit) in [
            (Stop::Interrupt(Signal::Terminate), Exit::Terminated),
            (Stop::OutOfTime, Exit::StillWaiting),
            (Stop::NoNewSteps, Exit::Done),
        ] {
            let mut trial = Trial::new(Options { durations, ..Options::default() });
            let after = async {
                tokio::time::sleep(Duration::from_secs(10)).await;
                stop
            };
            let end = trial.run_with(TWO, RunOptions::default(), after).await;
            assert_eq!(end.finished.exit, exit, "{stop:?}: {:?}", trial.failures());
            let end = trial.run(TWO).await;
            assert_eq!((end.finished.exit, trial.made()["volumes"]), (Exit::Done, 1));
        }
    });
}

#[test]
fn the_last_event_of_a_run_has_its_totals() {
    let finished = paused(async {
        let trial = Trial::new(Options::default());
        let finished = RunFinished {
            exit: Exit::Done,
            succeeded: 1,
            reused: 2,
            failed: 3,
            skipped: 4,
            waiting: 5,
            unknown: 6,
            removed: 7,
            reverted: 8,
            missing: Vec::new(),
            left: 9,
            requests: 10,
            polls: 11,
            elapsed_ms: 12,
            next: None,
        };
        let told = finished.clone();
        let (_, events) = trial.apart(async |context| crate::engine::report_finished(context, told)).await;
        (finished, events)
    });
    let (expected, events) = finished;
    let [Event::RunFinished(told)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(serde_json::to_value(told).unwrap(), serde_json::to_value(&expected).unwrap());
    assert_ne!(serde_json::to_value(told).unwrap(), Value::Null);
}

#[test]
fn a_second_run_reads_only_what_a_step_asks_about() {
    let volume = |more: &str| {
        format!(
            "  - id: it\n    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    \
             body: {{ name: disk-1, source: new-volume, size: 1 }}\n{more}"
        )
    };
    let cluster = |more: &str| {
        format!(
            "  - id: it\n    call: POST /cloud/v2/k8s/clusters/{{project_id}}/{{region_id}}\n    \
             body: {{ name: prod, version: v1.31.0, keypair: key, pools: [{{ name: pool-a, flavor_id: g2-standard-2-4, \
             min_node_count: 1, max_node_count: 1 }}] }}\n{more}"
        )
    };
    for (step, outputs, reads) in [
        (volume(""), "", false),
        (volume(""), "outputs: { status: \"{{ steps.it.resource.status }}\" }\n", true),
        (volume("    fail_when: resource.status == 'error'\n"), "", true),
        (volume("    ready: resource.status != 'error'\n"), "", true),
        (cluster(""), "", false),
        (cluster("    ready: resource.name == 'prod'\n"), "", true),
    ] {
        paused(async {
            let options = Options { unknown_ids: crate::simulate::UnknownIds::Assume, ..Options::default() };
            let mut trial = Trial::new(options);
            let text = format!("name: demo\nsteps:\n{step}{outputs}");
            let end = trial.run(&text).await;
            assert_eq!(end.finished.exit, Exit::Done, "{step}: {:?}", trial.failures());
            trial.requests.lock().unwrap().clear();
            let end = trial.run(&text).await;
            assert_eq!((end.finished.exit, end.finished.reused), (Exit::Done, 1), "{step}");
            let requests = trial.requests.lock().unwrap();
            assert_eq!(!requests.is_empty(), reads, "{step}: {requests:?}");
        });
    }
}
