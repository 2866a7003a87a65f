//! Checks a plan as written and accepts it: every name refers to a step or input, there are no cycles, secrets stay
//! secret.
//!
//! All findings are reported at once, in file order. Single keys were checked by `doc`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::iter;
use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::assumed::Assumed;
use super::doc::{self, OutputDoc, PlanDoc, ReadParts};
use super::graph::Graph;
use super::include::{Whole, include};
use super::mentions::Names;
use super::model::{Moved, Output, Plan, Step};
use super::of_step::OfStep;
use super::operations::Operations;
use super::place::Place;
use super::programs::programs;
use super::scalars::compiled;
use super::step_doc::StepDoc;
use crate::body_file::BodyFiles;
use crate::catalog::Catalog;
use crate::diagnostic::{Diagnostic, Findings};
use crate::id::StepId;
use crate::source::{Source, Span};
use crate::template::{self, Program, Template};
use crate::yaml::{self, List, Node};

/// The outcome of checking a plan file.
#[derive(Debug, Clone)]
pub struct Checked {
    /// `None` when there are errors.
    pub plan: Option<Plan>,
    /// Errors, warnings and notes, in the order of the file.
    pub findings: Vec<Diagnostic>,
    /// The text of the findings' places: that of the plan file, followed by those of its modules.
    pub source: Arc<Source>,
    /// Defaults of secret inputs: findings are shown with the lines that they are in.
    pub secret_defaults: Vec<Arc<Value>>,
}

/// Reads and checks a plan file against the embedded catalogue.
pub fn check(source: &Arc<Source>) -> Checked {
    check_with(source, Some(Catalog::embedded()))
}

/// Reads and checks a plan file against a catalogue, or without one. Reads no other file.
pub fn check_with(source: &Arc<Source>, catalog: Option<&Catalog>) -> Checked {
    check_all(source, catalog, None, None)
}

/// The same; also checks that files named by templates can be read in `folder`.
pub fn check_in(source: &Arc<Source>, catalog: &Catalog, folder: &Path) -> Checked {
    check_all(source, Some(catalog), Some(folder), None)
}

/// The same; also checks the plan with the input values of a run, as far as they are known.
pub fn check_assuming(source: &Arc<Source>, catalog: &Catalog, folder: &Path, assumed: &Assumed<'_>) -> Checked {
    check_all(source, Some(catalog), Some(folder), Some(assumed))
}

fn check_all(
    source: &Arc<Source>,
    catalog: Option<&Catalog>,
    folder: Option<&Path>,
    assumed: Option<&Assumed<'_>>,
) -> Checked {
    let Written { root, parts, mut findings } = Written::read(source);
    let Whole { root, source, given } = include(root, source, folder, &mut findings);
    let source = &source;
    let mut secret_defaults = Vec::new();
    let mut lacks_steps = false;
    let plan = match root {
        None if findings.iter().any(Diagnostic::is_error) => None,
        root => {
            let doc = doc::read(root, parts, &mut findings);
            lacks_steps = doc.lacks_steps;
            let secret = doc.inputs.iter().filter(|input| input.input.secret);
            secret_defaults.extend(secret.filter_map(|input| input.input.default.clone()));
            let unread = findings.iter().any(Diagnostic::is_error);
            let given: Vec<Template> = given.iter().filter_map(|node| compiled(node, &mut findings)).collect();
            Checker::new(&doc, &mut findings).run(unread, &given);
            reported_where_given(&given, source.files()[0].range.end, &mut findings);
            if let Some(folder) = folder {
                unreadable_files(&doc, folder, &mut findings);
            }
            let operations = catalog.map(|catalog| {
                let operations = Operations::find(&doc, catalog, &mut findings);
                operations.check(&doc, catalog, source, folder, &mut findings);
                if let Some(assumed) = assumed {
                    operations.check_assumed(&doc, catalog, source, folder, assumed, &mut findings);
                }
                operations
            });
            match findings.iter().any(Diagnostic::is_error) {
                true => None,
                false => Some(accept(doc, operations, source)),
            }
        }
    };
    let (mut findings, more) = findings.finish();
    tidy(&mut findings, &more, lacks_steps);
    Checked { plan, findings, source: Arc::clone(source), secret_defaults }
}

