//! What is on disk: one JSON object a line, each with its number and a checksum.
//!
//! ```text
//! {"sum":"1f2e3d4c","n":0,"at":"…","record":"header","version":1,…}
//! {"sum":"…","n":1,"at":"…","record":"intent","instance":{"step":"network"},…}
//! ```
//!
//! `sum` is the first eight hexadecimal digits of the SHA-256 of the rest of the line. Lines are numbered without gaps.
//! Secrets never get here: rendered calls carry keyed digests in their place.
//!
//! Version 1: the first.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::owner::Lease;
use super::status::InstanceStatus;
use crate::catalog::Method;
use crate::event::{How, StepError};
use crate::plan::{InstanceId, StepId};
use crate::secret::{hex, stands_for_secret};

/// The version written. Readers know it and every earlier one.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub n: u64,
    pub at: Timestamp,
    #[serde(flatten)]
    pub record: Record,
}

/// What happened, as it is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// Always the first line.
    Header(Header),
    /// A run, destroy or other command began.
    Started(Started),
    /// A request is about to leave.
    Intent(Intent),
    /// The request surely never reached the API, or the API refused it: nothing was done.
    NotApplied { instance: InstanceId, error: StepError },
    /// Sent, and no usable answer: it may have been done.
    Unknown { instance: InstanceId, error: StepError },
    /// The API started these tasks for it. `recovered`: found again after the answer was lost, by this evidence.
    Accepted {
        instance: InstanceId,
        tasks: Vec<String>,
        recovered: bool,
        status: Option<u16>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<Evidence>,
    },
    /// The tasks that were found turned out to be another's: what became of the call is as unknown as before.
    Disowned { instance: InstanceId, tasks: Vec<String>, error: StepError },
    /// Done.
    Succeeded(Box<Succeeded>),
    /// A task ended in ERROR. `leftover`: what it left behind all the same, and how to remove that.
    Failed { instance: InstanceId, error: StepError, leftover: Option<Box<Made>> },
    /// A call that takes something away is about to leave. `intent`: what tells this attempt apart, where repeating it
    /// blindly might do more than was asked for (an `undo` that is a POST).
    Removing {
        instance: InstanceId,
        call: RecordedCall,
        attempt: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intent: Option<Box<Intent>>,
    },
    /// The API started these tasks for the removal.
    RemovalAccepted { instance: InstanceId, tasks: Vec<String> },
    /// The removal was refused, or its task failed: the resource is still there.
    RemovalFailed { instance: InstanceId, error: StepError },
    /// One of several things that it made is gone; others are still to go.
    PartRemoved { instance: InstanceId, kind: Option<String>, id: Option<Value> },
    /// What the step made is gone.
    Removed { instance: InstanceId },
    /// What it made since the last command began is gone: it stands as it did then.
    RolledBack { instance: InstanceId },
    /// Somebody decided by hand that this step is no longer ours.
    Forgotten { instance: InstanceId },
    /// The outputs at the end of a run; secret ones as digests.
    Outputs { values: Vec<RecordedOutput> },
    /// The command ended with this exit code.
    Finished { exit: u8 },
    /// First line after the header of a compacted journal: what was known besides the instances. `lines`: how many lines
    /// there had been so far, when it stands for more than are left.
    Compacted {
        tasks: Vec<String>,
        durations: Vec<(String, u64)>,
        #[serde(default, skip_serializing_if = "is_zero")]
        lines: u64,
    },
    /// One instance as it stood when the journal was compacted.
    Kept { instance: InstanceId, status: Box<InstanceStatus> },
    /// Somebody took the right to write, where that is not the kernel's to give.
    Leased(Lease),
    /// Whoever has that right is alive.
    Beat,
    /// The right was given back. The end of a command gives it back, too.
    Released,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// Name and version of the tool that wrote it.
    pub tool: String,
    pub plan: String,
    pub environment: String,
    /// Hexadecimal key of the digests that stand for secrets in this journal.
    pub key: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    pub run: String,
    pub command: String,
    /// The plan file, as it was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_id: Option<i64>,
    /// When a sweep may take the environment down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

