//! A preview shows what a run would do: nothing without a change, and only the instance that changes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::harness::{Trial, assert_done, paused};
use super::takedown::pairs;
use crate::catalog::{Catalog, Method};
use crate::engine::{Action, Change, ChangeCounts, Preview, Reads, RecordFlags, RunOptions, Settings};
use crate::exit::Exit;
use crate::journal::RecordedCall;
use crate::plan::Selection;
use crate::simulate::Options;

/// What a preview is asked for besides the plan.
#[derive(Default)]
pub(super) struct Asked<'a> {
    pub prune: bool,
    pub target: &'a [&'a str],
    pub replace: &'a [&'a str],
    pub reads: Reads,
}

impl Trial {
    /// The preview, and the reads with which it would be more exact.
    pub(super) fn previewed(&self, plan: &str, asked: &Asked<'_>) -> (Vec<Change>, Vec<RecordedCall>) {
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
            record_flags: RecordFlags::default(),
            user_agent: String::new(),
        };
        let preview = Preview {
            plan: &plan,
            catalog: Catalog::embedded(),
            settings: &settings,
            secrets: &self.secrets,
            digest_key: status.header.key.as_bytes(),
            inputs: &inputs,
            status: Some(&status).filter(|status| !status.instances.is_empty()),
            replace: &asked.replace.iter().map(|name| Selection::name(name)).collect(),
            target: &asked.target.iter().map(|name| Selection::name(name)).collect(),
            prune: asked.prune,
            reads: &asked.reads,
        };
        preview.changes()
    }

    /// The preview as lines `instance action`, pending ones with a star.
    pub(super) fn preview(&self, plan: &str, prune: bool) -> Vec<String> {
        self.preview_of(plan, &Asked { prune, ..Asked::default() })
    }

    pub(super) fn preview_of(&self, plan: &str, asked: &Asked<'_>) -> Vec<String> {
        let shown = self.previewed(plan, asked).0.into_iter().map(|change| {
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

/// An output reads the resource of the first disk; the second is new. What is made for each of them is known as far as
/// its templates do not lead there.
#[test]
fn what_is_made_for_a_new_element_is_shown_though_resources_are_read() {
    const DISK: &str = "call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    body: { source: new-volume, name: \"d-{{ each.key }}\", size: 1 }\n";
    const SNAP: &str = "call: POST /cloud/v1/snapshots/{project_id}/{region_id}\n    body: { name: \"";
    let plan = |disks: &str, name: &str| {
        format!(
            "name: demo\nsteps:\n  - id: disk\n    for_each: {disks}\n    {DISK}  - id: snap\n    for_each: \"{{{{ steps.disk.all }}}}\"\n    {SNAP}s-{name}\", volume_id: \"{{{{ each.value.id }}}}\" }}\n  - id: first\n    {SNAP}first\", volume_id: \"{{{{ steps.disk.each['a'].id }}}}\" }}\noutputs: {{ size: \"{{{{ steps.disk.each['a'].resource.size }}}}\" }}\n"
        )
    };
    paused(async {
        let mut trial = Trial::new(Options::default());
        let (before, after) = (plan("{ a: 1 }", "{{ each.key }}"), plan("{ a: 1, b: 2 }", "{{ each.key }}"));
        let end = trial.run(&before).await;
        assert_done(&trial, &end);
        let shown = trial.preview(&after, false);
        assert_eq!(shown, ["disk[a] keep", "disk[b]* call", "snap[0] keep", "snap[1]* call", "first keep"]);
        // Where a template reads resources, its values are not known before there are two.
        let shown = trial.preview(&plan("{ a: 1, b: 2 }", "{{ each.value.resource.name }}"), false);
        assert_eq!(shown, ["disk[a] keep", "disk[b]* call", "snap* depends", "first keep"]);
    });
}

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

/// The same group under two names, one of them replaced by the other in `moved`.
fn group(step: &str, more: &str) -> String {
    format!(
        "name: demo\n{more}steps:\n  - id: {step}\n    call: POST /cloud/v1/servergroups/{{project_id}}/{{region_id}}\n    \
         body: {{ name: group-1, policy: affinity }}\n"
    )
}

#[test]
fn a_moved_step_is_kept_and_a_renamed_one_is_not() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(&group("old", "")).await;
        assert_eq!(trial.preview(&group("new", "moved: [{ from: old, to: new }]\n"), false), ["new keep"]);
        assert_eq!(trial.preview(&group("new", ""), false), ["new* call", "old gone"]);
        assert_eq!(trial.preview(&group("new", ""), true), ["new* call", "old* gone"]);
    });
}

#[test]
fn only_the_target_and_what_it_needs_is_shown() {
    paused(async {
        let trial = Trial::new(Options::default());
        let of = |target: &[&str]| trial.preview_of(&pairs(), &Asked { target, ..Asked::default() });
        assert_eq!(of(&["disk"]), ["disk[a]* call", "disk[b]* call"]);
        assert_eq!(of(&["disk[b]"]), ["disk[b]* call"]);
        assert_eq!(of(&["snap[a]"]), ["disk[a]* call", "disk[b]* call", "snap[a]* call"]);
        assert_eq!(of(&[]).len(), 4);
    });
}

