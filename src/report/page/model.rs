//! The contents of a report, independent of its format.

use jiff::Timestamp;
use serde::Serialize;

use crate::event::{Activity, Did};

/// The version of the JSON format.
pub(super) const VERSION: u32 = 1;

/// A run, up to its last event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub version: u32,
    pub plan: String,
    pub environment: String,
    /// The plan file, as given on the command line.
    pub file: Option<String>,
    pub command: Option<Activity>,
    pub api: Option<String>,
    pub started: Option<Timestamp>,
    /// The exit code; `None` while the run goes on, or when its process died.
    pub exit: Option<u8>,
    /// The outcome as text.
    pub outcome: String,
    pub elapsed_ms: u64,
    pub requests: Option<u64>,
    /// The number of them that only polled tasks.
    pub polls: Option<u64>,
    /// In the order of the plan.
    pub steps: Vec<GraphNode>,
    /// In the order of their first events.
    pub instances: Vec<Instance>,
    pub warnings: Vec<String>,
    /// The command that continues.
    pub next: Option<String>,
}

/// A step, as a node of the graph.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GraphNode {
    pub id: String,
    /// The gravest state among its instances.
    pub state: InstanceState,
    pub instances: usize,
    /// The steps it depends on.
    pub after: Vec<String>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Instance {
    /// `web[0]`
    pub name: String,
    pub step: String,
    pub state: InstanceState,
    pub call: Option<String>,
    #[serde(skip)]
    pub did: Option<Did>,
    /// `load balancer`
    pub kind: Option<String>,
    pub id: Option<String>,
    /// The name of the resource in the cloud.
    pub resource: Option<String>,
    pub tasks: Vec<String>,
    pub attempts: u32,
    /// The reasons for its delays, each once.
    pub delays: Vec<String>,
    pub failure: Option<Failure>,
    /// Why it was not made.
    pub reason: Option<String>,
    /// When all dependencies were done; this and the following times are milliseconds since the start of the run.
    pub eligible_ms: Option<u64>,
    /// When its first call was sent.
    pub called_ms: Option<u64>,
    /// When the API accepted it, with tasks.
    pub accepted_ms: Option<u64>,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// On the critical path: the run could not have ended earlier without it.
    pub critical: bool,
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub what: String,
    /// `deploy.yaml:23:5`
    pub place: Option<String>,
    pub request_id: Option<String>,
    /// Label and text.
    pub facts: Vec<(String, String)>,
    pub help: Vec<String>,
}

/// The state of an instance; the gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Made by an earlier run.
    Kept,
    Done,
    Removed,
    /// Its `when` is false.
    Skipped,
    /// Not made because of another instance, or because the run ended.
    NotMade,
    Running,
    Waiting,
    Unknown,
    Left,
    Failed,
}

impl InstanceState {
    /// The state as text.
    pub fn word(self) -> &'static str {
        match self {
            InstanceState::Kept => "kept",
            InstanceState::Done => "done",
            InstanceState::Removed => "removed",
            InstanceState::Skipped => "skipped",
            InstanceState::NotMade => "not made",
            InstanceState::Running => "running",
            InstanceState::Waiting => "still waiting",
            InstanceState::Unknown => "unknown",
            InstanceState::Left => "left",
            InstanceState::Failed => "failed",
        }
    }
}

impl Instance {
    pub(super) fn new(name: String, step: String) -> Self {
        Self {
            name,
            step,
            state: InstanceState::Running,
            call: None,
            did: None,
            kind: None,
            id: None,
            resource: None,
            tasks: Vec::new(),
            attempts: 0,
            delays: Vec::new(),
            failure: None,
            reason: None,
            eligible_ms: None,
            called_ms: None,
            accepted_ms: None,
            ended_ms: None,
            critical: false,
        }
    }

    /// Whether a resource exists.
    pub fn exists(&self) -> bool {
        let made = matches!(self.state, InstanceState::Kept | InstanceState::Done | InstanceState::Left);
        made && self.id.is_some() && !matches!(self.did, Some(Did::Read | Did::Deleted))
    }
}
