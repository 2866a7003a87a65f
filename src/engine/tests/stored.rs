//! A record in an object store that fails, and processes that are frozen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use object_store::ObjectStore;
use object_store::path::Path;

use super::death::Life;
use crate::api::{Request, Sending, Transport};
use crate::catalog::Method;
use crate::clock::Clock;
use crate::journal::{Appending, Batch, JournalError, Line, RecordWriter, Sink, Stored, Terms};
use crate::store::lineage::History;
use crate::store::objects::troubled::Troubled;
use crate::store::objects::{Bucket, ObjectRecords};
use crate::store::{EnvironmentName, Opened, Opening, Store};

/// How long a command waits for another one that holds the lease.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// One machine's access to the record. Clones are the same machine.
#[derive(Clone)]
pub struct StoredRecord {
    pub store: Arc<Troubled>,
    spool: Arc<tempfile::TempDir>,
}

impl StoredRecord {
    pub fn new() -> Self {
        Self { store: Arc::default(), spool: Arc::new(tempfile::tempdir().unwrap()) }
    }

    /// Another machine, with its own disk.
    pub fn elsewhere(&self) -> Self {
        Self { store: self.store.clone(), spool: Arc::new(tempfile::tempdir().unwrap()) }
    }

    fn records(&self) -> ObjectRecords {
        self.records_in(self.store.clone())
    }

    fn records_in(&self, store: Arc<dyn ObjectStore>) -> ObjectRecords {
        let bucket = Bucket::new(store, Path::from("records"));
        ObjectRecords::new("s3://bucket/records".to_owned(), bucket, self.spool.path().to_owned())
    }

    /// Initialises the store for records.
    pub async fn init(&self) {
        assert!(self.records().init().await.unwrap());
    }

    /// Opens the record and takes the lease.
    pub async fn open(&self, clock: Clock, life: &Life) -> Result<Opened, JournalError> {
        let owner = RecordWriter { pid: 1, command: "run".to_owned(), since: clock.now(), job: None };
        let opening = Opening { owner, patience: PATIENCE, clock, notice: &|_| {} };
        let opened = self.records().open(&name(), opening).await?;
        Ok(Opened { sink: Box::new(Mortal { inner: opened.sink, life: life.clone() }), ..opened })
    }

    /// The record in the form of a local journal, read without faults.
    pub async fn journal(&self) -> Vec<u8> {
        let records = self.records_in(self.store.inner.clone());
        let lines: Vec<Line> = records.lines(&name()).await.unwrap();
        let history = History::of(lines).expect("the record can be read");
        history.lines().flat_map(|line| line.encode().into_bytes()).collect()
    }
}

fn name() -> EnvironmentName {
    EnvironmentName { plan: "demo".to_owned(), environment: "default".to_owned() }
}

/// A store client that works as long as the process lives and is not frozen.
struct Mortal {
    inner: Box<dyn Sink>,
    life: Life,
}

impl Sink for Mortal {
    fn append<'a>(&'a mut self, batch: &'a Batch) -> Appending<'a> {
        Box::pin(async move {
            self.life.thawed().await;
            if self.life.is_over() {
                return std::future::pending().await;
            }
            let kept = self.inner.append(batch).await;
            if self.life.dies_with_this_write() {
                return std::future::pending().await;
            }
            kept
        })
    }

    fn keep_here(&mut self, batch: &Batch) -> Result<Stored, JournalError> {
        self.inner.keep_here(batch)
    }

    fn terms(&self) -> Option<Terms> {
        self.inner.terms()
    }
}

/// Freezes the process at its nth write, after the intent and before the lease is checked.
pub struct Freezing {
    pub inner: Arc<dyn Transport>,
    pub life: Life,
    pub at: u64,
    pub writes: AtomicU64,
    pub pause: Duration,
}

impl Transport for Freezing {
    fn send(&self, request: Request) -> Sending<'_> {
        Box::pin(async move {
            if request.method != Method::Get && self.writes.fetch_add(1, Ordering::SeqCst) + 1 == self.at {
                self.life.freeze(self.pause);
            }
            self.life.thawed().await;
            self.inner.send(request).await
        })
    }

    fn base_url(&self) -> &str {
        self.inner.base_url()
    }
}
