//! What `plan state` takes.

use std::path::PathBuf;

use clap::{Arg, Args, Subcommand};

use super::ImportArguments;
use crate::cli::options::{ApiOptions, LockOptions, PlanOptions, RecordOptions, StateOptions};
use crate::cli::values::{self, ResultFormat};

/// `plan state …`
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// List every call on record, with its phase
    List {
        /// The plan file
        #[arg(value_name = "FILE", conflicts_with = "plan")]
        file: Option<PathBuf>,
        /// Output format
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
        format: ResultFormat,
        #[command(flatten)]
        record: RecordOptions,
    },
    /// Show the record of one step
    Show {
        /// The step, or one instance of it: `web` or `web[0]`
        #[arg(value_name = "STEP")]
        step: String,
        /// The plan file
        #[arg(short, long, value_name = "FILE", conflicts_with = "plan", help_heading = "Record")]
        file: Option<PathBuf>,
        /// Output format
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
        format: ResultFormat,
        #[command(flatten)]
        record: RecordOptions,
    },
    /// Decide the outcome of a call that could not be resolved
    Resolve(ResolveArguments),
    /// Remove a step from the record; its resource stays in the cloud
    Forget {
        /// The step, or one instance of it: `web` or `web[0]`
        #[arg(value_name = "STEP")]
        step: String,
        /// The plan file
        #[arg(short, long, value_name = "FILE", conflicts_with = "plan", help_heading = "Record")]
        file: Option<PathBuf>,
        /// Only what a removal left because it has no undo: `stays`
        #[arg(long)]
        stays: bool,
        /// Skip the confirmation
        #[arg(short, long)]
        yes: bool,
        #[command(flatten)]
        lock: LockOptions,
        #[command(flatten)]
        record: RecordOptions,
    },
    /// Rename a step or an instance in the record; no call is sent
    #[command(
        after_help = "\
Examples:
  plan state mv network net                 a step, with all its instances
  plan state mv 'web[0]' 'web[front]'       one instance
  plan state mv disk 'disk[data]'           a step that has for_each now
  plan state mv deploy.yaml network net     where there are several plans

The plan can do the same in every environment: `moved: [{ from: network, to: net }]`",
        override_usage = "plan state mv [OPTIONS] [FILE] <FROM> <TO>"
    )]
    Mv {
        /// The step, or one instance of it: `web` or `web[0]`
        #[arg(value_name = "FROM")]
        from: String,
        /// Its new name
        #[arg(value_name = "TO")]
        to: String,
        /// The new name, where the plan file is the first word
        #[arg(hide = true)]
        third: Option<String>,
        /// The plan file
        #[arg(short, long, value_name = "FILE", conflicts_with = "plan", help_heading = "Record")]
        file: Option<PathBuf>,
        #[command(flatten)]
        lock: LockOptions,
        #[command(flatten)]
        record: RecordOptions,
    },
    /// Adopt an existing resource as the result of a step; no resource is created or changed
    #[command(
        after_help = "\
Examples:
  plan state import deploy.yaml network 7b5c0f2e-…
  plan state import deploy.yaml 'disk[1]' 96a0a3df-… --own",
        mut_args(for_import)
    )]
    Import(Box<ImportArguments>),
    /// Test whether an object store can hold records, and prepare it
    #[command(after_help = "\
Examples:
  plan state init s3://records/team
  AWS_ENDPOINT_URL_S3=https://… plan state init s3://records/team

Of several concurrent creates of one object exactly one must succeed. This is tested once for each store, and noted in \
it; `plan run` does the same when it first writes there.")]
    Init {
        /// The store: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`, or a folder
        #[arg(value_name = "ADDRESS")]
        address: PathBuf,
    },
    /// Copy a record to a file, for `plan state push`
    #[command(after_help = "\
Examples:
  plan state pull record.jsonl -f deploy.yaml
  plan state push record.jsonl --state s3://records/team

The file has the lines of a record as in a folder. The record is not locked meanwhile.")]
    Pull(PullArguments),
    /// Put a record from a file into a store
    #[command(after_help = "\
Examples:
  plan state push record.jsonl --state s3://records/team
  plan state push record.jsonl --state .plan

The file names its plan and environment. The store must have no record of these, or an earlier state of the one in the file: \
a newer or diverged record is refused.")]
    Push(PushArguments),
    /// Recover a lost record from the account
    #[command(after_help = "\
Examples:
  plan state recover deploy.yaml --dry-run
  plan state recover deploy.yaml --environment staging --accept key=8f1c0a3e-…

Finds resources that have the tag `plan` with the name of this environment, that tasks and the audit log attribute to our \
calls, or that alone match the plan inside a resource of ours. One that has only the right name is recorded as in doubt: \
the next run does not create it, and `--accept STEP=ID` decides.")]
    Recover(RecoverArguments),
    /// Repair a damaged record: from its readable lines, and from the account
    #[command(after_help = "\
Examples:
  plan state salvage deploy.yaml --dry-run
  plan state salvage deploy.yaml

A damaged file is kept next to the new one; objects of a store are not changed.")]
    Salvage(RecoverArguments),
    /// Show who holds the lock, and how to release it
    ///
    /// In a folder the kernel holds the lock, and releases it when its owner ends. In an object store it is
    /// a line of the record, and free when its owner has been silent for a minute.
    Unlock {
        /// The plan file
        #[arg(value_name = "FILE", conflicts_with = "plan")]
        file: Option<PathBuf>,
        /// Take over the lock of an object store at once: its owner stops before its next call
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        record: RecordOptions,
    },
}

/// An import sends no call that changes a resource: options about such calls are accepted, as by every run, and not
/// shown. It takes no saved preview.
fn for_import(argument: Arg) -> Arg {
    const OF_RUNS: [&str; 16] = [
        "replace",
        "prune",
        "refresh",
        "rollback",
        "ttl",
        "parallelism",
        "target",
        "fail_fast",
        "timeout",
        "no_stamp",
        "resolve_time",
        "max_items",
        "report",
        "write_output",
        "show_secret",
        "format",
    ];
    let hidden = OF_RUNS.contains(&argument.get_id().as_str());
    match argument.get_id() == "file" {
        true => argument.help("The plan file"),
        false => argument.hide(hidden),
    }
}

/// `plan state pull`
#[derive(Debug, Args)]
pub struct PullArguments {
    /// The new file to write
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
    /// Replace an existing record, whatever it holds
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
    /// Only show what is found
    #[arg(long)]
    pub dry_run: bool,
    /// Accept this resource as a step's, where only its name says so; may be repeated
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
  plan state resolve network --id 8f1c0a3e-…      it was created: this is its id
  plan state resolve network --task 7d0f6b2a-…    its task runs: the next run waits for it
  plan state resolve 'web[0]' --not-applied       it was not created: the next run sends the call again")]
pub struct ResolveArguments {
    /// The step, or one instance of it: `web` or `web[0]`
    #[arg(value_name = "STEP")]
    pub step: String,
    /// The call created the resource with this id (or name, where the API addresses it by name)
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// The call started this task; may be repeated
    #[arg(long, value_name = "TASK")]
    pub task: Vec<String>,
    /// The call was not carried out
    #[arg(long)]
    pub not_applied: bool,
    /// The plan file
    #[arg(short, long, value_name = "FILE", conflicts_with = "plan", help_heading = "Record")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub lock: LockOptions,
    #[command(flatten)]
    pub record: RecordOptions,
    #[command(flatten)]
    pub api: ApiOptions,
}
