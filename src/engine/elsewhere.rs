//! What other records of the same store own: another plan, or another environment of this one.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::results::id_text;
use crate::journal::Status;

/// Reads every other record: how it is called, and what it says.
type Read = dyn Fn() -> Vec<(String, Status)> + Send + Sync;

/// The owners of things on other records. They are read once, when somebody first asks.
pub struct Elsewhere {
    read: Box<Read>,
    owners: OnceLock<HashMap<(String, String), String>>,
}

impl Elsewhere {
    pub fn new(read: impl Fn() -> Vec<(String, Status)> + Send + Sync + 'static) -> Self {
        Self { read: Box::new(read), owners: OnceLock::new() }
    }

    /// There are no other records.
    pub fn nothing() -> Self {
        Self::new(Vec::new)
    }

    /// The record that owns a thing of this kind and id.
    pub fn owner(&self, kind: &str, id: &Value) -> Option<&str> {
        let owners = self.owners.get_or_init(|| {
            let mut owners = HashMap::new();
            for (record, status) in (self.read)() {
                for (_, kind, id) in status.owned() {
                    owners.insert((kind.to_owned(), id_text(id)), record.clone());
                }
            }
            owners
        });
        owners.get(&(kind.to_owned(), id_text(id))).map(String::as_str)
    }
}
