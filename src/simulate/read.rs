//! Reads: one resource, lists with filters, and paths below a resource.

use serde_json::{Map, Value, json};

use super::answer::{Refusal, listing, ok};
use super::call::Call;
use super::kinds::{self, ResourceKind};
use super::state::CloudState;
use super::store::{Resource, Uid};
use super::target::Target;
use super::tasks::{limit, number};
use super::view::ports_of;
use super::{looked_up, network, platform, seeds};
use crate::api::Answer;

/// Answers a GET.
pub(super) fn read(state: &mut CloudState, call: &Call<'_>) -> Result<Answer, Refusal> {
    if call.target.key.is_none() {
        return list(state, call);
    }
    let uid = state.addressed(&Target { rest: Vec::new(), ..call.target.clone() })?;
    match call.target.rest.first() {
        None => Ok(state.show(uid)),
        Some(what) => below(state, call, uid, &what.clone()),
    }
}

/// A read below the path of a resource.
fn below(state: &mut CloudState, call: &Call<'_>, uid: Uid, what: &str) -> Result<Answer, Refusal> {
    let results: Vec<Value> = match what {
        "interfaces" | "ports" if call.target.kind == "networks" => {
            let ports = state.store.users(uid, "ports").chain(state.store.users(uid, "reserved_fixed_ips"));
            ports.map(|(port, _)| state.view(port)).collect()
        }
        "ports" if call.target.kind == "instances" => {
            ports_of(&state.store, uid).map(|(port, resource)| network::guarded_port(state, port, resource)).collect()
        }
        "interfaces" | "ports" => {
            ports_of(&state.store, uid).map(|(port, resource)| network::interface(state, port, resource)).collect()
        }
        "securitygroups" => {
            let groups = ports_of(&state.store, uid).flat_map(|(port, _)| state.store.used(port, "security_groups"));
            groups.map(|(_, group)| json!({ "id": group.id, "name": group.name })).collect()
        }
        "instances" if call.target.kind == "security_groups" => {
            let devices = state.store.users(uid, "ports").filter_map(|(_, port)| port.parent);
            devices.map(|device| state.view(device)).collect()
        }
        "config" => return Ok(ok(200, platform::kubeconfig(state, uid))),
        "upgrade_versions" => later_versions(state, uid),
        "metadata" | "metadata_item" => return metadata(state, call, uid),
        "status" if call.target.kind == "loadbalancers" => return Ok(ok(200, statuses(state, uid))),
        "status" => return Ok(state.show(uid)),
        "certificates" => return Ok(ok(200, json!({ "certificate": "", "key": "" }))),
        "get_console" => {
            let url = format!("https://console.simulated.invalid/{}", state.id(uid));
            return Ok(ok(200, json!({ "remote_console": { "url": url, "type": "novnc", "protocol": "vnc" } })));
        }
        "servers" => state.store.children(uid, "instances").map(|(server, _)| state.view(server)).collect(),
        "available_flavors" => seeds::flavors(),
        _ => Vec::new(),
    };
    page(call, 1000, results)
}

/// The status of a load balancer and of everything below it.
fn statuses(state: &CloudState, balancer: Uid) -> Value {
    let brief = |uid: Uid, below: &[(&str, Vec<Value>)]| {
        let view = state.view(uid);
        let kept = ["id", "name", "operating_status", "provisioning_status", "address", "protocol_port", "type"];
        let mut brief: Map<String, Value> =
            kept.iter().filter_map(|field| Some(((*field).to_owned(), view.get(*field)?.clone()))).collect();
        brief.extend(below.iter().map(|(field, list)| ((*field).to_owned(), list.clone().into())));
        Value::Object(brief)
    };
    let members = |pool| state.store.children(pool, "members").map(|(member, _)| brief(member, &[])).collect();
    let pools = |listener| {
        state.store.users(listener, "pools").map(|(pool, _)| brief(pool, &[("members", members(pool))])).collect()
    };
    let listeners = state.store.children(balancer, "listeners");
    let listeners = listeners.map(|(listener, _)| brief(listener, &[("pools", pools(listener))])).collect();
    brief(balancer, &[("listeners", listeners)])
}

fn later_versions(state: &CloudState, cluster: Uid) -> Vec<Value> {
    let version = state.store.get(cluster).and_then(|cluster| cluster.text("version")).unwrap_or_default();
    let later = seeds::KUBERNETES_VERSIONS.iter().skip_while(|known| **known != version).skip(1);
    later.map(|version| json!({ "version": version })).collect()
}

fn metadata(state: &CloudState, call: &Call<'_>, uid: Uid) -> Result<Answer, Refusal> {
    let Some(resource) = state.store.get(uid) else { return Err(Refusal::not_found("Resource not found")) };
    let entry = |(key, value): (&String, &String)| json!({ "key": key, "value": value, "read_only": false });
    match call.query("key") {
        Some(key) => match resource.tags.get_key_value(key) {
            Some(found) => Ok(ok(200, entry(found))),
            None => Err(Refusal::not_found(format!("Metadata item {key} not found"))),
        },
        None => Ok(listing(resource.tags.len(), resource.tags.iter().map(entry).collect())),
    }
}

