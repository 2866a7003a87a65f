//! The fold, record by record: the status of an instance after each, and what the status answers about instances.

mod removal;
mod status;

use serde_json::Value;

use super::*;

fn a() -> InstanceId {
    instance("a")
}

/// The status after these records, which the compacted journal says as well.
fn fold(records: &[Record]) -> Status {
    let status = read(Path::new("j"), text(records).as_bytes()).unwrap().status;
    let lines = status.compacted().into_iter().enumerate().map(|(n, (at, record))| Line { n: n as u64, at, record });
    assert_eq!(Status::of(lines).unwrap().instances, status.instances, "compacted");
    status
}

fn of_a(records: &[Record]) -> InstanceStatus {
    fold(records).instances[&a()].clone().into_owned()
}

fn started(secrets: bool) -> Record {
    Record::Started(Started {
        run: "r".to_owned(),
        command: "run".to_owned(),
        file: None,
        project_id: None,
        region_id: None,
        expires: None,
        secrets,
    })
}

fn resource(kind: &str, id: &str) -> RecordedResource {
    RecordedResource {
        kind: Some(kind.to_owned()),
        id: Some(json!(id).into()),
        undo: Some(call(&format!("/{kind}/{id}"))),
        ..RecordedResource::default()
    }
}

/// `a` succeeded and made this.
fn made(change: impl FnOnce(&mut Succeeded)) -> Record {
    let Record::Succeeded(mut done) = succeeded("a") else { unreachable!("it is a success") };
    change(&mut done);
    Record::Succeeded(done)
}

/// An intent of `a` that changes what is there.
fn update(attempt: u32) -> Record {
    let Record::Intent(intent) = intent("a", attempt) else { unreachable!("it is an intent") };
    let call = RecordedCall::new(Method::Patch, "/cloud/v1/networks/1/7/id").into();
    Record::Intent(Intent { call, update: Some(self::call("/as-updated").into()), ..intent.into_owned() }.into())
}

fn adopted() -> Record {
    Record::Adopted(Box::new(Adopted {
        instance: a(),
        after: vec![],
        result: StepResult { id: Some(json!("id").into()), ..StepResult::default() },
        made: RecordedResource { undo: None, ..resource("networks", "id") },
        agrees: call("/as-adopted").into(),
    }))
}

#[test]
fn the_call_of_an_instance_is_the_one_that_it_stands_for() {
    let as_updated = made(|done| done.agrees = Some(call("/as-updated").into()));
    for (records, path) in [
        (vec![intent("a", 1)], "/cloud/v1/networks/1/7"),
        (vec![intent("a", 1), succeeded("a")], "/cloud/v1/networks/1/7"),
        // `on_change: ignore`: the intent is what was sent.
        (vec![intent("a", 1), as_updated.clone()], "/cloud/v1/networks/1/7"),
        (vec![intent("a", 1), succeeded("a"), update(2), as_updated.clone()], "/as-updated"),
        (vec![intent("a", 1), succeeded("a"), update(2)], "/cloud/v1/networks/1/7/id"),
        (vec![adopted()], "/as-adopted"),
    ] {
        assert_eq!(of_a(&records).call().map(|call| call.path.clone()).as_deref(), Some(path), "{records:#?}");
    }
    assert_eq!(of_a(&[intent("a", 1), Record::Removed { instance: a() }]).call(), None);
}

#[test]
fn what_the_last_command_made_or_changed_follows_from_its_attempts() {
    let done = || [intent("a", 1), succeeded("a")];
    let another = made(|done| done.made = resource("networks", "second"));
    let nothing = made(|done| done.made = RecordedResource::default());
    let failed = || Record::Failed { instance: a(), error: error(), leftover: None, unclear: false };
    let since = |earlier: &[Record], later: Vec<Record>| {
        let status = fold(&[earlier, &[started(false)], &later[..]].concat());
        (status.made_since_started().len(), status.changed_since_started().len())
    };
    for (earlier, later, expected) in [
        (vec![], vec![], (0, 0)),
        (done().to_vec(), vec![], (0, 0)),
        (vec![], vec![intent("a", 1)], (1, 0)),
        (vec![], vec![intent("a", 1), accepted("a")], (1, 0)),
        (vec![], done().to_vec(), (1, 0)),
        (vec![], vec![intent("a", 1), not_applied("a")], (0, 0)),
        (vec![], vec![intent("a", 1), nothing.clone()], (0, 1)),
        (vec![], vec![intent("a", 1), accepted("a"), failed()], (0, 0)),
        (done().to_vec(), vec![intent("a", 2), another], (1, 0)),
        (done().to_vec(), vec![update(2)], (0, 1)),
        (done().to_vec(), vec![update(2), accepted("a")], (0, 1)),
        (done().to_vec(), vec![update(2), accepted("a"), succeeded("a")], (0, 1)),
        // Without a call of its own, the last command made and changed nothing.
        (done().to_vec(), vec![succeeded("a")], (0, 0)),
        (vec![], vec![adopted()], (0, 0)),
    ] {
        assert_eq!(since(&earlier, later.clone()), expected, "{earlier:#?} {later:#?}");
    }
}

