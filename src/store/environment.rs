//! One environment's record in a store.

use super::{AnyStore, EnvironmentName, Holder, Opened, Opening, Renewal};
use crate::journal::{JournalError, Owner, Status};

/// The record of one environment of one plan, wherever it is.
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

    /// Where it is, for people.
    pub fn place(&self) -> String {
        self.store.place(&self.name)
    }

    /// What it says, without the right to write to it. `None`: there is none.
    ///
    /// # Errors
    ///
    /// When it is damaged or cannot be read.
    pub async fn read(&self) -> Result<Option<Status>, JournalError> {
        self.store.read(&self.name).await
    }

    /// Who writes to it now.
    ///
    /// # Errors
    ///
    /// When that cannot be found out.
    pub async fn holder(&self) -> Result<Option<Holder>, JournalError> {
        self.store.holder(&self.name).await
    }

    /// Takes the right to write; makes the record when there is none.
    ///
    /// # Errors
    ///
    /// [`JournalError::Locked`] when somebody else has it and does not give it back in time; when the record is damaged or
    /// cannot be written.
    pub async fn open(&self, opening: Opening<'_>) -> Result<Opened, JournalError> {
        self.store.open(&self.name, opening).await
    }

    /// All of it as it stands, whether or not it can be read.
    ///
    /// # Errors
    ///
    /// When it cannot be asked for.
    pub async fn raw(&self) -> Result<Vec<u8>, JournalError> {
        self.store.raw(&self.name).await
    }

    /// Begins it anew; tells where what was there before is kept.
    ///
    /// # Errors
    ///
    /// [`JournalError::Locked`] when somebody writes to it; when it cannot be written.
    pub async fn renew(&self, opening: Opening<'_>, renewal: Renewal<'_>) -> Result<Option<String>, JournalError> {
        self.store.renew(&self.name, opening, renewal).await
    }

    /// Takes the right to write from whoever has it, and gives it back.
    ///
    /// # Errors
    ///
    /// When the record cannot be read or written.
    pub async fn unlock(&self, owner: Owner) -> Result<bool, JournalError> {
        self.store.unlock(&self.name, owner).await
    }
}
