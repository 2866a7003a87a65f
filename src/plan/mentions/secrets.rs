//! References to secrets in places where they must not be used.

use crate::catalog::Method;
use crate::diagnostic::Diagnostic;
use crate::plan::step_doc::StepDoc;
use crate::plan::template_scope::TemplateScope;
use crate::secret::is_sensitive_path;
use crate::source::Span;
use crate::template::{Reference, Spoiled};
use crate::word::Word;

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

/// The part of a reference that leads into an answer: `response.private_key`.
pub(super) fn path_in_answer<'u>(path: &'u [Word], step: &StepDoc) -> &'u [Word] {
    let path = match step.is_for_each {
        true => path.get(2..).unwrap_or_default(),
        false => path,
    };
    if path.first().is_some_and(|first| ANSWERS.contains(&first.as_str())) { path } else { &[] }
}

/// The field that a path into an answer leads to, when its name is that of a secret: `response.private_key`.
pub(super) fn secret_field(path: &[Word]) -> Option<&str> {
    /// Beginnings of names that say something of a secret: `has_password`.
    const SWITCHES: [&str; 5] = ["has_", "is_", "enable_", "generate_", "delete_"];
    let (first, below) = path.split_first()?;
    let is_index = |word: &&Word| word.parse::<i64>().is_ok();
    let names = below.iter().filter(|word| !is_index(word)).map(Word::as_str);
    let name = names.clone().next_back()?;
    let is_secret = ANSWERS.contains(&first.as_str())
        && is_sensitive_path(names)
        && !SWITCHES.iter().any(|switch| name.starts_with(switch));
    is_secret.then_some(name)
}

/// The finding about a secret in an answer that is not on record: only the run that makes the call has it.
/// `path`: from the answer on, as for [`secret_field`].
pub(super) fn shown_once(
    path: &[Word],
    of: &str,
    step: Option<&StepDoc>,
    span: Span,
    place: &TemplateScope,
) -> Option<Diagnostic> {
    let is_secret = secret_field(path).is_some() || step.is_some_and(|step| step.secret);
    // An undo is rendered by the run that makes the call, and `resource` is read by every run.
    if !is_secret || path.first().is_none_or(|first| first != "response") || place.recorded {
        return None;
    }
    let is_sent_again = step.is_some_and(|step| {
        let reads = step.call.as_ref().is_none_or(|call| call.method == Method::Get);
        reads || step.always.as_ref().is_some_and(|always| always.value)
    });
    if is_sent_again {
        return None;
    }
    let written: Vec<&str> = std::iter::once(of).chain(path.iter().map(Word::as_str)).collect();
    let message = format!("`{}` is a secret that no record holds: a later run does not have it", written.join("."));
    let finding = Diagnostic::warning("shown-once", span, message);
    Some(finding.help("`| default('...')` says what later runs use in its place").help(
        "in a call, that is a change: exclude it with `on_change: { ignore: [body/...] }`, or store the secret \
         elsewhere",
    ))
}

/// The finding about a secret that is used in a place where it must not be.
pub(super) fn secret_use(
    what: &str,
    span: Span,
    spoiled: Option<&Spoiled>,
    place: &TemplateScope,
    guarded: bool,
) -> Option<Diagnostic> {
    if let Some(spoiled) = spoiled {
        let finding = Diagnostic::error("secret-misused", span, format!("{what} cannot go through {}", spoiled.by))
            .help(
                "a secret is put in place whole: in text, in a list or mapping, or through `b64encode`, \
                   `sha256` or `tojson`",
            );
        return Some(match spoiled.span.start() == span.start() {
            true => finding,
            false => finding.related(spoiled.span, "here"),
        });
    }
    if place.recorded {
        return Some(
            Diagnostic::error("undo-secret", span, "an undo cannot hold a secret")
                .label(format!("this is {what}"))
                .help("the record holds no secrets, so that a teardown could not send it: name the resource by its id"),
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
