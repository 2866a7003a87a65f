//! The view on a terminal: the lines of [`Human`], and below them a live table with every active call, what it waits
//! for, for how long, and how long that usually takes.
//!
//! The words come from the same board as the heartbeat; the lines go through [`Human`] while the table is out of the
//! way.

use std::time::Duration;

use super::doing::CallRow;
use super::live::{Live, TerminalSize};
use super::shape::Shape;
use super::width::{beginning, ending, width};
use super::{Color, Human, Palette, ReportError, Reporter, Sink, Verbosity, clock, duration};
use crate::event::{Event, Stamped};

/// The most rows of the table; a small terminal has fewer.
const MOST_ROWS: usize = 12;
/// The number of lines below the rows: the totals.
const BOTTOM: usize = 1;

/// The reporter with lines and a table.
pub struct Progress {
    human: Human,
    palette: Palette,
    live: Live,
    /// Between the first event and the last: otherwise there is no table.
    running: bool,
}

impl Progress {
    /// `lines` and `table` must lead to the same terminal; `size` is asked at every drawing: windows change.
    pub fn new(
        lines: Sink,
        table: Sink,
        shape: Shape,
        verbosity: Verbosity,
        color: Color,
        size: impl Fn() -> TerminalSize + Send + 'static,
    ) -> Self {
        Self {
            human: Human::new(lines, verbosity, color).of_plan(shape).above_table(),
            palette: Palette::new(color),
            live: Live::new(table, size),
            running: false,
        }
    }

    fn draw(&mut self, now: Duration) {
        let lines = if self.running { self.table(now) } else { Vec::new() };
        self.live.draw(lines);
    }

    fn table(&self, now: Duration) -> Vec<String> {
        let size = self.live.terminal_size();
        let most = size.lines.saturating_sub(BOTTOM + 1).clamp(1, MOST_ROWS);
        let board = self.human.board();
        let rows = board.rows(now, most);
        let width = rows.iter().map(|row| width(&row.who)).max().unwrap_or(0).min(size.columns / 3);
        let mut lines: Vec<String> = rows.iter().map(|row| self.line(row, width, size.columns)).collect();
        lines.push(self.palette.faint(cut(&format!("{:>7}  {}", clock(now), board.totals()), size.columns)));
        lines
    }

    /// Cut before colours are added, because escape codes have no width.
    fn line(&self, row: &CallRow, column: usize, columns: usize) -> String {
        let elapsed = if row.elapsed.is_zero() { String::new() } else { duration(row.elapsed) };
        let who = cut_inside(&row.who, column);
        let padding = " ".repeat(column - width(&who));
        let room = columns.saturating_sub(7 + 2 + column + 2);
        let what = cut(row.what.fitting(|words| width(words) <= room), room);
        format!("{}  {}{padding}  {}", self.palette.faint(format!("{elapsed:>7}")), self.palette.busy(who), what)
    }
}

/// At most `columns` wide: a row that wraps would leave its rest on the screen.
fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    match columns.checked_sub(1) {
        Some(rest) => format!("{}…", beginning(text, rest)),
        None => String::new(),
    }
}

/// Cuts a name in its middle, because the names of instances differ at their end.
fn cut_inside(text: &str, columns: usize) -> String {
    if width(text) <= columns || columns < 6 {
        return cut(text, columns);
    }
    let end = ending(text, columns / 2);
    format!("{}…{end}", beginning(text, columns - 1 - width(end)))
}

impl Reporter for Progress {
    fn handle(&mut self, event: &Stamped) {
        match &event.event {
            Event::RunStarted(_) => self.running = true,
            Event::RunFinished(_) => self.running = false,
            _ => {}
        }
        if !self.running {
            self.draw(Duration::ZERO);
        }
        let Self { human, live, .. } = self;
        // Most events write no line; hiding the table for them would make it flicker. It is drawn only by ticks, so
        // that its cost does not grow with the number of events.
        if human.is_shown(event) {
            live.above(|| human.handle(event));
        } else {
            human.handle(event);
        }
    }

    fn tick(&mut self, elapsed: Duration) {
        self.draw(elapsed);
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        self.running = false;
        self.draw(Duration::ZERO);
        self.human.finish()
    }
}

#[cfg(test)]
mod tests;
