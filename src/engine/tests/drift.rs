//! Drift: changes and deletions by other clients are detected and corrected; unchanged resources are never reported.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{Trial, assert_done, paused};
use crate::api::{Answer, Client};
use crate::catalog::{Catalog, Method};
use crate::clock::Clock;
use crate::engine::{DriftCheck, DriftState, NoAnswer, Refresh, RunOptions, drift_records};
use crate::exit::Exit;
use crate::hash::HashSet;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Intent, Record, RecordedCall};
use crate::plan::Selection;
use crate::simulate::{AuditLog, Busy, Durations, InMemory, Options};

impl Trial {
    pub(super) async fn looked(&self) -> Vec<DriftCheck> {
        self.look_for_drift().await.unwrap_or_else(|blind| panic!("{blind:?}"))
    }

    async fn look_for_drift(&self) -> Result<Vec<DriftCheck>, NoAnswer> {
        let status = self.status();
        let clock = Clock::starting_at(self.time(), 1.0);
        let client = Client::new(std::sync::Arc::new(InMemory::new(self.simulator.clone(), clock)), clock);
        let digest_key = status.header.key.as_bytes();
        let refresh =
            Refresh { client: &client, catalog: Catalog::embedded(), status: &status, digest_key, notice: &|_, _| {} };
        refresh.look().await
    }

    /// Refreshes, and records what was found.
    pub(super) async fn refresh(&mut self) -> Vec<String> {
        let looked = self.looked().await;
        for record in drift_records(&looked, &self.status()) {
            self.record(record);
        }
        let told = looked.into_iter().filter_map(|looked| match looked.found {
            DriftState::Same => None,
            DriftState::Gone => Some(format!("{} gone", looked.instance)),
            DriftState::CannotTell { why } => Some(format!("{} {why}", looked.instance)),
            DriftState::Changed { fields } => {
                let fields: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
                Some(format!("{} {}", looked.instance, fields.join(" ")))
            }
        });
        let mut told: Vec<String> = told.collect();
        told.sort();
        told
    }

    pub(super) async fn read_by_hand(&self, instance: &str) -> Value {
        let path = recorded(self, instance).made[0].undo.as_ref().unwrap().path.clone();
        self.by_hand(&RecordedCall::new(Method::Get, path)).await
    }

    pub(super) async fn call(&self, method: Method, instance: &str, suffix: &str, body: Option<Value>) {
        let status = self.status();
        let (_, known) = status.instances.iter().find(|(id, _)| id.to_string() == instance).unwrap();
        let undo = known.made[0].undo.as_ref().unwrap();
        let path = format!("{}{suffix}", undo.path);
        self.by_hand(&RecordedCall { body: body.map(Into::into), ..RecordedCall::new(method, path) }).await;
    }
}

const PLAN: &str = r#"
name: demo
steps:
  - id: net
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: net-1, create_router: false, tags: { team: web } }
  - id: sub
    for_each: { a: 10.0.1.0/24, b: 10.0.2.0/24 }
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { name: "sub-{{ each.key }}", network_id: "{{ steps.net.id }}", cidr: "{{ each.value }}", dns_nameservers: [1.1.1.1] }
  - id: disk
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: disk-1, source: new-volume, size: 5 }
  - id: group
    call: POST /cloud/v2/security_groups/{project_id}/{region_id}
    body: { name: group-1, rules: [{ direction: ingress, protocol: tcp, port_range_min: 80, port_range_max: 80 }] }
  - id: rule
    call: POST /cloud/v2/security_groups/{project_id}/{region_id}/{{ steps.group.id }}/rules
    body: { direction: ingress, protocol: tcp, port_range_min: 22, port_range_max: 22 }
  - id: snap
    call: POST /cloud/v1/snapshots/{project_id}/{region_id}
    body: { name: snap-1, volume_id: "{{ steps.disk.id }}" }
"#;

#[test]
fn unchanged_resources_show_no_drift() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(PLAN).await;
        assert_done(&trial, &end);
        assert_eq!(trial.refresh().await, Vec::<String>::new());
    });
}

#[test]
fn drift_is_corrected_in_place() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(PLAN).await;
        let before = trial.made();
        trial.call(Method::Patch, "sub[a]", "", Some(json!({ "name": "mine", "dns_nameservers": ["8.8.8.8"] }))).await;
        trial.call(Method::Patch, "snap", "", Some(json!({ "name": "other" }))).await;
        trial.call(Method::Patch, "disk", "", Some(json!({ "tags": { "theirs": "1" } }))).await;
        assert_eq!(trial.refresh().await, ["snap name", "sub[a] name dns_nameservers"]);
        let writes = trial.writes();
        let end = trial.run(PLAN).await;
        assert_done(&trial, &end);
        assert_eq!((trial.writes(), trial.made()), (writes + 2, before));
        assert_eq!(trial.refresh().await, Vec::<String>::new());
    });
}

