//! `plan destroy`: removes all resources of an environment, using only its record.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::Instrument as _;

use super::session::{Session, SessionParts, export_ending};
use super::settings::settings_of_record;
use super::shell_words::{quoted, record_flags};
use super::view::ViewOptions;
use super::{Account, confirm, guard, note, print_error, print_text, records, report, warn};
use crate::api::trace;
use crate::catalog::Catalog;
use crate::cli::place;
use crate::cli::{ApiOptions, DestroyArguments};
use crate::clock::Clock;
use crate::context::Context;
use crate::engine::{self, NO_UNDO, removal_order, unsendable};
use crate::error::Error;
use crate::event::{Activity, RunStarted};
use crate::exit::Exit;
use crate::hash::HashSet;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Journal, Record, RecordedCall, RecordedResource, Started, Status, id_text};
use crate::kind::kind_name;
use crate::report::github::output::Ending;
use crate::report::{count, sanitize};
use crate::store::EnvironmentRecord;

/// Options of a teardown.
#[derive(Debug, Clone)]
pub struct TeardownOptions<'a> {
    pub parallelism: usize,
    pub timeout: Option<Duration>,
    pub lock_timeout: Duration,
    /// The file for the events (`--events`).
    pub events: Option<&'a Path>,
    /// The file for the report (`--report`).
    pub report: Option<&'a Path>,
    pub api: &'a ApiOptions,
    /// The command that is to be typed next is confirmed like this one (`--yes`).
    pub yes: bool,
}

/// Asks for confirmation, then removes one environment.
///
/// # Errors
///
/// When there is no such record and `--if-exists` is not given, no confirmation can be asked for, or the record
/// cannot be locked.
pub async fn destroy(context: &Context, arguments: &DestroyArguments) -> Result<Exit, Error> {
    // Checked before the confirmation, and before the record says that a teardown began.
    arguments.report.as_deref().map(|path| report::format(context, path)).transpose()?;
    let mut bound = arguments.clone();
    if let Some((plan, record)) = records::of_preview(context, arguments.file.as_deref(), &arguments.record)? {
        (bound.file, bound.record) = (Some(plan), record);
    }
    let arguments = &bound;
    let record = match records::find_record(context, arguments.file.as_deref(), &arguments.record).await {
        // The plan file is gone or wrong, and no plan has a record of this environment.
        Err(_)
            if arguments.if_exists
                && records::has_no_record(context, arguments.file.as_deref(), &arguments.record).await? =>
        {
            note(context, "the environment does not exist: there is no record of that name")?;
            let ending = Ending { exit: Exit::Done, failure_reason: None, state_path: None, resume_command: None };
            export_ending(context, &ending)?;
            return Ok(Exit::Done);
        }
        found => found?,
    };
    let mut found = to_destroy(context, arguments, &record).await;
    // A run that holds the record may not have begun its first call.
    if !matches!(found, Ok(ToDestroy::Environment(_))) && !arguments.dry_run && record.holder().await?.is_some() {
        records::wait_for_holder(context, &record, "destroy", arguments.lock.lock_timeout).await?;
        found = to_destroy(context, arguments, &record).await;
    }
    let status = match found? {
        ToDestroy::Environment(status) => status,
        ToDestroy::Nothing(why, status) => {
            status.iter().try_for_each(|status| warn_of_left(context, status))?;
            if let Some(status) = status.filter(|_| !arguments.dry_run) {
                take_off_missing(context, &record, &status, arguments.lock.lock_timeout).await?;
            }
            note(context, &why)?;
            return print_job(context, &record, arguments, Exit::Done, None);
        }
    };
    if arguments.dry_run {
        print_text(context, &context.secrets.redact(&listed(&status)))?;
        return Ok(Exit::Done);
    }
    if let Some(file) = &arguments.file {
        records::warn_of_other_file(context, &record, &status, file)?;
    }
    if !is_confirmed(context, arguments, &record, &status)? {
        note(context, "nothing was destroyed")?;
        return Ok(Exit::Done);
    }
    warn_of_left(context, &status)?;
    let options = TeardownOptions {
        parallelism: arguments.parallelism,
        timeout: arguments.timeout,
        lock_timeout: arguments.lock.lock_timeout,
        events: arguments.events.as_deref(),
        report: arguments.report.as_deref(),
        api: &arguments.api,
        yes: arguments.yes,
    };
    let (exit, trouble) = destroy_environment(context, &record, &options).await?;
    print_job(context, &record, arguments, exit, trouble.as_ref())?;
    // What is on no record may be what keeps the rest.
    if matches!(exit, Exit::Done | Exit::TeardownIncomplete) {
        let after = record.read().await.ok().flatten();
        let (file, both) = (plan_file(arguments, Some(&status)), (&status, after.as_ref().unwrap_or(&status)));
        guard::warn_of_unrecorded(context, file, &arguments.api, &record, both).await?;
    }
    Ok(exit)
}

