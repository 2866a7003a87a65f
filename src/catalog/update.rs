//! Updates in place: which call changes which field of a create's body.
//!
//! Most of it follows from the document: the PATCH or PUT of a resource takes fields with the names of its create.
//! Other facts (a disk grows by `extend`, a machine changes its flavor by a call of its own) are in a table, each
//! taken from the description of its call.

use std::sync::Arc;

use super::operation::{Method, Operation, Route};
use super::{BodySchema, Catalog, root_of};

/// A call that changes a created resource.
#[derive(Debug, Clone)]
pub struct Way {
    pub operation: Arc<Operation>,
    pub act: Act,
}

/// How a call changes fields of the create's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// It takes these fields, with the same names.
    Fields {
        fields: Vec<String>,
        /// It removes fields that it does not contain, so that all have to be sent (PUT).
        whole: bool,
        /// The field of its body that contains them.
        inside: Option<&'static str>,
    },
    /// It takes this field with another name.
    Set {
        field: &'static str,
        sent_as: &'static str,
        with: Option<(&'static str, &'static str)>,
        rule: Rule,
    },
    /// It removes what the old value refers to; `Act::Begin` adds the new.
    End {
        field: &'static str,
        sent_as: Option<&'static str>,
    },
    Begin {
        field: &'static str,
        sent_as: &'static str,
    },
    /// Once per removed element: it takes this field of it.
    EndEach {
        field: &'static str,
        key: &'static str,
    },
    /// Once per new element.
    BeginEach {
        field: &'static str,
        key: &'static str,
    },
    /// All removed elements at once.
    Remove {
        field: &'static str,
    },
    /// All new elements at once.
    Add {
        field: &'static str,
    },
    /// It changes one element, which its path names.
    Element {
        field: &'static str,
        key: &'static str,
        parameter: &'static str,
    },
}

/// The changes that a call can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    Any,
    /// Only to a larger value.
    Grows,
    /// Only to a later version.
    Rises,
}

impl Act {
    /// Whether it changes a field.
    pub fn takes(&self, name: &str) -> bool {
        match self {
            Act::Fields { fields, .. } => fields.iter().any(|field| field == name),
            Act::Set { field, .. }
            | Act::End { field, .. }
            | Act::Begin { field, .. }
            | Act::EndEach { field, .. }
            | Act::BeginEach { field, .. }
            | Act::Remove { field }
            | Act::Add { field }
            | Act::Element { field, .. } => *field == name,
        }
    }
}

const fn set(field: &'static str, sent_as: &'static str) -> Act {
    Act::Set { field, sent_as, with: None, rule: Rule::Any }
}

const fn grow(field: &'static str) -> Act {
    Act::Set { field, sent_as: field, with: None, rule: Rule::Grows }
}

