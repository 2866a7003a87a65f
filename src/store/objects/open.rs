//! Takes the lease: reads the log, waits for its holder, and appends the next epoch.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::contents::records_of;
use super::log::{Appended, Log};
use super::sink::LogSink;
use super::spool::Spool;
use crate::journal::{Checksum, Header, JournalError, Lease, Line, Locked, Record, RecordWriter, Status};
use crate::store::log::{Entry, Fold, STILL, Verdict, verdict};
use crate::store::{EnvironmentName, Opened, Opening};

/// The pause between two reads of a log whose holder may be alive.
pub(super) const READ_PAUSE: Duration = Duration::from_secs(5);
/// How long a request to the store is repeated without an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// A log with more objects than this is compacted by the next takeover, so that reading it stays fast.
const MANY_OBJECTS: usize = 200;
/// A log with more lines than this is compacted, too.
const MANY_LINES: u64 = 2_000;

/// Takes the lease of a log.
///
/// # Errors
///
/// [`JournalError::Locked`] when its holder is alive and does not release it in time; otherwise when the log cannot
/// be read or written.
pub async fn open(
    log: &Log,
    environment: &EnvironmentName,
    opening: Opening<'_>,
    spool: PathBuf,
) -> Result<Opened, JournalError> {
    let spool = Spool::new(spool);
    let mut fold = log.load().await?;
    fold.iter().try_for_each(|fold| environment.check(&fold.status.header, log.place()))?;
    let kept = spool.read()?;
    let rest = append_spooled(log, &mut fold, &kept).await?;
    let mut fold = take(log, environment, fold, &opening).await?;
    if !kept.is_empty() {
        settle_rest(log, &mut fold, &rest, &spool, &opening).await?;
    }
    let sink = LogSink::new(log.clone(), &fold, spool.path().to_owned());
    Ok(Opened { next: fold.next, status: fold.status, sink: Box::new(sink) })
}

/// Takes over the lease from its holder and releases it.
///
/// # Errors
///
/// When the log cannot be read or written.
pub async fn release_from_holder(
    log: &Log,
    environment: &EnvironmentName,
    owner: RecordWriter,
) -> Result<bool, JournalError> {
    loop {
        let Some(fold) = log.load().await? else { return Ok(true) };
        let Some(taken) = take_over(log, environment, Some(fold), &owner).await? else { continue };
        let now = owner.since;
        let text = Line { n: taken.next, at: now, record: Record::Released }.encode_for(taken.checksum());
        match log.append(taken.next, taken.continued(text, 1).encode(), PATIENCE).await {
            // A writer that took over in between holds the lease rightly.
            Appended::Done | Appended::Fenced(_) => return Ok(true),
            Appended::Unreachable(error) => return Err(log.failed("write to", error)),
        }
    }
}

/// Waits until the lease may be taken, and takes it.
///
/// # Errors
///
/// As for [`open`].
pub(super) async fn take(
    log: &Log,
    environment: &EnvironmentName,
    mut fold: Option<Fold>,
    opening: &Opening<'_>,
) -> Result<Fold, JournalError> {
    let began = Instant::now();
    let (mut seen, mut alive, mut told) = (Instant::now(), false, false);
    loop {
        let held = fold.as_ref().and_then(|fold| fold.status.lease.clone());
        if verdict(held.as_ref(), &opening.owner, seen.elapsed()) == Verdict::Take {
            if let Some(taken) = take_over(log, environment, fold, &opening.owner).await? {
                return Ok(taken);
            }
            fold = log.load().await?;
            (seen, alive) = (Instant::now(), true);
            continue;
        }
        // A living holder is waited for as long as the user asked; a silent one until its lease has expired.
        if alive && began.elapsed() >= opening.patience {
            return Err(JournalError::Locked {
                what: Locked::Lease(log.place().to_owned()),
                owner: held.map(|lease| lease.owner),
            });
        }
        if let Some(lease) = held.filter(|_| !told) {
            let wait = STILL.as_secs();
            (opening.notice)(format!("in use by {}: taken over when it stays silent for {wait} s", lease.owner));
            told = true;
        }
        tokio::time::sleep(READ_PAUSE).await;
        if let Some(fold) = &mut fold
            && log.advance(fold).await?
        {
            (seen, alive) = (Instant::now(), true);
        }
    }
}

/// Appends the next epoch. `None` when another writer was faster.
async fn take_over(
    log: &Log,
    environment: &EnvironmentName,
    fold: Option<Fold>,
    owner: &RecordWriter,
) -> Result<Option<Fold>, JournalError> {
    let lease = Lease {
        epoch: fold.as_ref().map_or(1, |fold| fold.epoch + 1),
        writer: uuid::Uuid::new_v4().simple().to_string(),
        owner: owner.clone(),
    };
    let entry = takeover(fold.as_ref(), environment, &lease);
    let (first, fresh, bytes) = (entry.first, entry.fresh, entry.encode());
    match log.append(first, bytes.clone(), PATIENCE).await {
        Appended::Fenced(_) => return Ok(None),
        Appended::Unreachable(error) => return Err(log.failed("write to", error)),
        Appended::Done => {}
    }
    if fresh && first > 0 {
        log.hint(first).await;
    }
    let taken = match fold {
        None => Fold::begin(&bytes),
        Some(mut fold) => fold.follow(&bytes).map(|()| fold),
    };
    taken.map(Some).map_err(|misfit| JournalError::Closed(format!("the lease could not be written: {}", misfit.why)))
}

