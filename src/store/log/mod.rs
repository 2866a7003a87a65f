//! How writers on different machines share one record, using only *create if absent*.
//!
//! A log is a sequence of immutable objects, each with the lines of one sync and named by the number of its first
//! line. Creating the next object conditionally is the fence: a writer that finds another writer's object there has
//! lost its lease. The lease is itself a line of the log, taken by appending the next epoch.
//!
//! Pure: no sleeping, no clock, no requests. `entry` is the text of an object, `fold` the meaning of a sequence of
//! them, `append` the protocol for one more, `lease` the rule for taking over. The driver is [`super::objects`].

mod append;
mod entry;
mod fold;
mod lease;
#[cfg(test)]
mod model;

pub use append::{Append, Progress, StoreAnswer, StoreRequest};
pub use entry::{Entry, sha256_hex};
pub use fold::{Fold, Misfit};
pub use lease::{BEAT, STILL, VALID, Verdict, verdict};
