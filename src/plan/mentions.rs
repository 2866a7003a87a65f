//! Checks references in templates: steps, results, inputs, and the names that each place allows.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::doc::PlanDoc;
use super::fields::listed;
use super::place::Place;
use super::programs::programs;
use super::step_doc::StepDoc;
use crate::diagnostic::{Diagnostic, Findings, nearest};
use crate::id::StepId;
use crate::source::Span;
use crate::template::{FILTERS, FUNCTIONS, NameUse, Program, Reference, Shape, Spoiled, TESTS, Unknown, UnknownKind};
use crate::yaml::Word;

/// The results of one call.
const RESULTS: &[&str] =
    &["id", "ids", "name", "created", "touched", "task", "tasks", "status", "response", "resource", "outcome"];
/// Those that are a single value.
const SCALARS: &[&str] = &["id", "name", "task", "status", "outcome"];
/// The results of a step with `for_each`.
const RESULTS_OF_EACH: &[&str] = &["all", "ids", "each"];
const EACH: &[&str] = &["key", "value", "index"];
/// The answers of a secret step's call; its ids and tasks are not secret, because a teardown needs them.
const ANSWERS: &[&str] = &["response", "resource"];
/// The most suggestions: comparing a hundred thousand names with each other would take too long.
const MOST_SUGGESTIONS: usize = 50;

/// The names of a plan.
pub(super) struct Names<'d> {
    pub steps: HashMap<&'d str, &'d StepDoc>,
    inputs: HashMap<&'d str, bool>,
    records: HashSet<&'d str>,
    /// In the order of the file, for messages.
    record_names: Vec<&'d str>,
    /// Sorted, for messages.
    step_names: Vec<&'d str>,
    input_names: Vec<&'d str>,
    used_inputs: BTreeSet<String>,
    suggestions: usize,
}

