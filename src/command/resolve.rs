//! `plan state resolve`: decisions of the user about calls with an unknown outcome.

use std::path::Path;

use serde_json::{Map, Value};

use super::connect::client_of;
use super::recorded::{named, words};
use super::records::{find_record, open, other_records, read};
use super::{Account, note};
use crate::api::{Task, TaskState};
use crate::catalog::{Catalog, Method};
use crate::cli::ResolveArguments;
use crate::context::Context;
use crate::engine::{
    Before, Claimable, Given, Ownership, created_before, given, is_left_in_doubt, made, operation_of, result_of_tasks,
    stamped_by_another,
};
use crate::error::Error;
use crate::event::{EffectKnown, ErrorClass, Provenance, StepError};
use crate::exit::Exit;
use crate::id::InstanceId;
use crate::journal::{
    Evidence, InstanceStatus, Intent, Journal, Phase, Record, RecordedResource, Status, StepResult, Succeeded,
    Unanswered, id_text,
};
use crate::kind::kind_name;
use crate::report::{count, list};
use crate::store::EnvironmentRecord;

/// The most names in a message.
const MOST_NAMES: usize = 8;

/// `plan state resolve`
pub(super) async fn resolve(context: &Context, arguments: &ResolveArguments) -> Result<Exit, Error> {
    let environment = find_record(context, arguments.file.as_deref(), &arguments.record).await?;
    read(&environment).await?;
    let journal = open(context, &environment, "state resolve", arguments.lock.lock_timeout).await?;
    let done = decide(context, &environment, &journal, arguments).await;
    journal.close().await?;
    done
}

async fn decide(
    context: &Context,
    environment: &EnvironmentRecord,
    journal: &Journal,
    arguments: &ResolveArguments,
) -> Result<Exit, Error> {
    let (mut records, searched_by) = journal.with_status(|status| {
        let (instance, known) = only(named(status, &arguments.step)?, &arguments.step)?;
        let searched_by = is_left_in_doubt(known).then(|| recover_command(context, status));
        decided(instance, known, arguments).map(|records| (records, searched_by))
    })?;
    not_anothers_tasks(environment, journal, &arguments.task).await?;
    if let Some((instance, made)) = records.iter_mut().find_map(made_of) {
        let known = journal.with_status(|status| status.instances.get(&instance).cloned()).unwrap_or_default();
        not_anothers(environment, journal, &instance, made).await?;
        exists(context, environment, arguments, &instance, &known, made).await?;
    }
    let said = match records.iter().find(|record| !matches!(record, Record::Found { .. })).unwrap_or(&records[0]) {
        Record::Resolved { instance, made: Some(made), .. } => {
            format!("{instance}: {} is on record as made by it, too", words(made))
        }
        Record::Resolved { instance, .. } => format!("{instance}: no further search for attempts"),
        Record::Succeeded(done) => format!("{}: {} is on record as made by it", done.instance, words(&done.made)),
        Record::Accepted { instance, tasks, .. } => {
            format!("{instance}: the next run waits for {}", count(tasks.len(), "task"))
        }
        _ => format!("{}: the next run makes the call again", arguments.step),
    };
    journal.append(records).await?;
    note(context, &said)?;
    if let Some(command) = searched_by {
        note(
            context,
            &format!("what depends on it was not searched for, and a run would create it: `{command}` first"),
        )?;
    }
    Ok(Exit::Done)
}

/// The command that goes on with a recovery, with the plan file of the record.
fn recover_command(context: &Context, status: &Status) -> String {
    let file = status.started.as_ref().and_then(|(_, started)| started.file.as_deref()).map(Path::new);
    context.typed.or_file(file).with_plan("state recover", &[])
}

/// What a decision records as made.
fn made_of(record: &mut Record) -> Option<(InstanceId, &mut RecordedResource)> {
    match record {
        Record::Resolved { instance, made: Some(made), .. } => Some((instance.clone(), made)),
        Record::Succeeded(done) if done.agrees.is_none() => Some((done.instance.clone(), &mut done.made)),
        _ => None,
    }
}

