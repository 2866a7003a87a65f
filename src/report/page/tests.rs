use serde_json::Value;

use super::*;
use crate::event::{Did, Event, SkipReason, StepDone};
use crate::exit::Exit;
use crate::report::shape::Planned;
use crate::report::testing::{accepted, done, failed, finished, instance, stamped, started};

fn shape(steps: &[(&str, &[&str])]) -> Shape {
    let planned = |after: &[&str]| Planned { after: after.iter().map(ToString::to_string).collect(), instances: None };
    let steps = steps.iter().map(|(id, after)| ((*id).to_owned(), planned(after)));
    Shape { steps: steps.collect() }
}

fn call(name: &str) -> Event {
    Event::CallStarted { instance: instance(name), call: "POST /x".to_owned(), attempt: 1 }
}

fn collect(shape: Shape, events: &[(u64, Event)]) -> Report {
    let mut collector = Collector::new(shape);
    for (at, event) in events {
        collector.handle(&stamped(*at, event.clone()));
    }
    collector.report()
}

fn of<'r>(report: &'r Report, name: &str) -> &'r Instance {
    report.instances.iter().find(|instance| instance.name == name).unwrap_or_else(|| panic!("{name}"))
}

/// A network, two machines that depend on it, and an independent disk that is done soon.
fn four() -> Report {
    collect(
        shape(&[("network", &[]), ("disk", &[]), ("web", &["network"]), ("lb", &["web"])]),
        &[
            (0, started()),
            (100, call("network")),
            (120, call("disk")),
            (200, accepted("network", 1, 2)),
            (900, done("disk", "volumes", "d")),
            (5000, done("network", "networks", "n")),
            (5400, call("web[0]")),
            (5500, call("web[1]")),
            (5600, accepted("web[0]", 1, 2)),
            (9000, done("web[1]", "instances", "b")),
            (12_000, done("web[0]", "instances", "a")),
            (12_100, failed("lb", "no quota")),
            (12_200, Event::RunFinished(finished(Exit::Quota))),
        ],
    )
}

#[test]
fn a_bar_starts_when_everything_before_it_was_done() {
    let report = four();
    let web = of(&report, "web[0]");
    assert_eq!(
        (web.eligible_ms, web.called_ms, web.accepted_ms, web.ended_ms),
        (Some(5000), Some(5400), Some(5600), Some(12_000))
    );
    assert_eq!(of(&report, "network").eligible_ms, Some(0));
}

#[test]
fn the_chain_that_decided_the_end_is_marked_and_nothing_else() {
    let report = four();
    let critical: Vec<&str> =
        report.instances.iter().filter(|instance| instance.critical).map(|instance| instance.name.as_str()).collect();
    assert_eq!(critical, ["network", "web[0]", "lb"]);
}

#[test]
fn what_a_teardown_left_exists_and_what_a_step_read_or_deleted_does_not() {
    let called =
        |name: &str, call: &str| Event::CallStarted { instance: instance(name), call: call.to_owned(), attempt: 1 };
    let ended = |name: &str, did| {
        let Event::StepSucceeded { instance, result } = done(name, "networks", "n") else { unreachable!() };
        Event::StepSucceeded { instance, result: StepDone { did, ..result } }
    };
    let left = Event::ResourceLeft {
        instance: instance("left"),
        kind: Some("networks".to_owned()),
        id: Some("n1".to_owned()),
        error: crate::report::testing::error("in use"),
    };
    let report = collect(
        shape(&[]),
        &[
            (0, started()),
            (10, called("left", "DELETE /n/n1")),
            (20, left),
            (30, ended("read", Did::Read)),
            (40, ended("deleted", Did::Deleted)),
            (50, ended("changed", Did::Changed)),
        ],
    );
    let existing: Vec<&str> =
        report.instances.iter().filter(|instance| instance.exists()).map(|instance| instance.name.as_str()).collect();
    assert_eq!(existing, ["left", "changed"]);
}

#[test]
fn a_step_without_events_was_not_made_and_has_a_reason() {
    let plan = shape(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("d", &[])]);
    let report = collect(plan, &[(0, started()), (10, failed("a", "no"))]);
    assert_eq!(of(&report, "c").reason.as_deref(), Some("`a` did not succeed"));
    assert_eq!(of(&report, "d").reason.as_deref(), Some("the run ended before its turn"));
    assert_eq!(
        report.steps.iter().map(|step| step.state).collect::<Vec<_>>(),
        [InstanceState::Failed, InstanceState::NotMade, InstanceState::NotMade, InstanceState::NotMade]
    );
    assert_eq!((report.exit, report.outcome.as_str()), (None, "it did not end"));
}

#[test]
fn unfinished_instances_of_a_finished_run_have_help() {
    let events = [(0, started()), (1, call("lost")), (2, call("slow")), (3, accepted("slow", 1, 2))];
    let going = collect(Shape::default(), &events);
    assert_eq!(of(&going, "slow").state, InstanceState::Running);
    let over: Vec<_> = events.into_iter().chain([(9, Event::RunFinished(finished(Exit::Unknown)))]).collect();
    let over = collect(Shape::default(), &over);
    assert_eq!((of(&over, "lost").state, of(&over, "slow").state), (InstanceState::Unknown, InstanceState::Waiting));
    assert!(render(&over, Format::Markdown, &Secrets::default()).contains("lost"));
}

