//! Who may go when: at most so many requests at once, one write below a parent that the API locks, and nobody through a
//! route while an unknown outcome on it is being resolved.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{
    Mutex as AsyncMutex, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, Semaphore,
    SemaphorePermit,
};

/// Intents on record ahead of the requests that may leave, as a multiple of those: enough to keep the requests busy while
/// the disk syncs, and few to look up after a crash.
const INTENTS_AHEAD: usize = 3;

/// The gates of one run.
#[derive(Debug)]
pub struct Gates {
    parallelism: usize,
    requests: Semaphore,
    intents: Semaphore,
    parents: Mutex<HashMap<String, Arc<AsyncMutex<()>>>>,
    /// The parent that is locked for the resource of this id.
    roots: Mutex<HashMap<String, String>>,
    routes: Mutex<HashMap<String, Arc<RwLock<()>>>>,
}

impl Gates {
    /// `parallelism`: requests at once.
    pub fn new(parallelism: usize) -> Self {
        let parallelism = parallelism.clamp(1, 1000);
        Self {
            parallelism,
            requests: Semaphore::new(parallelism),
            intents: Semaphore::new(parallelism * INTENTS_AHEAD),
            parents: Mutex::default(),
            roots: Mutex::default(),
            routes: Mutex::default(),
        }
    }

    /// The places among the requests.
    pub fn requests(&self) -> &Semaphore {
        &self.requests
    }

    /// A place among the requests.
    pub async fn request(&self) -> SemaphorePermit<'_> {
        self.requests.acquire().await.expect("the semaphore is never closed")
    }

    /// The same, if there is one now.
    pub fn request_now(&self) -> Option<SemaphorePermit<'_>> {
        self.requests.try_acquire().ok()
    }

    /// Requests that have left and are not answered.
    pub fn in_flight(&self) -> usize {
        self.parallelism - self.requests.available_permits()
    }

    /// A place among the intents on record.
    pub async fn intent(&self) -> SemaphorePermit<'_> {
        self.intents.acquire().await.expect("the semaphore is never closed")
    }

    /// Waits until nobody writes below the parent of `id`.
    pub async fn parent(&self, id: &str) -> OwnedMutexGuard<()> {
        self.parent_gate(id).lock_owned().await
    }

    /// The same, if nobody does now.
    pub fn parent_now(&self, id: &str) -> Option<OwnedMutexGuard<()>> {
        self.parent_gate(id).try_lock_owned().ok()
    }

    fn parent_gate(&self, id: &str) -> Arc<AsyncMutex<()>> {
        let root = self.root_of(id);
        lock(&self.parents).entry(root).or_default().clone()
    }

    /// What was made below a parent is locked with it: a listener with its load balancer.
    pub fn belongs(&self, id: &str, parent: &str) {
        let root = self.root_of(parent);
        lock(&self.roots).insert(id.to_owned(), root);
    }

    fn root_of(&self, id: &str) -> String {
        lock(&self.roots).get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// Held while a write is under way, until its answer is on record.
    pub async fn sending(&self, route: &str) -> OwnedRwLockReadGuard<()> {
        self.route(route).read_owned().await
    }

    /// Waits for all writes under way on a route and keeps others out: what is found then belongs to nobody else.
    pub async fn resolving(&self, route: &str) -> OwnedRwLockWriteGuard<()> {
        self.route(route).write_owned().await
    }

    fn route(&self, route: &str) -> Arc<RwLock<()>> {
        lock(&self.routes).entry(route.to_owned()).or_default().clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
