//! Single values of a plan as written: names, numbers, templates, and keys that are missing.

use super::fields::wrong_type;
use crate::diagnostic::{Diagnostic, Findings, code};
use crate::source::Span;
use crate::template::Template;
use crate::yaml::Node;

/// The finding about a key that must not be left out.
pub(super) fn missing_key(what: &str, key: &str, place: Span) -> Diagnostic {
    Diagnostic::error("missing-key", place, format!("{what} needs the key `{key}`"))
}

/// The longest name of a plan.
pub(super) const LONGEST_NAME: usize = 100;

/// Whether a name is valid for a plan.
pub(super) fn is_plan_name(name: &str) -> bool {
    let fits = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(fits)
}

/// The id of a project or region, or a template for it.
pub(super) fn number(node: &Node, what: &str, findings: &mut Findings) -> Option<Template> {
    let number = node.scalar().and_then(|value| match value {
        serde_json::Value::String(digits) => digits.parse().ok(),
        other => other.as_i64(),
    });
    if let Some(number) = number {
        if number > 0 {
            return Some(Template::constant(node.span, number.into()));
        }
        findings.push(Diagnostic::error(code::OUT_OF_RANGE, node.span, format!("{what} is a positive number")));
        return None;
    }
    match node.as_str() {
        Some(text) if text.contains("{{") || text.contains("{%") => compiled(node, findings),
        _ => {
            findings.push(wrong_type(node, what, "a whole number, or a template of one"));
            None
        }
    }
}

/// Compiles the templates of a node that is not needed any more.
pub(super) fn compiled_owned(node: Node, findings: &mut Findings) -> Option<Template> {
    Template::compile_owned(node).map_err(|found| findings.extend(found)).ok()
}

/// Compiles a node's templates.
pub(super) fn compiled(node: &Node, findings: &mut Findings) -> Option<Template> {
    Template::compile(node).map_err(|found| findings.extend(found)).ok()
}

/// `[A-Za-z_][A-Za-z0-9_]*`
pub fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

/// The valid identifier nearest to an invalid one.
pub(super) fn as_identifier(word: &str) -> Option<String> {
    let mut right: String =
        word.trim().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
    if right.starts_with(|first: char| first.is_ascii_digit()) {
        right.insert(0, '_');
    }
    right.chars().any(|letter| letter != '_').then_some(right)
}
