//! What becomes of a create of the products whose answer was lost, for every kind: what is ours is found by its key or
//! its stamp, what is another client's is not touched, and where neither distinguishes them the outcome is unknown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::conditions::{Bystander, Conditions, CreateFault};
use super::every_kind::{before_and_after, plan_of};
use super::harness::{Trial, paused};
use super::reliability::proof::Turns;
use super::strangers::live_through;
use crate::catalog::{CLOUD, Catalog, Creates, Method, Operation, root_of};
use crate::exit::Exit;
use crate::journal::{Evidence, RecordedCall};
use crate::simulate::tests::every_operation::{FILE, body_of};
use crate::simulate::{Options, UnknownIds};

/// The creates of the products that `plan` can send and the simulator keeps, each with a plan for it.
fn creates() -> Vec<(Arc<Operation>, String)> {
    let products = Catalog::embedded().operations().filter(|operation| root_of(&operation.route.path) != CLOUD);
    let products = products.filter(|operation| !operation.deprecated);
    let of = |operation: Arc<Operation>| {
        let creates = operation.creates.as_ref().filter(|_| operation.route.method == Method::Post)?;
        creates.resource.as_ref()?.delete.as_ref()?;
        let plan = match operation.media_types.as_slice() {
            [] => {
                let body = before_and_after(&operation).map(|(body, _)| body).or_else(|| body_of(&operation));
                plan_of(&operation, &with_own_name(&operation, creates, body.unwrap_or(Value::Null)))
            }
            [_] if operation.takes_form() => plan_of(&operation, &body_of(&operation).unwrap_or_default()),
            _ => {
                let mut plan: Value = serde_json::from_str(&plan_of(&operation, &Value::Null)).ok()?;
                plan["steps"][0].as_object_mut()?.remove("body");
                plan["steps"][0]["body_file"] = json!(FILE);
                plan.to_string()
            }
        };
        Some((operation, plan.replace(r#","body":null"#, "")))
    };
    products.filter_map(of).collect()
}

/// One element where the body is a list, and an origin group for a CDN resource, which would come with one otherwise.
fn with_own_name(operation: &Operation, creates: &Creates, body: Value) -> Value {
    match (creates.kind.as_str(), body) {
        ("cdn_resources", _) => json!({ "cname": "www.example.com", "originGroup": 7 }),
        ("streaming_videos", _) if operation.route.path.ends_with("/batch") => {
            json!({ "videos": [{ "name": "a", "origin_url": "https://example.com/a.mp4" }] })
        }
        ("streaming_overlays", _) => json!([{ "url": "https://example.com/a" }]),
        ("streaming_videos", _) => json!({ "video": { "name": "a" } }),
        (_, body) => body,
    }
}

/// The evidence that distinguishes a resource of this kind from another client's.
fn expected(creates: &Creates, plan: &str) -> Option<Evidence> {
    let has_own_text = creates.remark_at.as_deref().and_then(|at| at.rsplit('/').next());
    match (creates.unique, has_own_text) {
        (true, _) => Some(Evidence::OwnKey),
        (false, Some(field)) => (!plan.contains(&format!(r#""{field}":"#))).then_some(Evidence::Stamp),
        (false, None) => None,
    }
}

fn trial(fate: CreateFault, bystanders: &[Bystander]) -> Trial {
    let mut trial = Trial::new(Options { unknown_ids: UnknownIds::Assume, ..Options::default() });
    trial.conditions = Conditions { fates: vec![fate], bystanders: bystanders.to_vec(), ..Conditions::default() };
    trial
}

#[test]
fn the_documentation_says_by_what_each_kind_is_found() {
    let (mut told, mut wrong) = (BTreeMap::new(), Vec::new());
    for (operation, plan) in creates() {
        let creates = operation.creates.as_ref().unwrap();
        let plan = without(creates, &plan);
        paused(async {
            let mut trial = trial(CreateFault::AnswerLost, &[]);
            let exit = trial.run(&plan).await.finished.exit;
            let known = trial.status().instances.values().next().cloned().unwrap_or_default();
            let evidence = expected(creates, &plan);
            // A resource whose secret is shown only once is made again, and the second answer arrives.
            let again = creates.told_once.is_some() && evidence.is_some();
            let seen = if again { known.evidence.is_none().then_some(Evidence::Stamp) } else { known.evidence };
            if (exit == Exit::Done) != evidence.is_some() || seen != evidence {
                let failures = trial.failures();
                wrong.push(format!("{}: {exit:?} {seen:?}, not {evidence:?}: {failures:?}", operation.route));
            }
            told.entry(creates.kind.clone()).or_insert(evidence);
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(told.len() > 30, "{told:?}");
    let docs = std::fs::read_to_string("docs/reliability.md").unwrap();
    let row = |begins: &str| docs.lines().find(|line| line.starts_with(begins)).unwrap_or_default().to_owned();
    for (kind, evidence) in told {
        let begins = match evidence {
            Some(Evidence::OwnKey) => "| by its own key",
            Some(_) => "| by the stamp in its text",
            None => "| by neither",
        };
        assert!(row(begins).contains(&format!("`{kind}`")), "`{kind}` belongs in the row `{begins}`");
    }
}

/// A plan with one step.
fn step(call: &str, body: &Value) -> String {
    json!({ "name": "demo", "steps": [{ "id": "it", "call": call, "body": body }] }).to_string()
}

#[test]
fn the_secret_of_a_lost_answer_is_named_with_what_makes_a_new_one() {
    let sftp = |mode: &str| {
        let body = json!({ "name": "its-own", "location_name": "ams", "password_mode": mode });
        step("POST /storage/v4/sftp_storages", &body)
    };
    let key = |more: Value| {
        let mut body = json!({ "name": "its-own" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        step("POST /cloud/v1/ssh_keys/{project_id}", &body)
    };
    for (plan, secret) in [
        (sftp("auto"), Some("password")),
        (sftp("none"), None),
        (
            step("POST /storage/v4/object_storages", &json!({ "name": "its-own", "location_name": "s-ed1" })),
            Some("access_keys.0.secret_key"),
        ),
        (key(json!({})), Some("private_key")),
        (
            key(
                json!({ "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIjxL6g1II8NsO8odvBwGKvq2Dx/h/xrvsV9b9LVIYKm" }),
            ),
            None,
        ),
    ] {
        paused(async {
            let mut trial = trial(CreateFault::AnswerLost, &[]);
            let exit = trial.run(&plan).await.finished.exit;
            assert_eq!(exit, Exit::Done, "{plan}: {:?}", trial.failures());
            let warnings = trial.warnings();
            let words = secret.map(|field| format!("`it`: its `{field}` was in the answer that was lost"));
            assert_eq!(warnings.contains("--replace it"), secret.is_some(), "{plan}: {warnings}");
            assert!(words.is_none_or(|words| warnings.contains(&words)), "{plan}: {warnings}");
        });
    }
}

#[test]
fn an_invitation_without_an_answer_is_found_by_the_e_mail_address_in_any_case() {
    let plan = json!({ "name": "demo", "steps": [{
        "id": "ann", "call": "POST /iam/clients/invite_user", "undo": "none",
        "body": { "email": "Ann@b.example", "user_role": { "id": 3 }, "client_id": 170 },
    }] })
    .to_string();
    for shown in ["Ann@b.example", "ann@b.example", "eve@b.example"] {
        paused(async {
            let mut trial = trial(CreateFault::AnswerLost, &[]);
            trial.change_answers(move |request, mut answer| {
                if request.path.starts_with("/iam/users") {
                    let body = String::from_utf8(answer.body).unwrap();
                    answer.body = body.replace("Ann@b.example", shown).into_bytes();
                }
                answer
            });
            let exit = trial.run(&plan).await.finished.exit;
            let evidence = trial.status().instances.values().next().and_then(|known| known.evidence);
            let is_ours = shown != "eve@b.example";
            assert_eq!(evidence, is_ours.then_some(Evidence::OwnKey), "{shown}: {:?}", trial.failures());
            assert_eq!(exit == Exit::Done, is_ours, "{shown}");
        });
    }
}

#[test]
fn a_zone_that_the_api_writes_in_another_way_is_recognised() {
    let plan = |more: Value| {
        let mut step = json!({ "id": "zone", "call": "POST /dns/v2/zones", "body": { "name": "Our.Example." } });
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "name": "demo", "steps": [step] }).to_string()
    };
    let written = |trial: &Trial| {
        trial.change_answers(|_, mut answer| {
            let body = String::from_utf8(answer.body).unwrap();
            answer.body = body.replace("Our.Example.", "our.example").into_bytes();
            answer
        });
    };
    paused(async {
        let mut trial = trial(CreateFault::AnswerLost, &[]);
        written(&trial);
        assert_eq!(trial.run(&plan(json!({}))).await.finished.exit, Exit::Done, "{:?}", trial.failures());
        let known = trial.status().instances.values().next().cloned().unwrap();
        assert_eq!(known.evidence, Some(Evidence::OwnKey));
    });
    paused(async {
        let mut trial = Trial::new(Options { unknown_ids: UnknownIds::Assume, ..Options::default() });
        let made = RecordedCall {
            body: Some(json!({ "name": "Our.Example." }).into()),
            ..RecordedCall::new(Method::Post, "/dns/v2/zones")
        };
        trial.by_hand(&made).await;
        written(&trial);
        let adopted = plan(json!({ "adopt": { "name": "OUR.example" } }));
        assert_eq!(trial.run(&adopted).await.finished.exit, Exit::Done, "{:?}", trial.failures());
    });
}

/// The plan without a text of its own where the stamp can be left.
fn without(creates: &Creates, plan: &str) -> String {
    let mut plan: Value = serde_json::from_str(plan).unwrap();
    if let Some((above, field)) = creates.remark_at.as_deref().and_then(|at| at.rsplit_once('/'))
        && let Some(Value::Object(fields)) = plan.pointer_mut(&format!("/steps/0/body{above}"))
    {
        fields.remove(field);
    }
    plan.to_string()
}

#[test]
fn what_another_client_made_is_never_taken_for_ours() {
    let fates = [
        CreateFault::AnswerLost,
        CreateFault::NeverArrives,
        CreateFault::HeadOnly,
        CreateFault::Late(Duration::from_millis(2600)),
    ];
    let bystanders: [&[Bystander]; 4] = [&[], &[Bystander::Before], &[Bystander::During], &[Bystander::After]];
    let mut turns = Turns::every(3);
    let (mut tried, mut done, mut blind) = (0, 0, Vec::new());
    for (operation, plan) in creates() {
        let creates = operation.creates.as_ref().unwrap();
        let stamped = without(creates, &plan);
        for fate in fates {
            for bystanders in bystanders {
                if !turns.take() {
                    continue;
                }
                // Where a name is unique, there is no second one of it.
                if creates.unique && !bystanders.is_empty() {
                    continue;
                }
                let label = format!("{}, {fate:?}, {bystanders:?}", operation.route);
                paused(async {
                    let mut trial = trial(fate, bystanders);
                    let through = live_through(&label, &mut trial, &stamped, 1).await;
                    (tried, done) = (tried + 1, done + usize::from(through));
                    // A bystander's resource without a description may be ours: the API may have dropped our text.
                    let may_be_ours = !creates.unique && fate == CreateFault::NeverArrives && !bystanders.is_empty();
                    if !through && expected(creates, &stamped).is_some() && !may_be_ours {
                        blind.push(format!("{label}: {:?}", trial.failures()));
                    }
                });
            }
        }
    }
    assert!(blind.is_empty() && done * 3 > tried, "{done} of {tried}\n{}", blind.join("\n"));
}

/// Nothing is sent again where nothing would show what the first call made.
#[test]
fn a_create_that_no_list_shows_is_sent_once() {
    for path in ["/iam/clients/create", "/newer/v1/things"] {
        let step = json!({ "id": "one", "call": format!("POST {path}"), "body": { "company": "a" } });
        let plan = json!({ "name": "demo", "steps": [step] }).to_string();
        paused(async {
            let mut trial = Trial::with_faults(&[&format!("lost-answer:POST:{path}:1")]);
            assert_eq!(trial.run(&plan).await.finished.exit, Exit::Unknown, "{path}: {:?}", trial.failures());
            assert!(trial.failures()[0].contains("no list that would show"), "{:?}", trial.failures());
            assert_eq!(trial.writes(), 1, "{path}");
            assert_eq!(trial.run(&plan).await.finished.exit, Exit::Unknown, "{path}");
            assert_eq!(trial.writes(), 1, "{path}");
        });
    }
}

/// The secret was only in the lost answer, so that the resource is of no use: it is removed, and another one made.
#[test]
fn a_resource_that_shows_its_secret_once_is_made_again_when_the_answer_was_lost() {
    for (path, body, fate) in [
        (
            "/iam/v2/clients/7/tokens",
            json!({ "name": "ci", "exp_date": null, "client_user": {} }),
            CreateFault::AnswerLost,
        ),
        ("/storage/v4/object_storages/7/access_keys", Value::Null, CreateFault::HeadOnly),
    ] {
        let mut step = json!({ "id": "key", "call": format!("POST {path}") });
        if !body.is_null() {
            step["body"] = body;
        }
        let plan = json!({ "name": "demo", "steps": [step] }).to_string();
        paused(async {
            let mut trial = trial(fate, &[]);
            assert_eq!(trial.run(&plan).await.finished.exit, Exit::Done, "{path}: {:?}", trial.failures());
            assert_eq!(trial.made().values().sum::<u64>(), 2, "{path}");
            assert_eq!(trial.alive().len(), 1, "{path}: {:?}", trial.alive());
            assert!(trial.warnings().contains("was in the answer that was lost"), "{}", trial.warnings());
            assert_eq!(trial.destroy().await.exit, Exit::Done);
            assert_eq!(trial.alive(), Vec::<String>::new(), "{path}");
            // A run whose answers never arrive ends.
            let mut trial = super::lost_answers::trial(fate, &[]);
            trial.conditions.fates = vec![fate; 20];
            assert_eq!(trial.run(&plan).await.finished.exit, Exit::StepFailed, "{path}");
            assert!(trial.failures()[0].contains("none of the answers arrived"), "{:?}", trial.failures());
            assert_eq!((trial.destroy().await.exit, trial.alive()), (Exit::Done, vec![]), "{path}: {:?}", trial.left());
        });
    }
}

/// Several resources of one call are all on record, and all go.
#[test]
fn each_of_several_that_one_call_makes_is_removed() {
    let two = json!([{ "url": "https://example.com/a" }, { "url": "https://example.com/b" }]);
    let videos = json!({ "videos": [{ "name": "a" }, { "name": "b" }, { "name": "c" }] });
    for (path, body, count) in [("/streaming/streams/7/overlays", two, 2), ("/streaming/videos/batch", videos, 3)] {
        let plan = json!({ "name": "demo", "steps": [{ "id": "many", "call": format!("POST {path}"), "body": body }] });
        paused(async {
            let mut trial = trial(CreateFault::Answered, &[]);
            assert_eq!(trial.run(&plan.to_string()).await.finished.exit, Exit::Done, "{path}: {:?}", trial.failures());
            assert_eq!(trial.alive().len(), count, "{path}");
            let ids = trial.status().instances.values().next().and_then(|known| Some(known.result.clone()?.ids));
            assert_eq!(ids.map(|ids| ids.len()), Some(count), "{path}");
            assert_eq!((trial.destroy().await.exit, trial.alive()), (Exit::Done, vec![]), "{path}: {:?}", trial.left());
        });
    }
}
