//! The view of a run: creates its reporters and feeds them events.
//!
//! Reporters run on a thread of their own, behind a queue. A suspended terminal or a blocked pipe stops only that
//! thread: the run goes on, and what is not read in time at its end is lost.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::findings::length;
use crate::clock::Clock;
use crate::context::{Context, GitHub, terminal_size};
use crate::engine::Events as EventSender;
use crate::error::Error;
use crate::event::Stamped;
use crate::report::github::{Annotations, Groups, Log, Summary};
use crate::report::shape::Shape;
use crate::report::{Events, Fanout, Human, Progress, ReportError, Sink, Verbosity};
use crate::source::Source;
use crate::stream::Stream;

/// The interval of drawing the table on a terminal.
const TICK: Duration = Duration::from_millis(100);
/// The pause after events were shown. Events during it are shown together: waking the thread costs as much as a line,
/// and people do not read faster.
const BATCH_PAUSE: Duration = Duration::from_millis(20);
/// Events that are taken at once.
const MOST_AT_ONCE: usize = 1024;

/// How long reporters are waited for at the end of a run without any progress.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Options of the view.
#[derive(Debug, Clone, Default)]
pub struct ViewOptions {
    /// The file for the events (`--events`).
    pub events: Option<PathBuf>,
    /// The plan, to show the lines of failures.
    pub source: Option<Arc<Source>>,
    /// The file for the report (`--report`).
    pub report: Option<PathBuf>,
    /// The steps of the plan, for table and report.
    pub shape: Shape,
}

/// The running reporters of a run.
pub struct View {
    emitter: EventSender,
    log: Option<Log>,
    finish: oneshot::Sender<()>,
    reporters: Receiver<Vec<ReportError>>,
    /// The number of events that were handled.
    shown: Arc<AtomicU64>,
}

impl View {
    /// Starts the reporters.
    ///
    /// # Errors
    ///
    /// When a requested file cannot be opened, or the thread cannot be started.
    pub fn start(context: &Context, clock: Clock, options: &ViewOptions) -> Result<Self, Error> {
        let mut fanout = Fanout::new();
        let people = context.environment.github.is_none() && !context.stderr.terminal;
        let together = people.then(|| context.stderr.clone());
        let log = match &context.environment.github {
            Some(github) => Some(report_to_job(context, github, options, &mut fanout)?),
            None => {
                add_human_reporter(context, options, &mut fanout);
                None
            }
        };
        if let Some(path) = &options.events {
            let file = File::create(context.resolve(path)).map_err(|error| Error::write(path, error))?;
            fanout.add(Box::new(Events::new(Box::new(file), context.secrets.clone())));
        }
        if let Some(path) = &options.report {
            fanout.add(Box::new(super::report::page(context, &options.shape, path)?));
        }
        let (sender, events) = mpsc::unbounded_channel();
        let (finish, finished) = oneshot::channel();
        let (ended, reporters) = channel();
        let shown = Arc::new(AtomicU64::new(0));
        let count = shown.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(no_thread)?;
        let work = move || {
            let errors = runtime.block_on(feed(fanout, together, events, finished, clock, &count));
            // The receiver is gone when the end came too late.
            let _ = ended.send(errors);
        };
        thread::Builder::new().name("report".to_owned()).spawn(work).map_err(no_thread)?;
        Ok(Self { emitter: EventSender { sender, clock }, log, finish, reporters, shown })
    }

    /// The channel for the engine's events.
    pub fn emitter(&self) -> EventSender {
        self.emitter.clone()
    }

