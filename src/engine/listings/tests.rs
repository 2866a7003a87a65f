use std::cell::Cell;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::Semaphore;

use super::*;
use crate::engine::evidence::testing;

fn clock() -> Clock {
    Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0)
}

fn listing(id: u32) -> Listing {
    let mut listed = Listed::default();
    listed.add(&testing::list(), vec![json!({ "id": id, "name": "web" })]);
    Listing::Whole(listed)
}

fn id(found: Result<Option<Arc<Listed>>, ReadError>) -> String {
    found.unwrap().expect("it was read").ids().collect()
}

#[tokio::test(start_paused = true)]
async fn creates_that_ask_while_a_list_is_read_share_the_next_reading() {
    let (list, begun, gate, clock) = (List::default(), Cell::new(0), Semaphore::new(0), clock());
    let ask = || {
        let read = async {
            begun.set(begun.get() + 1);
            let number = begun.get();
            gate.acquire().await.unwrap().forget();
            Ok(listing(number))
        };
        list.items(list.ask(), Freshness::Own, clock, read)
    };
    let first = async { assert_eq!(id(ask().await), "1") };
    let others = async {
        // The first reading has begun: it may lack what these need to see.
        for found in join_all([ask(), ask(), ask()]).await {
            assert_eq!(id(found), "2");
        }
    };
    let open = async {
        while begun.get() < 1 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(2);
    };
    futures_util::join!(first, others, open);
    gate.add_permits(1);
    assert_eq!(id(ask().await), "3");
}

#[tokio::test(start_paused = true)]
async fn a_recent_reading_serves_for_a_time_that_follows_from_its_own() {
    let (list, clock, took) = (List::default(), clock(), Duration::from_millis(100));
    let ask = |freshness, number| {
        let read = async move {
            clock.sleep(took).await;
            Ok(listing(number))
        };
        list.items(list.ask(), freshness, clock, read)
    };
    assert_eq!(id(ask(Freshness::Recent, 1).await), "1");
    clock.sleep(took * (VALIDITY_FACTOR - 1)).await;
    assert_eq!(id(ask(Freshness::Recent, 2).await), "1");
    assert_eq!(id(ask(Freshness::Own, 3).await), "3");
    clock.sleep(took * VALIDITY_FACTOR).await;
    assert_eq!(id(ask(Freshness::Recent, 4).await), "4");
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_took_no_time_serves_for_a_while() {
    let (list, clock) = (List::default(), clock());
    let ask = |number| list.items(list.ask(), Freshness::Recent, clock, async move { Ok(listing(number)) });
    assert_eq!((id(ask(1).await), id(ask(2).await)), ("1".to_owned(), "1".to_owned()));
    clock.sleep(LEAST_VALIDITY).await;
    assert_eq!(id(ask(3).await), "3");
}

#[tokio::test(start_paused = true)]
async fn a_failed_or_abandoned_reading_serves_nobody_later() {
    let (list, clock) = (List::default(), clock());
    let failed = || ReadError::Failed { cause: "no answer".to_owned(), attempts: 1 };
    let found = list.items(list.ask(), Freshness::Recent, clock, async { Err(failed()) }).await;
    assert_eq!(found.unwrap_err(), failed());
    let abandoned = list.items(list.ask(), Freshness::Recent, clock, std::future::pending());
    tokio::time::timeout(Duration::from_secs(1), abandoned).await.unwrap_err();
    assert_eq!(id(list.items(list.ask(), Freshness::Recent, clock, async { Ok(listing(3)) }).await), "3");
    let long = list.items(list.ask(), Freshness::Own, clock, async { Ok(Listing::Long(9)) }).await;
    assert!(long.unwrap().is_none() && list.pages() == 9);
}

#[test]
fn only_the_lists_used_last_are_kept() {
    let listings = Listings::default();
    let first = listings.list("/0");
    first.ask();
    assert_eq!(listings.list("/0").ask(), 2);
    (1..=MOST_LISTS).for_each(|number| drop(listings.list(&format!("/{number}"))));
    assert_eq!(listings.list("/0").ask(), 1);
    assert_eq!(listings.cache.lock().unwrap().lists.len(), MOST_LISTS);
}

#[test]
fn a_listing_finds_ids_by_name() {
    let (mut listed, mut list) = (Listed::default(), testing::list());
    listed.add(&list, vec![json!({ "id": "a", "name": "web" }), json!({ "id": 7, "name": "web" }), json!(null)]);
    listed.add(&list, vec![json!({ "id": "b", "name": "db" }), json!({ "id": "c" })]);
    assert_eq!(listed.ids_named(&list, "web").collect::<Vec<_>>(), ["a", "7"]);
    assert_eq!(listed.ids().collect::<Vec<_>>(), ["a", "7", "b", "c"]);
    assert!(listed.items().is_empty());
    list.name_field = None;
    listed.add(&list, vec![json!({ "id": "d" })]);
    assert_eq!(listed.items(), [json!({ "id": "d" })]);
}
