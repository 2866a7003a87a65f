//! One round of the search for a lost call: what it reads, and what it makes of fabricated answers.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::death::{Life, When};
use super::harness::{Trial, paused};
use crate::api::{Answer, ReadError};
use crate::catalog::Method;
use crate::engine::search::{Resolved, Round};
use crate::journal::{Evidence, Intent, Mark, Record, id_text};
use crate::simulate::Options;

const ROUTER: &str = "call: POST /cloud/v1/routers/{project_id}/{region_id}\n    body: { name: web }";
const VOLUME: &str =
    "call: POST /cloud/v1/volumes/{project_id}/{region_id}\n    body: { name: web, source: new-volume, size: 1 }";
const GROUP: &str =
    "call: POST /cloud/v1/servergroups/{project_id}/{region_id}\n    body: { name: web, policy: affinity }";
const RULE: &str = "call: POST /cloud/v1/file_shares/{project_id}/{region_id}/726ecfcc-7fd0-4e30-a86e-7892524aa483/access_rule\n    \
                    body: { access_mode: rw, ip_address: 10.0.0.5 }";
const EXTEND: &str = "call: POST /cloud/v1/volumes/{project_id}/{region_id}/726ecfcc-7fd0-4e30-a86e-7892524aa483/extend\n    body: { size: 2 }";
const REVERT: &str =
    "call: POST /cloud/v1/volumes/{project_id}/{region_id}/726ecfcc-7fd0-4e30-a86e-7892524aa483/revert";
const VOLUME_ID: &str = "726ecfcc-7fd0-4e30-a86e-7892524aa483";

/// What the API shows: by path, an answer.
#[derive(Clone, Default)]
struct Shown {
    tasks: Vec<Value>,
    /// The resources in every list.
    items: Vec<Value>,
    /// The audit log; `None` when it is closed.
    log: Option<Vec<Value>>,
    refuses_tasks: bool,
}

/// A call of which nothing but the intent is on record.
async fn in_doubt(call: &str, stamp: bool) -> Trial {
    let mut trial = Trial::new(Options::default());
    trial.stamp = stamp;
    let plan = Trial::plan("plan.yaml", &format!("name: demo\nsteps:\n  - id: it\n    {call}\n    undo: none\n"));
    let end = trial.run_until(&plan, &Life::until(When::Records { kept: 2, torn: false })).await;
    assert!(end.is_none(), "it died with its intent");
    trial.requests.lock().unwrap().clear();
    trial
}

impl Trial {
    fn intent(&self) -> Intent {
        let status = self.status();
        let intent = status.instances.values().next().unwrap().intent.clone().unwrap();
        Intent::clone(&intent)
    }

    /// A task of the same moment.
    fn task(&self, id: &str, data: Value, more: Value) -> Value {
        let types = json!({ "routers": "create_router", "extend": "extend_volume", "volumes": "create_volume" });
        let path = self.intent().call.path.clone();
        let kind = ["extend", "routers", "volumes"].into_iter().find(|word| path.split('/').any(|part| part == *word));
        let mut task = json!({
            "id": id, "task_type": types[kind.unwrap_or_default()], "state": "RUNNING", "data": data,
            "created_on": self.time().strftime("%Y-%m-%dT%H:%M:%S").to_string(), "project_id": 1, "region_id": 7,
        });
        for (name, value) in more.as_object().unwrap() {
            task[name] = value.clone();
        }
        task
    }

    fn logged(&self, action: &str, task: Value, resource: &str) -> Value {
        let agent = self.intent().mark.user_agent.clone().unwrap();
        json!({
            "user_agent": agent, "action_type": action, "task_id": task,
            "resources": [{ "resource_id": resource, "resource_type": "it" }],
        })
    }

