//! What the plan says of a step besides its call (`undo`, `adopt: own`, `needs`) counts from the next run on, although
//! that run makes no call.

use serde_json::json;

use super::harness::{Trial, assert_done, paused};
use super::preview::Asked;
use crate::catalog::Method;
use crate::engine::{Action, ChangeCounts};
use crate::event::Event;
use crate::exit::Exit;
use crate::journal::RecordedCall;
use crate::simulate::Options;

const VOLUMES: &str = "/cloud/v1/volumes/1/7";

/// A step that makes a volume, with more keys.
fn volume(step: &str, name: &str, more: &str) -> String {
    let head = if more.is_empty() { String::new() } else { format!("    {more}\n") };
    format!(
        "  - id: {step}\n    call: POST {VOLUMES}\n    body: {{ name: {name}, source: new-volume, size: 5 }}\n{head}"
    )
}

fn plan(steps: &[String]) -> String {
    format!("name: demo\nsteps:\n{}", steps.concat())
}

/// Runs a plan, which changes nothing but the record: the preview says so before, and nothing after.
async fn amends(trial: &mut Trial, plan: &str, instances: &[&str]) {
    let expected: Vec<String> = instances.iter().map(|instance| format!("{instance}* amend")).collect();
    let pending = |trial: &Trial| -> Vec<String> {
        trial.preview(plan, false).into_iter().filter(|line| line.contains('*')).collect()
    };
    assert_eq!(pending(trial), expected);
    // The run tells them as unchanged.
    let tally = ChangeCounts::of(&trial.previewed(plan, &Asked::default()).0);
    assert_eq!((tally.to_amend, tally.to_update), (instances.len(), 0));
    let writes = trial.writes();
    let end = trial.run(plan).await;
    assert_done(trial, &end);
    assert_eq!((trial.writes(), pending(trial)), (writes, Vec::new()), "{:?}", trial.warnings());
}

#[test]
fn an_undo_that_is_added_or_taken_out_later_counts() {
    paused(async {
        for (first, later, stays) in [("", "undo: none", true), ("undo: none", "", false)] {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&plan(&[volume("disk", "disk-1", first)])).await;
            assert_done(&trial, &end);
            amends(&mut trial, &plan(&[volume("disk", "disk-1", later)]), &["disk"]).await;
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{later}");
            assert_eq!(trial.alive().len(), usize::from(stays), "{later}");
        }
        // There and back again.
        let mut trial = Trial::new(Options::default());
        for (undo, instances) in [("", &[][..]), ("undo: none", &["disk"]), ("", &["disk"])] {
            let plan = plan(&[volume("disk", "disk-1", undo)]);
            match instances {
                [] => {
                    let end = trial.run(&plan).await;
                    assert_done(&trial, &end);
                }
                instances => amends(&mut trial, &plan, instances).await,
            }
        }
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

#[test]
fn an_undo_that_changes_with_the_call_counts() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&plan(&[volume("disk", "disk-1", "")])).await;
        assert_done(&trial, &end);
        let later = plan(&[volume("disk", "disk-2", "undo: none")]);
        assert_eq!(trial.preview(&later, false), ["disk* change update"]);
        let end = trial.run(&later).await;
        assert_done(&trial, &end);
        assert_eq!(trial.preview(&later, false), ["disk keep"]);
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), ["volumes disk-2"]);
    });
}

async fn of_another_client(trial: &Trial, name: &str) -> String {
    let body = json!({ "name": name, "source": "new-volume", "size": 5 });
    trial.by_hand(&RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, VOLUMES) }).await;
    let simulator = trial.simulator.lock().unwrap();
    let mut held = simulator.everything().into_iter().filter(|held| held.name == name).map(|held| held.id.clone());
    held.next_back().unwrap()
}

#[test]
fn whether_an_adopted_resource_is_owned_counts_from_the_next_run_on() {
    paused(async {
        for (first, later, stays) in [("", ", own: true", false), (", own: true", "", true)] {
            let mut trial = Trial::new(Options::default());
            let id = of_another_client(&trial, "theirs").await;
            let plan = |own: &str| plan(&[volume("disk", "theirs", &format!("adopt: {{ id: {id}{own} }}"))]);
            let end = trial.run(&plan(first)).await;
            assert_done(&trial, &end);
            amends(&mut trial, &plan(later), &["disk"]).await;
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{later}");
            assert_eq!(trial.alive().len(), usize::from(stays), "{later}");
        }
    });
}

#[test]
fn an_adopted_resource_never_becomes_deletable_without_own() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let id = of_another_client(&trial, "theirs").await;
        let adopts = |more: &str| plan(&[volume("disk", "theirs", &format!("adopt: {{ id: {id} }}\n    {more}"))]);
        let end = trial.run(&adopts("undo: none")).await;
        assert_done(&trial, &end);
        // Without `undo: none`, and then without `adopt`.
        for plan in [adopts("retry: { attempts: 2 }"), plan(&[volume("disk", "theirs", "")])] {
            assert_eq!(trial.preview(&plan, false), ["disk keep"]);
            let end = trial.run(&plan).await;
            assert_done(&trial, &end);
        }
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive().len(), 1);
    });
}

