//! Changing what exists: what of a changed call the API does in place, by which calls, and what only a new thing has.
//!
//! `difference` is what decisions are made of; `wanted` says what counts as changed, `split` divides that, `patch` puts
//! together what one field sends; `lists` and `machine` are what is changed element by element. All pure; the calls are
//! made as every other is, by `change`. What one of them needs that only the API can tell is read before it, by `lookup`;
//! whether one was carried out whose answer was lost, `seen` and `parts` read off the thing.

mod difference;
mod lists;
mod lookup;
mod machine;
mod parts;
mod patch;
mod seen;
mod split;
#[cfg(test)]
mod tests;
mod wanted;

pub use difference::{Changing, Difference, named_anew, update_of_result};
pub use lookup::{NotFound, looked_up};
pub use seen::{Seen, seen};
pub use split::{Forced, InPlace, Split, Thing, split};
pub use wanted::wanted_call;
