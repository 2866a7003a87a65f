//! Builds a tree of nodes from the events of the YAML parser.
//!
//! Constructs that a plan file must not contain are reported with their place: duplicate keys, tags, complex keys,
//! several documents, anchors that are redefined, recursive or multiplied, and unquoted templates. Reading continues
//! after each of these; only a syntax error ends it.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, StructureStyle};
use serde_json::Value;

use super::anchors::{Anchors, MOST_ANCHORS};
use super::events;
use super::explain::DEEPEST;
use super::keys::Seen;
use super::list::Growing;
use super::scalar::{Unreadable, resolve};
use super::unquoted::{UNQUOTED, unquoted_on, unquoted_template};
use super::word::Words;
use super::{Key, Node, NodeKind, Places, Scalar, ScalarStyle, Text, Word};
use crate::diagnostic::{Diagnostic, Findings};
use crate::secret::is_reserved;
use crate::source::Span;

/// The most values of a file, counting keys; a large file may have one for each [`BYTES_OF_A_VALUE`] bytes. What people
/// and programs write has fewer, and a value takes more memory than its text.
const MOST_VALUES: usize = 100_000;
const BYTES_OF_A_VALUE: usize = 5;
/// The same for the values that are in the tree at one time: those of one step, for a plan whose steps are taken out of
/// the tree. A text with templates counts as several, because its program takes more room than a value; and so does one
/// with escapes, because of its places.
const MOST_HELD: usize = 750_000;
const BYTES_OF_A_HELD_VALUE: usize = 12;
const VALUES_OF_A_TEMPLATE: usize = 4;
/// The help for a file with too many values.
const INTO_A_FILE: &str = "a large table goes into a file of its own: `\"{{ file('table.json') | fromjson }}\"`";
/// The largest accepted file; offsets are stored in 32 bits.
pub const LARGEST_FILE: usize = 64 << 20;

/// A parsed file.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// `None` when the text has a syntax error, or is empty.
    pub root: Option<Node>,
    pub findings: Vec<Diagnostic>,
    /// For each kind of finding, the number of those that were not kept.
    pub more: HashMap<&'static str, usize>,
}

/// Parses one YAML document.
pub fn parse(text: &str) -> Parsed {
    parsed(text, None, most_held(text))
}

/// The same for a file that may have as many values in its tree as in the whole of one that is taken apart.
pub fn parse_whole(text: &str) -> Parsed {
    parsed(text, None, usize::MAX)
}

/// The same, but hands every item or entry of the lists and mappings below some keys of the root to `take` as soon as
/// it is read: a long one is never held as nodes. They are empty in the tree.
pub fn parse_taking<'t>(text: &'t str, parts: &'t [(&'t str, Parts)], take: &'t mut dyn FnMut(Taken<'_>)) -> Parsed {
    parsed(text, Some(Taking { parts, take }), most_held(text))
}

/// What is taken out of the tree below a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    Items,
    Entries,
}

/// A part of a file.
pub struct Taken<'k> {
    /// The key of the root that it stands below.
    pub below: &'k str,
    /// Its own key, for the entry of a mapping.
    pub key: Option<Key>,
    pub node: Node,
}

fn most_held(text: &str) -> usize {
    MOST_HELD.max(text.len() / BYTES_OF_A_HELD_VALUE)
}

fn parsed<'t>(text: &'t str, taking: Option<Taking<'t>>, most_held: usize) -> Parsed {
    if text.len() > LARGEST_FILE {
        let finding = Diagnostic::error("yaml-too-large", Span::at(0), "the file is larger than 64 MiB");
        return Parsed { root: None, findings: vec![finding], more: HashMap::new() };
    }
    let mut reader = Reader::new(text, taking, most_held);
    let complete = events::of(text, |events| reader.read(events));
    let (mut findings, more) = reader.findings.finish();
    // A problem that made reading stop is the last one found, but the first in the file may be another.
    findings.sort_by_key(|finding| finding.primary.start());
    Parsed { root: if complete { reader.root } else { None }, findings, more }
}

/// The keys of the root whose parts are taken out of the tree, and who takes them.
struct Taking<'t> {
    parts: &'t [(&'t str, Parts)],
    take: &'t mut dyn FnMut(Taken<'_>),
}

