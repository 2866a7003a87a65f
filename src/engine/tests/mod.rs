//! Behaviour over time: whole runs on the paused clock against the simulator in memory.

mod certainty;
mod harness;
mod order;
mod record;
