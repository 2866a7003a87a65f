//! Recovery of a lost record from the account: for every example, with an open and with a closed audit log.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::harness::{Trial, paused};
use super::reliability::plans::examples;
use crate::catalog::Method;
use crate::engine::Recovered;
use crate::engine::recovery::RecoveryEvidence;
use crate::exit::Exit;
use crate::id::{InstanceId, StepId};
use crate::journal::{InstanceStatus, Phase, Record, RecordedCall, Status};
use crate::plan::{Plan, Selection};
use crate::simulate::{AuditLog, Busy, Options};

/// The environment of a plan after one run, with its record lost.
async fn lost(plan: &std::sync::Arc<Plan>, audit: AuditLog) -> Trial {
    lost_with(plan, audit).await.0
}

/// The same, and what was on record.
async fn lost_with(plan: &std::sync::Arc<Plan>, audit: AuditLog) -> (Trial, BTreeMap<String, Value>) {
    let mut trial = Trial::new(Options { busy: Busy { audit, ..Busy::default() }, ..Options::default() });
    let end = trial.run_until(plan, &super::death::Life::until(super::death::When::Never)).await.unwrap();
    assert_eq!(end.finished.exit, Exit::Done, "{:?}", trial.failures());
    let before = summary(&trial.status());
    trial.lose_the_record();
    (trial, before)
}

/// What a later run and a teardown need of each instance that made something.
fn summary(status: &Status) -> BTreeMap<String, Value> {
    let made = status.instances.iter().filter(|(_, known)| known.made.iter().any(|made| made.id.is_some()));
    let of = |known: &InstanceStatus| {
        let undo: Vec<_> = known.made.iter().map(|made| json!([made.kind, made.id, made.undo, made.lock])).collect();
        let intent = known.intent.as_ref().map(|intent| (intent.secret, intent.after.clone(), intent.call.to_string()));
        let result = known.result.as_ref().map(|result| (&result.kind, &result.id, &result.name, &result.created));
        json!({ "phase": known.phase.name(), "after": known.after, "made": undo, "intent": intent,
            "attempts": known.attempts, "result": result })
    };
    made.map(|(instance, known)| (instance.to_string(), of(known))).collect()
}

async fn run(trial: &mut Trial, plan: &std::sync::Arc<Plan>) -> Exit {
    let life = super::death::Life::until(super::death::When::Never);
    trial.run_until(plan, &life).await.expect("this process lives on").finished.exit
}

/// By step: the evidence of its recovery.
fn evidence(recovered: &Recovered) -> BTreeMap<String, String> {
    let found = recovered.found.iter().map(|(instance, trace)| {
        let words = match trace {
            RecoveryEvidence::Stamp => "stamp".to_owned(),
            RecoveryEvidence::FormerStamp(former) => format!("stamp of `{former}`"),
            RecoveryEvidence::Task => "task".to_owned(),
            RecoveryEvidence::AuditLog => "audit log".to_owned(),
            RecoveryEvidence::Decision => "accepted".to_owned(),
            RecoveryEvidence::Parent(parent) => format!("in `{}`", parent.step),
        };
        (instance.step.to_string(), words)
    });
    let in_doubt = recovered.in_doubt.iter().map(|(instance, _)| (instance.step.to_string(), "in doubt".to_owned()));
    let later =
        recovered.not_looked_for.iter().map(|(instance, _)| (instance.step.to_string(), "after that".to_owned()));
    found.chain(in_doubt).chain(later).collect()
}

