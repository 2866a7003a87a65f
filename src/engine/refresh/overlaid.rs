//! The later calls of a record on a resource that one of its creates made: a step that renames a network, extends a
//! disk, attaches a volume. What such a call set is the plan's, and no drift; a difference from it is the drift of the
//! step that made the call.
//!
//! Pure. A value that cannot be known from the calls on record cannot be told from what the resource shows.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::compare::{Comparison, ReadResource, field};
use crate::catalog::update::{Act, Rule, UpdateCall};
use crate::catalog::{Catalog, Method, Operation};
use crate::engine::operation::{Parameters, operation_of, parameter};
use crate::engine::paths::fill_path;
use crate::engine::project_region::is_project_or_region;
use crate::engine::results::subject;
use crate::hash::HashMap;
use crate::id::InstanceId;
use crate::journal::{Drifted, InstanceStatus, Phase, RecordedCall, Status, fields_of, id_text};
use crate::order::sort_by_key;

/// Fields that no call changes but one that has them in its body.
const GIVEN_BY_NAME: [&str; 2] = ["name", "description"];
/// The segment of paths whose calls only set tags.
const TAGS: &str = "metadata";
/// The shortest segment that is taken for an id in the path of a call that the catalogue does not know.
const SHORTEST_ID: usize = 8;

/// A recorded call with its operation; `None` when the catalogue does not know it.
struct OnRecord<'a> {
    instance: &'a InstanceId,
    known: &'a InstanceStatus,
    call: &'a RecordedCall,
    operation: Option<(Arc<Operation>, Parameters)>,
}

/// The recorded calls that are about existing resources, by the ids and names in them.
pub struct Calls<'a> {
    calls: Vec<OnRecord<'a>>,
    by_name: HashMap<String, Vec<usize>>,
}

/// A resource that a recorded create made.
pub struct Made<'a> {
    pub instance: &'a InstanceId,
    pub kind: Option<&'a str>,
    pub id: &'a str,
    pub parameters: &'a Parameters,
    /// The parameter of its paths, and its value there.
    pub own: (&'a str, &'a str),
    pub update_calls: &'a [UpdateCall],
}

/// A call of another instance that changes a resource, and how; `None`: not known.
pub struct LaterCall<'a> {
    pub instance: &'a InstanceId,
    pub known: &'a InstanceStatus,
    call: &'a RecordedCall,
    act: Option<Act>,
}