#[test]
fn an_adopt_that_the_record_does_not_follow_is_said() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let (one, two) = (of_another_client(&trial, "theirs").await, of_another_client(&trial, "theirs").await);
        let adopts = |id: &str| plan(&[volume("disk", "theirs", &format!("adopt: {{ id: {id} }}"))]);
        let end = trial.run(&adopts(&one)).await;
        assert_done(&trial, &end);
        assert_eq!(trial.preview(&adopts(&two), false), ["disk amend"], "it is said, and is no change");
        let end = trial.run(&adopts(&two)).await;
        assert_done(&trial, &end);
        assert!(trial.warnings().contains(&format!("names {two}, and has no effect")), "{}", trial.warnings());
        // The step has made one itself.
        let mut trial = Trial::new(Options::default());
        let theirs = of_another_client(&trial, "theirs").await;
        let end = trial.run(&plan(&[volume("disk", "theirs", "")])).await;
        assert_done(&trial, &end);
        let end = trial.run(&adopts(&theirs)).await;
        assert_done(&trial, &end);
        assert!(trial.warnings().contains("has no effect"), "{}", trial.warnings());
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive().len(), 1);
    });
}

#[test]
fn what_a_step_needs_decides_the_order_of_the_teardown_from_the_next_run_on() {
    paused(async {
        let needs = |of: &str| if of.is_empty() { String::new() } else { format!("needs: {of}") };
        let both =
            |one: &str, two: &str| plan(&[volume("one", "disk-1", &needs(one)), volume("two", "disk-2", &needs(two))]);
        for (first, later, amended, order) in [
            (("", ""), ("two", ""), &["one"][..], Some(["one", "two"])),
            (("two", ""), ("", "one"), &["one", "two"], Some(["two", "one"])),
            (("two", ""), ("", ""), &["one"], None),
        ] {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&both(first.0, first.1)).await;
            assert_done(&trial, &end);
            amends(&mut trial, &both(later.0, later.1), amended).await;
            trial.events.clear();
            assert_eq!(trial.destroy().await.exit, Exit::Done);
            let at = |step: &str, starts: bool| {
                let is_it = |event: &Event| match event {
                    Event::CallStarted { instance, .. } => starts && instance.step.as_str() == step,
                    Event::ResourceRemoved { instance, .. } => !starts && instance.step.as_str() == step,
                    _ => false,
                };
                trial.events.iter().position(is_it).unwrap()
            };
            match order {
                Some([before, after]) => assert!(at(before, false) < at(after, true), "{first:?} {later:?}"),
                None => assert!(at("one", true) < at("two", false) && at("two", true) < at("one", false)),
            }
        }
    });
}

/// What the plan wrote out and takes from a secret input now is the same value, and the other way round.
#[test]
fn a_value_that_becomes_a_secret_is_no_change_and_goes_out_of_the_record() {
    const PASSWORD: &str = "Tr0ub4dor&3xyz";
    let plan = |secret: bool, name: &str, on_change: &str| {
        let inputs = json!({ "pw": { "secret": true, "default": PASSWORD } });
        let body = json!({
            "name": name, "flavor": "g2-standard-2-4", "interfaces": [{ "type": "external" }], "username": "admin",
            "password": if secret { "{{ inputs.pw }}" } else { PASSWORD },
            "volumes": [{ "source": "image", "image_id": "2f9d5d5e-8c1b-4f0e-9a67-3b1f6c5d8e42", "size": 20 }],
        });
        let step = json!({ "id": "vm", "on_change": on_change, "body": body,
            "call": "POST /cloud/v2/instances/{project_id}/{region_id}" });
        json!({ "name": "demo", "inputs": if secret { inputs } else { json!({}) }, "steps": [step] }).to_string()
    };
    for (first, on_change) in [(false, "auto"), (false, "replace"), (true, "auto"), (true, "replace")] {
        paused(async {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&plan(first, "one", on_change)).await;
            assert_done(&trial, &end);
            let (before, writes) = (trial.alive(), trial.writes());
            let later = plan(!first, "one", on_change);
            let shown = trial.previewed(&later, &Asked::default()).0;
            assert!(matches!(shown[0].action, Action::Keep), "{first}: {:?}", shown[0]);
            let end = trial.run(&later).await;
            assert_done(&trial, &end);
            assert_eq!((trial.writes(), end.finished.reused, trial.alive()), (writes, 1, before), "{first}");
            // What was before the last command is kept until the next, which may be rolled back.
            let end = trial.run(&later).await;
            assert_done(&trial, &end);
            let known = format!("{:?}", trial.status());
            assert_eq!(known.contains(PASSWORD), first, "{known}");
            // With another difference, only that is changed.
            let end = trial.run(&plan(first, "two", on_change)).await;
            assert_done(&trial, &end);
            assert_eq!((trial.writes(), trial.made()["instances"]), (writes + 1, 1), "{first}");
        });
    }
}
