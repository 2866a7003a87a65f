//! Security groups and their rules: creating, copying, replacing.

use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::call::Call;
use super::made::Made;
use super::state::{CloudState, fields};
use super::store::{ProjectRegion, Uid};

/// A security group; the old version of the call wraps it in `security_group`.
pub(super) fn security_group(state: &mut CloudState, call: &Call<'_>) -> Made {
    let wrapped = call.body.get("security_group").and_then(Value::as_object);
    let body = wrapped.unwrap_or(&call.body);
    let rules = body.get("rules").or_else(|| body.get("security_group_rules")).and_then(Value::as_array).cloned();
    let mut draft = state.draft("security_groups", call.project_region(), body);
    draft.fields.shift_remove("security_group_rules");
    let group = state.insert(draft);
    for rule in rules.unwrap_or_else(default_rules) {
        insert_rule(state, group, &fields(rule));
    }
    Made::one(group)
}

/// The rules of a group created without any: all egress is allowed, no ingress (`observed.md` §2). One rule per
/// protocol and family, tcp and udp on both sides of the mail port.
fn default_rules() -> Vec<Value> {
    const BOTH: [&str; 12] =
        ["ah", "dccp", "egp", "esp", "gre", "igmp", "ospf", "pgm", "rsvp", "sctp", "udplite", "vrrp"];
    const V6: [&str; 6] = ["ipv6-encap", "ipv6-frag", "ipv6-icmp", "ipv6-nonxt", "ipv6-opts", "ipv6-route"];
    let rule = |protocol: &str, family: &str, ports: Option<(u16, u16)>| {
        json!({
            "direction": "egress", "ethertype": family, "protocol": protocol,
            "port_range_min": ports.map(|ports| ports.0), "port_range_max": ports.map(|ports| ports.1),
        })
    };
    let mut rules = vec![rule("icmp", "IPv4", None)];
    rules.extend(V6.map(|protocol| rule(protocol, "IPv6", None)));
    for family in ["IPv4", "IPv6"] {
        rules.extend(BOTH.map(|protocol| rule(protocol, family, None)));
        for protocol in ["tcp", "udp"] {
            rules.extend([(1, 24), (26, 65_535)].map(|ports| rule(protocol, family, Some(ports))));
        }
    }
    rules
}

/// A rule below its group.
pub(super) fn insert_rule(state: &mut CloudState, group: Uid, body: &Map<String, Value>) -> Uid {
    let project_region = state.store.get(group).map(|group| group.project_region).unwrap_or_default();
    let mut draft = state.draft("security_group_rules", project_region, body);
    draft.parent = Some(group);
    draft.fields.insert("security_group_id".into(), state.id(group).into());
    state.insert(draft)
}

/// A copy of a group with its rules, under a new name.
pub(super) fn copy_group(state: &mut CloudState, group: Uid, body: &Map<String, Value>) -> Uid {
    let project_region = state.store.get(group).map(|group| group.project_region).unwrap_or_default();
    let rules: Vec<_> =
        state.store.children(group, "security_group_rules").map(|(_, rule)| rule.fields.clone()).collect();
    let mut draft = state.draft("security_groups", project_region, body);
    if let Some(group) = state.store.get(group) {
        let description = group.field("description").cloned().unwrap_or_default();
        draft.fields.entry("description").or_insert(description);
    }
    let copy = state.insert(draft);
    for rule in rules {
        insert_rule(state, copy, &rule);
    }
    copy
}

/// The groups that `security_groups: [{id}]` of a body names.
pub(super) fn groups(
    state: &mut CloudState,
    project_region: ProjectRegion,
    wanted: Option<&Value>,
) -> Result<Vec<Uid>, Refusal> {
    let wanted = wanted.and_then(Value::as_array).into_iter().flatten();
    wanted
        .filter_map(|group| group.get("id").and_then(Value::as_str))
        .map(|id| state.need("security_groups", project_region, id))
        .collect()
}

/// Replaces the whole list of a group's rules; a rule that stays keeps its id.
pub(super) fn replace_rules(state: &mut CloudState, group: Uid, rules: &[Value]) {
    let says = |rule: &Map<String, Value>| {
        const FIELDS: [(&str, &str); 8] = [
            ("direction", ""),
            ("ethertype", "IPv4"),
            ("protocol", ""),
            ("port_range_min", ""),
            ("port_range_max", ""),
            ("remote_ip_prefix", ""),
            ("remote_group_id", ""),
            ("description", ""),
        ];
        FIELDS.map(|(name, default)| match rule.get(name) {
            None | Some(Value::Null) => Value::from(default),
            Some(value) => value.clone(),
        })
    };
    let children = state.store.children(group, "security_group_rules");
    let mut old: Vec<_> = children.map(|(uid, rule)| (uid, says(&rule.fields))).collect();
    for rule in rules.iter().filter_map(Value::as_object) {
        match old.iter().position(|(_, known)| *known == says(rule)) {
            Some(kept) => drop(old.swap_remove(kept)),
            None => drop(insert_rule(state, group, rule)),
        }
    }
    old.into_iter().for_each(|(gone, _)| state.remove(gone));
}
