//! Every template of a step.

use super::model::{CallTemplate, Segment};
use super::step_doc::StepDoc;
use super::template_scope::TemplateScope;
use crate::template::{Expression, Program, Template};

/// Every template and condition of a step, with its place, which determines what it can refer to.
pub(super) fn programs<'s>(step: &'s StepDoc) -> Vec<(TemplateScope, &'s Program)> {
    let mut all = Vec::new();
    if step.is_constant {
        return all;
    }
    // A place is made where there is a program.
    let mut add = |template: &'s Template, place: &dyn Fn() -> TemplateScope| {
        let within = template.programs_in_lists().into_iter();
        all.extend(within.map(|(program, lists)| (place().in_lists(&lists), program)));
    };
    let own = || TemplateScope::step(step.is_for_each);
    step.call.iter().flat_map(|call| segments(&call.segments)).for_each(|template| add(template, &own));
    let boxed = [&step.query, &step.headers, &step.find, &step.project_id, &step.region_id];
    let templates = step.body.iter().chain(boxed.into_iter().filter_map(Option::as_deref));
    templates.for_each(|template| add(template, &own));
    if let Some(file) = &step.body_file {
        let of_steps = |template: &Template| template.programs().iter().any(|program| !program.uses().steps.is_empty());
        let each = step.is_for_each && !step.for_each.as_deref().is_some_and(of_steps);
        add(&file.path, &|| TemplateScope::body_file(each));
    }
    step.adopt.iter().for_each(|adopt| add(adopt.by.template(), &own));
    step.for_each.iter().for_each(|for_each| add(for_each, &TemplateScope::for_each));
    let (undo, update) = step.calls();
    let in_undo = || TemplateScope::undo(step.is_for_each, step.secret);
    undo.into_iter().flat_map(call_templates).for_each(|template| add(template, &in_undo));
    let in_update = || TemplateScope::own_results(step.is_for_each);
    update.into_iter().flat_map(call_templates).for_each(|template| add(template, &in_update));
    let mut add = |condition: Option<&'s Expression>, place: fn(bool) -> TemplateScope| {
        let program = condition.and_then(Expression::program);
        all.extend(program.map(|program| (place(step.is_for_each), program)));
    };
    add(step.when.as_deref(), TemplateScope::when);
    add(step.ready.condition(), TemplateScope::ready);
    add(step.fail_when.as_deref(), TemplateScope::fail_when);
    all
}

fn segments(segments: &[Segment]) -> impl Iterator<Item = &Template> {
    segments.iter().filter_map(Segment::template)
}

/// Every template of a call of `undo` or `on_change: update`.
pub(super) fn call_templates(call: &CallTemplate) -> impl Iterator<Item = &Template> {
    segments(&call.call.segments).chain(&call.query).chain(&call.body)
}
