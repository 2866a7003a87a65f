//! The outcome of a step as it is recorded: its result, and the resources that exist because of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::RecordedCall;
use super::few::Few;
use super::json_text::JsonText;
use super::kinds::Kinds;
use crate::shared::Shared;

/// A resource that exists because of a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RecordedResource {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Shared<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The call that deletes it; `None` when it is to be kept (`undo: none`) or no such call is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<RecordedCall>,
    /// The tasks that made it.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub tasks: Few<String>,
    /// Its secondary resources, which outlive it; each with its own undo.
    #[serde(rename = "beside", default, skip_serializing_if = "<[_]>::is_empty")]
    pub secondary: Few<RecordedResource>,
    /// The parent that the API locks during its writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The evidence for it does not exclude that it is another's: it is used, and never deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncertain: bool,
}

/// A field of a call's body that has another value in the resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drifted {
    /// The top-level field of the body.
    pub field: String,
    /// The current value, in the form of the body; `None` when the field is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Value>,
}

/// The result of a step, which later steps refer to as `steps.<id>`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StepResult {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Shared<Value>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<Shared<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Ids by kind of the resources that the call made; only kinds that the tasks list. In records without
    /// `touched` also existing resources that the call only used.
    #[serde(default, skip_serializing_if = "Kinds::is_empty")]
    pub created: Kinds,
    /// Ids by kind of the other resources that the tasks list, which existed before.
    #[serde(default, skip_serializing_if = "Kinds::is_empty")]
    pub touched: Kinds,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub tasks: Few<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The answer, without fields that contain secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<JsonText>,
}

impl RecordedResource {
    /// Holds no more memory than it needs: there may be very many.
    pub(super) fn shrink(&mut self) {
        self.tasks.shrink_to_fit();
        self.secondary.shrink_to_fit();
        self.secondary.iter_mut().for_each(Self::shrink);
    }
}

impl StepResult {
    /// Sets the ids of what the call made or is about; the first is its `id`.
    pub fn set_ids(&mut self, ids: impl IntoIterator<Item = impl Into<Shared<Value>>>) {
        self.ids = ids.into_iter().map(Into::into).collect();
        self.id = self.ids.first().cloned();
    }

    /// Frees spare room; equal ids then share one text.
    pub(super) fn shrink(&mut self) {
        self.ids.shrink_to_fit();
        if let (Some(id), Some(first)) = (&self.id, self.ids.first_mut())
            && id == first
        {
            first.clone_from(id);
        }
        self.created.shrink(self.id.as_ref());
        self.touched.shrink(self.id.as_ref());
        self.tasks.shrink_to_fit();
    }
}
