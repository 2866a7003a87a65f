mod fold;
mod trouble;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::catalog::Method;
use crate::clock::Clock;
use crate::event::{EffectKnown, ErrorClass, Provenance, StepError};
use crate::id::{InstanceId, StepId};
use crate::shared::Shared;

fn instance(name: &str) -> InstanceId {
    InstanceId::new(StepId::new(name), None)
}

fn call(path: &str) -> RecordedCall {
    RecordedCall { body: Some(json!({ "name": "n" }).into()), ..RecordedCall::new(Method::Post, path) }
}

fn intent(name: &str, attempt: u32) -> Record {
    Record::Intent(Shared::from(Intent {
        instance: instance(name),
        call: call("/cloud/v1/networks/1/7").into(),
        attempt,
        nonce: "nonce".to_owned(),
        stamped: false,
        after: vec![],
        undo: IntendedUndo::Default,
        timeout_ms: None,
        secret: false,
        mark: Mark::none(),
        update: None,
    }))
}

fn accepted(name: &str) -> Record {
    Record::Accepted {
        instance: instance(name),
        tasks: vec![format!("task-{name}")],
        recovered: false,
        status: Some(200),
        evidence: None,
    }
}

fn succeeded(name: &str) -> Record {
    Record::Succeeded(Box::new(Succeeded {
        instance: instance(name),
        provenance: Provenance::Called,
        result: StepResult { id: Some(json!("id").into()), ..StepResult::default() },
        made: RecordedResource {
            kind: Some("networks".to_owned()),
            id: Some(json!("id").into()),
            undo: Some(call("/x")),
            ..RecordedResource::default()
        },
        duration_ms: 7,
        durations: vec![("create_network".to_owned(), 7000)],
        evidence: None,
        agrees: None,
        existed_on: None,
    }))
}

fn error() -> StepError {
    StepError { status: Some(400), ..StepError::new(EffectKnown::NotApplied, ErrorClass::Rejected, "no") }
}

fn not_applied(name: &str) -> Record {
    Record::NotApplied { instance: instance(name), error: error(), unanswered: false }
}

fn header() -> Record {
    let mut header = Header::new("demo", "default");
    header.key = "00".repeat(32);
    Record::Header(header)
}

fn text(records: &[Record]) -> String {
    std::iter::once(&header())
        .chain(records)
        .enumerate()
        .map(|(n, record)| Line { n: n as u64, at: Timestamp::UNIX_EPOCH, record: record.clone() }.encode())
        .collect()
}

#[test]
fn what_could_find_an_attempt_is_forgotten_once_its_outcome_is_known() {
    let mark = Mark { trace: Some("t".to_owned()), before: Some(vec!["old".to_owned()]), ..Mark::default() };
    let Record::Intent(mut marked) = intent("a", 1) else { panic!("it is an intent") };
    marked.mark = mark.clone().into();
    for (records, expected) in [
        (vec![Record::Intent(marked.clone()), accepted("a")], mark),
        (vec![Record::Intent(marked), accepted("a"), succeeded("a")], Mark::default()),
    ] {
        let status = read(Path::new("j"), text(&records).as_bytes()).unwrap().status;
        let intent = status.instances[&instance("a")].intent.as_ref().unwrap();
        assert_eq!((&*intent.mark, intent.nonce.as_str()), (&expected, "nonce"));
    }
}

fn phase(records: &[Record], name: &str) -> Phase {
    let contents = read(Path::new("j"), text(records).as_bytes()).unwrap();
    contents.status.instances[&instance(name)].phase.clone()
}

#[test]
fn a_step_goes_from_intent_to_done() {
    assert_eq!(phase(&[intent("a", 1)], "a"), Phase::InDoubt);
    assert_eq!(phase(&[intent("a", 1), not_applied("a")], "a"), Phase::Absent);
    assert!(matches!(phase(&[intent("a", 1), accepted("a")], "a"), Phase::Accepted { .. }));
    assert_eq!(phase(&[intent("a", 1), accepted("a"), succeeded("a")], "a"), Phase::Succeeded);
    assert_eq!(phase(&[intent("a", 1), intent("a", 2), accepted("a"), succeeded("a")], "a"), Phase::Succeeded);
}

