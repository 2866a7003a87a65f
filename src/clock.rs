//! The clock of a run.
//!
//! Only tokio's timer sleeps or measures, so that tests can pause it; the wall time is read once, when the run
//! starts. A rehearsal runs the same code on a simulated clock: time stands still while any task is busy, and jumps
//! to the next timer when all are waiting, so that the result is the same on every machine. With a `speed` it runs in
//! scaled real time instead.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// The longest pause an answer may ask for; more is taken for this.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// A clock that may run faster than real time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Timestamp,
    origin: Instant,
    speed: f64,
    simulated: bool,
}

impl Clock {
    /// A clock that shows `now` at this moment; must be created inside a tokio runtime. `speed`: its seconds per real
    /// second.
    pub fn starting_at(now: Timestamp, speed: f64) -> Self {
        Self { started: now, origin: Instant::now(), speed, simulated: false }
    }

    /// A clock that shows `now` until every task in this runtime waits, and then jumps to the first timer.
    ///
    /// # Panics
    ///
    /// Outside of a single-threaded tokio runtime, and when its time is simulated already.
    pub fn simulated(now: Timestamp) -> Self {
        tokio::time::pause();
        Self { simulated: true, ..Self::starting_at(now, 1.0) }
    }

    /// Whether time passes only in the runtime that created the clock.
    pub fn is_simulated(&self) -> bool {
        self.simulated
    }

    /// The time since the clock was created, in its own seconds.
    pub fn elapsed(&self) -> Duration {
        self.origin.elapsed().mul_f64(self.speed)
    }

    /// The wall-clock time, on this clock.
    pub fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.elapsed()).unwrap_or(SignedDuration::MAX);
        self.started.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// Sleeps until [`Clock::elapsed`] reaches `until`.
    pub async fn sleep_until(&self, until: Duration) {
        tokio::time::sleep_until(self.origin + until.div_f64(self.speed)).await;
    }

    /// Sleeps for `pause`, in this clock's time.
    pub async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause.div_f64(self.speed)).await;
    }

    /// The real duration of `span` of this clock's time.
    pub fn real(&self, span: Duration) -> Duration {
        span.div_f64(self.speed)
    }

    /// How many times faster than real time this clock runs; 1 in a run.
    pub fn speed(&self) -> f64 {
        self.speed
    }
}

/// Whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
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

    #[tokio::test]
    async fn simulated_time_jumps_to_where_a_wait_ends() {
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
        clock.sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.elapsed().as_secs(), 3600);
    }
}
