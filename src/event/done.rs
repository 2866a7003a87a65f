//! How a step succeeded.

use serde::{Deserialize, Serialize};

use crate::id::InstanceId;

/// How a step was completed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "WrittenStepDone", into = "WrittenStepDone")]
pub struct StepDone {
    pub provenance: Provenance,
    /// `POST /cloud/v1/networks/1/7`
    pub call: String,
    pub did: Did,
    /// Kind, id and name of the main resource, if there is one.
    pub kind: Option<String>,
    pub id: Option<String>,
    pub name: Option<String>,
    pub tasks: Vec<String>,
    /// From the first request to the completion.
    pub duration_ms: u64,
}

/// What a call did with its main resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Did {
    /// It changed nothing: a read, also one by another method than GET.
    Read,
    Created,
    /// The resource existed before.
    Changed,
    Deleted,
}

/// A [`StepDone`] in the stream of `--events`.
#[derive(Serialize, Deserialize)]
struct WrittenStepDone {
    how: Provenance,
    call: String,
    kind: Option<String>,
    id: Option<String>,
    name: Option<String>,
    /// `did` is `changed`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    changed: bool,
    /// Missing in streams of earlier versions.
    #[serde(default)]
    did: Option<Did>,
    tasks: Vec<String>,
    duration_ms: u64,
}

impl From<WrittenStepDone> for StepDone {
    fn from(written: WrittenStepDone) -> Self {
        let by_method = || match written.call.split(' ').next() {
            Some("GET") => Did::Read,
            Some("DELETE") => Did::Deleted,
            _ if written.changed => Did::Changed,
            _ => Did::Created,
        };
        Self {
            provenance: written.how,
            did: written.did.unwrap_or_else(by_method),
            call: written.call,
            kind: written.kind,
            id: written.id,
            name: written.name,
            tasks: written.tasks,
            duration_ms: written.duration_ms,
        }
    }
}

impl From<StepDone> for WrittenStepDone {
    fn from(done: StepDone) -> Self {
        Self {
            how: done.provenance,
            call: done.call,
            changed: done.did == Did::Changed && done.id.is_some(),
            did: Some(done.did),
            kind: done.kind,
            id: done.id,
            name: done.name,
            tasks: done.tasks,
            duration_ms: done.duration_ms,
        }
    }
}

/// How the result of a step came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provenance {
    /// This run made the call.
    Called,
    /// An existing resource was changed in place by this run.
    Updated,
    /// An earlier run made the call; no request was sent.
    Reused,
    /// An earlier run started its tasks; this one waited for them.
    Continued,
    /// The outcome was in doubt, as after a lost answer, and the result found.
    Recovered,
    /// An existing resource was adopted.
    Adopted,
}

/// Why a step was not run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SkipReason {
    /// `when` is false.
    Condition,
    /// A step it depends on did not succeed: the first one of the chain.
    Dependency { step: InstanceId },
    /// `--target`, `--fail-fast`, an interrupt or the end of `--timeout`.
    NotStarted { why: String },
}
