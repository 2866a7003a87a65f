//! Secrets in the path of a resource. Its undo is on record until a teardown sends it, and the record holds no secrets:
//! no teardown could delete such a resource.

use super::doc::PlanDoc;
use super::model::{Call, Undo};
use super::of_step::OfStep;
use super::step_doc::StepDoc;
use crate::catalog::{Effect, IdAt, Operation};
use crate::diagnostic::{Diagnostic, Findings};
use crate::hash::HashSet;
use crate::template::Template;

/// Reports secret inputs in the paths and ids that the default undo of a step needs.
pub(super) fn check(doc: &PlanDoc, of: &[OfStep], findings: &mut Findings) {
    let secret = doc.inputs.iter().filter(|input| input.input.secret);
    let secret: HashSet<&str> = secret.map(|input| input.name.as_str()).collect();
    if secret.is_empty() {
        return;
    }
    for (step, of) in doc.steps.iter().zip(of) {
        let Some(operation) = of.own.as_ref().filter(|_| matches!(step.undo, Undo::Default)) else { continue };
        let found = undo_path_templates(step, operation).into_iter().find_map(|template| {
            let used = template.inputs().find(|used| secret.contains(used.name.as_str()))?;
            let message = format!("the undo of this step would contain the secret input `{}`", used.name);
            let finding = Diagnostic::error("undo-secret", template.span, message);
            Some(finding.label("this is in its path").help(
                "the record holds no secrets, so that a teardown could not send it: use an input that is \
                 not secret, or `undo: none` and delete the resource by hand",
            ))
        });
        findings.extend(found);
    }
}

/// The templates of a step from which the path of its default undo is made.
fn undo_path_templates<'s>(step: &'s StepDoc, operation: &Operation) -> Vec<&'s Template> {
    let creates = operation.creates.as_ref().filter(|_| operation.effect == Effect::Create);
    let Some((creates, resource)) = creates.and_then(|creates| Some((creates, creates.resource.as_ref()?))) else {
        return Vec::new();
    };
    let Some(delete) = &resource.delete else { return Vec::new() };
    let in_path = |name: &str| match &creates.id_at {
        IdAt::Path(names) if names.iter().any(|known| known == name) => true,
        _ => delete.path.contains(&format!("{{{name}}}")),
    };
    let in_body = match &creates.id_at {
        _ if resource.by_name => creates.name_at.as_deref(),
        IdAt::Body(pointer) => Some(pointer.as_str()),
        _ => None,
    };
    let of_path = step.call.iter().flat_map(|call| parameters(call, operation));
    let of_path = of_path.filter(|(name, _)| in_path(name)).map(|(_, template)| template);
    let of_body = in_body.and_then(|pointer| Some(step.body.as_ref()?.at(pointer)));
    of_path.chain(of_body).collect()
}

/// The templates in the path of a call, each with the parameter that it is for.
fn parameters<'c>(call: &'c Call, operation: &Operation) -> Vec<(String, &'c Template)> {
    let documented = operation.route.path.split('/').skip(1);
    let segments = call.segments.iter().zip(documented);
    let named = segments.filter_map(|(segment, documented)| {
        Some((documented.trim_matches(['{', '}']).to_owned(), segment.template()?))
    });
    named.collect()
}
