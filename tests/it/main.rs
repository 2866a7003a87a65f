//! Through the binary: what only the binary shows.

mod check;
#[cfg(unix)]
mod cloud;
mod help;
mod ops;
mod record;
#[cfg(unix)]
mod reliability;
#[cfg(unix)]
mod runner;
mod server;
mod support;
