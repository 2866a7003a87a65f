//! Replaces references in templates by expressions. Every character keeps its place in its file; a replacement has
//! the place of what it replaces.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use serde_json::Value;

use super::with_nearest;
use crate::diagnostic::{Diagnostic, Findings, code};
use crate::order::sort_by_key;
use crate::source::Span;
use crate::template::{Expression, InputUse, NEVER_KNOWN, Part, Program, Reference, Shape, Template, Text};
use crate::yaml::{Items, Node, NodeKind, Places, Scalar, Text as Written};

/// Keys of a step with expressions without braces.
const CONDITIONS: [&str; 3] = ["when", "ready", "fail_when"];

/// Replaces a reference that was reported as wrong: nothing is known of its value, so that no further finding
/// follows.
pub(super) const ALREADY_REPORTED: &str = NEVER_KNOWN;

/// The most bytes that all templates of a plan may grow by replacements: expressions that include each other twice
/// double with every step.
const MOST_GROWTH: usize = 16 << 20;

/// The replacements for names on one level.
#[derive(Default)]
pub(super) struct Names {
    /// The prefix of step ids.
    pub prefix: String,
    is_module: bool,
    /// In a module: an expression for each input.
    pub inputs: BTreeMap<String, String>,
    /// Inputs that were used.
    pub used: RefCell<BTreeSet<String>>,
    /// The steps that use modules.
    pub modules: BTreeSet<String>,
    /// By step that uses a module: the expressions that replace the module's outputs.
    pub given: BTreeMap<String, BTreeMap<String, String>>,
    /// By step that uses a module: the ids of the module's steps.
    pub ids: BTreeMap<String, Vec<String>>,
    /// The steps whose module could not be read.
    pub failed: BTreeSet<String>,
    /// The growth of templates so far, over all levels.
    grown: Rc<Cell<usize>>,
}

impl Names {
    pub(super) fn of_plan() -> Self {
        Self::default()
    }

    pub(super) fn of_module(prefix: String, outer: &Names) -> Self {
        Self { prefix, is_module: true, grown: Rc::clone(&outer.grown), ..Self::default() }
    }
}

/// A part of a text to be replaced.
struct Edit {
    range: Range<usize>,
    by: String,
}

/// A node with every template in it rewritten.
pub(super) fn rewritten(node: &Node, names: &Names, findings: &mut Findings) -> Node {
    let kind = match &node.kind {
        NodeKind::Scalar(Scalar::Text(text)) if ["{{", "{%"].iter().any(|open| text.as_str().contains(open)) => {
            let edits = Template::compile(&plain(text.as_str()))
                .map(|template| edits(&template.programs(), text.as_str(), node, names, findings));
            scalar(node, text, &edits.unwrap_or_default())
        }
        NodeKind::Scalar(_) => node.kind.clone(),
        NodeKind::Sequence(items) => {
            NodeKind::Sequence(items.iter().map(|item| rewritten(item, names, findings)).collect())
        }
        NodeKind::Mapping(entries) => NodeKind::Mapping(
            entries.iter().map(|(key, value)| (key.clone(), rewritten(value, names, findings))).collect(),
        ),
    };
    Node { span: node.span, kind }
}

/// A whole step with every template in it rewritten, and its id, `needs` and conditions.
pub(super) fn rewritten_step(step: &Node, names: &Names, findings: &mut Findings) -> Node {
    let NodeKind::Mapping(entries) = &step.kind else { return step.clone() };
    let entries = entries.iter().map(|(key, node)| {
        let value = match (key.text.as_str(), &node.kind) {
            ("id", NodeKind::Scalar(Scalar::Text(id))) => {
                let edit = Edit { range: 0..0, by: names.prefix.clone() };
                Node { span: node.span, kind: scalar(node, id, &[edit]) }
            }
            ("needs", _) => needs(node, names),
            (word, NodeKind::Scalar(Scalar::Text(text))) if CONDITIONS.contains(&word) => {
                let condition = Expression::compile(&plain(text.as_str()));
                let programs: Vec<&Program> = condition.iter().filter_map(Expression::program).collect();
                let edits = edits(&programs, text.as_str(), node, names, findings);
                Node { span: node.span, kind: scalar(node, text, &edits) }
            }
            _ => rewritten(node, names, findings),
        };
        (key.clone(), value)
    });
    Node { span: step.span, kind: NodeKind::Mapping(entries.collect()) }
}

