//! The session that a run, a rehearsal and a teardown share: run context, view, signals, and the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::OnceCell;

use super::recorded::words;
use super::view::{PATIENCE, View, ViewOptions};
use super::{Signals, note};
use crate::api::{Client, Transport};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::context::Context;
use crate::engine::{
    Access, Gates, Leased, Listings, OUTPUT_TIME, OtherRecords, Ownership, RunContext, RunEnd, RunOutput, Settings,
    Stop, Stopper, Watcher, report_finished, stopper,
};
use crate::error::Error;
use crate::event::{Event, RunFinished, RunStarted};
use crate::exit::Exit;
use crate::journal::{Journal, JournalError, NoMoreCalls, Phase, Status};
use crate::report::github::output::{self, Ending, OutputFileError};
use crate::report::outputs::OutputValue;
use crate::report::{list, reason, sanitize};
use crate::store::EnvironmentRecord;

/// The most resources that are named when the record cannot be written, and can be read.
const MOST_NAMES: usize = 20;

/// The parts of a session.
pub struct SessionParts {
    pub transport: Arc<dyn Transport>,
    pub clock: Clock,
    pub catalog: &'static Catalog,
    pub journal: Journal,
    /// The other records of the store.
    pub other_records: OtherRecords,
    pub settings: Settings,
    pub parallelism: usize,
    pub timeout: Option<Duration>,
    pub view: ViewOptions,
}

/// A running command.
pub struct Session {
    pub run_context: Arc<RunContext>,
    pub stopper: Stopper,
    view: View,
}

impl Session {
    /// Starts watcher, view, signal handling and the timeout.
    ///
    /// # Errors
    ///
    /// When a requested file cannot be opened, or signals cannot be handled.
    pub fn start(context: &Context, parts: SessionParts) -> Result<Self, Error> {
        let (stopper, stopped) = stopper();
        let view = View::start(context, parts.clock, &parts.view)?;
        let transport = Arc::new(Leased::new(parts.transport, parts.journal.clone()));
        // A teardown reads no plan, and does not know the plan's secrets.
        if parts.view.source.is_none() && parts.journal.with_status(Status::held_secrets) {
            context.secrets.expect_unknown();
        }
        let client =
            Arc::new(Client::new(transport, parts.clock).traced(context.trace.clone()).hiding(context.secrets.clone()));
        let known = |status: &Status| (status.durations.clone(), status.header.key.clone());
        let (durations, key) = parts.journal.with_status(known);
        let emitter = view.emitter();
        let (warn, secrets) = (view.emitter(), context.secrets.clone());
        let warn = Arc::new(move |message: String| {
            warn.emit(Event::Warned { message: secrets.redact(&message).into_owned() });
        });
        let run_context = Arc::new(RunContext {
            watcher: Watcher::start(client.clone(), durations.iter(), warn),
            client,
            catalog: parts.catalog,
            journal: parts.journal.hiding(context.secrets.clone()),
            secrets: context.secrets.clone(),
            gates: Gates::new(parts.parallelism),
            listings: Listings::default(),
            stopped,
            events: emitter,
            settings: parts.settings,
            digest_key: key.into_bytes(),
            owners: Ownership::new(parts.other_records),
            contacted: OnceCell::new(),
            access: Access::default(),
        });
        listen(Signals::listen()?, stopper.clone(), &run_context);
        stop_on_record_error(stopper.clone(), &run_context);
        if let Some(timeout) = parts.timeout {
            let (stopper, clock) = (stopper.clone(), parts.clock);
            tokio::spawn(async move {
                clock.sleep(timeout).await;
                stopper.stop(Stop::OutOfTime);
            });
        }
        Ok(Self { run_context, stopper, view })
    }

    pub fn print_started(&self, started: RunStarted) {
        self.run_context.events.emit(Event::RunStarted(started));
    }

    /// Emits the end, and waits for the view.
    ///
    /// # Errors
    ///
    /// When stderr cannot be written.
    pub async fn finish(self, context: &Context, finished: RunFinished) -> Result<(), Error> {
        // An interrupt has to end soon.
        let interrupted = finished.exit.is_by_signal();
        report_finished(&self.run_context, finished);
        self.run_context.journal.leave();
        self.view.finish(context, if interrupted { OUTPUT_TIME } else { PATIENCE }).await
    }
}

impl Session {
    /// Ends a command whose record can no longer be written: what exists is named, because it may be on no record.
    /// `next`: the command that goes on. Returns the error.
    pub async fn broken_off(self, context: &Context, error: JournalError, next: &str) -> Error {
        let known = self.run_context.journal.known();
        // When this cannot be written either, the error and its exit code remain.
        drop(self.view.finish(context, PATIENCE).await);
        let most = if matches!(error, JournalError::TakenAway { .. }) { usize::MAX } else { MOST_NAMES };
        let (exist, may_exist) = left(&known);
        for (head, resources) in [("exists", exist), ("may exist", may_exist)] {
            if !resources.is_empty() {
                let line = format!("{head}: {}", list(resources, most));
                drop(note(context, &context.secrets.redact(&sanitize(&line))));
            }
        }
        drop(note(context, &context.secrets.redact(&format!("next: {next}"))));
        error.into()
    }
}