#[test]
fn a_refused_change_has_no_effect() {
    let records = [intent("a", 1), accepted("a"), succeeded("a"), intent("a", 2), not_applied("a")];
    assert_eq!(phase(&records, "a"), Phase::Succeeded);
}

#[test]
fn a_removed_instance_is_absent() {
    let removing = Record::Removing { instance: instance("a"), call: call("/x"), attempt: 1, intent: None, seen: None };
    let records = [intent("a", 1), succeeded("a"), removing, Record::Removed { instance: instance("a") }];
    let contents = read(Path::new("j"), text(&records).as_bytes()).unwrap();
    assert_eq!(contents.status.existing().count(), 0);
}

#[test]
fn a_torn_last_line_is_tolerated_and_other_damage_is_named() {
    let whole = text(&[intent("a", 1), accepted("a")]);
    let last = whole.trim_end().rfind('\n').unwrap() + 1;
    for cut in last..whole.len() {
        let contents = read(Path::new("j"), &whole.as_bytes()[..cut]).unwrap();
        assert_eq!((contents.lines, contents.whole), (2, last as u64), "cut at {cut}");
    }
    let damaged = whole.replacen("nonce", "nouns", 1);
    let message = read(Path::new("state/journal.jsonl"), damaged.as_bytes()).unwrap_err().to_string();
    assert_eq!(message, "state/journal.jsonl:2: the journal is damaged: its checksum does not match");
}

#[test]
fn a_missing_line_is_damage() {
    let whole = text(&[intent("a", 1), not_applied("a"), intent("a", 2)]);
    let lines: Vec<_> = whole.lines().collect();
    let without = [lines[0], lines[1], lines[3], ""].join("\n");
    let message = read(Path::new("j"), without.as_bytes()).unwrap_err().to_string();
    assert!(message.contains("record number 3 where 2 was due"), "{message}");
}

/// A killed process leaves a part of a line. Zeros are left by disks and file systems, in the place of any number of
/// lines.
#[test]
fn zeros_at_the_end_are_damage() {
    let whole = text(&[intent("a", 1), accepted("a")]).into_bytes();
    let last = whole[..whole.len() - 1].iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
    for (kept, zeros) in [(whole.len(), 300), (whole.len() - 7, 7), (last, 1), (last + 5, 4096)] {
        for end in [&b""[..], b"\n"] {
            let bytes = [&whole[..kept], &vec![0; zeros], end].concat();
            let line = if kept == whole.len() { 4 } else { 3 };
            let message = read(Path::new("j"), bytes.as_slice()).unwrap_err().to_string();
            let wanted = format!("j:{line}: the journal is damaged: zeros are in the place of what was written");
            assert_eq!(message, wanted, "{zeros} zeros after {kept} bytes");
        }
    }
}

