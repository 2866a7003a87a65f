//! The account that requests are sent for.

use std::time::Duration;

use secrecy::SecretString;

use crate::api::{Http, HttpError};
use crate::secret::Secrets;

/// The account and its key.
#[derive(Debug, Clone)]
pub struct Account {
    pub base_url: String,
    pub key: SecretString,
    pub request_timeout: Duration,
    /// Certificates of additional authorities to trust, PEM.
    pub authorities: Vec<u8>,
    /// From flag or environment; without a flag the plan's own takes precedence.
    pub project_id: Option<i64>,
    pub region_id: Option<i64>,
    /// The command that prints a new key when this one has expired, and the secrets to add it to.
    pub renewal: Option<(String, Secrets)>,
}

impl Account {
    /// A transport with another key.
    ///
    /// # Errors
    ///
    /// When the base URL is not allowed, or the key cannot be a header.
    pub(super) fn http(&self, key: &SecretString) -> Result<Http, HttpError> {
        Http::new(&self.base_url, key, self.request_timeout, &self.authorities)
    }
}