/// What a call does to a field of the create's body.
#[derive(Debug, PartialEq)]
pub enum Sets<'a> {
    Nothing,
    To(&'a Value),
    /// It adds these elements to the list.
    Adds(&'a Value),
    CannotTell,
}

impl<'a> Calls<'a> {
    pub fn of(catalog: &Catalog, status: &'a Status) -> Self {
        let mut all = Self { calls: Vec::new(), by_name: HashMap::default() };
        for (instance, known) in &status.instances {
            let Some(call) = known.agreed().or_else(|| known.call()) else { continue };
            let operation = operation_of(catalog, call);
            let mut names: Vec<String> = match &operation {
                Some((operation, parameters)) => {
                    // A project is what some calls are about, and where others are made.
                    let is_about = |name: &String| !is_project_or_region(name) || parameters.len() == 1;
                    let own = parameters.iter().filter(|(name, _)| is_about(name) && operation.creates.is_none());
                    let above = parameters.iter().filter(|(name, _)| !is_project_or_region(name));
                    own.chain(above).map(|(_, value)| value.clone()).collect()
                }
                None => call.path.split('/').filter(|text| text.len() >= SHORTEST_ID).map(str::to_owned).collect(),
            };
            if operation.as_ref().is_none_or(|(operation, _)| operation.creates.is_none()) {
                let body = call.body.as_deref().and_then(Value::as_object);
                names.extend(body.into_iter().flat_map(Map::values).filter_map(Value::as_str).map(str::to_owned));
            }
            names.sort_unstable();
            names.dedup();
            if names.is_empty() {
                continue;
            }
            let at = all.calls.len();
            all.calls.push(OnRecord { instance, known, call, operation });
            names.into_iter().for_each(|name| all.by_name.entry(name).or_default().push(at));
        }
        all
    }

    /// The calls of other instances that change this resource.
    pub fn on(&self, made: &Made<'_>) -> Vec<LaterCall<'a>> {
        let parameters = made.parameters.iter().filter(|(name, _)| !is_project_or_region(name));
        let names = parameters.map(|(_, value)| value.as_str()).chain([made.id, made.own.1]);
        let mut found: Vec<usize> = names.filter_map(|name| self.by_name.get(name)).flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        let others = found.into_iter().map(|at| &self.calls[at]).filter(|other| other.instance != made.instance);
        others.filter_map(|other| made.changed_by(other)).collect()
    }
}

impl Made<'_> {
    fn changed_by<'a>(&self, other: &OnRecord<'a>) -> Option<LaterCall<'a>> {
        let later =
            |act: Option<Act>| Some(LaterCall { instance: other.instance, known: other.known, call: other.call, act });
        let Some((operation, parameters)) = &other.operation else {
            return other.call.path.split('/').any(|segment| segment == self.id).then(|| later(None)).flatten();
        };
        let update_call = self.update_calls.iter().find(|update_call| update_call.operation.route == operation.route);
        if let Some(update_call) = update_call.filter(|_| self.is_named_in(other.call, operation, parameters)) {
            return later(Some(update_call.act.clone()));
        }
        let is_elsewhere = |(name, value): &(String, String)| {
            is_project_or_region(name) && parameter(self.parameters, name).is_some_and(|known| known != value)
        };
        // Or it makes a resource of its own, below this one.
        if operation.creates.is_some() || parameters.iter().any(is_elsewhere) {
            return None;
        }
        let (kind, id) = subject(operation, other.call);
        let is_it = kind.as_deref() == self.kind && id.as_ref().map(id_text).as_deref() == Some(self.id);
        let is_own = |(name, value): &(String, String)| name == self.own.0 && value == self.own.1;
        let is_below = !is_project_or_region(self.own.0) && parameters.iter().any(is_own);
        (is_it || is_below).then(|| later(None)).flatten()
    }

    /// Whether a call that changes resources of this kind is about this one.
    fn is_named_in(&self, call: &RecordedCall, operation: &Operation, parameters: &Parameters) -> bool {
        let (own, value) = self.own;
        if let Some(path) = fill_path(&operation.route.path, self.parameters, own, value) {
            return path == call.path;
        }
        // The path is longer: it names a part of this resource, or another resource which the call joins with this one.
        let known = |name: &str| parameter(self.parameters, name);
        let agrees = |(name, value): &(String, String)| {
            if name == own { value == self.own.1 } else { known(name).is_none_or(|known| known == value) }
        };
        let in_path = parameters.iter().any(|(name, _)| name == own);
        let body = call.body.as_deref().and_then(Value::as_object);
        let in_body = || body.into_iter().flat_map(Map::values).any(|field| field.as_str() == Some(self.id));
        parameters.iter().all(agrees) && (in_path || in_body())
    }
}

