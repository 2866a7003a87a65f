//! How many intents may be on record without an answer: enough to keep the requests busy while the record is written,
//! and few to resolve after a crash.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::shared::lock;

/// The fewest for each request in flight.
const FEWEST: usize = 3;
/// The most for each request in flight, however slow the record is.
const MOST: usize = 32;
/// How much the last measurement counts.
const NEWEST: f64 = 0.1;

/// Permits for intents.
#[derive(Debug)]
pub struct Intents {
    parallelism: usize,
    permits: Semaphore,
    measured: Mutex<Measured>,
}

#[derive(Debug)]
struct Measured {
    size: usize,
    /// Seconds that an append takes, with what it waits for others.
    append: Option<f64>,
    /// Seconds that a request takes.
    request: Option<f64>,
}

impl Intents {
    /// `parallelism`: the most requests in flight at once.
    pub fn new(parallelism: usize) -> Self {
        let size = parallelism * FEWEST;
        let measured = Mutex::new(Measured { size, append: None, request: None });
        Self { parallelism, permits: Semaphore::new(size), measured }
    }

    /// Waits until an instance may record an intent.
    pub async fn permit(&self) -> SemaphorePermit<'_> {
        self.permits.acquire().await.expect("the semaphore is never closed")
    }

    /// How many there may be now.
    pub fn size(&self) -> usize {
        self.lock().size
    }

    pub fn appended(&self, took: Duration) {
        let mut measured = self.lock();
        measured.append = Some(mean(measured.append, took));
        self.resize(&mut measured);
    }

    pub fn answered(&self, took: Duration) {
        let mut measured = self.lock();
        measured.request = Some(mean(measured.request, took));
        self.resize(&mut measured);
    }

    fn resize(&self, measured: &mut Measured) {
        let (Some(append), Some(request)) = (measured.append, measured.request) else { return };
        let wanted = wanted(self.parallelism, append, request);
        if wanted > measured.size {
            self.permits.add_permits(wanted - measured.size);
            measured.size = wanted;
        } else {
            // Those that are in use are given up later.
            measured.size -= self.permits.forget_permits(measured.size - wanted);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Measured> {
        lock(&self.measured)
    }
}

fn mean(before: Option<f64>, took: Duration) -> f64 {
    let took = took.as_secs_f64();
    before.map_or(took, |before| before + NEWEST * (took - before))
}

/// The number of intents that keeps the requests busy: one for each request in flight, and twice as many as are
/// answered during one append: those being written, and those queued behind them.
fn wanted(parallelism: usize, append: f64, request: f64) -> usize {
    // Only a simulated request takes no time.
    let ahead = if request > 0.0 { append / request } else { 0.0 };
    let each = (1.0 + 2.0 * ahead).min(MOST as f64);
    ((parallelism as f64 * each) as usize).max(parallelism * FEWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_record_is_given_more_to_write_at_once() {
        for (append, request, each) in
            [(0.0, 0.0, 3.0), (0.002, 0.2, 3.0), (0.002, 0.001, 5.0), (0.05, 0.001, 32.0), (9.0, 0.0, 3.0)]
        {
            assert_eq!(wanted(10, append, request), (10.0 * each) as usize, "{append} s, {request} s");
        }
    }

    #[tokio::test]
    async fn permits_follow_what_is_measured() {
        let intents = Intents::new(2);
        let held = [intents.permit().await, intents.permit().await];
        intents.answered(Duration::from_millis(1));
        intents.appended(Duration::from_millis(10));
        assert_eq!((intents.size(), intents.permits.available_permits()), (42, 40));
        (0..200).for_each(|_| intents.appended(Duration::ZERO));
        assert_eq!((intents.size(), intents.permits.available_permits()), (6, 4));
        drop(held);
        assert_eq!(intents.permits.available_permits(), 6);
    }
}
