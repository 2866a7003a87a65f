//! What a run removes by rollback, prune and replace, and what it reports as left.

use std::time::Duration;

use super::death::{Life, When};
use super::harness::{Trial, assert_done, paused};
use super::ours::{DATA, MACHINE};
use crate::catalog::Method;
use crate::engine::{RunEnd, RunOptions, Signal, Stop};
use crate::event::{Delay, Event};
use crate::exit::Exit;
use crate::id::StepId;
use crate::journal::{Record, RecordedCall, id_text};
use crate::simulate::{Durations, Options};

const PLACE: &str = "{project_id}/{region_id}";

fn rollback() -> RunOptions {
    RunOptions { rollback: true, ..RunOptions::default() }
}

fn prune() -> RunOptions {
    RunOptions { prune: true, ..RunOptions::default() }
}

impl Trial {
    async fn with(&mut self, plan: &str, set: &[(&str, &str)], options: RunOptions) -> RunEnd {
        self.inputs = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.run_with(plan, options, std::future::pending()).await
    }
}

/// Two volumes and a snapshot of each, by key.
pub fn pairs() -> String {
    format!(
        "name: demo\ninputs: {{ sizes: {{ type: map, default: {{ a: 5, b: 5 }} }} }}\nsteps:\n  - id: disk\n    \
         for_each: \"{{{{ inputs.sizes }}}}\"\n    call: POST /cloud/v1/volumes/{PLACE}\n    \
         body: {{ source: new-volume, name: \"disk-{{{{ each.key }}}}\", size: \"{{{{ each.value }}}}\" }}\n    \
         on_change: replace\n  - id: snap\n    for_each: \"{{{{ inputs.sizes }}}}\"\n    \
         call: POST /cloud/v1/snapshots/{PLACE}\n    body: {{ name: \"snap-{{{{ each.key }}}}\", \
         volume_id: \"{{{{ steps.disk.each[each.key].id }}}}\" }}\n    on_change: replace\n"
    )
}

/// A volume with a size from an input, and a subnet whose creation always fails where `bad` is set.
fn volume(on_change: &str) -> String {
    format!(
        "name: demo\ninputs:\n  size: {{ type: integer, default: 1 }}\n  bad: {{ type: boolean, default: false }}\n  \
         tag: {{ default: 'e30=' }}\nsteps:\n  - id: data\n    call: POST /cloud/v1/volumes/{PLACE}\n    \
         body: {{ name: \"data-{{{{ inputs.size }}}}\", source: new-volume, size: 1, \
         tags: {{ a: \"{{{{ inputs.tag | b64decode }}}}\" }} }}\n{on_change}  - id: bad\n    when: inputs.bad\n    \
         needs: data\n    call: POST /cloud/v1/subnets/{PLACE}\n    body: {{ name: sub-b, \
         network_id: 00000000-0000-4000-8000-000000000000, cidr: 10.0.0.0/24 }}\n"
    )
}

#[test]
fn a_rollback_keeps_resources_of_an_earlier_run() {
    paused(async {
        let update = format!(
            "    on_change: {{ update: {{ call: \"PATCH /cloud/v1/volumes/{PLACE}/{{{{ self.id }}}}\", \
             body: {{ name: \"data-{{{{ inputs.size }}}}\" }} }} }}\n"
        );
        for (how, on_change, set, alive) in [
            ("a change that is refused", "    on_change: error\n", &[("size", "2")][..], "volumes data-1"),
            ("a template that fails", "", &[("tag", "%%")], "volumes data-1"),
            ("an update", &update, &[("size", "2"), ("bad", "true")], "volumes data-2"),
        ] {
            let mut trial = Trial::new(Options::default());
            let plan = volume(on_change);
            let end = trial.run(&plan).await;
            assert_done(&trial, &end);
            let end = trial.with(&plan, set, rollback()).await;
            assert_eq!(end.finished.exit, Exit::StepFailed, "{how}");
            assert_eq!(trial.alive(), [alive], "{how}");
            assert_eq!(trial.warnings().contains("this run changed `data`"), how == "an update", "{how}");
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{how}");
            assert_eq!(trial.alive(), Vec::<String>::new(), "{how}");
        }
    });
}

