//! What other records of the same store own: another plan, or another environment of this one.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use serde_json::Value;
use tokio::sync::OnceCell;

use super::results::id_text;
use crate::journal::Status;

/// Reads every other record: how it is called, and what it says.
type Read = dyn Fn() -> Reading + Send + Sync;

/// Reading them, under way.
pub type Reading = Pin<Box<dyn Future<Output = Vec<(String, Status)>> + Send>>;

/// The owners of things on other records. They are read once, when somebody first asks.
pub struct Elsewhere {
    read: Box<Read>,
    owners: OnceCell<Owners>,
}

impl Elsewhere {
    pub fn new(read: impl Fn() -> Reading + Send + Sync + 'static) -> Self {
        Self { read: Box::new(read), owners: OnceCell::new() }
    }

    /// There are no other records.
    pub fn nothing() -> Self {
        Self::new(|| Box::pin(std::future::ready(Vec::new())))
    }

    /// Everything that other records own.
    pub async fn owners(&self) -> &Owners {
        let read = || async {
            let mut owners = HashMap::new();
            for (record, status) in (self.read)().await {
                for (_, kind, id) in status.owned() {
                    owners.insert((kind.to_owned(), id_text(id)), record.clone());
                }
            }
            Owners(owners)
        };
        self.owners.get_or_init(read).await
    }
}

/// Which record owns a thing, by its kind and id.
pub struct Owners(HashMap<(String, String), String>);

impl Owners {
    /// The record that owns a thing of this kind and id.
    pub fn of(&self, kind: &str, id: &Value) -> Option<&str> {
        self.0.get(&(kind.to_owned(), id_text(id))).map(String::as_str)
    }
}
