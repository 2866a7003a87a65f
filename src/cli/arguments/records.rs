//! What the commands that look at what is on record take.

use std::path::PathBuf;

use clap::Args;

use crate::cli::options::{ApiOptions, LockOptions, RecordOptions, StateOptions};
use crate::cli::values::{self, OutputFormat, ResultFormat};

/// `plan status`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan status deploy.yaml
  plan status --all                     every environment, with its age and when it expires
  plan status deploy.yaml --format json

Reads the record without locking it: safe beside a run.")]
pub struct StatusArguments {
    /// The plan file; not needed when `--plan` is given, or the folder of records holds one plan
    #[arg(value_name = "FILE", conflicts_with = "plan")]
    pub file: Option<PathBuf>,
    /// List all environments instead
    #[arg(long, conflicts_with = "environment")]
    pub all: bool,
    /// Also compare the recorded resources with the API
    #[arg(long, conflicts_with = "all")]
    pub live: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: ResultFormat,
    #[command(flatten)]
    pub record: RecordOptions,
    #[command(flatten)]
    pub api: ApiOptions,
}

/// `plan drift`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan drift deploy.yaml
  plan drift deploy.yaml --exit-code    for a schedule: exit 10 when there is drift")]
pub struct DriftArguments {
    /// The plan file; not needed when `--plan` is given, or the folder of records holds one plan
    #[arg(value_name = "FILE", conflicts_with = "plan")]
    pub file: Option<PathBuf>,
    /// Exit 10 when a resource is gone or changed
    #[arg(long)]
    pub exit_code: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: ResultFormat,
    #[command(flatten)]
    pub record: RecordOptions,
    #[command(flatten)]
    pub lock: LockOptions,
    #[command(flatten)]
    pub api: ApiOptions,
}

/// `plan output`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan output                       all outputs of the plan on record here
  plan output deploy.yaml           all outputs of this plan
  plan output deploy.yaml first_ip --format raw
  plan output --format env >> .env

Secret outputs are not kept on record: `plan run FILE --show-secret NAME` prints one.")]
pub struct OutputArguments {
    /// The plan file, then names of outputs [default: all]
    #[arg(value_name = "FILE|NAME")]
    pub words: Vec<String>,
    /// The plan file; not needed when it is named first, `--plan` is given, or the folder of records holds one plan
    #[arg(short, long, value_name = "FILE", conflicts_with = "plan", help_heading = "Record")]
    pub file: Option<PathBuf>,
    /// How they are printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: OutputFormat,
    #[command(flatten)]
    pub record: RecordOptions,
}

/// `plan report`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan report deploy.yaml --html report.html     one page, to look at or to send
  plan report deploy.yaml --md >> $GITHUB_STEP_SUMMARY
  plan report deploy.yaml --junit > report.xml   for test reports of CI systems
  plan report --events events.ndjson --json      from what `plan run --events` wrote

Reports the last recorded run, as Markdown unless another format is given.")]
pub struct ReportArguments {
    /// The plan file; not needed when `--plan` is given, or the folder of records holds one plan
    #[arg(value_name = "FILE", conflicts_with = "plan")]
    pub file: Option<PathBuf>,
    /// Write a page to this file
    #[arg(long, value_name = "FILE", group = "written")]
    pub html: Option<PathBuf>,
    /// Print Markdown
    #[arg(long, group = "written")]
    pub md: bool,
    /// Print JSON
    #[arg(long, group = "written")]
    pub json: bool,
    /// Print JUnit's XML
    #[arg(long, group = "written")]
    pub junit: bool,
    /// Report the run whose events are in this file instead
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    #[command(flatten)]
    pub record: RecordOptions,
}

/// `plan sweep`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan sweep --dry-run                  list what would be destroyed
  plan sweep --state records --yes

Needs no plan file. An environment expires when its plan has a `ttl`, or it was run with `--ttl`.")]
pub struct SweepArguments {
    /// Only list what would be destroyed
    #[arg(long)]
    pub dry_run: bool,
    /// Skip the confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// Only environments of this plan
    #[arg(long, value_name = "NAME", value_parser = values::plan_name, help_heading = "Record")]
    pub plan: Option<String>,
    /// How the list is printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: ResultFormat,
    /// Requests at once; waiting for tasks does not count
    #[arg(long, value_name = "N", value_parser = values::at_least_one, default_value = "10", help_heading = "Run")]
    pub parallelism: usize,
    #[command(flatten)]
    pub state: StateOptions,
    #[command(flatten)]
    pub lock: LockOptions,
    #[command(flatten)]
    pub api: ApiOptions,
}