/// The new one is removed as a resource of this run, and the old one was removed before it was made.
#[test]
fn a_rollback_names_what_a_replacement_took_away() {
    paused(async {
        let plan = volume("");
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&plan).await;
        assert_done(&trial, &end);
        let options = RunOptions { replace: [StepId::new("data")].into(), ..rollback() };
        let end = trial.with(&plan, &[("bad", "true")], options).await;
        assert_eq!((end.finished.exit, trial.alive()), (Exit::StepFailed, Vec::<String>::new()));
        let words = "this run removed `data` to replace it: a rollback does not bring back what was there before";
        assert!(trial.warnings().contains(words), "{}", trial.warnings());
        let end = trial.with(&plan, &[], RunOptions::default()).await;
        assert_done(&trial, &end);
        assert_eq!(trial.alive(), ["volumes data-1"]);
    });
}

#[test]
fn a_rollback_removes_the_resources_of_its_run_even_with_fail_fast() {
    paused(async {
        for fail_fast in [false, true] {
            let mut trial = Trial::new(Options::default());
            let end = trial.with(&volume(""), &[("bad", "true")], RunOptions { fail_fast, ..rollback() }).await;
            assert_eq!((end.finished.exit, end.finished.removed), (Exit::StepFailed, 1), "fail_fast: {fail_fast}");
            assert_eq!(trial.alive(), Vec::<String>::new(), "fail_fast: {fail_fast}");
            assert_eq!(trial.status().existing().count(), 0);
        }
    });
}

#[test]
fn a_rollback_of_a_second_copy_leaves_the_first_as_it_stood() {
    paused(async {
        let plan = volume("    on_change: rerun\n");
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&plan).await;
        assert_done(&trial, &end);
        let before = trial.status();
        trial.with(&plan, &[("size", "2"), ("bad", "true")], rollback()).await;
        assert_eq!(trial.alive(), ["volumes data-1"]);
        let (first, now) = (&before.instances[0], &trial.status().instances[0]);
        assert_eq!((&now.made, &now.agrees, &now.phase), (&first.made, &first.agrees, &first.phase));
        let end = trial.with(&plan, &[], RunOptions::default()).await;
        assert_done(&trial, &end);
        assert_eq!((end.finished.reused, trial.made()["volumes"]), (1, 2));
    });
}

#[test]
fn an_interrupt_during_a_rollback_is_reported_as_an_interrupt() {
    paused(async {
        let durations = Durations::Fixed(Duration::from_secs(10));
        let mut trial = Trial::new(Options { durations, ..Options::default() });
        trial.inputs = vec![("bad".to_owned(), "true".to_owned())];
        let interrupt = async {
            tokio::time::sleep(Duration::from_secs(15)).await;
            Stop::Interrupt(Signal::Interrupt)
        };
        let end = trial.run_with(&volume(""), rollback(), interrupt).await;
        assert_eq!(end.finished.exit, Exit::Interrupted, "{:?}", trial.events);
        assert_eq!(trial.status().existing().count(), 1);
        assert_eq!(trial.destroy().await.exit, Exit::Done);
    });
}

#[test]
fn one_of_two_is_pruned_while_the_other_stays() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&pairs()).await;
        assert_done(&trial, &end);
        let end = trial.with(&pairs(), &[("sizes", "{a: 5}")], prune()).await;
        assert_done(&trial, &end);
        assert_eq!(
            (trial.alive(), end.finished.removed),
            (vec!["snapshots snap-a".into(), "volumes disk-a".into()], 2)
        );
    });
}

#[test]
fn one_of_two_is_replaced_with_its_dependants_and_nothing_else() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(&pairs()).await;
        let end = trial.with(&pairs(), &[("sizes", "{a: 5, b: 3}")], RunOptions::default()).await;
        assert_done(&trial, &end);
        assert_eq!((trial.made()["volumes"], trial.made()["snapshots"]), (3, 3));
    });
}

#[test]
fn a_step_that_a_kept_one_once_came_after_is_pruned() {
    paused(async {
        let network = |id: &str, needs: &str| {
            format!(
                "  - id: {id}\n    {needs}call: POST /cloud/v1/networks/{PLACE}\n    \
                 body: {{ name: net-{id}, create_router: false }}\n"
            )
        };
        let mut trial = Trial::new(Options::default());
        let both = format!("name: demo\nsteps:\n{}{}", network("a", ""), network("b", "needs: a\n    "));
        trial.run(&both).await;
        let end = trial.with(&format!("name: demo\nsteps:\n{}", network("b", "")), &[], prune()).await;
        assert_done(&trial, &end);
        assert_eq!(trial.alive(), ["networks net-b"]);
    });
}

