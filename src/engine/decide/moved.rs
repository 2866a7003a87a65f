//! Renamed steps and instances (`moved`).

use crate::engine::record_flags::RecordFlags;
use crate::hash::IndexMap;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Record, Status, give_name};
use crate::plan::{Moved, Steps};
use crate::shared::Shared;
use crate::shell::quoted;

/// The records for those moves of a plan that are still to be made: the old name is recorded and the new one is not.
pub fn moves(status: &Status, moved: &[Moved]) -> Vec<Record> {
    renamed(status, moved).0
}

/// How many instances on record a move by hand would mix with what it renames: the step that it names has instances of
/// its own, or another form (with keys, or without).
pub fn merges(status: &Status, from: &InstanceId, to: &InstanceId) -> usize {
    let is_in_the_way = |other: &InstanceId| {
        other.step == to.step
            && (from.step != to.step || from.key.is_some())
            && other != from
            && match &to.key {
                None => true,
                Some(_) => other.key.is_none(),
            }
    };
    status.instances.iter().filter(|(other, known)| known.has_effect() && is_in_the_way(other)).count()
}

/// Messages about recorded names that left the plan and cannot be moved, because the new name is recorded as well.
/// `flags`: those that name the record to `plan state`.
pub fn stuck(status: &Status, moved: &[Moved], steps: &Steps, flags: &RecordFlags) -> Vec<String> {
    let (_, names) = renamed(status, moved);
    let is_planned =
        |name: &InstanceId| steps.get(&name.step).is_some_and(|step| step.for_each.is_some() == name.key.is_some());
    let left = names.iter().filter(|(name, known)| known.has_effect() && !is_planned(name));
    let pairs =
        left.flat_map(|(name, known)| moved.iter().filter_map(move |one| Some((name, target(one, name)?, known))));
    let words = |(from, to, known): (&InstanceId, InstanceId, &Shared<InstanceStatus>)| {
        let other = names.get(&to).filter(|other| other.has_effect())?;
        let ends = match (other.may_exist(), known.may_exist()) {
            (true, true) => format!("`--prune` takes `{from}` down"),
            (is_there, _) => {
                let forgotten = if is_there { from } else { &to };
                let word = quoted(&forgotten.to_string());
                format!("`plan state forget{flags} {word}` takes `{forgotten}` off the record")
            }
        };
        Some(format!(
            "`{from}` cannot become `{to}`, which is on record as well: it keeps its name; `plan state mv` renames \
             `{to}`, {ends}"
        ))
    };
    pairs.filter_map(words).collect()
}

/// The records of the moves, and what is on record by its name after them.
fn renamed(status: &Status, moved: &[Moved]) -> (Vec<Record>, IndexMap<InstanceId, Shared<InstanceStatus>>) {
    let mut records = Vec::new();
    if moved.is_empty() {
        return (records, IndexMap::default());
    }
    let mut names = status.instances.clone();
    for one in moved {
        let targets = names.iter().filter_map(|(name, known)| Some((name.clone(), target(one, name)?, weight(known))));
        for (instance, to, weight_of_it) in targets.collect::<Vec<_>>() {
            if names.get(&to).map_or(0, |other| weight(other)) < weight_of_it {
                give_name(&mut names, &instance, &to);
                records.push(Record::Moved { instance, to });
            }
        }
    }
    (records, names)
}

/// What is on record of an instance: only what weighs more takes the name of another. What failed, or is gone, gives way
/// to what had an effect.
fn weight(known: &InstanceStatus) -> u8 {
    match () {
        () if known.has_effect() => 2,
        () if !known.is_over() => 1,
        () => 0,
    }
}

