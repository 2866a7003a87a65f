//! Updates in place: which call changes which field of a create's body.
//!
//! Most of it follows from the document: the PATCH or PUT of a resource takes fields with the names of its create.
//! Other facts (a disk grows by `extend`, a machine changes its flavor by a call of its own) are in a table, each
//! taken from the description of its call.

mod facts;

use std::sync::Arc;

use super::operation::{IdAt, Method, Operation, Route};
use super::schema::Schema;
use super::{BodySchema, Catalog, root_of};
use facts::{FACTS, MONITOR, OTHER_PATHS, WRAPPED, full, is, is_fixed};

pub use facts::{Form, can_be_reset, form_of, must_be_sent_alone, only_grows, shown_at, shows_early};

/// A call that changes a created resource.
#[derive(Debug, Clone)]
pub struct Way {
    pub operation: Arc<Operation>,
    pub act: Act,
}

/// How a call changes fields of the create's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The body has these fields, under the same names.
    Fields {
        fields: Vec<String>,
        /// The call removes fields that its body does not contain, so that all have to be sent (PUT).
        whole: bool,
        /// The field of the body that contains them.
        inside: Option<&'static str>,
    },
    /// The body is the value of this field.
    Inner { field: &'static str },
    /// The body has the value of this field under another name.
    Set {
        field: &'static str,
        sent_as: &'static str,
        /// A constant field that is sent along: name and value.
        with: Option<(&'static str, &'static str)>,
        rule: Rule,
    },
    /// Detaches what the old value refers to; [`Act::Begin`] attaches the new one.
    End { field: &'static str, sent_as: Option<&'static str> },
    /// Attaches what the new value refers to.
    Begin { field: &'static str, sent_as: &'static str },
    /// One call for each removed element; its body has the element's `key`.
    EndEach { field: &'static str, key: &'static str },
    /// One call for each new element; its body has the element's `key`.
    BeginEach { field: &'static str, key: &'static str },
    /// One call for all removed elements.
    Remove { field: &'static str },
    /// One call for all new elements.
    Add { field: &'static str },
    /// One call for each new element, which is its body.
    MakeElement { field: &'static str, key: &'static str },
    /// Changes the element that the path's `parameter` names by its `key`.
    Element { field: &'static str, key: &'static str, parameter: &'static str },
    /// Deletes the element that the path's `parameter` names by its `key`, with its contents.
    RemoveElement { field: &'static str, key: &'static str, parameter: &'static str },
    /// Attaches a part of this kind to the resource.
    Join { field: &'static str, part: Part },
    /// Detaches a part of this kind from the resource.
    Leave { field: &'static str, part: Part },
}

/// A part of a machine: its body describes the part, and the calls that change it need the name or id that the API
/// gave to the part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A security group of all ports: an id in the body, a name in calls.
    SecurityGroup,
    /// A port: a subnet in the body, its id and address in calls.
    Interface,
    /// An existing volume, identified by its own path in calls.
    Volume,
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
    /// The fields that it changes.
    pub fn fields(&self) -> Vec<&str> {
        match self {
            Act::Fields { fields, .. } => fields.iter().map(String::as_str).collect(),
            Act::Inner { field }
            | Act::Set { field, .. }
            | Act::End { field, .. }
            | Act::Begin { field, .. }
            | Act::EndEach { field, .. }
            | Act::BeginEach { field, .. }
            | Act::Remove { field }
            | Act::Add { field }
            | Act::MakeElement { field, .. }
            | Act::Element { field, .. }
            | Act::RemoveElement { field, .. }
            | Act::Join { field, .. }
            | Act::Leave { field, .. } => vec![field],
        }
    }

    /// Whether it changes a field.
    pub fn takes(&self, name: &str) -> bool {
        match self {
            Act::Fields { fields, .. } => fields.iter().any(|field| field == name),
            act => act.fields() == [name],
        }
    }
}

/// The documented path of what a create makes: that of its read, else that of its delete.
pub fn resource_route(create: &Operation) -> Option<&str> {
    let resource = create.creates.as_ref()?.resource.as_ref()?;
    let delete = resource.delete.as_ref().map(|delete| delete.path.as_str());
    resource.read.as_deref().or(delete)
}

/// The field of a create's body by which the API knows the resource from then on: its name, where the paths that read,
/// change and delete it have that in place of an id. With another value it is another resource, even where the update
/// call takes the field, as the PUT of a DNS zone does.
pub fn key_field(create: &Operation) -> Option<&str> {
    let creates = create.creates.as_ref()?;
    let by_name = creates.resource.as_ref().is_some_and(|resource| resource.by_name);
    let pointer = match &creates.id_at {
        IdAt::Body(pointer) => pointer,
        _ if by_name => creates.name_at.as_deref().unwrap_or("/name"),
        _ => return None,
    };
    pointer.strip_prefix('/')?.split('/').next()
}

impl Catalog {
    /// The calls that change a created resource, in the order in which they are sent.
    pub fn ways(&self, create: &Operation) -> Vec<Way> {
        let mut ways = self.updates_of(create);
        let Some(resource) = resource_route(create) else { return ways };
        for (_, call, act) in FACTS.iter().filter(|(of, _, _)| full(of) == resource) {
            ways.extend(self.find_call(call).map(|operation| Way { operation, act: act.clone() }));
        }
        ways
    }

    /// The PATCH of a created resource, with the fields that it and the create have in common; then its PUT, when that
    /// takes more of them.
    fn updates_of(&self, create: &Operation) -> Vec<Way> {
        let (monitor_of, monitor_call, monitor) = MONITOR;
        let is_monitor = is(create, monitor_of);
        let wrapped = WRAPPED.iter().find(|(call, _)| is(create, call)).map(|(_, inside)| *inside);
        let inside = if is_monitor { Some(monitor) } else { wrapped };
        let operations = match is_monitor {
            true => self.find_call(monitor_call).into_iter().collect(),
            false => resource_route(create).map(|resource| self.update_routes(resource)).unwrap_or_default(),
        };
        let Some(made) = self.body_schema(create).map(|body| top_fields(&body)) else { return Vec::new() };
        let mut ways: Vec<Way> = Vec::new();
        for operation in operations {
            let taken = match (is_monitor, self.body_schema(&operation)) {
                (true, _) => made.clone(),
                (false, Some(body)) => inside.map_or_else(|| top_fields(&body), |inside| fields_inside(&body, inside)),
                (false, None) => Vec::new(),
            };
            let changes = |field: &&String| taken.contains(field) && !is_fixed(&operation, field);
            let fields: Vec<String> = made.iter().filter(changes).cloned().collect();
            if fields.iter().all(|field| ways.iter().any(|way| way.act.takes(field))) {
                continue;
            }
            let whole = operation.route.method == Method::Put || is_monitor;
            ways.push(Way { operation, act: Act::Fields { fields, whole, inside } });
        }
        ways
    }

    /// The update calls for the documented path of a resource: in any version, unless deprecated.
    fn update_routes(&self, resource: &str) -> Vec<Arc<Operation>> {
        if let Some((_, call)) = OTHER_PATHS.iter().find(|(of, _)| full(of) == resource) {
            return self.find_call(call).into_iter().collect();
        }
        let wanted = shape(resource);
        let root = root_of(resource);
        let first = |method: Method| {
            let wanted = wanted.clone();
            let mut found =
                self.operations_at(root, move |route| route.method == method && shape(&route.path) == wanted);
            found.find(|operation| !operation.deprecated)
        };
        first(Method::Patch).into_iter().chain(first(Method::Put)).collect()
    }

    fn find_call(&self, short: &str) -> Option<Arc<Operation>> {
        self.find(&Route::parse(&full(short))?)
    }
}

/// A path without version and parameter names.
fn shape(path: &str) -> Vec<&str> {
    let is_version =
        |word: &str| word.len() > 1 && word.starts_with('v') && word[1..].bytes().all(|byte| byte.is_ascii_digit());
    let segments = path.split('/').map(|word| if word.starts_with('{') || is_version(word) { "" } else { word });
    segments.collect()
}

/// The names of a body's fields, over all variants; of its elements, when it is a list.
pub fn top_fields(body: &BodySchema) -> Vec<String> {
    names_of(body, body.element())
}

/// The names of the fields inside a field.
fn fields_inside(body: &BodySchema, outer: &str) -> Vec<String> {
    let root = body.resolve(body.root());
    root.properties.get(outer).map(|inner| names_of(body, inner)).unwrap_or_default()
}

fn names_of(body: &BodySchema, of: &Schema) -> Vec<String> {
    let mut names = Vec::new();
    let mut open = vec![of];
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
                    fields.sort_unstable();
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
    fn the_document_and_the_facts_say_how_things_are_changed() {
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
            (
                "POST /cdn/resources",
                &[
                    "PATCH /cdn/resources/{resource_id}: active description name options originGroup originProtocol proxy_ssl_ca proxy_ssl_data proxy_ssl_enabled secondaryHostnames sslData sslEnabled",
                    "PUT /cdn/resources/{resource_id} whole: active description name options originGroup originProtocol proxy_ssl_ca proxy_ssl_data proxy_ssl_enabled secondaryHostnames sslData sslEnabled waap_api_domain_enabled",
                ],
            ),
            (
                "POST /streaming/streams/{stream_id}/overlays",
                &["PATCH /streaming/streams/{stream_id}/overlays/{overlay_id}: height stretch url width x y"],
            ),
            ("POST /dns/v2/network-mappings", &["PUT /dns/v2/network-mappings/{id} whole: mapping"]),
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

    /// Where the update call takes the name that the resource goes by, no other rule would say that this needs a new one.
    #[test]
    fn what_a_resource_goes_by_is_known_although_an_update_takes_it() {
        let catalog = Catalog::embedded();
        let current = catalog.operations().filter(|operation| operation.creates.is_some() && !operation.deprecated);
        let (mut by_name, mut taken) = (Vec::new(), Vec::new());
        for operation in current {
            let Some(key) = key_field(&operation) else { continue };
            by_name.push(format!("{}: {key}", operation.route));
            if catalog.ways(&operation).iter().any(|way| way.act.takes(key)) {
                taken.push(format!("{}: {key}", operation.route));
            }
        }
        assert_eq!(taken, ["POST /dns/v2/zones: name"]);
        assert_eq!(
            by_name,
            [
                "POST /cloud/v1/faas/namespaces/{project_id}/{region_id}: name",
                "POST /cloud/v1/faas/namespaces/{project_id}/{region_id}/{namespace_name}/functions: name",
                "POST /cloud/v2/k8s/clusters/{project_id}/{region_id}: name",
                "POST /cloud/v2/k8s/clusters/{project_id}/{region_id}/{cluster_name}/pools: name",
                "POST /cloud/v3/inference/applications/{project_id}/deployments: name",
                "POST /dns/v2/zones: name",
                "POST /cdn/presets/{preset_id}/applied: object_id",
            ]
        );
    }

    #[test]
    fn a_put_beside_a_patch_is_for_what_only_it_takes() {
        let catalog = Catalog::embedded();
        let both = catalog.operations().filter(|operation| operation.creates.is_some() && !operation.deprecated);
        let both = both.filter_map(|operation| {
            let ways = catalog.updates_of(&operation);
            let [first, second] = ways.as_slice() else { return None };
            let Act::Fields { fields, whole: true, .. } = &second.act else { return None };
            let only: Vec<String> = fields.iter().filter(|field| !first.act.takes(field)).cloned().collect();
            Some(format!("{}: {}", operation.route, only.join(" ")))
        });
        let both: Vec<String> = both.collect();
        assert_eq!(both, ["POST /cdn/resources: waap_api_domain_enabled"]);
    }

    /// What the document has an update call for is changed by it, but for copies, a form, and a bucket, whose update
    /// takes nothing that its create takes.
    #[test]
    fn no_update_call_of_the_document_is_left_out() {
        let catalog = Catalog::embedded();
        let current = catalog.operations().filter(|operation| operation.creates.is_some() && !operation.deprecated);
        let unused = current.filter(|operation| {
            let updates = resource_route(operation).map(|route| catalog.update_routes(route)).unwrap_or_default();
            !updates.is_empty() && catalog.ways(operation).is_empty()
        });
        let unused: Vec<String> = unused.map(|operation| operation.route.to_string()).collect();
        assert_eq!(
            unused,
            [
                "POST /cloud/v1/floatingips/{project_id}/{region_id}/{floating_ip_id}/convert",
                "POST /cloud/v1/reserved_fixed_ips/{project_id}/{region_id}/{port_id}/convert",
                "POST /storage/v4/object_storages/{storage_id}/buckets",
            ]
        );
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