/// Refuses a resource that is on record: of another step, of an earlier attempt, or of another record of the store.
async fn not_anothers(
    environment: &EnvironmentRecord,
    journal: &Journal,
    instance: &InstanceId,
    made: &RecordedResource,
) -> Result<(), Error> {
    // A call that changes what another step made has the id of that.
    let deletes = made.undo.as_ref().is_none_or(|undo| undo.method == Method::Delete);
    let Some(claimable) = Claimable::of(made).filter(|_| deletes) else { return Ok(()) };
    let here = journal.with_status(|status| {
        let mut resources = status.resources();
        let owner = resources.find(|(_, made)| Claimable::of(made).is_some_and(|held| held.is(&claimable)));
        owner.map(|(owner, _)| owner.clone())
    });
    let whose = match here {
        Some(owner) if owner == *instance => Some("an earlier attempt of the same step".to_owned()),
        Some(owner) => Some(format!("step `{owner}`")),
        None => Ownership::new(other_records(environment).await).other_record(&claimable),
    };
    match whose {
        Some(whose) => Err(is_anothers(&format!("{} is on record already: it belongs to {whose}", unnamed(made)))),
        None => Ok(()),
    }
}

/// Refuses tasks that belong to another call of this record, or to another record of the store.
async fn not_anothers_tasks(environment: &EnvironmentRecord, journal: &Journal, tasks: &[String]) -> Result<(), Error> {
    let owners = Ownership::new(other_records(environment).await);
    for task in tasks {
        let is_here = journal.with_status(|status| status.tasks.contains(task));
        let whose = if is_here { Some("another call of this record".to_owned()) } else { None };
        if let Some(whose) = whose.or_else(|| owners.other_record(&Claimable::task(task))) {
            return Err(is_anothers(&format!("task {task} is on record already: it belongs to {whose}")));
        }
    }
    Ok(())
}

fn is_anothers(message: &str) -> Error {
    Error::usage(message).help("name what this call made, or say `--not-applied`")
}

/// A resource as text, without the name, which comes from the plan.
fn unnamed(made: &RecordedResource) -> String {
    words(&RecordedResource { name: None, ..made.clone() })
}

/// Refuses a resource that does not exist, or whose stamp names another step or environment; the name is recorded as
/// the resource has it. Without an API key nothing is read.
async fn exists(
    context: &Context,
    environment: &EnvironmentRecord,
    arguments: &ResolveArguments,
    instance: &InstanceId,
    known: &InstanceStatus,
    made: &mut RecordedResource,
) -> Result<(), Error> {
    let earlier = known.earlier.first().map(|earlier| &earlier.intent);
    let intent = known.intent.as_ref().filter(|_| known.phase == Phase::InDoubt).or(earlier);
    let (Some(intent), Some(id)) = (intent, made.id.as_deref().map(id_text)) else { return Ok(()) };
    let account = match Account::of(context, &arguments.api) {
        Ok(account) => account,
        Err(Error::NoKey { .. }) => {
            return note(context, &format!("whether `{id}` exists was not checked: there is no API key"));
        }
        Err(error) => return Err(error),
    };
    let (client, catalog) = (client_of(context, &account)?, Catalog::embedded());
    let read = given(&client, catalog, &intent.call, &id).await;
    let item = match read.map_err(|error| Error::Api { what: format!("`{id}` cannot be read"), error })? {
        Given::There(item) => item,
        Given::Unread => return Ok(()),
        Given::Missing => {
            let kind = made.kind.as_deref().map_or("resource".to_owned(), kind_name);
            return Err(is_anothers(&format!("there is no {kind} `{id}`")));
        }
    };
    let names = (environment.plan(), environment.environment());
    if let Some(whose) = stamped_by_another(catalog, &intent.call, &item, names, instance, &intent.nonce) {
        return Err(is_anothers(&format!("{} was not made by `{instance}`: {whose}", unnamed(made))));
    }
    let created =
        intent.mark.server_time.filter(|_| intent.update.is_none()).and_then(|sent| created_before(&item, sent));
    if let Some(created) = created {
        let why = format!("it was created at {created}, before the call was sent");
        return Err(is_anothers(&format!("{} was not made by `{instance}`: {why}", unnamed(made))));
    }
    if let Some(name) = item.get("name").and_then(Value::as_str) {
        made.name = Some(name.to_owned());
    }
    Ok(())
}

