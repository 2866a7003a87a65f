//! What a teardown leaves behind, and what it takes off the record.

use serde_json::json;

use super::harness::{Trial, assert_done, paused};
use super::preview::Asked;
use crate::engine::{Action, ChangeKind, RunOptions};
use crate::event::{EffectKnown, Event};
use crate::exit::Exit;
use crate::journal::Phase;
use crate::plan::Selection;
use crate::simulate::Options;

impl Trial {
    fn phase_of(&self, step: &str) -> Phase {
        self.status().instances[&Selection::name(step)].phase.clone()
    }
}

#[test]
fn what_no_undo_takes_away_stays_on_record_as_such() {
    paused(async {
        let plan = "name: demo\nsteps:\n  - id: net\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                    body: { name: net-1, create_router: false }\n    undo: none\n  - id: disk\n    \
                    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                    body: { name: disk-1, source: new-volume, size: 1 }\n";
        let mut trial = Trial::new(Options::default());
        for times in 1..=2 {
            let end = trial.run(plan).await;
            assert_done(&trial, &end);
            let id = trial.status().instances[&Selection::name("net")].made[0].id.clone();
            assert_eq!(trial.destroy().await.exit, Exit::Done);
            let status = trial.status();
            assert_eq!(status.existing().count(), 0);
            let stays = &status.instances[&Selection::name("net")].stays;
            assert_eq!((stays.len(), &stays[times - 1].id), (times, &id));
            assert!(status.instances[&Selection::name("disk")].stays.is_empty());
        }
        assert_eq!(trial.alive(), ["networks net-1", "networks net-1"]);
    });
}

