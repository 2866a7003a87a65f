//! Findings about the values of secrets, which say nothing of the value.

use std::collections::BTreeSet;

use super::Checker;
use super::step_view::StepView;
use crate::diagnostic::{Diagnostic, code};
use crate::plan::fields::listed;
use crate::source::Span;
use crate::template::Program;

impl Checker<'_, '_> {
    /// The secret inputs that a step uses; with `place`, only in the templates there.
    pub(super) fn secrets_in<'l>(&self, view: &'l StepView<'l>, place: Option<Span>) -> impl Iterator<Item = &'l str> {
        let is_there = move |program: &&Program| {
            let span = program.span();
            place.is_none_or(|place| span.start() < place.end() && place.start() < span.end())
        };
        let used = view.programs().filter(is_there).flat_map(|program| program.uses().inputs.iter());
        used.map(|used| used.name.as_str()).filter(|name| self.known.is_secret(name))
    }

    /// A finding about the value of a secret: names the input and what is wrong, and says nothing of the value.
    pub(super) fn without_value(&self, finding: &Diagnostic, view: &StepView<'_>) -> Diagnostic {
        let mut names: BTreeSet<&str> = self.secrets_in(view, Some(finding.primary)).collect();
        if names.is_empty() {
            names = self.secrets_in(view, None).collect();
        }
        let wrong = match finding.code {
            code::WRONG_TYPE => "is of another type than this takes",
            code::VALUE_NOT_ALLOWED => "is none of the values that this takes",
            code::OUT_OF_RANGE => "is outside of the limits here",
            "wrong-format" | "host-bits-set" | "name-for-id" | "id-for-name" => {
                "does not have the form that is needed here"
            }
            "header-not-allowed" => "holds a line break, and a header is one line",
            "bad-call" => "is no segment of a path",
            _ => "does not fit here",
        };
        let (inputs, names) = (if names.len() == 1 { "input" } else { "inputs" }, listed(names));
        let message = format!("the value of the secret {inputs} {names} {wrong}");
        Diagnostic::error(finding.code, finding.primary, message)
            .help(format!("it is not shown; `plan explain {}` says what is asked for", finding.code))
    }
}
