//! A run that changes what an earlier run made (replaces, updates, prunes), interrupted at any point.

use std::time::Duration;

use super::plans::Case;
use super::proof::{Figures, Unbroken, every, lines, trial};
use crate::engine::RunOptions;
use crate::engine::tests::death::{Life, Moment, When};
use crate::engine::tests::harness::{Trial, paused};
use crate::exit::Exit;
use crate::simulate::Faults;

const PLAN: &str = r#"
name: demo
inputs:
  size: { type: integer, default: 10 }
  copies: { type: integer, default: 3 }
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: net, create_router: false }
  - id: subnet
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    on_change: replace
    body: { name: "subnet-{{ inputs.size }}", network_id: "{{ steps.network.id }}", cidr: "10.{{ inputs.size }}.0.0/24" }
  - id: copy
    for_each: "{{ range(inputs.copies) }}"
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    on_change: replace
    body: { name: copy, source: new-volume, size: "{{ 40 - inputs.size }}" }
  - id: disk
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: disk, source: new-volume, size: "{{ inputs.size }}" }
    on_change:
      update:
        call: POST /cloud/v1/volumes/{project_id}/{region_id}/{{ self.id }}/extend
        body: { size: "{{ inputs.size }}" }
  - id: grown
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: "grown-{{ inputs.size }}", source: new-volume, size: "{{ inputs.size }}", tags: { at: "{{ inputs.size | string }}" } }
outputs:
  subnet: "{{ steps.subnet.id }}"
  copies: "{{ steps.copy.ids }}"
  disk: "{{ steps.disk.id }}"
"#;

/// The first run, and the second one that changes everything but the network.
async fn made(case: &Case) -> Trial {
    let mut trial = trial(Faults::default());
    let end = trial.run_until(&case.plan, &Life::until(When::Never)).await.expect("this process lives on");
    assert_eq!(end.finished.exit, Exit::Done, "{:?}", trial.failures());
    trial.inputs = vec![("size".to_owned(), "20".to_owned()), ("copies".to_owned(), "2".to_owned())];
    trial.options = RunOptions { prune: true, ..RunOptions::default() };
    trial
}

/// The result of the change without interruption, with its number of records and requests.
async fn unbroken(case: &Case) -> Unbroken {
    let mut trial = made(case).await;
    let before = lines(&trial);
    let life = Life::until(When::Never);
    let end = trial.run_until(&case.plan, &life).await.expect("this process lives on");
    assert_eq!(end.finished.exit, Exit::Done, "{:?}", trial.failures());
    let unbroken = Unbroken::seen(&trial, &end, before, &life);
    assert_eq!(
        unbroken.alive,
        ["networks net", "subnets subnet-20", "volumes copy", "volumes copy", "volumes disk", "volumes grown-20"]
    );
    assert_eq!((unbroken.made["subnets"], unbroken.made["volumes"]), (2, 7));
    unbroken
}

async fn broken(figures: &mut Figures, case: &Case, unbroken: &Unbroken, when: When) {
    let label = format!("change, {when:?}");
    let mut trial = made(case).await;
    let life = Life::until(when);
    let end = trial.run_until(&case.plan, &life).await;
    figures.runs += 2;
    match when {
        When::Request { nth, .. } => {
            figures.kills += u64::from(end.is_none());
            tokio::time::sleep(Duration::from_secs(nth % 3 * 7)).await;
        }
        _ => figures.cuts += u64::from(end.is_none()),
    }
    let Some(end) = figures.continue_to_the_end(&label, case, &mut trial).await else { return };
    figures.compare(&label, unbroken, &trial, &end);
    figures.take_down(&label, &mut trial).await;
}

#[test]
fn a_change_broken_off_anywhere_ends_as_an_unbroken_one() {
    let mut figures = Figures::default();
    figures.plans = 1;
    let case = Case { name: "change".to_owned(), plan: Trial::plan("plan.yaml", PLAN) };
    paused(async {
        let unbroken = unbroken(&case).await;
        for kept in 0..=unbroken.records {
            broken(&mut figures, &case, &unbroken, When::Records { kept, torn: kept % 2 == 1 }).await;
        }
        for nth in 1..=unbroken.requests {
            let moments = Moment::ALL.into_iter().enumerate();
            for (_, moment) in moments.filter(|(at, _)| every(5) == 1 || *at == nth as usize % 5) {
                broken(&mut figures, &case, &unbroken, When::Request { nth, moment }).await;
            }
        }
    });
    figures.print("change broken off at every record and request");
}
