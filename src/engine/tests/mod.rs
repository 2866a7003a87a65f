//! Behaviour over time: whole runs on the paused clock against the simulator in memory.

mod certainty;
mod conditions;
mod death;
mod drift;
mod harness;
mod order;
mod ours;
mod preview;
mod record;
mod reliability;
mod strangers;
mod takedown;
mod takeover;
mod updates;
mod waiting;
