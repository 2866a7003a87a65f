//! Products besides the Cloud API: created once despite lost answers, taken down completely, and never claimed when
//! they existed before.

use serde_json::json;

use super::death::{Life, Moment, When};
use super::harness::{Trial, paused};
use crate::catalog::Method;
use crate::event::Event;
use crate::exit::Exit;
use crate::journal::{Evidence, RecordedCall};
use crate::simulate::{Faults, Options};

/// One resource for each kind of identity: a name, a path, a number.
const PLAN: &str = r#"
name: demo
steps:
  - id: zone
    call: POST /dns/v2/zones
    body: { name: example.com }
  - id: www
    call: POST /dns/v2/zones/{{ steps.zone.id }}/www.example.com/A
    body: { ttl: 300, resource_records: [{ content: ["192.0.2.1"] }] }
  - id: group
    call: POST /cdn/origin_groups
    body: { name: origins, sources: [{ source: 192.0.2.1 }] }
  - id: cdn
    call: POST /cdn/resources
    body: { cname: cdn.example.com, originGroup: "{{ steps.group.id }}" }
  - id: rule
    call: POST /cdn/resources/{{ steps.cdn.id }}/rules
    body: { name: images, rule: "/images/*", ruleType: 0 }
  - id: certificate
    call: POST /cdn/sslData
    body: { name: own, sslCertificate: certificate, sslPrivateKey: key }
  - id: storage
    call: POST /storage/v4/object_storages
    body: { name: files, location_name: s-ed1 }
  - id: bucket
    call: POST /storage/v4/object_storages/{{ steps.storage.id }}/buckets
    body: { name: pictures }
  - id: secret
    call: POST /fastedge/v1/secrets
    body: { name: token, secret_slots: [{ slot: 0, value: hunter2-hunter2 }] }
  - id: binary
    call: POST /fastedge/v1/binaries/raw
    body_file: examples/fastedge/app.wasm
  - id: pages
    call: POST /waap/v1/custom-page-sets
    body: { name: pages }
"#;

fn call(method: Method, path: &str, body: serde_json::Value) -> RecordedCall {
    RecordedCall { body: Some(body.into()), ..RecordedCall::new(method, path) }
}

#[test]
fn everything_is_made_once_and_taken_down_again() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(PLAN).await;
        assert_eq!(end.finished.exit, Exit::Done, "{:?}", trial.failures());
        assert_eq!(trial.alive().len(), 11, "{:?}", trial.alive());
        let writes = trial.writes();
        assert_eq!(trial.run(PLAN).await.finished.exit, Exit::Done);
        assert_eq!(trial.writes(), writes, "a second run changes nothing");
        let finished = trial.destroy().await;
        assert_eq!((finished.exit, trial.alive()), (Exit::Done, vec![]), "{:?}", trial.left());
    });
}

/// Resources with a unique key are attributed by it; of the others none is claimed.
#[test]
fn a_lost_answer_is_resolved_by_a_unique_key() {
    for (lost, kind, certain) in [
        ("POST:/dns/v2/zones", "dns_zones", true),
        ("POST:www.example.com", "dns_rrsets", true),
        ("POST:origin_groups", "cdn_origin_groups", true),
        ("POST:/cdn/resources", "cdn_resources", true),
        ("POST:rules", "cdn_rules", true),
        ("POST:buckets", "storage_buckets", true),
        ("POST:/fastedge/v1/secrets", "fastedge_secrets", true),
        ("POST:/fastedge/v1/binaries", "fastedge_binaries", false),
        ("POST:custom-page-sets", "waap_custom_page_sets", false),
    ] {
        paused(async {
            let mut trial = Trial::with_faults(&[&format!("lost-answer:{lost}:1")]);
            let end = trial.run(PLAN).await;
            assert_eq!(end.finished.exit == Exit::Done, certain, "{lost}: {:?}", trial.failures());
            assert!(trial.made().values().all(|made| *made == 1), "{lost}: {:?}", trial.made());
            let evidence: Vec<_> = trial.status().instances.values().filter_map(|known| known.evidence).collect();
            assert_eq!(evidence.contains(&Evidence::OwnKey), certain, "{lost}: {evidence:?}");
            if certain {
                trial.destroy().await;
                assert_eq!(trial.alive(), Vec::<String>::new(), "{lost}: {:?}", trial.left());
            } else {
                assert!(trial.alive().iter().any(|alive| alive.starts_with(kind)), "{lost}");
            }
        });
    }
}

