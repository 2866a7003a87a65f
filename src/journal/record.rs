//! What is on disk: one JSON object a line, each with its number and a checksum ([`super::line`]).
//!
//! Secrets never get here: rendered calls carry keyed digests in their place.
//!
//! Version 1: the first. Version 2: lines are checked by a CRC-32C instead of a part of a SHA-256; records are the
//! same.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::RecordedCall;
use super::instance::InstanceStatus;
use super::intent::{Evidence, Intent};
use super::owner::Lease;
use super::result::{Drifted, RecordedResource, StepResult};
use super::time;
use crate::event::{Provenance, StepError};
use crate::id::{InstanceId, StepId};
use crate::secret::hex;
use crate::shared::Shared;

/// The version written. Readers know it and every earlier one.
pub const VERSION: u32 = 2;

/// A record: one event in the life of an environment.
///
/// In a line the name of a variant stands among its fields (`tagged`), not around them as in the derived form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "kebab-case")]
pub enum Record {
    /// Always the first line.
    Header(Header),
    /// A run, destroy or other command began.
    Started(Started),
    /// A request is about to be sent.
    Intent(Shared<Intent>),
    /// The request surely never reached the API, or the API refused it: nothing was done. `unanswered`: that is
    /// believed because it was looked for and nothing was found.
    NotApplied {
        instance: InstanceId,
        error: StepError,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unanswered: bool,
    },
    /// Sent without a usable answer: it may have been carried out.
    Unknown { instance: InstanceId, error: StepError },
    /// An attempt before the last was carried out, and is the one that counts.
    Found { instance: InstanceId, attempt: u32 },
    /// The outcome of an attempt that was given up and may have been carried out late: the resource that it made in
    /// addition, by these tasks; or none, and it is no longer searched for.
    #[serde(rename = "settled")]
    Resolved {
        instance: InstanceId,
        attempt: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tasks: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        made: Option<Box<RecordedResource>>,
    },
    /// The API started these tasks for the call. `recovered`: they were found, by this evidence, after the answer was
    /// lost.
    Accepted {
        instance: InstanceId,
        tasks: Vec<String>,
        recovered: bool,
        status: Option<u16>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<Evidence>,
    },
    /// These tasks were attributed to the call and proved to be another's: its outcome is unknown again.
    Disowned { instance: InstanceId, tasks: Vec<String>, error: StepError },
    /// The API does not know these tasks of the accepted call, or does not any more: how they ended, and so the outcome
    /// of the call, is unknown. A record of its own, so that an earlier version refuses it and does not wait for them.
    TasksMissing { instance: InstanceId, tasks: Vec<String>, error: StepError },
    /// The call is complete, and this is its result.
    Succeeded(Box<Succeeded>),
    /// A task ended in ERROR, or what was found after a lost answer is of no use without that answer. `leftover`: what
    /// is left behind, and how to delete that. `unclear`: it is not known whether the failed call left a resource,
    /// which is searched for as after a lost answer.
    Failed {
        instance: InstanceId,
        error: StepError,
        leftover: Option<Box<RecordedResource>>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unclear: bool,
    },
    /// A delete or undo call is about to be sent. `intent`: identifies the attempt when the call is not idempotent
    /// (an `undo` by POST).
    Removing {
        instance: InstanceId,
        call: RecordedCall,
        attempt: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intent: Option<Box<Intent>>,
        /// Digest of what a read showed before: tells a resource that is identified by its name from another of that
        /// name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<String>,
    },
    /// The API started these tasks for the removal.
    RemovalAccepted { instance: InstanceId, tasks: Vec<String> },
    /// The removal was refused, or its task failed: the resource is still there.
    RemovalFailed { instance: InstanceId, error: StepError },
    /// One of the instance's resources is removed; others remain.
    PartRemoved { instance: InstanceId, kind: Option<String>, id: Option<Value> },
    /// The instance's resources are removed.
    Removed { instance: InstanceId },
    /// The resources made since the last command began are removed: the instance is as it was before that.
    RolledBack { instance: InstanceId },
    /// The user removed the instance from the record (`plan state forget`).
    Forgotten { instance: InstanceId },
    /// The resource was looked for and does not exist any more.
    Gone { instance: InstanceId },
    /// The main resource does not exist any more; secondary resources that outlive it do, and stay on record. A record
    /// of its own, so that an earlier version refuses it and does not forget what is left.
    MainGone { instance: InstanceId },
    /// The resource was read: these fields were changed outside of `plan`.
    Drifted { instance: InstanceId, fields: Vec<Drifted> },
    /// An existing resource was adopted, without a call.
    Adopted(Box<Adopted>),
    /// The plan's undo, ownership or dependencies of the instance changed, and its call did not: what a teardown will
    /// use.
    Amended(Box<Amended>),
    /// The instance has a new name.
    Moved { instance: InstanceId, to: InstanceId },
    /// The outputs at the end of a run; secret ones as digests.
    Outputs { values: Vec<RecordedOutput> },
    /// The command ended with this exit code.
    Finished { exit: u8 },
    /// The first line after the header of a compacted journal: what is known besides the instances. `lines`: how many
    /// lines were written so far, when more than are left.
    Compacted {
        tasks: Vec<String>,
        /// Type and milliseconds of finished tasks.
        durations: Vec<(String, u64)>,
        #[serde(default, skip_serializing_if = "is_zero")]
        lines: u64,
    },
    /// The status of one instance when the journal was compacted.
    Kept { instance: InstanceId, status: Box<InstanceStatus> },
    /// A process took the lease (records in an object store).
    Leased(Lease),
    /// The holder of the lease is alive (heartbeat).
    Beat,
    /// The lease was released. `Finished` releases it as well.
    Released,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The first line of a journal: whose record it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// Name and version of the program that wrote it.
    pub tool: String,
    pub plan: String,
    pub environment: String,
    /// Hexadecimal key of the digests that stand for secrets in this journal.
    pub key: String,
}