/// Calls in addition to the PATCH of a resource: the resource's path, the call, and what it does. Paths as in
/// `knowledge.yaml`. Several calls for one field are sent in this order.
const FACTS: &[(&str, &str, Act)] = &[
    ("v1/volumes/PR/{volume_id}", "POST v1/volumes/PR/{volume_id}/retype", set("type_name", "volume_type")),
    ("v1/volumes/PR/{volume_id}", "POST v1/volumes/PR/{volume_id}/extend", grow("size")),
    (
        "v1/volumes/PR/{volume_id}",
        "POST v2/volumes/PR/{volume_id}/detach",
        Act::End { field: "instance_id_to_attach_to", sent_as: Some("instance_id") },
    ),
    (
        "v1/volumes/PR/{volume_id}",
        "POST v2/volumes/PR/{volume_id}/attach",
        Act::Begin { field: "instance_id_to_attach_to", sent_as: "instance_id" },
    ),
    ("v1/file_shares/PR/{file_share_id}", "POST v1/file_shares/PR/{file_share_id}/extend", grow("size")),
    ("v1/instances/PR/{instance_id}", "POST v1/instances/PR/{instance_id}/changeflavor", set("flavor", "flavor_id")),
    (
        "v1/instances/PR/{instance_id}",
        "POST v1/instances/PR/{instance_id}/remove_from_servergroup",
        Act::End { field: "servergroup_id", sent_as: None },
    ),
    (
        "v1/instances/PR/{instance_id}",
        "POST v1/instances/PR/{instance_id}/put_into_servergroup",
        Act::Begin { field: "servergroup_id", sent_as: "servergroup_id" },
    ),
    (
        "v1/loadbalancers/PR/{load_balancer_id}",
        "POST v1/loadbalancers/PR/{load_balancer_id}/resize",
        set("flavor", "flavor"),
    ),
    (
        "v1/routers/PR/{router_id}",
        "POST v1/routers/PR/{router_id}/detach",
        Act::EndEach { field: "interfaces", key: "subnet_id" },
    ),
    (
        "v1/routers/PR/{router_id}",
        "POST v1/routers/PR/{router_id}/attach",
        Act::BeginEach { field: "interfaces", key: "subnet_id" },
    ),
    (
        "v2/k8s/clusters/PR/{cluster_name}",
        "POST v2/k8s/clusters/PR/{cluster_name}/upgrade",
        Act::Set { field: "version", sent_as: "version", with: None, rule: Rule::Rises },
    ),
    (
        "v2/k8s/clusters/PR/{cluster_name}",
        "PATCH v2/k8s/clusters/PR/{cluster_name}/pools/{pool_name}",
        Act::Element { field: "pools", key: "name", parameter: "pool_name" },
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
const ELSEWHERE: &[(&str, &str)] = &[
    ("v1/securitygroups/PR/{group_id}", "PATCH v2/security_groups/PR/{group_id}"),
    ("v1/lbpools/PR/{pool_id}/member/{member_id}", "PATCH v1/loadbalancers/PR/pools/{pool_id}/members/{member_id}"),
];

/// The monitor of a pool is changed by a call to its pool.
const MONITOR: (&str, &str, &str) =
    ("POST v1/lbpools/PR/{pool_id}/healthmonitor", "PATCH v2/lbpools/PR/{pool_id}", "healthmonitor");

/// Fields that must be sent alone: the API refuses them together with others.
const ALONE: &[(&str, &str)] = &[("PATCH v1/caas/PR/containers/{container_name}", "is_disabled")];

/// Fields whose absence means something other than `null` or an empty value: they cannot be reset.
const NO_WAY_BACK: &[(&str, &str)] =
    &[("PATCH v1/subnets/PR/{subnet_id}", "gateway_ip"), ("PATCH v2/security_groups/PR/{group_id}", "rules")];

/// Fields that an update can only increase: the call, and the place in its body.
const ONLY_GROWS: &[(&str, &str)] = &[("PATCH v1/dbaas/postgres/clusters/PR/{cluster_name}", "storage/size_gib")];

/// Where a read shows a field of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// With its own name.
    Same,
    /// At this JSON pointer.
    At(&'static str),
    /// The ids in the body occur somewhere below this JSON pointer.
    Below(&'static str),
}

/// Fields that a read shows at another place or in another form: the resource, the field.
const FORMS: &[(&str, &str, Form)] = &[
    ("v1/volumes/PR/{volume_id}", "type_name", Form::At("/volume_type")),
    ("v1/volumes/PR/{volume_id}", "instance_id_to_attach_to", Form::Below("/attachments")),
    ("v1/instances/PR/{instance_id}", "flavor", Form::At("/flavor/flavor_id")),
    ("v1/instances/PR/{instance_id}", "servergroup_id", Form::Below("/servergroup")),
    ("v1/loadbalancers/PR/{load_balancer_id}", "flavor", Form::At("/flavor/flavor_name")),
    ("v1/routers/PR/{router_id}", "interfaces", Form::Below("/interfaces")),
    ("v1/securitygroups/PR/{group_id}", "rules", Form::At("/security_group_rules")),
    ("v1/lifecycle_policy/PR/{policy_id}", "volume_ids", Form::Below("/volumes")),
    ("v2/k8s/clusters/PR/{cluster_name}", "pools", Form::At("/-")),
];

/// Where a field of the resource with this documented path is shown.
pub fn form_of(thing: &str, field: &str) -> Form {
    let known = FORMS.iter().find(|(of, name, _)| *name == field && full(of) == thing);
    known.map_or(Form::Same, |(_, _, form)| *form)
}

/// Where the resource is in the answer of its read, when it is not the whole answer.
pub fn shown_at(create: &Operation) -> Option<&'static str> {
    is(create, MONITOR.0).then_some("/healthmonitor")
}

/// Expands a path or call of the tables.
fn full(short: &str) -> String {
    let long = short.replace("PR", "{project_id}/{region_id}");
    match long.split_once(' ') {
        Some((method, path)) => format!("{method} /cloud/{path}"),
        None => format!("/cloud/{long}"),
    }
}

fn is(operation: &Operation, short: &str) -> bool {
    operation.route.to_string() == full(short)
}

/// Whether a field must be sent in a call of its own.
pub fn goes_alone(operation: &Operation, field: &str) -> bool {
    ALONE.iter().any(|(call, alone)| *alone == field && is(operation, call))
}

/// Whether a field can be reset to its value without the plan's.
pub fn has_way_back(operation: &Operation, field: &str) -> bool {
    !NO_WAY_BACK.iter().any(|(call, name)| *name == field && is(operation, call))
}

/// The places in a field's value, beginning with its name, that can only be increased.
pub fn only_grows<'f>(operation: &'f Operation, field: &'f str) -> impl Iterator<Item = &'static str> + 'f {
    let below = move |place: &str| place.split('/').next() == Some(field);
    ONLY_GROWS.iter().filter(move |(call, place)| below(place) && is(operation, call)).map(|(_, place)| *place)
}

/// The documented path of a created resource: that of its read, else that of its delete.
pub fn thing_route(create: &Operation) -> Option<&str> {
    let resource = create.creates.as_ref()?.resource.as_ref()?;
    let delete = resource.delete.as_ref().map(|delete| delete.path.as_str());
    resource.read.as_deref().or(delete)
}

impl Catalog {
    /// The calls that change a created resource, in the order in which they are sent.
    pub fn ways(&self, create: &Operation) -> Vec<Way> {
        let mut ways: Vec<Way> = self.update_of(create).into_iter().collect();
        let Some(thing) = thing_route(create) else { return ways };
        for (_, call, act) in FACTS.iter().filter(|(of, _, _)| full(of) == thing) {
            let known = Route::parse(&full(call)).and_then(|route| self.find(&route));
            ways.extend(known.map(|operation| Way { operation, act: act.clone() }));
        }
        ways
    }

    /// The PATCH or PUT of a created resource, with the fields that create and update have in common.
    fn update_of(&self, create: &Operation) -> Option<Way> {
        let (monitor_of, monitor_call, inside) = MONITOR;
        let inside = is(create, monitor_of).then_some(inside);
        let operation = match inside {
            Some(_) => self.find(&Route::parse(&full(monitor_call))?)?,
            None => self.update_route(thing_route(create)?)?,
        };
        let made = top_fields(&*self.body_schema(create)?);
        let taken = match inside {
            Some(_) => made.clone(),
            None => top_fields(&*self.body_schema(&operation)?),
        };
        let fields: Vec<String> = made.into_iter().filter(|field| taken.contains(field)).collect();
        let whole = operation.route.method == Method::Put || inside.is_some();
        (!fields.is_empty()).then_some(Way { operation, act: Act::Fields { fields, whole, inside } })
    }

    /// The update call for a path: in any version, unless deprecated.
    fn update_route(&self, thing: &str) -> Option<Arc<Operation>> {
        let elsewhere = ELSEWHERE.iter().find(|(of, _)| full(of) == thing);
        if let Some((_, call)) = elsewhere {
            return self.find(&Route::parse(&full(call))?);
        }
        let wanted = shape(thing);
        let root = root_of(thing);
        let same = |method: Method| {
            let wanted = wanted.clone();
            self.operations_at(root, move |route| route.method == method && shape(&route.path) == wanted)
        };
        same(Method::Patch).chain(same(Method::Put)).find(|operation| !operation.deprecated)
    }
}

/// A path without version and parameter names.
fn shape(path: &str) -> Vec<&str> {
    let is_version =
        |word: &str| word.len() > 1 && word.starts_with('v') && word[1..].bytes().all(|byte| byte.is_ascii_digit());
    let segments = path.split('/').map(|word| if word.starts_with('{') || is_version(word) { "" } else { word });
    segments.collect()
}

/// The names of a body's fields, over all variants.
pub fn top_fields(body: &BodySchema) -> Vec<String> {
    let mut names = Vec::new();
    let mut open = vec![body.root()];
    while let Some(schema) = open.pop() {
        let schema = body.resolve(schema);
        for name in schema.properties.keys().filter(|name| !names.contains(*name)).cloned().collect::<Vec<_>>() {
            names.push(name);
        }
        open.extend(schema.variants.iter().map(|variant| &variant.schema));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(call: &str) -> Vec<String> {
        let catalog = Catalog::embedded();
        let create = catalog.find(&Route::parse(&full(call)).unwrap()).unwrap_or_else(|| panic!("{call}"));
        let words = |way: Way| {
            let route =
                way.operation.route.to_string().replace("{project_id}/{region_id}", "PR").replace("/cloud/", "");
            match way.act {
                Act::Fields { mut fields, whole, inside } => {
                    fields.sort();
                    let whole = if whole { " whole" } else { "" };
                    format!(
                        "{route}{whole}{}: {}",
                        inside.map(|name| format!(" in {name}")).unwrap_or_default(),
                        fields.join(" ")
                    )
                }
                Act::Set { field, sent_as, .. } => format!("{route}: {field} as {sent_as}"),
                other => format!("{route}: {other:?}"),
            }
        };
        catalog.ways(&create).into_iter().map(words).collect()
    }

    #[test]
    fn every_fact_names_calls_that_exist() {
        let catalog = Catalog::embedded();
        let things: Vec<String> =
            catalog.operations().filter_map(|operation| thing_route(&operation).map(str::to_owned)).collect();
        for (thing, call, act) in FACTS {
            assert!(things.contains(&full(thing)), "{thing}");
            let operation = catalog.find(&Route::parse(&full(call)).unwrap()).unwrap_or_else(|| panic!("{call}"));
            assert!(!operation.deprecated, "{call}");
            let body = catalog.body_schema(&operation).map(|body| top_fields(&body)).unwrap_or_default();
            let sent = match act {
                Act::Set { sent_as, .. } | Act::Begin { sent_as, .. } | Act::End { sent_as: Some(sent_as), .. } => {
                    sent_as
                }
                Act::EndEach { key, .. } | Act::BeginEach { key, .. } => key,
                Act::Remove { field } | Act::Add { field } => field,
                Act::End { sent_as: None, .. } => continue,
                Act::Element { parameter, .. } => {
                    assert!(operation.path_parameters.iter().any(|known| known.name == *parameter), "{call}");
                    continue;
                }
                Act::Fields { .. } => panic!("{call}: the document says that"),
            };
            assert!(body.iter().any(|field| field == sent), "{call}: {sent}");
        }
        let elsewhere = ELSEWHERE.iter().map(|(_, call)| *call).chain([MONITOR.0, MONITOR.1]);
        let fields = ALONE.iter().chain(NO_WAY_BACK).chain(ONLY_GROWS).map(|(call, _)| *call);
        for call in elsewhere.chain(fields) {
            assert!(catalog.find(&Route::parse(&full(call)).unwrap()).is_some(), "{call}");
        }
    }

    #[test]
    fn updates_follow_from_the_document_and_the_facts() {
        for (create, expected) in [
            ("POST v1/networks/PR", &["PATCH v2/networks/PR/{network_id}: name tags"][..]),
            (
                "POST v1/volumes/PR",
                &[
                    "PATCH v1/volumes/PR/{volume_id}: name tags",
                    "POST v1/volumes/PR/{volume_id}/retype: type_name as volume_type",
                    "POST v1/volumes/PR/{volume_id}/extend: size as size",
                    r#"POST v2/volumes/PR/{volume_id}/detach: End { field: "instance_id_to_attach_to", sent_as: Some("instance_id") }"#,
                    r#"POST v2/volumes/PR/{volume_id}/attach: Begin { field: "instance_id_to_attach_to", sent_as: "instance_id" }"#,
                ],
            ),
            ("POST v2/security_groups/PR", &["PATCH v2/security_groups/PR/{group_id}: description name rules tags"]),
            (
                "POST v1/l7policies/PR/{l7policy_id}/rules",
                &[
                    "PUT v1/l7policies/PR/{l7policy_id}/rules/{l7rule_id} whole: compare_type invert key tags type value",
                ],
            ),
            (
                "POST v1/loadbalancers/PR/pools/{pool_id}/members",
                &[
                    "PATCH v1/loadbalancers/PR/pools/{pool_id}/members/{member_id}: admin_state_up backup monitor_address monitor_port weight",
                ],
            ),
            ("POST v1/ssh_keys/{project_id}", &["PATCH v1/ssh_keys/{project_id}/{ssh_key_id}: shared_in_project"]),
            ("POST v1/servergroups/PR", &[]),
            ("POST v2/secrets/PR", &[]),
        ] {
            assert_eq!(ways(create), expected, "{create}");
        }
    }

    #[test]
    fn most_creates_can_be_changed_in_place() {
        let catalog = Catalog::embedded();
        let current = catalog.operations().filter(|operation| operation.creates.is_some() && !operation.deprecated);
        let (with, without): (Vec<_>, Vec<_>) = current.partition(|operation| !catalog.ways(operation).is_empty());
        let without: Vec<String> = without.iter().map(|operation| operation.route.to_string()).collect();
        assert!(with.len() >= 39, "{} with, without: {without:#?}", with.len());
    }
}
