//! Values that a call needs and only the API knows: read before the call is sent, and inserted in place of a
//! placeholder.

use serde_json::{Value, json};

use super::in_place::{InPlace, Lookup, address_placeholder, port_placeholder};
use super::machine::{is_existing, is_started_from};
use crate::api::{ReadError, Request};
use crate::catalog::update::takes_off;
use crate::engine::context::RunContext;
use crate::engine::maker::other_maker_of_main;
use crate::engine::operation::{Parameters, parameter};
use crate::engine::pages::{Paging, pages};
use crate::engine::paths::encode;
use crate::engine::project_region::PROJECT_AND_REGION;
use crate::id::InstanceId;
use crate::journal::{RecordedCall, Status, id_text};
use crate::order::sort_by_key;

/// Why a call cannot be completed.
#[derive(Debug)]
pub enum NotFound {
    Read(ReadError),
    /// The resource does not exist, or several match.
    NotOne(String),
    /// The resource that the call changes was made by this task, which is none of its step.
    OfAnother(String),
}

/// Reads the values that a call needs, and inserts them. `None`: what the call takes off is gone, and there is nothing
/// to send.
///
/// # Errors
///
/// [`NotFound`].
pub async fn looked_up(context: &RunContext, id: &InstanceId, mut call: InPlace) -> Result<Option<InPlace>, NotFound> {
    let takes_off = takes_off(&call.operation);
    for lookup in std::mem::take(&mut call.lookups) {
        let found = match &lookup {
            Lookup::Group { id } => {
                let path = placed("/cloud/v1/securitygroups/{project_id}/{region_id}", &call.parameters);
                let group = match context.client.read(Request::get(format!("{path}/{}", encode(id)))).await {
                    Err(error) if takes_off && error.is_not_found() => {
                        // A single "not found" may be wrong: what is gone is at no port.
                        let ports = ports_of(context, &call.recorded).await.map_err(NotFound::Read)?;
                        if ports.iter().any(|port| has_group(port, "id", &Value::from(&**id))) {
                            return Err(NotFound::Read(error));
                        }
                        if !leave_out(&mut call, &lookup.token()) {
                            return Ok(None);
                        }
                        continue;
                    }
                    group => group.map_err(NotFound::Read)?,
                };
                let name = group.get("name").and_then(Value::as_str).map(str::to_owned);
                vec![(
                    lookup.token(),
                    name.ok_or_else(|| NotFound::NotOne(format!("security group {id} has no name")))?,
                )]
            }
            Lookup::Port { interfaces, at } => {
                let shown = interfaces_of(context, &call.parameters).await.map_err(NotFound::Read)?;
                if takes_off && interfaces.get(*at).is_some_and(|listed| is_away(listed, &shown)) {
                    return Ok(None);
                }
                let port = port_of(interfaces, *at, &shown).map_err(NotFound::NotOne)?;
                vec![(port_placeholder(), port.0), (address_placeholder(), port.1)]
            }
            Lookup::Volume { machine, volumes, at, made } => {
                let path = placed("/cloud/v1/volumes/{project_id}/{region_id}", &call.parameters);
                let request = Request::get(path).query("instance_id", machine);
                let shown =
                    pages(&context.client, &request, "/results", Paging::CLOUD).await.map_err(NotFound::Read)?;
                vec![(lookup.token(), volume_of(volumes, *at, made, &shown).map_err(NotFound::NotOne)?)]
            }
            Lookup::Others(others) => {
                let object = context.client.read(Request::get(others.path.clone())).await.map_err(NotFound::Read)?;
                let maker =
                    |status: &Status| other_maker_of_main(&context.settings, status.instances.get(id)?, &object);
                if let Some(maker) = context.journal.with_status(maker) {
                    return Err(NotFound::OfAnother(maker));
                }
                let kept = others.kept(context, id, &call.operation, &object).map_err(NotFound::NotOne)?;
                others.send_along(&mut call, &kept);
                continue;
            }
        };
        for (token, value) in &found {
            call.recorded.path = call.recorded.path.replace(token.as_str(), &encode(value));
            call.parameters
                .iter_mut()
                .filter(|(_, known)| known == token)
                .for_each(|(_, known)| known.clone_from(value));
            call.recorded.body.iter_mut().for_each(|body| body.edit(|body| put(body, token, value)));
            call.sent.iter_mut().for_each(|body| put(body, token, value));
        }
    }
    Ok(Some(call))
}

