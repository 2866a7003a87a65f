//! The job summary: how the command ended, failures and their reasons, existing resources, and a time chart.
//!
//! Collected during the run, written at its end, and kept below GitHub's limit: failures first, then as many rows of
//! the table as fit, and a count of the others.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::gantt::{self, EndState, GanttBar};
use crate::event::{Did, Event, Provenance, RunFinished, RunStarted, Stamped, StepDone, StepError};
use crate::exit::Exit;
use crate::hash::IndexMap;
use crate::id::InstanceId;
use crate::kind::kind_name;
use crate::report::board::Board;
use crate::report::markdown::{code, text};
use crate::report::story::{self, Story};
use crate::report::{ReportError, Reporter, Sink, count, duration};
use crate::secret::Secrets;
use crate::source::Source;

/// The limit for one step: GitHub rejects a larger summary completely.
pub const SUMMARY_LIMIT: u64 = 1024 * 1024;
/// Reserved for other commands of the same step.
const RESERVE: u64 = 64 * 1024;
/// The most percent of the space for failures, so that the table is not lost entirely.
const FAILURES_SHARE: usize = 60;
/// The most warnings in the summary; the log has all of them.
const MOST_WARNINGS: usize = 20;
const LONGEST_WARNING: usize = 500;
/// Reserved for notes about what was cut.
const NOTES: usize = 1024;

/// The reporter that collects the summary of one command.
pub struct Summary {
    sink: Sink,
    /// The plan, to show the lines of failures.
    plan: Option<Arc<Source>>,
    /// The number of bytes that may be written.
    space: usize,
    /// A run, and the rollback that may follow it.
    phases: Vec<Phase>,
}

#[derive(Default)]
struct Phase {
    started: Option<RunStarted>,
    finished: Option<RunFinished>,
    board: Board,
    rows: Vec<ResourceRow>,
    bars: Vec<GanttBar>,
    failures: IndexMap<InstanceId, Failure>,
    warnings: Vec<String>,
}

struct Failure {
    what: &'static str,
    error: StepError,
}

/// A row of the table of resources.
struct ResourceRow {
    instance: InstanceId,
    kind: Option<String>,
    id: Option<String>,
    name: Option<String>,
    what: String,
    took: Option<Duration>,
}

impl Summary {
    /// `written`: how many bytes the step's summary has already.
    pub fn new(out: Box<dyn Write + Send>, secrets: Secrets, plan: Option<Arc<Source>>, written: u64) -> Self {
        let space = SUMMARY_LIMIT.saturating_sub(RESERVE).saturating_sub(written);
        Self {
            sink: Sink::new("the job summary", out, secrets),
            plan,
            space: usize::try_from(space).unwrap_or(usize::MAX),
            phases: Vec::new(),
        }
    }

    /// The current Markdown.
    pub fn render(&self) -> String {
        let space = self.space / self.phases.len().max(1);
        self.phases.iter().map(|phase| self.phase(phase, space)).collect()
    }

    fn phase(&self, phase: &Phase, space: usize) -> String {
        let head = head(phase) + &self.warnings(phase);
        let mut left = space.saturating_sub(head.len() + NOTES);
        let failures = self.failures(phase, left * FAILURES_SHARE / 100);
        left = left.saturating_sub(failures.len());
        let chart = chart(&phase.bars).filter(|chart| chart.len() <= left / 2).unwrap_or_default();
        left = left.saturating_sub(chart.len());
        let table = self.table(&phase.rows, left);
        [head, failures, table, chart].concat()
    }

    fn warnings(&self, phase: &Phase) -> String {
        let mut lines: Vec<String> = phase
            .warnings
            .iter()
            .take(MOST_WARNINGS)
            .map(|warning| {
                let warning: String = self.hide(warning).chars().take(LONGEST_WARNING).collect();
                format!("- ⚠ {}\n", text(&warning))
            })
            .collect();
        if phase.warnings.len() > MOST_WARNINGS {
            lines.push(format!("- {}\n", count(phase.warnings.len() - MOST_WARNINGS, "more warning")));
        }
        if lines.is_empty() { String::new() } else { lines.concat() + "\n" }
    }

    fn failures(&self, phase: &Phase, space: usize) -> String {
        let mut out = String::new();
        let mut cut = 0;
        for (instance, failure) in &phase.failures {
            let left = space - out.len();
            let title = format!("#### {} {}\n\n", code(&instance.to_string()), failure.what);
            if title.len() > left {
                cut += 1;
                continue;
            }
            let cause = self.cause(&failure.error);
            out.push_str(&title);
            if cause.len() <= left - title.len() {
                out.push_str(&cause);
            }
        }
        if cut > 0 {
            out.push_str(&format!(
                "{} cut to stay below GitHub's limit; the log tells them all.\n\n",
                count(cut, "failure")
            ));
        }
        out
    }