#[test]
fn existing_resources_are_never_claimed() {
    for (path, body, lost) in [
        ("/dns/v2/zones", json!({ "name": "example.com" }), "POST:/dns/v2/zones"),
        (
            "/cdn/origin_groups",
            json!({ "name": "origins", "sources": [{ "source": "192.0.2.1" }] }),
            "POST:origin_groups",
        ),
    ] {
        paused(async {
            let mut trial = Trial::new(Options::default());
            trial.by_hand(&call(Method::Post, path, body)).await;
            let before = trial.alive();
            trial
                .simulator
                .lock()
                .unwrap()
                .set_faults(Faults::parse([format!("lost-answer:{lost}:1").as_str()]).unwrap());
            assert_ne!(trial.run(PLAN).await.finished.exit, Exit::Done, "{path}");
            trial.destroy().await;
            assert_eq!(trial.alive(), before, "{path}");
        });
    }
}

/// A PUT that makes something where there is nothing takes back no more than that, whatever becomes of its answers.
#[test]
fn what_a_put_found_there_stays_and_what_it_made_goes() {
    const PUT: &str = r#"
name: demo
steps:
  - id: set
    for_each: [old, new]
    call: PUT /dns/v2/zones/example.com/{{ each.value }}.example.com/A
    body: { ttl: 300, resource_records: [{ content: ["192.0.2.2"] }] }
"#;
    let zones = ["/dns/v2/zones", "/dns/v2/zones/example.com/old.example.com/A"];
    let bodies = [json!({ "name": "example.com" }), json!({ "resource_records": [{ "content": ["192.0.2.1"] }] })];
    let plan = Trial::plan("plan.yaml", PUT);
    for faults in [&[][..], &["lost-answer:PUT:new:1"][..], &["lost-answer:PUT:old:1"][..]] {
        for kept in 0..12 {
            paused(async {
                let mut trial = Trial::with_faults(faults);
                for (path, body) in zones.iter().zip(&bodies) {
                    trial.by_hand(&call(Method::Post, path, body.clone())).await;
                }
                let before = trial.alive();
                trial.run_until(&plan, &Life::until(When::Records { kept, torn: false })).await;
                assert_eq!(trial.run(PUT).await.finished.exit, Exit::Done, "{faults:?} {kept}: {:?}", trial.failures());
                assert_eq!(trial.alive().len(), before.len() + 1, "{faults:?} {kept}");
                assert_eq!(trial.destroy().await.exit, Exit::Done, "{faults:?} {kept}: {:?}", trial.left());
                assert_eq!(trial.alive(), before, "{faults:?} {kept}");
            });
        }
    }
}

/// The same when a killed run is followed by a destroy, which sends no PUT again.
#[test]
fn a_put_in_doubt_is_taken_back_by_a_destroy() {
    const ZONE: &str = "/dns/v2/zones";
    let set = |name: &str| format!("{ZONE}/example.com/{name}.example.com/A");
    let plan = |name: &str| {
        let path = set(name);
        let body = json!({ "ttl": 300, "resource_records": [{ "content": ["192.0.2.2"] }] });
        json!({ "name": "demo", "steps": [{ "id": "set", "call": format!("PUT {path}"), "body": body }] }).to_string()
    };
    for (name, moment) in
        [("old", Moment::Acted), ("new", Moment::Acted), ("new", Moment::Late), ("new", Moment::BeforeSending)]
    {
        for nth in 1..6 {
            paused(async {
                let mut trial = Trial::new(Options::default());
                trial.by_hand(&call(Method::Post, ZONE, json!({ "name": "example.com" }))).await;
                let old = json!({ "resource_records": [{ "content": ["192.0.2.1"] }] });
                trial.by_hand(&call(Method::Post, &set("old"), old)).await;
                let before = trial.alive();
                let life = Life::until(When::Request { nth, moment });
                trial.run_until(&Trial::plan("plan.yaml", &plan(name)), &life).await;
                let in_doubt = trial.status().instances.values().any(|known| known.in_doubt().is_some());
                trial.events.clear();
                let finished = trial.destroy().await;
                let told = trial.warnings().contains("was there before, and stays as it is now");
                assert_eq!(told, in_doubt && name == "old", "{name} {moment:?} {nth}: {}", trial.warnings());
                assert_eq!(finished.exit, Exit::Done, "{name} {moment:?} {nth}: {:?}", trial.left());
                assert_eq!(trial.alive(), before, "{name} {moment:?} {nth}");
            });
        }
    }
}

