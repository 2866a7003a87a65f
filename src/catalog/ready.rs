//! Things that are not usable yet when their task is FINISHED: what to wait for besides.
//!
//! Only what a source shows is here. For anything else a plan says `ready:` itself.

use serde_json::Value;

use super::Operation;

/// What the object must show before it counts as ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    field: &'static str,
    rule: Rule,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Is(&'static str),
    IsNot(&'static str),
}

/// An image stays `queued`, without a size, for some 20 s: observed.md §6.
const IMAGE: Readiness = Readiness { field: "status", rule: Rule::Is("active") };
/// A machine stays `RESIZE` for some 10 s after a change of flavor: observed.md §6.
const RESIZED: Readiness = Readiness { field: "status", rule: Rule::IsNot("RESIZE") };

/// What to wait for after the task of an operation.
pub fn readiness_of(operation: &Operation) -> Option<Readiness> {
    let read = operation.creates.as_ref().and_then(|creates| creates.resource.as_ref()?.read.as_deref());
    if read == Some("/cloud/v1/images/{project_id}/{region_id}/{image_id}") {
        return Some(IMAGE);
    }
    operation.task_types.iter().any(|task_type| task_type == "resize_vm").then_some(RESIZED)
}

impl Readiness {
    /// Whether the object shows it. What does not show the field at all is not waited for.
    pub fn holds(&self, object: &Value) -> bool {
        match (object.get(self.field).and_then(Value::as_str), self.rule) {
            (None, _) => true,
            (Some(shown), Rule::Is(wanted)) => shown.eq_ignore_ascii_case(wanted),
            (Some(shown), Rule::IsNot(unwanted)) => !shown.eq_ignore_ascii_case(unwanted),
        }
    }

    /// `` `status` is `active` ``
    pub fn words(&self) -> String {
        match self.rule {
            Rule::Is(wanted) => format!("`{}` is `{wanted}`", self.field),
            Rule::IsNot(unwanted) => format!("`{}` is no longer `{unwanted}`", self.field),
        }
    }

    /// What the object shows now: `` `status` is `queued` ``.
    pub fn shown(&self, object: &Value) -> Option<String> {
        Some(format!("`{}` is `{}`", self.field, object.get(self.field)?.as_str()?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::{Catalog, Route};

    fn of(call: &str) -> Option<Readiness> {
        readiness_of(&Catalog::embedded().find(&Route::parse(call).unwrap()).unwrap())
    }

    #[test]
    fn images_and_machines_of_another_flavor_are_waited_for() {
        let image = of("POST /cloud/v1/downloadimage/{project_id}/{region_id}").unwrap();
        for (object, ready) in
            [(json!({ "status": "queued" }), false), (json!({ "status": "active" }), true), (json!({}), true)]
        {
            assert_eq!(image.holds(&object), ready, "{object}");
        }
        assert_eq!(of("POST /cloud/v1/images/{project_id}/{region_id}"), Some(IMAGE));
        let machine = of("POST /cloud/v1/instances/{project_id}/{region_id}/{instance_id}/changeflavor").unwrap();
        assert!(!machine.holds(&json!({ "status": "RESIZE" })) && machine.holds(&json!({ "status": "ACTIVE" })));
    }

    #[test]
    fn nothing_else_is() {
        for call in [
            "POST /cloud/v2/instances/{project_id}/{region_id}",
            "POST /cloud/v1/loadbalancers/{project_id}/{region_id}",
            "DELETE /cloud/v1/images/{project_id}/{region_id}/{image_id}",
        ] {
            assert_eq!(of(call), None, "{call}");
        }
    }
}
