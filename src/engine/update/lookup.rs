//! Values that a call needs and only the API knows: read before the call is sent, and inserted in place of a
//! placeholder.

use serde_json::Value;

use super::in_place::{InPlace, Lookup, address_later, port_later};
use crate::api::{ReadError, Request};
use crate::engine::context::RunContext;
use crate::engine::pages::{Paging, pages};
use crate::engine::results::{Parameters, encode, id_text};

/// Why a call cannot be completed.
#[derive(Debug)]
pub enum NotFound {
    Read(ReadError),
    /// The resource does not exist, or several match.
    Which(String),
}

/// Reads the values that a call needs, and inserts them.
///
/// # Errors
///
/// [`NotFound`].
pub async fn looked_up(context: &RunContext, mut call: InPlace) -> Result<InPlace, NotFound> {
    for lookup in std::mem::take(&mut call.lookups) {
        let found = match &lookup {
            Lookup::Group { id } => {
                let path = placed("/cloud/v1/securitygroups/{project_id}/{region_id}", &call.parameters);
                let group = context.client.read(Request::get(format!("{path}/{}", encode(id)))).await;
                let name = group.map_err(NotFound::Read)?.get("name").and_then(Value::as_str).map(str::to_owned);
                vec![(lookup.token(), name.ok_or_else(|| NotFound::Which(format!("security group {id} has no name")))?)]
            }
            Lookup::Port { interfaces, at } => {
                let shown = interfaces_of(context, &call.parameters).await.map_err(NotFound::Read)?;
                let port = port_of(interfaces, *at, &shown).map_err(NotFound::Which)?;
                vec![(port_later(), port.0), (address_later(), port.1)]
            }
            Lookup::Volume { machine, volume, others } => {
                let path = placed("/cloud/v1/volumes/{project_id}/{region_id}", &call.parameters);
                let request = Request::get(path).query("instance_id", machine);
                let shown =
                    pages(&context.client, &request, "/results", Paging::CLOUD).await.map_err(NotFound::Read)?;
                vec![(lookup.token(), volume_of(volume, others, &shown).map_err(NotFound::Which)?)]
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
    Ok(call)
}

/// The interfaces of the machine that a call is about.
pub async fn interfaces_of(context: &RunContext, parameters: &Parameters) -> Result<Vec<Value>, ReadError> {
    let path = placed("/cloud/v1/instances/{project_id}/{region_id}", parameters);
    let path = format!("{path}/{}/interfaces", encode(&own(parameters, "instance_id")));
    pages(&context.client, &Request::get(path), "/results", Paging::CLOUD).await
}

fn own(parameters: &Parameters, name: &str) -> String {
    parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

fn placed(path: &str, parameters: &Parameters) -> String {
    ["project_id", "region_id"]
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

/// Matches the interfaces in the body with those that a read shows; gives the unmatched ones as well.
pub fn assigned(listed: &[Value], shown: &[Value]) -> (Vec<Option<usize>>, Vec<usize>) {
    let mut order: Vec<usize> = (0..listed.len()).collect();
    order.sort_by_key(|at| rank(&listed[*at]));
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
    let (all, left) = assigned(listed, shown);
    let Some(found) = all.get(at).copied().flatten() else {
        return Err(format!("the machine has no interface as its body lists at `interfaces/{at}`"));
    };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let port = |at: usize| text(shown[at].get("port_id")).unwrap_or_default();
    let mut alike: Vec<String> = left.into_iter().filter(|other| fits(&listed[at], &shown[*other])).map(port).collect();
    if !alike.is_empty() {
        alike.push(port(found));
        return Err(format!(
            "several interfaces of the machine are as its body lists at `interfaces/{at}`: {}",
            alike.join(", ")
        ));
    }
    let address = text(shown[found].pointer("/ip_assignments/0/ip_address"));
    Some(port(found))
        .filter(|port| !port.is_empty())
        .zip(address)
        .ok_or_else(|| format!("the API tells neither port nor address of `interfaces/{at}`"))
}

/// The id of a volume that a machine created.
fn volume_of(listed: &Value, others: &[String], shown: &[Value]) -> Result<String, String> {
    let same = |name: &str, shown: Option<&Value>| {
        let asked = listed.get(name).filter(|value| !value.is_null());
        asked.is_none() || shown.is_none() || asked == shown
    };
    let fitting = shown.iter().filter(|volume| {
        same("name", volume.get("name"))
            && same("size", volume.get("size"))
            && same("type_name", volume.get("volume_type"))
            && same("image_id", volume.pointer("/volume_image_metadata/image_id"))
    });
    let ids = fitting.filter_map(|volume| volume.get("id")).map(id_text).filter(|id| !others.contains(id));
    let ids: Vec<String> = ids.collect();
    match ids.as_slice() {
        [id] => Ok(id.clone()),
        [] => Err("the machine has no volume as its body lists".to_owned()),
        several => Err(format!("several volumes of the machine are as its body lists: {}", several.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown() -> Vec<Value> {
        vec![
            json!({ "port_id": "p0", "network_id": "n1", "network_details": { "external": false },
                "ip_assignments": [{ "subnet_id": "s1", "ip_address": "10.0.0.5" }] }),
            json!({ "port_id": "p1", "network_id": "n1", "network_details": { "external": false },
                "ip_assignments": [{ "subnet_id": "s2", "ip_address": "10.0.1.5" }], "interface_name": "db" }),
            json!({ "port_id": "p2", "network_id": "n2", "network_details": { "external": true },
                "ip_assignments": [{ "subnet_id": "s3", "ip_address": "92.0.0.5" }] }),
        ]
    }

    #[test]
    fn an_interface_is_found_by_all_that_its_body_says_of_it() {
        let listed = [
            json!({ "type": "external" }),
            json!({ "type": "any_subnet", "network_id": "n1" }),
            json!({ "type": "subnet", "network_id": "n1", "subnet_id": "s2", "interface_name": "db" }),
        ];
        for (at, port) in [(0, ("p2", "92.0.0.5")), (1, ("p0", "10.0.0.5")), (2, ("p1", "10.0.1.5"))] {
            assert_eq!(port_of(&listed, at, &shown()), Ok((port.0.to_owned(), port.1.to_owned())));
        }
    }

    #[test]
    fn one_of_several_is_not_guessed() {
        let listed = [json!({ "type": "any_subnet", "network_id": "n1" })];
        let why = port_of(&listed, 0, &shown()).unwrap_err();
        assert!(why.starts_with("several interfaces") && why.contains("p0") && why.contains("p1"), "{why}");
        let why = port_of(&[json!({ "type": "subnet", "subnet_id": "s9" })], 0, &shown()).unwrap_err();
        assert!(why.contains("no interface"), "{why}");
        let volumes = [json!({ "id": "v1", "name": "a", "size": 5 }), json!({ "id": "v2", "name": "b", "size": 5 })];
        let of = |listed: Value, others: &[&str]| {
            let others: Vec<String> = others.iter().map(|id| (*id).to_owned()).collect();
            volume_of(&listed, &others, &volumes)
        };
        assert_eq!(of(json!({ "source": "new-volume", "size": 5, "name": "b" }), &[]), Ok("v2".to_owned()));
        assert_eq!(of(json!({ "source": "new-volume", "size": 5 }), &["v2"]), Ok("v1".to_owned()));
        assert!(of(json!({ "source": "new-volume", "size": 5 }), &[]).is_err_and(|why| why.contains("several")));
        assert!(of(json!({ "source": "new-volume", "size": 7 }), &[]).is_err());
    }
}
