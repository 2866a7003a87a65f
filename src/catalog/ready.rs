//! Readiness: resources that are not usable when their task is FINISHED, and how to recognise it.
//!
//! Only recorded or documented cases are here; for others a plan has `ready:`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The values of a resource before it is ready, when it is, and when it never will be.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// The path to read, when it is not the resource's own. `{answer::id}` stands for the value at `/id` of the
    /// call's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<String>,
    /// JSON pointer to the deciding value.
    pub at: String,
    /// Ready when the value is one of these; when empty, as soon as it is none of `not`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub is: Vec<Value>,
    /// Not ready while the value is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not: Vec<Value>,
    /// Never ready: the operation has failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub never: Vec<Value>,
}

impl Ready {
    /// Whether the resource is ready; it is when it does not have the value at all.
    pub fn holds(&self, object: &Value) -> bool {
        let Some(shown) = self.shown_in(object) else { return true };
        if self.is.is_empty() { !any(&self.not, shown) } else { any(&self.is, shown) }
    }

    /// Whether the resource can never become ready.
    pub fn has_failed(&self, object: &Value) -> bool {
        self.shown_in(object).is_some_and(|shown| any(&self.never, shown))
    }

    /// `` `status` is `active` ``
    pub fn words(&self) -> String {
        if self.is.is_empty() {
            format!("`{}` is no longer {}", self.field(), listed(&self.not))
        } else {
            format!("`{}` is {}", self.field(), listed(&self.is))
        }
    }

    /// The current value: `` `status` is `queued` ``.
    pub fn shown(&self, object: &Value) -> Option<String> {
        Some(format!("`{}` is {}", self.field(), quoted(self.shown_in(object)?)))
    }

    fn shown_in<'o>(&self, object: &'o Value) -> Option<&'o Value> {
        object.pointer(&self.at).filter(|shown| !shown.is_null())
    }

    fn field(&self) -> String {
        self.at.trim_start_matches('/').replace('/', ".")
    }
}

fn any(values: &[Value], shown: &Value) -> bool {
    values.iter().any(|value| match (value.as_str(), shown.as_str()) {
        (Some(value), Some(shown)) => value.eq_ignore_ascii_case(shown),
        _ => value == shown,
    })
}

fn quoted(value: &Value) -> String {
    value.as_str().map_or_else(|| format!("`{value}`"), |text| format!("`{text}`"))
}

fn listed(values: &[Value]) -> String {
    values.iter().map(quoted).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::{Catalog, Route};

    fn of(call: &str) -> Option<Ready> {
        Catalog::embedded().find(&Route::parse(call).unwrap()).unwrap().readiness()
    }

    #[test]
    fn images_and_machines_of_another_flavor_are_waited_for() {
        let image = of("POST /cloud/v1/downloadimage/{project_id}/{region_id}").unwrap();
        for (object, ready) in
            [(json!({ "status": "queued" }), false), (json!({ "status": "active" }), true), (json!({}), true)]
        {
            assert_eq!(image.holds(&object), ready, "{object}");
        }
        assert_eq!(of("POST /cloud/v1/images/{project_id}/{region_id}"), Some(image));
        let machine = of("POST /cloud/v1/instances/{project_id}/{region_id}/{instance_id}/changeflavor").unwrap();
        assert!(!machine.holds(&json!({ "status": "RESIZE" })) && machine.holds(&json!({ "status": "ACTIVE" })));
    }

    #[test]
    fn no_other_kind_is_waited_for() {
        for call in [
            "POST /cloud/v2/instances/{project_id}/{region_id}",
            "POST /cloud/v1/loadbalancers/{project_id}/{region_id}",
            "DELETE /cloud/v1/images/{project_id}/{region_id}/{image_id}",
        ] {
            assert_eq!(of(call), None, "{call}");
        }
    }
}