#[test]
fn what_an_update_corrected_is_known_when_it_shows_again() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(PLAN).await;
        let shown = |trial: &Trial| {
            let status = trial.status();
            let (_, known) = status.instances.iter().find(|(id, _)| id.to_string() == "snap").unwrap();
            let name = |fields: &[crate::journal::Drifted]| fields.first().and_then(|field| field.now.clone());
            (name(&known.drifted), name(&known.corrected))
        };
        let found = || Some(json!("SNAP-1"));
        trial.call(Method::Patch, "snap", "", Some(json!({ "name": "SNAP-1" }))).await;
        assert_eq!(trial.refresh().await, ["snap name"]);
        assert_eq!(shown(&trial), (found(), None));
        let end = trial.run(PLAN).await;
        assert_done(&trial, &end);
        assert_eq!(shown(&trial), (None, found()));
        trial.call(Method::Patch, "snap", "", Some(json!({ "name": "SNAP-1" }))).await;
        assert_eq!(trial.refresh().await, ["snap name"]);
        assert_eq!(shown(&trial), (found(), found()));
    });
}

#[test]
fn a_missing_resource_is_created_again_with_its_dependants() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(PLAN).await;
        trial.call(Method::Delete, "snap", "", None).await;
        trial.call(Method::Delete, "rule", "", None).await;
        trial.call(Method::Delete, "disk", "", None).await;
        assert_eq!(trial.refresh().await, ["disk gone", "rule gone", "snap gone"]);
        let end = trial.run(PLAN).await;
        assert_done(&trial, &end);
        assert_eq!((trial.made()["volumes"], trial.made()["snapshots"]), (2, 2));
        for subnet in ["sub[a]", "sub[b]"] {
            trial.call(Method::Delete, subnet, "", None).await;
        }
        trial.call(Method::Delete, "net", "", None).await;
        // An instance recorded as made from a missing resource may be created again without the plan's permission.
        let looked = trial.looked().await;
        let net: Vec<DriftCheck> = looked.into_iter().filter(|looked| looked.instance.to_string() == "net").collect();
        drift_records(&net, &trial.status()).into_iter().for_each(|record| trial.record(record));
        let end = trial.run(PLAN).await;
        assert_done(&trial, &end);
        assert_eq!((trial.made()["networks"], trial.made()["subnets"]), (2, 4));
        assert_eq!(trial.refresh().await, Vec::<String>::new());
    });
}

/// A machine with two disks and a network with a router: another client deletes machine and network.
const WITH_MORE_BESIDE: &str = r#"
name: demo
steps:
  - id: routed
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: routed, create_router: true }
  - id: net
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: network-1, create_router: false }
  - id: sub
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { name: subnet-1, network_id: "{{ steps.net.id }}", cidr: 10.0.0.0/24 }
  - id: vm
    call: POST /cloud/v2/instances/{project_id}/{region_id}
    body:
      name: machine
      flavor: g2-standard-2-4
      volumes:
        - { source: image, image_id: 2f9d5d5e-8c1b-4f0e-9a67-3b1f6c5d8e42, size: 20, boot_index: 0, delete_on_termination: false }
        - { source: new-volume, size: 7 }
      interfaces: [{ type: subnet, network_id: "{{ steps.net.id }}", subnet_id: "{{ steps.sub.id }}" }]
"#;

#[test]
fn what_a_missing_resource_had_beside_it_is_removed_by_the_next_run_or_the_destroy() {
    paused(async {
        for runs_again in [true, false] {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(WITH_MORE_BESIDE).await;
            assert_done(&trial, &end);
            let kinds = |trial: &Trial| {
                let mut alive = trial.alive();
                alive.sort();
                alive
            };
            let before = kinds(&trial).len();
            for gone in ["routed", "vm"] {
                trial.call(Method::Delete, gone, "", None).await;
            }
            assert_eq!(trial.refresh().await, ["routed gone", "vm gone"]);
            assert!(recorded(&trial, "vm").may_exist() && recorded(&trial, "routed").may_exist());
            if runs_again {
                let end = trial.run(WITH_MORE_BESIDE).await;
                assert_done(&trial, &end);
                assert_eq!(kinds(&trial).len(), before, "{:?}", kinds(&trial));
                assert_eq!(trial.refresh().await, Vec::<String>::new());
            }
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
            assert_eq!(kinds(&trial), Vec::<String>::new(), "run again: {runs_again}");
        }
    });
}

