//! Address ranges. Only arithmetic: which port holds which address is known to the store.

use std::net::IpAddr;

use ipnet::{IpAdd, IpNet};

/// A range such as `10.0.0.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range(IpNet);

impl Range {
    /// Reads `address/prefix`; bits below the prefix are dropped.
    pub(super) fn parse(text: &str) -> Option<Range> {
        text.parse().ok().map(|network: IpNet| Range(network.trunc()))
    }

    pub(super) fn is_v6(&self) -> bool {
        matches!(self.0, IpNet::V6(_))
    }

    /// How many addresses a machine may have: without network, gateway and broadcast, at most 2^32.
    pub(super) fn hosts(&self) -> u64 {
        let size = 1_u64 << (self.0.max_prefix_len() - self.0.prefix_len()).min(32);
        size.saturating_sub(3).max(1)
    }

    /// The first address after the network's own.
    pub(super) fn gateway(&self) -> IpAddr {
        self.address(1)
    }

    /// The `n`th address for machines, from 0; beyond the end it starts again.
    pub(super) fn host(&self, n: u64) -> IpAddr {
        self.address(2 + n % self.hosts())
    }

    pub(super) fn overlaps(&self, other: &Range) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    fn address(&self, offset: u64) -> IpAddr {
        match self.0 {
            IpNet::V4(network) => network.network().saturating_add(u32::try_from(offset).unwrap_or(u32::MAX)).into(),
            IpNet::V6(network) => network.network().saturating_add(u128::from(offset)).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        Range::parse(text).unwrap()
    }

    #[test]
    fn hosts_come_after_the_gateway_and_start_again_at_the_end() {
        let small = range("10.0.0.0/29");
        assert_eq!(small.gateway().to_string(), "10.0.0.1");
        assert_eq!(small.host(0).to_string(), "10.0.0.2");
        assert_eq!(small.hosts(), 5);
        assert_eq!(small.host(5), small.host(0));
        assert_eq!(range("fd00::/64").host(1).to_string(), "fd00::3");
    }

    #[test]
    fn overlapping_ranges_are_recognised() {
        assert!(range("10.0.0.0/16").overlaps(&range("10.0.5.0/24")));
        assert!(!range("10.0.0.0/24").overlaps(&range("10.0.1.0/24")));
        assert!(!range("10.0.0.0/24").overlaps(&range("fd00::/64")));
        assert!(range("10.0.0.0/24").contains("10.0.0.77".parse().unwrap()));
        assert!(!range("10.0.0.0/24").contains("10.0.1.1".parse().unwrap()));
    }

    #[test]
    fn nonsense_is_no_range() {
        for text in ["10.0.0.0", "10.0.0.0/33", "ten/8", "10.0.0/8"] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
        assert!(range("0.0.0.0/0").overlaps(&range("10.0.0.0/8")));
    }
}
