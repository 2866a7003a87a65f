//! Records in an object store that loses answers, delays them, or is unreachable: in memory, on a paused clock.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, PutOptions};

use super::probe::{self, ProbeError};
use super::troubled::Troubled;
use super::*;
use crate::clock::Clock;
use crate::journal::{Header, Journal, Lease, Record};

struct TestStore {
    store: Arc<Troubled>,
    spool: tempfile::TempDir,
}

impl TestStore {
    fn new() -> Self {
        Self { store: Arc::default(), spool: tempfile::tempdir().unwrap() }
    }

    fn records(&self) -> ObjectRecords {
        let bucket = Bucket::new(self.store.clone(), Path::from("team/records"));
        ObjectRecords::new("s3://bucket/team/records".to_owned(), bucket, self.spool.path().to_owned())
    }

    async fn open(&self, owner: RecordWriter, patience: Duration) -> Result<Opened, JournalError> {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
        let opening = Opening { owner, patience, clock, notice: &|_| {} };
        self.records().open(&name(), opening).await
    }

    async fn journal(&self, who: &str) -> Journal {
        let opened = self.open(owner(who, None), Duration::ZERO).await.unwrap();
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
        Journal::start_boxed(opened.sink, opened.status, opened.next, clock)
    }

    async fn status(&self) -> Status {
        self.records().read(&name()).await.unwrap().unwrap()
    }
}

fn owner(command: &str, job: Option<&str>) -> RecordWriter {
    RecordWriter { pid: 1, command: command.to_owned(), since: Timestamp::UNIX_EPOCH, job: job.map(str::to_owned) }
}

fn name() -> EnvironmentName {
    EnvironmentName { plan: "demo".to_owned(), environment: "default".to_owned() }
}

fn outputs() -> Record {
    Record::Outputs { values: Vec::new() }
}

fn finished(exit: u8) -> Record {
    Record::Finished { exit }
}

#[tokio::test(start_paused = true)]
async fn a_record_is_read_and_continued_on_another_machine() {
    let place = TestStore::new();
    assert!(!place.records().exists().await.unwrap());
    for exit in 1..=3 {
        let journal = place.journal("run").await;
        journal.append(vec![outputs()]).await.unwrap();
        journal.append(vec![finished(exit)]).await.unwrap();
        assert_eq!(place.status().await.finished, Some(exit));
    }
    assert!(place.records().exists().await.unwrap());
    assert_eq!(place.records().environments().await.unwrap(), vec![name()]);
    assert_eq!(place.records().holder(&name()).await.unwrap(), None);
}

