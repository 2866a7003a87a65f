//! The rate limit for all requests of a run.
//!
//! The API documents no rate, so that there is no limit before the first 429. A 429 pauses all requests for
//! `Retry-After` and halves the current rate; success raises it again step by step (additive increase, multiplicative
//! decrease, as in TCP).

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crate::clock::Clock;
use crate::shared::lock;

/// The time over which the current rate is measured.
const WINDOW: Duration = Duration::from_secs(5);
/// The lowest rate, in requests per second.
const SLOWEST: f64 = 0.5;
/// The growth of the rate per second, in requests per second.
const GROWTH: f64 = 0.5;
/// Above this rate, in requests per second, the limit is removed.
const LIFTED: f64 = 200.0;
/// The pause after a 429 without `Retry-After`.
const DEFAULT_HOLD: Duration = Duration::from_secs(2);

/// Admits requests at the current rate.
#[derive(Debug)]
pub struct Limit {
    clock: Clock,
    state: Mutex<LimitState>,
}

#[derive(Debug, Default)]
struct LimitState {
    /// When recent requests were sent, to measure the rate.
    recent: VecDeque<Duration>,
    /// Requests per second; `None` before the first 429.
    rate: Option<f64>,
    /// When the rate was last changed.
    changed: Duration,
    /// No request is sent before this time.
    held_until: Duration,
    /// When the next request may be sent.
    next: Duration,
}

impl Limit {
    pub fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Waits until this request may be sent.
    pub async fn admit(&self) {
        loop {
            let turn = self.lock().turn(self.clock.elapsed());
            match turn {
                None => return,
                Some(at) => self.clock.sleep_until(at).await,
            }
        }
    }

    /// The remaining pause for all requests; `None` when there is none.
    pub fn held_for(&self) -> Option<Duration> {
        self.lock().held_until.checked_sub(self.clock.elapsed()).filter(|left| !left.is_zero())
    }

    /// Handles a 429: pauses all requests, and lowers the rate.
    pub fn slow_down(&self, retry_after: Option<Duration>) {
        self.lock().slow_down(self.clock.elapsed(), retry_after);
    }

    fn lock(&self) -> MutexGuard<'_, LimitState> {
        lock(&self.state)
    }
}

impl LimitState {
    /// `None` when the request may be sent now (it is counted), or else when to ask again.
    fn turn(&mut self, now: Duration) -> Option<Duration> {
        if now < self.held_until {
            return Some(self.held_until);
        }
        self.recover(now);
        if let Some(rate) = self.rate {
            if now < self.next {
                return Some(self.next);
            }
            self.next = now + Duration::from_secs_f64(1.0 / rate);
        }
        while self.recent.front().is_some_and(|&at| at + WINDOW < now) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        None
    }

    fn recover(&mut self, now: Duration) {
        if let Some(rate) = &mut self.rate {
            *rate += GROWTH * now.saturating_sub(self.changed).as_secs_f64();
            self.changed = now;
            if *rate > LIFTED {
                self.rate = None;
            }
        }
    }

    fn slow_down(&mut self, now: Duration, retry_after: Option<Duration>) {
        let until = now + retry_after.unwrap_or(DEFAULT_HOLD);
        // Several 429s during one pause count as one.
        if now >= self.held_until {
            let span =
                self.recent.front().map_or(WINDOW, |&first| now.saturating_sub(first)).max(Duration::from_secs(1));
            let in_use = self.recent.len() as f64 / span.as_secs_f64();
            self.rate = Some((self.rate.unwrap_or(in_use).min(in_use) / 2.0).max(SLOWEST));
            self.changed = until;
        }
        self.held_until = self.held_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn nothing_is_limited_before_the_first_429() {
        let mut state = LimitState::default();
        assert!((0..10_000).all(|_| state.turn(seconds(1.0)).is_none()));
    }

    #[test]
    fn a_429_pauses_all_requests_and_halves_the_rate() {
        let mut state = LimitState::default();
        for tenth in 0..40 {
            assert_eq!(state.turn(seconds(f64::from(tenth) / 10.0)), None);
        }
        state.slow_down(seconds(4.0), Some(seconds(3.0)));
        state.slow_down(seconds(4.0), Some(seconds(3.0)));
        assert_eq!(state.turn(seconds(5.0)), Some(seconds(7.0)));
        assert_eq!(state.turn(seconds(7.0)), None);
        let next = state.turn(seconds(7.0)).unwrap();
        assert!((0.15..0.25).contains(&(next - seconds(7.0)).as_secs_f64()), "{next:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_the_pause_and_for_its_turn() {
        let clock = Clock::starting_at(jiff::Timestamp::UNIX_EPOCH, 1.0);
        let limit = Limit::new(clock);
        let began = clock.elapsed();
        limit.admit().await;
        assert_eq!((clock.elapsed(), limit.held_for()), (began, None));
        limit.slow_down(Some(seconds(3.0)));
        assert_eq!(limit.held_for(), Some(seconds(3.0)));
        limit.admit().await;
        assert!(clock.elapsed() - began >= seconds(3.0) && limit.held_for().is_none());
        // One request was sent in the first second: the rate is a half, until it grows again.
        let next = clock.elapsed();
        limit.admit().await;
        let pause = (clock.elapsed() - next).as_secs_f64();
        assert!((1.5..=2.1).contains(&pause), "{pause}");
    }

    #[test]
    fn the_rate_grows_with_time_and_only_recent_requests_count() {
        let mut state = LimitState { rate: Some(1.0), ..LimitState::default() };
        state.recover(seconds(10.0));
        state.recover(seconds(10.0));
        let rate = state.rate.unwrap();
        assert!((rate - 1.0 - 10.0 * GROWTH).abs() < 1e-9, "{rate}");
        let mut state = LimitState::default();
        let at = |half: u32| WINDOW / 2 * half;
        assert!((0..5).all(|half| state.turn(at(half)).is_none()));
        // Those of a window: what was sent longer ago is forgotten.
        assert_eq!(state.recent, [at(2), at(3), at(4)]);
    }

    #[test]
    fn the_limit_is_lifted_after_long_success() {
        let mut state = LimitState::default();
        state.turn(seconds(0.0));
        state.slow_down(seconds(0.0), None);
        assert!(state.rate.is_some());
        state.turn(seconds(1000.0));
        assert!(state.rate.is_none());
    }
}
