//! Steps as written: every key of a step, typed, its templates compiled.

use std::ops::Deref;

use super::call;
use super::call_doc::{call_template, parts};
use super::duration;
use super::existing;
use super::fields::{Fields, Placed, Shape, boolean, integer, list, mapping, text, word, wrong_composed, wrong_type};
use super::file_doc;
use super::find;
use super::model::{Call, More, OnConflict, Rare, Ready, Retry, StepKeys, Undo, Wait};
use super::on_change;
use super::scalars::{as_identifier, compiled, is_identifier, missing_key, number};
use crate::catalog::{AllowUnknown, AllowedPath};
use crate::diagnostic::{Diagnostic, Findings, code};
use crate::id::StepId;
use crate::source::Span;
use crate::template::{Expression, Shape as TemplateShape, Template};
use crate::word::Word;
use crate::yaml::{Items, List, Node, NodeKind};

/// A parsed step. A part that could not be parsed is `None` and has a finding.
#[derive(Debug)]
pub(super) struct StepDoc {
    pub id: Option<Placed<Word>>,
    pub call: Option<Call>,
    /// Whether there is a body, valid or not, or a file that cannot be read.
    pub has_body: bool,
    /// Whether the key exists, valid or not.
    pub is_for_each: bool,
    pub always: Option<Placed<bool>>,
    /// Whether it has no program in any template or condition, as most steps of a long plan: those are not asked again.
    pub is_constant: bool,
    pub written: Box<StepKeys>,
}

impl Deref for StepDoc {
    type Target = StepKeys;

    fn deref(&self) -> &StepKeys {
        &self.written
    }
}

const STEP: Shape = Shape {
    name: "a step",
    keys: &[
        "id",
        "name",
        "call",
        "query",
        "body",
        "body_file",
        "headers",
        "find",
        "region_id",
        "project_id",
        "needs",
        "when",
        "for_each",
        "wait",
        "ready",
        "fail_when",
        "retry",
        "undo",
        "on_change",
        "on_conflict",
        "always",
        "adopt",
        "secret",
        "stamp",
        "allow_unknown",
    ],
    hints: &[
        ("depends_on", "write `needs:`"),
        ("if", "write `when:`"),
        ("where", "write `find:`"),
        ("filter", "write `find:`"),
        ("select", "write `find:`"),
        ("data_source", "write `find:`"),
        ("failed_when", "write `fail_when:`"),
        ("until", "write `ready:`"),
        ("condition", "write `when:`"),
        ("loop", "write `for_each:`"),
        ("with_items", "write `for_each:`"),
        ("count", "write `for_each: \"{{ range(3) }}\"`"),
        ("timeout", "write `wait: { timeout: 15m }`"),
        ("method", "method and path go together: `call: POST /cloud/v1/...`"),
        ("path", "method and path go together: `call: POST /cloud/v1/...`"),
        ("url", "method and path go together: `call: POST /cloud/v1/...`"),
        ("uses", "write `use: ./modules/NAME.yaml` for a module, or `call: POST /cloud/v1/...`"),
        ("module", "write `use: ./modules/NAME.yaml`, and `with:` for its inputs"),
        ("include", "write `use: ./modules/NAME.yaml`, and `with:` for its inputs"),
        ("with", "`with:` goes with `use:`, the file of a module"),
        ("params", "write `query:`"),
        ("parameters", "write `query:`"),
        ("data", "write `body:`"),
        ("json", "write `body:`"),
        ("file", "write `body_file:`"),
        ("upload", "write `body_file:`"),
        ("data_binary", "write `body_file:`"),
        ("payload", "write `body:`"),
        ("retries", "write `retry: { attempts: 3 }`"),
        ("destroy", "write `undo:`"),
        ("delete", "write `undo:`"),
        ("sensitive", "write `secret: true`"),
        ("outputs", "results are there without being named: `{{ steps.<id>.id }}`"),
        ("register", "results are there without being named: `{{ steps.<id>.id }}`"),
        ("region", "write `region_id:`"),
        ("project", "write `project_id:`"),
    ],
};

const WAIT: Shape = Shape {
    name: "`wait`",
    keys: &["timeout", "every", "first"],
    hints: &[("interval", "write `every:`"), ("delay", "write `first:`"), ("max", "write `timeout:`")],
};
const RETRY: Shape = Shape {
    name: "`retry`",
    keys: &["attempts", "on"],
    hints: &[("count", "write `attempts:`"), ("times", "write `attempts:`"), ("statuses", "write `on:`")],
};

/// Headers that `plan` sets itself, or that control the connection.
const OWN_HEADERS: &[&str] = &[
    "authorization",
    "host",
    "content-length",
    "content-type",
    "cookie",
    "connection",
    "transfer-encoding",
    "user-agent",
    "accept-encoding",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
];

