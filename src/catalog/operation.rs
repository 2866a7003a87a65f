//! The facts about one operation.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ready::Ready;
use super::schema::Schema;

/// The field of a listed resource that has the resources below it.
pub const BELOW: &str = "descendants";

/// The methods the API uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub const ALL: [Method; 5] = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];

    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    pub fn parse(word: &str) -> Option<Method> {
        Method::ALL.into_iter().find(|method| method.as_str() == word)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A method and a path as the API reference writes it: `POST /cloud/v1/networks/{project_id}/{region_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    pub method: Method,
    pub path: String,
}

impl Route {
    /// Parses `METHOD /path`; `None` for other text.
    pub fn parse(text: &str) -> Option<Route> {
        let (method, path) = text.split_once(' ')?;
        path.starts_with('/').then_some(())?;
        Some(Route { method: Method::parse(method)?, path: path.to_owned() })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// The effect of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// A GET, or a POST that only computes (prices, limits).
    Read,
    /// Creates a resource.
    Create,
    /// Changes or acts on an existing resource.
    Change,
    /// Deletes a resource.
    Delete,
}

/// All facts about one operation except the schema of its body (see `schema`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    #[serde(flatten)]
    pub route: Route,
    /// The section of the API reference, such as `Networks`.
    pub tag: String,
    /// The reference's own id of the operation.
    pub operation_id: String,
    pub effect: Effect,
    /// Whether its answer is a list of tasks, according to the document. The actual answer decides, not this.
    pub asynchronous: bool,
    /// The possible types of the started task; empty when unknown.
    pub task_types: Vec<String>,
    /// Whether an empty list of tasks means success without a change.
    pub may_be_no_op: bool,
    pub deprecated: bool,
    /// The operation to use instead of a deprecated one.
    pub successor: Option<Route>,
    pub path_parameters: Vec<Parameter>,
    pub query_parameters: Vec<Parameter>,
    /// Whether the operation takes a JSON body, and whether it must.
    pub body: BodyUse,
    /// Whether the body takes a mapping `tags`, so that a stamp can be sent.
    pub takes_tags: bool,
    /// What a successful call creates.
    pub creates: Option<Creates>,
    /// Further keys of `created_resources` after a call that is not a create: new members of a changed pool.
    #[serde(default)]
    pub also_makes: Vec<String>,
    /// The place of the id of the parent that the API locks during this call: writes below one parent are sent one
    /// after another.
    pub locks: Option<ValueAt>,
    /// Other places of that id when there is no value at `locks`, in order of preference.
    #[serde(default)]
    pub locks_else: Vec<ValueAt>,
    /// The state of the resource before it can be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
    /// The media types of a body that is not JSON: a file, or a form when there is no other.
    #[serde(rename = "content", default, skip_serializing_if = "Vec::is_empty")]
    pub media_types: Vec<String>,
    /// The fields of a form that are files, or lists of files.
    #[serde(rename = "files", default, skip_serializing_if = "Vec::is_empty")]
    pub file_fields: Vec<String>,
    /// The schema of the body; `Catalog::body_schema` adds its definitions.
    #[serde(skip)]
    pub(crate) body_schema: Option<Schema>,
}

impl Operation {
    /// The readiness to wait for after a call, in addition to its tasks.
    pub fn readiness(&self) -> Option<Ready> {
        if self.ready.is_some() {
            return self.ready.clone();
        }
        let status = |is: &[&str], not: &[&str]| {
            let values = |words: &[&str]| words.iter().map(|word| Value::from(*word)).collect();
            Some(Ready { read: None, at: "/status".to_owned(), is: values(is), not: values(not), never: Vec::new() })
        };
        let read = self.creates.as_ref().and_then(|creates| creates.resource.as_ref()?.read.as_deref());
        if read == Some("/cloud/v1/images/{project_id}/{region_id}/{image_id}") {
            // An image is `queued`, without a size, for some 20 s: observed.md §6.
            return status(&["active"], &[]);
        }
        // A machine is in `RESIZE` for some 10 s after a change of flavor: observed.md §6.
        let resized = self.task_types.iter().any(|task_type| task_type == "resize_vm");
        if resized { status(&[], &["RESIZE"]) } else { None }
    }

    /// Every kind that a call may create, by its keys in `created_resources`; the main one first.
    pub fn kinds_made(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = Vec::new();
        if let Some(creates) = &self.creates {
            kinds.push(&creates.kind);
            if let IdAt::Task(keys) = &creates.id_at {
                kinds.extend(keys.iter().map(String::as_str).filter(|key| *key != creates.kind));
            }
            kinds.extend(creates.also.iter().map(String::as_str));
        }
        kinds.extend(self.also_makes.iter().map(String::as_str));
        kinds
    }
}

/// Whether an operation takes a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodyUse {
    None,
    Optional,
    Required,
}

/// A parameter of path or query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    pub name: String,
    pub required: bool,
    /// JSON types a value may have: `string`, `integer`, `number`, `boolean`, `array`, `object`; empty when open.
    pub types: Vec<String>,
    /// Allowed values; empty when open.
    pub values: Vec<Value>,
    /// The kind of resource whose id or name belongs here, such as `networks`.
    pub kind: Option<String>,
    /// The parameter takes the name of that resource, not its id.
    pub by_name: bool,
    /// The schema of its values: limits, pattern, format.
    #[serde(default)]
    pub schema: Schema,
}

impl Parameter {
    /// Types, values and kind are derived from the schema.
    pub fn new(name: impl Into<String>, required: bool, schema: Schema) -> Parameter {
        Parameter {
            name: name.into(),
            required,
            types: schema.types.iter().map(|r#type| r#type.as_str().to_owned()).collect(),
            values: schema.values.clone(),
            kind: schema.kind.clone(),
            by_name: schema.by_name,
            schema,
        }
    }
}

/// The place of a value in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueAt {
    /// The path parameter with this name.
    Path(String),
    /// A JSON pointer into the request body.
    Body(String),
}

/// The place of the created resource's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdAt {
    /// The first of these keys that `created_resources` of the finished task has.
    Task(Vec<String>),
    /// A JSON pointer into a synchronous answer.
    Response(String),
    /// A JSON pointer into the request body, for resources whose id is their name.
    Body(String),
    /// These path parameters, joined by `/`: the call itself identifies the resource (record sets).
    Path(Vec<String>),
}

/// What an operation creates, and how it is found, read and deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Creates {
    /// The kind of the main resource: a key of `created_resources`, or a name of the same form (`ssh_keys`).
    pub kind: String,
    pub id_at: IdAt,
    /// The id is an integer in the API, not a string.
    pub integer_id: bool,
    /// Kinds of secondary resources of the same call: `volumes` of a machine, `routers` of a network.
    pub also: Vec<String>,
    /// The kinds of `also` whose resources outlive the main resource, unless `DeleteCall::also_by` includes them.
    #[serde(default)]
    pub stays: Vec<String>,
    /// JSON pointer into the body to the resource's name, if it has one: `/name`.
    pub name_at: Option<String>,
    /// JSON pointer into the body to a text of the client's own, where the stamp is left when the plan has no such
    /// text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark_at: Option<String>,
    /// JSON pointer into the answer to the secret that only this answer shows, and without which the resource is of no
    /// use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_once: Option<String>,
    /// The secret that only this answer shows, where the resource is of use without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_once: Option<ShownOnce>,
    /// The API does not allow two with the same name, or the same path where only that identifies them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    /// If the resource exists already, the call changes it: then nothing is created, and nothing deleted later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub or_changes: bool,
    /// Secondary resources whose ids the answer contains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secondary: Vec<SecondaryAt>,
    pub resource: Option<Resource>,
}

/// A secret that the answer of a create shows, and no later answer does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownOnce {
    /// JSON pointer into the answer.
    pub at: String,
    /// The API makes the secret only when this field of the body has this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<(String, String)>,
    /// The API makes no secret when the body has this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<String>,
}

impl ShownOnce {
    /// Whether the answer to a call with this body has the secret.
    pub fn is_for(&self, body: Option<&Value>) -> bool {
        let field = |at: &str| body.and_then(|body| body.pointer(at)).filter(|value| !value.is_null());
        self.when.as_ref().is_none_or(|(at, text)| field(at).and_then(Value::as_str) == Some(text))
            && self.unless.as_deref().and_then(field).is_none()
    }
}

impl Creates {
    /// An id as the API shows it.
    pub fn id_value(&self, id: &str) -> Value {
        id.parse::<i64>().ok().filter(|_| self.integer_id).map_or_else(|| id.into(), Value::from)
    }

    /// The secondary resources that the delete of the main one can include.
    pub fn also_deleted(&self) -> &[AlsoBy] {
        let delete = self.resource.as_ref().and_then(|resource| resource.delete.as_ref());
        delete.map(|delete| delete.also_by.as_slice()).unwrap_or_default()
    }

    /// The kinds of secondary resources that can exist without the main one, sorted.
    pub fn lasting_kinds(&self) -> Vec<&String> {
        let included = self.also_deleted().iter().map(|also| &also.kind);
        let mut kinds: Vec<&String> = self.stays.iter().chain(included).filter(|kind| **kind != self.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}

/// A secondary resource whose id the answer of the create contains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondaryAt {
    pub kind: String,
    /// JSON pointer into the answer.
    pub at: String,
    /// The field of the body that names an existing one: then none is created.
    pub unless: String,
}

/// The calls around a created resource. Paths contain `{project_id}`, `{region_id}`, the parents' parameters as in
/// the create's path, and `{<parameter>}` for the resource itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// The path parameter of the resource; empty when its paths name only parents (a pool's health monitor).
    pub parameter: String,
    /// Paths take its name, not the id from the task.
    pub by_name: bool,
    /// The path of its GET; `None` when it appears only in its parent or a list.
    pub read: Option<String>,
    /// The list in which it is found by name, tag or `creator_task_id`.
    pub list: Option<ListCall>,
    /// How it is deleted; `None` when it is deleted with its parent, or cannot be.
    pub delete: Option<DeleteCall>,
}

/// A GET that answers `{count, results}`, or the parent with its members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListCall {
    pub path: String,
    /// A query parameter that filters by name without losing a match.
    pub name_parameter: Option<String>,
    /// It takes `tag_key_value`.
    pub by_tag: bool,
    /// It takes `limit` and `offset`.
    pub paged: bool,
    /// The longest page, where that is less than the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_page: Option<usize>,
    /// It takes a page number, from 1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub numbered: bool,
    /// JSON pointer to the array: `/results` for collections, `/members` inside a parent.
    pub items_at: String,
    /// The field with the id of an item (`id`, `instance_id`, `port_id`, ...), and the one with its name.
    pub id_field: String,
    pub name_field: Option<String>,
    /// Items have `creator_task_id`.
    pub creator_task: bool,
    /// Items have our tags, as a list of `{key, value}` or as a mapping.
    pub tags: bool,
    /// The field with the tags: `tags`, `tags_v2`.
    #[serde(default)]
    pub tags_field: Option<String>,
    /// The path of the text in which the stamp may be left: `description`, `task_data/client_entity_data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark_field: Option<String>,
}

