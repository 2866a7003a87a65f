//! How every answer to a call that removes a resource is handled.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::api::Policy;
use crate::engine::evidence::testing::intent;
use crate::engine::tests::apart::{Canned, LOST, NO_CONNECTION, UNSENT};
use crate::engine::tests::harness::{Trial, paused};
use crate::event::ErrorClass;
use crate::id::StepId;
use crate::journal::{RecordedResource, StepResult, Succeeded};
use crate::simulate::Options;

const PATH: &str = "/cloud/v1/volumes/1/7/726ecfcc-7fd0-4e30-a86e-7892524aa483";
const STRANGER: &str = "1ee7ccee-5003-48c9-8ae0-d96063af75b2";

/// How a removal ended, what it waited for meanwhile, and what is on record.
#[derive(Debug)]
struct End {
    result: Result<RemovedWhen, Interruption>,
    /// Each pause in tenths of a second, with its reason.
    delays: Vec<String>,
    took: Duration,
    sent: usize,
    reads: usize,
    phase: Phase,
}

/// Removes a volume that was made this long ago.
fn removed(age: Duration, answers: Vec<Canned>, reads: Vec<(&str, Vec<Canned>)>) -> End {
    removed_after(vec![], age, answers, reads)
}

/// The same, with these records before.
fn removed_after(before: Vec<Record>, age: Duration, answers: Vec<Canned>, reads: Vec<(&str, Vec<Canned>)>) -> End {
    removed_at(PATH, before, age, answers, reads).0
}

/// Removes what is at a path; returns the warnings, too.
fn removed_at(
    path: &str,
    before: Vec<Record>,
    age: Duration,
    answers: Vec<Canned>,
    reads: Vec<(&str, Vec<Canned>)>,
) -> (End, Vec<String>) {
    paused(async {
        let trial = Trial::new(Options::default());
        let delete = format!("DELETE {path}");
        let here = [("/cloud/v1/projects/1", vec![(200, json!({}))]), ("/cloud/v1/regions/7", vec![(200, json!({}))])];
        trial.answer_in_turn(here.into_iter().chain(reads).chain([(delete.as_str(), answers)]));
        let instance = InstanceId::new(StepId::new("disk"), None);
        let call = RecordedCall::new(crate::catalog::Method::Delete, path);
        let work = async |context: &Arc<RunContext>| {
            let made = RecordedResource { undo: Some(call.clone()), ..RecordedResource::default() };
            let succeeded = Succeeded {
                instance: instance.clone(),
                provenance: crate::event::Provenance::Called,
                result: StepResult::default(),
                made,
                duration_ms: 0,
                durations: Vec::new(),
                evidence: None,
                agrees: None,
                existed_on: None,
            };
            let of_volume = Intent { instance: instance.clone(), ..intent(json!({})) };
            let records = vec![Record::Intent(of_volume.into()), Record::Succeeded(Box::new(succeeded))];
            context.journal.append(before.into_iter().chain(records).collect()).await.unwrap();
            tokio::time::sleep(age).await;
            let began = context.clock().elapsed();
            let result = UndoCall::new(context, &instance, &call).run().await;
            let phase = context.journal.with_status(|status| status.instances[&instance].phase.clone());
            (result, context.clock().elapsed() - began, phase)
        };
        let ((result, took, phase), events) = trial.apart(work).await;
        let warnings = events.iter().filter_map(|event| match event {
            Event::Warned { message } => Some(message.as_str().to_owned()),
            _ => None,
        });
        let warnings = warnings.collect();
        let delays = events.into_iter().filter_map(|event| match event {
            Event::CallDelayed { reason, pause_ms, .. } => {
                let word = match reason {
                    Delay::RateLimited => "rate".to_owned(),
                    Delay::Unavailable { status } => format!("unavailable {status}"),
                    Delay::Locked { .. } => "locked".to_owned(),
                    Delay::InUse { removed, .. } if !removed.is_empty() => {
                        let names = removed.iter().filter_map(|removed| removed.name.as_deref());
                        format!("in use by the removed {}", names.collect::<Vec<_>>().join(", "))
                    }
                    Delay::InUse { by, .. } => format!("in use by {}", by.len()),
                    Delay::NotSent { .. } => "unsent".to_owned(),
                    Delay::Failed { .. } => "failed".to_owned(),
                };
                Some(format!("{word} {}", pause_ms / 100))
            }
            _ => None,
        });
        let requests = trial.requests.lock().unwrap();
        let sent = requests.iter().filter(|request| request.path == path).count();
        let reads = requests.iter().filter(|request| request.path == path && request.method == Method::Get).count();
        (End { result, delays: delays.collect(), took, sent, reads, phase }, warnings)
    })
}

