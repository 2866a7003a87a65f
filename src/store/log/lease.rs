//! When the right to write may be taken.
//!
//! Its holder sends a call only when something he began to write less than [`VALID`] ago is in the log. Whoever wants the
//! right takes it only when he saw the log stand still for [`STILL`], on his own clock, which need not agree with anybody's.

use std::time::Duration;

use crate::journal::{Lease, Owner};

/// The holder shows this often that he lives.
pub const BEAT: Duration = Duration::from_secs(20);
/// A call leaves only this long after what was last written.
pub const VALID: Duration = Duration::from_secs(30);
/// So long must the log stand still before another takes over.
pub const STILL: Duration = Duration::from_secs(60);

/// Whether the right may be taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Take,
    /// Its holder may live: look again.
    Wait,
}

/// `still`: for how long the log was seen to stand still.
pub fn verdict(held: Option<&Lease>, me: &Owner, still: Duration) -> Verdict {
    match held {
        None => Verdict::Take,
        // Steps of one job come one after another: the earlier one is over, however it ended.
        Some(lease) if lease.owner.job.is_some() && lease.owner.job == me.job => Verdict::Take,
        Some(_) if still >= STILL => Verdict::Take,
        Some(_) => Verdict::Wait,
    }
}
