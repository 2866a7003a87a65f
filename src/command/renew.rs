//! Renews an expired key with `--api-key-command`, because a run can last longer than a key is valid.

use std::sync::{Arc, Mutex};

use secrecy::{ExposeSecret, SecretString};

use super::account::Account;
use super::key_command::ask_command;
use crate::api::{Answer, Http, Lost, Request, Sending, Transport};
use crate::secret::Secrets;
use crate::shared::lock;

/// The status for an invalid or expired key: the request had no effect.
const UNAUTHORIZED: u16 = 401;

/// A transport with the latest key of `--api-key-command`.
pub struct Renewing {
    command: String,
    account: Account,
    secrets: Secrets,
    current: Mutex<(Arc<Http>, SecretString)>,
    /// Only one request renews the key; others use the result.
    asking: tokio::sync::Mutex<()>,
}

impl Renewing {
    /// `http` uses the account's key, which is the first.
    pub fn new(command: &str, account: &Account, secrets: &Secrets, http: Http) -> Self {
        Self {
            command: command.to_owned(),
            account: account.clone(),
            secrets: secrets.clone(),
            current: Mutex::new((Arc::new(http), account.key.clone())),
            asking: tokio::sync::Mutex::default(),
        }
    }

    fn current(&self) -> (Arc<Http>, SecretString) {
        lock(&self.current).clone()
    }

    /// A key other than the refused one, if there is one now.
    async fn renewed(&self, refused: &SecretString) -> Option<Arc<Http>> {
        let _turn = self.asking.lock().await;
        let (http, key) = self.current();
        if key.expose_secret() != refused.expose_secret() {
            return Some(http);
        }
        let (command, secrets) = (self.command.clone(), self.secrets.clone());
        let asked = tokio::task::spawn_blocking(move || ask_command(&command, &secrets, true)).await;
        let (key, _) = asked.ok()?.ok()?;
        if key.expose_secret() == refused.expose_secret() {
            return None;
        }
        let http = Arc::new(self.account.http(&key).ok()?);
        *lock(&self.current) = (http.clone(), key);
        Some(http)
    }

    async fn carry(&self, request: Request) -> Result<Answer, Lost> {
        let (http, key) = self.current();
        let answer = http.send(request.clone()).await?;
        if answer.status != UNAUTHORIZED {
            return Ok(answer);
        }
        match self.renewed(&key).await {
            Some(http) => http.send(request).await,
            None => Ok(answer),
        }
    }
}

impl Transport for Renewing {
    fn send(&self, request: Request) -> Sending<'_> {
        Box::pin(self.carry(request))
    }

    fn base_url(&self) -> &str {
        &self.account.base_url
    }
}