/// A command that writes to the record began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    pub run: String,
    pub command: String,
    /// The plan file, as given on the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_id: Option<i64>,
    /// When `plan sweep` may remove the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Whether this plan, or an earlier one of the record, has secrets: answers may repeat one that a teardown does
    /// not know.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secrets: bool,
}

impl Started {
    /// The `command` of a teardown of the whole environment.
    pub const DESTROY: &str = "destroy";
}

impl Header {
    /// The header of a new journal, with a new key.
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

/// A call of an instance succeeded, and its tasks ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Succeeded {
    pub instance: InstanceId,
    #[serde(rename = "how")]
    pub provenance: Provenance,
    pub result: StepResult,
    pub made: RecordedResource,
    /// Milliseconds from the first request to the end.
    pub duration_ms: u64,
    /// Type and milliseconds of each task, for the watcher's table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub durations: Vec<(String, u64)>,
    /// The evidence, when the answer was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The call that the resource agrees with now, when that is not the call of its intent (`on_change: update` or
    /// `ignore`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agrees: Option<Shared<RecordedCall>>,
    /// The API's time by which a resource that is identified by its name existed: one of that name that was created
    /// later is another's.
    #[serde(default, deserialize_with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub existed_on: Option<Timestamp>,
}

/// A resource adopted for an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adopted {
    pub instance: InstanceId,
    /// The steps that the instance comes after.
    pub after: Vec<StepId>,
    pub result: StepResult,
    pub made: RecordedResource,
    /// The create's call with the resource's current values.
    pub agrees: Shared<RecordedCall>,
}

/// What the plan changed of an instance other than its call, or of the form of that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Amended {
    pub instance: InstanceId,
    /// Its main resource, with the undo that counts from now on; the default when no undo is left of a call that makes
    /// nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<RecordedResource>,
    /// The steps that the instance comes after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Vec<StepId>>,
    /// The drift on record is settled: the plan says the same by now, or ignores it. An earlier version still tells it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settled: bool,
    /// The call that its result agrees with, in the plan's form: with digests in place of what is a secret now, or without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agrees: Option<Shared<RecordedCall>>,
}

/// An output of the last run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedOutput {
    pub name: String,
    /// `None` for a secret value, which is not recorded, and for null.
    pub value: Option<Value>,
    /// Absent in older records: there an output without a value is secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Record {
    /// Holds no more memory than it needs: there may be very many.
    pub(super) fn shrink(&mut self) {
        if let Record::Succeeded(done) = self {
            done.shrink();
        }
    }
}

impl Succeeded {
    /// Frees spare room; `made` and `result` then share one id.
    pub(super) fn shrink(&mut self) {
        self.result.shrink();
        self.made.shrink();
        if self.made.id == self.result.id {
            self.made.id.clone_from(&self.result.id);
        }
    }
}

impl RecordedOutput {
    /// Whether the value is secret, and so not recorded.
    pub fn is_secret(&self) -> bool {
        self.secret.unwrap_or(self.value.is_none())
    }
}

impl Record {
    /// The instance that the record is about.
    pub fn instance(&self) -> Option<&InstanceId> {
        match self {
            Record::Intent(intent) => Some(&intent.instance),
            Record::Succeeded(succeeded) => Some(&succeeded.instance),
            Record::Adopted(adopted) => Some(&adopted.instance),
            Record::Amended(amended) => Some(&amended.instance),
            Record::NotApplied { instance, .. }
            | Record::Unknown { instance, .. }
            | Record::Found { instance, .. }
            | Record::Resolved { instance, .. }
            | Record::Accepted { instance, .. }
            | Record::Disowned { instance, .. }
            | Record::TasksMissing { instance, .. }
            | Record::Failed { instance, .. }
            | Record::Removing { instance, .. }
            | Record::RemovalAccepted { instance, .. }
            | Record::RemovalFailed { instance, .. }
            | Record::PartRemoved { instance, .. }
            | Record::Removed { instance }
            | Record::RolledBack { instance }
            | Record::Forgotten { instance }
            | Record::Gone { instance }
            | Record::MainGone { instance }
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

    /// The name in the file.
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
            Record::TasksMissing { .. } => "tasks-missing",
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
            Record::MainGone { .. } => "main-gone",
            Record::Drifted { .. } => "drifted",
            Record::Adopted(_) => "adopted",
            Record::Amended(_) => "amended",
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
