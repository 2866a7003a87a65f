//! Tables of results, each column as wide as its contents.

use std::fmt::{Display, Write};

use super::print_text;
use crate::context::Context;
use crate::error::Error;
use crate::parts::in_parts;
use crate::report::{Palette, sanitize};

/// Rows of a table, in one piece: a long record has a million cells.
pub struct Rows {
    columns: usize,
    text: String,
    /// Where each cell ends, row by row.
    ends: Vec<usize>,
    widths: Vec<usize>,
}

impl Rows {
    pub fn new(columns: usize) -> Self {
        Self { columns, text: String::new(), ends: Vec::new(), widths: vec![0; columns] }
    }

    /// Adds the next cell; the last column of a row is followed by the first of another.
    pub fn cell(&mut self, value: impl Display) {
        let start = self.text.len();
        let _ = write!(self.text, "{value}");
        if let std::borrow::Cow::Owned(clean) = sanitize(&self.text[start..]) {
            self.text.replace_range(start.., &clean);
        }
        let width = &mut self.widths[self.ends.len() % self.columns];
        *width = length(&self.text[start..]).max(*width);
        self.ends.push(self.text.len());
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All cells, row by row.
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| &self.text[*start..*end])
    }

    /// The lines of all rows.
    fn lines(&self, widths: &[usize]) -> String {
        let mut text = String::with_capacity(self.text.len() + self.ends.len() * 4);
        let last = self.columns - 1;
        for (cell, column) in self.cells().zip((0..self.columns).cycle()) {
            text.push_str(cell);
            if column < last {
                text.extend(std::iter::repeat_n(' ', widths[column] - length(cell) + 2));
            } else {
                text.truncate(text.trim_end_matches(' ').len());
                text.push('\n');
            }
        }
        text
    }
}

fn length(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

/// The columns' widths over all parts.
fn widths(parts: &[Rows]) -> Vec<usize> {
    let widest = |column: usize| parts.iter().map(|part| part.widths[column]).max().unwrap_or(0);
    (0..parts.first().map_or(0, |part| part.columns)).map(widest).collect()
}

/// A table with a head. The last column is not padded.
pub fn table(head: &[&str], rows: &[Vec<String>], palette: Palette) -> String {
    let (mut first, mut body) = (Rows::new(head.len()), Rows::new(head.len()));
    head.iter().for_each(|cell| first.cell(cell));
    rows.iter().flatten().for_each(|cell| body.cell(cell));
    let parts = [first, body];
    let widths = widths(&parts);
    let [first, body] = parts.map(|part| part.lines(&widths));
    palette.faint(first.trim_end_matches('\n').to_owned()) + "\n" + &body
}

/// Prints a long table, whose rows come in parts, on several threads.
///
/// # Errors
///
/// When stdout cannot be written.
pub fn print_rows(context: &Context, head: &[&str], mut parts: Vec<Rows>) -> Result<(), Error> {
    let mut first = Rows::new(head.len());
    head.iter().for_each(|cell| first.cell(cell));
    parts.insert(0, first);
    let widths = widths(&parts);
    let texts = in_parts(parts.len() - 1, 1, |range| {
        let of_part = |part: &Rows| context.secrets.redact(&part.lines(&widths));
        parts[1..][range].iter().map(of_part).collect::<Vec<_>>()
    });
    let palette = Palette::new(context.color(&context.stdout));
    let first = palette.faint(parts[0].lines(&widths).trim_end_matches('\n').to_owned()) + "\n";
    print_text(context, &context.secrets.redact(&first))?;
    texts.iter().flatten().try_for_each(|text| print_text(context, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Color;

    #[test]
    fn columns_stand_under_their_heads_and_end_without_blanks() {
        let rows = [vec!["network".to_owned(), "done".to_owned()], vec!["a".to_owned(), String::new()]];
        let text = table(&["STEP", "PHASE"], &rows, Palette::new(Color::Off));
        assert_eq!(text, "STEP     PHASE\nnetwork  done\na\n");
    }

    #[test]
    fn characters_are_counted_and_what_would_have_an_effect_is_shown() {
        let rows = [vec!["ä\u{1b}".to_owned(), "x".to_owned()], vec!["bcd".to_owned(), "y\nz".to_owned()]];
        let text = table(&["A", "B"], &rows, Palette::new(Color::Off));
        assert_eq!(text, "A    B\nä␛   x\nbcd  y⏎z\n");
    }
}
