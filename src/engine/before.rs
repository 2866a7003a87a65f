//! Calls that have to precede a delete: they undo what the create attached or switched on.

use serde_json::{Value, json};

use super::operation::operation_of;
use crate::catalog::{Catalog, Method};
use crate::journal::{Drifted, RecordedCall};

/// A call to make before a delete, and what it changes of the resource: the field of the create's body, and its value
/// afterwards.
#[derive(Debug, Clone, PartialEq)]
pub struct PrecedingCall {
    pub call: RecordedCall,
    pub changes: Drifted,
}

/// The calls to make before the delete of the resource that `create` made, in order; empty for most kinds.
///
/// A router is not deletable while the subnets of its create are attached, a volume not while it is attached to a
/// machine, a reserved IP not while it is a virtual IP (Gcore API reference, "Detach subnet from router", "Detach
/// volume", "Toggle the VIP status"). CDN resources and rules are disabled first ("Delete CDN resource", "Delete
/// rule"). Only what the create, or a later change of it, attached is detached: a volume that another client attached
/// elsewhere stays as it is.
pub fn before_delete(catalog: &Catalog, create: &RecordedCall, delete: &RecordedCall) -> Vec<PrecedingCall> {
    let is = |method, path: &str| {
        operation_of(catalog, delete)
            .is_some_and(|(operation, _)| operation.route.method == method && operation.route.path == path)
    };
    let call = |method, path: String, body: Value, field: &str, now: Option<Value>| PrecedingCall {
        call: RecordedCall { body: Some(body.into()), ..RecordedCall::new(method, path) },
        changes: Drifted { field: field.to_owned(), now },
    };
    let body = |pointer: &str| create.body.as_ref().and_then(|body| body.pointer(pointer));
    if is(Method::Delete, "/cloud/v1/routers/{project_id}/{region_id}/{router_id}") {
        let interfaces = body("/interfaces").and_then(Value::as_array).into_iter().flatten();
        let subnets = interfaces.filter_map(|interface| interface.get("subnet_id")?.as_str());
        let path = format!("{}/detach", delete.path);
        let detach = |subnet: &str| {
            call(Method::Post, path.clone(), json!({ "subnet_id": subnet }), "interfaces", Some(json!([])))
        };
        return subnets.map(detach).collect();
    }
    if is(Method::Delete, "/cloud/v1/volumes/{project_id}/{region_id}/{volume_id}") {
        const ATTACHED_TO: &str = "instance_id_to_attach_to";
        let machine = body(&format!("/{ATTACHED_TO}")).and_then(Value::as_str);
        let path = format!("{}/detach", delete.path.replacen("/v1/", "/v2/", 1));
        let detach = |machine| call(Method::Post, path, json!({ "instance_id": machine }), ATTACHED_TO, None);
        return machine.map(detach).into_iter().collect();
    }
    let is_address = is(Method::Delete, "/cloud/v1/reserved_fixed_ips/{project_id}/{region_id}/{port_id}");
    if is_address && body("/is_vip") == Some(&Value::Bool(true)) {
        let ordinary = json!({ "is_vip": false });
        return vec![call(Method::Patch, delete.path.clone(), ordinary, "is_vip", Some(false.into()))];
    }
    let is_active = body("/active") != Some(&Value::Bool(false));
    let delivers = is(Method::Delete, "/cdn/resources/{resource_id}")
        || is(Method::Delete, "/cdn/resources/{resource_id}/rules/{rule_id}");
    if delivers && is_active {
        let disabled = json!({ "active": false });
        return vec![call(Method::Patch, delete.path.clone(), disabled, "active", Some(false.into()))];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The calls before the delete of a resource with this create's body.
    fn calls(create: &str, body: Value, delete: &str) -> Vec<String> {
        let create = RecordedCall { body: Some(body.into()), ..RecordedCall::new(Method::Post, create) };
        let before = before_delete(Catalog::embedded(), &create, &RecordedCall::new(Method::Delete, delete));
        let words = |before: &PrecedingCall| {
            let Drifted { field, now } = &before.changes;
            let now = now.as_ref().map(ToString::to_string).unwrap_or_default();
            let body = before.call.body.as_deref().map(ToString::to_string).unwrap_or_default();
            format!("{} {body}; {field}={now}", before.call)
        };
        before.iter().map(words).collect()
    }

    #[test]
    fn what_a_create_attached_or_switched_on_is_taken_back_before_the_delete() {
        let (volumes, volume) = ("/cloud/v1/volumes/1/7", "/cloud/v1/volumes/1/7/v-1");
        let (routers, router) = ("/cloud/v1/routers/1/7", "/cloud/v1/routers/1/7/r-1");
        let (addresses, address) = ("/cloud/v1/reserved_fixed_ips/1/7", "/cloud/v1/reserved_fixed_ips/1/7/p-1");
        for (create, body, delete, expected) in [
            (
                volumes,
                json!({ "name": "data", "instance_id_to_attach_to": "vm-1" }),
                volume,
                &[r#"POST /cloud/v2/volumes/1/7/v-1/detach {"instance_id":"vm-1"}; instance_id_to_attach_to="#][..],
            ),
            (volumes, json!({ "name": "data" }), volume, &[]),
            (volumes, json!({ "name": "data", "instance_id_to_attach_to": null }), volume, &[]),
            (
                routers,
                json!({ "interfaces": [{ "subnet_id": "a" }, { "subnet_id": "b" }] }),
                router,
                &[
                    r#"POST /cloud/v1/routers/1/7/r-1/detach {"subnet_id":"a"}; interfaces=[]"#,
                    r#"POST /cloud/v1/routers/1/7/r-1/detach {"subnet_id":"b"}; interfaces=[]"#,
                ],
            ),
            (routers, json!({ "name": "r" }), router, &[]),
            (
                addresses,
                json!({ "is_vip": true }),
                address,
                &[r#"PATCH /cloud/v1/reserved_fixed_ips/1/7/p-1 {"is_vip":false}; is_vip=false"#],
            ),
            (addresses, json!({ "is_vip": false }), address, &[]),
            (
                "/cdn/resources",
                json!({}),
                "/cdn/resources/5",
                &[r#"PATCH /cdn/resources/5 {"active":false}; active=false"#],
            ),
            ("/cdn/resources", json!({ "active": false }), "/cdn/resources/5", &[]),
        ] {
            assert_eq!(calls(create, body.clone(), delete), expected, "{create} {body}");
        }
    }
}
