//! One instance of a step in a run: what it works with, and what comes of it. What happens to it is in the modules that
//! use this one: `step` takes its turns, `ended` tells its end.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::context::About;
use super::interruption::Interruption;
use super::operation::Matched;
use super::render::RenderContext;
use super::run::Run;
use crate::event::Provenance;
use crate::id::{InstanceId, StepId};
use crate::journal::{InstanceStatus, Intent, RecordedCall, StepResult};
use crate::plan::Step;
use crate::shared::Shared;
use crate::template::Each;

/// One instance of a step, ready to run.
pub struct Instance {
    pub run: Arc<Run>,
    /// Position of the step in the plan.
    pub step: usize,
    pub each: Option<Each>,
    /// The values of the steps it depends on.
    pub values: Arc<BTreeMap<StepId, minijinja::Value>>,
    /// Whether any step or output may read its value.
    pub is_read: bool,
}

/// How an instance ended.
#[derive(Debug)]
pub enum InstanceEnd {
    /// With `steps.<id>` for templates.
    Done {
        value: Option<Value>,
        reused: bool,
    },
    /// By the step's `when`.
    Skipped,
    Interrupted(Interruption),
}

/// The outcome of an instance that is done.
pub(super) struct Done {
    pub result: StepResult,
    pub provenance: Provenance,
    /// The resource as a read shows it after the call; `None` unless the step has `ready` or `fail_when`, or a template
    /// refers to its `resource`.
    pub resource: Option<Value>,
}

/// An intent on record with its operation.
pub(super) struct Intended<'a> {
    pub intent: &'a Intent,
    /// Its call, which keeps what is read in it; the recorded one must not.
    pub call: &'a Shared<RecordedCall>,
    pub matched: Matched,
}

impl Instance {
    /// Its step, as the plan has it.
    pub(super) fn step(&self) -> &Step {
        &self.run.plan.steps[self.step]
    }

    /// The id of its step, with the key of its element.
    pub fn id(&self) -> InstanceId {
        InstanceId::new(self.step().id.clone(), self.each.as_ref().map(|each| each.key.clone()))
    }

    /// What its templates can refer to.
    pub(super) fn surroundings(&self) -> RenderContext<'_> {
        self.run.surroundings(&self.values, self.each.as_ref())
    }

    /// The call that an error is about, with the place of the call in the plan.
    pub(super) fn about(&self, call: &Shared<RecordedCall>) -> About {
        About { call: Some(call.clone()), place: Some(self.run.plan_span(self.step().call.span)) }
    }

    /// What the record has of an instance.
    pub(super) fn known(&self, id: &InstanceId) -> Shared<InstanceStatus> {
        self.run.context.journal.with_status(|status| status.instances.get(id).cloned().unwrap_or_default())
    }

    /// Whether the step's answer is secret (`secret: true`).
    pub fn is_secret(&self) -> bool {
        self.step().secret
    }
}
