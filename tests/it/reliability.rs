//! The binary, killed with SIGKILL at requests and run again: nothing lost, nothing created twice, everything taken
//! down.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use gcore_plan::simulate::{Durations, Options};

use crate::cloud::{Cloud, Life, Moment};
use crate::support::Folder;

/// Polled often, because time is real here and tasks are short.
const PLAN: &str = r#"
name: demo
inputs:
  password: { secret: true, required: true }
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: web, create_router: true }
    wait: { first: 20ms, every: 100ms }
  - id: subnet
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { name: web, network_id: "{{ steps.network.id }}", cidr: 10.0.0.0/24 }
    wait: { first: 20ms, every: 100ms }
  - id: key
    call: POST /cloud/v1/ssh_keys/{project_id}
    body: { name: web }
  - id: volume
    for_each: "{{ range(3) }}"
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: data, source: new-volume, size: 10, tags: { token: "{{ inputs.password }}" } }
    wait: { first: 20ms, every: 100ms }
outputs:
  key: "{{ steps.key.response.name }}"
  subnet: "{{ steps.subnet.id }}"
  volumes: "{{ steps.volume.ids }}"
"#;
const PASSWORD: &str = "hunter-2-Swordfish";
const TASK: Duration = Duration::from_millis(60);
/// Environments that run at the same time, because each mostly waits.
const TOGETHER: usize = 32;
/// The most runs in a row before the plan must be complete.
const CONTINUED: usize = 4;
/// Unset or `1`: one moment of each request, in turn; otherwise every moment of every request is taken.
const SCALE: &str = "RELIABILITY_SCALE";

/// One environment over any number of processes.
struct Trial {
    folder: Folder,
    cloud: Cloud,
}

#[derive(Default)]
struct Figures {
    runs: usize,
    kills: usize,
    duplicates: u64,
    forgotten: usize,
    leftovers: usize,
    problems: Vec<String>,
}

/// The final state.
#[derive(Debug, PartialEq, Eq)]
struct State {
    alive: Vec<String>,
    made: BTreeMap<&'static str, u64>,
    /// The names of the resources in the outputs.
    outputs: Vec<String>,
}

impl Trial {
    fn new() -> Self {
        let folder = Folder::new().with("plan.yaml", PLAN);
        let options = Options { durations: Durations::Fixed(TASK), ..Options::default() };
        let cloud = Cloud::start(options, folder.path().join(".plan/demo/default/journal.jsonl"));
        Self { folder, cloud }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.folder.command(arguments);
        command
            .env("GCORE_BASE_URL", &self.cloud.url)
            .env("GCORE_API_KEY", "sesame-open-7")
            .env("GCORE_CLOUD_PROJECT_ID", "1")
            .env("GCORE_CLOUD_REGION_ID", "7")
            .env("PLAN_INPUT_PASSWORD", PASSWORD);
        command
    }

    fn run(&self, trap: Option<(u64, Moment)>) -> Life {
        self.cloud.live(self.command(&["run", "plan.yaml", "--format", "json", "--resolve-time", "1s"]), trap)
    }

    fn destroy(&self, trap: Option<(u64, Moment)>) -> Life {
        self.cloud.live(self.command(&["destroy", "--yes"]), trap)
    }

    fn state(&self, life: &Life) -> State {
        let simulator = self.cloud.simulator();
        let held = simulator.everything();
        let mut alive: Vec<String> = held.iter().map(|held| format!("{} {}", held.kind, held.name)).collect();
        alive.sort();
        let outputs = held.iter().fold(life.ended.stdout.clone(), |text, held| text.replace(&held.id, held.kind));
        State { alive, made: simulator.ever_made(), outputs: outputs.lines().map(str::to_owned).collect() }
    }
}

impl Figures {
    /// Runs until the plan is complete, and compares the state with an unbroken run.
    fn through(&mut self, label: &str, trial: &Trial, unbroken: &State) {
        for _ in 0..CONTINUED {
            let life = trial.run(None);
            self.runs += 1;
            if life.ended.code == Some(0) {
                let state = trial.state(&life);
                let twice =
                    state.made.iter().map(|(kind, made)| made.saturating_sub(*unbroken.made.get(kind).unwrap_or(&0)));
                self.duplicates += twice.sum::<u64>();
                if state != *unbroken {
                    self.problems.push(format!("{label}: {state:?}\nbut an unbroken run: {unbroken:?}"));
                }
                return;
            }
            if life.ended.code.is_none_or(|code| ![6, 7].contains(&code)) {
                self.problems.push(format!("{label}: exit {:?}:\n{}", life.ended.code, life.ended.stderr));
                return;
            }
        }
        self.problems.push(format!("{label}: not through after {CONTINUED} runs"));
    }