    fn cause(&self, error: &StepError) -> String {
        let story = Story::of(error);
        let mut out = format!("{}\n\n", text(&self.hide(&story.what)));
        if let Some(place) = &story.place {
            out.push_str(&format!("- at {}{}\n", code(place), self.plan_line(error)));
        }
        for fact in &story.facts {
            out.push_str(&format!("- {}: {}\n", fact.label(), text(&self.hide(&fact.text))));
        }
        for help in &story.help {
            out.push_str(&format!("- **help**: {}\n", text(&self.hide(help))));
        }
        out.push('\n');
        out
    }

    /// The line of the plan for a failure, when the error is in this plan.
    fn plan_line(&self, error: &StepError) -> String {
        const LONGEST: usize = 200;
        let line = self.plan.as_ref().zip(error.place.as_ref()).and_then(|(plan, place)| {
            let same = plan.path().to_string_lossy() == place.file;
            plan.text().lines().nth(place.line.checked_sub(1)?).filter(|line| same && !line.trim().is_empty())
        });
        line.map(|line| {
            let line: String = self.hide(line.trim()).chars().take(LONGEST).collect();
            format!(": {}", code(&line))
        })
        .unwrap_or_default()
    }

    fn table(&self, rows: &[ResourceRow], space: usize) -> String {
        if rows.is_empty() {
            return String::new();
        }
        let mut out =
            String::from("### Resources\n\n| step | kind | name | id | what | time |\n|---|---|---|---|---|---|\n");
        let mut shown = 0;
        for row in rows {
            let line = self.row(row);
            if out.len() + line.len() > space {
                break;
            }
            out.push_str(&line);
            shown += 1;
        }
        out.push('\n');
        if shown < rows.len() {
            let rest = count(rows.len() - shown, "more row");
            out.push_str(&format!("{rest} cut to stay below GitHub's limit; `plan status` shows them all.\n\n"));
        }
        out
    }

    fn row(&self, row: &ResourceRow) -> String {
        let shown = |value: &Option<String>| value.as_deref().map(|value| code(&self.hide(value))).unwrap_or_default();
        let kind = row.kind.as_deref().map(kind_name).unwrap_or_default();
        let took = row.took.map(duration).unwrap_or_default();
        format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            code(&row.instance.to_string()),
            text(&kind),
            shown(&row.name),
            shown(&row.id),
            text(&self.hide(&row.what)),
            took
        )
    }

    /// Redacts before escaping, because escaped secrets would not be recognised.
    fn hide(&self, words: &str) -> String {
        self.sink.secrets().redact(words).into_owned()
    }
}

/// How the phase ended, and how to continue.
fn head(phase: &Phase) -> String {
    let title = match &phase.started {
        Some(run) => {
            format!("plan {}: {} ({})", run.command.word(), text(&run.plan), text(&run.environment))
        }
        None => "plan".to_owned(),
    };
    let Some(run) = &phase.finished else {
        return format!("## {title}: not finished\n\n");
    };
    let mark = match run.exit {
        Exit::Done => "✅",
        Exit::StillWaiting | Exit::HungUp | Exit::Interrupted | Exit::Terminated => "⏳",
        _ => "❌",
    };
    let took = duration(Duration::from_millis(run.elapsed_ms));
    let totals = story::totals(run);
    let mut out = format!("## {mark} {title}: {}\n\n{totals} in {took}; {}\n\n", run.meaning(), story::requests(run));
    if let Some(next) = &run.next {
        out.push_str(&format!("To go on: {}\n\n", code(next)));
    }
    out
}

fn chart(bars: &[GanttBar]) -> Option<String> {
    let (chart, left_out) = gantt::render(bars)?;
    let note = match left_out {
        0 => String::new(),
        _ => format!("\n{} not drawn.\n", count(left_out, "more bar")),
    };
    Some(format!("### Timeline\n\n{chart}{note}\n"))
}

impl Phase {
    fn handle(&mut self, stamped: &Stamped) {
        if let Some((instance, state)) = self.note(&stamped.event) {
            self.bar(stamped, instance, state);
        }
        self.board.handle(stamped);
    }

