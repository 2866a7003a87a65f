//! How every answer to a write is handled: the call is sent again, resolved, or given up.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::catalog::{Catalog, Method};
use crate::engine::evidence::testing;
use crate::engine::tests::apart::{Canned, LOST, NO_CONNECTION, UNSENT, listed};
use crate::engine::tests::harness::{Trial, paused};
use crate::event::Delay;
use crate::journal::InstanceStatus;
use crate::simulate::Options;

const VOLUMES: &str = "/cloud/v1/volumes/1/7";
const GROUPS: &str = "/cloud/v1/servergroups/1/7";
const RECORDS: &str = "/dns/v2/zones/example.com/www.example.com/A";
const TASKS: &str = "/cloud/v1/tasks";

/// How a write ended, what happened meanwhile, and what is on record.
#[derive(Debug)]
struct End {
    result: Result<Called, Interruption>,
    /// The reason of each pause.
    delays: Vec<String>,
    resolved: usize,
    /// Bodies of the write, in the order in which it was sent.
    sent: Vec<Value>,
    /// Paths of the reads.
    read: Vec<String>,
    known: InstanceStatus,
}

fn write(method: Method, path: &str, body: Value) -> Write {
    let call = RecordedCall { body: Some(body.into()), ..RecordedCall::new(method, path) };
    let (operation, parameters) = crate::engine::operation::operation_of(Catalog::embedded(), &call).unzip();
    Write {
        operation,
        parameters: parameters.unwrap_or_default(),
        request: RunContext::request(&call),
        about: About { call: Some(call.clone().into()), place: None },
        intent: Intent { call: call.into(), ..testing::intent(json!({})) },
        retry: None,
        stamp: true,
    }
}

fn volume() -> Write {
    write(Method::Post, VOLUMES, json!({ "name": "web", "size": 1, "source": "new-volume" }))
}

fn group() -> Write {
    write(Method::Post, GROUPS, json!({ "name": "web", "policy": "affinity" }))
}

/// Makes a write to which these answers are given in turn. `earlier`: an attempt before it was given up.
fn made_after(write: &Write, earlier: bool, answers: &[Canned], reads: &[(&str, Canned)]) -> End {
    paused(async {
        let trial = Trial::new(Options::default());
        let key = format!("{} {}", write.call().method, write.call().path);
        let turns = reads.iter().map(|(path, told)| (*path, vec![told.clone()]));
        trial.answer_in_turn(turns.chain([(key.as_str(), answers.to_vec())]));
        let work = async |context: &Arc<RunContext>| {
            if earlier {
                let of = |attempt: u32| Record::Intent(Intent { attempt, ..write.intent.clone() }.into());
                context.journal.append(vec![of(1), of(2)]).await.unwrap();
            }
            let result = write.make(context, if earlier { 2 } else { 0 }, None).await;
            let known = context.journal.with_status(|status| status.instances.get(write.instance()).cloned());
            (result, known.map(Shared::into_owned).unwrap_or_default())
        };
        let ((result, known), events) = trial.apart(work).await;
        let resolved = events.iter().filter(|event| matches!(event, Event::ResolvingStarted { .. })).count();
        let delays = events.into_iter().filter_map(|event| match event {
            Event::CallDelayed { reason, .. } => Some(match reason {
                Delay::RateLimited => "rate".to_owned(),
                Delay::Unavailable { status } => format!("unavailable {status}"),
                Delay::Locked { .. } => "locked".to_owned(),
                Delay::InUse { .. } => "in use".to_owned(),
                Delay::NotSent { .. } => "unsent".to_owned(),
                Delay::Failed { .. } => "failed".to_owned(),
            }),
            _ => None,
        });
        let requests = trial.requests.lock().unwrap();
        let (writes, gets): (Vec<_>, Vec<_>) = requests.iter().partition(|request| request.method != Method::Get);
        let sent = writes.into_iter().map(|request| request.body.as_deref().cloned().unwrap_or_default()).collect();
        let read = gets.into_iter().map(|request| request.path.clone()).collect();
        End { result, delays: delays.collect(), resolved, sent, read, known }
    })
}

