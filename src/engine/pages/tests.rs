use std::sync::{Arc, Mutex};

use serde_json::json;

use super::*;
use crate::api::{Answer, Sending, Transport};
use crate::catalog::{Catalog, Route};
use crate::clock::Clock;

/// A list of so many items, on a server that reads these page parameters and may state the total.
struct Server {
    items: usize,
    reads: Paging,
    states_total: bool,
    asked: Mutex<Vec<String>>,
}

impl Transport for Server {
    fn send(&self, request: Request) -> Sending<'_> {
        let number = |name: &str| -> Option<usize> {
            request.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.parse().unwrap())
        };
        self.asked
            .lock()
            .unwrap()
            .push(request.query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"));
        let page = match self.reads {
            Paging::Single => 0..self.items,
            Paging::Offset(longest) => {
                let from = number("offset").unwrap_or_default().min(self.items);
                from..self.items.min(from + number("limit").unwrap_or(longest).min(longest))
            }
            Paging::Numbered => {
                let from = ((number("page").unwrap_or(1) - 1) * 2).min(self.items);
                from..self.items.min(from + 2)
            }
        };
        let results: Vec<Value> = page.map(|id| json!({ "id": id })).collect();
        let mut body = json!({ "results": results });
        if self.states_total {
            body["count"] = json!(self.items);
        }
        let body = body.to_string().into_bytes();
        Box::pin(async move { Ok(Answer { status: 200, headers: Vec::new(), body }) })
    }

    fn base_url(&self) -> &str {
        ""
    }
}

fn server(items: usize, reads: Paging, states_total: bool) -> (Arc<Server>, Client) {
    let server = Arc::new(Server { items, reads, states_total, asked: Mutex::default() });
    let clock = Clock::starting_at(jiff::Timestamp::UNIX_EPOCH, 1.0);
    (server.clone(), Client::new(server, clock))
}

#[tokio::test(start_paused = true)]
async fn a_list_is_read_to_its_end_whatever_pages_the_server_has() {
    use Paging::{Numbered, Offset, Single};
    for (reads, states_total, items, paging, requests) in [
        (Single, false, 5, Single, 1),
        (Offset(2), true, 5, Offset(2), 3),
        (Offset(2), true, 4, Offset(2), 2),
        // Without a total, a full page may not be the last.
        (Offset(2), false, 4, Offset(2), 3),
        (Offset(2), false, 5, Offset(2), 3),
        (Offset(2), false, 0, Offset(2), 1),
        (Numbered, true, 5, Numbered, 3),
        (Numbered, true, 4, Numbered, 2),
        (Numbered, false, 4, Numbered, 3),
        (Numbered, false, 5, Numbered, 4),
        (Numbered, false, 0, Numbered, 1),
        // It ignores the page number, and answers everything each time.
        (Single, false, 3, Numbered, 2),
        (Single, true, 3, Numbered, 1),
    ] {
        let (server, client) = server(items, reads, states_total);
        let found = pages(&client, &Request::get("/list"), "/results", paging).await.unwrap();
        let ids: Vec<Value> = found.iter().map(|item| item["id"].clone()).collect();
        assert_eq!(ids, (0..items).map(|id| json!(id)).collect::<Vec<_>>(), "{reads:?} {states_total} {items}");
        assert_eq!(server.asked.lock().unwrap().len(), requests, "{reads:?} {states_total} {items}");
    }
}

