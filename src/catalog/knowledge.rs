//! Facts that OpenAPI documents do not contain, from a hand-written file for each product.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::CatalogError;
use super::embedded::EMBEDDED_PRODUCTS;
use super::operation::{Method, Route, SecondaryAt, ShownOnce, ValueAt};
use super::ready::Ready;
use crate::hash::IndexMap;

/// A parsed knowledge file; its paths are expanded.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct KnowledgeFile {
    /// The first segment of all its paths.
    #[serde(skip)]
    pub root: String,
    pub resources: IndexMap<String, KnownResource>,
    pub creates: IndexMap<String, KnownCreate>,
    /// By update: kinds that `created_resources` of its task may have besides.
    pub updates_make: IndexMap<String, Vec<String>>,
    /// Calls that must not run concurrently.
    pub locks: Vec<KnownLock>,
    /// Which kinds the fields of bodies refer to.
    pub fields: Vec<KnownField>,
    /// The kind that a path parameter refers to, by the path that ends with it, where no path of the kind tells.
    pub parameters: IndexMap<String, String>,
    /// By deprecated operation: the one to call instead.
    pub successors: IndexMap<String, String>,
    /// By operation: the types of the tasks that it may start.
    pub tasks: IndexMap<String, Vec<String>>,
    /// Operations for which an empty list of tasks is a success.
    pub may_be_no_op: Vec<String>,
    /// POSTs that change nothing: prices, limits, reports.
    pub only_compute: Vec<String>,
    /// Operations whose body is a file by the prose of the document alone, with its media type.
    pub files: IndexMap<String, String>,
    /// The state of a resource that shows when these calls have completed.
    pub ready: IndexMap<String, Ready>,
    /// Operations that the document repeats with other parameter names; their bodies are merged.
    pub merged: IndexMap<String, Vec<String>>,
    /// The document's examples are valid, even where its schemas contradict them.
    pub trusted_examples: bool,
    /// PATCH takes any subset of fields, whatever the document requires.
    pub partial_patch: bool,
    /// `type: object` without fields allows anything.
    pub untyped_objects: bool,
    /// Choices of the document that mean any text with a pattern: `<language_code>`.
    pub stand_ins: IndexMap<String, String>,
    /// Schemas of the document that the API contradicts, as it was seen to behave, in the form of OpenAPI.
    pub schemas: IndexMap<String, Value>,
    /// Operations of an older version of the API, as an OpenAPI fragment.
    pub older: Value,
}

/// A kind of resource: how one is addressed, read, listed and deleted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownResource {
    pub kind: String,
    /// The path of one resource, for GET and DELETE.
    one: Option<String>,
    /// The path of its GET where that is another one; `none` when there is no such call.
    read: Option<String>,
    /// The path of its DELETE where that is another one; `none` when there is no such call.
    delete: Option<String>,
    /// The path of the collection that contains it.
    pub list: Option<String>,
    /// The resource is identified by the path of its create alone.
    #[serde(default)]
    pub by_path: bool,
    /// The API does not allow two with the same name or path.
    #[serde(default)]
    pub unique: bool,
    /// Its state before it can be used.
    pub ready: Option<Ready>,
    /// The longest page of its list.
    pub page: Option<usize>,
    /// JSON pointer to the items in the answer of the list.
    #[serde(rename = "in", default = "results")]
    pub items_at: String,
    /// The field of its id, where that is not `id`.
    pub id: Option<String>,
    /// The field of its name, where that is not `name`.
    pub name: Option<String>,
    /// A text of the client's own, beside the name, that reads show as it was sent: with the path to it in what they
    /// show.
    pub remark: Option<String>,
    #[serde(default)]
    pub by_name: bool,
    /// Its id is a number.
    #[serde(default)]
    pub integer: bool,
    /// By kind: the query parameter of its DELETE that takes the ids of resources to delete with it.
    #[serde(default)]
    pub delete_with: BTreeMap<String, String>,
}

fn results() -> String {
    "/results".to_owned()
}

/// A call that creates a resource, and where the id of that is found.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownCreate {
    /// The key of the resource in `resources`.
    pub makes: String,
    /// The id is in `created_resources` of the task, below the first of these keys that is there.
    pub task: Option<Vec<String>>,
    /// JSON pointer to the id in a synchronous answer.
    pub answer: Option<String>,
    /// JSON pointer to the id in the body that was sent.
    pub sent: Option<String>,
    /// Parameters of the path.
    pub path: Option<Vec<String>>,
    /// JSON pointer into the answer to the secret that only this answer shows.
    pub told_once: Option<String>,
    /// The secret that only this answer shows, of a resource that is of use without it.
    pub shown_once: Option<ShownOnce>,
    /// Other kinds that the call may create besides it.
    #[serde(default)]
    pub also: Vec<String>,
    /// The kinds of `also` whose resources still exist when the resource itself is deleted.
    #[serde(default)]
    pub stays: Vec<String>,
    /// When the resource exists already, the call changes it.
    #[serde(default)]
    pub or_changes: bool,
    /// Where the answer names a secondary resource, unless the body names one.
    #[serde(default)]
    pub secondary: Vec<SecondaryAt>,
}

