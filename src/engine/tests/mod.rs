//! Behaviour over time: whole runs on the paused clock against the simulator in memory.

mod certainty;
mod conditions;
mod death;
mod drift;
mod every_kind;
mod harness;
mod late;
mod leftovers;
mod listings;
mod look_ups;
mod order;
mod ours;
mod parts;
mod preview;
mod products;
mod proofs;
mod random_changes;
mod record;
mod recovery;
mod reliability;
mod stored;
mod strangers;
mod takedown;
mod takeover;
mod updates;
mod waiting;