/// What a killed run has put there is its work, also when the plan says something else by the next run.
#[test]
fn what_a_put_in_doubt_made_goes_though_the_plan_changed() {
    const ZONE: &str = "/dns/v2/zones";
    let plan = |ttl: u32| {
        let body = json!({ "ttl": ttl, "resource_records": [{ "content": ["192.0.2.2"] }] });
        let call = format!("PUT {ZONE}/example.com/new.example.com/A");
        json!({ "name": "demo", "steps": [{ "id": "set", "call": call, "body": body }] }).to_string()
    };
    let mut in_doubt = 0;
    for nth in 1..6 {
        paused(async {
            let mut trial = Trial::new(Options::default());
            trial.by_hand(&call(Method::Post, ZONE, json!({ "name": "example.com" }))).await;
            let before = trial.alive();
            let life = Life::until(When::Request { nth, moment: Moment::Acted });
            trial.run_until(&Trial::plan("plan.yaml", &plan(300)), &life).await;
            in_doubt += usize::from(trial.status().instances.values().any(|known| known.in_doubt().is_some()));
            assert_eq!(trial.run(&plan(600)).await.finished.exit, Exit::Done, "{:?}", trial.failures());
            assert!(!trial.warnings().contains("existed before"), "{nth}: {}", trial.warnings());
            assert_eq!((trial.destroy().await.exit, trial.alive()), (Exit::Done, before), "{nth}");
        });
    }
    assert!(in_doubt > 0);
}

/// Nothing was there when a run was killed before its PUT; what another client has put there since is no work of the step.
#[test]
fn what_another_client_put_there_since_stays() {
    const ZONE: &str = "/dns/v2/zones";
    const SET: &str = "/dns/v2/zones/example.com/new.example.com/A";
    let plan = format!(
        "name: demo\nsteps:\n  - id: set\n    call: PUT {SET}\n    \
         body: {{ ttl: 300, resource_records: [{{ content: [192.0.2.2] }}] }}\n"
    );
    let mut in_doubt = 0;
    for nth in 1..6 {
        paused(async {
            let mut trial = Trial::new(Options::default());
            trial.by_hand(&call(Method::Post, ZONE, json!({ "name": "example.com" }))).await;
            let life = Life::until(When::Request { nth, moment: Moment::BeforeSending });
            trial.run_until(&Trial::plan("plan.yaml", &plan), &life).await;
            if !trial.status().instances.values().any(|known| known.in_doubt().is_some()) {
                return;
            }
            in_doubt += 1;
            let theirs = json!({ "resource_records": [{ "content": ["192.0.2.1"] }] });
            trial.by_hand(&call(Method::Post, SET, theirs)).await;
            let before = trial.alive();
            assert_eq!(trial.run(&plan).await.finished.exit, Exit::Done, "{:?}", trial.failures());
            assert!(trial.warnings().contains("existed before, and is left by a teardown"), "{}", trial.warnings());
            assert_eq!((trial.destroy().await.exit, trial.alive()), (Exit::Done, before));
        });
    }
    assert!(in_doubt > 0);
}

/// A PUT in doubt that creates nothing is reverted by the plan's undo, whether or not it was carried out.
#[test]
fn a_change_in_doubt_is_reverted_by_the_plans_undo() {
    const PLAN: &str = r#"
name: demo
steps:
  - id: rules
    call: PUT /dns/v2/zones/example.com
    body: { name: example.com, contact: new@example.com }
    undo: { call: PUT /dns/v2/zones/example.com, body: { name: example.com, contact: old@example.com } }
"#;
    for nth in 1..4 {
        paused(async {
            let mut trial = Trial::new(Options::default());
            let zone = json!({ "name": "example.com", "contact": "old@example.com" });
            trial.by_hand(&call(Method::Post, "/dns/v2/zones", zone)).await;
            let life = Life::until(When::Request { nth, moment: Moment::Acted });
            trial.run_until(&Trial::plan("plan.yaml", PLAN), &life).await;
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{nth}: {:?}", trial.left());
            assert_eq!(trial.read("/dns/v2/zones/example.com")["contact"], "old@example.com", "{nth}");
        });
    }
}