fn made(write: &Write, answers: &[Canned], reads: &[(&str, Canned)]) -> End {
    made_after(write, false, answers, reads)
}

fn refused(status: u16, message: &str) -> Canned {
    (status, json!({ "message": message }))
}

fn accepted() -> Canned {
    (200, json!({ "tasks": ["t1"] }))
}

fn lost() -> Canned {
    (LOST, Value::Null)
}

/// The error of a step that failed, or of one whose outcome is not known.
fn error(end: &End) -> (&'static str, &StepError) {
    match &end.result {
        Err(Interruption::Failed(error)) => ("failed", error),
        Err(Interruption::Unknown(error)) => ("unknown", error),
        Err(Interruption::Conflict(error)) => ("conflict", error),
        _ => panic!("{end:?}"),
    }
}

#[test]
fn an_answer_says_what_was_started_or_made() {
    let end = made(&volume(), &[accepted()], &[]);
    assert!(
        matches!(&end.result, Ok(Called::Tasks { tasks, status: Some(200), evidence: None }) if tasks == &["t1"]),
        "{end:?}"
    );
    assert!(matches!(end.known.phase, crate::journal::Phase::Accepted { .. }));
    let extend = write(Method::Post, "/cloud/v1/volumes/1/7/v1/extend", json!({ "size": 2 }));
    let value = json!({ "tasks": [] });
    let end = made(&extend, &[(200, value.clone())], &[]);
    assert!(matches!(&end.result, Ok(Called::Answered { status: 200, value: told }) if *told == value), "{end:?}");
    // It is carried out by a task, which this answer does not name: that is looked for.
    for value in [json!({}), json!(null), json!({ "tasks": "t1" }), json!({ "tasks": ["t1", null] }), json!(["t1"])] {
        let tasks = ("/cloud/v1/tasks", listed(&[]));
        let end = made(&extend, &[(200, value.clone())], &[tasks, ("/cloud/v1/user_actions", listed(&[]))]);
        assert!(matches!(&end.result, Ok(Called::Answered { status: 200, .. })), "{end:?}");
        assert_eq!((end.resolved, end.sent.len()), (1, 1), "{end:?}");
        let theirs =
            json!({ "id": "t9", "state": "RUNNING", "task_type": "extend_volume", "data": { "volume_id": "v1" } });
        let end = made(&extend, &[(200, value.clone())], &[("/cloud/v1/tasks", listed(&[theirs]))]);
        assert!(matches!(&end.result, Ok(Called::Tasks { tasks, .. }) if tasks == &["t9"]), "{end:?}");
    }
    let end = made(&group(), &[(201, json!({ "servergroup_id": "g1" }))], &[(GROUPS, listed(&[]))]);
    assert!(matches!(&end.result, Ok(Called::Answered { status: 201, .. })), "{end:?}");
}

#[test]
fn a_refusal_that_passes_is_waited_for_to_a_limit() {
    for (answer, word) in [
        ((429, json!({})), "rate"),
        ((425, json!({})), "rate"),
        ((503, json!({ "message": "later", "retry_after": 1 })), "unavailable 503"),
    ] {
        let end = made(&volume(), &[answer.clone(), answer.clone(), accepted()], &[]);
        assert!(end.result.is_ok() && end.delays == [word, word], "{end:?}");
        let end = made(&volume(), &[answer], &[]);
        assert_eq!((error(&end).0, end.sent.len()), ("failed", MOST_POSTPONED as usize + 1));
    }
    let locked = || refused(409, "Operation on resource currently locked by running task");
    let end = made(&volume(), &[locked(), locked(), accepted()], &[]);
    assert!(end.result.is_ok() && end.delays == ["locked", "locked"], "{end:?}");
    let end = made(&volume(), &[locked()], &[]);
    assert!(error(&end).0 == "failed" && end.delays.iter().all(|word| word == "locked"), "{end:?}");
    // Waiting for a lock is no failure of the network: the tries begin anew after it.
    let unsent = || (UNSENT, Value::Null);
    let mut answers = vec![(429, json!({}))];
    answers.extend(vec![unsent(); 7]);
    answers.push(locked());
    answers.extend(vec![unsent(); 7]);
    answers.push(accepted());
    assert!(made(&volume(), &answers, &[]).result.is_ok());
}

