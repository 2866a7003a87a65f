//! Parts of a file that are handed to the caller as soon as they are read, and are never in the tree.

use super::{Key, Node};

/// How the collection below a key is handed to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// Item by item of a list.
    Items,
    /// Entry by entry of a mapping.
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

/// The keys of the root whose parts are taken out of the tree, and who takes them.
pub(super) struct Taking<'t> {
    pub parts: &'t [(&'t str, PartKind)],
    pub take: &'t mut dyn FnMut(Taken<'_>),
}

impl<'t> Taking<'t> {
    /// `key`, when the items or entries below it are handed to the caller.
    pub fn below(&self, key: &str, parts: PartKind) -> Option<&'t str> {
        self.parts.iter().find(|(below, wanted)| *below == key && *wanted == parts).map(|(below, _)| *below)
    }
}
