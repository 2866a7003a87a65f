//! The order in which a resource and its secondary resources are removed. Pure.

use super::removal::RemovedWhen;
use crate::catalog::AlsoBy;
use crate::engine::made::include_in_delete;
use crate::journal::{RecordedCall, RecordedResource};

/// Secondary resources of this kind use the main resource, a network, which is removed after them.
const USES_MAIN: &str = "routers";

/// A resource and its secondary resources, in the order in which they are removed.
#[derive(Debug, PartialEq)]
pub(super) struct Sequence {
    /// Removed before the main resource, which they use.
    pub before: Vec<RecordedResource>,
    /// The main resource; its delete includes the resources of `included`.
    pub main: RecordedResource,
    /// Deleted by the call that deletes the main resource.
    pub included: Vec<RecordedResource>,
    /// Removed after the main resource, as a volume after its machine.
    pub after: Vec<RecordedResource>,
}

impl Sequence {
    /// The sequence for a resource. `undo`: its undo, without other resources; `by`: the parameters by which that can
    /// include others; `secondary`: the secondary resources that the step's call made.
    pub fn of(
        made: &RecordedResource,
        undo: Option<&RecordedCall>,
        by: &[AlsoBy],
        secondary: Vec<RecordedResource>,
    ) -> Self {
        let (before, others): (Vec<_>, Vec<_>) =
            secondary.into_iter().partition(|one| one.kind.as_deref() == Some(USES_MAIN));
        let is_included =
            |one: &RecordedResource| undo.is_some() && by.iter().any(|also| one.kind.as_ref() == Some(&also.kind));
        let (included, after): (Vec<_>, Vec<_>) = others.into_iter().partition(is_included);
        let main = RecordedResource { undo: undo.map(|undo| include_in_delete(undo, by, &included)), ..made.clone() };
        Self { before, main, included, after }
    }

    /// What is left to remove once the main resource is gone. When it was gone before its delete, or the end of that was
    /// not seen, the included resources may still exist.
    pub fn after_main(mut self, gone: Option<RemovedWhen>) -> Vec<RecordedResource> {
        if matches!(gone, Some(RemovedWhen::Already | RemovedWhen::Unseen)) {
            self.after.append(&mut self.included);
        }
        self.after
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Method;

    fn resource(kind: &str, id: &str) -> RecordedResource {
        RecordedResource { kind: Some(kind.to_owned()), id: Some(json!(id).into()), ..RecordedResource::default() }
    }

    fn ids(resources: &[RecordedResource]) -> Vec<&str> {
        resources.iter().filter_map(|one| one.id.as_deref()?.as_str()).collect()
    }

    fn volumes() -> [AlsoBy; 1] {
        [AlsoBy { kind: "volumes".to_owned(), parameter: "volumes".to_owned(), repeated: false }]
    }

    fn sequence(undo: Option<&RecordedCall>) -> Sequence {
        let secondary = [("volumes", "v1"), ("routers", "r"), ("floating_ips", "f"), ("volumes", "v2")];
        let secondary = secondary.map(|(kind, id)| resource(kind, id)).to_vec();
        Sequence::of(&resource("instances", "m"), undo, &volumes(), secondary)
    }

    #[test]
    fn routers_go_first_and_a_delete_includes_the_kinds_that_it_can() {
        let delete = RecordedCall::new(Method::Delete, "/cloud/v1/instances/1/7/m");
        let Sequence { before, main, included, after } = sequence(Some(&delete));
        assert_eq!((ids(&before), ids(&included), ids(&after)), (vec!["r"], vec!["v1", "v2"], vec!["f"]));
        assert_eq!(&main.undo.unwrap().query[..], [("volumes".to_owned(), "v1,v2".to_owned())]);
        // Without an undo of the main resource nothing can be included in it.
        let Sequence { main, included, after, .. } = sequence(None);
        assert_eq!((main.undo, ids(&included), ids(&after)), (None, vec![], vec!["v1", "f", "v2"]));
    }

    #[test]
    fn included_resources_are_removed_one_by_one_when_the_delete_did_not_carry_them_along() {
        let delete = RecordedCall::new(Method::Delete, "/cloud/v1/instances/1/7/m");
        for (gone, expected) in [
            (Some(RemovedWhen::Now), vec!["f"]),
            (Some(RemovedWhen::Already), vec!["f", "v1", "v2"]),
            (Some(RemovedWhen::Unseen), vec!["f", "v1", "v2"]),
            (None, vec!["f"]),
        ] {
            assert_eq!(ids(&sequence(Some(&delete)).after_main(gone)), expected, "{gone:?}");
        }
    }
}
