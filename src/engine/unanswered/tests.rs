//! What becomes of one attempt that was given up, by what the API shows of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::catalog::Method;
use crate::engine::evidence::testing::intent;
use crate::engine::tests::apart::{Canned, listed};
use crate::engine::tests::harness::{Trial, paused};
use crate::event::{Event, Provenance};
use crate::journal::{Few, Intent, RecordedCall, Succeeded};
use crate::simulate::Options;

const VOLUMES: &str = "/cloud/v1/volumes/1/7";
const GROUPS: &str = "/cloud/v1/servergroups/1/7";
const TASKS: &str = "/cloud/v1/tasks";

/// What is done with the attempt.
enum Way {
    /// The whole search.
    Look { failed: &'static [&'static str] },
    /// A task was found.
    Complete,
}

#[derive(Debug)]
struct End {
    /// The error for a person to decide, if there is one.
    undecided: Option<StepError>,
    /// Whether the attempt is settled on the record.
    is_settled: bool,
    /// Ids that are on record for the step.
    made: Vec<String>,
    warnings: String,
    took: Duration,
    read: Vec<String>,
}

fn write(method: Method, path: &str) -> Intent {
    let call = RecordedCall { body: Some(json!({ "name": "web" }).into()), ..RecordedCall::new(method, path) };
    Intent { call: call.into(), ..intent(json!({})) }
}

/// The end for a step whose first attempt was given up, and whose second succeeded, or is still in doubt.
fn late(intent: &Intent, way: &Way, succeeded: bool, age: Duration, table: &[(&str, Canned)]) -> End {
    paused(async {
        let trial = Trial::new(Options::default());
        trial.answer_with(table.to_vec());
        let work = async |context: &Arc<RunContext>| {
            let second = Intent { attempt: 2, nonce: "1ce".to_owned(), ..intent.clone() };
            let mut records = vec![Record::Intent(intent.clone().into()), Record::Intent(second.into())];
            if succeeded {
                let succeeded = Succeeded {
                    instance: intent.instance.clone(),
                    provenance: Provenance::Called,
                    result: StepResult::default(),
                    made: RecordedResource { kind: Some("volumes".to_owned()), ..RecordedResource::default() },
                    duration_ms: 0,
                    durations: Vec::new(),
                    evidence: None,
                    agrees: None,
                    existed_on: None,
                };
                records.push(Record::Succeeded(Box::new(succeeded)));
            }
            context.journal.append(records).await.unwrap();
            tokio::time::sleep(age).await;
            let status = || context.journal.with_status(|status| status.instances[&intent.instance].clone());
            let known = status();
            let mut attempt = known.earlier[0].clone();
            if let Way::Look { failed } = way {
                attempt.failed = failed.iter().map(|&task| task.to_owned()).collect::<Few<String>>();
            }
            let open = OpenAttempt { context, instance: &intent.instance, known: &known, attempt: &attempt };
            let began = context.clock().elapsed();
            let undecided = match way {
                Way::Look { .. } => open.look().await,
                Way::Complete => {
                    let evidence = Some(crate::journal::Evidence::RequestId);
                    open.complete(Called::Tasks { tasks: vec!["t1".to_owned()], status: None, evidence }).await
                }
            };
            (undecided.unwrap(), status(), context.clock().elapsed() - began)
        };
        let ((undecided, known, took), events) = trial.apart(work).await;
        let warnings = events.into_iter().filter_map(|event| match event {
            Event::Warned { message } => Some(message),
            _ => None,
        });
        let made = known.made.iter().filter_map(|made| made.id.as_deref().map(id_text));
        let read = trial.requests.lock().unwrap().iter().map(|request| request.path.clone()).collect();
        let is_settled = known.earlier.is_empty();
        End { undecided, is_settled, made: made.collect(), warnings: warnings.collect(), took, read }
    })
}

const LOOK: Way = Way::Look { failed: &[] };
const OLD: Duration = Duration::from_secs(3600);