#[test]
fn impossible_sequences_are_errors() {
    for (records, words) in [
        (vec![accepted("a")], "`accepted` cannot follow for `a`, which is absent"),
        (vec![intent("a", 1), accepted("a"), intent("a", 2)], "`intent` cannot follow for `a`, which is waiting"),
        (vec![intent("a", 1), intent("a", 1)], "`intent` cannot follow for `a`, which is in doubt"),
    ] {
        let message = read(Path::new("j"), text(&records).as_bytes()).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn a_newer_journal_is_refused_in_words() {
    let Record::Header(mut newer) = header() else { unreachable!("it is a header") };
    newer.version = VERSION + 1;
    let line = Line { n: 0, at: Timestamp::UNIX_EPOCH, record: Record::Header(newer) }.encode();
    let message = read(Path::new("j"), line.as_bytes()).unwrap_err().to_string();
    assert!(message.contains("written by a newer `plan`"), "{message}");
}

/// Reads a journal of every version ever written; these fixtures are never regenerated.
#[test]
fn journals_of_every_version_are_read() {
    let versions =
        [include_str!("../../tests/journals/version-1.jsonl"), include_str!("../../tests/journals/version-2.jsonl")];
    for (version, text) in (1..).zip(versions) {
        let status = read(Path::new("journal.jsonl"), text.as_bytes()).unwrap().status;
        assert_eq!(status.header.version, version);
        assert_eq!(status.instances[&instance("network")].phase, Phase::Succeeded);
        assert_eq!(status.instances[&instance("network")].made[0].id, Some(json!("id").into()));
        assert!(status.tasks.contains("task-network"));
    }
    assert_eq!(versions.len() as u32, VERSION);
}

/// The version that began a journal can still read it.
#[tokio::test]
async fn a_journal_of_an_earlier_version_is_continued_as_it_began() {
    for text in
        [include_str!("../../tests/journals/version-1.jsonl"), include_str!("../../tests/journals/version-2.jsonl")]
    {
        let contents = read(Path::new("journal.jsonl"), text.as_bytes()).unwrap();
        let sink = MemorySink::default();
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
        let journal = Journal::start(sink.clone(), contents.status, contents.lines, clock);
        journal.append(vec![intent("later", 1)]).await.unwrap();
        let whole = [text.as_bytes(), &sink.bytes()].concat();
        assert!(whole[text.len()..].starts_with(&whole[..8]), "{}", String::from_utf8_lossy(&whole));
        assert_eq!(read(Path::new("journal.jsonl"), whole.as_slice()).unwrap().status.instances.len(), 2);
    }
}

#[test]
fn a_compacted_journal_says_the_same() {
    let records = [intent("a", 1), accepted("a"), succeeded("a"), intent("b", 1), not_applied("b"), intent("b", 2)];
    let status = read(Path::new("j"), text(&records).as_bytes()).unwrap().status;
    let lines: Vec<Line> =
        status.compacted().into_iter().enumerate().map(|(n, (at, record))| Line { n: n as u64, at, record }).collect();
    let compacted = Status::of(lines).unwrap();
    assert_eq!((compacted.instances, compacted.tasks), (status.instances, status.tasks));
}

#[tokio::test]
async fn records_written_together_share_a_sync() {
    #[derive(Clone, Default)]
    struct Counting(std::sync::Arc<std::sync::atomic::AtomicUsize>, MemorySink);
    impl Sink for Counting {
        fn append<'a>(&'a mut self, batch: &'a Batch) -> Appending<'a> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            self.1.append(batch)
        }
    }
    let Record::Header(first) = header() else { unreachable!("it is a header") };
    let sink = Counting::default();
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
    let journal = Journal::start(sink.clone(), Status::new(first, Timestamp::UNIX_EPOCH), 1, clock);
    let names: Vec<String> = (0..200).map(|n| format!("s{n}")).collect();
    let appends = names.iter().map(|name| journal.append(vec![intent(name, 1)]));
    for result in futures_util::future::join_all(appends).await {
        result.unwrap();
    }
    let syncs = sink.0.load(std::sync::atomic::Ordering::SeqCst);
    assert!(syncs <= 3, "{syncs} syncs for 200 records");
    let bytes = [text(&[]).into_bytes(), sink.1.bytes()].concat();
    assert_eq!(read(Path::new("j"), bytes.as_slice()).unwrap().lines, 201);
}

/// A record that cannot follow takes those of its own append with it, and no number.
#[tokio::test]
async fn an_impossible_record_leaves_no_gap_behind() {
    let Record::Header(first) = header() else { unreachable!("it is a header") };
    let (sink, clock) = (MemorySink::default(), Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0));
    let journal = Journal::start(sink.clone(), Status::new(first, Timestamp::UNIX_EPOCH), 1, clock);
    let refused = journal.append(vec![intent("a", 1), accepted("never-intended")]).await;
    assert!(matches!(refused, Err(JournalError::Impossible(_))), "{refused:?}");
    journal.append(vec![intent("a", 1)]).await.unwrap();
    journal.append(vec![accepted("a")]).await.unwrap();
    let bytes = [text(&[]).into_bytes(), sink.bytes()].concat();
    let read = read(Path::new("j"), bytes.as_slice()).unwrap();
    assert_eq!((read.lines, read.status.instances.len()), (3, 1));
}

