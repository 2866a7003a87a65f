//! What a preview shows of calls of which only a part is known: the values that are, and names of steps for the others.

use super::harness::{Trial, assert_done, paused};
use super::preview::Asked;
use crate::catalog::Method;
use crate::simulate::Options;

impl Trial {
    /// Each instance that a preview shows, with its body as people see it.
    fn bodies(&self, plan: &str) -> Vec<String> {
        let shown = self.previewed(plan, &Asked::default()).0.into_iter().map(|change| {
            let body = change.call.and_then(|call| call.body).map(|body| body.text().to_owned()).unwrap_or_default();
            let action = serde_json::to_value(&change.action).unwrap()["action"].as_str().unwrap().to_owned();
            format!("{} {action} {}", change.instance, self.secrets.redact(&body)).replace('"', "")
        });
        shown.collect()
    }
}

/// Volumes by key, a snapshot of each, one that needs them all, and one whose name is computed from them.
const KEYED: &str = r#"
name: demo
inputs: { sizes: { type: map, default: { a: 1 } } }
steps:
  - id: disk
    for_each: "{{ inputs.sizes }}"
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { source: new-volume, name: "disk-{{ each.key }}", size: "{{ each.value }}" }
  - id: snap
    for_each: "{{ inputs.sizes }}"
    call: POST /cloud/v1/snapshots/{project_id}/{region_id}
    body: { name: "snap-{{ each.key }}", volume_id: "{{ steps.disk.each[each.key].id }}" }
  - id: policy
    call: POST /cloud/v1/lifecycle_policy/{project_id}/{region_id}
    body: { name: all-of-them, action: volume_snapshot, status: active, volume_ids: "{{ steps.disk.ids }}" }
  - id: count
    call: POST /cloud/v1/servergroups/{project_id}/{region_id}
    body: { name: "sum-{{ steps.disk.all | map(attribute='response') | list | length }}", policy: affinity }
"#;

#[test]
fn of_several_instances_only_those_to_come_are_known_later() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let first = trial.bodies(KEYED);
        assert_eq!(
            first,
            [
                "disk[a] call {source:new-volume,name:disk-a,size:1}",
                "snap[a] call {name:snap-a,volume_id:(known after `disk[a]`)}",
                "policy call {name:all-of-them,action:volume_snapshot,status:active,volume_ids:[(known after `disk[a]`)]}",
                "count call {name:sum-1,policy:affinity}",
            ]
        );
        let end = trial.run(KEYED).await;
        assert_done(&trial, &end);
        let id =
            trial.status().instances[0].result.as_ref().unwrap().id.as_deref().map(crate::journal::id_text).unwrap();
        trial.inputs = vec![("sizes".to_owned(), "{a: 1, b: 2}".to_owned())];
        let more = trial.bodies(KEYED);
        assert_eq!(
            more[..5],
            [
                "disk[a] keep {source:new-volume,name:disk-a,size:1}".to_owned(),
                "disk[b] call {source:new-volume,name:disk-b,size:2}".to_owned(),
                format!("snap[a] keep {{name:snap-a,volume_id:{id}}}"),
                "snap[b] call {name:snap-b,volume_id:(known after `disk[b]`)}".to_owned(),
                format!(
                    "policy change {{name:all-of-them,action:volume_snapshot,status:active,volume_ids:[{id},(known after \
                     `disk[b]`)]}}"
                ),
            ]
        );
    });
}

/// A read, what is made from it, and steps that use its resource and its answer.
const READ: &str = r#"
name: demo
steps:
  - id: images
    call: GET /cloud/v1/images/{project_id}/{region_id}
  - id: group
    call: POST /cloud/v1/servergroups/{project_id}/{region_id}
    body: { name: group-1, policy: affinity }
  - id: shown
    call: POST /cloud/v1/servergroups/{project_id}/{region_id}
    body: { name: "of-{{ steps.group.resource.name }}", policy: affinity }
  - id: named
    call: POST /cloud/v1/servergroups/{project_id}/{region_id}
    body: { name: "by-{{ steps.group.name }}", policy: affinity }
  - id: each
    for_each: "{{ steps.images.response.results }}"
    call: POST /cloud/v1/servergroups/{project_id}/{region_id}
    body: { name: "g-{{ each.key }}", policy: affinity }
