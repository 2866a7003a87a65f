//! Lists that are read before creates are sent, and shared by the creates of a run: ten thousand creates of one kind
//! need one list, not ten thousand.
//!
//! What a create needs of a list is that its reading began before the create was sent. So a reading serves every create
//! that asked before it began, however long it takes; with [`Freshness::Recent`] also creates that ask soon afterwards,
//! so that reading takes only a small part of a run's time. One reading of a list is under way at a time: a list that
//! grows with the run never takes more than one of the requests in flight.
//!
//! Nothing of a run's own is looked up here: its resources are on its record, whether a list shows them or not.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex as AsyncMutex;

use super::names::usual_form;
use crate::api::ReadError;
use crate::catalog::ListCall;
use crate::clock::Clock;
use crate::hash::HashMap;
use crate::journal::id_text;
use crate::shared::lock;

/// A recent reading serves for this many times as long as it took.
const VALIDITY_FACTOR: u32 = 20;
/// It serves at least as long as one that took a millisecond: on a simulated clock, reading takes no time.
const LEAST_VALIDITY: Duration = Duration::from_millis(VALIDITY_FACTOR as u64);
/// The most lists that are kept; a plan may create a resource below each of a thousand parents.
const MOST_LISTS: usize = 64;

/// How old a reading may be that a create uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It began after the create asked.
    Own,
    /// It ended a short time before the create asked.
    Recent,
}

/// The lists of one run.
#[derive(Debug, Default)]
pub struct Listings {
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    lists: HashMap<String, Arc<List>>,
    /// Oldest first.
    paths: VecDeque<String>,
}

impl Listings {
    /// The list with this path.
    pub fn list(&self, path: &str) -> Arc<List> {
        let mut cache = lock(&self.cache);
        if let Some(list) = cache.lists.get(path) {
            return list.clone();
        }
        if cache.paths.len() == MOST_LISTS
            && let Some(oldest) = cache.paths.pop_front()
        {
            cache.lists.remove(&oldest);
        }
        cache.paths.push_back(path.to_owned());
        cache.lists.entry(path.to_owned()).or_default().clone()
    }
}

/// One list.
#[derive(Debug, Default)]
pub struct List {
    asked: AtomicUsize,
    /// The number of its pages, where that was too large to read them.
    pages: AtomicUsize,
    reading: AsyncMutex<Reading>,
}

/// The last reading.
#[derive(Debug, Default)]
struct Reading {
    /// How many creates had asked before it began: it serves those.
    covers: usize,
    /// On the run's clock.
    serves_until: Duration,
    found: Option<Result<Option<Arc<Listed>>, ReadError>>,
}

/// How a reading ended.
#[derive(Debug)]
pub enum Listing {
    Whole(Listed),
    /// It was given up: the list has so many pages.
    Long(usize),
}

impl List {
    /// Asks for the list; returns how often that happened in this run.
    pub fn ask(&self) -> usize {
        self.asked.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The number of its pages, where it was too long to be read; otherwise 0.
    pub fn pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }

    /// The items, for the create that asked as number `asked`; read by `read` when no reading serves it. `None`: the
    /// list is too long.
    ///
    /// # Errors
    ///
    /// When the list cannot be read.
    pub async fn items(
        &self,
        asked: usize,
        freshness: Freshness,
        clock: Clock,
        read: impl Future<Output = Result<Listing, ReadError>>,
    ) -> Result<Option<Arc<Listed>>, ReadError> {
        let mut last = self.reading.lock().await;
        let is_recent = freshness == Freshness::Recent && clock.elapsed() < last.serves_until;
        if let Some(found) = last.found.clone().filter(|_| last.covers >= asked || is_recent) {
            return found;
        }
        last.covers = self.asked.load(Ordering::Relaxed);
        // If this one is given up, no earlier reading is taken for it.
        last.found = None;
        let began = clock.elapsed();
        let found = read.await.map(|listing| match listing {
            Listing::Whole(listed) => Some(Arc::new(listed)),
            Listing::Long(pages) => {
                self.pages.store(pages, Ordering::Relaxed);
                None
            }
        });
        let ended = clock.elapsed();
        // A reading that failed serves only those who waited for it.
        let validity = ((ended - began) * VALIDITY_FACTOR).max(LEAST_VALIDITY);
        last.serves_until = ended + if found.is_ok() { validity } else { Duration::ZERO };
        last.found = Some(found.clone());
        found
    }
}

/// What a list showed: as much of it as is needed to see whether a resource was there.
#[derive(Debug, Default)]
pub struct Listed {
    ids: Vec<Box<str>>,
    /// Positions in `ids`, by name.
    by_name: HashMap<Box<str>, Vec<u32>>,
    /// The items, where they have no names.
    items: Vec<Value>,
}

impl Listed {
    /// Adds a page.
    pub fn add(&mut self, list: &ListCall, items: Vec<Value>) {
        for item in &items {
            let Some(id) = item.get(&list.id_field).filter(|id| id.is_string() || id.is_number()) else { continue };
            if let Some(name) = name_of(list, item) {
                let at = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
                self.by_name.entry(name.into()).or_default().push(at);
            }
            self.ids.push(id_text(id).into());
        }
        if list.name_field.is_none() {
            self.items.extend(items);
        }
    }

    /// The ids of all items.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(|id| &**id)
    }

    /// The ids of those with this name.
    pub fn ids_named(&self, list: &ListCall, name: &str) -> impl Iterator<Item = &str> {
        let name = usual_form(&list.path, name_field(list), name);
        let places = self.by_name.get(&*name).into_iter().flatten();
        places.filter_map(|at| self.ids.get(*at as usize)).map(|id| &**id)
    }

    /// The items of a list without names.
    pub fn items(&self) -> &[Value] {
        &self.items
    }
}

fn name_of(list: &ListCall, item: &Value) -> Option<String> {
    let name = item.get(name_field(list))?;
    let text = (name.is_string() || name.is_number()).then(|| id_text(name))?;
    Some(usual_form(&list.path, name_field(list), &text).into_owned())
}

fn name_field(list: &ListCall) -> &str {
    list.name_field.as_deref().unwrap_or("name")
}

#[cfg(test)]
mod tests;
