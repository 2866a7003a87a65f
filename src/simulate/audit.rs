//! The audit log: which user agent did what to which resource. It has an entry for every write that was carried out,
//! even when its answer was lost.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::{Refusal, resource_time};
use super::call::Call;
use super::tasks::{CLIENT, USER, ascending, limit, number, time};
use crate::catalog::Method;

/// A write that was carried out.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) at: Timestamp,
    pub(super) action: &'static str,
    pub(super) group: String,
    pub(super) project: u64,
    pub(super) region: u64,
    pub(super) user_agent: Option<String>,
    pub(super) task: Option<String>,
    /// Kind and id of each.
    pub(super) resources: Vec<(&'static str, String)>,
}

/// The audit log, oldest entry first.
#[derive(Debug, Default)]
pub(super) struct Audit {
    entries: Vec<Entry>,
}

impl Entry {
    fn view(&self) -> Value {
        let resource = |(kind, id): &(&str, String)| {
            json!({
                "resource_id": id,
                "resource_type": resource_type(kind),
                "resource_body": null,
                "search_field": null,
            })
        };
        let resources: Vec<_> = self.resources.iter().map(resource).collect();
        json!({
            "id": self.id,
            "timestamp": resource_time(self.at),
            "action_type": self.action,
            "api_group": self.group,
            "acknowledged": false,
            "action_data": null,
            "client_id": CLIENT,
            "email": null,
            "is_complete": true,
            "issued_by_user_id": null,
            "project_id": (self.project > 0).then_some(self.project),
            "region_id": (self.region > 0).then_some(self.region),
            "resources": resources,
            "source_user_ip": "127.0.0.1",
            "task_id": self.task,
            "token_id": 1,
            "total_price": null,
            "user_agent": self.user_agent,
            "user_id": USER,
        })
    }
}

impl Audit {
    pub(super) fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// The total, and one page, of the entries made by `until` that match a query.
    pub(super) fn list(&self, query: &[(String, String)], until: Timestamp) -> Result<(usize, Vec<Value>), Refusal> {
        let (mut size, mut offset, mut oldest_first) = (1000, 0, false);
        let mut found: Vec<_> = self.entries.iter().filter(|entry| entry.at <= until).collect();
        let several = |name: &str| -> Vec<&str> {
            let named = query.iter().filter(|(known, _)| known.trim_end_matches("[]") == name);
            named.map(|(_, value)| value.as_str()).collect()
        };
        for (name, value) in query {
            match name.as_str() {
                "limit" => size = limit(value)?,
                "offset" => offset = number(name, value)?.try_into().unwrap_or(usize::MAX),
                "order_by" | "sorting" => oldest_first = ascending(name, value)?,
                "from_timestamp" => {
                    let from = time(name, value)?;
                    found.retain(|entry| entry.at >= from);
                }
                "to_timestamp" => {
                    let to = time(name, value)?;
                    found.retain(|entry| entry.at <= to);
                }
                _ => {}
            }
        }
        let fits = |entry: &&Entry, name: &str, has: &dyn Fn(&Entry, &str) -> bool| {
            let wanted = several(name);
            wanted.is_empty() || wanted.iter().any(|wanted| has(entry, wanted))
        };
        found.retain(|entry| {
            fits(entry, "user_agents", &|entry, wanted| entry.user_agent.as_deref() == Some(wanted))
                && fits(entry, "api_group", &|entry, wanted| entry.group == wanted)
                && fits(entry, "action_type", &|entry, wanted| entry.action == wanted)
                && fits(entry, "project_id", &|entry, wanted| entry.project.to_string() == wanted)
                && fits(entry, "region_id", &|entry, wanted| entry.region.to_string() == wanted)
                && fits(entry, "resource_id", &|entry, wanted| entry.resources.iter().any(|(_, id)| id == wanted))
                && fits(entry, "source_user_ips", &|_, wanted| wanted == "127.0.0.1")
        });
        let count = found.len();
        if !oldest_first {
            found.reverse();
        }
        Ok((count, found.into_iter().skip(offset).take(size).map(Entry::view).collect()))
    }
}

/// The log's name for the action of a call.
pub(super) fn action_of(call: &Call<'_>) -> &'static str {
    const WORDS: [&str; 14] = [
        "attach",
        "detach",
        "failover",
        "resize",
        "rebuild",
        "revert",
        "retype",
        "upgrade",
        "start",
        "stop",
        "suspend",
        "resume",
        "reboot_hard",
        "reboot",
    ];
    let below = call.target.rest.first().map(String::as_str).unwrap_or_default();
    let word = call.text("action").unwrap_or(below);
    if let Some(known) = WORDS.iter().find(|known| word.starts_with(**known)) {
        return known;
    }
    match call.method() {
        Method::Delete => "delete",
        Method::Post if call.target.key.is_none() => "create",
        _ => "update",
    }
}

/// The log's name for the type of a resource.
fn resource_type(kind: &str) -> String {
    match kind {
        "bminstances" => "baremetal_server".to_owned(),
        "reserved_fixed_ips" => "port".to_owned(),
        "inference_instances" => "inference_instance".to_owned(),
        "inference_applications" => "inference_application".to_owned(),
        "inference_secrets" => "inference_secret".to_owned(),
        "api_keys" => "inference_api_key".to_owned(),
        "registry_credentials" => "inference_registry_credentials".to_owned(),
        "registry_users" => "registry_user".to_owned(),
        "ai_clusters" | "gpu_baremetal_clusters" => "gpuai_cluster".to_owned(),
        "gpu_virtual_clusters" => "virtual_gpu_cluster".to_owned(),
        kind => group(kind),
    }
}

/// The log's name for the group of a kind.
pub(super) fn group(kind: &str) -> String {
    match kind {
        "floatingips" => "floating_ip",
        "security_groups" => "securitygroup",
        "security_group_rules" => "securitygrouprule",
        "bminstances" => "baremetal",
        "listeners" => "lblistener",
        "pools" => "lbpool",
        "members" => "lbpool_member",
        "healthmonitors" => "lb_health_monitor",
        "l7polices" => "lb_l7policy",
        "l7rules" => "lb_l7rule",
        "postgresql_clusters" => "dbaas_postgres",
        "file_shares" | "access_rules" => "file_shares",
        "registry_registries" | "registry_users" => "registry",
        "lifecycle_policies" => "lifecycle_policy",
        "inference_instances"
        | "inference_applications"
        | "inference_secrets"
        | "api_keys"
        | "registry_credentials" => "inference_at_the_edge",
        "ai_clusters" | "gpu_baremetal_clusters" | "gpu_virtual_clusters" => "ai_cluster",
        "gpu_images" => "image",
        "caas_secrets" => "caas_pull_secret",
        kind => return kind.trim_end_matches('s').to_owned(),
    }
    .to_owned()
}