    /// Notes what an event says; returns the instance that it is the end of.
    fn note<'e>(&mut self, event: &'e Event) -> Option<(&'e InstanceId, EndState)> {
        match event {
            Event::RunStarted(run) => self.started = Some(run.clone()),
            Event::RunFinished(run) => self.finished = Some(run.clone()),
            Event::Warned { message } => self.warnings.push(message.clone()),
            Event::StepSucceeded { instance, result } => {
                self.succeeded(instance, result);
                return Some((instance, EndState::Done));
            }
            Event::ResourceRemoved { instance, kind, id, already_gone, reverted_by } => {
                let what = match (already_gone, reverted_by) {
                    (true, None) => "was gone already",
                    (true, Some(_)) => "was reverted already",
                    (false, None) => "removed",
                    (false, Some(_)) => "reverted",
                };
                self.resource(instance, kind, id, what);
                return Some((instance, EndState::Done));
            }
            Event::ResourceLeft { instance, kind, id, error } => {
                self.resource(instance, kind, id, "left");
                self.fail(instance, "was left", error);
                return Some((instance, EndState::Failed));
            }
            Event::StepFailed { instance, error } => {
                self.fail(instance, "failed", error);
                return Some((instance, EndState::Failed));
            }
            Event::StepUnknown { instance, error } => {
                self.fail(instance, "is unknown", error);
                return Some((instance, EndState::Failed));
            }
            Event::StepStillWaiting { instance, tasks, waited_ms, until, unread } => {
                let command = self.started.as_ref().map(|run| run.command);
                let what = story::still_waiting(
                    command,
                    tasks,
                    until.as_deref(),
                    unread.as_deref(),
                    Duration::from_millis(*waited_ms),
                );
                self.resource(instance, &None, &None, &what);
                return Some((instance, EndState::Active));
            }
            _ => {}
        }
        None
    }

    fn succeeded(&mut self, instance: &InstanceId, result: &StepDone) {
        if result.id.is_none() || result.did == Did::Read {
            return;
        }
        let took = Duration::from_millis(result.duration_ms);
        self.rows.push(ResourceRow {
            instance: instance.clone(),
            kind: result.kind.clone(),
            id: result.id.clone(),
            name: result.name.clone(),
            what: provenance_text(result),
            // A kept instance took no time.
            took: (result.provenance != Provenance::Reused).then_some(took),
        });
    }

    /// Adds a bar, except for calls that were never active, such as kept ones.
    fn bar(&mut self, stamped: &Stamped, instance: &InstanceId, end_state: EndState) {
        let Some(pending) = self.board.get(instance) else { return };
        let elapsed = SignedDuration::from_millis(i64::try_from(stamped.elapsed_ms).unwrap_or(i64::MAX));
        // From the run's own clock, since a rehearsal's time differs from wall time.
        let Ok(zero) = stamped.at.checked_sub(elapsed) else { return };
        let zero = zero.as_millisecond();
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.bars.push(GanttBar {
            instance: instance.clone(),
            start: zero.saturating_add(millis(pending.started)),
            end: zero.saturating_add(millis(Duration::from_millis(stamped.elapsed_ms))),
            end_state,
        });
    }

    fn resource(&mut self, instance: &InstanceId, kind: &Option<String>, id: &Option<String>, what: &str) {
        self.rows.push(ResourceRow {
            instance: instance.clone(),
            kind: kind.clone(),
            id: id.clone(),
            name: None,
            what: what.to_owned(),
            took: None,
        });
    }

    fn fail(&mut self, instance: &InstanceId, what: &'static str, error: &StepError) {
        self.failures.insert(instance.clone(), Failure { what, error: error.clone() });
    }
}

fn provenance_text(done: &StepDone) -> String {
    match done.provenance {
        Provenance::Called => story::verb(done).to_owned(),
        Provenance::Updated => "updated".to_owned(),
        Provenance::Continued => format!("{}, started by an earlier run", story::verb(done)),
        Provenance::Reused => "kept".to_owned(),
        Provenance::Recovered => "recovered: its outcome was in doubt".to_owned(),
        Provenance::Adopted => "adopted".to_owned(),
    }
}

impl Reporter for Summary {
    fn handle(&mut self, event: &Stamped) {
        if matches!(event.event, Event::RunStarted(_)) || self.phases.is_empty() {
            self.phases.push(Phase::default());
        }
        if let Some(phase) = self.phases.last_mut() {
            phase.handle(event);
        }
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        // The parts were redacted before escaping; the whole is redacted again, like every line of a log.
        let text = self.sink.secrets().redact(&self.render());
        self.phases.clear();
        self.sink.raw(&text);
        self.sink.finish()
    }
}

#[cfg(test)]
mod tests;
