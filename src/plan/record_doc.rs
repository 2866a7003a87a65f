//! `records`: outputs of other plans' environments, as written.

use super::fields::{Fields, Shape, text, wrong_composed, wrong_type};
use super::model::{RecordOf, RecordUse};
use super::scalars::{as_identifier, compiled, is_identifier, is_plan_name, missing_key};
use crate::diagnostic::{Diagnostic, Findings};
use crate::hash::IndexMap;
use crate::source::Span;
use crate::template::{Program, Template};
use crate::yaml::{Key, Node};

/// One record to read, with its name in templates.
#[derive(Debug)]
pub(super) struct RecordDoc {
    pub name: String,
    pub name_span: Span,
    pub plan: Option<String>,
    pub environment: Option<Template>,
}

const RECORD: Shape = Shape {
    name: "a record",
    keys: &["plan", "environment"],
    hints: &[
        ("name", "write `plan:`"),
        ("file", "a record is identified by the name of its plan: write `plan:`"),
        ("env", "write `environment:`"),
        ("outputs", "outputs are there without being named: `{{ records.<name>.outputs.<output> }}`"),
        ("state", "records are read from where the plan's own is: `--state`"),
    ],
};

/// Parses an entry of `records`.
pub(super) fn read(key: &Key, node: &Node, findings: &mut Findings) -> Option<RecordDoc> {
    if !is_identifier(&key.text) {
        let finding = Diagnostic::error("bad-name", key.span, format!("`{}` is no name for a record", key.text))
            .help("letters, digits and `_`, and no digit first: templates say `records.<name>`");
        findings.push(match as_identifier(&key.text) {
            Some(right) => finding.suggest(key.span, right),
            None => finding,
        });
    }
    let doc = |plan, environment| RecordDoc { name: key.text.to_string(), name_span: key.span, plan, environment };
    if node.scalar().is_some() {
        let finding = wrong_composed(node, &format!("the record `{}`", key.text), "a mapping");
        findings.push(finding.help("write `{ plan: NAME, environment: \"{{ environment }}\" }`"));
        return Some(doc(None, None));
    }
    let fields = Fields::open(node, &RECORD, findings)?;
    let plan = match fields.get("plan") {
        Some(node) => text(node, "`plan`", findings).and_then(|name| match is_plan_name(&name.value) {
            true => Some(name.value),
            false => {
                let message = format!("`{}` is no name of a plan", name.value);
                findings.push(Diagnostic::error("bad-name", name.span, message));
                None
            }
        }),
        None => {
            if fields.lacks("plan") {
                findings.push(missing_key("a record", "plan", key.span).help("write the name of the other plan"));
            }
            None
        }
    };
    let environment = fields.get("environment").and_then(|node| match node.as_str() {
        Some(_) => compiled(node, findings),
        None => {
            findings.push(wrong_type(node, "`environment`", "text"));
            None
        }
    });
    Some(doc(plan, environment))
}

/// The accepted records, with the outputs that these templates refer to.
pub(super) fn accept<'p>(
    docs: Vec<RecordDoc>,
    programs: impl Iterator<Item = &'p Program>,
) -> IndexMap<String, RecordOf> {
    let accepted = docs.into_iter().filter_map(|doc| {
        let RecordDoc { name, name_span: span, plan, environment } = doc;
        Some((name, RecordOf { span, plan: plan?, environment, outputs: Vec::new() }))
    });
    let mut records: IndexMap<String, RecordOf> = accepted.collect();
    if records.is_empty() {
        return records;
    }
    let asked = programs.flat_map(|program| program.uses().names.iter().map(move |used| (program, used)));
    for (program, used) in asked.filter(|(_, used)| used.name == "records") {
        if let ([name, outputs, output, ..], Some(span)) = (&*used.path, used.path_spans.get(2))
            && *outputs == "outputs"
            && let Some(record) = records.get_mut(name.as_str())
        {
            let span = program.place(*span);
            record.outputs.push(RecordUse { output: output.to_string(), span, guarded: used.guarded });
        }
    }
    records
}
