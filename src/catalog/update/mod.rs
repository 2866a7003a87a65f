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

pub use facts::{
    Added, ReadForm, can_be_reset, form_of, must_be_sent_alone, only_grows, shared_lists, shown_at, shows_early,
    takes_off,
};

/// A call that changes a created resource.
#[derive(Debug, Clone)]
pub struct UpdateCall {
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
    /// Detaches what the old value refers to; [`Act::Attach`] attaches the new one.
    Detach { field: &'static str, sent_as: Option<&'static str> },
    /// Attaches what the new value refers to.
    Attach { field: &'static str, sent_as: &'static str },
    /// One call for each removed element; its body has the element's `key`.
    DetachEach { field: &'static str, key: &'static str },
    /// One call for each new element; its body has the element's `key`.
    AttachEach { field: &'static str, key: &'static str },
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
    AttachPart { field: &'static str, part: MachinePart },
    /// Detaches a part of this kind from the resource.
    DetachPart { field: &'static str, part: MachinePart },
}

/// A part of a machine: its body describes the part, and the calls that change it need the name or id that the API
/// gave to the part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachinePart {
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
    OnlyLarger,
    /// Only to a later version.
    LaterVersion,
}

impl Act {
    /// The fields that it changes.
    pub fn fields(&self) -> Vec<&str> {
        match self {
            Act::Fields { fields, .. } => fields.iter().map(String::as_str).collect(),
            Act::Inner { field }
            | Act::Set { field, .. }
            | Act::Detach { field, .. }
            | Act::Attach { field, .. }
            | Act::DetachEach { field, .. }
            | Act::AttachEach { field, .. }
            | Act::Remove { field }
            | Act::Add { field }
            | Act::MakeElement { field, .. }
            | Act::Element { field, .. }
            | Act::RemoveElement { field, .. }
            | Act::AttachPart { field, .. }
            | Act::DetachPart { field, .. } => vec![field],
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
    pub fn update_calls_of(&self, create: &Operation) -> Vec<UpdateCall> {
        let mut update_calls = self.updates_of(create);
        let Some(resource) = resource_route(create) else { return update_calls };
        for (_, call, act) in FACTS.iter().filter(|(of, _, _)| full(of) == resource) {
            update_calls.extend(self.find_call(call).map(|operation| UpdateCall { operation, act: act.clone() }));
        }
        update_calls
    }

    /// The PATCH of a created resource, with the fields that it and the create have in common; then its PUT, when that
    /// takes more of them.
    fn updates_of(&self, create: &Operation) -> Vec<UpdateCall> {
        let (monitor_of, monitor_call, monitor) = MONITOR;
        let is_monitor = is(create, monitor_of);
        let wrapped = WRAPPED.iter().find(|(call, _)| is(create, call)).map(|(_, inside)| *inside);
        let inside = if is_monitor { Some(monitor) } else { wrapped };
        let operations = match is_monitor {
            true => self.find_call(monitor_call).into_iter().collect(),
            false => resource_route(create).map(|resource| self.update_routes(resource)).unwrap_or_default(),
        };
        let Some(made) = self.body_schema(create).map(|body| top_fields(&body)) else { return Vec::new() };
        let mut update_calls: Vec<UpdateCall> = Vec::new();
        for operation in operations {
            let taken = match (is_monitor, self.body_schema(&operation)) {
                (true, _) => made.clone(),
                (false, Some(body)) => inside.map_or_else(|| top_fields(&body), |inside| fields_inside(&body, inside)),
                (false, None) => Vec::new(),
            };
            let changes = |field: &&String| taken.contains(field) && !is_fixed(&operation, field);
            let fields: Vec<String> = made.iter().filter(changes).cloned().collect();
            if fields.iter().all(|field| update_calls.iter().any(|update_call| update_call.act.takes(field))) {
                continue;
            }
            let whole = operation.route.method == Method::Put || is_monitor;
            update_calls.push(UpdateCall { operation, act: Act::Fields { fields, whole, inside } });
        }
        update_calls
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
mod tests;