/// Calls that the API refuses while another write below the same parent is carried out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownLock {
    /// Method and path, `*` for all methods; a path that ends in `/**` covers everything below it, and itself.
    calls: String,
    /// Where the id of the parent is: `path NAME` or `body POINTER`; the first place that has a value counts.
    parent: Vec<String>,
}

/// Fields of bodies, and query parameters, that refer to a resource. The first match in the file wins.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownField {
    /// The names of the fields.
    pub names: Vec<String>,
    /// Only fields inside a field of this name.
    pub below: Option<String>,
    /// Only fields of this schema of the document.
    pub schema: Option<String>,
    pub kind: String,
    #[serde(default)]
    pub by_name: bool,
}

impl KnowledgeFile {
    /// `root`: the first segment of the paths, which the file omits.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Knowledge`] when the text is not YAML of this form.
    pub fn parse(root: &str, text: &str) -> Result<Self, CatalogError> {
        let short: Self = serde_yaml::from_str(text).map_err(|error| CatalogError::Knowledge(error.to_string()))?;
        Ok(short.with_whole_paths(root))
    }

    /// The embedded file of a product; empty for a product without one.
    ///
    /// # Errors
    ///
    /// As for [`KnowledgeFile::parse`].
    pub fn of(root: &str) -> Result<Self, CatalogError> {
        let ours = EMBEDDED_PRODUCTS.iter().find(|product| product.root == root);
        ours.map_or_else(
            || Ok(Self { root: root.to_owned(), ..Self::default() }),
            |ours| Self::parse(root, &ours.knowledge.text()),
        )
    }

    fn with_whole_paths(mut self, root: &str) -> Self {
        let path = |short: &String| full_path(root, short);
        let call = |short: &String| full_call(root, short);
        for resource in self.resources.values_mut() {
            for short in [&mut resource.one, &mut resource.read, &mut resource.delete, &mut resource.list] {
                *short = short.as_ref().map(|short| if short == "none" { short.clone() } else { path(short) });
            }
        }
        fn keyed<V>(table: IndexMap<String, V>, whole: impl Fn(&String) -> String) -> IndexMap<String, V> {
            table.into_iter().map(|(short, value)| (whole(&short), value)).collect()
        }
        self.creates = keyed(self.creates, call);
        self.updates_make = keyed(self.updates_make, call);
        self.successors = keyed(self.successors, call).into_iter().map(|(old, new)| (old, call(&new))).collect();
        self.tasks = keyed(self.tasks, call);
        self.files = keyed(self.files, call);
        self.parameters = keyed(self.parameters, path);
        self.ready = keyed(self.ready, call);
        for ready in self.ready.values_mut() {
            ready.read = ready.read.as_ref().map(path);
        }
        let merged = keyed(self.merged, call).into_iter();
        self.merged = merged.map(|(one, others)| (one, others.iter().map(call).collect())).collect();
        self.may_be_no_op = self.may_be_no_op.iter().map(call).collect();
        self.only_compute = self.only_compute.iter().map(call).collect();
        self.locks.iter_mut().for_each(|lock| lock.calls = call(&lock.calls));
        self.root = root.to_owned();
        self
    }

    /// Whether a list of calls contains a route.
    pub fn lists(calls: &[String], route: &Route) -> bool {
        calls.contains(&route.to_string())
    }

