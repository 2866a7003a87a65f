//! Reliability suites on the paused clock: runs are broken off in every way, and must lose nothing, create nothing
//! twice, and take everything down.
//!
//! `proof` defines what is counted and the unbroken run it is compared with; `plans` provides the plans. The suites:
//! `crash` cuts records, `kill` kills processes at requests, `change` does both to a run that replaces, updates and
//! prunes, `faults` makes the API fail at random, `store` keeps the record in a failing object store, `graphs` draws
//! plans at random. `docs/reliability.md` explains how to repeat them.

mod change;
mod crash;
mod faults;
mod graphs;
mod kill;
pub mod plans;
pub mod proof;
mod store;
