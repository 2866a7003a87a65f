//! The plan as written: every key parsed and typed, every template compiled, with places. Relations between parts are
//! checked by `check`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::duration;
use super::existing;
use super::fields::{Fields, Placed, Shape, boolean, list, listed, mapping, text, wrong_type};
use super::input_doc::{self, InputDoc};
use super::model::{Call, Moved, Segment};
use super::programs::programs;
use super::record_doc::{self, RecordDoc};
use super::scalars::{LONGEST_NAME, compiled, is_plan_name, missing_key, number};
use super::step_doc::{self, StepDoc};
use crate::diagnostic::{Diagnostic, Findings};
use crate::source::Span;
use crate::template::{Program, Template};
use crate::yaml::{Key, Node, NodeKind, Word, push};

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
    pub steps: Vec<StepDoc>,
    pub outputs: Vec<OutputDoc>,
    pub moved: Vec<Moved>,
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

/// Parses the root of a plan file.
/// `steps`: those that were taken out of it.
pub(super) fn read(root: Option<Node>, mut steps: Steps, findings: &mut Findings) -> PlanDoc {
    let Some(mut root) = root.filter(|root| !root.is_null()) else {
        findings.push(
            Diagnostic::error("empty-plan", Span::at(0), "there is nothing in this file")
                .help("a plan has a `name` and `steps`"),
        );
        return PlanDoc::default();
    };
    for item in taken_steps(&mut root) {
        steps.read(item, findings);
    }
    let Some(fields) = Fields::open(&root, &PLAN, findings) else { return PlanDoc::default() };
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
    let inputs = fields.get("inputs").map(|node| named(node, "`inputs`", findings)).unwrap_or_default();
    let inputs = sized(inputs.len(), inputs.iter().filter_map(|(key, node)| input_doc::read(key, node, findings)));
    let records = fields.get("records").map(|node| named(node, "`records`", findings)).unwrap_or_default();
    let records = records.iter().filter_map(|(key, node)| record_doc::read(key, node, findings)).collect();
    let project_id = fields.get("project_id").and_then(|node| number(node, "`project_id`", findings));
    let region_id = fields.get("region_id").and_then(|node| number(node, "`region_id`", findings));
    let ttl = fields.get("ttl").and_then(|node| duration::read(node, "`ttl`", findings));
    let steps = found_steps(&fields, steps, findings);
    let outputs = fields.get("outputs").map(|node| named(node, "`outputs`", findings)).unwrap_or_default();
    let outputs = outputs.iter().map(|(key, node)| output(key, node, findings)).collect();
    let description = description.map(|description| description.value);
    let moved = fields.get("moved").map(|node| existing::moved(node, findings)).unwrap_or_default();
    PlanDoc { name, description, inputs, records, project_id, region_id, ttl, steps, outputs, moved }
}

/// A mapping with user-defined names; `null` counts as empty.
fn named<'n>(node: &'n Node, what: &str, findings: &mut Findings) -> &'n [(Key, Node)] {
    if node.is_null() {
        return &[];
    }
    mapping(node, what, findings).unwrap_or_default()
}

/// A list of at most so many items, at its full size at once: growing would hold all of it twice.
fn sized<T>(many: usize, items: impl Iterator<Item = T>) -> Vec<T> {
    let mut list = Vec::with_capacity(many);
    list.extend(items);
    list
}

/// The items of `steps`, out of the tree: each is given back once it is read, so that a long plan is not held twice.
fn taken_steps(root: &mut Node) -> Vec<Node> {
    let NodeKind::Mapping(entries) = &mut root.kind else { return Vec::new() };
    let steps = entries.iter_mut().find(|(key, _)| key.text == "steps");
    match steps.map(|(_, node)| &mut node.kind) {
        Some(NodeKind::Sequence(items)) => std::mem::take(items).into_vec(),
        _ => Vec::new(),
    }
}

fn found_steps(fields: &Fields<'_>, steps: Steps, findings: &mut Findings) -> Vec<StepDoc> {
    let Some(node) = fields.get("steps") else {
        if fields.lacks("steps") {
            findings.push(missing_key("a plan", "steps", fields.head()).help("a plan without steps does nothing"));
        }
        return Vec::new();
    };
    if let Some(entries) = node.entries() {
        let finding = wrong_type(node, "`steps`", "a list");
        findings.push(match entries.first() {
            Some((key, _)) => finding.help(format!("start each step with a dash: `- id: {}`", key.text)),
            None => finding,
        });
        return Vec::new();
    }
    let key = fields.key_span("steps").unwrap_or(node.span);
    if !node.is_null() {
        list(node, "`steps`", findings);
    }
    if steps.is_empty && (node.is_null() || node.items().is_some()) {
        findings
            .push(Diagnostic::error("no-steps", key, "there are no steps").help("a plan without steps does nothing"));
    }
    steps.read
}

/// Steps, each parsed once its node is read.
pub(super) struct Steps {
    read: Vec<StepDoc>,
    paths: Paths,
    is_empty: bool,
}

impl Default for Steps {
    fn default() -> Self {
        Self { read: Vec::new(), paths: Paths::default(), is_empty: true }
    }
}

impl Steps {
    pub(super) fn read(&mut self, item: Node, findings: &mut Findings) {
        self.is_empty = false;
        if let Some(mut step) = step_doc::read(item, findings) {
            step.is_constant = programs(&step).is_empty();
            step.call.iter_mut().for_each(|call| self.paths.share(call));
            push(&mut self.read, step);
        }
    }
}

/// The paths of calls without templates: most steps of a long plan call few operations.
#[derive(Default)]
struct Paths(HashMap<Arc<str>, Arc<[Segment]>>);

impl Paths {
    fn share(&mut self, call: &mut Call) {
        if call.segments.iter().any(|segment| matches!(segment, Segment::Template(_))) {
            return;
        }
        match self.0.get_key_value(&call.written) {
            Some((written, segments)) => (call.written, call.segments) = (Arc::clone(written), Arc::clone(segments)),
            None => drop(self.0.insert(Arc::clone(&call.written), Arc::clone(&call.segments))),
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

fn output(key: &Key, node: &Node, findings: &mut Findings) -> OutputDoc {
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
            findings.push(wrong_type(node, &format!("the output `{}`", key.text), "a value or a template"));
        }
        doc.value = compiled(node, findings);
        return doc;
    }
    let Some(fields) = Fields::open(node, &OUTPUT, findings) else { return doc };
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
const ACTIONS_OWN: [&str; 7] =
    ["json", "result", "exit-code", "failure-reason", "state-path", "resume-command", "report-path"];

pub fn is_output_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-'))
}
