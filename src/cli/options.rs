//! Groups of options that several commands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

use super::values::{self, Assignment, ColorChoice, LogFormat};

/// For every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct GlobalOptions {
    /// Print only failures, warnings and the end
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Also print every request; twice: with bodies, secrets hidden
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t, hide_possible_values = true)]
    #[arg(help = "When to use colour: auto, always or never")]
    pub color: ColorChoice,
    /// Trust the authorities whose certificates are in this file (PEM), besides the system's
    #[arg(long, global = true, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Write the log of requests to this file instead of stderr
    #[arg(long, global = true, value_name = "FILE", help_heading = "Log")]
    pub log: Option<PathBuf>,
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t, hide_possible_values = true)]
    #[arg(help_heading = "Log", help = "How it is written: text, or one JSON object a line (json)")]
    pub log_format: LogFormat,
    /// Write every request and answer to this HAR file, secrets hidden
    #[arg(long, global = true, value_name = "FILE", help_heading = "Log")]
    pub har: Option<PathBuf>,
}

/// Which API, with which key, and where in the account.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Account")]
pub struct ApiOptions {
    #[arg(long, value_name = "URL", help = "Where the API is [default: https://api.gcore.com]")]
    pub base_url: Option<String>,
    /// Command that prints the API key, instead of GCORE_API_KEY
    #[arg(long, value_name = "COMMAND")]
    pub api_key_command: Option<String>,
    /// The project, for `{project_id}`
    #[arg(long, value_name = "ID", value_parser = values::id)]
    pub project_id: Option<i64>,
    /// The region, for `{region_id}`
    #[arg(long, value_name = "ID", value_parser = values::id)]
    pub region_id: Option<i64>,
    /// How long one request may take
    #[arg(long, value_name = "DURATION", value_parser = values::duration, default_value = "2m")]
    pub request_timeout: Duration,
    #[command(flatten)]
    pub requests: RequestOptions,
}

/// How requests are logged.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Log")]
pub struct RequestOptions {
    /// Print every request as a curl command; the key stands as $GCORE_API_KEY
    #[arg(long)]
    pub curl: bool,
}

impl ApiOptions {
    /// Only project and region: for a rehearsal, which has an API of its own.
    pub fn at(project_id: Option<i64>, region_id: Option<i64>) -> Self {
        Self {
            base_url: None,
            api_key_command: None,
            project_id,
            region_id,
            request_timeout: Duration::from_secs(60),
            requests: RequestOptions::default(),
        }
    }
}

/// What the plan is given.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Inputs")]
pub struct PlanOptions {
    /// Value of an input; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::assignment)]
    pub set: Vec<Assignment>,
    /// YAML or JSON file of input values; may be repeated, later ones win
    #[arg(long, value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    /// Name of the environment: each has a record of its own [default: default]
    #[arg(long, value_name = "NAME", value_parser = values::environment_name)]
    pub environment: Option<String>,
}

/// Where records are kept.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Record")]
pub struct StateOptions {
    /// Where records are kept: a folder, or an object store as `s3://BUCKET/PREFIX`, `gs://…`, `az://…` [default: .plan
    /// beside the plan; `ephemeral`: in a temporary folder]
    #[arg(long, value_name = "PLACE")]
    pub state: Option<PathBuf>,
}

/// How long to wait for the lock of a record.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Record")]
pub struct LockOptions {
    /// Wait this long for another run on the same environment to end
    #[arg(long, value_name = "DURATION", value_parser = values::duration_or_zero, default_value = "0s")]
    pub lock_timeout: Duration,
}

/// Which record is meant.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Record")]
pub struct RecordOptions {
    /// Name of the plan, instead of its file
    #[arg(long, value_name = "NAME", value_parser = values::plan_name)]
    pub plan: Option<String>,
    /// Name of the environment [default: default]
    #[arg(long, value_name = "NAME", value_parser = values::environment_name)]
    pub environment: Option<String>,
    #[command(flatten)]
    pub state: StateOptions,
}

/// How a plan is run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Run")]
pub struct RunFlags {
    /// Requests at once; waiting for tasks does not count
    #[arg(long, value_name = "N", value_parser = values::at_least_one, default_value = "10")]
    pub parallelism: usize,
    /// Only this step, or instance (`web[2]`), and what it depends on; may be repeated
    #[arg(long, value_name = "STEP")]
    pub target: Vec<String>,
    /// After a failure start no further steps
    #[arg(long)]
    pub fail_fast: bool,
    /// Stop waiting after this long; the next run continues
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub timeout: Option<Duration>,
    /// Do not tag created resources
    #[arg(long)]
    pub no_stamp: bool,
    /// How long to resolve the outcome of a call whose answer was lost, before sending it again, at most a day
    #[arg(long, value_name = "DURATION", value_parser = values::search_time, alias = "settle-time")]
    pub resolve_time: Option<Duration>,
    /// The most items of a list that a GET step reads
    #[arg(long, value_name = "N", value_parser = values::at_least_one, default_value = "10000")]
    pub max_items: usize,
    /// Check against this OpenAPI document instead of the built-in catalogue
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,
    /// Write what happens to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Write a report of the run to this file: .html, .md, .json or .xml (JUnit)
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Write this output, also a secret one, to a file that only you can read; may be repeated
    #[arg(long, value_name = "OUTPUT=FILE", value_parser = values::output_file)]
    pub write_output: Vec<Assignment>,
    /// Print this secret output, too; may be repeated
    #[arg(long, value_name = "OUTPUT", action = ArgAction::Append)]
    pub show_secret: Vec<String>,
}
