//! Checks a plan as written and accepts it: every name refers to a step or input, there are no cycles, secrets stay
//! secret.
//!
//! All findings are reported at once, in file order. Single keys were checked by `doc`.

mod accept;
mod edges;
mod lookalike;
mod relations;
mod tidy;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use self::accept::accept;
use self::relations::Checker;
use self::tidy::{reported_where_given, tidy};
use super::assumed::Assumed;
use super::doc::{self, PlanDoc, ReadParts};
use super::include::{GivenNode, Whole, include};
use super::model::{ModuleInput, Plan};
use super::operations::{Checking, Operations};
use super::partial::{Given, NextCheck};
use super::scalars::compiled;
use super::step_secrets::StepSecrets;
use super::written_secrets;
use crate::catalog::Catalog;
use crate::diagnostic::{Diagnostic, Findings, code};
use crate::hash::HashMap;
use crate::source::Source;
use crate::template::{self, Template};
use crate::yaml::{self, Node};

/// The outcome of checking a plan file.
#[derive(Debug, Clone)]
pub struct Checked {
    /// `None` when there are errors.
    pub plan: Option<Plan>,
    /// Errors, warnings and notes, in the order of the file.
    pub findings: Vec<Diagnostic>,
    /// The text of the findings' places: that of the plan file, followed by those of its modules.
    pub source: Arc<Source>,
    /// The values of secret inputs that stand in the text, secrets that its calls write out, and both as they are written:
    /// findings are shown with the lines that they are in.
    pub secret: Vec<Value>,
}

/// Reads and checks a plan file against the embedded catalogue.
pub fn check(source: &Arc<Source>) -> Checked {
    check_with(source, Some(Catalog::embedded()))
}

/// Reads and checks a plan file against a catalogue, or without one. Reads no other file.
pub fn check_with(source: &Arc<Source>, catalog: Option<&Catalog>) -> Checked {
    check_all(source, catalog, None, CheckedWith::None)
}

/// Reads and checks a plan file against a catalogue, with the modules and other files that it names in `folder`.
pub fn check_in(source: &Arc<Source>, catalog: &Catalog, folder: &Path) -> Checked {
    check_all(source, Some(catalog), Some(folder), CheckedWith::None)
}

/// As [`check_in`], for a plan that is checked again with all values before it is run: what these decide is judged
/// then.
pub fn check_before_values(source: &Arc<Source>, catalog: &Catalog, folder: &Path) -> Checked {
    check_all(source, Some(catalog), Some(folder), CheckedWith::Later)
}

/// As [`check_in`], and with the input values of a run, as far as they are known.
pub fn check_assuming(source: &Arc<Source>, catalog: &Catalog, folder: &Path, assumed: &Assumed<'_>) -> Checked {
    check_all(source, Some(catalog), Some(folder), CheckedWith::Assumed(assumed))
}

/// The values that a plan is checked with besides what is written in it.
#[derive(Clone, Copy)]
enum CheckedWith<'v> {
    None,
    /// Those of a run that would start now.
    Assumed(&'v Assumed<'v>),
    /// No values yet: every one is given when the plan is run.
    Later,
}