#[test]
fn a_step_whose_condition_became_false_is_named_and_then_pruned() {
    paused(async {
        let plan = volume("    when: inputs.size == 1\n").replace("data-{{ inputs.size }}", "data");
        let mut trial = Trial::new(Options::default());
        trial.run(&plan).await;
        let end = trial.with(&plan, &[("size", "2")], RunOptions::default()).await;
        assert_done(&trial, &end);
        assert!(trial.warnings().contains("no longer in the plan, and kept: `data`"), "{}", trial.warnings());
        assert_eq!(trial.alive(), ["volumes data"]);
        let end = trial.with(&plan, &[("size", "2")], prune()).await;
        assert_done(&trial, &end);
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

#[test]
fn resources_kept_because_of_a_failed_dependant_are_named() {
    paused(async {
        let mut trial = Trial::with_faults(&["status=403:DELETE:snapshots"]);
        trial.run(&pairs()).await;
        assert_eq!(trial.destroy().await.exit, Exit::NotAllowed);
        let left = trial.left().join("\n");
        for stays in ["disk[a]: `snap[a]` depends on it", "disk[b]: `snap[b]` depends on it", "snap[a]:", "snap[b]:"] {
            assert!(left.contains(stays), "{left}");
        }
    });
}

pub const NETWORK: &str = "name: demo\nsteps:\n  - id: net\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                       body: { name: net-1, create_router: false }\n";

#[test]
fn a_resource_used_by_another_client_is_named_after_a_short_wait() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(DATA).await;
        let id = Trial::output(&end, "id").as_str().unwrap().to_owned();
        let ours = trial.another_record();
        let plan = MACHINE.replace("outputs: {", "outputs: { id: \"{{ steps.web.id }}\",");
        let end = trial.with(&plan, &[("data_volume", &id)], RunOptions::default()).await;
        assert_done(&trial, &end);
        trial.journal = ours;
        let finished = trial.destroy().await;
        assert_eq!(finished.exit, Exit::TeardownIncomplete);
        assert!(finished.elapsed_ms < 90_000, "{} ms", finished.elapsed_ms);
        let stranger = id_text(&Trial::output(&end, "id"));
        assert!(trial.left()[0].contains(&stranger), "{:?}", trial.left());
        let waited = trial.events.iter().any(|event| {
            matches!(event, Event::CallDelayed { reason: Delay::InUse { by, .. }, .. } if *by == [stranger.clone()])
        });
        assert!(waited, "{:?}", trial.events);
    });
}

#[test]
fn calls_required_before_a_delete_are_sent_before_it() {
    paused(async {
        let router = format!(
            "name: demo\nsteps:\n  - id: net\n    call: POST /cloud/v1/networks/{PLACE}\n    \
             body: {{ name: net, create_router: false }}\n  - id: sub\n    call: POST /cloud/v1/subnets/{PLACE}\n    \
             body: {{ name: sub, network_id: \"{{{{ steps.net.id }}}}\", cidr: 10.0.0.0/24, \
             connect_to_network_router: false }}\n  - id: router\n    call: POST /cloud/v1/routers/{PLACE}\n    \
             body: {{ name: router, interfaces: [{{ type: subnet, subnet_id: \"{{{{ steps.sub.id }}}}\" }}] }}\n"
        );
        let address = format!(
            "name: demo\nsteps:\n  - id: vip\n    call: POST /cloud/v1/reserved_fixed_ips/{PLACE}\n    \
             body: {{ type: external, is_vip: true }}\n"
        );
        for (plan, things) in [(router, 3), (address, 1)] {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&plan).await;
            assert_done(&trial, &end);
            assert_eq!(trial.alive().len(), things);
            let finished = trial.destroy().await;
            assert_eq!(finished.exit, Exit::Done, "{:?}", trial.left());
            assert_eq!(trial.alive(), Vec::<String>::new());
        }
    });
}

