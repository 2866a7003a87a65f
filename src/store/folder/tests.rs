use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::clock::Clock;
use crate::journal::{Batch, Record, Sink};

fn owner() -> RecordWriter {
    RecordWriter { pid: 4711, command: "run".to_owned(), since: Timestamp::UNIX_EPOCH, job: None }
}

fn name() -> EnvironmentName {
    EnvironmentName { plan: "demo".to_owned(), environment: "default".to_owned() }
}

fn line(n: u64, record: Record) -> String {
    Line { n, at: Timestamp::UNIX_EPOCH, record }.encode()
}

fn first() -> String {
    line(0, Record::Header(Header::new("demo", "default")))
}

async fn open(store: &StateFolder) -> Result<Opened, JournalError> {
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
    let opening = Opening { owner: owner(), patience: Duration::ZERO, clock, notice: &|_| {} };
    store.open(&name(), opening).await
}

fn finished(n: u64) -> Batch {
    Batch { first: n, count: 1, text: line(n, Record::Finished { exit: 0 }).into() }
}

/// A record with one line after its header, open for the next.
async fn begun(store: &StateFolder) -> Opened {
    let mut opened = open(store).await.unwrap();
    opened.sink.append(&finished(opened.next)).await.unwrap();
    Opened { next: opened.next + 1, ..opened }
}

#[tokio::test]
async fn a_command_that_writes_nothing_leaves_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let store = StateFolder::new(folder.path());
    drop(open(&store).await.unwrap());
    assert!(store.environments().await.unwrap().is_empty());
    std::fs::write(store.journal(&name()), first()).unwrap();
    assert!(store.read(&name()).await.unwrap().is_none(), "a header alone says nothing");
    drop(begun(&store).await);
    assert_eq!(store.environments().await.unwrap(), [name()]);
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_appended_once_another_program_took_the_record_away() {
    let replaced = |path: &Path| {
        std::fs::copy(path, path.with_extension("copy")).unwrap();
        std::fs::rename(path.with_extension("copy"), path).unwrap();
    };
    let removed = |path: &Path| std::fs::remove_file(path).unwrap();
    let emptied = |path: &Path| std::fs::write(path, "").unwrap();
    let without_folder = |path: &Path| std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    let longer = |path: &Path| std::fs::write(path, std::fs::read_to_string(path).unwrap() + "x").unwrap();
    type Change<'a> = &'a dyn Fn(&Path);
    let cases: [(&str, Change<'_>, &str); 8] = [
        (LOCK, &removed, "lock` is gone"),
        (LOCK, &replaced, "lock` is another file now"),
        (LOCK, &without_folder, "lock` is gone"),
        (JOURNAL, &removed, "journal.jsonl` is gone"),
        (JOURNAL, &replaced, "journal.jsonl` is another file now"),
        (JOURNAL, &emptied, "has 0 bytes where"),
        (JOURNAL, &longer, "bytes where"),
        (JOURNAL, &|_| {}, ""),
    ];
    for (file, done, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        let store = StateFolder::new(folder.path());
        let mut opened = begun(&store).await;
        done(&store.of(&name()).join(file));
        let before = std::fs::read(store.journal(&name())).ok();
        let appended = opened.sink.append(&finished(opened.next)).await;
        match words {
            "" => assert!(appended.is_ok()),
            words => {
                let error = appended.unwrap_err();
                assert!(matches!(error, JournalError::TakenAway { .. }), "{error}");
                assert!(error.to_string().contains(words), "{error}");
                assert_eq!(std::fs::read(store.journal(&name())).ok(), before, "{words}");
            }
        }
    }
}

#[tokio::test]
async fn a_journal_that_another_command_made_meanwhile_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = StateFolder::new(folder.path());
    let mut opened = open(&store).await.unwrap();
    let theirs = first();
    std::fs::write(store.journal(&name()), &theirs).unwrap();
    assert!(opened.sink.append(&finished(1)).await.unwrap_err().to_string().contains("was written by another command"));
    assert_eq!(std::fs::read_to_string(store.journal(&name())).unwrap(), theirs);
}