fn check_all(
    source: &Arc<Source>,
    catalog: Option<&Catalog>,
    folder: Option<&Path>,
    values: CheckedWith<'_>,
) -> Checked {
    let ParsedFile { root, parts, mut findings } = ParsedFile::read(source);
    let Whole { root, source, given, mut secret } = include(root, source, folder, &mut findings);
    let source = &source;
    // In a text that cannot be read, secret values are guessed.
    let unread = findings.iter().any(|finding| finding.is_error() && code::is_of_yaml(finding.code));
    let guessed = if unread { written_secrets::secrets_in_unreadable(source.text()) } else { Vec::new() };
    let mut lacks_steps = false;
    let mut written = StepSecrets::default();
    let plan = match root {
        None if findings.iter().any(Diagnostic::is_error) => {
            secret.extend(parts.secret());
            None
        }
        root => {
            let mut doc = doc::read(root, parts, &mut findings);
            secret.append(&mut doc.secret);
            written = std::mem::take(&mut doc.written);
            lacks_steps = doc.lacks_steps;
            let unread = findings.iter().any(Diagnostic::is_error);
            let (given, module_inputs) = compile_given(&given, &mut findings);
            Checker::new(&doc, &mut findings).run(unread, &given);
            reported_where_given(&given, source.files()[0].range.end, &mut findings);
            if let Some(folder) = folder {
                unreadable_files(&doc, folder, &mut findings);
            }
            let operations = catalog.map(|catalog| {
                let written = Checking { doc: &doc, modules: &module_inputs, catalog, source };
                check_calls(&written, folder, values, &mut findings)
            });
            match findings.iter().any(Diagnostic::is_error) {
                true => None,
                false => Some(accept(doc, operations, module_inputs, source)),
            }
        }
    };
    // What an undo sends stands in the record, and would be hidden there.
    let is_sent_from_record =
        |node: &Node| plan.is_some() && node.as_str().is_some_and(|text| written.in_undos.contains(text));
    secret.extend(written.found.into_iter().filter(|node| !is_sent_from_record(node)));
    let (mut findings, more) = findings.finish();
    tidy(&mut findings, &more, lacks_steps);
    let secret = written_secrets::texts(&secret, source).into_iter().chain(guessed).collect();
    Checked { plan, findings, source: Arc::clone(source), secret }
}

/// The templates of the values that modules are given, and the inputs that these are for when only a run knows the value.
fn compile_given(given: &[GivenNode], findings: &mut Findings) -> (Vec<Template>, Vec<ModuleInput>) {
    let (mut templates, mut inputs) = (Vec::new(), Vec::new());
    for given in given {
        let template = compiled(&given.node, findings);
        inputs.extend(template.as_ref().and_then(|template| given.limited(template)));
        templates.extend(template);
    }
    (templates, inputs)
}

/// Finds the operations of a plan's calls, and checks the calls: without values, then with those of a run.
fn check_calls(
    written: &Checking<'_>,
    folder: Option<&Path>,
    values: CheckedWith<'_>,
    findings: &mut Findings,
) -> Operations {
    let operations = Operations::find(written.doc, written.catalog, findings);
    let assumed = match values {
        CheckedWith::Assumed(assumed) => Some((assumed, assumed.of(written.doc))),
        CheckedWith::None | CheckedWith::Later => None,
    };
    let later = match (&assumed, values) {
        (Some((_, inputs)), _) => NextCheck::These(inputs),
        (None, CheckedWith::Later) => NextCheck::All,
        (None, _) => NextCheck::None,
    };
    operations.check(written, Given { folder, later, ..Given::default() }, findings);
    if let Some((assumed, inputs)) = &assumed {
        operations.check_assumed(written, assumed.given(inputs, folder), findings);
    }
    operations
}

/// The outcome for a file that is no text, of which only a part can be read.
pub fn no_text(readable: &Arc<Source>, finding: Diagnostic) -> Checked {
    let secret = written_secrets::secrets_in_unreadable(readable.text());
    Checked { plan: None, findings: vec![finding], source: Arc::clone(readable), secret }
}

/// A file as it was read: its parts one by one, as long as no module is used. Modules change the steps around them,
/// which are then left in the tree.
struct ParsedFile {
    root: Option<Node>,
    parts: ReadParts,
    findings: Findings,
}

impl ParsedFile {
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

/// Reports files named by templates that cannot be read, each once.
fn unreadable_files(doc: &PlanDoc, folder: &Path, findings: &mut Findings) {
    let mut looked_at: HashMap<&str, Option<String>> = HashMap::default();
    let used = doc.programs().flat_map(|program| program.uses().files.iter().map(move |used| (program, used)));
    for (program, used) in used {
        let why = looked_at.entry(&used.name).or_insert_with(|| template::why_unreadable(folder, &used.name));
        if let Some(why) = why {
            let finding = Diagnostic::error(code::UNREADABLE_FILE, program.place(used.span), why.clone());
            findings.push(finding.help("`file(...)` reads below the folder of the plan file"));
        }
    }
}
