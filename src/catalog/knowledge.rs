//! What an OpenAPI document does not say, read from a file we keep by hand.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::CatalogError;
use super::operation::{Method, Route, ValueAt};

/// The knowledge in the repository.
const OURS: &str = include_str!("data/knowledge.yaml");

/// The file as written; paths are still short.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Knowledge {
    pub resources: IndexMap<String, KnownResource>,
    pub creates: IndexMap<String, KnownCreate>,
    pub updates_make: IndexMap<String, Vec<String>>,
    pub locks: Vec<KnownLock>,
    pub fields: Vec<KnownField>,
    pub parameters: IndexMap<String, String>,
    pub successors: IndexMap<String, String>,
    pub tasks: IndexMap<String, Vec<String>>,
    pub may_be_no_op: Vec<String>,
    pub only_compute: Vec<String>,
    /// Operations of an older edition, as an OpenAPI fragment.
    pub older: Value,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownResource {
    pub kind: String,
    one: Option<String>,
    read: Option<String>,
    delete: Option<String>,
    pub list: Option<String>,
    #[serde(rename = "in", default = "results")]
    pub items_at: String,
    pub id: Option<String>,
    pub name: Option<String>,
    #[serde(default)]
    pub by_name: bool,
    #[serde(default)]
    pub integer: bool,
    #[serde(default)]
    pub delete_with: BTreeMap<String, String>,
}

fn results() -> String {
    "/results".to_owned()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownCreate {
    pub makes: String,
    pub task: Option<Vec<String>>,
    pub answer: Option<String>,
    pub sent: Option<String>,
    #[serde(default)]
    pub also: Vec<String>,
    #[serde(default)]
    pub stays: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownLock {
    calls: String,
    parent: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownField {
    pub names: Vec<String>,
    pub below: Option<String>,
    pub schema: Option<String>,
    pub kind: String,
    #[serde(default)]
    pub by_name: bool,
}

impl Knowledge {
    /// # Errors
    ///
    /// [`CatalogError::Knowledge`] when the text is no YAML of this shape.
    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        serde_yaml::from_str(text).map_err(|error| CatalogError::Knowledge(error.to_string()))
    }

    pub fn ours() -> Result<Self, CatalogError> {
        Self::parse(OURS)
    }

    /// What of a list of calls applies to a route.
    pub fn lists(calls: &[String], route: &Route) -> bool {
        calls.iter().any(|call| full_route(call).as_ref() == Some(route))
    }

    /// What a table of calls says of a route.
    pub fn entry<'t, V>(table: &'t IndexMap<String, V>, route: &Route) -> Option<&'t V> {
        table.iter().find(|(call, _)| full_route(call).as_ref() == Some(route)).map(|(_, value)| value)
    }

    /// The places that name the parent which a call locks, the best first.
    pub fn locks_of(&self, route: &Route) -> Vec<ValueAt> {
        if route.method == Method::Get {
            return Vec::new();
        }
        self.locks.iter().find(|lock| lock.applies(route)).map(KnownLock::places).unwrap_or_default()
    }

    /// The kind of resource that a path parameter stands for, and whether its name is wanted: `prefix` ends with it.
    pub fn kind_at(&self, prefix: &str) -> Option<(&str, bool)> {
        let wanted = without_version(prefix);
        let given = self
            .parameters
            .iter()
            .find(|(path, _)| without_version(&full_path(path)) == wanted)
            .map(|(_, kind)| (kind.as_str(), false));
        given.or_else(|| {
            self.resources
                .values()
                .find(|resource| resource.own_paths().any(|path| without_version(&path) == wanted))
                .map(|resource| (resource.kind.as_str(), resource.by_name))
        })
    }

    /// The kind of resource that a field of this name means; `below` is the field it stands under, `schema` the
    /// document's name of the shape it belongs to.
    pub fn field(&self, name: &str, below: Option<&str>, schema: Option<&str>) -> Option<&KnownField> {
        self.fields.iter().find(|field| {
            field.names.iter().any(|known| known == name)
                && field.below.as_deref().is_none_or(|wanted| below == Some(wanted))
                && field.schema.as_deref().is_none_or(|wanted| schema == Some(wanted))
        })
    }

    /// Whether what stands under a field of this name needs to be looked at in its place.
    pub fn narrows_below(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.below.as_deref() == Some(name))
    }
}

impl KnownResource {
    pub fn read(&self) -> Option<String> {
        call_or(self.read.as_deref(), self.one.as_deref())
    }

    pub fn delete(&self) -> Option<String> {
        call_or(self.delete.as_deref(), self.one.as_deref())
    }