impl Header {
    /// The header of a new journal, with a key of its own.
    pub fn new(plan: &str, environment: &str) -> Self {
        let key: Vec<u8> =
            uuid::Uuid::new_v4().into_bytes().into_iter().chain(uuid::Uuid::new_v4().into_bytes()).collect();
        Self {
            version: VERSION,
            tool: concat!("plan ", env!("CARGO_PKG_VERSION")).to_owned(),
            plan: plan.to_owned(),
            environment: environment.to_owned(),
            key: hex(&key),
        }
    }
}

/// A rendered call, secrets replaced by digests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedCall {
    pub method: Method,
    pub path: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

impl RecordedCall {
    /// A digest, or the mark of what was hidden, stands where a secret stood: it cannot be sent as it is.
    pub fn lacks_a_secret(&self) -> bool {
        let decoded = percent_encoding::percent_decode_str(&self.path).decode_utf8_lossy();
        let pairs = self.query.iter().chain(&self.headers).map(|(_, value)| value.as_str());
        std::iter::once(decoded.as_ref()).chain(pairs).any(stands_for_secret)
            || self.body.as_ref().is_some_and(|body| stands_for_secret(&body.to_string()))
    }
}

impl std::fmt::Display for RecordedCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    pub instance: InstanceId,
    pub call: RecordedCall,
    /// Counts from 1 over all runs.
    pub attempt: u32,
    /// Marks this attempt at the API: suffix of the `User-Agent`, and value of a tag where the operation takes tags.
    pub nonce: String,
    /// The tag was sent.
    pub stamped: bool,
    /// The steps whose results went into the call, and those of `needs`: removal goes against this order.
    pub after: Vec<StepId>,
    /// How to take it back, as far as it can be said before the answer.
    pub undo: IntendedUndo,
    /// Milliseconds to wait for its tasks, when the plan says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The answer is secret: it is not kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// What else tells this attempt apart. Empty in what earlier versions wrote.
    #[serde(default, skip_serializing_if = "Mark::is_empty")]
    pub mark: Mark,
    /// It changes what the step made before (`on_change: update`), which agrees with this call of the plan afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Box<RecordedCall>>,
}

/// What tells one attempt of a call apart from everything else, written down before it leaves.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Mark {
    /// The server's time when it was about to leave, at most a second early; `None`: no answer had told it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_time: Option<Timestamp>,
    /// The trace id that is sent with it: the API's request id, where it takes that over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// `User-Agent`, which the audit log keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Ids of what was there before the first attempt and might be taken for what it makes; `None`: nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Vec<String>>,
}

impl Mark {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How it is known that something is ours, when no answer said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Its task carries the request id of our call.
    RequestId,
    /// It carries the tag of our attempt.
    Stamp,
    /// The audit log tells our attempt's `User-Agent`.
    AuditLog,
    /// Somebody said so: `plan state resolve`.
    Decision,
    /// The API lets nobody have its name, or its path, twice; it was free before our call, and is what we asked for.
    OwnKey,
    /// The API said that our call was carried out, and this is all that is new and like what we asked for.
    OnlyNew,
    /// It is like what we asked for, and nothing else is: another's may be, too.
    Likeness,
}

impl Evidence {
    /// It cannot be another's.
    pub fn is_certain(self) -> bool {
        self != Evidence::Likeness
    }
}

/// What is known of a step's undo before its result is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntendedUndo {
    /// What the catalogue says, once the id is known.
    #[default]
    Default,
    /// `undo: none`.
    Keep,
    /// The plan's own call; results of the step itself stand as placeholders (see `engine::undo`).
    Call(RecordedCall),
}

/// Something that exists because of a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Made {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The call that takes it away; `None` keeps it (`undo: none`, or nothing is known that would).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<RecordedCall>,
    /// The tasks that made it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<String>,
    /// Made beside it, and still there when it is gone: each with its own undo.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Made>,
    /// Parent that the API locks while it is written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// It was taken for ours on evidence that another's may give as well: it is used, never deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncertain: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Succeeded {
    pub instance: InstanceId,
    pub how: How,
    pub result: StepResult,
    pub made: Made,
    /// Milliseconds from the first request to the end.
    pub duration_ms: u64,
    /// Type and milliseconds of each task, to learn from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub durations: Vec<(String, u64)>,
    /// How it was found, when its answer was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The call it now agrees with, when that is not the one of its intent (`on_change: update` or `ignore`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agrees: Option<RecordedCall>,
}

