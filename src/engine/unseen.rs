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

/// For how long lists may still not show what was made at `end`, a time of the server: never longer than `most`. `now`:
/// the server's time; `None` when no answer had a `Date`, so that the age is not known.
pub fn unlisted_for(end: Timestamp, now: Option<Timestamp>, most: Duration) -> Duration {
    let Some(now) = now else { return most };
    let age = now.duration_since(end);
    most.saturating_sub(Duration::try_from(age).unwrap_or_default())
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

    #[test]
    fn what_lists_do_not_show_is_waited_for_no_longer_than_the_time_to_resolve() {
        let now = Timestamp::UNIX_EPOCH;
        let most = Duration::from_secs(10);
        for (age, left) in [(0, 10), (4, 6), (10, 0), (7200, 0), (-7200, 10)] {
            let end = now - SignedDuration::from_secs(age);
            assert_eq!(unlisted_for(end, Some(now), most), Duration::from_secs(left), "{age} s ago");
            // Without the server's time.
            assert_eq!(unlisted_for(end, None, most), most, "{age} s ago");
        }
    }
}