#[test]
fn an_undo_by_patch_addresses_the_resource_of_its_step() {
    paused(async {
        let plan = format!(
            "name: demo\nsteps:\n  - id: vip\n    call: POST /cloud/v1/reserved_fixed_ips/{PLACE}\n    \
             body: {{ type: external }}\n  - id: on\n    \
             call: PATCH /cloud/v1/reserved_fixed_ips/{PLACE}/{{{{ steps.vip.id }}}}\n    body: {{ is_vip: true }}\n    \
             undo: {{ call: \"PATCH /cloud/v1/reserved_fixed_ips/{PLACE}/{{{{ self.id }}}}\", body: {{ is_vip: false }} }}\n"
        );
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&plan).await;
        assert_done(&trial, &end);
        // An earlier version recorded no id for it.
        let mut earlier = Trial::new(Options::default());
        earlier.run(&plan).await;
        earlier.rewrite(|record| {
            if let Record::Succeeded(done) = record
                && done.instance.step.as_str() == "on"
            {
                let undo = done.made.undo.as_mut().unwrap();
                undo.path = undo.path.rsplit_once('/').unwrap().0.to_owned() + "/null";
            }
        });
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), Vec::<String>::new());
        assert_eq!(earlier.destroy().await.exit, Exit::TeardownIncomplete);
        assert!(earlier.left().join("\n").contains("on: its undo is not sent: it names no resource"));
        for trial in [trial, earlier] {
            assert!(trial.requests.lock().unwrap().iter().all(|request| !request.path.contains("null")));
        }
    });
}

/// Its answer says nothing of what the step made: a 404 is no proof that this is gone.
#[test]
fn an_undo_about_another_resource_leaves_that_of_its_step() {
    const NOBODYS: &str = "2f9d5d5e-8c1b-4f0e-9a67-3b1f6c5d8e42";
    let plan = format!(
        "name: demo\nsteps:\n  - id: net\n    call: POST /cloud/v1/networks/{PLACE}\n    \
         body: {{ name: net-1, create_router: false }}\n  - id: disk\n    call: POST /cloud/v1/volumes/{PLACE}\n    \
         needs: net\n    body: {{ name: disk-1, source: new-volume, size: 1 }}\n"
    );
    let other_kind = |path: &str, _: &str| path.replace("volumes", "networks");
    let of_nobody = |path: &str, _: &str| format!("{}/{NOBODYS}", path.rsplit_once('/').unwrap().0);
    let of_other_step = |_: &str, network: &str| network.to_owned();
    let elsewhere = |path: &str, _: &str| {
        let (above, id) = path.rsplit_once('/').unwrap();
        format!("{}/76/{id}", above.rsplit_once('/').unwrap().0)
    };
    let (missing, other) = (
        "its undo names another resource than the step made, and found nothing",
        "its undo is not sent: it names another",
    );
    type Rewrite = dyn Fn(&str, &str) -> String;
    let cases: [(&Rewrite, &str); 4] =
        [(&other_kind, missing), (&of_nobody, missing), (&elsewhere, missing), (&of_other_step, other)];
    for (another, words) in cases {
        paused(async {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&plan).await;
            assert_done(&trial, &end);
            let network = std::sync::Mutex::new(String::new());
            trial.rewrite(|record| {
                let Record::Succeeded(done) = record else { return };
                let undo = done.made.undo.as_mut().unwrap();
                match done.instance.step.as_str() {
                    "net" => *network.lock().unwrap() = undo.path.clone(),
                    _ => undo.path = another(&undo.path, &network.lock().unwrap()),
                }
            });
            assert_eq!(trial.destroy().await.exit, Exit::TeardownIncomplete);
            assert!(trial.alive().contains(&"volumes disk-1".to_owned()), "{:?}", trial.alive());
            assert!(trial.left().join("\n").contains(words), "{:?}", trial.left());
            // The plan has no `undo`: the run records the delete of the catalogue.
            trial.run(&plan).await;
            assert_eq!(trial.destroy().await.exit, Exit::Done);
            assert_eq!(trial.alive(), Vec::<String>::new());
        });
    }
}

/// A volume whose undo creates a snapshot of it.
pub fn last_look() -> String {
    format!(
        "name: demo\nsteps:\n  - id: vol\n    call: POST /cloud/v1/volumes/{PLACE}\n    \
         body: {{ name: vol, source: new-volume, size: 1 }}\n    undo:\n      call: POST /cloud/v1/snapshots/{PLACE}\n      \
         body: {{ name: last-look, volume_id: \"{{{{ self.id }}}}\" }}\n"
    )
}

#[test]
fn an_undo_by_post_acts_once_whatever_happens_to_its_answers() {
    paused(async {
        for faults in
            [&["lost-answer:POST:snapshots:1"][..], &["lost-answer:POST:snapshots"], &["reset:POST:snapshots:1"]]
        {
            let mut trial = Trial::with_faults(faults);
            let end = trial.run(&last_look()).await;
            assert_done(&trial, &end);
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{faults:?}: {:?}", trial.left());
            assert_eq!(trial.made()["snapshots"], 1, "{faults:?}");
        }
    });
}

