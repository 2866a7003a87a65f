//! Declarations of inputs: types, defaults and limits, and their consistency.

use std::sync::Arc;

use serde_json::Value;

use super::fields::{Fields, Shape, boolean, list, text, word, wrong_composed, wrong_type};
use super::inputs::fits;
use super::model::{Input, InputType};
use super::scalars::{as_identifier, is_identifier};
use super::written_secrets;
use crate::diagnostic::{Diagnostic, Findings};
use crate::source::Span;
use crate::yaml::{Key, Node, NodeKind, Scalar};

#[derive(Debug, Clone)]
pub(super) struct InputDoc {
    pub name: String,
    pub name_span: Span,
    pub input: Input,
}

pub(super) const INPUT: Shape = Shape {
    name: "an input",
    keys: &["type", "description", "default", "required", "enum", "pattern", "minimum", "maximum", "secret"],
    hints: &[
        ("sensitive", "write `secret: true`"),
        ("value", "write `default:`"),
        ("options", "write `enum:`"),
        ("values", "write `enum:`"),
        ("min", "write `minimum:`"),
        ("max", "write `maximum:`"),
        ("regex", "write `pattern:`"),
        ("optional", "write `required: false`"),
    ],
};

const TYPES: &[(&str, InputType)] = &[
    ("string", InputType::String),
    ("integer", InputType::Integer),
    ("number", InputType::Number),
    ("boolean", InputType::Boolean),
    ("list", InputType::List),
    ("map", InputType::Map),
];

