//! Calls of `undo` and `on_change: update` that do not refer to what their step makes.

use super::model::CallTemplate;
use super::of_step::OfStep;
use super::programs::call_templates;
use super::step_doc::StepDoc;
use crate::catalog::{Creates, Effect, IdAt, Method, Operation};
use crate::diagnostic::Diagnostic;

/// The findings about calls that remove or change another resource than the one that the step makes. Where the plan
/// itself names that one (its path, or its name), a call can be about it without `self`.
pub(super) fn check(step: &StepDoc, of: &OfStep) -> Vec<Diagnostic> {
    let Some(creates) = of.own.as_ref().and_then(|own| own.creates.as_ref()).filter(|creates| is_named_by_api(creates))
    else {
        return Vec::new();
    };
    let (undo, update) = step.calls();
    let removes = undo.filter(|undo| undo.call.method == Method::Delete);
    let changes = update.filter(|_| of.update.as_deref().is_none_or(is_about_one));
    let removes = removes.filter(|call| !mentions_self(call)).map(|undo| {
        let message = "this `undo` does not refer to what the step makes: a destroy removes something else with it";
        let finding = Diagnostic::warning("undo-of-another", undo.call.span, message);
        finding.help(format!("name it by `{{{{ self.id }}}}`: `{}`", own_delete(creates)))
    });
    let changes = changes.filter(|call| !mentions_self(call)).map(|update| {
        let message =
            "this call of `on_change: update` does not refer to what the step makes: it changes something else";
        Diagnostic::warning("undo-of-another", update.call.span, message).help("name it by `{{ self.id }}`")
    });
    removes.into_iter().chain(changes).collect()
}

/// Whether only results of the step tell its resource from others.
fn is_named_by_api(creates: &Creates) -> bool {
    matches!(creates.id_at, IdAt::Task(_) | IdAt::Response(_))
        && creates.resource.as_ref().is_some_and(|resource| !resource.parameter.is_empty() && !resource.by_name)
}

/// Whether a call changes one resource, which its path names.
fn is_about_one(operation: &Operation) -> bool {
    operation.effect == Effect::Change && operation.path_parameters.iter().any(|parameter| parameter.kind.is_some())
}

fn mentions_self(call: &CallTemplate) -> bool {
    call_templates(call).any(|template| template.mentions("self"))
}

/// The delete of what a call creates, as an `undo` writes it.
fn own_delete(creates: &Creates) -> String {
    let own = creates.resource.as_ref().and_then(|resource| {
        let delete = resource.delete.as_ref()?;
        let path = delete.path.replace(&format!("{{{}}}", resource.parameter), "{{ self.id }}");
        Some(format!("{} {path}", delete.method))
    });
    own.unwrap_or_else(|| "DELETE …/{{ self.id }}".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::catalog::{ALLOW_NOTHING, Catalog, Method};
    use crate::plan::step_results::result;

    /// Whether the API takes the id or name of what a step made is judged by kinds: those of creates and paths must agree.
    #[test]
    fn every_call_below_a_resource_takes_the_id_or_name_of_it() {
        let catalog = Catalog::embedded();
        let all: Vec<_> = catalog.roots().flat_map(|root| catalog.operations_of(root)).collect();
        let mut checked = 0;
        for create in &all {
            let Some(resource) = create.creates.as_ref().and_then(|creates| creates.resource.as_ref()) else {
                continue;
            };
            let Some(delete) = resource.delete.as_ref().filter(|_| !resource.parameter.is_empty()) else { continue };
            let segments = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
            let own = segments(&delete.path);
            let about = all.iter().filter(|other| segments(&other.route.path).starts_with(&own));
            for other in about.filter(|other| other.route.method != Method::Get) {
                let word = if resource.by_name { "name" } else { "id" };
                let value = result(create, &[word]);
                let found = other.check_parameters(&[(resource.parameter.clone(), value)], &[], ALLOW_NOTHING);
                let found: Vec<_> = found.iter().filter(|found| found.finding.code != "missing-parameter").collect();
                assert!(found.is_empty(), "{} of {}: {found:?}", other.route, create.route);
                checked += 1;
            }
        }
        assert!(checked > 200, "{checked}");
    }
}