/// The object of a takeover: the lease, preceded by the whole compacted record when the log is new or has grown long.
fn takeover(fold: Option<&Fold>, environment: &EnvironmentName, lease: &Lease) -> Entry {
    let now = lease.owner.since;
    let known = match fold {
        None => vec![(now, Record::Header(Header::new(&environment.plan, &environment.environment)))],
        Some(fold) if fold.objects > MANY_OBJECTS || fold.lines > MANY_LINES => fold.status.compacted(),
        Some(_) => Vec::new(),
    };
    let fresh = !known.is_empty();
    let records = known.into_iter().chain([(now, Record::Leased(lease.clone()))]);
    let first = fold.map_or(0, |fold| fold.next);
    let checksum = fold.filter(|_| !fresh).map(Fold::checksum).unwrap_or_default();
    let (text, count) = lines(checksum, first, records);
    Fold::takeover(fold, lease, text, count, fresh)
}

/// Whole lines, numbered from `first`, and how many they are.
pub(super) fn lines(
    checksum: Checksum,
    first: u64,
    records: impl IntoIterator<Item = (Timestamp, Record)>,
) -> (String, u64) {
    let mut text = String::new();
    let mut count = 0;
    for (at, record) in records {
        text.push_str(&Line { n: first + count, at, record }.encode_for(checksum));
        count += 1;
    }
    (text, count)
}

/// Appends the objects that an earlier run spooled on this machine, as long as they are next in the log. Returns the
/// others.
async fn append_spooled(log: &Log, fold: &mut Option<Fold>, kept: &[Entry]) -> Result<Vec<Entry>, JournalError> {
    let Some(fold) = fold else { return Ok(kept.to_vec()) };
    let mut rest = kept.iter();
    for entry in rest.by_ref() {
        let bytes = entry.encode();
        // Its answer was lost, and it is there.
        if entry.first < fold.next && log.read(entry.first).await?.as_deref() == Some(&bytes[..]) {
            continue;
        }
        if entry.first != fold.next || entry.previous != fold.hash {
            return Ok(std::iter::once(entry).chain(rest).cloned().collect());
        }
        match log.append(entry.first, bytes.clone(), PATIENCE).await {
            Appended::Done => {}
            Appended::Fenced(_) => {
                log.advance(fold).await?;
                return Ok(std::iter::once(entry).chain(rest).cloned().collect());
            }
            Appended::Unreachable(error) => return Err(log.failed("write to", error)),
        }
        fold.follow(&bytes)
            .map_err(|misfit| JournalError::unreadable(log.place().into(), misfit.line + 1, misfit.why))?;
    }
    Ok(Vec::new())
}

/// Another run has continued the log: outcomes in the spooled rest that still apply are written again, the others are
/// set aside.
async fn settle_rest(
    log: &Log,
    fold: &mut Fold,
    rest: &[Entry],
    spool: &Spool,
    opening: &Opening<'_>,
) -> Result<(), JournalError> {
    let Some(first) = rest.first().map(|entry| entry.first) else {
        (opening.notice)(format!("wrote the outcomes that were kept in `{}` to the store", spool.path().display()));
        return spool.remove();
    };
    let before = log.load_until(first).await?;
    // Every object names the hash of the one before it.
    if rest.first().map(|entry| &entry.previous) != before.as_ref().map(|fold| &fold.hash) {
        (opening.notice)(format!("`{}` belongs to another record: it is left alone", spool.path().display()));
        return Ok(());
    }
    let before = before.map(|fold| fold.status);
    let mut status = fold.status.clone();
    let (mut true_still, mut others) = (Vec::new(), 0);
    for (at, record) in rest.iter().flat_map(records_of).filter(|(_, record)| is_outcome(record)) {
        let same = before.as_ref().is_some_and(|before| is_about_the_same_call(before, &status, &record));
        match same && status.apply(at, record.clone()).is_ok() {
            true => true_still.push((at, record)),
            false => others += 1,
        }
    }
    if !true_still.is_empty() {
        let (text, count) = lines(fold.checksum(), fold.next, true_still);
        let bytes = fold.continued(text, count).encode();
        match log.append(fold.next, bytes.clone(), PATIENCE).await {
            Appended::Done => {}
            Appended::Fenced(_) => return Err(JournalError::LeaseLost { place: log.place().to_owned(), by: None }),
            Appended::Unreachable(error) => return Err(log.failed("write to", error)),
        }
        fold.follow(&bytes).map_err(|misfit| JournalError::Closed(misfit.why.to_string()))?;
    }
    if others == 0 {
        (opening.notice)(format!("wrote the outcomes that were kept in `{}` to the store", spool.path().display()));
        return spool.remove();
    }
    let aside = spool.set_aside()?;
    (opening.notice)(format!("{others} kept lines do not fit what another run wrote since: see `{}`", aside.display()));
    Ok(())
}

/// Whether the record is about what the API did; a spooled intent is obsolete.
fn is_outcome(record: &Record) -> bool {
    matches!(
        record,
        Record::Accepted { .. }
            | Record::Succeeded(_)
            | Record::Failed { .. }
            | Record::RemovalAccepted { .. }
            | Record::Removed { .. }
    )
}

/// Whether a spooled outcome belongs to the call that is in doubt now, and not to a later one of another run.
fn is_about_the_same_call(before: &Status, now: &Status, record: &Record) -> bool {
    let nonce = |status: &Status| {
        let instance = record.instance().and_then(|id| status.instances.get(id))?;
        Some(instance.intent.as_ref()?.nonce.clone())
    };
    nonce(before) == nonce(now)
}
