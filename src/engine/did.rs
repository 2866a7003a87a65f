//! What a call did with the resource that its result names.
//!
//! Pure.

use crate::catalog::{Effect, Method, Operation};
use crate::event::Did;
use crate::journal::{IntendedUndo, RecordedResource, StepResult};

/// What the call did. `made`: the resources on record as made by it; `undo`: that of its intent.
pub fn did(
    operation: Option<&Operation>,
    method: Method,
    result: &StepResult,
    made: &[RecordedResource],
    undo: Option<&IntendedUndo>,
) -> Did {
    let reads = operation.map_or(method == Method::Get, |operation| operation.effect == Effect::Read);
    match method {
        _ if reads => Did::Read,
        Method::Delete => Did::Deleted,
        _ if only_changed(operation, method, result, made, undo) => Did::Changed,
        _ => Did::Created,
    }
}

/// Whether the resource that a result names existed before the call.
fn only_changed(
    operation: Option<&Operation>,
    method: Method,
    result: &StepResult,
    made: &[RecordedResource],
    undo: Option<&IntendedUndo>,
) -> bool {
    if result.id.is_none() {
        return false;
    }
    let recorded = made.iter().find(|made| made.id == result.id);
    let creates = operation.map(|operation| operation.creates.as_ref());
    match creates {
        // An operation that creates nothing acts on an existing resource.
        Some(None) => true,
        // The catalogue's delete is on record only for what was not there before. An undo of the plan does not tell.
        Some(Some(creates)) if creates.or_changes => {
            let is_own = undo.is_some_and(IntendedUndo::is_of_plan);
            is_own || recorded.is_none_or(|made| made.undo.is_none())
        }
        None if matches!(method, Method::Put | Method::Patch) => true,
        _ => recorded.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Catalog;
    use crate::journal::RecordedCall;

    #[test]
    fn a_call_makes_or_changes_the_resource_of_its_result() {
        let set = "/dns/v2/zones/example.com/www.example.com/A";
        let delete = || RecordedCall::new(Method::Delete, "/x");
        let own = || IntendedUndo::Call(delete().into());
        let id = || json!("example");
        let made = |undo: Option<RecordedCall>| RecordedResource { id: Some(id().into()), undo, ..Default::default() };
        for (method, path, recorded, undo, changed) in [
            (Method::Post, "/cloud/v1/networks/1/7", Some(made(Some(delete()))), IntendedUndo::Default, false),
            (Method::Post, "/cloud/v1/networks/1/7", Some(made(None)), IntendedUndo::Keep, false),
            (Method::Post, "/cloud/v2/volumes/1/7/v1/attach", Some(made(Some(delete()))), own(), true),
            (Method::Post, "/cloud/v1/volumes/1/7/v1/extend", None, IntendedUndo::Default, true),
            (Method::Put, set, Some(made(Some(delete()))), IntendedUndo::Default, false),
            (Method::Put, set, Some(made(None)), IntendedUndo::Default, true),
            (Method::Put, set, Some(made(Some(delete()))), own(), true),
            (Method::Put, "/dns/v2/zones/example.com", None, IntendedUndo::Default, true),
            (Method::Post, "/nothing/known", Some(made(Some(delete()))), own(), false),
            (Method::Put, "/nothing/known", Some(made(Some(delete()))), own(), true),
        ] {
            let matched = Catalog::embedded().matching(method, path);
            let operation = matched.as_ref().map(|(operation, _)| &**operation);
            let result = StepResult { id: Some(id().into()), ..StepResult::default() };
            let made: Vec<_> = recorded.into_iter().collect();
            assert_eq!(
                only_changed(operation, method, &result, &made, Some(&undo)),
                changed,
                "{method} {path} {undo:?}"
            );
            assert!(!only_changed(operation, method, &StepResult::default(), &made, Some(&undo)), "{method} {path}");
        }
    }

    #[test]
    fn a_call_that_only_reads_reads_by_whatever_method() {
        for (method, path, told) in [
            (Method::Get, "/cloud/v1/networks/1/7/n", Did::Read),
            (Method::Post, "/cloud/v1/bminstances/1/7/check_limits", Did::Read),
            (Method::Get, "/nothing/known", Did::Read),
            (Method::Post, "/nothing/known", Did::Created),
            (Method::Put, "/nothing/known", Did::Changed),
            (Method::Delete, "/cloud/v1/networks/1/7/n", Did::Deleted),
            (Method::Post, "/cloud/v1/volumes/1/7/v1/extend", Did::Changed),
        ] {
            let matched = Catalog::embedded().matching(method, path);
            let operation = matched.as_ref().map(|(operation, _)| &**operation);
            let id = json!("n");
            let made = RecordedResource { id: Some(id.clone().into()), ..Default::default() };
            let result = StepResult { id: Some(id.into()), ..StepResult::default() };
            assert_eq!(did(operation, method, &result, &[made], None), told, "{method} {path}");
        }
    }
}
