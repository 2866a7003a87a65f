//! The collections that are open at one place of a file: what they hold so far, and what their next node will be.

use super::keys::Seen;
use super::list::Growing;
use super::taken::PartKind;
use super::{Key, Node, NodeKind};
use crate::diagnostic::{Diagnostic, Findings};
use crate::hash::HashSet;
use crate::source::Span;
use crate::word::Word;

/// The open collections, the outermost first.
#[derive(Default)]
pub(super) struct Frames(Vec<Frame>);

/// An open collection.
pub(super) struct Frame {
    pub start: usize,
    /// The number of its anchor; 0 is none.
    pub anchor: usize,
    /// Whether it is written with brackets.
    pub flow: bool,
    pub kind: FrameKind,
}

pub(super) enum FrameKind {
    Sequence(Growing<Node>),
    Mapping(Mapping),
}

/// An open mapping.
#[derive(Default)]
pub(super) struct Mapping {
    pub entries: Growing<(Key, Node)>,
    /// The values of `<<`, with their places.
    pub merges: Vec<(Span, Node)>,
    pub next: Pending,
    pub seen: Seen,
}

/// What the next node of a mapping will be.
#[derive(Default)]
pub(super) enum Pending {
    #[default]
    Key,
    Value(Key),
    Merge,
    /// The value of a reported key, which is dropped.
    Nothing,
}

impl Frames {
    /// Opens a collection.
    pub fn push(&mut self, frame: Frame) {
        self.0.push(frame);
    }

    /// The innermost one, which is no longer open.
    pub fn pop(&mut self) -> Option<Frame> {
        self.0.pop()
    }

    /// The innermost one.
    pub fn last(&mut self) -> Option<&mut Frame> {
        self.0.last_mut()
    }

    /// The innermost one, when it is a mapping.
    pub fn mapping(&mut self) -> Option<&mut Mapping> {
        match &mut self.last()?.kind {
            FrameKind::Mapping(mapping) => Some(mapping),
            FrameKind::Sequence(_) => None,
        }
    }

    /// How many are open.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether the next node is inside brackets.
    pub fn in_flow(&self) -> bool {
        self.0.last().is_some_and(|frame| frame.flow)
    }

    /// Whether the next node is a key.
    pub fn expects_key(&self) -> bool {
        matches!(self.0.last(), Some(Frame { kind: FrameKind::Mapping(Mapping { next: Pending::Key, .. }), .. }))
    }

    /// Sets what the next node will be, when the innermost collection is a mapping.
    pub fn set_next(&mut self, pending: Pending) {
        if let Some(mapping) = self.mapping() {
            mapping.next = pending;
        }
    }

    /// The key of the root that the next node is a part below, and what the parts there are.
    pub fn part(&self) -> Option<(&str, PartKind)> {
        let [root, within] = self.0.as_slice() else { return None };
        let FrameKind::Mapping(Mapping { next: Pending::Value(below), .. }) = &root.kind else { return None };
        let parts = match &within.kind {
            FrameKind::Sequence(_) => PartKind::Items,
            FrameKind::Mapping(Mapping { next: Pending::Value(_), .. }) => PartKind::Entries,
            FrameKind::Mapping(_) => return None,
        };
        // An anchored part stays, for its aliases.
        (within.anchor == 0).then_some((below.text.as_str(), parts))
    }
}

impl Frame {
    /// Adds a finished node; `span` is its place of use. A part that is taken out of the tree is returned, with its key.
    pub fn add(&mut self, node: Node, span: Span, is_taken: bool) -> Option<(Option<Key>, Node)> {
        match &mut self.kind {
            FrameKind::Sequence(_) if is_taken => return Some((None, node)),
            FrameKind::Sequence(items) => items.push(node),
            FrameKind::Mapping(Mapping { entries, merges, next, seen }) => match std::mem::take(next) {
                Pending::Key => *next = Pending::Nothing,
                Pending::Nothing => {}
                Pending::Merge => merges.push((span, node)),
                Pending::Value(key) if is_taken => {
                    seen.add_given(&key);
                    return Some((Some(key), node));
                }
                Pending::Value(key) => {
                    seen.add(entries, &key.text);
                    entries.push((key, node));
                }
            },
        }
        None
    }

    /// The node of the collection, which ends at `end` if it is written with brackets, and otherwise with its last part.
    pub fn close(self, end: Span, findings: &mut Findings) -> Node {
        let (kind, last) = match self.kind {
            FrameKind::Sequence(items) => {
                let last = items.last().map_or(self.start, |item| item.span.end());
                (NodeKind::Sequence(items.into()), last)
            }
            FrameKind::Mapping(mapping) => {
                let last = mapping.entries.last();
                let last = last.map_or(self.start, |(key, node)| node.span.end().max(key.span.end()));
                (NodeKind::Mapping(mapping.merged(findings).into()), last)
            }
        };
        let end = if self.flow { end.end() } else { last };
        Node { span: Span::new(self.start, end), kind }
    }
}

impl Mapping {
    /// Its entries, and those of the mappings merged with `<<` that it does not have.
    fn merged(self, findings: &mut Findings) -> Growing<(Key, Node)> {
        let Mapping { mut entries, merges, seen, .. } = self;
        let mut names: HashSet<Word> = match merges.is_empty() {
            true => return entries,
            false => entries.iter().map(|(key, _)| key.text.clone()).collect(),
        };
        for (span, node) in merges {
            let sources = match node.kind {
                NodeKind::Sequence(items) => items,
                kind => vec![Node { span: node.span, kind }].into(),
            };
            for source in sources {
                let NodeKind::Mapping(merged) = source.kind else {
                    findings.push(
                        Diagnostic::error("yaml-merge", span, "`<<` merges mappings, and this is none")
                            .help("write `<<: *name` with the anchor of a mapping, or a list of them"),
                    );
                    continue;
                };
                let is_new = |(key, _): &(Key, Node)| names.insert(key.text.clone()) && !seen.beyond_few(&key.text);
                entries.extend(merged.into_iter().filter(is_new));
            }
        }
        entries
    }
}
