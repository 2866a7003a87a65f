//! Places of `on_change: ignore` that a call does not have: nothing would be ignored.

use super::of_step::OfStep;
use super::step_doc::StepDoc;
use crate::catalog::{AllowedPath, BodyUse, Catalog};
use crate::diagnostic::{Diagnostic, code, nearest};
use crate::template::{Shape, Template};

/// The findings about places that neither the step nor its operation has.
pub(super) fn check(step: &StepDoc, of: &OfStep, catalog: &Catalog) -> Vec<Diagnostic> {
    let Some(operation) = &of.own else { return Vec::new() };
    let schema = catalog.body_schema(operation);
    let of_place = |(place, span): (&String, &_)| {
        let (part, rest) = place.split_once('/').filter(|(part, _)| *part != "headers")?;
        let written = if part == "body" { step.body.as_ref() } else { step.query.as_deref() };
        let names: Vec<&str> = if part == "body" { rest.split('/').collect() } else { vec![rest] };
        let may_be = AllowedPath::parse(place).is_some_and(|path| path.may_be_taken(operation, schema.as_deref()));
        // Of some operations the document does not say what the body has.
        let is_open = part == "body" && schema.is_none() && operation.body != BodyUse::None;
        if may_be || is_open || written.is_some_and(|written| may_have(written, &names)) || step.body_file.is_some() {
            return None;
        }
        let message = format!("`{place}` is no place of this call: nothing is ignored by it");
        let finding = Diagnostic::warning(code::UNKNOWN_FIELD, *span, message);
        let right = with_positions(place).or_else(|| {
            let (_, last) = place.rsplit_once('/')?;
            let known = schema.as_deref().map(|schema| schema.resolve(schema.root()).properties.keys());
            let known = known.into_iter().flatten().map(|name| name.as_str());
            let near = nearest(last, known.chain(written.into_iter().flat_map(keys))).filter(|_| names.len() == 1)?;
            Some(format!("{part}/{near}"))
        });
        Some(match right {
            Some(right) => finding.help(format!("did you mean `{right}`?")).suggest(*span, right),
            None => finding.help("write it as in `body/volumes/0/image_id`: names of fields, and positions in lists"),
        })
    };
    step.ignored_changes.iter().zip(&step.ignored_at).filter_map(of_place).collect()
}

/// The place with positions as they are written: `volumes[0]` is `volumes/0`.
fn with_positions(place: &str) -> Option<String> {
    let right = place.replace('[', "/").replace(']', "");
    (place.starts_with("body/") && right != place && !right.contains("//")).then_some(right)
}

fn keys(template: &Template) -> Vec<&str> {
    match template.shape() {
        Shape::Mapping(entries) => entries.iter().map(|(key, _)| key.text.as_str()).collect(),
        _ => Vec::new(),
    }
}

/// Whether a body as written may have a value there: what templates give is not known.
fn may_have(template: &Template, names: &[&str]) -> bool {
    let Some((first, rest)) = names.split_first() else { return true };
    match template.shape() {
        Shape::Mapping(entries) => {
            entries.iter().any(|(key, value)| key.text.as_str() == *first && may_have(value, rest))
        }
        Shape::List(items) => {
            first.parse::<usize>().ok().and_then(|at| items.get(at)).is_some_and(|item| may_have(item, rest))
        }
        Shape::For(list) => first.parse::<usize>().is_ok() && may_have(&list.each, rest),
        Shape::Constant(_) => false,
        _ => true,
    }
}
