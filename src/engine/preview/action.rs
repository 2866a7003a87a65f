//! What a run would do about one instance.

use serde::Serialize;

use crate::engine::decide::{ChangeKind, ReplaceBlocker, Staying};
use crate::engine::update::Forced;
use crate::id::{InstanceId, StepId};
use crate::journal::{RecordedCall, RecordedResource};

/// What a run would do about one instance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    pub instance: InstanceId,
    #[serde(flatten)]
    pub action: Action,
    /// The call, with secrets hidden and placeholders for values known later.
    pub call: Option<RecordedCall>,
}

/// What a run would do about an instance.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// Send the call.
    Call,
    /// Adopt an existing resource. `then`: what the run does with it afterwards, where the resource was read.
    Adopt {
        #[serde(skip_serializing_if = "Option::is_none")]
        then: Option<Box<Action>>,
    },
    /// Send the read; it changes nothing.
    Read,
    /// Keep the result: the recorded call agrees.
    Keep,
    /// Keep the result, and record what the plan now says about a teardown: no call is made.
    Amend {
        /// The differences: ``undo: `DELETE …` → none``.
        fields: Vec<String>,
        /// What the plan says without an effect.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        said: Vec<String>,
    },
    /// Complete what an earlier run began. `then`: how the run changes it afterwards.
    Continue {
        phase: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        then: Option<Box<Action>>,
    },
    /// Remove what is left of an earlier call, and send the call again.
    Retry {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        left: Vec<RecordedResource>,
    },
    /// The recorded call differs.
    Change {
        how: ChangeKind,
        /// The differences: `body/name: `a` → `b``.
        fields: Vec<String>,
        /// The calls that change it in place; of an action that is called again, the undo of the former call comes
        /// first.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        calls: Vec<RecordedCall>,
        /// What the change removes, with its contents.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        removes: Vec<String>,
        /// The changes that need a new resource, and why.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        forced: Vec<Forced>,
        /// What decides its replacement besides its own differences: the instance that it was made from and goes with
        /// (`replace`), or the dependant that may not be replaced (`error`).
        #[serde(skip_serializing_if = "Option::is_none")]
        because_of: Option<InstanceId>,
        /// Why that dependant may not be replaced.
        #[serde(rename = "bar", skip_serializing_if = "Option::is_none")]
        blocker: Option<ReplaceBlocker>,
    },
    /// `when` is false.
    Skip,
    /// Whether it exists, or how often, or what a look-up finds, is known only later. `read`: known once a step has
    /// been read; an earlier run decided it, and it is assumed to stay the same.
    Depends { on: Vec<StepId>, read: bool },
    /// No longer in the plan.
    Gone {
        /// This run removes it.
        pruned: bool,
        /// This run takes it off the record, and nothing is removed: all that it has stays.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        forgotten: bool,
        /// It would be removed, but this dependant is kept; or no undo takes away what it made, and it is the instance
        /// itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        stays_for: Option<InstanceId>,
        /// Why the call that removes it would not be sent.
        #[serde(skip_serializing_if = "Option::is_none")]
        obstacle: Option<&'static str>,
        made: Vec<RecordedResource>,
        /// What of it a removal leaves where it is.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        stays: Vec<Staying>,
        /// Whether a removal would remove something.
        #[serde(skip)]
        goes: bool,
    },
    /// No longer in the plan, and found missing: the run takes it off the record.
    Missing,
    /// Its templates cannot be evaluated, or its `find` does not select one item.
    Wrong {
        message: String,
        /// The place in the plan: `deploy.yaml:7:11`.
        at: String,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        help: Vec<String>,
    },
}

impl Action {
    /// The change after what an earlier run began is complete, or after an adoption, where there is one; otherwise the
    /// action itself.
    pub fn change(&self) -> &Action {
        match self {
            Action::Continue { then: Some(then), .. } => then,
            Action::Adopt { then: Some(then) } if **then != Action::Keep => then,
            action => action,
        }
    }
}

impl Change {
    /// Whether a run would fail at it, whatever is allowed.
    pub fn fails(&self) -> bool {
        matches!(self.action, Action::Wrong { .. })
    }

    /// Whether a run would make a change, or fail, because of it.
    pub fn is_pending(&self) -> bool {
        match &self.action {
            Action::Read | Action::Keep | Action::Skip => false,
            Action::Gone { pruned, forgotten, stays_for, obstacle, .. } => {
                *pruned || *forgotten || stays_for.is_some() || obstacle.is_some()
            }
            Action::Change { how, .. } => *how != ChangeKind::Ignore,
            Action::Amend { fields, .. } => !fields.is_empty(),
            Action::Depends { read, .. } => !read,
            Action::Call
            | Action::Adopt { .. }
            | Action::Continue { .. }
            | Action::Retry { .. }
            | Action::Missing
            | Action::Wrong { .. } => true,
        }
    }
}

/// Whether the action of a create makes another resource than was there.
pub(super) fn makes_new_resource(action: &Action) -> bool {
    will_send(action) && !matches!(action, Action::Change { how: ChangeKind::Rerun, .. })
}

/// Whether an action sends the call that an instance then has its result of.
pub(super) fn will_send(action: &Action) -> bool {
    match action {
        Action::Call | Action::Retry { .. } => true,
        Action::Change { how, blocker, .. } => {
            matches!(how, ChangeKind::Replace | ChangeKind::Rerun) && blocker.is_none()
        }
        _ => false,
    }
}
