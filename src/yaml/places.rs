//! Maps characters of a scalar's text to the file.
//!
//! A plain word is in the file as it is. Quotes, escapes, folded lines and indentation shift its characters; the
//! table is built by comparing the raw text with the decoded text.

use std::ops::Range;
use std::sync::Arc;

use super::ScalarStyle;
use crate::source::{Span, narrow};

/// The places of a scalar's characters in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    runs: Runs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Runs {
    /// The text is in the file unchanged, from this offset: true of nearly every scalar.
    Straight(u32),
    /// Pairs of offsets in the text and in the file; between two pairs both advance alike. Sorted. Behind the last one
    /// of a full table no places are known.
    Table(Arc<Vec<(u32, u32)>>),
}

/// The most pairs: a text of many escapes would take several times its size.
const MOST_RUNS: usize = 1 << 16;

impl Places {
    /// The text is in the file unchanged, from `start`.
    pub fn straight(start: usize) -> Self {
        Self { runs: Runs::Straight(narrow(start)) }
    }

    /// From each character's offset in the text and in the file, in the order of the text.
    pub fn of_runs(characters: &[(usize, usize)]) -> Self {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for &(offset, place) in characters {
            let goes_on = runs
                .last()
                .is_some_and(|&(start, at)| place.checked_sub(at as usize) == offset.checked_sub(start as usize));
            if !goes_on {
                runs.push((narrow(offset), narrow(place)));
            }
            if runs.len() == MOST_RUNS {
                break;
            }
        }
        Self::table(runs)
    }

    fn table(mut runs: Vec<(u32, u32)>) -> Self {
        runs.shrink_to_fit();
        Self { runs: Runs::Table(Arc::new(runs)) }
    }

    /// These places, `by` bytes further on.
    pub fn moved(&self, by: usize) -> Self {
        let later = |place: u32| narrow(place as usize + by);
        Self {
            runs: match &self.runs {
                Runs::Straight(start) => Runs::Straight(later(*start)),
                Runs::Table(runs) => {
                    Runs::Table(Arc::new(runs.iter().map(|(offset, place)| (*offset, later(*place))).collect()))
                }
            },
        }
    }

    /// Finds the characters of `text` in `raw`, which starts at `start` in the file.
    pub(super) fn align(text: &str, raw: &str, start: usize, style: ScalarStyle) -> Self {
        let (raw_body, shift) = body(raw, style);
        if raw_body.starts_with(text) {
            return Self::straight(start + shift);
        }
        let mut walk = Walk { raw: raw_body, at: 0, style };
        let mut runs: Vec<(u32, u32)> = Vec::new();
        let mut expected = usize::MAX;
        for (offset, character) in text.char_indices() {
            let (place, straight) = walk.find(character);
            let place = start + shift + place;
            if place != expected {
                runs.push((narrow(offset), narrow(place)));
                if runs.len() == MOST_RUNS {
                    break;
                }
            }
            expected = if straight { place + character.len_utf8() } else { usize::MAX };
        }
        Self::table(runs)
    }

    /// The place of a range of the text; `whole` (the node's span) when it is not known.
    pub fn span(&self, range: Range<usize>, whole: Span) -> Span {
        let Some(start) = self.offset(range.start) else { return whole };
        // The end follows the last character inside the range, not the next one.
        let end = match range.end > range.start {
            true => self.offset(range.end - 1).map_or(start, |last| last + 1),
            false => start,
        };
        Span::new(start.clamp(whole.start(), whole.end()), end.clamp(whole.start(), whole.end()))
    }

    fn offset(&self, at: usize) -> Option<usize> {
        match &self.runs {
            Runs::Straight(start) => Some(*start as usize + at),
            Runs::Table(runs) => {
                let run = runs.partition_point(|&(offset, _)| offset as usize <= at).checked_sub(1)?;
                if run + 1 == MOST_RUNS {
                    return None;
                }
                let (offset, place) = runs[run];
                Some(place as usize + (at - offset as usize))
            }
        }
    }
}

/// The raw text without its opening quote, and the length of that.
fn body(raw: &str, style: ScalarStyle) -> (&str, usize) {
    let shift = match style {
        // The span of a block begins after its header (`|2-  # comment`).
        ScalarStyle::Plain | ScalarStyle::Block => 0,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => usize::from(raw.starts_with(['\'', '"'])),
    };
    (&raw[shift..], shift)
}

struct Walk<'r> {
    raw: &'r str,
    at: usize,
    style: ScalarStyle,
}

impl Walk<'_> {
    /// The place of the next character of the text, and whether it is unescaped.
    fn find(&mut self, character: char) -> (usize, bool) {
        if self.style == ScalarStyle::DoubleQuoted {
            self.skip_joined_lines();
            if !self.rest().starts_with('\\') && !character.is_whitespace() {
                self.skip_space();
            }
            if self.rest().starts_with('\\') {
                let place = self.at;
                self.at += escape_length(self.rest());
                return (place, false);
            }
        }
        if self.rest().starts_with(character) {
            let place = self.at;
            self.at += character.len_utf8();
            if self.style == ScalarStyle::SingleQuoted && character == '\'' {
                // A doubled quote.
                self.at += usize::from(self.rest().starts_with('\''));
                return (place, false);
            }
            return (place, true);
        }
        // At a folded line break or an indentation the text has other white space, or none.
        if !character.is_whitespace() {
            self.skip_space();
            if self.rest().starts_with(character) {
                let place = self.at;
                self.at += character.len_utf8();
                return (place, true);
            }
        }
        (self.at, false)
    }

    fn rest(&self) -> &str {
        &self.raw[self.at..]
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// An escaped line break is not in the text.
    fn skip_joined_lines(&mut self) {
        loop {
            let after_space = self.rest().trim_start_matches([' ', '\t']);
            let Some(next) = after_space.strip_prefix("\\\n").or_else(|| after_space.strip_prefix("\\\r\n")) else {
                return;
            };
            self.at = self.raw.len() - next.trim_start_matches([' ', '\t']).len();
        }
    }
}

/// The length of an escape in double quotes, which starts with `\`.
fn escape_length(raw: &str) -> usize {
    let length = match raw.as_bytes().get(1) {
        Some(b'x') => 4,
        Some(b'u') => match raw.as_bytes().get(6..8) {
            // A surrogate pair is one character.
            Some(b"\\u") if raw[2..].starts_with(['d', 'D']) => 12,
            _ => 6,
        },
        Some(b'U') => 10,
        Some(_) => 1 + raw[1..].chars().next().map_or(0, char::len_utf8),
        None => 1,
    };
    let mut length = length.min(raw.len());
    while !raw.is_char_boundary(length) {
        length += 1;
    }
    length
}
