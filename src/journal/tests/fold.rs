//! The fold, record by record: the status of an instance after each, and what the status answers about instances.

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

fn part_removed(kind: &str, id: &str) -> Record {
    Record::PartRemoved { instance: a(), kind: Some(kind.to_owned()), id: Some(json!(id)) }
}

fn removing() -> Record {
    let Record::Intent(intent) = intent("a", 7) else { unreachable!("it is an intent") };
    Record::Removing {
        instance: a(),
        call: call("/x"),
        attempt: 1,
        intent: Some(Box::new(intent.into_owned())),
        seen: None,
    }
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
fn a_rollback_restores_all_but_the_number_of_attempts() {
    let before = [intent("a", 1), not_applied("a"), started(false)];
    let rolled_back =
        of_a(&[&before[..], &[intent("a", 2), succeeded("a"), Record::RolledBack { instance: a() }]].concat());
    assert_eq!((rolled_back.attempts, rolled_back.phase, rolled_back.error), (2, Phase::Absent, None));
    assert!(rolled_back.made.is_empty() && rolled_back.result.is_none());
    // Of an attempt that an earlier command left in doubt nothing is known still.
    let in_doubt = [intent("a", 1), succeeded("a"), intent("a", 2), started(false), intent("a", 3), succeeded("a")];
    let rolled_back = of_a(&[&in_doubt[..], &[Record::RolledBack { instance: a() }]].concat());
    assert_eq!((rolled_back.attempts, rolled_back.phase), (3, Phase::Succeeded));
}

#[test]
fn a_removed_part_leaves_the_others() {
    let with_disks = |tasks: &[&str]| {
        let tasks: Vec<String> = tasks.iter().map(|task| (*task).to_owned()).collect();
        made(|done| {
            done.result.tasks = vec!["of-the-result".to_owned()].into();
            let secondary =
                vec![resource("volumes", "boot"), resource("volumes", "data"), resource("floating_ips", "boot")];
            done.made =
                RecordedResource { secondary: secondary.into(), tasks: tasks.into(), ..resource("instances", "vm") };
        })
    };
    let left = |part: Record, tasks: &[&str]| of_a(&[intent("a", 1), with_disks(tasks), removing(), part]);
    let ids = |known: &InstanceStatus| -> Vec<String> {
        let all = known.made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary));
        all.map(|one| one.id.as_deref().and_then(Value::as_str).unwrap_or("-").to_owned()).collect()
    };
    let disk = left(part_removed("volumes", "boot"), &["t"]);
    assert_eq!(ids(&disk), ["vm", "data", "boot"], "the address of that id is another resource");
    assert!(disk.result.is_some() && disk.agrees.is_some() && disk.removal.is_none());
    let machine = left(part_removed("instances", "vm"), &["t"]);
    assert_eq!(ids(&machine), ["-", "boot", "data", "boot"], "its disks are left");
    assert_eq!((&machine.made[0].tasks[..], machine.result, machine.agrees), (&["t".to_owned()][..], None, None));
    // The tasks that made the disks are known from the result.
    assert_eq!(left(part_removed("instances", "vm"), &[]).made[0].tasks[..], ["of-the-result"]);
    for other in [part_removed("instances", "boot"), part_removed("networks", "vm")] {
        assert_eq!(ids(&left(other.clone(), &["t"])), ["vm", "boot", "data", "boot"], "{other:?}");
    }
    // What is kept has no call that removes it.
    let kept = made(|done| done.made = RecordedResource { undo: None, ..resource("images", "kept") });
    let both = [intent("a", 1), kept, intent("a", 2), succeeded("a"), removing(), part_removed("networks", "id")];
    assert_eq!(ids(&of_a(&both)), ["kept"]);
    let alone = of_a(&[intent("a", 1), succeeded("a"), removing(), part_removed("networks", "id")]);
    assert!(alone.made.is_empty(), "nothing is left of it");
}

#[test]
fn a_removal_that_may_have_been_carried_out_is_looked_for() {
    for (effect, looked_for) in
        [(EffectKnown::Unknown, true), (EffectKnown::NotApplied, false), (EffectKnown::Applied, false)]
    {
        let failed = Record::RemovalFailed { instance: a(), error: StepError { effect, ..error() } };
        let known = of_a(&[intent("a", 1), succeeded("a"), removing(), failed]);
        assert_eq!((known.removal.is_some(), known.phase), (looked_for, Phase::Succeeded), "{effect:?}");
    }
}

