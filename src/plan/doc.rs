//! The plan as written: every key parsed and typed, every template compiled, with places. Relations between parts are
//! checked by `check`.

use std::sync::Arc;
use std::time::Duration;

use super::duration;
use super::existing;
use super::fields::{Fields, Placed, Shape, boolean, list, listed, mapping, text, wrong_composed, wrong_type};
use super::input_doc::{self, INPUT, InputDoc, InputValueCount};
use super::model::{Call, CallTarget, Moved, Segment};
use super::programs::programs;
use super::record_doc::{self, RecordDoc};
use super::scalars::{LONGEST_NAME, compiled, compiled_owned, is_plan_name, missing_key, number};
use super::step_doc::{self, StepDoc};
use super::step_secrets::StepSecrets;
use super::written_secrets;
use crate::catalog::Method;
use crate::diagnostic::{Diagnostic, Findings, code};
use crate::hash::HashMap;
use crate::id::is_output_name;
use crate::source::Span;
use crate::template::{Program, Template};
use crate::word::Word;
use crate::yaml::{Growing, Key, List, Node, NodeKind, PartKind, Taken};

/// A parsed plan file. A part that could not be parsed is `None` and has a finding.
#[derive(Debug, Default)]
pub(super) struct PlanDoc {
    pub name: Option<Placed<String>>,
    pub description: Option<String>,
    pub inputs: Vec<InputDoc>,
    pub records: Vec<RecordDoc>,
    pub project_id: Option<Template>,
    pub region_id: Option<Template>,
    pub ttl: Option<Duration>,
    pub steps: List<StepDoc>,
    pub outputs: List<OutputDoc>,
    pub moved: List<Moved>,
    /// Whether invalid steps were left out, because there were very many errors: others may refer to them.
    pub lacks_steps: bool,
    /// The values of secret inputs in the file, right or wrong.
    pub secret: Vec<Node>,
    /// The secrets that its calls write out.
    pub written: StepSecrets,
}

impl PlanDoc {
    /// Every template and condition of its steps and outputs.
    pub(super) fn programs(&self) -> impl Iterator<Item = &Program> {
        let steps = self.steps.iter().flat_map(|step| programs(step).into_iter().map(|(_, program)| program));
        let outputs = self.outputs.iter().flat_map(|output| output.value.iter().flat_map(Template::programs));
        steps.chain(outputs)
    }
}

#[derive(Debug)]
pub(super) struct OutputDoc {
    pub name: Word,
    pub name_span: Span,
    pub value: Option<Template>,
    pub description: Option<Box<str>>,
    pub secret: bool,
}

const PLAN: Shape = Shape {
    name: "a plan",
    keys: &["name", "description", "inputs", "records", "project_id", "region_id", "ttl", "moved", "steps", "outputs"],
    hints: &[
        ("variables", "write `inputs:`"),
        ("vars", "write `inputs:`"),
        ("parameters", "write `inputs:`"),
        ("tasks", "write `steps:`"),
        ("calls", "write `steps:`"),
        ("resources", "write `steps:`"),
        ("project", "write `project_id:`"),
        ("region", "write `region_id:`"),
        ("base_url", "only `--base-url` and `GCORE_BASE_URL` say where requests go"),
        ("api_key", "a key never stands in a plan: set `GCORE_API_KEY`"),
        ("remote_state", "write `records:`"),
        ("data", "write `records:`, or a GET step with `find:`"),
        ("environment", "the environment is chosen when running: `--environment NAME`"),
        ("version", "a plan file has no version"),
    ],
};

const OUTPUT: Shape = Shape { name: "an output", keys: &["value", "description", "secret"], hints: &[] };

/// The parts that are read as soon as their nodes are parsed, and not kept as nodes: nearly all of a long plan.
pub(super) const PARTS: &[(&str, PartKind)] = &[
    ("inputs", PartKind::Entries),
    ("records", PartKind::Entries),
    ("moved", PartKind::Items),
    ("steps", PartKind::Items),
    ("outputs", PartKind::Entries),
];

