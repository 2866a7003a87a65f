//! What happened during a run: owned, serialisable, past tense.
//!
//! The engine says it, reporters tell it. Nothing is said that is not on disk. Texts that came from the API are data:
//! a reporter must treat them as hostile. Events hold no secrets: the engine redacts before it speaks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::id::{InstanceId, StepId};

/// The version of the event stream written by `--events`.
pub const EVENTS_VERSION: u32 = 1;

/// An event and when it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    pub at: Timestamp,
    /// Since the run started; in a rehearsal, simulated time.
    pub elapsed_ms: u64,
    #[serde(flatten)]
    pub event: Event,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    RunStarted(RunStarted),
    /// A `for_each` step got its instances; plain steps have one from the start.
    StepExpanded {
        step: StepId,
        instances: usize,
    },
    /// It waits in a queue of the run's own.
    TurnAwaited {
        instance: InstanceId,
        queue: Queue,
    },
    /// The intent is on disk and the request leaves. `attempt` counts from 1.
    CallStarted {
        instance: InstanceId,
        call: String,
        attempt: u32,
    },
    /// The request will be repeated after a pause, because of `reason`.
    CallDelayed {
        instance: InstanceId,
        reason: Delay,
        pause_ms: u64,
    },
    /// The API answered with tasks; they are on disk. `earliest` and `latest` are typical durations.
    TasksAccepted {
        instance: InstanceId,
        tasks: Vec<String>,
        earliest_ms: u64,
        latest_ms: u64,
    },
    /// A write whose answer was lost is being looked up.
    #[serde(rename = "settling-started")]
    ResolvingStarted {
        instance: InstanceId,
        reason: String,
    },
    /// The tasks are done, and what they made is not usable yet, or the step's `ready` does not hold.
    ReadinessAwaited {
        instance: InstanceId,
        /// What is waited for, in words.
        until: String,
        /// What the object shows now.
        shown: Option<String>,
    },
    /// It is ready, so long after its tasks were done.
    ReadinessReached {
        instance: InstanceId,
        waited_ms: u64,
    },
    StepSucceeded {
        instance: InstanceId,
        result: StepDone,
    },
    StepFailed {
        instance: InstanceId,
        error: StepError,
    },
    /// Its outcome is unknown: it may or may not have been carried out.
    StepUnknown {
        instance: InstanceId,
        error: StepError,
    },
    /// The time to wait is over, the tasks go on: run again.
    StepStillWaiting {
        instance: InstanceId,
        tasks: Vec<String>,
        waited_ms: u64,
        /// What else than the tasks is waited for, and what was seen of it last.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<String>,
    },
    StepSkipped {
        instance: InstanceId,
        reason: SkipReason,
    },
    /// Teardown of one resource.
    ResourceRemoved {
        instance: InstanceId,
        kind: Option<String>,
        id: Option<String>,
        already_gone: bool,
    },
    ResourceLeft {
        instance: InstanceId,
        kind: Option<String>,
        id: Option<String>,
        error: StepError,
    },
    InterruptReceived {
        signal: String,
        in_flight: usize,
    },
    Warned {
        message: String,
    },
    RunFinished(RunFinished),
}

impl Event {
    /// The call it is about.
    pub fn instance(&self) -> Option<&InstanceId> {
        match self {
            Self::TurnAwaited { instance, .. }
            | Self::CallStarted { instance, .. }
            | Self::CallDelayed { instance, .. }
            | Self::TasksAccepted { instance, .. }
            | Self::ResolvingStarted { instance, .. }
            | Self::ReadinessAwaited { instance, .. }
            | Self::ReadinessReached { instance, .. }
            | Self::StepSucceeded { instance, .. }
            | Self::StepFailed { instance, .. }
            | Self::StepUnknown { instance, .. }
            | Self::StepStillWaiting { instance, .. }
            | Self::StepSkipped { instance, .. }
            | Self::ResourceRemoved { instance, .. }
            | Self::ResourceLeft { instance, .. } => Some(instance),
            Self::RunStarted(_)
            | Self::StepExpanded { .. }
            | Self::InterruptReceived { .. }
            | Self::Warned { .. }
            | Self::RunFinished(_) => None,
        }
    }
}

