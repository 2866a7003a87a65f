//! Builds a tree of nodes from the events of the YAML parser.
//!
//! Constructs that a plan file must not contain are reported with their place: duplicate keys, tags, complex keys,
//! several documents, anchors that are redefined, recursive or multiplied, and unquoted templates. Reading continues
//! after each of these; only a syntax error ends it.

use granit_parser::{Event, StructureStyle};
use serde_json::Value;

use super::anchors::Anchors;
use super::events;
use super::explain::{self, DEEPEST};
use super::frames::{Frame, FrameKind, Frames, Mapping, Pending};
use super::limits::{ValueCount, most_held};
use super::list::Growing;
use super::scalar::resolve;
use super::taken::{PartKind, Taken, Taking};
use super::unquoted::{UNQUOTED, unquoted_on, unquoted_template, unquoted_within};
use super::word::WordTable;
use super::{Key, Node, NodeKind, Places, Scalar, ScalarStyle, Text};
use crate::diagnostic::{Diagnostic, Findings, sort_by_place};
use crate::hash::HashMap;
use crate::secret::is_reserved;
use crate::source::Span;

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

/// Parses one document without the limit on values held in its tree (`most_held`).
pub fn parse_whole(text: &str) -> Parsed {
    parsed(text, None, usize::MAX)
}

/// Parses one document, and hands every item or entry of the lists and mappings below some keys of the root to `take`
/// as soon as it is read: a long one is never held as nodes. They are empty in the tree.
pub fn parse_taking<'t>(text: &'t str, parts: &'t [(&'t str, PartKind)], take: &'t mut dyn FnMut(Taken<'_>)) -> Parsed {
    parsed(text, Some(Taking { parts, take }), most_held(text))
}

fn parsed<'t>(text: &'t str, taking: Option<Taking<'t>>, most_held: usize) -> Parsed {
    if text.len() > LARGEST_FILE {
        let finding = Diagnostic::error("yaml-too-large", Span::at(0), "the file is larger than 64 MiB");
        return Parsed { root: None, findings: vec![finding], more: HashMap::default() };
    }
    let mut reader = Reader::new(text, taking, most_held);
    let complete = events::read_events(text, |events| reader.read(events));
    let (mut findings, more) = reader.findings.finish();
    // A problem that made reading stop is the last one found, but the first in the file may be another.
    sort_by_place(&mut findings);
    Parsed { root: if complete { reader.root } else { None }, findings, more }
}

struct Reader<'t> {
    text: &'t str,
    /// `None` when the whole file stays in the tree.
    taking: Option<Taking<'t>>,
    frames: Frames,
    root: Option<Node>,
    findings: Findings,
    anchors: Anchors,
    words: WordTable,
    values: ValueCount,
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

impl<'t> Reader<'t> {
    fn new(text: &'t str, taking: Option<Taking<'t>>, most_held: usize) -> Self {
        Self {
            text,
            taking,
            frames: Frames::default(),
            root: None,
            findings: Findings::default(),
            anchors: Anchors::default(),
            words: WordTable::default(),
            values: ValueCount::new(text, most_held),
            skipping: None,
        }
    }

