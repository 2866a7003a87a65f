//! When to poll a task, from the expected durations of its type. Pure.
//!
//! A poll costs a request; waiting costs delay when the task ends in the meantime. If a running task ends within the
//! next second with likelihood `h`, and one poll is worth `PRICE` seconds of delay, the cheapest interval is
//! √(2·PRICE/h). Tasks polled with one request share its price, so their likelihoods add up.

use std::time::Duration;

use crate::catalog::Pace;

/// One request is worth this many seconds of delay.
const PRICE: f64 = 0.045;
/// The share of a type's tasks that take longer than its `latest`.
const TAIL: f64 = 0.1;
/// The shortest interval between two polls of a task.
const SHORTEST: Duration = Duration::from_secs(1);
/// The first of the early polls: a task that fails usually does so at once.
const EARLY: Duration = Duration::from_secs(7);
/// The factor between the times of two early polls, which end when half of `earliest` has passed.
const EARLY_STEP: u32 = 3;
/// A task may be polled along with others once this share of the time to its early poll has passed.
const ALONG: f64 = 0.8;

/// The likelihood that a task which has run for `elapsed` ends within a second: zero before `earliest`. Half of all
/// tasks end by `usual`, nearly all by `latest`; a task that takes longer may take as long again.
pub fn likelihood(pace: &Pace, elapsed: Duration) -> f64 {
    let [earliest, usual, latest] = [pace.earliest, pace.usual, pace.latest].map(|end| end.as_secs_f64());
    let at = elapsed.as_secs_f64();
    let half = 0.5;
    // Linear between two shares of tasks that still run: the slope divided by the height.
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

/// The time after its start at which a task that has run for `elapsed` is polled next, along with tasks whose
/// likelihoods add up to `together` (its own included).
pub fn next(pace: &Pace, elapsed: Duration, together: f64) -> Duration {
    let early = std::iter::successors(Some(EARLY), |early| Some(*early * EARLY_STEP))
        .take_while(|early| *early < pace.earliest / 2)
        .find(|early| early.mul_f64(ALONG) > elapsed);
    if let Some(early) = early {
        return early;
    }
    let begins = likelihood(pace, pace.earliest);
    // At the very beginning of the window nothing has ended yet; after half an interval a poll may be worth it.
    let slack = interval(pace, begins) / 2;
    let first = pace.earliest + slack;
    match elapsed + slack < first {
        true => first,
        false => elapsed + interval(pace, together.max(begins.min(likelihood(pace, elapsed.max(pace.earliest))))),
    }
}

/// How much earlier than `due` a poll may be made, when other tasks are polled anyway.
pub fn slack(pace: &Pace, due: Duration) -> Duration {
    if due < pace.earliest {
        return due.mul_f64(1.0 - ALONG);
    }
    interval(pace, likelihood(pace, due)) / 2
}

/// The longest [`slack`] of a type, for any due time.
pub fn longest_slack(pace: &Pace) -> Duration {
    pace.earliest.mul_f64(1.0 - ALONG).max(pace.every.max(SHORTEST) / 2)
}

fn interval(pace: &Pace, likelihood: f64) -> Duration {
    let cheapest = (2.0 * PRICE / likelihood.max(f64::MIN_POSITIVE)).sqrt();
    Duration::from_secs_f64(cheapest.min(pace.every.as_secs_f64())).max(SHORTEST)
}

#[cfg(test)]
mod tests;
