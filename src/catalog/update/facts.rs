//! Facts about updates that the document does not contain: tables, each row from the description of its call. Paths
//! as in `knowledge.yaml`, with `PR` for project and region.

use super::{Act, MachinePart, Rule};
use crate::catalog::Operation;

const fn set(field: &'static str, sent_as: &'static str) -> Act {
    Act::Set { field, sent_as, with: None, rule: Rule::Any }
}

const fn grow(field: &'static str) -> Act {
    Act::Set { field, sent_as: field, with: None, rule: Rule::OnlyLarger }
}

/// Calls in addition to the PATCH of a resource: the resource's path, the call, and what it does. Several calls for
/// one field are sent in this order.
pub(super) const FACTS: &[(&str, &str, Act)] = &[
    ("v1/volumes/PR/{volume_id}", "POST v1/volumes/PR/{volume_id}/retype", set("type_name", "volume_type")),
    ("v1/volumes/PR/{volume_id}", "POST v1/volumes/PR/{volume_id}/extend", grow("size")),
    (
        "v1/volumes/PR/{volume_id}",
        "POST v2/volumes/PR/{volume_id}/detach",
        Act::Detach { field: "instance_id_to_attach_to", sent_as: Some("instance_id") },
    ),
    (
        "v1/volumes/PR/{volume_id}",
        "POST v2/volumes/PR/{volume_id}/attach",
        Act::Attach { field: "instance_id_to_attach_to", sent_as: "instance_id" },
    ),
    ("v1/file_shares/PR/{file_share_id}", "POST v1/file_shares/PR/{file_share_id}/extend", grow("size")),
    ("/streaming/videos/{video_id}", "PATCH /streaming/videos/{video_id}", Act::Inner { field: "video" }),
    ("v1/instances/PR/{instance_id}", "POST v1/instances/PR/{instance_id}/changeflavor", set("flavor", "flavor_id")),
    (
        "v1/instances/PR/{instance_id}",
        "POST v1/instances/PR/{instance_id}/remove_from_servergroup",
        Act::Detach { field: "servergroup_id", sent_as: None },
    ),
    (
        "v1/instances/PR/{instance_id}",
        "POST v1/instances/PR/{instance_id}/put_into_servergroup",
        Act::Attach { field: "servergroup_id", sent_as: "servergroup_id" },
    ),
    (
        "v1/instances/PR/{instance_id}",
        "POST v1/instances/PR/{instance_id}/addsecuritygroup",
        Act::AttachPart { field: "security_groups", part: MachinePart::SecurityGroup },
    ),
    (
        "v1/instances/PR/{instance_id}",
        "POST v1/instances/PR/{instance_id}/delsecuritygroup",
        Act::DetachPart { field: "security_groups", part: MachinePart::SecurityGroup },
    ),
    (
        "v1/instances/PR/{instance_id}",
        "POST v1/instances/PR/{instance_id}/attach_interface",
        Act::AttachPart { field: "interfaces", part: MachinePart::Interface },
    ),
    (
        "v1/instances/PR/{instance_id}",
        "POST v1/instances/PR/{instance_id}/detach_interface",
        Act::DetachPart { field: "interfaces", part: MachinePart::Interface },
    ),
    (
        "v1/instances/PR/{instance_id}",
        "POST v2/volumes/PR/{volume_id}/attach",
        Act::AttachPart { field: "volumes", part: MachinePart::Volume },
    ),
    (
        "v1/instances/PR/{instance_id}",
        "POST v2/volumes/PR/{volume_id}/detach",
        Act::DetachPart { field: "volumes", part: MachinePart::Volume },
    ),
    (
        "v1/loadbalancers/PR/{load_balancer_id}",
        "POST v1/loadbalancers/PR/{load_balancer_id}/resize",
        set("flavor", "flavor"),
    ),
    (
        "v1/routers/PR/{router_id}",
        "POST v1/routers/PR/{router_id}/detach",
        Act::DetachEach { field: "interfaces", key: "subnet_id" },
    ),
    (
        "v1/routers/PR/{router_id}",
        "POST v1/routers/PR/{router_id}/attach",
        Act::AttachEach { field: "interfaces", key: "subnet_id" },
    ),
    (
        "v2/k8s/clusters/PR/{cluster_name}",
        "POST v2/k8s/clusters/PR/{cluster_name}/upgrade",
        Act::Set { field: "version", sent_as: "version", with: None, rule: Rule::LaterVersion },
    ),
    (
        "v2/k8s/clusters/PR/{cluster_name}",
        "POST v2/k8s/clusters/PR/{cluster_name}/pools",
        Act::MakeElement { field: "pools", key: "name" },
    ),
    (
        "v2/k8s/clusters/PR/{cluster_name}",
        "PATCH v2/k8s/clusters/PR/{cluster_name}/pools/{pool_name}",
        Act::Element { field: "pools", key: "name", parameter: "pool_name" },
    ),
    (
        "v2/k8s/clusters/PR/{cluster_name}",
        "DELETE v2/k8s/clusters/PR/{cluster_name}/pools/{pool_name}",
        Act::RemoveElement { field: "pools", key: "name", parameter: "pool_name" },
    ),
    (
        "v1/registries/PR/{registry_id}",
        "PATCH v1/registries/PR/{registry_id}/resize",
        set("storage_limit", "storage_limit"),
    ),
    (
        "v1/lifecycle_policy/PR/{policy_id}",
        "PUT v1/lifecycle_policy/PR/{policy_id}/remove_volumes_from_policy",
        Act::Remove { field: "volume_ids" },
    ),
    (
        "v1/lifecycle_policy/PR/{policy_id}",
        "PUT v1/lifecycle_policy/PR/{policy_id}/add_volumes_to_policy",
        Act::Add { field: "volume_ids" },
    ),
    (
        "v3/gpu/virtual/PR/clusters/{cluster_id}",
        "POST v3/gpu/virtual/PR/clusters/{cluster_id}/action",
        Act::Set {
            field: "servers_count",
            sent_as: "servers_count",
            with: Some(("action", "resize")),
            rule: Rule::Any,
        },
    ),
    (
        "v3/gpu/baremetal/PR/clusters/{cluster_id}",
        "POST v1/ai/clusters/gpu/PR/{cluster_id}/resize",
        set("servers_count", "instances_count"),
    ),
];

