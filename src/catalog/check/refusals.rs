//! Recorded refusals of the API that its document does not mention (`observed.md` §2 and §8).
//!
//! Only known values have findings, and references that are certainly equal.

use std::collections::hash_map::Entry;

use serde_json::Value;

use super::{BodyFinding, PathSegment, finding};
use crate::catalog::operation::{Method, Operation};
use crate::catalog::placeholder::is_placeholder;
use crate::catalog::value::Partial;
use crate::diagnostic::{Severity, code};
use crate::hash::HashMap;

/// The mail port, which no egress rule may open.
const SMTP: i64 = 25;

/// Findings for a body that the API refuses although its document allows it; `None` is a call without a body.
pub(super) fn refusals(operation: &Operation, body: Option<&Partial>) -> Vec<BodyFinding> {
    let path = operation.route.path.as_str();
    let mut found = Vec::new();
    if is_empty_change(operation, body) {
        let message = "the API refuses a change of a machine that changes nothing";
        found.push(finding(Severity::Error, "empty-change", message).help("give it `name` or `tags`"));
    }
    let Some(body) = body else { return found };
    if path.contains("/securitygroup") || path.contains("/security_groups/") {
        rules(body, &mut Vec::new(), &mut found);
    }
    if operation.route.method == Method::Post && path == "/cloud/v1/loadbalancers/{project_id}/{region_id}" {
        found.extend(subnet_without_network(body));
    }
    if path.starts_with("/cloud/") {
        user_data(body, &mut Vec::new(), &mut found);
    }
    if path.ends_with("instances/{project_id}/{region_id}") {
        found.extend(credentials_twice(body));
    }
    let once: &[&[&str]] = match path {
        _ if path.contains("/routers/") => &[&["subnet_id"]],
        _ if path.contains("instances/") => &[&["port_id"], &["floating_ip", "existing_floating_id"]],
        _ => &[],
    };
    once.iter().for_each(|field| found.extend(repeated_interfaces(body, field)));
    found
}

/// `user_data` that cannot be in base64, which the document asks for in prose only.
fn user_data(value: &Partial, at: &mut Vec<PathSegment>, found: &mut Vec<BodyFinding>) {
    match value {
        Partial::Map(fields) => {
            for (name, field) in fields {
                at.push(PathSegment::Key(name.clone()));
                if name == "user_data" && !may_be_base64(field) {
                    let message = "`user_data` wants a text in base64, and this is none";
                    let file =
                        "write `user_data: \"{{ file('cloud-init.yaml') | b64encode }}\"`, and the text into the file";
                    let wrong = finding(Severity::Error, "wrong-format", message).help(file);
                    found.push(BodyFinding { at: at.clone(), ..wrong });
                } else {
                    user_data(field, at, found);
                }
                at.pop();
            }
        }
        Partial::List(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push(PathSegment::Index(index));
                user_data(item, at, found);
                at.pop();
            }
        }
        _ => {}
    }
}

/// Placeholders have findings of their own.
fn may_be_base64(value: &Partial) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=-_".contains(&byte);
    match value {
        Partial::String(text) => is_placeholder(text) || text.bytes().all(is_sign),
        Partial::Text(pieces) => pieces.iter().flatten().all(|text| text.bytes().all(is_sign)),
        _ => true,
    }
}

/// `user_data` beside the fields that make such a text themselves.
fn credentials_twice(body: &Partial) -> Option<BodyFinding> {
    let is_set = |name: &&str| match body.get(name) {
        None | Some(Partial::Null | Partial::OneOf(_)) => false,
        Some(Partial::Unknown(unknown)) => !unknown.nullable && !unknown.types.is_empty(),
        Some(_) => true,
    };
    let beside = ["username", "password"].into_iter().filter(|_| is_set(&"user_data")).find(|name| is_set(name))?;
    let message = format!("`user_data` and `{beside}` exclude each other");
    let at = vec![PathSegment::Key(beside.to_owned())];
    let help = format!("leave `{beside}` out, and create the user in `user_data`");
    Some(BodyFinding { at, ..finding(Severity::Error, code::VALUE_NOT_ALLOWED, message) }.help(help))
}

