//! The parts of a step to check, as written or as accepted.

use std::sync::{Arc, OnceLock};

use crate::catalog::{AllowUnknown, Catalog, Operation};
use crate::plan::model::{CallTemplate, Segment, Step, StepKeys};
use crate::plan::of_step::OfStep;
use crate::plan::request::Whole;
use crate::plan::step_doc::StepDoc;
use crate::plan::step_results::KnownStep;
use crate::template::{Expression, Program, Template};

/// The parts of a step to check, as written or as accepted.
pub(super) struct StepView<'s> {
    pub(super) id: Option<&'s str>,
    /// Its own, and those of `undo` and `on_change: update`.
    pub(super) calls: [Option<Whole<'s>>; 3],
    pub(super) headers: Option<&'s Template>,
    pub(super) places: [Option<&'s Template>; 2],
    pub(super) when: Option<&'s Expression>,
    /// `ready` and `fail_when`.
    pub(super) waits: [Option<&'s Expression>; 2],
    pub(super) for_each: Option<&'s Template>,
    pub(super) find: Option<&'s Template>,
    /// The id or name of what is adopted.
    pub(super) adopt: Option<&'s Template>,
    pub(super) is_for_each: bool,
}

impl<'s> StepView<'s> {
    pub(super) fn at_doc(step: &'s StepDoc, of: &'s OfStep) -> Self {
        let (undo, update) = step.calls();
        let own = step.call.as_ref().map(|call| Whole {
            call,
            operation: of.own.as_ref(),
            query: step.query.as_deref(),
            body: step.body.as_ref(),
            has_body: step.has_body,
            file: step.body_file.as_deref(),
            allowed: &step.allow_unknown,
        });
        let other = |template: Option<&'s CallTemplate>, operation: &'s Option<Arc<Operation>>| {
            Some(template_of(template?, operation.as_ref(), &step.allow_unknown))
        };
        let calls = [own, other(undo, &of.undo), other(update, &of.update)];
        Self::of(step, step.id.as_ref().map(|id| id.value.as_str()), calls, step.is_for_each)
    }

    pub(super) fn at_step(step: &'s Step) -> Self {
        let (undo, update) = step.calls();
        let own = Whole {
            call: &step.call,
            operation: step.operation.as_ref(),
            query: step.query.as_deref(),
            body: step.body.as_ref(),
            has_body: step.body.is_some(),
            file: step.body_file.as_deref(),
            allowed: &step.allow_unknown,
        };
        let other = |template: Option<&'s CallTemplate>| {
            template.map(|template| template_of(template, template.operation.as_ref(), &step.allow_unknown))
        };
        let calls = [Some(own), other(undo), other(update)];
        Self::of(step, Some(step.id.as_str()), calls, step.for_each.is_some())
    }

    fn of(step: &'s StepKeys, id: Option<&'s str>, calls: [Option<Whole<'s>>; 3], is_for_each: bool) -> Self {
        StepView {
            id,
            calls,
            headers: step.headers.as_deref(),
            places: [step.project_id.as_deref(), step.region_id.as_deref()],
            when: step.when.as_deref(),
            waits: [step.ready.condition(), step.fail_when.as_deref()],
            for_each: step.for_each.as_deref(),
            find: step.find.as_deref(),
            adopt: step.adopt.as_ref().map(|adopt| adopt.by.template()),
            is_for_each,
        }
    }

    pub(super) fn known(&self, catalog: &Catalog) -> Option<(&'s str, KnownStep<'s>)> {
        let operation = self.calls[0].as_ref().and_then(|own| own.operation).cloned();
        let listed = operation.as_ref().filter(|_| self.find.is_some());
        let found = listed.and_then(|operation| catalog.listed(operation)).cloned().map(Box::new);
        let (is_for_each, for_each) = (self.is_for_each, self.for_each);
        let (when, keys) = (self.when, OnceLock::new());
        Some((self.id?, KnownStep { operation, is_for_each, for_each, when, found, keys }))
    }

    pub(super) fn programs(&self) -> impl Iterator<Item = &'s Program> {
        let of_calls = self.calls.iter().flatten().flat_map(|whole| {
            let segments = whole.call.segments.iter().filter_map(Segment::template);
            segments.chain(whole.query).chain(whole.body).chain(whole.file.map(|file| &file.path))
        });
        let templates = of_calls
            .chain(self.headers)
            .chain(self.find)
            .chain(self.adopt)
            .chain(self.places.into_iter().flatten())
            .chain(self.for_each);
        let conditions = self.when.into_iter().chain(self.waits.into_iter().flatten());
        templates.flat_map(Template::programs).chain(conditions.filter_map(Expression::program))
    }
}

fn template_of<'s>(
    template: &'s CallTemplate,
    operation: Option<&'s Arc<Operation>>,
    allowed: &'s AllowUnknown,
) -> Whole<'s> {
    let (query, body) = (template.query.as_ref(), template.body.as_ref());
    Whole { call: &template.call, operation, query, body, has_body: body.is_some(), file: None, allowed }
}