/// The entries of `needs` with prefixed ids; for a module all its steps.
pub(super) fn needs(node: &Node, names: &Names) -> Node {
    let items = node.items().unwrap_or(Items::one(node));
    let mut all = Vec::new();
    for item in items {
        let NodeKind::Scalar(Scalar::Text(id)) = &item.kind else {
            all.push(item.clone());
            continue;
        };
        let under =
            |name: &str| Node { span: item.span, kind: NodeKind::Scalar(Scalar::Text(id.with(name, item.span))) };
        match names.ids.get(id.as_str()) {
            Some(ids) => all.extend(ids.iter().map(|id| under(id))),
            None => all.push(under(&format!("{}{}", names.prefix, id.as_str()))),
        }
    }
    Node { span: node.span, kind: NodeKind::Sequence(all.into()) }
}

/// Adds entries to the `needs` of a step.
pub(super) fn add_needs(step: &mut Node, more: &Node) {
    let NodeKind::Mapping(entries) = &mut step.kind else { return };
    if !entries.iter().any(|(key, _)| key.text == "needs") {
        let key = crate::yaml::Key { span: more.span, text: "needs".into() };
        let own = std::mem::take(entries).into_iter();
        *entries = own.chain([(key, more.clone())]).collect();
        return;
    }
    for (_, node) in entries.iter_mut().filter(|(key, _)| key.text == "needs") {
        let own = node.items().unwrap_or(Items::one(node));
        let all = own.iter().chain(more.items().into_iter().flatten()).cloned();
        node.kind = NodeKind::Sequence(all.collect());
    }
}

/// The modules whose outputs a node refers to.
pub(super) fn modules_in(node: &Node, names: &Names) -> BTreeSet<String> {
    let Ok(template) = Template::compile(node) else { return BTreeSet::new() };
    let mentioned = template.references().map(|used| used.step.as_str().to_owned());
    mentioned.filter(|step| names.modules.contains(step)).collect()
}

/// The modules named by `needs`.
pub(super) fn modules_needed(node: &Node, names: &Names) -> BTreeSet<String> {
    let items = node.items().unwrap_or(Items::one(node));
    let ids = items.iter().filter_map(Node::as_str).map(str::to_owned);
    ids.filter(|id| names.modules.contains(id)).collect()
}

/// The replacements in a text, in order.
fn edits(programs: &[&Program], text: &str, node: &Node, names: &Names, findings: &mut Findings) -> Vec<Edit> {
    let mut edits = Vec::new();
    for uses in programs.iter().map(|program| program.located()) {
        for used in uses.inputs.iter().filter(|_| names.is_module) {
            edits.push(input_edit(used, text, node, names, findings));
        }
        for used in &*uses.steps {
            let is_module = names.modules.contains(used.step.as_str());
            edits.extend(match is_module {
                true => module_edit(used, text, node, names, findings),
                false => prefixed(used, text, names),
            });
        }
    }
    sort_by_key(&mut edits, |edit| edit.range.start);
    let before = names.grown.get();
    names.grown.set(before.saturating_add(edits.iter().map(|edit| edit.by.len()).sum()));
    if names.grown.get() <= MOST_GROWTH {
        return edits;
    }
    if before <= MOST_GROWTH {
        let message = "the values that modules pass to each other become too large here";
        findings.push(Diagnostic::error(code::BAD_MODULE, node.span, message).help("pass less, or pass it once"));
    }
    Vec::new()
}

