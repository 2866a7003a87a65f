//! A teardown deletes only resources that the call made.

use serde_json::{Value, json};

use super::conditions::Log;
use super::harness::{Trial, assert_done, paused};
use crate::api::Answer;
use crate::engine::RunOptions;
use crate::exit::Exit;
use crate::id::StepId;
use crate::journal::{Kinds, Record};
use crate::simulate::Options;

pub const DATA: &str = "
name: data
steps:
  - id: data
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: data, source: new-volume, size: 5 }
outputs: { id: \"{{ steps.data.id }}\" }
";

/// A machine with its own boot volume and a data volume that existed before.
pub const MACHINE: &str = "
name: demo
inputs: { data_volume: {} }
steps:
  - id: web
    call: POST /cloud/v2/instances/{project_id}/{region_id}
    body:
      name: web
      flavor: g2-standard-2-4
      volumes:
        - { source: image, image_id: 2f9d5d5e-8c1b-4f0e-9a67-3b1f6c5d8e42, size: 20, boot_index: 0, name: boot }
        - { source: existing-volume, volume_id: \"{{ inputs.data_volume }}\" }
      interfaces: [{ type: external }]
outputs: { made: \"{{ steps.web.created.volumes }}\", touched: \"{{ steps.web.touched }}\" }
";

/// A data volume of another client, and our machine with it attached.
async fn with_a_data_volume() -> (Trial, String) {
    let mut trial = Trial::new(Options::default());
    let end = trial.run(DATA).await;
    assert_done(&trial, &end);
    let volume = Trial::output(&end, "id").as_str().unwrap().to_owned();
    trial.another_record();
    trial.inputs = vec![("data_volume".to_owned(), volume.clone())];
    let end = trial.run(MACHINE).await;
    assert_done(&trial, &end);
    assert_eq!(Trial::output(&end, "made").as_array().unwrap().len(), 1);
    (trial, volume)
}

/// Rewrites the record as an earlier version did, which recorded every resource in the task as made.
fn as_once_recorded(trial: &mut Trial, volume: &str) {
    trial.rewrite(|record| {
        let Record::Succeeded(done) = record else { return };
        if done.result.created.get("volumes").is_none() {
            return;
        }
        let volumes = done.result.created.ids_of("volumes");
        volumes.push(json!(volume).into());
        let ids: Vec<_> = volumes.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        done.result.touched = Kinds::default();
        done.made.secondary.clear();
        done.made.tasks.clear();
        done.made.undo.as_mut().unwrap().query = vec![("volumes".to_owned(), ids.join(","))].into();
    });
}

#[test]
fn a_data_volume_that_was_only_attached_outlives_the_machine() {
    paused(async {
        let (mut trial, volume) = with_a_data_volume().await;
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), ["volumes data"], "{volume}");
    });
}

#[test]
fn a_record_of_an_earlier_version_takes_no_more_with_it() {
    paused(async {
        let (mut trial, volume) = with_a_data_volume().await;
        as_once_recorded(&mut trial, &volume);
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), ["volumes data"]);
        assert!(trial.warnings().contains(&format!("volume {volume} stays")), "{}", trial.warnings());
    });
}

/// The call names it, which alone says that it was there before.
#[test]
fn what_the_call_names_is_kept_where_no_resource_names_its_maker() {
    paused(async {
        let (mut trial, volume) = with_a_data_volume().await;
        as_once_recorded(&mut trial, &volume);
        trial.change_answers(|_, answer| {
            let body = String::from_utf8(answer.body).unwrap().replace("\"creator_task_id\"", "\"unnamed\"");
            Answer { body: body.into_bytes(), ..answer }
        });
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), ["volumes data"]);
    });
}

#[test]
fn a_resource_made_by_another_task_is_kept_whatever_the_record_says() {
    paused(async {
        let (mut trial, volume) = with_a_data_volume().await;
        as_once_recorded(&mut trial, &volume);
        // The call no longer shows that the volume existed before.
        trial.rewrite(|record| {
            if let Record::Intent(intent) = record {
                intent.call.body = None;
            }
        });
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), ["volumes data"]);
        assert!(trial.warnings().contains("made it"), "{}", trial.warnings());
    });
}

#[test]
fn a_machine_that_is_replaced_does_not_take_another_steps_volume() {
    paused(async {
        let plan = MACHINE.replace(
            "steps:\n",
            "steps:\n  - id: data\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
             body: { name: data, source: new-volume, size: 5 }\n",
        );
        let plan = plan.replace("inputs.data_volume", "steps.data.id").replace("inputs: { data_volume: {} }\n", "");
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&plan).await;
        assert_done(&trial, &end);
        let volume = trial.status().instances[0].made[0].id.clone().unwrap();
        as_once_recorded(&mut trial, volume.as_str().unwrap());
        let options = RunOptions { replace: [StepId::new("web")].into(), ..RunOptions::default() };
        let end = trial.run_with(&plan, options, std::future::pending()).await;
        assert_done(&trial, &end);
        assert_eq!(trial.made()["volumes"], 3);
        assert_eq!(trial.alive(), ["instances web", "volumes boot", "volumes data"]);
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

#[test]
fn a_machine_deleted_by_hand_does_not_leave_its_boot_volume() {
    paused(async {
        let (mut trial, _) = with_a_data_volume().await;
        let machine = trial.status().instances[0].made[0].undo.clone().unwrap();
        trial.by_hand(&machine).await;
        assert_eq!(trial.alive(), ["volumes boot", "volumes data"]);
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), ["volumes data"]);
    });
}

