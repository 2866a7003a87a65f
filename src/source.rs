//! Source text, and places in it.
//!
//! Every finding has a place: a [`Span`], which is a range of bytes in a [`Source`]. Lines and columns are computed
//! only when they are shown.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::Serialize;

/// A range of bytes in a [`Source`]: `start` included, `end` not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// The empty place at `offset`.
    pub fn at(offset: usize) -> Self {
        Self::new(offset, offset)
    }

    /// The smallest span that contains both.
    pub fn to(self, other: Span) -> Self {
        Self::new(self.start.min(other.start), self.end.max(other.end))
    }

    /// The same span in a text that begins `by` bytes later.
    #[must_use]
    pub fn moved(self, by: usize) -> Self {
        Self::new(self.start + by, self.end + by)
    }

    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// Line and column, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// A text with its path for messages.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    text: String,
    /// The offset of the first byte of every line.
    lines: Vec<usize>,
    /// The number of characters before each block of the text, so that columns of very long lines are found quickly.
    blocks: OnceLock<Vec<usize>>,
    /// Files appended to the first one.
    files: Vec<Part>,
}

/// An appended file.
#[derive(Debug, Clone)]
pub struct Joined {
    pub path: PathBuf,
    pub text: String,
    /// The steps that use it, with their places.
    pub used_by: Vec<(String, Span)>,
}

/// Where a joined file begins.
#[derive(Debug, Clone)]
struct Part {
    start: usize,
    /// The number of lines before it.
    line: usize,
    path: PathBuf,
    used_by: Vec<(String, Span)>,
}

/// One of the files in a text.
#[derive(Debug, Clone)]
pub struct FileOf<'s> {
    pub path: &'s Path,
    /// Its range in the whole text.
    pub range: Range<usize>,
    /// The steps that use it, with their places; none for the first file.
    pub used_by: &'s [(String, Span)],
}

/// The size of blocks, in bytes.
const BLOCK: usize = 4096;

impl Source {
    /// `path` is shown in messages; the file need not exist.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { path: path.into(), text, lines, blocks: OnceLock::new(), files: Vec::new() }
    }

    /// This text followed by those of other files, separated by line breaks. Positions are relative to the file of an
    /// offset.
    #[must_use]
    pub fn with(&self, files: Vec<Joined>) -> Self {
        let mut text = self.text.clone();
        let mut starts = Vec::with_capacity(files.len());
        for Joined { path, text: more, used_by } in files {
            text.push('\n');
            starts.push((text.len(), path, used_by));
            text.push_str(&more);
        }
        let mut whole = Self::new(self.path.clone(), text);
        let part = |(start, path, used_by): (usize, PathBuf, Vec<(String, Span)>)| {
            let line = whole.lines.partition_point(|&line| line < start);
            Part { start, line, path, used_by }
        };
        let files = starts.into_iter().map(part).collect();
        whole.files = files;
        whole
    }

    /// The file at an offset.
    fn part(&self, offset: usize) -> Option<&Part> {
        self.files[..self.files.partition_point(|part| part.start <= offset)].last()
    }

    /// The path of the file at an offset.
    pub fn path_at(&self, offset: usize) -> &Path {
        self.part(offset).map_or(&self.path, |part| &part.path)
    }

    /// The files in this text, the first one first.
    pub fn files(&self) -> Vec<FileOf<'_>> {
        let mut files = Vec::with_capacity(1 + self.files.len());
        let end = |next: usize| self.files.get(next).map_or(self.text.len(), |part| part.start - 1);
        files.push(FileOf { path: &self.path, range: 0..end(0), used_by: &[] });
        files.extend(self.files.iter().enumerate().map(|(nth, part)| FileOf {
            path: &part.path,
            range: part.start..end(nth + 1),
            used_by: &part.used_by,
        }));
        files
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a span, cut to the end of the text.
    pub fn slice(&self, span: Span) -> &str {
        let span = self.clamp(span);
        &self.text[span.range()]
    }

    /// The span cut to the text and extended to whole characters.
    pub fn clamp(&self, span: Span) -> Span {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = span.end.clamp(start, self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        Span::new(start, end)
    }

    /// Line and column of a byte offset.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.clamp(Span::at(offset)).start;
        let line = self.lines.partition_point(|&start| start <= offset) - 1;
        let start = self.lines[line];
        let characters = match offset - start > 2 * BLOCK {
            true => self.characters_before(offset) - self.characters_before(start),
            false => count_characters(&self.text.as_bytes()[start..offset]),
        };
        let before = self.part(offset).map_or(0, |part| part.line);
        Position { line: line + 1 - before, column: characters + 1 }
    }

    fn characters_before(&self, offset: usize) -> usize {
        let blocks = self.blocks.get_or_init(|| {
            let mut before = 0;
            let count = |block: &[u8]| {
                let here = before;
                before += count_characters(block);
                here
            };
            self.text.as_bytes().chunks(BLOCK).map(count).collect()
        });
        let block = (offset / BLOCK).min(blocks.len().saturating_sub(1));
        blocks.get(block).copied().unwrap_or_default() + count_characters(&self.text.as_bytes()[block * BLOCK..offset])
    }

    /// The complete lines of a span, with their ends.
    pub fn lines_around(&self, span: Span) -> Span {
        let span = self.clamp(span);
        let first = self.lines.partition_point(|&start| start <= span.start) - 1;
        let next = self.lines.partition_point(|&start| start <= span.end);
        Span::new(self.lines[first], self.lines.get(next).copied().unwrap_or(self.text.len()))
    }

    /// The length in bytes of the longest line of a span.
    pub fn longest_line(&self, span: Span) -> usize {
        let whole = self.lines_around(span);
        let first = self.lines.partition_point(|&start| start <= whole.start) - 1;
        let starts = self.lines[first..].iter().copied().take_while(|&start| start < whole.end);
        let ends = self.lines[first + 1..].iter().copied().chain([self.text.len()]);
        starts.zip(ends).map(|(start, end)| end.min(whole.end) - start).max().unwrap_or_default()
    }
}

/// Every byte that is not a continuation byte begins a character.
fn count_characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let source = Source::new("plan.yaml", "é: 1\nb: 2\n");
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(2), Position { line: 1, column: 2 });
        assert_eq!(source.position(6), Position { line: 2, column: 1 });
        assert_eq!(source.position(999), Position { line: 3, column: 1 });
    }

    #[test]
    fn columns_of_a_long_line_are_counted_by_blocks() {
        let source = Source::new("plan.yaml", format!("a\n{}\nb", "é-".repeat(5000)));
        for at in [0, 1, 4095, 4096, 8191, 9999] {
            let column = at / 3 * 2 + usize::from(at % 3 > 1) + 1;
            assert_eq!(source.position(2 + at), Position { line: 2, column }, "{at}");
        }
        assert_eq!(source.lines_around(Span::new(3, 5)), Span::new(2, 15_003));
        assert_eq!(source.longest_line(Span::new(0, 3)), 15_001);
        assert_eq!(source.lines_around(Span::at(15_003)), Span::new(15_003, 15_004));
    }

    #[test]
    fn a_span_inside_a_character_or_beyond_the_end_can_be_sliced() {
        let source = Source::new("plan.yaml", "é1");
        assert_eq!(source.slice(Span::new(1, 2)), "é");
        assert_eq!(source.slice(Span::new(2, 99)), "1");
    }
}
