//! When to retry, and after which pause: pure decisions.

use std::time::Duration;

/// How often an idempotent request, or one without effect, is attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The number of attempts, including the first.
    pub attempts: u32,
    /// The first pause; doubled for each further one.
    pub base: Duration,
    pub longest: Duration,
}

impl Policy {
    /// For connections that cannot be made and failed reads: between 23 and 46 seconds of pauses, unless the API asks
    /// for longer ones.
    pub const REQUEST: Policy =
        Policy { attempts: 8, base: Duration::from_millis(500), longest: Duration::from_secs(15) };

    /// The pause before attempt number `attempt + 1`, or `None` after the last. `chance` in `0..1` spreads clients.
    pub fn pause(&self, attempt: u32, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
        (attempt < self.attempts).then(|| self.backoff(attempt, retry_after, chance))
    }

    /// The pause after attempt number `attempt`, however many attempts there are; at least `retry_after`.
    pub fn backoff(&self, attempt: u32, retry_after: Option<Duration>, chance: f64) -> Duration {
        let doubled = self.base.saturating_mul(1 << (attempt.saturating_sub(1)).min(16)).min(self.longest);
        // Half of the pause is fixed, half is random.
        let spread = doubled.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        retry_after.map_or(spread, |after| after.max(spread))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_then_end() {
        let pauses: Vec<_> = (1..=8).map(|attempt| Policy::REQUEST.pause(attempt, None, 1.0)).collect();
        assert_eq!(pauses[..3], [500, 1000, 2000].map(|ms| Some(Duration::from_millis(ms))));
        assert_eq!(pauses[6], Some(Duration::from_secs(15)));
        assert_eq!(pauses[7], None);
        assert_eq!(Policy::REQUEST.backoff(40, None, 1.0), Duration::from_secs(15));
    }

    #[test]
    fn the_api_may_ask_for_more_but_not_for_less() {
        assert_eq!(Policy::REQUEST.pause(1, Some(Duration::from_secs(9)), 0.0), Some(Duration::from_secs(9)));
        assert_eq!(Policy::REQUEST.pause(1, Some(Duration::ZERO), 0.0), Some(Duration::from_millis(250)));
    }
}
