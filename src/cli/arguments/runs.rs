//! What `plan run` and the commands around a plan take.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::options::{
    ApiOptions, LockOptions, PlanOptions, RecordOptions, RequestOptions, RunFlags, StateOptions,
};
use crate::cli::values::{self, CheckFormat, PreviewFormat, ResultFormat};

/// `plan init`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan init                                       a web server, in deploy.yaml
  plan init load-balancer --file lb/deploy.yaml
  plan init --list                                all examples")]
pub struct InitArguments {
    /// The example
    #[arg(value_name = "EXAMPLE", default_value = "web-server")]
    pub example: String,
    /// The file to write
    #[arg(short, long, value_name = "FILE", default_value = "deploy.yaml")]
    pub file: PathBuf,
    /// List the examples instead
    #[arg(long)]
    pub list: bool,
}

/// `plan run`
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  plan run deploy.yaml
  plan run deploy.yaml --set disk_size=40 --environment staging
  plan run deploy.yaml --target network     only `network` and what it depends on
  plan run deploy.yaml --replace web        replace `web`
  plan run deploy.yaml --rollback           delete what this run created, when it fails
  plan run deploy.plan                      exactly what `plan preview --out deploy.plan` showed

GCORE_API_KEY must hold the API key. Running again continues: no recorded resource is created twice.")]
pub struct RunArguments {
    /// The plan file, or what `plan preview --out` wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub run: RunFlags,
    /// Replace this step, or instance (`net[1]`), even without a change; may be repeated
    #[arg(long, value_name = "STEP", help_heading = "Run")]
    pub replace: Vec<String>,
    /// Delete recorded resources that are no longer in the plan
    #[arg(long, help_heading = "Run")]
    pub prune: bool,
    /// First read recorded resources, and correct drift: change back what differs, create what is gone
    #[arg(long)]
    pub refresh: bool,
    /// When the run fails, delete what it created
    #[arg(long, help_heading = "Run")]
    pub rollback: bool,
    /// When a sweep may take the environment down, from now on [default: the plan's `ttl`]
    #[arg(long, value_name = "DURATION", value_parser = values::duration, help_heading = "Record")]
    pub ttl: Option<Duration>,
    /// How outputs are printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, help_heading = "Run")]
    pub format: ResultFormat,
    #[command(flatten)]
    pub plan: PlanOptions,
    #[command(flatten)]
    pub state: StateOptions,
    #[command(flatten)]
    pub lock: LockOptions,
    #[command(flatten)]
    pub api: ApiOptions,
}