/// Nothing shows whether it was carried out: it stays unknown, and is not sent again by the next destroy either.
#[test]
fn an_undo_by_post_whose_task_is_unknown_is_not_sent_again() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&last_look()).await;
        assert_done(&trial, &end);
        trial.change_answers(super::unseen_tasks::without_tasks);
        for _ in 0..2 {
            assert_eq!(trial.destroy().await.exit, Exit::TeardownIncomplete);
            let left = trial.left().join("\n");
            assert!(left.contains("its removal was accepted, and how it ended is not known"), "{left}");
            assert_eq!(trial.made()["snapshots"], 1);
            trial.events.clear();
        }
        // The API knows it again.
        trial.change_answers(|_, answer| answer);
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert_eq!(trial.made()["snapshots"], 1);
    });
}

#[test]
fn a_failed_machine_does_not_leave_its_boot_volume() {
    paused(async {
        let plan = MACHINE
            .replace("inputs: { data_volume: {} }\n", "")
            .replace("        - { source: existing-volume, volume_id: \"{{ inputs.data_volume }}\" }\n", "");
        let mut trial = Trial::with_faults(&["task-error:POST:instances:1:leaves"]);
        let end = trial.run(&plan).await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        assert_eq!(trial.alive(), ["instances web", "volumes boot"]);
        let made = &trial.status().instances[0].made[0];
        assert_eq!((made.kind.as_deref(), made.secondary.len()), (Some("instances"), 1), "{made:#?}");
        assert!(made.undo.is_some(), "{made:#?}");
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

#[test]
fn a_teardown_that_removes_only_the_remainder_of_a_create_counts_it() {
    let plan = MACHINE
        .replace("inputs: { data_volume: {} }\n", "")
        .replace("        - { source: existing-volume, volume_id: \"{{ inputs.data_volume }}\" }\n", "");
    let mut seen = 0;
    for kept in 1..8 {
        paused(async {
            let mut trial = Trial::new(Options::default());
            trial.run(&plan).await;
            let path = trial.status().instances[0].made[0].undo.as_ref().unwrap().path.clone();
            // The boot volume outlives a machine that is deleted without it.
            trial.by_hand(&RecordedCall::new(Method::Delete, path)).await;
            trial.destroy_until(&Life::until(When::Records { kept, torn: false })).await;
            let is_remainder = trial.status().instances[0].made.iter().any(|made| made.id.is_none())
                && trial.alive() == ["volumes boot"];
            let end = trial.destroy().await;
            assert_eq!((end.exit, trial.alive()), (Exit::Done, vec![]), "{kept}: {:?}", trial.left());
            seen += usize::from(is_remainder);
            assert!(!is_remainder || end.removed == 1, "{kept}: {end:?}");
        });
    }
    assert!(seen > 0);
}

#[test]
fn an_undo_that_sets_back_counts_as_reverted_and_not_as_removed() {
    paused(async {
        let plan = format!(
            "{NETWORK}  - id: rename\n    call: PATCH /cloud/v2/networks/{{project_id}}/{{region_id}}/{{{{ steps.net.id }}}}\n    \
             body: {{ name: other }}\n    undo: {{ call: \"PATCH /cloud/v2/networks/{{project_id}}/{{region_id}}/{{{{ steps.net.id }}}}\", \
             body: {{ name: former }} }}\n"
        );
        let mut trial = Trial::new(Options::default());
        trial.run(&plan).await;
        let end = trial.destroy().await;
        assert_eq!((end.exit, end.removed, end.reverted), (Exit::Done, 1, 1), "{:?}", trial.left());
        let reverted = trial.events.iter().filter_map(|event| match event {
            Event::ResourceRemoved { reverted_by: Some(call), .. } => Some(call.as_str()),
            _ => None,
        });
        let reverted: Vec<&str> = reverted.collect();
        assert!(
            matches!(reverted.as_slice(), [call] if call.starts_with("PATCH /cloud/v2/networks/1/7/")),
            "{reverted:?}"
        );
    });
}

#[test]
fn an_output_that_cannot_be_evaluated_fails_the_run_after_everything_is_on_record() {
    paused(async {
        let plan =
            format!("{NETWORK}outputs:\n  id: \"{{{{ steps.net.id }}}}\"\n  total: \"{{{{ steps.net.id | int }}}}\"\n");
        let mut trial = Trial::new(Options::default());
        let end = trial.with(&plan, &[], rollback()).await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        assert_eq!(end.outputs.iter().map(|output| output.name.as_str()).collect::<Vec<_>>(), ["id"]);
        let (instance, error) = end.failure.unwrap();
        assert!(error.message.starts_with("output `total` cannot be evaluated"), "{instance}: {}", error.message);
        assert_eq!((trial.alive().len(), trial.status().existing().count()), (1, 1));
        let again = trial.run(&plan).await;
        assert_eq!((again.finished.exit, again.finished.reused), (Exit::StepFailed, 1));
    });
}

#[test]
fn a_resource_deleted_elsewhere_is_reported_with_help() {
    paused(async {
        let plan = format!("{NETWORK}outputs: {{ name: \"{{{{ steps.net.resource.name }}}}\" }}\n");
        let mut trial = Trial::new(Options::default());
        trial.run(&plan).await;
        let undo = trial.status().instances[0].made[0].undo.clone().unwrap();
        trial.by_hand(&undo).await;
        let end = trial.run(&plan).await;
        let (_, error) = end.failure.unwrap();
        assert!(error.call.as_ref().is_some_and(|call| call.starts_with("GET ")), "{error:?}");
        assert!(error.message.starts_with("what an earlier run made is not there any more"), "{error:?}");
        assert!(error.help[0].contains("--replace net") && error.help[1].contains("plan state forget net"));
        let options = RunOptions { replace: [crate::id::StepId::new("net")].into(), ..RunOptions::default() };
        let end = trial.with(&plan, &[], options).await;
        assert_done(&trial, &end);
    });
}

#[test]
fn a_resource_without_a_delete_is_named() {
    let plan = format!(
        "name: demo\nsteps:\n  - id: net\n    call: POST /cloud/v1/networks/{PLACE}\n    \
         body: {{ name: net-1, create_router: false }}\n    undo: none\n"
    );
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&plan).await;
        assert_done(&trial, &end);
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert!(trial.warnings().contains("it has no undo"), "{}", trial.warnings());
        assert_eq!(trial.simulator.lock().unwrap().resources("networks").len(), 1);
    });
}