#[test]
fn a_call_that_mentions_a_missing_resource_reports_it() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let plan = PLAN.replace("  - id: snap", "  - id: late\n    when: inputs.late\n    call: POST /cloud/v1/snapshots/{project_id}/{region_id}\n    body: { name: late, volume_id: \"{{ steps.disk.id }}\" }\n  - id: snap");
        let plan = plan.replace("steps:\n", "inputs: { late: { type: boolean, default: false } }\nsteps:\n");
        trial.run(&plan).await;
        trial.call(Method::Delete, "snap", "", None).await;
        trial.call(Method::Delete, "disk", "", None).await;
        trial.inputs = vec![("late".to_owned(), "true".to_owned())];
        let end = trial.run_with(&plan, RunOptions::default(), std::future::pending()).await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        let failures = trial.failures().join("\n");
        assert!(failures.contains("late: `disk` is not there any more, and this call names it"), "{failures}");
        let (_, error) = end.failure.unwrap();
        assert_eq!(error.gone, [Selection::name("disk")]);
        assert!(error.help.iter().any(|help| help.contains("--refresh")), "{error:?}");
    });
}

/// A read that is late is no reason to say that a resource is gone.
#[test]
fn what_was_made_a_moment_ago_is_not_said_to_be_missing() {
    paused(async {
        for (age, missing) in [(5, false), (3600, true)] {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(PLAN).await;
            assert_done(&trial, &end);
            tokio::time::sleep(Duration::from_secs(age)).await;
            trial.change_answers(|_, answer| Answer { status: 404, body: b"{}".to_vec(), ..answer });
            let more = "  - id: more\n    call: POST /cloud/v1/snapshots/{project_id}/{region_id}\n    body: { name: more, volume_id: \"{{ steps.disk.id }}\" }\n";
            let end = trial.run(&format!("{PLAN}{more}")).await;
            assert_eq!(end.finished.exit, Exit::StepFailed);
            let failures = trial.failures().join("\n");
            assert_eq!(failures.contains("is not there any more"), missing, "{age} s: {failures}");
        }
    });
}

/// With a condition too, a resource that an earlier run made is not waited for when it is gone.
#[test]
fn what_is_gone_does_not_become_ready() {
    paused(async {
        let plan = "name: demo\nsteps:\n  - id: disk\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    body: { name: disk-1, source: new-volume, size: 5 }\n    ready: resource.status == 'available'\n";
        let mut trial = Trial::new(Options::default());
        let end = trial.run(plan).await;
        assert_done(&trial, &end);
        trial.call(Method::Delete, "disk", "", None).await;
        let began = tokio::time::Instant::now();
        let end = trial.run(plan).await;
        assert_eq!(end.finished.exit, Exit::StepFailed);
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
        let failures = trial.failures().join("\n");
        assert!(failures.contains("what an earlier run made is not there any more"), "{failures}");
    });
}

/// Lists, and the audit log, show what was made a moment ago only later.
#[test]
fn a_resource_that_no_list_shows_yet_is_not_gone() {
    paused(async {
        let busy = Busy { lists_late: Duration::from_secs(20), ..Busy::default() };
        let durations = Durations::Fixed(Duration::from_millis(200));
        let mut trial = Trial::new(Options { busy, durations, ..Options::default() });
        let plan = "name: demo\nsteps:\n  - id: guard\n    for_each: [192.0.2.1, 192.0.2.2]\n    \
                    call: POST /cloud/v1/ddos/profiles/{project_id}/{region_id}\n    \
                    body: { profile_template: 1, ip_address: \"{{ each.value }}\" }\n";
        let end = trial.run(plan).await;
        assert_done(&trial, &end);
        assert_eq!(trial.refresh().await, Vec::<String>::new());
        let end = trial.run(plan).await;
        assert_done(&trial, &end);
        assert_eq!(trial.made()["ddos_profiles"], 2);
    });
}

#[test]
fn a_resource_that_was_deleted_soon_is_gone_when_the_log_says_so_or_a_minute_later() {
    for (log, least, most) in [(AuditLog::OnTime, 0, 1), (AuditLog::Closed, 50, 61)] {
        paused(async {
            let busy = Busy { audit: log, ..Busy::default() };
            let durations = Durations::Fixed(Duration::from_millis(200));
            let mut trial = Trial::new(Options { busy, durations, ..Options::default() });
            trial.run(PLAN).await;
            let snapshot = trial.status().existing().find(|(id, _)| id.step.as_str() == "snap").unwrap().1.clone();
            trial.begun_by_hand(snapshot.made[0].undo.as_ref().unwrap()).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            let began = trial.time();
            assert_eq!(trial.refresh().await, ["snap gone"], "{log:?}");
            let took = trial.time().duration_since(began).as_secs();
            assert!((least..=most).contains(&took), "{log:?}: {took} s");
        });
    }
}