/// What somebody waits for before a request leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "queue", rename_all = "kebab-case")]
pub enum Queue {
    /// A write of another below the same parent, which the API locks: the instance that made it, or its id.
    Parent { of: String },
    /// One of the requests that may be under way at once (`--parallelism`).
    Requests,
    /// The end of a pause that the API asked for (429).
    RateLimit { pause_ms: u64 },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    pub version: u32,
    pub command: Activity,
    pub plan: String,
    /// The plan file as named on the command line; `None` when working from the record alone.
    pub file: Option<String>,
    pub environment: String,
    pub steps: usize,
    /// Instances found done in the record.
    pub recorded: usize,
    /// The state folder; `None` when nothing is kept.
    pub state: Option<String>,
    pub api: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    Run,
    Rehearse,
    Destroy,
}

/// Why a request is repeated later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Delay {
    /// 429: the whole run slows down.
    RateLimited,
    /// A running task holds the resource.
    Locked { task: Option<String> },
    /// Never reached the API.
    NotSent { cause: String },
    /// The API said to come back.
    Unavailable { status: u16 },
    /// A read or an idempotent write failed on the way.
    Failed { cause: String },
    /// In use by something that is still being removed.
    InUse {
        /// Ids of what uses it, when no step of this record made them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        by: Vec<String>,
    },
}

/// How a step came to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepDone {
    #[serde(rename = "how")]
    pub provenance: Provenance,
    /// `POST /cloud/v1/networks/1/7`
    pub call: String,
    /// Kind, id and name of the one thing created, where there is one.
    pub kind: Option<String>,
    pub id: Option<String>,
    pub name: Option<String>,
    pub tasks: Vec<String>,
    /// From the first request to the end.
    pub duration_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// This run made the call.
    Called,
    /// It was there, and this run changed it in place.
    Updated,
    /// An earlier run did; no request was made.
    Reused,
    /// An earlier run started it; this one waited.
    Continued,
    /// The answer was lost and the result found again.
    Recovered,
    /// It existed already (`on_conflict: adopt`).
    Adopted,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SkipReason {
    /// `when` was false.
    Condition,
    /// A step it needs did not succeed: the one that stopped the chain.
    Dependency { step: InstanceId },
    /// `--target`, `--fail-fast`, an interrupt or the end of `--timeout`.
    NotStarted { why: String },
}

/// What went wrong with a step, and what we know of its effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepError {
    pub effect: EffectKnown,
    pub class: ErrorClass,
    /// The story in one phrase: `QuotaLimitExceed: ... (request_id ...)`.
    pub message: String,
    /// The call, where one was made.
    pub call: Option<String>,
    pub status: Option<u16>,
    pub request_id: Option<String>,
    pub task: Option<String>,
    /// `invalid_fields` of the API: JSON pointer into the body, and what is wrong there.
    pub invalid_fields: Vec<(String, String)>,
    /// `file:line:column` of the step or the field.
    pub place: Option<Place>,
    /// What to do next.
    pub help: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKnown {
    NotApplied,
    Applied,
    Unknown,
}

/// Decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// A template could not be evaluated, a pattern did not match.
    Template,
    NotAllowed,
    Quota,
    Rejected,
    /// A task ended in ERROR.
    Task,
    /// The API could not be reached.
    Unreachable,
    Unknown,
    /// The record could not be written.
    Record,
    Internal,
}

/// The end of a run, with the totals a reporter would otherwise have to count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFinished {
    pub exit: Exit,
    pub succeeded: usize,
    pub reused: usize,
    pub failed: usize,
    pub skipped: usize,
    pub waiting: usize,
    pub unknown: usize,
    pub removed: usize,
    pub left: usize,
    /// HTTP requests, and how many of them only polled tasks.
    pub requests: u64,
    #[serde(rename = "looks")]
    pub polls: u64,
    /// Read back as 0: on a line of `--events` the time of the event stands for it.
    #[serde(default)]
    pub elapsed_ms: u64,
    /// What to type next, when something is left to do.
    pub next: Option<String>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