/// Resources whose update call has another path.
pub(super) const OTHER_PATHS: &[(&str, &str)] = &[
    ("v1/securitygroups/PR/{group_id}", "PATCH v2/security_groups/PR/{group_id}"),
    ("v1/lbpools/PR/{pool_id}/member/{member_id}", "PATCH v1/loadbalancers/PR/pools/{pool_id}/members/{member_id}"),
];

/// The monitor of a pool is changed by a call to its pool.
pub(super) const MONITOR: (&str, &str, &str) =
    ("POST v1/lbpools/PR/{pool_id}/healthmonitor", "PATCH v2/lbpools/PR/{pool_id}", "healthmonitor");

/// Creates whose update takes their fields inside a field of its body.
pub(super) const WRAPPED: &[(&str, &str)] = &[("POST /streaming/streams", "stream")];

/// Fields that must be sent alone: the API refuses them together with others.
const ALONE: &[(&str, &str)] = &[("PATCH v1/caas/PR/containers/{container_name}", "is_disabled")];

/// Fields whose change the API refuses although its document takes them: 500 with `field 'name' should not change` was
/// seen.
const FIXED: &[(&str, &str)] =
    &[("PUT /dns/v2/network-mappings/{id}", "name"), ("PUT /dns/v2/network-mappings/{id}", "id")];

/// Calls whose effect a read shows while their task still runs.
const SHOWN_EARLY: &[&str] =
    &["POST v1/instances/PR/{instance_id}/attach_interface", "POST v2/k8s/clusters/PR/{cluster_name}/pools"];

/// Fields whose absence means something other than `null` or an empty value: they cannot be reset.
const NOT_RESETTABLE: &[(&str, &str)] =
    &[("PATCH v1/subnets/PR/{subnet_id}", "gateway_ip"), ("PATCH v2/security_groups/PR/{group_id}", "rules")];

/// Fields that an update can only increase: the call, and the place in its body.
const ONLY_GROWS: &[(&str, &str)] = &[("PATCH v1/dbaas/postgres/clusters/PR/{cluster_name}", "storage/size_gib")];

/// A field and its value in the elements of a list that the API adds to a create which does not name the list.
pub type Added = Option<(&'static str, &'static str)>;

/// Lists that an update call replaces as a whole, although other calls make single elements of them: the resource, the
/// field, and what the API adds.
const SHARED: &[(&str, &str, Added)] = &[
    ("v1/securitygroups/PR/{group_id}", "rules", Some(("direction", "egress"))),
    ("v1/lbpools/PR/{pool_id}", "members", None),
];