/// Reads one element of `steps`.
pub(super) fn read(mut node: Node, findings: &mut Findings) -> Option<StepDoc> {
    let body = taken_body(&mut node);
    let fields = Fields::open(&node, &STEP, findings)?;
    let id = id_of(&fields, findings);
    let call = call_of(&fields, id.as_ref(), findings);
    let parts = parts(&fields, body, call.as_ref(), findings);
    let rare = rare(&fields, call.as_ref(), findings);
    let lacks_file = fields.get("body_file").is_some() && rare.body_file.is_none();
    let more = More {
        name: fields.get("name").and_then(|node| text(node, "`name`", findings)).map(|name| name.value.into()),
        query: parts.query.map(Box::new),
        find: fields.get("find").and_then(|node| find::read(node, call.as_ref(), findings)).map(Box::new),
        when: fields.get("when").and_then(|node| condition(node, findings)).map(Box::new),
        for_each: fields.get("for_each").and_then(|node| for_each(node, findings)).map(Box::new),
        rare: rare.unless_default(),
    };
    let needs = fields.get("needs").map(|node| needs(node, findings)).unwrap_or_default();
    Some(StepDoc {
        id,
        call,
        is_constant: false,
        has_body: fields.get("body").is_some() || lacks_file,
        is_for_each: fields.get("for_each").is_some(),
        always: fields.get("always").and_then(|node| {
            boolean(node, "`always`", findings)
                .map(|value| Placed::new(value, fields.key_span("always").unwrap_or(node.span)))
        }),
        written: Box::new(StepKeys::new(node.span, parts.body, needs, more)),
    })
}

fn id_of(fields: &Fields<'_>, findings: &mut Findings) -> Option<Placed<Word>> {
    if let Some(node) = fields.get("id") {
        return id(node, findings);
    }
    if fields.lacks("id") {
        let finding = missing_key("a step", "id", fields.head());
        findings.push(finding.help("results and records are stored under it: `id: network`"));
    }
    None
}

fn call_of(fields: &Fields<'_>, id: Option<&Placed<Word>>, findings: &mut Findings) -> Option<Call> {
    if let Some(node) = fields.get("call") {
        return call::read(node, findings);
    }
    if fields.lacks("call") {
        let place = id.map_or(fields.head(), |id| id.span);
        findings.push(missing_key("a step", "call", place).help("write `call: POST /cloud/v1/...`"));
    }
    None
}

/// What few steps have.
fn rare(fields: &Fields<'_>, call: Option<&Call>, findings: &mut Findings) -> Rare {
    let body_file = file_doc::read(fields, call.map(|call| call.method), findings);
    let (on_change, ignored) = fields.get("on_change").map(|node| on_change::read(node, findings)).unwrap_or_default();
    let (ignored_changes, ignored_at): (Vec<String>, Vec<Span>) = ignored.into_iter().unzip();
    let headers = fields.get("headers").and_then(|node| headers(node, findings));
    let (allow_unknown, allowed_at) =
        fields.get("allow_unknown").map(|node| allow_unknown(node, findings)).unwrap_or_default();
    Rare {
        body_file: body_file.map(Box::new),
        headers: headers.map(Box::new),
        project_id: fields.get("project_id").and_then(|node| number(node, "`project_id`", findings)).map(Box::new),
        region_id: fields.get("region_id").and_then(|node| number(node, "`region_id`", findings)).map(Box::new),
        wait: fields.get("wait").map(|node| wait(node, findings).into()).unwrap_or_default(),
        ready: fields.get("ready").map(|node| ready(node, findings)).unwrap_or_default(),
        fail_when: fields.get("fail_when").and_then(|node| condition(node, findings)).map(Box::new),
        retry: fields.get("retry").and_then(|node| retry(node, findings)).map(Box::new),
        undo: fields.get("undo").map_or(Undo::Default, |node| undo(node, findings)),
        on_change,
        ignored_changes: ignored_changes.into(),
        ignored_at: ignored_at.into(),
        on_conflict: fields.get("on_conflict").and_then(|node| on_conflict(node, findings)).unwrap_or_default(),
        adopt: fields.get("adopt").and_then(|node| existing::adopt(node, findings)).map(Box::new),
        secret: fields.get("secret").and_then(|node| boolean(node, "`secret`", findings)).unwrap_or(false),
        unstamped: fields.get("stamp").and_then(|node| boolean(node, "`stamp`", findings)) == Some(false),
        allow_unknown,
        allowed_at: allowed_at.into(),
    }
}