/// As a recovery that finds nothing new: an object without a line would have the name of the next one.
#[tokio::test(start_paused = true)]
async fn nothing_is_appended_where_there_is_nothing_to_say() {
    let place = TestStore::new();
    for exit in [1, 2] {
        let journal = place.journal("state recover").await;
        journal.append(Vec::new()).await.unwrap();
        journal.append(vec![finished(exit)]).await.unwrap();
        journal.append(Vec::new()).await.unwrap();
        journal.close().await.unwrap();
        assert_eq!(place.status().await.finished, Some(exit));
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_of_the_store_neither_double_nor_lose_a_line() {
    for every in 1..=5 {
        let place = TestStore::new();
        place.records().init().await.unwrap();
        place.store.loses_every.store(every, Ordering::SeqCst);
        for exit in 1..=3 {
            let journal = place.journal("run").await;
            for _ in 0..5 {
                journal.append(vec![outputs()]).await.unwrap();
            }
            journal.append(vec![finished(exit)]).await.unwrap();
        }
        let status = place.status().await;
        // A header, and three times a lease and six lines.
        assert_eq!((status.finished, status.lines), (Some(3), 22), "every {every}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_shows_life_is_waited_for_and_a_silent_one_is_not() {
    let place = TestStore::new();
    let journal = place.journal("run").await;
    let refused = place.open(owner("destroy", None), Duration::ZERO).await.map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("in use by `plan run`"), "{refused}");
    // The process ends without releasing its lease.
    drop(journal);
    let began = tokio::time::Instant::now();
    let opened = place.open(owner("destroy", None), Duration::ZERO).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(60) && began.elapsed() < Duration::from_secs(75));
    assert_eq!(opened.status.lease.map(|lease| lease.epoch), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_later_step_of_the_same_job_takes_over_at_once() {
    let place = TestStore::new();
    let job = Some("17/1/deploy/runner");
    let _journal = place.open(owner("run", job), Duration::ZERO).await.unwrap();
    let began = tokio::time::Instant::now();
    place.open(owner("destroy", job), Duration::ZERO).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_was_taken_over_from_writes_and_sends_nothing_more() {
    let place = TestStore::new();
    let journal = place.journal("run").await;
    assert!(place.records().unlock(&name(), owner("state unlock", None)).await.unwrap());
    // The old holder has not noticed yet; within the validity of its lease that is safe.
    journal.confirm().await.unwrap();
    tokio::time::sleep(Duration::from_secs(31)).await;
    let stopped = journal.confirm().await.unwrap_err();
    assert!(matches!(stopped, JournalError::LeaseLost { .. }), "{stopped}");
    assert!(matches!(journal.append(vec![finished(0)]).await, Err(JournalError::LeaseLost { .. })));
    assert!(matches!(journal.no_more_calls().await, crate::journal::NoMoreCalls::LeaseLost(_)));
    // The lease is released, so that the next process need not wait.
    assert_eq!(place.records().holder(&name()).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_come_while_nothing_else_is_written_and_end_with_the_command() {
    let place = TestStore::new();
    let journal = place.journal("run").await;
    let before = place.store.count("put");
    tokio::time::sleep(Duration::from_secs(119)).await;
    assert_eq!(place.store.count("put") - before, 5);
    journal.append(vec![finished(0)]).await.unwrap();
    let before = place.store.count("put");
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(place.store.count("put"), before);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_unreachable_no_step_starts_and_outcomes_are_spooled() {
    let place = TestStore::new();
    let journal = place.journal("run").await;
    place.store.away.store(true, Ordering::SeqCst);
    let away = journal.append(vec![Record::Beat]).await.unwrap_err();
    assert!(matches!(away, JournalError::Unreachable { .. }), "{away}");
    assert!(journal.confirm().await.is_err());
    journal.append(vec![outputs()]).await.unwrap();
    journal.append(vec![finished(12)]).await.unwrap();
    let kept = place.records().spool(&name());
    assert!(kept.exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    }

    place.store.away.store(false, Ordering::SeqCst);
    assert_eq!(place.records().read(&name()).await.unwrap(), None, "only its lease is in the log");
    let opened = place.open(owner("run", None), Duration::ZERO).await.unwrap();
    assert_eq!(opened.status.finished, Some(12));
    assert!(!kept.exists());
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_refused_all_the_time_is_told_with_what_the_store_said() {
    let place = TestStore::new();
    let journal = place.journal("run").await;
    place.store.refuses.store(true, Ordering::SeqCst);
    let away = journal.append(vec![Record::Beat]).await.unwrap_err().to_string();
    assert!(away.contains("QuotaExceeded") && !away.contains("it says that an object is there"), "{away}");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_writes_nothing_leaves_a_lease_and_no_record() {
    let place = TestStore::new();
    let journal = place.journal("run").await;
    journal.close().await.unwrap();
    assert_eq!(place.records().read(&name()).await.unwrap(), None);
    let journal = place.journal("run").await;
    journal.append(vec![finished(0)]).await.unwrap();
    assert_eq!(place.status().await.finished, Some(0));
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_for_one_store_is_not_handed_to_another() {
    let place = TestStore::new();
    let journal = place.journal("run").await;
    place.store.away.store(true, Ordering::SeqCst);
    journal.append(vec![finished(12)]).await.unwrap();
    let kept = place.records().spool(&name());
    assert!(kept.exists());
    // Another store, and the same address on another server.
    for other in ["s3://bucket/other", "s3://bucket/team/records"] {
        let bucket = Bucket::new(Arc::new(Troubled::default()), Path::from("x"));
        let other = ObjectRecords::new(other.to_owned(), bucket, place.spool.path().to_owned());
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
        let opening = Opening { owner: owner("run", None), patience: Duration::ZERO, clock, notice: &|_| {} };
        assert_eq!(other.open(&name(), opening).await.unwrap().status.finished, None);
        assert!(kept.exists(), "{}", other.name);
    }
    place.store.away.store(false, Ordering::SeqCst);
    assert_eq!(place.open(owner("run", None), Duration::ZERO).await.unwrap().status.finished, Some(12));
    assert!(!kept.exists());
}

#[tokio::test(start_paused = true)]
async fn a_copy_in_another_place_is_no_record_of_its_own() {
    let place = TestStore::new();
    place.journal("run").await.append(vec![finished(0)]).await.unwrap();
    let log =
        |environment: &str, first: u64| Path::from(format!("team/records/demo/{environment}/log/{first:012}.jsonl"));
    for first in [0, 2] {
        let object = place.store.inner.get_opts(&log("default", first), GetOptions::default()).await.unwrap();
        let bytes = object.bytes().await.unwrap();
        place.store.inner.put_opts(&log("copy", first), bytes.into(), PutOptions::default()).await.unwrap();
    }
    let copy = EnvironmentName { environment: "copy".to_owned(), ..name() };
    assert!(matches!(place.records().read(&copy).await, Err(JournalError::Misplaced { .. })));
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn an_outcome_that_is_kept_nowhere_is_told_with_both_reasons() {
    let place = TestStore::new();
    let journal = place.journal("run").await;
    place.store.away.store(true, Ordering::SeqCst);
    let spool = place.records().spool(&name());
    std::fs::create_dir_all(spool.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/full", &spool).unwrap();
    let unkept = journal.append(vec![finished(12)]).await.unwrap_err().to_string();
    assert!(
        unkept.contains("the connection was closed") && unkept.contains("could not be kept on this machine either"),
        "{unkept}"
    );
    let after = journal.append(vec![finished(12)]).await.unwrap_err().to_string();
    assert_eq!(after, unkept, "the cause is told to every caller");
}

#[tokio::test(start_paused = true)]
async fn spooled_outcomes_are_not_mixed_with_later_records_of_another() {
    let place = TestStore::new();
    let journal = place.journal("run").await;
    place.store.away.store(true, Ordering::SeqCst);
    journal.append(vec![finished(12)]).await.unwrap();
    place.store.away.store(false, Ordering::SeqCst);
    let elsewhere = tempfile::tempdir().unwrap();
    let bucket = Bucket::new(place.store.clone(), Path::from("team/records"));
    let other = ObjectRecords::new("s3://other".to_owned(), bucket, elsewhere.path().to_owned());
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
    let opening = Opening { owner: owner("run", None), patience: Duration::ZERO, clock, notice: &|_| {} };
    let opened = other.open(&name(), opening).await.unwrap();
    let theirs = Journal::start_boxed(opened.sink, opened.status, opened.next, clock);
    theirs.append(vec![finished(0)]).await.unwrap();
    let opened = place.open(owner("run", None), Duration::ZERO).await.unwrap();
    assert_eq!(opened.status.finished, Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_long_log_is_compacted_and_read_from_there() {
    let place = TestStore::new();
    let journal = place.journal("run").await;
    for _ in 0..1_100 {
        journal.append(vec![outputs()]).await.unwrap();
    }
    journal.append(vec![finished(0)]).await.unwrap();
    let before = place.status().await;
    let journal = place.journal("run").await;
    journal.append(vec![finished(1)]).await.unwrap();
    let reads = place.store.count("get");
    let after = place.status().await;
    assert!(place.store.count("get") - reads < 5);
    assert_eq!((&after.instances, after.finished), (&before.instances, Some(1)));
    assert!(after.lines > before.lines);
    // A wrong hint is harmless.
    place
        .store
        .inner
        .put_opts(&Path::from("team/records/demo/default/head.json"), "{\"first\":99999}".into(), PutOptions::default())
        .await
        .unwrap();
    assert_eq!(place.status().await, after);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_missing_or_changed_is_damage() {
    let place = TestStore::new();
    let journal = place.journal("run").await;
    for _ in 0..3 {
        journal.append(vec![outputs()]).await.unwrap();
    }
    let log = |first: u64| Path::from(format!("team/records/demo/default/log/{first:012}.jsonl"));
    let object = place.store.inner.get_opts(&log(3), GetOptions::default()).await.unwrap().bytes().await.unwrap();
    let (third, inner) = (log(3), &place.store.inner);
    let put = |bytes: Vec<u8>| inner.put_opts(&third, bytes.into(), PutOptions::default());
    use object_store::ObjectStoreExt;
    place.store.inner.delete(&log(3)).await.unwrap();
    let damaged = place.records().read(&name()).await.unwrap_err();
    assert!(damaged.to_string().contains("an object is missing"), "{damaged}");
    put(String::from_utf8(object.to_vec()).unwrap().replace("\"epoch\":1", "\"epoch\":2").into_bytes()).await.unwrap();
    assert!(matches!(place.records().read(&name()).await, Err(JournalError::Damaged { .. })));
    put(object.to_vec()).await.unwrap();
    assert!(place.records().read(&name()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_overwrites_is_refused_and_nothing_is_written_to_it() {
    let place = TestStore::new();
    place.store.overwrites.store(true, Ordering::SeqCst);
    let refused = place.open(owner("run", None), Duration::ZERO).await.map(|_| ()).unwrap_err();
    assert!(matches!(refused, JournalError::Unfit { code: "store-overwrites", .. }), "{refused}");
    assert!(!place.records().exists().await.unwrap());
    assert_eq!(place.records().environments().await.unwrap(), Vec::new());
}

/// A request that is lost, late, carried out twice or refused in a race says nothing about the store.
#[tokio::test(start_paused = true)]
async fn the_test_of_a_store_judges_it_whatever_happens_to_requests() {
    let mut known = 0;
    for seed in 0..40 {
        for overwrites in [false, true] {
            let store = Arc::new(Troubled::default());
            store.overwrites.store(overwrites, Ordering::SeqCst);
            store.go_wrong(seed, 0.3);
            let tested = probe::init(&Bucket::new(store, Path::from("team/records")), "token").await;
            match (tested, overwrites) {
                (Ok(true), false) => known += 1,
                (Err(ProbeError::Failed(_)), _) | (Err(ProbeError::Unfit(_)), true) => {}
                (tested, _) => panic!("seed {seed}, overwrites: {overwrites}: {tested:?}"),
            }
        }
    }
    assert!(known > 30, "{known} of 40");
}

#[test]
fn the_new_owner_of_a_lease_is_reported() {
    let lease = Lease { epoch: 2, writer: "w".to_owned(), owner: owner("destroy", None) };
    let line = crate::journal::Line { n: 7, at: Timestamp::UNIX_EPOCH, record: Record::Leased(lease.clone()) };
    let entry = crate::store::log::Entry {
        first: 7,
        count: 1,
        epoch: 2,
        writer: "w".to_owned(),
        previous: String::new(),
        fresh: false,
        text: line.encode(),
    };
    assert_eq!(contents::owner_in(&entry), Some(lease.owner));
}

fn renewal_of(status: &Status) -> Renewal<'_> {
    Renewal { status, over: None }
}

async fn renew(place: &TestStore, who: &str, renewal: Renewal<'_>) -> Result<Option<String>, JournalError> {
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
    let opening = Opening { owner: owner(who, None), patience: Duration::ZERO, clock, notice: &|_| {} };
    place.records().renew(&name(), opening, renewal).await
}

#[tokio::test(start_paused = true)]
async fn a_log_of_more_objects_than_one_page_lists_is_read_to_its_end() {
    let place = TestStore::new();
    let journal = place.journal("run").await;
    for _ in 0..2_300 {
        journal.append(vec![outputs()]).await.unwrap();
    }
    journal.append(vec![finished(7)]).await.unwrap();
    let listed = place.records().bucket.list("demo/default/log", None).await.unwrap();
    assert!(listed.len() > 2_300, "{} objects", listed.len());
    assert_eq!(place.status().await.finished, Some(7));
    // The next writer compacts the log, so that reading is short from then on.
    place.journal("run").await.append(vec![finished(0)]).await.unwrap();
    let (reads, lists) = (place.store.count("get"), place.store.count("list"));
    assert_eq!(place.status().await.finished, Some(0));
    assert_eq!((place.store.count("get") - reads, place.store.count("list") - lists), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_damaged_log_is_compacted_into_a_new_object_and_old_writers_are_fenced() {
    let place = TestStore::new();
    let journal = place.journal("run").await;
    for exit in 0..4 {
        journal.append(vec![finished(exit)]).await.unwrap();
    }
    let frozen = place.journal("run").await;
    use object_store::ObjectStoreExt;
    let third = Path::from("team/records/demo/default/log/000000000003.jsonl");
    place.store.inner.delete(&third).await.unwrap();
    assert!(matches!(place.records().read(&name()).await, Err(JournalError::Damaged { .. })));
    // The holder is alive: its record cannot be repaired.
    let refused =
        renew(&place, "state salvage", renewal_of(&Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH)))
            .await;
    assert!(matches!(refused, Err(JournalError::Locked { .. })), "{refused:?}");
    drop(frozen);
    let mut mended = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
    mended.apply(Timestamp::UNIX_EPOCH, finished(3)).unwrap();
    let raw = String::from_utf8(place.records().raw(&name()).await.unwrap()).unwrap();
    assert_eq!(raw.matches("\"record\":\"finished\"").count(), 3, "{raw}");
    renew(&place, "state salvage", renewal_of(&mended)).await.unwrap();
    let status = place.status().await;
    assert_eq!((status.finished, status.lease, status.header.key), (Some(3), None, mended.header.key));
    // The log is also found without the hint.
    place.store.inner.delete(&Path::from("team/records/demo/default/head.json")).await.unwrap();
    place.journal("run").await.append(vec![finished(0)]).await.unwrap();
    assert_eq!(place.status().await.finished, Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_written_to_in_the_meantime_is_not_replaced() {
    let place = TestStore::new();
    let seen = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
    let mut brought = seen.clone();
    let instance = crate::id::InstanceId::new(crate::id::StepId::new("a"), None);
    let kept = Record::Kept { instance, status: Box::default() };
    brought.apply(Timestamp::UNIX_EPOCH, kept.clone()).unwrap();
    place.journal("run").await.append(vec![kept, finished(0)]).await.unwrap();
    let refused = renew(&place, "state push", Renewal { status: &brought, over: Some(&seen) }).await.unwrap_err();
    assert!(refused.to_string().contains("in the meantime"), "{refused}");
    renew(&place, "state push", Renewal { status: &brought, over: Some(&brought) }).await.unwrap();
    assert_eq!(place.status().await.header.key, brought.header.key);
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_with_requests_no_line_is_lost_or_doubled() {
    for seed in 0..60 {
        let place = TestStore::new();
        place.records().init().await.unwrap();
        place.store.go_wrong(seed, 0.4);
        let mut exits = Vec::new();
        for exit in 1..=3 {
            let Ok(opened) = place.open(owner("run", None), Duration::ZERO).await else { continue };
            let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
            let journal = Journal::start_boxed(opened.sink, opened.status, opened.next, clock);
            for _ in 0..5 {
                if journal.append(vec![outputs()]).await.is_err() {
                    break;
                }
            }
            if journal.append(vec![finished(exit)]).await.is_ok() {
                exits.push(exit);
            }
            journal.close().await.ok();
        }
        place.store.recover();
        let opened = place.open(owner("run", None), Duration::ZERO).await.unwrap();
        if let Some(last) = exits.last() {
            assert_eq!(opened.status.finished, Some(*last), "seed {seed}: {exits:?}");
        }
    }
}