#[test]
fn what_a_resource_was_made_from_stays_with_it_also_when_its_undo_was_taken_away_later() {
    paused(async {
        let plan = |undo: &str| {
            format!(
                "name: demo\nsteps:\n  - id: net\n    call: POST /cloud/v1/networks/{{project_id}}/{{region_id}}\n    \
                 body: {{ name: net-1, create_router: false }}\n  - id: sub\n    \
                 call: POST /cloud/v1/subnets/{{project_id}}/{{region_id}}\n    \
                 body: {{ name: sub-1, network_id: \"{{{{ steps.net.id }}}}\", cidr: 10.0.0.0/24 }}\n{undo}"
            )
        };
        let mut trial = Trial::new(Options::default());
        for undo in ["", "    undo: none\n"] {
            let end = trial.run(&plan(undo)).await;
            assert_done(&trial, &end);
        }
        let writes = trial.writes();
        assert_eq!(trial.destroy().await.exit, Exit::TeardownIncomplete);
        assert_eq!(
            (trial.writes(), trial.alive()),
            (writes, vec!["networks net-1".to_owned(), "subnets sub-1".to_owned()])
        );
        let end = trial.run(&plan("")).await;
        assert_done(&trial, &end);
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

/// What an adopted resource is was there before, and is nothing that the plan left.
#[test]
fn what_was_adopted_does_not_stay() {
    paused(async {
        let plan = "name: demo\nsteps:\n  - id: net\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                    body: { name: net-1, create_router: false }\n    undo: none\n";
        let mut trial = Trial::new(Options::default());
        trial.run(plan).await;
        let mut other = trial.elsewhere();
        let adopting = plan.replace("    undo: none\n", "    adopt: { name: net-1 }\n");
        let end = other.run(&adopting).await;
        assert_done(&other, &end);
        assert_eq!(other.destroy().await.exit, Exit::Done);
        assert!(other.status().instances[&Selection::name("net")].stays.is_empty());
    });
}

#[test]
fn a_change_of_what_is_gone_is_not_on_record_any_more() {
    paused(async {
        let plan = "name: demo\nsteps:\n  - id: disk\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                    body: { name: disk-1, source: new-volume, size: 1 }\n  - id: grow\n    \
                    call: POST /cloud/v1/volumes/{project_id}/{region_id}/{{ steps.disk.id }}/extend\n    \
                    body: { size: 2 }\n  - id: kept\n    undo: none\n    \
                    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                    body: { name: net-1, create_router: false }\n  - id: rename\n    \
                    call: PATCH /cloud/v2/networks/{project_id}/{region_id}/{{ steps.kept.id }}\n    \
                    body: { name: net-2 }\n";
        let mut trial = Trial::new(Options::default());
        let end = trial.run(plan).await;
        assert_done(&trial, &end);
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!((trial.phase_of("grow"), trial.phase_of("rename")), (Phase::Absent, Phase::Succeeded));
        let end = trial.run(plan).await;
        assert_done(&trial, &end);
        assert_eq!(end.finished.reused, 0);
    });
}

/// A dependant of a step that failed exists when an earlier run made it.
#[test]
fn what_is_not_reached_and_exists_is_told() {
    paused(async {
        let plan = "name: demo\nsteps:\n  - id: net\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                    body: { name: net-1, create_router: false }\n  - id: sub\n    for_each: { a: 10.0.1.0/24 }\n    \
                    call: POST /cloud/v1/subnets/{project_id}/{region_id}\n    \
                    body: { name: sub-1, network_id: \"{{ steps.net.id }}\", cidr: \"{{ each.value }}\" }\n";
        let mut trial = Trial::new(Options::default());
        let end = trial.run(plan).await;
        assert_done(&trial, &end);
        trial.events.clear();
        let replace = std::iter::once(Selection::name("net")).collect();
        let options = RunOptions { replace, ..RunOptions::default() };
        let end = trial.run_with(plan, options, std::future::pending()).await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        let told: Vec<String> = trial
            .events
            .iter()
            .filter_map(|event| match event {
                Event::ResourceExists { instance, .. } => Some(instance.to_string()),
                Event::StepSkipped { instance, .. } => Some(format!("{instance} skipped")),
                _ => None,
            })
            .collect();
        assert_eq!(told, ["net", "sub[a]", "sub skipped"]);
    });
}

#[test]
fn a_condition_that_cannot_be_decided_fails_after_the_call() {
    paused(async {
        for condition in ["ready: resource.name", "fail_when: resource.name"] {
            let plan = format!(
                "name: demo\nsteps:\n  - id: net\n    call: POST /cloud/v1/networks/{{project_id}}/{{region_id}}\n    \
                 body: {{ name: net-1, create_router: false }}\n    {condition}\n"
            );
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&plan).await;
            assert_eq!(end.failure.map(|(_, error)| error.effect), Some(EffectKnown::Applied), "{condition}");
            assert_eq!(trial.alive(), ["networks net-1"]);
        }
    });
}

#[test]
fn the_update_that_the_plan_gives_is_shown() {
    paused(async {
        let plan = "name: demo\ninputs: { n: { default: net-1 } }\nsteps:\n  - id: net\n    \
                    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                    body: { name: \"{{ inputs.n }}\", create_router: false }\n    on_change:\n      update:\n        \
                    call: PATCH /cloud/v2/networks/{project_id}/{region_id}/{{ self.id }}\n        \
                    body: { name: \"{{ inputs.n }}\" }\n";
        let mut trial = Trial::new(Options::default());
        trial.run(plan).await;
        trial.inputs = vec![("n".to_owned(), "net-2".to_owned())];
        let (shown, _) = trial.previewed(plan, &Asked::default());
        let Action::Change { how: ChangeKind::Update, calls, .. } = &shown[0].action else { panic!("{shown:?}") };
        let end = trial.run(plan).await;
        assert_done(&trial, &end);
        let made = trial.status().instances[&Selection::name("net")].intent.clone().unwrap();
        assert_eq!(calls, &[made.call.clone().into_owned()]);
        assert_eq!(calls[0].body.as_deref(), Some(&json!({ "name": "net-2" })));
    });
}

#[test]
fn a_step_that_does_not_wait_is_shown_as_done() {
    paused(async {
        let plan = "name: demo\nsteps:\n  - id: disk\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                    body: { name: disk-1, source: new-volume, size: 1 }\n    wait: false\n  - id: other\n    \
                    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                    body: { name: \"disk-{{ steps.disk.outcome }}\", source: new-volume, size: 1 }\n";
        let mut trial = Trial::new(Options::default());
        let end = trial.run(plan).await;
        assert_done(&trial, &end);
        assert_eq!(trial.preview(plan, false), ["disk keep", "other keep"]);
    });
}

/// Preview and run tell of an instance that does not exist with the same words.
#[test]
fn an_instance_that_does_not_exist_is_told_with_those_that_do() {
    paused(async {
        let plan = "name: demo\nsteps:\n  - id: net\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                    body: { name: net-1, create_router: false }\n  - id: sub\n    for_each: \"{{ [steps.net.id] }}\"\n    \
                    call: POST /cloud/v1/subnets/{project_id}/{region_id}\n    \
                    body: { name: \"sub-{{ each.key }}\", network_id: \"{{ steps.net.id }}\", cidr: 10.0.0.0/24 }\n";
        let mut trial = Trial::new(Options::default());
        let target = ["sub[zz]"];
        assert_eq!(
            trial.preview_of(plan, &Asked { target: &target, ..Asked::default() }),
            ["net* call", "sub* depends"]
        );
        let options =
            RunOptions { target: std::iter::once(Selection::name("sub[zz]")).collect(), ..RunOptions::default() };
        for writes in [1, 1] {
            let end = trial.run_with(plan, options.clone(), std::future::pending()).await;
            let (_, error) = end.failure.unwrap();
            assert_eq!(error.message, "the plan has no instance `sub[zz]`");
            assert_eq!(error.help, ["it has `sub[0]`"]);
            assert_eq!(trial.writes(), writes);
            let (shown, _) = trial.previewed(plan, &Asked { target: &target, ..Asked::default() });
            let Action::Wrong { message, help, .. } = &shown[1].action else { panic!("{shown:?}") };
            assert_eq!((message, help), (&error.message, &error.help));
        }
    });
}