#[test]
fn of_what_is_gone_the_attempts_and_the_time_stay() {
    let made = [intent("a", 1), intent("a", 2), succeeded("a")];
    let after = |last: Record| of_a(&[&made[..], &[last]].concat());
    let gone = after(Record::Gone { instance: a() });
    assert_eq!((gone.attempts, gone.earlier.len(), &gone.lost[..], gone.made.len()), (2, 1, &[json!("id")][..], 0));
    let removed = after(Record::Removed { instance: a() });
    assert_eq!((removed.attempts, removed.earlier.len(), removed.finished_at), (2, 1, Some(Timestamp::UNIX_EPOCH)));
    let forgotten = after(Record::Forgotten { instance: a() });
    assert_eq!(
        (forgotten.attempts, forgotten.earlier.len(), forgotten.finished_at),
        (2, 0, Some(Timestamp::UNIX_EPOCH))
    );
    for known in [gone.phase, removed.phase, forgotten.phase] {
        assert_eq!(known, Phase::Absent);
    }
}

#[test]
fn what_outlives_a_missing_resource_stays_on_record() {
    let with_disks = |uncertain: bool| {
        made(|done| {
            let secondary = vec![resource("volumes", "boot"), resource("volumes", "data")];
            done.made = RecordedResource { secondary: secondary.into(), ..resource("instances", "vm") };
            done.result.id = Some(json!("vm").into());
            done.result.tasks = vec!["t".to_owned()].into();
            if uncertain {
                (done.provenance, done.evidence) = (Provenance::Recovered, Some(Evidence::Likeness));
            }
        })
    };
    let gone = || Record::MainGone { instance: a() };
    let of = |uncertain, rest: &[Record]| of_a(&[&[intent("a", 1), with_disks(uncertain)], rest].concat());
    let outliving = |known: &InstanceStatus| known.outliving().map(|left| left.id.clone().unwrap()).collect::<Vec<_>>();
    let ids: Vec<_> = ["boot", "data"].map(|id| json!(id).into()).into();
    assert_eq!(outliving(&of(false, &[])), ids);
    let left = of(false, &[gone()]);
    assert_eq!((&left.phase, left.attempts, &left.result, &left.agrees), (&Phase::Absent, 1, &None, &None));
    assert_eq!(outliving(&left), ids);
    assert!(left.may_exist() && left.made.len() == 1 && left.made[0].id.is_none() && left.made[0].undo.is_none());
    assert_eq!(left.made[0].tasks[..], ["t".to_owned()], "they show that the disks are its work");
    assert!(left.lost.contains(&json!("vm")) && left.intent.is_some());
    // Once that is removed the machine is still missing, so that what was made from it is made again.
    let removed = of(false, &[gone(), removing(), part_removed("volumes", "boot"), Record::Removed { instance: a() }]);
    assert!(!removed.may_exist() && removed.lost.contains(&json!("vm")));
    let removed = of(false, &[Record::Removed { instance: a() }]);
    assert!(removed.lost.is_empty(), "it was removed, and not found missing");
    // What was attributed by its likeness alone may be another's, with what is beside it.
    assert_eq!((outliving(&of(true, &[])).len(), of(true, &[gone()]).may_exist()), (0, false));
}