#[test]
fn an_answer_without_items_is_no_empty_list() {
    for (answer, items) in [
        (json!({ "results": [1] }), Some(1)),
        (json!({ "results": [] }), Some(0)),
        (json!({ "count": 0, "results": null }), Some(0)),
        (json!({ "count": 0 }), Some(0)),
        (json!([1, 2]), Some(2)),
        (json!({ "count": 3 }), None),
        (json!({ "message": "service unavailable" }), None),
        (json!({ "results": "none" }), None),
        (json!({}), None),
        (Value::Null, None),
    ] {
        assert_eq!(
            listed(answer.clone(), "/results", "/cloud/v1/things/1/7").map(|items| items.len()),
            items,
            "{answer}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn of_too_many_pages_only_the_first_is_read() {
    let read = async |items: usize, states_total: bool, most: usize| {
        let (server, client) = server(items, Paging::Offset(2), states_total);
        let mut came = 0;
        let request = Request::get("/list");
        let end = each_page(&client, &request, "/results", Paging::Offset(2), most, |items| came += items.len()).await;
        (end.unwrap(), came, server.asked.lock().unwrap().len())
    };
    assert_eq!(read(7, true, 3).await, (Pages::More { pages: 4 }, 2, 1));
    assert_eq!(read(6, true, 3).await, (Pages::Read, 6, 3));
    assert_eq!(read(7, false, 3).await, (Pages::More { pages: 4 }, 6, 3));
    assert_eq!(read(5, false, 3).await, (Pages::Read, 5, 3));
}

#[tokio::test(start_paused = true)]
async fn a_get_step_has_all_items_or_none() {
    const NETWORKS: &str = "GET /cloud/v1/networks/{project_id}/{region_id}";
    let networks = Catalog::embedded().find(&Route::parse(NETWORKS).unwrap()).unwrap();
    let read = async |items: usize, states_total: bool, most: usize, request: Request| {
        let (server, client) = server(items, Paging::Offset(2), states_total);
        let reader = ListReader { client: &client, retried_statuses: &[], permits: None, most_items: most };
        let read = reader.read_all(&request, Some(&networks)).await;
        let came = match &read {
            Ok(complete) => Ok((complete.answer["results"].as_array().unwrap().len(), complete.missing)),
            Err(ReadFailure::TooMany { count, .. }) => Err(*count),
            Err(ReadFailure::Read(error)) => panic!("{error}"),
        };
        (came, server.asked.lock().unwrap().len())
    };
    let request = || Request::get("/cloud/v1/networks/1/7");
    assert_eq!(read(5, true, 10, request()).await, (Ok((5, None)), 3));
    assert_eq!(read(5, true, 5, request()).await, (Ok((5, None)), 3));
    assert_eq!(read(6, true, 5, request()).await, (Err(6), 1));
    assert_eq!(read(0, true, 5, request()).await, (Ok((0, None)), 1));
    // A page that the plan names is the one that it gets; what the answer states besides is missing from it.
    let missing = Some(Missing { came: 2, count: 5 });
    for (name, value) in [("limit", "2"), ("offset", "0")] {
        assert_eq!(read(5, true, 10, request().query(name, value)).await, (Ok((2, missing)), 1), "{name}");
    }
}

#[test]
fn the_last_page_completes_the_total_or_is_not_full() {
    for (count, came, length, last) in
        [(Some(5), 4, 2, false), (Some(5), 5, 1, true), (Some(5), 6, 2, true), (None, 4, 2, false), (None, 5, 1, true)]
    {
        assert_eq!(is_last(count, came, length, 2), last, "{count:?} {came} {length}");
    }
}

#[test]
fn a_page_is_asked_for_by_what_the_list_takes() {
    let query = |paging: Paging, number: usize, came: usize| {
        let page = paging.page(&Request::get("/list").query("x", 1), number, came);
        page.query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    };
    for (paging, first, second) in [
        (Paging::Single, "x=1", "x=1"),
        (Paging::Offset(5), "x=1&limit=5", "x=1&limit=5&offset=7"),
        (Paging::Numbered, "x=1", "x=1&page=2"),
    ] {
        assert_eq!((query(paging, 1, 0).as_str(), query(paging, 2, 7).as_str()), (first, second), "{paging:?}");
    }
}

#[test]
fn a_get_step_reads_pages_by_the_parameters_that_its_operation_has() {
    let catalog = Catalog::embedded();
    let paged: Vec<_> = catalog
        .operations()
        .filter(|operation| operation.route.method == crate::catalog::Method::Get)
        .map(|operation| {
            let has = |name: &str| operation.query_parameters.iter().any(|parameter| parameter.name == name);
            (operation.clone(), has("limit"), has("offset"), has("page"))
        })
        .collect();
    let mut seen = [0; 3];
    for (operation, limit, offset, page) in &paged {
        let request = Request::get(operation.route.path.as_str());
        let of = |request: &Request| paging_of(operation, request);
        let plain = of(&request);
        match (limit, offset, page) {
            (true, true, _) => {
                seen[0] += 1;
                assert!(matches!(plain, Paging::Offset(most) if (1..=MAX_PAGE_LENGTH).contains(&most)), "{plain:?}");
                assert_eq!(of(&request.clone().query("limit", 1)), Paging::Single);
                assert_eq!(of(&request.clone().query("offset", 1)), Paging::Single);
                assert_eq!(of(&request.query("page", 1)), plain);
            }
            (_, false, true) => {
                seen[1] += 1;
                assert_eq!((plain, of(&request.query("page", 1))), (Paging::Numbered, Paging::Single));
            }
            _ => {
                seen[2] += 1;
                assert_eq!(plain, Paging::Single, "{}", operation.route);
            }
        }
    }
    assert!(seen.iter().all(|seen| *seen > 0), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_get_step_reads_numbered_pages_until_they_repeat_or_the_total_came() {
    let catalog = Catalog::embedded();
    let numbered = catalog.operations().find(|operation| {
        let request = Request::get(operation.route.path.as_str());
        operation.route.method == crate::catalog::Method::Get && paging_of(operation, &request) == Paging::Numbered
    });
    let numbered = numbered.unwrap();
    for (reads, states_total, items, requests) in [
        (Paging::Numbered, true, 4, 2),
        (Paging::Numbered, true, 5, 3),
        (Paging::Numbered, false, 4, 3),
        (Paging::Single, false, 3, 2),
        (Paging::Single, true, 3, 1),
        (Paging::Single, true, 0, 1),
    ] {
        let (server, client) = server(items, reads, states_total);
        let reader = ListReader { client: &client, retried_statuses: &[], permits: None, most_items: 100 };
        let read = reader.read_all(&Request::get("/list"), Some(&numbered)).await.unwrap();
        let came = read.answer["results"].as_array().unwrap().len();
        assert_eq!((came, server.asked.lock().unwrap().len()), (items, requests), "{reads:?} {states_total} {items}");
    }
}

/// The document shows a topic as the answer to the list of topics.
#[test]
fn only_a_list_of_topics_may_be_answered_by_its_only_item() {
    let (topic, path) = (json!({ "name": "our-topic", "size_in_bytes": 0 }), "/cloud/v1/laas/1/7/topics");
    for answer in [topic.clone(), json!([topic]), json!({ "count": 1, "results": [topic] })] {
        assert_eq!(listed(answer.clone(), "/results", path), Some(vec![topic.clone()]), "{answer}");
    }
    assert_eq!(listed(topic.clone(), "/results", "/cloud/v1/networks/1/7"), None);
    assert_eq!(listed(json!({ "message": "no" }), "/results", path), None);
}

/// In another wrapper than the documents have, what holds a list is not the list: what it lists would be gone.
#[test]
fn what_has_a_list_is_not_its_list() {
    let (rules, path) = ("/security_group_rules", "/cloud/v1/securitygroups/1/7/g");
    let group = json!({ "id": "g", "security_group_rules": [{ "id": "r" }] });
    assert_eq!(listed(group.clone(), rules, path), Some(vec![json!({ "id": "r" })]));
    assert_eq!(listed(json!([{ "id": "r" }]), rules, path), Some(vec![json!({ "id": "r" })]));
    for wrapped in [json!([group]), json!({ "data": group }), json!({ "results": [group] })] {
        assert_eq!(listed(wrapped.clone(), rules, path), None, "{wrapped}");
    }
}
