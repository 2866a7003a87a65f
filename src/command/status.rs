//! `plan status`: existing and pending resources, from the record, without locking it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::connect::client_of;
use super::instance::{ResourceColumns, instance_json, others, recorded_resources, shown};
use super::print::age;
use super::records::{existing_store, find_record, plan_name, print_failure, read};
use super::shell_words::record_flags;
use super::table::{Rows, print_rows, table};
use super::{Account, compared, environment_file, note, print_json, print_text, warn};
use crate::catalog::Catalog;
use crate::cli::{ResultFormat, StatusArguments};
use crate::context::Context;
use crate::engine::in_the_way;
use crate::error::Error;
use crate::exit::Exit;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, JournalError, Phase, Status};
use crate::kind::kind_name;
use crate::parts::in_parts;
use crate::report::{Palette, count, sanitize};
use crate::store::{EnvironmentRecord, Holder};

/// `plan status`: prints what is on record; with `--live` also what the cloud has of it.
///
/// # Errors
///
/// When there is no record, or with `--live` the API cannot be read.
pub(super) async fn status(context: &Context, arguments: &StatusArguments) -> Result<Exit, Error> {
    if arguments.all {
        return all(context, arguments).await;
    }
    let environment = find_record(context, arguments.file.as_deref(), &arguments.record).await?;
    let status = read(&environment).await?;
    let holder = environment.holder().await?;
    match arguments.format {
        ResultFormat::Json => print_json(context, &environment_json(&environment, &status, holder.as_ref()))?,
        ResultFormat::Human => print(context, &environment, &status, holder.as_ref())?,
    }
    if arguments.live {
        let client = client_of(context, &Account::of(context, &arguments.api)?)?;
        let looked = compared::compare(context, &client, &status).await?;
        note(context, &context.secrets.redact(&compared::lines(&looked, &status)))?;
        note(context, &compared::summary(&looked, &compared::Uncorrected::of(&status, &looked)))?;
    }
    // Not freed, because the process ends: freeing a long record takes as long as printing it.
    std::mem::forget(status);
    Ok(Exit::Done)
}

const COLUMNS: [&str; 6] = ["STEP", "PHASE", "KIND", "ID", "NAME", "SINCE"];

/// The fewest instances that are worth a thread.
const LEAST_PART: usize = 4096;

/// Whether an instance is listed: its resource exists or may exist, or it has an error.
fn is_listed(status: &InstanceStatus) -> bool {
    status.phase != Phase::Absent || status.error.is_some() || status.is_gone() || !status.stays.is_empty()
}

fn print(context: &Context, record: &EnvironmentRecord, status: &Status, holder: Option<&Holder>) -> Result<(), Error> {
    let parts = in_parts(status.instances.len(), LEAST_PART, |part| {
        let mut table = Rows::new(COLUMNS.len());
        let listed = status.instances.get_range(part).into_iter().flatten().filter(|(_, instance)| is_listed(instance));
        listed.for_each(|(id, instance)| rows(&mut table, id, instance, context.now));
        table
    });
    note(context, &headline(record, status, holder, context.now))?;
    let open = status.unanswered().flat_map(|(id, known)| known.earlier.iter().map(move |attempt| (id, attempt)));
    let mut open = open.filter(|(_, attempt)| attempt.may_stand_in_the_way()).peekable();
    if parts.iter().all(Rows::is_empty) && open.peek().is_none() {
        return note(context, "no resource exists");
    }
    for (id, attempt) in open {
        let words = format!("{id}: {}", in_the_way(Catalog::embedded(), attempt));
        note(context, &sanitize(&words))?;
    }
    print_rows(context, &COLUMNS, parts)?;
    if status.instances.values().any(|instance| !instance.stays.is_empty()) {
        let forget = format!("`plan state forget{} STEP --stays`", record_flags(record));
        note(context, &format!("stays: it has no undo, and no command deletes it; {forget} takes it off the record"))?;
    }
    for (id, instance) in status.instances.iter().filter(|(_, instance)| is_listed(instance)) {
        if let Some(error) = &instance.error {
            note(context, &format!("{id}: {}", crate::report::sanitize(&error.message)))?;
        }
    }
    Ok(())
}

