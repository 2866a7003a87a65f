//! Events of a run: owned, serialisable, in the past tense.
//!
//! The engine emits them, reporters show them. An event is emitted only after its record is on disk. Texts from the
//! API are untrusted: reporters must escape them. Events contain no secrets: the engine redacts them before.

mod done;
mod failure;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::id::{InstanceId, StepId};

pub use done::{Did, Provenance, SkipReason, StepDone};
pub use failure::{EffectKnown, ErrorClass, SourceLocation, StepError};

/// The version of the event stream written by `--events`.
pub const EVENTS_VERSION: u32 = 1;

/// An event with its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    pub at: Timestamp,
    /// Since the run started; in a rehearsal, simulated time.
    pub elapsed_ms: u64,
    #[serde(flatten)]
    pub event: Event,
}

/// What happened in a run. `--events` writes one a line; variants are past tense.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    RunStarted(RunStarted),
    /// The instances of a `for_each` step are known; other steps have one from the start.
    StepExpanded {
        step: StepId,
        instances: usize,
    },
    /// The instance waits in a queue of the run.
    TurnAwaited {
        instance: InstanceId,
        queue: Queue,
    },
    /// The intent is on disk and the request is sent. `attempt` counts from 1.
    CallStarted {
        instance: InstanceId,
        call: String,
        attempt: u32,
    },
    /// The request will be retried after a pause, because of `reason`.
    CallDelayed {
        instance: InstanceId,
        reason: Delay,
        pause_ms: u64,
    },
    /// The API answered with tasks, which are on disk. `earliest` and `latest` are their usual durations.
    TasksAccepted {
        instance: InstanceId,
        tasks: Vec<String>,
        earliest_ms: u64,
        latest_ms: u64,
    },
    /// The outcome of a write without an answer is being resolved.
    #[serde(rename = "settling-started")]
    ResolvingStarted {
        instance: InstanceId,
        reason: String,
    },
    /// The tasks are finished, but the resource is not ready, or the step's `ready` does not hold.
    ReadinessAwaited {
        instance: InstanceId,
        /// The condition, as text.
        until: String,
        /// The current values of its fields.
        shown: Option<String>,
    },
    /// The resource became ready, this long after its tasks.
    ReadinessReached {
        instance: InstanceId,
        waited_ms: u64,
    },
    StepSucceeded {
        instance: InstanceId,
        result: StepDone,
    },
    /// What the step's call made so far, which stays: the step is about to end without a result.
    ResourceExists {
        instance: InstanceId,
        kind: Option<String>,
        id: String,
        name: Option<String>,
    },
    StepFailed {
        instance: InstanceId,
        error: StepError,
    },
    /// The outcome of the step is unknown: its call may have been carried out.
    StepUnknown {
        instance: InstanceId,
        error: StepError,
    },
    /// The time to wait is over, and the tasks go on: run again.
    StepStillWaiting {
        instance: InstanceId,
        tasks: Vec<String>,
        waited_ms: u64,
        /// What is waited for other than tasks, and its last observed state.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<String>,
        /// The last answer, when the tasks could not be read for a while: they may have ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unread: Option<String>,
    },
    StepSkipped {
        instance: InstanceId,
        reason: SkipReason,
    },
    /// One resource was removed, or what a call did to it was reverted.
    ResourceRemoved {
        instance: InstanceId,
        kind: Option<String>,
        id: Option<String>,
        already_gone: bool,
        /// The plan's `undo`, when it is no DELETE: the resource may still exist.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reverted_by: Option<String>,
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
    /// The instance that the event is about; `None` for an event of a whole step or run.
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
            | Self::ResourceExists { instance, .. }
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

/// What a request waits for before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "queue", rename_all = "kebab-case")]
pub enum Queue {
    /// Another write below the same parent, which the API locks: the instance that made the parent, or its id.
    Parent { of: String },
    /// A permit: the number of requests in flight is limited (`--parallelism`).
    Requests,
    /// The end of a pause that the API asked for (429).
    RateLimit { pause_ms: u64 },
}

/// A run or teardown began; its plan and environment, and what is on record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    pub version: u32,
    pub command: Activity,
    pub plan: String,
    /// The plan file as given on the command line; `None` when only the record is used.
    pub file: Option<String>,
    pub environment: String,
    /// The number of steps; of a teardown, of the instances whose resources exist.
    pub steps: usize,
    /// The number of their instances, when it is known before the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<usize>,
    /// The number of instances that are done according to the record.
    pub recorded: usize,
    /// The folder of records; `None` when no record is kept.
    pub state: Option<String>,
    pub api: String,
}