    async fn searched(&self, shown: &Shown, last: bool, disowned: &[&str]) -> Result<Round, ReadError> {
        let shown = shown.clone();
        self.change_answers(move |request, answer| {
            let list = |items: &[Value]| {
                let body = json!({ "count": items.len(), "results": items, "zones": items });
                let body = body.to_string().into_bytes();
                Answer { status: 200, body, ..answer.clone() }
            };
            let refused = || Answer { status: 403, body: b"{}".to_vec(), ..answer.clone() };
            match (request.path.as_str(), request.method) {
                ("/cloud/v1/tasks", _) if shown.refuses_tasks => refused(),
                ("/cloud/v1/tasks", _) => list(&shown.tasks),
                ("/cloud/v1/user_actions", _) => shown.log.as_deref().map_or_else(refused, list),
                (path, Method::Get) => match shown.items.iter().find(|item| is_read(path, item)) {
                    Some(item) => Answer { status: 200, body: item.to_string().into_bytes(), ..answer },
                    None => list(&shown.items),
                },
                _ => answer,
            }
        });
        self.look(last, disowned).await
    }

    /// Paths of the reads, each once, and whether any has this in its query.
    fn read_paths(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let mut paths: Vec<String> = requests.iter().map(|request| request.path.clone()).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    fn asked_for(&self, path: &str, name: &str) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let of_path = requests.iter().filter(|request| request.path == path);
        of_path
            .flat_map(|request| &request.query)
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
            .collect()
    }
}

/// Whether a path reads this one resource.
fn is_read(path: &str, item: &Value) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    item.get("id").or_else(|| item.get("name")).is_some_and(|id| id_text(id) == last)
}

fn undecided(round: Result<Round, ReadError>) -> Vec<String> {
    match round {
        Ok(Round::Undecided(candidates)) => candidates,
        other => panic!("{other:?}"),
    }
}

fn is_nothing(round: &Result<Round, ReadError>) -> bool {
    matches!(round, Ok(Round::NoCandidate))
}

#[test]
fn tasks_of_the_calls_project_and_region_are_listed() {
    paused(async {
        let trial = in_doubt(ROUTER, false).await;
        assert!(is_nothing(&trial.searched(&Shown::default(), false, &[]).await));
        for (name, value) in [("project_id", "1"), ("region_id", "7")] {
            assert_eq!(trial.asked_for("/cloud/v1/tasks", name), [value]);
        }
    });
}

/// Only the last round asks more than whether there are tasks, where a call starts some.
#[test]
fn what_a_round_reads_depends_on_the_call_and_on_what_it_found() {
    paused(async {
        let (tasks, log) = ("/cloud/v1/tasks", "/cloud/v1/user_actions");
        let (routers, groups) = ("/cloud/v1/routers/1/7", "/cloud/v1/servergroups/1/7");
        for (call, found, last, read) in [
            (ROUTER, false, false, vec![tasks]),
            (ROUTER, false, true, vec![routers, tasks, log]),
            (ROUTER, true, false, vec![tasks, log]),
            // Not sent with a tag, so that tags are not looked at.
            (VOLUME, true, false, vec![tasks, log]),
            (GROUP, false, false, vec![groups, log]),
        ] {
            let trial = in_doubt(call, false).await;
            let task = trial.task("t1", json!({ "name": "web" }), json!({}));
            let tasks = if found { vec![task] } else { Vec::new() };
            let shown = Shown { tasks, log: Some(Vec::new()), ..Shown::default() };
            trial.searched(&shown, last, &[]).await.unwrap();
            assert_eq!(trial.read_paths(), read, "{call}, found: {found}, last: {last}");
        }
    });
}

#[test]
fn a_stamp_is_looked_for_only_where_it_was_left() {
    paused(async {
        for (stamp, asked) in [(true, 1), (false, 0)] {
            let trial = in_doubt(VOLUME, stamp).await;
            trial.searched(&Shown::default(), false, &[]).await.unwrap();
            assert_eq!(trial.asked_for("/cloud/v1/volumes/1/7", "tag_key_value").len(), asked, "{stamp}");
        }
    });
}

