//! The simulated APIs of Gcore: rehearsals, tests and other clients talk to it as they would to the real one.
//!
//! `core` is a pure state machine, `(request, now) → reaction`: it knows the operations from the catalogue (`product` those
//! of the products beside the Cloud API), checks what
//! it is sent, runs tasks for as long as the documentation says, keeps resources with their references and refusals, and
//! injects `faults`. `memory` puts it behind the engine's transport, `server` behind loopback HTTP. It knows nothing of
//! plans, engines or records, so that it can bear witness about them.
//!
//! It answers as the real API was recorded to (`observed.md`; `tests/conformance` holds it to that), and where nothing
//! was recorded as the documentation and the official clients let one expect, with these choices of its own: any image
//! id, flavour and SSH key name is taken as existing; resources can be seen from the moment of the request, in their
//! status of being made; a network's router outlives the network; addresses come from ranges reserved for such use.

mod account;
mod addresses;
mod answer;
mod assumed;
mod audit;
mod balancer;
mod body;
mod busy;
mod call;
mod change;
mod compute;
mod core;
mod data;
mod draw;
mod expected;
pub mod faults;
mod kinds;
mod later;
mod make;
mod memory;
mod network;
mod options;
mod platform;
mod product;
mod read;
mod seeds;
mod server;
mod slow;
mod state;
mod store;
mod tasks;
#[cfg(test)]
pub(crate) mod tests;
mod view;
mod work;

pub use busy::{AuditLog, Busy, BusyError};
pub use core::{Held, Pending, Reaction, Simulator};
pub use expected::Expected;
pub use faults::{Fault, FaultError, Faults, Meanwhile, What, When};
pub use later::Ticket;
pub use memory::{InMemory, Shared};
pub use options::{Durations, Options, Strangers};
pub use server::serve;
pub use state::Creation;
