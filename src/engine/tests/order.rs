use std::time::Duration;

use serde_json::json;

use super::harness::{Trial, assert_done, distinct, paused};
use crate::engine::{RunOptions, Signal, Stop};
use crate::event::{Event, SkipReason};
use crate::exit::Exit;
use crate::id::StepId;
use crate::plan::Selection;
use crate::simulate::{Durations, Options};

pub const CHAIN: &str = r#"
name: demo
inputs:
  cidr: { default: 10.0.0.0/24 }
steps:
  - id: subnet
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { name: "{{ environment }}-subnet", network_id: "{{ steps.network.id }}", cidr: "{{ inputs.cidr }}" }
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: "{{ environment }}-net", create_router: false }
  - id: volume
    for_each: "{{ range(3) }}"
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: "data-{{ each.key }}", source: new-volume, size: 10 }
outputs:
  network: "{{ steps.network.id }}"
  subnet: "{{ steps.subnet.id }}"
  volumes: "{{ steps.volume.ids }}"
  gateway: "{{ steps.subnet.resource.cidr }}"
"#;

#[test]
fn ids_flow_from_step_to_step_and_into_outputs() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(CHAIN).await;
        assert_done(&trial, &end);
        assert_eq!(
            trial.alive(),
            ["networks default-net", "subnets default-subnet", "volumes data-0", "volumes data-1", "volumes data-2"]
        );
        let names: Vec<_> = end.outputs.iter().map(|output| output.name.as_str()).collect();
        assert_eq!(names, ["network", "subnet", "volumes", "gateway"]);
        assert_eq!(Trial::output(&end, "gateway"), json!("10.0.0.0/24"));
        assert_eq!(distinct(Trial::output(&end, "volumes").as_array().unwrap()), 3);
    });
}

#[test]
fn a_hundred_machines_are_built_at_the_clouds_pace() {
    paused(async {
        let mut trial =
            Trial::new(Options { durations: Durations::Fixed(Duration::from_secs(20)), ..Options::default() });
        let end = trial
            .run(
                "name: demo\nsteps:\n  - id: volume\n    for_each: \"{{ range(100) }}\"\n    \
                 call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                 body: { name: \"vol-{{ each.key }}\", source: new-volume, size: 1 }\n",
            )
            .await;
        assert_done(&trial, &end);
        assert!(end.finished.elapsed_ms < 21_500, "{} ms", end.finished.elapsed_ms);
        assert!(end.finished.polls <= 30, "{} looks", end.finished.polls);
    });
}

#[test]
fn independent_branches_continue_and_dependants_are_skipped_with_a_reason() {
    paused(async {
        let mut trial = Trial::with_faults(&["task-error:networks"]);
        let end = trial.run(CHAIN).await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        assert_eq!((end.finished.succeeded, end.finished.failed, end.finished.skipped), (3, 1, 1));
        let why = trial.events.iter().find_map(|event| match event {
            Event::StepSkipped { instance, reason: SkipReason::Dependency { step } } => {
                Some(format!("{instance} by {step}"))
            }
            _ => None,
        });
        assert_eq!(why.as_deref(), Some("subnet by network"));
        // Outputs that can be evaluated are still given.
        assert_eq!(end.outputs.iter().map(|output| output.name.as_str()).collect::<Vec<_>>(), ["volumes"]);
    });
}

#[test]
fn a_target_selects_its_dependencies_and_nothing_else() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let options = RunOptions { target: [StepId::new("subnet")].into(), ..RunOptions::default() };
        let end = trial.run_with(CHAIN, options, std::future::pending()).await;
        assert_done(&trial, &end);
        assert_eq!(trial.alive(), ["networks default-net", "subnets default-subnet"]);
    });
}

#[test]
fn an_interrupt_with_a_hundred_waits_ends_at_once_and_the_next_run_goes_on() {
    paused(async {
        let plan = "name: demo\nsteps:\n  - id: volume\n    for_each: \"{{ range(100) }}\"\n    \
                    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                    body: { name: \"vol-{{ each.key }}\", source: new-volume, size: 1 }\n";
        let mut trial =
            Trial::new(Options { durations: Durations::Fixed(Duration::from_secs(60)), ..Options::default() });
        let signal = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            Stop::Interrupt(Signal::Interrupt)
        };
        let end = trial.run_with(plan, RunOptions::default(), signal).await;
        assert_eq!(end.finished.exit, Exit::Interrupted);
        assert!(end.finished.elapsed_ms < 10_000, "{} ms", end.finished.elapsed_ms);
        let end = trial.run(plan).await;
        assert_done(&trial, &end);
        assert_eq!(trial.made()["volumes"], 100);
    });
}

const DISKS: &str = r#"
name: demo
steps:
  - id: disk
    for_each: "{{ range(3) }}"
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: "disk-{{ each.key }}", source: new-volume, size: 5 }
"#;

#[test]
fn single_instances_can_be_run_and_replaced() {
    paused(async {
        let named = |name: &str| Selection::from_iter([Selection::name(name)]);
        let mut trial = Trial::new(Options::default());
        let options = RunOptions { target: named("disk[1]"), ..RunOptions::default() };
        let end = trial.run_with(DISKS, options, std::future::pending()).await;
        assert_done(&trial, &end);
        assert_eq!(trial.alive(), ["volumes disk-1"]);
        let end = trial.run(DISKS).await;
        assert_done(&trial, &end);
        let options = RunOptions { replace: named("disk[2]"), ..RunOptions::default() };
        let end = trial.run_with(DISKS, options, std::future::pending()).await;
        assert_done(&trial, &end);
        assert_eq!((trial.made()["volumes"], end.finished.reused), (4, 2));
        let options = RunOptions { replace: named("disk[9]"), ..RunOptions::default() };
        let end = trial.run_with(DISKS, options, std::future::pending()).await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        assert!(trial.failures().join("\n").contains("the plan has no instance `disk[9]`"));
    });
}

#[test]
fn a_run_of_a_part_keeps_the_recorded_outputs_of_the_rest() {
    paused(async {
        let plan = format!(
            "{DISKS}  - id: net\n    call: POST /cloud/v1/networks/{{project_id}}/{{region_id}}\n    body: {{ name: net }}\n\
             outputs:\n  disks: \"{{{{ steps.disk.ids }}}}\"\n  net: \"{{{{ steps.net.id }}}}\"\n"
        );
        let mut trial = Trial::new(Options::default());
        let whole = trial.run(&plan).await;
        assert_done(&trial, &whole);
        let recorded = trial.status().outputs.clone();
        assert_eq!(recorded.len(), 2);
        for (target, given) in [("disk[1]", &[][..]), ("disk", &["disks"]), ("net", &["net"])] {
            let target = Selection::from_iter([Selection::name(target)]);
            let options = RunOptions { target, ..RunOptions::default() };
            let end = trial.run_with(&plan, options, std::future::pending()).await;
            assert_done(&trial, &end);
            assert_eq!(end.outputs.iter().map(|output| output.name.as_str()).collect::<Vec<_>>(), given);
            assert_eq!(trial.status().outputs, recorded);
        }
    });
}