impl End {
    /// How many of the requests for it were to remove it.
    fn deletes(&self) -> usize {
        self.sent - self.reads
    }
}

const OLD: Duration = Duration::from_secs(3600);

fn refused(status: u16, message: &str) -> Canned {
    (status, json!({ "message": message }))
}

fn in_use(by: &str) -> Canned {
    refused(409, &format!("Volume is attached to {by}"))
}

fn done() -> Canned {
    (204, Value::Null)
}

fn failure(end: &End) -> &StepError {
    match &end.result {
        Err(Interruption::Failed(error) | Interruption::NoAccess(error)) => error,
        _ => panic!("{end:?}"),
    }
}

#[test]
fn a_refusal_that_passes_is_waited_for_with_growing_pauses() {
    let in_use = || in_use("a server");
    for (answers, delays) in [
        (vec![done()], &[][..]),
        (vec![(200, json!({ "tasks": [] }))], &[]),
        (vec![in_use(), in_use(), in_use(), done()], &["in use by 0 30", "in use by 0 45", "in use by 0 67"]),
        (vec![refused(400, "still has subnets"), done()], &["in use by 0 30"]),
        (vec![(429, json!({ "retry_after": 7 })), done()], &["rate 70"]),
        (vec![(429, json!({ "retry_after": 1 })), done()], &["rate 30"]),
        (vec![(503, json!({ "message": "later", "retry_after": 9 })), done()], &["unavailable 503 90"]),
    ] {
        let end = removed(OLD, answers.clone(), vec![]);
        assert!(matches!(end.result, Ok(RemovedWhen::Now)), "{end:?}");
        assert_eq!(
            (end.delays.as_slice(), end.sent),
            (&delays.iter().map(|&words| words.to_owned()).collect::<Vec<_>>()[..], answers.len())
        );
    }
}

#[test]
fn a_refusal_that_does_not_pass_is_left_when_the_time_is_over() {
    let stranger = format!("server {STRANGER}");
    for (answer, budget, help) in [
        (in_use("a server"), BUDGET, "once nothing uses it any more"),
        (in_use(&stranger), UNRECORDED_BUDGET, STRANGER),
        ((503, json!({ "message": "later", "retry_after": 9 })), BUDGET, "it continues where it stopped"),
        (
            refused(409, "Operation on resource currently locked by running task"),
            BUDGET,
            "it continues where it stopped",
        ),
    ] {
        let end = removed(OLD, vec![answer.clone()], vec![]);
        assert!(end.took > budget && end.took < budget + Duration::from_secs(60), "{answer:?}: {end:?}");
        let error = failure(&end);
        assert!(error.help.len() == 1 && error.help[0].contains(help), "{error:?}");
        assert!(end.phase != Phase::Removing, "{end:?}");
    }
    for (answer, help) in [
        (refused(400, "wrong"), "mend what the API names"),
        (refused(400, "wrong"), "take it back by hand"),
        (refused(409, "something"), "remove the resource that the message names"),
        (refused(403, "no"), "may not do this"),
    ] {
        let end = removed(OLD, vec![answer], vec![]);
        let error = failure(&end);
        assert!(end.delays.is_empty() && error.help.iter().any(|words| words.contains(help)), "{error:?}");
    }
}

