use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::clock::Clock;
use crate::journal::{Batch, Record, Sink};

fn owner() -> Owner {
    Owner { pid: 4711, command: "run".to_owned(), since: Timestamp::UNIX_EPOCH, job: None }
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
    open(&store).await.unwrap();
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
    open(&theirs).await.unwrap();
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
