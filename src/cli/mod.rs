//! What was typed; no meaning yet.
//!
//! `options` holds the groups several commands share, `arguments` what each command takes, `values` the words that are
//! more than text, `typed` the commands that repeat what was typed. Nothing here reads the environment: `context` does, and the commands put both together.

mod arguments;
mod meaning;
mod options;
mod typed;
mod values;

use std::path::Path;

use clap::{Parser, Subcommand};

pub use arguments::{
    CatalogArguments, CheckArguments, CompletionsArguments, DestroyArguments, DriftArguments, ExplainArguments,
    GetArguments, GraphArguments, ImportArguments, InitArguments, ManArguments, NewArguments, OpsArguments,
    OutputArguments, PreviewArguments, PullArguments, PushArguments, RecoverArguments, RehearseArguments,
    ReportArguments, ResolveArguments, RunArguments, SimulateArguments, StateCommand, StatusArguments, SweepArguments,
    TasksArguments, WaitArguments,
};
pub use meaning::read;
pub use options::{
    ApiOptions, GlobalOptions, LockOptions, PlanOptions, RecordOptions, RequestOptions, RunFlags, StateOptions,
};
pub use typed::{Typed, flag, is_yaml, place, set_flag};
pub use values::{
    Assignment, CheckFormat, ColorChoice, LogFormat, OutputFormat, PreviewFormat, ResultFormat, environment_name,
    plan_name,
};

/// `plan --version`: the version, and what was built.
const LONG_VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), "\ncommit: ", env!("PLAN_COMMIT"), "\nplatform: ", env!("PLAN_TARGET"),);

/// The last part of `plan --help`.
const AFTER_HELP: &str = "\
First steps:
  plan init                                  write an example to start from: deploy.yaml
  plan rehearse deploy.yaml                  try a plan: offline, in seconds, without creating anything
  plan check deploy.yaml                     find errors before the first call
  plan run deploy.yaml --set image_id=ID     run it, or continue it; `plan get images` lists ids
  plan status deploy.yaml                    what exists and what is pending
  plan destroy deploy.yaml                   delete everything again
  plan simulate                              serve a simulated API to try all of this without an account

Environment:
  GCORE_API_KEY             the API key; a flag could be read by others (see --api-key-command)
  GCORE_CLOUD_PROJECT_ID    the project, unless the plan or --project-id says so
  GCORE_CLOUD_REGION_ID     the region, unless the plan or --region-id says so
  GCORE_BASE_URL            where the API is, unless --base-url says so
  PLAN_INPUT_<NAME>         the value of an input
  PLAN_ENVIRONMENT          as --environment
  PLAN_STATE                as --state
  PLAN_CA_FILE              as --ca-file
  PLAN_LOG                  what is logged: info, debug, or plan::request=info,plan::body=debug
  NO_COLOR, CLICOLOR_FORCE  colour off, or on without a terminal

Exit codes:
    0  done
    1  a step failed
    2  wrong usage
    3  the plan is wrong
    4  not authenticated or not allowed
    5  quota or capacity exceeded
    6  still waiting: run again
    7  an outcome is unknown: decide
    8  locked by another run
   10  changes pending
   11  teardown incomplete
   12  the record cannot be read or written
   70  a bug in plan
  130  interrupted: run again (129 after SIGHUP, 143 after SIGTERM)";

/// Provisions Gcore resources from a YAML list of API calls: in order, waiting for tasks, recorded, and deleted again.
#[derive(Debug, Parser)]
#[command(name = "plan", version, long_version = LONG_VERSION, about, after_help = AFTER_HELP, max_term_width = 120)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: GlobalOptions,
    #[command(subcommand)]
    pub command: Command,
}

