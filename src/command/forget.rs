//! `plan state forget`: takes off the record what is no longer managed.

use std::time::Duration;

use super::recorded::{named, words};
use super::records::{open, read};
use super::{confirm, note};
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, Record, Status};
use crate::report::{count, list};
use crate::store::EnvironmentRecord;

/// The most names in a message.
const MOST_NAMES: usize = 8;

/// Takes a step or an instance off the record, or only what `stays` of it.
///
/// # Errors
///
/// When it is not on record, or the record is in use.
pub(super) async fn forget(
    context: &Context,
    environment: &EnvironmentRecord,
    step: &str,
    (only_stays, yes): (bool, bool),
    patience: Duration,
) -> Result<Exit, Error> {
    let status = read(environment).await?;
    let found = forgotten(&status, step, only_stays)?;
    let left: Vec<String> = found.iter().flat_map(|(_, known)| left(known, only_stays)).collect();
    let question = match left.is_empty() {
        true => format!("forget `{step}`?"),
        false => {
            format!("forget `{step}`? {} will stay, and `plan destroy` will not know of it", list(&left, MOST_NAMES))
        }
    };
    if !confirm(context, &question, yes)? {
        note(context, "nothing was forgotten")?;
        return Ok(Exit::Done);
    }
    let journal = open(context, environment, "state forget", patience).await?;
    // Looked up again: another run may have ended between the question and the lock.
    let records = journal.with_status(|status| {
        let found = forgotten(status, step, only_stays)?.into_iter();
        Ok::<_, Error>(found.map(|(id, known)| record(id, known, only_stays)).collect::<Vec<_>>())
    });
    let many = match records {
        Ok(records) => {
            let many = records.len();
            journal.append(records).await.map(|()| many).map_err(Error::from)
        }
        Err(error) => Err(error),
    };
    journal.close().await?;
    let stays = if only_stays { "what stays of " } else { "" };
    note(context, &format!("forgot {stays}{}", count(many?, "instance")))?;
    if !left.is_empty() {
        note(context, &format!("still exists: {}", list(&left, MOST_NAMES)))?;
    }
    Ok(Exit::Done)
}

/// The instances that a name means; with `only_stays`, those of which something stays.
fn forgotten<'s>(
    status: &'s Status,
    step: &str,
    only_stays: bool,
) -> Result<Vec<(&'s InstanceId, &'s InstanceStatus)>, Error> {
    let mut found = named(status, step)?;
    found.retain(|(_, known)| !only_stays || !known.stays.is_empty());
    match found.is_empty() {
        true => {
            Err(Error::usage(format!("nothing stays of `{step}`")).help("without `--stays` all of it is forgotten"))
        }
        false => Ok(found),
    }
}

fn record(id: &InstanceId, known: &InstanceStatus, only_stays: bool) -> Record {
    let instance = id.clone();
    if !only_stays {
        return Record::Forgotten { instance };
    }
    let mut known = known.clone();
    let stays = std::mem::take(&mut known.stays);
    known.forgotten.extend(stays.into_iter().filter_map(|made| Some((*made.id?).clone())));
    Record::Kept { instance, status: Box::new(known) }
}

/// What goes off the record, and exists or may exist.
fn left(known: &InstanceStatus, only_stays: bool) -> Vec<String> {
    let mut left = Vec::new();
    if !only_stays {
        left.extend(known.made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary)).map(words));
        if let Phase::Accepted { tasks, .. } = &known.phase {
            left.extend(tasks.iter().map(|task| format!("what task {task} makes")));
        }
        if known.phase == Phase::InDoubt || !known.earlier.is_empty() {
            left.push("what a call without an answer may have made".to_owned());
        }
    }
    left.extend(known.stays.iter().map(words));
    left
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::journal::{Header, RecordedResource};
    use crate::plan::Selection;

    /// A step whose resource has no undo, destroyed and made again: one stays, and one is its resource.
    #[test]
    fn what_stays_is_named_and_can_be_forgotten_alone() {
        let resource = |id: &str| RecordedResource { id: Some(json!(id).into()), ..RecordedResource::default() };
        let instance = Selection::name("disk[a]");
        let known = InstanceStatus {
            phase: Phase::Succeeded,
            made: vec![resource("new")],
            stays: vec![resource("old")].into(),
            ..InstanceStatus::default()
        };
        for (only_stays, named, made, forgotten) in [
            (false, &["something new", "something old"][..], 0, &["new", "old"][..]),
            (true, &["something old"], 1, &["old"]),
        ] {
            assert_eq!(left(&known, only_stays), named);
            let mut status = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
            status.put(instance.clone(), known.clone());
            status.put(Selection::name("disk[b]"), InstanceStatus { stays: Vec::new().into(), ..known.clone() });
            let found = super::forgotten(&status, "disk", only_stays).unwrap();
            assert_eq!(found.len(), if only_stays { 1 } else { 2 });
            let (id, at) = (found[0].0.clone(), Timestamp::UNIX_EPOCH);
            let record = record(&id, found[0].1, only_stays);
            status.apply(at, record).unwrap();
            let after = &status.instances[&id];
            let ids: Vec<&str> = after.forgotten.iter().filter_map(|id| id.as_str()).collect();
            assert_eq!((after.made.len(), after.stays.len(), &ids[..]), (made, 0, forgotten));
        }
    }

    #[test]
    fn what_a_call_may_have_made_is_named() {
        let waits = Phase::Accepted { tasks: vec!["t1".to_owned()], recovered: false, status: None };
        for (phase, named) in [
            (Phase::Failed, &[][..]),
            (waits, &["what task t1 makes"]),
            (Phase::InDoubt, &["what a call without an answer may have made"]),
        ] {
            assert_eq!(left(&InstanceStatus { phase, ..InstanceStatus::default() }, false), named);
        }
    }
}
