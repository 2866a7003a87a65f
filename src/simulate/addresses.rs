//! Address ranges. Only arithmetic: which port holds which address is known to the store.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range such as `10.0.0.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    first: u128,
    prefix: u32,
    bits: u32,
}

impl Range {
    /// Reads `address/prefix`; bits below the prefix are dropped.
    pub(super) fn parse(text: &str) -> Option<Range> {
        let (address, prefix) = text.split_once('/')?;
        let (address, bits) = number(address.parse().ok()?);
        let prefix: u32 = prefix.parse().ok().filter(|prefix| *prefix <= bits)?;
        let below = bits - prefix;
        let first = if below == 128 { 0 } else { address >> below << below };
        Some(Range { first, prefix, bits })
    }

    pub(super) fn is_v6(&self) -> bool {
        self.bits == 128
    }

    /// How many addresses a machine may have: without network, gateway and broadcast, at most 2^32.
    pub(super) fn hosts(&self) -> u64 {
        let size = 1_u64 << (self.bits - self.prefix).min(32);
        size.saturating_sub(3).max(1)
    }

    /// The first address after the network's own.
    pub(super) fn gateway(&self) -> IpAddr {
        self.address(1)
    }

    /// The `n`th address for machines, from 0; beyond the end it starts again.
    pub(super) fn host(&self, n: u64) -> IpAddr {
        self.address(2 + u128::from(n % self.hosts()))
    }

    pub(super) fn overlaps(&self, other: &Range) -> bool {
        let last = |range: &Range| range.first | (u128::MAX.checked_shr(128 - range.bits + range.prefix).unwrap_or(0));
        self.bits == other.bits && self.first <= last(other) && other.first <= last(self)
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let (address, bits) = number(address);
        bits == self.bits && address.checked_shr(bits - self.prefix) == self.first.checked_shr(bits - self.prefix)
    }

    fn address(&self, offset: u128) -> IpAddr {
        let address = self.first.saturating_add(offset);
        match u32::try_from(address) {
            Ok(address) if self.bits == 32 => IpAddr::V4(Ipv4Addr::from_bits(address)),
            _ => IpAddr::V6(Ipv6Addr::from_bits(address)),
        }
    }
}

fn number(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
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