/// What exists, and the instances whose call may have made something.
fn left(known: &Status) -> (Vec<String>, Vec<String>) {
    let (mut exist, mut may_exist) = (Vec::new(), Vec::new());
    for (instance, status) in known.existing() {
        let made = status.made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary));
        let made = made.filter(|made| made.id.is_some());
        exist.extend(made.map(|made| format!("`{instance}` {}", words(made))));
        match &status.phase {
            Phase::Accepted { tasks, .. } => may_exist.push(format!("`{instance}` (task {})", tasks.join(", "))),
            Phase::InDoubt => may_exist.push(format!("`{instance}` (its call was under way)")),
            _ => {}
        }
    }
    (exist, may_exist)
}

/// How many instances are done.
pub fn count_succeeded(status: &Status) -> usize {
    status.instances.values().filter(|instance| instance.phase == Phase::Succeeded).count()
}

/// The first signal ends the run in order, the second at once: all that is known is on disk.
fn listen(mut signals: Signals, stopper: Stopper, run_context: &Arc<RunContext>) {
    let run_context = run_context.clone();
    tokio::spawn(async move {
        let first = signals.next().await;
        let in_flight = run_context.gates.in_flight();
        run_context.events.emit(Event::InterruptReceived { signal: first.name().to_owned(), in_flight });
        run_context.journal.end_soon();
        stopper.stop(Stop::Interrupt(first));
        let second = signals.next().await;
        std::process::exit(i32::from(second.exit().code()));
    });
}

/// Ends the run before its next call when the record cannot be written any more.
fn stop_on_record_error(stopper: Stopper, run_context: &Arc<RunContext>) {
    let (journal, events) = (run_context.journal.clone(), run_context.events.clone());
    tokio::spawn(async move {
        let no_more_calls = journal.no_more_calls().await;
        events.emit(Event::Warned { message: no_more_calls.error().to_string() });
        stopper.stop(match no_more_calls {
            NoMoreCalls::LeaseLost(_) => Stop::LeaseLost,
            NoMoreCalls::Unreachable(_) => Stop::StoreUnreachable,
        });
    });
}

/// Exports outputs to later steps of the job, if there is a job.
///
/// # Errors
///
/// When `$GITHUB_OUTPUT` cannot be written, or a value contains its delimiter.
pub fn export(context: &Context, outputs: &[RunOutput], ending: &Ending, show_secret: &[String]) -> Result<(), Error> {
    let values: Vec<_> = outputs
        .iter()
        .map(|output| OutputValue {
            name: output.name.clone(),
            value: output.value.clone(),
            secret: output.secret,
            description: output.description.clone(),
        })
        .collect();
    export_values(context, &values, ending, show_secret)
}

/// Why a run did not end well: its first failure, or what its exit code means; an interruption comes before a failure.
pub fn failure_reason(end: &RunEnd) -> Option<String> {
    let exit = end.finished.exit;
    let meaning = (exit != Exit::Done).then(|| exit.meaning().to_owned());
    let failure = end.failure.as_ref().filter(|_| !exit.is_by_signal());
    failure.map(|(instance, error)| reason(instance, error)).or(meaning)
}

/// Exports recorded outputs to later steps of the job, if there is a job.
///
/// # Errors
///
/// As for [`export`].
pub fn export_values(
    context: &Context,
    values: &[OutputValue],
    ending: &Ending,
    show_secret: &[String],
) -> Result<(), Error> {
    let Some(path) = output_file(context) else { return Ok(()) };
    let file = output::render(values, ending, show_secret, &context.secrets, &delimiter(context)).map_err(refused)?;
    for warning in &file.warnings {
        super::warn(context, &warning.to_string())?;
    }
    crate::report::github::append(path, "GITHUB_OUTPUT", &file.text)?;
    Ok(())
}

/// Exports the outcome of a command without outputs to later steps of the job.
///
/// # Errors
///
/// When `$GITHUB_OUTPUT` cannot be written, or a value contains its delimiter.
pub fn export_ending(context: &Context, ending: &Ending) -> Result<(), Error> {
    let Some(path) = output_file(context) else { return Ok(()) };
    let text = output::render_ending(ending, &context.secrets, &delimiter(context)).map_err(refused)?;
    crate::report::github::append(path, "GITHUB_OUTPUT", &text)?;
    Ok(())
}

/// Says which record a run uses, for the end of the job: a teardown means that one, whatever the step's inputs, its
/// variables or a saved preview are by then. `file`: the plan.
///
/// # Errors
///
/// When the file for it cannot be written.
pub fn tell_record(context: &Context, record: &EnvironmentRecord, file: &Path) -> Result<(), Error> {
    let told = context.environment.github.as_ref().and_then(|github| github.teardown_record.as_ref());
    let Some(path) = told else { return Ok(()) };
    let told = json!({
        "plan": record.plan(), "environment": record.environment(), "state": record.store.name(),
        "file": file.display().to_string(),
    });
    let text = output::render_record(&told, &context.secrets, &delimiter(context)).map_err(refused)?;
    crate::report::github::append(path, "PLAN_TEARDOWN_RECORD", &text)?;
    Ok(())
}

fn output_file(context: &Context) -> Option<&PathBuf> {
    context.environment.github.as_ref()?.output.as_ref()
}

fn delimiter(context: &Context) -> String {
    format!("plan_{}", context.token())
}

fn refused(error: OutputFileError) -> Error {
    Error::usage(error.to_string())
}
