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
use crate::journal::{Header, JournalError, Record, Status, decode};
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
        Ok(_) => {
            let help = "`plan state recover` adds what the account holds and the record does not";
            return Err(Error::usage("the record is not damaged").help(help));
        }
    };
    let fresh = || Status::new(Header::new(record.plan(), record.environment()), context.now);
    let mut status = readable(&record.raw().await?).unwrap_or_else(fresh);
    note(context, &format!("{damage}"))?;
    note(context, &format!("{} can be read", count(status.instances.len(), "instance")))?;
    let recovered = asked.look(context, &status).await?;
    recover::print(context, record, &recovered)?;
    if arguments.dry_run {
        return Ok(recover::exit_of(&recovered));
    }
    for kept in recovered.records() {
        status.apply(context.now, kept).map_err(JournalError::Impossible)?;
    }
    let notice = |words: String| drop(note(context, &words));
    let clock = Clock::starting_at(context.now, 1.0);
    let owner = records::owner(context, "state salvage");
    let opening = Opening { owner, patience: arguments.lock.lock_timeout, clock, notice: &notice };
    let kept = record.renew(opening, Renewal { status: &status, over: None }).await?;
    let kept = kept.map(|kept| format!("; the damaged one is `{kept}`")).unwrap_or_default();
    let added = count(recovered.records().len(), "instance");
    note(context, &format!("the record is repaired, with {added} from the account{kept}"))?;
    Ok(recover::exit_of(&recovered))
}

/// The instances up to the damaged line, and later ones whose records do not depend on lost lines. `None` without a
/// header.
fn readable(bytes: &[u8]) -> Option<Status> {
    let lines = bytes.split(|&byte| byte == b'\n').filter_map(|text| decode(text).ok());
    let mut status: Option<Status> = None;
    for line in lines {
        match (&mut status, line.record) {
            (None, Record::Header(header)) => status = Some(Status::new(header, line.at)),
            // A record that depends on lost lines is skipped.
            (Some(status), record) => drop(status.apply(line.at, record)),
            (None, _) => {}
        }
    }
    status
}
