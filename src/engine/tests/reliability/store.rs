//! The record in an object store: processes killed at any request; a store that loses, delays and repeats answers,
//! refuses with wrong messages, or is unreachable; two runners at once; and writers that are frozen past their lease.

use std::time::Duration;

use super::plans::{Case, examples};
use super::proof::{Figures, Unbroken, every, seeds, trial};
use crate::engine::tests::death::{Life, Moment, When};
use crate::engine::tests::harness::{Trial, paused};
use crate::engine::tests::stored::StoredRecord;
use crate::exit::Exit;
use crate::simulate::Faults;

/// How long a frozen process stands still: longer than another needs to take over and complete the plan.
const FROZEN: Duration = Duration::from_secs(4 * 3_600);

fn stored(faults: Faults) -> (Trial, StoredRecord) {
    let place = StoredRecord::new();
    let mut trial = trial(faults);
    trial.place = Some(place.clone());
    (trial, place)
}

#[test]
fn a_run_killed_at_any_request_is_continued_on_another_machine() {
    let mut figures = Figures::default();
    for (number, case) in examples().into_iter().enumerate() {
        paused(async {
            let unbroken = Unbroken::of(&case).await;
            figures.plans += 1;
            for nth in (1 + number as u64 % every(7) as u64..=unbroken.requests).step_by(every(7)) {
                let moment = Moment::ALL[(nth as usize + number) % Moment::ALL.len()];
                let label = format!("{}: in a store, request {nth}, {moment:?}", case.name);
                let (mut trial, place) = stored(Faults::default());
                let life = Life::until(When::Request { nth, moment });
                let end = trial.run_until(&case.plan, &life).await;
                figures.lived(&life);
                if end.is_none() {
                    trial.place = Some(place.elsewhere());
                }
                let Some(end) = figures.continue_to_the_end(&label, &case, &mut trial).await else { continue };
                figures.compare(&label, &unbroken, &trial, &end);
                figures.take_down(&label, &mut trial).await;
            }
        });
    }
    figures.print("record in a store, run killed at every request");
}

#[test]
fn a_destroy_killed_at_any_request_leaves_nothing() {
    let mut figures = Figures::default();
    for (number, case) in examples().into_iter().enumerate() {
        paused(async {
            figures.plans += 1;
            for nth in (1 + number as u64 % every(9) as u64..).step_by(every(9)) {
                let moment = Moment::ALL[nth as usize % Moment::ALL.len()];
                let label = format!("{}: in a store, destroy, request {nth}, {moment:?}", case.name);
                let (mut trial, place) = stored(Faults::default());
                if figures.continue_to_the_end(&label, &case, &mut trial).await.is_none() {
                    break;
                }
                let life = Life::until(When::Request { nth, moment });
                let finished = trial.destroy_until(&life).await;
                figures.lived(&life);
                if let Some(finished) = finished {
                    figures.nothing_is_left(&label, &trial, Some(finished.exit));
                    break;
                }
                trial.place = Some(place.elsewhere());
                figures.take_down(&label, &mut trial).await;
            }
        });
    }
    figures.print("record in a store, destroy killed at every request");
}

/// Random faults of the store and of the API; processes are killed at random.
#[test]
fn whatever_goes_wrong_with_the_store_nothing_is_lost() {
    let mut figures = Figures::default();
    let examples = examples();
    for seed in seeds(24) {
        let case = &examples[seed as usize % examples.len()];
        paused(async {
            let unbroken = Unbroken::of(case).await;
            figures.plans += 1;
            let label = format!("{}: a store that fails, seed={seed}", case.name);
            fastrand::seed(seed);
            let (mut trial, place) = stored(if seed % 2 == 0 { Faults::random(seed, 0.1) } else { Faults::default() });
            place.store.go_wrong(seed, if seed % 3 == 0 { 0.4 } else { 0.15 });
            for nth in [5, 11] {
                let life = Life::until(When::Request { nth: nth + seed % 7, moment: Moment::ALL[seed as usize % 5] });
                trial.run_or_give_up(&case.plan, &life).await;
                figures.lived(&life);
            }
            place.store.go_wrong(seed + 1_000, 0.1);
            for _ in 0..3 {
                let life = Life::until(When::Never);
                trial.run_or_give_up(&case.plan, &life).await;
                figures.lived(&life);
            }
            place.store.recover();
            let Some(end) = figures.continue_to_the_end(&label, case, &mut trial).await else { return };
            figures.compare(&label, &unbroken, &trial, &end);
            figures.take_down(&label, &mut trial).await;
        });
    }
    figures.print("record in a store that fails at random");
}

