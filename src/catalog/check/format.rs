//! String formats of the API.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// The name of a format in messages.
pub(super) fn words(format: &str) -> Option<&'static str> {
    Some(match format {
        "uuid" | "uuid4" => "an id (a UUID)",
        "ipvanyaddress" => "an IP address",
        "ipvanynetwork" => "an IP network such as `10.0.0.0/24`",
        "ipvanyinterface" => "an IP address with its network, such as `10.0.0.5/24`",
        "ipv4interface" => "an IPv4 address or network, such as `10.0.0.0/24`",
        "ipv6interface" => "an IPv6 address or network, such as `fd00::/64`",
        "ipv4" => "an IPv4 address",
        "ipv6" => "an IPv6 address",
        "ipv4network" => "an IPv4 network such as `10.0.0.0/24`",
        "ipv6network" => "an IPv6 network such as `fd00::/64`",
        "date-time" => "a date and time such as `2026-01-31T12:00:00Z`",
        "date" => "a date such as `2026-01-31`",
        "uri" => "a URL",
        "email" => "an e-mail address",
        "binary" => "the path of a file",
        _ => return None,
    })
}

/// Why a text does not have a format; unknown formats accept any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// It does not have the format.
    Wrong,
    /// A network whose address has bits beyond the prefix; with the correct network.
    HostBits(String),
}

/// What is wrong with a text of this format; `None` when it is valid, or the format is not known.
pub(super) fn problem(format: &str, text: &str) -> Option<Problem> {
    let right = match format {
        "uuid" | "uuid4" => uuid::Uuid::try_parse(text).is_ok(),
        "ipvanyaddress" => text.parse::<IpAddr>().is_ok(),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "ipvanynetwork" => return network_problem(text, |_| true),
        "ipv4network" => return network_problem(text, |address| address.is_ipv4()),
        "ipv6network" => return network_problem(text, |address| address.is_ipv6()),
        "ipvanyinterface" => network(text).is_some(),
        "ipv4interface" => network(text).is_some_and(|network| network.addr().is_ipv4()),
        "ipv6interface" => network(text).is_some_and(|network| network.addr().is_ipv6()),
        "date-time" => is_time(text),
        "date" => text.parse::<jiff::civil::Date>().is_ok(),
        "uri" => is_url(text),
        "email" => text.rsplit_once('@').is_some_and(|(who, host)| !who.is_empty() && host.contains('.')),
        _ => true,
    };
    (!right).then_some(Problem::Wrong)
}

/// Whether the text is a time for the API: also a day, and in reports a month (`2026-01`).
fn is_time(text: &str) -> bool {
    let first_day = || format!("{text}-01").parse::<jiff::civil::Date>().is_ok();
    let is_month = text.len() == "2026-01".len() && first_day();
    is_month
        || text.parse::<jiff::Timestamp>().is_ok()
        || text.parse::<jiff::civil::DateTime>().is_ok()
        || text.parse::<jiff::civil::Date>().is_ok()
}

fn network_problem(text: &str, family: impl Fn(&IpAddr) -> bool) -> Option<Problem> {
    let Some(given) = network(text).filter(|network| family(&network.addr())) else {
        return Some(Problem::Wrong);
    };
    let base = given.trunc();
    (base != given).then(|| Problem::HostBits(base.to_string()))
}

/// Parses address and prefix length or mask; an address alone has the full prefix.
fn network(text: &str) -> Option<IpNet> {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let address: IpAddr = address.parse().ok()?;
    match prefix {
        None => Some(address.into()),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            IpNet::new(address, digits.parse().ok()?).ok()
        }
        Some(mask) => IpNet::with_netmask(address, mask.parse::<Ipv4Addr>().ok()?.into()).ok(),
    }
}

fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character))
        && !rest.is_empty()
        && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_accept_only_their_values() {
        for (format, right, wrong) in [
            ("uuid4", "b5b4d65d-945f-4b98-ab6f-332319c724ef", "b5b4d65d-945f"),
            ("ipvanyaddress", "fd00::1", "10.0.0.256"),
            ("ipvanynetwork", "10.0.0.0/24", "10.0.0.0/33"),
            ("ipvanynetwork", "10.0.0.0/255.255.255.0", "10.0.0.0/255.0.255.0"),
            ("ipvanyinterface", "10.0.0.5/24", "10.0.0/24"),
            ("ipv4network", "10.0.0.0/8", "fd00::/8"),
            ("date-time", "2026-01-31T12:00:00Z", "yesterday"),
            ("date-time", "2026-01", "2026-13"),
            ("uri", "https://example.com/a", "example.com"),
        ] {
            assert_eq!(problem(format, right), None, "{format}: {right}");
            assert_eq!(problem(format, wrong), Some(Problem::Wrong), "{format}: {wrong}");
        }
        assert_eq!(problem("password", "anything"), None);
    }

    #[test]
    fn a_network_with_host_bits_names_the_network_it_lies_in() {
        assert_eq!(problem("ipvanynetwork", "10.0.0.5/24"), Some(Problem::HostBits("10.0.0.0/24".into())));
        assert_eq!(problem("ipvanynetwork", "0.0.0.0/0"), None);
        assert_eq!(problem("ipvanynetwork", "::/0"), None);
    }
}