/// The kind of command whose events these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    Run,
    Rehearse,
    Destroy,
}

impl Activity {
    /// The command as typed.
    pub fn word(self) -> &'static str {
        match self {
            Activity::Run => "run",
            Activity::Rehearse => "rehearse",
            Activity::Destroy => "destroy",
        }
    }
}

/// Why a request is retried later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Delay {
    /// 429: all requests of the run slow down.
    RateLimited,
    /// A running task holds the resource.
    Locked { task: Option<String> },
    /// The request did not reach the API.
    NotSent { cause: String },
    /// The API asked to retry later.
    Unavailable { status: u16 },
    /// A read or an idempotent write failed.
    Failed { cause: String },
    /// Another resource still uses it.
    InUse {
        /// The ids of its users, when they are not on record.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        by: Vec<String>,
        /// Its users that were removed within the last minutes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        removed: Vec<RemovedResource>,
    },
}

/// A resource that is on record as removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedResource {
    pub kind: Option<String>,
    pub id: String,
    pub name: Option<String>,
}

/// The end of a run, with its totals.
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
    /// Instances whose call was reverted by an `undo` that is no DELETE.
    #[serde(default)]
    pub reverted: usize,
    pub left: usize,
    /// The number of HTTP requests, and how many of them were polls.
    pub requests: u64,
    #[serde(rename = "looks")]
    pub polls: u64,
    /// 0 when read from `--events`, where the time of the event stands for it.
    #[serde(default)]
    pub elapsed_ms: u64,
    /// The outputs without a value, where nothing else failed: ``output `x` cannot be evaluated: …``.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The command to type next, when the run did not complete.
    pub next: Option<String>,
}

impl RunFinished {
    /// With totals of zero.
    pub fn new(exit: Exit, elapsed_ms: u64) -> Self {
        Self {
            exit,
            succeeded: 0,
            reused: 0,
            failed: 0,
            skipped: 0,
            waiting: 0,
            unknown: 0,
            removed: 0,
            reverted: 0,
            left: 0,
            requests: 0,
            polls: 0,
            elapsed_ms,
            missing: Vec::new(),
            next: None,
        }
    }

    /// How it ended, as text.
    pub fn meaning(&self) -> &'static str {
        match self.missing.is_empty() {
            true => self.exit.meaning(),
            false => "an output has no value",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_call_did_is_read_from_streams_of_earlier_versions_and_written_for_them() {
        for (call, changed, did) in [
            ("GET /n", false, Did::Read),
            ("POST /n", false, Did::Created),
            ("POST /n/extend", true, Did::Changed),
            ("DELETE /n/1", false, Did::Deleted),
        ] {
            let mut written = json!({ "how": "called", "call": call, "kind": null, "id": "1", "name": null, "tasks": [],
                "duration_ms": 1 });
            if changed {
                written["changed"] = json!(true);
            }
            let read: StepDone = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(read.did, did, "{call}");
            let mut again = serde_json::to_value(&read).unwrap();
            assert_eq!(serde_json::from_value::<StepDone>(again.clone()).unwrap(), read);
            again.as_object_mut().unwrap().remove("did");
            assert_eq!(again, written, "{call}");
        }
        let told = json!({ "how": "called", "call": "POST /find", "kind": null, "id": "1", "name": null, "did": "read",
            "tasks": [], "duration_ms": 1 });
        assert_eq!(serde_json::from_value::<StepDone>(told).unwrap().did, Did::Read);
    }
}
