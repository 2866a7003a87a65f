//! The plan that a file without errors becomes.

use std::iter;
use std::sync::Arc;

use super::edges::dependencies_of;
use crate::body_file::BodyFiles;
use crate::hash::IndexMap;
use crate::id::StepId;
use crate::plan::doc::{OutputDoc, PlanDoc};
use crate::plan::mentions::{ResourceUses, resource_uses};
use crate::plan::model::{ModuleInput, Output, Plan, Step, Steps};
use crate::plan::of_step::OfStep;
use crate::plan::operations::Operations;
use crate::plan::record_doc;
use crate::plan::step_doc::StepDoc;
use crate::source::Source;
use crate::yaml::List;

/// The accepted plan.
pub(super) fn accept(
    mut doc: PlanDoc,
    operations: Option<Operations>,
    module_inputs: Vec<ModuleInput>,
    source: &Arc<Source>,
) -> Plan {
    let resources = resource_uses(&doc);
    let records = record_doc::accept(std::mem::take(&mut doc.records), doc.programs());
    let steps = accept_steps(doc.steps, operations.map(Operations::into_steps).unwrap_or_default(), &resources);
    // At its full size at once: growing would hold all of it twice.
    let mut outputs = IndexMap::with_capacity_and_hasher(doc.outputs.len(), Default::default());
    for output in doc.outputs {
        let OutputDoc { name, name_span: span, value, description, secret } = output;
        outputs.extend(value.map(|value| (name, Output { span, value, description, secret })));
    }
    let folder = source.folder();
    Plan {
        source: Arc::clone(source),
        body_files: Arc::new(BodyFiles::below(folder)),
        folder: folder.to_owned(),
        name: doc.name.map(|name| name.value).unwrap_or_default(),
        description: doc.description,
        inputs: doc.inputs.into_iter().map(|input| (input.name, input.input)).collect(),
        project_id: doc.project_id,
        region_id: doc.region_id,
        ttl: doc.ttl,
        records,
        steps,
        outputs,
        moved: doc.moved.into_iter().collect(),
        module_inputs,
    }
}

/// The accepted steps. What was read is freed piece by piece, so that a long plan is not held twice.
fn accept_steps(steps: List<StepDoc>, operations: Vec<OfStep>, resources: &ResourceUses) -> Steps {
    let mut accepted = Steps::with_capacity_and_hasher(steps.len(), Default::default());
    let operations = operations.into_iter().chain(iter::repeat_with(OfStep::default));
    for (step, of) in steps.into_iter().zip(operations) {
        let step = accept_step(step, of, resources);
        accepted.extend(step.map(|step| (step.id.clone(), step)));
    }
    accepted
}

fn accept_step(step: StepDoc, of: OfStep, resources: &ResourceUses) -> Option<Step> {
    let after = dependencies_of(&step);
    let StepDoc { id, call, always, mut written, .. } = step;
    let id = id?;
    let (undo, update) = written.calls_mut();
    undo.into_iter().for_each(|call| call.operation.clone_from(&of.undo));
    update.into_iter().for_each(|call| call.operation.clone_from(&of.update));
    written.after = after;
    let id_span = id.span;
    let id = StepId::new(id.value.as_str());
    Some(Step {
        resource_used: resources.used.contains(&id),
        uses_resource: resources.used_by.contains(&id),
        id,
        id_span,
        call: call?,
        operation: of.own,
        always: always.is_some_and(|always| always.value),
        written,
    })
}