#[test]
fn what_has_to_be_read_is_wanted_and_shown_with_its_answer() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(LOOKUP).await;
        assert_done(&trial, &end);
        let (_, wanted) = trial.previewed(LOOKUP, &Asked::default());
        let paths: Vec<&str> = wanted.iter().map(|call| call.path.as_str()).collect();
        let [images, disk] = paths[..] else { panic!("{paths:?}") };
        assert!(images == "/cloud/v1/images/1/7" && disk.starts_with("/cloud/v1/volumes/1/7/"), "{paths:?}");
        let told = |images: Value, disk: Value| {
            let mut reads = Reads::default();
            for (call, answer) in wanted.iter().zip([images, disk]) {
                reads.learn(call, Some((200, answer)));
            }
            Asked { reads, ..Asked::default() }
        };
        let (images, disk) = (trial.read(images), trial.read(disk));
        let (changes, more) = trial.previewed(LOOKUP, &told(images.clone(), disk.clone()));
        assert_eq!(more, []);
        assert_eq!(changes.iter().map(Change::is_pending).collect::<Vec<_>>(), [false; 3]);
        // Other answers are other calls.
        let mut other = images.clone();
        other["results"][0]["id"] = json!("00000000-0000-4000-8000-000000000001");
        assert_eq!(trial.preview_of(LOOKUP, &told(other, disk.clone()))[1], "disk* change error");
        let mut renamed = disk;
        renamed["name"] = json!("disk-2");
        assert_eq!(trial.preview_of(LOOKUP, &told(images.clone(), renamed.clone()))[2], "snap* change update");
        assert_eq!(
            trial.preview_of(LOOKUP, &told(json!({ "results": [] }), renamed))[1..],
            ["disk* wrong", "snap gone"]
        );
    });
}

#[test]
fn the_answer_of_a_secret_read_stays_secret() {
    paused(async {
        let plan = "name: demo\nsteps:\n  - id: keys\n    secret: true\n    call: GET /cloud/v1/ssh_keys/{project_id}\n  - id: group\n    \
                    call: POST /cloud/v1/servergroups/{project_id}/{region_id}\n    \
                    body: { name: \"group-{{ steps.keys.response.results[0].words }}\", policy: affinity }\n";
        let trial = Trial::new(Options::default());
        let mut reads = Reads::default();
        let answer = json!({ "results": [{ "words": "hunter2-swordfish" }] });
        reads.learn(&RecordedCall::new(Method::Get, "/cloud/v1/ssh_keys/1"), Some((200, answer)));
        let (changes, _) = trial.previewed(plan, &Asked { reads, ..Asked::default() });
        let body = changes[1].call.as_ref().unwrap().body.as_ref().unwrap().text().to_owned();
        assert!(!body.contains("hunter2") && body.contains("secret:"), "{body}");
    });
}

#[test]
fn a_look_up_that_finds_no_one_item_is_shown_to_fail_where_it_stands() {
    paused(async {
        let plan = "name: demo\nsteps:\n  - id: image\n    call: GET /cloud/v1/images/{project_id}/{region_id}\n    find: { name: debian }\n  \
                    - id: disk\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                    body: { source: image, name: disk-1, size: 10, image_id: \"{{ steps.image.id }}\" }\n";
        let trial = Trial::new(Options::default());
        let image = |id: &str| json!({ "id": id, "name": "debian", "min_disk": 3 });
        let [one, two] = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"];
        for (images, expected) in [
            (json!([image(one)]), [Some(one), None]),
            (json!([image(one), image(two)]), [None, Some("plan.yaml:5:11")]),
            (json!([]), [None, Some("plan.yaml:5:11")]),
        ] {
            let mut reads = Reads::default();
            let list = RecordedCall::new(Method::Get, "/cloud/v1/images/1/7");
            reads.learn(&list, Some((200, json!({ "count": 1, "results": images }))));
            let (changes, _) = trial.previewed(plan, &Asked { reads, ..Asked::default() });
            let body = changes[1].call.as_ref().and_then(|call| call.body.as_ref()).map(|body| body.text().to_owned());
            let shown = [
                body.filter(|body| body.contains(one)).map(|_| one.to_owned()),
                match &changes[0].action {
                    Action::Wrong { at, .. } => Some(at.clone()),
                    _ => None,
                },
            ];
            assert_eq!(shown, expected.map(|text| text.map(str::to_owned)), "{images}: {changes:?}");
        }
    });
}

