//! How soon after its creation the API shows a resource.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Reads and lists may not show a resource for this long after it was made: until then its absence does not mean that
/// it is gone.
pub const UNSEEN: Duration = Duration::from_secs(60);

/// For how long a resource that was made at `made_at` may still not be shown; zero when it would be shown by now. A
/// time in the future was recorded by another clock.
pub fn unseen_for(made_at: Option<Timestamp>, now: Timestamp) -> Duration {
    let age = made_at.map_or(SignedDuration::MAX, |made| now.duration_since(made));
    UNSEEN.saturating_sub(Duration::try_from(age).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_may_be_unseen_for_a_minute() {
        let now = Timestamp::UNIX_EPOCH;
        for (age, left) in [(-30, 60), (0, 60), (59, 1), (60, 0), (4000, 0)] {
            let made = now - SignedDuration::from_secs(age);
            assert_eq!(unseen_for(Some(made), now), Duration::from_secs(left), "{age} s old");
        }
        assert_eq!(unseen_for(None, now), Duration::ZERO);
    }
}