/// Takes off the record what was found missing, where nothing else is left.
async fn take_off_missing(
    context: &Context,
    record: &EnvironmentRecord,
    status: &Status,
    patience: Duration,
) -> Result<(), Error> {
    let missing = |status: &Status| engine::missing(status, &HashSet::default(), &HashSet::default());
    if missing(status).is_empty() {
        return Ok(());
    }
    let journal = records::open(context, record, Started::DESTROY, patience).await?;
    // Looked up again: another run may have ended before this one has the lock.
    let missing = journal.with_status(missing);
    let records = missing.iter().map(|instance| Record::Removed { instance: instance.clone() }).collect();
    let written = journal.append(records).await;
    journal.close().await?;
    written?;
    note(context, &engine::missing_words(&missing))
}

/// What there is to destroy.
enum ToDestroy {
    /// Nothing, and why; with the record, where there is one.
    Nothing(String, Option<Status>),
    Environment(Status),
}

/// Reads the record. When nothing is left on it, the account is searched: the record may be lost or an older copy, and
/// not the resources.
async fn to_destroy(
    context: &Context,
    arguments: &DestroyArguments,
    record: &EnvironmentRecord,
) -> Result<ToDestroy, Error> {
    let status = record.read().await?;
    let unsearched = match &status {
        Some(status) if !status.instances.is_empty() => None,
        _ => guard::guard_teardown(context, plan_file(arguments, status.as_ref()), &arguments.api, record).await?,
    };
    let not_searched = unsearched.map(|why| format!("; the account was not searched: {why}")).unwrap_or_default();
    let environment = record.environment();
    let Some(status) = status else {
        if arguments.if_exists {
            return Ok(ToDestroy::Nothing(format!("environment `{environment}` does not exist{not_searched}"), None));
        }
        return Err(records::no_record(record).await?);
    };
    if !not_searched.is_empty() {
        let why = format!("no call is on record of environment `{environment}`{not_searched}");
        return Ok(ToDestroy::Nothing(why, None));
    }
    if status.existing().next().is_none() && status.unanswered().next().is_none() {
        let file = plan_file(arguments, Some(&status));
        let unsearched = guard::guard_nothing_left(context, file, &arguments.api, record, &status).await?;
        let not_searched = unsearched.map(|why| format!("; the account was not searched: {why}")).unwrap_or_default();
        let what = if left_earlier(&status).next().is_some() { "nothing else" } else { "nothing" };
        let why = format!("{what} is left of environment `{environment}`{not_searched}");
        return Ok(ToDestroy::Nothing(why, Some(status)));
    }
    Ok(ToDestroy::Environment(status))
}

fn is_confirmed(
    context: &Context,
    arguments: &DestroyArguments,
    record: &EnvironmentRecord,
    status: &Status,
) -> Result<bool, Error> {
    if !arguments.yes && context.interactive {
        note(context, &context.secrets.redact(listed(status).trim_end()))?;
    }
    let existing = status.existing().count();
    let question = format!(
        "take down {} of plan `{}`, environment `{}`?",
        count(existing, "instance"),
        record.plan(),
        record.environment()
    );
    // Nothing is removed without confirmation; open attempts are only searched for.
    confirm(context, &question, arguments.yes || existing == 0)
}

/// The plan file: as named, or as the record names it.
fn plan_file<'a>(arguments: &'a DestroyArguments, status: Option<&'a Status>) -> Option<&'a Path> {
    let recorded = status.and_then(|status| status.started.as_ref()).and_then(|(_, started)| started.file.as_deref());
    arguments.file.as_deref().or(recorded.map(Path::new))
}