/// An input of a module: what the module is given for it.
fn input_edit(used: &InputUse, text: &str, node: &Node, names: &Names, findings: &mut Findings) -> Edit {
    names.used.borrow_mut().insert(used.name.to_string());
    let range = used.span.start()..behind_bracket(text, used.name_span.end());
    if let Some(expression) = names.inputs.get(used.name.as_str()) {
        return Edit { range, by: expression.clone() };
    }
    let place = node.place(used.name_span.range());
    let finding = Diagnostic::error("unknown-input", place, format!("the module has no input `{}`", used.name));
    findings.push(with_nearest(finding, &used.name, place, names.inputs.keys().map(String::as_str)));
    Edit { range, by: ALREADY_REPORTED.to_owned() }
}

/// A step of a module: its name in the plan.
fn prefixed(used: &Reference, text: &str, names: &Names) -> Option<Edit> {
    let range = used.step_span.range();
    let quote = if text[range.clone()].starts_with(['\'', '"']) { "'" } else { "" };
    let by = format!("{quote}{}{}{quote}", names.prefix, used.step);
    (!names.prefix.is_empty()).then_some(Edit { range, by })
}

/// A step that uses a module: the output that is named. `None` for what the module is not known to give.
fn module_edit(used: &Reference, text: &str, node: &Node, names: &Names, findings: &mut Findings) -> Option<Edit> {
    let id = used.step.as_str();
    let given = names.given.get(id)?;
    let finding = match (&*used.path, &*used.path_spans) {
        ([outputs, output, ..], [_, span, ..]) if *outputs == "outputs" => match given.get(output.as_str()) {
            Some(expression) => {
                let range = used.span.start()..behind_bracket(text, span.end());
                return Some(Edit { range, by: expression.clone() });
            }
            None => {
                let place = node.place(span.range());
                let message = format!("the module that `{id}` uses has no output `{output}`");
                let finding = Diagnostic::error("unknown-result", place, message);
                with_nearest(finding, output, place, given.keys().map(String::as_str))
            }
        },
        _ => {
            let message = format!("`{id}` uses a module, and has outputs only");
            let finding = Diagnostic::error("unknown-result", node.place(used.span.range()), message);
            finding.help(format!("write `steps.{id}.outputs.<name>`"))
        }
    };
    findings.push(finding);
    let range = used.span.start()..behind_bracket(text, used.span.end());
    Some(Edit { range, by: ALREADY_REPORTED.to_owned() })
}

/// The end of a reference whose last part is in brackets: after the closing one.
fn behind_bracket(text: &str, end: usize) -> usize {
    let rest = &text[end..];
    let quoted = rest.trim_start_matches(['\'', '"']);
    let blank = quoted.len() - quoted.trim_start().len();
    // In `[steps.a.b]` the bracket belongs to the list: only a quoted key has its own.
    let is_key = text[..end].ends_with(['\'', '"']) || quoted.len() < rest.len();
    match is_key && quoted.trim_start().starts_with(']') {
        true => end + (rest.len() - quoted.len()) + blank + 1,
        false => end,
    }
}

/// A scalar with parts of its text replaced.
fn scalar(node: &Node, written: &Written, edits: &[Edit]) -> NodeKind {
    if edits.iter().all(|edit| edit.range.is_empty() && edit.by.is_empty()) {
        return node.kind.clone();
    }
    let (text, places) = (written.as_str(), written.places(node.span));
    let (mut out, mut runs) = (String::with_capacity(text.len()), Vec::new());
    let place_of = |at: usize| places.span(at..at + 1, node.span).start();
    let keep = |out: &mut String, runs: &mut Vec<(usize, usize)>, range: Range<usize>| {
        for (offset, character) in text[range.clone()].char_indices() {
            runs.push((out.len(), place_of(range.start + offset)));
            out.push(character);
        }
    };
    let mut from = 0;
    for edit in edits {
        keep(&mut out, &mut runs, from..edit.range.start);
        // Each character of a replacement has the place of a character that it replaces, and the last one that of all
        // others.
        let last = edit.range.end.saturating_sub(1).max(edit.range.start);
        for (offset, character) in edit.by.char_indices() {
            runs.push((out.len(), place_of((edit.range.start + offset).min(last))));
            out.push(character);
        }
        from = edit.range.end;
    }
    keep(&mut out, &mut runs, from..text.len());
    NodeKind::Scalar(Scalar::Text(Written::new(out, written.style(), Places::of_runs(&runs), node.span)))
}

