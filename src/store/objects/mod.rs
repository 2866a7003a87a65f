//! Records in an object store: `<prefix>/<plan>/<environment>/log/<12 digits>.jsonl`, each object created once and
//! never changed, and `head.json` beside the log, a hint where reading may begin.
//!
//! The driver of the protocol in [`super::log`]: it sends requests, sleeps and measures time; the protocol decides.

mod bucket;
mod connect;
mod contents;
mod log;
mod open;
mod probe;
mod renew;
mod sink;
mod spool;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub mod troubled;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use bucket::Bucket;
pub use connect::{Address, CA_FILE};

use self::log::{Log, patiently};
use super::{EnvironmentName, Holder, Opened, Opening, Renewal, Store, Working};
use crate::journal::{JournalError, Line, RecordWriter, Status};
use crate::store::log::sha256_hex;

/// The most characters of a store's name in the name of its spool.
const LONGEST_NAME: usize = 60;
/// The digits of the hash of a store's name in the name of its spool.
const DIGITS: usize = 8;

/// A bucket with the records of any number of plans and environments.
#[derive(Debug, Clone)]
pub struct ObjectRecords {
    name: String,
    bucket: Bucket,
    /// The folder for lines that are kept on this machine while the store cannot be reached.
    spool: PathBuf,
}

impl ObjectRecords {
    /// The records in a bucket. `spool` is a folder on this machine.
    pub fn new(name: String, bucket: Bucket, spool: PathBuf) -> Self {
        Self { name, bucket, spool }
    }

    /// Tests whether the store can hold records, once per store. `false` when it was tested before.
    ///
    /// # Errors
    ///
    /// [`JournalError::Unfit`] with a code when it cannot; [`JournalError::Store`] when it cannot be reached.
    pub async fn init(&self) -> Result<bool, JournalError> {
        let token = uuid::Uuid::new_v4().simple().to_string();
        probe::init(&self.bucket, &token).await.map_err(|trouble| match trouble {
            probe::ProbeError::Unfit(unfit) => {
                JournalError::Unfit { place: self.name.clone(), code: unfit.code, why: unfit.why }
            }
            probe::ProbeError::Failed(error) => self.failed("try", error),
        })
    }

    fn failed(&self, action: &'static str, error: String) -> JournalError {
        JournalError::Store { action, place: self.name.clone(), error }
    }

    fn log(&self, environment: &EnvironmentName) -> Log {
        let folder = format!("{}/{}", environment.plan, environment.environment);
        Log::new(self.bucket.clone(), folder, self.place(environment))
    }

    /// The spool names its store: what is kept for one must not be handed to another.
    fn spool(&self, environment: &EnvironmentName) -> PathBuf {
        let plain = |character: char| if character.is_ascii_alphanumeric() { character } else { '-' };
        let words: String = self.name.chars().map(plain).take(LONGEST_NAME).collect();
        let store = format!("{words}-{}", sha256_hex(self.name.as_bytes()).get(..DIGITS).unwrap_or_default());
        self.spool.join(store).join(&environment.plan).join(format!("{}.jsonl", environment.environment))
    }

    async fn list(&self) -> Result<Vec<EnvironmentName>, String> {
        let mut found = Vec::new();
        for plan in patiently(|| self.bucket.folders("")).await?.into_iter().filter(|plan| !plan.starts_with('.')) {
            for environment in patiently(|| self.bucket.folders(&plan)).await? {
                found.push(EnvironmentName { plan: plan.clone(), environment });
            }
        }
        Ok(found)
    }
}

impl Store for ObjectRecords {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn folder(&self) -> Option<&Path> {
        None
    }

    fn place(&self, environment: &EnvironmentName) -> String {
        format!("{}/{}/{}", self.name, environment.plan, environment.environment)
    }

    fn exists(&self) -> Working<'_, bool> {
        Box::pin(async { probe::is_known(&self.bucket).await.map_err(|error| self.failed("read", error)) })
    }

    fn init(&self) -> Working<'_, bool> {
        Box::pin(self.init())
    }

    fn environments(&self) -> Working<'_, Vec<EnvironmentName>> {
        Box::pin(async { self.list().await.map_err(|error| self.failed("list", error)) })
    }

    fn read<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Option<Status>> {
        Box::pin(async {
            let status = self.log(environment).load().await?.map(|fold| fold.status);
            let status = status.filter(|status| !status.is_blank());
            status.iter().try_for_each(|status| environment.check(&status.header, &self.place(environment)))?;
            Ok(status)
        })
    }

    fn lines<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Vec<Line>> {
        Box::pin(async move { self.log(environment).lines().await })
    }

    fn holder<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Option<Holder>> {
        Box::pin(async {
            let lease = self.log(environment).load().await?.and_then(|fold| fold.status.lease);
            Ok(lease.map(|lease| Holder { owner: Some(lease.owner), bound_to_process: false }))
        })
    }

    fn open<'a>(&'a self, environment: &'a EnvironmentName, opening: Opening<'a>) -> Working<'a, Opened> {
        Box::pin(async move {
            if self.init().await? {
                (opening.notice)(format!("`{}` holds records from now on: it keeps what they need", self.name));
            }
            open::open(&self.log(environment), environment, opening, self.spool(environment)).await
        })
    }

    fn raw<'a>(&'a self, environment: &'a EnvironmentName) -> Working<'a, Vec<u8>> {
        Box::pin(async move {
            let objects = self.log(environment).objects().await?;
            Ok(objects.into_iter().flat_map(|(_, bytes)| bytes).collect())
        })
    }

    fn renew<'a>(
        &'a self,
        environment: &'a EnvironmentName,
        opening: Opening<'a>,
        renewal: Renewal<'a>,
    ) -> Working<'a, Option<String>> {
        Box::pin(async move {
            self.init().await?;
            renew::renew(&self.log(environment), environment, opening, renewal).await?;
            Ok(None)
        })
    }

    fn unlock<'a>(&'a self, environment: &'a EnvironmentName, owner: RecordWriter) -> Working<'a, bool> {
        Box::pin(async move { open::release_from_holder(&self.log(environment), environment, owner).await })
    }
}

/// The records at an address.
///
/// # Errors
///
/// A message about what is wrong with the address, or missing in the variables.
pub fn connect(text: &str, variables: &[(String, String)], spool: PathBuf) -> Result<Arc<ObjectRecords>, String> {
    let address: Address = text.parse()?;
    Ok(Arc::new(ObjectRecords::new(address.to_string(), address.connect(variables)?, spool)))
}