/// Where a read shows a field of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadForm {
    /// With its own name.
    Same,
    /// At this JSON pointer.
    At(&'static str),
    /// The list at this JSON pointer holds every element of the body; an element is identified by `key` in the body and
    /// by `shown` there.
    Listed { pointer: &'static str, key: &'static str, shown: &'static str },
    /// The ids in the body occur somewhere below this JSON pointer.
    Below(&'static str),
}

/// Fields that a read shows at another place or in another form: the resource, the field.
const FORMS: &[(&str, &str, ReadForm)] = &[
    ("v1/volumes/PR/{volume_id}", "type_name", ReadForm::At("/volume_type")),
    ("v1/volumes/PR/{volume_id}", "instance_id_to_attach_to", ReadForm::Below("/attachments")),
    ("v1/instances/PR/{instance_id}", "flavor", ReadForm::At("/flavor/flavor_id")),
    ("v1/instances/PR/{instance_id}", "servergroup_id", ReadForm::Below("/servergroup")),
    ("v1/loadbalancers/PR/{load_balancer_id}", "flavor", ReadForm::At("/flavor/flavor_name")),
    ("v1/routers/PR/{router_id}", "interfaces", ReadForm::Below("/interfaces")),
    ("v1/securitygroups/PR/{group_id}", "rules", ReadForm::At("/security_group_rules")),
    ("v1/lifecycle_policy/PR/{policy_id}", "volume_ids", ReadForm::Below("/volumes")),
    (
        "v1/instances/PR/{instance_id}",
        "volumes",
        ReadForm::Listed { pointer: "/volumes", key: "volume_id", shown: "id" },
    ),
    ("/streaming/broadcasts/{broadcast_id}", "broadcast", ReadForm::At("")),
    ("/streaming/restreams/{restream_id}", "restream", ReadForm::At("")),
    ("/streaming/players/{player_id}", "player", ReadForm::At("")),
    ("/streaming/videos/{video_id}", "video", ReadForm::At("")),
    ("/streaming/directories/{directory_id}", "name", ReadForm::At("/directory/name")),
    ("/streaming/directories/{directory_id}", "parent_id", ReadForm::At("/directory/parent_id")),
    ("v2/k8s/clusters/PR/{cluster_name}", "pools", ReadForm::Listed { pointer: "/pools", key: "name", shown: "name" }),
];

/// Where a read of the resource with this documented path shows a field.
pub fn form_of(route: &str, field: &str) -> ReadForm {
    let known = FORMS.iter().find(|(of, name, _)| *name == field && full(of) == route);
    known.map_or(ReadForm::Same, |(_, _, form)| *form)
}

/// The fields of a resource whose lists hold elements of other calls, which an update has to send along.
pub fn shared_lists(route: &str) -> impl Iterator<Item = (&'static str, Added)> + '_ {
    SHARED.iter().filter(move |(of, ..)| full(of) == route).map(|(_, field, added)| (*field, *added))
}

/// Where the resource is in the answer of its read, when it is not the whole answer.
pub fn shown_at(create: &Operation) -> Option<&'static str> {
    is(create, MONITOR.0).then_some("/healthmonitor")
}

/// Expands a path or call of the tables; paths and calls of other products than the Cloud API are written in full.
pub(super) fn full(short: &str) -> String {
    let long = short.replace("PR", "{project_id}/{region_id}");
    match long.split_once(' ') {
        Some((_, path)) if path.starts_with('/') => long,
        Some((method, path)) => format!("{method} /cloud/{path}"),
        None if long.starts_with('/') => long,
        None => format!("/cloud/{long}"),
    }
}

pub(super) fn is(operation: &Operation, short: &str) -> bool {
    operation.route.to_string() == full(short)
}

/// Whether a field must be sent in a call of its own.
pub fn must_be_sent_alone(operation: &Operation, field: &str) -> bool {
    ALONE.iter().any(|(call, alone)| *alone == field && is(operation, call))
}

/// Whether a field keeps the value that it was created with.
pub(super) fn is_fixed(operation: &Operation, field: &str) -> bool {
    FIXED.iter().any(|(call, fixed)| *fixed == field && is(operation, call))
}

/// Whether a read shows the effect of a call while its task still runs.
pub fn shows_early(operation: &Operation) -> bool {
    SHOWN_EARLY.iter().any(|call| is(operation, call))
}

/// Whether a call takes something off a resource that exists without it: refused where that is not there any more.
pub fn takes_off(operation: &Operation) -> bool {
    let takes = |act: &Act| {
        matches!(act, Act::Detach { .. } | Act::DetachEach { .. } | Act::DetachPart { .. } | Act::Remove { .. })
    };
    FACTS.iter().any(|(_, call, act)| takes(act) && is(operation, call))
}

/// Whether a field can be reset to its value without the plan's.
pub fn can_be_reset(operation: &Operation, field: &str) -> bool {
    !NOT_RESETTABLE.iter().any(|(call, name)| *name == field && is(operation, call))
}

/// The places in a field's value, beginning with its name, that can only be increased.
pub fn only_grows<'f>(operation: &'f Operation, field: &'f str) -> impl Iterator<Item = &'static str> + 'f {
    let below = move |place: &str| place.split('/').next() == Some(field);
    ONLY_GROWS.iter().filter(move |(call, place)| below(place) && is(operation, call)).map(|(_, place)| *place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::update::{resource_route, top_fields};
    use crate::catalog::{Catalog, Route};

    #[test]
    fn every_fact_names_calls_that_exist() {
        let catalog = Catalog::embedded();
        let kinds: Vec<String> =
            catalog.operations().filter_map(|operation| resource_route(&operation).map(str::to_owned)).collect();
        for (kind, call, act) in FACTS {
            assert!(kinds.contains(&full(kind)), "{kind}");
            let operation = catalog.find(&Route::parse(&full(call)).unwrap()).unwrap_or_else(|| panic!("{call}"));
            assert!(!operation.deprecated, "{call}");
            let body = catalog.body_schema(&operation).map(|body| top_fields(&body)).unwrap_or_default();
            let sent = match act {
                Act::Set { sent_as, .. } | Act::Attach { sent_as, .. } | Act::Detach { sent_as: Some(sent_as), .. } => {
                    sent_as
                }
                Act::DetachEach { key, .. } | Act::AttachEach { key, .. } => key,
                Act::Remove { field } | Act::Add { field } => field,
                Act::Detach { sent_as: None, .. } => continue,
                Act::MakeElement { key, .. } => key,
                Act::AttachPart { part: MachinePart::Interface, .. } => "type",
                Act::DetachPart { part: MachinePart::Interface, .. } => "port_id",
                Act::AttachPart { part: MachinePart::SecurityGroup, .. }
                | Act::DetachPart { part: MachinePart::SecurityGroup, .. } => "name",
                Act::AttachPart { part: MachinePart::Volume, .. }
                | Act::DetachPart { part: MachinePart::Volume, .. } => "instance_id",
                Act::Element { parameter, .. } | Act::RemoveElement { parameter, .. } => {
                    assert!(operation.path_parameters.iter().any(|known| known.name == *parameter), "{call}");
                    continue;
                }
                Act::Inner { field } => {
                    assert!(!body.iter().any(|known| known == field), "{call}: {field}");
                    continue;
                }
                Act::Fields { .. } => panic!("{call}: the document says that"),
            };
            assert!(body.iter().any(|field| field == sent), "{call}: {sent}");
        }
        for (kind, ..) in FORMS {
            assert!(kinds.contains(&full(kind)), "{kind}");
        }
        let elsewhere = OTHER_PATHS.iter().map(|(_, call)| *call).chain([MONITOR.0, MONITOR.1]);
        let fields = ALONE
            .iter()
            .chain(NOT_RESETTABLE)
            .chain(ONLY_GROWS)
            .chain(FIXED)
            .map(|(call, _)| *call)
            .chain(SHOWN_EARLY.iter().copied());
        for call in elsewhere.chain(fields) {
            assert!(catalog.find(&Route::parse(&full(call)).unwrap()).is_some(), "{call}");
        }
    }

    #[test]
    fn every_list_that_other_calls_add_to_is_shared() {
        let catalog = Catalog::embedded();
        let creates: Vec<_> = catalog.operations().filter(|operation| operation.creates.is_some()).collect();
        let mut found = Vec::new();
        for create in creates.iter().filter(|create| !create.deprecated) {
            let Some(route) = resource_route(create) else { continue };
            let whole = |act: &Act| matches!(act, Act::Fields { .. });
            let update_calls = catalog.update_calls_of(create);
            let fields = update_calls.iter().filter(|call| whole(&call.act)).flat_map(|call| call.act.fields());
            // There is one monitor, and no list of them.
            for field in fields.filter(|field| *field != MONITOR.2) {
                let own = super::super::shape(route);
                let adds = |other: &&std::sync::Arc<Operation>| {
                    let path = super::super::shape(&other.route.path);
                    let below = path.strip_prefix(&own[..]).filter(|below| below.len() == 1);
                    below.is_some_and(|below| field.starts_with(below[0]) || below[0].starts_with(field))
                };
                if creates.iter().any(|other| adds(&other)) {
                    found.push((route.to_owned(), field.to_owned()));
                }
            }
        }
        found.sort();
        found.dedup();
        let mut known: Vec<_> = SHARED.iter().map(|(route, field, _)| (full(route), (*field).to_owned())).collect();
        known.sort();
        assert_eq!(found, known);
    }
}
