//! Changes of a machine's parts that break off at any request: the next run goes on with what is missing, and nothing
//! happens twice.

use super::death::{Life, Moment, When};
use super::harness::{Trial, assert_done, paused};
use super::parts::{Case, assume, cases, plan, shown, to_vec};

/// Breaks the change off with its request of this number; `false` when it has fewer.
async fn broken_off(case: &Case, nth: u64, moment: Moment) -> bool {
    let mut trial = Trial::new(assume(None));
    let end = trial.run(&plan(true, "", &case.before)).await;
    assert_done(&trial, &end);
    let machines = trial.made()["instances"];
    let after = plan(false, "", &case.after);
    let life = Life::until(When::Request { nth, moment });
    let end = trial.run_until(&Trial::plan("plan.yaml", &after), &life).await;
    let broke_off = end.is_none();
    let end = trial.run(&after).await;
    assert_done(&trial, &end);
    let words = format!("{:?} at {nth}", case.calls);
    assert_eq!(shown(&trial), (to_vec(case.interfaces), to_vec(case.volumes)), "{words}");
    let writes = trial.writes();
    let end = trial.run(&after).await;
    assert_done(&trial, &end);
    assert_eq!((trial.writes(), trial.made()["instances"]), (writes, machines), "{words}");
    broke_off
}

#[test]
fn a_change_of_parts_that_breaks_off_anywhere_is_completed_by_the_next_run() {
    for case in cases() {
        let mut broken = 0;
        // In turn, so that it takes a moment and not a minute: sent or not, and answered or not.
        let moments = [Moment::Acted, Moment::BeforeSending, Moment::Acted, Moment::Answered];
        while paused(broken_off(&case, broken + 1, moments[broken as usize % moments.len()])) {
            broken += 1;
        }
        assert!(broken > 2, "{:?}: {broken} requests", case.calls);
    }
}

#[test]
fn a_plan_that_ignores_a_broken_off_change_keeps_what_there_is() {
    for case in cases() {
        for (nth, moment) in [(4, Moment::Acted), (6, Moment::BeforeSending), (8, Moment::Acted)] {
            paused(async {
                let mut trial = Trial::new(assume(None));
                let end = trial.run(&plan(true, "", &case.before)).await;
                assert_done(&trial, &end);
                let life = Life::until(When::Request { nth, moment });
                let after = Trial::plan("plan.yaml", &plan(false, "", &case.after));
                if trial.run_until(&after, &life).await.is_some() {
                    return;
                }
                let writes = trial.writes();
                let end = trial.run(&plan(false, "ignore", &case.after)).await;
                assert_done(&trial, &end);
                assert_eq!(trial.writes(), writes, "{:?} at {nth}", case.calls);
            });
        }
    }
}