    /// Lets every reporter finish the events so far, as long as there is progress within `patience`; reports on
    /// stderr which could not.
    ///
    /// # Errors
    ///
    /// When stderr cannot be written either.
    pub async fn finish(self, context: &Context, patience: Duration) -> Result<(), Error> {
        // The reporters end when every sender is gone.
        let _ = self.finish.send(());
        let (reporters, shown) = (self.reporters, self.shown);
        // On a separate thread, in real time, since the run's time may be simulated.
        let waiting = tokio::task::spawn_blocking(move || wait_for(&reporters, &shown, patience));
        let mut errors: Vec<String> = match waiting.await {
            Ok(Some(errors)) => errors.iter().map(ReportError::to_string).collect(),
            Ok(None) => {
                context.stderr.abandon();
                return Ok(());
            }
            Err(_) => vec!["the report stopped with a bug".to_owned()],
        };
        if let Some(log) = self.log {
            errors.extend(log.finish().err().map(|error| format!("cannot write the log: {error}")));
        }
        for error in errors {
            super::findings::print_line(context, &error, &[])?;
        }
        Ok(())
    }
}

/// The errors of the reporters at their end; `None` without progress for `patience`.
fn wait_for(reporters: &Receiver<Vec<ReportError>>, shown: &AtomicU64, patience: Duration) -> Option<Vec<ReportError>> {
    let mut before = shown.load(Ordering::Relaxed);
    loop {
        match reporters.recv_timeout(patience) {
            Ok(errors) => return Some(errors),
            Err(RecvTimeoutError::Disconnected) => panic!("the thread of the reporters is gone"),
            Err(RecvTimeoutError::Timeout) => {
                let now = shown.load(Ordering::Relaxed);
                if now == before {
                    return None;
                }
                before = now;
            }
        }
    }
}

fn no_thread(error: std::io::Error) -> Error {
    Error::System { what: "start the report", error }
}

fn add_human_reporter(context: &Context, options: &ViewOptions, fanout: &mut Fanout) {
    let stream = &context.stderr;
    let sink = |what| Sink::new(what, Box::new(stream.clone()), context.secrets.clone());
    let (verbosity, color) = (context.verbosity(), context.color(stream));
    // Log lines would break the table.
    let logged = context.trace.is_some() && context.global.log.is_none();
    let drawn = !logged && stream.terminal && stream.real && !context.environment.dumb && verbosity != Verbosity::Quiet;
    if drawn {
        fanout.add(Box::new(Progress::new(
            sink("the log"),
            sink("the table"),
            options.shape.clone(),
            verbosity,
            color,
            terminal_size,
        )));
    } else {
        fanout.add(Box::new(Human::new(sink("the log"), verbosity, color).of_plan(options.shape.clone())));
    }
}

/// Groups first, so that lines are inside them; the summary last.
fn report_to_job(context: &Context, github: &GitHub, options: &ViewOptions, fanout: &mut Fanout) -> Result<Log, Error> {
    let secrets = &context.secrets;
    let log = Log::new(context.stderr.clone(), secrets.clone(), context.token());
    let lines = Sink::new("the log", Box::new(log.text()), secrets.clone());
    fanout.add(Box::new(Groups::new(log.clone())));
    let human = Human::new(lines, context.verbosity(), context.color(&context.stderr));
    fanout.add(Box::new(human.of_plan(options.shape.clone())));
    fanout.add(Box::new(Annotations::new(log.clone(), context.folder_in_repository())));
    if let Some(path) = &github.step_summary {
        let file = open_summary(path)?;
        let summary = Summary::new(Box::new(file), secrets.clone(), options.source.clone(), length(path));
        fanout.add(Box::new(summary));
    }
    Ok(log)
}

fn open_summary(path: &Path) -> Result<File, Error> {
    OpenOptions::new().append(true).create(true).open(path).map_err(|error| Error::write(path, error))
}