fn only<'s>(
    found: Vec<(&'s InstanceId, &'s InstanceStatus)>,
    name: &str,
) -> Result<(&'s InstanceId, &'s InstanceStatus), Error> {
    match found[..] {
        [only] => Ok(only),
        _ => {
            let ids = found.iter().map(|(id, _)| format!("`{id}`"));
            Err(Error::usage(format!("step `{name}` has {}", count(found.len(), "instance")))
                .help(format!("say which: {}", list(ids, MOST_NAMES))))
        }
    }
}

/// The records for a decision.
fn decided(instance: &InstanceId, known: &InstanceStatus, arguments: &ResolveArguments) -> Result<Vec<Record>, Error> {
    let intent = match (&known.phase, &known.intent) {
        (Phase::InDoubt, Some(intent)) => intent,
        // A later attempt was refused: what the earlier one made is the result of the step.
        (Phase::Absent, _) if known.made.is_empty() && !arguments.not_applied && !known.earlier.is_empty() => {
            let earlier = &known.earlier[0].intent;
            let found = Record::Found { instance: instance.clone(), attempt: earlier.attempt };
            return Ok(std::iter::once(found).chain(carried_out(instance, known, earlier, arguments)).collect());
        }
        _ if !known.earlier.is_empty() => return late(instance, known, arguments),
        (phase, _) => {
            let error = Error::usage(format!("the outcome of `{instance}` is known: it is {}", phase.name()));
            return Err(error.help(match phase {
                Phase::Accepted { .. } => {
                    "run again: it waits for its task, and the outcome becomes unknown when the API does not know that any more, or it \
                     names nothing that it made"
                }
                _ => "only a call whose outcome is unknown can be resolved; see `plan status`",
            }));
        }
    };
    if arguments.not_applied {
        let none = Record::NotApplied { instance: instance.clone(), error: decided_by_hand(intent), unanswered: false };
        return Ok(std::iter::once(none)
            .chain(known.earlier.iter().map(|earlier| resolved(instance, earlier, None)))
            .collect());
    }
    Ok(carried_out(instance, known, intent, arguments))
}

/// The records for an attempt that was carried out, by its tasks or by what it made.
fn carried_out(
    instance: &InstanceId,
    known: &InstanceStatus,
    intent: &Intent,
    arguments: &ResolveArguments,
) -> Vec<Record> {
    if !arguments.task.is_empty() {
        let (tasks, evidence) = (arguments.task.clone(), Some(Evidence::Decision));
        let instance = instance.clone();
        return vec![Record::Accepted { instance, tasks, recovered: true, status: None, evidence }];
    }
    let id = arguments.id.as_deref().expect("one of the three decisions is required on the command line");
    let (result, made, agrees) = match (&intent.update, &known.result) {
        // A change of what is known already: nothing new was made.
        (Some(agrees), Some(result)) => (result.clone(), RecordedResource::default(), Some(agrees.clone())),
        _ => {
            let result = result_of(intent, id);
            let made = made(Catalog::embedded(), &intent.call, &result, &intent.undo);
            (result, made, None)
        }
    };
    let done = Succeeded {
        instance: instance.clone(),
        provenance: Provenance::Recovered,
        result,
        made,
        duration_ms: 0,
        durations: Vec::new(),
        evidence: Some(Evidence::Decision),
        agrees,
        existed_on: None,
    };
    vec![Record::Succeeded(Box::new(done))]
}

/// The decision about earlier attempts of a step with a known outcome, which may have been carried out as well.
fn late(instance: &InstanceId, known: &InstanceStatus, arguments: &ResolveArguments) -> Result<Vec<Record>, Error> {
    if !arguments.task.is_empty() {
        return Err(Error::usage(format!(
            "`{instance}` waits for no task: an earlier attempt of it was never answered"
        ))
        .help("say with `--id` what that attempt made, or `--not-applied`"));
    }
    let Some(id) = &arguments.id else {
        return Ok(known.earlier.iter().map(|earlier| resolved(instance, earlier, None)).collect());
    };
    let oldest = &known.earlier[0];
    let made = made(Catalog::embedded(), &oldest.intent.call, &result_of(&oldest.intent, id), &oldest.intent.undo);
    Ok(vec![resolved(instance, oldest, Some(made))])
}