/// A line for each recorded resource, in the order of removal: `-` is removed, `=` stays, with the reason. `?` is an
/// instance of which no resource is known.
fn listed(status: &Status) -> String {
    let mut text = String::new();
    let (order, kept) = removal_order(status);
    let kept_for = kept.iter().map(|kept| (&kept.instance, Some(kept).filter(|kept| !kept.stays())));
    for (id, kept) in order.iter().map(|id| (id, None)).chain(kept_for) {
        let Some(known) = status.instances.get(id) else { continue };
        let call = known.intent.as_ref().map(|intent| &*intent.call);
        let resources = known.made.iter().rev().flat_map(|made| std::iter::once(made).chain(&made.secondary));
        let mut lines: Vec<String> = resources
            .filter(|made| made.id.is_some() || made.undo.is_some())
            .map(|made| {
                let obstacle = made.undo.as_ref().and_then(|undo| unsendable(Catalog::embedded(), call, undo));
                let goes = made.undo.is_some() && !made.uncertain && kept.is_none() && obstacle.is_none();
                let sign = if goes { "-" } else { "=" };
                let stays = match (kept, obstacle) {
                    (Some(kept), _) => format!("  stays: `{}` depends on it", kept.because_of),
                    (None, Some(why)) => format!("  stays: its undo {why}"),
                    (None, None) if goes => String::new(),
                    (None, None) => "  stays".to_owned(),
                };
                format!("{sign}  {id}  {}{stays}", named(made))
            })
            .collect();
        if lines.is_empty() {
            lines.push(format!("?  {id}  {}", known.phase.name()));
        }
        lines.iter().for_each(|line| text.extend([sanitize(line).as_ref(), "\n"]));
    }
    for (id, made) in left_earlier(status) {
        text.extend([sanitize(&format!("=  {id}  {}  stays: {NO_UNDO}", named(made))).as_ref(), "\n"]);
    }
    text
}

/// What earlier teardowns and replacements left, because no call removes it.
fn left_earlier(status: &Status) -> impl Iterator<Item = (&InstanceId, &RecordedResource)> {
    status.instances.iter().flat_map(|(id, known)| known.stays.iter().map(move |made| (id, made)))
}

/// Kind, name and id of a resource.
fn named(made: &RecordedResource) -> String {
    let kind = made.kind.as_deref().map(kind_name).unwrap_or_default();
    let name = made.name.iter().map(|name| format!("`{name}` ")).collect::<String>();
    format!("{kind} {name}{}", made.id.as_deref().map(id_text).unwrap_or_default())
}

/// Warns about resources that earlier teardowns left: this one does not remove them.
fn warn_of_left(context: &Context, status: &Status) -> Result<(), Error> {
    left_earlier(status).try_for_each(|(id, made)| {
        let words = sanitize(&format!("`{id}`: {} stays: {NO_UNDO}", named(made))).into_owned();
        warn(context, &context.secrets.redact(&words))
    })
}

/// Reports the outcome to later steps of the job, when the job has only one environment.
fn print_job(
    context: &Context,
    record: &EnvironmentRecord,
    arguments: &DestroyArguments,
    exit: Exit,
    trouble: Option<&Error>,
) -> Result<Exit, Error> {
    let unless_done = |words: String| (exit != Exit::Done).then_some(words);
    let ending = Ending {
        exit,
        failure_reason: unless_done(trouble.map_or_else(|| exit.meaning().to_owned(), ToString::to_string)),
        state_path: Some(record.place()),
        resume_command: unless_done(retry_command(record, &arguments.api, arguments.yes)),
    };
    export_ending(context, &ending)?;
    Ok(exit)
}

