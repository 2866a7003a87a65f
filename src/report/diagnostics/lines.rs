//! Lines of a file as they are shown: without secrets, which are taken out of the whole text before anything is cut.

use std::ops::Range;

use crate::report::sanitize_lines;
use crate::secret::{REDACTED, Secrets};
use crate::source::{Source, Span};

/// How much text around the lines is searched: a secret of several lines may begin before them.
const AROUND: usize = 8 * 1024;

/// The complete lines around a span, safe to show.
pub struct Lines {
    /// The text as it is shown.
    pub text: String,
    /// The number of the first line.
    pub first: usize,
    /// Where the lines begin in the file.
    offset: usize,
    /// The lines in the file, in pieces.
    pieces: Vec<Piece>,
}

/// A part of the lines: the end of each piece is the beginning of the next one.
struct Piece {
    file: Range<usize>,
    shown: Range<usize>,
    secret: bool,
}

impl Lines {
    pub fn around(source: &Source, span: Span, secrets: &Secrets) -> Self {
        let whole = source.lines_around(span);
        let mut lines = Self {
            text: String::new(),
            first: source.position(whole.start()).line,
            offset: whole.start(),
            pieces: Vec::new(),
        };
        let mut read = 0;
        for secret in secret_places(source, whole, secrets) {
            lines.push(read..secret.start, &source.text()[whole.range()][read..secret.start], false);
            read = secret.end;
            lines.push(secret, REDACTED, true);
        }
        let rest = whole.end() - whole.start();
        lines.push(read..rest, &source.text()[whole.range()][read..], false);
        lines
    }

    fn push(&mut self, file: Range<usize>, text: &str, secret: bool) {
        let start = self.text.len();
        self.text.push_str(&sanitize_lines(text));
        self.pieces.push(Piece { file, shown: start..self.text.len(), secret });
    }

    /// Whether a secret was taken out.
    pub fn lack_secrets(&self) -> bool {
        self.pieces.iter().any(|piece| piece.secret)
    }

    /// The place of a span of the file in the text as it is shown. A span that touches a secret has all of it.
    pub fn inside(&self, source: &Source, span: Span) -> Range<usize> {
        let shown = |place: usize, is_end: bool| {
            let place = place.saturating_sub(self.offset);
            let holds = |piece: &&Piece| place < piece.file.end || (is_end && place == piece.file.end);
            let Some(piece) = self.pieces.iter().find(holds).or(self.pieces.last()) else { return 0 };
            if piece.secret {
                return if is_end { piece.shown.end } else { piece.shown.start };
            }
            let before = self.offset + piece.file.start..self.offset + place.clamp(piece.file.start, piece.file.end);
            let before = source.text().get(before.clone()).map_or(before.len(), |text| sanitize_lines(text).len());
            piece.shown.start + before
        };
        let start = shown(span.start(), false);
        start..shown(span.end(), span.end() > span.start()).max(start)
    }
}

/// The places of secrets in these lines, from their beginning; one of several lines has a place in each.
fn secret_places(source: &Source, lines: Span, secrets: &Secrets) -> Vec<Range<usize>> {
    let (start, end) = (lines.start(), lines.end());
    let searched = source.clamp(Span::new(start.saturating_sub(AROUND), end + AROUND));
    let found = secrets.places(source.slice(searched)).into_iter();
    let found = found.map(|place| place.start + searched.start()..place.end + searched.start());
    let inside = found.filter_map(|place| {
        let place = place.start.max(start)..place.end.min(end);
        (place.start < place.end).then_some(place)
    });
    let by_line = inside.flat_map(|place| {
        let mut at = place.start;
        let pieces = source.text()[place].split_inclusive('\n').map(move |piece| {
            let indent = piece.len() - piece.trim_start().len();
            let found = at + indent..at + indent + piece.trim().len();
            at += piece.len();
            found
        });
        pieces.filter(|piece| !piece.is_empty()).collect::<Vec<_>>()
    });
    by_line.map(|place| place.start - start..place.end - start).collect()
}
