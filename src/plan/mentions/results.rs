//! References to results of steps that the step does not have.

use crate::diagnostic::{Diagnostic, nearest};
use crate::plan::fields::listed;
use crate::plan::step_doc::StepDoc;
use crate::source::Span;
use crate::template::{Reference, Shape};
use crate::word::Word;

/// The results of one call.
pub(super) const RESULTS: &[&str] =
    &["id", "ids", "name", "created", "touched", "task", "tasks", "status", "response", "resource", "outcome"];

/// Those that are a single value.
const SCALARS: &[&str] = &["id", "name", "task", "status", "outcome"];

/// The results of a step with `for_each`.
const RESULTS_OF_EACH: &[&str] = &["all", "ids", "each"];

pub(super) const EACH: &[&str] = &["key", "value", "index"];

/// The finding about a field of a result that is a single value: `steps.net.id.name`.
pub(super) fn below_a_scalar(of: &str, path: &[Word], spans: &[Span]) -> Option<Diagnostic> {
    let ([first, word, ..], [_, span, ..]) = (path, spans) else { return None };
    SCALARS.contains(&first.as_str()).then(|| {
        let message = format!("`{of}.{first}` is a single value and has no `{word}`");
        let finding = Diagnostic::error("unknown-result", *span, message);
        finding.help(format!("write `{of}.{first}`; fields of the object are in `{of}.resource`"))
    })
}

pub(super) fn unknown_result(word: &str, span: Span, of: &str, fields: &[&str]) -> Option<Diagnostic> {
    if fields.contains(&word) {
        return None;
    }
    let finding = Diagnostic::error("unknown-result", span, format!("`{of}` has no `{word}`"));
    Some(match nearest(word, fields.iter().copied()) {
        Some(near) => finding.help(format!("did you mean `{near}`?")).suggest(span, near),
        None => finding.help(format!(
            "it has {}{}",
            listed(fields.iter().copied()),
            if fields == RESULTS {
                "; what the API answered is in `response`, the object itself in `resource`"
            } else {
                ""
            }
        )),
    })
}

/// The finding about a result that the step does not have.
pub(super) fn result(used: &Reference, step: &StepDoc) -> Option<Diagnostic> {
    let id = used.step.as_str();
    let (first, span) = (used.path.first()?, *used.path_spans.first()?);
    if !step.is_for_each {
        if first == "all" || first == "each" {
            let finding =
                Diagnostic::error("unknown-result", span, format!("step `{id}` has no `for_each`, so no `{first}`"));
            return Some(finding.help(format!("write `steps.{id}.id` and so on")));
        }
        return unknown_result(first, span, &format!("steps.{id}"), RESULTS)
            .or_else(|| below_a_scalar(&format!("steps.{id}"), &used.path, &used.path_spans));
    }
    match first.as_str() {
        "all" | "each" => {
            let of = format!("steps.{id}.{first}[...]");
            match (used.path.get(1), used.path.get(2), used.path_spans.get(2)) {
                (Some(key), _, _) if first == "each" && !has_key(step, key) => {
                    let span = used.path_spans[1];
                    Some(Diagnostic::error(
                        "unknown-result",
                        span,
                        format!("the `for_each` of `{id}` has no key `{key}`"),
                    ))
                }
                (_, Some(word), Some(span)) => unknown_result(word, *span, &of, RESULTS)
                    .or_else(|| below_a_scalar(&of, &used.path[2..], &used.path_spans[2..])),
                _ => None,
            }
        }
        word if RESULTS.contains(&word) && word != "ids" => {
            let finding = Diagnostic::error(
                "unknown-result",
                span,
                format!("step `{id}` has `for_each`: there are many `{word}`"),
            );
            Some(
                finding.help(format!(
                    "write `steps.{id}.all[0].{word}`, `steps.{id}.each['key'].{word}` or `steps.{id}.ids`"
                )),
            )
        }
        word if word.parse::<i64>().is_ok() => {
            let message = format!("step `{id}` has `for_each`, and its instances are in `all`");
            Some(Diagnostic::error("unknown-result", span, message).help(format!("write `steps.{id}.all[{word}]`")))
        }
        word => unknown_result(word, span, &format!("steps.{id}"), RESULTS_OF_EACH),
    }
}

/// Whether a `for_each` may have a key; true when that is not known.
fn has_key(step: &StepDoc, key: &str) -> bool {
    match step.for_each.as_ref().map(|for_each| for_each.shape()) {
        Some(Shape::Mapping(entries)) => entries.iter().any(|(name, _)| name.text == key),
        Some(Shape::List(items)) => key.parse().is_ok_and(|index: usize| index < items.len()),
        _ => true,
    }
}
