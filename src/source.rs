//! Source text, and places in it.
//!
//! Every finding has a place: a [`Span`], which is a range of bytes in a [`Source`]. Lines and columns are computed
//! only when they are shown.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::Serialize;

/// A range of bytes in a [`Source`]: `start` included, `end` not. A large plan has several for every word; therefore in
/// 32 bits, which is enough: larger files are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: narrow(start), end: narrow(end.max(start)) }
    }

    /// The empty place at `offset`.
    pub fn at(offset: usize) -> Self {
        Self::new(offset, offset)
    }

    pub fn start(self) -> usize {
        self.start as usize
    }

    pub fn end(self) -> usize {
        self.end as usize
    }

    /// The smallest span that contains both.
    pub fn to(self, other: Span) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// This span, `by` bytes further on.
    #[must_use]
    pub fn moved(self, by: usize) -> Self {
        Self::new(self.start() + by, self.end() + by)
    }

    pub fn range(self) -> Range<usize> {
        self.start()..self.end()
    }
}

/// An offset in 32 bits.
pub(crate) fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
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
    /// Made once a place is shown.
    blocks: OnceLock<Vec<Block>>,
    /// Files appended to the first one.
    files: Vec<JoinedFile>,
}

/// What stands before a block of the text, so that lines and columns are found without reading all of it.
#[derive(Debug, Clone, Copy)]
struct Block {
    characters: u32,
    line_breaks: u32,
    /// The offset of the line in which the block begins.
    line: u32,
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
struct JoinedFile {
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

/// The folder of a file; the current one for what only stands for an open file (`/dev/stdin`, and `/dev/fd/63` where a
/// shell writes `<(…)`).
pub fn folder_of(file: &Path) -> &Path {
    let stands_for_another = ["/dev", "/proc"].iter().any(|folder| file.starts_with(folder));
    file.parent().filter(|_| !stands_for_another).unwrap_or_else(|| Path::new(""))
}

/// The size of blocks, in bytes.
const BLOCK: usize = 4096;

impl Source {
    /// `path` is shown in messages; the file need not exist.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into(), blocks: OnceLock::new(), files: Vec::new() }
    }

    /// This text followed by those of other files, separated by line breaks. Positions are relative to the file of an
    /// offset.
    #[must_use]
    pub fn with(&self, files: Vec<Joined>) -> Self {
        let mut text =
            String::with_capacity(files.iter().fold(self.text.len(), |size, file| size + 1 + file.text.len()));
        text.push_str(&self.text);
        let mut line = 0;
        let mut parts = Vec::with_capacity(files.len());
        for Joined { path, text: more, used_by } in files {
            line += 1 + line_breaks(&text.as_bytes()[parts.last().map_or(0, |part: &JoinedFile| part.start)..]);
            text.push('\n');
            parts.push(JoinedFile { start: text.len(), line, path, used_by });
            text.push_str(&more);
        }
        Self { files: parts, ..Self::new(self.path.clone(), text) }
    }

    /// The file at an offset.
    fn part(&self, offset: usize) -> Option<&JoinedFile> {
        self.files[..self.files.partition_point(|part| part.start <= offset)].last()
    }

    /// The path of the file at an offset.
    pub fn path_at(&self, offset: usize) -> &Path {
        self.part(offset).map_or(&self.path, |part| &part.path)
    }

    /// A place as it is shown: `deploy.yaml:7:11`.
    pub fn shown(&self, offset: usize) -> String {
        let at = self.position(offset);
        format!("{}:{}:{}", self.path_at(offset).display(), at.line, at.column)
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

    /// The folder that the files which it names are below, see [`folder_of`].
    pub fn folder(&self) -> &Path {
        folder_of(&self.path)
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
        let mut start = span.start().min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let mut end = span.end().clamp(start, self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        Span::new(start, end)
    }

    /// Line and column of a byte offset.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.clamp(Span::at(offset)).start();
        let characters = self.characters_before(offset) - self.characters_before(self.line_start(offset));
        let before = self.part(offset).map_or(0, |part| part.line);
        let (block, rest) = self.block(offset);
        Position { line: 1 + block.line_breaks as usize + line_breaks(rest) - before, column: characters + 1 }
    }

    /// The complete lines of a span, with their ends.
    pub fn lines_around(&self, span: Span) -> Span {
        let span = self.clamp(span);
        Span::new(self.line_start(span.start()), self.next_line(span.end()).unwrap_or(self.text.len()))
    }

    /// Whether a line of a span has more bytes than this, with its end. Looks no farther than it must.
    pub fn has_line_longer_than(&self, most: usize, span: Span) -> bool {
        let mut rest = &self.text.as_bytes()[self.lines_around(span).range()];
        while rest.len() > most {
            match rest[..most].iter().rposition(|byte| *byte == b'\n') {
                Some(end) => rest = &rest[end + 1..],
                None => return true,
            }
        }
        false
    }

    fn blocks(&self) -> &[Block] {
        self.blocks.get_or_init(|| {
            let mut here = Block { characters: 0, line_breaks: 0, line: 0 };
            let block = |(nth, bytes): (usize, &[u8])| {
                let this = here;
                here.characters += narrow(characters(bytes));
                here.line_breaks += narrow(line_breaks(bytes));
                if let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') {
                    here.line = narrow(nth * BLOCK + last + 1);
                }
                this
            };
            self.text.as_bytes().chunks(BLOCK).enumerate().map(block).collect()
        })
    }