/// Interfaces that name what an earlier one in the list names already: a router has one port in each subnet, and a port
/// or a floating IP belongs to one interface.
fn repeated_interfaces(body: &Partial, field: &[&str]) -> Vec<BodyFinding> {
    let Some(Partial::List(interfaces)) = body.get("interfaces") else { return Vec::new() };
    let named = |interface: &Partial| {
        let value = field.iter().try_fold(interface, |at, name| at.get(name))?;
        value.identity().filter(|_| matches!(value, Partial::String(_) | Partial::Unknown(_)))
    };
    let mut first: HashMap<String, usize> = HashMap::default();
    let repeated = interfaces.iter().enumerate().filter_map(|(index, interface)| {
        let earlier = match first.entry(named(interface)?) {
            Entry::Occupied(earlier) => *earlier.get(),
            Entry::Vacant(place) => {
                place.insert(index);
                return None;
            }
        };
        let place = ["interfaces"].into_iter().map(|name| PathSegment::Key(name.to_owned()));
        let at = place
            .chain([PathSegment::Index(index)])
            .chain(field.iter().map(|name| PathSegment::Key((*name).to_owned())))
            .collect();
        let message = format!("interface {earlier} of this list has it already, and the API refuses it twice");
        Some(BodyFinding { at, ..finding(Severity::Error, "duplicate-item", message) })
    });
    repeated.collect()
}

fn is_empty_change(operation: &Operation, body: Option<&Partial>) -> bool {
    let empty = match body {
        None => true,
        Some(Partial::Map(fields)) => fields.is_empty(),
        Some(_) => false,
    };
    empty && needs_a_field(operation)
}

/// Whether a call without any field is refused, though none of them is required.
pub(in crate::catalog) fn needs_a_field(operation: &Operation) -> bool {
    operation.route.method == Method::Patch
        && operation.route.path == "/cloud/v1/instances/{project_id}/{region_id}/{instance_id}"
}

fn subnet_without_network(body: &Partial) -> Option<BodyFinding> {
    body.get("vip_subnet_id").filter(|subnet| !matches!(subnet, Partial::Null))?;
    if body.get("vip_network_id").is_some_and(|network| !matches!(network, Partial::Null)) {
        return None;
    }
    let message = "a load balancer in a subnet wants the network as well";
    let found = finding(Severity::Error, "subnet-without-network", message).help("add `vip_network_id`");
    Some(BodyFinding { at: vec![PathSegment::Key("vip_subnet_id".to_owned())], ..found }.on_key())
}

/// Finds rules in a body: they have several places in bodies about security groups, and the same form in all.
fn rules(value: &Partial, at: &mut Vec<PathSegment>, found: &mut Vec<BodyFinding>) {
    let mut inside = |step, value, found: &mut Vec<BodyFinding>| {
        at.push(step);
        rules(value, at, found);
        at.pop();
    };
    match value {
        Partial::List(items) => {
            for (index, item) in items.iter().enumerate() {
                inside(PathSegment::Index(index), item, found);
            }
        }
        Partial::Map(fields) => {
            for (name, field) in fields {
                inside(PathSegment::Key(name.clone()), field, found);
            }
            let rule = Rule(value);
            let place = |field: &str| [at.as_slice(), &[PathSegment::Key(field.to_owned())]].concat();
            if rule.opens_mail_port() {
                let message = "the API lets no rule open egress to port 25, and this one does";
                found.push(
                    BodyFinding { at: place("direction"), ..finding(Severity::Error, "egress-to-any", message) }
                        .help("write one rule for `tcp` and one for `udp`, each for the ports 1 to 24 and 26 to 65535")
                        .help("without `rules` a new group opens what may be opened, and lets nothing in"),
                );
            }
            if rule.is("protocol", "icmp") && rule.is("ethertype", "IPv6") {
                let message = "`icmp` is of IPv4; with IPv6 it is `ipv6-icmp`";
                found.push(
                    BodyFinding { at: place("protocol"), ..finding(Severity::Error, "icmp-with-ipv6", message) }
                        .replace(Some("ipv6-icmp")),
                );
            }
        }
        _ => {}
    }
}

/// A mapping that may be a rule of a security group.
struct Rule<'p>(&'p Partial);

impl Rule<'_> {
    fn is(&self, field: &str, word: &str) -> bool {
        matches!(self.0.get(field), Some(Partial::String(text)) if text == word)
    }

    fn lacks(&self, field: &str) -> bool {
        matches!(self.0.get(field), None | Some(Partial::Null))
    }

    /// Whether the rule allows egress for all protocols, or for tcp or udp including the mail port.
    fn opens_mail_port(&self) -> bool {
        let every_protocol = || self.lacks("protocol") || self.is("protocol", "any");
        let with_ports = || self.is("protocol", "tcp") || self.is("protocol", "udp");
        self.is("direction", "egress") && (every_protocol() || (with_ports() && self.covers(SMTP)))
    }

    fn covers(&self, port: i64) -> bool {
        let limit = |field| match self.0.get(field).and_then(Partial::known)? {
            Value::Number(number) => number.as_i64(),
            _ => None,
        };
        match (limit("port_range_min"), limit("port_range_max")) {
            (Some(first), Some(last)) => (first..=last).contains(&port),
            _ => self.lacks("port_range_min") && self.lacks("port_range_max"),
        }
    }
}
