//! The commands, one file each, and what several of them share. Rules about plans, records and the API are in the
//! modules for these; here are those of the command line: `curl` parses a curl command, `online` checks a plan with the
//! API, `guard` searches the account before a first run, `preview_file` verifies a saved preview.
//!
//! `connect` gives access to the API, `load` reads plans, `values` are what they are run with, `records` finds records;
//! `view` shows a run, `findings` reports findings, `print` prints results. Errors are turned into messages and exit
//! codes here.

mod account;
mod catalog;
mod check;
mod comment;
mod compared;
mod completions;
mod confirm;
mod connect;
mod curl;
mod defaults;
pub mod destroy;
mod drift;
mod environment_file;
mod environment_name;
mod explain;
mod findings;
mod forget;
mod get;
mod github_event;
mod graph;
mod guard;
mod init;
mod instance;
mod key_command;
mod load;
mod log;
mod manual;
mod new;
mod online;
mod ops;
mod origin;
mod output;
mod overwritten;
mod patience;
pub mod preview;
mod preview_file;
mod preview_text;
mod print;
mod pull_request;
mod recorded;
mod records;
mod recover;
pub mod rehearse;
mod renew;
mod report;
mod resolve;
mod resume_command;
pub mod run;
mod run_options;
mod salvage;
mod schema;
mod session;
mod settings;
mod shared_records;
mod shell_words;
mod shown;
mod signals;
mod simulate;
mod state;
mod state_move;
mod state_place;
mod status;
mod sweep;
mod table;
mod tasks;
#[cfg(test)]
mod testing;
mod transfer;
mod unexpanded;
mod values;
mod view;
mod wait;
mod write_output;

use std::any::Any;
use std::io::{self, Write};
use std::time::Duration;

use crate::cli::{self, Cli, Command};
use crate::context::{Context, Streams};
use crate::error::Error;
use crate::exit::Exit;
use crate::report::annotation::{Annotation, AnnotationLevel};
use crate::report::github::output::Ending;
use crate::report::{Palette, sanitize};

pub use account::Account;
pub use completions::answer as answer_shell;
pub use confirm::confirm;
pub use connect::{DEFAULT_BASE_URL, number_of};
pub use environment_name::environment_name;
pub use findings::print as print_findings;
pub use load::{LoadedPlan, load_plan, places, read_source, resolve_inputs};
pub use print::{note, print_json, print_json_text, print_outputs, print_text, warn};
pub use records::{find_record, owner, store};
pub use signals::Signals;
pub use view::{View, ViewOptions};

/// How long blocking work (a sync in progress) is waited for at the end.
const LAST_WORK: Duration = Duration::from_secs(1);

/// Parses the command line. Help and errors go through our own stream, because they repeat arguments.
///
/// # Errors
///
/// The exit code, when there is no command to run.
pub fn parse(streams: &Streams) -> Result<Cli, u8> {
    cli::read(&streams.arguments).map_err(|told| {
        // The message repeats arguments: it is made from arguments without control characters and line breaks.
        let shown = streams.arguments.iter().map(|argument| sanitize(&argument.to_string_lossy()).into_owned());
        let told = cli::read(shown).err().unwrap_or(told);
        let mut stream = if told.use_stderr() { streams.stderr.clone() } else { streams.stdout.clone() };
        let text = told.render();
        let written = match stream.terminal {
            true => write!(stream, "{}", text.ansi()),
            false => write!(stream, "{text}"),
        };
        if told.use_stderr() {
            tell_job(streams, &told.to_string());
        }
        match written.and_then(|()| stream.finish()) {
            Ok(()) => u8::try_from(told.exit_code()).unwrap_or(Exit::Usage.code()),
            Err(_) => Exit::StepFailed.code(),
        }
    })
}

/// Tells a job why its command line was refused, as it is told why a command failed: by annotation and outputs.
fn tell_job(streams: &Streams, told: &str) {
    let Ok(context) = Context::gather(cli::GlobalOptions::default(), streams.clone()) else { return };
    if context.environment.github.is_none() {
        return;
    }
    context.hide_inputs();
    let sentence = told.lines().map(str::trim).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    // Help that was printed in place of a command has none.
    let Some(sentence) = sentence.strip_prefix("error: ") else { return };
    let shown = sanitize(&context.secrets.redact(sentence)).into_owned();
    let ending =
        Ending { exit: Exit::Usage, failure_reason: Some(sentence.to_owned()), state_path: None, resume_command: None };
    // When this cannot be written, the message on stderr and the exit code remain.
    let _ = context.stderr.command(&Annotation::new(AnnotationLevel::Error, shown).command());
    let _ = session::export_ending(&context, &ending);
}

/// Runs a command, and reports its error.
pub fn run_to_end(cli: Cli, streams: Streams) -> Exit {
    let mut context = match Context::gather(cli.global, streams.clone()) {
        Ok(context) => context,
        Err(error) => return print_early(&streams, "find the current folder", &error),
    };
    context.typed = cli::Typed::of(&cli.command);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return print_early(&streams, "start the runtime", &error),
    };
    let ended = runtime.block_on(logged(&mut context, &cli.command));
    runtime.shutdown_timeout(LAST_WORK);
    let ended = ended.and_then(|exit| {
        context.stdout.finish().map_err(|error| Error::Stream { stream: "stdout", error })?;
        Ok(exit)
    });
    match ended {
        Ok(exit) => exit,
        Err(error) => print(&context, &error),
    }
}

