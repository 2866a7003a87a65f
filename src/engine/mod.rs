//! Owns a run.
pub mod watch;
