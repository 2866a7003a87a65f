//! A call that is about to leave, and all that tells it apart from every other.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalog::Method;
use crate::id::{InstanceId, StepId};
use crate::secret::stands_for_secret;
use crate::shared::Shared;

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
    pub call: Shared<RecordedCall>,
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
    pub update: Option<Shared<RecordedCall>>,
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

/// What the head of an answer said, whatever became of its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub status: u16,
    /// The API's name of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// An attempt that was never answered: it may have been carried out, or may be yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unanswered {
    pub intent: Shared<Intent>,
    /// When it was about to leave, on the clock of its writer.
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
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
