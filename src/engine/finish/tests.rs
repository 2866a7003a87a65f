//! A write that was accepted, answered or found, up to its record.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::catalog::{Catalog, Method};
use crate::engine::evidence::testing::intent;
use crate::engine::tests::apart::{Canned, listed};
use crate::engine::tests::harness::{Trial, paused};
use crate::event::Event;
use crate::journal::{InstanceStatus, Mark, Phase};
use crate::simulate::Options;

/// How a write ends, what is on record of it then, and the warnings.
struct End {
    result: Result<Option<StepResult>, Interruption>,
    known: InstanceStatus,
    warnings: Vec<String>,
}

fn write(method: Method, path: &str, body: Value) -> Intent {
    let call = RecordedCall { body: Some(body.into()), ..RecordedCall::new(method, path) };
    Intent { call: call.into(), ..intent(json!({})) }
}

fn volume() -> Intent {
    write(Method::Post, "/cloud/v1/volumes/1/7", json!({ "name": "web", "size": 1 }))
}

fn finished(intent: &Intent, called: Called, wait: &Wait, table: &[(&str, Canned)]) -> End {
    let table = table.iter().map(|(path, answer)| (*path, vec![answer.clone()])).collect();
    finished_in_turn(intent, called, wait, table)
}

fn finished_in_turn(intent: &Intent, called: Called, wait: &Wait, table: Vec<(&str, Vec<Canned>)>) -> End {
    let matched = crate::engine::operation::matched(Catalog::embedded(), &intent.call);
    paused(async {
        let trial = Trial::new(Options::default());
        trial.answer_in_turn(table);
        let work = async |context: &Arc<RunContext>| {
            context.journal.append(vec![Record::Intent(intent.clone().into())]).await.unwrap();
            if let Called::Tasks { tasks, evidence, status } = &called {
                let (instance, tasks) = (intent.instance.clone(), tasks.clone());
                let accepted = Record::Accepted {
                    instance,
                    tasks,
                    status: *status,
                    recovered: evidence.is_some(),
                    evidence: *evidence,
                };
                context.journal.append(vec![accepted]).await.unwrap();
            }
            let about = About { call: Some(intent.call.clone()), place: None };
            let since = context.clock().elapsed();
            let finishing =
                Finishing { wait: wait.clone(), ..Finishing::of_record(intent, &matched, &about, since, None) };
            let result = finishing.finish(context, called, Provenance::Called).await;
            let known = context.journal.with_status(|status| status.instances[&intent.instance].clone().into_owned());
            (result, known)
        };
        let ((result, known), events) = trial.apart(work).await;
        let warnings = events.into_iter().filter_map(|event| match event {
            Event::Warned { message } => Some(message),
            _ => None,
        });
        End { result, known, warnings: warnings.collect() }
    })
}

fn tasks(evidence: Option<Evidence>) -> Called {
    Called::Tasks { tasks: vec!["t1".to_owned()], status: Some(202), evidence }
}

/// The task, and the list of tasks with it.
fn ended(state: &str, created: Value) -> Vec<(&'static str, Canned)> {
    let task = json!({ "id": "t1", "state": state, "task_type": "create_volume", "error": "no room", "created_resources": created,
        "created_on": "2027-01-15T08:00:00", "finished_on": "2027-01-15T08:00:07" });
    vec![("/cloud/v1/tasks/t1", (200, task))]
}

#[test]
fn of_several_resources_that_a_task_names_those_of_other_makers_were_only_touched() {
    let shown = |first: &str, second: Value| {
        let made_by = |maker: Value| (200, json!({ "creator_task_id": maker }));
        let mut table = ended("FINISHED", json!({ "volumes": ["vol-8", "vol-9"] }));
        table.push(("/cloud/v1/volumes/1/7/vol-8", made_by(json!(first))));
        table.push(("/cloud/v1/volumes/1/7/vol-9", made_by(second)));
        table
    };
    for (first, second, own, touched) in [
        ("t9", json!("t1"), json!(["vol-9"]), json!(["vol-8"])),
        ("t1", json!("t9"), json!(["vol-8"]), json!(["vol-9"])),
        ("t1", json!("t1"), json!(["vol-8", "vol-9"]), json!(null)),
        ("t9", json!(null), json!(["vol-9"]), json!(["vol-8"])),
        ("t9", json!("t9"), json!(["vol-8", "vol-9"]), json!(null)),
    ] {
        let end = finished(&volume(), tasks(None), &Wait::default(), &shown(first, second.clone()));
        let result = json!(end.result.unwrap().unwrap());
        assert_eq!((&result["ids"], &result["touched"]["volumes"]), (&own, &touched), "{first} {second}");
        assert_eq!((&result["id"], &result["created"]["volumes"]), (&own[0], &own), "{first} {second}");
    }
}