#[test]
fn other_refusals_end_the_step_unless_the_plan_repeats_them() {
    for (answer, word) in [
        (refused(400, "wrong"), "failed"),
        (refused(403, "no"), "failed"),
        (refused(404, "no"), "failed"),
        (refused(409, "something"), "conflict"),
        (refused(400, "Quota limit exceeded"), "failed"),
    ] {
        let end = made(&volume(), &[answer], &[]);
        assert_eq!((error(&end).0, end.sent.len()), (word, 1));
    }
    let retry = Some(Retry { attempts: 3, on: vec![418] });
    let write = Write { retry, ..volume() };
    let end = made(&write, &[refused(418, "no")], &[]);
    assert_eq!((error(&end).0, end.sent.len(), end.delays.len()), ("failed", 3, 2));
    let end = made(&write, &[refused(418, "no"), accepted()], &[]);
    assert!(end.result.is_ok() && end.delays == ["unavailable 418"], "{end:?}");
    assert_eq!(made(&write, &[refused(400, "no")], &[]).sent.len(), 1);
}

#[test]
fn a_request_that_was_not_sent_is_sent_again_unless_it_never_can_be() {
    // The API has answered before: it is there.
    let end = made(&volume(), &[(429, json!({})), (UNSENT, Value::Null)], &[]);
    let (word, failed) = error(&end);
    assert_eq!((word, failed.effect, end.sent.len()), ("failed", EffectKnown::NotApplied, 9));
    assert!(failed.message.ends_with("(tried 8 times)"), "{failed:?}");
    let delete = write(Method::Delete, "/cloud/v1/volumes/1/7/v1", json!({}));
    let end = made(&delete, &[(NO_CONNECTION, Value::Null)], &[]);
    assert_eq!((error(&end).0, end.sent.len(), end.known.earlier.len()), ("failed", 1, 0));
}

#[test]
fn a_call_that_may_be_repeated_is_repeated_without_a_search() {
    let delete = write(Method::Delete, "/cloud/v1/volumes/1/7/v1", json!({}));
    let end = made(&delete, &[lost(), lost(), accepted()], &[]);
    assert!(end.result.is_ok() && end.delays == ["failed", "failed"] && end.read.is_empty(), "{end:?}");
    let end = made(&delete, &[lost()], &[]);
    assert_eq!((error(&end).0, end.sent.len(), end.resolved), ("unknown", 8, 0));
    // Gone, when an attempt without an answer came before; else there is something wrong with the call.
    assert!(matches!(
        made_after(&delete, true, &[refused(404, "no")], &[]).result,
        Ok(Called::Answered { status: 404, .. })
    ));
    assert_eq!(error(&made(&delete, &[refused(404, "no")], &[])).0, "failed");
    let patch = write(Method::Patch, "/cloud/v1/volumes/1/7/v1", json!({ "name": "web" }));
    assert_eq!(error(&made_after(&patch, true, &[refused(404, "no")], &[])).0, "failed");
}

#[test]
fn a_create_without_an_answer_is_searched_for_and_sent_again_when_it_is_not_found() {
    let nothing = [(TASKS, listed(&[])), (VOLUMES, listed(&[]))];
    let end = made(&volume(), &[lost(), accepted()], &nothing);
    assert!(end.result.is_ok() && end.sent.len() == 2 && end.resolved == 1, "{end:?}");
    let end = made(&volume(), &[lost()], &nothing);
    let (word, unknown) = error(&end);
    assert_eq!((word, end.sent.len(), end.resolved), ("unknown", RESENDS as usize + 1, RESENDS as usize + 1));
    assert!(
        unknown.message.starts_with("sent 7 times without a usable answer") && unknown.message.contains("reset"),
        "{unknown:?}"
    );
    // The API says that it was carried out: another would be one too many.
    for value in [json!({}), json!({ "tasks": [] })] {
        let end = made(&volume(), &[(200, value)], &nothing);
        let (word, unknown) = error(&end);
        assert_eq!((word, end.sent.len(), unknown.status), ("unknown", 1, Some(200)));
        assert!(
            unknown.message.contains("was not found: the answer (status 200) does not say what was made"),
            "{unknown:?}"
        );
    }
    let closed = [(TASKS, refused(403, "no")), (VOLUMES, refused(403, "no"))];
    let end = made(&volume(), &[lost()], &closed);
    assert!(error(&end).1.message.contains("its outcome could not be resolved"), "{end:?}");
}

