//! Reconstructs the events of the last command from its record.
//!
//! A record has less than the events had: skipped steps are missing, and requests are not counted.

use jiff::Timestamp;

use crate::catalog::Method;
use crate::event::{Activity, Did, EVENTS_VERSION, Event, Provenance, RunFinished, RunStarted, Stamped, StepDone};
use crate::exit::Exit;
use crate::hash::{HashMap, HashSet};
use crate::id::InstanceId;
use crate::journal::{Line, Phase, Record, RecordedCall, RecordedResource, Started, Status, Succeeded, id_text};
use crate::store::lineage::History;

/// The lines up to the end of the last recorded command: its `Finished`, or, when it was killed, the first correction by
/// hand after it (`plan state forget`, `mv`), which is no part of it.
pub(super) fn until_its_end(lines: &[Line]) -> &[Line] {
    let Some(first) = beginning(lines) else { return lines };
    let mut touched: HashSet<&InstanceId> = HashSet::default();
    for (at, line) in lines.iter().enumerate().skip(first) {
        match &line.record {
            Record::Finished { .. } => return &lines[..=at],
            Record::Forgotten { .. } => return &lines[..at],
            // A run takes on the names of `moved` before it begins with the instances.
            Record::Moved { instance, .. } if touched.contains(instance) => return &lines[..at],
            record => touched.extend(record.instance()),
        }
    }
    lines
}

/// The events of the last recorded command, of which these lines are all; empty without one. `status`: at its end.
pub(super) fn last_run(lines: &[Line], status: &Status, state: &str) -> Vec<Stamped> {
    let Some(first) = beginning(lines) else { return Vec::new() };
    // What is gone is gone from the status as well.
    let made: HashMap<&InstanceId, &RecordedResource> = lines.iter().filter_map(|line| made_by(&line.record)).collect();
    let lines = &lines[first..];
    let start = lines[0].at;
    let mut events = Vec::new();
    let mut handle = |at: Timestamp, event| {
        let passed = at.duration_since(start).as_millis();
        events.push(Stamped { at, elapsed_ms: u64::try_from(passed).unwrap_or(0), event });
    };
    let touched: HashSet<&InstanceId> = lines.iter().filter_map(|line| line.record.instance()).collect();
    for line in lines {
        match &line.record {
            Record::Started(started) => {
                handle(line.at, Event::RunStarted(run_started(started, status, state)));
                for (id, done) in kept(status, &touched) {
                    handle(line.at, Event::StepSucceeded { instance: id.clone(), result: done });
                }
            }
            Record::Finished { exit } => handle(line.at, Event::RunFinished(run_finished(*exit, line.at, start))),
            record => {
                if let Some(event) = event_of(record, status, &made) {
                    handle(line.at, event);
                }
            }
        }
    }
    events
}

/// Where the last command begins.
fn beginning(lines: &[Line]) -> Option<usize> {
    lines.iter().rposition(|line| matches!(line.record, Record::Started(_)))
}

/// What was on record before the last command, if that was a teardown.
pub(super) fn torn_down(lines: &[Line]) -> Option<Status> {
    let first = beginning(lines)?;
    match &lines[first].record {
        Record::Started(started) if started.command == Started::DESTROY => {
            History::of(lines[..first].to_vec()).map(|history| history.status)
        }
        _ => None,
    }
}

fn run_started(started: &Started, status: &Status, state: &str) -> RunStarted {
    RunStarted {
        version: EVENTS_VERSION,
        command: if started.command == Started::DESTROY { Activity::Destroy } else { Activity::Run },
        plan: status.header.plan.clone(),
        file: started.file.clone(),
        environment: status.header.environment.clone(),
        steps: 0,
        instances: None,
        recorded: 0,
        state: Some(state.to_owned()),
        api: String::new(),
    }
}

/// The resources of earlier commands that this one did not change.
fn kept<'s>(status: &'s Status, touched: &HashSet<&InstanceId>) -> impl Iterator<Item = (&'s InstanceId, StepDone)> {
    let kept = status.instances.iter().filter(|(id, known)| known.phase == Phase::Succeeded && !touched.contains(*id));
    kept.map(|(id, known)| {
        let made = known.made.last();
        let done = StepDone {
            provenance: Provenance::Reused,
            did: did(known.call(), false),
            call: known.call().map(ToString::to_string).unwrap_or_default(),
            kind: made.and_then(|made| made.kind.clone()),
            id: made.and_then(|made| made.id.as_deref()).map(id_text),
            name: made.and_then(|made| made.name.clone()),
            tasks: Vec::new(),
            duration_ms: 0,
        };
        (id, done)
    })
}

fn made_by(record: &Record) -> Option<(&InstanceId, &RecordedResource)> {
    match record {
        Record::Succeeded(done) => Some((&done.instance, &done.made)),
        Record::Kept { instance, status } => Some((instance, status.made.last()?)),
        _ => None,
    }
}