fn headline(record: &EnvironmentRecord, status: &Status, holder: Option<&Holder>, now: Timestamp) -> String {
    let mut words = format!("{} ({}), created {} ago", record.plan(), record.environment(), since(status.created, now));
    words += &match (&status.started, status.finished, holder) {
        (_, _, Some(Holder { owner: Some(owner), .. })) => format!("; in use by {owner}"),
        (_, _, Some(Holder { owner: None, .. })) => "; in use".to_owned(),
        (Some((at, started)), Some(code), None) => {
            format!("; last `plan {}` began {} ago, exit code {code}", started.command, since(*at, now))
        }
        (Some((at, started)), None, None) => {
            format!(
                "; last `plan {}` began {} ago and did not end: run it again to continue",
                started.command,
                since(*at, now)
            )
        }
        (None, ..) => String::new(),
    };
    let exists = status.existing().next().is_some();
    if let Some(expires) = expires(status).filter(|_| exists) {
        words += &match expires <= now {
            true => format!("; expired {} ago", since(expires, now)),
            false => format!("; expires in {}", since(now, expires)),
        };
    }
    words
}

pub(super) fn expires(status: &Status) -> Option<Timestamp> {
    status.started.as_ref().and_then(|(_, started)| started.expires)
}

/// Earlier times stand for an unknown one: 2001, in seconds.
const LONG_AGO: i64 = 978_307_200;

fn since(from: Timestamp, to: Timestamp) -> String {
    age(to.duration_since(from))
}

/// The rows of an instance: its own, and one per further resource.
fn rows(table: &mut Rows, id: &InstanceId, instance: &InstanceStatus, now: Timestamp) {
    let mut row = |phase: &str, resource: ResourceColumns<'_>, since: String| {
        table.cell(id);
        table.cell(phase);
        table.cell(resource.kind.map(kind_name).unwrap_or_default());
        match resource.id.map(|id| (id.as_str(), id)) {
            Some((Some(id), _)) => table.cell(id),
            Some((None, id)) => table.cell(id),
            None => table.cell(""),
        }
        table.cell(resource.name.unwrap_or_default());
        table.cell(since);
    };
    let at = instance.finished_at.filter(|_| instance.phase == Phase::Succeeded).or(instance.intended_at);
    // Of a recovered call in doubt it is not known when it was made.
    let at = at.filter(|at| at.as_second() > LONG_AGO);
    let is_gone = instance.is_gone();
    let is_over = instance.phase == Phase::Absent && instance.error.is_none() && !is_gone;
    if !is_over {
        let own = if is_gone { ResourceColumns::default() } else { shown(instance) };
        row(phase(instance), own, at.map(|at| since(at, now)).unwrap_or_default());
    }
    match is_gone {
        true => recorded_resources(instance).for_each(|made| row("secondary", made.into(), String::new())),
        false => others(instance).for_each(|made| row("secondary", made.into(), String::new())),
    }
    instance.stays.iter().for_each(|made| row("stays", made.into(), String::new()));
}

/// The state of an instance as text.
fn phase(instance: &InstanceStatus) -> &'static str {
    match instance.phase {
        Phase::Absent if instance.is_gone() => "gone",
        Phase::Succeeded if !instance.drifted.is_empty() => "changed",
        _ => instance.phase.name(),
    }
}

/// An environment as JSON.
fn environment_json(record: &EnvironmentRecord, status: &Status, holder: Option<&Holder>) -> Value {
    let instances: Vec<Value> = status
        .instances
        .iter()
        .filter(|(_, instance)| is_listed(instance))
        .map(|(id, instance)| instance_json(id, instance))
        .collect();
    let mut environment = summary_json(record, status, holder);
    environment["instances"] = Value::Array(instances);
    environment
}

fn summary_json(record: &EnvironmentRecord, status: &Status, holder: Option<&Holder>) -> Value {
    json!({
        "plan": record.plan(),
        "environment": record.environment(),
        "state": record.place(),
        "created": status.created,
        "updated": status.updated,
        "expires": expires(status),
        "last": status.started.as_ref().map(|(at, started)| json!({
            "command": started.command,
            "file": started.file,
            "started": at,
            "exit": status.finished,
        })),
        "in_use": holder.is_some(),
        "holder": holder.and_then(|holder| holder.owner.as_ref()),
        "existing": status.existing().count(),
    })
}

const HEAD: [&str; 8] = ["PLAN", "ENVIRONMENT", "AGE", "CHANGED", "EXPIRES", "EXISTING", "STATE", "FILE"];

/// The plan file of a record, or the one given on the command line.
fn plan_file(arguments: &StatusArguments, plan: &str, status: &Status) -> Option<PathBuf> {
    let recorded = status.started.as_ref().and_then(|(_, started)| started.file.as_deref()).map(PathBuf::from);
    let named = arguments.file.clone().filter(|_| arguments.record.plan.as_deref().is_none_or(|named| named == plan));
    recorded.or(named)
}