/// Without any removal of ours before: the read shows another time of creation.
#[test]
fn what_another_client_made_anew_since_is_kept_where_a_read_shows_its_creation() {
    const PATH: &str = "/cloud/v1/faas/namespaces/1/7";
    for anew in [false, true] {
        paused(async {
            let mut trial = Trial::new(Options::default());
            let body = json!({ "name": "ours" });
            let steps = json!([{ "id": "space", "call": format!("POST {PATH}"), "body": body }]);
            let plan = json!({ "name": "demo", "steps": steps }).to_string();
            assert_eq!(trial.run(&plan).await.finished.exit, Exit::Done, "{:?}", trial.failures());
            if anew {
                trial.by_hand(&RecordedCall::new(Method::Delete, format!("{PATH}/ours"))).await;
                trial.by_hand(&call(Method::Post, PATH, body)).await;
            }
            let before = trial.alive();
            let finished = trial.destroy().await;
            let expected = if anew { (Exit::TeardownIncomplete, before) } else { (Exit::Done, Vec::new()) };
            assert_eq!((finished.exit, trial.alive()), expected, "{:?}", trial.left());
            assert_eq!(format!("{:?}", trial.left()).contains("was created on"), anew, "{:?}", trial.left());
        });
    }
}

/// A destroy that died after its DELETE was carried out: what another client has made by the same name since is kept.
/// Before that the destroy goes on.
#[test]
fn what_another_client_made_anew_by_the_same_name_is_not_removed() {
    let (zone, set) = ("/dns/v2/zones/example.com", "/dns/v2/zones/other.example/www.other.example/A");
    let (storages, other) = ("/storage/v4/object_storages", json!({ "name": "files", "location_name": "s-ed1" }));
    let records = json!({ "ttl": 300, "resource_records": [{ "content": ["192.0.2.1"] }] });
    for (path, at, body) in [
        ("/dns/v2/zones", zone, json!({ "name": "example.com" })),
        (set, set, records),
        ("buckets", "pictures", json!({ "name": "pictures" })),
    ] {
        for moment in [Moment::BeforeSending, Moment::Acted] {
            for nth in 1..8 {
                paused(async {
                    let mut trial = Trial::new(Options::default());
                    trial.by_hand(&call(Method::Post, "/dns/v2/zones", json!({ "name": "other.example" }))).await;
                    let storage = trial.by_hand(&call(Method::Post, storages, other.clone())).await["id"].clone();
                    let path =
                        if path == "buckets" { format!("{storages}/{storage}/buckets") } else { path.to_owned() };
                    let at = if at == "pictures" { format!("{path}/{at}") } else { at.to_owned() };
                    let steps = json!([{ "id": "thing", "call": format!("POST {path}"), "body": body }]);
                    let plan = json!({ "name": "demo", "steps": steps }).to_string();
                    let before = trial.alive();
                    assert_eq!(trial.run(&plan).await.finished.exit, Exit::Done, "{path}: {:?}", trial.failures());
                    let life = Life::until(When::Request { nth, moment });
                    let died = trial.destroy_until(&life).await.is_none();
                    let was_removed = trial.alive() == before;
                    if was_removed && died {
                        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
                        trial.by_hand(&call(Method::Post, &path, body.clone())).await;
                        if path.ends_with("/buckets") {
                            // Besides its name a bucket shows only how it is set up.
                            let cors = json!({ "cors": { "allowed_origins": ["*"] } });
                            trial.by_hand(&call(Method::Patch, &at, cors)).await;
                        }
                    }
                    let finished = trial.destroy().await;
                    let label = format!("{path} {moment:?} {nth}: {:?}", trial.left());
                    match was_removed && died {
                        true => {
                            assert_eq!(finished.exit, Exit::TeardownIncomplete, "{label}");
                            assert!(
                                trial.left().iter().any(|left| left.contains("may be another client's")),
                                "{label}"
                            );
                            // However often it is tried.
                            assert_eq!(trial.destroy().await.exit, Exit::TeardownIncomplete, "{label}");
                            trial.read(&at);
                        }
                        false => {
                            assert_eq!(finished.exit, Exit::Done, "{label}");
                            assert_eq!(trial.alive(), before, "{label}");
                        }
                    }
                });
            }
        }
    }
}

