//! Properties of any plan: order follows dependencies, records read back as written, a run resumes from any prefix of
//! its journal.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::plans::{Case, generated, shapes};
use super::proof::{Figures, Unbroken, lines, scale, trial};
use crate::engine::tests::death::{Life, When};
use crate::engine::tests::harness::{Trial, paused};
use crate::hash::HashSet;
use crate::id::StepId;
use crate::journal::{Line, Record, Status};
use crate::simulate::Faults;

/// How many plans are drawn in `cargo test`.
const CASES: u32 = 12;

#[test]
fn any_plan_cut_off_anywhere_ends_as_an_unbroken_one() {
    let mut runner = TestRunner::new(Config {
        cases: CASES * u32::try_from(scale()).unwrap_or(u32::MAX),
        // Failures are not stored in a file, whose place would depend on the working directory.
        failure_persistence: None,
        ..Config::default()
    });
    let figures = std::cell::RefCell::new(Figures::default());
    let cut_anywhere = (shapes(16), 0.0..1.0_f64, any::<bool>());
    let outcome = runner.run(&cut_anywhere, |(shapes, part, torn)| {
        let mut own = Figures::default();
        paused(resumed(&mut own, &generated("drawn", &shapes), part, torn));
        figures.borrow_mut().add(own)?;
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    figures.into_inner().print("drawn plans cut anywhere");
}

async fn resumed(figures: &mut Figures, case: &Case, part: f64, torn: bool) {
    let unbroken = Unbroken::of(case).await;
    figures.plans += 1;
    let kept = (unbroken.records as f64 * part) as usize;
    let label = format!("{kept} of {} records", unbroken.records);
    let mut trial = trial(Faults::default());
    let life = Life::until(When::Records { kept, torn });
    figures.runs += 1;
    if trial.run_until(&case.plan, &life).await.is_none() {
        figures.cuts += 1;
    }
    assert!(lines(&trial) <= kept + 1);
    let Some(end) = figures.continue_to_the_end(&label, case, &mut trial).await else { return };
    figures.compare(&label, &unbroken, &trial, &end);
    edges_are_respected(figures, &trial);
    records_read_back(figures, &trial);
    figures.take_down(&label, &mut trial).await;
    records_read_back(figures, &trial);
    ends_in_reverse(figures, &trial);
}

fn records(trial: &Trial) -> Vec<Record> {
    let text = String::from_utf8(trial.journal.clone()).unwrap();
    text.lines().map(|line| Line::decode(line).unwrap().record).collect()
}

/// No intent is written before everything that the step comes after is done.
fn edges_are_respected(figures: &mut Figures, trial: &Trial) {
    let mut done: HashSet<StepId> = HashSet::default();
    for record in records(trial) {
        match record {
            Record::Intent(intent) => {
                let missing: BTreeSet<_> = intent.after.iter().filter(|step| !done.contains(*step)).collect();
                if !missing.is_empty() {
                    figures.problem(format!("`{}` was called before {missing:?}", intent.instance));
                }
            }
            Record::Succeeded(succeeded) => {
                done.insert(succeeded.instance.step.clone());
            }
            _ => {}
        }
    }
}

/// Nothing is removed while a dependant still exists.
fn ends_in_reverse(figures: &mut Figures, trial: &Trial) {
    let mut later: Vec<(StepId, Vec<StepId>)> = Vec::new();
    let mut gone: HashSet<StepId> = HashSet::default();
    for record in records(trial) {
        match record {
            Record::Intent(intent) => later.push((intent.instance.step.clone(), intent.after.clone())),
            Record::Removing { instance, .. } => {
                let in_the_way =
                    later.iter().find(|(step, after)| after.contains(&instance.step) && !gone.contains(step));
                if let Some((step, _)) = in_the_way {
                    figures.problem(format!("`{instance}` was removed before `{step}`"));
                }
            }
            Record::Removed { instance } => {
                gone.insert(instance.step);
            }
            _ => {}
        }
    }
}

/// Every line reads back as written, and a compacted journal folds to the same status.
fn records_read_back(figures: &mut Figures, trial: &Trial) {
    let text = String::from_utf8(trial.journal.clone()).unwrap();
    for line in text.lines() {
        let decoded = Line::decode(line).unwrap();
        if decoded.encode().trim_end() != line {
            figures.problem(format!("reads back otherwise: {line}"));
        }
    }
    let status = trial.status();
    let compacted: Vec<Line> = status
        .compacted()
        .into_iter()
        .enumerate()
        .map(|(n, (at, record))| Line { n: n as u64, at, record })
        .map(|line| Line::decode(line.encode().trim_end()).unwrap())
        .collect();
    let compacted = Status::of(compacted).unwrap();
    if (&compacted.instances, &compacted.tasks) != (&status.instances, &status.tasks) {
        figures.problem("a compacted journal tells something else".to_owned());
    }
}