fn shown_path(path: &Path) -> String {
    sanitize(&path.display().to_string()).into_owned()
}

/// `--all`: every environment of the store, and those that have a file and no record. A record that cannot be read does
/// not keep the others from being listed; it decides the exit code.
async fn all(context: &Context, arguments: &StatusArguments) -> Result<Exit, Error> {
    let store = existing_store(context, &arguments.record.state, arguments.file.as_deref()).await?;
    let mut listing = Listing::default();
    for name in store.environments().await? {
        if arguments.record.plan.as_deref().is_none_or(|plan| plan == name.plan) {
            let record = EnvironmentRecord { store: store.clone(), name };
            listing.add_record(context, arguments, &record).await?;
        }
    }
    if let Some(plan) = arguments.file.as_deref().and_then(|file| plan_name(context, file).ok()) {
        listing.plans.entry(plan).or_insert_with(|| arguments.file.clone().unwrap_or_default());
    }
    listing.add_never_run(context);
    match arguments.format {
        ResultFormat::Json => print_json(context, &Value::Array(listing.values))?,
        ResultFormat::Human if listing.rows.is_empty() && listing.worst == Exit::Done => {
            note(context, &format!("there are no records in `{}`", store.name()))?
        }
        ResultFormat::Human if listing.rows.is_empty() => {}
        ResultFormat::Human => print_environments(context, listing.rows)?,
    }
    Ok(listing.worst)
}

/// Environments, as text and as JSON.
struct Listing {
    rows: Vec<Vec<String>>,
    values: Vec<Value>,
    /// The file of each plan.
    plans: BTreeMap<String, PathBuf>,
    /// Plan and environment of each record.
    recorded: BTreeSet<(String, String)>,
    /// The exit code of the gravest record.
    worst: Exit,
}

impl Default for Listing {
    fn default() -> Self {
        let (rows, values) = (Vec::new(), Vec::new());
        Self { rows, values, plans: BTreeMap::new(), recorded: BTreeSet::new(), worst: Exit::Done }
    }
}

impl Listing {
    async fn add_record(
        &mut self,
        context: &Context,
        arguments: &StatusArguments,
        record: &EnvironmentRecord,
    ) -> Result<(), Error> {
        let (status, holder) = match read_with_holder(record).await {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(()),
            Err(Error::Journal(error @ JournalError::Misplaced { .. })) => {
                return warn(context, &format!("{error}: it is not listed"));
            }
            Err(error) => {
                self.worst = self.worst.max(print_failure(context, record, &error)?);
                self.recorded.insert((record.plan().to_owned(), record.environment().to_owned()));
                return Ok(());
            }
        };
        let plan_file = plan_file(arguments, record.plan(), &status);
        let declared = plan_file.as_ref().map(|plan| environment_file::declared(context, plan)).unwrap_or_default();
        let file = declared.iter().find(|(name, _)| name == record.environment()).map(|(_, file)| shown_path(file));
        if let Some(plan_file) = plan_file {
            self.plans.entry(record.plan().to_owned()).or_insert(plan_file);
        }
        self.recorded.insert((record.plan().to_owned(), record.environment().to_owned()));
        let mut value = summary_json(record, &status, holder.as_ref());
        value["file"] = json!(file);
        self.values.push(value);
        let mut row = environment_row(record, &status, holder.is_some(), context.now);
        row.push(file.unwrap_or_default());
        self.rows.push(row);
        Ok(())
    }

    /// Adds the environments that have a file and no record.
    fn add_never_run(&mut self, context: &Context) {
        for (plan, plan_file) in std::mem::take(&mut self.plans) {
            for (environment, file) in environment_file::declared(context, &plan_file) {
                if self.recorded.contains(&(plan.clone(), environment.clone())) {
                    continue;
                }
                let file = shown_path(&file);
                self.values.push(json!({ "plan": plan, "environment": environment, "existing": 0, "file": file }));
                let (existing, state) = ("0".to_owned(), "never run".to_owned());
                let [age, changed, expires] = [const { String::new() }; 3];
                self.rows.push(vec![plan.clone(), environment, age, changed, expires, existing, state, file]);
            }
        }
    }
}