impl ListCall {
    /// Whether items show the stamp, or can be asked for by it.
    pub fn shows_stamps(&self) -> bool {
        self.tags || self.by_tag || self.remark_field.is_some()
    }

    /// The elements as resources: one that is only an id (of `object_ids`) gets the field of the id; those below
    /// another (`descendants` of a directory) follow it.
    pub fn resources(&self, elements: Vec<Value>) -> Vec<Value> {
        let mut found = Vec::with_capacity(elements.len());
        for mut element in elements {
            let below = element.get_mut(BELOW).map(Value::take);
            found.push(match element {
                Value::Object(_) => element,
                id => serde_json::json!({ &self.id_field: id }),
            });
            if let Some(Value::Array(below)) = below {
                found.extend(self.resources(below));
            }
        }
        found
    }
}

/// The call that deletes a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeleteCall {
    pub method: Method,
    pub path: String,
    /// The query parameters that include secondary resources in the delete, by kind: `volumes` -> `volumes`.
    pub also_by: Vec<AlsoBy>,
}

/// `delete?<parameter>=<ids>` deletes these resources of `kind` as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlsoBy {
    pub kind: String,
    pub parameter: String,
    /// The parameter is repeated for every id; otherwise the ids are one comma-separated list.
    #[serde(default)]
    pub repeated: bool,
}
