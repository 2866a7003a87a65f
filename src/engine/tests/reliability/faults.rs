//! An API with random faults from a seed: lost answers, resets, errors with and without effect, broken bodies.
//!
//! A failure names its seed; `RELIABILITY_SEED` runs that seed alone.

use std::time::Duration;

use super::plans::{Case, drawn, examples, generated};
use super::proof::{Figures, Unbroken, seeds, trial};
use crate::engine::tests::death::{Life, Moment, When};
use crate::engine::tests::harness::{Trial, paused};
use crate::exit::Exit;
use crate::simulate::{AuditLog, Busy, Faults, Options, UnknownIds};

/// How many processes are killed before one may run to the end.
const SHORT_LIVES: u32 = 5;
const PROBABILITIES: [f64; 3] = [0.1, 0.3, 0.5];

async fn troubled(figures: &mut Figures, case: &Case, unbroken: &Unbroken, probability: f64, seed: u64) {
    let label = format!("{}: random:{probability}:seed={seed}", case.name);
    // The pauses between retries come from this generator.
    fastrand::seed(seed);
    let mut trial = trial(Faults::random(seed, probability));
    let Some(end) = figures.continue_to_the_end(&label, case, &mut trial).await else { return };
    figures.compare(&label, unbroken, &trial, &end);
    figures.take_down(&label, &mut trial).await;
}

#[test]
fn examples_get_through_any_mix_of_faults() {
    let mut figures = Figures::default();
    for case in examples() {
        paused(async {
            let unbroken = Unbroken::of(&case).await;
            figures.plans += 1;
            for seed in seeds(3) {
                for probability in PROBABILITIES {
                    troubled(&mut figures, &case, &unbroken, probability, seed).await;
                }
            }
        });
    }
    figures.print("examples under random faults");
}

#[test]
fn drawn_plans_get_through_any_mix_of_faults() {
    let mut figures = Figures::default();
    for seed in seeds(6) {
        paused(async {
            let case = generated(&format!("plan {seed}"), &drawn(seed, 25));
            let unbroken = Unbroken::of(&case).await;
            figures.plans += 1;
            for probability in PROBABILITIES {
                troubled(&mut figures, &case, &unbroken, probability, seed).await;
            }
        });
    }
    figures.print("drawn plans under random faults");
}

/// Runs killed at random under random faults, with a late audit log; then destroys, killed at random as well.
#[test]
fn killed_at_random_under_faults_nothing_is_lost() {
    let mut figures = Figures::default();
    for seed in seeds(24) {
        paused(async {
            let examples = examples();
            let (case, late_audit) = match seed % 3 {
                0 => (generated(&format!("plan {seed}"), &drawn(seed, 20)), 0),
                _ => (examples[seed as usize % examples.len()].clone(), 60),
            };
            let unbroken = Unbroken::of(&case).await;
            figures.plans += 1;
            let options = Options {
                unknown_ids: UnknownIds::Assume,
                faults: Faults::random(seed, PROBABILITIES[seed as usize % 2]),
                busy: Busy { audit: AuditLog::Late(Duration::from_secs(late_audit)), ..Busy::default() },
                ..Options::default()
            };
            haunted(&mut figures, &case, &unbroken, Trial::new(options), seed).await;
        });
    }
    figures.print("killed at random under random faults");
}

async fn haunted(figures: &mut Figures, case: &Case, unbroken: &Unbroken, mut trial: Trial, seed: u64) {
    let label = format!("{}: killed at random, seed={seed}", case.name);
    fastrand::seed(seed);
    let mut draw = fastrand::Rng::with_seed(seed);
    for _ in 0..SHORT_LIVES {
        let life = short_life(&mut draw, unbroken.requests);
        let end = trial.run_until(&case.plan, &life).await;
        figures.lived(&life);
        if end.is_some_and(|end| end.finished.exit == Exit::Done) {
            break;
        }
        tokio::time::sleep(Duration::from_secs(draw.u64(0..20))).await;
    }
    let Some(end) = figures.continue_to_the_end(&label, case, &mut trial).await else { return };
    figures.compare(&label, unbroken, &trial, &end);
    for _ in 0..SHORT_LIVES {
        let life = short_life(&mut draw, unbroken.requests);
        let finished = trial.destroy_until(&life).await;
        figures.lived(&life);
        if finished.is_some_and(|finished| finished.exit == Exit::Done) {
            break;
        }
        tokio::time::sleep(Duration::from_secs(draw.u64(0..20))).await;
    }
    figures.take_down(&label, &mut trial).await;
}

fn short_life(draw: &mut fastrand::Rng, requests: u64) -> Life {
    let moment = Moment::ALL[draw.usize(..Moment::ALL.len())];
    Life::until(When::Request { nth: draw.u64(1..=requests), moment })
}