fn event_of(record: &Record, status: &Status, made: &HashMap<&InstanceId, &RecordedResource>) -> Option<Event> {
    let kind = |id| made.get(id).and_then(|made| made.kind.clone());
    let resource = |id| made.get(id).and_then(|made| made.id.as_deref()).map(id_text);
    Some(match record {
        Record::Intent(intent) => Event::CallStarted {
            instance: intent.instance.clone(),
            call: intent.call.to_string(),
            attempt: intent.attempt,
        },
        Record::Removing { instance, call, attempt, .. } => {
            Event::CallStarted { instance: instance.clone(), call: call.to_string(), attempt: *attempt }
        }
        Record::Accepted { instance, tasks, .. } | Record::RemovalAccepted { instance, tasks } => {
            Event::TasksAccepted { instance: instance.clone(), tasks: tasks.clone(), earliest_ms: 0, latest_ms: 0 }
        }
        Record::Succeeded(done) => {
            Event::StepSucceeded { instance: done.instance.clone(), result: done_of(done, status) }
        }
        Record::NotApplied { instance, error, .. } | Record::Failed { instance, error, .. } => {
            Event::StepFailed { instance: instance.clone(), error: error.clone() }
        }
        Record::Unknown { instance, error }
        | Record::Disowned { instance, error, .. }
        | Record::TasksMissing { instance, error, .. } => {
            Event::StepUnknown { instance: instance.clone(), error: error.clone() }
        }
        Record::RemovalFailed { instance, error } => Event::ResourceLeft {
            instance: instance.clone(),
            kind: kind(instance),
            id: resource(instance),
            error: error.clone(),
        },
        Record::Removed { instance } => Event::ResourceRemoved {
            instance: instance.clone(),
            kind: kind(instance),
            id: resource(instance),
            already_gone: false,
            reverted_by: made.get(instance).and_then(|made| reverted_by(made)),
        },
        _ => return None,
    })
}

fn reverted_by(made: &RecordedResource) -> Option<String> {
    made.undo.as_ref().filter(|undo| undo.method != Method::Delete).map(ToString::to_string)
}

/// What a recorded call did; reads are not on record.
fn did(call: Option<&RecordedCall>, only_changed: bool) -> Did {
    match call.map(|call| call.method) {
        Some(Method::Delete) => Did::Deleted,
        _ if only_changed => Did::Changed,
        _ => Did::Created,
    }
}

fn done_of(done: &Succeeded, status: &Status) -> StepDone {
    let known = status.instances.get(&done.instance);
    let call = known.and_then(|known| known.call());
    StepDone {
        provenance: done.provenance,
        did: did(call, done.made.id.is_none() && done.provenance != Provenance::Updated),
        call: call.map(ToString::to_string).unwrap_or_default(),
        kind: done.made.kind.clone().or_else(|| done.result.kind.clone()),
        id: done.made.id.as_deref().or(done.result.id.as_deref()).map(id_text),
        name: done.made.name.clone().or_else(|| done.result.name.clone()),
        tasks: done.result.tasks.to_vec(),
        duration_ms: done.duration_ms,
    }
}

fn run_finished(exit: u8, at: Timestamp, start: Timestamp) -> RunFinished {
    RunFinished::new(Exit::of(exit), u64::try_from(at.duration_since(start).as_millis()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StepId;
    use crate::journal::Header;

    #[test]
    fn the_last_command_ends_with_its_last_line_or_before_a_correction_by_hand() {
        let id = |name: &str| InstanceId::new(StepId::new(name), None);
        let started = || {
            Record::Started(Started {
                run: "r".to_owned(),
                command: "run".to_owned(),
                file: None,
                project_id: None,
                region_id: None,
                expires: None,
                secrets: false,
            })
        };
        let accepted = |name| Record::RemovalAccepted { instance: id(name), tasks: Vec::new() };
        let moved = |from, to| Record::Moved { instance: id(from), to: id(to) };
        let forgotten = |name| Record::Forgotten { instance: id(name) };
        let finished = || Record::Finished { exit: 0 };
        for (records, length, why) in [
            (vec![], 1, "nothing was run"),
            (vec![started(), accepted("a"), finished()], 4, "all of it"),
            (vec![started(), accepted("a"), finished(), forgotten("a")], 4, "what follows its end"),
            (vec![started(), accepted("a")], 3, "killed"),
            (vec![started(), accepted("a"), forgotten("b")], 3, "killed, and something was forgotten"),
            (vec![started(), accepted("a"), moved("a", "b"), accepted("c")], 3, "killed, and something was renamed"),
            (vec![started(), moved("a", "b"), accepted("b")], 4, "renamed by the plan"),
            (vec![started(), finished(), started(), accepted("a"), forgotten("a")], 5, "the second one was killed"),
        ] {
            let records = std::iter::once(Record::Header(Header::new("demo", "default"))).chain(records);
            let lines: Vec<Line> =
                (0..).zip(records).map(|(n, record)| Line { n, at: Timestamp::UNIX_EPOCH, record }).collect();
            assert_eq!(until_its_end(&lines).len(), length, "{why}");
        }
    }
}
