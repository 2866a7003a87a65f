//! `plan state recover`: recovers a lost record from the account.

use std::collections::BTreeMap;

use super::recorded::words;
use super::records::{self, open};
use super::settings::settings_of_record;
use super::shell_words::{quoted, record_flags};
use super::table::table;
use super::{Account, LoadedPlan, environment_name, load, note, print_text, warn};
use crate::cli::{RecoverArguments, flag};
use crate::clock::Clock;
use crate::context::Context;
use crate::engine::{self, Recovered, RecoveryInput, Settings};
use crate::error::Error;
use crate::exit::Exit;
use crate::id::InstanceId;
use crate::journal::{Header, InstanceStatus, Phase, Status, id_text};
use crate::order::ordered_set;
use crate::plan::Selection;
use crate::report::{MOST_NAMES, Palette, count, list};
use crate::store::EnvironmentRecord;

/// Recovers a record.
///
/// # Errors
///
/// When the plan is invalid, the record is damaged or in use, or the account is not given.
pub(super) async fn recover(context: &Context, arguments: &RecoverArguments) -> Result<Exit, Error> {
    let asked = Recovery::of(context, arguments)?;
    if arguments.dry_run {
        let known = asked.record.read().await?;
        let known = known.unwrap_or_else(|| Status::new(asked.header(), context.now));
        let recovered = asked.look(context, &known).await?;
        print(context, &asked.record, &recovered)?;
        return Ok(exit_of(&recovered));
    }
    let journal = open(context, &asked.record, "state recover", arguments.lock.lock_timeout).await?;
    let looked = asked.look(context, &journal.with_status(Status::clone)).await;
    let added = match &looked {
        Ok(recovered) => journal.append(recovered.records()).await,
        Err(_) => Ok(()),
    };
    journal.close().await?;
    let recovered = looked?;
    added?;
    print(context, &asked.record, &recovered)?;
    let found = count(recovered.found.len(), "instance");
    note(context, &format!("{found} on record again: look with `plan preview` before the next run"))?;
    Ok(exit_of(&recovered))
}

/// The plan whose record is recovered, with its options.
pub(super) struct Recovery {
    pub record: EnvironmentRecord,
    loaded: LoadedPlan,
    account: Account,
    inputs: BTreeMap<String, minijinja::Value>,
    settings: Settings,
    /// As typed: instance and id.
    accepted: Vec<(String, String)>,
}

impl Recovery {
    /// Reads the plan, and what it is recovered with.
    ///
    /// # Errors
    ///
    /// When the plan, its inputs, the account or the store cannot be used.
    pub fn of(context: &Context, arguments: &RecoverArguments) -> Result<Self, Error> {
        let loaded = load::load_plan(context, &arguments.file, None)?;
        let plan = &loaded.plan;
        let inputs = load::resolve_inputs(context, plan, &arguments.plan)?;
        let account = Account::of(context, &arguments.api)?;
        let environment = environment_name(context, arguments.plan.environment.as_deref())?;
        let (project_id, region_id) = load::places(context, plan, &inputs, &environment, &arguments.api, &account)?;
        let store = records::store(context, &arguments.state, Some(&arguments.file))?;
        let record = EnvironmentRecord::new(store, &plan.name, &environment);
        let settings = Settings { stamp: true, ..settings_of_record(&record, (project_id, region_id)) };
        Ok(Self { record, loaded, account, inputs, settings, accepted: arguments.accept.clone() })
    }

    fn header(&self) -> Header {
        Header::new(self.record.plan(), self.record.environment())
    }

    /// Searches the account for what is not on record.
    ///
    /// # Errors
    ///
    /// When there is no key, the account cannot be read, or `--accept` is about what is on record.
    pub async fn look(&self, context: &Context, status: &Status) -> Result<Recovered, Error> {
        for (nth, (name, id)) in self.accepted.iter().enumerate() {
            self.refuse_recorded(status, name, id)?;
            if self.accepted[..nth].iter().any(|(other, _)| other == name) {
                return Err(Error::usage(format!("`--accept` names `{name}` twice")).help("one resource for each"));
            }
        }
        let client = self.account.client(context, Clock::starting_at(context.now, 1.0))?;
        let plan = &self.loaded.plan;
        let search = RecoveryInput {
            client: &client,
            catalog: self.loaded.catalog,
            plan,
            settings: &self.settings,
            secrets: &context.secrets,
            inputs: &self.inputs,
            accepted: &self.accepted,
            status,
            other_records: records::other_records(&self.record).await,
        };
        Ok(engine::recover(&search).await)
    }
}

