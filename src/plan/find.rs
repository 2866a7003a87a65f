//! `find`: selects one item of a GET's answer by its fields. As written, and where it is allowed.

use super::fields::{mapping, wrong_composed, wrong_type};
use super::model::Call;
use super::scalars::compiled;
use crate::catalog::Method;
use crate::diagnostic::{Diagnostic, Findings, code};
use crate::template::Template;
use crate::yaml::{Node, NodeKind};

/// Parses `find`: fields of an item with their wanted values; nested mappings are compared field by field.
pub(super) fn read(node: &Node, call: Option<&Call>, findings: &mut Findings) -> Option<Template> {
    if let Some(call) = call.filter(|call| call.method != Method::Get) {
        let finding = Diagnostic::error("find-not-here", node.span, format!("a {} finds nothing", call.method));
        findings.push(finding.help("`find` picks one item of the list that a GET answers"));
    }
    if !conditions(node, "`find`", findings) {
        return None;
    }
    compiled(node, findings)
}

fn conditions(node: &Node, what: &str, findings: &mut Findings) -> bool {
    if node.as_str().is_some() {
        findings.push(wrong_composed(node, what, "a mapping").help("such as `{ name: web }`"));
        return false;
    }
    let Some(entries) = mapping(node, what, findings) else { return false };
    if entries.is_empty() {
        let message = format!("{what} names no field of the items");
        findings.push(Diagnostic::error(code::WRONG_TYPE, node.span, message).help("write `{ name: … }`"));
        return false;
    }
    let mut sound = true;
    for (key, value) in entries {
        let field = format!("the field `{}`", key.text);
        sound &= match &value.kind {
            NodeKind::Scalar(_) => true,
            NodeKind::Mapping(_) => conditions(value, &field, findings),
            NodeKind::Sequence(_) => {
                findings.push(wrong_type(value, &field, "a single value"));
                false
            }
        };
    }
    sound
}