/// What later steps may refer to as `steps.<id>`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StepResult {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Ids by kind of what the call made; kinds that the tasks do not list are left out. Before 0.2.0 also what was there
    /// before and only touched.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub created: serde_json::Map<String, Value>,
    /// What the tasks list besides, by kind: it was there before.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub touched: serde_json::Map<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The answer; without what a secret stood in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedOutput {
    pub name: String,
    /// `None` for a secret one, which is not kept, and for one that is null.
    pub value: Option<Value>,
    /// Written since 0.2.0; before, what had no value was a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl RecordedOutput {
    /// Whether its value is kept nowhere.
    pub fn is_secret(&self) -> bool {
        self.secret.unwrap_or(self.value.is_none())
    }
}

impl Record {
    /// The instance it is about.
    pub fn instance(&self) -> Option<&InstanceId> {
        match self {
            Record::Intent(intent) => Some(&intent.instance),
            Record::Succeeded(succeeded) => Some(&succeeded.instance),
            Record::NotApplied { instance, .. }
            | Record::Unknown { instance, .. }
            | Record::Accepted { instance, .. }
            | Record::Disowned { instance, .. }
            | Record::Failed { instance, .. }
            | Record::Removing { instance, .. }
            | Record::RemovalAccepted { instance, .. }
            | Record::RemovalFailed { instance, .. }
            | Record::PartRemoved { instance, .. }
            | Record::Removed { instance }
            | Record::RolledBack { instance }
            | Record::Forgotten { instance }
            | Record::Kept { instance, .. } => Some(instance),
            Record::Header(_)
            | Record::Started(_)
            | Record::Outputs { .. }
            | Record::Finished { .. }
            | Record::Compacted { .. }
            | Record::Leased(_)
            | Record::Beat
            | Record::Released => None,
        }
    }

    /// Its name on disk.
    pub fn name(&self) -> &'static str {
        match self {
            Record::Header(_) => "header",
            Record::Started(_) => "started",
            Record::Intent(_) => "intent",
            Record::NotApplied { .. } => "not-applied",
            Record::Unknown { .. } => "unknown",
            Record::Accepted { .. } => "accepted",
            Record::Disowned { .. } => "disowned",
            Record::Succeeded(_) => "succeeded",
            Record::Failed { .. } => "failed",
            Record::Removing { .. } => "removing",
            Record::RemovalAccepted { .. } => "removal-accepted",
            Record::RemovalFailed { .. } => "removal-failed",
            Record::PartRemoved { .. } => "part-removed",
            Record::Removed { .. } => "removed",
            Record::RolledBack { .. } => "rolled-back",
            Record::Forgotten { .. } => "forgotten",
            Record::Outputs { .. } => "outputs",
            Record::Finished { .. } => "finished",
            Record::Compacted { .. } => "compacted",
            Record::Kept { .. } => "kept",
            Record::Leased(_) => "leased",
            Record::Beat => "beat",
            Record::Released => "released",
        }
    }
}

const SUM_OPEN: &str = "{\"sum\":\"";
const SUM_LENGTH: usize = 8;

impl Line {
    /// The line as it is written, with its line break.
    pub fn encode(&self) -> String {
        let json = serde_json::to_string(self).expect("records are made of types JSON can hold");
        let rest = &json[1..];
        format!("{SUM_OPEN}{}\",{rest}\n", sum(rest))
    }

    /// Reads one line, without its line break.
    ///
    /// # Errors
    ///
    /// In words: what is wrong with it.
    pub fn decode(text: &str) -> Result<Self, String> {
        let inside = text.strip_prefix(SUM_OPEN).ok_or("it does not start with a checksum")?;
        let (found, rest) = inside
            .split_at_checked(SUM_LENGTH)
            .and_then(|(found, rest)| Some((found, rest.strip_prefix("\",")?)))
            .ok_or("its checksum is cut off")?;
        if sum(rest) != found {
            return Err("its checksum does not match".to_owned());
        }
        serde_json::from_str(&format!("{{{rest}")).map_err(|error| format!("it is not a known record: {error}"))
    }
}

fn sum(rest: &str) -> String {
    hex(&Sha256::digest(rest.as_bytes())[..SUM_LENGTH / 2])
}
