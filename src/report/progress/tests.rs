use super::*;
use crate::exit::Exit;
use crate::id::StepId;
use crate::report::shape::Planned;
use crate::report::testing::{SharedOutput, accepted, done, failed, finished, stamped, started};
use crate::secret::Secrets;

fn progress(columns: usize, lines: usize) -> (SharedOutput, Progress) {
    let out = SharedOutput::default();
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
