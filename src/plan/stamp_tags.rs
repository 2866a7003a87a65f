//! Tags of a plan with the names of our own (the stamp), by which a created resource is found.

use super::of_step::OfStep;
use super::step_doc::StepDoc;
use crate::catalog::{STAMP, STAMP_ATTEMPT};
use crate::diagnostic::Diagnostic;
use crate::template::{Shape, Template};

/// The findings about such tags of a create that is stamped.
pub(super) fn check(step: &StepDoc, of: &OfStep) -> Vec<Diagnostic> {
    let is_stamped = of.own.as_ref().is_some_and(|create| create.takes_tags && create.creates.is_some());
    let body = step.body.as_ref().filter(|_| is_stamped && !step.unstamped);
    let Some(Shape::Mapping(fields)) = body.map(Template::shape) else { return Vec::new() };
    let Some((_, tags)) = fields.iter().find(|(key, _)| key.text == *"tags") else { return Vec::new() };
    let Shape::Mapping(tags) = tags.shape() else { return Vec::new() };
    let findings = tags.iter().filter_map(|(key, _)| {
        let lost = match &*key.text {
            STAMP => "keeps this value, and without its stamp the resource is not found when the record is lost",
            STAMP_ATTEMPT => "gets the value of the stamp in place of this one",
            _ => return None,
        };
        let message = format!("the tag `{}` is part of the stamp: it {lost}", &*key.text);
        let finding = Diagnostic::warning("stamp-tag", key.span, message);
        Some(finding.help("give the tag another name, or say `stamp: false` in the step"))
    });
    findings.collect()
}