/// As after `plan state resolve --id`: no task on record shows what else the call made.
#[test]
fn what_may_exist_besides_and_is_not_on_record_is_named() {
    paused(async {
        let (mut trial, _) = with_a_data_volume().await;
        trial.rewrite(|record| {
            let Record::Succeeded(done) = record else { return };
            (done.result.tasks, done.result.created) = Default::default();
            (done.made.tasks, done.made.secondary) = Default::default();
        });
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), ["volumes boot", "volumes data"]);
        let words = "`web`: floatingips, volumes of its create may remain: they are not on record";
        assert!(trial.warnings().contains(words), "{}", trial.warnings());
    });
}

/// The id of these kinds is their name, which other texts of the call, and resources of other projects, may have too.
#[test]
fn a_resource_known_by_its_name_is_on_record_whatever_else_has_that_name() {
    let plan = |project: u32| {
        format!(
            "name: demo\nsteps:\n  - id: model\n    call: POST /cloud/v3/inference/{project}/deployments\n    body: {{ name: nginx, image: \
             nginx, listening_port: 80, flavor_name: small, containers: [{{ region_id: 7, scale: {{ min: 0, max: 1 }} }}] }}\n"
        )
    };
    paused(async {
        let mut trial = Trial::new(Options { unknown_ids: crate::simulate::UnknownIds::Assume, ..Options::default() });
        let end = trial.run(&plan(1)).await;
        assert_done(&trial, &end);
        assert_eq!(trial.status().owned().count(), 1);
        let other = trial.status();
        trial.another_record();
        trial.other_records = vec![("plan `demo`, environment `other`".to_owned(), other)];
        let end = trial.run(&plan(2)).await;
        assert_done(&trial, &end);
        assert_eq!(trial.status().owned().count(), 1, "{:#?}", trial.status().instances[0]);
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert_eq!(trial.alive(), ["inference_instances nginx"]);
    });
}

/// The volume is attached as the plan says, by this run or by another client; the step's undo detaches it in both
/// cases.
#[test]
fn an_effect_attributed_by_likeness_is_taken_back_by_its_undo() {
    const PLAN: &str = "
name: demo
steps:
  - id: data
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: data, source: new-volume, size: 5 }
  - id: web
    call: POST /cloud/v2/instances/{project_id}/{region_id}
    body:
      name: web
      flavor: g2-standard-2-4
      volumes: [{ source: image, image_id: 2f9d5d5e-8c1b-4f0e-9a67-3b1f6c5d8e42, size: 20, boot_index: 0, name: boot }]
      interfaces: [{ type: external }]
  - id: attach
    call: POST /cloud/v2/volumes/{project_id}/{region_id}/{{ steps.data.id }}/attach
    body: { instance_id: \"{{ steps.web.id }}\" }
    undo:
      call: POST /cloud/v2/volumes/{project_id}/{region_id}/{{ steps.data.id }}/detach
      body: { instance_id: \"{{ steps.web.id }}\" }
";
    paused(async {
        let mut trial = Trial::with_faults(&["lost-answer:POST:/attach:1"]);
        trial.conditions.log = Log::Closed;
        let end = trial.run(PLAN).await;
        assert_done(&trial, &end);
        let made = trial.status().instances.values().flat_map(|known| known.made.clone()).collect::<Vec<_>>();
        assert!(made.iter().any(|made| made.uncertain), "{made:?}");
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert!(trial.alive().is_empty(), "{:?}", trial.alive());
    });
}

/// `created_resources` names what the task touched: here only a volume of another client.
#[test]
fn the_main_resource_that_names_another_task_as_its_maker_is_kept() {
    for (shows_maker, exit, alive) in [
        (true, Exit::TeardownIncomplete, &["volumes data", "volumes data"][..]),
        (false, Exit::Done, &["volumes data"]),
    ] {
        paused(async {
            let mut trial = Trial::new(Options::default());
            trial.stamp = false;
            let end = trial.run(DATA).await;
            assert_done(&trial, &end);
            trial.stamp = true;
            let theirs = Trial::output(&end, "id").clone();
            trial.another_record();
            let listed = theirs.clone();
            trial.change_answers(move |request, answer| {
                if request.path.contains("/volumes/") && !shows_maker {
                    let body = String::from_utf8(answer.body).unwrap().replace("\"creator_task_id\"", "\"unnamed\"");
                    return Answer { body: body.into_bytes(), ..answer };
                }
                let Ok(mut task) = serde_json::from_slice::<Value>(&answer.body) else { return answer };
                match task.pointer_mut("/created_resources/volumes") {
                    Some(volumes) => *volumes = json!([listed]),
                    None => return answer,
                }
                Answer { body: task.to_string().into_bytes(), ..answer }
            });
            let end = trial.run(DATA).await;
            assert_done(&trial, &end);
            assert_eq!(Trial::output(&end, "id"), theirs);
            assert_eq!(trial.destroy().await.exit, exit);
            assert_eq!(trial.alive(), alive);
            let is_named = trial.left().iter().any(|left| left.contains("made it") && left.contains("only used it"));
            assert_eq!(is_named, shows_maker, "{:?}", trial.left());
        });
    }
}

/// What carries the stamp of its step is its own, whichever task it names.
#[test]
fn a_main_resource_with_our_stamp_is_removed_whatever_maker_it_names() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(DATA).await;
        assert_done(&trial, &end);
        trial.rewrite(|record| {
            if let Record::Succeeded(done) = record {
                done.result.tasks = vec!["another".to_owned()].into();
                done.made.tasks = vec!["another".to_owned()].into();
            }
        });
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert!(trial.alive().is_empty(), "{:?}", trial.alive());
    });
}
