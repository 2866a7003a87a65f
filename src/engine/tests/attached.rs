//! What is attached to a machine: a volume by its create, by a change in place, or by a step of its own.

use serde_json::{Value, json};

use super::harness::{Trial, assert_done, paused};
use crate::api::Answer;
use crate::catalog::Method;
use crate::engine::RunOptions;
use crate::event::EffectKnown;
use crate::exit::Exit;
use crate::journal::{RecordedCall, id_text};
use crate::plan::Selection;
use crate::simulate::{Faults, Options};

const VOLUMES: &str = "/cloud/v1/volumes/1/7";

/// A machine of this name.
fn machine(step: &str) -> String {
    format!(
        "  - id: {step}\n    call: POST /cloud/v2/instances/{{project_id}}/{{region_id}}\n    body:\n      name: machine-{step}\n      \
         flavor: g2-standard-2-4\n      volumes:\n        - {{ source: image, image_id: \
         2f9d5d5e-8c1b-4f0e-9a67-3b1f6c5d8e42, size: 20, boot_index: 0, name: boot, delete_on_termination: true }}\n      \
         interfaces: [{{ type: external }}]\n"
    )
}

/// A volume, attached by its own create to the machine of this step, where there is one.
fn volume(step: &str, machine: Option<&str>) -> String {
    let at = machine.map(|at| format!(", instance_id_to_attach_to: \"{{{{ steps.{at}.id }}}}\"")).unwrap_or_default();
    format!(
        "  - id: {step}\n    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    \
         body: {{ name: {step}, source: new-volume, size: 5{at} }}\n"
    )
}

/// A step that attaches the volume of one step to the machine of another, and detaches it again.
fn attach(volume: &str, machine: &str) -> String {
    let path = format!("POST /cloud/v2/volumes/{{project_id}}/{{region_id}}/{{{{ steps.{volume}.id }}}}");
    let body = format!("{{ instance_id: \"{{{{ steps.{machine}.id }}}}\" }}");
    format!(
        "  - id: att\n    call: {path}/attach\n    body: {body}\n    undo:\n      call: {path}/detach\n      body: {body}\n"
    )
}

fn plan(steps: &[String]) -> String {
    format!("name: demo\nsteps:\n{}", steps.concat())
}

impl Trial {
    fn resource_id(&self, step: &str) -> String {
        let known = self.status().instances[&Selection::name(step)].clone();
        id_text(known.result.as_ref().unwrap().id.as_deref().unwrap())
    }

    /// The machines that a volume of the record is attached to.
    fn held_by(&self, step: &str) -> Vec<String> {
        let shown = self.read(&format!("{VOLUMES}/{}", self.resource_id(step)));
        let attachments = shown["attachments"].as_array().cloned().unwrap_or_default();
        attachments.iter().map(|one| one["server_id"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Another client attaches a volume of the record, or detaches it.
    async fn change_by_hand(&mut self, what: &str, step: &str, machine: &str) {
        let path = format!("/cloud/v2/volumes/1/7/{}/{what}", self.resource_id(step));
        let body = Some(json!({ "instance_id": machine }).into());
        self.by_hand(&RecordedCall { body, ..RecordedCall::new(Method::Post, path) }).await;
    }

    /// Another client makes a machine. Returns its id.
    async fn machine_by_hand(&self) -> String {
        let body = json!({
            "name": "theirs", "flavor": "g2-standard-2-4", "interfaces": [{ "type": "external" }],
            "volumes": [{ "source": "image", "image_id": "2f9d5d5e-8c1b-4f0e-9a67-3b1f6c5d8e42", "size": 20 }],
        });
        let create =
            RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, "/cloud/v2/instances/1/7") };
        let task = self.by_hand(&create).await["tasks"][0].as_str().unwrap().to_owned();
        let task = self.read(&format!("/cloud/v1/tasks/{task}"));
        task["created_resources"]["instances"][0].as_str().unwrap().to_owned()
    }

    /// How often calls were sent whose paths end so.
    fn calls(&self, end: &str) -> usize {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|request| request.method == Method::Post && request.path.ends_with(end)).count()
    }
}