#[test]
fn every_resource_of_every_example_is_recovered() {
    // Other products have neither our stamp nor an audit log: their resources are in doubt, with only a matching
    // name.
    let of_the_cloud = |plan: &Plan| {
        plan.steps
            .values()
            .filter_map(|step| step.operation.as_ref())
            .all(|operation| operation.route.path.starts_with("/cloud/"))
    };
    let mut table = String::new();
    for case in examples().into_iter().filter(|case| of_the_cloud(&case.plan)) {
        let open = paused(async {
            let (mut trial, before) = lost_with(&case.plan, AuditLog::OnTime).await;
            let made = trial.made();
            let recovered = trial.recover(&case.plan, &[]).await;
            assert!(recovered.is_complete(), "{}: {recovered:#?}", case.name);
            assert_eq!(summary(&recovered.status), before, "{}", case.name);
            assert_eq!(run(&mut trial, &case.plan).await, Exit::Done, "{}: {:?}", case.name, trial.failures());
            assert_eq!(trial.made(), made, "{}: made twice", case.name);
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{}: {:?}", case.name, trial.left());
            assert_eq!(trial.alive(), Vec::<String>::new(), "{}", case.name);
            evidence(&recovered)
        });
        let closed = paused(async {
            let mut trial = lost(&case.plan, AuditLog::Closed).await;
            let made = trial.made();
            let recovered = trial.recover(&case.plan, &[]).await;
            assert_eq!(recovered.absent, [], "{}", case.name);
            let exit = run(&mut trial, &case.plan).await;
            assert_eq!(exit == Exit::Done, recovered.in_doubt.is_empty(), "{}: {exit:?}", case.name);
            assert_eq!(trial.made(), made, "{}: made twice", case.name);
            let in_doubt = recovered.in_doubt.iter();
            let accepted: Vec<_> = in_doubt.map(|(instance, ids)| (instance.to_string(), ids[0].clone())).collect();
            let again = trial.recover(&case.plan, &accepted).await;
            assert!(again.is_complete(), "{}: {again:#?}", case.name);
            assert_eq!(run(&mut trial, &case.plan).await, Exit::Done, "{}: {:?}", case.name, trial.failures());
            assert_eq!(trial.made(), made, "{}: made twice", case.name);
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{}: {:?}", case.name, trial.left());
            assert_eq!(trial.alive(), Vec::<String>::new(), "{}", case.name);
            evidence(&recovered)
        });
        for step in case.plan.steps.values() {
            let creates = step.operation.as_ref().filter(|operation| operation.creates.is_some());
            if let Some(operation) = creates {
                let by = |found: &BTreeMap<String, String>| found.get(step.id.as_str()).cloned().unwrap_or_default();
                let path = operation.route.path.split('/').filter(|part| !part.starts_with('{')).skip(3);
                let what = path.collect::<Vec<_>>().join("/");
                table.push_str(&format!(
                    "| {} | `{}` | {what} | {} | {} |\n",
                    case.name,
                    step.id,
                    by(&open),
                    by(&closed)
                ));
            }
        }
    }
    let docs = std::fs::read_to_string("docs/state.md").unwrap();
    assert!(docs.contains(&table), "docs/state.md should say:\n{table}");
}

const DISKS: &str = r#"
name: demo
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: web, create_router: true }
  - id: disk
    for_each: "{{ range(2) }}"
    call: POST /cloud/v1/volumes/{project_id}/{region_id}
    body: { name: data, source: new-volume, size: 10 }
  - id: router
    call: POST /cloud/v1/routers/{project_id}/{region_id}
    body: { name: web }
    undo: none
"#;

#[test]
fn resources_of_other_clients_with_the_same_names_are_not_recovered() {
    paused(async {
        let plan = Trial::plan("plan.yaml", DISKS);
        let mut trial = lost(&plan, AuditLog::OnTime).await;
        let call = crate::journal::RecordedCall {
            body: Some(json!({ "name": "data", "source": "new-volume", "size": 10 }).into()),
            ..crate::journal::RecordedCall::new(crate::catalog::Method::Post, "/cloud/v1/volumes/1/7")
        };
        trial.by_hand(&call).await;
        let recovered = trial.recover(&plan, &[]).await;
        assert!(recovered.is_complete() && recovered.found.len() == 4, "{recovered:#?}");
        assert_eq!(run(&mut trial, &plan).await, Exit::Done);
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        // The router that is kept by the plan, and the other client's volume.
        assert_eq!(trial.alive(), ["routers web", "volumes data"]);
    });
}

