use super::*;
use crate::simulate::{Faults, UnknownIds};

fn with_faults(rules: &[&str]) -> World {
    world(Options { faults: Faults::parse(rules.iter().copied()).unwrap(), ..instant() })
}

#[test]
fn a_lost_answer_leaves_a_resource_and_a_reset_does_not() {
    let mut world = with_faults(&["reset:POST:networks:1", "lost-answer:POST:networks:2"]);
    let body = json!({ "name": "net" });
    assert_eq!(world.react(Method::Post, NETWORKS, Some(body.clone())), Reaction::Reset);
    assert_eq!(world.simulator.resources("networks").len(), 0);
    assert_eq!(world.react(Method::Post, NETWORKS, Some(body)), Reaction::LoseAnswer);
    let made = world.simulator.resources("networks");
    let tasks = world.get("/cloud/v1/tasks?task_type=create_network");
    assert_eq!(tasks["results"][0]["created_resources"]["networks"][0], json!(made[0].id));
}

#[test]
fn a_failed_task_has_an_error_and_may_leave_its_resource() {
    let mut world = with_faults(&["task-error:volumes:1:text=No space", "task-error:volumes:2:leaves"]);
    let body = json!({ "name": "data", "source": "new-volume", "size": 5 });
    let accepted = world.post(VOLUMES, body.clone());
    let task = world.ended(accepted);
    assert_eq!((&task["state"], &task["error"]), (&json!("ERROR"), &json!("No space")));
    assert_eq!(task["created_resources"], Value::Null);
    assert_eq!(world.simulator.resources("volumes"), []);
    let accepted = world.post(VOLUMES, body);
    let task = world.ended(accepted);
    let left = &world.simulator.resources("volumes")[0];
    assert_eq!(left.shown["status"], "error");
    assert!(task["error"].as_str().unwrap().contains(&left.id));
    assert_eq!(left.shown["creator_task_id"], task["id"]);
}

#[test]
fn answers_are_late_cut_or_something_else() {
    let mut world =
        with_faults(&["delay=2s:GET:regions:1", "cut:GET:regions:2", "html:GET:regions:3", "bad-json:GET:regions:4"]);
    let mut look = || world.react(Method::Get, "/cloud/v1/regions", None);
    let Reaction::Delay(length, _) = look() else { panic!("not late") };
    assert_eq!(length, Duration::from_secs(2));
    let Reaction::Cut { answer, bytes } = look() else { panic!("not cut") };
    assert!(bytes < answer.body.len());
    for _ in 0..2 {
        let Reaction::Answer(answer) = look() else { panic!("no answer") };
        assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
    }
}

#[test]
fn too_many_requests_say_when_to_come_back() {
    let mut world = with_faults(&["rate-limit:retry-after=7"]);
    let Reaction::Answer(answer) = world.react(Method::Get, NETWORKS, None) else { panic!("no answer") };
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
    assert_eq!(answer.header("date"), Some("Sat, 23 May 2026 05:00:00 GMT"));
}

#[test]
fn quotas_refuse_creates_beyond_their_limit() {
    let quotas = [("volumes".to_owned(), 1)].into();
    let mut world = world(Options { quotas, ..instant() });
    let body = json!({ "name": "data", "source": "new-volume", "size": 5 });
    assert_eq!(world.post(VOLUMES, body.clone()).0, 200);
    let (status, refused) = world.post(VOLUMES, body);
    assert_eq!((status, &refused["exception_class"]), (400, &json!("QuotaLimitExceed")));
    let info = json!({ "attribute": "volume_count", "current_usage": 1, "requested_usage": 2, "limit": 1 });
    assert_eq!(refused["info"], info);
}

#[test]
fn wrong_keys_routes_methods_and_bodies_are_refused() {
    let options = Options { api_key: Some("right".into()), regions: Some(vec![8]), ..instant() };
    let mut world = world(options);
    assert_eq!(world.send(Method::Get, NETWORKS, None).0, 401);
    let mut with_key = |method, path: &str, body| {
        let mut request = request(method, path, body);
        request.headers[0].1 = "apikey right".into();
        let Reaction::Answer(answer) = world.simulator.handle(&request, world.now) else { panic!("no answer") };
        (answer.status, super::read(&answer)["exception_class"].clone())
    };
    assert_eq!(with_key(Method::Get, NETWORKS, None), (404, json!("NotFoundError")));
    assert_eq!(with_key(Method::Get, "/cloud/v9/networks/1/8", None), (404, json!("NotFoundError")));
    assert_eq!(with_key(Method::Put, "/cloud/v1/networks/1/8", None), (405, json!("HTTPError")));
    let missing_name = with_key(Method::Post, "/cloud/v1/networks/1/8", Some(json!({})));
    assert_eq!(missing_name, (400, json!("ValidationError")));
}

#[test]
fn the_audit_log_knows_the_user_agent_of_a_lost_answer() {
    let mut world = with_faults(&["lost-answer:POST:ssh_keys"]);
    let mut lost = request(Method::Post, "/cloud/v1/ssh_keys/1", Some(json!({ "name": "mine" })));
    lost.headers.push(("user-agent".into(), "plan/1 attempt-9".into()));
    assert_eq!(world.simulator.handle(&lost, world.now), Reaction::LoseAnswer);
    let found = world.get("/cloud/v1/user_actions?user_agents=plan/1 attempt-9");
    let id = &world.simulator.resources("ssh_keys")[0].id;
    assert_eq!(found["count"], 1);
    assert_eq!(found["results"][0]["resources"][0]["resource_id"], json!(id));
    assert_eq!(world.get("/cloud/v1/user_actions?user_agents=somebody")["count"], 0);
}

#[test]
fn ids_of_other_clients_exist_only_where_they_are_assumed() {
    let stranger = json!({ "name": "sub", "network_id": IMAGE, "cidr": "10.0.0.0/24" });
    assert_eq!(world(instant()).post(SUBNETS, stranger.clone()).0, 404);
    let mut assuming = world(Options { unknown_ids: UnknownIds::Assume, ..instant() });
    assert_eq!(assuming.post(SUBNETS, stranger).0, 200);
    assert_eq!(assuming.get(&format!("{NETWORKS}/{IMAGE}"))["id"], IMAGE);
    let made = assuming.network();
    assuming.delete(&format!("{NETWORKS}/{made}"));
    assert_eq!(assuming.send(Method::Get, &format!("{NETWORKS}/{made}"), None).0, 404);
}

#[test]
fn the_same_seed_and_requests_give_the_same_answers() {
    let run = |seed| {
        let mut world = world(Options { seed, faults: Faults::random(seed, 0.3), ..Options::default() });
        let mut reactions = Vec::new();
        for _ in 0..20 {
            reactions.push(format!("{:?}", world.react(Method::Post, NETWORKS, Some(json!({ "name": "net" })))));
            world.pass(2);
        }
        (reactions, world.simulator.ever_made())
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn a_removal_that_fails_leaves_the_resource_in_error_and_free() {
    let mut world = with_faults(&["task-error:DELETE:volumes:1"]);
    let volume = world.make(VOLUMES, json!({ "name": "data", "source": "new-volume", "size": 5 }));
    let path = format!("{VOLUMES}/{volume}");
    let accepted = world.delete(&path);
    assert_eq!(world.ended(accepted)["state"], "ERROR");
    let shown = world.get(&path);
    assert_eq!((&shown["status"], &shown["task_id"]), (&json!("error"), &Value::Null));
    let accepted = world.delete(&path);
    assert_eq!(world.ended(accepted)["state"], "FINISHED");
}