/// Two subnets, which one list shows, and what is read one by one.
const READ: &str = r#"
name: demo
steps:
  - id: net
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: net-1, create_router: false }
  - id: sub
    for_each: { a: 10.0.1.0/24, b: 10.0.2.0/24 }
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { name: "sub-{{ each.key }}", network_id: "{{ steps.net.id }}", cidr: "{{ each.value }}" }
  - id: disk
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: disk-1, source: new-volume, size: 5 }
"#;

pub(super) fn recorded(trial: &Trial, instance: &str) -> InstanceStatus {
    let status = trial.status();
    let found = status.instances.iter().find(|(id, _)| id.to_string() == instance);
    InstanceStatus::clone(found.unwrap().1)
}

/// What a refresh finds with these answers, which requests it makes, and how often it says that it looks again.
async fn looked_with(
    trial: &Trial,
    answers: Vec<(String, (u16, Value))>,
) -> (Result<Vec<String>, String>, Vec<String>, usize) {
    trial.answer_also(answers.iter().map(|(path, told)| (path.as_str(), told.clone())));
    looked_through(trial).await
}

/// As [`looked_with`], with the answers as the trial changes them.
async fn looked_through(trial: &Trial) -> (Result<Vec<String>, String>, Vec<String>, usize) {
    trial.requests.lock().unwrap().clear();
    let notices = AtomicUsize::new(0);
    let status = trial.status();
    let found = trial.apart(async |context| {
        let notice = |_: &[&InstanceId], _: Duration| {
            notices.fetch_add(1, Ordering::Relaxed);
        };
        let digest_key = status.header.key.as_bytes();
        let refresh =
            Refresh { client: &context.client, catalog: context.catalog, status: &status, digest_key, notice: &notice };
        refresh.look().await
    });
    let found = found.await.0.map_err(|why| match why {
        NoAnswer::Read(error) => format!("read {error}"),
        NoAnswer::Project { id, .. } => format!("project {id}"),
    });
    let words = |check: DriftCheck| match check.found {
        DriftState::Same => format!("{} same", check.instance),
        DriftState::Gone => format!("{} gone", check.instance),
        DriftState::Changed { fields } => format!("{} {}", check.instance, fields[0].field),
        DriftState::CannotTell { .. } => format!("{} unclear", check.instance),
    };
    let mut read: Vec<String> = trial.requests.lock().unwrap().iter().map(|request| request.path.clone()).collect();
    read.sort();
    let sorted = |checks: Vec<DriftCheck>| {
        let mut all: Vec<String> = checks.into_iter().map(words).collect();
        all.sort();
        all
    };
    (found.map(sorted), read, notices.into_inner())
}

#[test]
fn several_of_a_kind_are_read_by_one_list_and_others_one_by_one() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(READ).await;
        assert_done(&trial, &end);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let path = |step: &str| recorded(&trial, step).made[0].undo.as_ref().unwrap().path.clone();
        let (net, sub, disk) = (path("net"), path("sub[a]"), path("disk"));
        let subnets = "/cloud/v1/subnets/1/7".to_owned();
        let same = ["disk same", "net same", "sub[a] same", "sub[b] same"].map(str::to_owned).to_vec();
        let (found, read, _) = looked_with(&trial, vec![]).await;
        assert_eq!((found, read), (Ok(same.clone()), vec![net, subnets.clone(), disk.clone()]));
        // A list that does not exist any more shows nothing: each is read by itself.
        let (found, read, _) = looked_with(&trial, vec![(subnets.clone(), (404, json!({})))]).await;
        assert!(found == Ok(same.clone()) && read.contains(&sub), "{found:?} {read:?}");
        let (found, _, _) = looked_with(&trial, vec![(subnets, (403, json!({})))]).await;
        assert!(found.is_err_and(|words| words.starts_with("read ")));
        for (status, expected) in
            [(404, Ok("disk gone")), (403, Err("read ")), (400, Ok("disk unclear")), (500, Err("read "))]
        {
            let (found, read, notices) = looked_with(&trial, vec![(disk.clone(), (status, json!({})))]).await;
            match expected {
                Ok(last) => assert_eq!(found.unwrap()[0], last),
                Err(words) => assert!(found.as_ref().is_err_and(|told| told.starts_with(words)), "{found:?}"),
            }
            let asks_for_project = read.iter().any(|path| path == "/cloud/v1/projects/1");
            assert_eq!((asks_for_project, notices), (status == 404, 0), "{status} {read:?}");
        }
        let hidden = vec![(disk, (404, json!({}))), ("/cloud/v1/projects/1".to_owned(), (404, json!({})))];
        assert_eq!(looked_with(&trial, hidden).await.0, Err("project 1".to_owned()));
    });
}