#[test]
fn what_was_found_is_checked_against_the_resource() {
    let shown = |more: Value| {
        let mut table = ended("FINISHED", json!({ "volumes": ["vol-9"] }));
        table.push(("/cloud/v1/volumes/1/7/vol-9", (200, more)));
        table
    };
    let attempt = |nonce: &str| json!({ "id": "vol-9", "tags": [{ "key": "plan-attempt", "value": nonce }] });
    let wait = Wait::default();
    for (resource, evidence, is_ours) in [
        (json!({ "id": "vol-9", "creator_task_id": "t1" }), Some(Evidence::RequestId), true),
        (json!({ "id": "vol-9" }), Some(Evidence::RequestId), true),
        (json!({ "id": "vol-9", "creator_task_id": "t9" }), Some(Evidence::RequestId), false),
        (attempt("0ddba11"), Some(Evidence::RequestId), true),
        (attempt("another"), Some(Evidence::RequestId), false),
        // What the answer named is not in question.
        (json!({ "id": "vol-9", "creator_task_id": "t9" }), None, true),
    ] {
        let end = finished(&volume(), tasks(evidence), &wait, &shown(resource.clone()));
        let result = end.result.unwrap();
        assert_eq!(result.is_some(), is_ours, "{resource} {evidence:?}");
        let (phase, disowned) = (end.known.phase, end.known.disowned.to_vec());
        match is_ours {
            true => assert_eq!((phase, disowned.len()), (Phase::Succeeded, 0), "{resource}"),
            false => assert_eq!((phase, disowned), (Phase::InDoubt, vec!["t1".to_owned()]), "{resource}"),
        }
    }
}

#[test]
fn without_waiting_a_create_stays_accepted_and_another_call_is_done() {
    let wait = Wait { skip: true, ..Wait::default() };
    let end = finished(&volume(), tasks(None), &wait, &[]);
    let result = end.result.unwrap().unwrap();
    assert_eq!((result.tasks.to_vec(), result.status, result.id), (vec!["t1".to_owned()], Some(202), None));
    assert!(matches!(end.known.phase, Phase::Accepted { .. }), "{:?}", end.known.phase);
    let extend = write(Method::Post, "/cloud/v1/volumes/1/7/v1/extend", json!({ "size": 2 }));
    let end = finished(&extend, tasks(None), &wait, &[]);
    assert!(end.result.is_ok_and(|result| result.is_some()));
    assert_eq!(end.known.phase, Phase::Succeeded);
}

#[test]
fn the_answer_is_recorded_without_its_secrets() {
    let key = write(Method::Post, "/cloud/v1/ssh_keys/1", json!({ "name": "key" }));
    let value = json!({ "id": "k1", "name": "key", "private_key": "key-text" });
    for (secret, expected) in [(false, Some(json!({ "id": "k1", "name": "key" }))), (true, None)] {
        let intent = Intent { secret, ..key.clone() };
        let called = Called::Answered { status: 201, value: value.clone() };
        let end = finished(&intent, called, &Wait::default(), &[]);
        let result = end.result.unwrap().unwrap();
        assert_eq!(result.response.as_deref(), Some(&value), "templates see all of it");
        let kept = end.known.result.unwrap();
        assert_eq!((kept.response.as_deref().cloned(), kept.id), (expected, Some(json!("k1").into())));
    }
}

#[test]
fn what_a_call_only_changed_is_kept_with_a_warning() {
    let path = "/dns/v2/zones/example.com/www.example.com/A";
    for (before, undo, stays) in [
        (Some(vec![]), IntendedUndo::Default, false),
        (Some(vec!["www.example.com/A".to_owned()]), IntendedUndo::Default, true),
        (None, IntendedUndo::Default, true),
        (None, IntendedUndo::Call(Box::new(RecordedCall::new(Method::Delete, "/dns/v2/zones/x"))), false),
        (Some(vec![]), IntendedUndo::Keep, false),
    ] {
        let mark = Mark { before: before.clone(), ..Mark::default() }.into();
        let body = json!({ "ttl": 60, "resource_records": [{ "content": ["1.2.3.4"] }] });
        let intent = Intent { mark, undo: undo.clone(), ..write(Method::Put, path, body) };
        let called = Called::Answered { status: 200, value: json!({}) };
        let end = finished(&intent, called, &Wait::default(), &[]);
        assert!(end.result.is_ok_and(|result| result.is_some_and(|result| result.id.is_some())));
        let has_undo = end.known.made.first().is_some_and(|made| made.undo.is_some());
        let is_kept = stays || undo == IntendedUndo::Keep;
        assert_eq!((has_undo, end.warnings.len()), (!is_kept, usize::from(stays)), "{before:?} {undo:?}");
    }
}

