//! Files that a call names: the body itself, or parts of a form.

use std::sync::Arc;

use super::Checker;
use crate::body_file::{begins_with, why_unusable};
use crate::catalog::{Operation, Partial, is_placeholder};
use crate::diagnostic::{Diagnostic, code};
use crate::source::Span;
use crate::template::Template;

/// A file that a call names.
pub(super) struct FileAt<'f> {
    /// The key of the plan or the body that names it.
    pub key: &'f str,
    pub place: Span,
}

impl Checker<'_, '_> {
    /// Checks the files that a form names.
    pub(super) fn files_in_form(
        &self,
        operation: &Arc<Operation>,
        template: &Template,
        body: &Partial,
        found: &mut Vec<Diagnostic>,
    ) {
        let Partial::Map(fields) = body else { return };
        let is_file = |name: &String| operation.takes_form() && operation.file_fields.contains(name);
        for (name, value) in fields.iter().filter(|(name, _)| is_file(name)) {
            let paths = match value {
                Partial::List(items) => items.as_slice(),
                one => std::slice::from_ref(one),
            };
            for (at, path) in paths.iter().enumerate() {
                let written = template.at(&format!("/{name}/{at}"));
                let named = FileAt { key: name, place: written.span };
                let inputs = written.programs().into_iter().flat_map(|program| &program.uses().inputs);
                let secret = inputs.map(|used| used.name.as_str()).find(|name| self.known.is_secret(name));
                // What is known without the value of a secret does not depend on one.
                if let Some(secret) = secret.filter(|_| !matches!(path, Partial::String(_))) {
                    let message = format!("the secret input `{secret}` cannot decide in `{name}`");
                    found.push(
                        Diagnostic::error("secret-misused", named.place, message)
                            .help("the path of a file is on record, and secrets never are"),
                    );
                    continue;
                }
                // Others than texts are of the wrong type, as everywhere in a body.
                if matches!(path, Partial::String(_) | Partial::OneOf(_)) {
                    let is_other = || self.of_another_kind(&named, path, Some(operation));
                    found.extend(self.unusable(&named, path).or_else(is_other));
                }
            }
        }
    }

    /// A file that cannot be sent, when its path is known.
    pub(super) fn unusable(&self, file: &FileAt<'_>, path: &Partial) -> Option<Diagnostic> {
        let wrong = |message: String| Diagnostic::error(code::UNREADABLE_FILE, file.place, message);
        match path {
            // A placeholder in a form is reported by the check of the body.
            Partial::String(path) if is_placeholder(path) && file.key != "body_file" => None,
            Partial::String(path) => {
                let why = why_unusable(self.known.given.folder?, path)?;
                Some(wrong(why).help(format!("`{}` names a file below the folder of the plan file", file.key)))
            }
            Partial::OneOf(options) => options.iter().find_map(|option| self.unusable(file, option)),
            Partial::Null | Partial::Bool(_) | Partial::Number(_) | Partial::List(_) | Partial::Map(_) => {
                let message = format!("`{}` must be the path of a file", file.key);
                Some(Diagnostic::error(code::WRONG_TYPE, file.place, message))
            }
            _ => None,
        }
    }

    /// A file that does not begin as the files that the operation takes.
    pub(super) fn of_another_kind(
        &self,
        file: &FileAt<'_>,
        path: &Partial,
        operation: Option<&Arc<Operation>>,
    ) -> Option<Diagnostic> {
        let kind = operation?.file_kind()?;
        let Partial::String(path) = path else { return None };
        let is_other = begins_with(self.known.given.folder?, path, kind.beginning) == Some(false);
        let words =
            format!("`{path}` is not {}: it does not begin with `{}`", kind.name, kind.beginning.escape_ascii());
        is_other.then(|| Diagnostic::warning("wrong-format", file.place, words).help(kind.otherwise))
    }
}