/// Parses the root of a plan file. `read`: the parts that were taken out of it.
pub(super) fn read(root: Option<Node>, mut read: ReadParts, findings: &mut Findings) -> PlanDoc {
    let Some(mut root) = root.filter(|root| !root.is_null()) else {
        findings.push(
            Diagnostic::error("empty-plan", Span::at(0), "there is nothing in this file")
                .help("a plan has a `name` and `steps`"),
        );
        return PlanDoc::default();
    };
    take_parts(&mut root, &mut |part| read.read(part, findings));
    read.values.secret.extend(written_secrets::misplaced(&root, INPUT.keys).cloned());
    let Some(fields) = Fields::open(&root, &PLAN, findings) else {
        return PlanDoc { secret: read.values.secret, written: read.written, ..PlanDoc::default() };
    };
    let name = match fields.get("name") {
        Some(node) => plan_name(node, findings),
        None => {
            if fields.lacks("name") {
                let finding = missing_key("a plan", "name", fields.head());
                findings.push(finding.help("it names the record: `name: web-demo`"));
            }
            None
        }
    };
    let description = fields.get("description").and_then(|node| text(node, "`description`", findings));
    for key in ["inputs", "records", "outputs"] {
        // `null` counts as empty.
        if let Some(node) = fields.get(key).filter(|node| !node.is_null()) {
            mapping(node, &format!("`{key}`"), findings);
        }
    }
    if let Some(node) = fields.get("moved") {
        list(node, "`moved`", findings);
    }
    check_steps(&fields, read.has_steps, findings);
    PlanDoc {
        name,
        description: description.map(|description| description.value),
        inputs: read.inputs,
        records: read.records,
        project_id: fields.get("project_id").and_then(|node| number(node, "`project_id`", findings)),
        region_id: fields.get("region_id").and_then(|node| number(node, "`region_id`", findings)),
        ttl: fields.get("ttl").and_then(|node| duration::read(node, "`ttl`", findings)),
        steps: read.steps.into(),
        outputs: read.outputs.into(),
        moved: read.moved.into(),
        lacks_steps: read.lacks_steps,
        secret: read.values.secret,
        written: read.written,
    }
}

