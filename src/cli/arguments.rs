//! What each command takes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use clap_complete::Shell;

use super::options::{ApiOptions, LockOptions, PlanOptions, RecordOptions, RequestOptions, RunOptions, StateOptions};
use super::values::{self, CheckFormat, OutputFormat, PreviewFormat, ResultFormat};

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
  plan run deploy.yaml --set replicas=3 --environment staging
  plan run deploy.yaml --target network     only `network` and what it depends on
  plan run deploy.yaml --replace web        make `web` anew
  plan run deploy.yaml --rollback           take down what this run made, when it fails
  plan run deploy.plan                      exactly what `plan preview --out deploy.plan` showed

GCORE_API_KEY must hold the API key. Running again continues: what is on record is not made twice.")]
pub struct RunArguments {
    /// The plan file, or what `plan preview --out` wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub run: RunOptions,
    /// Make this step, or instance (`net[1]`), anew, whatever the record says; may be repeated
    #[arg(long, value_name = "STEP", help_heading = "Run")]
    pub replace: Vec<String>,
    /// Take down what is on record and no longer in the plan
    #[arg(long, help_heading = "Run")]
    pub prune: bool,
    /// First look for what somebody else changed or removed: it is put back, or made again
    #[arg(long)]
    pub refresh: bool,
    /// When the run fails, take down what it made
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

Exits 3 when there are errors. `plan explain CODE` tells more about a finding.")]
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
    #[arg(value_name = "STEP")]
    pub step: String,
    /// The id of what exists
    #[arg(value_name = "ID")]
    pub id: String,
    /// `plan destroy` takes it down, as if it had been made here
    #[arg(long)]
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
    /// Write what was shown to a file that `plan run` takes; it refuses when anything has moved on
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// How it is printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: PreviewFormat,
    /// Make the reads of the plan, and fail without a key [default: when there is a key]
    #[arg(long, conflicts_with = "offline")]
    pub read: bool,
    /// Make no request
    #[arg(long)]
    pub offline: bool,
    /// First look for what somebody else changed or removed; nothing goes on record
    #[arg(long, conflicts_with = "offline")]
    pub refresh: bool,
    /// Only this step, or instance (`web[2]`), and what it depends on; may be repeated
    #[arg(long, value_name = "STEP", help_heading = "Run")]
    pub target: Vec<String>,
    /// Make this step, or instance, anew, whatever the record says; may be repeated
    #[arg(long, value_name = "STEP", help_heading = "Run")]
    pub replace: Vec<String>,
    /// Take down what is on record and no longer in the plan
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
  plan rehearse deploy.yaml --busy --fault late=3s:POST:volumes     in company, and a request that acts late

A fault is words with colons between them: reset, lost-answer, status=503, rate-limit, cut, html, bad-json,
task-error, delay=2s, late=3s, quota or random:P, then which requests: a method, a piece of the path, a number, every=N, p=P.")]
pub struct RehearseArguments {
    /// The plan file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Trouble to rehearse; may be repeated
    #[arg(long, value_name = "RULE", help_heading = "Simulator")]
    pub fault: Vec<String>,
    /// Others at work in the same project; also `--busy=lists=3s,audit=60s,clock=30s`, see `docs/commands.md`
    #[arg(long, value_name = "WORDS", num_args = 0..=1, require_equals = true, default_missing_value = "", help_heading = "Simulator")]
    pub busy: Option<String>,
    /// Simulated seconds in each real one, to watch it as it would go [default: as fast as it can]
    #[arg(long, value_name = "N", value_parser = values::factor, help_heading = "Simulator")]
    pub speed: Option<f64>,
    /// What ids and durations are drawn from
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Simulator")]
    pub seed: u64,
    #[command(flatten)]
    pub run: RunOptions,
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
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan destroy deploy.yaml
  plan destroy deploy.yaml --environment staging --yes
  plan destroy --plan web-demo --state records     without the plan file

Works from the record alone. Asks first on a terminal; elsewhere `--yes` is needed. Exits 11 when something is left.")]
pub struct DestroyArguments {
    /// The plan file; not needed when `--plan` is given, or the folder of records holds one plan
    #[arg(value_name = "FILE", conflicts_with = "plan")]
    pub file: Option<PathBuf>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Say what would be taken down, and take nothing down
    #[arg(long)]
    pub dry_run: bool,
    /// An environment that was never made is no failure
    #[arg(long)]
    pub if_exists: bool,
    /// Requests at once; waiting for tasks does not count
    #[arg(long, value_name = "N", value_parser = values::at_least_one, default_value = "10", help_heading = "Run")]
    pub parallelism: usize,
    /// Stop waiting after this long; the next destroy goes on
    #[arg(long, value_name = "DURATION", value_parser = values::duration, help_heading = "Run")]
    pub timeout: Option<Duration>,
    /// Write what happens to this file, one JSON object a line
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    pub events: Option<PathBuf>,
    #[command(flatten)]
    pub record: RecordOptions,
    #[command(flatten)]
    pub lock: LockOptions,
    #[command(flatten)]
    pub api: ApiOptions,
}

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
    /// Ask the API as well whether it is all there, and as recorded
    #[arg(long, conflicts_with = "all")]
    pub live: bool,
    /// How it is printed
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
  plan drift deploy.yaml --exit-code    for a schedule: exit 10 when something drifted")]
pub struct DriftArguments {
    /// The plan file; not needed when `--plan` is given, or the folder of records holds one plan
    #[arg(value_name = "FILE", conflicts_with = "plan")]
    pub file: Option<PathBuf>,
    /// Exit 10 when something is gone or changed
    #[arg(long)]
    pub exit_code: bool,
    /// How it is printed
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

Tells of the last run on record. Markdown unless another format is asked for.")]
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
    /// Tell of the run whose events are in this file instead
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    #[command(flatten)]
    pub record: RecordOptions,
}

/// `plan sweep`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan sweep --dry-run                  what would go
  plan sweep --state records --yes

Needs no plan file. An environment has a time to live when its plan says `ttl`, or it was run with `--ttl`.")]
pub struct SweepArguments {
    /// Only list what would be destroyed
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
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

/// `plan state …`
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// List every call on record, with its phase
    List {
        /// The plan file
        #[arg(value_name = "FILE", conflicts_with = "plan")]
        file: Option<PathBuf>,
        /// How it is printed
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
        format: ResultFormat,
        #[command(flatten)]
        record: RecordOptions,
    },
    /// Show everything that is on record for one step
    Show {
        /// The step, or one instance of it: `web` or `web[0]`
        #[arg(value_name = "STEP")]
        step: String,
        /// The plan file
        #[arg(short, long, value_name = "FILE", conflicts_with = "plan", help_heading = "Record")]
        file: Option<PathBuf>,
        /// How it is printed
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
        format: ResultFormat,
        #[command(flatten)]
        record: RecordOptions,
    },
    /// Decide what became of a call whose outcome is unknown
    Resolve(ResolveArguments),
    /// Give up what a step made: it stays, and is ours no longer
    Forget {
        /// The step, or one instance of it: `web` or `web[0]`
        #[arg(value_name = "STEP")]
        step: String,
        /// The plan file
        #[arg(short, long, value_name = "FILE", conflicts_with = "plan", help_heading = "Record")]
        file: Option<PathBuf>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
        #[command(flatten)]
        lock: LockOptions,
        #[command(flatten)]
        record: RecordOptions,
    },
    /// Let what is on record go by another name; no call is made
    #[command(after_help = "\
Examples:
  plan state mv network net                 a step, with all its instances
  plan state mv 'web[0]' 'web[front]'       one instance

The same can stand in the plan, for everybody: `moved: [{ from: network, to: net }]`")]
    Mv {
        /// The step, or one instance of it: `web` or `web[0]`
        #[arg(value_name = "FROM")]
        from: String,
        /// Its new name
        #[arg(value_name = "TO")]
        to: String,
        /// The plan file
        #[arg(short, long, value_name = "FILE", conflicts_with = "plan", help_heading = "Record")]
        file: Option<PathBuf>,
        #[command(flatten)]
        lock: LockOptions,
        #[command(flatten)]
        record: RecordOptions,
    },
    /// Put what exists on record as what a step made; nothing is made or changed
    #[command(after_help = "\
Examples:
  plan state import deploy.yaml network 7b5c0f2e-…
  plan state import deploy.yaml 'disk[1]' 96a0a3df-… --own")]
    Import(Box<ImportArguments>),
    /// Try whether an object store can hold records, and make it one
    #[command(after_help = "\
Examples:
  plan state init s3://records/team
  AWS_ENDPOINT_URL_S3=https://… plan state init s3://records/team

Of several that create one object at once exactly one must succeed. That is tried once for each store, and remembered in
it; `plan run` does the same when it first writes there.")]
    Init {
        /// The store: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`, or a folder
        #[arg(value_name = "ADDRESS")]
        address: PathBuf,
    },
    /// Write a record into a file, to bring it elsewhere with `plan state push`
    #[command(after_help = "\
Examples:
  plan state pull record.jsonl -f deploy.yaml
  plan state push record.jsonl --state s3://records/team

The file is a record as it stands in a folder. Others that write to the record meanwhile are not kept from it.")]
    Pull(PullArguments),
    /// Bring a record from a file, where it goes on from what is there
    #[command(after_help = "\
Examples:
  plan state push record.jsonl --state s3://records/team
  plan state push record.jsonl --state .plan

The file says of which plan and environment it is. What is there must be nothing, or what the record in the file was before:
one that is ahead of it, or went another way, is refused.")]
    Push(PushArguments),
    /// Write a lost record anew from what is in the account
    #[command(after_help = "\
Examples:
  plan state recover deploy.yaml --dry-run
  plan state recover deploy.yaml --environment staging --accept key=8f1c0a3e-…

Finds what carries the tag `plan` with the name of this environment, what our calls made as tasks and the audit log tell it,
and what alone in something of ours is as the plan says. What only has the right name is put on record as in doubt: the
next run makes nothing there, and `--accept STEP=ID` decides.")]
    Recover(RecoverArguments),
    /// Mend a damaged record: what can be read of it, and the rest from what is in the account
    #[command(after_help = "\
Examples:
  plan state salvage deploy.yaml --dry-run
  plan state salvage deploy.yaml

A damaged file is kept beside the new one; objects of a store stay where they are.")]
    Salvage(RecoverArguments),
    /// Tell who holds the lock, and what to do about it
    ///
    /// In a folder the lock is the kernel's: it is released when its owner ends, however it ends. In an object store it is
    /// a line of the record, and free when its owner has been silent for a minute.
    Unlock {
        /// The plan file
        #[arg(value_name = "FILE", conflicts_with = "plan")]
        file: Option<PathBuf>,
        /// Take the lock away at once, where the kernel does not hold it: its owner stops before its next call
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        record: RecordOptions,
    },
}

/// `plan state pull`
#[derive(Debug, Args)]
pub struct PullArguments {
    /// The file to write, which is not there yet
    #[arg(value_name = "RECORD")]
    pub to: PathBuf,
    /// The plan file
    #[arg(short, long, value_name = "FILE", conflicts_with = "plan", help_heading = "Record")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub record: RecordOptions,
}

/// `plan state push`
#[derive(Debug, Args)]
pub struct PushArguments {
    /// A file that `plan state pull` wrote, or the `journal.jsonl` of a folder
    #[arg(value_name = "RECORD")]
    pub from: PathBuf,
    /// Put it in the place of what is there, whatever that is
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub state: StateOptions,
    #[command(flatten)]
    pub lock: LockOptions,
}

/// `plan state recover` and `plan state salvage`
#[derive(Debug, Args)]
pub struct RecoverArguments {
    /// The plan file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Only tell what is found
    #[arg(long)]
    pub dry_run: bool,
    /// Take this for what a step made, where only the name speaks for it; may be repeated
    #[arg(long, value_name = "STEP=ID", value_parser = values::accepted)]
    pub accept: Vec<(String, String)>,
    #[command(flatten)]
    pub plan: PlanOptions,
    #[command(flatten)]
    pub state: StateOptions,
    #[command(flatten)]
    pub lock: LockOptions,
    #[command(flatten)]
    pub api: ApiOptions,
}

/// `plan state resolve`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("decision").required(true).args(["id", "task", "not_applied"]))]
#[command(after_help = "\
Examples:
  plan state resolve network --id 8f1c0a3e-…      it was made: this is its id
  plan state resolve network --task 7d0f6b2a-…    it runs as this task: the next run waits for it
  plan state resolve 'web[0]' --not-applied       nothing was made: the next run makes the call again")]
pub struct ResolveArguments {
    /// The step, or one instance of it: `web` or `web[0]`
    #[arg(value_name = "STEP")]
    pub step: String,
    /// It was made, and this is its id (or name, where the API addresses it by name)
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// The API started this task for it; may be repeated
    #[arg(long, value_name = "TASK")]
    pub task: Vec<String>,
    /// It was never carried out
    #[arg(long)]
    pub not_applied: bool,
    /// The plan file
    #[arg(short, long, value_name = "FILE", conflicts_with = "plan", help_heading = "Record")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub lock: LockOptions,
    #[command(flatten)]
    pub record: RecordOptions,
}

/// `plan tasks`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan tasks                                    the latest, newest first
  plan tasks --state RUNNING --state NEW
  plan tasks --type create_vm --since 2h --format json")]
pub struct TasksArguments {
    /// Only tasks in this state: NEW, RUNNING, FINISHED, ERROR; may be repeated
    #[arg(long, value_name = "STATE", value_parser = values::task_state)]
    pub state: Vec<String>,
    /// Only tasks of this type, such as `create_vm`; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    pub types: Vec<String>,
    /// Only tasks started this long ago or later
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub since: Option<Duration>,
    /// At most this many
    #[arg(long, value_name = "N", value_parser = values::at_least_one, default_value = "20")]
    pub limit: usize,
    /// Show why tasks failed, in the API's words: they may repeat a secret that a call was given
    #[arg(long)]
    pub errors: bool,
    /// How they are printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: ResultFormat,
    #[command(flatten)]
    pub api: ApiOptions,
}

/// `plan wait`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan wait 3fa85f64-5717-4562-b3fc-2c963f66afa6
  plan wait $(curl … | jq -r '.tasks[]') --timeout 20m --format json

Prints what the tasks created. Exits 1 when one ends in ERROR, 6 when the time is over.")]
pub struct WaitArguments {
    /// Ids of tasks
    #[arg(value_name = "TASK", required = true)]
    pub tasks: Vec<String>,
    /// Stop waiting after this long
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub timeout: Option<Duration>,
    /// Show why tasks failed, in the API's words: they may repeat a secret that a call was given
    #[arg(long)]
    pub errors: bool,
    /// How results are printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: ResultFormat,
    #[command(flatten)]
    pub api: ApiOptions,
}

/// `plan ops`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan ops load balancer
  plan ops POST subnets
  plan ops --show 'POST /cloud/v1/networks/{project_id}/{region_id}'
  plan ops --show 'POST networks'               enough of it to be the only one")]
pub struct OpsArguments {
    /// Words of the method, path, section or id of the operation
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Show one operation: parameters, fields, result, undo
    #[arg(long, value_name = "OPERATION", conflicts_with = "words")]
    pub show: Option<String>,
    /// Also list what only reads
    #[arg(long)]
    pub reads: bool,
    /// How it is printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: ResultFormat,
    /// Use this OpenAPI document instead of the built-in catalogue
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,
}

/// `plan new`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan new 'POST /cloud/v1/networks/{project_id}/{region_id}'
  plan new 'POST v2/instances' --id web
  plan new --curl \"curl -X POST https://api.gcore.com/cloud/v1/networks/1/7 -d '{\\\"name\\\": \\\"n\\\"}'\"")]
