//! What the watcher asks for, and how it handles every answer.

use serde_json::{Value, json};

use super::*;
use crate::api::{Answer, Lost, Request, Sending, Transport};
use crate::clock::Clock;

const START: i64 = 1_800_000_000;

type Answers = Box<dyn Fn(&str, usize) -> (u16, Value) + Send + Sync>;

/// An API of tasks: answers what was asked for in words (`list 1000`, `t1`), and how often that was asked before.
struct Cloud {
    asked: Mutex<Vec<Request>>,
    answers: Answers,
    /// How long each answer takes.
    takes: Mutex<Duration>,
}

fn words(request: &Request) -> String {
    let offset = request.query.iter().find(|(name, _)| name == "offset");
    match offset {
        Some((_, offset)) => format!("list {offset}"),
        None => request.path.rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

impl Transport for Cloud {
    fn send(&self, request: Request) -> Sending<'_> {
        let asked = words(&request);
        let mut all = self.asked.lock().unwrap();
        let before = all.iter().filter(|other| words(other) == asked).count();
        all.push(request);
        let (status, body) = (self.answers)(&asked, before);
        let takes = *self.takes.lock().unwrap();
        Box::pin(async move {
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            match status {
                0 => Err(Lost::unknown("reset")),
                _ => {
                    // Every answer of the API has a request id (observed.md §7).
                    let headers = vec![("request_id".to_owned(), "0523d9bee946fba7b9a98c5c3f190a37".to_owned())];
                    Ok(Answer { status, headers, body: body.to_string().into_bytes() })
                }
            }
        })
    }

    fn base_url(&self) -> &str {
        "http://127.0.0.1:9"
    }
}

/// A watcher of this API.
struct Watched {
    cloud: Arc<Cloud>,
    clock: Clock,
    watcher: Watcher,
    warnings: Arc<Mutex<Vec<String>>>,
}

fn watched(answers: impl Fn(&str, usize) -> (u16, Value) + Send + Sync + 'static) -> Watched {
    let cloud = Arc::new(Cloud { asked: Mutex::default(), answers: Box::new(answers), takes: Mutex::default() });
    let clock = Clock::starting_at(Timestamp::from_second(START).unwrap(), 1.0);
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let heard = warnings.clone();
    let warn: Warn = Arc::new(move |words| heard.lock().unwrap().push(words));
    let watcher = Watcher::start(Arc::new(Client::new(cloud.clone(), clock)), std::iter::empty(), warn);
    Watched { cloud, clock, watcher, warnings }
}

impl Watched {
    fn awaited(&self, task: &str) -> Awaited {
        Awaited {
            task: task.to_owned(),
            project_region: ProjectRegion { project_id: Some(1), region_id: Some(7) },
            task_type: None,
            since: self.clock.now(),
            first: Some(Duration::ZERO),
            every: Some(Duration::from_secs(10)),
        }
    }

    /// How waiting for these tasks ends.
    async fn ends(&self, tasks: &[&str]) -> Vec<String> {
        let ends = futures_util::future::join_all(tasks.iter().map(|task| self.watcher.wait(self.awaited(task)))).await;
        let words = ends.into_iter().map(|end| match end {
            TaskEnd::Finished(task) => format!("{} finished", task.id),
            TaskEnd::Failed(task) => format!("{} failed", task.id),
            TaskEnd::Refused(error) => format!("refused {}", error.status),
            TaskEnd::Missing(error) => format!("missing {}", error.status),
        });
        words.collect()
    }

    fn asked(&self) -> Vec<String> {
        self.cloud.asked.lock().unwrap().iter().map(words).collect()
    }
}

fn task(id: &str, state: &str) -> Value {
    json!({ "id": id, "state": state, "task_type": "create_volume" })
}

fn finished(id: &str) -> (u16, Value) {
    (200, task(id, "FINISHED"))
}

/// A page with these tasks among others of other clients.
fn page(count: usize, tasks: &[&str], others: usize) -> (u16, Value) {
    let others = (0..others).map(|other| task(&format!("other-{other}"), "RUNNING"));
    let results: Vec<Value> = tasks.iter().map(|id| task(id, "FINISHED")).chain(others).collect();
    (200, json!({ "count": count, "results": results }))
}

#[tokio::test(start_paused = true)]
async fn a_list_is_read_as_far_as_needed_and_what_it_lacks_is_read_by_itself() {
    type Pages = fn(usize) -> (u16, Value);
    let none = || (500, json!({}));
    for (pages, expected) in [
        ((|_| page(5000, &["a", "b"], 998)) as Pages, &["list 0"][..]),
        (
            |number| if number == 0 { page(1500, &[], 1000) } else { page(1500, &["a", "b"], 498) },
            &["list 0", "list 1000"],
        ),
        (|_| page(1000, &["a"], 999), &["list 0", "b"]),
        (
            |number| if number == 0 { page(2000, &["a"], 999) } else { page(2000, &[], 1000) },
            &["list 0", "list 1000", "b"],
        ),
        (
            |number| if number == 0 { page(5000, &["a"], 999) } else { page(5000, &[], 0) },
            &["list 0", "list 1000", "b"],
        ),
        (|number| if number == 0 { page(5000, &["a"], 999) } else { (500, json!({})) }, &["list 0", "list 1000", "b"]),
        (
            |_| page(100_000, &[], 1000),
            &["list 0", "list 1000", "list 2000", "list 3000", "list 4000", "list 5000", "a", "b"],
        ),
    ] {
        let watched = watched(move |asked, before| match asked.strip_prefix("list ") {
            Some(_) if before > 0 => none(),
            Some(offset) => pages(offset.parse::<usize>().unwrap() / 1000),
            None => finished(asked),
        });
        assert_eq!(watched.ends(&["a", "b"]).await, ["a finished", "b finished"], "{expected:?}");
        assert_eq!(watched.asked(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_neither_a_list_nor_a_read_shows_is_asked_for_again() {
    let watched = watched(|asked, before| match asked {
        "list 0" => page(1, &["a"], 0),
        _ if before < 2 => (404, json!({})),
        other => finished(other),
    });
    assert_eq!(watched.ends(&["a", "b"]).await, ["a finished", "b finished"]);
    assert_eq!(watched.asked(), ["list 0", "b", "b", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_fails_is_read_again_and_one_that_does_not_exist_is_not() {
    for (status, expected) in [
        (500, &["list 0", "list 0"][..]),
        (0, &["list 0", "list 0"]),
        (404, &["list 0", "a", "b"]),
        (400, &["list 0", "a", "b"]),
    ] {
        let watched = watched(move |asked, before| match asked {
            "list 0" if before == 0 => (status, json!({ "message": "no" })),
            "list 0" => page(2, &["a", "b"], 0),
            other => finished(other),
        });
        assert_eq!(watched.ends(&["a", "b"]).await, ["a finished", "b finished"], "{status}");
        assert_eq!(watched.asked(), expected, "{status}");
    }
}

/// Whatever is wrong with the list, each task can be asked for by its id.
#[tokio::test(start_paused = true)]
async fn tasks_of_a_list_that_cannot_be_read_are_read_by_their_ids_and_the_reason_is_told_once() {
    for (list, tried, reason) in [
        ((500, json!({ "message": "boom" })), 3, "boom (status 500"),
        ((0, json!(null)), 3, "reset"),
        ((403, json!({ "message": "no" })), 1, "no (status 403"),
        ((404, json!({ "message": "no" })), 1, "no (status 404"),
        ((400, json!({ "message": "no" })), 1, "no (status 400"),
        ((200, json!([])), 3, "the answer (status 200) is no list of tasks"),
        ((200, json!(null)), 3, "is no list of tasks"),
        ((204, json!("")), 3, "the answer (status 204) is no list of tasks"),
        ((200, json!({ "results": {} })), 3, "is no list of tasks"),
    ] {
        let answer = list.clone();
        let watched = watched(move |asked, before| match asked {
            "list 0" => answer.clone(),
            running if before < 4 => (200, task(running, "RUNNING")),
            other => finished(other),
        });
        assert_eq!(watched.ends(&["a", "b"]).await, ["a finished", "b finished"], "{list:?}");
        let asked = watched.asked();
        assert_eq!(asked.iter().filter(|words| *words == "list 0").count(), tried, "{list:?}: {asked:?}");
        let warnings = watched.warnings.lock().unwrap().clone();
        assert_eq!(warnings.len(), 1, "{list:?}: {warnings:?}");
        assert!(warnings[0].contains(reason) && warnings[0].contains("asked for by its id"), "{warnings:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_could_not_be_read_is_tried_again_after_a_while() {
    let watched = watched(|asked, before| match asked {
        "list 0" if before < 3 => (500, json!({})),
        "list 0" => page(2, &["a", "b"], 0),
        running => (200, task(running, "RUNNING")),
    });
    assert_eq!(watched.ends(&["a", "b"]).await, ["a finished", "b finished"]);
    let elapsed = watched.clock.elapsed().as_secs();
    assert!((60..80).contains(&elapsed), "{elapsed} s");
}

#[tokio::test(start_paused = true)]
async fn a_task_is_refused_at_once_without_the_right_to_it_and_missing_when_the_api_does_not_know_it_for_long() {
    let forbidden = watched(|_, _| (403, json!({ "message": "no" })));
    assert_eq!(forbidden.ends(&["a", "b"]).await, ["refused 403", "refused 403"]);
    assert_eq!(forbidden.asked(), ["list 0", "a", "b"]);
    // A request that is wrong, or leads elsewhere, will be the same the next time.
    for status in [404, 400, 301] {
        let unknown = watched(move |_, _| (status, json!({ "message": "no" })));
        assert_eq!(unknown.ends(&["a"]).await, [format!("missing {status}")]);
        let elapsed = unknown.clock.elapsed().as_secs();
        assert!((90..105).contains(&elapsed), "{elapsed} s");
    }
    let late = watched(|asked, before| if before < 12 { (404, json!({ "message": "no" })) } else { finished(asked) });
    assert_eq!(late.ends(&["a"]).await, ["a finished"]);
    assert!(late.clock.elapsed().as_secs() >= 80);
    // Also when a list does not show them, and when one of them was seen before.
    let gone = watched(|asked, before| match asked {
        "list 0" => page(0, &[], 0),
        "a" if before < 3 => (200, task("a", "RUNNING")),
        _ => (404, json!({ "message": "no" })),
    });
    assert_eq!(gone.ends(&["a", "b"]).await, ["missing 404", "missing 404"]);
    let elapsed = gone.clock.elapsed().as_secs();
    assert!((90..150).contains(&elapsed), "{elapsed} s");
}

/// Only the API says that it does not know a task.
#[tokio::test(start_paused = true)]
async fn a_task_that_cannot_be_read_is_asked_for_again_and_the_reason_is_told_once() {
    for (answer, reason) in [((500, json!({ "message": "boom" })), "boom"), ((200, json!([])), "is no task")] {
        let watched = watched(move |asked, before| if before < 40 { answer.clone() } else { finished(asked) });
        assert_eq!(watched.ends(&["a"]).await, ["a finished"]);
        let warnings = watched.warnings.lock().unwrap().clone();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("task a cannot be read") && warnings[0].contains(reason), "{warnings:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_in_error_has_failed_and_an_undocumented_state_is_reported_once_and_waited_on() {
    let watched = watched(|asked, before| match before {
        0 | 1 => (200, task(asked, "ODD")),
        _ => (200, task(asked, "ERROR")),
    });
    assert_eq!(watched.ends(&["a"]).await, ["a failed"]);
    assert_eq!(watched.ends(&["b"]).await, ["b failed"]);
    let warnings = watched.warnings.lock().unwrap().clone();
    assert_eq!(warnings, ["task a is in the undocumented state `ODD`: waiting on"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_is_polled_as_long_as_a_step_waits_for_it() {
    let watched = watched(|asked, _| (200, task(asked, "RUNNING")));
    let minute = Duration::from_secs(60);
    let first = tokio::time::timeout(minute, watched.watcher.wait(watched.awaited("a")));
    let second = tokio::time::timeout(minute / 2, watched.watcher.wait(watched.awaited("a")));
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_err() && second.is_err());
    let polled = watched.asked().len();
    assert_eq!(polled, 6, "every ten seconds, and once for both");
    tokio::time::sleep(minute).await;
    assert_eq!(watched.asked().len(), polled);
}

#[tokio::test(start_paused = true)]
async fn a_list_begins_before_the_oldest_task_that_was_accepted_or_made() {
    let watched = watched(|asked, before| {
        let tasks = ["a", "b"].map(|id| {
            let mut task = task(id, if before == 0 { "RUNNING" } else { "FINISHED" });
            task["created_on"] = json!("2027-01-15T07:59:00");
            task
        });
        assert_eq!(asked, "list 0");
        (200, json!({ "count": 2, "results": tasks }))
    });
    let older = Awaited { since: watched.clock.now() - SignedDuration::from_secs(100), ..watched.awaited("b") };
    let ends = tokio::join!(watched.watcher.wait(watched.awaited("a")), watched.watcher.wait(older));
    assert!(matches!(ends, (TaskEnd::Finished(_), TaskEnd::Finished(_))), "{ends:?}");
    let asked = watched.cloud.asked.lock().unwrap();
    let from = asked.iter().map(|request| {
        let value = |name: &str| request.query.iter().find(|(known, _)| known == name).unwrap().1.clone();
        assert_eq!(
            (value("project_id"), value("region_id"), value("order_by")),
            ("1".into(), "7".into(), "asc".into())
        );
        value("from_timestamp")
    });
    // At 08:00:00 one was accepted 100 s before, with 10 s for clocks that differ; both were made at 07:59:00.
    assert_eq!(from.collect::<Vec<_>>(), ["2027-01-15T07:58:10Z", "2027-01-15T07:58:50Z"]);
}

#[test]
fn the_duration_of_a_task_is_that_of_the_server() {
    let of = |created: Value, finished: Value| {
        let task = json!({ "id": "t", "state": "FINISHED", "created_on": created, "finished_on": finished });
        task_duration(&Task::read(&task).unwrap())
    };
    let [begins, ends] = ["2027-01-15T08:00:00", "2027-01-15T08:00:07"].map(|at| json!(at));
    assert_eq!(of(begins.clone(), ends.clone()), Some(Duration::from_secs(7)));
    assert_eq!(of(ends.clone(), begins), None, "not before it began");
    assert_eq!(of(json!(null), ends), None);
}

#[tokio::test(start_paused = true)]
async fn a_list_begins_closer_to_the_acceptance_once_a_task_has_shown_when_it_was_made() {
    for (made_before, expected) in [(0, "07:59:58"), (5, "07:59:53"), (60, "07:59:50")] {
        let watched = watched(move |asked, _| {
            let told = |id: &str| {
                let mut task = task(id, "FINISHED");
                let made = Timestamp::from_second(START - made_before).unwrap();
                task["created_on"] = json!(made.to_string());
                task
            };
            match asked {
                "list 0" => (200, json!({ "count": 2, "results": [told("b"), told("c")] })),
                one => (200, told(one)),
            }
        });
        let since = watched.clock.now();
        assert_eq!(watched.ends(&["a"]).await, ["a finished"]);
        let both = ["b", "c"].map(|task| watched.watcher.wait(Awaited { since, ..watched.awaited(task) }));
        futures_util::future::join_all(both).await;
        let asked = watched.cloud.asked.lock().unwrap();
        let from = asked[1].query.iter().find(|(name, _)| name == "from_timestamp").unwrap();
        assert_eq!(from.1, format!("2027-01-15T{expected}Z"), "made {made_before} s before it was accepted");
    }
}

#[tokio::test(start_paused = true)]
async fn the_more_tasks_are_waited_for_the_longer_a_list_is_read_before_they_are_read_one_by_one() {
    let watched = watched(|asked, before| match asked.strip_prefix("list ") {
        Some(_) if before == 0 => page(100_000, &[], 1000),
        Some(_) => (500, json!({})),
        None => finished(asked),
    });
    let tasks: Vec<String> = (0..200).map(|task| format!("t{task}")).collect();
    watched.ends(&tasks.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let lists = watched.asked().into_iter().filter(|asked| asked.starts_with("list")).count();
    assert_eq!(lists, 5 + 1 + 200 / 50);
}

#[tokio::test(start_paused = true)]
async fn what_is_due_while_a_list_is_read_shares_the_next_unless_it_takes_long() {
    let all = ["a", "b", "c", "d", "e", "f"];
    for (takes, ends) in [(1.0, 2.2), (60.0, 62.2)] {
        let watched = watched(move |_, before| page(6, if before == 0 { &all[..2] } else { &all }, 0));
        *watched.cloud.takes.lock().unwrap() = Duration::from_secs_f64(takes);
        let waits = all.into_iter().enumerate().map(|(number, task)| {
            // Two each: at once, and while the list for those before is read.
            let first = Duration::from_millis(300 * (number as u64 / 2) + 200);
            watched.watcher.wait(Awaited { first: Some(first), ..watched.awaited(task) })
        });
        futures_util::future::join_all(waits).await;
        let elapsed = watched.clock.elapsed().as_secs_f64();
        assert_eq!((watched.asked().len(), (elapsed * 10.0).round() / 10.0), (2, ends), "{:?}", watched.asked());
    }
}

#[test]
fn nothing_is_kept_of_a_listed_task_that_no_step_waits_for() {
    let waiting = Waiting::default();
    lock(&waiting).insert("a".to_owned(), Vec::new());
    let of = |body: &str| {
        let answer = Answer { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() };
        lists::Page::read(&answer).map(|page| {
            let tasks: Vec<String> = page.tasks(&waiting).into_iter().map(|task| task.id).collect();
            (page.count(), tasks.join(" "))
        })
    };
    let listed = json!({ "count": 3, "results": [task("a", "RUNNING"), task("b", "RUNNING"), 1, {}] }).to_string();
    assert_eq!(of(&listed), Some((3, "a".to_owned())));
    // As ids are read everywhere: without characters that are reserved.
    lock(&waiting).insert("b\u{FFFD}".to_owned(), Vec::new());
    let listed = json!({ "count": 1, "results": [task("b\u{E002}", "RUNNING")] }).to_string();
    assert_eq!(of(&listed), Some((1, "b\u{FFFD}".to_owned())));
    assert_eq!(of(r#"{"count":"many","results":[]}"#), Some((0, String::new())));
    assert_eq!(of(r#"{"count":3}"#).or(of("[]")).or(of("")).or(of(r#"{"results":{}}"#)), None);
}