    fn down(&mut self, label: &str, trial: &Trial) {
        let life = trial.destroy(None);
        self.runs += 1;
        let left = trial.cloud.simulator().everything();
        match life.ended.code {
            Some(0) => self.forgotten += left.len(),
            _ => self.leftovers += left.len(),
        }
        if life.ended.code != Some(0) || !left.is_empty() {
            self.problems
                .push(format!("{label}: destroy, exit {:?}: {left:?}\n{}", life.ended.code, life.ended.stderr));
        }
    }

    fn no_secrets(&mut self, label: &str, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.no_secrets(label, &path);
            } else if [PASSWORD, "sesame"].iter().any(|secret| holds(&path, secret)) {
                self.problems.push(format!("{label}: a secret is in {}", path.display()));
            }
        }
    }

    fn add(&mut self, other: Figures) {
        self.runs += other.runs;
        self.kills += other.kills;
        self.duplicates += other.duplicates;
        self.forgotten += other.forgotten;
        self.leftovers += other.leftovers;
        self.problems.extend(other.problems);
    }
}

fn holds(path: &Path, text: &str) -> bool {
    std::fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
}

/// Where processes are killed: in a run, or in the following destroy.
fn traps(requests: u64, destroy_requests: u64) -> Vec<(bool, u64, Moment)> {
    let all = std::env::var(SCALE).is_ok_and(|scale| scale != "1");
    let of = |destroy: bool, requests: u64| {
        (1..=requests).flat_map(move |nth| {
            let turn = Moment::ALL.into_iter().cycle().skip(nth as usize % Moment::ALL.len());
            turn.take(if all { Moment::ALL.len() } else { 1 }).map(move |moment| (destroy, nth, moment))
        })
    };
    of(false, requests).chain(of(true, destroy_requests)).collect()
}

fn killed(destroy: bool, nth: u64, moment: Moment, unbroken: &State) -> Figures {
    let mut figures = Figures::default();
    let trial = Trial::new();
    let what = if destroy { "destroy" } else { "run" };
    let label = format!("{what} killed at request {nth}, {moment:?}");
    if destroy {
        figures.through(&label, &trial, unbroken);
        figures.kills += usize::from(trial.destroy(Some((nth, moment))).killed);
    } else {
        figures.kills += usize::from(trial.run(Some((nth, moment))).killed);
        figures.through(&label, &trial, unbroken);
    }
    figures.runs += 1;
    figures.no_secrets(&label, &trial.folder.path().join(".plan"));
    figures.down(&label, &trial);
    figures
}

#[test]
#[expect(clippy::disallowed_macros, reason = "a test speaks to whoever runs it")]
fn killed_at_any_request_nothing_is_lost_and_nothing_made_twice() {
    let trial = Trial::new();
    let life = trial.run(None);
    assert_eq!(life.ended.code, Some(0), "{}", life.ended.stderr);
    let unbroken = trial.state(&life);
    let down = trial.destroy(None);
    assert_eq!(down.ended.code, Some(0), "{}", down.ended.stderr);

    let traps = Mutex::new(traps(life.requests, down.requests).into_iter());
    let next = || traps.lock().unwrap().next();
    let all = Mutex::new(Figures::default());
    std::thread::scope(|scope| {
        for _ in 0..TOGETHER {
            scope.spawn(|| {
                while let Some((destroy, nth, moment)) = next() {
                    let figures = killed(destroy, nth, moment, &unbroken);
                    all.lock().unwrap().add(figures);
                }
            });
        }
    });
    let figures = all.into_inner().unwrap();
    println!(
        "reliability: processes killed with SIGKILL: 1 plan, {} processes, {} kills; {} duplicates, {} forgotten, \
         {} leftovers",
        figures.runs, figures.kills, figures.duplicates, figures.forgotten, figures.leftovers
    );
    assert!(figures.problems.is_empty(), "{} problems:\n{}", figures.problems.len(), figures.problems.join("\n"));
    assert_eq!((figures.duplicates, figures.forgotten, figures.leftovers), (0, 0, 0));
    assert!(figures.kills > 10, "{} kills", figures.kills);
}
