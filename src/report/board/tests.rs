use super::*;
use crate::event::Delay;
use crate::report::testing::{accepted, done, instance, stamped};

fn board_of(number: usize, finished: usize) -> Board {
    let mut board = Board::default();
    board.handle(&stamped(0, Event::StepExpanded { step: StepId::new("web"), instances: number }));
    for index in 0..number {
        board.handle(&stamped(100, accepted(&format!("web[{index}]"), 15_000, 30_000)));
    }
    for index in 0..finished {
        board.handle(&stamped(20_000, done(&format!("web[{index}]"), "instances", "vm")));
    }
    board
}

#[test]
fn few_calls_have_a_row_each() {
    let board = board_of(2, 1);
    let rows = board.rows(Duration::from_millis(25_100), 5);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].who, "web[1]");
    assert_eq!(rows[0].what.longest(), "waiting for task t-web[1], typically 15 s to 30 s");
    assert_eq!(rows[0].elapsed, Duration::from_secs(25));
}

#[test]
fn many_calls_of_a_step_share_a_row() {
    let board = board_of(100, 13);
    let rows = board.rows(Duration::from_secs(25), 5);
    assert_eq!(rows.len(), 1);
    let what = "87 waiting, 13 done, typically 15 s to 30 s";
    assert_eq!((rows[0].who.as_str(), rows[0].what.longest()), ("web[0..99]", what));
    assert_eq!(board.totals(), "13 of 100 done, 87 in work");
}

#[test]
fn a_teardown_counts_existing_resources() {
    let mut board = Board::default();
    let mut started = crate::report::testing::started();
    if let Event::RunStarted(run) = &mut started {
        (run.command, run.steps) = (Activity::Destroy, 5);
    }
    board.handle(&stamped(0, started));
    board.handle(&stamped(0, accepted("web[0]", 1, 2)));
    board.handle(&stamped(0, accepted("web[1]", 1, 2)));
    assert_eq!(board.totals(), "0 of 5 removed, 2 in work");
}

#[test]
fn the_table_never_grows_past_its_height() {
    let mut board = Board::default();
    for index in 0..50 {
        board.handle(&stamped(0, accepted(&format!("step{index}"), 1, 2)));
    }
    let rows = board.rows(Duration::from_secs(1), 8);
    assert_eq!(rows.len(), 8);
    assert_eq!(rows[7].what.longest(), "43 more steps");
    assert_eq!(board.rows(Duration::from_secs(1), 0).len(), 1);
}

#[test]
fn a_pause_says_why_and_how_long() {
    let mut board = Board::default();
    let reason = Delay::Locked { task: Some("t1\nforged".to_owned()) };
    board.handle(&stamped(1000, Event::CallDelayed { instance: instance("lb"), reason, pause_ms: 4000 }));
    assert_eq!(board.rows(Duration::from_secs(2), 5)[0].what.longest(), "locked by task t1⏎forged, again in 3 s");
    let reason = Delay::Locked { task: Some("t1".into()) };
    board.handle(&stamped(1000, Event::CallDelayed { instance: instance("lb"), reason, pause_ms: 0 }));
    assert_eq!(board.rows(Duration::from_secs(2), 5)[0].what.longest(), "locked by task t1, again after its end");
}

#[test]
fn unusually_long_waits_are_shown() {
    let board = board_of(1, 0);
    assert!(board.rows(Duration::from_secs(90), 5)[0].what.longest().ends_with("longer than usual"));
}

fn queued(name: &str, queue: Queue) -> Event {
    Event::TurnAwaited { instance: instance(name), queue }
}

#[test]
fn what_waits_in_the_same_queue_shares_a_row_when_there_are_too_many() {
    let mut board = Board::default();
    for index in 0..20 {
        let queue = Queue::Parent { of: "network".to_owned() };
        board.handle(&stamped(0, queued(&format!("subnet{index}"), queue)));
    }
    board.handle(&stamped(0, queued("key", Queue::Requests)));
    board.handle(&stamped(0, accepted("web", 1, 2)));
    let rows = board.rows(Duration::from_secs(1), 8);
    let shown: Vec<_> = rows.iter().map(|row| (row.who.as_str(), row.what.longest())).collect();
    assert_eq!(shown[0].0, "web");
    assert_eq!(
        shown[1..],
        [("20 steps", "wait for other writes below network"), ("key", "waits for a free request (`--parallelism`)")]
    );
    assert_eq!(board.totals(), "0 of 22 done, 1 in work, 21 queued");
}

#[test]
fn the_total_holds_from_the_beginning_or_says_that_it_does_not() {
    let planned =
        |after: &[&str], instances| Planned { after: after.iter().map(ToString::to_string).collect(), instances };
    let steps = [
        ("network", planned(&[], Some(1))),
        ("disk", planned(&["network"], Some(25))),
        ("member", planned(&["disk"], None)),
    ];
    let steps = steps.map(|(step, planned)| (step.to_owned(), planned)).into_iter().collect();
    let mut board = Board::of(Shape { steps });
    board.handle(&stamped(0, crate::report::testing::started()));
    board.handle(&stamped(0, accepted("network", 1, 2)));
    assert_eq!(board.totals(), "0 of 27+ done, 1 in work");
    board.handle(&stamped(9, done("network", "networks", "net")));
    board.handle(&stamped(9, Event::StepExpanded { step: StepId::new("disk"), instances: 25 }));
    assert_eq!(board.totals(), "1 of 27+ done, 0 in work");
    board.handle(&stamped(9, Event::StepExpanded { step: StepId::new("member"), instances: 4 }));
    assert_eq!(board.totals(), "1 of 30 done, 0 in work");
}
