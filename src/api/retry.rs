//! When to ask again, and how long to pause before: pure decisions.

use std::time::Duration;

/// How often a request that certainly did nothing, or may be repeated safely, is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Tries in all.
    pub attempts: u32,
    /// The first pause; each further one doubles.
    pub base: Duration,
    pub longest: Duration,
}

impl Policy {
    /// A connection that could not be made, a failed read: a minute or so of trying.
    pub const REQUEST: Policy =
        Policy { attempts: 8, base: Duration::from_millis(500), longest: Duration::from_secs(15) };

    /// The pause before try number `attempt + 1`, or `None` when it was the last. `chance` in `0..1` spreads clients.
    pub fn pause(&self, attempt: u32, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let doubled = self.base.saturating_mul(1 << (attempt.saturating_sub(1)).min(16)).min(self.longest);
        // Half of the pause is certain, half is chance.
        let spread = doubled.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        Some(retry_after.map_or(spread, |after| after.max(spread)))
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
    }

    #[test]
    fn the_api_may_ask_for_more_but_not_for_less() {
        assert_eq!(Policy::REQUEST.pause(1, Some(Duration::from_secs(9)), 0.0), Some(Duration::from_secs(9)));
        assert_eq!(Policy::REQUEST.pause(1, Some(Duration::ZERO), 0.0), Some(Duration::from_millis(250)));
    }
}
