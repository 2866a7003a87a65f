use super::*;
use crate::engine::tests::apart::with_answers;
use crate::engine::tests::harness::Trial;
use crate::journal::{Header, Line};

fn named(name: &str) -> InstanceId {
    InstanceId::new(StepId::new(name), None)
}

fn nothing() -> Recovered {
    let header = Record::Header(Header::new("demo", "default"));
    let status = Status::of([Line { n: 0, at: jiff::Timestamp::UNIX_EPOCH, record: header }]).unwrap();
    Recovered {
        status,
        found: Vec::new(),
        in_doubt: Vec::new(),
        unrecorded: Vec::new(),
        of_others: Vec::new(),
        refused: Vec::new(),
        absent: Vec::new(),
        renamed: Vec::new(),
        not_looked_for: Vec::new(),
        lists: 0,
        unread: Vec::new(),
    }
}

#[test]
fn a_recovery_is_complete_when_nothing_is_left_to_decide_or_to_read() {
    assert!(nothing().is_complete());
    let pair = |path: &str| vec![(path.to_owned(), "why".to_owned())];
    let found = vec![(named("a"), RecoveryEvidence::Stamp)];
    let copy = Unrecorded {
        instance: named("a"),
        resource: RecordedResource::default(),
        why: "a copy".to_owned(),
        beside: false,
    };
    for (recovered, complete) in [
        (Recovered { found, ..nothing() }, true),
        (Recovered { absent: vec![named("a")], ..nothing() }, true),
        (Recovered { in_doubt: vec![(named("a"), Vec::new())], ..nothing() }, false),
        (Recovered { refused: pair("a"), ..nothing() }, false),
        (Recovered { unrecorded: vec![copy], ..nothing() }, false),
        (Recovered { of_others: vec![(named("a"), "id".to_owned(), "theirs".to_owned())], ..nothing() }, true),
        (Recovered { renamed: vec![(named("a"), named("b"))], ..nothing() }, false),
        (Recovered { not_looked_for: vec![(named("a"), Vec::new())], ..nothing() }, false),
        (Recovered { unread: pair("/cloud/v1/networks/1/7"), ..nothing() }, false),
        // A closed audit log matters when something is missing.
        (Recovered { unread: pair(AUDIT_LOG), ..nothing() }, true),
        (Recovered { unread: pair(AUDIT_LOG), absent: vec![named("a")], ..nothing() }, false),
        (Recovered { unread: [pair(AUDIT_LOG), pair("/x")].concat(), ..nothing() }, false),
    ] {
        assert_eq!(recovered.is_complete(), complete, "{recovered:?}");
    }
}

/// Nothing else is accepted for an instance that has something on record.
#[test]
fn what_a_run_has_on_record_is_settled_and_what_a_recovery_left_in_doubt_is_not() {
    let call = crate::journal::RecordedCall::new(crate::catalog::Method::Post, "/cloud/v1/routers/1/7");
    let waits = Phase::Accepted { tasks: vec!["t".to_owned()], recovered: false, status: None };
    for (phase, made, of_a_run, settled) in [
        (Phase::Absent, false, true, false),
        (Phase::Failed, false, true, false),
        (Phase::InDoubt, false, false, false),
        (Phase::InDoubt, false, true, true),
        (Phase::InDoubt, true, false, true),
        (Phase::Failed, true, true, true),
        (waits, false, true, true),
        (Phase::Succeeded, false, true, true),
        (Phase::Succeeded, true, false, true),
        (Phase::Removing, true, true, true),
    ] {
        let mut intent = crate::engine::stamps::intent_of(&named("a"), call.clone(), "n".to_owned());
        intent.mark.user_agent = of_a_run.then(|| "plan".to_owned());
        let made = if made { vec![RecordedResource::default()] } else { vec![] };
        let known = InstanceStatus { phase, made, intent: Some(intent.into()), ..InstanceStatus::default() };
        assert_eq!(is_settled(&known), settled, "{known:?}");
    }
}

#[test]
fn what_an_earlier_recovery_left_in_doubt_is_undecided_until_the_user_decides() {
    let call = crate::journal::RecordedCall::new(crate::catalog::Method::Post, "/cloud/v1/routers/1/7");
    let intent = |agent: Option<&str>| {
        let mut intent = crate::engine::stamps::intent_of(&named("a"), call.clone(), String::new());
        intent.mark = crate::journal::Mark { user_agent: agent.map(str::to_owned), ..Default::default() }.into();
        Some(intent.into())
    };
    for (phase, agent, told, undecided) in [
        (Phase::InDoubt, None, false, 1),
        (Phase::InDoubt, None, true, 0),
        (Phase::InDoubt, Some("plan/1"), false, 0),
        (Phase::Succeeded, None, false, 0),
    ] {
        let mut recovered = nothing();
        recovered.status.put(named("a"), InstanceStatus { phase, intent: intent(agent), ..InstanceStatus::default() });
        recovered.in_doubt.extend(told.then(|| (named("a"), Vec::new())));
        assert_eq!(recovered.undecided().count(), undecided, "{agent:?} {told}");
        assert_eq!(recovered.is_complete(), undecided == 0 && !told);
    }
}

#[test]
fn every_trace_has_its_words_and_certainty() {
    let words = [
        RecoveryEvidence::Stamp,
        RecoveryEvidence::FormerStamp(named("old")),
        RecoveryEvidence::Task,
        RecoveryEvidence::AuditLog,
        RecoveryEvidence::Parent(named("net")),
        RecoveryEvidence::Decision,
    ]
    .map(|trace| trace.words());
    assert_eq!(words.iter().filter(|words| words.starts_with("certain: ")).count(), 4, "{words:?}");
    assert!(words[1].contains("`old`") && words[4].starts_with("likely: ") && words[4].contains("`net`"), "{words:?}");
    assert_eq!(words[5], "accepted");
}

#[test]
fn the_places_of_a_plan_are_those_of_its_calls() {
    let step = |more: &str| {
        format!(
            "  - {{ id: a, call: \"POST /cloud/v1/networks/{more}, body: {{ name: net-1, create_router: false }} }}\n"
        )
    };
    for (text, project_regions) in [
        (step("{project_id}/{region_id}\""), vec![(1, 7)]),
        (step("{project_id}/{region_id}\", region_id: 8"), vec![(1, 8)]),
        (step("{project_id}/{region_id}\", project_id: 2"), vec![(2, 7)]),
        (step("3/{region_id}\""), vec![(3, 7)]),
        (step("{project_id}/9\""), vec![(1, 9)]),
    ] {
        let plan = Trial::plan("plan.yaml", &format!("name: demo\nsteps:\n{text}"));
        let found = with_answers([], async |context| {
            project_regions_of(&plan, &context.settings, &context.secrets, &BTreeMap::new())
        });
        assert_eq!(found, project_regions, "{text}");
    }
}
