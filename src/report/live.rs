//! Lines at the bottom of a terminal that are drawn over and over.
//!
//! The cursor stands below them. A terminal that became narrower has broken lines into several rows by the time they
//! are drawn anew: all of these are erased.

use super::Sink;
use super::width::width;

/// The size of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalSize {
    pub columns: usize,
    pub lines: usize,
}

/// What is drawn now, and where.
pub struct Live {
    sink: Sink,
    size: Box<dyn Fn() -> TerminalSize + Send>,
    drawn: Vec<String>,
    /// Columns of the terminal when they were drawn.
    columns: usize,
}

impl Live {
    /// `sink` leads to a terminal that understands escape codes; `size` is asked at every drawing: windows change.
    pub fn new(sink: Sink, size: impl Fn() -> TerminalSize + Send + 'static) -> Self {
        Self { sink, size: Box::new(size), drawn: Vec::new(), columns: 0 }
    }

    pub fn terminal_size(&self) -> TerminalSize {
        (self.size)()
    }

    /// Draws these lines in place of those before.
    pub fn draw(&mut self, lines: Vec<String>) {
        let columns = self.terminal_size().columns;
        let is_as_wide = columns == self.columns;
        if lines == self.drawn && (is_as_wide || lines.is_empty()) {
            return;
        }
        let mut frame = self.cursor_to_top(columns);
        if !is_as_wide {
            frame.push_str(CLEAR_BELOW);
        }
        for (at, line) in lines.iter().enumerate() {
            if !is_as_wide || self.drawn.get(at) != Some(line) {
                frame.push_str(CLEAR_ROW);
                frame.push_str(line);
            }
            frame.push('\n');
        }
        frame.push_str(CLEAR_BELOW);
        self.write(&frame);
        (self.drawn, self.columns) = (lines, columns);
    }

    /// Writes lines above the table.
    pub fn above(&mut self, write: impl FnOnce()) {
        let lines = self.drawn.clone();
        self.draw(Vec::new());
        write();
        self.draw(lines);
    }

    /// The control sequence that moves the cursor to the first drawn line, on a terminal of `columns` columns; empty
    /// when nothing is drawn.
    fn cursor_to_top(&self, columns: usize) -> String {
        match self.drawn.iter().map(|line| rows(line, columns)).sum::<usize>() {
            0 => String::new(),
            rows => format!("\r\x1b[{rows}A"),
        }
    }

    fn write(&mut self, frame: &str) {
        let frame = self.sink.secrets().redact(frame);
        self.sink.raw(&frame);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.draw(Vec::new());
    }
}

const CLEAR_ROW: &str = "\x1b[2K";
const CLEAR_BELOW: &str = "\x1b[J";

/// How many rows of a terminal a line takes.
fn rows(line: &str, columns: usize) -> usize {
    width(&without_colour(line)).div_ceil(columns.max(1)).max(1)
}

/// Without the escape codes of a [`Palette`](super::Palette), which end with `m`.
fn without_colour(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    first + &parts.map(|part| part.split_once('m').map_or(part, |(_, text)| text)).collect::<String>()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::report::testing::SharedOutput;
    use crate::secret::Secrets;

    fn live(columns: &Arc<AtomicUsize>) -> (SharedOutput, Live) {
        let (out, columns) = (SharedOutput::default(), columns.clone());
        let sink = Sink::new("the table", Box::new(out.clone()), Secrets::default());
        (out, Live::new(sink, move || TerminalSize { columns: columns.load(Ordering::Relaxed), lines: 24 }))
    }

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_what_changed_is_written() {
        let (out, mut live) = live(&Arc::new(AtomicUsize::new(80)));
        live.draw(lines(&["one", "two"]));
        live.draw(lines(&["one", "two"]));
        live.draw(lines(&["one", "three"]));
        live.draw(lines(&["one"]));
        let frames = "\x1b[J\x1b[2Kone\n\x1b[2Ktwo\n\x1b[J\
                      \r\x1b[2A\n\x1b[2Kthree\n\x1b[J\
                      \r\x1b[2A\n\x1b[J";
        assert_eq!(out.text(), frames);
    }

    #[test]
    fn rows_that_a_narrower_terminal_broke_go_as_well() {
        let columns = Arc::new(AtomicUsize::new(80));
        let (out, mut live) = live(&columns);
        live.draw(lines(&["\x1b[1mtwenty\x1b[0m characters 東", "short"]));
        columns.store(10, Ordering::Relaxed);
        live.draw(lines(&["short"]));
        assert!(out.text().ends_with("\r\x1b[3A\x1b[J\x1b[2Kshort\n\x1b[J"), "{:?}", out.text());
    }

    #[test]
    fn the_lines_are_erased_before_text_above_them_is_written_and_drawn_again_after_it() {
        let (out, mut live) = live(&Arc::new(AtomicUsize::new(80)));
        live.draw(lines(&["table"]));
        let mut log = out.clone();
        live.above(|| std::io::Write::write_all(&mut log, b"a line\n").unwrap());
        assert!(out.text().ends_with("\r\x1b[1A\x1b[Ja line\n\x1b[2Ktable\n\x1b[J"), "{:?}", out.text());
        drop(live);
        assert!(out.text().ends_with("table\n\x1b[J\r\x1b[1A\x1b[J"), "{:?}", out.text());
    }
}
