//! What the parts of a plan say of each other: names are given once and refer to something, steps are on no cycle.

use std::collections::BTreeSet;

use super::edges::{dependencies_of, edges_of};
use super::lookalike;
use crate::diagnostic::{Diagnostic, Findings, code};
use crate::hash::{HashMap, HashSet, IndexMap};
use crate::id::{InstanceId, StepId};
use crate::plan::doc::PlanDoc;
use crate::plan::graph::Graph;
use crate::plan::mentions::Names;
use crate::plan::model::Moved;
use crate::plan::programs::programs;
use crate::plan::step_doc::StepDoc;
use crate::plan::template_scope::TemplateScope;
use crate::source::Span;
use crate::template::{Program, Template};

/// Reports an instance that the step cannot have: it has some with `for_each` only.
fn moved_to_other_form(moved: &Moved, step: &StepDoc) -> Option<Diagnostic> {
    let (from, to) = (&moved.from, &moved.to);
    let (message, help) = match (&from.key, &to.key) {
        (_, Some(_)) if !step.is_for_each => {
            (format!("`{}` has no `for_each`, and so no instance `{to}`", to.step), format!("write `{}`", to.step))
        }
        (Some(key), None) if step.is_for_each => (
            format!("`{to}` has `for_each`: the instance `{from}` becomes one of its instances"),
            format!("name it: `{to}[{key}]`"),
        ),
        _ => return None,
    };
    Some(Diagnostic::error("unknown-value", moved.to_span, message).help(help))
}

pub(super) struct Checker<'d> {
    doc: &'d PlanDoc,
    names: Names<'d>,
    findings: &'d mut Findings,
}

impl<'d> Checker<'d> {
    pub(super) fn new(doc: &'d PlanDoc, findings: &'d mut Findings) -> Self {
        Self { doc, names: Names::new(doc), findings }
    }

    /// `unread`: some part could not be parsed, so that its references are not known.
    pub(super) fn run(&mut self, unread: bool, given: &[Template]) {
        self.duplicate_ids();
        self.duplicate_outputs();
        for template in [&self.doc.project_id, &self.doc.region_id].into_iter().flatten() {
            self.template(template, &TemplateScope::PLAN);
        }
        for environment in self.doc.records.iter().filter_map(|record| record.environment.as_ref()) {
            self.template(environment, &TemplateScope::RECORD);
        }
        for template in given {
            self.template(template, &TemplateScope::step(false));
        }
        for step in &self.doc.steps {
            self.step(step);
        }
        for output in &self.doc.outputs {
            if let Some(value) = &output.value {
                self.template(value, &TemplateScope::output(output.secret));
            }
        }
        lookalike::check(self.doc, &self.names, self.findings);
        self.moved();
        self.cycles();
        if !unread {
            self.unused_inputs();
        }
    }