/// Parses a declaration: `name: { type: ..., ... }`, or `name:` alone for required text.
/// `values`: what the inputs of the plan hold so far.
pub(super) fn read(key: &Key, node: &Node, values: &mut InputValueCount, findings: &mut Findings) -> Option<InputDoc> {
    if !is_identifier(&key.text) {
        let finding = Diagnostic::error("bad-name", key.span, format!("`{}` is no name for an input", key.text))
            .help("letters, digits and `_`, and no digit first: templates say `inputs.<name>`");
        findings.push(match as_identifier(&key.text) {
            Some(right) => finding.suggest(key.span, right),
            None => finding,
        });
    }
    let doc = |input| Some(InputDoc { name: key.text.to_string(), name_span: key.span, input });
    values.secret.extend(written_secrets::secrets_in_declaration(node, INPUT.keys).cloned());
    if node.is_null() {
        return doc(bare(key.span));
    }
    if node.scalar().is_some() {
        findings.push(
            wrong_composed(node, &format!("the input `{}`", key.text), "a mapping")
                .help("a default value goes below `default:`"),
        );
        return doc(bare(key.span));
    }
    let Some(fields) = Fields::open(node, &INPUT, findings) else { return doc(bare(key.span)) };
    let mut input = bare(key.span.to(node.span));
    // Without a type it follows from the values.
    let guessed = || {
        fields.get("enum").and_then(|values| values.items()?.first()).or(fields.get("default")).and_then(guessed_type)
    };
    let declared = fields.get("type").and_then(|node| type_word(node, findings));
    input.r#type = declared.or_else(guessed).unwrap_or_default();
    input.description =
        fields.get("description").and_then(|node| text(node, "`description`", findings)).map(|text| text.value);
    input.secret = fields.get("secret").and_then(|node| boolean(node, "`secret`", findings)).unwrap_or(false);
    input.pattern = fields.get("pattern").and_then(|node| pattern(node, input.r#type, findings));
    input.minimum = fields.get("minimum").and_then(|node| limit(node, "`minimum`", input.r#type, findings));
    input.maximum = fields.get("maximum").and_then(|node| limit(node, "`maximum`", input.r#type, findings));
    if let (Some(minimum), Some(maximum)) = (input.minimum, input.maximum)
        && minimum > maximum
    {
        let place = fields.key_span("maximum").unwrap_or(fields.span);
        findings.push(Diagnostic::error("input-limits", place, "`maximum` is below `minimum`: no value fits"));
    }
    let enumerated = fields.get("enum").filter(|node| values.has_room(node, findings));
    input.r#enum = enumerated.and_then(|node| allowed(node, &input, findings));
    let default_at = fields.get("default").filter(|node| values.has_room(node, findings));
    input.default = default_at.and_then(|node| default(node, &input, findings));
    let required = fields.get("required").and_then(|node| boolean(node, "`required`", findings));
    // Without a default an input is required, unless declared otherwise.
    input.required = required.unwrap_or(fields.get("default").is_none());
    if input.required
        && let Some(place) = fields.key_span("default")
    {
        findings.push(
            Diagnostic::warning("input-limits", place, "a required input never uses its default")
                .help("leave `required` or `default` out"),
        );
    }
    doc(input)
}

/// The declared type. Those of other languages have other names.
fn type_word(node: &Node, findings: &mut Findings) -> Option<InputType> {
    const ELSEWHERE: [(&str, &str); 12] = [
        ("int", "integer"),
        ("float", "number"),
        ("double", "number"),
        ("num", "number"),
        ("bool", "boolean"),
        ("str", "string"),
        ("text", "string"),
        ("array", "list"),
        ("set", "list"),
        ("object", "map"),
        ("dict", "map"),
        ("mapping", "map"),
    ];
    let other = node.as_str().and_then(|word| ELSEWHERE.iter().find(|(other, _)| *other == word));
    let Some((other, ours)) = other else { return word(node, "`type`", TYPES, findings) };
    let finding = Diagnostic::error("unknown-value", node.span, format!("`type` cannot be `{other}`"));
    findings.push(finding.help(format!("write `{ours}`")).suggest(node.span, *ours));
    TYPES.iter().find(|(name, _)| name == ours).map(|(_, r#type)| *r#type)
}

/// How many values the defaults and enumerations of a plan's inputs have. Each takes some ten times the room of its
/// text, once for the plan and once for templates.
#[derive(Debug, Default)]
pub(super) struct InputValueCount {
    number: usize,
    /// The defaults and limits of secret inputs, valid or not: messages must not quote them.
    pub secret: Vec<Node>,
}

impl InputValueCount {
    const MOST: usize = 200_000;

    /// Whether there is room for those of a node.
    fn has_room(&mut self, node: &Node, findings: &mut Findings) -> bool {
        self.number = self.number.saturating_add(node.size());
        let fits = self.number <= Self::MOST;
        if !fits {
            let message = format!("the inputs of a plan have at most {} values in `default` and `enum`", Self::MOST);
            let finding = Diagnostic::error("yaml-too-many-values", node.span, message);
            findings.push(finding.help("give a long list in a file, `--inputs FILE`, or read it where it is used: `file('list.json') | fromjson`"));
        }
        fits
    }
}

fn bare(span: Span) -> Input {
    Input {
        span,
        r#type: InputType::String,
        default: None,
        required: true,
        r#enum: None,
        pattern: None,
        minimum: None,
        maximum: None,
        secret: false,
        description: None,
    }
}

fn guessed_type(node: &Node) -> Option<InputType> {
    match &node.kind {
        NodeKind::Scalar(Scalar::Bool(_)) => Some(InputType::Boolean),
        NodeKind::Scalar(Scalar::Number(number)) if number.is_f64() => Some(InputType::Number),
        NodeKind::Scalar(Scalar::Number(_)) => Some(InputType::Integer),
        NodeKind::Scalar(Scalar::Text(_) | Scalar::Null) => None,
        NodeKind::Sequence(_) => Some(InputType::List),
        NodeKind::Mapping(_) => Some(InputType::Map),
    }
}

fn pattern(node: &Node, r#type: InputType, findings: &mut Findings) -> Option<String> {
    let pattern = text(node, "`pattern`", findings)?;
    if r#type != InputType::String {
        findings.push(Diagnostic::error("input-limits", node.span, "only text has a `pattern`"));
        return None;
    }
    match regex_lite::Regex::new(&pattern.value) {
        Ok(_) => Some(pattern.value),
        Err(error) => {
            findings.push(Diagnostic::error("bad-pattern", node.span, format!("`pattern` cannot be read: {error}")));
            None
        }
    }
}

fn limit(node: &Node, what: &str, r#type: InputType, findings: &mut Findings) -> Option<f64> {
    let Some(limit) = node.scalar().as_ref().and_then(Value::as_f64) else {
        findings.push(wrong_type(node, what, "a number"));
        return None;
    };
    if !matches!(r#type, InputType::Integer | InputType::Number) {
        findings.push(
            Diagnostic::error("input-limits", node.span, format!("only numbers have a {what}"))
                .help("add `type: integer` or `type: number`"),
        );
        return None;
    }
    Some(limit)
}

fn allowed(node: &Node, input: &Input, findings: &mut Findings) -> Option<Vec<Value>> {
    let items = list(node, "`enum`", findings)?;
    if items.is_empty() {
        findings.push(Diagnostic::error("input-limits", node.span, "`enum` is empty: no value fits"));
        return None;
    }
    let mut values = Vec::new();
    for item in items {
        match fits(input, item.to_value()) {
            Ok(value) => values.push(value),
            Err(why) => findings.push(wrong_value("a value of `enum`", &why, item, input.r#type)),
        }
    }
    (values.len() == items.len()).then_some(values)
}

fn default(node: &Node, input: &Input, findings: &mut Findings) -> Option<Arc<Value>> {
    if node.as_str().is_some_and(|text| text.contains("{{")) {
        findings.push(
            Diagnostic::error("template-not-here", node.span, "`default` cannot be a template")
                .help("use the input in a template: `{{ inputs.x | default(...) }}`"),
        );
        return None;
    }
    let value = node.to_value();
    if value.is_null() {
        return Some(Arc::new(value));
    }
    match fits(input, value) {
        Ok(value) => Some(Arc::new(value)),
        Err(why) => {
            findings.push(wrong_value("`default`", &why, node, input.r#type));
            None
        }
    }
}

fn wrong_value(what: &str, why: &str, node: &Node, r#type: InputType) -> Diagnostic {
    let finding = Diagnostic::error("input-value", node.span, format!("{what} does not fit its input: {why}"));
    match node.scalar() {
        Some(Value::Number(number)) if r#type == InputType::String => {
            finding.help("put quotes around it, or add a `type`").suggest(node.span, format!("\"{number}\""))
        }
        _ => finding,
    }
}
