//! The paths of resources: those of the catalogue, with their parameters filled in.
//!
//! Pure. Works on recorded calls.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use crate::catalog::{Catalog, Method, Operation, Resource, parameter_name};
use crate::journal::{RecordedCall, StepResult, id_text};

/// The path that reads the created resource.
pub fn read_path(operation: &Operation, parameters: &[(String, String)], result: &StepResult) -> Option<String> {
    let resource = operation.creates.as_ref()?.resource.as_ref()?;
    let own = own_value(resource, result)?;
    fill_path(resource.read.as_ref()?, parameters, &resource.parameter, &own)
}

/// The path that reads the resource behind a call: the one it created, or the one it is about.
pub fn resource_path(
    operation: &Operation,
    call: &RecordedCall,
    parameters: &[(String, String)],
    result: &StepResult,
) -> Option<String> {
    if operation.creates.is_some() {
        return read_path(operation, parameters, result);
    }
    // PATCH and PUT share the path with GET; for an action the last segment of the path is left out.
    match call.method {
        Method::Patch | Method::Put => Some(call.path.clone()),
        Method::Post => {
            let (resource, _) = call.path.rsplit_once('/')?;
            Catalog::embedded().matching(Method::Get, resource).map(|_| resource.to_owned())
        }
        Method::Get => Some(call.path.clone()),
        Method::Delete => None,
    }
}

/// The value of the resource's own path parameter; empty when its paths name only its parents.
pub(super) fn own_value(resource: &Resource, result: &StepResult) -> Option<String> {
    match (resource.parameter.is_empty(), resource.by_name) {
        (true, _) => Some(String::new()),
        (false, true) => result.name.clone(),
        (false, false) => result.id.as_deref().map(id_text),
    }
}

/// The path of a resource, as its delete has it; `value`: that of its own path parameter.
pub fn own_path(create: &Operation, parameters: &[(String, String)], value: &str) -> Option<String> {
    let resource = create.creates.as_ref()?.resource.as_ref()?;
    fill_path(&resource.delete.as_ref()?.path, parameters, &resource.parameter, value)
}

/// A documented path with its parameters filled in, percent-encoded; `None` when one is not known. `placeholder`: the
/// name of the resource's own parameter, or empty; `value`: its value.
pub fn fill_path(path: &str, parameters: &[(String, String)], placeholder: &str, value: &str) -> Option<String> {
    let mut filled = String::with_capacity(path.len() + value.len());
    for segment in path.split('/').skip(1) {
        filled.push('/');
        match parameter_name(segment) {
            Some(name) if name == placeholder => filled.extend(encoded(value)),
            Some(name) => {
                let (_, known) = parameters.iter().find(|(parameter, _)| parameter == name)?;
                filled.extend(encoded(known));
            }
            None => filled.push_str(segment),
        }
    }
    Some(filled)
}

/// Percent-encodes one path segment.
pub fn encode(segment: &str) -> String {
    Cow::from(encoded(segment)).into_owned()
}

/// The parts of a percent-encoded path segment (RFC 3986 §2.3: all but unreserved characters).
pub fn encoded(segment: &str) -> PercentEncode<'_> {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(segment, RESERVED)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_of_what_was_made_are_filled_in_and_encoded() {
        let place = [("project_id", "1"), ("region_id", "7")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (network, _) = Catalog::embedded().matching(Method::Post, "/cloud/v1/networks/1/7").unwrap();
        assert_eq!(own_path(&network, &place, "a b").as_deref(), Some("/cloud/v1/networks/1/7/a%20b"));
        assert_eq!(own_path(&network, &place[..1], "n"), None, "the region is not known");
        let result = StepResult { id: Some(json!("n1").into()), name: Some("web".to_owned()), ..StepResult::default() };
        assert_eq!(read_path(&network, &place, &result).as_deref(), Some("/cloud/v1/networks/1/7/n1"));
        let (cluster, _) = Catalog::embedded().matching(Method::Post, "/cloud/v2/k8s/clusters/1/7").unwrap();
        assert_eq!(
            read_path(&cluster, &place, &result).as_deref(),
            Some("/cloud/v2/k8s/clusters/1/7/web"),
            "by its name"
        );
    }
}