pub struct NewArguments {
    /// The operation, or enough of it to be the only one
    #[arg(value_name = "OPERATION", required_unless_present = "curl")]
    pub operation: Vec<String>,
    /// Turn a curl command, as in the API's documentation, into a step; `-` reads it from stdin
    #[arg(long, value_name = "COMMAND", conflicts_with = "operation")]
    pub curl: Option<String>,
    /// Id of the step [default: made from what it creates]
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Use this OpenAPI document instead of the built-in catalogue
    #[arg(long, value_name = "FILE")]
    pub spec: Option<PathBuf>,
}

/// `plan graph`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan graph deploy.yaml                        Mermaid, for Markdown
  plan graph deploy.yaml --dot | dot -Tsvg > deploy.svg")]
pub struct GraphArguments {
    /// The plan file; `-` is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Graphviz instead of Mermaid
    #[arg(long)]
    pub dot: bool,
}

/// `plan simulate`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan simulate --listen 127.0.0.1:8080 --speed 100
  GCORE_BASE_URL=http://127.0.0.1:8080 GCORE_API_KEY=any plan run deploy.yaml --project-id 1 --region-id 7

Prints where it listens, then serves until it is interrupted. `plan rehearse --help` tells how faults are written.")]
pub struct SimulateArguments {
    /// Address and port; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Simulated seconds in each real one
    #[arg(long, value_name = "N", value_parser = values::factor, default_value = "1")]
    pub speed: f64,
    /// What ids and durations are drawn from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Trouble to inject; may be repeated
    #[arg(long, value_name = "RULE")]
    pub fault: Vec<String>,
    /// Others at work in the same project; also `--busy=lists=3s,audit=60s,clock=30s`, see `docs/commands.md`
    #[arg(long, value_name = "WORDS", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub busy: Option<String>,
    /// Images of machines and volumes must be in the list of images
    #[arg(long)]
    pub known_images: bool,
    /// A `traceparent` that a client sends becomes the request's id
    #[arg(long)]
    pub take_traceparent: bool,
    /// The one key that is accepted [default: any]
    #[arg(long, value_name = "KEY")]
    pub api_key: Option<String>,
    /// Take ids it never made as existing, as a plan that builds on an account needs
    #[arg(long)]
    pub assume_existing: bool,
}

/// `plan explain`
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// The code of a finding, such as `unknown-field` [default: list all]
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

/// `plan completions`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan completions bash > ~/.local/share/bash-completion/completions/plan
  plan completions zsh > ~/.zfunc/_plan
  plan completions fish > ~/.config/fish/completions/plan.fish")]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// `plan catalog`
#[derive(Debug, Args)]
pub struct CatalogArguments {
    /// The OpenAPI document, JSON or YAML
    #[arg(long, value_name = "FILE")]
    pub spec: PathBuf,
    /// The folder to write to: `src/catalog/data`
    #[arg(long, value_name = "FOLDER")]
    pub write: PathBuf,
}