#[test]
fn an_amendment_changes_what_a_teardown_does_and_only_a_call_of_ours_makes_a_resource_ours() {
    let amended = |made: Option<RecordedResource>, after: Option<&str>| {
        let after = after.map(|step| vec![StepId::new(step)]);
        Record::Amended(Box::new(Amended { instance: a(), made, after, settled: false, agrees: None }))
    };
    let done = [intent("a", 1), made(|done| done.made = resource("networks", "id"))];
    let of = |last: Record| of_a(&[&done[..], &[last]].concat());
    let kept = of(amended(Some(RecordedResource { undo: None, ..resource("networks", "id") }), None));
    assert_eq!((kept.made.len(), &kept.made[0].undo, kept.phase), (1, &None, Phase::Succeeded));
    let ordered = of(amended(None, Some("net")));
    assert_eq!((ordered.made[0].undo.is_some(), &ordered.after[..]), (true, &[StepId::new("net")][..]));
    assert!(of(amended(Some(RecordedResource::default()), None)).made.is_empty());
    let nothing = [intent("a", 1), made(|done| done.made = RecordedResource::default())];
    let added = of_a(&[&nothing[..], &[amended(Some(resource("networks", "id")), None)]].concat());
    assert_eq!(added.made.len(), 1);
    // A resource found after a conflict was there before.
    let adopted = made(|done| done.provenance = Provenance::Adopted);
    assert!(of_a(&done).called);
    assert!(!of_a(&[intent("a", 1), not_applied("a"), adopted]).called);
    assert!(of_a(&[&done[..], &[update(2), succeeded("a")]].concat()).called, "what is changed in place stays ours");
}

#[test]
fn of_each_field_the_last_drift_counts() {
    let drifted = |fields: &[(&str, Option<&str>)]| {
        let fields =
            fields.iter().map(|(field, now)| Drifted { field: (*field).to_owned(), now: now.map(|now| json!(now)) });
        Record::Drifted { instance: a(), fields: fields.collect() }
    };
    let first = drifted(&[("name", Some("x")), ("size", Some("1"))]);
    let known = of_a(&[intent("a", 1), succeeded("a"), first, drifted(&[("name", None)])]);
    let fields: Vec<_> = known.drifted.iter().map(|one| (one.field.as_str(), one.now.clone())).collect();
    assert_eq!(fields, [("size", Some(json!("1"))), ("name", None)]);
    assert_eq!(known.agrees.unwrap().body.as_deref(), Some(&json!({ "size": "1" })));
    let corrected = of_a(&[intent("a", 1), succeeded("a"), drifted(&[("name", None)]), update(2), succeeded("a")]);
    assert_eq!(corrected.drifted[..], []);
}

#[test]
fn a_change_in_place_makes_nothing_more_and_renames_one_resource() {
    let named = |name: &str, id: &str| {
        made(|done| {
            done.result.name = Some(name.to_owned());
            done.made = RecordedResource { name: Some(name.to_owned()), ..resource("networks", id) };
        })
    };
    let names =
        |records: &[Record]| -> Vec<Option<String>> { of_a(records).made.into_iter().map(|made| made.name).collect() };
    let [one, two, new] = [named("one", "1"), named("two", "2"), named("new", "2")];
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(names(&[intent("a", 1), one.clone(), update(2), new.clone()]), [name("new")]);
    let made_two = [intent("a", 1), one.clone(), intent("a", 2), two];
    assert_eq!(names(&made_two), [name("one"), name("two")]);
    let both = [&made_two[..], &[update(3), new.clone()]].concat();
    assert_eq!(names(&both), [name("one"), name("two")], "which of them has it is not known");
    // The same result again is the same resource.
    assert_eq!(names(&[intent("a", 1), one.clone(), one.clone()]), [name("one")]);
    let nothing = made(|done| done.made = RecordedResource::default());
    assert_eq!(names(&[intent("a", 1), nothing]), []);
    // An update of something that is not there any more makes what it says.
    assert_eq!(names(&[update(1), one]), [name("one")]);
}

#[test]
fn what_was_attributed_without_certain_evidence_is_uncertain() {
    use Provenance::{Called, Recovered};
    for (provenance, evidence, uncertain) in [
        (Called, None, false),
        (Recovered, None, true),
        (Recovered, Some(Evidence::Likeness), true),
        (Recovered, Some(Evidence::Stamp), false),
        (Recovered, Some(Evidence::RequestId), false),
        (Recovered, Some(Evidence::AuditLog), false),
        (Recovered, Some(Evidence::Decision), false),
        (Recovered, Some(Evidence::OwnKey), false),
        (Recovered, Some(Evidence::OnlyNew), false),
    ] {
        let done = made(|done| (done.provenance, done.evidence) = (provenance, evidence));
        let known = of_a(&[intent("a", 1), done]);
        assert_eq!((known.made[0].uncertain, known.evidence), (uncertain, evidence), "{evidence:?}");
    }
}

