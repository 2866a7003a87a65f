//! GET steps: pages, `find`, and reads on every run.

use serde_json::{Value, json};

use super::harness::{Trial, paused};
use crate::catalog::Method;
use crate::event::{ErrorClass, Event};
use crate::exit::Exit;
use crate::simulate::Options;

const LOOK_UP: &str = "\
name: demo
steps:
  - id: image
    call: GET /cloud/v1/images/{project_id}/{region_id}
    find: { name: debian-12-x64 }
outputs:
  id: \"{{ steps.image.id }}\"
  os: \"{{ steps.image.resource.os_distro }}\"
  name: \"{{ steps.image.name }}\"
";

const LIST: &str = "\
name: demo
steps:
  - id: networks
    call: GET /cloud/v1/networks/{project_id}/{region_id}
outputs:
  count: \"{{ steps.networks.response.results | length }}\"
";

/// Answers lists in pages of two items.
fn short_pages(trial: &Trial, total: usize) {
    trial.change_answers(move |request, mut answer| {
        if request.method == Method::Get && request.path == "/cloud/v1/networks/1/7" {
            let number = |name: &str| {
                request.query.iter().find(|(known, _)| known == name).and_then(|(_, text)| text.parse::<usize>().ok())
            };
            let offset = number("offset").unwrap_or(0);
            let page: Vec<Value> =
                (offset..total).take(2).map(|nth| json!({ "id": nth, "name": format!("n{nth}") })).collect();
            answer.body = json!({ "count": total, "results": page }).to_string().into_bytes();
        }
        answer
    });
}

fn output(end: &crate::engine::RunEnd, name: &str) -> Value {
    end.outputs.iter().find(|output| output.name == name).map(|output| output.value.clone()).unwrap_or_default()
}

#[test]
fn a_look_up_gives_the_only_matching_item() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(LOOK_UP).await;
        assert_eq!(end.finished.exit, Exit::Done);
        assert_eq!((output(&end, "os"), output(&end, "name")), (json!("debian"), json!("debian-12-x64")));
        assert!(output(&end, "id").is_string());
    });
}

#[test]
fn a_missing_item_fails_the_step_and_names_the_existing_ones() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let end = trial.run(&LOOK_UP.replace("debian-12-x64", "debian-12-x46")).await;
        let (_, error) = end.failure.unwrap();
        assert_eq!((end.finished.exit, error.class), (Exit::StepFailed, ErrorClass::Template));
        assert_eq!(error.message, "no item has `name` `debian-12-x46`");
        assert_eq!(error.help[0], "did you mean `debian-12-x64`?");
    });
}

#[test]
fn a_list_is_read_to_its_end() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        short_pages(&trial, 5);
        let end = trial.run(LIST).await;
        assert_eq!(output(&end, "count"), json!(5));
        let end = trial.run(&LOOK_UP.replace("images", "networks").replace("debian-12-x64", "n4")).await;
        assert_eq!(output(&end, "id"), json!(4));
    });
}

#[test]
fn a_page_that_was_asked_for_is_that_page_and_says_so() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        short_pages(&trial, 5);
        let end = trial.run(&LIST.replace("{region_id}\n", "{region_id}\n    query: { limit: 2 }\n")).await;
        assert_eq!(output(&end, "count"), json!(2));
        let warned =
            |event: &Event| matches!(event, Event::Warned { message } if message.contains("5 items, and 2 came"));
        assert!(trial.events.iter().any(warned), "{:?}", trial.events);
    });
}

#[test]
fn a_list_that_is_too_long_stops_the_step() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        // The harness sets `max_items` to a thousand.
        short_pages(&trial, 1001);
        let end = trial.run(LIST).await;
        let (_, error) = end.failure.unwrap();
        assert_eq!(error.message, "the list has 1001 items, more than the 1000 that may come");
        assert_eq!(trial.requests.lock().unwrap().len(), 1);
    });
}

#[test]
fn a_call_that_is_always_made_is_made_once_a_run() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let plan = "\
name: demo
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: web-net, create_router: false }
  - id: renamed
    call: PATCH /cloud/v1/networks/{project_id}/{region_id}/{{ steps.network.id }}
    body: { name: other-net }
    always: true
";
        for _ in 0..3 {
            assert_eq!(trial.run(plan).await.finished.exit, Exit::Done);
        }
        let sent = |method| trial.requests.lock().unwrap().iter().filter(|request| request.method == method).count();
        assert_eq!((sent(Method::Post), sent(Method::Patch)), (1, 3));
    });
}

#[test]
fn fail_when_ends_a_wait_and_keeps_the_resource() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        trial.change_answers(|request, mut answer| {
            if request.method == Method::Get && request.path.starts_with("/cloud/v1/networks/1/7/") {
                answer.body = json!({ "id": "n", "status": "ERROR" }).to_string().into_bytes();
            }
            answer
        });
        let plan = "\
name: demo
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: web-net, create_router: false }
    ready: resource.status == 'ACTIVE'
    fail_when: resource.status == 'ERROR'
";
        for _ in 0..2 {
            let end = trial.run(plan).await;
            let (_, error) = end.failure.unwrap();
            assert_eq!(end.finished.exit, Exit::StepFailed);
            assert_eq!(
                error.message,
                "it can never become ready: `resource.status == 'ERROR'` holds: `resource.status` is `ERROR`"
            );
        }
        let made = trial.requests.lock().unwrap().iter().filter(|request| request.method == Method::Post).count();
        assert_eq!(made, 1);
        // The resource that exists nevertheless is reported before the failure.
        let told =
            |event: &Event| matches!(event, Event::ResourceExists { kind: Some(kind), .. } if kind == "networks");
        let at = trial.events.iter().position(|event| matches!(event, Event::StepFailed { .. })).unwrap();
        assert!(told(&trial.events[at - 1]), "{:?}", trial.events);
    });
}

#[test]
fn the_resource_of_a_get_is_its_answer() {
    paused(async {
        let mut trial = Trial::new(Options::default());
        let plan = "\
name: demo
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: web-net, create_router: false }
  - id: seen
    call: GET /cloud/v1/networks/{project_id}/{region_id}/{{ steps.network.id }}
  - id: awaited
    call: GET /cloud/v1/networks/{project_id}/{region_id}/{{ steps.network.id }}
    ready: resource.name == 'web-net'
outputs:
  seen: \"{{ steps.seen.resource.name }}\"
  awaited: \"{{ steps.awaited.resource.name }}\"
";
        for _ in 0..2 {
            let end = trial.run(plan).await;
            assert_eq!(end.finished.exit, Exit::Done, "{:?}", end.failure);
            assert_eq!((output(&end, "seen"), output(&end, "awaited")), (json!("web-net"), json!("web-net")));
        }
    });
}