#[test]
fn what_cannot_be_read_alone_is_gone_when_its_list_does_not_show_it() {
    const KEY: &str = "/storage/provisioning/v1/key/7";
    const KEYS: &str = "/storage/provisioning/v1/key";
    const LIFECYCLE: &str = "/storage/provisioning/v1/storage/7/s3/bucket/pictures/lifecycle";
    let no_route = || refused(404, "no Route matched with those values");
    let listed = |ids: &[u64]| (200, ids.iter().map(|id| json!({ "id": id, "name": "k" })).collect::<Value>());
    let removed =
        |path: &str, lists: Vec<Canned>| removed_at(path, vec![], OLD, vec![no_route(), done()], vec![(KEYS, lists)]);
    for (list, sent) in [(listed(&[6, 8]), 1), (listed(&[6, 7]), 2), (listed(&[]), 1), ((500, json!({})), 2)] {
        let (end, warnings) = removed(KEY, vec![list.clone()]);
        assert!(
            matches!(end.result, Ok(RemovedWhen::Now | RemovedWhen::Already)) && warnings.is_empty(),
            "{list:?}: {end:?}"
        );
        assert_eq!(end.deletes(), sent, "{list:?}: {end:?}");
    }
    // Nothing of the API shows it.
    let (end, warnings) = removed(LIFECYCLE, vec![listed(&[])]);
    assert!(matches!(end.result, Ok(RemovedWhen::Already)), "{end:?}");
    assert!(warnings.len() == 1 && warnings[0].contains("no call that reads it"), "{warnings:?}");
}

#[test]
fn a_user_that_was_removed_a_moment_ago_is_waited_for_and_named() {
    let user = InstanceId::new(StepId::new("server"), None);
    let made = RecordedResource {
        kind: Some("instances".to_owned()),
        id: Some(json!(STRANGER).into()),
        name: Some("web".to_owned()),
        undo: Some(RecordedCall::new(Method::Delete, format!("/cloud/v1/instances/1/7/{STRANGER}"))),
        ..RecordedResource::default()
    };
    let port = "1ee7ccee-5003-48c9-8ae0-d96063af75b3";
    let succeeded = Succeeded {
        instance: user.clone(),
        provenance: crate::event::Provenance::Called,
        result: StepResult {
            id: made.id.clone(),
            created: serde_json::from_value(json!({ "instances": [STRANGER], "ports": [port] })).unwrap(),
            ..StepResult::default()
        },
        made,
        duration_ms: 0,
        durations: Vec::new(),
        evidence: None,
        agrees: None,
        existed_on: None,
    };
    let intent = Intent { instance: user.clone(), ..intent(json!({})) };
    let made = vec![Record::Intent(intent.into()), Record::Succeeded(Box::new(succeeded))];
    let removed = || made.iter().cloned().chain([Record::Removed { instance: user.clone() }]).collect::<Vec<_>>();
    let at_last = || [vec![in_use(STRANGER); 8], vec![done()]].concat();
    let minute = Duration::from_secs(60);
    let end = removed_after(removed(), minute, at_last(), vec![]);
    assert!(matches!(end.result, Ok(RemovedWhen::Now)) && end.took > UNRECORDED_BUDGET * 2, "{end:?}");
    assert!(end.delays.iter().all(|words| words.starts_with("in use by the removed web ")), "{end:?}");
    // What cannot outlive it goes with it.
    let end = removed_after(removed(), minute, vec![in_use(port)], vec![]);
    assert!(failure(&end).help[0].contains(&format!("port {port} has been removed")), "{end:?}");
    assert!(end.took > BUDGET && end.delays[0].starts_with("in use by the removed "), "{end:?}");
    for (before, age, budget) in [
        // Removed long ago: it is another of the same id, or the API shows what is not there.
        (removed(), OLD, UNRECORDED_BUDGET),
        (made.clone(), minute, BUDGET),
        (vec![], minute, UNRECORDED_BUDGET),
    ] {
        let end = removed_after(before, age, vec![in_use(STRANGER)], vec![]);
        assert!(end.took > budget && end.took < budget + minute, "{budget:?}: {end:?}");
        assert!(!failure(&end).help[0].contains("has been removed"), "{end:?}");
    }
}

