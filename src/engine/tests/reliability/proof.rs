//! What the suites count, compared with an unbroken run of the same plan.

use std::collections::BTreeMap;

use super::plans::Case;
use crate::engine::RunEnd;
use crate::engine::tests::death::{Life, When};
use crate::engine::tests::harness::Trial;
use crate::exit::Exit;
use crate::simulate::{Faults, Options, UnknownIds};

/// The most runs in a row before a plan must be complete.
pub const CONTINUED: usize = 6;
/// How many problems a failed suite prints.
const PRINTED: usize = 8;
/// Multiplies the number of seeds; from 2 on every cut is taken.
const SCALE: &str = "RELIABILITY_SCALE";
/// Runs one seed only, to repeat a failure.
const SEED: &str = "RELIABILITY_SEED";

/// The factor of `RELIABILITY_SCALE`; 1 in `cargo test`.
pub fn scale() -> u64 {
    std::env::var(SCALE).ok().and_then(|scale| scale.parse().ok()).unwrap_or(1).max(1)
}

/// In a quick run only one of `quick` cuts is taken, otherwise every one.
pub fn every(quick: usize) -> usize {
    if scale() > 1 { 1 } else { quick }
}

/// Selects one of `quick` cases in a quick run, and all of them otherwise.
pub struct Turns {
    every: usize,
    counted: usize,
}

impl Turns {
    pub fn every(quick: usize) -> Self {
        Self { every: every(quick), counted: 0 }
    }

    /// Whether the next case is selected.
    pub fn take(&mut self) -> bool {
        self.counted += 1;
        self.counted.is_multiple_of(self.every)
    }
}

/// `usual` seeds times the scale, or the one seed of `RELIABILITY_SEED`.
pub fn seeds(usual: u64) -> Vec<u64> {
    match std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (1..=usual * scale()).collect(),
    }
}

/// A cloud with every resource that the plans refer to.
pub fn trial(faults: Faults) -> Trial {
    Trial::new(Options { unknown_ids: UnknownIds::Assume, faults, ..Options::default() })
}

/// The result of an unbroken run.
pub struct Unbroken {
    pub alive: Vec<String>,
    pub made: BTreeMap<&'static str, u64>,
    pub outputs: Vec<String>,
    pub recorded: Vec<String>,
    /// How many records it writes, and how many requests it makes.
    pub records: usize,
    pub requests: u64,
}

impl Unbroken {
    pub async fn of(case: &Case) -> Self {
        let mut trial = trial(Faults::default());
        let before = lines(&trial);
        let life = Life::until(When::Never);
        let end = trial.run_until(&case.plan, &life).await.expect("this process lives on");
        assert_eq!(end.finished.exit, Exit::Done, "{}: {:#?}", case.name, trial.failures());
        Self::seen(&trial, &end, before, &life)
    }

    /// The result of a run whose journal began with `before` lines.
    pub fn seen(trial: &Trial, end: &RunEnd, before: usize, life: &Life) -> Self {
        Self {
            alive: trial.alive(),
            made: trial.made(),
            outputs: outputs(trial, end),
            recorded: recorded(trial),
            records: lines(trial) - before,
            requests: life.requests(),
        }
    }
}

pub fn lines(trial: &Trial) -> usize {
    trial.journal.iter().filter(|&&byte| byte == b'\n').count()
}

/// Kind and name of every recorded resource that exists, sorted: what a teardown will remove.
fn recorded(trial: &Trial) -> Vec<String> {
    let status = trial.status();
    let held = trial.simulator.lock().unwrap().everything();
    let made = status.instances.values().flat_map(|instance| &instance.made);
    let all = made.flat_map(|made| std::iter::once(made).chain(&made.secondary));
    let existing = all.filter_map(|made| {
        let (id, name) = (made.id.as_deref().map(crate::journal::id_text), made.name.as_ref());
        held.iter().find(|held| {
            Some(held.kind) == made.kind.as_deref() && (Some(&held.id) == id.as_ref() || Some(&held.name) == name)
        })
    });
    let mut names: Vec<String> = existing.map(|held| format!("{} {}", held.kind, held.name)).collect();
    names.sort();
    names
}

/// Outputs by name; ids as kind and name of their resource, and addresses as a placeholder, since both differ from
/// cloud to cloud.
pub fn outputs(trial: &Trial, end: &RunEnd) -> Vec<String> {
    let held = trial.simulator.lock().unwrap().everything();
    let told = |text: String| {
        let named =
            held.iter().fold(text, |text, held| text.replace(&held.id, &format!("<{} {}>", held.kind, held.name)));
        without_addresses(&named)
    };
    end.outputs.iter().map(|output| told(format!("{}: {}", output.name, output.value))).collect()
}

fn without_addresses(text: &str) -> String {
    let is_address = |word: &str| word.parse::<std::net::IpAddr>().is_ok();
    let mut told = String::new();
    let mut word = String::new();
    for letter in text.chars().chain(['\0']) {
        if letter.is_ascii_hexdigit() || letter == '.' || letter == ':' {
            word.push(letter);
            continue;
        }
        told.push_str(if is_address(&word) { "<address>" } else { &word });
        word.clear();
        told.push(letter);
    }
    told.trim_end_matches('\0').to_owned()
}

