//! Existing resources in a plan, as written: `adopt` of a step, `moved` of the plan.

use super::fields::{Fields, Shape, boolean, text};
use super::model::{Adopt, AdoptBy, Moved};
use super::scalars::{compiled, is_identifier, missing_key};
use super::selection::Selection;
use crate::diagnostic::{Diagnostic, Findings};
use crate::yaml::Node;

const ADOPT: Shape = Shape { name: "`adopt`", keys: &["id", "name", "own"], hints: &[] };
const MOVED: Shape = Shape { name: "an entry of `moved`", keys: &["from", "to"], hints: &[] };

/// `adopt: {id: …}`, `adopt: {name: …, own: true}`.
pub(super) fn adopt(node: &Node, findings: &mut Findings) -> Option<Adopt> {
    let fields = Fields::open(node, &ADOPT, findings)?;
    let own = fields.get("own").and_then(|node| boolean(node, "`own`", findings)).unwrap_or_default();
    let by = match (fields.get("id"), fields.get("name")) {
        (Some(id), None) => compiled(id, findings).map(AdoptBy::Id),
        (None, Some(name)) => compiled(name, findings).map(AdoptBy::Name),
        (Some(_), Some(name)) => {
            let message = "what is adopted is found by its id or by its name";
            findings.push(Diagnostic::error("unknown-value", name.span, message).help("leave one of them out"));
            None
        }
        (None, None) => {
            if fields.lacks("id") && fields.lacks("name") {
                findings.push(missing_key("`adopt`", "id", fields.head()).help("or `name`"));
            }
            None
        }
    };
    Some(Adopt { by: by?, own, span: node.span })
}

/// An entry of `moved`: `{from: a, to: b}`.
pub(super) fn moved(item: &Node, findings: &mut Findings) -> Option<Moved> {
    let fields = Fields::open(item, &MOVED, findings)?;
    let mut name = |key: &str| {
        let Some(node) = fields.get(key) else {
            if fields.lacks(key) {
                findings.push(missing_key("an entry of `moved`", key, fields.head()));
            }
            return None;
        };
        let name = text(node, &format!("`{key}`"), findings)?;
        let named = Selection::name(&name.value);
        if !is_identifier(named.step.as_str()) || (key == "to" && named.key.as_deref() == Some("")) {
            let message = format!("`{}` is not the name of a step or an instance", name.value);
            let help = "write a step's id, or one of its instances with the key: `web`, `web[0]`";
            findings.push(Diagnostic::error("bad-name", name.span, message).help(help));
            return None;
        }
        Some((named, name.span))
    };
    let (from, to) = (name("from"), name("to"));
    let ((from, from_span), (to, to_span)) = (from?, to?);
    if from == to {
        findings.push(Diagnostic::error("unknown-value", item.span, format!("`{from}` has this name already")));
        return None;
    }
    Some(Moved { from, from_span, to, to_span })
}