impl LaterCall<'_> {
    /// What it does to a field of the create's body.
    pub fn sets(&self, field: &str) -> Sets<'_> {
        let is_known = self.known.phase == Phase::Succeeded && !self.known.intent.as_ref().is_some_and(|i| i.secret);
        match self.would_set(field) {
            Sets::To(_) | Sets::Adds(_) if !is_known => Sets::CannotTell,
            sets => sets,
        }
    }

    fn would_set(&self, name: &str) -> Sets<'_> {
        let body = self.call.body.as_deref().and_then(fields_of);
        let given = |name: &str| body.and_then(|body| body.get(name));
        match &self.act {
            Some(act) if !act.takes(name) => Sets::Nothing,
            Some(Act::Fields { whole, inside, .. }) => {
                let fields = inside.map_or(body, |inside| given(inside).and_then(Value::as_object));
                match fields.and_then(|fields| fields.get(name)) {
                    Some(Value::Null) => Sets::CannotTell,
                    Some(value) => Sets::To(value),
                    None if *whole => Sets::CannotTell,
                    None => Sets::Nothing,
                }
            }
            Some(Act::Set { with: Some((other, value)), .. })
                if given(other).and_then(Value::as_str) != Some(value) =>
            {
                Sets::Nothing
            }
            Some(Act::Set { sent_as, .. } | Act::Attach { sent_as, .. }) => {
                given(sent_as).map_or(Sets::CannotTell, Sets::To)
            }
            Some(Act::AttachEach { key: added, .. } | Act::Add { field: added }) => {
                given(added).map_or(Sets::CannotTell, Sets::Adds)
            }
            Some(_) => Sets::CannotTell,
            None => match given(name) {
                Some(value) if matches!(self.call.method, Method::Patch | Method::Put) && !value.is_null() => {
                    Sets::To(value)
                }
                None if GIVEN_BY_NAME.contains(&name) && self.call.method != Method::Put => Sets::Nothing,
                None if name == "tags" && !sets_tags(self.call) && self.call.method == Method::Post => Sets::Nothing,
                _ => Sets::CannotTell,
            },
        }
    }

    /// Whether it changes, in a mapping, the keys that it names and no others.
    fn merges(&self) -> bool {
        !matches!(self.act, Some(Act::Fields { whole: true, .. })) && self.call.method != Method::Put
    }

    /// Whether it only ever makes the field larger, so that the order of such calls does not matter.
    pub fn only_raises(&self) -> bool {
        matches!(self.act, Some(Act::Set { rule: Rule::OnlyLarger | Rule::LaterVersion, .. }))
    }

    /// The drift of this call, by which the next run makes it again: the field by the name that it has in its body.
    /// What is not attached any more is gone with all that the body says of it.
    pub fn drifted(&self, field: &str, now: Option<Value>) -> Vec<Drifted> {
        let body = self.call.body.as_deref().and_then(fields_of);
        vec![match &self.act {
            Some(Act::Attach { .. } | Act::AttachEach { .. }) if now.is_none() => {
                let names = body.into_iter().flat_map(Map::keys).cloned();
                return names.map(|field| Drifted { field, now: None }).collect();
            }
            Some(Act::Set { sent_as, .. } | Act::Attach { sent_as, .. }) => {
                Drifted { field: (*sent_as).to_owned(), now }
            }
            Some(Act::Fields { inside: Some(inside), .. }) => {
                let mut whole = body.and_then(|body| body.get(*inside)).cloned().unwrap_or_default();
                if let Some(fields) = whole.as_object_mut() {
                    match now {
                        Some(now) => drop(fields.insert(field.to_owned(), now)),
                        None => drop(fields.shift_remove(field)),
                    }
                }
                Drifted { field: (*inside).to_owned(), now: Some(whole) }
            }
            _ => Drifted { field: field.to_owned(), now },
        }]
    }
}

/// Compares a field of the resource with what the create and the later calls make of it: each difference with the later
/// call whose value it replaced, or `None` for the create's. `planned`: the create's value; `made`: its status.
pub fn compared<'l>(
    name: &str,
    planned: Option<&Value>,
    made: &InstanceStatus,
    later: &'l [LaterCall<'_>],
    shown: &ReadResource<'_>,
) -> Vec<(Option<&'l LaterCall<'l>>, Comparison)> {
    let mut setting: Vec<(&LaterCall<'_>, Sets<'_>)> = later.iter().map(|call| (call, call.sets(name))).collect();
    setting.retain(|(_, sets)| *sets != Sets::Nothing);
    if setting.is_empty() {
        return vec![(None, field(name, planned, shown))];
    }
    let mut set: Vec<(&LaterCall<'_>, &Value)> = Vec::new();
    let mut added = Vec::new();
    for (call, sets) in &setting {
        match sets {
            Sets::To(value) => set.push((call, value)),
            Sets::Adds(value) => added.push((Some(*call), *value)),
            Sets::Nothing | Sets::CannotTell => return vec![(None, Comparison::CannotTell)],
        }
    }
    if !added.is_empty() {
        if !set.is_empty() {
            return vec![(None, Comparison::CannotTell)];
        }
        // Each added element is there or not, whatever the others are.
        let own = planned.map(|planned| (None, planned));
        return own.into_iter().chain(added).map(|(by, value)| (by, field(name, Some(value), shown))).collect();
    }
    sort_by_key(&mut set, |(call, _)| call.known.finished_at);
    if name == "tags" && set.iter().all(|(call, value)| call.merges() && value.is_object()) {
        return element_by_key(planned, &set, shown);
    }
    vec![whole(name, planned, made, &set, shown)]
}

/// A value that one call after another replaces as a whole. `set`: by whom, in the order in which they ended.
fn whole<'l>(
    name: &str,
    planned: Option<&Value>,
    made: &InstanceStatus,
    set: &[(&'l LaterCall<'l>, &Value)],
    shown: &ReadResource<'_>,
) -> (Option<&'l LaterCall<'l>>, Comparison) {
    let begun: Option<Timestamp> = set.iter().map(|(call, _)| call.known.intended_at).max().flatten();
    let raises = set.iter().any(|(call, _)| call.only_raises());
    // What ended before another call began was replaced by it.
    let may_be_last = |call: &LaterCall<'_>| call.known.finished_at >= begun || raises;
    let values = set.iter().filter(|(call, _)| may_be_last(call)).map(|(_, value)| *value);
    let values = values.chain(planned.filter(|_| made.finished_at > begun || raises));
    let mut found: Vec<Comparison> = values.map(|value| field(name, Some(value), shown)).collect();
    if let Some(at) = found.iter().position(|found| !matches!(found, Comparison::Differs(_))) {
        let is_same = found.contains(&Comparison::Same);
        return (None, if is_same { Comparison::Same } else { found.swap_remove(at) });
    }
    match (set.last(), found.pop()) {
        // The same call again would not bring it back.
        (_, Some(differs)) if raises && planned.is_some() => (None, differs),
        (Some((last, _)), Some(differs)) if !raises => (Some(last), differs),
        _ => (None, Comparison::CannotTell),
    }
}

