//! The text of a scalar, with its places.

use super::{Places, ScalarStyle};
use crate::source::Span;

/// A text in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(Kept);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kept {
    /// It is in the file as it is, behind the opening quote if there is one: true of nearly every text.
    Straight {
        text: Box<str>,
        style: ScalarStyle,
    },
    Shifted(Box<Shifted>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Shifted {
    text: Box<str>,
    style: ScalarStyle,
    places: Places,
}

impl Text {
    /// A text whose node has the place `span`.
    pub fn new(text: impl Into<Box<str>>, style: ScalarStyle, places: Places, span: Span) -> Self {
        let text = text.into();
        match places == straight(style, span) {
            true => Self(Kept::Straight { text, style }),
            false => Self(Kept::Shifted(Box::new(Shifted { text, style, places }))),
        }
    }

    /// A text that has no place in a file.
    pub fn plain(text: impl Into<Box<str>>) -> Self {
        Self(Kept::Straight { text: text.into(), style: ScalarStyle::Plain })
    }

    pub fn as_str(&self) -> &str {
        match &self.0 {
            Kept::Straight { text, .. } => text,
            Kept::Shifted(shifted) => &shifted.text,
        }
    }

    pub fn style(&self) -> ScalarStyle {
        match &self.0 {
            Kept::Straight { style, .. } => *style,
            Kept::Shifted(shifted) => shifted.style,
        }
    }

    /// The places of its characters; `span`: that of the node.
    pub fn places(&self, span: Span) -> Places {
        match &self.0 {
            Kept::Straight { style, .. } => straight(*style, span),
            Kept::Shifted(shifted) => shifted.places.clone(),
        }
    }

    /// Another text in the same place; `span`: that of the node.
    #[must_use]
    pub fn with(&self, text: &str, span: Span) -> Self {
        Self::new(text, self.style(), self.places(span), span)
    }

    /// The text alone.
    pub fn into_plain(self) -> Self {
        match self.0 {
            Kept::Straight { .. } => self,
            Kept::Shifted(shifted) => Self::plain(shifted.text),
        }
    }

    /// The same in a file that begins `by` bytes later.
    #[must_use]
    pub fn moved(&self, by: usize) -> Self {
        match &self.0 {
            Kept::Straight { .. } => self.clone(),
            Kept::Shifted(shifted) => {
                let Shifted { text, style, places } = &**shifted;
                Self(Kept::Shifted(Box::new(Shifted { text: text.clone(), style: *style, places: places.moved(by) })))
            }
        }
    }
}

fn straight(style: ScalarStyle, span: Span) -> Places {
    let quote = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
    Places::straight(span.start() + usize::from(quote))
}
