//! A bucket and a prefix in it: the operations that records need from an object store.

use std::fmt::Debug;
use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions};

/// The most characters of an error that a store's answer contributes.
const LONGEST_ERROR: usize = 300;

/// The objects below one prefix.
#[derive(Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Bucket {
    pub fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { store, prefix }
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.parts().chain(Path::from(name).parts()).collect()
    }

    /// Creates an object if absent. `false` when there is one already.
    ///
    /// # Errors
    ///
    /// A message; the object may have been created all the same.
    pub async fn create(&self, name: &str, bytes: Vec<u8>) -> Result<bool, String> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&self.path(name), bytes.into(), options).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. }) => Ok(false),
            Err(error) => Err(error_text(&error)),
        }
    }

    /// Writes an object, replacing an existing one.
    ///
    /// # Errors
    ///
    /// A message.
    pub async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), String> {
        self.store.put(&self.path(name), bytes.into()).await.map(|_| ()).map_err(|error| error_text(&error))
    }

    /// Reads an object. `None` when there is none.
    ///
    /// # Errors
    ///
    /// A message.
    pub async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let read = async { self.store.get(&self.path(name)).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error_text(&error)),
        }
    }

    /// The last name segments of all objects in a folder, sorted, over all pages; `after` skips those up to and
    /// including it.
    ///
    /// # Errors
    ///
    /// A message.
    pub async fn list(&self, folder: &str, after: Option<&str>) -> Result<Vec<String>, String> {
        let path = self.path(folder);
        let listed = match after {
            Some(after) => self.store.list_with_offset(Some(&path), &self.path(&format!("{folder}/{after}"))),
            None => self.store.list(Some(&path)),
        };
        let found: Vec<_> = listed.try_collect().await.map_err(|error| error_text(&error))?;
        let mut names: Vec<String> =
            found.iter().filter_map(|object| object.location.filename().map(str::to_owned)).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The folders in a folder.
    ///
    /// # Errors
    ///
    /// A message.
    pub async fn folders(&self, folder: &str) -> Result<Vec<String>, String> {
        let path = self.path(folder);
        let listed = self.store.list_with_delimiter(Some(&path)).await.map_err(|error| error_text(&error))?;
        let mut names: Vec<String> =
            listed.common_prefixes.iter().filter_map(|prefix| prefix.filename().map(str::to_owned)).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Deletes an object.
    ///
    /// # Errors
    ///
    /// A message.
    pub async fn delete(&self, name: &str) -> Result<(), String> {
        self.store.delete(&self.path(name)).await.map_err(|error| error_text(&error))
    }
}

/// The error in one line, with its innermost cause.
fn error_text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    let line: Vec<&str> = text.split_whitespace().collect();
    shortened(&line.join(" "))
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LONGEST_ERROR) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