fn id(node: &Node, findings: &mut Findings) -> Option<Placed<Word>> {
    const LONGEST: usize = 100;
    if let Some(number @ serde_json::Value::Number(_)) = node.scalar() {
        let finding =
            Diagnostic::error(code::WRONG_TYPE, node.span, format!("`id` is a name, found the number {number}"))
                .help("letters, digits and `_`, no digit first: templates say `steps.<id>`");
        let right = format!("step_{number}");
        findings.push(if is_identifier(&right) { finding.suggest(node.span, right) } else { finding });
        return None;
    }
    let id = text(node, "`id`", findings)?;
    let id = Placed::<Word>::new(id.value.as_str().into(), id.span);
    if is_identifier(&id.value) && id.value.len() <= LONGEST {
        return Some(id);
    }
    let finding = Diagnostic::error("bad-name", id.span, format!("`{}` is no id for a step", id.value))
        .help("letters, digits and `_`, no digit first, at most 100: templates say `steps.<id>`");
    findings.push(match as_identifier(&id.value).filter(|right| right.len() <= LONGEST) {
        Some(right) => finding.suggest(id.span, right),
        None => finding,
    });
    // The id is known even when the step is invalid, so that references to it have no findings.
    Some(id)
}

/// The mapping or list below `body`, out of the tree: it becomes a template piece by piece, and is not held twice.
fn taken_body(step: &mut Node) -> Option<Node> {
    let NodeKind::Mapping(entries) = &mut step.kind else { return None };
    let (_, body) = entries.iter_mut().find(|(key, _)| key.text == "body")?;
    let left = Node { span: body.span, kind: NodeKind::Sequence(List::default()) };
    body.scalar().is_none().then(|| std::mem::replace(body, left))
}

fn headers(node: &Node, findings: &mut Findings) -> Option<Template> {
    for (key, value) in mapping(node, "`headers`", findings)? {
        let name = key.text.to_lowercase();
        if OWN_HEADERS.contains(&name.as_str()) {
            let finding = Diagnostic::error(
                "header-not-allowed",
                key.span,
                format!("a plan cannot set the header `{}`", key.text),
            );
            findings.push(match name.as_str() {
                "authorization" => finding.help("the key comes from `GCORE_API_KEY`"),
                _ => finding.help("it is set for every request alike"),
            });
        } else if name.is_empty() || !name.bytes().all(is_token) {
            findings.push(Diagnostic::error("header-not-allowed", key.span, format!("`{}` is no header", key.text)));
        }
        if value.scalar().is_none() || value.is_null() {
            findings.push(wrong_type(value, &format!("the header `{}`", key.text), "text"));
        } else if value.as_str().is_some_and(|text| text.contains(['\r', '\n', '\0'])) {
            let message = format!("the header `{}` holds a line break", key.text);
            findings.push(Diagnostic::error("header-not-allowed", value.span, message));
        }
    }
    compiled(node, findings)
}

/// Whether a plan may set this header.
pub fn may_set_header(name: &str) -> bool {
    !OWN_HEADERS.contains(&name.to_lowercase().as_str()) && !name.is_empty() && name.bytes().all(is_token)
}

/// Whether a byte is allowed in the name of a header.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn needs(node: &Node, findings: &mut Findings) -> Box<[(StepId, Span)]> {
    let items = match node.scalar() {
        Some(value) if !value.is_null() => Items::one(node),
        _ => list(node, "`needs`", findings).unwrap_or_default(),
    };
    let named = items.iter().filter_map(|item| text(item, "an item of `needs`", findings));
    named.map(|need| (StepId::new(need.value), need.span)).collect()
}

/// The most paths of `allow_unknown`.
const MOST_ALLOWED: usize = 1000;

fn allow_unknown(node: &Node, findings: &mut Findings) -> (AllowUnknown, Vec<Span>) {
    let (mut paths, mut places) = (Vec::new(), Vec::new());
    let items = list(node, "`allow_unknown`", findings).unwrap_or_default();
    if items.len() > MOST_ALLOWED {
        let message = format!("`allow_unknown` has more than {MOST_ALLOWED} paths");
        let finding = Diagnostic::error(code::OUT_OF_RANGE, node.span, message);
        findings.push(finding.help("check against a newer document of the API: `--spec FILE`"));
        return Default::default();
    }
    for item in items {
        let Some(path) = text(item, "an item of `allow_unknown`", findings) else { continue };
        match AllowedPath::parse(&path.value) {
            Some(allowed) => {
                paths.push(allowed);
                places.push(path.span);
            }
            None => {
                let message = format!("`{}` is no path to a field", path.value);
                let finding = Diagnostic::error("unknown-value", path.span, message);
                findings.push(finding.help("write it as `body/volumes/kind` or `query/name`"));
            }
        }
    }
    (AllowUnknown::new(paths), places)
}

