//! A teardown of what a machine made, where the API does not say which task made it.

use serde_json::{Value, json};

use super::harness::{Trial, assert_done, paused};
use super::ours::{DATA, MACHINE};
use crate::api::{Answer, Request};
use crate::exit::Exit;
use crate::simulate::Options;

/// A machine with a volume of its own and one of another client, as `MACHINE`.
async fn with_a_machine(listed: impl Fn(&Request, &str, &mut Value) + Send + 'static) -> Trial {
    let mut trial = Trial::new(Options::default());
    let end = trial.run(DATA).await;
    assert_done(&trial, &end);
    let volume = Trial::output(&end, "id").as_str().unwrap().to_owned();
    let end = trial.run(&DATA.replace("data", "other")).await;
    let other = Trial::output(&end, "id").as_str().unwrap().to_owned();
    trial.another_record();
    trial.inputs = vec![("data_volume".to_owned(), volume)];
    trial.change_answers(move |request, answer| {
        let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else { return answer };
        listed(request, &other, &mut body);
        Answer { body: body.to_string().into_bytes(), ..answer }
    });
    let end = trial.run(MACHINE).await;
    assert_done(&trial, &end);
    trial
}

/// What shows of a volume who made it.
fn name_no_maker(request: &Request, maker: &Value, body: &mut Value) {
    if request.path.contains("/volumes/") && body.get("creator_task_id").is_some() {
        body["creator_task_id"] = maker.clone();
    }
}

#[test]
fn a_volume_that_names_no_maker_goes_with_the_machine_whose_task_lists_it_and_made_it_then() {
    for maker in [json!(null), json!("")] {
        paused(async {
            let shown = maker.clone();
            let mut trial = with_a_machine(move |request, _, body| name_no_maker(request, &shown, body)).await;
            assert_eq!(trial.destroy().await.exit, Exit::Done, "{maker}: {:?}", trial.left());
            assert_eq!(trial.alive(), ["volumes data", "volumes other"], "{maker}");
        });
    }
}

/// What the task alone lists may be another client's: here a volume from before, which is not attached to the machine; and
/// that of a machine which another client deleted is attached to nothing.
#[test]
fn a_volume_that_names_no_maker_stays_where_anything_else_is_missing() {
    for case in ["another's in the list", "another's in the list, attached", "another time", "machine gone"] {
        paused(async {
            let mut trial = with_a_machine(move |request, other, body| {
                name_no_maker(request, &json!(null), body);
                if let Some(volumes) = body.pointer_mut("/created_resources/volumes").and_then(Value::as_array_mut)
                    && case.starts_with("another's")
                    && !volumes.is_empty()
                {
                    volumes.push(json!(other));
                }
                if case == "another time" && body.get("created_at").is_some() {
                    body["created_at"] = json!("2020-01-01T00:00:00+0000");
                }
                if case.ends_with("attached") && request.path.ends_with(other) {
                    body["attachments"] = json!([{ "server_id": "of another client's machine" }]);
                }
            })
            .await;
            let volumes = ["volumes boot", "volumes data", "volumes other"];
            if case == "machine gone" {
                let machine = trial.status().instances[0].made[0].undo.clone().unwrap();
                trial.by_hand(&machine).await;
            }
            assert_eq!(trial.destroy().await.exit, Exit::TeardownIncomplete, "{case}");
            let left = trial.left().join("\n");
            assert!(left.contains("the API does not say which task made it"), "{case}: {left}");
            let is_boot = !case.starts_with("another's");
            assert_eq!(trial.alive(), volumes[usize::from(!is_boot)..], "{case}");
        });
    }
}