/// What is there before the run says nothing of what a read after one of its calls is answered.
#[test]
fn a_read_after_a_pending_step_is_known_only_after_it() {
    paused(async {
        let plan = "name: demo\nsteps:\n  - id: net\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    \
                    body: { name: mine, create_router: false }\n  - id: look\n    needs: net\n    \
                    call: GET /cloud/v1/networks/{project_id}/{region_id}\n    find: { name: mine }\n  \
                    - id: all\n    needs: net\n    call: GET /cloud/v1/networks/{project_id}/{region_id}\n  \
                    - id: disk\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                    body: { source: new-volume, name: \"{{ steps.all.response.results[0].name }}\", size: 10 }\n";
        let mut trial = Trial::new(Options::default());
        let list = RecordedCall::new(Method::Get, "/cloud/v1/networks/1/7");
        let empty = json!({ "count": 0, "results": [] });
        let mut reads = Reads::default();
        reads.learn(&list, Some((200, empty.clone())));
        let pending = ["net* call", "look* depends", "all read", "disk* call"];
        assert_eq!(trial.preview_of(plan, &Asked { reads, ..Asked::default() }), pending);
        // Without an answer as well, and where the step between the two stays as it is.
        assert_eq!(trial.preview(plan, false), pending);
        let end = trial.run(plan).await;
        assert_done(&trial, &end);
        assert_eq!(trial.preview(plan, false), ["net keep", "look read", "all read", "disk keep"]);
        let changed = plan.replace("create_router: false", "create_router: false, tags: { a: b }");
        let mut reads = Reads::default();
        reads.learn(&list, Some((200, empty)));
        let preview = trial.preview_of(&changed, &Asked { reads, ..Asked::default() });
        assert_eq!(preview, ["net* change update", "look* depends", "all read", "disk keep"]);
        // What is read of another network is something else.
        let replaced = plan
            .replace("create_router: false }", "create_router: false, type: vlan }\n    on_change: replace")
            .replace("size: 10 }", "size: 10 }\n    on_change: replace");
        let preview = trial.preview(&replaced, false);
        assert_eq!(preview, ["net* change replace", "look* depends", "all read", "disk* change update"]);
    });
}

/// A run waits again for what is not ready, and fails where it never can be: so does its preview.
#[test]
fn what_was_read_and_is_not_ready_is_shown_to_be_waited_for() {
    paused(async {
        let plan = "name: demo\nsteps:\n  - id: disk\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                    body: { source: new-volume, name: disk, size: 1 }\n    ready: resource.status == 'available'\n    \
                    fail_when: resource.status == 'error'\n";
        let mut trial = Trial::new(Options::default());
        let end = trial.run(plan).await;
        assert_done(&trial, &end);
        let (_, wanted) = trial.previewed(plan, &Asked::default());
        for (answer, expected) in [
            (None, "disk keep"),
            (Some("available"), "disk keep"),
            (Some("creating"), "disk* continue"),
            (Some("error"), "disk* wrong"),
        ] {
            let mut reads = Reads::default();
            reads.learn(&wanted[0], answer.map(|status| (200, json!({ "status": status }))));
            assert_eq!(trial.preview_of(plan, &Asked { reads, ..Asked::default() }), [expected]);
        }
    });
}

#[test]
fn an_existing_resource_is_shown_to_be_adopted_and_all_is_counted() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let adopted = group("it", "").replace("    body:", "    adopt: { name: group-1 }\n    body:");
        assert_eq!(trial.preview(&adopted, false), ["it* adopt"]);
        trial.run(&pairs()).await;
        trial.inputs = vec![("sizes".to_owned(), "{a: 5, b: 3, c: 1}".to_owned())];
        let tally = ChangeCounts::of(&trial.previewed(&pairs(), &Asked::default()).0);
        assert_eq!(tally.words(), "2 to create, 2 to replace");
        assert_eq!((tally.kept, tally.to_remove), (2, 0));
        trial.inputs = vec![("sizes".to_owned(), "{a: 5}".to_owned())];
        let tally = ChangeCounts::of(&trial.previewed(&pairs(), &Asked { prune: true, ..Asked::default() }).0);
        assert_eq!((tally.words().as_str(), tally.kept), ("2 to remove", 2));
    });
}

#[test]
fn elements_that_a_change_removes_are_counted_as_removed() {
    let change = |action: Action| Change { instance: Selection::name("it"), action, call: None };
    let update = |removes: &[&str]| Action::Change {
        how: crate::engine::ChangeKind::Update,
        fields: Vec::new(),
        calls: Vec::new(),
        removes: removes.iter().map(|&words| words.to_owned()).collect(),
        forced: Vec::new(),
        because_of: None,
        blocker: None,
    };
    let gone = Action::Gone {
        pruned: true,
        forgotten: false,
        stays_for: None,
        obstacle: None,
        made: Vec::new(),
        stays: Vec::new(),
        goes: true,
    };
    let changes = [update(&["a", "b"]), update(&[]), gone, Action::Keep].map(change);
    let tally = ChangeCounts::of(&changes);
    assert_eq!(
        (tally.to_remove, tally.to_update, tally.kept, tally.words().as_str()),
        (3, 2, 1, "2 to update, 3 to remove")
    );
}
