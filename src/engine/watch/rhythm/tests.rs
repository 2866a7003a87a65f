use super::*;
use crate::catalog::pace_of;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn pace(earliest: u64, usual: u64, latest: u64, every: u64) -> Pace {
    let [earliest, usual, latest, every] = [earliest, usual, latest, every].map(Duration::from_secs);
    Pace { earliest, usual, latest, every, ..pace_of("create_volume") }
}

#[test]
fn the_likelihood_is_the_share_of_running_tasks_that_end_in_a_second() {
    for (at, expected) in [
        (9.999, 0.0),
        (10.0, 0.05),
        (15.0, 0.05 / 0.75),
        (20.0, 0.04),
        (30.0, 0.1 / 1.5),
        (40.0, 1.0 / 40.0),
        (100.0, 0.01),
    ] {
        let likely = likelihood(&pace(10, 20, 40, 60), seconds(at));
        assert!((likely - expected).abs() < 1e-9, "{at} s: {likely}");
    }
    assert_eq!(likelihood(&pace(0, 0, 0, 60), seconds(0.1)), 1.0, "at most once a second");
}

#[test]
fn early_polls_end_well_before_the_task_may_end() {
    assert_eq!(next(&pace(15, 20, 40, 60), Duration::ZERO, 0.0), EARLY);
    assert!(next(&pace(14, 20, 40, 60), Duration::ZERO, 0.0) > seconds(14.0));
    let along = EARLY.mul_f64(ALONG);
    assert_eq!(next(&pace(15, 20, 40, 60), along - Duration::from_nanos(1), 0.0), EARLY);
    assert!(next(&pace(15, 20, 40, 60), along, 0.0) > seconds(15.0), "it was polled along with others");
}

#[test]
fn slack_is_a_share_of_what_is_left_to_an_early_poll_and_half_an_interval_later() {
    let pace = pace(100, 200, 400, 60);
    assert_eq!(slack(&pace, seconds(99.0)), seconds(99.0).mul_f64(1.0 - ALONG));
    // One in 200 of the running tasks ends within a second then, so that the interval is √(2·0.045·200) s.
    assert!((slack(&pace, seconds(100.0)).as_secs_f64() - 18.0_f64.sqrt() / 2.0).abs() < 1e-6);
    for (earliest, every, longest) in [(100, 10, 20.0), (10, 100, 50.0), (0, 0, 0.5)] {
        let longest_slack =
            longest_slack(&Pace { earliest: seconds(earliest.into()), every: seconds(every.into()), ..pace });
        assert!((longest_slack.as_secs_f64() - longest).abs() < 1e-6, "{earliest} s, {every} s: {longest_slack:?}");
    }
}

/// The times of all polls of one task of a type up to `end`, in seconds.
fn polls(task_type: &str, end: f64) -> Vec<f64> {
    let pace = pace_of(task_type);
    let after = |at: &Duration| Some(next(&pace, *at, likelihood(&pace, *at)));
    let all = std::iter::successors(after(&Duration::ZERO), after);
    all.take_while(|at| *at <= seconds(end)).map(|at| (at.as_secs_f64() * 10.0).round() / 10.0).collect()
}

#[test]
fn short_tasks_are_polled_when_they_may_be_done() {
    assert_eq!(polls("create_volume", 5.0), [2.5, 3.5, 4.5]);
    assert_eq!(polls("create_security_group", 1.5), [1.0]);
}

#[test]
fn a_failure_at_the_beginning_is_seen_long_before_the_task_could_be_done() {
    assert_eq!(polls("create_vm", 26.0), [7.0, 25.6]);
    assert_eq!(polls("create_loadbalancer", 71.0), [7.0, 21.0, 71.0]);
    assert_eq!(polls("create_bm", 242.0), [7.0, 21.0, 63.0, 241.6]);
    assert!(polls("create_network", 7.5).len() >= 2);
}

#[test]
fn wide_windows_are_polled_more_rarely() {
    let gap = |task_type, at| next(&pace_of(task_type), seconds(at), 0.0).as_secs_f64() - at;
    assert!(gap("create_router", 20.0) > 3.0 && gap("create_network", 8.0) < 1.5);
}

#[test]
fn overdue_tasks_are_polled_more_and_more_rarely_up_to_a_limit() {
    let pace = pace_of("create_network");
    let gaps: Vec<f64> = [20.0, 60.0, 300.0, 1000.0]
        .map(|at| (next(&pace, seconds(at), likelihood(&pace, seconds(at))) - seconds(at)).as_secs_f64())
        .to_vec();
    assert!(gaps.is_sorted() && gaps[0] > 1.0, "{gaps:?}");
    assert_eq!(gaps[3], pace.every.as_secs_f64());
}

#[test]
fn many_tasks_are_worth_more_polls_than_one() {
    let pace = pace_of("create_router");
    let one = likelihood(&pace, seconds(50.0));
    let gap = |many: f64| (next(&pace, seconds(50.0), one * many) - seconds(50.0)).as_secs_f64();
    assert!((gap(1.0) / gap(9.0) - 3.0).abs() < 0.01);
}

#[test]
fn no_task_comes_along_earlier_than_the_longest_slack() {
    for task_type in ["create_volume", "create_vm", "create_bm", "create_loadbalancer", "create_k8s_cluster_v2", "?"] {
        let pace = pace_of(task_type);
        for at in 0..4000 {
            assert!(slack(&pace, Duration::from_secs(at)) <= longest_slack(&pace), "{task_type} at {at} s");
        }
    }
}
