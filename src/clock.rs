//! Time, as a run sees it.
//!
//! Only tokio's timer sleeps or measures, so that tests can hold it still; the wall time is read once by whoever starts
//! the run. A rehearsal runs the same code with `speed` above 1: a simulated minute passes in a fraction of a real one.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A clock that may run faster than real time. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Timestamp,
    origin: Instant,
    speed: f64,
}

impl Clock {
    /// A clock that shows `now` at this moment; must be made inside a tokio runtime. `speed` is how many of its seconds
    /// pass in a real one.
    pub fn starting_at(now: Timestamp, speed: f64) -> Self {
        Self { started: now, origin: Instant::now(), speed }
    }

    /// Time since the clock was made, in its own seconds.
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed().mul_f64(self.speed)
    }

    pub fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.elapsed()).unwrap_or(SignedDuration::MAX);
        self.started.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// Sleeps until [`Clock::elapsed`] reaches `until`.
    pub async fn sleep_until(&self, until: Duration) {
        tokio::time::sleep_until(self.origin + until.div_f64(self.speed)).await;
    }

    /// Sleeps for `pause` of this clock's time.
    pub async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause.div_f64(self.speed)).await;
    }

    /// The real time that `span` of this clock's time takes.
    pub fn real(&self, span: Duration) -> Duration {
        span.div_f64(self.speed)
    }

    pub fn speed(&self) -> f64 {
        self.speed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_runs_at_its_speed() {
        let started = Timestamp::UNIX_EPOCH;
        let clock = Clock::starting_at(started, 200.0);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(clock.now(), started + Duration::from_secs(600));
        assert_eq!(clock.real(Duration::from_secs(200)), Duration::from_secs(1));
    }
}