/// The ports of the machine whose security groups a call changes.
///
/// # Errors
///
/// When the API cannot be read.
pub async fn ports_of(context: &RunContext, call: &RecordedCall) -> Result<Vec<Value>, ReadError> {
    let machine = call.path.rsplit_once('/').map_or("", |(machine, _)| machine);
    pages(&context.client, &Request::get(format!("{machine}/ports")), "/results", Paging::CLOUD).await
}

/// Whether a port has a security group with this value.
pub fn has_group(port: &Value, name: &str, value: &Value) -> bool {
    let groups = port.get("security_groups").and_then(Value::as_array).into_iter().flatten();
    groups.into_iter().any(|group| group.get(name) == Some(value))
}

/// Leaves a group out of the call that takes it off a machine or a port; returns whether the call is still about any.
fn leave_out(call: &mut InPlace, token: &str) -> bool {
    let mut is_left = false;
    let mut leave = |body: &mut Value| {
        let names = body.pointer_mut("/ports_security_group_names/0/security_group_names");
        if let Some(names) = names.and_then(Value::as_array_mut) {
            names.retain(|name| name.as_str() != Some(token));
            is_left |= !names.is_empty();
        }
    };
    call.recorded.body.iter_mut().for_each(|body| body.edit(&mut leave));
    call.sent.iter_mut().for_each(leave);
    is_left
}

/// Whether the machine has no interface at the subnet, or with the port, that the body names.
fn is_away(listed: &Value, shown: &[Value]) -> bool {
    let name = match listed.get("type").and_then(Value::as_str) {
        Some("reserved_fixed_ip") => "port_id",
        Some("subnet") => "subnet_id",
        _ => return false,
    };
    let Some(id) = listed.get(name).filter(|id| id.is_string()) else { return false };
    let named = json!({ "type": listed["type"], name: id });
    !shown.iter().any(|interface| fits(&named, interface))
}

/// The interfaces of the machine that a call is about.
///
/// # Errors
///
/// When the API cannot be read.
pub async fn interfaces_of(context: &RunContext, parameters: &Parameters) -> Result<Vec<Value>, ReadError> {
    let path = placed("/cloud/v1/instances/{project_id}/{region_id}", parameters);
    let path = format!("{path}/{}/interfaces", encode(&own(parameters, "instance_id")));
    pages(&context.client, &Request::get(path), "/results", Paging::CLOUD).await
}

fn own(parameters: &Parameters, name: &str) -> String {
    parameter(parameters, name).unwrap_or_default().to_owned()
}

fn placed(path: &str, parameters: &Parameters) -> String {
    PROJECT_AND_REGION
        .iter()
        .fold(path.to_owned(), |path, name| path.replace(&format!("{{{name}}}"), &encode(&own(parameters, name))))
}

fn put(value: &mut Value, token: &str, found: &str) {
    match value {
        Value::String(text) if text == token => found.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| put(item, token, found)),
        Value::Object(fields) => fields.values_mut().for_each(|field| put(field, token, found)),
        _ => {}
    }
}

/// How exactly an interface in the body identifies its port: the most exact ones are matched first.
fn rank(interface: &Value) -> usize {
    let names = |name: &str| interface.get(name).is_some_and(|value| !value.is_null());
    match interface.get("type").and_then(Value::as_str) {
        Some("reserved_fixed_ip") => 0,
        _ if names("ip_address") => 1,
        _ if names("interface_name") => 2,
        Some("subnet") => 3,
        Some("any_subnet") => 4,
        _ => 5,
    }
}

