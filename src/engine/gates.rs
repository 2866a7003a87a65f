//! What limits the requests of a run: a number of requests in flight, one write at a time below a parent that the API
//! locks, no write to a route while an unknown outcome on that route is being resolved, and one removal of an instance
//! at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{
    Mutex as AsyncMutex, Notify, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, Semaphore,
    SemaphorePermit,
};

use super::intents::Intents;
use crate::hash::HashMap;
use crate::id::InstanceId;
use crate::shared::lock;

/// Started instances that do not wait, besides those that intents need: each holds its call, so a plan of a hundred
/// thousand steps must not start them all.
const STARTED: usize = 256;

/// The gates of one run.
#[derive(Debug)]
pub struct Gates {
    parallelism: usize,
    requests: Semaphore,
    intents: Intents,
    /// Instances that wait for a task, a pause or another instance, and do not count as running meanwhile.
    waiting: AtomicUsize,
    slot_freed: Notify,
    parents: Mutex<HashMap<String, Arc<AsyncMutex<()>>>>,
    /// By the id of a resource: the parent that is locked with it.
    roots: Mutex<HashMap<String, String>>,
    routes: Mutex<HashMap<String, Arc<RwLock<()>>>>,
    /// Instances that are being removed.
    removals: Mutex<HashMap<InstanceId, Arc<AsyncMutex<()>>>>,
}

impl Gates {
    /// `parallelism`: the most requests in flight at once.
    pub fn new(parallelism: usize) -> Self {
        let parallelism = parallelism.clamp(1, 1000);
        Self {
            parallelism,
            requests: Semaphore::new(parallelism),
            intents: Intents::new(parallelism),
            waiting: AtomicUsize::new(0),
            slot_freed: Notify::new(),
            parents: Mutex::default(),
            roots: Mutex::default(),
            routes: Mutex::default(),
            removals: Mutex::default(),
        }
    }

    /// The permits for requests.
    pub fn requests(&self) -> &Semaphore {
        &self.requests
    }

    /// Waits for a request permit.
    pub async fn request(&self) -> SemaphorePermit<'_> {
        self.requests.acquire().await.expect("the semaphore is never closed")
    }

    /// A request permit, if one is free now.
    pub fn request_now(&self) -> Option<SemaphorePermit<'_>> {
        self.requests.try_acquire().ok()
    }

    /// The number of requests sent and not answered yet.
    pub fn in_flight(&self) -> usize {
        self.parallelism - self.requests.available_permits()
    }

    /// Waits for an intent permit.
    pub async fn intent(&self) -> SemaphorePermit<'_> {
        self.intents.permit().await
    }

    /// Notes how long the append of an intent took: the slower the record, the more intents may be in flight at once.
    pub fn appended(&self, took: Duration) {
        self.intents.appended(took);
    }

    /// Notes how long the answer to a request took.
    pub fn answered(&self, took: Duration) {
        self.intents.answered(took);
    }

    /// Whether another instance may start while `alive` ones have not ended.
    pub fn has_slot(&self, alive: usize) -> bool {
        let at_work = alive.saturating_sub(self.waiting.load(Ordering::Relaxed));
        at_work < STARTED + self.intents.size()
    }

    /// Resolves when an instance began to wait since the last time.
    pub async fn slot_freed(&self) {
        self.slot_freed.notified().await;
    }

    /// An instance waits until this is dropped: another may start meanwhile.
    pub fn start_waiting(&self) -> WaitGuard<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.slot_freed.notify_one();
        WaitGuard(self)
    }

    /// Waits until no other write is under way below the locked parent of `id`.
    pub async fn parent(&self, id: &str) -> OwnedMutexGuard<()> {
        self.parent_gate(id).lock_owned().await
    }

    /// The lock of the parent of `id`, if it is free now.
    pub fn parent_now(&self, id: &str) -> Option<OwnedMutexGuard<()>> {
        self.parent_gate(id).try_lock_owned().ok()
    }

    fn parent_gate(&self, id: &str) -> Arc<AsyncMutex<()>> {
        let root = self.root_of(id);
        lock(&self.parents).entry(root).or_default().clone()
    }

    /// Registers that the resource `id` is locked with `parent`, as a listener is with its load balancer.
    pub fn register_parent(&self, id: &str, parent: &str) {
        let root = self.root_of(parent);
        lock(&self.roots).insert(id.to_owned(), root);
    }

    fn root_of(&self, id: &str) -> String {
        lock(&self.roots).get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// Held by a write from before it is sent until its answer is on record.
    pub async fn sending(&self, route: &str) -> OwnedRwLockReadGuard<()> {
        self.route(route).read_owned().await
    }

    /// Waits for all writes under way on a route and blocks new ones: what is found during the search then cannot be
    /// the work of a write that is still in flight.
    pub async fn resolving(&self, route: &str) -> OwnedRwLockWriteGuard<()> {
        self.route(route).write_owned().await
    }

    /// Waits until no other removal of an instance is under way: several resources that it was made from may be
    /// replaced at once, and each takes it down first.
    pub async fn removal(&self, instance: &InstanceId) -> RemovalGuard<'_> {
        let gate = lock(&self.removals).entry(instance.clone()).or_default().clone();
        let (waited, held) = match gate.clone().try_lock_owned() {
            Ok(held) => (false, held),
            Err(_) => (true, gate.lock_owned().await),
        };
        RemovalGuard { gates: self, instance: instance.clone(), waited, held: Some(held) }
    }

    fn route(&self, route: &str) -> Arc<RwLock<()>> {
        lock(&self.routes).entry(route.to_owned()).or_default().clone()
    }
}