/// A separate text, with places in that text.
fn plain(text: &str) -> Node {
    Node { span: Span::new(0, text.len()), kind: NodeKind::Scalar(Scalar::Text(Written::plain(text))) }
}

/// The value of a node as one expression.
pub(super) fn expression_of(node: &Node) -> Result<String, Diagnostic> {
    match &node.kind {
        NodeKind::Scalar(Scalar::Text(text)) => match Template::compile(&plain(text.as_str())) {
            Ok(template) => shape_source(template.shape()).ok_or_else(|| {
                Diagnostic::error(code::BAD_MODULE, node.span, "a text with statements is not handed from file to file")
                    .help("write it as one expression, or where it is used")
            }),
            // Reported where the text itself is parsed.
            Err(findings) => {
                let message = findings.into_iter().next().map(|finding| finding.message).unwrap_or_default();
                Err(Diagnostic::error("template-syntax", node.span, message))
            }
        },
        NodeKind::Scalar(value) => Ok(literal(&value.to_value())),
        NodeKind::Sequence(items) => {
            let items: Vec<String> = items.iter().map(expression_of).collect::<Result<_, _>>()?;
            Ok(format!("[{}]", items.join(", ")))
        }
        NodeKind::Mapping(entries)
            if ["for", "each"].iter().all(|key| node.get(key).is_some()) && entries.len() == 2 =>
        {
            Err(Diagnostic::error(
                code::BAD_MODULE,
                node.span,
                "a list made with `for` is not handed from file to file",
            )
            .help("hand over the list it is made from, and write `for` where it is used"))
        }
        NodeKind::Mapping(entries) => {
            let fields = entries
                .iter()
                .map(|(key, value)| Ok(format!("{}: {}", literal(&Value::from(&*key.text)), expression_of(value)?)));
            Ok(braced(&fields.collect::<Result<Vec<String>, Diagnostic>>()?))
        }
    }
}

fn shape_source(shape: &Shape) -> Option<String> {
    match shape {
        Shape::Constant(value) => Some(literal(&value.to_value())),
        Shape::Expression(program) => Some(format!("({})", program.source().trim())),
        Shape::Text(Text::Parts(parts)) => {
            let parts = parts.iter().map(|part| match part {
                Part::Literal(text) => literal(&Value::from(&**text)),
                Part::Expression(program) => format!("({})", program.source().trim()),
            });
            let parts: Vec<String> = parts.collect();
            // Text, even when it has a single part.
            Some(format!("({})", if parts.len() == 1 { format!("'' ~ {}", parts[0]) } else { parts.join(" ~ ") }))
        }
        _ => None,
    }
}

/// A value as an expression.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Number(number) if number.to_string().starts_with('-') => format!("({number})"),
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), literal(value)));
            braced(&fields.collect::<Vec<_>>())
        }
        other => other.to_string(),
    }
}

/// A mapping that may precede the end of a template: two closing braces in a row would end it.
fn braced(fields: &[String]) -> String {
    format!("({{{} }})", fields.join(", "))
}

/// Whether a value is exactly a secret input of the plan.
pub(super) fn is_secret_alone(node: &Node, secrets: &BTreeSet<String>) -> bool {
    let Ok(template) = Template::compile(node) else { return false };
    let Shape::Expression(program) = template.shape() else { return false };
    let uses = program.uses();
    uses.alone && matches!(&*uses.inputs, [only] if only.path.is_empty() && secrets.contains(only.name.as_str()))
}
