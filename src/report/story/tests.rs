use super::*;
use crate::report::testing::{error, instance};

#[test]
fn a_failure_shows_cause_place_existing_resource_and_next_step() {
    let story = Story::of(&error("QuotaLimitExceed: no more\nforged line (request_id req-1)"));
    assert_eq!(story.what, "QuotaLimitExceed: no more⏎forged line (request_id req-1)");
    assert_eq!(story.place.as_deref(), Some("deploy.yaml:23:5"));
    let facts: Vec<_> = story.facts.iter().map(|fact| (fact.label(), fact.text.as_str())).collect();
    assert_eq!(
        facts,
        [
            ("call", "POST /cloud/v2/instances/1/7 (status 409)"),
            ("field", "`/flavor` is sold out"),
            ("now", "the call changed nothing"),
        ]
    );
    assert_eq!(story.help, ["raise the quota, or use a smaller flavor"]);
}

fn success_of(done: &StepDone) -> String {
    success(done, Duration::ZERO)
}

#[test]
fn time_in_the_queue_is_shown_separately() {
    let done = StepDone {
        provenance: Provenance::Called,
        call: "POST /n".to_owned(),
        kind: Some("networks".to_owned()),
        id: Some("n1".to_owned()),
        name: None,
        did: Did::Created,
        tasks: vec![],
        duration_ms: 27_000,
    };
    assert_eq!(success(&done, Duration::from_secs(20)), "created network n1 in 7 s, after 20 s in the queue");
    assert_eq!(success(&done, Duration::from_millis(900)), "created network n1 in 27 s");
}

#[test]
fn successes_show_their_provenance() {
    let done = |how, did, call: &str, id: Option<&str>| StepDone {
        provenance: how,
        did,
        call: call.to_owned(),
        kind: Some("networks".to_owned()),
        id: id.map(str::to_owned),
        name: Some("demo".to_owned()),
        tasks: vec![],
        duration_ms: 7000,
    };
    let called = |did, call, id| success_of(&done(Provenance::Called, did, call, id));
    assert_eq!(called(Did::Created, "POST /n", Some("n1")), "created network `demo` n1 in 7 s");
    assert_eq!(called(Did::Changed, "POST /n/grow", Some("n1")), "changed network `demo` n1 in 7 s");
    assert_eq!(existing(&done(Provenance::Called, Did::Changed, "POST /n/grow", Some("n1"))), None);
    assert_eq!(called(Did::Read, "GET /n", Some("n1")), "read network `demo` n1 in 7 s");
    assert_eq!(called(Did::Read, "POST /n/find", Some("n1")), "read network `demo` n1 in 7 s");
    assert_eq!(called(Did::Changed, "PATCH /n", None), "done: PATCH /n in 7 s");
    let kept = |did, call, id| success_of(&done(Provenance::Reused, did, call, id));
    assert_eq!(kept(Did::Created, "POST /n", Some("n1")), "reused network `demo` n1, created by an earlier run");
    assert_eq!(kept(Did::Changed, "PATCH /n/n1", Some("n1")), "reused network `demo` n1, changed by an earlier run");
    // A PUT makes what is not there.
    assert_eq!(called(Did::Created, "PUT /n/n1", Some("n1")), "created network `demo` n1 in 7 s");
    assert_eq!(called(Did::Created, "POST /n", Some("demo")), "created network demo in 7 s");
}

#[test]
fn a_failure_before_any_call_says_so() {
    let error = StepError { call: None, status: None, request_id: None, ..error("`name` is undefined") };
    let facts = Story::of(&error).facts;
    assert_eq!(facts.last().map(|fact| (fact.label(), fact.text.as_str())), Some(("now", "no call was made")));
    assert_eq!(reason(&instance("web[2]"), &error), "`web[2]`: `name` is undefined (deploy.yaml:23:5)");
}

#[test]
fn the_head_names_instances_where_there_are_more_than_steps() {
    let crate::event::Event::RunStarted(started) = crate::report::testing::started() else { unreachable!() };
    let head = |command, steps, instances, recorded| {
        let text = start(&RunStarted { command, steps, instances, recorded, state: None, ..started.clone() });
        let text = text.split_once("environment default: ").unwrap().1.to_owned();
        text.split_once("; ").unwrap().0.to_owned()
    };
    assert_eq!(head(Activity::Run, 3, Some(4), 2), "3 steps, 4 instances, 2 recorded");
    assert_eq!(head(Activity::Run, 3, Some(3), 0), "3 steps");
    assert_eq!(head(Activity::Rehearse, 3, None, 0), "3 steps");
    assert_eq!(head(Activity::Destroy, 4, Some(4), 4), "4 instances");
    assert_eq!(head(Activity::Destroy, 1, Some(1), 1), "1 instance");
}

#[test]
fn a_rehearsal_that_stops_waiting_promises_no_next_run() {
    let tasks = |number| vec!["t".to_owned(); number];
    let refused = Some("boom (status 500)");
    for (number, until, unread, now) in [
        (0, None, None, "no answer after 1 s"),
        (1, None, None, "still not done after 1 s: task t goes on"),
        (2, None, None, "still not done after 1 s: tasks t and t go on"),
        (1, None, refused, "not known to be done after 1 s: task t cannot be read: boom (status 500)"),
        (1, Some("`status` is `active`"), None, "not ready after 1 s, waiting until `status` is `active`"),
    ] {
        let words = |command| still_waiting(Some(command), &tasks(number), until, unread, Duration::from_secs(1));
        assert_eq!(words(Activity::Rehearse), now);
        assert!(words(Activity::Run).starts_with(now) && words(Activity::Run).contains("the next run"));
    }
}

#[test]
fn megabytes_of_api_text_are_cut() {
    assert!(shorten(&"é".repeat(1_000_000)).ends_with("… (996000 characters more)"));
}