/// A file as it was read: its parts one by one, as long as no module is used. Modules change the steps around them,
/// which are then left in the tree.
struct Written {
    root: Option<Node>,
    parts: ReadParts,
    findings: Findings,
}

impl Written {
    fn read(source: &Source) -> Self {
        let (mut parts, mut in_parts, mut modules) = (ReadParts::default(), Findings::default(), false);
        let parsed = yaml::parse_taking(source.text(), doc::PARTS, &mut |part| {
            if part.below == "steps" && part.node.get("use").is_some() {
                (modules, parts) = (true, ReadParts::default());
            }
            if !modules {
                parts.read(part, &mut in_parts);
            }
        });
        let mut findings = Findings::default();
        if modules {
            let parsed = yaml::parse_whole(source.text());
            findings.add(parsed.findings, parsed.more);
            return Self { root: parsed.root, parts, findings };
        }
        findings.add(parsed.findings, parsed.more);
        // In a file that cannot be parsed to its end, findings about its parts may only follow from that.
        if parsed.root.is_some() {
            let (found, more) = in_parts.finish();
            findings.add(found, more);
        }
        Self { root: parsed.root, parts, findings }
    }
}

/// Reads a plan file that must be valid.
///
/// # Errors
///
/// All findings, when one of them is an error.
pub fn load(source: &Arc<Source>) -> Result<Plan, Vec<Diagnostic>> {
    let checked = check(source);
    checked.plan.ok_or(checked.findings)
}

