//! A process killed at a request: before it is sent, in flight, after the API acted, after the answer, after its
//! record.

use std::time::Duration;

use super::plans::{Case, examples};
use super::proof::{Figures, Unbroken, every, trial};
use crate::engine::tests::death::{Life, Moment, When};
use crate::engine::tests::harness::paused;
use crate::simulate::Faults;

/// Seconds until the plan is run again, in turn: at once, soon, and after all tasks in the cloud have ended.
const ABSENCES: [u64; 3] = [0, 7, 1200];

#[test]
fn a_run_killed_at_any_request_ends_as_an_unbroken_one() {
    let mut figures = Figures::default();
    for (number, case) in examples().into_iter().enumerate() {
        paused(async {
            let unbroken = Unbroken::of(&case).await;
            figures.plans += 1;
            for nth in 1..=unbroken.requests {
                // A quick run takes the moments in turn; a long run takes all of them for every request.
                for moment in moments(nth as usize + number) {
                    kill(&mut figures, &case, &unbroken, nth, moment).await;
                }
            }
        });
    }
    figures.print("run killed at every request");
}

fn moments(turn: usize) -> impl Iterator<Item = Moment> {
    let all = Moment::ALL.into_iter().cycle().skip(turn % Moment::ALL.len());
    let quick = usize::from(turn.is_multiple_of(2));
    all.take(if every(2) == 1 { Moment::ALL.len() } else { quick })
}

async fn kill(figures: &mut Figures, case: &Case, unbroken: &Unbroken, nth: u64, moment: Moment) {
    let label = format!("{}: request {nth}, {moment:?}", case.name);
    let mut trial = trial(Faults::default());
    let life = Life::until(When::Request { nth, moment });
    figures.runs += 1;
    if trial.run_until(&case.plan, &life).await.is_some() {
        return;
    }
    figures.kills += 1;
    tokio::time::sleep(Duration::from_secs(ABSENCES[nth as usize % ABSENCES.len()])).await;
    let Some(end) = figures.continue_to_the_end(&label, case, &mut trial).await else { return };
    figures.compare(&label, unbroken, &trial, &end);
    figures.take_down(&label, &mut trial).await;
}

#[test]
fn a_run_killed_again_and_again_gets_through() {
    let mut figures = Figures::default();
    for case in examples() {
        paused(async {
            let unbroken = Unbroken::of(&case).await;
            figures.plans += 1;
            for first in 3..8 {
                let label = format!("{}: killed again and again, first at request {first}", case.name);
                let mut trial = trial(Faults::default());
                // Each process lives longer than the one before, because progress needs at least one request.
                let mut nth = first;
                let end = loop {
                    nth += 2;
                    let moment = Moment::ALL[nth as usize % Moment::ALL.len()];
                    let life = Life::until(When::Request { nth, moment });
                    figures.runs += 1;
                    if let Some(end) = trial.run_until(&case.plan, &life).await {
                        break end;
                    }
                    figures.kills += 1;
                };
                figures.compare(&label, &unbroken, &trial, &end);
                figures.take_down(&label, &mut trial).await;
            }
        });
    }
    figures.print("run killed again and again");
}

#[test]
fn a_destroy_killed_at_any_request_leaves_nothing() {
    let mut figures = Figures::default();
    for (number, case) in examples().into_iter().enumerate() {
        paused(async {
            figures.plans += 1;
            for nth in (1 + number as u64 % every(3) as u64..).step_by(every(3)) {
                let moment = Moment::ALL[nth as usize % Moment::ALL.len()];
                let label = format!("{}: destroy, request {nth}, {moment:?}", case.name);
                let mut trial = trial(Faults::default());
                if figures.continue_to_the_end(&label, &case, &mut trial).await.is_none() {
                    break;
                }
                let life = Life::until(When::Request { nth, moment });
                figures.runs += 1;
                if let Some(finished) = trial.destroy_until(&life).await {
                    figures.nothing_is_left(&label, &trial, Some(finished.exit));
                    break;
                }
                figures.kills += 1;
                tokio::time::sleep(Duration::from_secs(ABSENCES[nth as usize % ABSENCES.len()])).await;
                figures.take_down(&label, &mut trial).await;
            }
        });
    }
    figures.print("destroy killed at every request");
}

#[test]
fn an_unfinished_run_can_be_taken_down() {
    let mut figures = Figures::default();
    for (number, case) in examples().into_iter().enumerate() {
        paused(async {
            let unbroken = Unbroken::of(&case).await;
            figures.plans += 1;
            for nth in (1 + number as u64 % every(3) as u64..=unbroken.requests).step_by(every(3)) {
                let moment = Moment::ALL[(nth as usize + number) % Moment::ALL.len()];
                let label = format!("{}: request {nth}, {moment:?}, then destroy", case.name);
                let mut trial = trial(Faults::default());
                let life = Life::until(When::Request { nth, moment });
                figures.runs += 1;
                if trial.run_until(&case.plan, &life).await.is_some() {
                    break;
                }
                figures.kills += 1;
                tokio::time::sleep(Duration::from_secs(ABSENCES[nth as usize % ABSENCES.len()])).await;
                figures.take_down(&label, &mut trial).await;
            }
        });
    }
    figures.print("killed at every request, then destroyed");
}
