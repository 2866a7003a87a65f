//! What the commands for editors, shells and tests take.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use crate::cli::values;

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

Prints its address, then serves until it is interrupted. `plan rehearse --help` explains the syntax of faults.")]
pub struct SimulateArguments {
    /// Address and port; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", value_parser = values::address, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Simulated seconds in each real one
    #[arg(long, value_name = "N", value_parser = values::factor, default_value = "1")]
    pub speed: f64,
    /// Seed of ids and durations
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Trouble to inject; may be repeated
    #[arg(long, value_name = "RULE")]
    pub fault: Vec<String>,
    /// Simulate other clients in the same project; `--busy=lists=3s,audit=60s,clock=30s` also delays lists and the audit log
    /// (`audit=closed` refuses it), and sets the server's clock ahead (`clock=-30s`: behind)
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
    /// Accept ids of resources that the simulator did not create
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
  source <(plan completions bash)            in ~/.bashrc
  source <(plan completions zsh)             in ~/.zshrc, after compinit
  plan completions fish > ~/.config/fish/completions/plan.fish

The script asks `plan` while you type: it completes steps, inputs and outputs of the plan on the line, recorded environments, \
codes and examples.")]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// `plan man`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plan man | man -l -
  plan man state resolve | man -l -
  plan man --dir ~/.local/share/man/man1")]
pub struct ManArguments {
    /// The command, such as `run` or `state list` [default: plan itself]
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    pub command: Vec<String>,
    /// Write the pages of all commands into this folder: plan.1, plan-run.1, …
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
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