#[test]
fn a_call_that_makes_nothing_is_done_when_the_api_says_so() {
    let extend = write(Method::Post, "/cloud/v1/volumes/1/7/v1/extend", json!({ "size": 2 }));
    let cut = (200, Value::String("cut".to_owned()));
    let nothing = [(TASKS, listed(&[]))];
    let end = made(&extend, std::slice::from_ref(&cut), &nothing);
    assert!(matches!(end.result, Ok(Called::Answered { status: 200, .. })), "{end:?}");
    let end = made(&extend, &[(504, json!({})), accepted()], &nothing);
    assert!(end.result.is_ok() && end.sent.len() == 2, "{end:?}");
}

#[test]
fn what_was_there_before_is_read_once_and_recorded() {
    let shown = |id: &str, name: &str| json!({ "servergroup_id": id, "name": name, "policy": "affinity" });
    let reads = [(GROUPS, listed(&[shown("g1", "web"), shown("g2", "other")])), (TASKS, listed(&[]))];
    let created = (201, json!({ "servergroup_id": "g3" }));
    let end = made(&group(), &[(UNSENT, Value::Null), created], &reads);
    let before = end.known.intent.as_ref().unwrap().mark.before.clone();
    assert_eq!((before, end.read.iter().filter(|path| *path == GROUPS).count()), (Some(vec!["g1".to_owned()]), 1));
    // Where tags or tasks tell resources apart, nothing is read.
    let end = made(&volume(), &[accepted()], &reads);
    assert_eq!((end.known.intent.as_ref().unwrap().mark.before.clone(), end.read.len()), (None, 1), "{end:?}");
    // A call that may change what is there asks for it.
    let put = write(Method::Put, RECORDS, json!({ "ttl": 60, "resource_records": [{ "content": ["1.2.3.4"] }] }));
    for (answer, expected) in [
        ((404, json!({ "error": "record set not found" })), Some(0)),
        ((200, json!({ "ttl": 60 })), Some(1)),
        ((500, json!({})), None),
    ] {
        let end = made(&put, &[(200, json!({}))], &[(RECORDS, answer)]);
        let before = end.known.intent.as_ref().unwrap().mark.before.as_ref().map(Vec::len);
        assert_eq!((before, end.result.is_ok()), (expected, true), "{end:?}");
    }
    let update = Write { intent: Intent { update: Some(put.intent.call.clone()), ..put.intent.clone() }, ..put };
    assert_eq!(made(&update, &[(200, json!({}))], &[]).read, Vec::<String>::new());
}

#[test]
fn a_list_that_does_not_exist_shows_nothing_and_one_that_cannot_be_read_says_nothing() {
    let share = "/cloud/v1/file_shares/1/7/726ecfcc-7fd0-4e30-a86e-7892524aa483/access_rule";
    let rule = |address: &str| json!({ "id": format!("of {address}"), "ip_address": address, "access_mode": "rw" });
    let rules = write(Method::Post, share, json!({ "ip_address": "10.0.0.5", "access_mode": "rw" }));
    let one = |id: &str| Some(vec![id.to_owned()]);
    for (write, path, told, expected) in [
        (group(), GROUPS, (404, json!({})), Some(vec![])),
        (group(), GROUPS, (403, json!({})), None),
        // Without names, what the call does not exclude.
        (rules, share, listed(&[rule("10.0.0.5"), rule("10.0.0.6")]), one("of 10.0.0.5")),
    ] {
        let end = made(&write, &[(201, json!({ "id": "x" }))], &[(path, told), (TASKS, listed(&[]))]);
        assert_eq!(end.known.intent.as_ref().unwrap().mark.before, expected, "{path} {end:?}");
    }
}

