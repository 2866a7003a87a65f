//! The options of a simulated cloud.

use std::collections::BTreeMap;
use std::time::Duration;

use super::busy::Busy;
use super::expected::Expected;
use super::faults::Faults;

/// Options of a [`Simulator`](super::Simulator). `default()` accepts any key, project and region, gives tasks their
/// documented durations, and never fails.
#[derive(Debug, Clone)]
pub struct Options {
    /// The seed of ids, durations and faults: the same seed and requests give the same answers.
    pub seed: u64,
    /// The one API key that is accepted; `None` accepts any that is not empty.
    pub api_key: Option<String>,
    /// The projects and regions that exist; `None` accepts any positive number.
    pub projects: Option<Vec<u64>>,
    pub regions: Option<Vec<u64>>,
    pub durations: Durations,
    pub unknown_ids: UnknownIds,
    /// Images of machines and volumes must be in the list of images; otherwise any id is accepted, unless it was
    /// removed.
    pub known_images: bool,
    /// Synchronous calls take their recorded time (`observed.md` §11).
    pub slow_calls: bool,
    /// A client's `traceparent` becomes the request id. What the real API does is not known (§7).
    pub takes_traceparent: bool,
    /// How many resources of a kind (`instances`, `volumes`) one project and region may hold.
    pub quotas: BTreeMap<String, u64>,
    /// What other clients do, and how late the API shows changes.
    pub busy: Busy,
    pub faults: Faults,
    /// Items that exist because a plan looks them up by name.
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
            unknown_ids: UnknownIds::Refuse,
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

/// The durations of tasks, in simulated time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Durations {
    /// From the documented range of the task's type.
    Documented,
    /// The documented range, times a factor.
    Scaled(f64),
    /// This duration, for tasks of every type.
    Fixed(Duration),
}

/// How ids are handled that the simulator did not create.
///
/// Images, flavours and SSH key names of machines are always accepted: an account has its own, and a plan names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownIds {
    /// They do not exist: 404.
    #[default]
    Refuse,
    /// They are assumed to exist, as in a rehearsal of a plan that builds on an account's resources.
    Assume,
}
