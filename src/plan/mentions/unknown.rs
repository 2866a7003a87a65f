//! Words and names that there are not, or not at this place, with what was probably meant.

use super::Names;
use super::results::{EACH, RESULTS, below_a_scalar, unknown_result};
use crate::diagnostic::{Diagnostic, code, nearest};
use crate::plan::fields::listed;
use crate::plan::template_scope::TemplateScope;
use crate::source::Span;
use crate::template::{FILTERS, FUNCTIONS, NameUse, TESTS, Unknown, UnknownKind};

/// The most suggestions: comparing a hundred thousand names with each other would take too long.
const MOST_SUGGESTIONS: usize = 50;

/// A finding about an unknown name, with the nearest known one.
pub(super) fn did_you_mean<'a>(
    finding: Diagnostic,
    word: &str,
    span: Span,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    match nearest(word, candidates) {
        Some(near) => finding.help(format!("did you mean `{near}`?")).suggest(span, near),
        None => finding,
    }
}

/// The first names, and the number of the others.
pub(super) fn first_names(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    match names.len() > SHOWN {
        true => format!("{} and {} more", listed(names[..SHOWN].iter().copied()), names.len() - SHOWN),
        false => listed(names.iter().copied()),
    }
}

pub(super) fn not_here(name: &str, span: Span, place: &TemplateScope) -> Diagnostic {
    let finding = Diagnostic::error("name-not-here", span, format!("{} cannot see `{name}`", place.what));
    match name {
        "each" if place.before_calls => {
            finding.help("it must be known before the first call, and the elements come from a step, or there are none")
        }
        "each" => finding.help("`each` is known in the templates of a step with `for_each`"),
        "self" => finding.help("`self` is known in `undo`, `ready`, `fail_when` and `on_change: update`"),
        "resource" => {
            finding.help("`resource` is known in `ready` and `fail_when`; elsewhere write `steps.<id>.resource`")
        }
        "item" if place.each => {
            finding.help("write `each.value`: `item` is known in `each:` of a list made with `for:`")
        }
        "key" | "index" if place.each => finding.help(format!("write `each.{name}`")),
        "item" | "key" | "index" => finding.help(format!("`{name}` is known in `each:` of a list made with `for:`")),
        _ => finding.help(format!("it sees {}", listed(place.names()))),
    }
}

pub(super) fn name_use(used: &NameUse, place: &TemplateScope) -> Option<Diagnostic> {
    if !place.sees(used.name) {
        return Some(not_here(used.name, used.span, place));
    }
    let fields = match used.name {
        "each" => EACH,
        "self" => RESULTS,
        _ => return None,
    };
    unknown_result(used.path.first()?, *used.path_spans.first()?, used.name, fields).or_else(|| match used.name {
        "self" => below_a_scalar(used.name, &used.path, &used.path_spans),
        _ => None,
    })
}

