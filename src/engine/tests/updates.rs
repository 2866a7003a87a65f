//! Day two: changes are made in place where the API can, and no resource is created again without permission.

use super::harness::{Trial, assert_done, paused};
use super::preview::Asked;
use crate::engine::{Action, ChangeKind, DriftState, RunOptions, Signal, Stop};
use crate::event::{Event, Provenance};
use crate::exit::Exit;
use crate::id::StepId;
use crate::simulate::tests::every_operation::STRANGER;
use crate::simulate::{Options, UnknownIds};

impl Trial {
    fn steps_reported_as(&self, provenance: Provenance) -> Vec<String> {
        let done = self.events.iter().filter_map(|event| match event {
            Event::StepSucceeded { instance, result } if result.provenance == provenance => Some(instance.to_string()),
            _ => None,
        });
        done.collect()
    }

    fn calls_since(&self, from: usize) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let writes = requests.iter().filter(|request| request.method != crate::catalog::Method::Get).skip(from);
        writes.map(|request| format!("{} {}", request.method, request.path.rsplit('/').next().unwrap_or(""))).collect()
    }
}

const VOLUME: &str = r#"
name: demo
inputs:
  name: { default: disk-1 }
  size: { type: integer, default: 10 }
  source: { default: new-volume }
steps:
  - id: disk
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { source: "{{ inputs.source }}", name: "{{ inputs.name }}", size: "{{ inputs.size }}", tags: { size: "{{ inputs.size | string }}" } }
  - id: snap
    call: POST /cloud/v1/snapshots/{project_id}/{region_id}
    body: { name: "snap-of-{{ steps.disk.name }}", volume_id: "{{ steps.disk.id }}" }
"#;

fn set(trial: &mut Trial, values: &[(&str, &str)]) {
    trial.inputs = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
}

#[test]
fn a_change_in_place_is_reported_as_an_update_and_leaves_no_difference() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(VOLUME).await;
        assert_done(&trial, &end);
        let writes = trial.writes();
        set(&mut trial, &[("name", "disk-2"), ("size", "20")]);
        trial.events.clear();
        let end = trial.run(VOLUME).await;
        assert_done(&trial, &end);
        assert_eq!((trial.made()["volumes"], trial.made()["snapshots"]), (1, 1));
        assert_eq!(trial.alive(), ["snapshots snap-of-disk-2", "volumes disk-2"]);
        assert_eq!(trial.steps_reported_as(Provenance::Updated), ["disk", "snap"]);
        assert_eq!(trial.calls_since(writes).len(), 3, "{:?}", trial.calls_since(writes));
        let writes = trial.writes();
        let end = trial.run(VOLUME).await;
        assert_done(&trial, &end);
        assert_eq!((trial.writes(), end.finished.reused), (writes, 2));
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

#[test]
fn of_a_change_that_needs_a_new_resource_nothing_is_sent() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(VOLUME).await;
        let writes = trial.writes();
        set(&mut trial, &[("name", "disk-2"), ("size", "5")]);
        let shown = trial.previewed(VOLUME, &Asked::default()).0;
        let Action::Change { how: ChangeKind::Error, calls, forced, .. } = &shown[0].action else {
            panic!("{:?}", shown[0]);
        };
        assert_eq!((calls.len(), forced.len()), (0, 1), "{:?}", shown[0]);
        let end = trial.run(VOLUME).await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        let failures = trial.failures().join("\n");
        assert!(failures.contains("`body/size`: the API only makes it larger"), "{failures}");
        assert_eq!(trial.calls_since(writes), Vec::<String>::new());
        assert_eq!(trial.alive(), ["snapshots snap-of-disk-1", "volumes disk-1"]);
        let both = ["disk", "snap"].map(StepId::new);
        let options = RunOptions { replace: both.into(), ..RunOptions::default() };
        let end = trial.run_with(VOLUME, options, std::future::pending()).await;
        assert_done(&trial, &end);
        assert_eq!((trial.made()["volumes"], trial.made()["snapshots"]), (2, 2));
    });
}

#[test]
fn on_change_determines_the_allowed_changes() {
    paused(async {
        for (on_change, name, size, exit, volumes) in [
            ("replace", "disk-2", "20", Exit::Done, 1),
            ("replace", "disk-2", "5", Exit::Done, 2),
            ("error", "disk-2", "10", Exit::StepFailed, 1),
            ("{ ignore: [body/size, body/tags] }", "disk-1", "5", Exit::Done, 1),
            ("{ ignore: [body/tags, body/name], otherwise: replace }", "disk-2", "5", Exit::Done, 2),
        ] {
            let plan = VOLUME.replace("  - id: snap", &format!("    on_change: {on_change}\n  - id: snap"));
            let plan = format!("{}    on_change: replace\n", plan.trim_end_matches(' '));
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&plan).await;
            assert_done(&trial, &end);
            set(&mut trial, &[("name", name), ("size", size)]);
            let end = trial.run(&plan).await;
            assert_eq!(end.finished.exit, exit, "{on_change}: {:?}", trial.failures());
            assert_eq!(trial.made()["volumes"], volumes, "{on_change}");
            let writes = trial.writes();
            trial.run(&plan).await;
            assert_eq!(trial.writes(), writes, "{on_change}");
        }
    });
}

