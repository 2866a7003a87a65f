//! What became of recorded things meanwhile: are they there, and are they as the plan made them?
//!
//! `compare` holds a field of a body against what a read shows; it is pure, and never takes for different what it cannot
//! tell.

mod compare;

pub use compare::{Comparison, Shown, field};
