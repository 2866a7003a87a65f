//! Networks and addresses: `cidrsubnet`, `cidrhost` and `first_address`. IPv4 and IPv6.

use std::net::IpAddr;

use ipnet::{IpAdd, IpNet};
use serde_json::Value;

/// Parses `address/prefix`, and drops the bits beyond the prefix.
fn network(text: &str) -> Result<IpNet, String> {
    let wrong = |_| format!("`{text}` is no network like `10.0.0.0/16`");
    text.parse::<IpNet>().map(|network| network.trunc()).map_err(wrong)
}

/// The address this far behind the first of a network.
fn offset(network: IpNet, position: u128) -> IpAddr {
    match network {
        IpNet::V4(network) => network.network().saturating_add(u32::try_from(position).unwrap_or(u32::MAX)).into(),
        IpNet::V6(network) => network.network().saturating_add(position).into(),
    }
}

/// The `number`th subnet of `network` with `more` bits of prefix, as Terraform's function of this name.
///
/// # Errors
///
/// When the network is invalid, or has no such subnet.
pub(super) fn cidr_subnet(network: &str, more: i64, number: i128) -> Result<String, String> {
    let network = self::network(network)?;
    let more = u32::try_from(more).map_err(|_| "the number of bits must not be negative".to_owned())?;
    let (prefix, width) = (u32::from(network.prefix_len()).saturating_add(more), u32::from(network.max_prefix_len()));
    if prefix > width {
        return Err(format!("a prefix of {prefix} bits is longer than an address of {width} bits"));
    }
    let position = position(number, more, "subnets")?;
    Ok(format!("{}/{prefix}", offset(network, position.checked_shl(width - prefix).unwrap_or(0))))
}

/// The `number`th address of `network`; negative numbers count from its end.
///
/// # Errors
///
/// When the network is invalid, or has no such address.
pub(super) fn cidr_host(network: &str, number: i128) -> Result<String, String> {
    let network = self::network(network)?;
    let position = position(number, u32::from(network.max_prefix_len() - network.prefix_len()), "addresses")?;
    Ok(offset(network, position).to_string())
}

/// A number within `2^bits`, counted from the end when it is negative.
fn position(number: i128, bits: u32, what: &str) -> Result<u128, String> {
    // 2^128 exceeds `u128`.
    let count = 1_u128.checked_shl(bits);
    let position = match u128::try_from(number) {
        Ok(position) => position,
        Err(_) => match count {
            Some(count) => count
                .checked_sub(number.unsigned_abs())
                .ok_or_else(|| format!("there are only {count} {what}, and {number} asks for more"))?,
            None => u128::MAX - (number.unsigned_abs() - 1),
        },
    };
    match count {
        Some(count) if position >= count => Err(format!("there are only {count} {what}, numbered from 0")),
        _ => Ok(position),
    }
}

/// The address of a machine, from the API's `addresses` (a mapping of network to list), a list of address objects, or
/// a list of texts: a floating one, else a public one, else the first.
pub(super) fn first_address(addresses: &Value) -> Option<String> {
    let mut found = Vec::new();
    collect(addresses, &mut found);
    let best = found
        .iter()
        .find(|address| address.floating)
        .or_else(|| found.iter().find(|address| address.text.parse().is_ok_and(is_public)))
        .or_else(|| found.first());
    best.map(|address| address.text.clone())
}

struct AddressFound {
    text: String,
    floating: bool,
}

fn collect(value: &Value, found: &mut Vec<AddressFound>) {
    match value {
        Value::String(text) => found.push(AddressFound { text: text.clone(), floating: false }),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => {
            let address = ["addr", "ip_address", "floating_ip_address"].into_iter().find_map(|name| fields.get(name));
            match address.and_then(Value::as_str) {
                Some(text) => {
                    let floating = fields.get("type").and_then(Value::as_str) == Some("floating");
                    found.push(AddressFound { text: text.to_owned(), floating });
                }
                None => fields.values().filter(|field| field.is_array()).for_each(|field| collect(field, found)),
            }
        }
        _ => {}
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
            !(address.is_private() || address.is_link_local() || address.is_loopback() || shared)
        }
        IpAddr::V6(address) => !(address.is_unique_local() || address.is_unicast_link_local() || address.is_loopback()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn subnets_are_terraforms() {
        assert_eq!(cidr_subnet("172.16.0.0/12", 4, 2).unwrap(), "172.18.0.0/16");
        assert_eq!(cidr_subnet("10.1.2.0/24", 4, 15).unwrap(), "10.1.2.240/28");
        assert_eq!(cidr_subnet("fd00:fd12:3456:7890::/56", 16, 162).unwrap(), "fd00:fd12:3456:7800:a200::/72");
        assert_eq!(cidr_subnet("10.0.0.0/8", 0, 0).unwrap(), "10.0.0.0/8");
        assert!(cidr_subnet("10.0.0.0/24", 4, 16).unwrap_err().contains("only 16 subnets"));
        assert!(cidr_subnet("10.0.0.0/24", 9, 0).is_err());
        assert!(cidr_subnet("10.0.0.0", 1, 0).is_err());
        assert!(cidr_subnet("10.0.0.0/33", 1, 0).is_err());
        assert!(cidr_subnet("10.0.0.0/8", -1, 0).is_err());
    }

    #[test]
    fn cidr_hosts_agree_with_terraform() {
        assert_eq!(cidr_host("10.12.112.0/20", 16).unwrap(), "10.12.112.16");
        assert_eq!(cidr_host("10.12.112.0/20", 268).unwrap(), "10.12.113.12");
        assert_eq!(cidr_host("10.12.127.0/20", -1).unwrap(), "10.12.127.255");
        assert_eq!(cidr_host("fd00:fd12:3456:7890:00a2::/72", 34).unwrap(), "fd00:fd12:3456:7890::22");
        assert_eq!(cidr_host("10.0.0.1/32", 0).unwrap(), "10.0.0.1");
        assert_eq!(cidr_host("::/0", -1).unwrap(), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
        assert!(cidr_host("10.0.0.0/30", 4).is_err());
        assert!(cidr_host("10.0.0.0/30", -5).is_err());
        assert!(cidr_host("10.0.0.0/30", i128::MIN).is_err());
    }

    #[test]
    fn the_first_address_is_a_reachable_one() {
        let addresses = json!({
            "inner": [{ "type": "fixed", "addr": "10.0.0.5" }],
            "outer": [{ "type": "fixed", "addr": "92.38.1.2" }, { "type": "floating", "addr": "92.38.1.3" }],
        });
        assert_eq!(first_address(&addresses).as_deref(), Some("92.38.1.3"));
        let no_floating = json!({ "inner": [{ "addr": "192.168.0.5" }], "outer": [{ "addr": "92.38.1.2" }] });
        assert_eq!(first_address(&no_floating).as_deref(), Some("92.38.1.2"));
        assert_eq!(first_address(&json!({ "inner": [{ "addr": "10.0.0.5" }] })).as_deref(), Some("10.0.0.5"));
        assert_eq!(first_address(&json!({})), None);
    }
}
