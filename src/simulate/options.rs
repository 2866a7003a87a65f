//! How a simulated cloud is set up.

use std::collections::BTreeMap;
use std::time::Duration;

use super::busy::Busy;
use super::expected::Expected;
use super::faults::Faults;

/// The set-up of a [`Simulator`](super::Simulator). `default()` accepts any key, any project and region, takes the
/// documentation's time for every task, and never fails.
#[derive(Debug, Clone)]
pub struct Options {
    /// What ids, durations and probabilities are drawn from: the same seed and requests give the same answers.
    pub seed: u64,
    /// The one API key that is accepted; `None` accepts any that is not empty.
    pub api_key: Option<String>,
    /// The projects and regions that exist; `None` accepts any positive number.
    pub projects: Option<Vec<u64>>,
    pub regions: Option<Vec<u64>>,
    pub durations: Durations,
    pub strangers: Strangers,
    /// Images of machines and volumes must be in the list of images; otherwise any id is one, unless it was removed.
    pub known_images: bool,
    /// Synchronous calls take as long as they were seen to (`observed.md` §11).
    pub slow_calls: bool,
    /// A `traceparent` that a client sends becomes the request's id. Nobody has tried what the real API does (§7).
    pub takes_traceparent: bool,
    /// How many resources of a kind (`instances`, `volumes`) one project and region may hold.
    pub quotas: BTreeMap<String, u64>,
    /// What others do meanwhile, and how late the cloud tells of it.
    pub busy: Busy,
    pub faults: Faults,
    /// What is looked up by name, and is there.
    pub expected: Vec<Expected>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            api_key: None,
            projects: None,
            regions: None,
            durations: Durations::Documented,
            strangers: Strangers::Refuse,
            known_images: false,
            slow_calls: false,
            takes_traceparent: false,
            quotas: BTreeMap::new(),
            busy: Busy::default(),
            faults: Faults::default(),
            expected: Vec::new(),
        }
    }
}

/// How long tasks take, in simulated time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Durations {
    /// Within the documentation's window for the task's type.
    Documented,
    /// The same times a factor.
    Scaled(f64),
    /// All the same.
    Fixed(Duration),
}

/// What to do about ids in a request that the simulator never made.
///
/// Images, flavours and SSH key names of machines are taken as they come in either case: an account has its own, and
/// a plan names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strangers {
    /// They do not exist: 404.
    #[default]
    Refuse,
    /// They exist and nobody has spoken of them yet, as in a rehearsal of a plan that builds on what an account has.
    Assume,
}
