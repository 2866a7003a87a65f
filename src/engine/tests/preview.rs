//! A preview shows what a run would do: nothing without a change, and only the instance that changes.

use std::collections::BTreeMap;

use super::harness::{Trial, assert_done, paused};
use super::takedown::pairs;
use crate::catalog::Catalog;
use crate::engine::{Preview, Reads, RunOptions, Settings};
use crate::exit::Exit;
use crate::plan::Selection;
use crate::simulate::Options;

impl Trial {
    /// The preview as lines `instance action`, pending ones with a star.
    pub(super) fn preview(&self, plan: &str, prune: bool) -> Vec<String> {
        let plan = Self::plan("plan.yaml", plan);
        let sources = crate::plan::inputs::InputSources { set: &self.inputs, ..Default::default() };
        let inputs: BTreeMap<_, _> = crate::plan::inputs::resolve(&plan.inputs, &sources, &self.secrets).unwrap();
        let status = self.status();
        let settings = Settings {
            plan: "demo".to_owned(),
            environment: "default".to_owned(),
            project_id: Some(1),
            region_id: Some(7),
            stamp: true,
            resolve_time: std::time::Duration::ZERO,
            max_items: 1000,
            records: None,
            user_agent: String::new(),
        };
        let none = Selection::default();
        let preview = Preview {
            plan: &plan,
            catalog: Catalog::embedded(),
            settings: &settings,
            secrets: &self.secrets,
            digest_key: status.header.key.as_bytes(),
            inputs: &inputs,
            status: Some(&status).filter(|status| !status.instances.is_empty()),
            replace: &none,
            target: &none,
            prune,
            reads: &Reads::default(),
        };
        let shown = preview.changes().0.into_iter().map(|change| {
            let value = serde_json::to_value(&change).unwrap();
            let how = value["how"].as_str().map(|how| format!(" {how}")).unwrap_or_default();
            let star = if change.is_pending() { "*" } else { "" };
            let path =
                change.call.as_ref().map(|call| self.secrets.redact(&call.path).into_owned()).unwrap_or_default();
            let unknown = if path.contains("known after") { format!(" {path}") } else { String::new() };
            format!("{}{star} {}{how}{unknown}", change.instance, value["action"].as_str().unwrap())
        });
        shown.collect()
    }
}

/// A GET, a volume created from its answer, a step whose `when` depends on it, and a reference to a resource.
const LOOKUP: &str = r#"
name: demo
inputs: { size: { type: integer, default: 10 } }
steps:
  - id: images
    call: GET /cloud/v1/images/{project_id}/{region_id}
  - id: disk
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { source: image, name: disk-1, size: "{{ inputs.size }}", image_id: "{{ steps.images.response.results[0].id }}" }
  - id: snap
    when: steps.images.response.results
    call: POST /cloud/v1/snapshots/{project_id}/{region_id}
    body: { name: "snap-{{ steps.disk.resource.name }}", volume_id: "{{ steps.disk.id }}" }
"#;

#[test]
fn unread_values_are_no_change() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        assert_eq!(trial.preview(LOOKUP, false), ["images read", "disk* call", "snap* depends"]);
        let end = trial.run(LOOKUP).await;
        assert_done(&trial, &end);
        assert_eq!(trial.preview(LOOKUP, false), ["images read", "disk keep", "snap depends"]);
        trial.inputs = vec![("size".to_owned(), "20".to_owned())];
        assert_eq!(trial.preview(LOOKUP, false), ["images read", "disk* change update", "snap depends"]);
        trial.inputs = vec![("size".to_owned(), "5".to_owned())];
        assert_eq!(trial.preview(LOOKUP, false), ["images read", "disk* change error", "snap depends"]);
    });
}