#[tokio::test]
async fn a_copy_is_no_record_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = StateFolder::new(folder.path());
    drop(begun(&store).await);
    for copy in [("demo", "default.bak"), ("demo.bak", "default")] {
        let copy = EnvironmentName { plan: copy.0.to_owned(), environment: copy.1.to_owned() };
        std::fs::create_dir_all(store.of(&copy)).unwrap();
        std::fs::copy(store.journal(&name()), store.journal(&copy)).unwrap();
        let read = store.read(&copy).await.unwrap_err();
        assert!(read.to_string().contains("holds the record of plan `demo`, environment `default`"), "{read}");
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
        let opening = Opening { owner: owner(), patience: Duration::ZERO, clock, notice: &|_| {} };
        assert!(matches!(store.open(&copy, opening).await, Err(JournalError::Misplaced { .. })));
    }
    assert!(store.read(&name()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_torn_line_is_cut_off_before_the_next_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let whole = first() + &line(1, Record::Outputs { values: Vec::new() });
    std::fs::write(&path, format!("{whole}{{\"sum\":\"12")).unwrap();
    let (mut file, _, next) =
        JournalFile::open(&path, || unreachable!("there is a header"), Timestamp::UNIX_EPOCH).unwrap();
    let text = line(next, Record::Finished { exit: 0 });
    file.append(&Batch { first: next, count: 1, text: text.into() }).await.unwrap();
    assert_eq!(read(&path).unwrap().unwrap().status.finished, Some(0));
}

#[test]
fn a_second_writer_is_refused_with_the_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    let owner = owner();
    let held = Lock::take(&path, &owner).unwrap();
    let refused = Lock::take(&path, &owner).unwrap_err();
    assert!(refused.to_string().contains("`plan run` (process 4711"), "{refused}");
    assert_eq!(Lock::holder(&path).unwrap(), Some(Some(owner.clone())));
    drop(held);
    assert_eq!(Lock::holder(&path).unwrap(), None);
    assert!(Lock::take(&path, &owner).is_ok());
}

#[cfg(unix)]
#[tokio::test]
async fn the_record_is_readable_only_by_its_user() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = StateFolder::new(folder.path().join("state"));
    begun(&store).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&store.of(&name())), 0o700);
    assert_eq!(mode(&store.journal(&name())), 0o600);
}

#[tokio::test]
async fn a_new_folder_keeps_itself_out_of_the_repository() {
    let folder = tempfile::tempdir().unwrap();
    let store = StateFolder::new(folder.path().join(".plan"));
    open(&store).await.unwrap();
    assert_eq!(std::fs::read_to_string(folder.path().join(".plan/.gitignore")).unwrap(), "*\n");
    // A folder that the user created is left as it is.
    let theirs = StateFolder::new(folder.path());
    begun(&theirs).await;
    assert!(!folder.path().join(".gitignore").exists());
    assert_eq!(theirs.environments().await.unwrap(), vec![name()]);
}

#[tokio::test]
async fn an_emptied_or_zeroed_journal_is_damage_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = StateFolder::new(folder.path());
    drop(open(&store).await.unwrap());
    let journal = store.journal(&name());
    for (bytes, words) in [
        (Vec::new(), "it is empty"),
        (vec![0; 4096], "nothing but zeros"),
        (b"\n".to_vec(), "it does not start with a checksum"),
        (first().into_bytes()[..20].to_vec(), "no header"),
    ] {
        std::fs::write(&journal, &bytes).unwrap();
        let read = store.read(&name()).await.unwrap_err();
        assert!(matches!(read, JournalError::Damaged { line: 1, .. }), "{read}");
        assert!(read.to_string().contains(words), "{read}");
        assert!(open(&store).await.is_err());
        assert_eq!(std::fs::read(&journal).unwrap(), bytes);
    }
}

#[test]
fn a_compacted_journal_still_counts_every_line() {
    let mut status = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
    for exit in 0..50 {
        status.apply(Timestamp::UNIX_EPOCH, Record::Finished { exit }).unwrap();
    }
    let lines = status.compacted().into_iter().enumerate();
    let lines: Vec<Line> = lines.map(|(n, (at, record))| Line { n: n as u64, at, record }).collect();
    let few = lines.len();
    let compacted = Status::of(lines).unwrap();
    assert_eq!((compacted.lines, few), (51, 4));
}