#[test]
fn what_makes_nothing_or_was_replaced_is_settled_without_a_search() {
    let zone = "/dns/v2/zones/example.com/www.example.com/A";
    for (method, path, succeeded, is_searched) in [
        (Method::Post, "/cloud/v1/volumes/1/7/v1/extend", true, false),
        (Method::Put, zone, true, false),
        (Method::Put, zone, false, true),
        (Method::Put, "/nothing/known", false, false),
        (Method::Post, "/nothing/known", true, true),
    ] {
        let end = late(&write(method, path), &LOOK, succeeded, Duration::ZERO, &[]);
        assert_eq!(end.read.is_empty(), !is_searched, "{method} {path} {succeeded}: {end:?}");
        assert!(is_searched || (end.is_settled && end.undecided.is_none()), "{method} {path} {succeeded}: {end:?}");
        assert!(end.warnings.is_empty() || is_searched, "{end:?}");
    }
}

#[test]
fn of_what_was_never_found_the_time_decides() {
    let none = [(TASKS, listed(&[])), (VOLUMES, listed(&[]))];
    for (age, is_settled) in [(Duration::from_secs(14 * 60), false), (Duration::from_secs(16 * 60), true)] {
        let end = late(&write(Method::Post, VOLUMES), &LOOK, true, age, &none);
        assert_eq!((end.is_settled, end.undecided.is_none(), end.made.len()), (is_settled, true, 0), "{end:?}");
    }
    let closed = [(TASKS, (500, json!({}))), (VOLUMES, (500, json!({})))];
    let end = late(&write(Method::Post, VOLUMES), &LOOK, true, OLD, &closed);
    assert!(!end.is_settled && end.undecided.is_none() && end.warnings.contains("its outcome could not be resolved"));
    let alike = json!({ "servergroup_id": "g2", "name": "web", "policy": "affinity" });
    let end = late(&write(Method::Post, GROUPS), &LOOK, true, OLD, &[(TASKS, listed(&[])), (GROUPS, listed(&[alike]))]);
    let error = end.undecided.expect("a person decides");
    assert!(!end.is_settled && error.message.contains("g2") && error.help.len() == 2, "{error:?}");
}

#[test]
fn what_a_failed_attempt_left_is_recorded_as_well() {
    let failed = Way::Look { failed: &["t1"] };
    let item = json!({ "id": "vol-9", "creator_task_id": "t1" });
    let end = late(&write(Method::Post, VOLUMES), &failed, true, OLD, &[(VOLUMES, listed(&[item]))]);
    assert_eq!((end.is_settled, end.made), (true, vec!["vol-9".to_owned()]));
    assert!(end.warnings.contains("which ended in ERROR, left a resource behind: volume vol-9"), "{}", end.warnings);
    let end = late(&write(Method::Post, VOLUMES), &failed, true, OLD, &[(VOLUMES, listed(&[]))]);
    assert!(end.is_settled && end.made.is_empty() && end.warnings.is_empty(), "{end:?}");
    // The list does not name tasks, so that the owner of a group is not known.
    let alike = json!({ "servergroup_id": "g2", "name": "web", "policy": "affinity" });
    let end = late(&write(Method::Post, GROUPS), &failed, true, OLD, &[(GROUPS, listed(&[alike]))]);
    assert!(!end.is_settled && end.undecided.is_some_and(|error| error.message.contains("g2")));
    let closed = [(GROUPS, (500, json!({})))];
    for (age, is_settled) in [(Duration::ZERO, false), (OLD, true)] {
        let end = late(&write(Method::Post, GROUPS), &failed, true, age, &closed);
        assert_eq!((end.is_settled, end.undecided.is_none()), (is_settled, true), "{end:?}");
    }
    let end = late(&write(Method::Post, "/nothing/known"), &failed, true, OLD, &[]);
    assert!(end.is_settled && end.read.is_empty(), "{end:?}");
}

