//! What a preview says of an adoption, by what is read of the existing resource.

use serde_json::{Value, json};

use super::harness::{Trial, paused};
use super::preview::Asked;
use crate::engine::{Action, ChangeCounts, Reads};
use crate::simulate::Options;

fn plan(adopt: &str) -> String {
    format!(
        "name: demo\nsteps:\n  - id: disk\n    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    \
         body: {{ name: disk-1, source: new-volume, size: 5 }}\n    adopt: {adopt}\n"
    )
}

/// The preview once its read was answered; `None`: nothing was found.
fn action(trial: &Trial, plan: &str, answer: Option<Value>) -> (Action, String) {
    let (unread, wanted) = trial.previewed(plan, &Asked::default());
    assert_eq!(unread[0].action, Action::Adopt { then: None });
    let [read] = &wanted[..] else { panic!("{wanted:?}") };
    let mut reads = Reads::default();
    match answer {
        Some(answer) => reads.learn(read, Some((200, answer))),
        None => reads.learn_missing(read),
    }
    let (changes, _) = trial.previewed(plan, &Asked { reads, ..Asked::default() });
    let [change] = &changes[..] else { panic!("{changes:?}") };
    (change.action.clone(), ChangeCounts::of(&changes).words())
}

fn volume(id: &str, name: &str, size: u64) -> Value {
    json!({ "id": id, "name": name, "size": size, "status": "available" })
}

#[test]
fn a_preview_tells_what_an_adoption_changes_or_why_it_fails() {
    paused(async {
        let trial = Trial::new(Options::default());
        let (by_id, by_name) = (plan("{ id: v1 }"), plan("{ name: theirs }"));
        let list = |items: &[Value]| json!({ "count": items.len(), "results": items });
        let one = |size| volume("v1", "theirs", size);
        for (plan, answer, expected) in [
            (&by_id, Some(volume("v1", "disk-1", 5)), "1 to adopt"),
            (&by_id, Some(one(5)), "1 to update: body/name: `theirs` → `disk-1`"),
            (&by_id, Some(one(3)), "1 to update: body/name: `theirs` → `disk-1`; body/size: `3` → `5`"),
            (&by_id, Some(one(9)), "1 to fail: it differs from the plan, and cannot be updated: "),
            (&by_id, None, "1 to fail: the resource to adopt was not found: no id is `v1`"),
            (&by_name, Some(list(&[one(5)])), "1 to update: body/name: `theirs` → `disk-1`"),
            (&by_name, Some(list(&[])), "1 to fail: the resource to adopt was not found: no name is `theirs`"),
            (&by_name, Some(list(&[volume("v2", "other", 1)])), "1 to fail: the resource to adopt was not found: "),
            (
                &by_name,
                Some(list(&[one(5), volume("v2", "theirs", 1)])),
                "1 to fail: 2 resources have the name `theirs`",
            ),
        ] {
            let (action, words) = action(&trial, plan, answer);
            let told = match action.change() {
                Action::Change { fields, calls, .. } => {
                    assert!(!calls.is_empty(), "{action:?}");
                    format!("{words}: {}", fields.join("; "))
                }
                Action::Wrong { message, .. } => format!("{words}: {message}"),
                _ => words,
            };
            assert!(told.starts_with(expected) && (told == expected || told.contains("to fail")), "{told}");
        }
    });
}

#[test]
fn what_another_step_has_is_not_shown_to_be_adopted_by_its_name() {
    paused(async {
        let trial = Trial::new(Options::default());
        let two = plan("{ name: theirs }");
        let second = two.split_once("steps:\n").unwrap().1.replace("id: disk", "id: other");
        let two = format!("{two}{second}");
        let (_, wanted) = trial.previewed(&two, &Asked::default());
        let mut reads = Reads::default();
        reads.learn(&wanted[0], Some((200, json!({ "count": 1, "results": [volume("v1", "theirs", 5)] }))));
        let (changes, _) = trial.previewed(&two, &Asked { reads, ..Asked::default() });
        let Action::Wrong { message, .. } = &changes[1].action else { panic!("{changes:?}") };
        assert_eq!(*message, "v1 is on record already: it belongs to step `disk`");
    });
}
