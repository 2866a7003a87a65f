//! Where records live, and how one process at a time writes to one of them.
//!
//! [`Store`] is all that commands know; `folder` keeps records on this machine's disk, [`objects`] in an object store.
//! `log` says how writers on different machines stay out of each other's way with nothing but *create if absent*.

mod environment;
pub mod folder;
pub mod lineage;
pub mod log;
pub mod objects;

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use environment::EnvironmentRecord;

use crate::clock::Clock;
use crate::journal::{JournalError, Line, Owner, Sink, Status};

/// Work of a store under way.
pub type Working<'a, T> = Pin<Box<dyn Future<Output = Result<T, JournalError>> + Send + 'a>>;

/// One deployment of a plan, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentName {
    pub plan: String,
    pub environment: String,
}

/// Who has the right to write to a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// `None`: it has not said its name yet.
    pub owner: Option<Owner>,
    /// The right ends with its process, by the kernel's doing. Otherwise others find out by its silence.
    pub bound_to_process: bool,
}

/// How a record is opened for writing.
pub struct Opening<'a> {
    pub owner: Owner,
    /// How long to wait for somebody else who is alive.
    pub patience: Duration,
    pub clock: Clock,
    /// Told what is waited for.
    pub notice: &'a (dyn Fn(String) + Send + Sync),
}

/// A record that nobody else writes to.
pub struct Opened {
    pub status: Status,
    /// Number of the next line.
    pub next: u64,
    /// Holds the right to write; it ends with the last line of the journal, or with the process.
    pub sink: Box<dyn Sink>,
}

/// What a record is to say when it is begun anew.
#[derive(Debug, Clone, Copy)]
pub struct Renewal<'a> {
    pub status: &'a Status,
    /// What must be there still, with the right to write at hand; `None`: whatever is there, be it damaged.
    pub over: Option<&'a Status>,
}

impl Renewal<'_> {
    /// Refuses when what is there is not what was looked at.
    fn may_replace(&self, place: &str, there: Option<&Status>) -> Result<(), JournalError> {
        let is_as_seen = match (self.over, there) {
            (None, _) => true,
            (Some(seen), Some(there)) => lineage::is_same(seen, there),
            (Some(seen), None) => seen.instances.is_empty(),
        };
        let moved = "another command wrote there in the meantime: look again".to_owned();
        is_as_seen.then_some(()).ok_or(JournalError::Store { action: "replace", place: place.to_owned(), error: moved })
    }
}

/// Where the records of any number of plans and environments live.
pub trait Store: Debug + Send + Sync {
    /// As it is named on a command line: a folder or an address.
    fn name(&self) -> String;

    /// The folder, when it is one.
    fn folder(&self) -> Option<&std::path::Path> {
        None
    }

    /// Where the record of one environment is, for people.
    fn place(&self, environment: &EnvironmentName) -> String;

    /// Whether there is such a store at all.
    fn exists(&self) -> Working<'_, bool>;

    /// Makes sure that the store can hold records, and remembers it there. `false`: that was so before.
    fn init(&self) -> Working<'_, bool>;

    /// Every environment that has a record, by plan and name.
    fn environments(&self) -> Working<'_, Vec<EnvironmentName>>;

    /// What a record says, without the right to write to it.
    fn read<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Option<Status>>;

    /// Its lines, as far back as they are kept.
    fn lines<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Vec<Line>>;

    /// Who writes to it now.
    fn holder<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Option<Holder>>;

    /// Takes the right to write, waiting for whoever has it; makes the record when there is none.
    fn open<'a>(&'a self, environment: &'a EnvironmentName, opening: Opening<'a>) -> Working<'a, Opened>;

    /// All of a record as it stands, whether or not it can be read: lines, with other text between them.
    fn raw<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Vec<u8>>;

    /// Takes the right to write and begins the record anew, be it damaged or not there; gives the right back. Tells where what was there before is kept, when that is a place of its own.
    fn renew<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        opening: Opening<'a>,
        renewal: Renewal<'a>,
    ) -> Working<'a, Option<String>>;

    /// Takes the right to write from whoever has it and gives it back. `false`: it is not the store's to take.
    fn unlock<'a>(&'a self, environment: &'a EnvironmentName, owner: Owner) -> Working<'a, bool>;
}

/// A store, shared.
pub type AnyStore = Arc<dyn Store>;
