//! The intent of a call that is about to be sent, and all that identifies it afterwards.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::call::RecordedCall;
use super::few::Few;
use super::open_call::{self, OpenCall};
use super::time;
use crate::id::{InstanceId, StepId};
use crate::shared::Shared;

/// The record of a call before it is sent (write-ahead log): all that resolves its outcome when the answer is lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    pub instance: InstanceId,
    pub call: Shared<RecordedCall>,
    /// Counts from 1 over all runs.
    pub attempt: u32,
    /// Identifies this attempt: in the `User-Agent`, and in a tag where the operation takes tags.
    pub nonce: String,
    /// Whether the tag was sent.
    pub stamped: bool,
    /// The steps whose results the call uses, and those of `needs`: they are removed after this one.
    pub after: Vec<StepId>,
    /// The undo call, as far as it is known before the answer.
    pub undo: IntendedUndo,
    /// Milliseconds to wait for its tasks, when the plan sets them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The answer is secret, and not recorded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// What else identifies this attempt. Empty in records of earlier versions.
    #[serde(default = "Mark::none", skip_serializing_if = "Mark::is_empty")]
    pub mark: Shared<Mark>,
    /// Set for an update: the plan's call that the resource agrees with afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Shared<RecordedCall>>,
}

impl Shared<Intent> {
    /// A copy for the record, without the parsed values that the running step holds.
    pub(super) fn into_recorded(self) -> Self {
        if !self.is_shared() {
            return self;
        }
        let intent = self.into_owned();
        Intent { call: RecordedCall::clone(&intent.call).into(), ..intent }.into()
    }

    /// Forgets the marks by which the attempt could be found.
    pub(super) fn forget_mark(&mut self) {
        if !self.mark.is_empty() {
            self.mark = Mark::none();
        }
    }
}

/// The identifying marks of one attempt, recorded before it is sent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Mark {
    /// The server's time before sending, at most one second early; `None` before any answer.
    #[serde(default, deserialize_with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub server_time: Option<Timestamp>,
    /// The trace id that is sent: the API's request id, where the API uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// The `User-Agent`, which the audit log stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Ids of existing resources that could be mistaken for what the call makes, and of what another attempt of its
    /// instance made that stays; `None` when they were not listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Vec<String>>,
    /// Ids of resources that existed before the first attempt, of the kinds of its secondary resources; `None`: no list
    /// was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary_before: Option<Vec<String>>,
}

/// The empty mark, shared by all intents whose mark is not needed any more.
static NONE: LazyLock<Shared<Mark>> = LazyLock::new(Shared::default);

impl Mark {
    /// Nothing identifies the attempt.
    pub fn none() -> Shared<Mark> {
        NONE.clone()
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The head of an answer, whatever its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerHead {
    pub status: u16,
    /// The API's id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// An attempt whose effect is not known: it has no answer, so that it may have been carried out, or may still be; or
/// its task ended in ERROR, and may have left a resource; or the API does not know its task any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unanswered {
    pub intent: Shared<Intent>,
    /// When it was about to be sent, on the clock of its writer.
    pub at: Timestamp,
    /// The head of its answer; or of the refusal of a later attempt, because something exists that this one may have made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<AnswerHead>,
    /// Its tasks, of which one ended in ERROR.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub failed: Few<String>,
    /// Its tasks, when it was accepted and the API does not know them any more.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub missing: Few<String>,
}

impl Unanswered {
    /// Whether a later attempt was refused because something exists that this one may have made: a refusal of its own would
    /// say that it made nothing.
    pub fn may_stand_in_the_way(&self) -> bool {
        self.head.as_ref().is_some_and(|head| (400..500).contains(&head.status) && head.status != 408)
    }
}

/// The evidence that a task or resource is ours, when no answer said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Its task has the request id of our call.
    RequestId,
    /// It has the tag of our attempt.
    Stamp,
    /// The audit log has our attempt's `User-Agent` for it.
    AuditLog,
    /// The user confirmed it with `plan state resolve`.
    Decision,
    /// The API keeps its name or path unique; this was free before our call, and the resource agrees with the call.
    OwnKey,
    /// The API said that our call was carried out, and this is the only new resource that fits.
    OnlyNew,
    /// It agrees with the call, and no other resource does; it may belong to another client.
    Likeness,
}

impl Evidence {
    /// Whether the evidence excludes that it belongs to another client.
    pub fn is_certain(self) -> bool {
        self != Evidence::Likeness
    }
}

/// The undo of a step, before its result is known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", from = "WrittenUndo")]
pub enum IntendedUndo {
    /// The catalogue's delete, once the id is known.
    #[default]
    Default,
    /// `undo: none`.
    Keep,
    /// The plan's own call.
    Call(Box<RecordedCall>),
    /// The plan's own call, with open places for values of the step's result.
    Open(Box<OpenCall>),
}

impl IntendedUndo {
    /// Whether it is the plan's own call.
    pub fn is_of_plan(&self) -> bool {
        matches!(self, Self::Call(_) | Self::Open(_))
    }
}

/// An undo as it is written in a line.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenUndo {
    Default,
    Keep,
    Call(Box<RecordedCall>),
    Open(Box<OpenCall>),
}

impl From<WrittenUndo> for IntendedUndo {
    fn from(written: WrittenUndo) -> Self {
        match written {
            WrittenUndo::Default => Self::Default,
            WrittenUndo::Keep => Self::Keep,
            WrittenUndo::Call(call) => match open_call::from_earlier_versions(&call) {
                Some(open) => Self::Open(open.into()),
                None => Self::Call(call),
            },
            WrittenUndo::Open(open) => Self::Open(open),
        }
    }
}