#[test]
fn an_amendment_changes_what_a_teardown_does_and_only_a_call_of_ours_makes_a_resource_ours() {
    let amended = |made: Option<RecordedResource>, after: Option<&str>| {
        let after = after.map(|step| vec![StepId::new(step)]);
        Record::Amended(Box::new(Amended { instance: a(), made, after }))
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
fn what_a_removal_leaves_is_not_the_work_of_another_attempt() {
    let Record::Intent(first) = intent("a", 1) else { unreachable!("it is an intent") };
    let mut first = first.into_owned();
    first.mark.before = Some(vec!["old".to_owned()]);
    for (undo, before) in [(Some(call("/x")), &["old"][..]), (None, &["old", "id"])] {
        let done = made(|done| done.made = RecordedResource { undo, ..resource("ai_tasks", "id") });
        let records = [Record::Intent(first.clone().into()), intent("a", 2), done, Record::Removed { instance: a() }];
        let known = of_a(&records);
        assert!(known.made.is_empty());
        assert_eq!(known.earlier[0].intent.mark.before.as_deref().unwrap(), before);
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
fn a_renamed_instance_keeps_its_place_and_what_was_before() {
    let moved = |from: &str, to: &str| Record::Moved { instance: instance(from), to: instance(to) };
    let after_step = |name: &str, attempt: u32, after: &str| {
        let Record::Intent(intent) = intent(name, attempt) else { unreachable!("it is an intent") };
        Record::Intent(Intent { after: vec![StepId::new(after)], ..intent.into_owned() }.into())
    };
    let names = |status: &Status| status.instances.keys().map(ToString::to_string).collect::<Vec<_>>();
    // `z` was removed: its name is free. What `b` was when the command began stays known under its own place.
    let gone = [intent("z", 1), succeeded("z"), Record::Removed { instance: instance("z") }];
    let records = [&gone[..], &[intent("a", 1), succeeded("a"), after_step("b", 1, "a"), started(false)]].concat();
    let later = [intent("z", 2), not_applied("z"), after_step("b", 2, "a"), moved("a", "z"), succeeded("b")];
    let status = fold(&[&records[..], &later[..]].concat());
    assert_eq!(names(&status), ["z", "b"]);
    assert_eq!(status.instances[&instance("z")].intent.as_ref().unwrap().instance, instance("z"));
    assert_eq!(
        status.instances[&instance("b")].after,
        [StepId::new("z")],
        "the step that it comes after has that name"
    );
    assert_eq!(status.made_since_started(), [instance("b")]);
    assert_eq!(status.made_before(&instance("z")), 1);
    // What is, or may be, there is not overwritten.
    for taken in [vec![intent("z", 1)], vec![intent("z", 1), succeeded("z")]] {
        let records = [&taken[..], &[intent("a", 1), succeeded("a"), moved("a", "z")]].concat();
        assert!(read(Path::new("j"), text(&records).as_bytes()).is_err(), "{records:#?}");
    }
    assert!(read(Path::new("j"), text(&[moved("a", "z")]).as_bytes()).is_err(), "there is no `a`");
    // While another instance of the step has its name, the step has it as well.
    let of = |key: &str| InstanceId::new(StepId::new("net"), Some(key.to_owned()));
    let mut one = InstanceStatus { after: vec![StepId::new("net"), StepId::new("other")], ..InstanceStatus::default() };
    let kept =
        |instance: InstanceId, status: &InstanceStatus| Record::Kept { instance, status: Box::new(status.clone()) };
    let all = [kept(of("0"), &InstanceStatus::default()), kept(of("1"), &InstanceStatus::default()), kept(a(), &one)];
    let to = |from: &str| Record::Moved {
        instance: of(from),
        to: InstanceId::new(StepId::new("lan"), Some(from.to_owned())),
    };
    let half = fold(&[&all[..], &[to("0")]].concat());
    assert_eq!(half.instances[&a()].after, one.after);
    let whole = fold(&[&all[..], &[to("0"), to("1")]].concat());
    one.after = vec![StepId::new("lan"), StepId::new("other")];
    assert_eq!(whole.instances[&a()].after, one.after);
    let within = Record::Moved { instance: of("0"), to: of("x") };
    assert_eq!(
        fold(&[&all[..], &[to("1"), within]].concat()).instances[&a()].after,
        [StepId::new("net"), StepId::new("other")]
    );
}

#[test]
fn a_record_shows_whether_its_calls_held_secrets() {
    let with = |change: &dyn Fn(&mut Intent)| {
        let Record::Intent(intent) = intent("a", 1) else { unreachable!("it is an intent") };
        let mut intent = intent.into_owned();
        change(&mut intent);
        vec![Record::Intent(intent.into())]
    };
    let digest = format!("secret:{}", "1f".repeat(16));
    for (records, secrets) in [
        (vec![], false),
        (vec![started(false)], false),
        (vec![started(true)], true),
        (with(&|_| ()), false),
        (with(&|intent| intent.secret = true), true),
        (
            with(&|intent| {
                intent.call = RecordedCall { body: Some(json!({ "password": digest }).into()), ..call("/x") }.into()
            }),
            true,
        ),
        (with(&|intent| intent.call = call(&format!("/x/{digest}")).into()), true),
        (
            with(&|intent| {
                intent.call = RecordedCall { query: vec![("q".to_owned(), digest.clone())].into(), ..call("/x") }.into()
            }),
            true,
        ),
    ] {
        assert_eq!(fold(&records).held_secrets(), secrets, "{records:#?}");
    }
}

#[test]
fn ids_are_known_wherever_a_record_has_them() {
    let done = made(|done| {
        done.made.secondary = vec![resource("volumes", "beside")].into();
        done.result.id = Some(json!("of-the-result").into());
        done.result.ids = vec![json!("one-of-several").into()];
        done.result.created = [("ports".to_owned(), json!(["port"]))].into_iter().collect();
        done.result.touched = [("subnets".to_owned(), json!(["touched"]))].into_iter().collect();
    });
    let status = fold(&[intent("a", 1), done]);
    for (id, known) in [
        ("id", true),
        ("beside", true),
        ("of-the-result", true),
        ("one-of-several", true),
        ("port", true),
        ("touched", true),
        ("another", false),
        ("networks", false),
    ] {
        assert_eq!(status.knows(id), known, "{id}");
    }
}

#[test]
fn another_owner_has_the_same_kind_and_id() {
    let status = fold(&[intent("a", 1), succeeded("a"), intent("b", 1), succeeded("b"), intent("c", 1)]);
    let id = json!("id");
    assert_eq!(status.other_owner(&a(), "networks", &id), Some(&instance("b")));
    assert_eq!(status.other_owner(&instance("c"), "networks", &id), Some(&a()));
    assert_eq!(status.other_owner(&a(), "volumes", &id), None);
    assert_eq!(status.other_owner(&a(), "networks", &json!("other")), None);
    assert!(status.is_made_by_another(&a(), &id) && !status.is_made_by_another(&a(), &json!("other")));
    let alone = fold(&[intent("a", 1), succeeded("a"), intent("c", 1)]);
    assert!(!alone.is_made_by_another(&a(), &id) && alone.is_made_by_another(&instance("c"), &id));
    assert_eq!(
        alone.owned().map(|(instance, kind, id)| (instance.clone(), kind, id.clone())).collect::<Vec<_>>(),
        [(a(), "networks", id.clone())]
    );
    // A resource without a kind is no resource of another's: a task may have listed its id only.
    let nameless = made(|done| done.made.kind = None);
    assert!(!fold(&[intent("a", 1), nameless, intent("c", 1)]).is_made_by_another(&instance("c"), &id));
}

#[test]
fn heartbeats_do_not_change_what_was_last_written() {
    let Record::Header(first) = header() else { unreachable!("it is a header") };
    let mut status = Status::new(first, Timestamp::UNIX_EPOCH);
    let at = |seconds| Timestamp::from_second(seconds).unwrap();
    status.apply(at(5), Record::Finished { exit: 0 }).unwrap();
    status.apply(at(6), Record::Beat).unwrap();
    status.apply(at(7), Record::Released).unwrap();
    assert_eq!((status.updated, status.lines), (at(5), 4));
}

#[test]
fn a_move_may_take_the_name_of_an_instance_without_records_since_the_command_began() {
    let gone = [intent("a", 1), succeeded("a"), intent("z", 1), Record::Removed { instance: instance("z") }];
    let later = [started(false), intent("a", 2), not_applied("a")];
    let moved = Record::Moved { instance: a(), to: instance("z") };
    let status = fold(&[&gone[..], &later[..], &[moved]].concat());
    assert_eq!((status.instances.len(), status.made_before(&instance("z"))), (1, 1));
}

#[test]
fn an_output_is_secret_when_it_says_so_or_in_old_records_has_no_value() {
    for (value, secret, is_secret) in [
        (Some(json!(1)), None, false),
        (None, None, true),
        (None, Some(false), false),
        (None, Some(true), true),
        (Some(json!(1)), Some(true), true),
    ] {
        let output = RecordedOutput { name: "o".to_owned(), value, secret, description: None };
        assert_eq!(output.is_secret(), is_secret, "{output:?}");
    }
}

#[test]
fn a_compacted_journal_is_of_the_current_version() {
    let Record::Header(mut old) = header() else { unreachable!("it is a header") };
    old.version = 1;
    let status = Status::new(old, Timestamp::UNIX_EPOCH);
    assert!(matches!(&status.compacted()[0].1, Record::Header(header) if header.version == VERSION));
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

#[test]
fn what_is_made_after_an_owner_was_looked_for_is_found_too() {
    let mut status = fold(&[intent("a", 1), succeeded("a"), intent("b", 1)]);
    let id = json!("id");
    assert_eq!(status.owners_of(&id).count(), 1);
    status.apply(Timestamp::UNIX_EPOCH, succeeded("b")).unwrap();
    assert_eq!(status.other_owner(&a(), "networks", &id), Some(&instance("b")));
    status.apply(Timestamp::UNIX_EPOCH, Record::Removed { instance: a() }).unwrap();
    assert_eq!(status.other_owner(&instance("b"), "networks", &id), None);
}