struct Reader<'t> {
    text: &'t str,
    taking: Option<Taking<'t>>,
    frames: Vec<Frame>,
    root: Option<Node>,
    findings: Findings,
    anchors: Anchors,
    words: Words,
    /// How many values were read, and how many may be.
    values: usize,
    most_values: usize,
    /// How many are in the tree, how many may be, and how many were before the parts that are taken out of it.
    held: usize,
    most_held: usize,
    held_before: usize,
    /// Inside a reported part: how many collections are open in it, and where it began.
    skipping: Option<Skip>,
}

struct Skip {
    depth: usize,
    start: usize,
    instead: Instead,
}

/// The replacement for a skipped part.
enum Instead {
    /// An unquoted `{{ ... }}`: replaced by its text.
    Template,
    /// A key that is not text: the entry is left out.
    Key,
}

struct Frame {
    start: usize,
    anchor: usize,
    flow: bool,
    kind: FrameKind,
}

enum FrameKind {
    Sequence(Growing<Node>),
    Mapping { entries: Growing<(Key, Node)>, merges: Vec<(Span, Node)>, key: Pending, seen: Seen },
}

/// What the next node of a mapping will be.
enum Pending {
    Key,
    Value(Key),
    Merge,
    /// The value of a reported key, which is dropped.
    Nothing,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, taking: Option<Taking<'t>>, most_held: usize) -> Self {
        Self {
            text,
            taking,
            frames: Vec::new(),
            root: None,
            findings: Findings::default(),
            anchors: Anchors::default(),
            words: Words::default(),
            values: 0,
            most_values: MOST_VALUES.max(text.len() / BYTES_OF_A_VALUE),
            held: 0,
            most_held,
            held_before: 0,
            skipping: None,
        }
    }

    /// Whether the document was read to its end.
    fn read<'e>(&mut self, events: &mut dyn Iterator<Item = events::Next<'e>>) -> bool {
        let mut documents = 0;
        for next in events {
            let (event, span) = match next {
                Ok(next) => next,
                Err(error) => {
                    let at = error.marker().byte_offset().unwrap_or(self.text.len());
                    self.unreadable(&error, at);
                    return false;
                }
            };
            let tag = span.tag_span().and_then(|tag| tag.byte_range()).map(|range| Span::new(range.start, range.end));
            let span = span.byte_range().map_or(Span::at(self.text.len()), |range| Span::new(range.start, range.end));
            if let Event::DocumentStart(..) = event {
                documents += 1;
                if documents > 1 {
                    self.findings.push(
                        Diagnostic::error("yaml-several-documents", span, "a second document starts here")
                            .help("one file holds one document: remove the `---`, or split the file"),
                    );
                    return true;
                }
            }
            if !self.event(event, span, tag) {
                return false;
            }
            if let Some(finding) = self.too_many(span) {
                self.findings.push(finding);
                return false;
            }
        }
        true
    }

    /// The finding when there are more values, or anchors, than there may be.
    fn too_many(&self, span: Span) -> Option<Diagnostic> {
        const CODE: &str = "yaml-too-many-values";
        if self.values > self.most_values {
            let message = format!("the file has more than {} values", self.most_values);
            let help = format!("beyond {MOST_VALUES}, a file may have one value to {BYTES_OF_A_VALUE} bytes");
            return Some(Diagnostic::error(CODE, span, message).help(help));
        }
        if self.held > self.most_held {
            let message = format!("more than {} values belong to one thing", self.most_held);
            let help = format!(
                "beyond {MOST_HELD}, a step or an input may have one value to {BYTES_OF_A_HELD_VALUE} bytes of the file, and a template counts as {VALUES_OF_A_TEMPLATE}"
            );
            return Some(Diagnostic::error(CODE, span, message).help(help).help(INTO_A_FILE));
        }
        self.anchors.are_too_many().then(|| {
            Diagnostic::error(CODE, span, format!("the file has more than {MOST_ANCHORS} anchors"))
                .help("an anchor is for what is written once and used in several places")
        })
    }

    /// One more value is in the tree.
    fn count(&mut self) {
        self.values += 1;
        self.held += 1;
    }

    /// Whether reading continues.
    fn event(&mut self, event: Event<'_>, span: Span, tag_span: Option<Span>) -> bool {
        if self.skipping.is_some() {
            self.skip(&event, span);
            return true;
        }
        if let Some(tag) = event.tag() {
            let message = format!("tags such as `{}` have no meaning here", tag.original());
            self.findings.push(
                Diagnostic::error("yaml-tag", tag_span.unwrap_or(span), message)
                    .help("write the value without the tag; quotes make it text"),
            );
        }
        match event {
            Event::Scalar(text, style, anchor, _) => self.scalar(&text, style, anchor, span),
            Event::SequenceStart(style, anchor, _) => {
                return self.start(style, anchor, span, FrameKind::Sequence(Growing::default()));
            }
            Event::MappingStart(style, anchor, _) => {
                let kind = FrameKind::Mapping {
                    entries: Growing::default(),
                    merges: Vec::new(),
                    key: Pending::Key,
                    seen: Seen::default(),
                };
                return self.start(style, anchor, span, kind);
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(id) => self.alias(id, span),
            Event::UnresolvedAlias(name) => {
                self.findings.push(
                    Diagnostic::error("yaml-unknown-alias", span, format!("no anchor `&{name}` was set before"))
                        .help("put quotes around the value if the star belongs to it"),
                );
                self.push(null(span), span);
            }
            Event::Anchor(_, name) => self.findings.extend(self.anchors.name(&name, span).err()),
            _ => {}
        }
        true
    }

    fn scalar(&mut self, text: &str, style: granit_parser::ScalarStyle, anchor: usize, span: Span) {
        let raw = &self.text[span.range()];
        if is_reserved(text) {
            self.findings.push(
                Diagnostic::error("yaml-reserved-character", span, "the characters U+E000 to U+E005 cannot stand here")
                    .help("they are private to `plan`, which puts them around what stands for a secret"),
            );
        }
        let style = match style {
            granit_parser::ScalarStyle::Plain => ScalarStyle::Plain,
            granit_parser::ScalarStyle::SingleQuoted => ScalarStyle::SingleQuoted,
            granit_parser::ScalarStyle::DoubleQuoted => ScalarStyle::DoubleQuoted,
            _ => ScalarStyle::Block,
        };
        if self.expects_key() {
            if anchor != 0 {
                self.anchors.remember(anchor, &Node { span, kind: string(text, raw, span, style) });
            }
            return self.key(text, span, style);
        }
        let kind = match style {
            ScalarStyle::Plain => match resolve(text) {
                Ok(Value::Null) => NodeKind::Scalar(Scalar::Null),
                Ok(Value::Bool(value)) => NodeKind::Scalar(Scalar::Bool(value)),
                Ok(Value::Number(number)) => NodeKind::Scalar(Scalar::Number(number)),
                Ok(_) => string(text, raw, span, style),
                Err(problem) => {
                    self.findings.push(unreadable_number(text, problem, span));
                    string(text, raw, span, style)
                }
            },
            _ => string(text, raw, span, style),
        };
        let is_large = match &kind {
            NodeKind::Scalar(Scalar::Text(text)) => text.is_shifted() || text.as_str().contains("{{"),
            _ => false,
        };
        self.held += if is_large { VALUES_OF_A_TEMPLATE - 1 } else { 0 };
        let node = Node { span, kind };
        self.anchors.remember(anchor, &node);
        self.push(node, span);
    }

    fn key(&mut self, text: &str, span: Span, style: ScalarStyle) {
        let Some(Frame { kind: FrameKind::Mapping { entries, merges, key, seen }, .. }) = self.frames.last_mut() else {
            return;
        };
        if style == ScalarStyle::Plain && text == "<<" {
            *key = Pending::Merge;
            if let Some((first, _)) = merges.first() {
                self.findings.push(
                    Diagnostic::error("yaml-duplicate-key", span, "`<<` is set twice in this mapping")
                        .label("set again")
                        .related(*first, "set here first")
                        .help("merge several with one: `<<: [*a, *b]`"),
                );
            }
            return;
        }
        if style == ScalarStyle::Plain && text.is_empty() {
            self.findings.push(Diagnostic::error("yaml-key", span, "a key is missing before the colon"));
            *key = Pending::Nothing;
            return;
        }
        if seen.has(entries, text) {
            *key = Pending::Nothing;
            if self.findings.counts("yaml-duplicate-key") {
                let finding =
                    Diagnostic::error("yaml-duplicate-key", span, format!("`{text}` is set twice in this mapping"));
                self.findings.keep(match seen.place(entries, text) {
                    Some(first) => finding.label("set again").related(first, "set here first"),
                    None => finding,
                });
            }
            return;
        }
        *key = Pending::Value(Key { span, text: self.words.get(text) });
        self.count();
    }

    fn start(&mut self, style: StructureStyle, anchor: usize, span: Span, kind: FrameKind) -> bool {
        let flow = style == StructureStyle::Flow;
        let rest = &self.text[span.start()..];
        if flow && ["{{", "{%", "{#"].iter().any(|open| rest.starts_with(open)) {
            let in_flow = self.frames.last().is_some_and(|frame| frame.flow);
            self.findings.push(unquoted_template(self.text, span.start(), in_flow));
            let instead = if self.expects_key() { Instead::Key } else { Instead::Template };
            self.skipping = Some(Skip { depth: 1, start: span.start(), instead });
            return true;
        }
        if self.expects_key() {
            self.findings.push(Diagnostic::error("yaml-key", span, "a key must be text, not a list or a mapping"));
            self.skipping = Some(Skip { depth: 1, start: span.start(), instead: Instead::Key });
            return true;
        }
        if self.frames.len() >= DEEPEST {
            self.findings.push(super::explain::too_deep(span));
            return false;
        }
        self.anchors.open(anchor);
        if self.frames.len() == 1 {
            self.held_before = self.held;
        }
        self.frames.push(Frame { start: span.start(), anchor, flow, kind });
        true
    }

    fn end(&mut self, span: Span) {
        let Some(frame) = self.frames.pop() else { return };
        let (kind, last) = match frame.kind {
            FrameKind::Sequence(items) => {
                let last = items.last().map_or(frame.start, |item| item.span.end());
                (NodeKind::Sequence(items.into()), last)
            }
            FrameKind::Mapping { mut entries, merges, seen, .. } => {
                let last = entries.last().map_or(frame.start, |(key, node)| node.span.end().max(key.span.end()));
                self.merge(&mut entries, &seen, merges);
                (NodeKind::Mapping(entries.into()), last)
            }
        };
        let end = if frame.flow { span.end() } else { last };
        let node = Node { span: Span::new(frame.start, end), kind };
        self.anchors.close(frame.anchor, &node);
        let span = node.span;
        self.push(node, span);
    }

    /// `<<`: adds the entries of the merged mappings that this one does not have.
    fn merge(&mut self, entries: &mut Growing<(Key, Node)>, seen: &Seen, merges: Vec<(Span, Node)>) {
        let mut names: HashSet<Word> = match merges.is_empty() {
            true => return,
            false => entries.iter().map(|(key, _)| key.text.clone()).collect(),
        };
        for (span, node) in merges {
            let sources = match node.kind {
                NodeKind::Sequence(items) => items,
                kind => vec![Node { span: node.span, kind }].into(),
            };
            for source in sources {
                let NodeKind::Mapping(merged) = source.kind else {
                    self.findings.push(
                        Diagnostic::error("yaml-merge", span, "`<<` merges mappings, and this is none")
                            .help("write `<<: *name` with the anchor of a mapping, or a list of them"),
                    );
                    continue;
                };
                let is_new = |(key, _): &(Key, Node)| names.insert(key.text.clone()) && !seen.beyond_few(&key.text);
                entries.extend(merged.into_iter().filter(is_new));
            }
        }
    }

    fn alias(&mut self, id: usize, span: Span) {
        if self.anchors.is_open(id) {
            self.findings.push(Diagnostic::error(
                "yaml-recursive-alias",
                span,
                "this alias stands inside its own anchor",
            ));
            return self.push(null(span), span);
        }
        if let Some(node) = self.anchors.get(id).filter(|_| self.expects_key()) {
            let Some(text) = node.as_str().map(str::to_owned) else {
                self.findings.push(Diagnostic::error("yaml-key", span, "a key must be text, and this alias is not"));
                return self.set_pending(Pending::Nothing);
            };
            return self.key(&text, span, ScalarStyle::DoubleQuoted);
        }
        let node = self.anchors.copy(id, span).unwrap_or_else(|finding| {
            self.findings.push(finding);
            None
        });
        self.push(node.unwrap_or_else(|| null(span)), span);
    }

    fn expects_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { kind: FrameKind::Mapping { key: Pending::Key, .. }, .. }))
    }

    fn set_pending(&mut self, next: Pending) {
        if let Some(Frame { kind: FrameKind::Mapping { key, .. }, .. }) = self.frames.last_mut() {
            *key = next;
        }
    }

    /// The key of the root below which the next node is taken out of the tree.
    fn taken_below(&self) -> Option<&'t str> {
        let (Some(taking), [root, within]) = (&self.taking, self.frames.as_slice()) else { return None };
        let FrameKind::Mapping { key: Pending::Value(below), .. } = &root.kind else { return None };
        let parts = match &within.kind {
            FrameKind::Sequence(_) => Parts::Items,
            FrameKind::Mapping { key: Pending::Value(_), .. } => Parts::Entries,
            FrameKind::Mapping { .. } => return None,
        };
        // An anchored part stays, for its aliases.
        let is_taken = |(key, wanted): &&(&str, Parts)| below.text == *key && *wanted == parts && within.anchor == 0;
        taking.parts.iter().find(is_taken).map(|(key, _)| *key)
    }

    /// Adds a finished node to its parent. `span` is its place of use, which for an alias is not its own place.
    fn push(&mut self, node: Node, span: Span) {
        self.count();
        let below = self.taken_below();
        if below.is_some() {
            self.held = self.held_before;
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return;
        };
        let taking = below.zip(self.taking.as_mut());
        match &mut frame.kind {
            FrameKind::Sequence(items) => match taking {
                Some((below, taking)) => (taking.take)(Taken { below, key: None, node }),
                None => items.push(node),
            },
            FrameKind::Mapping { entries, merges, key, seen } => match std::mem::replace(key, Pending::Key) {
                Pending::Key => *key = Pending::Nothing,
                Pending::Nothing => {}
                Pending::Merge => merges.push((span, node)),
                Pending::Value(name) => match taking {
                    Some((below, taking)) => {
                        seen.add_given(&name);
                        (taking.take)(Taken { below, key: Some(name), node });
                    }
                    None => {
                        seen.add(entries, &name.text);
                        entries.push((name, node));
                    }
                },
            },
        }
    }

    fn skip(&mut self, event: &Event<'_>, span: Span) {
        let Some(skip) = &mut self.skipping else { return };
        match event {
            Event::SequenceStart(..) | Event::MappingStart(..) => skip.depth += 1,
            Event::SequenceEnd | Event::MappingEnd => skip.depth -= 1,
            _ => {}
        }
        if skip.depth > 0 {
            return;
        }
        let whole = Span::new(skip.start, span.end().max(skip.start));
        match self.skipping.take().map(|skip| skip.instead) {
            Some(Instead::Template) => {
                let raw = &self.text[whole.range()];
                self.held += VALUES_OF_A_TEMPLATE - 1;
                let node = Node { span: whole, kind: string(raw, raw, whole, ScalarStyle::Plain) };
                self.push(node, whole);
            }
            _ => self.set_pending(Pending::Nothing),
        }
    }

    /// A finding for the parser's error; none when it follows from an earlier finding.
    fn unreadable(&mut self, error: &granit_parser::ScanError, at: usize) {
        let at = at.min(self.text.len());
        let line_start = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line_end = self.text[at..].find('\n').map_or(self.text.len(), |end| at + end);
        let template_said = self
            .findings
            .iter()
            .any(|finding| finding.code == UNQUOTED && finding.primary.end() >= line_start.saturating_sub(1));
        if template_said || (self.skipping.is_some() && self.findings.iter().any(|finding| finding.code == UNQUOTED)) {
            return;
        }
        if let Some(open) = unquoted_on(&self.text[line_start..line_end]) {
            let in_flow = self.frames.last().is_some_and(|frame| frame.flow);
            self.findings.push(unquoted_template(self.text, line_start + open, in_flow));
            return;
        }
        self.findings.push(super::explain::scan_error(self.text, error.kind(), at));
    }
}

fn unreadable_number(text: &str, problem: Unreadable, span: Span) -> Diagnostic {
    match problem {
        Unreadable::TooLarge => {
            Diagnostic::error("yaml-number", span, format!("the number `{text}` does not fit into 64 bits"))
                .help("put quotes around it to send it as text")
                .suggest(span, format!("\"{text}\""))
        }
        Unreadable::NotFinite => {
            Diagnostic::error("yaml-number", span, format!("`{text}` is no number that JSON can carry"))
                .help("put quotes around it to send it as text")
                .suggest(span, format!("\"{text}\""))
        }
    }
}

fn string(text: &str, raw: &str, span: Span, style: ScalarStyle) -> NodeKind {
    let places = Places::align(text, raw, span.start(), style);
    NodeKind::Scalar(Scalar::Text(Text::new(text, style, places, span)))
}

fn null(span: Span) -> Node {
    Node { span, kind: NodeKind::Scalar(Scalar::Null) }
}
