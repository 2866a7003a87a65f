//! References to secrets in places where they must not be used.

use crate::diagnostic::Diagnostic;
use crate::plan::place::Place;
use crate::plan::step_doc::StepDoc;
use crate::source::Span;
use crate::template::{Reference, Spoiled};

/// The answers of a secret step's call; its ids and tasks are not secret, because a teardown needs them.
pub(super) const ANSWERS: &[&str] = &["response", "resource"];

/// Whether a reference can lead to the answer of the call.
pub(super) fn mentions_answer(used: &Reference, step: &StepDoc) -> bool {
    let field = match step.is_for_each {
        true if used.path.first().is_some_and(|first| first == "ids") => return false,
        true => used.path.get(2),
        false => used.path.first(),
    };
    field.is_none_or(|field| ANSWERS.contains(&field.as_str()))
}

/// The finding about a secret that is used in a place where it must not be.
pub(super) fn secret_use(
    what: &str,
    span: Span,
    spoiled: Option<&Spoiled>,
    place: &Place,
    guarded: bool,
) -> Option<Diagnostic> {
    if let Some(spoiled) = spoiled {
        let finding = Diagnostic::error("secret-misused", span, format!("{what} cannot go through {}", spoiled.by))
            .help("a secret is put in place whole: in text, in a list or mapping, or through `b64encode`, `sha256` or `tojson`");
        return Some(match spoiled.span.start() == span.start() {
            true => finding,
            false => finding.related(spoiled.span, "here"),
        });
    }
    if place.kept {
        return Some(
            Diagnostic::error("undo-secret", span, "an undo cannot hold a secret")
                .label(format!("this is {what}"))
                .help("it is kept on record until the teardown, and the record holds no secrets: say what to remove by its id"),
        );
    }
    if place.decides && !guarded {
        let message = format!("{what} cannot decide in {}", place.what);
        return Some(Diagnostic::error("secret-misused", span, message).help("use an input that is no secret"));
    }
    if place.public && !guarded {
        let message = format!("{what} would be shown by a public output");
        return Some(
            Diagnostic::error("secret-output", span, message)
                .help("add `secret: true` to the output: it is then given only to those who ask for it by name"),
        );
    }
    None
}
