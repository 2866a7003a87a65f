//! A journal whose lines go to a store that has a lease, and may be away or too slow.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::secret::Secrets;

const VALID: Duration = Duration::from_secs(60);

/// What the store does with the next append.
#[derive(Clone, Copy, PartialEq)]
enum Store {
    There,
    Away,
    Silent,
    Taken,
}

struct Leasing {
    lines: MemorySink,
    store: Arc<Mutex<Store>>,
}

fn away() -> JournalError {
    JournalError::Store { action: "append to", place: "s3://b/p".to_owned(), error: "no route".to_owned() }
}

impl Sink for Leasing {
    fn append<'a>(&'a mut self, batch: &'a Batch) -> Appending<'a> {
        let store = *self.store.lock().unwrap();
        Box::pin(async move {
            match store {
                Store::Silent => std::future::pending().await,
                Store::Taken => Err(JournalError::LeaseLost { place: "s3://b/p".to_owned(), by: None }),
                Store::There | Store::Away => {
                    self.lines.push(batch.text.as_bytes());
                    Ok(if store == Store::There { Stored::Durably } else { Stored::Spooled(away()) })
                }
            }
        })
    }

    fn keep_here(&mut self, batch: &Batch) -> Result<Stored, JournalError> {
        self.lines.push(batch.text.as_bytes());
        Ok(Stored::Spooled(away()))
    }

    fn terms(&self) -> Option<Terms> {
        Some(Terms { beat: VALID / 3, valid: VALID })
    }
}

/// An open journal that holds a lease, the store's state, and its lines.
async fn open() -> (Journal, Arc<Mutex<Store>>, MemorySink) {
    let Record::Header(first) = header() else { unreachable!("it is a header") };
    let (lines, store) = (MemorySink::default(), Arc::new(Mutex::new(Store::There)));
    let sink = Leasing { lines: lines.clone(), store: store.clone() };
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
    let journal = Journal::start(sink, Status::new(first, Timestamp::UNIX_EPOCH), 1, clock);
    let owner = RecordWriter { pid: 7, command: "run".to_owned(), since: Timestamp::UNIX_EPOCH, job: None };
    let lease = Lease { epoch: 1, writer: "w".to_owned(), owner };
    journal.append(vec![Record::Leased(lease)]).await.unwrap();
    (journal, store, lines)
}

/// The names of the records in these lines.
fn names(lines: &MemorySink) -> Vec<&'static str> {
    let text = String::from_utf8(lines.bytes()).unwrap();
    text.lines().map(|line| Line::decode(line).unwrap().record.name()).collect()
}

fn set(store: &Mutex<Store>, state: Store) {
    *store.lock().unwrap() = state;
}

fn removing(name: &str) -> Record {
    Record::Removing { instance: instance(name), call: call("/x"), attempt: 1, intent: None, seen: None }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_sent_is_taken_back_and_outcomes_are_kept() {
    let (journal, store, lines) = open().await;
    journal.append(vec![intent("a", 1)]).await.unwrap();
    journal.append(vec![intent("b", 1), succeeded("b")]).await.unwrap();
    set(&store, Store::Away);
    // The answer to the call under way is kept; nothing that would be sent afterwards may be.
    let all = vec![vec![accepted("a")], vec![intent("c", 1)], vec![removing("b")]];
    let ended = futures_util::future::join_all(all.into_iter().map(|records| journal.append(records))).await;
    let ended: Vec<_> = ended.into_iter().map(|end| end.map_err(|error| error.to_string())).collect();
    assert_eq!(ended, [Ok(()), Err(away().to_string()), Err(away().to_string())]);
    let phase = |name: &str| journal.with_status(|status| status.instances[&instance(name)].phase.clone());
    assert_eq!((phase("b"), phase("c")), (Phase::Succeeded, Phase::Absent), "both are as they were");
    assert!(matches!(phase("a"), Phase::Accepted { .. }));
    let kept = names(&lines);
    assert_eq!(kept[kept.len() - 2..], ["not-applied", "removal-failed"]);
    // From now on nothing opens a call, not even for a moment.
    let before = lines.bytes().len();
    assert!(journal.append(vec![intent("d", 1)]).await.is_err() && journal.append(vec![Record::Beat]).await.is_err());
    assert_eq!(lines.bytes().len(), before);
    journal.append(vec![succeeded("a")]).await.unwrap();
    assert!(matches!(journal.no_more_calls().await, NoMoreCalls::Unreachable(_)) && journal.confirm().await.is_err());
    journal.close().await.unwrap();
    assert_eq!(names(&lines).last(), Some(&"succeeded"), "the lease of a store that is away is not released");
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_ends_all_writing() {
    let (journal, store, _) = open().await;
    set(&store, Store::Taken);
    assert!(matches!(journal.append(vec![intent("a", 1)]).await, Err(JournalError::LeaseLost { .. })));
    assert!(matches!(journal.no_more_calls().await, NoMoreCalls::LeaseLost(_)));
    let again = journal.append(vec![Record::Finished { exit: 0 }]).await;
    assert!(matches!(again, Err(JournalError::LeaseLost { .. })), "{again:?}");
    let words = JournalError::LeaseLost { place: "s3://b/p".to_owned(), by: None }.to_string();
    assert!(words.contains("s3://b/p"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_kept_alive_and_confirmed_before_a_call() {
    let (journal, store, lines) = open().await;
    let beats = || names(&lines).into_iter().filter(|name| *name == "beat").count();
    tokio::time::sleep(VALID).await;
    assert!((2..=3).contains(&beats()), "{}", beats());
    // A recent append confirms; an old one does not, until a heartbeat is in the log.
    let recent = beats();
    journal.confirm().await.unwrap();
    assert_eq!(beats(), recent);
    set(&store, Store::Silent);
    tokio::time::sleep(2 * VALID).await;
    let confirming = tokio::time::timeout(VALID, journal.confirm()).await;
    assert!(confirming.is_err(), "it is not known who holds the lease");
    // Whoever must leave waits for a second, and keeps the line here.
    journal.end_soon();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(matches!(journal.no_more_calls().await, NoMoreCalls::Unreachable(_)));
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_released_once() {
    let (journal, _, lines) = open().await;
    journal.close().await.unwrap();
    journal.close().await.unwrap();
    assert_eq!(names(&lines), ["leased", "released"]);
    tokio::time::sleep(2 * VALID).await;
    assert_eq!(names(&lines).len(), 2, "nobody keeps it alive");
    // A journal without a lease has none to release.
    let Record::Header(first) = header() else { unreachable!("it is a header") };
    let sink = MemorySink::default();
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
    let plain = Journal::start(sink.clone(), Status::new(first, Timestamp::UNIX_EPOCH), 1, clock);
    plain.close().await.unwrap();
    assert!(sink.bytes().is_empty());
}

#[tokio::test]
async fn a_journal_hides_secrets_in_what_it_writes() {
    let Record::Header(first) = header() else { unreachable!("it is a header") };
    let (sink, secrets) = (MemorySink::default(), Secrets::default());
    secrets.hide("correct-horse");
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
    let journal = Journal::start(sink.clone(), Status::new(first, Timestamp::UNIX_EPOCH), 1, clock).hiding(secrets);
    let error = StepError { message: "`correct-horse` is too short".to_owned(), ..error() };
    let refused = Record::NotApplied { instance: instance("a"), error, unanswered: false };
    journal.append(vec![intent("a", 1), refused]).await.unwrap();
    let text = String::from_utf8(sink.bytes()).unwrap();
    assert!(!text.contains("correct-horse") && text.contains("is too short"), "{text}");
}
