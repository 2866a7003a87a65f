//! `body_file` as written: a path, or a path and a media type.

use super::fields::{Fields, Shape, text, wrong_type};
use super::model::FileTemplate;
use super::scalars::{compiled, missing_key};
use crate::catalog::Method;
use crate::diagnostic::{Diagnostic, Findings};
use crate::source::Span;
use crate::template::{Shape as TemplateShape, Template};
use crate::yaml::Node;

const BODY_FILE: Shape = Shape {
    name: "`body_file`",
    keys: &["path", "content_type"],
    hints: &[
        ("file", "write `path:`"),
        ("name", "write `path:`"),
        ("type", "write `content_type:`"),
        ("media_type", "write `content_type:`"),
        ("mime_type", "write `content_type:`"),
    ],
};

/// Parses the key of a step, and checks it against the step's other keys.
pub(super) fn read(step: &Fields<'_>, method: Option<Method>, findings: &mut Findings) -> Option<FileTemplate> {
    let node = step.get("body_file")?;
    let key = step.key_span("body_file").unwrap_or(node.span);
    if let Some(body) = step.key_span("body") {
        let finding = Diagnostic::error("two-bodies", key, "a call has one body: `body` or `body_file`");
        findings.push(finding.related(body, "the other one").help("take one of them away"));
    } else if method == Some(Method::Get) {
        let finding = Diagnostic::error("body-on-get", key, "a GET has no body");
        findings.push(finding.help("parameters of a GET go below `query:`"));
    }
    if node.entries().is_none() {
        return Some(FileTemplate { path: path(node, findings)?, content_type: None });
    }
    let fields = Fields::open(node, &BODY_FILE, findings)?;
    let Some(written) = fields.get("path") else {
        if fields.lacks("path") {
            findings.push(missing_key("`body_file`", "path", key).help("write `body_file: app.wasm`"));
        }
        return None;
    };
    let content_type = fields.get("content_type").and_then(|node| media_type(node, findings));
    Some(FileTemplate { path: path(written, findings)?, content_type })
}

fn path(node: &Node, findings: &mut Findings) -> Option<Template> {
    if node.as_str().is_none() {
        findings.push(wrong_type(node, "`body_file`", "the path of a file"));
        return None;
    }
    let path = compiled(node, findings)?;
    match path.shape() {
        TemplateShape::List(_) | TemplateShape::Mapping(_) | TemplateShape::For(_) => None,
        _ => Some(path),
    }
}

/// `type/subtype`, with parameters.
fn media_type(node: &Node, findings: &mut Findings) -> Option<(String, Span)> {
    let written = text(node, "`content_type`", findings)?;
    let essence = written.value.split(';').next().unwrap_or_default().trim();
    let token = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    let is_one = essence.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub));
    if !is_one || !written.value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        let finding = Diagnostic::error("unknown-value", written.span, format!("`{}` is no media type", written.value));
        findings.push(finding.help("write it as in `application/octet-stream`"));
        return None;
    }
    Some((written.value, written.span))
}
