//! Parses mappings of the plan file: known keys and types, and a finding for everything else.

use serde_json::Value;

use crate::diagnostic::{Diagnostic, Findings, code, nearest};
use crate::source::Span;
use crate::yaml::{Items, Key, Node, NodeKind, describe};

/// The most unknown keys reported in one mapping; a file with more is not a plan.
const MOST_UNKNOWN_KEYS: usize = 50;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Placed<T> {
    pub value: T,
    pub span: Span,
}

impl<T> Placed<T> {
    pub(super) fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// A mapping with its allowed keys.
pub(super) struct Fields<'n> {
    pub span: Span,
    entries: Items<'n, (Key, Node)>,
    /// Keys that were reported as misspelt here.
    misspelt: Vec<&'static str>,
}

/// The name of a mapping, its keys, and hints for keys that users often confuse.
pub(super) struct Shape {
    /// With its article: `a step`.
    pub name: &'static str,
    pub keys: &'static [&'static str],
    /// A wrong key, and the hint for it.
    pub hints: &'static [(&'static str, &'static str)],
}

impl<'n> Fields<'n> {
    /// Opens a mapping; reports a value of another type, and every key that is not allowed.
    pub(super) fn open(node: &'n Node, shape: &Shape, findings: &mut Findings) -> Option<Self> {
        let Some(entries) = node.entries() else {
            let message = format!("{} must be a mapping, found {}", shape.name, node.describe());
            findings.push(
                Diagnostic::error(code::WRONG_TYPE, node.span, message)
                    .help(format!("its keys are {}", listed(shape.keys.iter().copied()))),
            );
            return None;
        };
        let mut unknown = entries.iter().map(|(key, _)| key).filter(|key| !shape.keys.contains(&key.text.as_str()));
        let mut misspelt = Vec::new();
        for key in unknown.by_ref().take(MOST_UNKNOWN_KEYS) {
            let (finding, meant) = unknown_key(key, shape, entries);
            findings.push(finding);
            misspelt.extend(meant);
        }
        if let Some(next) = unknown.next() {
            let message = format!("{} more keys here are none of {}", unknown.count() + 1, shape.name);
            findings.push(Diagnostic::error("unknown-key", next.span, message).label("the first of them"));
        }
        Some(Self { span: node.span, entries, misspelt })
    }

    /// Whether a key is missing and was not reported as misspelt.
    pub(super) fn lacks(&self, key: &str) -> bool {
        self.get(key).is_none() && !self.misspelt.contains(&key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(name, _)| name.text == key).map(|(_, node)| node)
    }

    pub(super) fn key_span(&self, key: &str) -> Option<Span> {
        self.entries.iter().find(|(name, _)| name.text == key).map(|(name, _)| name.span)
    }

    /// The first key, as the place of findings about the whole mapping.
    pub(super) fn head(&self) -> Span {
        self.entries.first().map_or(self.span, |(key, _)| key.span)
    }
}

/// A finding about an unknown key, and the one that is probably meant.
fn unknown_key(key: &Key, shape: &Shape, entries: Items<'_, (Key, Node)>) -> (Diagnostic, Option<&'static str>) {
    let finding = Diagnostic::error("unknown-key", key.span, format!("{} has no key `{}`", shape.name, key.text));
    if let Some((_, hint)) = shape.hints.iter().find(|(wrong, _)| key.text == *wrong) {
        let meant = shape.keys.iter().copied().find(|key| hint.starts_with(&format!("write `{key}:")));
        return (finding.help(*hint), meant);
    }
    let near = nearest(&key.text, shape.keys.iter().copied());
    let finding = match near {
        // Suggesting a key that exists already would be wrong.
        Some(near) if entries.iter().any(|(key, _)| key.text == near) => {
            finding.help(format!("did you mean `{near}`?"))
        }
        Some(near) => {
            let in_quotes = key.span.range().len() > key.text.len();
            let right = if in_quotes { Value::from(near).to_string() } else { near.to_owned() };
            finding.help(format!("did you mean `{near}`?")).suggest(key.span, right)
        }
        None => finding.help(format!("its keys are {}", listed(shape.keys.iter().copied()))),
    };
    (finding, near)
}

/// `` `a`, `b` and `c` ``
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// A finding about a value that is none of a scalar type.
pub(super) fn wrong_type(node: &Node, what: &str, wanted: &str) -> Diagnostic {
    let finding = mistyped(node, what, wanted);
    match node.is_null() {
        true => finding.help("give it a value, or leave the key out"),
        false => finding,
    }
}