#[test]
fn an_answer_with_the_task_of_another_call_is_not_believed() {
    let other = InstanceId::new(StepId::new("other"), None);
    let intent = Intent { instance: other.clone(), ..intent(json!({})) };
    let accepted = Record::Accepted {
        instance: other,
        tasks: vec!["t9".to_owned()],
        recovered: false,
        status: Some(200),
        evidence: None,
    };
    let before = || vec![Record::Intent(intent.clone().into()), accepted.clone()];
    let tasks = |task: &str| (200, json!({ "tasks": [task] }));
    let finished = |task: &str| (200, json!({ "id": task, "state": "FINISHED" }));
    let (own, others) = ("/cloud/v1/tasks/t1", "/cloud/v1/tasks/t9");
    let polled = || vec![(own, vec![finished("t1")]), (others, vec![finished("t9")])];
    // The next answer says what came of it.
    let end = removed_after(before(), OLD, vec![tasks("t9"), tasks("t1")], polled());
    assert!(matches!(end.result, Ok(RemovedWhen::Now)) && end.sent == 2 && end.delays.len() == 1, "{end:?}");
    let end = removed_after(before(), OLD, vec![tasks("t9"), refused(404, "no")], polled());
    assert!(matches!(end.result, Ok(RemovedWhen::Already)) && (end.deletes(), end.reads) == (2, 1), "{end:?}");
    let end = removed_after(before(), OLD, vec![tasks("t9")], polled());
    assert_eq!(failure(&end).effect, EffectKnown::Unknown, "{end:?}");
    assert!(failure(&end).message.contains("names task t9, which is on record for another call"), "{end:?}");
    let end = removed_after(vec![], OLD, vec![tasks("t9")], polled());
    assert!(matches!(end.result, Ok(RemovedWhen::Now)) && end.sent == 1, "{end:?}");
}

#[test]
fn not_found_means_gone_unless_it_was_made_a_moment_ago_or_the_project_is_hidden() {
    let gone = || refused(404, "no");
    let end = removed(OLD, vec![gone()], vec![]);
    assert!(matches!(end.result, Ok(RemovedWhen::Already)) && (end.deletes(), end.reads) == (1, 1), "{end:?}");
    // A read that shows it, or fails, does not say so.
    for read in [(200, json!({ "id": "v" })), (500, json!({}))] {
        let end = removed(OLD, vec![gone(), done()], vec![(PATH, vec![read])]);
        assert!(matches!(end.result, Ok(RemovedWhen::Now)) && end.deletes() == 2, "{end:?}");
    }
    let young = removed(Duration::ZERO, vec![gone()], vec![]);
    assert!(matches!(young.result, Ok(RemovedWhen::Already)) && young.deletes() > 1, "{young:?}");
    assert!(young.delays.iter().all(|words| words == "failed 30"), "{young:?}");
    // After a lost answer a 404 is expected.
    let lost = removed(Duration::ZERO, vec![(LOST, Value::Null), gone()], vec![]);
    assert!(matches!(lost.result, Ok(RemovedWhen::Already)) && (lost.deletes(), lost.reads) == (2, 1), "{lost:?}");
    let after_refusal = removed(Duration::ZERO, vec![(LOST, Value::Null), in_use("a server"), gone()], vec![]);
    assert!(
        matches!(after_refusal.result, Ok(RemovedWhen::Already)) && after_refusal.deletes() == 3,
        "{after_refusal:?}"
    );
    for place in ["/cloud/v1/projects/1", "/cloud/v1/regions/7"] {
        let hidden = removed(OLD, vec![gone()], vec![(place, vec![(404, json!({}))])]);
        assert!(
            matches!(&hidden.result, Err(Interruption::NoAccess(error)) if error.class == ErrorClass::NotAllowed),
            "{hidden:?}"
        );
        let broken = removed(OLD, vec![gone()], vec![(place, vec![(500, json!({}))])]);
        assert!(
            matches!(&broken.result, Err(Interruption::NoAccess(error)) if error.class == ErrorClass::Unreachable),
            "{broken:?}"
        );
    }
}

