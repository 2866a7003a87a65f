//! What the commands that ask the API or the catalogue take.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::options::ApiOptions;
use crate::cli::values::{self, ResultFormat};

/// `plan get`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan get                              the names that it knows
  plan get images --name ubuntu
  plan get flavors --region-id 76 --format json
  plan get regions

In a plan, a GET step with `find: { name: … }` finds the same items.")]
pub struct GetArguments {
    /// What to list: images, flavors, regions, projects, networks, keys, …
    #[arg(value_name = "WHAT")]
    pub what: Option<String>,
    /// Only those with this in their name, upper or lower case
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// The most items to accept
    #[arg(long, value_name = "N", value_parser = values::at_least_one, default_value = "10000")]
    pub max_items: usize,
    /// How they are printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: ResultFormat,
    #[command(flatten)]
    pub api: ApiOptions,
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
    /// Show the API's message for failed tasks, which may repeat a secret of a call
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

Prints the resources that the tasks created. Exits 1 when one ends in ERROR, 6 when the timeout is over.")]
pub struct WaitArguments {
    /// Ids of tasks
    #[arg(value_name = "TASK", required = true)]
    pub tasks: Vec<String>,
    /// Stop waiting after this long
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub timeout: Option<Duration>,
    /// Show the API's message for failed tasks, which may repeat a secret of a call
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
    /// Also list read-only operations
    #[arg(long)]
    pub reads: bool,
    /// Output format
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