#[test]
fn a_store_that_goes_away_and_comes_back_changes_nothing() {
    let mut figures = Figures::default();
    for (number, case) in examples().into_iter().enumerate() {
        paused(async {
            let unbroken = Unbroken::of(&case).await;
            figures.plans += 1;
            for seconds in [2, 9, 25].into_iter().skip(number % 2).step_by(2) {
                let label = format!("{}: the store is away after {seconds} s", case.name);
                let (mut trial, place) = stored(Faults::default());
                let goes = place.store.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    goes.away.store(true, std::sync::atomic::Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_secs(3_600)).await;
                    goes.away.store(false, std::sync::atomic::Ordering::SeqCst);
                });
                let exit = trial.run_or_give_up(&case.plan, &Life::until(When::Never)).await;
                if !matches!(exit, Some(Exit::Done | Exit::RecordUnusable)) {
                    figures.problem(format!("{label}: {exit:?}"));
                }
                tokio::time::sleep(Duration::from_secs(3_700)).await;
                let Some(end) = figures.continue_to_the_end(&label, &case, &mut trial).await else { continue };
                figures.compare(&label, &unbroken, &trial, &end);
                figures.take_down(&label, &mut trial).await;
            }
        });
    }
    figures.print("record in a store that is away");
}

/// One process is frozen at each of its writes; another takes over and completes the plan; then the first resumes.
#[test]
fn a_writer_that_was_frozen_sends_nothing() {
    let mut figures = Figures::default();
    for case in examples() {
        paused(async {
            let unbroken = Unbroken::of(&case).await;
            figures.plans += 1;
            for at in (1..=unbroken.made.values().sum::<u64>()).step_by(every(2)) {
                frozen(&mut figures, &case, &unbroken, at).await;
            }
        });
    }
    assert!(figures.cuts > 15, "only {} were taken over from", figures.cuts);
    figures.print("record in a store, frozen at every write");
}

async fn frozen(figures: &mut Figures, case: &Case, unbroken: &Unbroken, at: u64) {
    let label = format!("{}: frozen at write {at}", case.name);
    let (mut trial, _) = stored(Faults::default());
    let mut other = trial.elsewhere();
    trial.freeze = Some((at, FROZEN));
    let (life, second) = (Life::until(When::Never), Life::until(When::Never));
    let taking_over = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        other.run_until(&case.plan, &second).await
    };
    let (first, second_end) = tokio::join!(trial.run_or_give_up(&case.plan, &life), taking_over);
    figures.runs += 2;
    let (Some(first), Some(second_end)) = (first, second_end) else {
        return figures.problem(format!("{label}: a process died"));
    };
    if second_end.finished.exit != Exit::Done {
        figures.problem(format!(
            "{label}: the second ended with {:?}: {:?}",
            second_end.finished.exit,
            other.failures()
        ));
        return;
    }
    // A process without such a write was done before the other began.
    figures.cuts += u64::from(first == Exit::Locked);
    if !matches!(first, Exit::Locked | Exit::Done) {
        figures.problem(format!("{label}: the frozen one ended with {first:?}"));
    }
    figures.compare(&label, unbroken, &other, &second_end);
    figures.take_down(&label, &mut other).await;
}

/// The store requests of ten consecutive steps, for stores that charge for each request.
#[test]
fn a_run_of_ten_steps_costs_what_the_documentation_says() {
    let disks: String = (2..10)
        .map(|number| {
            format!(
                "  - id: disk{number}\n    needs: [{}]\n    \
                 call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    \
                 body: {{ name: disk, source: new-volume, size: 1 }}\n",
                if number == 2 { "subnet".to_owned() } else { format!("disk{}", number - 1) }
            )
        })
        .collect();
    let plan = Trial::plan("plan.yaml", &format!("{NETWORK}{disks}"));
    let costs = paused(async {
        let (mut trial, place) = stored(Faults::default());
        let asked = || ["put", "get", "list"].map(|what| place.store.count(what));
        let mut costs = vec![asked()];
        place.init().await;
        costs.push(asked());
        for _ in 0..2 {
            let life = Life::until(When::Never);
            assert_eq!(trial.run_until(&plan, &life).await.unwrap().finished.exit, Exit::Done);
            costs.push(asked());
        }
        costs
    });
    let rows = ["the test of a new store", "ten consecutive steps", "a second run without changes"];
    let costs = costs.windows(2).map(|pair| [0, 1, 2].map(|what| pair[1][what] - pair[0][what]));
    let told: String = rows
        .into_iter()
        .zip(costs)
        .map(|(row, [puts, gets, lists])| format!("| {row} | {puts} | {gets} | {lists} |\n"))
        .collect();
    let docs = std::fs::read_to_string("docs/state.md").unwrap();
    assert!(docs.contains(&told), "docs/state.md should say:\n{told}");
}

const NETWORK: &str = "name: demo
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: net, create_router: false }
  - id: subnet
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { name: sub, network_id: \"{{ steps.network.id }}\", cidr: 10.0.0.0/24 }
";
