//! Adopting existing resources without a create, and renamed steps without any call.

use serde_json::json;

use super::harness::{Trial, assert_done, paused};
use super::ours::{DATA, MACHINE};
use super::preview::Asked;
use crate::catalog::Method;
use crate::engine::{Action, Import, RunOptions};
use crate::event::{Event, Provenance};
use crate::exit::Exit;
use crate::journal::{Adopted, Record, RecordedCall, RecordedResource};
use crate::plan::Selection;
use crate::simulate::Options;

const PLAN: &str = r#"
name: demo
inputs: { size: { type: integer, default: 5 }, name: { default: disk-1 } }
steps:
  - id: net
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: net-1, create_router: false }
  - id: disk
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: "{{ inputs.name }}", source: new-volume, size: "{{ inputs.size }}" }
  - id: snap
    call: POST /cloud/v1/snapshots/{project_id}/{region_id}
    body: { name: snap-1, volume_id: "{{ steps.disk.id }}" }
"#;

impl Trial {
    /// Another client creates a volume; returns its id.
    async fn volume(&self, name: &str, size: u64) -> String {
        let call = RecordedCall {
            body: Some(json!({ "name": name, "source": "new-volume", "size": size }).into()),
            ..RecordedCall::new(Method::Post, "/cloud/v1/volumes/1/7")
        };
        self.by_hand(&call).await;
        let everything = self.simulator.lock().unwrap().everything();
        everything.into_iter().find(|held| held.kind == "volumes" && held.name == name).unwrap().id
    }

    fn adopted(&self) -> Vec<String> {
        let done = self.events.iter().filter_map(|event| match event {
            Event::StepSucceeded { instance, result } if result.provenance == Provenance::Adopted => {
                Some(instance.to_string())
            }
            _ => None,
        });
        done.collect()
    }
}

fn adopting(how: &str) -> String {
    PLAN.replace("  - id: snap", &format!("    adopt: {how}\n  - id: snap"))
}

#[test]
fn an_existing_resource_is_adopted_by_id_or_name_and_kept_unless_owned() {
    paused(async {
        for (how, left) in [
            ("{ id: ID }", &["volumes disk-1"][..]),
            ("{ name: disk-1 }", &["volumes disk-1"]),
            ("{ name: disk-1, own: true }", &[]),
            ("{ id: ID, own: true }", &[]),
        ] {
            let mut trial = Trial::new(Options::default());
            let id = trial.volume("disk-1", 5).await;
            let plan = adopting(&how.replace("ID", &id));
            let end = trial.run(&plan).await;
            assert_done(&trial, &end);
            assert_eq!((trial.made()["volumes"], trial.adopted()), (1, vec!["disk".to_owned()]), "{how}");
            let writes = trial.writes();
            let end = trial.run(&plan).await;
            assert_done(&trial, &end);
            assert_eq!(trial.writes(), writes, "{how}");
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{how}");
            assert_eq!(trial.alive(), left, "{how}");
        }
    });
}

