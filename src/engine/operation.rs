//! The operation of a recorded call, and what it says of the call.

use std::sync::Arc;

use serde_json::Value;

use crate::catalog::{Catalog, Method, Operation, ValueAt};
use crate::journal::{RecordedCall, id_text, is_id};
use crate::pointer;

/// Path parameters of a call, by their names in the catalogue.
pub type Parameters = Vec<(String, String)>;
/// The operation of a call, and its path parameters.
pub type Matched = (Option<Arc<Operation>>, Parameters);

/// The operation of a recorded call, and its path parameters.
pub fn operation_of(catalog: &Catalog, call: &RecordedCall) -> Option<(Arc<Operation>, Parameters)> {
    catalog.matching(call.method, &call.path)
}

/// The operation of a recorded call when the catalogue knows it, and its path parameters.
pub fn matched(catalog: &Catalog, call: &RecordedCall) -> Matched {
    operation_of(catalog, call).map_or((None, Vec::new()), |(operation, parameters)| (Some(operation), parameters))
}

/// The value of a path parameter.
pub fn parameter<'p>(parameters: &'p [(String, String)], name: &str) -> Option<&'p str> {
    parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// The route of a call: its operation, or the call itself when the catalogue does not know it.
pub fn route_of(operation: Option<&Operation>, call: &RecordedCall) -> String {
    operation.map_or_else(|| call.to_string(), |operation| operation.route.to_string())
}

/// Whether a call is idempotent: DELETE, and a PUT that replaces.
pub fn is_repeatable(method: Method, operation: Option<&Operation>) -> bool {
    match method {
        Method::Get | Method::Delete => true,
        Method::Put => {
            operation.and_then(|operation| operation.creates.as_ref()).is_none_or(|creates| creates.or_changes)
        }
        Method::Post | Method::Patch => false,
    }
}

/// Whether a call creates its resource, or changes the existing one.
pub fn or_changes(operation: Option<&Operation>) -> bool {
    operation.and_then(|operation| operation.creates.as_ref()).is_some_and(|creates| creates.or_changes)
}

/// The id of the parent that the API locks while this call runs.
pub fn lock_value(operation: &Operation, call: &RecordedCall, parameters: &[(String, String)]) -> Option<String> {
    operation.locks.iter().chain(&operation.locks_else).find_map(|place| match place {
        ValueAt::Path(name) => parameter(parameters, name).map(str::to_owned),
        ValueAt::Body(pointer) => call.body.as_ref().and_then(|body| scalar_at(body, pointer)).map(|id| id_text(&id)),
    })
}

/// The value at a place, if it can be an id.
pub(super) fn scalar_at(value: &Value, at: &str) -> Option<Value> {
    pointer::get(value, at).filter(|found| is_id(found)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_that_do_the_same_again_may_be_repeated() {
        for (method, path, repeatable, changes) in [
            (Method::Get, "/cloud/v1/networks/1/7", true, false),
            (Method::Delete, "/cloud/v1/networks/1/7/n", true, false),
            (Method::Post, "/cloud/v1/networks/1/7", false, false),
            (Method::Patch, "/cloud/v1/networks/1/7/n", false, false),
            (Method::Put, "/dns/v2/zones/example.com/www/A", true, true),
            (Method::Put, "/nothing/known", true, false),
        ] {
            let matched = Catalog::embedded().matching(method, path);
            let operation = matched.as_ref().map(|(operation, _)| &**operation);
            assert_eq!(
                (is_repeatable(method, operation), or_changes(operation)),
                (repeatable, changes),
                "{method} {path}"
            );
        }
    }
}
