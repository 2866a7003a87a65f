//! What a report says, before it is written in any format.

use jiff::Timestamp;
use serde::Serialize;

use crate::event::Activity;

/// The version of the JSON format.
pub(super) const VERSION: u32 = 1;

/// A run, as far as it got.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub version: u32,
    pub plan: String,
    pub environment: String,
    /// The plan file as it was named.
    pub file: Option<String>,
    pub command: Option<Activity>,
    pub api: Option<String>,
    pub started: Option<Timestamp>,
    /// The exit code; `None` while it goes on, or when it died.
    pub exit: Option<u8>,
    /// How it ended, in words.
    pub outcome: String,
    pub elapsed_ms: u64,
    pub requests: Option<u64>,
    /// How many of them only polled tasks.
    pub polls: Option<u64>,
    /// In the order of the plan.
    pub steps: Vec<Step>,
    /// In the order in which they were first heard of.
    pub instances: Vec<Instance>,
    pub warnings: Vec<String>,
    /// What to type next.
    pub next: Option<String>,
}

/// A step, as a node of the graph.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    pub id: String,
    /// The worst of its instances.
    pub state: State,
    pub instances: usize,
    /// The steps it comes after.
    pub after: Vec<String>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Instance {
    /// `web[0]`
    pub name: String,
    pub step: String,
    pub state: State,
    pub call: Option<String>,
    /// `load balancer`
    pub kind: Option<String>,
    pub id: Option<String>,
    /// What it is called in the cloud.
    pub resource: Option<String>,
    pub tasks: Vec<String>,
    pub attempts: u32,
    /// Why it was held up, each reason once.
    pub delays: Vec<String>,
    pub failure: Option<Failure>,
    /// Why it was not made.
    pub reason: Option<String>,
    /// When everything it comes after was done, in milliseconds since the start; and so on.
    pub eligible_ms: Option<u64>,
    pub called_ms: Option<u64>,
    pub accepted_ms: Option<u64>,
    pub ended_ms: Option<u64>,
    /// The run could not have ended earlier without it.
    pub critical: bool,
}

/// What went wrong.
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

/// How an instance stands; the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Made by an earlier run.
    Kept,
    Done,
    Removed,
    /// Its own `when` was false.
    Skipped,
    /// Something else stood in the way.
    NotMade,
    Running,
    Waiting,
    Unknown,
    Left,
    Failed,
}

impl State {
    /// In a word or two.
    pub fn word(self) -> &'static str {
        match self {
            State::Kept => "kept",
            State::Done => "done",
            State::Removed => "removed",
            State::Skipped => "skipped",
            State::NotMade => "not made",
            State::Running => "running",
            State::Waiting => "still waiting",
            State::Unknown => "unknown",
            State::Left => "left",
            State::Failed => "failed",
        }
    }
}

impl Instance {
    pub(super) fn new(name: String, step: String) -> Self {
        Self {
            name,
            step,
            state: State::Running,
            call: None,
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

    /// Something of it is in the cloud.
    pub fn exists(&self) -> bool {
        let made = matches!(self.state, State::Kept | State::Done | State::Left);
        let reads = self.call.as_ref().is_some_and(|call| call.starts_with("GET ") || call.starts_with("DELETE "));
        made && self.id.is_some() && !reads
    }
}