#[test]
fn tasks_of_another_attempt_are_disowned() {
    let found = Record::Accepted {
        instance: a(),
        tasks: vec!["theirs".to_owned()],
        recovered: true,
        status: None,
        evidence: None,
    };
    let disowned = Record::Disowned { instance: a(), tasks: vec!["theirs".to_owned()], error: error() };
    let status = fold(&[intent("b", 1), accepted("b"), intent("a", 1), found, disowned]);
    assert_eq!(status.tasks.iter().collect::<Vec<_>>(), ["task-b"]);
    let known = &status.instances[&a()];
    assert_eq!((&known.phase, &known.disowned[..]), (&Phase::InDoubt, &["theirs".to_owned()][..]));
}

#[test]
fn an_accepted_call_whose_tasks_are_missing_is_in_doubt_and_was_carried_out() {
    let missing = |task: &str| Record::TasksMissing { instance: a(), tasks: vec![task.to_owned()], error: error() };
    let found = || Record::Accepted {
        instance: a(),
        tasks: vec!["found".to_owned()],
        recovered: true,
        status: None,
        evidence: Some(Evidence::Stamp),
    };
    let status = fold(&[intent("a", 1), accepted("a"), missing("task-a")]);
    assert!(status.tasks.contains("task-a"), "it is no other call's");
    let attempt = status.instances[&a()].in_doubt().unwrap();
    assert_eq!(&attempt.missing[..], ["task-a"]);
    assert!(attempt.head.is_some_and(|head| head.status == 200));
    // Of what is found next, as well; and each is remembered until the outcome is known.
    let both = [intent("a", 1), accepted("a"), missing("task-a"), found(), missing("found"), found(), missing("found")];
    assert_eq!(&of_a(&both).in_doubt().unwrap().missing[..], ["task-a", "found"]);
    for known in [
        of_a(&[&both[..], &[made(|_| {})]].concat()),
        of_a(&[&both[..], &[Record::NotApplied { instance: a(), error: error(), unanswered: false }]].concat()),
        of_a(&[&both[..], &[intent("a", 2)]].concat()),
    ] {
        assert!(known.missing.is_empty(), "{known:?}");
    }
    // An attempt that is given up keeps them.
    let given_up = of_a(&[&both[..], &[intent("a", 2)]].concat());
    assert_eq!(&given_up.earlier[0].missing[..], ["task-a", "found"]);
}

#[test]
fn tasks_and_their_durations_are_remembered() {
    let done = made(|done| done.result.tasks = vec!["only-in-the-result".to_owned()].into());
    let status = fold(&[intent("a", 1), done]);
    assert!(status.tasks.contains("only-in-the-result"));
    assert_eq!(status.durations.iter().collect::<Vec<_>>(), [("create_network".to_owned(), 7000)]);
}

#[test]
fn a_record_is_valid_only_when_each_of_its_calls_may_be_sent() {
    let with = |change: &dyn Fn(&mut InstanceStatus)| {
        let mut known = of_a(&[intent("a", 1), intent("a", 2), succeeded("a")]);
        change(&mut known);
        let mut status = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
        status.put(a(), known);
        validate(&status).err().map(|(instance, _)| instance)
    };
    let wrong = || call("/cloud/../x");
    let task = || "a\nb".to_owned();
    let intent = |known: &mut InstanceStatus, change: &dyn Fn(&mut Intent)| {
        let mut intent = known.intent.clone().unwrap().into_owned();
        change(&mut intent);
        known.intent = Some(intent.into());
    };
    assert_eq!(with(&|_| ()), None);
    let changes: [&dyn Fn(&mut InstanceStatus); 11] = [
        &|known| intent(known, &|intent| intent.call = wrong().into()),
        &|known| intent(known, &|intent| intent.undo = IntendedUndo::Call(Box::new(wrong()))),
        &|known| intent(known, &|intent| intent.update = Some(wrong().into())),
        &|known| known.agrees = Some(wrong().into()),
        &|known| known.made[0].undo = Some(wrong()),
        &|known| known.made[0].id = Some(json!("").into()),
        &|known| known.made[0].id = Some(json!("x".repeat(1025)).into()),
        &|known| {
            known.made[0].secondary =
                vec![RecordedResource { undo: Some(wrong()), ..RecordedResource::default() }].into()
        },
        &|known| known.phase = Phase::Accepted { tasks: vec![task()], recovered: false, status: None },
        &|known| known.phase = Phase::RemovalAccepted { tasks: vec![task()] },
        &|known| {
            let mut earlier = known.earlier[0].intent.clone().into_owned();
            earlier.call = wrong().into();
            known.earlier.iter_mut().for_each(|unanswered| unanswered.intent = earlier.clone().into());
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        assert_eq!(with(change), Some(a()), "change {number}");
    }
    for (id, valid) in [
        ("7", true),
        ("18446744073709551615", true),
        ("123456789012345678901234567890", false),
        ("7.5", false),
        (r#""x""#, true),
        (r#""""#, false),
        (r#""a\nb""#, false),
        ("true", false),
    ] {
        assert_eq!(is_id(&serde_json::from_str(id).unwrap()), valid, "{id}");
    }
}