/// Reports findings about values given to a module where these are written, and not at each use in the module.
/// `modules`: where the texts of modules begin.
fn reported_where_given(given: &[Template], modules: usize, findings: &mut Findings) {
    let is_given = |finding: &Diagnostic| {
        given.iter().any(|template| {
            template.span.start() <= finding.primary.start() && finding.primary.start() < template.span.end()
        })
    };
    let told: HashSet<(&'static str, String)> = findings
        .iter()
        .filter(|finding| is_given(finding))
        .map(|finding| (finding.code, finding.message.clone()))
        .collect();
    findings.retain(|finding| {
        let again = finding.primary.start() > modules && told.contains(&(finding.code, finding.message.clone()));
        is_given(finding) || !again
    });
}

/// Sorts findings by place, and removes those that only follow from another one at the same place. `more`: findings
/// that were not kept, by code. `lacks_steps`: whether others may refer to steps that were left out.
fn tidy(findings: &mut Vec<Diagnostic>, more: &HashMap<&'static str, usize>, lacks_steps: bool) {
    let unreadable: HashSet<Span> =
        findings.iter().filter(|finding| finding.code.starts_with("yaml-")).map(|finding| finding.primary).collect();
    let files = findings.iter().filter(|finding| finding.code == "unreadable-file");
    let files: BTreeSet<usize> = files.map(|finding| finding.primary.start()).collect();
    let unusable = findings.iter().any(|finding| finding.code == "bad-module");
    let mut types = HashSet::new();
    findings.retain(|finding| match finding.code {
        "template-error" => files.range(finding.primary.range()).next().is_none(),
        code if code.starts_with("yaml-") => true,
        // Steps of an unusable module would be reported as missing.
        "no-steps" | "unknown-step" if unusable => false,
        "unknown-step" if lacks_steps => false,
        "wrong-type" => !unreadable.contains(&finding.primary) && types.insert(finding.primary),
        _ => !unreadable.contains(&finding.primary),
    });
    // Stable, so that findings at one place keep their order.
    findings.sort_by_key(|finding| finding.primary.start());
    findings.dedup();
    limit_alike(findings, more);
}

/// Keeps the first of many findings with one code, and adds the number of others. `more`: findings that were not kept.
fn limit_alike(findings: &mut Vec<Diagnostic>, more: &HashMap<&'static str, usize>) {
    const MOST: usize = 500;
    if findings.len() <= MOST && more.is_empty() {
        return;
    }
    let mut seen: HashMap<&'static str, usize> = HashMap::new();
    for finding in &*findings {
        *seen.entry(finding.code).or_default() += 1;
    }
    let mut totals = seen.clone();
    more.iter().for_each(|(code, more)| *totals.entry(*code).or_default() += more);
    seen.clear();
    findings.retain_mut(|finding| {
        let nth = seen.entry(finding.code).or_default();
        *nth += 1;
        if *nth == MOST && totals[finding.code] > MOST {
            let more = totals[finding.code] - MOST;
            finding.help.push(format!("{more} more findings of this kind are not shown"));
        }
        *nth <= MOST
    });
}

/// Reports an instance that the step cannot have: it has some with `for_each` only.
fn of_other_form(moved: &Moved, step: &StepDoc) -> Option<Diagnostic> {
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

struct Checker<'d> {
    doc: &'d PlanDoc,
    names: Names<'d>,
    findings: &'d mut Findings,
}

impl<'d> Checker<'d> {
    fn new(doc: &'d PlanDoc, findings: &'d mut Findings) -> Self {
        Self { doc, names: Names::new(doc), findings }
    }

    /// `unread`: some part could not be parsed, so that its references are not known.
    fn run(&mut self, unread: bool, given: &[Template]) {
        self.duplicate_ids();
        self.duplicate_outputs();
        for template in [&self.doc.project_id, &self.doc.region_id].into_iter().flatten() {
            self.template(template, &Place::PLAN);
        }
        for environment in self.doc.records.iter().filter_map(|record| record.environment.as_ref()) {
            self.template(environment, &Place::RECORD);
        }
        for template in given {
            self.template(template, &Place::step(false));
        }
        for step in &self.doc.steps {
            self.step(step);
        }
        for output in &self.doc.outputs {
            if let Some(value) = &output.value {
                self.template(value, &Place::output(output.secret));
            }
        }
        self.moved();
        self.cycles();
        if !unread {
            self.unused_inputs();
        }
    }

    /// The new name of a move must exist in the plan, or move on by a later entry, and the old one must not.
    fn moved(&mut self) {
        let many = self.doc.moved.len();
        let mut later: HashMap<&str, usize> = HashMap::with_capacity(many);
        for (nth, moved) in self.doc.moved.iter().enumerate() {
            later.insert(moved.from.step.as_str(), nth);
        }
        let (mut earlier, mut pairs) = (HashMap::with_capacity(many), HashSet::with_capacity(many));
        for (nth, moved) in self.doc.moved.iter().enumerate() {
            let (from, to) = (&moved.from, &moved.to);
            let finding = match (later.get(to.step.as_str()), self.names.steps.get(to.step.as_str())) {
                (_, Some(step)) => of_other_form(moved, step),
                (Some(other), None) if *other > nth => None,
                (Some(other), None) if *other < nth => {
                    let message =
                        format!("entries of `moved` are applied in order, and `{}` moves before this one", to.step);
                    Some(Diagnostic::error("unknown-step", moved.to_span, message).help("write this entry first"))
                }
                (_, None) => Some(self.names.unknown_step(to.step.as_str(), moved.to_span)),
            };
            self.findings.extend(finding);
            if let Some(first) = earlier.insert(from, moved.from_span) {
                let finding = Diagnostic::error("unknown-value", moved.from_span, format!("`{from}` moves twice"));
                self.findings.push(finding.related(first, "it moves here first").help("leave one of them out"));
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
                self.findings.push(Diagnostic::error("cycle", *span, "a step cannot need itself"));
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

    fn template(&mut self, template: &Template, place: &Place) {
        for (program, lists) in template.programs_in_lists() {
            self.program(program, &place.in_lists(&lists));
        }
    }

    fn program(&mut self, program: &Program, place: &Place) {
        self.names.check(program, place, self.findings);
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
                    if self.findings.iter().any(|finding| finding.code == "cycle" && finding.primary == place) {
                        continue;
                    }
                    Diagnostic::error("cycle", place, format!("step `{me}` refers to itself"))
                        .help("`self` is known in `undo`, `ready`, `fail_when` and `on_change: update` only")
                }
                _ => {
                    let message = format!("steps wait for each other in a circle: {}", circle.join(" → "));
                    let finding = Diagnostic::error("cycle", edge(0), message)
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

    /// Whether everything that a step refers to comes before it in the file: no circle leads through such steps only.
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

/// Reports files named by templates that cannot be read, each once.
fn unreadable_files(doc: &PlanDoc, folder: &Path, findings: &mut Findings) {
    let mut looked_at: HashMap<&str, Option<String>> = HashMap::new();
    let used = doc.programs().flat_map(|program| program.uses().files.iter().map(move |used| (program, used)));
    for (program, used) in used {
        let why = looked_at.entry(&used.name).or_insert_with(|| template::why_unreadable(folder, &used.name));
        if let Some(why) = why {
            let finding = Diagnostic::error("unreadable-file", program.place(used.span), why.clone());
            findings.push(finding.help("`file(...)` reads below the folder of the plan file"));
        }
    }
}

/// The steps that a step depends on, with the place of each reference.
fn edges_of(step: &StepDoc) -> Vec<(StepId, Span)> {
    let references = programs(step)
        .into_iter()
        .flat_map(|(_, program)| program.uses().steps.iter().map(|used| (used.step.clone(), program.place(used.span))));
    references.chain(step.needs.iter().cloned()).collect()
}

/// The same without places: sorted, each once.
fn dependencies_of(step: &StepDoc) -> Box<[StepId]> {
    let mut after: Vec<StepId> = edges_of(step).into_iter().map(|(id, _)| id).collect();
    after.sort_unstable();
    after.dedup();
    after.into()
}

/// The accepted plan.
fn accept(mut doc: PlanDoc, operations: Option<Operations>, source: &Arc<Source>) -> Plan {
    let resource_used = super::mentions::resources_used(&doc);
    let records = super::record_doc::accept(std::mem::take(&mut doc.records), doc.programs());
    let steps = accept_steps(doc.steps, operations.map(Operations::into_steps).unwrap_or_default(), &resource_used);
    // At its full size at once: growing would hold all of it twice.
    let mut outputs = IndexMap::with_capacity(doc.outputs.len());
    for output in doc.outputs {
        let OutputDoc { name, name_span: span, value, description, secret } = output;
        outputs.extend(value.map(|value| (name, Output { span, value, description, secret })));
    }
    let folder = source.path().parent().unwrap_or_else(|| Path::new(""));
    Plan {
        source: Arc::clone(source),
        body_files: Arc::new(BodyFiles::below(folder)),
        folder: folder.to_owned(),
        name: doc.name.map(|name| name.value).unwrap_or_default(),
        description: doc.description,
        inputs: doc.inputs.into_iter().map(|input| (input.name, input.input)).collect(),
        project_id: doc.project_id,
        region_id: doc.region_id,
        ttl: doc.ttl,
        records,
        steps,
        outputs,
        moved: doc.moved.into_iter().collect(),
    }
}

/// The accepted steps. What was read is freed piece by piece, so that a long plan is not held twice.
fn accept_steps(
    steps: List<StepDoc>,
    operations: Vec<OfStep>,
    resource_used: &BTreeSet<StepId>,
) -> IndexMap<StepId, Step> {
    let mut accepted = IndexMap::with_capacity(steps.len());
    let operations = operations.into_iter().chain(iter::repeat_with(OfStep::default));
    for (step, of) in steps.into_iter().zip(operations) {
        let step = accept_step(step, of, resource_used);
        accepted.extend(step.map(|step| (step.id.clone(), step)));
    }
    accepted
}

fn accept_step(step: StepDoc, of: OfStep, resource_used: &BTreeSet<StepId>) -> Option<Step> {
    let after = dependencies_of(&step);
    let StepDoc { id, call, always, mut written, .. } = step;
    let id = id?;
    let (undo, update) = written.calls_mut();
    undo.into_iter().for_each(|call| call.operation.clone_from(&of.undo));
    update.into_iter().for_each(|call| call.operation.clone_from(&of.update));
    written.after = after;
    let id_span = id.span;
    let id = StepId::new(id.value.as_str());
    Some(Step {
        resource_used: resource_used.contains(&id),
        id,
        id_span,
        call: call?,
        operation: of.own,
        always: always.is_some_and(|always| always.value),
        written,
    })
}