    /// Whether the document was read to its end.
    fn read<'e>(&mut self, events: &mut dyn Iterator<Item = events::ParsedEvent<'e>>) -> bool {
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
            if let Some(finding) = self.values.too_many(span).or_else(|| self.anchors.too_many(span)) {
                self.findings.push(finding);
                return false;
            }
        }
        true
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
                return self.start(style, anchor, span, FrameKind::Mapping(Mapping::default()));
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
        if self.frames.expects_key() {
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
                    self.findings.push(explain::number(text, problem, span));
                    string(text, raw, span, style)
                }
            },
            _ => string(text, raw, span, style),
        };
        let is_large = match &kind {
            NodeKind::Scalar(Scalar::Text(text)) => text.is_shifted() || text.as_str().contains("{{"),
            _ => false,
        };
        if is_large {
            self.values.hold_template();
        }
        let node = Node { span, kind };
        self.anchors.remember(anchor, &node);
        self.push(node, span);
    }

    fn key(&mut self, text: &str, span: Span, style: ScalarStyle) {
        let Some(Mapping { entries, merges, next, seen }) = self.frames.mapping() else { return };
        if style == ScalarStyle::Plain && text == "<<" {
            *next = Pending::Merge;
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
            *next = Pending::Nothing;
            return;
        }
        if seen.has(entries, text) {
            *next = Pending::Nothing;
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
        *next = Pending::Value(Key { span, text: self.words.get(text) });
        self.values.count();
    }

    fn start(&mut self, style: StructureStyle, anchor: usize, span: Span, kind: FrameKind) -> bool {
        let flow = style == StructureStyle::Flow;
        let rest = &self.text[span.start()..];
        if flow && ["{{", "{%", "{#"].iter().any(|open| rest.starts_with(open)) {
            let in_flow = self.frames.in_flow();
            self.findings.push(unquoted_template(self.text, span.start(), in_flow));
            let instead = if self.frames.expects_key() { Instead::Key } else { Instead::Template };
            self.skipping = Some(Skip { depth: 1, start: span.start(), instead });
            return true;
        }
        if self.frames.expects_key() {
            self.findings.push(Diagnostic::error("yaml-key", span, "a key must be text, not a list or a mapping"));
            self.skipping = Some(Skip { depth: 1, start: span.start(), instead: Instead::Key });
            return true;
        }
        if self.frames.depth() >= DEEPEST {
            self.findings.push(explain::too_deep(span));
            return false;
        }
        self.anchors.open(anchor);
        if self.frames.depth() == 1 {
            self.values.begin_parts();
        }
        self.frames.push(Frame { start: span.start(), anchor, flow, kind });
        true
    }

    fn end(&mut self, span: Span) {
        let Some(frame) = self.frames.pop() else { return };
        let anchor = frame.anchor;
        let node = frame.close(span, &mut self.findings);
        self.anchors.close(anchor, &node);
        let span = node.span;
        self.push(node, span);
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
        if let Some(node) = self.anchors.get(id).filter(|_| self.frames.expects_key()) {
            let Some(text) = node.as_str().map(str::to_owned) else {
                self.findings.push(Diagnostic::error("yaml-key", span, "a key must be text, and this alias is not"));
                return self.frames.set_next(Pending::Nothing);
            };
            return self.key(&text, span, ScalarStyle::DoubleQuoted);
        }
        let node = self.anchors.copy(id, span).unwrap_or_else(|finding| {
            self.findings.push(finding);
            None
        });
        self.push(node.unwrap_or_else(|| null(span)), span);
    }

    /// The key of the root below which the next node is taken out of the tree.
    fn taken_below(&self) -> Option<&'t str> {
        let taking = self.taking.as_ref()?;
        let (below, parts) = self.frames.part()?;
        taking.below(below, parts)
    }

    /// Adds a finished node to its parent. `span` is its place of use, which for an alias is not its own place.
    fn push(&mut self, node: Node, span: Span) {
        self.values.count();
        let below = self.taken_below();
        if below.is_some() {
            self.values.release_part();
        }
        let Some(frame) = self.frames.last() else {
            self.root = Some(node);
            return;
        };
        let taken = frame.add(node, span, below.is_some());
        if let (Some(taking), Some(below), Some((key, node))) = (&mut self.taking, below, taken) {
            (taking.take)(Taken { below, key, node });
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
                self.values.hold_template();
                let node = Node { span: whole, kind: string(raw, raw, whole, ScalarStyle::Plain) };
                self.push(node, whole);
            }
            _ => self.frames.set_next(Pending::Nothing),
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
            let in_flow = self.frames.in_flow();
            self.findings.push(unquoted_template(self.text, line_start + open, in_flow));
            return;
        }
        let in_flow = self.frames.in_flow();
        if let Some(start) = unquoted_within(&self.text[line_start..line_end]).filter(|_| in_flow) {
            self.findings.push(unquoted_template(self.text, line_start + start, in_flow));
            return;
        }
        self.findings.push(explain::scan_error(self.text, error.kind(), at));
    }
}

fn string(text: &str, raw: &str, span: Span, style: ScalarStyle) -> NodeKind {
    let places = Places::align(text, raw, span.start(), style);
    NodeKind::Scalar(Scalar::Text(Text::new(text, style, places, span)))
}

fn null(span: Span) -> Node {
    Node { span, kind: NodeKind::Scalar(Scalar::Null) }
}