#[test]
fn a_lost_answer_to_an_update_is_resolved_by_reading_the_resource() {
    paused(async {
        for fault in [
            "lost-answer:PATCH:volumes:1",
            "lost-answer:POST:extend:1",
            "reset:PATCH:volumes:1",
            "reset:POST:extend:1",
            "late=3s:POST:extend:1",
            "status=502:html:acted:PATCH:volumes:1",
        ] {
            let mut trial = Trial::with_faults(&[fault]);
            trial.run(VOLUME).await;
            set(&mut trial, &[("name", "disk-2"), ("size", "20")]);
            let end = trial.run(VOLUME).await;
            assert_done(&trial, &end);
            assert_eq!(trial.alive(), ["snapshots snap-of-disk-2", "volumes disk-2"], "{fault}");
            assert_eq!(trial.made()["volumes"], 1, "{fault}");
            let writes = trial.writes();
            let end = trial.run(VOLUME).await;
            assert_done(&trial, &end);
            assert_eq!(trial.writes(), writes, "{fault}");
        }
    });
}

#[test]
fn an_interrupted_update_goes_on_in_the_next_run() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(VOLUME).await;
        set(&mut trial, &[("size", "20")]);
        let signal = async {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            Stop::Interrupt(Signal::Interrupt)
        };
        let end = trial.run_with(VOLUME, RunOptions::default(), signal).await;
        assert_eq!(end.finished.exit, Exit::Interrupted);
        let end = trial.run(VOLUME).await;
        assert_done(&trial, &end);
        assert_eq!(
            (trial.made()["volumes"], trial.steps_reported_as(Provenance::Updated)),
            (1, vec!["disk".to_owned()])
        );
    });
}

#[test]
fn a_resized_machine_counts_as_done_once_it_is_ready() {
    paused(async {
        let plan = format!(
            "name: demo\ninputs: {{ flavor: {{ default: g2-standard-2-4 }} }}\nsteps:\n  - id: web\n    call: POST \
             /cloud/v2/instances/{{project_id}}/{{region_id}}\n    body: {{ flavor: \"{{{{ inputs.flavor }}}}\", name: web-1, \
             volumes: [{{ source: image, image_id: {STRANGER}, size: 5, boot_index: 0 }}], interfaces: [{{ type: external }}] }}\n"
        );
        let mut trial = Trial::new(Options { unknown_ids: UnknownIds::Assume, ..Options::default() });
        let end = trial.run(&plan).await;
        assert_done(&trial, &end);
        set(&mut trial, &[("flavor", "g2-standard-4-8")]);
        let end = trial.run(&plan).await;
        assert_done(&trial, &end);
        let waited = trial.events.iter().any(|event| matches!(event, Event::ReadinessReached { .. }));
        assert!(waited, "{:?}", trial.events);
        assert_eq!(
            (trial.made()["instances"], trial.steps_reported_as(Provenance::Updated)),
            (1, vec!["web".to_owned()])
        );
        assert!(trial.looked().await.iter().all(|looked| looked.found == DriftState::Same));
    });
}

#[test]
fn a_step_that_moves_into_for_each_or_gets_another_key_seems_renamed() {
    paused(async {
        let plan = |for_each: &str| {
            format!(
                "name: demo\nsteps:\n  - id: disk\n{for_each}    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    \
                 body: {{ name: disk-1, source: new-volume, size: 5 }}\n"
            )
        };
        let each = |keys: &str| format!("    for_each: {{ {keys} }}\n");
        for (before, after, told) in [
            (String::new(), each("a: 1"), Some("`disk` is not in the plan, and `disk[a]` makes the same call")),
            (each("a: 1"), String::new(), Some("`disk[a]` is not in the plan, and `disk` makes the same call")),
            (each("a: 1"), each("b: 1"), Some("`disk[a]` is not in the plan, and `disk[b]` makes the same call")),
            (each("a: 1"), each("a: 1, b: 1"), None),
        ] {
            let mut trial = Trial::new(Options::default());
            trial.run(&plan(&before)).await;
            let end = trial.run(&plan(&after)).await;
            assert_done(&trial, &end);
            let warnings = trial.warnings();
            assert_eq!(warnings.matches("makes the same call").count(), usize::from(told.is_some()), "{warnings}");
            assert!(told.is_none_or(|words| warnings.contains(words)), "{warnings}");
        }
    });
}
