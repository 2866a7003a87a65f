//! How often a task is worth a poll, from what is known of its duration: pure.
//!
//! A poll costs a request; not polling costs delay when the task ends meanwhile. If a task that still runs ends within the
//! next second with likelihood `h`, and a poll is worth as much as `PRICE` seconds of delay, the cheapest interval is
//! √(2·PRICE/h). Tasks polled with one request share its price, so their likelihoods add up.

use std::time::Duration;

use crate::catalog::Pace;

/// Seconds of delay that are worth one request.
const PRICE: f64 = 0.045;
/// Of the tasks of a type so many take longer than its `latest`.
const TAIL: f64 = 0.1;
/// No task is worth more polls than this.
const SHORTEST: Duration = Duration::from_secs(1);
/// A task that fails mostly does so at once: it is polled so early…
const EARLY: Duration = Duration::from_secs(7);
/// …and again each time this much later, as long as less than half of `earliest` has passed.
const EARLY_STEP: u32 = 3;
/// A task is taken along with others when this part of the way to its early poll is over.
const ALONG: f64 = 0.8;

/// The likelihood that a task which has run for `elapsed` ends within a second: none before `earliest`; half of all
/// tasks end by `usual`, nearly all by `latest`; and what runs longer may take as long again.
pub fn likelihood(pace: &Pace, elapsed: Duration) -> f64 {
    let [earliest, usual, latest] = [pace.earliest, pace.usual, pace.latest].map(|end| end.as_secs_f64());
    let at = elapsed.as_secs_f64();
    let half = 0.5;
    // A straight line from one share of tasks that still run to the next: its slope over its height.
    let falling = |(from, still): (f64, f64), (to, left): (f64, f64)| {
        let slope = (still - left) / (to - from).max(0.001);
        slope / (still - slope * (at - from))
    };
    match at {
        _ if at < earliest => 0.0,
        _ if at < usual => falling((earliest, 1.0), (usual, half)),
        _ if at < latest => falling((usual, half), (latest, TAIL)),
        _ => 1.0 / at.max(1.0),
    }
}

/// How long after its start a task that has run for `elapsed` is polled next, with tasks whose likelihoods come to
/// `together` (its own among them).
pub fn next(pace: &Pace, elapsed: Duration, together: f64) -> Duration {
    let early = std::iter::successors(Some(EARLY), |early| Some(*early * EARLY_STEP))
        .take_while(|early| *early < pace.earliest / 2)
        .find(|early| early.mul_f64(ALONG) > elapsed);
    if let Some(early) = early {
        return early;
    }
    let begins = likelihood(pace, pace.earliest);
    // At the very beginning of the window nothing has ended yet; when half an interval has passed, a poll may be worth it.
    let slack = interval(pace, begins) / 2;
    let first = pace.earliest + slack;
    match elapsed + slack < first {
        true => first,
        false => elapsed + interval(pace, together.max(begins.min(likelihood(pace, elapsed.max(pace.earliest))))),
    }
}

/// How much too early a poll that is due at `due` may be made because others are polled anyway.
pub fn slack(pace: &Pace, due: Duration) -> Duration {
    if due < pace.earliest {
        return due.mul_f64(1.0 - ALONG);
    }
    interval(pace, likelihood(pace, due)) / 2
}

/// The most that [`slack`] says of a type, whenever it is due.
pub fn longest_slack(pace: &Pace) -> Duration {
    pace.earliest.mul_f64(1.0 - ALONG).max(pace.every.max(SHORTEST) / 2)
}

fn interval(pace: &Pace, likelihood: f64) -> Duration {
    let cheapest = (2.0 * PRICE / likelihood.max(f64::MIN_POSITIVE)).sqrt();
    Duration::from_secs_f64(cheapest.min(pace.every.as_secs_f64())).max(SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::pace_of;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// The polls one task of a type up to `end`, in seconds.
    fn polls(task_type: &str, end: f64) -> Vec<f64> {
        let pace = pace_of(task_type);
        let after = |at: &Duration| Some(next(&pace, *at, likelihood(&pace, *at)));
        let all = std::iter::successors(after(&Duration::ZERO), after);
        all.take_while(|at| *at <= seconds(end)).map(|at| (at.as_secs_f64() * 10.0).round() / 10.0).collect()
    }

    #[test]
    fn quick_tasks_are_polled_when_they_may_be_done() {
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
    fn what_takes_longer_than_ever_is_polled_more_and_more_rarely_up_to_its_limit() {
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
        for task_type in
            ["create_volume", "create_vm", "create_bm", "create_loadbalancer", "create_k8s_cluster_v2", "?"]
        {
            let pace = pace_of(task_type);
            for at in 0..4000 {
                assert!(slack(&pace, Duration::from_secs(at)) <= longest_slack(&pace), "{task_type} at {at} s");
            }
        }
    }
}