#[test]
fn a_teardown_names_what_stays_of_a_recovered_record() {
    paused(async {
        let plan = Trial::plan("plan.yaml", DISKS);
        let mut trial = lost(&plan, AuditLog::OnTime).await;
        trial.recover(&plan, &[]).await;
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), ["routers web"]);
        assert!(trial.warnings().contains("it has no undo"), "{}", trial.warnings());
    });
}

#[test]
fn a_resource_with_only_a_matching_name_is_in_doubt_and_none_is_created() {
    paused(async {
        let plan = Trial::plan("plan.yaml", DISKS);
        let mut trial = lost(&plan, AuditLog::Closed).await;
        let made = trial.made();
        let recovered = trial.recover(&plan, &[]).await;
        let in_doubt: Vec<String> = recovered.in_doubt.iter().map(|(instance, _)| instance.to_string()).collect();
        assert_eq!(in_doubt, ["router"]);
        assert_eq!(recovered.status.instances[&recovered.in_doubt[0].0].phase, Phase::InDoubt);
        // It is on record by now, and no less in doubt.
        let again = trial.recover(&plan, &[]).await;
        assert_eq!((again.undecided().count(), again.is_complete()), (1, false), "{again:#?}");
        // What is confirmed for it is no resource of its kind, and what is confirmed for the others is too late: nothing is
        // changed.
        let wrong = ["router", "network", "disk[0]"].map(|name| (name.to_owned(), "wrong".to_owned()));
        let again = trial.recover(&plan, &wrong).await;
        assert_eq!((again.records(), &again.refused[..]), (vec![], &wrong[..]));
        assert_eq!(run(&mut trial, &plan).await, Exit::Unknown);
        assert_eq!(trial.made(), made);
        // The audit log attributes the call to the step, though not to one attempt: it is not another client's.
        trial.simulator.lock().unwrap().open_audit_log();
        assert_eq!(run(&mut trial, &plan).await, Exit::Unknown);
        assert_eq!(trial.made(), made, "made a second time");
    });
}

const SCHEDULES: &str = r#"
name: demo
steps:
  - id: nightly
    for_each: { a: 1, b: 2 }
    call: POST /cloud/v1/lifecycle_policy/{project_id}/{region_id}
    body: { name: nightly, action: volume_snapshot, status: active }
"#;