impl<'d> Names<'d> {
    pub(super) fn new(doc: &'d PlanDoc) -> Self {
        let mut steps = HashMap::new();
        for step in &doc.steps {
            if let Some(id) = &step.id {
                steps.entry(id.value.as_str()).or_insert(step);
            }
        }
        let inputs: HashMap<&str, bool> =
            doc.inputs.iter().map(|input| (input.name.as_str(), input.input.secret)).collect();
        let sorted = |mut names: Vec<&'d str>| {
            names.sort_unstable();
            names
        };
        let (step_names, input_names) =
            (sorted(steps.keys().copied().collect()), sorted(inputs.keys().copied().collect()));
        let record_names: Vec<&str> = doc.records.iter().map(|record| record.name.as_str()).collect();
        let records = record_names.iter().copied().collect();
        Self {
            steps,
            inputs,
            records,
            record_names,
            step_names,
            input_names,
            used_inputs: BTreeSet::new(),
            suggestions: 0,
        }
    }

    pub(super) fn used_inputs(&self) -> BTreeSet<&str> {
        self.used_inputs.iter().map(String::as_str).collect()
    }

    pub(super) fn check(&mut self, program: &Program, place: &Place, findings: &mut Findings) {
        let uses = program.located();
        for unknown in &uses.unknown {
            findings.push(self.unknown(unknown, place));
        }
        for used in &uses.names {
            findings.extend(name_use(used, place));
            if used.name == "records" && place.steps {
                findings.extend(self.record_use(used));
            }
            let answers = used.path.first().is_some_and(|field| ANSWERS.contains(&field.as_str()));
            if used.name == "self" && answers && place.secret_answer {
                findings.extend(secret_use("the answer of a secret step", used.span, None, place, used.guarded));
            }
            if used.name == "item" && self.is_of_secrets(place) {
                let what = "an element of a list that holds a secret";
                findings.extend(secret_use(what, used.span, used.spoiled.as_deref(), place, used.guarded));
            }
        }
        for used in &uses.inputs {
            self.used_inputs.insert(used.name.to_string());
            let Some(&secret) = self.inputs.get(used.name.as_str()) else {
                findings.push(self.unknown_input(&used.name, used.name_span));
                continue;
            };
            if secret {
                let part = (!used.path.is_empty()).then(|| Spoiled { by: "a part of it".to_owned(), span: used.span });
                let spoiled = used.spoiled.as_deref().or(part.as_ref());
                let what = format!("the secret input `{}`", used.name);
                findings.extend(secret_use(&what, used.span, spoiled, place, used.guarded));
            }
        }
        for reference in &uses.steps {
            self.reference(reference, place, findings);
        }
    }

    /// The finding about a reference to a record, which has only outputs, by their names.
    fn record_use(&self, used: &NameUse) -> Option<Diagnostic> {
        let (Some(name), Some(&span)) = (used.path.first(), used.path_spans.first()) else {
            let finding = Diagnostic::error("not-by-name", used.span, "a record is asked for by its name");
            return Some(
                finding.help("write `records.<name>.outputs.<output>`: what a plan reads is known before it runs"),
            );
        };
        if !self.records.contains(name.as_str()) {
            let finding = Diagnostic::error("unknown-record", span, format!("there is no record `{name}`"));
            return Some(match nearest(name, self.record_names.iter().copied()) {
                Some(near) => finding.help(format!("did you mean `{near}`?")).suggest(span, near),
                None if self.records.is_empty() => finding.help("declare it below `records:`"),
                None => finding.help(format!("the plan's records are {}", some(&self.record_names))),
            });
        }
        match (used.path.get(1).map(Word::as_str), used.path_spans.get(1)) {
            (Some("outputs"), _) if used.path.len() > 2 => None,
            (Some("outputs") | None, _) => {
                let finding = Diagnostic::error("not-by-name", used.span, "an output is asked for by its name");
                Some(finding.help(format!("write `records.{name}.outputs.<output>`")))
            }
            (Some(word), place) => {
                let span = place.copied().unwrap_or(span);
                let finding = Diagnostic::error("unknown-result", span, format!("`records.{name}` has no `{word}`"));
                Some(finding.help(format!("it has `outputs`: write `records.{name}.outputs.{word}`")))
            }
        }
    }

    /// Whether the elements at a place may contain a secret.
    fn is_of_secrets(&self, place: &Place) -> bool {
        place.elements_of.as_ref().is_some_and(|sources| {
            let secret_step = |id: &StepId| self.steps.get(id.as_str()).is_some_and(|step| step.secret);
            sources.inputs.iter().any(|name| self.inputs.get(name.as_str()) == Some(&true))
                || sources.steps.iter().any(secret_step)
        })
    }

    fn reference(&mut self, used: &Reference, place: &Place, findings: &mut Findings) {
        if !place.steps {
            findings.push(not_here("steps", used.span, place));
            return;
        }
        let Some(&step) = self.steps.get(used.step.as_str()) else {
            findings.push(self.unknown_step(used.step.as_str(), used.step_span));
            return;
        };
        findings.extend(result(used, step));
        if step.secret && mentions_answer(used, step) {
            let what = format!("the answer of the secret step `{}`", used.step);
            findings.extend(secret_use(&what, used.span, used.spoiled.as_deref(), place, used.guarded));
        }
    }

    fn near<'a>(&mut self, word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        self.suggestions += 1;
        if self.suggestions > MOST_SUGGESTIONS { None } else { nearest(word, names) }
    }

    fn near_step(&mut self, word: &str) -> Option<&'d str> {
        let names = std::mem::take(&mut self.step_names);
        let near = self.near(word, names.iter().copied());
        self.step_names = names;
        near
    }

    fn near_input(&mut self, word: &str) -> Option<&'d str> {
        let names = std::mem::take(&mut self.input_names);
        let near = self.near(word, names.iter().copied());
        self.input_names = names;
        near
    }

    pub(super) fn unknown_step(&mut self, word: &str, span: Span) -> Diagnostic {
        let finding = Diagnostic::error("unknown-step", span, format!("there is no step `{word}`"));
        let near = self.near_step(word);
        let names = &self.step_names;
        match near {
            Some(near) => finding.help(format!("did you mean `{near}`?")).suggest(span, near),
            None if names.is_empty() => finding,
            None => finding.help(format!("the plan's steps are {}", some(names))),
        }
    }

    fn unknown_input(&mut self, word: &str, span: Span) -> Diagnostic {
        let finding = Diagnostic::error("unknown-input", span, format!("there is no input `{word}`"));
        let near = self.near_input(word);
        let names = &self.input_names;
        match near {
            Some(near) => finding.help(format!("did you mean `{near}`?")).suggest(span, near),
            None if names.is_empty() => finding.help("declare it below `inputs:`"),
            None => finding.help(format!("the plan's inputs are {}", some(names))),
        }
    }

    fn unknown(&mut self, unknown: &Unknown, place: &Place) -> Diagnostic {
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

    fn unknown_name(&mut self, word: &str, span: Span, place: &Place) -> Diagnostic {
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

/// A finding about an unknown name, with the nearest known one.
fn did_you_mean<'a>(
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

/// A selection of many names.
fn some(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    match names.len() > SHOWN {
        true => format!("{} and {} more", listed(names[..SHOWN].iter().copied()), names.len() - SHOWN),
        false => listed(names.iter().copied()),
    }
}

fn not_here(name: &str, span: Span, place: &Place) -> Diagnostic {
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

fn name_use(used: &NameUse, place: &Place) -> Option<Diagnostic> {
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

/// The finding about a field of a result that is a single value: `steps.net.id.name`.
fn below_a_scalar(of: &str, path: &[Word], spans: &[Span]) -> Option<Diagnostic> {
    let ([first, word, ..], [_, span, ..]) = (path, spans) else { return None };
    SCALARS.contains(&first.as_str()).then(|| {
        let message = format!("`{of}.{first}` is a single value and has no `{word}`");
        let finding = Diagnostic::error("unknown-result", *span, message);
        finding.help(format!("write `{of}.{first}`; fields of the object are in `{of}.resource`"))
    })
}

fn unknown_result(word: &str, span: Span, of: &str, fields: &[&str]) -> Option<Diagnostic> {
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
fn result(used: &Reference, step: &StepDoc) -> Option<Diagnostic> {
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
            Some(finding.help(format!(
                "write `steps.{id}.all[0].{word}`, `steps.{id}.each[\"key\"].{word}` or `steps.{id}.ids`"
            )))
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

/// Whether a reference can lead to the answer of the call.
fn mentions_answer(used: &Reference, step: &StepDoc) -> bool {
    let field = match step.is_for_each {
        true if used.path.first().is_some_and(|first| first == "ids") => return false,
        true => used.path.get(2),
        false => used.path.first(),
    };
    field.is_none_or(|field| ANSWERS.contains(&field.as_str()))
}

/// The finding about a secret that is used in a place where it must not be.
fn secret_use(what: &str, span: Span, spoiled: Option<&Spoiled>, place: &Place, guarded: bool) -> Option<Diagnostic> {
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

/// The steps whose `.resource` templates may refer to.
pub(super) fn resources_used(doc: &PlanDoc) -> BTreeSet<StepId> {
    let mut used = BTreeSet::new();
    let mut look = |program: &Program, own: Option<&str>| {
        for reference in &program.uses().steps {
            if asks_for_resource(&reference.path, program) {
                used.insert(reference.step.clone());
            }
        }
        for name in &program.uses().names {
            if let (Some(own), "self") = (own, name.name)
                && asks_for_resource(&name.path, program)
            {
                used.insert(StepId::new(own));
            }
        }
    };
    for step in &doc.steps {
        for (_, program) in programs(step) {
            look(program, step.id.as_ref().map(|id| id.value.as_str()));
        }
    }
    for output in &doc.outputs {
        for program in output.value.iter().flat_map(|value| value.programs()) {
            look(program, None);
        }
    }
    used
}

/// `net.resource`, `web.all[0].resource`; or all results of a step in a template that mentions `resource`.
fn asks_for_resource(path: &[Word], program: &Program) -> bool {
    match path {
        [first, ..] if first == "resource" => true,
        [first, _, third, ..] if first == "all" || first == "each" => third == "resource",
        [] => program.source().contains("resource"),
        [first] | [first, _] if first == "all" || first == "each" => program.source().contains("resource"),
        _ => false,
    }
}