#[test]
fn what_names_another_task_as_its_maker_is_not_compared_unless_it_carries_the_stamp() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(READ).await;
        assert_done(&trial, &end);
        let disk = recorded(&trial, "disk").made[0].clone();
        let (path, own) = (disk.undo.unwrap().path, disk.tasks[0].clone());
        let other = "00000000-0000-4000-8000-000000000001";
        for (task, stamp, expected) in [
            (json!(own), json!([]), "disk name"),
            (json!(null), json!([]), "disk name"),
            (json!(other), json!([]), "disk unclear"),
            (json!(other), json!([{ "key": "plan", "value": "demo/other/disk" }]), "disk unclear"),
            (json!(other), json!([{ "key": "plan", "value": "demo/default/former" }]), "disk name"),
        ] {
            let item = json!({ "id": disk.id, "name": "other", "size": 5, "creator_task_id": task, "tags": stamp });
            let (found, _, _) = looked_with(&trial, vec![(path.clone(), (200, item))]).await;
            assert_eq!(found.unwrap()[0], expected, "{task} {stamp}");
        }
    });
}

#[test]
fn a_single_not_found_does_not_make_a_resource_gone() {
    for log in [AuditLog::OnTime, AuditLog::Closed] {
        paused(async {
            let busy = Busy { audit: log, ..Busy::default() };
            let mut trial = Trial::new(Options { busy, ..Options::default() });
            let end = trial.run(READ).await;
            assert_done(&trial, &end);
            tokio::time::sleep(Duration::from_secs(3600)).await;
            let mut refused = HashSet::default();
            trial.change_answers(move |request, answer| {
                let is_read = ["/subnets/", "/volumes/"].iter().any(|kind| request.path.contains(kind));
                match is_read && refused.insert(request.path.clone()) {
                    true => Answer { status: 404, body: b"{}".to_vec(), ..answer },
                    false => answer,
                }
            });
            let (found, _, notices) = looked_through(&trial).await;
            assert_eq!(found.unwrap(), ["disk same", "net same", "sub[a] same", "sub[b] same"], "{log:?}");
            assert_eq!(notices, 0);
        });
    }
}

#[test]
fn what_was_made_a_moment_ago_is_looked_for_again_with_one_notice() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(READ).await;
        let disk = recorded(&trial, "disk").made[0].undo.as_ref().unwrap().path.clone();
        let (found, read, notices) = looked_with(&trial, vec![(disk.clone(), (404, json!({})))]).await;
        assert_eq!(found.unwrap()[0], "disk gone");
        let times = read.iter().filter(|path| **path == disk).count();
        assert!(times > 2 && notices == 1, "{times} {notices}");
    });
}

#[test]
fn what_a_change_in_doubt_is_about_is_not_compared() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(READ).await;
        let intent = recorded(&trial, "disk").intent.clone().unwrap();
        trial.record(Record::Intent(
            Intent { attempt: 2, update: Some(intent.call.clone()), ..Intent::clone(&intent) }.into(),
        ));
        let (found, _, _) = looked_with(&trial, vec![]).await;
        assert_eq!(found.unwrap(), ["net same", "sub[a] same", "sub[b] same"]);
    });
}

/// To a key that cannot see a project, everything in it seems to be gone.
#[test]
fn a_project_that_the_key_cannot_see_does_not_make_its_resources_gone() {
    paused(async {
        let mut trial = Trial::new(Options { projects: Some(vec![1]), ..Options::default() });
        let end = trial.run(PLAN).await;
        assert_done(&trial, &end);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        trial.rewrite(|record| {
            if let Record::Intent(intent) = record {
                let mut call = RecordedCall::clone(&intent.call);
                call.path = call.path.replace("/1/7", "/99/7");
                intent.call = call.into();
            }
        });
        let looked = trial.look_for_drift().await;
        assert!(matches!(&looked, Err(NoAnswer::Project { id, .. }) if id == "99"), "{looked:?}");
    });
}