/// A finding about a value that is no mapping or list.
pub(super) fn wrong_composed(node: &Node, what: &str, wanted: &str) -> Diagnostic {
    let finding = mistyped(node, what, wanted);
    match node.as_str().and_then(key_without_space) {
        Some(key) => finding.help(format!("a space is missing after `{key}:`")),
        None if node.is_null() => {
            finding.help("its value is indented further than the key; without a value, leave the key out")
        }
        None => finding,
    }
}

fn mistyped(node: &Node, what: &str, wanted: &str) -> Diagnostic {
    Diagnostic::error(code::WRONG_TYPE, node.span, format!("{what} must be {wanted}, found {}", node.describe()))
}

/// The key of a text like `name:net`.
fn key_without_space(text: &str) -> Option<&str> {
    let (key, value) = text.split_once(':')?;
    let is_key = !key.is_empty() && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    (is_key && !value.starts_with(['/', ' ', ':'])).then_some(key)
}

/// Plain text: not empty, without templates.
pub(super) fn text(node: &Node, what: &str, findings: &mut Findings) -> Option<Placed<String>> {
    let Some(text) = node.as_str() else {
        let finding = wrong_type(node, what, "text");
        findings.push(match node.scalar() {
            Some(value) if !value.is_null() => {
                let quoted = format!("\"{}\"", raw_scalar(&value));
                finding.help("put quotes around it").suggest(node.span, quoted)
            }
            _ => finding,
        });
        return None;
    };
    if ["{{", "{%"].iter().any(|open| text.contains(open)) {
        findings.push(
            Diagnostic::error("template-not-here", node.span, format!("{what} cannot be a template"))
                .help("write it out: it is read before any template runs"),
        );
        return None;
    }
    Some(Placed::new(text.to_owned(), node.span))
}

/// A text as it is, another value as JSON.
pub(super) fn raw_scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A boolean; `None` when it is another value, which is reported.
pub(super) fn boolean(node: &Node, what: &str, findings: &mut Findings) -> Option<bool> {
    if let Some(Value::Bool(flag)) = node.scalar() {
        return Some(flag);
    }
    let finding = wrong_type(node, what, "`true` or `false`");
    let meant = node.as_str().and_then(|word| match word.to_lowercase().as_str() {
        "yes" | "on" | "y" | "true" => Some("true"),
        "no" | "off" | "n" | "false" => Some("false"),
        _ => None,
    });
    findings.push(match meant {
        Some(word) => finding.help(format!("write `{word}`")).suggest(node.span, word),
        None => finding,
    });
    None
}

/// One of several words.
pub(super) fn word<T: Copy>(
    node: &Node,
    what: &str,
    words: &[(&'static str, T)],
    findings: &mut Findings,
) -> Option<T> {
    let names = || words.iter().map(|(name, _)| *name);
    let Some(text) = node.as_str() else {
        findings.push(wrong_type(node, what, &format!("one of {}", listed(names()))));
        return None;
    };
    if let Some((_, value)) = words.iter().find(|(name, _)| *name == text) {
        return Some(*value);
    }
    let finding = Diagnostic::error("unknown-value", node.span, format!("{what} cannot be `{text}`"))
        .help(format!("it is one of {}", listed(names())));
    findings.push(match nearest(text, names()) {
        Some(near) => finding.help(format!("did you mean `{near}`?")).suggest(node.span, near),
        None => finding,
    });
    None
}

/// An integer within limits.
pub(super) fn integer(
    node: &Node,
    what: &str,
    limits: std::ops::RangeInclusive<u64>,
    findings: &mut Findings,
) -> Option<u64> {
    let Some(number) = node.scalar().as_ref().and_then(Value::as_u64) else {
        findings.push(wrong_type(node, what, "a whole number"));
        return None;
    };
    if !limits.contains(&number) {
        let message = format!("{what} must be between {} and {}", limits.start(), limits.end());
        findings.push(Diagnostic::error(code::OUT_OF_RANGE, node.span, message));
        return None;
    }
    Some(number)
}

/// The items of a list.
pub(super) fn list<'n>(node: &'n Node, what: &str, findings: &mut Findings) -> Option<Items<'n, Node>> {
    if node.items().is_none() {
        findings.push(wrong_composed(node, what, "a list"));
    }
    node.items()
}

/// The entries of a mapping with user-defined keys.
pub(super) fn mapping<'n>(node: &'n Node, what: &str, findings: &mut Findings) -> Option<Items<'n, (Key, Node)>> {
    match &node.kind {
        NodeKind::Mapping(entries) => Some(entries.items()),
        _ => {
            findings.push(wrong_composed(node, what, "a mapping"));
            None
        }
    }
}

/// A description of a value's type, for messages about values from elsewhere.
pub(super) fn described(value: &Value) -> &'static str {
    describe(value)
}
