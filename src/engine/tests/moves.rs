//! `moved`: a renamed step sends no call, whatever it did under its former name.

use super::harness::{Trial, assert_done, paused};
use crate::exit::Exit;
use crate::plan::Selection;
use crate::simulate::Options;

/// A volume, and two calls that change it and make nothing.
fn plan(names: [&str; 2], moved: &str) -> String {
    let [grow, name] = names;
    format!(
        r#"
name: demo
{moved}steps:
  - id: vol
    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}
    body: {{ name: one, source: new-volume, size: 5 }}
  - id: {grow}
    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}/{{{{ steps.vol.id }}}}/extend
    body: {{ size: 9 }}
  - id: {name}
    for_each: {{ a: two }}
    needs: {grow}
    call: PATCH /cloud/v1/volumes/{{project_id}}/{{region_id}}/{{{{ steps.vol.id }}}}
    body: {{ name: "{{{{ each.value }}}}" }}
"#
    )
}

const MOVED: &str = "moved: [{ from: grow, to: bigger }, { from: call, to: rename }]\n";

#[test]
fn a_renamed_step_that_made_nothing_is_not_called_again() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&plan(["grow", "call"], "")).await;
        assert_done(&trial, &end);
        let renamed = plan(["bigger", "rename"], MOVED);
        assert_eq!(trial.preview(&renamed, false), ["vol keep", "bigger keep", "rename[a] keep"]);
        let before = trial.writes();
        let end = trial.run(&renamed).await;
        assert_done(&trial, &end);
        assert_eq!((end.finished.reused, trial.writes()), (3, before));
        let status = trial.status();
        let names: Vec<String> = status.instances.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["vol", "bigger", "rename[a]"]);
        let after = &status.instances[&Selection::name("rename[a]")].after;
        assert!(after.iter().any(|step| step.as_str() == "bigger"), "{after:?}");
    });
}

#[test]
fn a_step_that_made_nothing_seems_renamed_without_a_move() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&plan(["grow", "call"], "")).await;
        assert_done(&trial, &end);
        trial.run(&plan(["bigger", "call"], "")).await;
        let warnings = trial.warnings();
        assert!(warnings.contains("`plan state mv grow bigger` counts it as done"), "{warnings}");
    });
}

/// Wherever the process died: what is under way by its former name is continued by the new one.
#[test]
fn a_call_under_way_is_continued_by_its_new_name() {
    paused(async {
        for records in 1.. {
            let mut trial = Trial::new(Options::default());
            let ended = trial.crash_after(&plan(["grow", "call"], ""), records).await.is_some();
            let end = trial.run(&plan(["bigger", "rename"], MOVED)).await;
            assert_eq!(end.finished.exit, Exit::Done, "{records}: {:?}", trial.failures());
            let extends = trial.requests.lock().unwrap().iter().filter(|one| one.path.ends_with("/extend")).count();
            assert_eq!((extends, trial.alive().len()), (1, 1), "{records}");
            if ended {
                break;
            }
        }
    });
}