/// `plan check`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan check deploy.yaml
  plan check plans/*.yaml --strict
  plan check deploy.yaml --format sarif > findings.sarif
  plan check deploy.yaml --online     also ask the API whether key, project, region and quotas are right

Exits 3 when there are errors. `plan explain CODE` explains a finding.")]
pub struct CheckArguments {
    /// Plan files; `-` is stdin
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// How findings are written [default: human, with annotations in a GitHub Actions job]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: Option<CheckFormat>,
    /// Warnings are errors
    #[arg(long)]
    pub strict: bool,
    /// Check against this OpenAPI document instead of the built-in catalogue
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,
    /// Ask the API, too; reads only
    #[arg(long)]
    pub online: bool,
    #[command(flatten)]
    pub plan: PlanOptions,
    #[command(flatten)]
    pub api: ApiOptions,
}

/// `plan state import`
#[derive(Debug, Args)]
pub struct ImportArguments {
    #[command(flatten)]
    pub run: RunArguments,
    /// The step, or one instance of it: `web` or `web[0]`
    #[arg(value_name = "STEP", help_heading = None::<&'static str>)]
    pub step: String,
    /// The id of what exists
    #[arg(value_name = "ID", help_heading = None::<&'static str>)]
    pub id: String,
    /// `plan destroy` deletes it, as if this plan had created it
    #[arg(long, help_heading = None::<&'static str>)]
    pub own: bool,
}

/// `plan preview`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan preview deploy.yaml
  plan preview deploy.yaml --exit-code      exit 10 when there are changes
  plan preview deploy.yaml --out deploy.plan && plan run deploy.plan")]
pub struct PreviewArguments {
    /// The plan file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Exit 10 when there are changes
    #[arg(long)]
    pub exit_code: bool,
    /// In a GitHub Actions job on a pull request: keep one comment with this preview up to date, with GITHUB_TOKEN
    #[arg(long)]
    pub comment: bool,
    /// Save the preview to a file for `plan run`, which refuses it when the plan, its inputs or the record have changed
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: PreviewFormat,
    /// Make the reads of the plan, and fail without a key [default: when there is a key]
    #[arg(long, conflicts_with = "offline")]
    pub read: bool,
    /// Make no request
    #[arg(long)]
    pub offline: bool,
    /// First read recorded resources, and show what a run does about drift; drift is not recorded
    #[arg(long, conflicts_with = "offline")]
    pub refresh: bool,
    /// Only this step, or instance (`web[2]`), and what it depends on; may be repeated
    #[arg(long, value_name = "STEP", help_heading = "Run")]
    pub target: Vec<String>,
    /// Replace this step, or instance, even without a change; may be repeated
    #[arg(long, value_name = "STEP", help_heading = "Run")]
    pub replace: Vec<String>,
    /// Delete recorded resources that are no longer in the plan
    #[arg(long, help_heading = "Run")]
    pub prune: bool,
    /// Check against this OpenAPI document instead of the built-in catalogue
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub spec: Option<PathBuf>,
    #[command(flatten)]
    pub plan: PlanOptions,
    #[command(flatten)]
    pub state: StateOptions,
    #[command(flatten)]
    pub api: ApiOptions,
}

/// `plan rehearse`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan rehearse examples/web-server.yaml
  plan rehearse deploy.yaml --fault lost-answer:POST:networks:1     the first network's answer is lost
  plan rehearse deploy.yaml --fault 'task-error:volumes:text=no space'
  plan rehearse deploy.yaml --fault random:0.3:seed=7               three requests in ten meet trouble
  plan rehearse deploy.yaml --busy --fault late=3s:POST:volumes     with other clients, and a request that acts late

A fault is words with colons between them: reset, lost-answer, status=503, rate-limit, cut, html, bad-json, task-error, \
delay=2s, late=3s, quota or random:P, then which requests: a method, a piece of the path, a number, every=N, p=P.")]
#[command(mut_arg("timeout", |timeout| timeout.help("Stop waiting after this long, in simulated time")))]
pub struct RehearseArguments {
    /// The plan file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Trouble to rehearse; may be repeated
    #[arg(long, value_name = "RULE", help_heading = "Simulator")]
    pub fault: Vec<String>,
    /// Simulate other clients in the same project; `--busy=lists=3s,audit=60s,clock=30s` also delays lists and the audit log
    /// (`audit=closed` refuses it), and sets the server's clock ahead (`clock=-30s`: behind)
    #[arg(long, value_name = "WORDS", num_args = 0..=1, require_equals = true, default_missing_value = "", help_heading = "Simulator")]
    pub busy: Option<String>,
    /// Simulated seconds in each real one, to watch the run at that pace [default: as fast as it can]
    #[arg(long, value_name = "N", value_parser = values::factor, help_heading = "Simulator")]
    pub speed: Option<f64>,
    /// Seed of ids and durations
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Simulator")]
    pub seed: u64,
    #[command(flatten)]
    pub run: RunFlags,
    /// How outputs are printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, help_heading = "Run")]
    pub format: ResultFormat,
    #[command(flatten)]
    pub plan: PlanOptions,
    /// The project, for `{project_id}` [default: 1]
    #[arg(long, value_name = "ID", value_parser = values::id, help_heading = "Account")]
    pub project_id: Option<i64>,
    /// The region, for `{region_id}` [default: 1]
    #[arg(long, value_name = "ID", value_parser = values::id, help_heading = "Account")]
    pub region_id: Option<i64>,
    #[command(flatten)]
    pub requests: RequestOptions,
}

/// `plan destroy`
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  plan destroy deploy.yaml
  plan destroy deploy.yaml --environment staging --yes
  plan destroy --plan web-demo --state records     without the plan file

Needs only the record. Asks first on a terminal; elsewhere `--yes` is needed. Exits 11 when a resource is left.")]
pub struct DestroyArguments {
    /// The plan file; not needed when `--plan` is given, or the folder of records holds one plan
    #[arg(value_name = "FILE", conflicts_with = "plan")]
    pub file: Option<PathBuf>,
    /// Skip the confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// Only list what would be deleted
    #[arg(long)]
    pub dry_run: bool,
    /// Succeed when the environment does not exist
    #[arg(long)]
    pub if_exists: bool,
    /// Requests at once; waiting for tasks does not count
    #[arg(long, value_name = "N", value_parser = values::at_least_one, default_value = "10", help_heading = "Run")]
    pub parallelism: usize,
    /// Stop waiting after this long; the next destroy continues
    #[arg(long, value_name = "DURATION", value_parser = values::duration, help_heading = "Run")]
    pub timeout: Option<Duration>,
    /// Write what happens to this file, one JSON object a line
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub events: Option<PathBuf>,
    /// Write a report of the teardown to this file: .html, .md, .json or .xml (JUnit)
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub record: RecordOptions,
    #[command(flatten)]
    pub lock: LockOptions,
    #[command(flatten)]
    pub api: ApiOptions,
}