    /// The block of an offset, and its text up to there.
    fn block(&self, offset: usize) -> (Block, &[u8]) {
        let nth = (offset / BLOCK).min(self.blocks().len().saturating_sub(1));
        let none = Block { characters: 0, line_breaks: 0, line: 0 };
        (self.blocks().get(nth).copied().unwrap_or(none), &self.text.as_bytes()[nth * BLOCK..offset])
    }

    fn characters_before(&self, offset: usize) -> usize {
        let (block, rest) = self.block(offset);
        block.characters as usize + characters(rest)
    }

    fn line_start(&self, offset: usize) -> usize {
        let (block, rest) = self.block(offset);
        let in_block = rest.iter().rposition(|byte| *byte == b'\n');
        in_block.map_or(block.line as usize, |last| offset - rest.len() + last + 1)
    }

    /// The start of the line after that of an offset.
    fn next_line(&self, offset: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let first_in = |range: Range<usize>| {
            let end = range.end.min(bytes.len());
            bytes[range.start..end].iter().position(|byte| *byte == b'\n').map(|at| range.start + at + 1)
        };
        let (block, rest) = self.block(offset);
        let (start, seen) = (offset - rest.len(), block.line_breaks as usize + line_breaks(rest));
        first_in(offset..start + BLOCK).or_else(|| {
            // The next line break is in the last block with no more line breaks before it than before `offset`.
            let after = self.blocks().partition_point(|block| block.line_breaks as usize <= seen);
            let nth = after.saturating_sub(1).max(start / BLOCK);
            first_in(offset.max(nth * BLOCK)..(nth + 1) * BLOCK)
        })
    }
}

/// Every byte that is not a continuation byte begins a character.
fn characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

fn line_breaks(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
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
        for most in [1, 14_999, 15_000, 15_001, 20_000] {
            assert_eq!(source.has_line_longer_than(most, Span::new(0, 3)), most < 15_001, "{most}");
        }
        assert_eq!(source.lines_around(Span::at(15_003)), Span::new(15_003, 15_004));
    }

    #[test]
    fn places_in_a_long_text_are_those_of_a_count_from_its_beginning() {
        let long = format!("{}\n", "é-".repeat(3000));
        let text = format!("{}{}\n\n{long}{}end", "line é\n".repeat(2000), long, "x\n".repeat(3000));
        let source = Source::new("plan.yaml", text.as_str());
        for at in (0..=text.len()).step_by(7).chain([text.len(), 4095, 4096, 4097, 8192]) {
            let at = source.clamp(Span::at(at)).start();
            let line = text[..at].matches('\n').count() + 1;
            let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
            let column = text[start..at].chars().count() + 1;
            assert_eq!(source.position(at), Position { line, column }, "{at}");
            let end = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
            assert_eq!(source.lines_around(Span::at(at)), Span::new(start, end), "{at}");
        }
    }

    #[test]
    fn places_of_joined_files_are_their_own() {
        let file = |path: &str, text: &str| Joined { path: path.into(), text: text.to_owned(), used_by: Vec::new() };
        let source =
            Source::new("plan.yaml", "a\nb\n").with(vec![file("one", "c\nd"), file("two", ""), file("three", "e\nf")]);
        for (word, path, line) in
            [("b", "plan.yaml", 2), ("c", "one", 1), ("d", "one", 2), ("e", "three", 1), ("f", "three", 2)]
        {
            let at = source.text().find(word).unwrap();
            assert_eq!((source.path_at(at), source.position(at).line), (Path::new(path), line), "{word}");
        }
    }

    #[test]
    fn what_stands_for_an_open_file_is_in_no_folder() {
        for (file, folder) in [
            ("plans/deploy.yaml", "plans"),
            ("deploy.yaml", ""),
            ("-", ""),
            ("/srv/plans/deploy.yaml", "/srv/plans"),
            ("/dev/stdin", ""),
            ("/dev/fd/63", ""),
            ("/proc/self/fd/0", ""),
            ("/devices/deploy.yaml", "/devices"),
        ] {
            assert_eq!(folder_of(Path::new(file)), Path::new(folder), "{file}");
        }
    }

    #[test]
    fn a_span_inside_a_character_or_beyond_the_end_can_be_sliced() {
        let source = Source::new("plan.yaml", "é1");
        assert_eq!(source.slice(Span::new(1, 2)), "é");
        assert_eq!(source.slice(Span::new(2, 99)), "1");
    }
}