fn replace(steps: &[&str]) -> RunOptions {
    RunOptions { replace: steps.iter().map(|step| Selection::name(step)).collect(), ..RunOptions::default() }
}

/// The API refuses to delete it until it is detached; the machine cannot go first, since the volume came after it.
#[test]
fn a_volume_that_its_create_attached_is_detached_before_it_is_deleted() {
    paused(async {
        let both = plan(&[machine("vm"), volume("data", Some("vm"))]);
        for faults in [&[][..], &["lost-answer:POST:/detach:1"], &["reset:POST:/detach:1"]] {
            let mut trial = Trial::with_faults(faults);
            let end = trial.run(&both).await;
            assert_done(&trial, &end);
            let before = trial.time();
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{faults:?}: {:?}", trial.left());
            assert!(trial.alive().is_empty(), "{:?}", trial.alive());
            let took = trial.time().duration_since(before).as_secs();
            assert!(took < 240, "{faults:?}: {took} s");
        }
        // What is not attached by it any more needs no such call.
        let mut trial = Trial::new(Options::default());
        for now in [&both, &plan(&[machine("vm"), volume("data", None)])] {
            let end = trial.run(now).await;
            assert_done(&trial, &end);
        }
        let detached = trial.calls("/detach");
        assert_eq!((trial.destroy().await.exit, trial.calls("/detach")), (Exit::Done, detached));
    });
}

#[test]
fn a_volume_is_pruned_or_replaced_while_its_machine_runs() {
    paused(async {
        let (alone, with) = (plan(&[machine("vm")]), plan(&[machine("vm"), volume("data", Some("vm"))]));
        let once = [with.clone()];
        let later = [plan(&[machine("vm"), volume("data", None)]), with.clone()];
        let prune = RunOptions { prune: true, ..RunOptions::default() };
        for (how, runs, last, options, alive) in [
            ("pruned", &once[..], &alone, prune.clone(), 1),
            ("attached in place, and pruned", &later, &alone, prune, 1),
            ("replaced", &once, &with, replace(&["data"]), 2),
            ("both are replaced", &once, &with, replace(&["vm", "data"]), 2),
        ] {
            let mut trial = Trial::new(Options::default());
            for text in runs {
                let end = trial.run(text).await;
                assert_done(&trial, &end);
            }
            let end = trial.run_with(last, options, std::future::pending()).await;
            assert_done(&trial, &end);
            let volumes = trial.alive().iter().filter(|one| one.starts_with("volumes")).count();
            assert_eq!(volumes, alive, "{how}: {:?}", trial.alive());
            if alive == 2 {
                assert_eq!(trial.held_by("data"), [trial.resource_id("vm")], "{how}");
            }
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{how}: {:?}", trial.left());
            assert!(trial.alive().is_empty(), "{how}: {:?}", trial.alive());
        }
    });
}

/// Only what the plan attached is detached: the volume stays, and is named with the machine that uses it.
#[test]
fn a_volume_that_was_attached_elsewhere_by_hand_is_kept_and_named() {
    paused(async {
        for refreshed in [false, true] {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&plan(&[machine("vm"), volume("data", Some("vm"))])).await;
            assert_done(&trial, &end);
            let theirs = trial.machine_by_hand().await;
            let ours = trial.resource_id("vm");
            trial.change_by_hand("detach", "data", &ours).await;
            trial.change_by_hand("attach", "data", &theirs).await;
            if refreshed {
                trial.refresh().await;
            }
            assert_eq!(trial.destroy().await.exit, Exit::TeardownIncomplete);
            let left = trial.left();
            assert!(left[0].starts_with("data: ") && left[0].contains(&theirs), "{left:?}");
            assert_eq!(trial.held_by("data"), [theirs], "refreshed: {refreshed}");
        }
    });
}

