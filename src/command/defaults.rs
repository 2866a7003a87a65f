//! Defaults of options, and the `User-Agent`.

use std::time::Duration;

/// The default of `--resolve-time`: how long the outcome of a write without an answer is searched for.
pub const RESOLVE_TIME: Duration = Duration::from_secs(10);
/// The default of `--max-items`: the most items of a list that a GET step reads.
pub const MAX_ITEMS: usize = 10_000;
/// The beginning of the `User-Agent`.
pub const USER_AGENT: &str = concat!("plan/", env!("CARGO_PKG_VERSION"));
