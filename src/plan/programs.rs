//! Every template of a plan.

use super::doc::PlanDoc;
use super::model::{CallTemplate, Segment};
use super::place::Place;
use super::step_doc::{StepDoc, calls};
use crate::template::{Program, Template};

/// Every template and condition of a step, with its place, which determines what it can refer to.
pub(super) fn programs(step: &StepDoc) -> Vec<(Place, &Program)> {
    let mut all = Vec::new();
    let own = Place::step(step.is_for_each);
    let mut templates: Vec<(Place, &Template)> = Vec::new();
    if let Some(call) = &step.call {
        templates.extend(segments(&call.segments).map(|template| (own.clone(), template)));
    }
    let boxed = [&step.query, &step.headers, &step.find, &step.project_id, &step.region_id];
    for template in step.body.iter().chain(boxed.into_iter().filter_map(Option::as_deref)) {
        templates.push((own.clone(), template));
    }
    if let Some(file) = &step.body_file {
        let of_steps = |template: &Template| template.programs().iter().any(|program| !program.uses().steps.is_empty());
        let each = step.is_for_each && !step.for_each.as_deref().is_some_and(of_steps);
        templates.push((Place::body_file(each), &file.path));
    }
    templates.extend(step.adopt.iter().map(|adopt| (own.clone(), adopt.by.template())));
    if let Some(for_each) = &step.for_each {
        templates.push((Place::for_each(), for_each));
    }
    let with_self = Place::own_results(step.is_for_each);
    let (undo, update) = calls(step);
    let in_undo = Place::undo(step.is_for_each, step.secret);
    for (call, place) in [(undo, in_undo), (update, with_self)] {
        templates.extend(call.into_iter().flat_map(call_templates).map(|template| (place.clone(), template)));
    }
    for (place, template) in templates {
        let within = template.programs_in_lists().into_iter();
        all.extend(within.map(|(program, lists)| (place.in_lists(&lists), program)));
    }
    let conditions = [
        (step.when.as_deref(), Place::when(step.is_for_each)),
        (step.ready.condition(), Place::ready(step.is_for_each)),
        (step.fail_when.as_deref(), Place::fail_when(step.is_for_each)),
    ];
    for (condition, place) in conditions {
        all.extend(condition.and_then(|condition| condition.program()).map(|program| (place, program)));
    }
    all
}

/// Every template and condition of a plan.
pub(super) fn all_programs(doc: &PlanDoc) -> impl Iterator<Item = &Program> {
    let steps = doc.steps.iter().flat_map(|step| programs(step).into_iter().map(|(_, program)| program));
    let outputs = doc.outputs.iter().flat_map(|output| output.value.iter().flat_map(Template::programs));
    steps.chain(outputs)
}

fn segments(segments: &[Segment]) -> impl Iterator<Item = &Template> {
    segments.iter().filter_map(Segment::template)
}

fn call_templates(call: &CallTemplate) -> impl Iterator<Item = &Template> {
    segments(&call.call.segments).chain(&call.query).chain(&call.body)
}