#[tokio::test]
async fn after_a_failed_write_nothing_more_is_written() {
    #[derive(Default)]
    struct Full {
        asked: bool,
    }
    impl Sink for Full {
        fn append<'a>(&'a mut self, _: &'a Batch) -> Appending<'a> {
            assert!(!std::mem::replace(&mut self.asked, true), "it is written to again");
            let full = JournalError::io(FileAction::Write, Path::new("j"), std::io::Error::other("disk full"));
            Box::pin(std::future::ready(Err(full)))
        }
    }
    let Record::Header(first) = header() else { unreachable!("it is a header") };
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
    let mut status = Status::new(first, Timestamp::UNIX_EPOCH);
    status.apply(Timestamp::UNIX_EPOCH, intent("a", 1)).unwrap();
    let journal = Journal::start(Full::default(), status, 2, clock);
    assert!(journal.append(vec![accepted("a")]).await.unwrap_err().to_string().contains("disk full"));
    // Every later step is told the cause.
    assert!(journal.append(vec![intent("b", 1)]).await.unwrap_err().to_string().contains("disk full"));
    // What was answered is known until the process ends; a call whose intent is not on record was not sent.
    let phases = |status: &Status| status.instances.values().map(|known| known.phase.name()).collect::<Vec<_>>();
    assert_eq!((journal.with_status(phases), phases(&journal.known())), (vec!["in doubt"], vec!["waiting"]));
}

fn any_record() -> impl Strategy<Value = Record> {
    let name = "[a-c]";
    prop_oneof![
        (name, 1..5u32).prop_map(|(name, attempt)| intent(&name, attempt)),
        name.prop_map(|name| accepted(&name)),
        name.prop_map(|name| succeeded(&name)),
        name.prop_map(|name| not_applied(&name)),
        "\\PC*".prop_map(|message| Record::Unknown {
            instance: InstanceId::new(StepId::new("a"), Some(message.clone())),
            error: StepError { message, ..error() }
        }),
    ]
}

proptest! {
    #[test]
    fn records_round_trip(record in any_record(), n: u64) {
        let line = Line { n, at: Timestamp::UNIX_EPOCH, record };
        let encoded = line.encode();
        prop_assert_eq!(encoded.matches('\n').count(), 1);
        prop_assert_eq!(Line::decode(encoded.trim_end()).unwrap(), line);
    }

    #[test]
    fn damaged_lines_never_read_as_others(record in any_record(), at: usize, bit in 0..7u8) {
        let line = Line { n: 1, at: Timestamp::UNIX_EPOCH, record };
        let mut bytes = line.encode().trim_end().as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(text) = std::str::from_utf8(&bytes) {
            prop_assert!(Line::decode(text).is_err());
        }
    }
}

#[test]
fn the_current_version_is_written_as_its_fixture_says() {
    let written = text(&[intent("network", 1), accepted("network"), succeeded("network")]);
    let kept = include_str!("../../tests/journals/version-2.jsonl");
    // The tool's own version in the header changes with every release; everything else may not.
    assert_eq!(written.lines().skip(1).collect::<Vec<_>>(), kept.lines().skip(1).collect::<Vec<_>>());
}

/// It says what the resource agrees with, and nothing of the calls before.
#[test]
fn a_change_that_needed_no_call_leaves_earlier_attempts_open() {
    let Record::Succeeded(mut agreed) = succeeded("a") else { panic!("no success") };
    let made = std::mem::take(&mut agreed.made);
    assert_ne!(made, RecordedResource::default());
    let records = [intent("a", 1), intent("a", 2), succeeded("a"), Record::Succeeded(agreed)];
    assert_eq!(unanswered(&records).0, [1]);
}