/// Takes the parts that are still in the tree out of it, and gives each to `take`.
fn take_parts(root: &mut Node, take: &mut dyn FnMut(Taken<'_>)) {
    let NodeKind::Mapping(entries) = &mut root.kind else { return };
    for (key, node) in entries.iter_mut() {
        let Some((below, parts)) = PARTS.iter().find(|(name, _)| key.text == *name) else { continue };
        match (&mut node.kind, parts) {
            (NodeKind::Sequence(items), PartKind::Items) => {
                std::mem::take(items).into_iter().for_each(|node| take(Taken { below, key: None, node }))
            }
            (NodeKind::Mapping(entries), PartKind::Entries) => {
                std::mem::take(entries).into_iter().for_each(|(key, node)| take(Taken { below, key: Some(key), node }))
            }
            _ => {}
        }
    }
}

/// Reports `steps` that are missing, or no list.
fn check_steps(fields: &Fields<'_>, has_steps: bool, findings: &mut Findings) {
    let Some(node) = fields.get("steps") else {
        if fields.lacks("steps") {
            findings.push(missing_key("a plan", "steps", fields.head()).help("a plan without steps does nothing"));
        }
        return;
    };
    if let Some(entries) = node.entries() {
        let finding = wrong_composed(node, "`steps`", "a list");
        findings.push(match entries.first() {
            Some((key, _)) => finding.help(format!("start each step with a dash: `- id: {}`", key.text)),
            None => finding,
        });
        return;
    }
    let key = fields.key_span("steps").unwrap_or(node.span);
    if !node.is_null() {
        list(node, "`steps`", findings);
    }
    if !has_steps && (node.is_null() || node.items().is_some()) {
        findings.push(
            Diagnostic::error(code::NO_STEPS, key, "there are no steps").help("a plan without steps does nothing"),
        );
    }
}

/// The parts of a plan that were read, each once its node was there.
#[derive(Default)]
pub(super) struct ReadParts {
    inputs: Vec<InputDoc>,
    records: Vec<RecordDoc>,
    moved: Growing<Moved>,
    steps: Growing<StepDoc>,
    outputs: Growing<OutputDoc>,
    /// Whether there is a step, valid or not.
    has_steps: bool,
    lacks_steps: bool,
    calls: Calls,
    values: InputValueCount,
    written: StepSecrets,
}

/// The most inputs, and the most records, of a plan.
const MOST_NAMES: usize = 10_000;

fn too_many(what: &str, place: Span, findings: &mut Findings) {
    let message = format!("a plan has at most {MOST_NAMES} {what}");
    findings.push(Diagnostic::error(code::OUT_OF_RANGE, place, message));
}

/// In a file with more errors, invalid steps are left out.
const MANY_ERRORS: usize = 1000;

impl ReadParts {
    /// The secrets in the text so far.
    pub(super) fn secret(self) -> impl Iterator<Item = Node> {
        self.values.secret.into_iter().chain(self.written.found)
    }

    /// Reads a part of the file as soon as it is parsed.
    pub(super) fn read(&mut self, part: Taken<'_>, findings: &mut Findings) {
        let Taken { below, key, node } = part;
        match (below, key) {
            ("inputs", Some(key)) if self.inputs.len() >= MOST_NAMES => too_many("inputs", key.span, findings),
            ("inputs", Some(key)) => {
                self.inputs.extend(input_doc::read(&key, &node, &mut self.values, findings));
            }
            ("records", Some(key)) if self.records.len() >= MOST_NAMES => too_many("records", key.span, findings),
            ("records", Some(key)) => self.records.extend(record_doc::read(&key, &node, findings)),
            ("outputs", Some(key)) => self.outputs.push(output(&key, node, findings)),
            ("moved", None) => self.moved.extend(existing::moved(&node, findings)),
            ("steps", None) => self.step(node, findings),
            _ => {}
        }
    }

    fn step(&mut self, node: Node, findings: &mut Findings) {
        self.has_steps = true;
        self.written.read(&node, findings);
        let before = findings.errors();
        let Some(mut step) = step_doc::read(node, findings) else { return };
        if before > MANY_ERRORS && findings.errors() > before {
            self.lacks_steps = true;
            return;
        }
        step.is_constant = programs(&step).is_empty();
        step.call.iter_mut().for_each(|call| self.calls.share(call));
        self.steps.push(step);
    }
}

/// Calls without templates, to be shared: most steps of a long plan have the same one.
#[derive(Default)]
struct Calls(HashMap<(Method, Box<str>), Arc<CallTarget>>);

impl Calls {
    /// The most calls that are remembered: with so many different ones, most occur once.
    const MOST: usize = 4096;

    fn share(&mut self, call: &mut Call) {
        if call.segments.iter().any(|segment| matches!(segment, Segment::Template(_))) {
            return;
        }
        let key = (call.method, call.written.clone());
        match self.0.get(&key) {
            Some(target) => call.target = Arc::clone(target),
            None if self.0.len() < Self::MOST => drop(self.0.insert(key, Arc::clone(&call.target))),
            None => {}
        }
    }
}

fn plan_name(node: &Node, findings: &mut Findings) -> Option<Placed<String>> {
    let name = text(node, "`name`", findings)?;
    if is_plan_name(&name.value) {
        return Some(name);
    }
    let fits = |character: char| is_plan_name(character.encode_utf8(&mut [0; 4]));
    let right: String =
        name.value.to_lowercase().chars().map(|letter| if fits(letter) { letter } else { '-' }).collect();
    let finding = Diagnostic::error("bad-name", name.span, format!("`{}` is no name for a plan", name.value))
        .help("lower-case letters, digits and dashes, at most 100: it names a folder and stands in tags");
    findings.push(match right.trim_matches('-') {
        "" => finding,
        right if right.len() > LONGEST_NAME => finding,
        right => finding.suggest(name.span, right),
    });
    None
}

fn output(key: &Key, node: Node, findings: &mut Findings) -> OutputDoc {
    if !is_output_name(&key.text) {
        findings.push(
            Diagnostic::error("bad-name", key.span, format!("`{}` is no name for an output", key.text))
                .help("letters, digits, `_` and `-`, and no digit first"),
        );
    }
    if ACTIONS_OWN.iter().any(|own| own.eq_ignore_ascii_case(&key.text)) {
        let message = format!("`{}` is an output of the GitHub action itself", key.text);
        findings.push(
            Diagnostic::warning("bad-name", key.span, message)
                .help("a workflow sees the action's; under another name it sees the plan's"),
        );
    }
    let mut doc =
        OutputDoc { name: key.text.clone(), name_span: key.span, value: None, description: None, secret: false };
    if node.entries().is_none() {
        if node.is_null() {
            findings.push(wrong_type(&node, &format!("the output `{}`", key.text), "a value or a template"));
        }
        doc.value = compiled_owned(node, findings);
        return doc;
    }
    let Some(fields) = Fields::open(&node, &OUTPUT, findings) else { return doc };
    doc.value = match fields.get("value") {
        Some(value) => compiled(value, findings),
        None => {
            if fields.lacks("value") {
                findings.push(
                    missing_key("an output", "value", key.span)
                        .help(format!("its keys are {}", listed(OUTPUT.keys.iter().copied())))
                        .help("an output that is a mapping itself goes below `value:`"),
                );
            }
            None
        }
    };
    let description = fields.get("description").and_then(|node| text(node, "`description`", findings));
    doc.description = description.map(|text| text.value.into());
    doc.secret = fields.get("secret").and_then(|node| boolean(node, "`secret`", findings)).unwrap_or(false);
    doc
}

/// Outputs of the GitHub action besides those of the plan: `report::github::output` writes them.
const ACTIONS_OWN: [&str; 12] = [
    "json",
    "result",
    "exit-code",
    "failure-reason",
    "state-path",
    "resume-command",
    "changes",
    "to-create",
    "to-update",
    "to-replace",
    "to-remove",
    "report-path",
];
