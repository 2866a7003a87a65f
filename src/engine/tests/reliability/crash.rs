//! A journal cut after every record, and in the middle of the next.

use super::plans::{Case, examples};
use super::proof::{Figures, Unbroken, every, trial};
use crate::engine::tests::death::{Life, When};
use crate::engine::tests::harness::paused;
use crate::simulate::Faults;

#[test]
fn a_run_cut_off_at_any_record_ends_as_an_unbroken_one() {
    let mut figures = Figures::default();
    for case in examples() {
        paused(async {
            let unbroken = Unbroken::of(&case).await;
            figures.plans += 1;
            for kept in 0..=unbroken.records {
                // A quick run takes one of the two, alternating.
                for torn in [false, true].into_iter().filter(|torn| every(2) == 1 || *torn == (kept % 2 == 1)) {
                    cut(&mut figures, &case, &unbroken, kept, torn).await;
                }
            }
        });
    }
    figures.print("run cut at every record and inside each");
}

async fn cut(figures: &mut Figures, case: &Case, unbroken: &Unbroken, kept: usize, torn: bool) {
    let label = format!("{}: {kept} records{}", case.name, if torn { " and a half" } else { "" });
    let mut trial = trial(Faults::default());
    let life = Life::until(When::Records { kept, torn });
    figures.runs += 1;
    if trial.run_until(&case.plan, &life).await.is_some() {
        return;
    }
    figures.cuts += 1;
    let Some(end) = figures.continue_to_the_end(&label, case, &mut trial).await else { return };
    figures.compare(&label, unbroken, &trial, &end);
    figures.take_down(&label, &mut trial).await;
}

#[test]
fn a_destroy_cut_off_at_any_record_leaves_nothing() {
    let mut figures = Figures::default();
    for (number, case) in examples().into_iter().enumerate() {
        let number = if every(3) == 1 { 0 } else { number % 3 };
        paused(async {
            figures.plans += 1;
            for kept in (number..).step_by(every(3)) {
                let label = format!("{}: destroy, {kept} records", case.name);
                let mut trial = trial(Faults::default());
                if figures.continue_to_the_end(&label, &case, &mut trial).await.is_none() {
                    break;
                }
                let life = Life::until(When::Records { kept, torn: kept % 2 == 1 });
                figures.runs += 1;
                if let Some(finished) = trial.destroy_until(&life).await {
                    figures.nothing_is_left(&label, &trial, Some(finished.exit));
                    break;
                }
                figures.cuts += 1;
                figures.take_down(&label, &mut trial).await;
            }
        });
    }
    figures.print("destroy cut at every record");
}
