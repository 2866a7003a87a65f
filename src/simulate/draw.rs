//! All randomness of the simulator, from one seed: the same requests at the same times get the same answers.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use uuid::Builder;

use crate::secret::hex;

/// A seeded source of ids and durations.
#[derive(Debug, Clone)]
pub(super) struct SeededRandom {
    source: fastrand::Rng,
}

impl SeededRandom {
    pub(super) fn new(seed: u64) -> Self {
        Self { source: fastrand::Rng::with_seed(seed) }
    }

    /// A source that depends only on `words`, for what every simulator has, such as public images with fixed ids.
    pub(super) fn fixed(words: impl Hash) -> Self {
        // `DefaultHasher::new` has constant keys, so that the ids are the same in every process.
        let mut hasher = DefaultHasher::new();
        words.hash(&mut hasher);
        Self::new(hasher.finish())
    }

    /// A version 4 UUID.
    pub(super) fn uuid(&mut self) -> String {
        let mut bytes = [0; 16];
        self.source.fill(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// 32 hexadecimal digits, as request ids are.
    pub(super) fn request_id(&mut self) -> String {
        let mut bytes = [0; 16];
        self.source.fill(&mut bytes);
        hex(&bytes)
    }

    /// `fa:16:3e:…`, as virtual network cards have.
    pub(super) fn mac_address(&mut self) -> String {
        let mut bytes = [0; 3];
        self.source.fill(&mut bytes);
        format!("fa:16:3e:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2])
    }

    /// A random text, for keys that are shown once.
    pub(super) fn secret(&mut self) -> String {
        self.request_id()
    }

    /// A duration of whole milliseconds between the two, whose fractions of a millisecond are left out.
    pub(super) fn between(&mut self, earliest: Duration, latest: Duration) -> Duration {
        let low = u64::try_from(earliest.as_millis()).unwrap_or(u64::MAX);
        let high = u64::try_from(latest.as_millis()).unwrap_or(u64::MAX).max(low);
        Duration::from_millis(self.source.u64(low..=high))
    }

    /// True with the given probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.source.f64() < probability
    }

    /// A whole number below `limit`, which must not be 0.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.source.usize(0..limit)
    }
}

pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        let (mut one, mut two) = (SeededRandom::new(7), SeededRandom::new(7));
        assert_eq!(one.uuid(), two.uuid());
        assert_ne!(one.uuid(), SeededRandom::new(8).uuid());
        assert_eq!(SeededRandom::fixed(("image", 7)).uuid(), SeededRandom::fixed(("image", 7)).uuid());
    }

    #[test]
    fn durations_stay_in_their_window() {
        let mut draw = SeededRandom::new(1);
        for _ in 0..100 {
            let drawn = draw.between(Duration::from_secs(5), Duration::from_secs(6));
            assert!((5_000..=6_000).contains(&drawn.as_millis()));
        }
    }
}
