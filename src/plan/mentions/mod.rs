//! Checks references in templates: steps, results, inputs, and the names that each place allows.

mod resources;
mod results;
mod secrets;
mod unknown;

use std::collections::BTreeSet;

pub use self::resources::asks_for_resource;
pub(super) use self::resources::{ResourceUses, resource_uses};
use self::results::result;
use self::secrets::{ANSWERS, mentions_answer, path_in_answer, secret_field, secret_use, shown_once};
use self::unknown::{first_names, name_use, not_here};
use super::doc::PlanDoc;
use super::step_doc::StepDoc;
use super::template_scope::TemplateScope;
use crate::diagnostic::{Diagnostic, Findings, code, nearest};
use crate::hash::{HashMap, HashSet};
use crate::id::StepId;
use crate::source::Span;
use crate::template::{NameUse, PartUse, Program, Reference, Spoiled};
use crate::word::Word;

/// Whether a place in the file is inside of another.
fn contains(whole: Span, part: Span) -> bool {
    whole.start() <= part.start() && part.end() <= whole.end()
}

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
        let mut steps = HashMap::default();
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

    pub(super) fn has_input(&self, name: &str) -> bool {
        self.inputs.contains_key(name)
    }

    pub(super) fn used_inputs(&self) -> BTreeSet<&str> {
        self.used_inputs.iter().map(String::as_str).collect()
    }

    /// Reports names, steps and results that a template must not refer to at this place.
    pub(super) fn check(&mut self, program: &Program, place: &TemplateScope, findings: &mut Findings) {
        let uses = program.located();
        let dashed = self.dashed(program);
        let is_told = |span: Span| dashed.iter().any(|found| contains(found.primary, span));
        for unknown in uses.unknown.iter().filter(|unknown| !is_told(unknown.span)) {
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
            self.answer_by_name(used, place, findings);
            if used.name == "item" && self.is_of_secrets(place) {
                let what = "an element of a list that holds a secret";
                findings.extend(secret_use(what, used.span, used.spoiled.as_deref(), place, used.guarded));
            }
        }
        for used in &uses.inputs {
            self.used_inputs.insert(used.name.to_string());
            let Some(&secret) = self.inputs.get(used.name.as_str()) else {
                if is_told(used.name_span) {
                    continue;
                }
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
        for reference in uses.steps.iter().filter(|reference| !is_told(reference.step_span)) {
            self.reference(reference, place, findings);
        }
        for part in &uses.parts {
            self.part(part, place, findings);
        }
        findings.extend(dashed);
    }

    /// The findings about names with dashes: `steps.my-network` is a difference in a template.
    fn dashed(&self, program: &Program) -> Vec<Diagnostic> {
        let source = program.source();
        if !source.contains('-') {
            return Vec::new();
        }
        let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
        let names = [("steps.", code::UNKNOWN_STEP), ("inputs.", "unknown-input")]
            .into_iter()
            .flat_map(|(root, code)| source.match_indices(root).map(move |(at, _)| (root, code, at, at + root.len())));
        let of = |(root, code, at, start): (&str, &'static str, usize, usize)| {
            let is_word = !source[..at].ends_with(|before: char| before.is_alphanumeric() || "_.".contains(before));
            let rest = &source[start..];
            let name = &rest[..rest.find(|character| !is_of_name(character)).unwrap_or(rest.len())];
            let (first, _) = name.split_once('-')?;
            let is_known = self.steps.contains_key(first) || self.inputs.contains_key(first);
            let is_name =
                name.split('-').all(|part| part.starts_with(|first: char| first.is_alphabetic() || first == '_'));
            if !is_word || is_known || !is_name {
                return None;
            }
            let right = format!("{root}{}", name.replace('-', "_"));
            let place = program.place(Span::new(at, start + name.len()));
            let message = format!("`{root}{name}` is a difference: in a template a dash is a minus");
            let finding = Diagnostic::error(code, place, message);
            Some(finding.help(format!("names have no dashes: write `{right}`, and call it so")).suggest(place, right))
        };
        names.filter_map(of).collect()
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
                None => finding.help(format!("the plan's records are {}", first_names(&self.record_names))),
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
    fn is_of_secrets(&self, place: &TemplateScope) -> bool {
        place.elements_of.as_ref().is_some_and(|sources| {
            let secret_step = |id: &StepId| self.steps.get(id.as_str()).is_some_and(|step| step.secret);
            sources.inputs.iter().any(|name| self.inputs.get(name.as_str()) == Some(&true))
                || sources.steps.iter().any(secret_step)
        })
    }

    fn reference(&mut self, used: &Reference, place: &TemplateScope, findings: &mut Findings) {
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
        let path = path_in_answer(&used.path, step);
        if let (false, Some(field)) = (step.secret, secret_field(path)) {
            let what = format!("the secret `{field}` in an answer");
            findings.extend(secret_use(&what, used.span, used.spoiled.as_deref(), place, used.guarded));
        }
        if !used.guarded && used.spoiled.is_none() {
            let of = format!("steps.{}{}", used.step, if step.is_for_each { ".all[...]" } else { "" });
            findings.extend(shown_once(path, &of, Some(step), used.span, place));
        }
    }

    /// The finding about a secret field of an answer that is reached through a variable. What the variable was bound to is
    /// checked as a reference.
    fn part(&self, used: &PartUse, place: &TemplateScope, findings: &mut Findings) {
        let Some(&step) = self.steps.get(used.step.as_str()).filter(|step| !step.secret) else { return };
        let Some(field) = secret_field(path_in_answer(&used.path, step)) else { return };
        let what = format!("the secret `{field}` in an answer");
        findings.extend(secret_use(&what, used.span, used.spoiled.as_deref(), place, used.guarded));
    }

    /// The findings about a secret field of the step's own answer, or of that of a step whose results are the elements.
    fn answer_by_name(&self, used: &NameUse, place: &TemplateScope, findings: &mut Findings) {
        let is_result = match used.name {
            "self" => !place.secret_answer,
            "item" => place.elements_of.as_ref().is_some_and(|sources| !sources.steps.is_empty()),
            _ => false,
        };
        let Some(field) = secret_field(&used.path).filter(|_| is_result) else { return };
        let what = format!("the secret `{field}` in an answer");
        findings.extend(secret_use(&what, used.span, used.spoiled.as_deref(), place, used.guarded));
        if !used.guarded && used.spoiled.is_none() && !place.decides {
            findings.extend(shown_once(&used.path, used.name, None, used.span, place));
        }
    }
}
