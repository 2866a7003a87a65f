//! The status of one instance.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::RecordedCall;
use super::few::Few;
use super::intent::{AnswerHead, Evidence, Intent, Unanswered};
use super::result::{Drifted, RecordedResource, StepResult};
use super::time;
use crate::event::StepError;
use crate::id::StepId;
use crate::shared::Shared;

/// What is known about one instance.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct InstanceStatus {
    pub phase: Phase,
    pub attempts: u32,
    /// The last intent; without its mark once its outcome is known.
    pub intent: Option<Shared<Intent>>,
    pub intended_at: Option<Timestamp>,
    pub result: Option<StepResult>,
    /// The call that the result agrees with.
    pub agrees: Option<Shared<RecordedCall>>,
    /// What exists because of it, oldest first.
    pub made: Vec<RecordedResource>,
    pub after: Vec<StepId>,
    /// The last error.
    pub error: Option<Box<StepError>>,
    pub finished_at: Option<Timestamp>,
    pub duration_ms: Option<u64>,
    /// Tasks that were taken for its own and turned out to be another's.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub disowned: Few<String>,
    /// The head of the answer to the last attempt, when only that arrived and the outcome is unknown; or of the refusal of
    /// a later attempt ([`Unanswered::may_stand_in_the_way`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<AnswerHead>,
    /// The tasks of the last attempt, when it was accepted and the API does not know them any more.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub missing: Few<String>,
    /// Attempts besides the last that were never answered, oldest first: what one of them made, or will make yet, is on
    /// no record.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub earlier: Few<Unanswered>,
    /// How the tasks that it waits for were found, when no answer named them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Ids of its resources that were found missing; calls that name them were made from resources that do not exist
    /// any more.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub lost: Few<Value>,
    /// Ids of its resources that were taken off the record, and exist without it.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub forgotten: Few<Value>,
    /// Drift: fields that another client changed, with the values found since the last call.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub drifted: Few<Drifted>,
    /// The drift that the last update corrected.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub corrected: Few<Drifted>,
    /// Its main resource was made by its own call, and not adopted. Unknown, and therefore not set, in what an earlier
    /// version compacted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub called: bool,
    /// The API's time by which its resource existed, where that is identified by its name.
    #[serde(default, deserialize_with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub existed_on: Option<Timestamp>,
    /// What it made and a removal left where it is, because no undo takes it away.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub stays: Few<RecordedResource>,
    /// The last removal call, where it must not be repeated before its outcome is resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<Box<Intent>>,
    /// The last DELETE of a resource that is identified by its name, until its outcome is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Box<Asked>>,
}

/// A DELETE that may have been carried out, and the digest of what it was to remove.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub call: RecordedCall,
    pub seen: String,
}

/// The phase of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing was done, or it is gone again.
    #[default]
    Absent,
    /// A request was about to be sent, and nothing more is known.
    InDoubt,
    /// These tasks run for it.
    Accepted {
        tasks: Vec<String>,
        recovered: bool,
        status: Option<u16>,
    },
    Succeeded,
    /// The call ended without a usable result.
    Failed,
    /// A removal was about to be sent.
    Removing,
    /// These tasks remove it.
    RemovalAccepted {
        tasks: Vec<String>,
    },
}

impl InstanceStatus {
    /// Whether a resource exists, or may exist: a teardown has work to do.
    pub fn may_exist(&self) -> bool {
        !self.made.is_empty()
            || matches!(
                self.phase,
                Phase::InDoubt | Phase::Accepted { .. } | Phase::Removing | Phase::RemovalAccepted { .. }
            )
    }

    /// Whether its calls had an effect, or may have had one: a resource, or only a change of another's.
    pub fn has_effect(&self) -> bool {
        self.may_exist() || self.phase == Phase::Succeeded || !self.earlier.is_empty() || !self.stays.is_empty()
    }

    /// Whether its resource was found missing, and was neither made again nor taken off the record since.
    pub fn is_gone(&self) -> bool {
        let is_settled = self.finished_at.is_some() && self.intent.is_none() && self.made.is_empty();
        self.phase == Phase::Absent && !self.lost.is_empty() && !is_settled
    }

    /// Whether nothing is known of it but that it was there: no effect, no error, nothing that is missing.
    pub fn is_over(&self) -> bool {
        !self.has_effect() && !self.is_gone() && self.error.is_none()
    }

    /// The name that another client gave its resource.
    pub fn drifted_name(&self) -> Option<&str> {
        self.drifted.iter().find(|drifted| drifted.field == "name")?.now.as_ref()?.as_str()
    }

    /// Takes over, from a status whose place this one takes, what that has besides a resource: attempts without an answer, what
    /// stays, and the ids of what is missing or was forgotten.
    pub fn inherit(&mut self, former: Self) {
        self.attempts = self.attempts.max(former.attempts);
        self.earlier.extend(former.earlier);
        self.lost.extend(former.lost);
        self.forgotten.extend(former.forgotten);
        self.stays.extend(former.stays);
    }

    /// The call that describes the resource; after an update in place, the create as it stands now.
    pub fn call(&self) -> Option<&RecordedCall> {
        let updated = self.intent.as_ref().is_some_and(|intent| intent.update.is_some());
        let intended = self.intent.as_ref().map(|intent| &*intent.call);
        let stands = self.phase == Phase::Succeeded && (updated || intended.is_none());
        if stands { self.agrees.as_deref().or(intended) } else { intended }
    }

    /// The call that its resource agrees with; of a recovered one, until it is compared with the plan, the call that it
    /// was found for.
    pub fn agreed(&self) -> Option<&RecordedCall> {
        let found_for = self.intent.as_ref().filter(|_| self.phase == Phase::Succeeded);
        self.agrees.as_deref().or_else(|| found_for.map(|intent| &*intent.call))
    }

    /// Whether a create was sent or accepted, and its result is not recorded yet.
    pub(super) fn is_making(&self) -> bool {
        let creates = self.intent.as_ref().is_some_and(|intent| intent.update.is_none());
        creates && matches!(self.phase, Phase::InDoubt | Phase::Accepted { .. })
    }

    /// The last attempt, while its outcome is unknown.
    pub fn in_doubt(&self) -> Option<Unanswered> {
        if self.phase != Phase::InDoubt {
            return None;
        }
        Some(Unanswered {
            intent: self.intent.clone()?,
            at: self.intended_at?,
            head: self.head.clone(),
            failed: Few::default(),
            missing: self.missing.clone(),
        })
    }
}

impl Phase {
    /// The phase in one word.
    pub fn name(&self) -> &'static str {
        match self {
            Phase::Absent => "absent",
            Phase::InDoubt => "in doubt",
            Phase::Accepted { .. } => "waiting",
            Phase::Succeeded => "done",
            Phase::Failed => "failed",
            Phase::Removing | Phase::RemovalAccepted { .. } => "being removed",
        }
    }
}
