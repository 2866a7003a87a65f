use super::*;
use crate::simulate::{AuditLog, Busy, Faults};

fn busy(words: &str, faults: &[&str]) -> World {
    let faults = Faults::parse(faults.iter().copied()).unwrap();
    world(Options { busy: Busy::parse(words).unwrap(), faults, ..instant() })
}

fn post(world: &mut World, path: &str, body: Value) -> Reaction {
    world.react(Method::Post, path, Some(body))
}

#[test]
fn a_late_request_acts_after_its_sender_has_heard_of_a_reset() {
    let faults = Faults::parse(["late=3s:POST:networks:1", "late=3s:html:POST:networks:2"]).unwrap();
    let mut world = world(Options { faults, ..instant() });
    assert_eq!(post(&mut world, NETWORKS, json!({ "name": "net" })), Reaction::Reset);
    let Reaction::Answer(page) = post(&mut world, NETWORKS, json!({ "name": "net" })) else { panic!("no answer") };
    assert_eq!(page.status, 504);
    world.pass(2);
    assert_eq!(world.get(NETWORKS)["count"], 1, "the external network alone");
    world.pass(1);
    assert_eq!(world.get(NETWORKS)["count"], 3);
    let made: Vec<_> =
        world.simulator.resources("networks").iter().map(|net| net.shown["created_at"].clone()).collect();
    assert_eq!(made, ["2026-05-23T05:00:03+0000", "2026-05-23T05:00:03+0000"]);
}

#[test]
fn a_client_that_waits_for_a_late_request_gets_its_answer() {
    let faults = Faults::parse(["late=3s:held:POST:networks"]).unwrap();
    let mut world = world(Options { faults, ..instant() });
    let reaction = post(&mut world, NETWORKS, json!({ "name": "net" }));
    let Reaction::Later { after, ticket } = reaction else { panic!("{reaction:?}") };
    assert_eq!((after, world.simulator.resources("networks").len()), (Duration::from_secs(3), 0));
    world.pass(3);
    let answer = world.simulator.answer_of(ticket, world.now);
    assert!(matches!(answer, Reaction::Answer(answer) if answer.status == 200));
    assert_eq!(world.simulator.resources("networks").len(), 1);
}

#[test]
fn bystanders_make_the_same_before_meanwhile_and_after() {
    let mut world = busy("", &[]);
    let network = world.network();
    world.subnet(&network);
    world.pass(1);
    world.simulator.advance(world.now);
    let theirs = world.simulator.bystander_resources();
    let of = |kind: &str| theirs.iter().filter(|held| held.kind == kind).collect::<Vec<_>>();
    let mut made: Vec<_> =
        of("networks").iter().map(|net| net.shown["created_at"].as_str().unwrap().to_owned()).collect();
    made.sort();
    assert_eq!(made, ["2026-05-23T04:59:55+0000", "2026-05-23T05:00:00+0000", "2026-05-23T05:00:00+0000"]);
    // Each bystander has a subnet in a network of its own.
    let subnets = of("subnets");
    assert_eq!(subnets.len(), 3);
    assert!(subnets.iter().all(|subnet| subnet.name == "sub" && subnet.shown["network_id"] != json!(network)));
    assert_eq!(world.simulator.ever_made(), [("networks", 1), ("subnets", 1)].into());
    assert_eq!(world.simulator.everything().len(), 2);
    let tasks = world.get("/cloud/v1/tasks?task_type=create_subnet");
    assert_eq!(tasks["count"], 4);
    let log = world.get("/cloud/v1/user_actions?action_type=create&api_group=network");
    let agents: std::collections::BTreeSet<_> =
        log["results"].as_array().unwrap().iter().map(|entry| entry["user_agent"].to_string()).collect();
    assert_eq!(agents.len(), 4);
}

#[test]
fn bystanders_act_whether_or_not_the_clients_request_arrives() {
    let mut world = busy("", &["reset:POST:servergroups"]);
    let path = "/cloud/v1/servergroups/1/7";
    assert_eq!(post(&mut world, path, json!({ "name": "web", "policy": "affinity" })), Reaction::Reset);
    world.pass(1);
    let listed = world.get(path);
    assert_eq!(listed["count"], 3);
    assert_eq!(listed["results"][0].get("created_at"), None, "server groups show no time");
    assert_eq!(world.simulator.everything(), []);
}

#[test]
fn changes_to_resources_of_bystanders_are_noted() {
    let mut world = busy("", &[]);
    world.network();
    assert!(world.simulator.harmed().is_empty());
    let theirs = world.simulator.bystander_resources()[0].clone();
    world.delete(&format!("{NETWORKS}/{}", theirs.id));
    let harmed: Vec<_> = world.simulator.harmed().iter().map(|harmed| harmed.id.clone()).collect();
    assert_eq!(harmed, [theirs.id]);
}

#[test]
fn lists_and_the_audit_log_are_late_or_closed_and_reads_are_not() {
    let mut world = world(Options {
        busy: Busy {
            lists_late: Duration::from_secs(3),
            audit: AuditLog::Late(Duration::from_secs(60)),
            ..Busy::default()
        },
        ..instant()
    });
    let network = world.network();
    let count = |world: &mut World, path: &str| world.get(path)["count"].clone();
    let (list, tasks) = (format!("{NETWORKS}?name=net"), "/cloud/v1/tasks?task_type=create_network");
    assert_eq!((count(&mut world, &list), count(&mut world, tasks)), (json!(0), json!(0)));
    assert_eq!(world.get(&format!("{NETWORKS}/{network}"))["name"], "net");
    world.pass(3);
    assert_eq!((count(&mut world, &list), count(&mut world, tasks)), (json!(1), json!(1)));
    assert_eq!(count(&mut world, "/cloud/v1/user_actions"), json!(0));
    world.pass(57);
    assert_eq!(count(&mut world, "/cloud/v1/user_actions"), json!(1));
    let closed = busy("audit=closed", &[]).send(Method::Get, "/cloud/v1/user_actions", None);
    assert_eq!(closed.0, 403);
}

#[test]
fn the_servers_clock_may_be_another() {
    let mut world = busy("clock=30s", &[]);
    let reaction = world.react(Method::Post, NETWORKS, Some(json!({ "name": "net" })));
    let Reaction::Answer(answer) = reaction else { panic!("{reaction:?}") };
    assert_eq!(answer.header("date"), Some("Sat, 23 May 2026 05:00:30 GMT"));
    assert_eq!(world.simulator.resources("networks")[0].shown["created_at"], "2026-05-23T05:00:30+0000");
    world.settle();
    assert_eq!(world.now, "2026-05-23T05:00:00.5Z".parse().unwrap(), "the client's own time");
}
