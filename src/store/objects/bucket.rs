//! A bucket and a prefix in it: the few things that are asked of an object store.

use std::fmt::Debug;
use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions};

/// Answers in which a store wraps its words are cut to this.
const LONGEST_WORDS: usize = 300;

/// Objects below one prefix.
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

    /// Makes an object unless there is one. `false`: there is one.
    ///
    /// # Errors
    ///
    /// In words. It may have been made all the same.
    pub async fn create(&self, name: &str, bytes: Vec<u8>) -> Result<bool, String> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&self.path(name), bytes.into(), options).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. }) => Ok(false),
            Err(error) => Err(words(&error)),
        }
    }

    /// Writes an object over whatever there is.
    ///
    /// # Errors
    ///
    /// In words.
    pub async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), String> {
        self.store.put(&self.path(name), bytes.into()).await.map(|_| ()).map_err(|error| words(&error))
    }

    /// Reads an object. `None`: there is none.
    ///
    /// # Errors
    ///
    /// In words.
    pub async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let read = async { self.store.get(&self.path(name)).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(words(&error)),
        }
    }

    /// The last parts of the names of all objects in a folder, in order, however many pages they take; `after` leaves out
    /// those up to that one.
    ///
    /// # Errors
    ///
    /// In words.
    pub async fn list(&self, folder: &str, after: Option<&str>) -> Result<Vec<String>, String> {
        let path = self.path(folder);
        let listed = match after {
            Some(after) => self.store.list_with_offset(Some(&path), &self.path(&format!("{folder}/{after}"))),
            None => self.store.list(Some(&path)),
        };
        let found: Vec<_> = listed.try_collect().await.map_err(|error| words(&error))?;
        let mut names: Vec<String> =
            found.iter().filter_map(|object| object.location.filename().map(str::to_owned)).collect();
        names.sort();
        Ok(names)
    }

    /// The folders in a folder.
    ///
    /// # Errors
    ///
    /// In words.
    pub async fn folders(&self, folder: &str) -> Result<Vec<String>, String> {
        let path = self.path(folder);
        let listed = self.store.list_with_delimiter(Some(&path)).await.map_err(|error| words(&error))?;
        let mut names: Vec<String> =
            listed.common_prefixes.iter().filter_map(|prefix| prefix.filename().map(str::to_owned)).collect();
        names.sort();
        Ok(names)
    }

    /// Takes an object away.
    ///
    /// # Errors
    ///
    /// In words.
    pub async fn delete(&self, name: &str) -> Result<(), String> {
        self.store.delete(&self.path(name)).await.map_err(|error| words(&error))
    }
}

/// What went wrong, on one line, with the innermost cause.
fn words(error: &Error) -> String {
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
    line.join(" ").chars().take(LONGEST_WORDS).collect()
}
