//! Simulated time: real time, stretched.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Maps tokio's clock, which may be paused, to simulated time.
#[derive(Debug, Clone, Copy)]
pub struct SimClock {
    started: Timestamp,
    epoch: Instant,
    speed: f64,
}

impl SimClock {
    /// A clock that shows `started` now and from then on runs `speed` simulated seconds in each real one. A speed that
    /// is no positive number is taken as 1.
    pub fn new(started: Timestamp, speed: f64) -> Self {
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        Self { started, epoch: Instant::now(), speed }
    }

    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// The simulated moment; the latest there is once time has run out.
    pub fn now(&self) -> Timestamp {
        let passed = self.epoch.elapsed().as_secs_f64() * self.speed;
        let passed = SignedDuration::try_from_secs_f64(passed).unwrap_or(SignedDuration::MAX);
        self.started.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// How much real time a simulated duration takes.
    pub fn real(&self, simulated: Duration) -> Duration {
        simulated.div_f64(self.speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn simulated_time_runs_at_its_speed() {
        let started: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = SimClock::new(started, 200.0);
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(clock.now(), started + Duration::from_secs(600));
        assert_eq!(clock.real(Duration::from_secs(200)), Duration::from_secs(1));
    }
}
