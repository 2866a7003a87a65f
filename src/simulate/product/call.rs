//! A request to a product as it is understood: its operation, its parameters, and the resource's fields in its body.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::refusal::Refused;
use crate::api::Request;
use crate::catalog::{Catalog, Creates, IdAt, Method, Operation, parameter_name, root_of};
use crate::simulate::body;

/// A parsed request to a product.
pub(super) struct Call<'r> {
    pub request: &'r Request,
    pub operation: Arc<Operation>,
    /// Parameters of the path, decoded.
    pub parameters: Vec<(String, String)>,
    pub body: Value,
}

impl Call<'_> {
    pub(super) fn root(&self) -> &str {
        root_of(&self.operation.route.path)
    }

    pub(super) fn field(&self, name: &str) -> Option<&Value> {
        self.body.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn fields(&self) -> Map<String, Value> {
        self.body.as_object().cloned().unwrap_or_default()
    }

    pub(super) fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// A documented path with the parameters of this call, and `value` for the parameter `own`.
    pub(super) fn address(&self, path: &str, own: &str, value: &str) -> String {
        let segment = |segment: &str| match parameter_name(segment) {
            Some(name) if name == own => value.to_owned(),
            Some(name) => self.parameter(name).to_owned(),
            None => segment.to_owned(),
        };
        path.split('/').map(segment).collect::<Vec<_>>().join("/")
    }

    /// The call's path up to and including the parameter `until`.
    pub(super) fn address_until(&self, until: &str) -> String {
        let placeholder = format!("{{{until}}}");
        let path = &self.operation.route.path;
        let end = path.find(&placeholder).map_or(path.len(), |at| at + placeholder.len());
        self.address(&path[..end], "", "")
    }

    pub(super) fn own_address(&self) -> String {
        self.address(&self.operation.route.path, "", "")
    }
}

/// The request matched with its operation, with a validated body.
pub(super) fn parsed(request: &Request) -> Result<Call<'_>, Refused> {
    let catalog = Catalog::embedded();
    let Some((operation, parameters)) = catalog.matching(request.method, &request.path) else {
        let other = Method::ALL.into_iter().any(|method| catalog.matching(method, &request.path).is_some());
        return Err(if other { Refused::no_method(request.method) } else { Refused::no_path() });
    };
    let mut body = request.body.as_deref().cloned();
    if let (Some(Value::Object(fields)), "dns") = (&mut body, root_of(&request.path)) {
        // Recorded: `null` is taken for a field that is not given.
        fields.retain(|_, value| !value.is_null());
    }
    let wrong = body::wrong_fields(&operation, request, body.as_ref(), &parameters);
    if !wrong.is_empty() {
        return Err(Refused::invalid(wrong));
    }
    let body = body.unwrap_or_default();
    Ok(Call { request, operation, parameters, body })
}

/// The fields of each resource, where one call makes several: its body is a list, or has one as its only field, and so
/// is its answer.
pub(super) fn several(call: &Call<'_>, creates: &Creates) -> Option<Vec<Map<String, Value>>> {
    let IdAt::Response(pointer) = &creates.id_at else { return None };
    let list = match &call.body {
        Value::Object(fields) if fields.len() == 1 => fields.values().next()?,
        body => body,
    };
    let list = list.as_array().filter(|_| pointer.starts_with("/0/"))?;
    Some(list.iter().filter_map(Value::as_object).cloned().collect())
}

/// The resource's fields in a create's body, which may be wrapped, as in `{"video": {…}}`.
pub(super) fn innermost(call: &Call<'_>, creates: &Creates) -> Map<String, Value> {
    let outer = creates.name_at.as_deref().and_then(|at| at.rsplit_once('/')).map_or("", |(above, _)| above);
    match call.body.pointer(outer).and_then(Value::as_object) {
        Some(inside) if !outer.is_empty() => inside.clone(),
        _ => inner(call),
    }
}

/// The resource's fields in a body of which it is not known where they stand: streaming wraps those of most calls.
pub(super) fn inner(call: &Call<'_>) -> Map<String, Value> {
    let fields = call.fields();
    match fields.iter().next() {
        Some((_, Value::Object(inside))) if fields.len() == 1 && call.root() == "streaming" => inside.clone(),
        _ => fields,
    }
}
