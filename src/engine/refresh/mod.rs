//! Drift: do recorded resources still exist, and do they still agree with the record?
//!
//! `look` reads the API and changes nothing. `compare` is pure: it compares a field of a body with a resource, and
//! reports no difference between forms that it cannot compare. `overlaid` knows what later calls of the record made of
//! a resource. `stands` puts what differs into the plan's call. `blame` finds the missing resource behind a refused call.

mod blame;
mod compare;
mod look;
mod overlaid;
mod stands;

pub use blame::blame;
pub use compare::{Comparison, ReadResource, field, holds_any, is_alike};
pub use look::{DriftCheck, DriftState, NoAnswer, Refresh, records};
pub use stands::{Agreement, agreement, as_it_stands, recovered};