/// Tags, of which a call changes those that it names.
fn element_by_key<'l>(
    planned: Option<&Value>,
    set: &[(&'l LaterCall<'l>, &Value)],
    shown: &ReadResource<'_>,
) -> Vec<(Option<&'l LaterCall<'l>>, Comparison)> {
    let writers =
        planned.map(|tags| (None, tags)).into_iter().chain(set.iter().map(|(call, tags)| (Some(*call), *tags)));
    let writers: Vec<(Option<&LaterCall<'_>>, &Map<String, Value>)> =
        writers.filter_map(|(call, tags)| Some((call, tags.as_object()?))).collect();
    let part = |(at, (call, tags)): (usize, &(Option<&'l LaterCall<'l>>, &Map<String, Value>))| {
        let is_replaced = |key: &String| writers[at + 1..].iter().any(|(_, tags)| tags.contains_key(key));
        let stands = |key: &String, value: &Value| !value.is_null() && !is_replaced(key);
        let (own, others): (Map<_, _>, Map<_, _>) =
            tags.iter().map(|(key, value)| (key.clone(), value.clone())).partition(|(key, value)| stands(key, value));
        let found = match field("tags", Some(&Value::Object(own)), shown) {
            // The keys that later calls replaced count as unchanged: they are another call's.
            Comparison::Differs(Some(Value::Object(now))) => {
                Comparison::Differs(Some(Value::Object(now.into_iter().chain(others).collect())))
            }
            found => found,
        };
        (*call, found)
    };
    writers.iter().enumerate().map(part).collect()
}

/// Whether the call only sets tags, with a body of their keys.
fn sets_tags(call: &RecordedCall) -> bool {
    call.path.split('/').any(|segment| segment == TAGS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::journal::{Header, StepResult};
    use crate::plan::Selection;

    const ID: &str = "6f1d2c3b-0000-4000-8000-000000000001";
    const OTHER: &str = "6f1d2c3b-0000-4000-8000-000000000002";

    /// What a later call on record, in this phase, sets the field of a created resource to; `None`: it is not about it.
    fn sets(create: &str, later: (Method, &str, Value), phase: Phase, field: &str) -> Option<String> {
        let catalog = Catalog::embedded();
        let create = RecordedCall::new(Method::Post, create);
        let (method, path, body) = later;
        let call = RecordedCall { body: Some(body.into()), ..RecordedCall::new(method, path) };
        let mut status = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
        let known = InstanceStatus { phase, agrees: Some(call.into()), ..InstanceStatus::default() };
        status.instances.insert(Selection::name("later"), known.into());
        let (operation, parameters) = operation_of(catalog, &create).unwrap();
        let creates = operation.creates.as_ref().unwrap();
        let result = StepResult { id: Some(json!(ID).into()), ..StepResult::default() };
        let own = crate::engine::paths::own_value(creates.resource.as_ref().unwrap(), &result).unwrap();
        let instance = Selection::name("made");
        let calls = Calls::of(catalog, &status);
        let found = calls.on(&Made {
            instance: &instance,
            kind: Some(&creates.kind),
            id: ID,
            parameters: &parameters,
            own: (&creates.resource.as_ref().unwrap().parameter, &own),
            update_calls: &catalog.update_calls_of(&operation),
        });
        found.first().map(|call| match call.sets(field) {
            Sets::Nothing => "nothing".to_owned(),
            Sets::To(value) => value.to_string(),
            Sets::Adds(value) => format!("+ {value}"),
            Sets::CannotTell => "?".to_owned(),
        })
    }

    #[test]
    fn a_later_call_sets_what_is_known_of_it() {
        let (networks, volumes, machines) =
            ("/cloud/v1/networks/1/7", "/cloud/v1/volumes/1/7", "/cloud/v2/instances/1/7");
        let network = format!("/cloud/v2/networks/1/7/{ID}");
        let (patch, post) = (Method::Patch, Method::Post);
        let volume = |action: &str| format!("/cloud/v1/volumes/1/7/{ID}{action}");
        let (routers, router) =
            ("/cloud/v1/routers/1/7", |action: &str| format!("/cloud/v1/routers/1/7/{ID}/{action}"));
        let machine = |action: &str| format!("/cloud/v1/instances/1/7/{ID}/{action}");
        for (create, method, path, body, field, expected) in [
            (networks, patch, &network, json!({ "name": "new" }), "name", Some("\"new\"")),
            (networks, patch, &network, json!({ "name": "new" }), "tags", Some("nothing")),
            (networks, patch, &network.replace(ID, OTHER), json!({ "name": "new" }), "name", None),
            (networks, patch, &network.replace("/1/7", "/1/8"), json!({ "name": "new" }), "name", None),
            (volumes, post, &volume("/extend"), json!({ "size": 5 }), "size", Some("5")),
            (volumes, post, &volume("/extend"), json!({ "size": 5 }), "name", Some("nothing")),
            (volumes, post, &volume("/retype"), json!({ "volume_type": "cold" }), "type_name", Some("\"cold\"")),
            // An action that the catalogue does not know.
            (volumes, post, &volume("/revert"), json!({}), "size", Some("?")),
            (volumes, post, &volume("/revert"), json!({}), "name", Some("nothing")),
            (machines, post, &machine("reboot"), json!({}), "flavor", Some("?")),
            (machines, post, &machine("changeflavor"), json!({ "flavor_id": "g1" }), "flavor", Some("\"g1\"")),
            (machines, post, &machine("addsecuritygroup"), json!({ "name": "web" }), "security_groups", Some("?")),
            (
                machines,
                post,
                &format!("/cloud/v2/volumes/1/7/{OTHER}/attach"),
                json!({ "instance_id": ID }),
                "volumes",
                Some("?"),
            ),
            (
                routers,
                post,
                &router("attach"),
                json!({ "subnet_id": OTHER }),
                "interfaces",
                Some(&*format!("+ \"{OTHER}\"")),
            ),
            (routers, post, &router("attach"), json!({ "subnet_id": OTHER }), "name", Some("nothing")),
            (routers, post, &router("detach"), json!({ "subnet_id": OTHER }), "interfaces", Some("?")),
            (volumes, post, &volume("/metadata"), json!({ "team": "a" }), "tags", Some("?")),
            (volumes, post, &volume("/metadata-export"), json!({}), "tags", Some("nothing")),
            // What makes a resource of its own.
            (volumes, post, &"/cloud/v1/snapshots/1/7".to_owned(), json!({ "volume_id": ID }), "size", None),
        ] {
            let found = sets(create, (method, path, body), Phase::Succeeded, field);
            assert_eq!(found.as_deref(), expected, "{method} {path} {field}");
        }
        // Whether it was carried out, or how far, is not known.
        let unsure = sets(networks, (patch, &network, json!({ "name": "new" })), Phase::InDoubt, "name");
        assert_eq!(unsure.as_deref(), Some("?"));
    }
}
