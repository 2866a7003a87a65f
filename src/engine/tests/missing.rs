//! What was found gone and is not in the plan any more: nothing makes it again, and the next run takes it off the record.

use super::harness::{Trial, assert_done, paused};
use super::preview::Asked;
use crate::catalog::Method;
use crate::engine::{ChangeCounts, RunOptions};
use crate::exit::Exit;
use crate::plan::Selection;
use crate::simulate::Options;

/// Addresses by key, one that has a condition, and a machine with a volume beside it that the API leaves.
fn plan(keys: &str, when: bool, machine: bool) -> String {
    let vm = r#"  - id: vm
    call: POST /cloud/v2/instances/{project_id}/{region_id}
    body:
      name: vm-1
      flavor: g2-standard-2-4
      volumes:
        - { source: image, image_id: 2f9d5d5e-8c1b-4f0e-9a67-3b1f6c5d8e42, size: 20, boot_index: 0, delete_on_termination: false }
      interfaces: [{ type: external }]
"#;
    format!(
        "name: demo\nsteps:\n  - id: ip\n    for_each: {{ {keys} }}\n    call: POST /cloud/v1/floatingips/{{project_id}}/{{region_id}}\n    \
         body: {{}}\n  - id: maybe\n    when: {when}\n    call: POST /cloud/v1/floatingips/{{project_id}}/{{region_id}}\n    body: {{}}\n{}",
        if machine { vm } else { "" }
    )
}

/// A whole plan was run; what the second one does not have is gone, and that is on record.
async fn with_missing() -> (Trial, String) {
    let mut trial = Trial::new(Options::default());
    let end = trial.run(&plan("a: 1, b: 1", true, true)).await;
    assert_done(&trial, &end);
    for gone in ["ip[b]", "maybe", "vm"] {
        trial.call(Method::Delete, gone, "", None).await;
    }
    assert_eq!(trial.refresh().await, ["ip[b] gone", "maybe gone", "vm gone"]);
    (trial, plan("a: 1", false, false))
}

/// The instances that count as gone.
fn gone(trial: &Trial) -> Vec<String> {
    let status = trial.status();
    status.instances.iter().filter(|(_, known)| known.is_gone()).map(|(id, _)| id.to_string()).collect()
}

#[test]
fn what_is_gone_and_left_the_plan_goes_off_the_record_with_the_next_run() {
    paused(async {
        for prune in [false, true] {
            let (mut trial, smaller) = with_missing().await;
            // In the plan it is made again.
            assert_eq!(
                trial.preview(&plan("a: 1, b: 1", true, true), prune),
                ["ip[a] keep", "ip[b]* call", "maybe* call", "vm* retry"]
            );
            // What is beside the machine is there, and kept.
            let vm = if prune { "vm* gone" } else { "vm gone" };
            assert_eq!(trial.preview(&smaller, prune), ["ip[a] keep", vm, "ip[b]* missing", "maybe* missing"]);
            let (target, before) = (Selection::name("ip[a]"), trial.writes());
            let only = RunOptions { target: std::iter::once(target).collect(), ..RunOptions::default() };
            trial.run_with(&smaller, only, std::future::pending()).await;
            assert_eq!(gone(&trial), ["ip[b]", "maybe", "vm"]);
            let end = trial.run_with(&smaller, RunOptions { prune, ..RunOptions::default() }, std::future::pending());
            let end = end.await;
            assert_done(&trial, &end);
            assert_eq!((end.finished.removed, trial.writes() - before), (usize::from(prune), usize::from(prune)));
            let warnings = trial.warnings();
            assert!(warnings.contains("found gone, and taken off the record: `ip[b]`, `maybe`"), "{warnings}");
            assert_eq!(gone(&trial), if prune { vec![] } else { vec!["vm"] });
            assert_eq!(trial.refresh().await, Vec::<String>::new());
            let again = ChangeCounts::of(&trial.previewed(&smaller, &Asked { prune, ..Asked::default() }).0);
            assert_eq!(again.words(), "");
            // Back in the plan it is a new one.
            let end = trial.run(&plan("a: 1, b: 1", true, false)).await;
            assert_done(&trial, &end);
            assert_eq!(gone(&trial), if prune { vec![] } else { vec!["vm"] });
        }
    });
}

#[test]
fn a_destroy_takes_off_the_record_what_was_gone_before_it() {
    paused(async {
        let (mut trial, _) = with_missing().await;
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert_eq!((gone(&trial), trial.alive()), (Vec::<String>::new(), Vec::<String>::new()));
    });
}
