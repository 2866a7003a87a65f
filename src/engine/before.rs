//! Calls that have to precede a delete: they undo what the create attached or switched on.

use serde_json::{Value, json};

use super::operation::operation_of;
use crate::catalog::{Catalog, Method};
use crate::journal::RecordedCall;

/// The calls to make before the delete of the resource that `create` made, in order; empty for most kinds.
///
/// A router is not deletable while the subnets of its create are attached, a virtual IP not while it is one (Gcore
/// API reference, "Detach subnet from router", "Toggle the VIP status"). CDN resources and rules are disabled first
/// ("Delete CDN resource", "Delete rule").
pub fn before_delete(catalog: &Catalog, create: &RecordedCall, delete: &RecordedCall) -> Vec<RecordedCall> {
    let is = |method, path: &str| {
        operation_of(catalog, delete)
            .is_some_and(|(operation, _)| operation.route.method == method && operation.route.path == path)
    };
    let call =
        |method, path: String, body: Value| RecordedCall { body: Some(body.into()), ..RecordedCall::new(method, path) };
    let body = |pointer: &str| create.body.as_ref().and_then(|body| body.pointer(pointer));
    if is(Method::Delete, "/cloud/v1/routers/{project_id}/{region_id}/{router_id}") {
        let interfaces = body("/interfaces").and_then(Value::as_array).into_iter().flatten();
        let subnets = interfaces.filter_map(|interface| interface.get("subnet_id")?.as_str());
        let detach =
            |subnet: &str| call(Method::Post, format!("{}/detach", delete.path), json!({ "subnet_id": subnet }));
        return subnets.map(detach).collect();
    }
    let is_address = is(Method::Delete, "/cloud/v1/reserved_fixed_ips/{project_id}/{region_id}/{port_id}");
    if is_address && body("/is_vip") == Some(&Value::Bool(true)) {
        return vec![call(Method::Patch, delete.path.clone(), json!({ "is_vip": false }))];
    }
    let is_active = body("/active") != Some(&Value::Bool(false));
    let delivers = is(Method::Delete, "/cdn/resources/{resource_id}")
        || is(Method::Delete, "/cdn/resources/{resource_id}/rules/{rule_id}");
    if delivers && is_active {
        return vec![call(Method::Patch, delete.path.clone(), json!({ "active": false }))];
    }
    Vec::new()
}
