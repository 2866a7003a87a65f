//! The simulated APIs of Gcore, for rehearsals, tests and other clients.
//!
//! `core` is a pure state machine, `(request, now) → reaction`: it knows the operations from the catalogue, validates
//! requests, runs tasks for their documented durations, keeps resources with their references, and injects `faults`.
//! `product` simulates the products besides the Cloud API. `memory` is the engine's transport to it, `server` serves
//! it over loopback HTTP. It does not depend on plans, engine or records, so that it can be used to verify them.
//!
//! It answers as the real API was recorded to (`observed.md`; `tests/conformance` verifies that), and where nothing
//! was recorded as the documentation and the official clients suggest. Its own choices: any image id, flavour and SSH
//! key name is accepted as existing; resources are visible from the moment of the request, with the status of being
//! created; a network's router outlives the network; addresses come from ranges reserved for such use.

mod account;
mod action;
mod addresses;
mod answer;
mod assumed;
mod audit;
mod balancer;
mod body;
mod busy;
mod call;
mod compute;
mod core;
mod data;
mod deferred;
mod delete;
mod draw;
mod expected;
pub mod faults;
mod inspect;
mod ip;
mod kinds;
mod looked_up;
mod made;
mod make;
mod memory;
mod multipart;
mod network;
mod options;
mod platform;
mod product;
mod read;
mod removal;
mod security_group;
mod seeds;
mod server;
mod slow;
mod state;
mod store;
mod target;
mod tasks;
#[cfg(test)]
pub(crate) mod tests;
mod update;
mod view;
mod work;
mod world;

pub use busy::{AuditLog, Busy, BusyError};
pub use core::{Reaction, Simulator};
pub use deferred::Ticket;
pub use expected::Expected;
pub use faults::{Fault, FaultError, FaultKind, Faults, Meanwhile, Trigger};
pub use inspect::{Pending, ResourceView};
pub use memory::{InMemory, SharedSimulator};
pub use options::{Durations, Options, UnknownIds};
pub use server::serve;
pub use state::Creation;
