//! The record of one environment in a store.

use super::{AnyStore, EnvironmentName, Holder, Opened, Opening, Renewal};
use crate::journal::{JournalError, RecordWriter, Status};

/// The record of one environment of one plan, in any store.
#[derive(Debug, Clone)]
pub struct EnvironmentRecord {
    pub store: AnyStore,
    pub name: EnvironmentName,
}

impl EnvironmentRecord {
    pub fn new(store: AnyStore, plan: &str, environment: &str) -> Self {
        Self { store, name: EnvironmentName { plan: plan.to_owned(), environment: environment.to_owned() } }
    }

    pub fn plan(&self) -> &str {
        &self.name.plan
    }

    pub fn environment(&self) -> &str {
        &self.name.environment
    }

    /// Its location, for messages.
    pub fn place(&self) -> String {
        self.store.place(&self.name)
    }

    /// Its status, read without lock or lease. `None` when there is no record, or the record says nothing.
    ///
    /// # Errors
    ///
    /// When the record is damaged or cannot be read.
    pub async fn read(&self) -> Result<Option<Status>, JournalError> {
        self.store.read(&self.name).await
    }

    /// The process that holds the lock or lease.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn holder(&self) -> Result<Option<Holder>, JournalError> {
        self.store.holder(&self.name).await
    }

    /// Opens the record for writing, with its lock or lease; creates it when there is none.
    ///
    /// # Errors
    ///
    /// [`JournalError::Locked`] when another process holds it for longer than `opening` allows; otherwise when the
    /// record is damaged or cannot be written.
    pub async fn open(&self, opening: Opening<'_>) -> Result<Opened, JournalError> {
        self.store.open(&self.name, opening).await
    }

    /// All its bytes, even when it cannot be parsed.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn raw(&self) -> Result<Vec<u8>, JournalError> {
        self.store.raw(&self.name).await
    }

    /// Replaces the record by a new one; returns the place where the old one is kept.
    ///
    /// # Errors
    ///
    /// [`JournalError::Locked`] when another process writes to it; otherwise when it cannot be written.
    pub async fn renew(&self, opening: Opening<'_>, renewal: Renewal<'_>) -> Result<Option<String>, JournalError> {
        self.store.renew(&self.name, opening, renewal).await
    }

    /// Takes over the lease from its holder and releases it.
    ///
    /// # Errors
    ///
    /// When the record cannot be read or written.
    pub async fn unlock(&self, owner: RecordWriter) -> Result<bool, JournalError> {
        self.store.unlock(&self.name, owner).await
    }
}
