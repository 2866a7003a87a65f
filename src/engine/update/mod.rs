//! Updates: which differences between two calls the API can change in place, by which calls, and which need a new
//! resource.
//!
//! `wanted` leaves out ignored differences, `split` divides the rest into calls, `patch` computes what one field
//! sends, `seen` resolves a lost answer by reading the resource, `difference` bundles the result for decisions.
//! `lists` and `machine` divide what is changed element by element. All of that is pure; `lookup` reads what a call
//! needs, `parts` what it changed; `change` sends the calls.

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

pub use difference::{Changing, Difference, update_of_result, with_new_name};
pub use lookup::{NotFound, looked_up};
pub use seen::{Seen, seen};
pub use split::{Forced, InPlace, Split, UpdatedResource, split};
pub use wanted::wanted_call;
