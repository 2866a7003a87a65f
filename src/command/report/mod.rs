//! `plan report`: the last run of an environment as a document, from its record; or any run from its events.

mod last;
mod shape;

use std::fs;
use std::path::Path;

use self::shape::{shape_of_plan, shape_of_record};
pub(super) use self::shape::{shape_of_run, shape_of_teardown};
use super::load::read_and_check;
use super::records::{find_record, read};
use super::{note, print_json_text, print_text};
use crate::catalog::Catalog;
use crate::cli::ReportArguments;
use crate::context::Context;
use crate::error::Error;
use crate::event::{EVENTS_VERSION, Event, Stamped};
use crate::exit::Exit;
use crate::files;
use crate::hash::HashSet;
use crate::id::InstanceId;
use crate::journal::Status;
use crate::plan::Plan;
use crate::report::page::{Collector, Format, Page, render};
use crate::report::sanitize;
use crate::report::shape::Shape;
use crate::store::lineage::History;

/// `plan report`: writes or prints the last run as a report.
///
/// # Errors
///
/// When there is no record, or the file cannot be written.
pub(super) async fn report(context: &Context, arguments: &ReportArguments) -> Result<Exit, Error> {
    let plan = arguments.file.as_deref().and_then(|file| plan_of(context, file));
    let (events, shape) = match &arguments.events {
        Some(file) => (events_of(context, file)?, plan.as_ref().map(shape_of_plan).unwrap_or_default()),
        None => {
            let record = find_record(context, arguments.file.as_deref(), &arguments.record).await?;
            let status = read(&record).await?;
            let lines = record.store.lines(&record.name).await?;
            let lines = last::until_its_end(&lines);
            let status = History::of(lines.to_vec()).map_or(status, |then| then.status);
            let events = last::last_run(lines, &status, &record.place());
            let shape = match last::torn_down(lines) {
                Some(before) => shape_of_torn_down(&events, &before),
                None => plan.as_ref().map_or_else(|| shape_of_record(&status), shape_of_plan),
            };
            (events, shape)
        }
    };
    let mut collector = Collector::new(shape);
    events.iter().for_each(|event| collector.handle(event));
    let report = collector.report();
    let text = |format| render(&report, format, &context.secrets);
    match &arguments.html {
        Some(path) => {
            files::replace(&context.resolve(path), text(Format::Html).as_bytes())
                .map_err(|error| Error::write(path, error))?;
            note(context, &format!("wrote {}: {}", path.display(), sanitize(&report.outcome)))?;
        }
        None if arguments.json => print_json_text(context, &text(Format::Json))?,
        None if arguments.junit => print_text(context, &text(Format::Junit))?,
        None => print_text(context, &text(Format::Markdown))?,
    }
    Ok(Exit::Done)
}

/// The current plan, if it is valid; a report is also possible without it.
fn plan_of(context: &Context, file: &Path) -> Option<Plan> {
    read_and_check(context, file, Catalog::embedded()).ok()?.1.plan
}

/// A teardown of the instances in its events, as they were on record before.
fn shape_of_torn_down(events: &[Stamped], before: &Status) -> Shape {
    let torn_down: HashSet<&InstanceId> = events.iter().filter_map(|stamped| stamped.event.instance()).collect();
    shape_of_teardown(
        before.instances.iter().filter(|(id, _)| torn_down.contains(id)).map(|(id, known)| (id, &**known)),
    )
}

/// The events in a file of `--events`.
fn events_of(context: &Context, file: &Path) -> Result<Vec<Stamped>, Error> {
    let text = fs::read_to_string(context.resolve(file)).map_err(|error| Error::read(file, error))?;
    let mut events = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        match serde_json::from_str::<Stamped>(line) {
            Ok(event) => events.push(event),
            // A run that was killed may have left a partial line.
            Err(_) if at + 1 == lines.len() && at > 0 && !text.ends_with('\n') => {}
            Err(error) => {
                return Err(Error::usage(format!("{}:{}: no event: {error}", file.display(), at + 1))
                    .help("name a file that `plan run --events FILE` wrote"));
            }
        }
    }
    match events.first().map(|event| &event.event) {
        Some(Event::RunStarted(run)) if run.version == EVENTS_VERSION => Ok(events),
        _ => Err(Error::usage(format!("`{}` holds no events of a run", file.display()))
            .help("name a file that `plan run --events FILE` wrote")),
    }
}

/// The reporter behind `--report FILE`.
///
/// # Errors
///
/// As for [`format`].
pub(super) fn page(context: &Context, shape: &Shape, path: &Path) -> Result<Page, Error> {
    Ok(Page::new(shape.clone(), context.resolve(path), format(context, path)?, context.secrets.clone()))
}

/// The format by the file's extension, checked before the first call, together with its folder.
///
/// # Errors
///
/// When the extension is not known, or the folder does not exist.
pub(super) fn format(context: &Context, path: &Path) -> Result<Format, Error> {
    let format = Format::from_extension(path).ok_or_else(|| {
        Error::usage(format!("`{}` has no extension of a report", path.display()))
            .help("end its name with `.html`, `.md`, `.json` or `.xml` (JUnit)")
    })?;
    if let Some(folder) = context.resolve(path).parent() {
        fs::read_dir(folder).map_err(|error| Error::write(path, error))?;
    }
    Ok(format)
}