#[test]
fn a_task_that_was_found_is_waited_for() {
    let task = |state: &str| {
        let task = json!({ "id": "t1", "state": state, "created_resources": { "volumes": ["vol-9"] }, "error": "no" });
        ("/cloud/v1/tasks/t1", (200, task))
    };
    let volume =
        |maker: &str| ("/cloud/v2/volumes/1/7/vol-9", (200, json!({ "id": "vol-9", "creator_task_id": maker })));
    let first = |maker: &str| ("/cloud/v1/volumes/1/7/vol-9", volume(maker).1);
    let intent = Intent { timeout_ms: Some(90_000), ..write(Method::Post, VOLUMES) };
    let end = late(&intent, &Way::Complete, true, OLD, &[task("FINISHED"), volume("t1"), first("t1")]);
    assert_eq!((end.is_settled, end.made), (true, vec!["vol-9".to_owned()]));
    assert!(
        end.warnings.contains("which was never answered, was carried out after all: volume vol-9"),
        "{}",
        end.warnings
    );
    let end = late(&intent, &Way::Complete, true, OLD, &[task("FINISHED"), volume("t9"), first("t9")]);
    assert!(!end.is_settled && end.undecided.is_some_and(|error| error.message.contains("task t1")));
    let end = late(&intent, &Way::Complete, true, OLD, &[task("RUNNING")]);
    assert!(end.took >= Duration::from_secs(90) && end.took < Duration::from_secs(100), "{end:?}");
    let error = end.undecided.expect("it goes on");
    assert!(!end.is_settled && error.message.contains("its task still runs: t1"), "{error:?}");
}

#[test]
fn what_a_task_in_error_left_is_recorded_or_left_to_a_person() {
    let task = ("/cloud/v1/tasks/t1", (200, json!({ "id": "t1", "state": "ERROR", "error": "no" })));
    let item = json!({ "id": "vol-9", "creator_task_id": "t1" });
    let volumes = |items: &[serde_json::Value]| (VOLUMES, listed(items));
    for (items, made) in [(vec![item], vec!["vol-9".to_owned()]), (vec![], vec![])] {
        let end = late(&write(Method::Post, VOLUMES), &Way::Complete, true, OLD, &[task.clone(), volumes(&items)]);
        assert_eq!((end.is_settled, end.undecided.is_none(), &end.made), (true, true, &made), "{end:?}");
    }
    let alike = json!({ "servergroup_id": "g2", "name": "web", "policy": "affinity" });
    let end = late(&write(Method::Post, GROUPS), &Way::Complete, true, OLD, &[task, (GROUPS, listed(&[alike]))]);
    assert!(!end.is_settled && end.undecided.is_some_and(|error| error.message.contains("g2")));
}

#[test]
fn what_may_still_be_carried_out_is_reported_with_the_longest_time() {
    for (age, minutes) in [(1, Some(15)), (301, Some(10)), (3600, None)] {
        let warnings = paused(async {
            let trial = Trial::new(Options::default());
            let work = async |context: &Arc<RunContext>| {
                let of = |name: &str, attempt: u32| {
                    let instance = InstanceId::new(crate::id::StepId::new(name), None);
                    Record::Intent(Intent { instance, attempt, ..write(Method::Post, VOLUMES) }.into())
                };
                context.journal.append(vec![of("one", 1)]).await.unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
                let records = vec![of("one", 2), of("two", 1), of("two", 2)];
                context.journal.append(records).await.unwrap();
                tokio::time::sleep(Duration::from_secs(age)).await;
                warn_of_open(context, &HashSet::default());
            };
            trial.apart(work).await.1
        });
        let told = warnings.into_iter().find_map(|event| match event {
            Event::Warned { message } => Some(message),
            _ => None,
        });
        let expected = minutes
            .map(|minutes: u64| format!("a call of `one`, `two`; it may still be carried out within {minutes} min"));
        assert_eq!(told.is_some(), expected.is_some(), "{told:?}");
        assert!(expected.is_none_or(|words| told.is_some_and(|told| told.contains(&words))), "{age}");
    }
}