#[test]
fn what_a_failed_task_left_is_reported_or_that_it_is_not_known() {
    let item = |id: &str| json!({ "id": id, "creator_task_id": "t1" });
    let volumes = |ids: &[&str]| ("/cloud/v1/volumes/1/7", listed(&ids.iter().map(|id| item(id)).collect::<Vec<_>>()));
    let machines = ("/cloud/v1/instances/1/7", listed(&[]));
    let (addresses, groups) = (("/cloud/v1/floatingips/1/7", listed(&[])), "/cloud/v1/servergroups/1/7");
    let group = json!({ "servergroup_id": "g2", "name": "web", "policy": "affinity" });
    let machine = write(Method::Post, "/cloud/v2/instances/1/7", json!({ "name": "web" }));
    let server_group = write(Method::Post, groups, json!({ "name": "web", "policy": "affinity" }));
    for (intent, lists, effect, left, again, help) in [
        // Lists may be late: it is looked for by later commands.
        (volume(), vec![volumes(&[])], EffectKnown::NotApplied, None, true, None),
        (volume(), vec![volumes(&["v1"])], EffectKnown::Applied, Some(Some("v1")), false, Some("it left v1 behind")),
        (
            machine,
            vec![machines, addresses, volumes(&["v1", "v2"])],
            EffectKnown::Applied,
            Some(None),
            false,
            Some("it left v1, v2 behind"),
        ),
        (
            server_group.clone(),
            vec![(groups, listed(&[group]))],
            EffectKnown::Unknown,
            None,
            true,
            Some("or another client created them: placement group g2"),
        ),
        (
            server_group,
            vec![(groups, (500, json!({})))],
            EffectKnown::Unknown,
            None,
            true,
            Some("whether the failed call left a resource behind is not known"),
        ),
    ] {
        let table: Vec<(&str, Canned)> = ended("ERROR", json!({})).into_iter().chain(lists).collect();
        let end = finished(&intent, tasks(None), &Wait::default(), &table);
        let Err(Interruption::Failed(error)) = end.result else { panic!("{:?}", end.result) };
        assert_eq!((error.effect, error.task.as_deref()), (effect, Some("t1")), "{error:?}");
        assert_eq!(error.message, "task t1 ended in ERROR: no room");
        assert_eq!(error.help.len(), 1 + usize::from(help.is_some()), "{error:?}");
        assert!(help.is_none_or(|help| error.help[0].contains(help)), "{error:?}");
        let made = end.known.made.first().map(|made| made.id.as_deref().and_then(Value::as_str));
        assert_eq!(made, left, "{error:?}");
        assert_eq!(end.known.earlier.iter().any(|attempt| !attempt.failed.is_empty()), again, "{error:?}");
    }
}

#[test]
fn a_create_whose_tasks_name_nothing_is_looked_for_and_never_counts_as_nothing() {
    let named = || ended("FINISHED", json!({ "volumes": ["vol-1"] })).remove(0);
    let silent = || ended("FINISHED", Value::Null).remove(0);
    let volumes = |items: &[Value]| ("/cloud/v1/volumes/1/7", vec![listed(items)]);
    let other = json!({ "id": "vol-9", "creator_task_id": "t9" });
    let by_task = json!({ "id": "vol-1", "creator_task_id": "t1" });
    let by_tag = json!({ "id": "vol-1", "tags": [{ "key": "plan-attempt", "value": "0ddba11" }] });
    let late = (silent().0, vec![silent().1, silent().1, named().1]);
    let never = || (silent().0, vec![silent().1]);
    for (task, list, found) in [
        (late, volumes(&[]), true),
        (never(), volumes(&[other.clone(), by_task]), true),
        (never(), volumes(&[by_tag, other.clone()]), true),
        (never(), volumes(&[other]), false),
        (never(), ("/cloud/v1/volumes/1/7", vec![(500, json!({}))]), false),
    ] {
        let end = finished_in_turn(&volume(), tasks(None), &Wait::default(), vec![task, list.clone()]);
        match (end.result, found) {
            (Ok(Some(result)), true) => assert_eq!(result.id, Some(json!("vol-1").into()), "{list:?}"),
            // Its outcome is in doubt, and is resolved like that of a lost answer.
            (Ok(None), false) => {
                let error = end.known.error.as_ref().unwrap();
                assert_eq!((error.effect, error.task.as_deref()), (EffectKnown::Unknown, Some("t1")), "{error:?}");
                let attempt = end.known.in_doubt().unwrap();
                assert_eq!(attempt.missing[..], ["t1".to_owned()], "{attempt:?}");
            }
            (result, _) => panic!("{list:?}: {result:?}"),
        }
    }
}

#[test]
fn the_duration_of_a_task_goes_with_its_type() {
    let of = |fields: Value| {
        let mut task = json!({ "id": "t", "state": "FINISHED" });
        task.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        duration_of(&Task::read(&task).unwrap())
    };
    let (created, done) = ("2027-01-15T08:00:00", "2027-01-15T08:00:07");
    let whole = json!({ "task_type": "create_volume", "created_on": created, "finished_on": done });
    assert_eq!(of(whole), Some(("create_volume".to_owned(), 7000)));
    assert_eq!(of(json!({ "created_on": created, "finished_on": done })), None);
    assert_eq!(of(json!({ "task_type": "create_volume", "created_on": created })), None);
}
