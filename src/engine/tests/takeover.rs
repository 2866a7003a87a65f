//! Adopting existing resources without a create, and renamed steps without any call.

use serde_json::json;

use super::harness::{Trial, assert_done, paused};
use crate::catalog::Method;
use crate::engine::{Import, RunOptions};
use crate::event::{Event, Provenance};
use crate::exit::Exit;
use crate::journal::RecordedCall;
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
    /// Another client creates a volume; gives its id.
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
        assert!(failures.contains("it is not what the plan says") && failures.contains("`body/size`"), "{failures}");
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
        for empty in ["{ id: '' }", "{ name: ' ' }"] {
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
