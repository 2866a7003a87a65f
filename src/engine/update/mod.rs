//! Updates: which differences between two calls the API can change in place, by which calls, and which need a new
//! resource.
//!
//! `secret_form` tells a value from its digest, `wanted` leaves out ignored differences, `split` divides the rest into
//! calls (`lists` and `machine` element by element), `patch` computes what one field sends, `others` what a replaced list
//! keeps of others, `difference` bundles the result for decisions: all pure. `in_place` is such a call, and `lookup` reads
//! the values that it needs; `state`, `parts` and `fields` resolve a lost answer by reading the resource; `change` sends
//! the calls.

mod difference;
mod fields;
mod in_place;
mod lists;
mod lookup;
mod machine;
mod others;
mod parts;
mod patch;
mod secret_form;
mod split;
mod state;
#[cfg(test)]
mod tests;
mod wanted;

pub use difference::{Changing, Difference, update_of_result, with_new_name};
pub use fields::UpdateState;
pub use in_place::{InPlace, Lookup};
pub use lookup::{NotFound, looked_up};
pub use secret_form::in_form_of;
pub use split::{Forced, Split, UpdatedResource, split};
pub use state::{unread, update_state};
pub use wanted::wanted_call;