/// Passes events and ticks to the reporters until the run is over.
/// `together`: the stream whose lines are written together when several events are shown at once.
async fn feed(
    mut fanout: Fanout,
    together: Option<Stream>,
    mut events: mpsc::UnboundedReceiver<Stamped>,
    mut finished: oneshot::Receiver<()>,
    clock: Clock,
    shown: &AtomicU64,
) -> Vec<ReportError> {
    let handle = |fanout: &mut Fanout, event: &Stamped| {
        fanout.handle(event);
        shown.fetch_add(1, Ordering::Relaxed);
    };
    let (mut told, mut rests) = (Vec::new(), false);
    let mut rest = std::pin::pin!(sleep(BATCH_PAUSE));
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // A command that failed before its run has no final events.
    let has_final_events = loop {
        tokio::select! {
            biased;
            count = events.recv_many(&mut told, MOST_AT_ONCE), if !rests => match count {
                0 => break false,
                _ => {
                    let mut show = || told.drain(..).for_each(|event| handle(&mut fanout, &event));
                    match &together {
                        Some(stream) => stream.together(show),
                        None => show(),
                    }
                    rests = true;
                    rest.as_mut().reset(Instant::now() + BATCH_PAUSE);
                }
            },
            finished = &mut finished => break finished.is_ok(),
            () = &mut rest, if rests => rests = false,
            // Simulated time passes elsewhere, and in no time.
            _ = ticks.tick(), if !clock.is_simulated() => fanout.tick(clock.elapsed()),
        }
    };
    if !has_final_events {
        return Vec::new();
    }
    while let Ok(event) = events.try_recv() {
        handle(&mut fanout, &event);
    }
    fanout.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc as blocking;

    use super::*;
    use crate::command::testing::context;
    use crate::event::Event;
    use crate::stream::Stream;

    /// A writer that blocks until it is released.
    struct Stuck(blocking::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            // The end of the test releases it as well.
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_blocked_stderr_does_not_block_the_run() {
        let (mut context, _) = context();
        let (_read, unread) = blocking::channel();
        context.stderr = Stream::new(Stuck(unread), false);
        let view = View::start(&context, Clock::starting_at(context.now, 1.0), &ViewOptions::default()).unwrap();
        for _ in 0..1000 {
            view.emitter().emit(Event::Warned { message: "careful".to_owned() });
        }
        view.finish(&context, Duration::from_millis(1)).await.unwrap();
        // Later output is lost, and does not block.
        writeln!(context.stderr.clone(), "done").unwrap();
    }

    #[tokio::test]
    async fn events_before_the_end_are_shown_while_senders_remain() {
        let (context, out) = context();
        let clock = Clock::starting_at(context.now, 1.0);
        let view = View::start(&context, clock, &ViewOptions::default()).unwrap();
        let emitter = view.emitter();
        emitter.emit(Event::Warned { message: "careful".to_owned() });
        view.finish(&context, PATIENCE).await.unwrap();
        assert!(out.stderr().contains("careful"), "{}", out.stderr());
        drop(emitter);
    }

    #[tokio::test]
    async fn a_job_gets_lines_that_are_no_commands_and_a_summary() {
        let (mut context, out) = context();
        let folder = tempfile::TempDir::new().unwrap();
        let summary = folder.path().join("summary.md");
        context.environment.github = Some(GitHub { step_summary: Some(summary.clone()), ..GitHub::default() });
        let view = View::start(&context, Clock::starting_at(context.now, 1.0), &ViewOptions::default()).unwrap();
        view.emitter().emit(Event::Warned { message: "::set-output name=x::y".to_owned() });
        view.finish(&context, PATIENCE).await.unwrap();
        let log = out.stderr();
        let (stop, text) = log.split_once('\n').unwrap();
        assert!(stop.starts_with("::stop-commands::") && text.contains("set-output"), "{log}");
        assert!(summary.exists());
    }

    #[tokio::test]
    async fn events_are_written_to_a_file_in_addition_to_lines() {
        let (mut context, out) = context();
        let folder = tempfile::TempDir::new().unwrap();
        context.folder = folder.path().to_owned();
        let options = ViewOptions { events: Some("events.ndjson".into()), ..ViewOptions::default() };
        let view = View::start(&context, Clock::starting_at(context.now, 1.0), &options).unwrap();
        view.emitter().emit(Event::Warned { message: "careful".to_owned() });
        view.finish(&context, PATIENCE).await.unwrap();
        let text = std::fs::read_to_string(folder.path().join("events.ndjson")).unwrap();
        assert!(text.contains("\"warned\"") && out.stderr().contains("careful"), "{text}");
    }
}
