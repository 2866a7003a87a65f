//! Likeness as evidence: fields that the call has in common with a task's `data` or with a resource. Neither is a
//! copy of the body, so only fields that both have are compared, and only a difference proves anything.

use std::net::IpAddr;

use serde_json::Value;

use super::{AttemptMarks, Verdict};
use crate::engine::names::usual_form;
use crate::engine::project_region::is_project_or_region;
use crate::journal::{RecordedCall, id_text};
use crate::secret::stands_for_secret;

/// Fields that a task's `data` or a resource has under another name than the request.
const ALIASES: [(&str, &str); 6] = [
    ("flavor", "flavor_name"),
    ("ssh_key_name", "keypair_name"),
    ("instance_id", "instance_uuid"),
    ("type_name", "volume_type"),
    ("access_mode", "access_level"),
    ("ip_address", "access_to"),
];

/// Digits of an MD5.
const MD5_DIGITS: usize = 32;

/// Fields besides names and references that have the same form wherever they are shown.
const COMPARABLE: [&str; 12] = [
    "name",
    "flavor",
    "cidr",
    "size",
    "ip_address",
    "address",
    "fixed_ip_address",
    "protocol_port",
    "policy",
    "access_mode",
    "direction",
    "ip_family",
];

/// Not ours when a field that both have differs; undecided otherwise.
pub fn verdict(theirs: &Value, attempt: &AttemptMarks<'_>, parameters: &[(String, String)]) -> Verdict {
    Verdict::not_if(contradicts(theirs, &attempt.intent.call, parameters))
}

/// Whether a field that both have differs; see [`verdict`].
pub fn contradicts(theirs: &Value, call: &RecordedCall, parameters: &[(String, String)]) -> bool {
    let differs = |name: &str, ours: &str| {
        let is_same = |theirs: &str| {
            same(theirs, ours) || usual_form(&call.path, name, theirs) == usual_form(&call.path, name, ours)
        };
        field(theirs, name).is_some_and(|theirs| is_scalar(theirs) && !is_same(&id_text(theirs)))
    };
    // A resource that was given a file shows its digest, where it shows any.
    let checksum = theirs.get("checksum").and_then(Value::as_str).filter(|text| text.len() == MD5_DIGITS);
    if call.body_file.as_ref().zip(checksum).is_some_and(|(file, shown)| !shown.eq_ignore_ascii_case(&file.md5)) {
        return true;
    }
    let sent = call.body.as_deref().and_then(Value::as_object);
    sent.into_iter().flatten().any(|(name, value)| {
        is_scalar(value) && !is_digest(value) && is_comparable(name) && differs(name, &id_text(value))
    }) || parameters.iter().any(|(name, value)| differs(name, value))
}

/// Whether a task has the call's name, or the id of the resource that the call is about.
pub fn confirms(data: &Value, call: &RecordedCall, parameters: &[(String, String)]) -> bool {
    let name = call.body.as_ref().and_then(|body| body.get("name")).filter(|name| !is_digest(name));
    (name.is_some() && field(data, "name") == name) || is_about(data, parameters)
}

/// Whether a task is about the resource that the path of a call names.
pub fn is_about(data: &Value, parameters: &[(String, String)]) -> bool {
    let object = parameters.iter().rfind(|(name, _)| !is_project_or_region(name));
    object.is_some_and(|(_, id)| mentions(data, id))
}

fn mentions(value: &Value, id: &str) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(|field| mentions(field, id)),
        Value::Array(items) => items.iter().any(|item| mentions(item, id)),
        scalar => is_scalar(scalar) && id_text(scalar) == *id,
    }
}

/// A field by name or alias: at the top, or inside an object such as `subnet_config`; `null` counts as absent.
fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let alias = ALIASES.iter().find(|(ours, _)| *ours == name).map(|(_, theirs)| *theirs);
    let own = |fields: &'v Value| {
        let found = fields.get(name).filter(|value| !value.is_null());
        found.or_else(|| fields.get(alias?).filter(|value| !value.is_null()))
    };
    let below =
        || value.as_object()?.iter().filter(|(key, _)| key.ends_with("_config")).find_map(|(_, inner)| own(inner));
    own(value).or_else(below)
}

fn is_scalar(value: &Value) -> bool {
    value.is_string() || value.is_number()
}

/// Whether a field can be compared: names and references can, fields with several forms cannot.
fn is_comparable(name: &str) -> bool {
    COMPARABLE.contains(&name) || name.ends_with("_id") || name.ends_with("_name")
}

