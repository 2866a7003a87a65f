//! Replaces a log by a new beginning: after damage, or when a record is copied from another store.
//!
//! Existing objects are not changed. One more object is the whole compacted record, and reading begins with it from
//! then on.

use tokio::time::Instant;

use super::log::{Appended, Log};
use super::open::{PATIENCE, READ_PAUSE, lines, take};
use crate::journal::{Checksum, JournalError, Lease, Locked, Record};
use crate::store::log::{Entry, Fold, STILL, sha256_hex};
use crate::store::{EnvironmentName, Opening, Renewal};

/// The place of the next object, and the lease for it.
struct End {
    next: u64,
    previous: String,
    lease: Lease,
}

/// Appends an object with the contents of the renewal, and releases the lease.
///
/// # Errors
///
/// [`JournalError::Locked`] when another process writes to the record; otherwise when it cannot be read or written.
pub async fn renew(
    log: &Log,
    environment: &EnvironmentName,
    opening: Opening<'_>,
    renewal: Renewal<'_>,
) -> Result<(), JournalError> {
    let end = match log.load().await {
        Ok(fold) => {
            let taken = take(log, environment, fold, &opening).await?;
            renewal.may_replace(log.place(), Some(&taken.status))?;
            let lease = Lease { epoch: taken.epoch, writer: taken.writer, owner: opening.owner.clone() };
            End { next: taken.next, previous: taken.hash, lease }
        }
        Err(JournalError::Damaged { .. }) => end_of_damaged(log, &opening).await?,
        Err(error) => return Err(error),
    };
    let known =
        renewal.status.compacted().into_iter().chain([(opening.clock.now(), Record::Leased(end.lease.clone()))]);
    let (text, count) = lines(Checksum::default(), end.next, known);
    let Lease { epoch, writer, .. } = end.lease;
    let entry = Entry { first: end.next, count, epoch, writer, previous: end.previous, fresh: true, text };
    let bytes = entry.encode();
    append(log, end.next, bytes.clone()).await?;
    log.hint(end.next).await;
    let fold = Fold::begin(&bytes).map_err(|misfit| JournalError::Closed(misfit.why.to_string()))?;
    let (text, count) = lines(fold.checksum(), fold.next, [(opening.clock.now(), Record::Released)]);
    append(log, fold.next, fold.continued(text, count).encode()).await
}

async fn append(log: &Log, first: u64, bytes: Vec<u8>) -> Result<(), JournalError> {
    match log.append(first, bytes, PATIENCE).await {
        Appended::Done => Ok(()),
        Appended::Fenced(_) => Err(JournalError::LeaseLost { place: log.place().to_owned(), by: None }),
        Appended::Unreachable(error) => Err(log.failed("write to", error)),
    }
}

/// The end of a log that cannot be read. Its writer may be alive, so that the log must stay unchanged until a lease
/// would have expired.
async fn end_of_damaged(log: &Log, opening: &Opening<'_>) -> Result<End, JournalError> {
    let (mut end, began) = (end(log, opening).await?, Instant::now());
    (opening.notice)(format!("waiting {} s to see whether another process still writes there", STILL.as_secs()));
    while began.elapsed() < STILL {
        tokio::time::sleep(READ_PAUSE).await;
        let now = self::end(log, opening).await?;
        if now.next != end.next {
            return Err(JournalError::Locked { what: Locked::Lease(log.place().to_owned()), owner: None });
        }
        end = now;
    }
    Ok(end)
}

/// From the head of its last object; when that cannot be parsed, from the numbers of its lines.
async fn end(log: &Log, opening: &Opening<'_>) -> Result<End, JournalError> {
    let objects = log.objects().await?;
    let epochs = objects.iter().filter_map(|(_, bytes)| Entry::decode_head(bytes));
    let epoch = epochs.map(|head| head.epoch).max().unwrap_or(0) + 1;
    let lease = Lease { epoch, writer: uuid::Uuid::new_v4().simple().to_string(), owner: opening.owner.clone() };
    let Some((first, bytes)) = objects.last() else {
        return Ok(End { next: 0, previous: String::new(), lease });
    };
    let breaks = bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
    let count = Entry::decode_head(bytes).map_or(breaks.saturating_sub(1), |head| head.count);
    Ok(End { next: first + count.max(1), previous: sha256_hex(bytes), lease })
}