/// By what they are called here: the calls of resources that do not come alone, without their project and region.
const WITH_MORE: [(&str, &str, &str); 4] = [
    (
        "machine",
        "/cloud/v2/instances",
        r#"{ "name": "web-1", "flavor": "g2-standard-2-4", "interfaces": [{ "type": "external" }], "volumes": [{ "source": "image", "image_id": "11111111-1111-4111-8111-111111111111", "boot_index": 0, "size": 10 }] }"#,
    ),
    (
        "machine with an address",
        "/cloud/v2/instances",
        r#"{ "name": "web-1", "flavor": "g2-standard-2-4", "interfaces": [{ "type": "any_subnet", "network_id": "NETWORK", "floating_ip": { "source": "new" } }], "volumes": [{ "source": "image", "image_id": "11111111-1111-4111-8111-111111111111", "boot_index": 0, "size": 10 }] }"#,
    ),
    ("network", "/cloud/v1/networks", r#"{ "name": "web-1", "create_router": true }"#),
    (
        "load balancer",
        "/cloud/v1/loadbalancers",
        r#"{ "name": "web-1", "vip_network_id": "NETWORK", "floating_ip": { "source": "new" } }"#,
    ),
];

impl Trial {
    /// A network of its own, and what another client makes with these calls.
    async fn with_more(calls: &[(&str, &str)]) -> (Self, Vec<String>, String) {
        let trial = Trial::new(Options::default());
        let post = |path: &str, body: serde_json::Value| RecordedCall {
            body: Some(body.into()),
            ..RecordedCall::new(Method::Post, format!("{path}/1/7"))
        };
        trial.by_hand(&post("/cloud/v1/networks", json!({ "name": "base", "create_router": false }))).await;
        let network = trial.id_of("base");
        trial
            .by_hand(&post(
                "/cloud/v1/subnets",
                json!({ "name": "base", "network_id": network, "cidr": "10.0.0.0/24" }),
            ))
            .await;
        let before = trial.alive();
        for (path, body) in calls {
            let body = serde_json::from_str(&body.replace("NETWORK", &network)).unwrap();
            trial.by_hand(&post(path, body)).await;
        }
        (trial, before, network)
    }

    fn id_of(&self, name: &str) -> String {
        let everything = self.simulator.lock().unwrap().everything();
        everything.into_iter().find(|held| held.name == name && held.kind == "networks").unwrap().id
    }
}

#[test]
fn an_owned_resource_takes_along_what_its_create_made_besides() {
    paused(async {
        for (what, path, body) in WITH_MORE {
            let (mut trial, before, network) = Trial::with_more(&[(path, body)]).await;
            let many = trial.alive().len();
            assert!(many > before.len() + 1, "{what} comes alone: {:?}", trial.alive());
            let step = format!(
                "call: POST {path}/{{project_id}}/{{region_id}}\n    body: {}",
                body.replace("NETWORK", &network)
            );
            let plan = format!("name: demo\nsteps:\n  - id: it\n    {step}\n    adopt: {{ name: web-1, own: true }}\n");
            let end = trial.run(&plan).await;
            assert_done(&trial, &end);
            assert_eq!((trial.writes(), trial.alive().len()), (0, many), "{what}");
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{what}: {:?}", trial.left());
            assert_eq!(trial.alive(), before, "{what}: {}", trial.warnings());
        }
    });
}

#[test]
fn an_owned_machine_does_not_take_a_volume_that_was_only_attached() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(DATA).await;
        let volume = Trial::output(&end, "id").as_str().unwrap().to_owned();
        trial.another_record();
        trial.inputs = vec![("data_volume".to_owned(), volume.clone())];
        let end = trial.run(MACHINE).await;
        assert_done(&trial, &end);
        trial.another_record();
        // The plan of the one who adopts it names no volume.
        let plan = MACHINE
            .replace("inputs: { data_volume: {} }\n", "")
            .replace("        - { source: existing-volume, volume_id: \"{{ inputs.data_volume }}\" }\n", "")
            .replace("    body:\n", "    adopt: { name: web, own: true }\n    body:\n");
        trial.inputs.clear();
        let end = trial.run(&plan).await;
        assert_done(&trial, &end);
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert_eq!(trial.alive(), ["volumes data"]);
    });
}

#[test]
fn an_adopted_resource_is_updated_to_the_plan_where_possible() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let id = trial.volume("theirs", 3).await;
        let end = trial.run(&adopting(&format!("{{ id: {id} }}"))).await;
        assert_done(&trial, &end);
        assert!(trial.alive().contains(&"volumes disk-1".to_owned()), "{:?}", trial.alive());
        assert_eq!(trial.made()["volumes"], 1);

        let mut trial = Trial::new(Options::default());
        let id = trial.volume("disk-1", 50).await;
        let end = trial.run(&adopting(&format!("{{ id: {id} }}"))).await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        let failures = trial.failures().join("\n");
        assert!(failures.contains("it differs from the plan") && failures.contains("`body/size`"), "{failures}");
        assert!(!trial.status().instances.keys().any(|id| id.to_string() == "disk"));
    });
}

#[test]
fn an_ambiguous_adoption_fails() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.volume("disk-1", 5).await;
        let plan = adopting("{ name: other }");
        trial.run(&plan).await;
        assert!(trial.failures().join("\n").contains("the resource to adopt was not found"), "{:?}", trial.failures());
        assert!(format!("{:?}", trial.events).contains("there is only `disk-1`"), "{:?}", trial.events);
        // A constant one is found by the check.
        for empty in ["{ id: \"{{ environment[:0] }}\" }", "{ name: \"{{ environment[:0] }} \" }"] {
            trial.run(&adopting(empty)).await;
            let failures = trial.failures().join("\n");
            assert!(failures.contains("the id or name of the resource to adopt is empty"), "{failures}");
        }
        trial.volume("disk-1", 6).await;
        trial.run(&adopting("{ name: disk-1 }")).await;
        assert!(trial.failures().join("\n").contains("2 resources have the name `disk-1`"), "{:?}", trial.failures());
        assert!(format!("{:?}", trial.events).contains("they are `"), "{:?}", trial.events);
        assert_eq!(trial.made()["volumes"], 2);
    });
}

