//! Whether an undo is about the resource that its step made. A plan may write any call there, such as the delete of the
//! step that it was copied from: its answer says nothing of the step's own resource, which is read then.

use crate::catalog::{Catalog, Creates, IdAt, Method, same_kind};
use crate::engine::operation::{operation_of, parameter};
use crate::engine::paths::fill_path;
use crate::journal::{InstanceStatus, RecordedCall, RecordedResource, id_text};

/// An undo that does not name the resource which the step made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The path that reads the resource of the step, where the catalogue knows one.
    pub read: Option<String>,
    /// The undo removes what it names.
    pub deletes: bool,
}

/// Whether the undo of what an instance made is about another resource; `None` when it is not, or when that cannot be
/// told: the step makes nothing, or its call says itself what it makes.
pub fn elsewhere(catalog: &Catalog, known: &InstanceStatus, made: &RecordedResource) -> Option<Elsewhere> {
    let (kind, id, undo) = (made.kind.as_deref()?, made.id.as_deref()?, made.undo.as_ref()?);
    let (create, parameters) = operation_of(catalog, known.agreed()?)?;
    let creates = create.creates.as_ref().filter(|creates| creates.kind == kind)?;
    let (resource, id) = (creates.resource.as_ref()?, id_text(id));
    let is_own = names(catalog, undo, kind, &id) && is_in_place(catalog, undo, &parameters);
    if !is_named_by_id(creates) || is_own {
        return None;
    }
    let read = resource.read.as_ref().and_then(|path| fill_path(path, &parameters, &resource.parameter, &id));
    Some(Elsewhere { read, deletes: undo.method == Method::Delete })
}

/// Whether paths name what a call creates by an id that the API gives to it.
pub fn is_named_by_id(creates: &Creates) -> bool {
    matches!(creates.id_at, IdAt::Task(_) | IdAt::Response(_))
        && creates.resource.as_ref().is_some_and(|resource| !resource.parameter.is_empty() && !resource.by_name)
}

/// Whether a call is in the project and region of these parameters, as far as its path names them.
fn is_in_place(catalog: &Catalog, call: &RecordedCall, parameters: &[(String, String)]) -> bool {
    let Some((_, own)) = operation_of(catalog, call) else { return true };
    ["project_id", "region_id"].into_iter().all(|name| match (parameter(&own, name), parameter(parameters, name)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    })
}

/// Whether a call names a resource: by its path, in a collection of its kind, or in query or body.
fn names(catalog: &Catalog, call: &RecordedCall, kind: &str, id: &str) -> bool {
    let in_path = match operation_of(catalog, call) {
        Some((operation, parameters)) => {
            let kind_of =
                |name: &str| operation.path_parameters.iter().find(|known| known.name == name)?.kind.as_deref();
            let is_of_kind = |name: &str| kind_of(name).is_none_or(|wanted| same_kind(wanted, kind));
            parameters.iter().any(|(name, value)| value == id && is_of_kind(name))
        }
        None => call.path.split('/').any(|segment| segment == id),
    };
    let in_query = || call.query.iter().any(|(_, value)| value.contains(id));
    in_path || in_query() || call.body.as_ref().is_some_and(|body| body.to_string().contains(id))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::made::made_by;
    use crate::journal::{IntendedUndo, Phase, StepResult};
    use crate::shared::Shared;

    const ID: &str = "6f1d2c3b-0000-4000-8000-000000000001";
    const OTHER: &str = "6f1d2c3b-0000-4000-8000-000000000002";

    /// What is known of a volume, with this undo.
    fn volume(undo: RecordedCall) -> (InstanceStatus, RecordedResource) {
        let call = Shared::from(RecordedCall::new(Method::Post, "/cloud/v1/volumes/1/7"));
        let known = InstanceStatus { agrees: Some(call), phase: Phase::Succeeded, ..InstanceStatus::default() };
        let made = RecordedResource {
            kind: Some("volumes".to_owned()),
            id: Some(json!(ID).into()),
            undo: Some(undo),
            ..RecordedResource::default()
        };
        (known, made)
    }

    #[test]
    fn an_undo_is_about_what_it_names() {
        for (method, path, is_elsewhere) in [
            (Method::Delete, format!("/cloud/v1/volumes/1/7/{ID}"), false),
            (Method::Delete, format!("/cloud/v2/volumes/1/7/{ID}"), false),
            (Method::Patch, format!("/cloud/v1/volumes/1/7/{ID}"), false),
            (Method::Post, format!("/acme/v1/archive/{ID}"), false),
            (Method::Delete, format!("/cloud/v1/volumes/1/7/{OTHER}"), true),
            (Method::Delete, format!("/cloud/v1/networks/1/7/{ID}"), true),
            (Method::Delete, format!("/cloud/v1/volumes/1/76/{ID}"), true),
            (Method::Delete, format!("/cloud/v1/volumes/2/7/{ID}"), true),
            (Method::Delete, "/cloud/v1/volumes/1/7/web".to_owned(), true),
            (Method::Patch, format!("/cloud/v1/volumes/1/7/{OTHER}"), true),
        ] {
            let (known, made) = volume(RecordedCall::new(method, path.as_str()));
            let found = elsewhere(Catalog::embedded(), &known, &made);
            assert_eq!(found.is_some(), is_elsewhere, "{method} {path}");
            let read = found.map(|found| (found.read, found.deletes));
            let expected = (Some(format!("/cloud/v1/volumes/1/7/{ID}")), method == Method::Delete);
            assert_eq!(read, is_elsewhere.then_some(expected), "{method} {path}");
        }
        let query = vec![("ids".to_owned(), ID.to_owned())].into();
        let in_query = RecordedCall { query, ..RecordedCall::new(Method::Delete, "/cloud/v1/volumes/1/7") };
        let body = Some(json!({ "volume_id": ID }).into());
        let in_body = RecordedCall { body, ..RecordedCall::new(Method::Post, "/cloud/v1/snapshots/1/7") };
        for undo in [in_query, in_body] {
            let (known, made) = volume(undo);
            assert_eq!(elsewhere(Catalog::embedded(), &known, &made), None);
        }
    }

    #[test]
    fn the_delete_of_the_catalogue_is_about_what_was_made() {
        let catalog = Catalog::embedded();
        let mut checked = 0;
        for create in catalog.roots().flat_map(|root| catalog.operations_of(root)) {
            let Some(creates) = create.creates.as_ref().filter(|creates| is_named_by_id(creates)) else { continue };
            let filled = |path: &str| fill_path(path, &parameters(path), "", "");
            let call = RecordedCall::new(create.route.method, filled(&create.route.path).unwrap());
            let mut result = StepResult { kind: Some(creates.kind.clone()), ..StepResult::default() };
            result.set_ids([if creates.integer_id { json!(77) } else { json!(ID) }]);
            let matched = Some((&*create, &*parameters(&create.route.path)));
            let made = made_by(catalog, matched, &call, &result, &IntendedUndo::Default);
            let known = InstanceStatus { agrees: Some(Shared::from(call)), ..InstanceStatus::default() };
            checked += usize::from(made.undo.is_some());
            assert_eq!(elsewhere(catalog, &known, &made), None, "{}", create.route);
        }
        assert!(checked > 50, "{checked}");
    }

    /// A number for each parameter of a path.
    fn parameters(path: &str) -> Vec<(String, String)> {
        let names = path.split('/').filter_map(crate::catalog::parameter_name);
        names.map(|name| (name.to_owned(), "5".to_owned())).collect()
    }
}