impl Recovery {
    /// Refuses to accept a resource for an instance that has something on record already, and one that is on record.
    fn refuse_recorded(&self, status: &Status, name: &str, id: &str) -> Result<(), Error> {
        let (instance, flags) = (Selection::name(name), record_flags(&self.record));
        let known = status.instances.get(&instance).filter(|known| engine::is_settled(known));
        if let Some(known) = known {
            let held = held_texts(known);
            let help = match &known.phase {
                _ if held.iter().any(|held| held.split(' ').any(|word| word == id)) => {
                    "it is that one: leave this `--accept` out".to_owned()
                }
                Phase::InDoubt => {
                    format!("`plan state resolve{flags} {} --id {}` decides", quoted(name), quoted(id))
                }
                Phase::Accepted { .. } => "the next run waits for it".to_owned(),
                _ => format!(
                    "leave this `--accept` out; or first `plan state forget{flags} {}` takes that off the record, and it \
                     stays, or `plan state mv{flags} {} NAME` gives it another name",
                    quoted(name),
                    quoted(name)
                ),
            };
            let message = format!("`{name}` is on record already, with {}", list(held, MOST_NAMES));
            return Err(Error::usage(message).help(help));
        }
        let step = self.loaded.plan.steps.get(&instance.step);
        let creates = step.and_then(|step| step.operation.as_ref()?.creates.as_ref());
        let owner = status
            .owned()
            .find(|(_, kind, known)| creates.is_some_and(|creates| creates.kind == *kind) && id_text(known) == id);
        let Some((owner, ..)) = owner else { return Ok(()) };
        let mv = format!("plan state mv{flags} {} {}", quoted(&owner.to_string()), quoted(name));
        let error = Error::usage(format!("`{id}` is on record already, as that of `{owner}`"));
        Err(error.help(format!("if that was renamed: `{mv}`")))
    }
}

/// What is on record of an instance, as texts.
fn held_texts(known: &InstanceStatus) -> Vec<String> {
    let mut held = resource_texts(known);
    if held.is_empty() {
        let id = known.result.as_ref().and_then(|result| result.id.as_deref()).map(id_text);
        held.push(id.unwrap_or_else(|| "a call without an answer".to_owned()));
    }
    held
}

/// Prints what was recovered, with its certainty, and what was not.
pub(super) fn print(context: &Context, record: &EnvironmentRecord, recovered: &Recovered) -> Result<(), Error> {
    let rows = rows(recovered);
    if !rows.is_empty() {
        let palette = Palette::new(context.color(&context.stdout));
        print_text(context, &context.secrets.redact(&table(&["STEP", "FOUND", "HOW SURE"], &rows, palette)))?;
    }
    let lists = count(recovered.lists, "list");
    note(context, &format!("{} found in {lists}", count(recovered.found.len(), "instance")))?;
    for (path, why) in &recovered.unread {
        warn(context, &format!("not searched: `{path}`: {why}"))?;
    }
    print_refused(context, recovered)?;
    if !recovered.absent.is_empty() {
        let names = recovered.absent.iter().map(|instance| format!("`{instance}`"));
        note(context, &format!("not found, the next run creates: {}", list(names, MOST_NAMES)))?;
    }
    for (former, instance) in recovered.renamed.iter().filter(|(former, _)| !is_beside(recovered, former)) {
        warn(context, &engine::renamed_words(true, instance, former, record_flags(record)))?;
    }
    for (instance, on) in &recovered.not_looked_for {
        let names = on.iter().map(|step| format!("`{step}`"));
        note(context, &format!("`{instance}` was not searched for: it depends on {}", list(names, MOST_NAMES)))?;
    }
    print_doubts(context, record, recovered)
}

/// Whether something with the stamp of an instance was found beside what the record has for it.
fn is_beside(recovered: &Recovered, instance: &InstanceId) -> bool {
    recovered.unrecorded.iter().any(|copy| copy.instance == *instance && copy.beside)
}

/// A row for each resource that was found, and for each that may be one.
fn rows(recovered: &Recovered) -> Vec<Vec<String>> {
    let found = recovered.found.iter().flat_map(|(instance, trace)| {
        let resources = resource_texts(&recovered.status.instances[instance]);
        resources.into_iter().map(|resource| vec![instance.to_string(), resource, trace.words()])
    });
    // Those with a stamp have a line of their own, with more words.
    let unrecorded = recovered
        .unrecorded
        .iter()
        .map(|copy| vec![copy.instance.to_string(), words(&copy.resource), format!("in doubt: {}", copy.why)]);
    let has_stamp = |instance: &InstanceId, id: &str| {
        let mut copies = recovered.unrecorded.iter().filter(|copy| copy.instance == *instance);
        copies.any(|copy| copy.resource.id.as_deref().is_some_and(|known| id_text(known) == id))
    };
    let in_doubt = recovered.in_doubt.iter().filter_map(|(instance, ids)| {
        let named: Vec<String> = ids.iter().filter(|id| !has_stamp(instance, id)).cloned().collect();
        let words = "in doubt: only its name agrees".to_owned();
        (!named.is_empty()).then(|| vec![instance.to_string(), list(named, MOST_NAMES), words])
    });
    found.chain(unrecorded).chain(in_doubt).collect()
}

