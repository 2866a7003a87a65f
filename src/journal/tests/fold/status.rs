//! What a status says of a whole record: owners, secrets, times, outputs.

use super::*;

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
    let there = InstanceStatus { phase: Phase::Succeeded, ..InstanceStatus::default() };
    let all = [kept(of("0"), &there), kept(of("1"), &there), kept(a(), &one)];
    let to = |from: &str| Record::Moved {
        instance: of(from),
        to: InstanceId::new(StepId::new("lan"), Some(from.to_owned())),
    };
    // What stays of the one that had the name, and what was forgotten of it, is on record under it.
    let resource = RecordedResource { id: Some(json!("v").into()), ..RecordedResource::default() };
    let had = InstanceStatus {
        attempts: 4,
        stays: vec![resource].into(),
        forgotten: vec![json!("f")].into(),
        ..InstanceStatus::default()
    };
    let over = fold(&[kept(instance("z"), &had), intent("a", 1), succeeded("a"), moved("a", "z")]);
    let z = &over.instances[&instance("z")];
    assert_eq!((z.made.len(), &z.stays, &z.forgotten, z.attempts), (1, &had.stays, &had.forgotten, 4));
    let half = fold(&[&all[..], &[to("0")]].concat());
    assert_eq!(half.instances[&a()].after, one.after);
    let whole = fold(&[&all[..], &[to("0"), to("1")]].concat());
    one.after = vec![StepId::new("lan"), StepId::new("other")];
    assert_eq!(whole.instances[&a()].after, one.after);
    // One that was removed has the old name for good.
    let rest = fold(&[&all[..2], &[Record::Removed { instance: of("1") }], &all[2..], &[to("0")]].concat());
    assert_eq!((rest.instances.len(), &rest.instances[&a()].after), (3, &whole.instances[&a()].after));
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
fn what_is_made_after_an_owner_was_looked_for_is_found_too() {
    let mut status = fold(&[intent("a", 1), succeeded("a"), intent("b", 1)]);
    let id = json!("id");
    assert_eq!(status.owners_of(&id).count(), 1);
    status.apply(Timestamp::UNIX_EPOCH, succeeded("b")).unwrap();
    assert_eq!(status.other_owner(&a(), "networks", &id), Some(&instance("b")));
    status.apply(Timestamp::UNIX_EPOCH, Record::Removed { instance: a() }).unwrap();
    assert_eq!(status.other_owner(&instance("b"), "networks", &id), None);
}