/// The new name of an instance; `None` when the move does not concern it.
fn target(moved: &Moved, instance: &InstanceId) -> Option<InstanceId> {
    match (&moved.from.key, &moved.to.key) {
        (None, None) => (moved.from.step == instance.step)
            .then(|| InstanceId { step: moved.to.step.clone(), key: instance.key.clone() }),
        // A step without `for_each` is its only instance.
        _ => (moved.from == *instance).then(|| moved.to.clone()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::event::{EffectKnown, ErrorClass, StepError};
    use crate::journal::{Header, InstanceStatus, Phase, RecordedResource};
    use crate::plan::Selection;
    use crate::source::Span;

    #[test]
    fn a_move_by_hand_mixes_no_two_steps() {
        let mut status = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
        for name in ["solo", "disk[0]", "disk[1]", "port"] {
            let known = InstanceStatus {
                phase: Phase::Succeeded,
                made: vec![RecordedResource::default()],
                ..InstanceStatus::default()
            };
            status.instances.insert(Selection::name(name), known.into());
        }
        status.instances.insert(Selection::name("gone[0]"), InstanceStatus::default().into());
        for (from, to, mixed) in [
            ("solo", "single", 0),
            ("solo", "disk", 2),
            ("solo", "disk[2]", 0),
            ("solo", "gone", 0),
            ("solo", "solo[a]", 0),
            ("disk", "data", 0),
            ("disk", "solo", 1),
            ("disk[0]", "disk[a]", 0),
            ("disk[0]", "port", 1),
            ("disk[0]", "port[a]", 1),
            // The other one would be left in a form that no plan has.
            ("disk[0]", "disk", 1),
        ] {
            assert_eq!(merges(&status, &Selection::name(from), &Selection::name(to)), mixed, "{from} {to}");
        }
    }

    /// An instance that only acted was called, one that failed was not, and what another attempt made may exist: each is
    /// known by its new name, so that nothing is called twice.
    #[test]
    fn whatever_is_on_record_is_renamed_and_gives_way_only_to_what_weighs_more() {
        let known = |word: &str| {
            let mut known = InstanceStatus::default();
            match word {
                "made" => (known.phase, known.made) = (Phase::Succeeded, vec![RecordedResource::default()]),
                "acted" => known.phase = Phase::Succeeded,
                "doubt" => known.phase = Phase::InDoubt,
                "waits" => known.phase = Phase::Accepted { tasks: vec![], recovered: false, status: None },
                "stays" => known.stays = vec![RecordedResource::default()].into(),
                "failed" => {
                    let error = StepError::new(EffectKnown::NotApplied, ErrorClass::Rejected, "no");
                    (known.phase, known.error) = (Phase::Failed, Some(error.into()));
                }
                "gone" => known.lost = vec![json!("v")].into(),
                _ => {}
            }
            known
        };
        for (from, to, renames, warns) in [
            ("made", "", true, false),
            ("acted", "", true, false),
            ("doubt", "", true, false),
            ("waits", "", true, false),
            ("stays", "", true, false),
            ("failed", "", true, false),
            ("gone", "", true, false),
            ("over", "", false, false),
            ("acted", "over", true, false),
            ("acted", "failed", true, false),
            ("made", "gone", true, false),
            ("acted", "acted", false, true),
            ("made", "acted", false, true),
            ("made", "stays", false, true),
            ("failed", "acted", false, false),
            ("failed", "gone", false, false),
        ] {
            let mut status = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
            status.instances.insert(Selection::name("old"), known(from).into());
            if !to.is_empty() {
                status.instances.insert(Selection::name("new"), known(to).into());
            }
            let (old, new) = (Selection::name("old"), Selection::name("new"));
            let one = Moved { from: old.clone(), from_span: Span::at(0), to: new.clone(), to_span: Span::at(0) };
            let warnings = stuck(&status, std::slice::from_ref(&one), &Steps::default(), &RecordFlags::default());
            assert_eq!(warnings.len(), usize::from(warns), "{from} {to}");
            if to == "stays" {
                assert!(warnings[0].ends_with("`plan state forget new` takes `new` off the record"), "{warnings:?}");
            }
            let records = moves(&status, std::slice::from_ref(&one));
            assert_eq!(records.len(), usize::from(renames), "{from} {to}");
            for record in records {
                status.apply(Timestamp::UNIX_EPOCH, record).unwrap();
            }
            assert_eq!(status.instances.contains_key(&old), !renames, "{from} {to}");
            assert!(moves(&status, &[one]).is_empty(), "{from} {to}");
        }
    }

    #[test]
    fn only_recorded_old_names_are_moved_and_only_once() {
        let mut status = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
        for name in ["net", "web[0]", "web[1]", "both", "taken", "disk", "port[0]", "port[1]"] {
            let known = InstanceStatus {
                phase: Phase::Succeeded,
                made: vec![RecordedResource::default()],
                ..InstanceStatus::default()
            };
            status.instances.insert(Selection::name(name), known.into());
        }
        let moved = |pairs: &[(&str, &str)]| -> Vec<Moved> {
            let one = |(from, to): &(&str, &str)| Moved {
                from: Selection::name(from),
                from_span: Span::at(0),
                to: Selection::name(to),
                to_span: Span::at(0),
            };
            pairs.iter().map(one).collect()
        };
        let words = |records: &[Record]| -> Vec<String> {
            let word = |record: &Record| match record {
                Record::Moved { instance, to } => format!("{instance} {to}"),
                other => other.name().to_owned(),
            };
            records.iter().map(word).collect()
        };
        let pairs = [("net", "network"), ("web", "vm"), ("vm[0]", "vm[a]"), ("both", "taken"), ("none", "x")];
        // A step that got `for_each`, and one that lost it; `port[1]` has no name in the latter.
        let of_other_form = [("disk", "disk[a]"), ("port[0]", "port"), ("disk", "disk[b]")];
        let plan = moved(&[&pairs[..], &of_other_form].concat());
        let records = moves(&status, &plan);
        let renamed = ["net network", "web[0] vm[0]", "web[1] vm[1]", "vm[0] vm[a]", "disk disk[a]", "port[0] port"];
        assert_eq!(words(&records), renamed);
        for record in records {
            status.apply(Timestamp::UNIX_EPOCH, record).unwrap();
        }
        let names: Vec<String> = status.instances.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["network", "vm[a]", "vm[1]", "both", "taken", "disk[a]", "port", "port[1]"]);
        assert!(moves(&status, &plan).is_empty());
        let stuck = stuck(&status, &plan, &Steps::default(), &RecordFlags::default());
        assert_eq!(stuck.len(), 1, "{stuck:?}");
        assert!(stuck[0].starts_with("`both` cannot become `taken`, which is on record as well"), "{stuck:?}");
    }
}