/// The status of a record, and who uses it; `None` when there is none.
async fn read_with_holder(record: &EnvironmentRecord) -> Result<Option<(Status, Option<Holder>)>, Error> {
    let Some(status) = record.read().await? else { return Ok(None) };
    Ok(Some((status, record.holder().await?)))
}

/// Prints environments as a table. The column of files is shown only when there are any.
fn print_environments(context: &Context, mut rows: Vec<Vec<String>>) -> Result<(), Error> {
    let palette = Palette::new(context.color(&context.stdout));
    let columns = if rows.iter().any(|row| !row[7].is_empty()) { HEAD.len() } else { HEAD.len() - 1 };
    rows.iter_mut().for_each(|row| row.truncate(columns));
    print_text(context, &context.secrets.redact(&table(&HEAD[..columns], &rows, palette)))
}

pub(super) fn environment_row(
    record: &EnvironmentRecord,
    status: &Status,
    in_use: bool,
    now: Timestamp,
) -> Vec<String> {
    let pending = status.instances.values().filter(|instance| is_pending(&instance.phase)).count();
    let state = match (in_use, pending, status.finished) {
        (true, ..) => "in use".to_owned(),
        (false, 0, Some(0)) => "complete".to_owned(),
        (false, 0, Some(code)) => format!("ended with {code}"),
        (false, 0, None) => "did not end".to_owned(),
        (false, pending, _) => format!("{} pending", count(pending, "call")),
    };
    vec![
        record.plan().to_owned(),
        record.environment().to_owned(),
        since(status.created, now),
        format!("{} ago", since(status.updated, now)),
        match expires(status).filter(|_| status.existing().next().is_some()) {
            None => String::new(),
            Some(expires) if expires <= now => format!("{} ago", since(expires, now)),
            Some(expires) => format!("in {}", since(now, expires)),
        },
        status.existing().count().to_string(),
        state,
    ]
}

fn is_pending(phase: &Phase) -> bool {
    matches!(phase, Phase::InDoubt | Phase::Accepted { .. } | Phase::Removing | Phase::RemovalAccepted { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::RecordedResource;

    #[test]
    fn what_stays_is_listed_and_the_step_that_made_it_is_not() {
        let stays = RecordedResource {
            kind: Some("networks".to_owned()),
            id: Some(json!("n-1").into()),
            ..RecordedResource::default()
        };
        let instance = InstanceStatus { stays: vec![stays].into(), ..InstanceStatus::default() };
        assert!(is_listed(&instance) && !is_listed(&InstanceStatus::default()));
        let mut table = Rows::new(COLUMNS.len());
        let id = InstanceId::new(crate::id::StepId::new("net"), None);
        rows(&mut table, &id, &instance, Timestamp::UNIX_EPOCH);
        assert_eq!(table.cells().collect::<Vec<_>>(), ["net", "stays", "network", "n-1", "", ""]);
    }

    #[test]
    fn what_is_left_of_a_create_is_listed_by_its_id() {
        let volume = |id: &str| RecordedResource {
            kind: Some("volumes".to_owned()),
            id: Some(json!(id).into()),
            ..RecordedResource::default()
        };
        let made =
            RecordedResource { secondary: vec![volume("v-1"), volume("v-2")].into(), ..RecordedResource::default() };
        let instance = InstanceStatus { phase: Phase::Removing, made: vec![made], ..InstanceStatus::default() };
        let id = InstanceId::new(crate::id::StepId::new("web"), None);
        let mut table = Rows::new(COLUMNS.len());
        rows(&mut table, &id, &instance, Timestamp::UNIX_EPOCH);
        assert_eq!(table.cells().skip(3).step_by(COLUMNS.len()).collect::<Vec<_>>(), ["v-2", "v-1"]);
        // Of what is gone itself, all that is left is secondary.
        let gone = InstanceStatus { phase: Phase::Absent, lost: vec![json!("vm-1")].into(), ..instance.clone() };
        let mut table = Rows::new(COLUMNS.len());
        rows(&mut table, &id, &gone, Timestamp::UNIX_EPOCH);
        let cells: Vec<&str> = table.cells().collect();
        let shown: Vec<_> = cells.chunks(COLUMNS.len()).map(|row| (row[1], row[3])).collect();
        assert_eq!(shown, [("gone", ""), ("secondary", "v-1"), ("secondary", "v-2")]);
        let shown = instance_json(&id, &instance);
        assert_eq!(
            (&shown["id"], &shown["as_well"][0]["id"], &shown["beside"]),
            (&json!("v-2"), &json!("v-1"), &json!([]))
        );
    }
}
