//! What became of recorded things meanwhile: are they there, and are they as the plan made them?
//!
//! `look` asks the API and changes nothing; `compare` holds a field of a body against what a read shows; it is pure, and
//! never takes for different what it cannot tell. `blame` says of a refused call what it names that is gone.

mod blame;
mod compare;
mod look;

pub use blame::blame;
pub use compare::{Comparison, Shown, field, holds_any};
pub use look::{Blind, Fate, Found, Refresh, records};
