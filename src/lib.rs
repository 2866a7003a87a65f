//! `plan` runs a YAML plan of Gcore API calls.
//!
//! A plan file is checked and becomes a plan. The engine runs the plan; it records every call before sending it, and
//! emits events. Reporters turn events into output. Each of these stages has its own types and is tested separately.
//! Dependencies go from left to right; which of the modules to its right a module uses is in `tests/it/rooms.rs`:
//!
//! ```text
//! command → context → engine, store, error → journal → plan, simulate → api, template, report, examples, schema → catalog, yaml, event → diagnostic, id, body_file, explain → source, stream, secret, files, order, packed, parts, pointer, random, word, kind, clock, exit, shared, cli → hash, shell
//! ```

pub mod api;
pub mod body_file;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod command;
pub mod context;
pub mod diagnostic;
pub mod engine;
pub mod error;
pub mod event;
pub mod examples;
pub mod exit;
pub mod explain;
pub mod files;
pub mod hash;
pub mod id;
pub mod journal;
pub mod kind;
pub mod order;
pub mod packed;
pub mod parts;
pub mod plan;
pub mod pointer;
pub mod random;
pub mod report;
pub mod schema;
pub mod secret;
pub mod shared;
pub mod shell;
pub mod simulate;
pub mod source;
pub mod store;
pub mod stream;
pub mod template;
pub mod word;
pub mod yaml;
