//! A call as written: its query and body; and the additional calls of a step.

use super::call;
use super::fields::{Fields, Shape, mapping, wrong_composed, wrong_type};
use super::model::{Call, CallTemplate};
use super::scalars::{compiled, missing_key};
use crate::catalog::Method;
use crate::diagnostic::{Diagnostic, Findings};
use crate::template::{Shape as TemplateShape, Template};
use crate::yaml::{List, Node, NodeKind};

const CALL: Shape = Shape { name: "a call", keys: &["call", "query", "body"], hints: &[] };

/// The parts of a call.
pub(super) struct Parts {
    pub(super) query: Option<Template>,
    pub(super) body: Option<Template>,
}

/// Reads the parts of a call. `taken`: the body, where it was taken out of the tree.
pub(super) fn parts(fields: &Fields<'_>, taken: Option<Node>, call: Option<&Call>, findings: &mut Findings) -> Parts {
    let query = fields.get("query").and_then(|node| query(node, findings));
    if let (Some(place), Some(Method::Get)) = (fields.key_span("body"), call.map(|call| call.method)) {
        findings.push(
            Diagnostic::error("body-on-get", place, "a GET has no body").help("parameters of a GET go below `query:`"),
        );
    }
    let body = fields.get("body").and_then(|node| match node.is_null() {
        true => {
            findings.push(wrong_composed(node, "`body`", "a mapping"));
            None
        }
        false => {
            Template::compile_owned(taken.unwrap_or_else(|| node.clone())).map_err(|found| findings.extend(found)).ok()
        }
    });
    if let (Some(node), Some(body)) = (fields.get("body"), &body)
        && let TemplateShape::Constant(value) = body.shape()
        && !value.to_value().is_null()
    {
        findings.push(wrong_composed(node, "`body`", "a mapping or a list"));
    }
    Parts { query, body }
}

fn query(node: &Node, findings: &mut Findings) -> Option<Template> {
    for (key, value) in mapping(node, "`query`", findings)? {
        let scalars = |items: &List<Node>| items.iter().all(|item| item.scalar().is_some());
        let fits = match &value.kind {
            NodeKind::Scalar(_) => !value.is_null(),
            NodeKind::Sequence(items) => scalars(items),
            NodeKind::Mapping(_) => false,
        };
        if !fits {
            let what = format!("the parameter `{}`", key.text);
            findings.push(
                wrong_composed(value, &what, "a single value or a list of them")
                    .help("where the API wants JSON in a parameter, write it as text: `\"{{ {'a': 1} | tojson }}\"`"),
            );
        }
    }
    compiled(node, findings)
}

/// An additional call: `METHOD /path`, or a mapping with query and body.
pub(super) fn call_template(node: &Node, what: &str, findings: &mut Findings) -> Option<CallTemplate> {
    if node.as_str().is_some() {
        let call = call::read(node, findings)?;
        return Some(CallTemplate { call, operation: None, query: None, body: None });
    }
    if node.entries().is_none() {
        findings.push(wrong_type(node, what, "a call"));
        return None;
    }
    let fields = Fields::open(node, &CALL, findings)?;
    let Some(call_node) = fields.get("call") else {
        if fields.lacks("call") {
            findings.push(missing_key(what, "call", fields.head()));
        }
        return None;
    };
    let call = call::read(call_node, findings);
    let parts = parts(&fields, None, call.as_ref(), findings);
    Some(CallTemplate { call: call?, operation: None, query: parts.query, body: parts.body })
}