/// The attempts without an answer after these records, and the status of the instance.
fn unanswered(records: &[Record]) -> (Vec<u32>, InstanceStatus) {
    let status = read(Path::new("j"), text(records).as_bytes()).unwrap().status;
    let known = status.instances[&instance("a")].clone().into_owned();
    let again: Vec<Line> = status
        .compacted()
        .into_iter()
        .enumerate()
        .map(|(n, (at, record))| Line { n: n as u64, at, record })
        .map(|line| Line::decode(line.encode().trim_end()).unwrap())
        .collect();
    assert_eq!(Status::of(again).unwrap().instances[&instance("a")], known.clone().into(), "compacted");
    (known.earlier.iter().map(|earlier| earlier.intent.attempt).collect(), known)
}

#[test]
fn an_attempt_without_answer_stays_on_record_until_it_is_settled() {
    let (id, a) = (instance("a"), || instance("a"));
    let lost = |unanswered| Record::NotApplied { instance: a(), error: error(), unanswered };
    let resolved = |attempt, made: Option<RecordedResource>| Record::Resolved {
        instance: a(),
        attempt,
        tasks: vec!["late".to_owned()],
        made: made.map(Box::new),
    };
    let also = RecordedResource { id: Some(json!("also").into()), ..RecordedResource::default() };
    for (records, expected) in [
        (vec![intent("a", 1)], vec![]),
        (vec![intent("a", 1), intent("a", 2)], vec![1]),
        (vec![intent("a", 1), intent("a", 2), intent("a", 3)], vec![1, 2]),
        (vec![intent("a", 1), intent("a", 2), accepted("a"), succeeded("a")], vec![1]),
        // Refused, or searched for without candidates.
        (vec![intent("a", 1), lost(false)], vec![]),
        (vec![intent("a", 1), lost(true)], vec![1]),
        (vec![intent("a", 1), lost(true), intent("a", 2), succeeded("a")], vec![1]),
        // Later attempts succeeded or were removed.
        (vec![intent("a", 1), intent("a", 2), succeeded("a"), Record::Removed { instance: a() }], vec![1]),
        (vec![intent("a", 1), intent("a", 2), succeeded("a"), Record::RolledBack { instance: a() }], vec![1]),
        (vec![intent("a", 1), intent("a", 2), succeeded("a"), Record::Forgotten { instance: a() }], vec![]),
        // The attempt that was found and the last one change places.
        (vec![intent("a", 1), intent("a", 2), Record::Found { instance: a(), attempt: 1 }], vec![2]),
        // A later attempt was refused, and the earlier one found before the call was sent once more.
        (vec![intent("a", 1), intent("a", 2), lost(false), Record::Found { instance: a(), attempt: 1 }], vec![]),
        (vec![intent("a", 1), lost(true), Record::Found { instance: a(), attempt: 1 }], vec![]),
        (vec![intent("a", 1), intent("a", 2), intent("a", 3), resolved(1, None)], vec![2]),
        (vec![intent("a", 1), intent("a", 2), succeeded("a"), resolved(1, Some(also.clone()))], vec![]),
    ] {
        let (attempts, known) = unanswered(&records);
        assert_eq!(attempts, expected, "{records:#?}");
        if matches!(records.last(), Some(Record::Found { .. })) {
            assert_eq!(known.in_doubt().unwrap().intent.attempt, 1);
        }
        if matches!(records.last(), Some(Record::Resolved { made: Some(_), .. })) {
            assert_eq!((known.made.len(), known.made.last(), known.phase), (2, Some(&also), Phase::Succeeded));
        }
    }
    for impossible in [Record::Found { instance: id, attempt: 1 }, resolved(1, None)] {
        let records = [intent("a", 1), impossible];
        assert!(read(Path::new("j"), text(&records).as_bytes()).is_err(), "{records:#?}");
    }
}

