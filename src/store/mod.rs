//! Stores of records, and exclusive access to one record.
//!
//! Commands use only [`Store`]; `folder` keeps records on this machine's disk, [`objects`] in an object store. `log`
//! is the protocol by which writers on different machines exclude each other with nothing but *create if absent*.

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
use crate::journal::{Header, JournalError, Line, RecordWriter, Sink, Status};

/// A pending operation of a store.
pub type Working<'a, T> = Pin<Box<dyn Future<Output = Result<T, JournalError>> + Send + 'a>>;

/// The name of an environment: its plan, and its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentName {
    pub plan: String,
    pub environment: String,
}

impl EnvironmentName {
    /// Checks that the record at this place is the one that the name says: a copy is no record of its own.
    fn check(&self, header: &Header, place: &str) -> Result<(), JournalError> {
        if (&header.plan, &header.environment) == (&self.plan, &self.environment) {
            return Ok(());
        }
        let (plan, environment) = (header.plan.clone(), header.environment.clone());
        Err(JournalError::Misplaced { place: place.to_owned(), plan, environment })
    }
}

/// The holder of a record's lock or lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// `None` while it has not written its name yet.
    pub owner: Option<RecordWriter>,
    /// Whether the kernel releases the lock when the process ends; a lease has to expire instead.
    pub bound_to_process: bool,
}

/// Options for opening a record for writing.
pub struct Opening<'a> {
    pub owner: RecordWriter,
    /// How long to wait for a living holder.
    pub patience: Duration,
    pub clock: Clock,
    /// Receives a message about what is waited for.
    pub notice: &'a (dyn Fn(String) + Send + Sync),
}

/// A record that is open for writing.
pub struct Opened {
    pub status: Status,
    /// The number of the next line.
    pub next: u64,
    /// Owns the lock or lease, which ends with the journal's last line or with the process.
    pub sink: Box<dyn Sink>,
}

/// The contents of a record that replaces another.
#[derive(Debug, Clone, Copy)]
pub struct Renewal<'a> {
    pub status: &'a Status,
    /// The status that the existing record must have, checked while it is locked; `None` replaces any record, even a
    /// damaged one.
    pub over: Option<&'a Status>,
}

impl Renewal<'_> {
    /// An error when the existing record is not the one that was read before.
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

/// The records of any number of plans and environments.
pub trait Store: Debug + Send + Sync {
    /// The store as given on the command line: a folder or an address.
    fn name(&self) -> String;

    /// The folder, when it is one.
    fn folder(&self) -> Option<&std::path::Path> {
        None
    }

    /// The location of one environment's record, for messages.
    fn place(&self, environment: &EnvironmentName) -> String;

    /// Whether the store exists.
    fn exists(&self) -> Working<'_, bool>;

    /// Tests whether the store can hold records, and marks it as tested. `false` when it was marked before.
    fn init(&self) -> Working<'_, bool>;

    /// Every environment with a record, by plan and name.
    fn environments(&self) -> Working<'_, Vec<EnvironmentName>>;

    /// The status of a record, read without lock or lease. `None` as well when it says nothing: a command took the lock or
    /// lease, and was refused.
    fn read<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Option<Status>>;

    /// The lines of a record, as far back as they are kept.
    fn lines<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Vec<Line>>;

    /// The holder of a record's lock or lease.
    fn holder<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Option<Holder>>;

    /// Opens a record for writing, waiting for its holder; creates it when there is none.
    fn open<'a>(&'a self, environment: &'a EnvironmentName, opening: Opening<'a>) -> Working<'a, Opened>;

    /// All bytes of a record, even those that cannot be parsed: lines, with other text between them.
    fn raw<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Vec<u8>>;

    /// Locks a record, replaces it (even when it is damaged or absent), and unlocks it. Returns the place where the old
    /// one is kept, when that is a separate one.
    fn renew<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        opening: Opening<'a>,
        renewal: Renewal<'a>,
    ) -> Working<'a, Option<String>>;

    /// Takes over the lease of a record and releases it. `false` when the store has no lease to take.
    fn unlock<'a>(&'a self, environment: &'a EnvironmentName, owner: RecordWriter) -> Working<'a, bool>;
}

/// A shared store.
pub type AnyStore = Arc<dyn Store>;
