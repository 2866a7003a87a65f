//! Keys of a step at calls where they can do nothing: `adopt` where nothing is made, `find` where nothing is listed.

use std::sync::Arc;

use super::of_step::OfStep;
use super::step_doc::StepDoc;
use crate::catalog::{Catalog, Method, Operation, root_of};
use crate::diagnostic::{Diagnostic, code};
use crate::template::Shape;

/// The finding about an `adopt` at a call that makes nothing.
pub(super) fn not_adopting(step: &StepDoc, of: &OfStep) -> Option<Diagnostic> {
    let place = step.adopt.as_ref()?.span;
    let call = step.call.as_ref()?;
    let makes = |operation: &Arc<Operation>| operation.creates.as_ref().is_some_and(|made| made.resource.is_some());
    if call.method != Method::Get && of.own.as_ref().is_none_or(makes) {
        return None;
    }
    let finding = Diagnostic::error("adopt-not-here", place, "this call creates no resource that could be adopted");
    Some(finding.help(match call.method {
        Method::Get => "leave it out: a GET finds what exists, by its path or by `find`",
        _ => "`adopt` stands at the step that would create the resource",
    }))
}

/// The finding about a `find` in the answer to a GET of one resource, which is no list.
pub(super) fn find_in_one_resource(step: &StepDoc, of: &OfStep, catalog: &Catalog) -> Option<Diagnostic> {
    let find = step.find.as_ref()?;
    let operation = of.own.as_ref().filter(|operation| operation.route.method == Method::Get)?;
    let path = &operation.route.path;
    let reads_it = |creator: &Operation| {
        let resource = creator.creates.as_ref().and_then(|creates| creates.resource.as_ref());
        resource.and_then(|resource| resource.read.as_ref()).is_some_and(|read| read == path)
    };
    let is_paged =
        operation.query_parameters.iter().any(|parameter| ["limit", "offset", "page"].contains(&&*parameter.name));
    if !path.ends_with('}') || is_paged || catalog.listed(operation).is_some() {
        return None;
    }
    catalog.operations_of(root_of(path)).find(|creator| reads_it(creator))?;
    let message = "this GET answers one resource, and no list that `find` could select from";
    let finding = Diagnostic::error("find-not-here", find.span, message);
    Some(finding.help("leave it out: the answer is `response`, or leave the id out of the path"))
}
/// The finding about a field of `find` that is a misspelt `name`: no item has it, which is known only in a run.
pub(super) fn misspelt_field(step: &StepDoc, of: &OfStep, catalog: &Catalog) -> Option<Diagnostic> {
    let Shape::Mapping(fields) = step.find.as_ref()?.shape() else { return None };
    let listed = of.own.as_ref().and_then(|operation| catalog.listed(operation));
    let name = listed.map_or("name", |listed| listed.name_field.as_deref().unwrap_or("name"));
    let is_near = |word: &str| word != name && strsim::damerau_levenshtein(&word.to_lowercase(), name) <= 1;
    let (key, _) = fields.iter().find(|(key, _)| is_near(&key.text))?;
    let message = format!("no item of this list has a field `{}`", key.text);
    let finding = Diagnostic::warning(code::UNKNOWN_FIELD, key.span, message);
    Some(finding.help(format!("did you mean `{name}`?")).suggest(key.span, name))
}