const THING: &str = "name: demo\nsteps:\n  - id: thing\n    \
    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    body: { name: net-one, create_router: false }\n";

#[test]
fn what_a_step_made_before_it_became_a_read_is_named_and_pruned() {
    paused(async {
        let read = "name: demo\nsteps:\n  - id: thing\n    call: GET /cloud/v1/networks/{project_id}/{region_id}\n";
        let mut trial = Trial::new(Options::default());
        let end = trial.run(THING).await;
        assert_done(&trial, &end);
        let end = trial.run(read).await;
        assert_done(&trial, &end);
        assert!(trial.warnings().contains("no longer in the plan, and kept: `thing`"), "{}", trial.warnings());
        assert_eq!(trial.alive().len(), 1);
        let prune = RunOptions { prune: true, ..RunOptions::default() };
        let end = trial.run_with(read, prune, std::future::pending()).await;
        assert_done(&trial, &end);
        assert!(trial.alive().is_empty() && trial.status().existing().next().is_none(), "{:?}", trial.alive());
    });
}

#[test]
fn a_step_that_makes_another_kind_changes_nothing_in_place() {
    paused(async {
        let volume = |on_change: &str| {
            format!(
                "name: demo\nsteps:\n  - id: thing\n    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    \
                 body: {{ name: vol-one, source: new-volume, size: 1 }}\n    on_change: {on_change}\n"
            )
        };
        let mut trial = Trial::new(Options::default());
        let end = trial.run(THING).await;
        assert_done(&trial, &end);
        let before = trial.writes();
        assert_eq!(trial.run(&volume("auto")).await.finished.exit, Exit::StepFailed);
        assert_eq!(trial.writes(), before, "the network keeps its name");
        let failures = trial.failures().join("\n");
        assert!(failures.contains("needs a new resource") && failures.contains("`call`"), "{failures}");
        let end = trial.run(&volume("replace")).await;
        assert_done(&trial, &end);
        assert!(matches!(&trial.alive()[..], [one] if one.contains("volume")), "{:?}", trial.alive());
    });
}

#[test]
fn what_another_record_has_as_its_own_is_kept() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(NETWORK).await;
        let ours = trial.status();
        trial.other_records = vec![("plan `demo`, environment `live`".to_owned(), ours)];
        let finished = trial.destroy().await;
        assert_eq!(finished.exit, Exit::TeardownIncomplete);
        assert!(trial.left()[0].contains("made by plan `demo`, environment `live` as well"), "{:?}", trial.left());
        assert_eq!(trial.alive().len(), 1);
        trial.other_records.clear();
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}
