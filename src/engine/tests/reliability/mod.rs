//! Nothing lost, nothing made twice, everything taken down again: counted over many broken runs on the paused clock.
//!
//! `proof` says what is counted and against what, `plans` what is run; `crash` cuts records, `kill` requests,
//! `change` does both to a run that replaces, updates and prunes, `faults`
//! makes the API fail from a seed, `store` keeps the record in an object store that fails, `graphs` draws plans at random. `docs/reliability.md` tells how to repeat it all.

mod change;
mod crash;
mod faults;
mod graphs;
mod kill;
pub mod plans;
pub mod proof;
mod store;
