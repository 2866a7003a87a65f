//! What no undo takes away: what was adopted, what a PUT found there, what the plan keeps. A preview announces neither
//! its removal nor a second one beside it, because a run makes neither.

use serde_json::json;

use super::harness::{Trial, assert_done, paused};
use super::preview::Asked;
use crate::catalog::Method;
use crate::engine::{ChangeCounts, ReplaceBlocker};
use crate::exit::Exit;
use crate::journal::RecordedCall;
use crate::simulate::Options;

const VOLUMES: &str = "/cloud/v1/volumes/1/7";
const OTHER: &str = "  - id: other\n    call: POST /cloud/v1/ssh_keys/{project_id}\n    body: { name: other }\n";

fn volume(more: &str) -> String {
    format!(
        "  - id: it\n    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    \
         body: {{ name: disk, source: new-volume, size: 5 }}\n{more}"
    )
}

fn record_set() -> String {
    "  - id: it\n    call: PUT /dns/v2/zones/s.example/www.s.example/A\n    \
     body: { ttl: 300, resource_records: [{ content: [\"192.0.2.1\"] }] }\n"
        .to_owned()
}

fn plan(steps: &str) -> String {
    format!("name: demo\nsteps:\n{steps}{OTHER}")
}

async fn by_another(trial: &Trial, path: &str, body: serde_json::Value) {
    trial.by_hand(&RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, path) }).await;
}

/// A run of a step that has something which no undo takes away, by the name of the case.
async fn with(case: &str) -> (Trial, String) {
    let mut trial = Trial::new(Options::default());
    let step = match case {
        "kept" => volume("    undo: none\n"),
        "adopted" => {
            by_another(&trial, VOLUMES, json!({ "name": "disk", "source": "new-volume", "size": 5 })).await;
            volume("    adopt: { name: disk }\n")
        }
        _ => {
            by_another(&trial, "/dns/v2/zones", json!({ "name": "s.example" })).await;
            let before = json!({ "ttl": 60, "resource_records": [{ "content": ["203.0.113.9"] }] });
            by_another(&trial, "/dns/v2/zones/s.example/www.s.example/A", before).await;
            record_set()
        }
    };
    let end = trial.run(&plan(&step)).await;
    assert_done(&trial, &end);
    (trial, step)
}

#[test]
fn a_prune_that_removes_nothing_is_not_shown_as_a_removal() {
    paused(async {
        for case in ["kept", "adopted", "found by a PUT"] {
            let (mut trial, _) = with(case).await;
            let prune = Asked { prune: true, ..Asked::default() };
            let (shown, _) = trial.previewed(&plan(""), &prune);
            assert_eq!(ChangeCounts::of(&shown).words(), "1 to forget", "{case}");
            let shown = serde_json::to_value(shown.last().unwrap()).unwrap();
            let words = [&shown["pruned"], &shown["forgotten"], &shown["stays"][0]["why"]];
            assert_eq!(words, [&json!(false), &json!(true), &json!("it has no undo")], "{case}");
            let (alive, deleted) = (trial.alive(), trial.sent(Method::Delete, ""));
            // Without `--prune` it is told as well that there is nothing to take down.
            let end = trial.run(&plan("")).await;
            assert_done(&trial, &end);
            let told = "kept: `it`; `--prune` takes it off the record, and leaves its resource";
            assert!(trial.warnings().contains(told), "{case}: {}", trial.warnings());
            let end = trial.asked(&plan(""), &prune).await;
            assert_done(&trial, &end);
            assert_eq!(end.finished.removed, 0, "{case}");
            assert_eq!((trial.alive(), trial.sent(Method::Delete, "")), (alive, deleted), "{case}");
            assert_eq!(trial.preview(&plan(""), true), ["other keep"], "{case}");
        }
    });
}

#[test]
fn what_stays_is_not_replaced_by_a_second_one_beside_it() {
    paused(async {
        for case in ["kept", "adopted"] {
            let (mut trial, step) = with(case).await;
            let shrunk =
                plan(&step.replace("size: 5", "size: 3").replace("    body", "    on_change: replace\n    body"));
            let replace = Asked { replace: &["it"], ..Asked::default() };
            for (text, asked) in [(plan(&step), replace), (shrunk, Asked::default())] {
                assert_eq!(
                    trial.bar_of(&text, &asked, "it"),
                    Some(("it".to_owned(), ReplaceBlocker::Itself)),
                    "{case}"
                );
                let writes = trial.writes();
                let end = trial.asked(&text, &asked).await;
                assert_eq!((end.finished.exit, trial.writes()), (Exit::StepFailed, writes), "{case}");
                let (_, error) = end.failure.unwrap();
                let told = "it cannot be replaced: it has no undo, and a second one would be created beside it";
                assert_eq!(error.message, told, "{case}");
            }
            // It is on record as before.
            assert_eq!(trial.preview(&plan(&step), false), ["it keep", "other keep"], "{case}");
        }
    });
}

/// Nothing is deleted first: the same call overwrites it.
#[test]
fn what_a_put_found_there_is_overwritten_again() {
    paused(async {
        let (mut trial, step) = with("found by a PUT").await;
        let replace = Asked { replace: &["it"], ..Asked::default() };
        assert_eq!(trial.preview_of(&plan(&step), &replace), ["it* change rerun", "other keep"]);
        let (writes, deleted) = (trial.writes(), trial.sent(Method::Delete, ""));
        let end = trial.asked(&plan(&step), &replace).await;
        assert_done(&trial, &end);
        assert_eq!((trial.writes(), trial.sent(Method::Delete, "")), (writes + 1, deleted));
        // It still is another client's.
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert!(trial.alive().iter().any(|one| one.contains("www.s.example")), "{:?}", trial.alive());
    });
}
