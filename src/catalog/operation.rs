//! What we know about one operation, as facts.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ready::Ready;
use super::schema::Schema;

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
    /// Reads `METHOD /path`; `None` when it is anything else.
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

/// Whether a call changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// A GET, or a POST that only computes (prices, limits).
    Read,
    /// Makes something new.
    Create,
    /// Changes or acts on something that exists.
    Change,
    /// Takes something away.
    Delete,
}

/// Everything known about one operation except the shape of its body (see `schema`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    #[serde(flatten)]
    pub route: Route,
    /// The section of the API reference, such as `Networks`.
    pub tag: String,
    /// The reference's own id of the operation.
    pub operation_id: String,
    pub effect: Effect,
    /// Answers with a list of tasks, as far as documented. The answer decides, never this.
    pub asynchronous: bool,
    /// Types the started task may have; empty when unknown.
    pub task_types: Vec<String>,
    /// A success with an empty list of tasks is documented or known.
    pub may_be_no_op: bool,
    pub deprecated: bool,
    /// What to call instead of a deprecated operation.
    pub successor: Option<Route>,
    pub path_parameters: Vec<Parameter>,
    pub query_parameters: Vec<Parameter>,
    /// Whether the operation takes a JSON body, and whether it must.
    pub body: BodyUse,
    /// The body takes a mapping `tags` of our choosing: a stamp can be left there.
    pub takes_tags: bool,
    /// What a success makes.
    pub creates: Option<Creates>,
    /// Further keys that `created_resources` may have after this call, which is no create: new members of a changed pool.
    #[serde(default)]
    pub also_makes: Vec<String>,
    /// Where the id of the parent stands that the API locks while this runs: writes below one parent go one after another.
    pub locks: Option<ValueAt>,
    /// Where the parent is named when nothing stands at `locks`, the best place first.
    #[serde(default)]
    pub locks_else: Vec<ValueAt>,
    /// What the thing it makes or changes shows before it can be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
    /// The media types of a body that is no JSON: the bytes of a file, or, where it takes nothing else, a form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<String>,
    /// The shape of the body; `Catalog::body_schema` gives it with its definitions.
    #[serde(skip)]
    pub(crate) body_schema: Option<Schema>,
}

impl Operation {
    /// Every kind of resource that a success may make, under the keys it may have in `created_resources`; the main one
    /// first.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodyUse {
    None,
    Optional,
    Required,
}

/// A parameter in the path or the query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    pub name: String,
    pub required: bool,
    /// JSON types a value may have: `string`, `integer`, `number`, `boolean`, `array`, `object`; empty when open.
    pub types: Vec<String>,
    /// Allowed values; empty when open.
    pub values: Vec<serde_json::Value>,
    /// The kind of resource whose id or name belongs here, such as `networks`.
    pub kind: Option<String>,
    /// The parameter wants the name of that resource, not its id.
    pub by_name: bool,
    /// The shape of a value: limits, pattern, format.
    #[serde(default)]
    pub schema: Schema,
}

impl Parameter {
    /// Types, values and kind are read off the shape.
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

/// A place in a call where a value stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueAt {
    /// The path parameter of this name.
    Path(String),
    /// A JSON pointer into the request body.
    Body(String),
}

/// Where the id of what was created appears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdAt {
    /// Under one of these keys of the finished task's `created_resources`; the first key that is present wins.
    Task(Vec<String>),
    /// A JSON pointer into a synchronous answer.
    Response(String),
    /// A JSON pointer into the request body: the answer never tells (resources known by name only).
    Body(String),
    /// These parameters of the path, with `/` between: the call itself says what it makes (record sets).
    Path(Vec<String>),
}

/// What a create makes, and how to find, read and remove it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Creates {
    /// The kind of the one thing created: a key of `created_resources`, or a word of the same shape (`ssh_keys`).
    pub kind: String,
    pub id_at: IdAt,
    /// The id is an integer in the API, not a string.
    pub integer_id: bool,
    /// Other kinds the same call may make beside it: `volumes` of a machine, `routers` of a network.
    pub also: Vec<String>,
    /// Those of `also` that are still there when the resource itself is deleted, unless `DeleteCall::also_by` takes them along.
    #[serde(default)]
    pub stays: Vec<String>,
    /// JSON pointer into the body of the name it goes by, when it has one: `/name`.
    pub name_at: Option<String>,
    /// The API lets no two have the same name, or the same path where that alone tells them apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    pub resource: Option<Resource>,
}

/// The calls around one created resource. Paths hold `{project_id}`, `{region_id}`, the parents' parameters as in the
/// creating path, and `{<parameter>}` for the resource itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// The path parameter that stands for the resource; empty when its paths name only parents (a pool's health monitor).
    pub parameter: String,
    /// The API addresses it by name, not by the id found in the task.
    pub by_name: bool,
    /// GET path of one; `None` when it can only be found in its parent or a list.
    pub read: Option<String>,
    /// The collection to look through for one by name, tag or `creator_task_id`.
    pub list: Option<ListCall>,
    /// How it is taken away again; `None` when it goes with its parent or cannot be.
    pub delete: Option<DeleteCall>,
}

/// A GET that answers `{count, results}`, or the parent object that embeds the members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListCall {
    pub path: String,
    /// Query parameters that narrow the list without losing a match.
    pub name_parameter: Option<String>,
    /// Takes `tag_key_value`.
    pub by_tag: bool,
    /// Takes `limit` and `offset`.
    pub paged: bool,
    /// The longest page that it gives, where that is less than anybody would ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_page: Option<usize>,
    /// Takes the number of a page, from 1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub numbered: bool,
    /// JSON pointer to the array: `/results` for collections, `/members` inside a parent.
    pub items_at: String,
    /// Field of an item that holds the id (`id`, `instance_id`, `port_id`, ...) and, when it has one, the name.
    pub id_field: String,
    pub name_field: Option<String>,
    /// Items carry `creator_task_id`.
    pub creator_task: bool,
    /// Items carry our tags, as a list of `{key, value}` or as a mapping.
    pub tags: bool,
    /// The field of an item that holds them: `tags`, `tags_v2`.
    #[serde(default)]
    pub tags_field: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeleteCall {
    pub method: Method,
    pub path: String,
    /// Query parameter that takes a comma list of ids of this kind created beside the resource: `volumes` -> `volumes`.
    pub also_by: Vec<AlsoBy>,
}

/// `delete?<parameter>=<ids>` removes the resources of `kind` too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlsoBy {
    pub kind: String,
    pub parameter: String,
    /// The parameter is repeated for every id; otherwise one comma list.
    #[serde(default)]
    pub repeated: bool,
}