/// Prints the ids of `--accept` that were refused, and what belongs to others.
fn print_refused(context: &Context, recovered: &Recovered) -> Result<(), Error> {
    for (step, id) in &recovered.refused {
        let whose =
            recovered.of_others.iter().find(|(instance, known, _)| known == id && instance.to_string() == *step);
        let why = whose.map_or(format!("is no resource that the call of `{step}` creates"), |(_, _, whose)| {
            format!("is not that of `{step}`: {whose}")
        });
        warn(context, &format!("not accepted: `{id}` {why}"))?;
    }
    let accepted = |step: &InstanceId, id: &str| {
        recovered.refused.iter().any(|(name, known)| known == id && *name == step.to_string())
    };
    for (instance, id, whose) in recovered.of_others.iter().filter(|(instance, id, _)| !accepted(instance, id)) {
        note(context, &format!("`{instance}`: {id} has its name, and belongs to another: {whose}"))?;
    }
    Ok(())
}

/// Prints what the user decides about what is in doubt.
fn print_doubts(context: &Context, record: &EnvironmentRecord, recovered: &Recovered) -> Result<(), Error> {
    let flags = record_flags(record);
    let resolve =
        |instance: &str, decision: &str| format!("`plan state resolve{flags} {} {decision}`", quoted(instance));
    let undecided: Vec<&InstanceId> = recovered.undecided().collect();
    if let Some(first) = undecided.first() {
        let names = list(undecided.iter().map(|instance| format!("`{instance}`")), MOST_NAMES);
        let command = resolve(&first.to_string(), "--id ID");
        note(context, &format!("still in doubt since an earlier recovery: {names}; decide with {command}"))?;
    }
    if let Some((instance, ids)) = recovered.in_doubt.first() {
        let name = instance.to_string();
        let accept = ids.first().map(|id| format!("{name}={id}")).unwrap_or_default();
        let command = context.typed.with_plan("state recover", &flag("--accept", &accept));
        note(context, &format!("decide what is in doubt: `{command}` when it is this one"))?;
        note(context, &format!("if it is another client's: {}", resolve(&name, "--not-applied")))?;
    }
    let beside = recovered.unrecorded.iter().filter(|copy| copy.beside);
    let beside = ordered_set(beside.map(|copy| &copy.instance));
    for former in &beside {
        let now = recovered.renamed.iter().find(|(renamed, _)| renamed == *former).map(|(_, instance)| instance);
        let by = now.map_or(String::new(), |now| format!(", which `{now}` makes by the same call"));
        let to = now.map_or("NAME".to_owned(), |now| quoted(&now.to_string()));
        let again = context.typed.with_plan("state recover", &[]);
        let words = format!(
            "`{former}` has another resource on record{by}: if the step was renamed since, \
             `plan state mv{flags} {} {to}`, then `{again}` again",
            quoted(&former.to_string())
        );
        warn(context, &words)?;
    }
    let is_decided = |instance: &InstanceId| recovered.in_doubt.iter().any(|(told, _)| told == instance);
    if recovered.unrecorded.iter().any(|copy| !is_decided(&copy.instance)) {
        let unless = if beside.is_empty() { "" } else { "if nothing was renamed: " };
        let words = format!(
            "{unless}what is in doubt and carries the stamp is on no record, and no command deletes it: if it is yours, \
             delete it by hand; if it is another client's, its tag `plan` can be taken off"
        );
        note(context, &words)?;
    }
    Ok(())
}

/// The recorded resources of an instance, as texts.
fn resource_texts(known: &InstanceStatus) -> Vec<String> {
    match &known.phase {
        Phase::Accepted { tasks, .. } => {
            vec![format!("task {}, not at its end", list(tasks.iter().cloned(), MOST_NAMES))]
        }
        _ => known.made.iter().map(words).collect(),
    }
}

/// The exit code: whether the recovery is complete.
pub(super) fn exit_of(recovered: &Recovered) -> Exit {
    if recovered.is_complete() { Exit::Done } else { Exit::Unknown }
}
