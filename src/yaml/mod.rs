//! YAML as a tree of values with places.
//!
//! Built from the parser's events, with the YAML 1.2 core schema; constructs that are not allowed are findings. It does
//! not depend on plans. `encoding` decodes bytes, `events` parses them, `read` builds nodes from events: `frames` are the open
//! collections, with their `keys`, `anchors` what aliases stand for, `limits` how much there may be, `taken` what never gets into
//! the tree. `scalar` resolves plain words, `places` maps characters of a scalar to the file, `text`, `word` and `list` hold what
//! there is much of in little memory, `explain` and `unquoted` say what is wrong.

mod anchors;
mod encoding;
mod events;
mod explain;
mod frames;
mod keys;
mod limits;
mod list;
mod places;
mod read;
mod scalar;
mod taken;
#[cfg(test)]
mod tests;
mod text;
mod unquoted;
mod word;

use serde_json::{Number, Value};

use crate::source::Span;
use crate::word::Word;

pub use encoding::{NoText, decode};
pub use list::{Growing, Items, List};
pub use places::Places;
pub use read::{LARGEST_FILE, Parsed, parse, parse_taking, parse_whole};
pub use scalar::{Unreadable, resolve};
pub use taken::{PartKind, Taken};
pub use text::Text;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub span: Span,
    pub kind: NodeKind,
}

/// What a node of the tree is.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// A scalar resolved by the core schema: null, boolean, number or string.
    Scalar(Scalar),
    Sequence(List<Node>),
    Mapping(List<(Key, Node)>),
}

/// The value of a scalar, kept small: a file has as many of them as words.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    Null,
    Bool(bool),
    Number(Number),
    Text(Text),
}

impl Scalar {
    pub fn to_value(&self) -> Value {
        match self {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool(*value),
            Scalar::Number(number) => Value::Number(number.clone()),
            Scalar::Text(text) => Value::String(text.as_str().to_owned()),
        }
    }
}

/// A mapping's key, always text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub span: Span,
    pub text: Word,
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarStyle {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    /// `|` and `>`.
    Block,
}

impl Node {
    /// The value without its places.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            NodeKind::Scalar(value) => value.to_value(),
            NodeKind::Sequence(items) => items.iter().map(Node::to_value).collect(),
            NodeKind::Mapping(entries) => {
                Value::Object(entries.iter().map(|(key, node)| (key.text.to_string(), node.to_value())).collect())
            }
        }
    }

    /// The text of a string scalar.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar(Scalar::Text(text)) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The value of a scalar.
    pub fn scalar(&self) -> Option<Value> {
        match &self.kind {
            NodeKind::Scalar(value) => Some(value.to_value()),
            _ => None,
        }
    }

    /// How many values it consists of.
    pub fn size(&self) -> usize {
        match &self.kind {
            NodeKind::Scalar(_) => 1,
            NodeKind::Sequence(items) => 1 + items.iter().map(Node::size).sum::<usize>(),
            NodeKind::Mapping(entries) => 1 + entries.iter().map(|(_, node)| 1 + node.size()).sum::<usize>(),
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.kind, NodeKind::Scalar(Scalar::Null))
    }

    /// The entries of a mapping, in the order of the file.
    pub fn entries(&self) -> Option<Items<'_, (Key, Node)>> {
        match &self.kind {
            NodeKind::Mapping(entries) => Some(entries.items()),
            _ => None,
        }
    }

    /// The items of a sequence.
    pub fn items(&self) -> Option<Items<'_, Node>> {
        match &self.kind {
            NodeKind::Sequence(items) => Some(items.items()),
            _ => None,
        }
    }

    /// The value under a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|(name, _)| name.text == key).map(|(_, node)| node)
    }

    /// The place in the file of a range of bytes of this scalar's text; the whole node when it is no scalar.
    pub fn place(&self, range: std::ops::Range<usize>) -> Span {
        match &self.kind {
            NodeKind::Scalar(Scalar::Text(text)) => text.places(self.span).span(range, self.span),
            _ => self.span,
        }
    }

    /// This node, with its places in the file `by` bytes further on.
    #[must_use]
    pub fn moved(&self, by: usize) -> Node {
        let kind = match &self.kind {
            NodeKind::Scalar(Scalar::Text(text)) => NodeKind::Scalar(Scalar::Text(text.moved(by))),
            NodeKind::Scalar(value) => NodeKind::Scalar(value.clone()),
            NodeKind::Sequence(items) => NodeKind::Sequence(items.iter().map(|item| item.moved(by)).collect()),
            NodeKind::Mapping(entries) => NodeKind::Mapping(
                entries
                    .iter()
                    .map(|(key, node)| (Key { span: key.span.moved(by), text: key.text.clone() }, node.moved(by)))
                    .collect(),
            ),
        };
        Node { span: self.span.moved(by), kind }
    }

    /// What it is, with its article, for messages.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            NodeKind::Scalar(value) => describe(&value.to_value()),
            NodeKind::Sequence(_) => "a list",
            NodeKind::Mapping(_) => "a mapping",
        }
    }
}

/// What a value is, with its article, for messages.
pub fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "an integer",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}