/// The counts of a suite.
#[derive(Default)]
pub struct Figures {
    pub plans: u64,
    pub runs: u64,
    pub cuts: u64,
    pub kills: u64,
    pub faults: u64,
    pub duplicates: u64,
    pub forgotten: u64,
    pub leftovers: u64,
    problems: Vec<String>,
}

impl Figures {
    /// Runs again and again until the plan is complete. `None` when it never was.
    pub async fn continue_to_the_end(&mut self, label: &str, case: &Case, trial: &mut Trial) -> Option<RunEnd> {
        for _ in 0..CONTINUED {
            let life = Life::until(When::Never);
            let end = trial.run_until(&case.plan, &life).await.expect("this process lives on");
            self.lived(&life);
            if end.finished.exit == Exit::Done {
                return Some(end);
            }
        }
        self.problem(format!("{label}: not through after {CONTINUED} runs: {:?}", trial.failures()));
        None
    }

    /// Counts one process.
    pub fn lived(&mut self, life: &Life) {
        self.runs += 1;
        self.faults += life.troubles();
        self.kills += u64::from(life.is_over());
    }

    /// Compares what exists now with the unbroken run.
    pub fn compare(&mut self, label: &str, unbroken: &Unbroken, trial: &Trial, end: &RunEnd) {
        let twice: Vec<_> = trial
            .made()
            .into_iter()
            .filter(|(kind, made)| *made > unbroken.made.get(kind).copied().unwrap_or(0))
            .collect();
        self.duplicates += twice.iter().map(|(kind, made)| made - unbroken.made.get(kind).unwrap_or(&0)).sum::<u64>();
        if !twice.is_empty() {
            self.problem(format!("{label}: made more than an unbroken run: {twice:?}"));
        }
        let alive = trial.alive();
        if alive != unbroken.alive {
            self.problem(format!("{label}: exists {alive:?}, but after an unbroken run {:?}", unbroken.alive));
        }
        let recorded = recorded(trial);
        if recorded != unbroken.recorded {
            self.forgotten += unbroken.recorded.len().saturating_sub(recorded.len()) as u64;
            self.problem(format!("{label}: on record {recorded:?}, but after an unbroken run {:?}", unbroken.recorded));
        }
        let outputs = outputs(trial, end);
        if outputs != unbroken.outputs {
            self.problem(format!("{label}: outputs {outputs:?}, but of an unbroken run {:?}", unbroken.outputs));
        }
    }

    /// Destroys, several times where the API fails, and compares what is left with the record.
    pub async fn take_down(&mut self, label: &str, trial: &mut Trial) {
        let mut exit = None;
        for _ in 0..CONTINUED {
            let life = Life::until(When::Never);
            let finished = trial.destroy_until(&life).await.expect("this process lives on");
            self.lived(&life);
            exit = Some(finished.exit);
            if finished.exit == Exit::Done {
                break;
            }
        }
        self.nothing_is_left(label, trial, exit);
    }

    pub fn nothing_is_left(&mut self, label: &str, trial: &Trial, exit: Option<Exit>) {
        let (alive, named) = (trial.alive(), trial.status().existing().count());
        self.leftovers += named as u64;
        // Resources that exist and are on no record.
        self.forgotten += if named == 0 { alive.len() as u64 } else { 0 };
        if exit != Some(Exit::Done) || !alive.is_empty() || named > 0 {
            self.problem(format!("{label}: left after destroy ({exit:?}): {alive:?}, {named} on record"));
        }
    }

    /// Adds the counts of one part; problems fail that part.
    pub fn add(&mut self, part: Figures) -> Result<(), proptest::test_runner::TestCaseError> {
        self.plans += part.plans;
        self.runs += part.runs;
        self.cuts += part.cuts;
        self.kills += part.kills;
        self.faults += part.faults;
        self.duplicates += part.duplicates;
        self.forgotten += part.forgotten;
        self.leftovers += part.leftovers;
        match part.problems.first() {
            Some(problem) => Err(proptest::test_runner::TestCaseError::fail(problem.clone())),
            None => Ok(()),
        }
    }

    pub fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Prints the counts, and fails the test when there were problems.
    #[expect(clippy::disallowed_macros, reason = "a test speaks to whoever runs it")]
    pub fn print(self, suite: &str) {
        println!(
            "reliability: {suite}: {} plans, {} runs, {} cuts, {} kills, {} faults; {} duplicates, {} forgotten, \
             {} leftovers",
            self.plans, self.runs, self.cuts, self.kills, self.faults, self.duplicates, self.forgotten, self.leftovers
        );
        let told: Vec<_> = self.problems.iter().take(PRINTED).collect();
        assert!(self.problems.is_empty(), "{suite}: {} problems, the first:\n{told:#?}", self.problems.len());
        assert_eq!((self.duplicates, self.forgotten, self.leftovers), (0, 0, 0), "{suite}");
    }
}

#[test]
fn addresses_are_taken_for_addresses() {
    assert_eq!(without_addresses("at 203.0.113.7/24, port 80"), "at <address>/24, port 80");
}