/// Runs a command with its log.
async fn logged(context: &mut Context, command: &Command) -> Result<Exit, Error> {
    signals::survive_size_limits();
    unexpanded::check(context)?;
    overwritten::check(context, command)?;
    let log = log::Log::start(context, command)?;
    let ended = dispatch(context, command).await;
    // An error of the command takes precedence over one of the log.
    let written = log.finish(context);
    ended.and_then(|exit| written.map(|()| exit))
}

async fn dispatch(context: &Context, command: &Command) -> Result<Exit, Error> {
    match command {
        Command::Init(arguments) => init::init(context, arguments),
        Command::Run(arguments) => run::run(context, arguments).await,
        Command::Check(arguments) => check::check(context, arguments).await,
        Command::Preview(arguments) => preview::preview(context, arguments).await,
        Command::Rehearse(arguments) => rehearse::rehearse(context, arguments).await,
        Command::Destroy(arguments) => destroy::destroy(context, arguments).await,
        Command::Status(arguments) => status::status(context, arguments).await,
        Command::Drift(arguments) => drift::drift(context, arguments).await,
        Command::Output(arguments) => output::output(context, arguments).await,
        Command::Report(arguments) => report::report(context, arguments).await,
        Command::Sweep(arguments) => sweep::sweep(context, arguments).await,
        Command::State(command) => state::state(context, command).await,
        Command::Get(arguments) => get::get(context, arguments).await,
        Command::Tasks(arguments) => tasks::tasks(context, arguments).await,
        Command::Wait(arguments) => wait::wait(context, arguments).await,
        Command::Ops(arguments) => ops::ops(context, arguments),
        Command::New(arguments) => new::new(context, arguments),
        Command::Graph(arguments) => graph::graph(context, arguments),
        Command::Simulate(arguments) => simulate::simulate(context, arguments).await,
        Command::Schema => schema::schema(context),
        Command::Explain(arguments) => explain::explain(context, arguments),
        Command::Completions(arguments) => completions::completions(context, arguments),
        Command::Man(arguments) => manual::man(context, arguments),
        Command::Catalog(arguments) => catalog::catalog(context, arguments),
    }
}

/// Reports why a command failed, and what to do next; returns its exit code.
fn print(context: &Context, error: &Error) -> Exit {
    let ending =
        Ending { exit: error.exit(), failure_reason: Some(error.to_string()), state_path: None, resume_command: None };
    if let Err(unwritten) = session::export_ending(context, &ending) {
        // When this message cannot be written either, the exit code remains.
        let _ = findings::print_line(context, &unwritten.to_string(), &[]);
    }
    print_error(context, error);
    error.exit()
}

/// Prints an error with what to do about it.
fn print_error(context: &Context, error: &Error) {
    if !error.is_silent() {
        let hidden = |text: &str| sanitize(&context.secrets.redact(text)).into_owned();
        let (message, hints) = (hidden(&error.to_string()), error.hints(&context.typed));
        let hints: Vec<String> = hints.iter().map(|hint| hidden(hint)).collect();
        let mut err = context.stderr.clone();
        // When this fails, too, only the exit code remains.
        let _ = match &context.environment.github {
            Some(_) => {
                let lines: Vec<String> =
                    std::iter::once(message).chain(hints.iter().map(|hint| format!("help: {hint}"))).collect();
                err.command(&Annotation::new(AnnotationLevel::Error, lines.join("\n")).command())
            }
            None => {
                let palette = Palette::new(context.color(&context.stderr));
                let hints: String = hints.iter().map(|hint| format!("{} {hint}\n", palette.name("help:"))).collect();
                write!(err, "{} {message}\n{hints}", palette.bad("error:"))
            }
        };
    }
}

/// Reports a system error before there is a context; returns the exit code.
fn print_early(streams: &Streams, what: &'static str, error: &io::Error) -> Exit {
    let _ = writeln!(streams.stderr.clone(), "error: cannot {what}: {error}");
    Exit::StepFailed
}

/// Reports that the program's thread could not start; returns the exit code.
pub fn print_no_thread(streams: &Streams, error: &io::Error) -> Exit {
    print_early(streams, "start a thread", error)
}

/// Installs a panic hook that names the place and asks for a report, without the message's data, which may contain
/// secrets.
pub fn print_panics(streams: Streams) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(|place| format!("{}:{}", place.file(), place.line())).unwrap_or_default();
        let words = panic_message(panic.payload());
        let _ = writeln!(
            streams.stderr.clone(),
            "error: a bug in plan {} at {place}{words}\nhelp: what is on record is safe, run again to continue; please \
             report this line at {}/issues",
            env!("CARGO_PKG_VERSION"),
            env!("CARGO_PKG_REPOSITORY"),
        );
    }));
}

/// The panic message, when it is a constant; a formatted one may contain data and is not shown.
fn panic_message(payload: &(dyn Any + Send)) -> String {
    payload.downcast_ref::<&'static str>().map(|words| format!(": {words}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::panic_message;

    #[test]
    fn a_panic_shows_no_data() {
        assert_eq!(panic_message(&"an invariant of ours"), ": an invariant of ours");
        assert_eq!(panic_message(&format!("`{}` is no number", "hunter22")), "");
    }
}