/// The group that a resource brings along goes with it, but for one that was there before.
#[test]
fn a_secondary_resource_goes_with_its_resource_unless_it_was_there_before() {
    const RESOURCE: &str = "name: demo\nsteps:\n  - id: cdn\n    call: POST /cdn/resources\n    body: { cname: a.example.com, origin: o.example.com }\n";
    for is_reused in [false, true] {
        paused(async {
            let mut trial = Trial::new(Options::default());
            let body = json!({ "name": "others", "sources": [{ "source": "192.0.2.1" }] });
            trial.by_hand(&call(Method::Post, "/cdn/origin_groups", body)).await;
            let before = trial.alive();
            let id: u64 = trial.simulator.lock().unwrap().everything()[0].id.parse().unwrap();
            trial.change_answers(move |request, mut answer| {
                if is_reused && request.method == Method::Post && request.path == "/cdn/resources" {
                    let mut shown: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
                    shown["originGroup"] = id.into();
                    answer.body = shown.to_string().into_bytes();
                }
                answer
            });
            assert_eq!(trial.run(RESOURCE).await.finished.exit, Exit::Done, "{:?}", trial.failures());
            assert_eq!(trial.alive().len(), 3);
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
            let left = trial.alive();
            assert!(left.contains(&before[0]), "{left:?}");
            // The group of the create whose answer names another one is on no record.
            assert_eq!(left.len(), if is_reused { 2 } else { 1 }, "{left:?}");
        });
    }
}

#[test]
fn a_process_that_dies_anywhere_leaves_nothing_behind() {
    let plan = Trial::plan("plan.yaml", PLAN);
    for kept in 0..40 {
        paused(async {
            let mut trial = Trial::new(Options::default());
            let whole = trial.run_until(&plan, &Life::until(When::Records { kept, torn: kept % 2 == 0 })).await;
            let end = trial.run(PLAN).await;
            // A resource without a unique key may be another client's: the run ends as unknown.
            let unknown = trial.failures().iter().all(|failure| failure.contains("another client's"));
            assert!(whole.is_some() || end.finished.exit == Exit::Done || unknown, "{kept}: {:?}", trial.failures());
            assert!(trial.made().values().all(|made| *made == 1), "{kept}: {:?}", trial.made());
            trial.destroy().await;
            let left: Vec<String> = trial
                .alive()
                .into_iter()
                .filter(|alive| !["waap_", "cdn_ssl_", "fastedge_binaries"].iter().any(|kind| alive.starts_with(kind)))
                .collect();
            assert_eq!(left, Vec::<String>::new(), "{kept}: {:?}", trial.left());
        });
    }
}

#[test]
fn a_binary_that_cannot_be_compiled_fails_its_step() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.change_answers(|request, mut answer| {
            if request.method == Method::Get && request.path.starts_with("/streaming/ai/tasks/") {
                answer.body = json!({ "task_id": "t", "status": "FAILURE" }).to_string().into_bytes();
            }
            answer
        });
        let plan = r#"
name: demo
steps:
  - id: task
    call: POST /streaming/ai/tasks
    body: { task_name: transcription, url: "https://example.com/a.mp4" }
"#;
        trial.run(plan).await;
        let failures = trial.failures();
        assert!(failures[0].contains("`status` is `FAILURE`"), "{failures:?}");
    });
}

#[test]
fn readiness_is_not_waited_for_when_the_plan_turns_it_off() {
    let plan = |ready: &str| {
        format!(
            "name: demo\nsteps:\n  - id: group\n    call: POST /cdn/origin_groups\n    body: {{ name: origins, sources: [{{ source: 192.0.2.1 }}] }}\n  - id: cdn\n    call: POST /cdn/resources\n    body: {{ cname: cdn.example.com, originGroup: \"{{{{ steps.group.id }}}}\" }}\n{ready}"
        )
    };
    paused(async {
        for (ready, waits) in [("", true), ("    ready: false\n", false)] {
            let mut trial = Trial::new(Options::default());
            let end = trial.run(&plan(ready)).await;
            assert_eq!(end.finished.exit, Exit::Done, "{:?}", trial.failures());
            let waited = trial.events.iter().any(|event| matches!(event, Event::ReadinessAwaited { .. }));
            assert_eq!(waited, waits, "{ready}");
        }
    });
}