/// Whether an interface that a read shows can be the one in the body.
fn fits(listed: &Value, shown: &Value) -> bool {
    let asked = |name: &str| listed.get(name).filter(|value| !value.is_null());
    let assigned = |name: &str, wanted: &Value| {
        let all = shown.get("ip_assignments").and_then(Value::as_array).into_iter().flatten();
        all.into_iter().any(|one| one.get(name) == Some(wanted))
    };
    let at = match listed.get("type").and_then(Value::as_str) {
        Some("reserved_fixed_ip") => asked("port_id").is_some() && shown.get("port_id") == asked("port_id"),
        Some("subnet") => asked("subnet_id").is_some_and(|subnet| assigned("subnet_id", subnet)),
        Some("any_subnet") => asked("network_id").is_some() && shown.get("network_id") == asked("network_id"),
        _ => shown.pointer("/network_details/external") == Some(&Value::Bool(true)),
    };
    let name = asked("interface_name");
    let named =
        name.is_none() || shown.get("interface_name").is_none_or(|shown| shown.is_null() || Some(shown) == name);
    at && named && asked("ip_address").is_none_or(|address| assigned("ip_address", address))
}

/// Matches the interfaces in the body with those that a read shows; returns the unmatched ones as well.
pub fn match_interfaces(listed: &[Value], shown: &[Value]) -> (Vec<Option<usize>>, Vec<usize>) {
    let mut order: Vec<usize> = (0..listed.len()).collect();
    sort_by_key(&mut order, |at| rank(&listed[*at]));
    let mut left: Vec<usize> = (0..shown.len()).collect();
    let mut all = vec![None; listed.len()];
    for at in order {
        let found = left.iter().position(|other| fits(&listed[at], &shown[*other]));
        all[at] = found.map(|found| left.remove(found));
    }
    (all, left)
}

/// Id and address of the port of an interface in the body.
fn port_of(listed: &[Value], at: usize, shown: &[Value]) -> Result<(String, String), String> {
    let (all, left) = match_interfaces(listed, shown);
    let Some(found) = all.get(at).copied().flatten() else {
        return Err(format!("the machine has no interface that matches the one in the body at `interfaces/{at}`"));
    };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let port = |at: usize| text(shown[at].get("port_id")).unwrap_or_default();
    let mut alike: Vec<String> = left.into_iter().filter(|other| fits(&listed[at], &shown[*other])).map(port).collect();
    if !alike.is_empty() {
        alike.push(port(found));
        return Err(format!(
            "several interfaces of the machine match the one in the body at `interfaces/{at}`: {}",
            alike.join(", ")
        ));
    }
    let address = text(shown[found].pointer("/ip_assignments/0/ip_address"));
    Some(port(found))
        .filter(|port| !port.is_empty())
        .zip(address)
        .ok_or_else(|| format!("the API shows neither port nor address of `interfaces/{at}`"))
}

/// The fields of a volume in the body that a read shows as well: where, and the value.
fn shown_fields(volume: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    let shown = [
        ("name", "/name"),
        ("size", "/size"),
        ("type_name", "/volume_type"),
        ("image_id", "/volume_image_metadata/image_id"),
    ];
    let shown_fields = shown.into_iter().map(|(name, at)| (at, volume.get(name)));
    shown_fields.filter_map(|(at, value)| Some((at, value.filter(|value| !value.is_null())?)))
}

/// Whether another client can have changed a field of a volume like this: of its image it is for good, and it only grows.
fn may_become(place: &str, was: &Value, now: &Value) -> bool {
    let number = |value: &Value| id_text(value).parse::<f64>().unwrap_or_default();
    match place {
        "/name" | "/volume_type" => true,
        "/size" => number(now) >= number(was),
        _ => was == now,
    }
}

/// The place of a volume in its machine: `/dev/sdb`, in the order in which volumes are attached.
fn device(shown: &Value) -> Option<(usize, &str)> {
    let device = shown.pointer("/attachments/0/device").and_then(Value::as_str)?;
    Some((device.len(), device))
}