/// Removes the resources of one environment, using its record. Returns the exit code, and what the record's store
/// answered when it could not be written any more, which has been printed.
///
/// # Errors
///
/// When there is no API key, or the record cannot be read, locked or written.
pub async fn destroy_environment(
    context: &Context,
    record: &EnvironmentRecord,
    options: &TeardownOptions<'_>,
) -> Result<(Exit, Option<Error>), Error> {
    let account = Account::of(context, options.api)?;
    let clock = Clock::starting_at(context.now, 1.0);
    let transport = account.transport()?;
    let opened = records::take(context, record, Started::DESTROY, options.lock_timeout, clock).await?;
    let status = opened.status;
    let journal = Journal::start_boxed(opened.sink, status.clone(), opened.next, clock);
    journal.append(vec![Record::Started(started(context, &status))]).await?;
    let session = Session::start(
        context,
        SessionParts {
            transport,
            clock,
            catalog: Catalog::embedded(),
            journal,
            other_records: records::other_records(record).await,
            settings: settings_of_record(record, (account.project_id, account.region_id)),
            parallelism: options.parallelism,
            timeout: options.timeout,
            view: ViewOptions {
                events: options.events.map(PathBuf::from),
                report: options.report.map(PathBuf::from),
                source: None,
                shape: report::shape_of_teardown(status.existing()),
            },
        },
    )?;
    session.print_started(run_started(record, status.existing().count(), &account));
    let destroyed = engine::destroy(&session.run_context)
        .instrument(trace::run(Started::DESTROY, record.plan(), record.environment()))
        .await;
    let mut finished = match destroyed {
        Ok(finished) => finished,
        Err(error) => {
            let retry = retry_command(record, options.api, options.yes);
            return Err(session.broken_off(context, error, &retry).await);
        }
    };
    let left_by_hand = session.run_context.journal.with_status(left_by_hand);
    finished.next = (finished.exit != Exit::Done).then(|| match left_by_hand {
        Some(instance) => forget_command(record, &instance),
        None => retry_command(record, options.api, options.yes),
    });
    let exit = finished.exit;
    let trouble = session.run_context.journal.call_refusal().filter(|_| exit == Exit::RecordUnusable).map(Error::from);
    session.finish(context, finished).await?;
    if let Some(error) = &trouble {
        print_error(context, error);
    }
    Ok((exit, trouble))
}

/// The event at the start of a teardown. `existing`: the instances that are removed.
fn run_started(record: &EnvironmentRecord, existing: usize, account: &Account) -> RunStarted {
    RunStarted {
        version: crate::event::EVENTS_VERSION,
        command: Activity::Destroy,
        plan: record.plan().to_owned(),
        file: None,
        environment: record.environment().to_owned(),
        steps: existing,
        instances: Some(existing),
        recorded: existing,
        state: Some(record.place()),
        api: account.base_url.clone(),
    }
}

/// The new command keeps file, project, region and expiry of the last run.
fn started(context: &Context, status: &Status) -> Started {
    let last = status.started.as_ref().map(|(_, started)| started);
    Started {
        run: context.token(),
        command: Started::DESTROY.to_owned(),
        file: last.and_then(|last| last.file.clone()),
        project_id: last.and_then(|last| last.project_id),
        region_id: last.and_then(|last| last.region_id),
        expires: last.and_then(|last| last.expires),
        secrets: status.held_secrets(),
    }
}

/// The first of what is left, when another teardown would remove none of it: the record holds no secrets, and each call
/// needs one.
fn left_by_hand(status: &Status) -> Option<InstanceId> {
    let needs_secret = |known: &InstanceStatus| {
        let call = known.made.last().and_then(|made| made.undo.as_ref());
        call.is_some_and(RecordedCall::lacks_a_secret)
    };
    let all = status.existing().all(|(_, known)| needs_secret(known));
    status.existing().next().filter(|_| all).map(|(instance, _)| instance.clone())
}

/// What is forgotten was removed by hand: that is confirmed by a person.
fn forget_command(record: &EnvironmentRecord, instance: &InstanceId) -> String {
    format!("plan state forget{} {}", record_flags(record), quoted(&instance.to_string()))
}

fn retry_command(record: &EnvironmentRecord, api: &ApiOptions, yes: bool) -> String {
    let command = format!("plan destroy{}", record_flags(record));
    let yes = yes.then(|| "--yes".to_owned());
    std::iter::once(command).chain(place(api)).chain(yes).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::command::testing;

    #[test]
    fn beside_a_run_that_made_nothing_yet_it_is_not_said_that_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let (mut context, _) = testing::context();
        context.folder = folder.path().to_owned();
        let line = ["plan", "destroy", "--plan", "demo", "--state", "records", "--yes", "--lock-timeout", "0s"];
        let Command::Destroy(arguments) = Cli::try_parse_from(line).unwrap().command else { panic!("{line:?}") };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = records::store(&context, &arguments.record.state, None).unwrap();
            let record = EnvironmentRecord::new(store, "demo", "default");
            let run = records::open(&context, &record, "run", Duration::ZERO).await.unwrap();
            let ended = destroy(&context, &arguments).await.map_err(|error| (error.exit(), error.to_string()));
            assert!(matches!(&ended, Err((Exit::Locked, _))), "{ended:?}");
            drop(run);
            tokio::task::yield_now().await;
            let ended = destroy(&context, &arguments).await.map_err(|error| error.to_string());
            assert_eq!(ended, Err("environment `default` of plan `demo` has no record".to_owned()));
        });
    }
}