"#;

#[test]
fn values_to_be_read_are_shown_differently_from_values_of_later_steps() {
    paused(async {
        let trial = Trial::new(Options::default());
        assert_eq!(
            trial.bodies(READ),
            [
                "images read ",
                "group call {name:group-1,policy:affinity}",
                "shown call {name:(known after `group`),policy:affinity}",
                "named call {name:by-group-1,policy:affinity}",
                "each depends ",
            ]
        );
        let mut trial = trial;
        trial.run(READ).await;
        let shown = trial.bodies(READ);
        assert_eq!(
            shown[..4],
            [
                "images read ",
                "group keep {name:group-1,policy:affinity}",
                "shown keep {name:(known after reading `group`),policy:affinity}",
                "named keep {name:by-group-1,policy:affinity}",
            ]
        );
    });
}

/// Names that calls say before they are sent; and a zone, whose id is its name.
const NAMED: &str = r#"
name: demo
steps:
  - id: key
    call: POST /cloud/v1/ssh_keys/{project_id}
    body: { name: key-1, public_key: "ssh-ed25519 AAAA x@y" }
  - id: keys
    for_each: { a: 1, b: 2 }
    call: POST /cloud/v1/ssh_keys/{project_id}
    body: { name: "key-{{ each.key }}", public_key: "ssh-ed25519 AAAA x@y" }
  - id: zone
    call: POST /dns/v2/zones
    body: { name: our.example }
  - id: record
    call: PUT /dns/v2/zones/{{ steps.zone.id }}/www.{{ steps.zone.name }}/A
    body: { ttl: 300, resource_records: [{ content: ["192.0.2.1"] }] }
  - id: group
    call: POST /cloud/v1/servergroups/{project_id}/{region_id}
    body: { name: "{{ steps.key.name }}-{{ steps.keys.each['b'].name }}", policy: affinity }
"#;

/// What a missing resource is made again as is known before it is: what refers to that alone does not change.
#[test]
fn what_a_call_itself_says_is_known_before_it_is_sent() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let first = trial.previewed(NAMED, &Asked::default()).0;
        let call = |step: &str| first.iter().find(|change| change.instance.step.as_str() == step)?.call.clone();
        assert_eq!(call("record").unwrap().path, "/dns/v2/zones/our.example/www.our.example/A");
        let body = call("group").unwrap().body.unwrap();
        assert_eq!(body.text(), r#"{"name":"key-1-key-b","policy":"affinity"}"#);
        let end = trial.run(NAMED).await;
        assert_done(&trial, &end);
        for gone in ["key", "keys[b]"] {
            trial.call(Method::Delete, gone, "", None).await;
            assert_eq!(trial.refresh().await, [format!("{gone} gone")]);
            let pending: Vec<String> =
                trial.preview(NAMED, false).into_iter().filter(|line| line.contains('*')).collect();
            assert_eq!(pending, [format!("{gone}* call")]);
            let end = trial.run(NAMED).await;
            assert_done(&trial, &end);
            assert_eq!((end.finished.succeeded, end.finished.reused), (1, 5));
        }
        // Its id is not known.
        let by_id = NAMED.replace("steps.key.name", "steps.key.id");
        let end = trial.run(&by_id).await;
        assert!(end.failure.is_some());
        trial.call(Method::Delete, "key", "", None).await;
        trial.refresh().await;
        let shown = trial.preview(&by_id, false);
        assert_eq!(shown.last().unwrap(), "group* change error");
    });
}
