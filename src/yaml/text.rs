//! The text of a scalar, with its places.

use super::{Places, ScalarStyle};
use crate::source::Span;
use crate::word::Short;

/// A text in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(Repr);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Repr {
    /// As `Straight`, stored inline.
    Short {
        text: Short<LONGEST_SHORT>,
        style: ScalarStyle,
    },
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

/// The most bytes of a text that is stored inline.
const LONGEST_SHORT: usize = 21;

impl Text {
    /// A text whose node has the place `span`.
    pub fn new(text: impl Into<Box<str>> + AsRef<str>, style: ScalarStyle, places: Places, span: Span) -> Self {
        match places == straight(style, span) {
            true => Self::kept(text, style),
            false => Self(Repr::Shifted(Box::new(Shifted { text: text.into(), style, places }))),
        }
    }

    /// A text that has no place in a file.
    pub fn plain(text: impl Into<Box<str>> + AsRef<str>) -> Self {
        Self::kept(text, ScalarStyle::Plain)
    }

    fn kept(text: impl Into<Box<str>> + AsRef<str>, style: ScalarStyle) -> Self {
        Self(match Short::new(text.as_ref()) {
            Some(text) => Repr::Short { text, style },
            None => Repr::Straight { text: text.into(), style },
        })
    }

    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Short { text, .. } => text.as_str(),
            Repr::Straight { text, .. } => text,
            Repr::Shifted(shifted) => &shifted.text,
        }
    }

    /// Whether it takes room for its places.
    pub fn is_shifted(&self) -> bool {
        matches!(self.0, Repr::Shifted(_))
    }

    pub fn style(&self) -> ScalarStyle {
        match &self.0 {
            Repr::Short { style, .. } | Repr::Straight { style, .. } => *style,
            Repr::Shifted(shifted) => shifted.style,
        }
    }

    /// The places of its characters; `span`: that of the node.
    pub fn places(&self, span: Span) -> Places {
        match &self.0 {
            Repr::Short { style, .. } | Repr::Straight { style, .. } => straight(*style, span),
            Repr::Shifted(shifted) => shifted.places.clone(),
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
            Repr::Short { .. } | Repr::Straight { .. } => self,
            Repr::Shifted(shifted) => Self::plain(shifted.text),
        }
    }

    /// This text, with its places in the file `by` bytes further on.
    #[must_use]
    pub fn moved(&self, by: usize) -> Self {
        match &self.0 {
            Repr::Short { .. } | Repr::Straight { .. } => self.clone(),
            Repr::Shifted(shifted) => {
                let Shifted { text, style, places } = &**shifted;
                Self(Repr::Shifted(Box::new(Shifted { text: text.clone(), style: *style, places: places.moved(by) })))
            }
        }
    }
}

fn straight(style: ScalarStyle, span: Span) -> Places {
    let quote = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
    Places::straight(span.start() + usize::from(quote))
}
