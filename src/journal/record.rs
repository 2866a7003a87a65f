//! What is on disk: one JSON object a line, each with its number and a checksum ([`super::line`]).
//!
//! Secrets never get here: rendered calls carry keyed digests in their place.
//!
//! Version 1: the first. Version 2: lines are checked by a CRC-32C instead of a part of a SHA-256; records are the same.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::instance::InstanceStatus;
use super::intent::{Evidence, Intent, RecordedCall};
use super::owner::Lease;
use crate::event::{Provenance, StepError};
use crate::id::{InstanceId, StepId};
use crate::secret::hex;
use crate::shared::Shared;

/// The version written. Readers know it and every earlier one.
pub const VERSION: u32 = 2;

/// What happened, as it is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// Always the first line.
    Header(Header),
    /// A run, destroy or other command began.
    Started(Started),
    /// A request is about to leave.
    Intent(Shared<Intent>),
    /// The request surely never reached the API, or the API refused it: nothing was done. `unanswered`: that is believed
    /// because it was looked for and nothing was found.
    NotApplied {
        instance: InstanceId,
        error: StepError,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unanswered: bool,
    },
    /// Sent, and no usable answer: it may have been done.
    Unknown { instance: InstanceId, error: StepError },
    /// An earlier attempt than the last was carried out: it is the one that counts from now on.
    Found { instance: InstanceId, attempt: u32 },
    /// What became of an attempt without answer that the step no longer waits for: it made this as well, by these tasks;
    /// or nothing, and nothing is to be expected of it any more.
    #[serde(rename = "settled")]
    Resolved {
        instance: InstanceId,
        attempt: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tasks: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made: Option<Box<RecordedResource>>,
    },
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
    Failed { instance: InstanceId, error: StepError, leftover: Option<Box<RecordedResource>> },
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
    /// What the step made was looked for, and is not there any more.
    Gone { instance: InstanceId },
    /// What the step made was looked at: somebody else changed these fields of it.
    Drifted { instance: InstanceId, fields: Vec<Drifted> },
    /// Something that existed was taken over, without a call.
    Adopted(Box<Adopted>),
    /// It goes by another name from now on.
    Moved { instance: InstanceId, to: InstanceId },
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
    /// Its plan, or one before it, has secrets: what the API says may repeat one that a teardown does not know.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secrets: bool,
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

/// Something that exists because of a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RecordedResource {
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
    #[serde(rename = "beside", default, skip_serializing_if = "Vec::is_empty")]
    pub secondary: Vec<RecordedResource>,
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
    #[serde(rename = "how")]
    pub provenance: Provenance,
    pub result: StepResult,
    pub made: RecordedResource,
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
    pub agrees: Option<Shared<RecordedCall>>,
}

/// What was taken over for an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adopted {
    pub instance: InstanceId,
    /// The steps that it comes after.
    pub after: Vec<StepId>,
    pub result: StepResult,
    pub made: RecordedResource,
    /// The create's call, as the thing stands.
    pub agrees: Shared<RecordedCall>,
}

/// A field of a call's body that a thing shows otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drifted {
    /// The top field of the body.
    pub field: String,
    /// What it is now, in the form of the body; `None`: it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Value>,
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
            Record::Adopted(adopted) => Some(&adopted.instance),
            Record::NotApplied { instance, .. }
            | Record::Unknown { instance, .. }
            | Record::Found { instance, .. }
            | Record::Resolved { instance, .. }
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
            | Record::Gone { instance }
            | Record::Drifted { instance, .. }
            | Record::Moved { instance, .. }
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
            Record::Found { .. } => "found",
            Record::Resolved { .. } => "settled",
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
            Record::Gone { .. } => "gone",
            Record::Drifted { .. } => "drifted",
            Record::Adopted(_) => "adopted",
            Record::Moved { .. } => "moved",
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
