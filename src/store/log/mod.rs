//! How writers on different machines share one record, with nothing but *create if absent*.
//!
//! A log is a row of immutable objects, each holding the lines of one sync and named by the number of its first line. The
//! conditional create of the next one is the fence: whoever finds his number taken by another's lines has lost the right to
//! write. That right, the lease, is itself a line of the log, taken by appending the next epoch.
//!
//! Pure: nothing here sleeps, measures or asks. `entry` is an object's text, `fold` what a row of them says, `append` the
//! way to one more, `lease` when the right may be taken. The driver is in [`super::objects`].

mod append;
mod entry;
mod fold;
mod lease;
#[cfg(test)]
mod model;

pub use append::{Append, Ask, Heard, Progress};
pub use entry::{Entry, hash};
pub use fold::{Fold, Misfit};
pub use lease::{BEAT, STILL, VALID, Verdict, verdict};
