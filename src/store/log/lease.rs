//! When a lease may be taken.
//!
//! Its holder sends a call only when an append that it began less than [`VALID`] ago is in the log. Another writer
//! takes the lease only after it saw the log unchanged for [`STILL`], measured on its own clock. The clocks need not
//! agree.

use std::time::Duration;

use crate::journal::{Lease, RecordWriter};

/// The interval of the holder's heartbeats.
pub const BEAT: Duration = Duration::from_secs(20);
/// A call is sent only within this time after the beginning of the last append.
pub const VALID: Duration = Duration::from_secs(30);
/// A log unchanged for this long has no living holder.
pub const STILL: Duration = Duration::from_secs(60);

/// Whether the lease may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Take,
    /// The holder may be alive: read the log again.
    Wait,
}

/// `still`: for how long the log was seen unchanged.
pub fn verdict(held: Option<&Lease>, me: &RecordWriter, still: Duration) -> Verdict {
    match held {
        None => Verdict::Take,
        // The steps of one CI job run one after another: the earlier one has ended.
        Some(lease) if lease.owner.job.is_some() && lease.owner.job == me.job => Verdict::Take,
        Some(_) if still >= STILL => Verdict::Take,
        Some(_) => Verdict::Wait,
    }
}
