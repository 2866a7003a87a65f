//! Owns a run.
pub mod call;
pub mod gates;
pub mod results;
pub mod settle;
pub mod shared;
pub mod stop;
pub mod watch;