#[test]
fn a_removal_without_an_answer_is_sent_again_and_in_the_end_reported() {
    // The API has answered before: it is there.
    let waits = || (429, json!({}));
    for (answers, effect) in [
        (vec![waits(), (LOST, Value::Null)], EffectKnown::Unknown),
        (vec![waits(), (500, json!({}))], EffectKnown::Unknown),
        (vec![waits(), (UNSENT, Value::Null)], EffectKnown::NotApplied),
        (vec![waits(), (LOST, Value::Null), (UNSENT, Value::Null)], EffectKnown::Unknown),
    ] {
        let end = removed(OLD, answers.clone(), vec![]);
        assert_eq!((failure(&end).effect, end.sent), (effect, Policy::REQUEST.attempts as usize), "{answers:?}");
    }
    for (answers, effect) in [
        (vec![(NO_CONNECTION, Value::Null)], EffectKnown::NotApplied),
        (vec![(LOST, Value::Null), (NO_CONNECTION, Value::Null)], EffectKnown::Unknown),
    ] {
        let end = removed(OLD, answers.clone(), vec![]);
        assert_eq!((failure(&end).effect, end.sent), (effect, answers.len()), "{answers:?}");
    }
}

#[test]
fn the_task_of_a_removal_is_waited_for_and_repeated_when_it_fails() {
    let tasks = || (200, json!({ "tasks": ["t1"] }));
    let state = |state: &str| (200, json!({ "id": "t1", "state": state, "error": "no" }));
    let path = "/cloud/v1/tasks/t1";
    let end = removed(OLD, vec![tasks()], vec![(path, vec![state("RUNNING"), state("FINISHED")])]);
    assert!(matches!(end.result, Ok(RemovedWhen::Now)) && end.sent == 1, "{end:?}");
    let end = removed(OLD, vec![tasks()], vec![(path, vec![state("ERROR"), state("ERROR"), state("FINISHED")])]);
    assert!(matches!(end.result, Ok(RemovedWhen::Now)) && end.sent == 3, "{end:?}");
    assert_eq!(end.delays, ["in use by 0 30", "in use by 0 60"]);
    let end = removed(OLD, vec![tasks()], vec![(path, vec![state("ERROR")])]);
    assert_eq!((failure(&end).task.as_deref(), end.sent), (Some("t1"), 3));
    let end = removed(OLD, vec![tasks()], vec![(path, vec![(403, json!({}))])]);
    assert_eq!((failure(&end).status, end.sent), (Some(403), 1));
    // It was the look that was refused.
    assert_eq!(failure(&end).effect, EffectKnown::Unknown);
    assert!(failure(&end).message.contains("its removal was accepted, and task t1 cannot be read"), "{end:?}");
    // One that the API does not know any more: the resource says what came of it.
    let missing = || (path, vec![refused(404, "no such task")]);
    let end = removed(OLD, vec![tasks()], vec![missing(), (PATH, vec![refused(404, "no such volume")])]);
    assert!(matches!(end.result, Ok(RemovedWhen::Unseen)) && end.deletes() == 1, "{end:?}");
    let still = || (200, json!({ "id": "v" }));
    let end = removed(OLD, vec![tasks()], vec![missing(), (PATH, vec![still(), refused(404, "no such volume")])]);
    assert!(matches!(end.result, Ok(RemovedWhen::Unseen)) && end.deletes() == 2, "{end:?}");
    let end = removed(OLD, vec![tasks()], vec![missing(), (PATH, vec![still()])]);
    assert_eq!((failure(&end).effect, end.deletes()), (EffectKnown::Unknown, 3), "{end:?}");
    assert!(failure(&end).message.contains("it is still there"), "{end:?}");
    let end = removed(OLD, vec![tasks()], vec![missing(), (PATH, vec![refused(500, "no")])]);
    assert_eq!((failure(&end).effect, end.deletes()), (EffectKnown::Unknown, 1), "{end:?}");
    let end = removed(OLD, vec![tasks()], vec![(path, vec![state("RUNNING")])]);
    assert_eq!((failure(&end).effect, end.sent), (EffectKnown::Unknown, 1));
    assert!(failure(&end).message.contains("its removal still runs: task t1"), "{end:?}");
}