    /// The path parameter that stands for the thing itself; empty when its paths name only parents.
    pub fn parameter(&self) -> String {
        let path = self.delete().or_else(|| self.read()).unwrap_or_default();
        let last = path.rsplit('/').next().filter(|segment| segment.starts_with('{')).unwrap_or_default();
        last.trim_matches(['{', '}']).to_owned()
    }

    /// Paths that end with the thing itself.
    fn own_paths(&self) -> impl Iterator<Item = String> {
        [self.one.as_deref(), self.delete.as_deref()]
            .into_iter()
            .flatten()
            .filter(|path| path.ends_with('}'))
            .map(full_path)
    }
}

fn call_or(own: Option<&str>, one: Option<&str>) -> Option<String> {
    own.or(one).filter(|path| *path != "none").map(full_path)
}

impl KnownLock {
    fn applies(&self, route: &Route) -> bool {
        let Some((method, path)) = self.calls.split_once(' ') else { return false };
        if method != "*" && method != route.method.as_str() {
            return false;
        }
        match path.strip_suffix("/**") {
            Some(top) => {
                let top = full_path(top);
                route.path.strip_prefix(&top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            None => full_path(path) == route.path,
        }
    }

    fn places(&self) -> Vec<ValueAt> {
        self.parent
            .iter()
            .filter_map(|place| match place.split_once(' ')? {
                ("path", name) => Some(ValueAt::Path(name.to_owned())),
                ("body", pointer) => Some(ValueAt::Body(pointer.to_owned())),
                _ => None,
            })
            .collect()
    }
}

/// `v1/networks/PR` → `/cloud/v1/networks/{project_id}/{region_id}`.
pub(super) fn full_path(short: &str) -> String {
    let segments = short.split('/').map(|segment| if segment == "PR" { "{project_id}/{region_id}" } else { segment });
    std::iter::once("/cloud").chain(segments).collect::<Vec<_>>().join("/")
}

/// `POST v1/networks/PR` → the route.
pub(super) fn full_route(short: &str) -> Option<Route> {
    let (method, path) = short.split_once(' ')?;
    Some(Route { method: Method::parse(method)?, path: full_path(path) })
}

/// `/cloud/v1/networks/…` → `/networks/…`: what the path says, whatever the version.
fn without_version(path: &str) -> &str {
    path.strip_prefix("/cloud/v")
        .map(|rest| rest.trim_start_matches(|character: char| character.is_ascii_digit()))
        .unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_in_the_repository_can_be_read() {
        let ours = Knowledge::ours().unwrap();
        assert_eq!(
            ours.resources["network"].read().unwrap(),
            "/cloud/v1/networks/{project_id}/{region_id}/{network_id}"
        );
        assert_eq!(ours.resources["health_monitor"].parameter(), "");
    }

    #[test]
    fn a_path_parameter_is_known_in_any_version_and_below() {
        let ours = Knowledge::ours().unwrap();
        let kind = |path: &str| ours.kind_at(&full_path(path));
        assert_eq!(kind("v2/networks/PR/{network_id}"), Some(("networks", false)));
        assert_eq!(kind("v2/k8s/clusters/PR/{cluster_name}"), Some(("k8s_clusters", true)));
        assert_eq!(kind("v1/dbaas/postgres/clusters/PR/{cluster_name}"), Some(("postgresql_clusters", false)));
        assert_eq!(kind("v1/networks/PR"), None);
    }

    #[test]
    fn everything_below_a_load_balancer_locks_what_names_it_best() {
        let ours = Knowledge::ours().unwrap();
        let locks = |call: &str| ours.locks_of(&full_route(call).unwrap());
        assert_eq!(locks("POST v1/lbpools/PR").len(), 2);
        assert_eq!(locks("PUT v1/loadbalancers/PR/pools/{pool_id}/members"), [ValueAt::Path("pool_id".into())]);
        assert_eq!(locks("GET v1/lbpools/PR/{pool_id}"), []);
        assert_eq!(locks("POST v1/loadbalancers/PR"), []);
    }

    /// observed.md §3: of nine rules written at once two were refused.
    #[test]
    fn the_rules_of_one_security_group_are_written_one_after_another() {
        let ours = Knowledge::ours().unwrap();
        let locks = |call: &str| ours.locks_of(&full_route(call).unwrap());
        for call in [
            "POST v1/securitygroups/PR/{group_id}/rules",
            "POST v2/security_groups/PR/{group_id}/rules",
            "DELETE v2/security_groups/PR/{group_id}/rules/{rule_id}",
            "PATCH v2/security_groups/PR/{group_id}",
        ] {
            assert_eq!(locks(call), [ValueAt::Path("group_id".into())], "{call}");
        }
        assert_eq!(locks("POST v2/security_groups/PR"), []);
    }
}
