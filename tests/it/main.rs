//! Tests of the binary, for behaviour that only the binary shows.

mod body_file;
mod check;
#[cfg(unix)]
mod cloud;
mod completions;
mod docs;
mod errors;
mod fuzz;
mod help;
mod hub;
mod import;
mod init;
mod language;
mod log;
#[cfg(target_os = "linux")]
mod memory;
mod modules;
mod ops;
mod preview;
mod pull_request;
mod record;
mod refusals;
#[cfg(unix)]
mod reliability;
mod report;
mod rooms;
#[cfg(unix)]
mod runner;
#[cfg(unix)]
mod secrets;
mod server;
#[cfg(unix)]
mod signals;
mod small;
mod sources;
mod stays;
#[cfg(unix)]
mod store;
mod strangers;
mod support;
#[cfg(unix)]
mod wire;