#[test]
fn a_task_that_was_another_attempts_is_no_candidate_again() {
    paused(async {
        let trial = in_doubt(VOLUME, true).await;
        let tags = json!({ "plan-attempt": trial.intent().nonce });
        let shown = Shown {
            tasks: vec![trial.task("t1", json!({ "name": "web", "metadata": tags }), json!({}))],
            ..Shown::default()
        };
        assert!(is_nothing(&trial.searched(&shown, true, &["t1"]).await));
        let round = trial.searched(&shown, true, &[]).await;
        assert!(matches!(round, Ok(Round::Resolved(Resolved::Task { evidence: Evidence::Stamp, .. }))), "{round:?}");
    });
}

/// What a change does is the same from any client: its task may be taken for ours, and a create's may not.
#[test]
fn a_task_about_the_changed_resource_is_taken_and_one_like_a_create_is_not() {
    paused(async {
        for (call, data, taken) in
            [(EXTEND, json!({ "volume_id": VOLUME_ID, "size": 2 }), true), (ROUTER, json!({ "name": "web" }), false)]
        {
            let trial = in_doubt(call, false).await;
            let shown = Shown { tasks: vec![trial.task("t1", data, json!({}))], ..Shown::default() };
            let round = trial.searched(&shown, true, &[]).await;
            match taken {
                true => assert!(
                    matches!(round, Ok(Round::Resolved(Resolved::Task { evidence: Evidence::Likeness, .. }))),
                    "{round:?}"
                ),
                false => assert_eq!(undecided(round), ["task t1"]),
            }
        }
    });
}

/// The log has our call: for a change that is all; what a create made has to be found.
#[test]
fn an_entry_of_the_log_ends_the_search_for_a_change_only() {
    paused(async {
        let trial = in_doubt(EXTEND, false).await;
        let shown = Shown { log: Some(vec![trial.logged("update", Value::Null, VOLUME_ID)]), ..Shown::default() };
        assert!(matches!(trial.searched(&shown, true, &[]).await, Ok(Round::Resolved(Resolved::Done))));
        let trial = in_doubt(GROUP, false).await;
        let mut entry = trial.logged("create", Value::Null, "g1");
        entry["resources"] = json!([]);
        let shown = Shown { log: Some(vec![entry]), ..Shown::default() };
        assert!(is_nothing(&trial.searched(&shown, true, &[]).await));
    });
}

#[test]
fn a_resource_that_only_a_list_shows_is_the_one_that_the_log_names() {
    paused(async {
        let trial = in_doubt(RULE, false).await;
        let items = ["r1", "r2"].map(|id| json!({ "id": id, "ip_address": "10.0.0.5", "access_mode": "rw" })).to_vec();
        let shown = Shown { items, log: Some(vec![trial.logged("create", Value::Null, "r2")]), ..Shown::default() };
        match trial.searched(&shown, true, &[]).await {
            Ok(Round::Resolved(Resolved::Resource { item, evidence: Evidence::AuditLog, .. })) => {
                assert_eq!(item["id"], "r2");
            }
            round => panic!("{round:?}"),
        }
    });
}

#[test]
fn the_log_is_asked_about_the_candidates_that_there_are() {
    paused(async {
        let trial = in_doubt(GROUP, false).await;
        let items = vec![json!({ "servergroup_id": "g1", "name": "web", "policy": "affinity" })];
        let shown = Shown { items, log: Some(Vec::new()), ..Shown::default() };
        assert_eq!(undecided(trial.searched(&shown, true, &[]).await).len(), 1);
        assert_eq!(trial.asked_for("/cloud/v1/user_actions", "resource_id"), ["g1"]);
        assert!(trial.asked_for("/cloud/v1/user_actions", "region_id").is_empty(), "there are no tasks to ask about");
    });
}

