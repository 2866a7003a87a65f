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
    #[command(
        after_help = "\
Examples:
  plan state import deploy.yaml network 7b5c0f2e-…
  plan state import deploy.yaml 'disk[1]' 96a0a3df-… --own",
        mut_args(without_a_run)
    )]
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

/// An import makes no call that changes anything: options about such calls are taken, as every run takes them, and not
/// shown.
fn without_a_run(argument: Arg) -> Arg {
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
    argument.hide(hidden)
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
