//! Renamed steps and instances (`moved`).

use crate::id::InstanceId;
use crate::journal::{Record, Status};
use crate::plan::Moved;

/// The records for those moves of a plan that are still to be made: the old name is recorded and the new one is not.
pub fn moves(status: &Status, moved: &[Moved]) -> Vec<Record> {
    let mut names: Vec<(InstanceId, bool)> =
        status.instances.iter().map(|(id, known)| (id.clone(), known.may_exist())).collect();
    let mut records = Vec::new();
    for one in moved {
        for at in 0..names.len() {
            let (instance, exists) = names[at].clone();
            let Some(to) = target(one, &instance).filter(|_| exists) else { continue };
            if names.iter().any(|(name, exists)| *name == to && *exists) {
                continue;
            }
            names[at].0.clone_from(&to);
            records.push(Record::Moved { instance, to });
        }
    }
    records
}

/// The new name of an instance; `None` when the move does not concern it.
fn target(moved: &Moved, instance: &InstanceId) -> Option<InstanceId> {
    match &moved.from.key {
        Some(_) => (moved.from == *instance).then(|| moved.to.clone()),
        None => (moved.from.step == instance.step)
            .then(|| InstanceId { step: moved.to.step.clone(), key: instance.key.clone() }),
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
    fn only_recorded_old_names_are_moved_and_only_once() {
        let mut status = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
        for name in ["net", "web[0]", "web[1]", "both", "taken"] {
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
                to: Selection::name(to),
                span: Span::at(0),
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
        let plan = moved(&[("net", "network"), ("web", "vm"), ("vm[0]", "vm[a]"), ("both", "taken"), ("none", "x")]);
        let records = moves(&status, &plan);
        assert_eq!(words(&records), ["net network", "web[0] vm[0]", "web[1] vm[1]", "vm[0] vm[a]"]);
        for record in records {
            status.apply(Timestamp::UNIX_EPOCH, record).unwrap();
        }
        let names: Vec<String> = status.instances.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["network", "vm[a]", "vm[1]", "both", "taken"]);
        assert!(moves(&status, &plan).is_empty());
    }
}