#[test]
fn an_import_records_one_resource_and_creates_nothing() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let id = trial.volume("disk-1", 5).await;
        let import = |name: &str, id: &str| RunOptions {
            target: Selection::from_iter([Selection::name(name)]),
            import: Some(Import { instance: Selection::name(name), id: id.to_owned(), own: false }),
            ..RunOptions::default()
        };
        let early = trial.run_with(PLAN, import("snap", "x"), std::future::pending()).await;
        assert_eq!(early.finished.exit, Exit::StepFailed);
        assert!(trial.failures().join("\n").contains("disk: it is not on record"), "{:?}", trial.failures());
        let end = trial.run_with(PLAN, import("disk", &id), std::future::pending()).await;
        assert_done(&trial, &end);
        assert_eq!((trial.writes(), trial.adopted()), (0, vec!["disk".to_owned()]));
        let again = trial.run_with(PLAN, import("disk", &id), std::future::pending()).await;
        assert_eq!(again.finished.exit, Exit::StepFailed);
        let end = trial.run(PLAN).await;
        assert_done(&trial, &end);
        assert_eq!(trial.made()["volumes"], 1);
    });
}

#[test]
fn a_renamed_step_or_key_keeps_its_resource_without_a_call() {
    paused(async {
        let plan = |ids: &str, moved: &str| {
            format!(
                "name: demo\n{moved}steps:\n  - id: {ids}\n    for_each: [10.0.1.0/24, 10.0.2.0/24]\n    call: POST \
                 /cloud/v1/networks/{{project_id}}/{{region_id}}\n    body: {{ name: \"net-{{{{ each.key }}}}\", \
                 create_router: false }}\n  - id: sub\n    call: POST /cloud/v1/subnets/{{project_id}}/{{region_id}}\n    \
                 body: {{ name: sub-1, network_id: \"{{{{ steps.{ids}.ids[1] }}}}\", cidr: 10.0.0.0/24 }}\n"
            )
        };
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&plan("net", "")).await;
        assert_done(&trial, &end);
        let writes = trial.writes();
        let end = trial.run(&plan("network", "moved: [{ from: net, to: network }]\n")).await;
        assert_done(&trial, &end);
        assert_eq!((trial.writes(), end.finished.reused), (writes, 3));
        let mapping = plan(
            "network",
            "moved: [{ from: 'network[0]', to: 'network[a]' }, { from: 'network[1]', to: 'network[b]' }]\n",
        )
        .replace("[10.0.1.0/24, 10.0.2.0/24]", "{ a: 0, b: 1 }")
        .replace("net-{{ each.key }}", "net-{{ each.value }}");
        let end = trial.run(&mapping).await;
        assert_done(&trial, &end);
        assert_eq!((trial.writes(), end.finished.reused), (writes, 3));
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

#[test]
fn a_list_that_loses_an_element_in_its_middle_is_reported_with_help() {
    paused(async {
        let plan = |names: &str| {
            format!(
                "name: demo\nsteps:\n  - id: disk\n    for_each: {names}\n    call: POST \
                 /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    body: {{ name: \"disk-{{{{ each.value }}}}\", source: \
                 new-volume, size: 5 }}\n"
            )
        };
        let mut trial = Trial::new(Options::default());
        trial.run(&plan("[a, b, c]")).await;
        trial.run(&plan("[a, b]")).await;
        assert!(!trial.warnings().contains("lost its element"), "{}", trial.warnings());
        trial.run(&plan("[a, c]")).await;
        assert!(trial.warnings().contains("the list of `disk` lost its element 1"), "{}", trial.warnings());
    });
}

#[test]
fn what_one_step_has_taken_over_another_cannot_take() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let id = trial.volume("disk-1", 5).await;
        let step = |name: &str, needs: &str| {
            format!(
                "  - id: {name}\n{needs}    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    \
                 body: {{ name: disk-1, source: new-volume, size: 5 }}\n    adopt: {{ id: {id} }}\n"
            )
        };
        let text = format!(
            "name: demo\nsteps:\n{}{}outputs: {{ shown: \"{{{{ steps.one.response.size }}}}\" }}\n",
            step("one", ""),
            step("two", "    needs: one\n")
        );
        // A preview tells it before anything is adopted, and after.
        let shown = |trial: &Trial| {
            let (changes, _) = trial.previewed(&text, &Asked::default());
            let Action::Wrong { message, help, .. } = &changes[1].action else { panic!("{changes:?}") };
            assert_eq!(*message, format!("{id} is on record already: it belongs to step `one`"));
            assert!(help[0].starts_with("a resource has one step"), "{help:?}");
            changes[0].action.clone()
        };
        assert_eq!(shown(&trial), Action::Adopt { then: None });
        let end = trial.run(&text).await;
        assert_eq!(shown(&trial), Action::Keep);
        assert_eq!((end.finished.exit, Trial::output(&end, "shown")), (Exit::StepFailed, json!(5)));
        assert!(trial.failures()[0].starts_with(&format!("two: {id} is on record already")), "{:?}", trial.failures());
        let status = trial.status();
        let (_, known) = status.instances.iter().next().unwrap();
        let response = known.result.as_ref().unwrap().response.as_ref().unwrap();
        assert_eq!((status.existing().count(), &response["size"]), (1, &json!(5)));
    });
}

