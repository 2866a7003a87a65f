//! Behaviour over time: whole runs on the paused clock against the simulator in memory.

mod certainty;
mod conditions;
mod death;
mod harness;
mod order;
mod ours;
mod preview;
mod products;
mod record;
mod reliability;
mod strangers;
mod takedown;
mod updates;
mod waiting;