/// The record tells that the volume is not attached any more, so that the next run attaches it again.
#[test]
fn a_volume_that_was_detached_in_vain_is_attached_again_by_the_next_run() {
    paused(async {
        let text = plan(&[machine("vm"), volume("data", Some("vm"))]);
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&text).await;
        assert_done(&trial, &end);
        let faults = |rules: &[&str]| Faults::parse(rules.iter().copied()).unwrap();
        trial.simulator.lock().unwrap().set_faults(faults(&["status=400:DELETE:volumes"]));
        let end = trial.run_with(&text, replace(&["data"]), std::future::pending()).await;
        assert_eq!(end.finished.exit, Exit::StepFailed, "{:?}", trial.failures());
        assert_eq!((end.finished.removed, end.not_replaced), (0, vec![Selection::name("data")]));
        assert_eq!(trial.held_by("data"), Vec::<String>::new());
        trial.simulator.lock().unwrap().set_faults(faults(&[]));
        let end = trial.run(&text).await;
        assert_done(&trial, &end);
        assert_eq!(trial.held_by("data"), [trial.resource_id("vm")]);
    });
}

fn undos(trial: &Trial) -> Vec<Value> {
    let known = trial.status().instances[&Selection::name("att")].clone();
    known.made.iter().map(|made| json!(made.undo.as_ref().unwrap().path)).collect()
}

#[test]
fn an_action_that_is_made_again_has_one_undo() {
    paused(async {
        let text = plan(&[machine("vm"), volume("data", None), attach("data", "vm")]);
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&text).await;
        assert_done(&trial, &end);
        let ours = trial.resource_id("vm");
        trial.change_by_hand("detach", "data", &ours).await;
        assert_eq!(trial.refresh().await.len(), 1);
        let end = trial.run(&text).await;
        assert_done(&trial, &end);
        assert_eq!((undos(&trial).len(), trial.held_by("data")), (1, vec![ours]));
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert_eq!((trial.alive(), trial.calls("/detach")), (Vec::new(), 1));
    });
}

/// An attach step that is pointed at another volume, or at another machine, lets the former one go first.
#[test]
fn an_action_about_something_else_takes_the_former_one_back() {
    paused(async {
        let things = [machine("vm"), machine("other"), volume("data", None), volume("more", None)];
        let with = |att: String| plan(&[&things[..], &[att]].concat());
        for (volume, machine) in [("more", "vm"), ("data", "other"), ("more", "other")] {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&with(attach("data", "vm"))).await;
            assert_done(&trial, &end);
            let end = trial.run(&with(attach(volume, machine))).await;
            assert_done(&trial, &end);
            assert_eq!((undos(&trial).len(), trial.calls("/detach")), (1, 1), "{volume} {machine}");
            assert_eq!(trial.held_by(volume), [trial.resource_id(machine)]);
            if volume != "data" {
                assert_eq!(trial.held_by("data"), Vec::<String>::new());
            }
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        }
    });
}

/// Made again after its machine was gone, and then pointed at another volume: the first one can be pruned.
#[test]
fn what_is_gone_with_its_machine_is_not_taken_back() {
    paused(async {
        let things = [machine("vm"), volume("data", None), volume("more", None)];
        let text = plan(&[&things[..], &[attach("data", "vm")]].concat());
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&text).await;
        assert_done(&trial, &end);
        trial
            .by_hand(&RecordedCall::new(Method::Delete, format!("/cloud/v1/instances/1/7/{}", trial.resource_id("vm"))))
            .await;
        trial.refresh().await;
        let end = trial.run(&text).await;
        assert_done(&trial, &end);
        assert_eq!((undos(&trial).len(), trial.calls("/detach")), (1, 0));
        let prune = RunOptions { prune: true, ..RunOptions::default() };
        let now = plan(&[things[0].clone(), things[2].clone(), attach("more", "vm")]);
        let end = trial.run_with(&now, prune, std::future::pending()).await;
        assert_done(&trial, &end);
        assert_eq!((undos(&trial).len(), trial.calls("/detach")), (1, 1));
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert!(trial.alive().is_empty(), "{:?}", trial.alive());
    });
}

