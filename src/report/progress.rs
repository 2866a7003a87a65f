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
        let what = cut(row.what.that_fit(|words| width(words) <= room), room);
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
mod tests {
    use super::*;
    use crate::exit::Exit;
    use crate::id::StepId;
    use crate::report::shape::Planned;
    use crate::report::testing::{Shared, accepted, done, failed, finished, stamped, started};
    use crate::secret::Secrets;

    fn progress(columns: usize, lines: usize) -> (Shared, Progress) {
        let out = Shared::default();
        let sink = |what| Sink::new(what, Box::new(out.clone()), Secrets::default());
        let size = move || TerminalSize { columns, lines };
        let (lines, table) = (sink("the lines"), sink("the table"));
        let progress = Progress::new(lines, table, Shape::default(), Verbosity::Normal, Color::Off, size);
        (out, progress)
    }

    #[test]
    fn the_table_shows_calls_reasons_and_durations() {
        let (_, mut progress) = progress(80, 24);
        progress.handle(&stamped(0, started()));
        progress.handle(&stamped(400, accepted("network", 5_000, 10_000)));
        progress.handle(&stamped(500, accepted("lb", 30_000, 90_000)));
        assert_eq!(
            progress.table(Duration::from_millis(6_500)),
            [
                "  6.1 s  network  waiting for task t-network, typically 5 s to 10 s",
                "    6 s  lb       waiting for task t-lb, typically 30 s to 1m 30s",
                "   0:06  0 of 3 done, 2 in work",
            ]
        );
    }

    #[test]
    fn a_hundred_machines_are_one_row() {
        let (_, mut progress) = progress(80, 24);
        progress.handle(&stamped(0, Event::StepExpanded { step: StepId::new("web"), instances: 100 }));
        for index in 0..100 {
            progress.handle(&stamped(0, accepted(&format!("web[{index}]"), 15_000, 30_000)));
        }
        for index in 0..13 {
            progress.handle(&stamped(19_000, done(&format!("web[{index}]"), "instances", "vm")));
        }
        let table = progress.table(Duration::from_secs(20));
        assert_eq!(
            table,
            ["   20 s  web[0..99]  87 waiting, 13 done, typically 15 s to 30 s", "   0:20  13 of 100 done, 87 in work"]
        );
    }

    #[test]
    fn the_table_fits_into_the_terminal() {
        for (columns, lines) in [(80, 24), (20, 5), (9, 2), (1, 1), (0, 0)] {
            let (_, mut progress) = progress(columns, lines);
            for index in 0..50 {
                progress.handle(&stamped(0, accepted(&format!("a_rather_long_name_{index}"), 1, 2)));
            }
            let table = progress.table(Duration::from_secs(20));
            assert!(table.len() <= lines.max(2), "{columns}x{lines}: {table:?}");
            // The elapsed time and the spaces around it are never cut.
            assert!(table.iter().all(|line| width(line) <= columns.max(11 + columns / 3)), "{table:?}");
        }
    }

    #[test]
    fn names_keep_their_ends_and_wide_characters_their_width() {
        assert_eq!(cut("größe: 東京🚀e\u{301}…", 20), "größe: 東京🚀e\u{301}…");
        assert_eq!(cut("東京東京", 3), "東…");
        assert_eq!(cut_inside("a_rather_long_name[12]", 12), "a_rat…me[12]");
        assert_eq!(cut_inside("web[12]", 12), "web[12]");
    }

    #[test]
    fn narrow_terminals_keep_how_long_it_takes_and_lose_the_id() {
        for (columns, words) in [
            (80, "waiting for task t-lb, typically 30 s to 1m 30s"),
            (54, "waiting, typically 30 s to 1m 30s"),
            (40, "typically 30 s to 1m 30s"),
        ] {
            let (_, mut progress) = progress(columns, 24);
            progress.handle(&stamped(500, accepted("lb", 30_000, 90_000)));
            assert_eq!(progress.table(Duration::from_millis(6_500))[0], format!("    6 s  lb  {words}"));
        }
    }

    #[test]
    fn waiting_steps_name_their_dependencies_and_count_from_the_beginning() {
        let (_, mut progress) = progress(80, 24);
        let steps = [
            ("network", vec![]),
            ("subnet", vec!["network".to_owned()]),
            ("web", vec!["subnet".to_owned(), "network".to_owned()]),
        ];
        progress.human = progress.human.of_plan(Shape {
            steps: steps
                .map(|(step, after)| (step.to_owned(), Planned { after, instances: Some(1) }))
                .into_iter()
                .collect(),
        });
        progress.handle(&stamped(0, started()));
        progress.handle(&stamped(400, accepted("network", 5_000, 10_000)));
        assert_eq!(
            progress.table(Duration::from_millis(6_500)),
            [
                "  6.1 s  network  waiting for task t-network, typically 5 s to 10 s",
                "         subnet   waits for network",
                "         web      waits for subnet and network",
                "   0:06  0 of 3 done, 1 in work",
            ]
        );
    }

    #[test]
    fn lines_are_written_while_the_table_is_away() {
        let (out, mut progress) = progress(80, 24);
        progress.handle(&stamped(0, started()));
        progress.handle(&stamped(400, accepted("network", 5_000, 10_000)));
        progress.tick(Duration::from_secs(1));
        progress.tick(Duration::from_secs(100));
        progress.handle(&stamped(7_400, done("network", "networks", "demo-net")));
        progress.handle(&stamped(7_500, failed("web", "no")));
        progress.handle(&stamped(8_000, Event::RunFinished(finished(Exit::StepFailed))));
        progress.finish().unwrap();
        let text = out.text();
        assert!(text.contains("\x1b[J   0:07  network     created network `demo-net`"), "{text:?}");
        assert!(text.contains("failed: no") && !text.contains("pending:"), "{text}");
        let (_, end) = text.rsplit_once("\x1b[").unwrap();
        assert!(end.starts_with('J') && end.contains("a step failed"), "nothing of the table is left: {text:?}");
    }
}