impl<'d> Names<'d> {
    /// The most similar of these names, for the help of a finding; `None` once there were many findings.
    pub(super) fn near<'a>(&mut self, word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        self.suggestions += 1;
        if self.suggestions > MOST_SUGGESTIONS { None } else { nearest(word, names) }
    }

    /// The step with the most similar name.
    pub(super) fn near_step(&mut self, word: &str) -> Option<&'d str> {
        let names = std::mem::take(&mut self.step_names);
        let near = self.near(word, names.iter().copied());
        self.step_names = names;
        near
    }

    /// The input with the most similar name.
    pub(super) fn near_input(&mut self, word: &str) -> Option<&'d str> {
        let names = std::mem::take(&mut self.input_names);
        let near = self.near(word, names.iter().copied());
        self.input_names = names;
        near
    }

    /// The finding about a reference to a step that does not exist.
    pub(in crate::plan) fn unknown_step(&mut self, word: &str, span: Span) -> Diagnostic {
        let finding = Diagnostic::error(code::UNKNOWN_STEP, span, format!("there is no step `{word}`"));
        let near = self.near_step(word);
        let names = &self.step_names;
        match near {
            Some(near) => finding.help(format!("did you mean `{near}`?")).suggest(span, near),
            None if names.is_empty() => finding,
            None => finding.help(format!("the plan's steps are {}", first_names(names))),
        }
    }

    /// The finding about a reference to an input that does not exist.
    pub(super) fn unknown_input(&mut self, word: &str, span: Span) -> Diagnostic {
        let finding = Diagnostic::error("unknown-input", span, format!("there is no input `{word}`"));
        let near = self.near_input(word);
        let names = &self.input_names;
        match near {
            Some(near) => finding.help(format!("did you mean `{near}`?")).suggest(span, near),
            None if names.is_empty() => finding.help("declare it below `inputs:`"),
            None => finding.help(format!("the plan's inputs are {}", first_names(names))),
        }
    }

    /// The finding about a name, filter, test or function that does not exist in templates.
    pub(super) fn unknown(&mut self, unknown: &Unknown, place: &TemplateScope) -> Diagnostic {
        let span = unknown.span;
        let unknown_name = |what: &str, word: &str| {
            Diagnostic::error("unknown-name", span, format!("there is no {what} `{word}` in templates"))
        };
        match &unknown.kind {
            UnknownKind::Name(word) => self.unknown_name(word, span, place),
            UnknownKind::Filter(word) => {
                let finding = did_you_mean(unknown_name("filter", word), word, span, FILTERS.iter().copied());
                match finding.help.is_empty() {
                    true => finding.help("docs/language.md lists the filters, below \"Functions and filters\""),
                    false => finding,
                }
            }
            UnknownKind::Test(word) => did_you_mean(unknown_name("test", word), word, span, TESTS.iter().copied()),
            UnknownKind::Function(word) => {
                let finding = unknown_name("function", word);
                match word.as_str() {
                    "now" | "timestamp" | "random" | "uuid" | "env" | "getenv" => {
                        finding.help("the same plan and inputs give the same calls: pass it in as an input")
                    }
                    word if FILTERS.contains(&word) => finding.help(format!("it is a filter: `value | {word}`")),
                    "len" | "size" => finding.help("write `value | length`"),
                    "str" | "tostring" => finding.help("write `value | string`"),
                    "tonumber" => finding.help("write `value | int` or `value | float`"),
                    "jsonencode" => finding.help("write `value | tojson`"),
                    "jsondecode" => finding.help("write `value | fromjson`"),
                    "base64encode" => finding.help("write `value | b64encode`"),
                    "templatefile" | "readFile" => {
                        finding.help("write `file('name')`; a file's own templates are not filled in")
                    }
                    "try" | "coalesce" => finding.help("write `a | default(b)`"),
                    "lookup" | "element" => {
                        finding.help("write `values[key]`; `| default(...)` says what to use without")
                    }
                    "concat" => finding.help("write `a + b`"),
                    "merge" => finding.help("write out the mapping: `{'a': x.a, 'b': y.b}`"),
                    "toset" | "tolist" | "tomap" => finding.help("lists and mappings are taken as they are"),
                    "cidrsubnets" => finding.help("write `cidrsubnet(network, bits, number)` for each"),
                    word => did_you_mean(finding, word, span, FUNCTIONS.iter().copied()),
                }
            }
            UnknownKind::Whole("inputs") => Diagnostic::error("not-by-name", span, "an input is asked for by its name")
                .help("write `inputs.<name>`: which inputs a plan uses is known before it runs"),
            UnknownKind::Whole(_) => Diagnostic::error("not-by-name", span, "a step is asked for by its name")
                .help("write `steps.<id>`: what a step comes after is known before it runs"),
            UnknownKind::Rebound(word) => {
                Diagnostic::error("rebound-name", span, format!("`{word}` cannot be bound to another value"))
                    .help("take another name")
            }
            UnknownKind::NotAllowed(what) => {
                Diagnostic::error("template-not-allowed", span, format!("templates here have no {what}"))
            }
            UnknownKind::Method(name) => {
                let finding =
                    Diagnostic::error("template-not-allowed", span, "templates here have no methods: use filters");
                match FILTERS.contains(&name.as_str()) {
                    true => finding.help(format!("write `value | {name}`")),
                    false => finding,
                }
            }
        }
    }

    /// The finding about a name that does not exist, or not at this place.
    pub(super) fn unknown_name(&mut self, word: &str, span: Span, place: &TemplateScope) -> Diagnostic {
        let finding = Diagnostic::error("unknown-name", span, format!("there is nothing called `{word}` in templates"));
        for (root, known) in [("inputs", self.inputs.contains_key(word)), ("steps", self.steps.contains_key(word))] {
            if known && place.sees(root) {
                return finding.help(format!("write `{root}.{word}`")).suggest(span, format!("{root}.{word}"));
            }
        }
        match word {
            "input" | "vars" | "var" | "variables" => finding.help("write `inputs.<name>`").suggest(span, "inputs"),
            "step" => finding.help("write `steps.<id>`").suggest(span, "steps"),
            "value" => finding.help("write `each.value`; in a list made with `for`, `item`"),
            "local" | "locals" => finding.help("write `inputs.<name>`: a constant is an input with a default"),
            "count" => finding.help("write `each.index`, in a step with `for_each: \"{{ range(n) }}\"`"),
            "module" => {
                finding.help("write `steps.<id>.outputs.<name>`, with the `id` of the step that uses the module")
            }
            "github" | "gitlab" | "matrix" => finding.help("pass it in as an input: `inputs.<name>`"),
            "env" if place.sees("environment") => {
                finding.help("the name of the environment is `environment`; a variable is passed in as an input")
            }
            "env" | "secrets" => finding.help("pass it in as an input: `inputs.<name>`"),
            "null" | "nil" | "undefined" => finding.help("the empty value is `none`; a key can also be left out"),
            word if ["gcore_", "data_"].iter().any(|start| word.starts_with(start)) => {
                finding.help("a result of another step is `steps.<id>.id`")
            }
            _ => match self.near(word, place.names()) {
                Some(near) => finding.help(format!("did you mean `{near}`?")).suggest(span, near),
                None => finding.help(format!("{} sees {}", place.what, listed(place.names()))),
            },
        }
    }
}