/// The API refuses it, and the volume shows that there is nothing to take back.
#[test]
fn what_another_client_took_back_is_not_left_by_a_destroy() {
    for refreshed in [false, true] {
        paused(async {
            let text = plan(&[machine("vm"), volume("data", None), attach("data", "vm")]);
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&text).await;
            assert_done(&trial, &end);
            let ours = trial.resource_id("vm");
            trial.change_by_hand("detach", "data", &ours).await;
            if refreshed {
                assert_eq!(trial.refresh().await.len(), 1);
            }
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
            assert_eq!((trial.alive(), trial.calls("/detach")), (Vec::new(), usize::from(!refreshed)));
        });
    }
}

/// A refused undo is left where the volume shows that it is still attached.
#[test]
fn an_undo_that_is_refused_while_its_effect_is_there_is_left() {
    paused(async {
        let text = plan(&[machine("vm"), volume("data", None), attach("data", "vm")]);
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&text).await;
        assert_done(&trial, &end);
        trial.simulator.lock().unwrap().set_faults(Faults::parse(["status=409:POST:/detach"]).unwrap());
        assert_eq!(trial.destroy().await.exit, Exit::TeardownIncomplete);
        let error = trial.status().instances[&Selection::name("att")].error.clone().unwrap();
        assert!(error.help.iter().any(|help| help.contains("`plan drift")), "{error:?}");
        assert_eq!(trial.held_by("data"), [trial.resource_id("vm")]);
        trial.simulator.lock().unwrap().set_faults(Faults::default());
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
    });
}

/// What another client took back meanwhile cannot be taken back once more.
#[test]
fn an_action_that_another_client_took_back_is_called_for_something_else() {
    paused(async {
        let things = [machine("vm"), volume("data", None), volume("more", None)];
        let with = |att: String| plan(&[&things[..], &[att]].concat());
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&with(attach("data", "vm"))).await;
        assert_done(&trial, &end);
        let ours = trial.resource_id("vm");
        trial.change_by_hand("detach", "data", &ours).await;
        let end = trial.run(&with(attach("more", "vm"))).await;
        assert_done(&trial, &end);
        assert_eq!((undos(&trial).len(), trial.held_by("more")), (1, vec![ours]));
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
    });
}

/// The first task of this type ends in ERROR. It is carried out all the same (`shown`), or volumes show no attachment.
fn ends_in_error(trial: &Trial, task_type: &'static str, shown: bool) {
    let mut first = None;
    trial.change_answers(move |request, answer| {
        let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else { return answer };
        let is_tasks = request.method == Method::Get && request.path.starts_with("/cloud/v1/tasks");
        if !shown && request.method == Method::Get && request.path.starts_with(VOLUMES) {
            let volumes = match body.get_mut("results").and_then(Value::as_array_mut) {
                Some(volumes) => volumes.iter_mut().collect(),
                None => vec![&mut body],
            };
            volumes.into_iter().for_each(|volume| volume["attachments"] = json!([]));
        }
        let listed = body.get_mut("results").filter(|_| is_tasks);
        let tasks = match listed {
            Some(Value::Array(tasks)) => tasks.iter_mut().collect::<Vec<_>>(),
            _ if is_tasks => vec![&mut body],
            _ => Vec::new(),
        };
        for task in tasks.into_iter().filter(|task| task["task_type"] == task_type && task["state"] == "FINISHED") {
            if *first.get_or_insert_with(|| task["id"].clone()) == task["id"] {
                task["state"] = json!("ERROR");
                task["error"] = json!("Timeout");
            }
        }
        Answer { body: body.to_string().into_bytes(), ..answer }
    });
}

#[test]
fn an_attachment_whose_task_ends_in_error_is_done_when_the_volume_shows_it() {
    paused(async {
        let text = plan(&[machine("vm"), volume("data", None), attach("data", "vm")]);
        let mut trial = Trial::new(Options::default());
        ends_in_error(&trial, "attach_volume", true);
        let end = trial.run(&text).await;
        assert_done(&trial, &end);
        let warnings = trial.warnings();
        assert!(warnings.contains("`att`: task") && warnings.contains("ended in ERROR (Timeout)"), "{warnings}");
        assert_eq!((trial.calls("/attach"), undos(&trial).len()), (1, 1));
        let end = trial.run(&text).await;
        assert_eq!((end.finished.exit, end.finished.reused), (Exit::Done, 3));
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert_eq!((trial.alive(), trial.calls("/detach")), (Vec::new(), 1));
    });
}

