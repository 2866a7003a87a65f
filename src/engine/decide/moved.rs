//! Renamed steps and instances (`moved`).

use crate::hash::IndexSet;
use crate::id::InstanceId;
use crate::journal::{Record, Status};
use crate::plan::{Moved, Steps};

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
    status.existing().filter(|(other, _)| is_in_the_way(other)).count()
}

/// Messages about recorded names that left the plan and cannot be moved, because the new name is recorded as well.
pub fn stuck(status: &Status, moved: &[Moved], steps: &Steps) -> Vec<String> {
    let (_, names) = renamed(status, moved);
    let is_planned =
        |name: &InstanceId| steps.get(&name.step).is_some_and(|step| step.for_each.is_some() == name.key.is_some());
    let left = names.iter().filter(|name| !is_planned(name));
    let pairs = left.flat_map(|name| moved.iter().filter_map(move |one| Some((name, target(one, name)?))));
    let words = |(from, to): (&InstanceId, InstanceId)| {
        format!(
            "`{from}` cannot become `{to}`, which is on record as well: it keeps its name; `plan state mv` renames \
             `{to}`, `--prune` takes `{from}` down"
        )
    };
    pairs.filter(|(_, to)| names.contains(to)).map(words).collect()
}

/// The records of the moves, and the names of the resources that may exist after them.
fn renamed(status: &Status, moved: &[Moved]) -> (Vec<Record>, IndexSet<InstanceId>) {
    let mut names: IndexSet<InstanceId> = match moved.is_empty() {
        true => IndexSet::default(),
        false => status.existing().map(|(id, _)| id.clone()).collect(),
    };
    let mut records = Vec::new();
    for one in moved {
        for at in 0..names.len() {
            let instance = names[at].clone();
            let Some(to) = target(one, &instance).filter(|to| !names.contains(to)) else { continue };
            // In its place, so that the order stays.
            names.insert(to.clone());
            names.swap_remove_index(at);
            records.push(Record::Moved { instance, to });
        }
    }
    (records, names)
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

    use super::*;
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
        let stuck = stuck(&status, &plan, &Steps::default());
        assert_eq!(stuck.len(), 1, "{stuck:?}");
        assert!(stuck[0].starts_with("`both` cannot become `taken`, which is on record as well"), "{stuck:?}");
    }
}