/// `GET` on a collection.
fn list(state: &mut CloudState, call: &Call<'_>) -> Result<Answer, Refusal> {
    let kind = kinds::named(call.target.kind);
    let parent = state.parent(&call.target)?;
    looked_up::create_expected(state, call);
    let filters = Filters::of(kind, call)?;
    let mut found: Vec<(Uid, Value)> = state
        .store
        .of_kind(kind.name)
        .filter(|(_, resource)| {
            resource.project_region == call.project_region() && (parent.is_none() || resource.parent == parent)
        })
        // The machines of a cluster are listed only with the cluster.
        .filter(|(_, resource)| resource.parent.is_none() || kind.name != "instances")
        .filter(|(_, resource)| resource.seeded || resource.created <= state.listed_until())
        .filter(|(_, resource)| filters.coarse(resource))
        .map(|(uid, _)| (uid, state.view(uid)))
        .filter(|(_, shown)| filters.fine(shown))
        .collect();
    if call.request.path.contains("/availablenetworks/") {
        for (uid, shown) in &mut found {
            let subnets: Vec<_> = state.store.users(*uid, "subnets").map(|(subnet, _)| state.view(subnet)).collect();
            if let Value::Object(shown) = shown {
                shown.insert("subnets".into(), subnets.into());
            }
        }
    }
    if kind.name == "floatingips" {
        found.iter_mut().for_each(|(uid, shown)| report_holder(state, *uid, shown));
    }
    if call.request.path.contains("/availablefloatingips/") {
        found.retain(|(_, shown)| shown.get("port_id").is_none_or(Value::is_null));
    }
    if call.query("order_by").is_some_and(|order| order.ends_with("desc")) {
        found.reverse();
    }
    page(call, kind.page, found.into_iter().map(|(_, shown)| shown).collect())
}

/// Adds to a listed floating IP the whole resource that holds it.
fn report_holder(state: &CloudState, ip: Uid, shown: &mut Value) {
    let port = state.store.used(ip, "ports").next().map(|(_, port)| port);
    let holder = port.and_then(|port| port.parent).map(|holder| (holder, state.view(holder)));
    let of_kind = |kind| {
        let fits = |uid| state.store.get(uid).is_some_and(|holder| holder.kind.name == kind);
        holder.clone().filter(|(uid, _)| fits(*uid)).map_or(Value::Null, |(_, shown)| shown)
    };
    if let Value::Object(shown) = shown {
        shown.insert("instance".into(), of_kind("instances"));
        shown.insert("loadbalancer".into(), of_kind("loadbalancers"));
    }
}

/// One page of the results, by `limit` and `offset`.
pub(super) fn page(call: &Call<'_>, default: usize, results: Vec<Value>) -> Result<Answer, Refusal> {
    let size = call.query("limit").map(limit).transpose()?.unwrap_or(default);
    let offset = call.query("offset").map(|value| number("offset", value)).transpose()?.unwrap_or(0);
    let count = results.len();
    let from = usize::try_from(offset).unwrap_or(usize::MAX);
    Ok(listing(count, results.into_iter().skip(from).take(size).collect()))
}

/// The filters of a list query.
struct Filters<'c> {
    name: Option<&'c str>,
    partial: bool,
    tags: Vec<(String, String)>,
    tag_keys: Vec<String>,
    ids: Vec<String>,
    /// Query parameters with the name of a field: the field must have the value.
    fields: Vec<(&'c str, &'c str)>,
}

impl<'c> Filters<'c> {
    fn of(kind: &ResourceKind, call: &'c Call<'_>) -> Result<Self, Refusal> {
        let name = call.query("name").or_else(|| call.query("name_part"));
        let partial = kind.partial_name_filter || call.query("name_part").is_some();
        let tags = match call.query("tag_key_value") {
            Some(text) => tag_pairs(text)?,
            None => Vec::new(),
        };
        let ids = ["ids", "uuid", "uuids"].into_iter().flat_map(|parameter| call.query_list(parameter)).collect();
        // Some flags and sort orders have the name of a field, and are no filters.
        let other =
            ["name", "name_part", "limit", "offset", "order_by", "tag_key_value", "tag_key", "ids", "uuid", "uuids"];
        let known = call.request.query.iter().map(|(parameter, value)| (parameter.as_str(), value.as_str()));
        let fields = known.filter(|(parameter, _)| !other.contains(parameter)).collect();
        Ok(Self { name, partial, tags, tag_keys: call.query_list("tag_key").into_iter().collect(), ids, fields })
    }

    /// Filters on stored fields, applied before a resource is rendered.
    fn coarse(&self, resource: &Resource) -> bool {
        self.name.is_none_or(|name| if self.partial { resource.name.contains(name) } else { resource.name == name })
            && self.tags.iter().all(|(key, value)| resource.tags.get(key) == Some(value))
            && self.tag_keys.iter().all(|key| resource.tags.contains_key(key))
            && (self.ids.is_empty() || self.ids.contains(&resource.id))
    }

    fn fine(&self, shown: &Value) -> bool {
        self.fields.iter().all(|(parameter, wanted)| {
            let list = |field: &str| shown.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
            let has = |items: Vec<Value>, at: &str| {
                items.iter().any(|item| item.get(at).and_then(Value::as_str) == Some(*wanted))
            };
            match (*parameter, shown.get(*parameter)) {
                ("load_balancer_id", None) => has(list("loadbalancers"), "id"),
                ("listener_id", None) => has(list("listeners"), "id"),
                ("instance_id", None) => has(list("attachments"), "server_id"),
                ("visibility" | "private", _) if *wanted == "private" || *wanted == "true" => {
                    shown.get("visibility").and_then(Value::as_str) != Some("public")
                }
                (_, Some(Value::String(value))) => value == wanted,
                (_, Some(value @ (Value::Bool(_) | Value::Number(_)))) => value.to_string().as_str() == *wanted,
                _ => true,
            }
        })
    }
}

/// `tag_key_value`: a JSON object of texts.
fn tag_pairs(text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let wrong = || Refusal::invalid_field("tag_key_value", "must be a JSON object of texts");
    let pairs: Map<String, Value> = serde_json::from_str(text).map_err(|_| wrong())?;
    pairs.into_iter().map(|(key, value)| Ok((key, value.as_str().ok_or_else(wrong)?.to_owned()))).collect()
}