#[test]
fn an_attachment_whose_task_ends_in_error_has_failed_when_the_volume_does_not_show_it() {
    paused(async {
        let text = plan(&[machine("vm"), volume("data", None), attach("data", "vm")]);
        let mut trial = Trial::new(Options::default());
        ends_in_error(&trial, "attach_volume", false);
        let end = trial.run(&text).await;
        assert_eq!(end.finished.exit, Exit::StepFailed, "{:?}", trial.failures());
        assert_eq!(end.failure.unwrap().1.effect, EffectKnown::NotApplied);
    });
}

/// Its first task detached the volume, and ended in ERROR: the call is not made again.
#[test]
fn a_detachment_whose_task_ends_in_error_is_done_when_the_volume_shows_it() {
    paused(async {
        let text = plan(&[machine("vm"), volume("data", None), attach("data", "vm")]);
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&text).await;
        assert_done(&trial, &end);
        ends_in_error(&trial, "detach_volume", true);
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert_eq!((trial.alive(), trial.calls("/detach")), (Vec::new(), 1));
    });
}

/// Its volume was removed to be replaced with it, and is not made again: it is counted, and not asked for again.
#[test]
fn what_was_removed_for_a_replacement_that_failed_is_counted() {
    paused(async {
        let text = plan(&[machine("vm"), volume("data", Some("vm")), volume("more", None)]);
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&text).await;
        assert_done(&trial, &end);
        let faults = Faults::parse(["status=400:DELETE:instances"]).unwrap();
        trial.simulator.lock().unwrap().set_faults(faults);
        let end = trial.run_with(&text, replace(&["vm", "data"]), std::future::pending()).await;
        let totals = &end.finished;
        assert_eq!((totals.exit, totals.removed, totals.failed, totals.reused), (Exit::StepFailed, 1, 1, 1));
        assert_eq!(end.not_replaced, [Selection::name("vm")]);
        trial.simulator.lock().unwrap().set_faults(Faults::default());
        let end = trial.run_with(&text, replace(&["vm"]), std::future::pending()).await;
        assert_done(&trial, &end);
        assert_eq!((end.finished.removed, end.not_replaced), (0, Vec::new()));
    });
}

/// The undo was accepted, and the API does not know its task any more: what the volume shows says what came of it.
#[test]
fn of_a_detachment_with_an_unknown_task_the_volume_says_whether_it_was_carried_out() {
    for shown in [true, false] {
        paused(async {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&plan(&[machine("vm"), volume("data", None), attach("data", "vm")])).await;
            assert_done(&trial, &end);
            let before = trial.read(&format!("{VOLUMES}/{}", trial.resource_id("data")))["attachments"].clone();
            trial.change_answers(move |request, answer| {
                if request.method == Method::Get && request.path.starts_with("/cloud/v1/tasks") {
                    return super::unseen_tasks::without_tasks(request, answer);
                }
                let Ok(mut item) = serde_json::from_slice::<Value>(&answer.body) else { return answer };
                if !shown && request.path.starts_with(VOLUMES) && item.get("attachments").is_some() {
                    item["attachments"] = before.clone();
                    return Answer { body: item.to_string().into_bytes(), ..answer };
                }
                answer
            });
            let torn = trial.destroy().await;
            match shown {
                true => {
                    assert_eq!((torn.exit, trial.alive()), (Exit::Done, vec![]), "{:?}", trial.left());
                    assert_eq!(trial.calls("/detach"), 1);
                }
                false => {
                    assert_eq!(torn.exit, Exit::TeardownIncomplete, "{:?}", trial.left());
                    // The API says that it is not attached any more.
                    assert_eq!(trial.calls("/detach"), 2, "{:?}", trial.left());
                }
            }
        });
    }
}