/// The record was renamed after the creates, so that the audit log has the former name.
#[test]
fn resources_created_under_a_former_name_are_recovered_by_their_keys() {
    paused(async {
        let mut trial = lost(&Trial::plan("plan.yaml", SCHEDULES), AuditLog::OnTime).await;
        let plan = Trial::plan("plan.yaml", &SCHEDULES.replace("id: nightly", "id: weekly"));
        let made = trial.made();
        let recovered = trial.recover(&plan, &[]).await;
        assert_eq!(evidence(&recovered)["weekly"], "audit log", "{recovered:#?}");
        assert!(recovered.is_complete() && recovered.found.len() == 2);
        assert_eq!(run(&mut trial, &plan).await, Exit::Done);
        assert_eq!(trial.made(), made);
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

#[test]
fn a_resource_created_under_a_former_name_is_not_another_clients() {
    paused(async {
        let one = SCHEDULES.replace("{ a: 1, b: 2 }", "{ a: 1 }");
        let mut trial = lost(&Trial::plan("plan.yaml", &one), AuditLog::Closed).await;
        let plan = Trial::plan("plan.yaml", &one.replace("id: nightly", "id: weekly"));
        assert_eq!(trial.recover(&plan, &[]).await.in_doubt.len(), 1);
        trial.simulator.lock().unwrap().open_audit_log();
        assert_eq!(run(&mut trial, &plan).await, Exit::Unknown);
        assert_eq!(trial.destroy().await.exit, Exit::TeardownIncomplete);
        assert_eq!((trial.alive().len(), trial.left().len()), (1, 1), "{:?}", trial.left());
    });
}

#[test]
fn steps_that_the_plan_no_longer_has_are_taken_down_in_order() {
    paused(async {
        let whole = "name: demo\nsteps:\n  - id: network\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    body: { name: web, create_router: false }\n  - id: subnet\n    call: POST /cloud/v1/subnets/{project_id}/{region_id}\n    body: { name: web, network_id: \"{{ steps.network.id }}\", cidr: 10.0.0.0/24 }\n  - id: disk\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    body: { name: data, source: new-volume, size: 1 }\n";
        let less = &whole[..whole.find("  - id: network").unwrap()];
        let less = format!("{less}{}", &whole[whole.find("  - id: disk").unwrap()..]);
        let mut trial = lost(&Trial::plan("plan.yaml", whole), AuditLog::Closed).await;
        let recovered = trial.recover(&Trial::plan("plan.yaml", &less), &[]).await;
        assert_eq!(recovered.found.len(), 3);
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

/// Its boot volume is known from the task that made it, though the plan's call is not.
#[test]
fn a_machine_that_the_plan_no_longer_has_goes_with_its_boot_volume() {
    paused(async {
        let machine = "name: demo\nsteps:\n  - id: group\n    call: POST /cloud/v1/servergroups/{project_id}/{region_id}\n    body: { name: web, policy: affinity }\n  - id: machine\n    call: POST /cloud/v2/instances/{project_id}/{region_id}\n    body: { name: web, flavor: g2-standard-2-4, interfaces: [{ type: external }], volumes: [{ source: image, image_id: 11111111-1111-4111-8111-111111111111, boot_index: 0, size: 10 }] }\n";
        let less = &machine[..machine.find("  - id: machine").unwrap()];
        let mut trial = lost(&Trial::plan("plan.yaml", machine), AuditLog::OnTime).await;
        trial.recover(&Trial::plan("plan.yaml", less), &[]).await;
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

#[test]
fn what_carries_the_stamp_of_a_former_name_is_recovered_or_named() {
    let step = |id: &str, name: &str| {
        format!(
            "  - id: {id}\n    call: POST /cloud/v1/networks/{{project_id}}/{{region_id}}\n    body: {{ name: {name}, create_router: true }}\n"
        )
    };
    let plan = |steps: &[String]| Trial::plan("plan.yaml", &format!("name: demo\nsteps:\n{}", steps.concat()));
    paused(async {
        for (now, found, named, alive) in [
            // Renamed.
            (vec![step("network", "web")], vec!["network"], 0, 2),
            // Renamed and changed, or another one: not decidable.
            (vec![step("network", "other")], vec!["net"], 1, 4),
            // Either of two may be its new name.
            (vec![step("network", "web"), step("third", "web")], vec!["net"], 2, 6),
            // Of another kind.
            (vec![step("net", "web"), step("more", "web")], vec!["net"], 0, 4),
        ] {
            let mut trial = lost(&plan(&[step("net", "web")]), AuditLog::Closed).await;
            let plan = plan(&now);
            let recovered = trial.recover(&plan, &[]).await;
            let names: Vec<String> = recovered.found.iter().map(|(instance, _)| instance.to_string()).collect();
            assert_eq!((names, recovered.renamed.len()), (found.iter().map(ToString::to_string).collect(), named));
            assert_eq!(run(&mut trial, &plan).await, Exit::Done, "{:?}", trial.failures());
            assert_eq!(trial.warnings().matches("makes the same call").count(), named, "{}", trial.warnings());
            assert_eq!(trial.alive().len(), alive);
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
            assert_eq!(trial.alive(), Vec::<String>::new());
        }
    });
}

/// The call that made it is on no record: what was read on recovery is compared with the plan.
#[test]
fn a_change_since_the_resource_was_made_is_found_after_a_recovery() {
    let plan = |id: &str, name: &str, cidr: &str| {
        format!(
            "name: demo\nsteps:\n  - id: {id}\n    call: POST /cloud/v1/networks/{{project_id}}/{{region_id}}\n    body: {{ name: {name}, create_router: false }}\n  - id: subnet\n    on_change: replace\n    call: POST /cloud/v1/subnets/{{project_id}}/{{region_id}}\n    body: {{ name: web, cidr: {cidr}, network_id: \"{{{{ steps.{id}.id }}}}\" }}\n"
        )
    };
    paused(async {
        for (id, name, cidr, exit, sent, changes) in [
            ("net", "web", "10.0.0.0/24", Exit::Done, 0, ["net keep", "subnet keep"]),
            ("net", "other", "10.0.0.0/24", Exit::Done, 1, ["net* change update", "subnet keep"]),
            ("network", "other", "10.0.0.0/24", Exit::Done, 1, ["network* change update", "subnet keep"]),
            // Nothing is removed because of what a read shows.
            ("net", "web", "10.0.1.0/24", Exit::StepFailed, 0, ["net keep", "subnet* change error"]),
        ] {
            let first = Trial::plan("plan.yaml", &plan("net", "web", "10.0.0.0/24"));
            let mut trial = lost(&first, AuditLog::OnTime).await;
            let text = plan(id, name, cidr);
            let plan = Trial::plan("plan.yaml", &text);
            trial.recover(&plan, &[]).await;
            if id == "network" {
                trial.record(Record::Moved { instance: Selection::name("net"), to: Selection::name("network") });
            }
            let (alive, writes) = (trial.alive(), trial.writes());
            assert_eq!(trial.preview(&text, false), changes, "{id} {name} {cidr}");
            assert_eq!(run(&mut trial, &plan).await, exit, "{:?}", trial.failures());
            let refused = trial.failures().concat().contains("what was recovered differs from the plan's call");
            assert_eq!(refused, exit == Exit::StepFailed, "{:?}", trial.failures());
            assert_eq!(trial.writes() - writes, sent, "{id} {name} {cidr}");
            assert_eq!(trial.alive().len(), alive.len());
            assert!(trial.alive().contains(&format!("networks {name}")), "{:?}", trial.alive());
            let writes = trial.writes();
            assert_eq!(run(&mut trial, &plan).await, exit);
            assert_eq!(trial.writes(), writes, "{id} {name} {cidr}");
        }
    });
}

#[test]
fn a_machine_that_the_user_accepts_goes_with_its_boot_volume() {
    paused(async {
        let plan = Trial::plan(
            "plan.yaml",
            "name: demo\nsteps:\n  - id: machine\n    call: POST /cloud/v2/instances/{project_id}/{region_id}\n    stamp: false\n    body: { name: web, flavor: g2-standard-2-4, interfaces: [{ type: external }], volumes: [{ source: image, image_id: 11111111-1111-4111-8111-111111111111, boot_index: 0, size: 10 }] }\n",
        );
        let mut trial = lost(&plan, AuditLog::Closed).await;
        let recovered = trial.recover(&plan, &[]).await;
        let (instance, ids) = &recovered.in_doubt[0];
        let again = trial.recover(&plan, &[(instance.to_string(), ids[0].clone())]).await;
        assert_eq!(evidence(&again)["machine"], "accepted", "{again:#?}");
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

const COUNTED: &str = r#"
name: demo
steps:
  - id: known
    call: GET /cloud/v1/networks/{project_id}/{region_id}
  - id: key
    for_each: "{{ ['a', 'b'] if steps.known.response.results is defined else [] }}"
    call: POST /cloud/v1/ssh_keys/{project_id}
    body: { name: "key-{{ each.value }}" }
"#;

#[test]
fn instances_known_only_after_a_read_are_recovered() {
    paused(async {
        let plan = Trial::plan("plan.yaml", COUNTED);
        let mut trial = lost(&plan, AuditLog::OnTime).await;
        let made = trial.made();
        let recovered = trial.recover(&plan, &[]).await;
        assert_eq!(recovered.found.len(), 2, "{recovered:#?}");
        assert_eq!(run(&mut trial, &plan).await, Exit::Done, "{:?}", trial.failures());
        assert_eq!(trial.made(), made);
        assert_eq!(trial.destroy().await.exit, Exit::Done);
        assert_eq!(trial.alive(), Vec::<String>::new());
    });
}

#[test]
fn an_impossible_confirmation_is_refused() {
    paused(async {
        let plan = Trial::plan("plan.yaml", DISKS);
        let mut trial = lost(&plan, AuditLog::Closed).await;
        let wrong = [("router".to_owned(), "another".to_owned()), ("nothing".to_owned(), "1".to_owned())];
        let recovered = trial.recover(&plan, &wrong).await;
        assert_eq!(recovered.refused, wrong);
        assert!(!recovered.is_complete() && recovered.in_doubt.len() == 1);
    });
}

/// Nor is it told that the next run creates it, by a second recovery either.
#[test]
fn what_depends_on_an_instance_in_doubt_is_not_searched_for() {
    let text = "name: demo\nsteps:\n  - id: storage\n    call: POST /storage/v4/object_storages\n    body: { name: files, location_name: s-ed1 }\n  - id: key\n    call: POST /storage/v4/object_storages/{{ steps.storage.id }}/access_keys\n";
    paused(async {
        let plan = Trial::plan("plan.yaml", text);
        let mut trial = lost(&plan, AuditLog::Closed).await;
        for told in [1, 0] {
            let recovered = trial.recover(&plan, &[]).await;
            let later: Vec<&str> = recovered.not_looked_for.iter().map(|(name, _)| name.step.as_str()).collect();
            assert_eq!((recovered.in_doubt.len(), later.as_slice()), (told, &["key"][..]), "{recovered:#?}");
            assert!(recovered.absent.is_empty(), "{recovered:#?}");
        }
    });
}

#[test]
fn no_two_steps_recover_one_resource() {
    paused(async {
        let plan = Trial::plan(
            "plan.yaml",
            DISKS.replace("body: { name: data", "stamp: false\n    body: { name: data").as_str(),
        );
        let mut trial = lost(&plan, AuditLog::Closed).await;
        let recovered = trial.recover(&plan, &[]).await;
        let id = recovered.in_doubt.iter().find(|(instance, _)| instance.step.as_str() == "disk").unwrap().1[0].clone();
        let accepted = [("disk[0]".to_owned(), id.clone()), ("disk[1]".to_owned(), id)];
        assert_eq!(trial.recover(&plan, &accepted).await.refused.len(), 1);
    });
}

/// Inside one load balancer two agree with the plan.
#[test]
fn of_several_in_one_parent_none_is_recovered() {
    let text = "name: demo\nsteps:\n  - id: balancer\n    call: POST /cloud/v1/loadbalancers/{project_id}/{region_id}\n    body: { name: web, flavor: lb1-1-2 }\n  - id: pool\n    call: POST /cloud/v1/lbpools/{project_id}/{region_id}\n    body: { name: web, load_balancer_id: \"{{ steps.balancer.id }}\", lb_algorithm: ROUND_ROBIN, protocol: TCP }\n";
    paused(async {
        for others in [0, 1] {
            let plan = Trial::plan("plan.yaml", text);
            let mut trial = lost(&plan, AuditLog::Closed).await;
            let balancer = trial.read("/cloud/v1/loadbalancers/1/7")["results"][0]["id"].clone();
            for _ in 0..others {
                let body = json!({ "name": "web", "load_balancer_id": balancer, "lb_algorithm": "ROUND_ROBIN", "protocol": "TCP" });
                let call = crate::journal::RecordedCall {
                    body: Some(body.into()),
                    ..crate::journal::RecordedCall::new(crate::catalog::Method::Post, "/cloud/v1/lbpools/1/7")
                };
                trial.by_hand(&call).await;
            }
            let recovered = trial.recover(&plan, &[]).await;
            assert_eq!((recovered.found.len(), recovered.in_doubt.len()), (2 - others, others), "{recovered:#?}");
        }
    });
}

/// Its stamp, its task and the audit log have the former name.
#[test]
fn what_is_on_record_under_another_name_is_not_found_again() {
    for text in [DISKS, SCHEDULES, GROUPS] {
        paused(async {
            let plan = Trial::plan("plan.yaml", text);
            let mut trial = Trial::new(Options::default());
            assert_eq!(run(&mut trial, &plan).await, Exit::Done);
            let names: Vec<_> = trial.status().instances.keys().cloned().collect();
            for instance in names {
                let to = InstanceId { step: StepId::new(format!("{}_2", instance.step)), key: instance.key.clone() };
                trial.record(Record::Moved { instance, to });
            }
            let before = summary(&trial.status());
            let renamed = text.replace("id: network\n", "id: network_2\n").replace("id: disk", "id: disk_2");
            let renamed = renamed.replace("id: router", "id: router_2").replace("id: nightly", "id: nightly_2");
            let renamed = renamed.replace("id: group", "id: group_2").replace("id: key", "id: key_2");
            // Also while the plan still has the former names.
            for plan in [Trial::plan("plan.yaml", &renamed), plan.clone()] {
                let recovered = trial.recover(&plan, &[]).await;
                assert_eq!(recovered.found, [], "{recovered:#?}");
                assert_eq!(summary(&trial.status()), before);
            }
        });
    }
}

const GROUPS: &str = r#"
name: demo
steps:
  - id: group
    call: POST /cloud/v1/servergroups/{project_id}/{region_id}
    body: { name: web, policy: affinity }
  - id: key
    call: POST /cloud/v1/ssh_keys/{project_id}
    body: { name: web, public_key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKj0000000000000000000000000000000000000000000" }
"#;

/// As an earlier version recorded them.
#[test]
fn a_resource_on_record_under_two_names_is_removed_with_the_last_of_them() {
    paused(async {
        let plan = Trial::plan("plan.yaml", &DISKS.replace("    undo: none\n", ""));
        let mut trial = Trial::new(Options::default());
        assert_eq!(run(&mut trial, &plan).await, Exit::Done);
        let status = trial.status();
        for (instance, known) in &status.instances {
            let second = InstanceId { step: StepId::new(format!("old_{}", instance.step)), key: instance.key.clone() };
            trial.record(Record::Kept { instance: second, status: Box::new(known.clone().into_owned()) });
        }
        let alive = trial.alive();
        trial.options.prune = true;
        assert_eq!(run(&mut trial, &plan).await, Exit::Done, "{:?}", trial.failures());
        trial.options.prune = false;
        assert_eq!(trial.alive(), alive, "removed under its former name");
        assert_eq!(trial.warnings().matches("is on record as `").count(), 4, "{}", trial.warnings());
        assert_eq!(trial.status().existing().count(), 4);
        for (instance, known) in &status.instances {
            let second = InstanceId { step: StepId::new(format!("old_{}", instance.step)), key: instance.key.clone() };
            trial.record(Record::Kept { instance: second, status: Box::new(known.clone().into_owned()) });
        }
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert_eq!(trial.alive(), Vec::<String>::new());
        assert_eq!(trial.status().existing().count(), 0);
    });
}

/// Another client clones a volume with its tags, and gives a network of its own the tag with the name of the step.
#[test]
fn a_copied_stamp_hides_nothing_and_is_not_taken() {
    let plan = Trial::plan(
        "plan.yaml",
        "name: demo\nsteps:\n  - id: net\n    call: POST /cloud/v1/networks/{project_id}/{region_id}\n    body: { name: ours, create_router: false }\n  - id: disk\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    body: { name: data, source: new-volume, size: 10 }\n",
    );
    for (audit, found, in_doubt, exit, left) in [
        (AuditLog::OnTime, ["disk", "net"].as_slice(), [].as_slice(), Exit::Done, 2),
        (AuditLog::Closed, &["net"], &["disk"], Exit::Unknown, 3),
    ] {
        paused(async {
            let mut trial = lost(&plan, audit).await;
            let volumes = trial.by_hand(&RecordedCall::new(Method::Get, "/cloud/v1/volumes/1/7")).await;
            let tags = volumes["results"][0]["tags"].as_array().unwrap().iter();
            let tags = tags.filter(|tag| tag["read_only"] != json!(true));
            let tags: serde_json::Map<String, Value> =
                tags.map(|tag| (tag["key"].as_str().unwrap().to_owned(), tag["value"].clone())).collect();
            let call = |path: &str, body: Value| RecordedCall {
                body: Some(body.into()),
                ..RecordedCall::new(Method::Post, path)
            };
            let body = json!({ "name": "data", "source": "new-volume", "size": 10, "tags": tags });
            trial.by_hand(&call("/cloud/v1/volumes/1/7", body)).await;
            let body = json!({ "name": "theirs", "create_router": false, "tags": { "plan": "demo/default/net" } });
            trial.by_hand(&call("/cloud/v1/networks/1/7", body)).await;
            let made = trial.made();
            let recovered = trial.recover(&plan, &[]).await;
            let mut names: Vec<String> = recovered.found.iter().map(|(name, _)| name.to_string()).collect();
            names.sort();
            assert_eq!(names, found, "{recovered:#?}");
            let doubted: Vec<&str> = recovered.in_doubt.iter().map(|(name, _)| name.step.as_str()).collect();
            assert_eq!((doubted.as_slice(), recovered.is_complete()), (in_doubt, false));
            // Each is listed: those that were taken, and those that were not.
            assert_eq!(found.len() + recovered.unrecorded.len(), 4, "{recovered:#?}");
            assert_eq!(run(&mut trial, &plan).await, exit, "{:?}", trial.failures());
            assert_eq!(trial.made(), made, "made twice");
            trial.destroy().await;
            let alive = trial.alive();
            assert!(alive.contains(&"networks theirs".to_owned()) && alive.len() == left, "{alive:?}");
        });
    }
}

#[test]
fn what_is_certainly_another_environments_is_neither_offered_nor_accepted() {
    let plan = Trial::plan("plan.yaml", &SCHEDULES.replace("{ a: 1, b: 2 }", "{ a: 1 }"));
    let disk = Trial::plan(
        "plan.yaml",
        "name: demo\nsteps:\n  - id: disk\n    call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    body: { name: data, source: new-volume, size: 10 }\n",
    );
    paused(async {
        // Its stamp names production.
        let mut trial = Trial::new(Options::default());
        let tags = json!({ "plan": "demo/production/disk", "plan-attempt": "n1" });
        let body = json!({ "name": "data", "source": "new-volume", "size": 10, "tags": tags });
        let call = RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, "/cloud/v1/volumes/1/7") };
        trial.by_hand(&call).await;
        let recovered = trial.recover(&disk, &[]).await;
        assert_eq!((recovered.in_doubt.len(), recovered.of_others.len()), (0, 1), "{recovered:#?}");
        let accepted = [("disk".to_owned(), recovered.of_others[0].1.clone())];
        let recovered = trial.recover(&disk, &accepted).await;
        assert_eq!((recovered.found.len(), recovered.refused.as_slice()), (0, accepted.as_slice()), "{recovered:#?}");
        // It is on the record of another environment.
        let mut trial = lost(&plan, AuditLog::Closed).await;
        let recovered = trial.recover(&plan, &[]).await;
        let (instance, ids) = recovered.in_doubt[0].clone();
        trial.lose_the_record();
        let accepted = [(instance.to_string(), ids[0].clone())];
        let theirs = {
            let mut other = trial.elsewhere();
            other.recover(&plan, &accepted).await;
            other.status()
        };
        trial.other_records = vec![("plan `demo`, environment `production`".to_owned(), theirs)];
        let recovered = trial.recover(&plan, &accepted).await;
        assert_eq!((recovered.found.len(), recovered.in_doubt.len()), (0, 0), "{recovered:#?}");
        assert_eq!(recovered.refused.as_slice(), accepted.as_slice());
        assert!(recovered.of_others[0].2.contains("production"), "{recovered:#?}");
    });
}