    /// The entry of a table of calls for a route.
    pub fn entry<'t, V>(table: &'t IndexMap<String, V>, route: &Route) -> Option<&'t V> {
        table.get(&route.to_string())
    }

    /// The resource that a path reads.
    pub fn read_at(&self, path: &str) -> Option<&KnownResource> {
        self.resources.values().find(|resource| resource.read().as_deref() == Some(path))
    }

    /// The places of the id of the parent that a call locks, in order of preference.
    pub fn locks_of(&self, route: &Route) -> Vec<ValueAt> {
        if route.method == Method::Get {
            return Vec::new();
        }
        self.locks.iter().find(|lock| lock.applies(route)).map(KnownLock::places).unwrap_or_default()
    }

    /// The kind of the path parameter at the end of `prefix`, and whether it takes a name.
    pub fn kind_at(&self, prefix: &str) -> Option<(&str, bool)> {
        let wanted = without_version(prefix);
        let given = self
            .parameters
            .iter()
            .find(|(path, _)| without_version(path) == wanted)
            .map(|(_, kind)| (kind.as_str(), false));
        given.or_else(|| {
            self.resources
                .values()
                .find(|resource| resource.own_paths().any(|path| without_version(path) == wanted))
                .map(|resource| (resource.kind.as_str(), resource.by_name))
        })
    }

    /// The kind that a field with this name refers to; `below` is the parent field, `schema` the document's name of
    /// the enclosing schema.
    pub fn field(&self, name: &str, below: Option<&str>, schema: Option<&str>) -> Option<&KnownField> {
        self.fields.iter().find(|field| {
            field.names.iter().any(|known| known == name)
                && field.below.as_deref().is_none_or(|wanted| below == Some(wanted))
                && field.schema.as_deref().is_none_or(|wanted| schema == Some(wanted))
        })
    }

    /// Whether the kind of a field below this one depends on its place.
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

    /// The path parameter of the resource itself; empty when its paths have only parameters of its create.
    pub fn parameter(&self) -> String {
        if self.by_path {
            return String::new();
        }
        let path = self.delete().or_else(|| self.read()).unwrap_or_default();
        let last = path.rsplit('/').next().filter(|segment| segment.starts_with('{')).unwrap_or_default();
        last.trim_matches(['{', '}']).to_owned()
    }

    /// Paths that end with the resource itself.
    fn own_paths(&self) -> impl Iterator<Item = &str> {
        [self.one.as_deref(), self.delete.as_deref()].into_iter().flatten().filter(|path| path.ends_with('}'))
    }
}

fn call_or(own: Option<&str>, one: Option<&str>) -> Option<String> {
    own.or(one).filter(|path| *path != "none").map(str::to_owned)
}

impl KnownLock {
    fn applies(&self, route: &Route) -> bool {
        let Some((method, path)) = self.calls.split_once(' ') else { return false };
        if method != "*" && method != route.method.as_str() {
            return false;
        }
        match path.strip_suffix("/**") {
            Some(top) => route.path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            None => path == route.path,
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
pub(super) fn full_path(root: &str, short: &str) -> String {
    let segments = short.split('/').map(|segment| if segment == "PR" { "{project_id}/{region_id}" } else { segment });
    std::iter::once("").chain(std::iter::once(root)).chain(segments).collect::<Vec<_>>().join("/")
}

/// `POST v1/networks/PR` → the whole call.
pub(super) fn full_call(root: &str, short: &str) -> String {
    let (method, path) = short.split_once(' ').unwrap_or(("", short));
    format!("{method} {}", full_path(root, path))
}

/// `/cloud/v1/networks/…` → `/networks/…`: the path without its version.
fn without_version(path: &str) -> &str {
    let version = path.trim_start_matches('/').split_once('/').and_then(|(_, rest)| rest.strip_prefix('v'));
    let rest = version.map(|rest| rest.trim_start_matches(|character: char| character.is_ascii_digit()));
    rest.filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_in_the_repository_can_be_read() {
        let ours = KnowledgeFile::of("cloud").unwrap();
        assert_eq!(
            ours.resources["network"].read().unwrap(),
            "/cloud/v1/networks/{project_id}/{region_id}/{network_id}"
        );
        assert_eq!(ours.resources["health_monitor"].parameter(), "");
    }

    #[test]
    fn a_path_parameter_is_known_in_any_version_and_below() {
        let ours = KnowledgeFile::of("cloud").unwrap();
        let kind = |path: &str| ours.kind_at(&full_path("cloud", path));
        assert_eq!(kind("v2/networks/PR/{network_id}"), Some(("networks", false)));
        assert_eq!(kind("v2/k8s/clusters/PR/{cluster_name}"), Some(("k8s_clusters", true)));
        assert_eq!(kind("v1/dbaas/postgres/clusters/PR/{cluster_name}"), Some(("postgresql_clusters", false)));
        assert_eq!(kind("v1/networks/PR"), None);
    }

    #[test]
    fn writes_below_a_load_balancer_lock_it_by_the_best_known_id() {
        let ours = KnowledgeFile::of("cloud").unwrap();
        let locks = |call: &str| ours.locks_of(&Route::parse(&full_call("cloud", call)).unwrap());
        assert_eq!(locks("POST v1/lbpools/PR").len(), 2);
        assert_eq!(locks("PUT v1/loadbalancers/PR/pools/{pool_id}/members"), [ValueAt::Path("pool_id".into())]);
        assert_eq!(locks("GET v1/lbpools/PR/{pool_id}"), []);
        assert_eq!(locks("POST v1/loadbalancers/PR"), []);
    }

    /// observed.md §3: of nine rules created at once two were refused.
    #[test]
    fn the_rules_of_one_security_group_are_written_one_after_another() {
        let ours = KnowledgeFile::of("cloud").unwrap();
        let locks = |call: &str| ours.locks_of(&Route::parse(&full_call("cloud", call)).unwrap());
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
