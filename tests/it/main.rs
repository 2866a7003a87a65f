//! Through the binary: what only the binary shows.

mod check;
mod help;
mod ops;
mod record;
mod server;
mod support;