/// Equal, or two notations of one address.
fn same(theirs: &str, ours: &str) -> bool {
    let address = |text: &str| {
        let host = text.strip_suffix("/32").or_else(|| text.strip_suffix("/128")).unwrap_or(text);
        host.parse::<IpAddr>().ok()
    };
    theirs == ours || address(theirs).is_some_and(|theirs| Some(theirs) == address(ours))
}

/// Whether the value is a digest in place of a secret, which cannot be compared.
pub fn is_digest(value: &Value) -> bool {
    value.as_str().is_some_and(stands_for_secret)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::intent;
    use super::*;

    #[test]
    fn only_comparable_fields_that_both_have_can_differ() {
        for (body, theirs, differs) in [
            (json!({ "name": "web" }), json!({ "name": "web" }), false),
            (json!({ "name": "web" }), json!({ "name": "db" }), true),
            (json!({ "name": "web" }), json!({}), false),
            (json!({ "name": "web" }), json!(null), false),
            (json!({ "name": "web" }), json!({ "name": null }), false),
            (json!({ "name": format!("secret:{}", "1f".repeat(16)) }), json!({ "name": "db" }), false),
            (json!({ "description": "a" }), json!({ "description": "b" }), false),
            (json!({ "ip_address": "10.0.0.5" }), json!({ "access_to": "10.0.0.6" }), true),
            (json!({ "ip_address": "10.0.0.5" }), json!({ "ip_address": "10.0.0.5/32" }), false),
            (json!({ "access_mode": "ro" }), json!({ "access_level": "rw" }), true),
            (json!({ "policy": "affinity" }), json!({ "policy": "anti-affinity" }), true),
            (
                json!({ "network_id": "n", "cidr": "c" }),
                json!({ "subnet_config": { "network_id": "n", "cidr": "c" } }),
                false,
            ),
            (
                json!({ "network_id": "n", "cidr": "c" }),
                json!({ "subnet_config": { "network_id": "m", "cidr": "c" } }),
                true,
            ),
            (json!({ "flavor": "g1" }), json!({ "flavor_name": "g2" }), true),
            (json!({ "size": 5 }), json!({ "device_config": { "size": 5 } }), false),
            (json!({ "size": 5 }), json!({ "device_config": { "size": 6 } }), true),
            // A machine shows its flavour as an object.
            (json!({ "flavor": "g1" }), json!({ "flavor": { "flavor_id": "g1", "ram": 2048 } }), false),
            (json!({ "address": { "ip": "10.0.0.5" } }), json!({ "address": "10.0.0.5" }), false),
            (json!({ "policy": true }), json!({ "policy": "affinity" }), false),
        ] {
            let intent = intent(body.clone());
            assert_eq!(contradicts(&theirs, &intent.call, &[]), differs, "{body} {theirs}");
        }
    }

    #[test]
    fn another_file_is_of_another_call() {
        let mut intent = intent(json!({}));
        let file = crate::body_file::BodyFile::received("application/octet-stream", b"one");
        let (ours, theirs) = (file.md5.clone(), "d41d8cd98f00b204e9800998ecf8427e");
        intent.call.body_file = Some(Box::new(file));
        for (shown, differs) in
            [(json!(ours), false), (json!(theirs), true), (json!("sha1"), false), (json!(null), false)]
        {
            assert_eq!(contradicts(&json!({ "id": 1, "checksum": shown }), &intent.call, &[]), differs, "{shown}");
        }
    }

    #[test]
    fn a_task_matches_a_call_by_name_or_by_its_resource() {
        let parameters = [("project_id".to_owned(), "1".to_owned()), ("volume_id".to_owned(), "v".to_owned())];
        for (body, data, confirmed) in [
            (json!({ "name": "web" }), json!({ "name": "web" }), true),
            (json!({ "name": "web" }), json!({ "name": "db" }), false),
            (json!({ "size": 5 }), json!({ "volume": { "id": "v" } }), true),
            (json!({ "size": 5 }), json!({ "volumes": ["w"], "project": 1 }), false),
            (json!({}), json!({}), false),
            (json!({}), json!({ "project_id": 1, "region_id": 7 }), false),
            (json!({}), json!({ "attached": true, "volume": null }), false),
        ] {
            let intent = intent(body.clone());
            assert_eq!(confirms(&data, &intent.call, &parameters), confirmed, "{body} {data}");
        }
        // Project and region do not identify a task, wherever they are in the path.
        let place = [("region_id".to_owned(), "7".to_owned()), ("project_id".to_owned(), "1".to_owned())];
        assert!(!is_about(&json!({ "project_id": 1, "region_id": 7 }), &place));
        let last = [parameters.to_vec(), place.to_vec()].concat();
        assert!(is_about(&json!({ "volumes": ["v"] }), &last) && !is_about(&json!({ "region_id": 7 }), &last));
    }
}
