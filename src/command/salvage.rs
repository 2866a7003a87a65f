//! `plan state salvage`: repairs a damaged record from its readable part, and from the account as `plan state
//! recover` does.

use super::note;
use super::records;
use super::recover::{self, Recovery};
use crate::cli::RecoverArguments;
use crate::clock::Clock;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::journal::{Header, JournalError, Line, Record, Status, decode, redacted};
use crate::report::count;
use crate::store::{Opening, Renewal};

/// Repairs a damaged record.
///
/// # Errors
///
/// When it is not damaged, another process writes to it, or the account cannot be read.
pub(super) async fn salvage(context: &Context, arguments: &RecoverArguments) -> Result<Exit, Error> {
    let asked = Recovery::of(context, arguments)?;
    let record = &asked.record;
    let damage = match record.read().await {
        Err(damage @ JournalError::Damaged { .. }) => damage,
        Err(other) => return Err(other.into()),
        Ok(None) => {
            let help =
                format!("`{}` makes one of what the account holds", context.typed.with_plan("state recover", &[]));
            return Err(Error::usage("there is no record, damaged or not: no command has begun in it").help(help));
        }
        Ok(Some(_)) => {
            let command = context.typed.with_plan("state recover", &[]);
            let help = format!("`{command}` adds what the account holds and the record does not");
            return Err(Error::usage("the record is not damaged").help(help));
        }
    };
    let fresh = || Status::new(Header::new(record.plan(), record.environment()), context.now);
    let mut status = readable(&record.raw().await?, fresh);
    note(context, &format!("{damage}"))?;
    note(context, &format!("{} can be read", count(status.instances.len(), "instance")))?;
    let recovered = asked.look(context, &status).await?;
    recover::print(context, record, &recovered)?;
    if arguments.dry_run {
        return Ok(recover::exit_of(&recovered));
    }
    for kept in recovered.records() {
        let kept = redacted(kept, &context.secrets);
        status.apply(context.now, kept).map_err(JournalError::Impossible)?;
    }
    let notice = |message: String| drop(note(context, &message));
    let clock = Clock::starting_at(context.now, 1.0);
    let owner = records::owner(context, "state salvage");
    let opening = Opening { owner, patience: arguments.lock.lock_timeout, clock, notice: &notice };
    let kept = record.renew(opening, Renewal { status: &status, over: None }).await?;
    let kept = kept.map(|kept| format!("; the damaged one is `{kept}`")).unwrap_or_default();
    let added = count(recovered.records().len(), "instance");
    note(context, &format!("the record is repaired, with {added} from the account{kept}"))?;
    Ok(recover::exit_of(&recovered))
}

/// The instances up to the damaged line, and later ones whose records do not depend on lost lines. Without a header,
/// the lines are read under a fresh one: only the key of its digests is lost.
fn readable(bytes: &[u8], fresh: impl FnOnce() -> Status) -> Status {
    let lines = bytes.split(|&byte| byte == b'\n').filter_map(|text| decode(text).ok());
    let (headers, lines): (Vec<Line>, Vec<Line>) = lines.partition(|line| matches!(line.record, Record::Header(_)));
    let first = headers.into_iter().next().and_then(|line| match line.record {
        Record::Header(header) => Some(Status::new(header, line.at)),
        _ => None,
    });
    let mut status = first.unwrap_or_else(fresh);
    for line in lines {
        // A record that depends on lost lines is skipped.
        drop(status.apply(line.at, line.record));
    }
    status
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::id::{InstanceId, StepId};
    use crate::journal::{InstanceStatus, Phase};

    #[test]
    fn every_whole_line_is_read_whichever_is_damaged() {
        let made = |step: &str| Record::Kept {
            instance: InstanceId::new(StepId::new(step), None),
            status: Box::new(InstanceStatus { phase: Phase::Succeeded, attempts: 1, ..InstanceStatus::default() }),
        };
        let header = Header { key: "k".to_owned(), ..Header::new("demo", "default") };
        let records = [Record::Header(header), made("a"), made("b")];
        let line = |(n, record)| Line { n, at: Timestamp::UNIX_EPOCH, record }.encode();
        let whole: Vec<String> = (0..).zip(records).map(line).collect();
        let fresh = || {
            let header = Header { key: "fresh".to_owned(), ..Header::new("demo", "default") };
            Status::new(header, Timestamp::UNIX_EPOCH)
        };
        for (damaged, key, left) in [(0, "fresh", "a b"), (1, "k", "b"), (2, "k", "a")] {
            let mut lines = whole.clone();
            lines[damaged].insert(0, 'x');
            let status = readable(lines.concat().as_bytes(), fresh);
            let names: Vec<String> = status.instances.keys().map(ToString::to_string).collect();
            assert_eq!((status.header.key.as_str(), names.join(" ").as_str()), (key, left));
        }
    }
}