#[test]
fn an_update_is_done_when_the_resource_shows_it() {
    let extend = |size: u64| {
        let create = volume().intent.call;
        let update = RecordedCall {
            body: Some(json!({ "name": "web", "size": size, "source": "new-volume" }).into()),
            ..RecordedCall::clone(&create)
        };
        let write = write(Method::Post, "/cloud/v1/volumes/1/7/vol-9/extend", json!({ "size": size }));
        (create, Write { intent: Intent { update: Some(update.into()), ..write.intent.clone() }, ..write })
    };
    for (shown, sent) in [(2, 1), (1, 2)] {
        let (create, write) = extend(2);
        let end = paused(async {
            let trial = Trial::new(Options::default());
            let path = write.call().path.clone();
            let volume = ("/cloud/v1/volumes/1/7/vol-9", vec![(200, json!({ "id": "vol-9", "size": shown }))]);
            trial.answer_in_turn([volume, (TASKS, vec![listed(&[])]), (path.as_str(), vec![lost(), accepted()])]);
            let work = async |context: &Arc<RunContext>| {
                let created =
                    Record::Intent(Intent { call: create.clone(), update: None, ..write.intent.clone() }.into());
                let result = crate::journal::StepResult { id: Some(json!("vol-9").into()), ..Default::default() };
                let succeeded = crate::journal::Succeeded {
                    instance: write.instance().clone(),
                    provenance: crate::event::Provenance::Called,
                    result,
                    made: Default::default(),
                    duration_ms: 0,
                    durations: Vec::new(),
                    evidence: None,
                    agrees: None,
                    existed_on: None,
                };
                context.journal.append(vec![created, Record::Succeeded(Box::new(succeeded))]).await.unwrap();
                write.make(context, 1, None).await
            };
            let (result, events) = trial.apart(work).await;
            let searches = events.iter().filter(|event| matches!(event, Event::ResolvingStarted { .. })).count();
            let requests = trial.requests.lock().unwrap();
            (result.is_ok(), searches, requests.iter().filter(|request| request.method != Method::Get).count())
        });
        // What the resource shows at once needs no search.
        assert_eq!(end, (true, sent - 1, sent), "{shown}");
    }
}

#[test]
fn secondary_resources_are_listed_before_unless_the_call_names_them() {
    let path = "/cdn/resources";
    let groups = "/cdn/origin_groups";
    for (body, expected) in [
        (json!({ "cname": "a.example.com", "origin": "o.example.com" }), Some(vec!["5".to_owned(), "6".to_owned()])),
        (json!({ "cname": "a.example.com", "originGroup": 5 }), None),
    ] {
        let reads = [(groups, (200, json!([{ "id": 5 }, { "id": 6 }]))), (path, (200, json!([])))];
        let end =
            made(&write(Method::Post, path, body.clone()), &[(201, json!({ "id": 7, "originGroup": 8 }))], &reads);
        assert_eq!(end.known.intent.as_ref().unwrap().mark.secondary_before.clone(), expected, "{body} {end:?}");
    }
}

#[test]
fn only_creates_that_take_tags_carry_ours() {
    let tag = |end: &End| end.sent[0].pointer("/tags/plan-attempt").is_some();
    let nothing = [(GROUPS, listed(&[])), (TASKS, listed(&[]))];
    for (write, expected) in [
        (volume(), true),
        (Write { stamp: false, ..volume() }, false),
        (Write { intent: Intent { update: Some(volume().intent.call), ..volume().intent }, ..volume() }, false),
        (group(), false),
        (write(Method::Patch, "/cloud/v1/volumes/1/7/v1", json!({ "name": "web" })), false),
    ] {
        let end = made(&write, &[accepted()], &nothing);
        assert_eq!((tag(&end), end.known.intent.as_ref().unwrap().stamped), (expected, expected), "{end:?}");
    }
}