/// Of an attempt whose `User-Agent` is on record, another attempt of the same step is another.
#[test]
fn what_another_attempt_made_is_not_this_ones() {
    paused(async {
        let trial = in_doubt(GROUP, false).await;
        let mut entry = trial.logged("create", Value::Null, "g1");
        let agent = entry["user_agent"].as_str().unwrap().replace(&trial.intent().nonce, "another");
        entry["user_agent"] = json!(agent);
        let items = vec![json!({ "servergroup_id": "g1", "name": "web", "policy": "affinity" })];
        let shown = Shown { items, log: Some(vec![entry]), ..Shown::default() };
        assert!(is_nothing(&trial.searched(&shown, true, &[]).await));
    });
}

/// A call that never starts tasks may be made with a key that must not list them.
#[test]
fn a_key_that_may_not_list_tasks_ends_the_search_only_for_calls_that_start_some() {
    paused(async {
        for (call, ends) in [(ROUTER, true), (REVERT, false)] {
            let trial = in_doubt(call, false).await;
            let shown = Shown { refuses_tasks: true, log: Some(Vec::new()), ..Shown::default() };
            assert_eq!(trial.searched(&shown, true, &[]).await.is_err(), ends, "{call}");
            assert_eq!(trial.asked_for("/cloud/v1/tasks", "region_id"), ["7"], "{call}");
        }
    });
}

/// A task whose resource has the tag of another attempt, or none although ours was sent.
#[test]
fn a_task_is_another_clients_when_its_resource_has_not_our_tag() {
    paused(async {
        let theirs = json!([{ "key": "plan-attempt", "value": "another", "read_only": false }]);
        for (maker, created, tags, remains) in [
            (json!("t1"), json!({}), theirs.clone(), false),
            (json!("t1"), json!({}), json!([]), false),
            (Value::Null, json!({ "volumes": ["v1"] }), theirs.clone(), false),
            (json!("t2"), json!({ "volumes": ["v2"] }), theirs.clone(), true),
            (json!("t2"), json!({ "routers": ["v1"] }), theirs, true),
        ] {
            let trial = in_doubt(VOLUME, true).await;
            let item = json!({ "id": "v1", "name": "other", "creator_task_id": maker, "tags": tags });
            let more = json!({ "created_resources": created });
            let task = trial.task("t1", json!({ "name": "web" }), more);
            let shown = Shown { tasks: vec![task], items: vec![item.clone()], ..Shown::default() };
            let round = trial.searched(&shown, true, &[]).await;
            match remains {
                true => assert_eq!(undecided(round), ["task t1"], "{item}"),
                false => assert!(is_nothing(&round), "{item}: {round:?}"),
            }
        }
    });
}

/// What has a unique name that was free before the call is its work when all of it agrees, and no other client has had
/// the time to use the name: by the time of its creation, or else by how much of it agrees.
#[test]
fn a_unique_name_says_nothing_of_what_differs_or_may_have_been_made_later() {
    const KEY: &str = "call: POST /storage/v4/ssh_keys\n    body: { name: key-1, public_key: ssh-ed25519 AAAA }";
    const ZONE: &str = "call: POST /dns/v2/zones\n    body: { name: our.example }";
    let key = |public: &str, more: Value| {
        let mut key = json!({ "id": 5, "name": "key-1", "public_key": public });
        key["created_at"] = more;
        key
    };
    let zone = json!({ "name": "our.example" });
    paused(async {
        for (call, item, made, later, is_ours) in [
            (KEY, key("ssh-ed25519 AAAA", Value::Null), None, 1, true),
            (KEY, key("ssh-ed25519 BBBB", Value::Null), None, 1, false),
            (KEY, key("ssh-ed25519 AAAA", Value::Null), None, 23 * 60, true),
            (KEY, key("ssh-ed25519 AAAA", Value::Null), None, 25 * 60, false),
            (KEY, key("ssh-ed25519 AAAA", Value::Null), Some(1), 25 * 60, true),
            (KEY, key("ssh-ed25519 AAAA", Value::Null), Some(16), 17, false),
            (ZONE, zone.clone(), None, 29, true),
            (ZONE, zone, None, 31, false),
        ] {
            let mut trial = in_doubt(call, false).await;
            trial.rewrite(|record| {
                if let Record::Intent(intent) = record {
                    let mark = Mark { before: Some(Vec::new()), ..Mark::clone(&intent.mark) };
                    *intent = Intent { mark: mark.into(), ..Intent::clone(intent) }.into();
                }
            });
            let mut item = item;
            if let Some(minutes) = made {
                item["created_at"] = (trial.time() + SignedDuration::from_mins(minutes)).to_string().into();
            }
            tokio::time::advance(Duration::from_mins(later)).await;
            let told = format!("after {later} minutes: {item}");
            let round = trial.searched(&Shown { items: vec![item], ..Shown::default() }, true, &[]).await.unwrap();
            let found = matches!(round, Round::Resolved(Resolved::Resource { evidence: Evidence::OwnKey, .. }));
            assert_eq!(found, is_ours, "{told}: {round:?}");
            assert!(found || matches!(round, Round::Undecided(_)), "{round:?}");
        }
    });
}

