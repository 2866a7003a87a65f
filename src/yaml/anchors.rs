//! Anchors of a document, and what its aliases add to it.

use super::limits::TOO_MANY;
use super::{Node, NodeKind};
use crate::diagnostic::Diagnostic;
use crate::hash::HashMap;
use crate::source::Span;

/// The most nodes that aliases may add to a file.
const MOST_ALIASED_NODES: usize = 100_000;
/// The most bytes of text that aliases may add to a file.
const MOST_ALIASED_BYTES: usize = 8 << 20;
/// The most anchors of a file.
const MOST_ANCHORS: usize = 100_000;
/// The most nodes that are kept for aliases: those of nested anchors are kept several times.
const MOST_KEPT_NODES: usize = 500_000;

/// The anchored nodes so far, by the parser's number of their anchor; 0 is none.
#[derive(Default)]
pub struct Anchors {
    anchored: HashMap<usize, Anchored>,
    names: HashMap<String, Span>,
    /// The anchors of open collections.
    open: Vec<usize>,
    /// The nodes that are kept.
    kept: usize,
    aliased: Size,
    too_many: bool,
}

struct Anchored {
    /// `None` for one that is larger than what aliases may add.
    node: Option<Node>,
    size: Size,
}

#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
}

impl Anchors {
    /// A name is given to an anchor.
    ///
    /// # Errors
    ///
    /// The finding when another one has it.
    pub fn name(&mut self, name: &str, span: Span) -> Result<(), Diagnostic> {
        let Some(first) = self.names.insert(name.to_owned(), span) else { return Ok(()) };
        Err(Diagnostic::error("yaml-duplicate-anchor", span, format!("the anchor `&{name}` is set twice"))
            .label("set again")
            .related(first, "set here first")
            .help("readers of YAML disagree on which one an alias means: use two names"))
    }

    /// A collection with an anchor begins.
    pub fn open(&mut self, anchor: usize) {
        if anchor != 0 {
            self.open.push(anchor);
        }
    }

    /// A collection with an anchor ends.
    pub fn close(&mut self, anchor: usize, node: &Node) {
        if anchor != 0 {
            self.open.retain(|open| *open != anchor);
            self.remember(anchor, node);
        }
    }

    /// Keeps an anchored node for its aliases.
    pub fn remember(&mut self, anchor: usize, node: &Node) {
        if anchor == 0 {
            return;
        }
        let size = size_of(node);
        let is_small = size.nodes <= MOST_ALIASED_NODES && size.bytes <= MOST_ALIASED_BYTES;
        let is_kept = is_small && self.kept + size.nodes <= MOST_KEPT_NODES;
        self.kept += if is_kept { size.nodes } else { 0 };
        self.anchored.insert(anchor, Anchored { node: is_kept.then(|| node.clone()), size });
    }

    /// The finding when the file has more than [`MOST_ANCHORS`] anchors.
    pub fn too_many(&self, span: Span) -> Option<Diagnostic> {
        (self.names.len() > MOST_ANCHORS).then(|| {
            Diagnostic::error(TOO_MANY, span, format!("the file has more than {MOST_ANCHORS} anchors"))
                .help("an anchor is for what is written once and used in several places")
        })
    }

    /// Whether an alias stands inside the node of its anchor.
    pub fn is_open(&self, anchor: usize) -> bool {
        self.open.contains(&anchor)
    }

    /// The node of an anchor; `None` when it was reported and skipped.
    pub fn get(&self, anchor: usize) -> Option<&Node> {
        self.anchored.get(&anchor)?.node.as_ref()
    }

    /// The node of an anchor for one more alias, within the limit for all aliases.
    ///
    /// # Errors
    ///
    /// The finding, the first time that the limit is exceeded.
    pub fn copy(&mut self, anchor: usize, span: Span) -> Result<Option<Node>, Diagnostic> {
        let Some(anchored) = self.anchored.get(&anchor) else { return Ok(None) };
        self.aliased.nodes += anchored.size.nodes;
        self.aliased.bytes += anchored.size.bytes;
        let fits = self.aliased.nodes <= MOST_ALIASED_NODES && self.aliased.bytes <= MOST_ALIASED_BYTES;
        if let Some(node) = anchored.node.as_ref().filter(|_| fits) {
            return Ok(Some(node.clone()));
        }
        if std::mem::replace(&mut self.too_many, true) {
            return Ok(None);
        }
        Err(Diagnostic::error("yaml-too-many-aliases", span, "aliases multiply into too large a document")
            .help(format!("aliases may add up to {MOST_ALIASED_NODES} values")))
    }
}

fn size_of(node: &Node) -> Size {
    let mut size = Size { nodes: 1, bytes: 0 };
    let mut add = |part: Size| {
        size.nodes += part.nodes;
        size.bytes += part.bytes;
    };
    match &node.kind {
        NodeKind::Scalar(_) => add(Size { nodes: 0, bytes: node.as_str().map_or(0, str::len) }),
        NodeKind::Sequence(items) => items.iter().for_each(|item| add(size_of(item))),
        NodeKind::Mapping(entries) => entries.iter().for_each(|(key, node)| {
            add(size_of(node));
            add(Size { nodes: 0, bytes: key.text.len() });
        }),
    }
    size
}