/// The id of a volume that a machine created with others, all of them in the order of its body. Those of which the body
/// says the same are distinguished by the order in which they are attached. Other clients may have changed what the body
/// says: the volume that the machine starts from is the one in the body nevertheless, and so is the only one that is left.
/// `made`: the ids of all, where these are known.
fn volume_of(listed: &[Value], at: usize, made: &[String], shown: &[Value]) -> Result<String, String> {
    let existing: Vec<String> = listed.iter().filter_map(|volume| volume.get("volume_id")).map(id_text).collect();
    let id = |shown: &Value| shown.get("id").map(id_text).unwrap_or_default();
    let is_own = |shown: &&Value| !existing.contains(&id(shown)) && (made.is_empty() || made.contains(&id(shown)));
    let mut left: Vec<&Value> = shown.iter().filter(is_own).collect();
    sort_by_key(&mut left, |shown| device(shown));
    let root = |shown: &Value| shown.get("is_root_volume").and_then(Value::as_bool);
    let agrees = |at: usize, shown: &Value, field: &dyn Fn(&str, &Value, &Value) -> bool| {
        let fields = || shown_fields(&listed[at]);
        root(shown).is_none_or(|root| root == is_started_from(listed, at))
            && fields().all(|(place, was)| shown.pointer(place).is_none_or(|now| field(place, was, now)))
    };
    let fits = |at: usize, shown: &Value| agrees(at, shown, &|_, was, now| id_text(was) == id_text(now));
    let may_become = |at: usize, shown: &Value| agrees(at, shown, &may_become);
    let mut order: Vec<usize> = (0..listed.len()).filter(|at| !is_existing(&listed[*at])).collect();
    let roots: Vec<usize> = (0..left.len()).filter(|place| root(left[*place]) == Some(true)).collect();
    if let ([place], Some(first)) = (&roots[..], order.iter().position(|at| is_started_from(listed, *at)))
        && may_become(order[first], left[*place])
    {
        let started_from = left.remove(*place);
        if order.remove(first) == at {
            return Ok(id(started_from));
        }
    }
    // Those of which the body says most are matched first.
    sort_by_key(&mut order, |other| std::cmp::Reverse(shown_fields(&listed[*other]).count()));
    let all = left.clone();
    let mut found = None;
    let mut alike = Vec::new();
    let (mut matched, mut unmatched) = (Vec::new(), 0);
    for other in order {
        let Some(next) = left.iter().position(|shown| fits(other, shown)) else {
            unmatched += 1;
            continue;
        };
        let next = left.remove(next);
        matched.push(other);
        if other == at {
            found = Some(next);
        } else if fits(at, next) && shown_fields(&listed[other]).eq(shown_fields(&listed[at])) {
            alike.push(next);
        }
    }
    let Some(found) = found else {
        return match (&left[..], unmatched, made) {
            // Nothing else in the body can be that one.
            ([only], 1, [_, ..]) if may_become(at, only) && !matched.iter().any(|other| fits(*other, only)) => {
                Ok(id(only))
            }
            _ => Err(none_of(at, &listed[at], &all)),
        };
    };
    let ordered = |other: &&&Value| device(other).is_some() && device(other) != device(found);
    let alike = alike.iter().filter(|other| !ordered(other));
    let unclear: Vec<String> =
        left.iter().filter(|other| fits(at, other)).chain(alike).map(|other| id(other)).collect();
    match unclear.is_empty() {
        true => Ok(id(found)),
        false => {
            let all = [id(found)].into_iter().chain(unclear).collect::<Vec<_>>().join(", ");
            Err(format!("several volumes of the machine match the one in the body: {all}"))
        }
    }
}

/// That none of these volumes is certainly the one in the body: what is recorded of that, and what they are now.
fn none_of(at: usize, listed: &Value, shown: &[&Value]) -> String {
    let words = |values: Vec<String>| values.join(" ");
    let now = |shown: &&Value| {
        let fields = ["/id", "/name", "/size", "/volume_type"].iter().filter_map(|at| shown.pointer(at));
        words(fields.map(id_text).collect())
    };
    format!(
        "none of the machine's volumes is certainly `volumes/{at}` ({}), as another client changed them: {}",
        words(shown_fields(listed).map(|(_, value)| id_text(value)).collect()),
        shown.iter().map(now).collect::<Vec<_>>().join(", ")
    )
}

#[cfg(test)]
mod tests;