/// Held by an instance while it waits.
pub struct WaitGuard<'g>(&'g Gates);

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Held while an instance is removed; dropping it ends the removal.
pub struct RemovalGuard<'g> {
    gates: &'g Gates,
    instance: InstanceId,
    /// Whether another removal had to end first.
    pub waited: bool,
    held: Option<OwnedMutexGuard<()>>,
}

impl Drop for RemovalGuard<'_> {
    fn drop(&mut self) {
        let mut removals = lock(&self.gates.removals);
        self.held = None;
        // Those that wait hold it as well.
        if removals.get(&self.instance).is_some_and(|gate| Arc::strong_count(gate) == 1) {
            removals.remove(&self.instance);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::harness::paused;
    use crate::plan::Selection;

    #[test]
    fn requests_in_flight_are_limited_and_counted() {
        let gates = Gates::new(2);
        assert_eq!(gates.in_flight(), 0);
        let first = gates.request_now();
        assert_eq!((first.is_some(), gates.in_flight()), (true, 1));
        let second = gates.request_now();
        assert_eq!((second.is_some(), gates.in_flight(), gates.request_now().is_none()), (true, 2, true));
        drop(first);
        assert_eq!(gates.in_flight(), 1);
    }

    #[test]
    fn there_is_room_for_as_many_as_are_at_work_and_those_that_wait_do_not_count() {
        let gates = Gates::new(1);
        let most = STARTED + gates.intents.size();
        assert!(gates.has_slot(0) && gates.has_slot(most - 1) && !gates.has_slot(most));
        let waits = [gates.start_waiting(), gates.start_waiting()];
        assert!(gates.has_slot(most + 1) && !gates.has_slot(most + 2));
        drop(waits);
        assert!(!gates.has_slot(most));
        // More intents need more instances that come next.
        gates.answered(Duration::from_millis(1));
        gates.appended(Duration::from_millis(5));
        assert!(gates.has_slot(most) && !gates.has_slot(STARTED + gates.intents.size()));
    }

    #[test]
    fn an_instance_is_removed_once_at_a_time_and_forgotten_afterwards() {
        paused(async {
            let gates = Gates::new(1);
            let [one, other] = ["one", "other"].map(Selection::name);
            let first = gates.removal(&one).await;
            assert!(!first.waited && !gates.removal(&other).await.waited);
            let mut second = Box::pin(gates.removal(&one));
            assert!(tokio::time::timeout(Duration::from_secs(1), &mut second).await.is_err());
            drop(first);
            assert!(second.await.waited);
            assert!(lock(&gates.removals).is_empty());
            // One that gave up waiting leaves nothing behind either.
            let held = gates.removal(&one).await;
            assert!(tokio::time::timeout(Duration::from_secs(1), gates.removal(&one)).await.is_err());
            drop(held);
            assert!(lock(&gates.removals).is_empty());
        });
    }

    #[test]
    fn what_belongs_to_a_parent_is_locked_with_it() {
        let gates = Gates::new(1);
        gates.register_parent("listener", "balancer");
        gates.register_parent("pool", "listener");
        for (held, asked, is_free) in [
            ("balancer", "balancer", false),
            ("balancer", "listener", false),
            ("pool", "balancer", false),
            ("pool", "listener", false),
            ("balancer", "other", true),
            ("other", "pool", true),
        ] {
            let lock = gates.parent_now(held);
            assert_eq!((lock.is_some(), gates.parent_now(asked).is_some()), (true, is_free), "{held}, {asked}");
        }
    }
}
