//! Drift beside the plan's own later steps: what such a step changed is the plan's, and no drift.

use std::time::Duration;

use serde_json::{Value, json};

use super::drift::recorded;
use super::harness::{Trial, assert_done, paused};
use crate::catalog::Method;
use crate::journal::RecordedCall;
use crate::simulate::Options;

impl Trial {
    /// Another client changes a resource by the PATCH of its kind.
    async fn change(&self, step: &str, body: Value) {
        let path = recorded(self, step).made[0].undo.as_ref().unwrap().path.clone();
        let path = path.replace("/cloud/v1/networks/", "/cloud/v2/networks/");
        self.by_hand(&RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Patch, path) }).await;
    }
}

const PLAN: &str = r#"
name: demo
steps:
  - id: net
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: old, create_router: false, tags: { team: web, tier: one } }
  - id: rename
    call: PATCH /cloud/v2/networks/{project_id}/{region_id}/{{ steps.net.id }}
    body: { name: new, tags: { tier: two, more: "1" } }
  - id: disk
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: disk-1, source: new-volume, size: 3, type_name: standard }
  - id: grow
    call: POST /cloud/v1/volumes/{project_id}/{region_id}/{{ steps.disk.id }}/extend
    body: { size: 5 }
  - id: faster
    needs: grow
    call: POST /cloud/v1/volumes/{project_id}/{region_id}/{{ steps.disk.id }}/retype
    body: { volume_type: ssd_hiiops }
"#;

#[test]
fn what_a_later_step_changed_is_no_drift() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(PLAN).await;
        assert_done(&trial, &end);
        assert_eq!(trial.refresh().await, Vec::<String>::new());
        let writes = trial.writes();
        let end = trial.run(PLAN).await;
        assert_done(&trial, &end);
        assert_eq!((trial.writes(), end.finished.reused), (writes, 5));
    });
}

/// The step that gave a field its value makes its call again, so that the cloud is as the plan leaves it.
#[test]
fn a_change_of_what_a_later_step_set_is_put_back_by_that_step() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(PLAN).await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        for (step, body, drift, writes) in [
            ("net", json!({ "name": "theirs" }), vec!["rename name"], 1),
            ("net", json!({ "name": "old" }), vec!["rename name"], 1),
            ("net", json!({ "tags": { "tier": "one" } }), vec!["rename tags"], 1),
            ("net", json!({ "tags": { "more": null } }), vec!["rename tags"], 1),
            ("net", json!({ "tags": { "team": "db" } }), vec!["net tags"], 1),
            ("net", json!({ "name": "other", "tags": { "team": "db" } }), vec!["net tags", "rename name"], 2),
            ("net", json!({ "tags": { "theirs": "1" } }), vec![], 0),
            ("disk", json!({ "name": "other" }), vec!["disk name"], 1),
        ] {
            let before = trial.read_by_hand(step).await;
            trial.change(step, body.clone()).await;
            assert_eq!(trial.refresh().await, drift, "{body}");
            let sent = trial.writes();
            let end = trial.run(PLAN).await;
            assert_done(&trial, &end);
            assert_eq!(trial.writes() - sent, writes, "{body}");
            let now = trial.read_by_hand(step).await;
            for field in ["name", "size"] {
                assert_eq!(now.get(field), before.get(field), "{body}");
            }
            assert_eq!(trial.refresh().await, Vec::<String>::new(), "{body}");
        }
    });
}

/// A size that is larger than any that the plan set can be kept by writing it in the plan.
#[test]
fn a_disk_that_another_client_extended_after_a_step_did_is_drift_of_the_disk() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(PLAN).await;
        trial.call(Method::Post, "disk", "/extend", Some(json!({ "size": 9 }))).await;
        assert_eq!(trial.refresh().await, ["disk size"]);
        let end = trial.run(&PLAN.replace("size: 3", "size: 9")).await;
        assert_done(&trial, &end);
        assert_eq!(trial.refresh().await, Vec::<String>::new());
    });
}

/// After an update of the create it is unknown which of the two calls was the last to set the name.
#[test]
fn what_cannot_be_known_is_no_drift() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.run(PLAN).await;
        let end = trial.run(&PLAN.replace("name: old", "name: older")).await;
        assert_done(&trial, &end);
        assert_eq!(trial.refresh().await, Vec::<String>::new());
    });
}