#[test]
fn of_two_steps_that_adopt_one_resource_at_the_same_time_one_is_refused() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let id = trial.volume("disk-1", 5).await;
        let step = |name: &str, by: &str| {
            format!(
                "  - id: {name}\n    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    \
                 body: {{ name: disk-1, source: new-volume, size: 5 }}\n    adopt: {{ {by} }}\n"
            )
        };
        let (by_id, by_name) = (format!("id: {id}, own: true"), "name: disk-1".to_owned());
        let end = trial.run(&format!("name: demo\nsteps:\n{}{}", step("one", &by_id), step("two", &by_name))).await;
        let (_, error) = end.failure.unwrap();
        assert!(error.message.starts_with(&format!("{id} is on record already: it belongs to step")), "{error:?}");
        assert!(error.help.iter().any(|help| help.starts_with("a resource has one step")), "{error:?}");
        assert_eq!((end.finished.exit, end.finished.failed), (Exit::StepFailed, 1));
        let status = trial.status();
        let (adopter, _) = status.existing().next().unwrap();
        assert_eq!(status.existing().count(), 1);
        // A new name of the step that has it.
        let by = if adopter.step.as_str() == "one" { by_id } else { by_name };
        let end = trial.run(&format!("name: demo\nsteps:\n{}", step("three", &by))).await;
        let (_, error) = end.failure.unwrap();
        assert!(error.help[0].contains(&format!("`moved: [{{ from: '{adopter}', to: 'three' }}]`")), "{error:?}");
    });
}

/// Two instances have one resource on record, as earlier versions left it: one made it, the other adopted it.
#[test]
fn what_another_instance_adopted_is_not_pruned_under_it() {
    paused(async {
        let step = |name: &str, adopt: &str| {
            format!(
                "name: demo\nsteps:\n  - id: {name}\n    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    \
                 body: {{ name: disk-1, source: new-volume, size: 5 }}\n{adopt}"
            )
        };
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&step("maker", "")).await;
        assert_done(&trial, &end);
        let maker = Selection::name("maker");
        let known = trial.status().instances[&maker].clone();
        trial.record(Record::Adopted(Box::new(Adopted {
            instance: Selection::name("user"),
            after: Vec::new(),
            result: known.result.clone().unwrap(),
            made: RecordedResource { undo: None, ..known.made[0].clone() },
            agrees: known.agrees.clone().unwrap(),
        })));
        let user = step("user", "    adopt: { name: disk-1 }\n");
        let prune = Asked { prune: true, ..Asked::default() };
        let (changes, _) = trial.previewed(&user, &prune);
        let Action::Gone { stays_for, pruned: false, .. } = &changes[1].action else { panic!("{changes:?}") };
        assert_eq!(stays_for.as_ref(), Some(&Selection::name("user")));
        let end = trial.asked(&user, &prune).await;
        assert_eq!((end.finished.exit, trial.alive().len()), (Exit::TeardownIncomplete, 1));
        assert!(trial.left()[0].contains("`user` has it on record as well, and keeps it"), "{:?}", trial.left());
        // Once both go, it goes by the call of its maker.
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

#[test]
fn what_another_step_made_is_not_adopted() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let plan = PLAN.replace(
            "  - id: snap",
            "  - id: twin\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
             body: { name: other, source: new-volume, size: 1 }\n    \
             adopt: { id: \"{{ steps.disk.id }}\", own: true }\n  - id: snap",
        );
        let end = trial.run(&plan).await;
        assert_eq!(end.finished.exit, Exit::StepFailed, "{:?}", trial.failures());
        assert!(trial.failures().iter().any(|words| words.contains("is on record already")), "{:?}", trial.failures());
    });
}