    /// Reports entries of `moved` whose new name is no step and no later entry's old name, or is a step of another form
    /// (with or without `for_each`); whose old name is still a step; that name an old name twice, or swap two names.
    fn moved(&mut self) {
        let many = self.doc.moved.len();
        let mut later: HashMap<&str, usize> = HashMap::with_capacity_and_hasher(many, Default::default());
        for (nth, moved) in self.doc.moved.iter().enumerate() {
            later.insert(moved.from.step.as_str(), nth);
        }
        let (mut earlier, mut pairs) = (
            HashMap::with_capacity_and_hasher(many, Default::default()),
            HashSet::with_capacity_and_hasher(many, Default::default()),
        );
        for (nth, moved) in self.doc.moved.iter().enumerate() {
            let (from, to) = (&moved.from, &moved.to);
            let finding = match (later.get(to.step.as_str()), self.names.steps.get(to.step.as_str())) {
                (_, Some(step)) => moved_to_other_form(moved, step),
                (Some(other), None) if *other > nth => None,
                (Some(other), None) if *other < nth => {
                    let message =
                        format!("entries of `moved` are applied in order, and `{}` moves before this one", to.step);
                    Some(Diagnostic::error(code::UNKNOWN_STEP, moved.to_span, message).help("write this entry first"))
                }
                (_, None) => Some(self.names.unknown_step(to.step.as_str(), moved.to_span)),
            };
            self.findings.extend(finding);
            if let Some(first) = earlier.insert(from, moved.from_span) {
                let finding = Diagnostic::error("unknown-value", moved.from_span, format!("`{from}` moves twice"));
                self.findings.push(finding.related(first, "it moves here first").help("leave one of them out"));
            }
            if let Some(place) = self.elements_of_results(from) {
                let message =
                    format!("the elements of `{}` are results of steps: `{from}` may be one of them", from.step);
                let finding = Diagnostic::error("unknown-value", moved.from_span, message).related(place, "here");
                self.findings.push(finding.help("rename it by hand: `plan state mv`"));
            }
            // With a `for_each` a step has instances in its place.
            let stays = |step: &&StepDoc| to.key.is_none() || (!step.is_for_each && to.step != from.step);
            let message = if from.key.is_none() && self.names.steps.get(from.step.as_str()).is_some_and(stays) {
                format!("`{from}` is still a step of the plan: it has not moved")
            } else if pairs.contains(&(to, from)) {
                format!("`{from}` and `{to}` cannot be swapped: each is in the way of the other")
            } else {
                pairs.insert((from, to));
                continue;
            };
            let help = "two names on record are swapped by hand, through a third one: `plan state mv`";
            self.findings.push(Diagnostic::error("unknown-value", moved.from_span, message).help(help));
        }
    }

    /// The place of the `for_each` of an instance's step, where only a run knows its elements.
    fn elements_of_results(&self, from: &InstanceId) -> Option<Span> {
        let for_each = self.names.steps.get(from.step.as_str())?.for_each.as_deref().filter(|_| from.key.is_some())?;
        let is_of_steps = for_each.programs().iter().any(|program| !program.uses().steps.is_empty());
        is_of_steps.then_some(for_each.span)
    }

    fn duplicate_ids(&mut self) {
        for step in &self.doc.steps {
            let Some(id) = &step.id else { continue };
            // The table has the first one.
            let first = self.names.steps.get(id.value.as_str()).filter(|first| !std::ptr::eq(**first, step));
            let Some(first) = first.and_then(|first| first.id.as_ref()) else { continue };
            self.findings.push(
                Diagnostic::error("duplicate-step-id", id.span, format!("two steps have the id `{}`", id.value))
                    .label("used again")
                    .related(first.span, "used here first")
                    .help("give each step an id of its own"),
            );
        }
    }

    /// GitHub and environment variables compare names without case.
    fn duplicate_outputs(&mut self) {
        let outputs = &self.doc.outputs;
        let letters = |at: usize| outputs[at].name.bytes().map(|letter| letter.to_ascii_lowercase());
        let mut order: Vec<usize> = (0..outputs.len()).collect();
        order.sort_by(|&one, &other| letters(one).cmp(letters(other)));
        let alike = order.windows(2).filter(|pair| letters(pair[0]).eq(letters(pair[1])));
        for (first, output) in alike.map(|pair| (&outputs[pair[0]], &outputs[pair[1]])) {
            let message = format!("two outputs are called `{}` but for upper and lower case", output.name);
            let finding = Diagnostic::error("bad-name", output.name_span, message);
            self.findings.push(finding.related(first.name_span, "used here first"));
        }
    }

    fn step(&mut self, step: &StepDoc) {
        for (need, span) in &step.needs {
            if !self.names.steps.contains_key(need.as_str()) {
                let finding = self.names.unknown_step(need.as_str(), *span);
                self.findings.push(finding);
            } else if step.id.as_ref().is_some_and(|id| id.value == need.as_str()) {
                self.findings.push(Diagnostic::error(code::CYCLE, *span, "a step cannot need itself"));
            }
        }
        self.find(step);
        for (place, program) in programs(step) {
            self.program(program, &place);
        }
    }

