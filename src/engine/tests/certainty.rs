use serde_json::{Value, json};

use super::harness::{Trial, assert_done, paused};
use super::order::CHAIN;
use crate::catalog::Method;
use crate::engine::RunOptions;
use crate::exit::Exit;
use crate::simulate::Options;

#[test]
fn a_lost_answer_is_found_again_and_never_sent_twice() {
    paused(async {
        for what in ["networks", "subnets", "volumes"] {
            let mut trial = Trial::with_faults(&[&format!("lost-answer:POST:{what}:1")]);
            let end = trial.run(CHAIN).await;
            assert_done(&trial, &end);
            assert_eq!(trial.alive().len(), 5, "{what}: {:?}", trial.alive());
            assert_eq!(trial.made()[what], if what == "volumes" { 3 } else { 1 });
        }
    });
}

#[test]
fn a_write_that_never_arrived_is_sent_again() {
    paused(async {
        let mut trial = Trial::with_faults(&["reset:POST:networks:1"]);
        let end = trial.run(CHAIN).await;
        assert_done(&trial, &end);
        assert_eq!((trial.alive().len(), trial.made()["networks"]), (5, 1));
    });
}

#[test]
fn identical_steps_never_share_a_resource() {
    paused(async {
        let twins = "name: demo\nsteps:\n  - id: volume\n    for_each: \"{{ range(6) }}\"\n    \
                     call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    \
                     body: { name: twin, source: new-volume, size: 1 }\noutputs: { ids: \"{{ steps.volume.ids }}\" }\n";
        for seed in 0..10 {
            let mut trial = Trial::with_faults(&[&format!("random:0.4:seed={seed}")]);
            let mut end = trial.run(twins).await;
            for _ in 0..5 {
                if end.finished.exit == Exit::Done {
                    break;
                }
                end = trial.run(twins).await;
            }
            assert_done(&trial, &end);
            assert_eq!(trial.alive().len(), 6, "seed {seed}");
            let ids = Trial::output(&end, "ids");
            assert_eq!(
                super::harness::distinct(ids.as_array().unwrap().iter().map(Value::to_string)),
                6,
                "seed {seed}"
            );
        }
    });
}

#[test]
fn a_run_cut_off_at_any_record_ends_as_an_unbroken_one() {
    paused(async {
        let mut unbroken = Trial::new(Options::default());
        unbroken.run(CHAIN).await;
        let mut cuts = 0;
        for records in 0.. {
            let mut trial = Trial::new(Options::default());
            if trial.crash_after(CHAIN, records).await.is_some() {
                break;
            }
            cuts += 1;
            let end = trial.run_with(CHAIN, RunOptions::default(), std::future::pending()).await;
            assert_done(&trial, &end);
            assert_eq!(trial.alive(), unbroken.alive(), "cut after {records} records");
            assert_eq!(trial.made(), unbroken.made(), "cut after {records} records");
        }
        assert!(cuts >= 15, "{cuts}");
    });
}

#[test]
fn a_list_without_end_is_no_answer() {
    paused(async {
        let mut trial = Trial::with_faults(&["reset:POST:networks:1"]);
        trial.change_answers(|request, mut answer| {
            let mut value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            if request.method == Method::Get && value.get("results").is_some() {
                value["results"] = json!([{ "id": "one of too many" }]);
                value["count"] = json!(u32::MAX);
                answer.body = value.to_string().into_bytes();
            }
            answer
        });
        let end = trial.run(CHAIN).await;
        assert_eq!(end.finished.exit, Exit::Unknown);
        let status = trial.status();
        let told: Vec<String> =
            status.instances.values().filter_map(|known| Some(known.error.as_ref()?.message.clone())).collect();
        assert!(told.iter().any(|message| message.contains("the list does not end")), "{told:?}");
    });
}

/// A proxy that delivers an answer twice: the second time as that of the next request.
#[test]
fn an_answer_to_another_request_is_not_believed() {
    const PLAN: &str = r#"
name: demo
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: same, create_router: false }
    ready: resource.name == 'same'
  - id: subnet
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { name: same, network_id: "{{ steps.network.id }}", cidr: 10.0.0.0/24 }
"#;
    paused(async {
        let mut trial = Trial::new(Options::default());
        let (mut shown, mut done) = (None, false);
        trial.change_answers(move |request, answer| {
            if request.method == Method::Get && request.path.starts_with("/cloud/v1/networks/1/7/") {
                shown = Some(answer.clone());
            }
            let again = !done && request.method == Method::Post && request.path.contains("/subnets/");
            done |= again;
            shown.clone().filter(|_| again).unwrap_or(answer)
        });
        let end = trial.run(PLAN).await;
        assert_done(&trial, &end);
        assert_eq!((trial.made()["subnets"], trial.writes()), (1, 2));
        assert_eq!(trial.destroy().await.exit, Exit::Done, "{:?}", trial.left());
        assert!(trial.alive().is_empty(), "{:?}", trial.alive());
    });
}