/// One variant a command, in the order of `plan --help`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a plan to start from, and the schema that editors read
    ///
    /// One of the examples, as a file of its own, which can be checked and rehearsed unchanged. An existing file is
    /// never overwritten.
    Init(InitArguments),
    /// Run a plan, or continue it
    ///
    /// Checks the plan, sends the calls that are not on record yet, waits for their tasks, and prints the outputs. A
    /// run that was interrupted or had to stop continues when it is started again.
    #[command(visible_aliases = ["apply", "up"])]
    Run(Box<RunArguments>),
    /// Check plans for errors, without a call
    #[command(visible_aliases = ["validate"])]
    Check(Box<CheckArguments>),
    /// Show what a run would do
    #[command(visible_aliases = ["plan", "diff"])]
    Preview(Box<PreviewArguments>),
    /// Run a plan against the built-in simulator: no resource is created, no record kept
    Rehearse(Box<RehearseArguments>),
    /// Delete the resources of an environment, from its record
    #[command(visible_aliases = ["down"])]
    Destroy(Box<DestroyArguments>),
    /// Show what exists and what is pending
    Status(Box<StatusArguments>),
    /// Find resources that were changed or deleted outside of `plan`
    ///
    /// Every recorded resource is read, and the fields that the plan set and the API can change are compared. Drift is
    /// recorded: the next run creates a missing resource again, and changes a differing one back.
    Drift(Box<DriftArguments>),
    /// Print the outputs of the last run
    Output(OutputArguments),
    /// Write a report of the last run: a page, Markdown, JSON, JUnit
    Report(ReportArguments),
    /// Destroy the environments whose `ttl` has passed
    Sweep(Box<SweepArguments>),
    /// Show the record, and correct it by hand
    #[command(subcommand)]
    State(StateCommand),
    /// List what plans name by id: images, flavors, regions, networks and more
    Get(GetArguments),
    /// List recent tasks of the API
    Tasks(TasksArguments),
    /// Wait for tasks of other clients
    Wait(WaitArguments),
    /// Search the operations of the API
    Ops(OpsArguments),
    /// Print a step to paste into a plan
    New(NewArguments),
    /// Print the order of the steps as a diagram
    Graph(GraphArguments),
    /// Serve a simulated API, to try every command, or any client, without an account
    Simulate(SimulateArguments),
    /// Print the JSON Schema of the plan file, for editors
    Schema,
    /// Explain the code of a finding
    Explain(ExplainArguments),
    /// Print a completion script for a shell
    Completions(CompletionsArguments),
    /// Print a manual page, or write those of all commands
    Man(ManArguments),
    /// Generate the embedded catalogue from an OpenAPI document
    #[command(hide = true)]
    Catalog(CatalogArguments),
}

impl Command {
    /// Whether every request is printed as a curl command.
    pub fn prints_curl(&self) -> bool {
        match self {
            Command::Rehearse(arguments) => arguments.requests.curl,
            other => other.api().is_some_and(|api| api.requests.curl),
        }
    }

    /// The files that the command's own options have it write, each with its option.
    pub fn written_files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let run = match self {
            Command::Run(arguments) => Some(&arguments.run),
            Command::Rehearse(arguments) => Some(&arguments.run),
            Command::State(StateCommand::Import(arguments)) => Some(&arguments.run.run),
            _ => None,
        };
        let (events, report) = match self {
            Command::Destroy(arguments) => (&arguments.events, &arguments.report),
            _ => (&None, &None),
        };
        let html = match self {
            Command::Report(arguments) => arguments.html.as_ref(),
            _ => None,
        };
        let events = run.map_or(events, |run| &run.events).iter().map(|path| ("--events", path.as_path()));
        let report = run.map_or(report, |run| &run.report).iter().map(|path| ("--report", path.as_path()));
        let outputs = run.into_iter().flat_map(|run| &run.write_output);
        let outputs = outputs.map(|output| ("--write-output", Path::new(&output.value)));
        events.chain(report).chain(html.map(|path| ("--html", path.as_path()))).chain(outputs)
    }

    /// The options about the API, of the commands that send requests to it.
    fn api(&self) -> Option<&ApiOptions> {
        Some(match self {
            Command::Run(arguments) => &arguments.api,
            Command::Check(arguments) => &arguments.api,
            Command::Preview(arguments) => &arguments.api,
            Command::Destroy(arguments) => &arguments.api,
            Command::Status(arguments) => &arguments.api,
            Command::Drift(arguments) => &arguments.api,
            Command::Sweep(arguments) => &arguments.api,
            Command::State(StateCommand::Import(arguments)) => &arguments.run.api,
            Command::State(StateCommand::Resolve(arguments)) => &arguments.api,
            Command::State(StateCommand::Recover(arguments) | StateCommand::Salvage(arguments)) => &arguments.api,
            Command::Get(arguments) => &arguments.api,
            Command::Tasks(arguments) => &arguments.api,
            Command::Wait(arguments) => &arguments.api,
            Command::Init(_)
            | Command::Rehearse(_)
            | Command::Output(_)
            | Command::Report(_)
            | Command::State(_)
            | Command::Ops(_)
            | Command::New(_)
            | Command::Graph(_)
            | Command::Simulate(_)
            | Command::Schema
            | Command::Explain(_)
            | Command::Completions(_)
            | Command::Man(_)
            | Command::Catalog(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests;
