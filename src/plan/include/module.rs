//! The declarations of a module: inputs, steps, outputs.

use std::collections::{BTreeMap, BTreeSet};

use super::UseDoc;
use super::rewrite::{ALREADY_REPORTED, Names, expression_of, is_secret_alone, literal, rewritten};
use super::with_nearest;
use crate::diagnostic::{Diagnostic, Findings, code};
use crate::hash::{HashMap, HashSet};
use crate::plan::fields::{Fields, Shape, list, mapping, text};
use crate::plan::input_doc::{self, InputDoc, InputValueCount};
use crate::plan::inputs::fits;
use crate::yaml::{Key, List, Node};

const MODULE: Shape = Shape {
    name: "a module",
    keys: &["description", "inputs", "steps", "outputs"],
    hints: &[
        ("name", "a module has no name: it is identified by the step that uses it"),
        ("records", "the plan reads records, and gives a module their outputs"),
        ("project_id", "steps have their own; or give the module an input"),
        ("region_id", "steps have their own; or give the module an input"),
        ("ttl", "an environment has one time to live, and the plan says it"),
        ("variables", "write `inputs:`"),
    ],
};

/// A parsed module.
pub(super) struct Module {
    inputs: Vec<InputDoc>,
    pub steps: List<Node>,
    outputs: List<(Key, Node)>,
    /// The values of its secret inputs that stand in its file.
    pub secret: Vec<Node>,
}

impl Module {
    /// Parses a module's file and reports findings.
    pub(super) fn read(root: &Node, findings: &mut Findings) -> Option<Self> {
        let fields = Fields::open(root, &MODULE, findings)?;
        if let Some(node) = fields.get("description") {
            text(node, "`description`", findings);
        }
        let entries = |key: &str, findings: &mut Findings| -> List<(Key, Node)> {
            let node = fields.get(key).filter(|node| !node.is_null());
            node.and_then(|node| mapping(node, &format!("`{key}`"), findings))
                .unwrap_or_default()
                .iter()
                .cloned()
                .collect()
        };
        let inputs = entries("inputs", findings);
        let mut values = InputValueCount::default();
        let read = inputs.iter().filter_map(|(key, node)| input_doc::read(key, node, &mut values, findings));
        let inputs: Vec<InputDoc> = read.collect();
        let secret = values.secret;
        let has_default = |input: &&InputDoc| {
            input.input.secret && input.input.default.as_ref().is_some_and(|value| !value.is_null())
        };
        findings.extend(inputs.iter().filter(has_default).map(|InputDoc { name, name_span, .. }| {
            let message = format!("`{name}` is a secret of the module, and a default would not be kept as one");
            let finding = Diagnostic::error(code::BAD_MODULE, *name_span, message);
            finding.help("take the default out: the plan has the secret, and gives it to the module")
        }));
        let steps = fields.get("steps").and_then(|node| list(node, "`steps`", findings)).unwrap_or_default();
        let steps: List<Node> = steps.iter().cloned().collect();
        if steps.is_empty() && fields.lacks("steps") {
            findings.push(Diagnostic::error(code::NO_STEPS, fields.head(), "a module without steps does nothing"));
        }
        let outputs = entries("outputs", findings);
        Some(Self { inputs, steps, outputs, secret })
    }

    /// Of the values given to a module, those of its secret inputs.
    pub(super) fn secret_of<'g>(&self, given: &'g List<(Key, Node)>) -> impl Iterator<Item = &'g Node> {
        let secret: HashSet<&str> =
            self.inputs.iter().filter(|input| input.input.secret).map(|input| input.name.as_str()).collect();
        given.iter().filter(move |(key, _)| secret.contains(key.text.as_str())).map(|(_, node)| node)
    }

    /// The input of this name.
    pub(super) fn input(&self, name: &str) -> Option<InputDoc> {
        self.inputs.iter().find(|input| input.name == name).cloned()
    }

    /// The expression for each input in templates: the given value, or the default.
    pub(super) fn values(
        &self,
        given: &List<(Key, Node)>,
        used: &UseDoc,
        secrets: &BTreeSet<String>,
        findings: &mut Findings,
    ) -> BTreeMap<String, String> {
        let declared: HashSet<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
        for (key, _) in given {
            if !declared.contains(key.text.as_str()) {
                let message = format!("the module that `{}` uses has no input `{}`", used.id, key.text);
                let finding = Diagnostic::error("unknown-input", key.span, message);
                let names = self.inputs.iter().map(|input| input.name.as_str());
                findings.push(with_nearest(finding, &key.text, key.span, names));
            }
        }
        let by_name: HashMap<&str, _> = given.iter().map(|entry| (entry.0.text.as_str(), entry)).collect();
        let mut values = BTreeMap::new();
        for InputDoc { name, name_span, input } in &self.inputs {
            let value = match by_name.get(name.as_str()) {
                Some((key, node)) => {
                    if input.secret && !is_secret_alone(node, secrets) {
                        let message = format!("`{name}` is a secret of the module, and this value is not secret");
                        let finding =
                            Diagnostic::error(code::BAD_MODULE, key.span, message).related(*name_span, "declared here");
                        findings
                            .push(finding.help("give it a secret input of the plan, whole: `\"{{ inputs.<name> }}\"`"));
                    }
                    let constant =
                        crate::template::Template::compile(node).ok().and_then(|template| template.as_constant());
                    if let Some(Err(why)) = constant.map(|constant| fits(input, constant)) {
                        let message = format!("the value of `{name}` does not fit: {why}");
                        findings.push(
                            Diagnostic::error("input-value", node.span, message).related(*name_span, "declared here"),
                        );
                    }
                    match expression_of(node) {
                        Ok(expression) => expression,
                        Err(finding) => {
                            findings.push(finding);
                            ALREADY_REPORTED.to_owned()
                        }
                    }
                }
                None => match &input.default {
                    Some(default) => literal(default),
                    None if input.required => {
                        let message = format!("`{}` does not give the module its input `{name}`", used.id);
                        let finding =
                            Diagnostic::error("input-value", used.place, message).related(*name_span, "declared here");
                        findings.push(finding.help(format!("write it below `with:`, as `{name}: …`")));
                        ALREADY_REPORTED.to_owned()
                    }
                    // A field that does not exist, so that the input is undefined.
                    None => format!("({{}}.{name})"),
                },
            };
            values.insert(name.clone(), value);
        }
        values
    }

    /// By output: the expression that replaces it outside the module.
    pub(super) fn outputs(&self, names: &Names, findings: &mut Findings) -> BTreeMap<String, String> {
        let mut outputs = BTreeMap::new();
        for (key, node) in &self.outputs {
            // As in a plan: a value, or a mapping with `value`.
            let value = node.get("value").unwrap_or(node);
            match expression_of(&rewritten(value, names, findings)) {
                Ok(expression) => {
                    outputs.insert(key.text.to_string(), expression);
                }
                Err(finding) => findings.push(finding),
            }
        }
        outputs
    }

    /// Reports inputs that are never used.
    pub(super) fn report_unused(&self, names: &Names, findings: &mut Findings) {
        let used = names.used.borrow();
        for input in self.inputs.iter().filter(|input| !used.contains(&input.name)) {
            let message = format!("no template of the module uses the input `{}`", input.name);
            findings.push(Diagnostic::warning("unused-input", input.name_span, message).help("remove it, or use it"));
        }
    }
}