    /// Reports keys that a step with `find` must not have.
    fn find(&mut self, step: &StepDoc) {
        let Some(find) = &step.find else { return };
        let Some(condition) = step.ready.condition().or(step.fail_when.as_deref()) else { return };
        let finding = Diagnostic::error("find-not-here", condition.span, "a look-up is made once and not waited for");
        self.findings.push(
            finding.related(find.span, "because of this").help(
                "`ready` and `fail_when` belong to the step that creates the resource, or to a GET of it by its id",
            ),
        );
    }

    fn template(&mut self, template: &Template, place: &TemplateScope) {
        for (program, lists) in template.programs_in_lists() {
            self.program(program, &place.in_lists(&lists));
        }
    }

    fn program(&mut self, program: &Program, place: &TemplateScope) {
        self.names.check(program, place, self.findings);
        self.findings.extend(lookalike::braces_in_quotes(program));
    }

    fn cycles(&mut self) {
        if self.doc.steps.iter().all(|step| self.refers_back(step)) {
            return;
        }
        let steps =
            self.doc.steps.iter().filter_map(|step| Some((StepId::new(step.id.as_ref()?.value.as_str()), step)));
        let steps: IndexMap<StepId, (&StepDoc, Box<[StepId]>)> =
            steps.map(|(id, step)| (id, (step, dependencies_of(step)))).collect();
        let graph = Graph::new(steps.iter().map(|(id, (_, after))| (id.clone(), &**after)));
        for cycle in graph.cycles() {
            let edge = |at: usize| {
                let (from, to) = (cycle[at], cycle[(at + 1) % cycle.len()]);
                let edges = steps.get(from).map(|(step, _)| edges_of(step)).unwrap_or_default();
                edges.into_iter().find(|(id, _)| id == to).map(|(_, span)| span).unwrap_or_default()
            };
            let circle: Vec<&str> = cycle.iter().chain(cycle.first()).map(|id| id.as_str()).collect();
            let finding = match cycle.as_slice() {
                [me] => {
                    let place = edge(0);
                    if self.findings.iter().any(|finding| finding.code == code::CYCLE && finding.primary == place) {
                        continue;
                    }
                    Diagnostic::error(code::CYCLE, place, format!("step `{me}` refers to itself"))
                        .help("`self` is known in `undo`, `ready`, `fail_when` and `on_change: update` only")
                }
                _ => {
                    let message = format!("steps wait for each other in a circle: {}", circle.join(" → "));
                    let finding = Diagnostic::error(code::CYCLE, edge(0), message)
                        .label(format!("`{}` refers to `{}`", circle[0], circle[1]))
                        .help("take one of these references away");
                    (1..cycle.len()).fold(finding, |finding, at| {
                        finding.related(edge(at), format!("`{}` refers to `{}`", circle[at], circle[at + 1]))
                    })
                }
            };
            self.findings.push(finding);
        }
    }

    /// Whether everything that a step refers to comes before it in the file: no cycle leads through such steps only.
    fn refers_back(&self, step: &StepDoc) -> bool {
        let is_before =
            |id: &str| self.names.steps.get(id).is_none_or(|earlier| earlier.span.start() < step.span.start());
        let mut references = programs(step).into_iter().flat_map(|(_, program)| program.uses().steps.iter());
        references.all(|used| is_before(used.step.as_str()))
            && step.needs.iter().all(|(need, _)| is_before(need.as_str()))
    }

    fn unused_inputs(&mut self) {
        let used: BTreeSet<&str> = self.names.used_inputs();
        for input in &self.doc.inputs {
            if !used.contains(input.name.as_str()) {
                self.findings.push(
                    Diagnostic::warning(
                        "unused-input",
                        input.name_span,
                        format!("no template uses the input `{}`", input.name),
                    )
                    .help(format!("remove it, or use it as `{{{{ inputs.{} }}}}`", input.name)),
                );
            }
        }
    }
}