fn resolved(instance: &InstanceId, attempt: &Unanswered, made: Option<RecordedResource>) -> Record {
    Record::Resolved {
        instance: instance.clone(),
        attempt: attempt.intent.attempt,
        tasks: Vec::new(),
        made: made.map(Box::new),
    }
}

/// The result of a create of which only the id is known.
fn result_of(intent: &Intent, id: &str) -> StepResult {
    let matched = operation_of(Catalog::embedded(), &intent.call);
    let operation = matched.as_ref().map(|(operation, _)| operation.as_ref());
    let creates = operation.and_then(|operation| operation.creates.as_ref());
    let value = match creates {
        Some(creates) if creates.integer_id => id.parse::<i64>().map_or_else(|_| id.into(), Value::from),
        _ => Value::from(id),
    };
    let created: Map<String, Value> =
        creates.iter().map(|creates| (creates.kind.clone(), Value::Array(vec![value.clone()]))).collect();
    let task = Task { created, ..task_without_words() };
    // The user has confirmed that this call created it.
    let before = Before { digest_key: &[], is_owned_by_another: &|_, _| false };
    let mut result =
        StepResult { tasks: Vec::new().into(), ..result_of_tasks(operation, &intent.call, &[task], None, &before) };
    let by_name = creates.and_then(|creates| creates.resource.as_ref()).is_some_and(|resource| resource.by_name);
    if by_name && result.name.is_none() {
        result.name = Some(id.to_owned());
    }
    if result.id.is_none() {
        result.set_ids([value]);
    }
    result
}

fn task_without_words() -> Task {
    Task {
        id: String::new(),
        task_type: None,
        state: TaskState::Finished,
        created_on: None,
        finished_on: None,
        project_id: None,
        region_id: None,
        user_id: None,
        created: Map::new(),
        data: crate::api::TaskData::default(),
        error: None,
        request_id: None,
    }
}

fn decided_by_hand(intent: &Intent) -> StepError {
    let words = "decided by hand: it was never carried out";
    let error = StepError::new(EffectKnown::NotApplied, ErrorClass::Unknown, words);
    StepError { call: Some(intent.call.to_string()), ..error }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::cli::{Cli, Command, StateCommand};
    use crate::id::StepId;
    use crate::journal::{Header, Line, Status};

    fn status(records: Vec<Record>) -> Status {
        let header = Record::Header(Header::new("demo", "default"));
        let lines = std::iter::once(header).chain(records).enumerate();
        Status::of(lines.map(|(n, record)| Line { n: n as u64, at: Timestamp::UNIX_EPOCH, record })).unwrap()
    }

    #[test]
    fn of_an_attempt_before_a_refused_one_a_decision_makes_the_result_of_the_step() {
        let instance = InstanceId::new(StepId::new("disk"), None);
        let intent = |attempt: u32| {
            let intent: Intent = serde_json::from_value(json!({
                "instance": instance, "call": { "method": "POST", "path": "/cloud/v1/volumes/1/7" },
                "attempt": attempt, "nonce": "n", "stamped": false, "after": [], "undo": "default",
            }))
            .unwrap();
            intent
        };
        let refused =
            Record::NotApplied { instance: instance.clone(), error: decided_by_hand(&intent(2)), unanswered: false };
        let records = vec![Record::Intent(intent(1).into()), Record::Intent(intent(2).into()), refused];
        for (decision, phase, made, left) in [
            (&["--id", "v1"][..], "done", 1, 0),
            (&["--task", "t1"], "waiting", 0, 0),
            (&["--not-applied"], "absent", 0, 0),
        ] {
            let typed = ["plan", "state", "resolve", "disk"].iter().chain(decision);
            let Command::State(StateCommand::Resolve(arguments)) = Cli::try_parse_from(typed).unwrap().command else {
                panic!("{decision:?}")
            };
            let known = status(records.clone()).instances[&instance].clone();
            let decided = decided(&instance, &known, &arguments).unwrap();
            let after = status(records.iter().cloned().chain(decided).collect()).instances[&instance].clone();
            assert_eq!(
                (after.phase.name(), after.made.len(), after.earlier.len()),
                (phase, made, left),
                "{decision:?}"
            );
        }
    }
}
