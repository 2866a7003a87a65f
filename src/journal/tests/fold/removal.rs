//! What a removal, a rollback or a missing resource leaves on record.

use super::*;

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