#[test]
fn one_of_two_is_shown_to_change_where_one_of_two_does() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(&pairs()).await;
        let made = trial.made();
        trial.inputs = vec![("sizes".to_owned(), "{a: 5, b: 3}".to_owned())];
        assert_eq!(
            trial.preview(&pairs(), false),
            ["disk[a] keep", "disk[b]* change replace", "snap[a] keep", "snap[b]* change replace"]
        );
        let end = trial.run_with(&pairs(), RunOptions::default(), std::future::pending()).await;
        assert_eq!(end.finished.exit, Exit::Done);
        assert_eq!(trial.made()["volumes"] + trial.made()["snapshots"], made["volumes"] + made["snapshots"] + 2);
        trial.inputs = vec![("sizes".to_owned(), "{a: 5}".to_owned())];
        assert_eq!(trial.preview(&pairs(), false), ["disk[a] keep", "snap[a] keep", "disk[b] gone", "snap[b] gone"]);
        assert_eq!(trial.preview(&pairs(), true)[2..], ["disk[b]* gone", "snap[b]* gone"]);
    });
}

/// A server group, and a machine that would change its group in place if the group itself were not replaced.
const GROUPED: &str = r#"
name: demo
inputs: { policy: { default: affinity } }
steps:
  - id: group
    on_change: replace
    call: POST /cloud/v1/servergroups/{project_id}/{region_id}
    body: { name: group-1, policy: "{{ inputs.policy }}" }
  - id: web
    on_change: replace
    call: POST /cloud/v2/instances/{project_id}/{region_id}
    body:
      name: web-1
      flavor: g1-standard-1-2
      interfaces: [{ type: external }]
      volumes: [{ source: image, image_id: 6bbb4d1c-e217-4f4b-a5e8-fd2eca4b0c5c, size: 10 }]
      servergroup_id: "{{ steps.group.id }}"
"#;

#[test]
fn what_goes_with_a_replaced_resource_is_shown_to_be_replaced() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(GROUPED).await;
        assert_done(&trial, &end);
        let made = trial.made()["instances"];
        trial.inputs = vec![("policy".to_owned(), "anti-affinity".to_owned())];
        assert_eq!(trial.preview(GROUPED, false), ["group* change replace", "web* change replace"]);
        // A dependant that may not be replaced stops the replacement.
        let kept = GROUPED.replacen("on_change: replace\n    call: POST /cloud/v2", "call: POST /cloud/v2", 1);
        assert_eq!(trial.preview(&kept, false)[0], "group* change error");
        let end = trial.run_with(&kept, RunOptions::default(), std::future::pending()).await;
        assert_eq!((end.finished.exit, trial.made()["instances"]), (Exit::StepFailed, made));
        let end = trial.run_with(GROUPED, RunOptions::default(), std::future::pending()).await;
        assert_eq!((end.finished.exit, trial.made()["instances"]), (Exit::Done, made + 1));
    });
}

#[test]
fn a_call_of_which_a_part_is_unknown_is_shown_in_its_own_region() {
    let plan = r#"
name: demo
steps:
  - id: net
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: net-1, create_router: false }
  - id: port
    for_each: { a: 76 }
    region_id: "{{ each.value }}"
    call: PATCH /cloud/v2/networks/{project_id}/{region_id}/{{ steps.net.id }}
    body: { name: net-2 }
"#;
    let shown = Trial::new(Options::default()).preview(plan, false);
    assert_eq!(shown, ["net* call", "port[a]* call /cloud/v2/networks/1/76/(known after `net`)"]);
}

#[test]
fn a_call_that_only_computes_is_made_every_time() {
    paused(async {
        let plan = "name: demo\nsteps:\n  - id: limits\n    call: POST /cloud/v1/pricing/{project_id}/{region_id}/volumes\n    \
                    body: { source: new-volume, size: 10, type_name: standard }\n";
        let mut trial = Trial::new(Options::default());
        for _ in 0..2 {
            let end = trial.run(plan).await;
            assert_done(&trial, &end);
            assert_eq!(end.finished.reused, 0);
        }
        assert_eq!(trial.preview(plan, false), ["limits read"]);
        assert_eq!((trial.writes(), trial.status().instances.len()), (2, 0));
    });
}