#[test]
fn a_call_that_creates_nothing_is_complete_however_often_it_was_carried_out() {
    let mut done = succeeded("a");
    let Record::Succeeded(result) = &mut done else { unreachable!() };
    result.made = RecordedResource::default();
    assert_eq!(unanswered(&[intent("a", 1), intent("a", 2), done]).0, Vec::<u32>::new());
}

#[test]
fn what_was_taken_off_the_record_is_known_by_its_id() {
    let forgotten = [intent("a", 1), succeeded("a"), Record::Forgotten { instance: instance("a") }];
    let again = [intent("a", 1), succeeded("a"), Record::Removed { instance: instance("a") }];
    let lost = [intent("a", 1), succeeded("a"), Record::Gone { instance: instance("a") }];
    for more in [&[][..], &again, &lost] {
        let (_, known) = unanswered(&[&forgotten, more].concat());
        assert_eq!(known.forgotten[..], [json!("id")], "{more:#?}");
    }
}

#[test]
fn the_head_of_an_answer_belongs_to_its_attempt() {
    let unknown = Record::Unknown { instance: instance("a"), error: error() };
    let (_, known) = unanswered(&[intent("a", 1), unknown, intent("a", 2)]);
    assert_eq!(known.earlier[0].head, Some(AnswerHead { status: 400, request_id: None }));
    assert_eq!(known.in_doubt().unwrap().head, None);
}

/// A sink that accepts a number of appends, once released, and then fails.
struct Failing {
    left: usize,
    gate: Arc<tokio::sync::Semaphore>,
}

impl Sink for Failing {
    fn append<'a>(&'a mut self, _: &'a Batch) -> Appending<'a> {
        Box::pin(async move {
            self.gate.acquire().await.expect("it is never closed").forget();
            match self.left.checked_sub(1) {
                Some(left) => {
                    self.left = left;
                    Ok(Stored::Durably)
                }
                None => Err(JournalError::Closed("the disk is full".to_owned())),
            }
        })
    }
}

#[tokio::test]
async fn the_status_changes_when_its_line_is_durable() {
    let Record::Header(header) = header() else { unreachable!() };
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let sink = Failing { left: 1, gate: gate.clone() };
    let journal = Journal::start(sink, Status::new(header, Timestamp::UNIX_EPOCH), 1, clock);
    let phase = || journal.with_status(|status| status.instances.get(&instance("a")).map(|known| known.phase.clone()));
    let writing = tokio::spawn({
        let journal = journal.clone();
        async move { journal.append(vec![intent("a", 1)]).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(phase(), None, "it is not written yet");
    gate.add_permits(1);
    writing.await.unwrap().unwrap();
    assert_eq!(phase(), Some(Phase::InDoubt));
    gate.add_permits(1);
    assert!(journal.append(vec![accepted("a")]).await.is_err());
    assert_eq!(phase(), Some(Phase::InDoubt), "what was not written is not known");
    assert!(journal.append(vec![not_applied("a")]).await.is_err(), "nothing is written after a hole");
    assert_eq!(phase(), Some(Phase::InDoubt));
}

#[tokio::test]
async fn queued_records_count_for_what_may_follow() {
    let Record::Header(header) = header() else { unreachable!() };
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let sink = Failing { left: 9, gate: gate.clone() };
    let journal = Journal::start(sink, Status::new(header, Timestamp::UNIX_EPOCH), 1, clock);
    let all = [intent("a", 1), accepted("a"), succeeded("a")].map(|record| journal.append(vec![record]));
    let written = async {
        tokio::task::yield_now().await;
        gate.add_permits(9);
    };
    let (done, ()) = tokio::join!(futures_util::future::join_all(all), written);
    assert!(done.into_iter().all(|written| written.is_ok()));
    assert_eq!(journal.with_status(|status| status.existing().count()), 1);
    let wrong = journal.append(vec![accepted("a")]).await;
    assert!(matches!(wrong, Err(JournalError::Impossible(_))), "{wrong:?}");
}