fn condition(node: &Node, findings: &mut Findings) -> Option<Expression> {
    Expression::compile(node).map_err(|found| findings.extend(found)).ok()
}

fn ready(node: &Node, findings: &mut Findings) -> Ready {
    match node.scalar() {
        Some(serde_json::Value::Bool(false)) => Ready::Off,
        _ => condition(node, findings).map_or(Ready::Usual, |condition| Ready::Also(Box::new(condition))),
    }
}

fn for_each(node: &Node, findings: &mut Findings) -> Option<Template> {
    let template = compiled(node, findings)?;
    match template.shape() {
        TemplateShape::Expression(_) | TemplateShape::List(_) | TemplateShape::Mapping(_) | TemplateShape::For(_) => {
            Some(template)
        }
        TemplateShape::Constant(value) if value.to_value().is_u64() => {
            let value = value.to_value();
            let finding = wrong_composed(node, "`for_each`", "a list or a mapping");
            let range = format!("\"{{{{ range({value}) }}}}\"");
            findings.push(finding.help(format!("write `{range}` to count")).suggest(node.span, range));
            None
        }
        _ => {
            findings.push(
                wrong_composed(node, "`for_each`", "a list or a mapping")
                    .help("write them out, or one template that gives them: `\"{{ range(inputs.count) }}\"`"),
            );
            None
        }
    }
}

fn wait(node: &Node, findings: &mut Findings) -> Wait {
    if let Some(serde_json::Value::Bool(wait)) = node.scalar() {
        return Wait { skip: !wait, ..Wait::default() };
    }
    if node.entries().is_none() {
        let finding = wrong_composed(node, "`wait`", "`true`, `false` or a mapping");
        findings.push(match node.as_str().and_then(|text| duration::parse(text).ok()) {
            Some(_) => finding.help(format!("write `wait: {{ timeout: {} }}`", node.as_str().unwrap_or_default())),
            None => finding.help("write `wait: { timeout: 15m }`"),
        });
        return Wait::default();
    }
    let Some(fields) = Fields::open(node, &WAIT, findings) else { return Wait::default() };
    let mut read = |key: &str| fields.get(key).and_then(|node| duration::read(node, &format!("`{key}`"), findings));
    Wait { skip: false, timeout: read("timeout"), every: read("every"), first: read("first") }
}

fn retry(node: &Node, findings: &mut Findings) -> Option<Retry> {
    const MOST_ATTEMPTS: u64 = 100;
    /// As without `retry`.
    const USUAL_ATTEMPTS: u64 = 8;
    let fields = Fields::open(node, &RETRY, findings)?;
    let attempts = match fields.get("attempts") {
        Some(node) => integer(node, "`attempts`", 1..=MOST_ATTEMPTS, findings),
        None => {
            if fields.lacks("attempts") && fields.get("on").is_none() {
                findings.push(missing_key("`retry`", "attempts", fields.head()).help("or `on`"));
            }
            Some(USUAL_ATTEMPTS)
        }
    };
    let on = fields.get("on").map(|node| match node.scalar() {
        Some(serde_json::Value::Number(_)) => Items::one(node),
        _ => list(node, "`on`", findings).unwrap_or_default(),
    });
    let statuses: Vec<u16> = on
        .unwrap_or_default()
        .iter()
        .filter_map(|node| integer(node, "a status to retry on", 400..=599, findings))
        .filter_map(|status| u16::try_from(status).ok())
        .collect();
    Some(Retry { attempts: u32::try_from(attempts?).ok()?, on: statuses })
}

fn undo(node: &Node, findings: &mut Findings) -> Undo {
    match node.as_str() {
        Some("none") => return Undo::Keep,
        Some(word) if !word.contains('/') => {
            findings.push(
                Diagnostic::error("unknown-value", node.span, format!("`undo` cannot be `{word}`"))
                    .help("it is `none`, or a call: `DELETE /cloud/v1/.../{{ self.id }}`"),
            );
            return Undo::Default;
        }
        _ => {}
    }
    if node.is_null() || matches!(node.scalar(), Some(serde_json::Value::Bool(false))) {
        let finding =
            wrong_type(node, "`undo`", "`none` or a call").help("write `undo: none` to keep what the step makes");
        // Where nothing is written, there is no place after a space to write it to.
        let is_written = node.span.start() < node.span.end();
        findings.push(if is_written { finding.suggest(node.span, "none") } else { finding });
        return Undo::Default;
    }
    call_template(node, "`undo`", findings).map_or(Undo::Default, |call| Undo::Call(Box::new(call)))
}

fn on_conflict(node: &Node, findings: &mut Findings) -> Option<OnConflict> {
    word(node, "`on_conflict`", &[("error", OnConflict::Error), ("adopt", OnConflict::Adopt)], findings)
}