#[test]
fn untrusted_text_is_escaped_in_every_format() {
    let evil = "<script>alert(1)</script>\"'&\u{202e}\u{1b}[31m";
    let mut events =
        vec![(0, started()), (1, call(&format!("web[{evil}]"))), (2, failed(&format!("web[{evil}]"), evil))];
    events.push((
        3,
        Event::StepSkipped { instance: instance("later"), reason: SkipReason::NotStarted { why: evil.to_owned() } },
    ));
    events.push((4, Event::Warned { message: evil.to_owned() }));
    let report = collect(shape(&[(evil, &[]), ("web", &[evil])]), &events);
    for format in [Format::Html, Format::Markdown, Format::Junit] {
        let text = render(&report, format, &Secrets::default());
        for raw in ["<script", "\u{202e}", "\u{1b}"] {
            assert!(!text.contains(raw), "{format:?}: {raw:?} in {text}");
        }
        assert!(text.contains("alert"), "{format:?}: dropped instead of shown");
    }
    let json: Value = serde_json::from_str(&render(&report, Format::Json, &Secrets::default())).unwrap();
    assert_eq!(json["instances"][0]["step"], "web");
}

#[test]
fn no_secret_is_in_any_format() {
    let secrets = Secrets::default();
    secrets.hide("hunter<22>");
    let report = collect(Shape::default(), &[(0, started()), (1, failed("web", "wrong: hunter<22>"))]);
    for format in [Format::Html, Format::Markdown, Format::Junit, Format::Json] {
        let text = render(&report, format, &secrets);
        assert!(!text.contains("hunter") && text.contains("secret"), "{format:?}: {text}");
    }
}

#[test]
fn equal_failures_are_shown_once_with_all_names() {
    let failures = (0..40).map(|at| (at, failed(&format!("web[{at}]"), "QuotaLimitExceed: no more")));
    let events: Vec<(u64, Event)> = std::iter::once((0, started())).chain(failures).collect();
    let page = render(&collect(Shape::default(), &events), Format::Html, &Secrets::default());
    assert_eq!(page.matches("<p class=\"what\">QuotaLimitExceed: no more</p>").count(), 1, "{page}");
    assert!(page.contains("<b>web[29]</b>") && page.contains("and 10 more"), "{page}");
}

#[test]
fn a_fact_of_one_instance_is_not_shown_for_all() {
    let called =
        |name: &str| Event::CallStarted { instance: instance(name), call: format!("POST /{name}"), attempt: 1 };
    let waits = |name: &str| Event::StepStillWaiting {
        instance: instance(name),
        tasks: vec![format!("t-{name}")],
        waited_ms: 900,
        until: None,
        unread: None,
    };
    let events = [started(), called("a"), called("b"), waits("a"), waits("b")];
    let events: Vec<(u64, Event)> = events.into_iter().map(|event| (1, event)).collect();
    let report = collect(shape(&[("a", &[]), ("b", &[])]), &events);
    let page = render(&report, Format::Markdown, &Secrets::default()).to_string();
    assert!(page.contains("a, b") && !page.contains("POST"), "{page}");
}

#[test]
fn two_thousand_instances_are_one_page_that_loads_nothing() {
    let events = (0..2000).flat_map(|at| {
        let name = format!("disk[{at}]");
        [(at, call(&name)), (at + 5000, done(&name, "volumes", &name))]
    });
    let events: Vec<(u64, Event)> = std::iter::once((0, started())).chain(events).collect();
    let page = render(&collect(shape(&[("disk", &[])]), &events), Format::Html, &Secrets::default());
    assert!(page.contains("disk ×2000") && page.contains("<b>disk[1999]</b>"));
    assert!(page.len() < 2_000_000, "{}", page.len());
    for loaded in ["src=", "href=", "url(", "@import", "<script"] {
        assert!(!page.contains(loaded), "{loaded}");
    }
}

#[test]
fn a_run_of_nothing_is_a_page_too() {
    for format in [Format::Html, Format::Markdown, Format::Junit, Format::Json] {
        assert!(!render(&Collector::default().report(), format, &Secrets::default()).is_empty());
    }
}

#[test]
fn junit_has_failures_and_skipped_instances() {
    let xml = render(&four(), Format::Junit, &Secrets::default());
    assert!(xml.contains("tests=\"5\" failures=\"1\""), "{xml}");
    assert!(xml.contains("<failure message=\"no quota\">"), "{xml}");
    let skipped = collect(shape(&[("a", &[])]), &[(0, started())]);
    let xml = render(&skipped, Format::Junit, &Secrets::default());
    assert!(xml.contains("<skipped message=\"the run ended before its turn\"/>"), "{xml}");
}