/// Its name is unique, and was another client's before the call: so may be what has it now.
#[test]
fn a_name_that_was_taken_before_the_call_says_nothing() {
    paused(async {
        let call = "call: POST /storage/v4/ssh_keys\n    body: { name: key-1, public_key: ssh-ed25519 AAAA }";
        for (before, is_ours) in [(vec![], true), (vec!["4".to_owned()], false)] {
            let mut trial = in_doubt(call, false).await;
            trial.rewrite(|record| {
                if let Record::Intent(intent) = record {
                    let mark = Mark { before: Some(before.clone()), ..Mark::clone(&intent.mark) };
                    *intent = Intent { mark: mark.into(), ..Intent::clone(intent) }.into();
                }
            });
            let shown = Shown { items: vec![json!({ "id": 5, "name": "key-1" })], ..Shown::default() };
            let round = trial.searched(&shown, true, &[]).await.unwrap();
            let found = matches!(round, Round::Resolved(Resolved::Resource { evidence: Evidence::OwnKey, .. }));
            assert_eq!(found, is_ours, "{round:?}");
        }
    });
}

/// The time of the answers and that of a creation are those of different machines: what is older by less than their clocks may
/// differ is neither claimed nor excluded.
#[test]
fn what_seems_to_be_a_little_older_than_the_call_stays_undecided() {
    const KEY: &str = "call: POST /storage/v4/ssh_keys\n    body: { name: key-1, public_key: ssh-ed25519 AAAA }";
    paused(async {
        for (call, strictly) in [(KEY, "claimed"), (EXTEND, "claimed"), (ROUTER, "undecided")] {
            for (seconds, in_time) in [(0, true), (1, true), (5, false), (45, false), (60, false)] {
                let mut trial = in_doubt(call, false).await;
                trial.rewrite(|record| {
                    if let Record::Intent(intent) = record {
                        let mark = Mark { before: Some(Vec::new()), ..Mark::clone(&intent.mark) };
                        *intent = Intent { mark: mark.into(), ..Intent::clone(intent) }.into();
                    }
                });
                let made = trial.time() - SignedDuration::from_secs(seconds);
                let mut shown = Shown::default();
                if call == KEY {
                    let key = json!({ "id": 5, "name": "key-1", "public_key": "ssh-ed25519 AAAA", "created_at": made.to_string() });
                    shown.items.push(key);
                } else {
                    let made = made.strftime("%Y-%m-%dT%H:%M:%S").to_string();
                    let data = json!({ "name": "web", "volume_id": VOLUME_ID });
                    shown.tasks.push(trial.task("t1", data, json!({ "created_on": made })));
                }
                let told = match trial.searched(&shown, true, &[]).await.unwrap() {
                    Round::Resolved(_) => "claimed",
                    Round::Undecided(_) => "undecided",
                    Round::NoCandidate => "nothing",
                };
                let expected = match seconds {
                    _ if in_time => strictly,
                    60 => "nothing",
                    _ => "undecided",
                };
                assert_eq!(told, expected, "{call}, {seconds} s older");
            }
        }
    });
}
