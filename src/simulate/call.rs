//! A validated request to the Cloud API, with its operation and the resource that it addresses.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::store::ProjectRegion;
use super::target::Target;
use crate::api::Request;
use crate::catalog::{Method, Operation};

/// A validated request.
pub(super) struct Call<'r> {
    pub(super) request: &'r Request,
    pub(super) target: Target,
    pub(super) body: Map<String, Value>,
    /// The operation in the catalogue.
    pub(super) operation: Arc<Operation>,
    pub(super) request_id: String,
}

impl Call<'_> {
    pub(super) fn method(&self) -> Method {
        self.request.method
    }

    pub(super) fn project_region(&self) -> ProjectRegion {
        ProjectRegion { project: self.target.project, region: self.target.region }
    }

    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.body.get(field)?.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn flag(&self, field: &str) -> Option<bool> {
        self.body.get(field)?.as_bool()
    }

    pub(super) fn list(&self, field: &str) -> &[Value] {
        self.body.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.request.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn asynchronous(&self) -> bool {
        self.operation.asynchronous
    }

    /// The first task type of this operation.
    pub(super) fn task_type(&self) -> Option<&str> {
        self.operation.task_types.first().map(String::as_str)
    }

    /// A list in the query, comma-separated or repeated.
    pub(super) fn query_list(&self, name: &str) -> BTreeSet<String> {
        let values = self.request.query.iter().filter(|(known, _)| known.trim_end_matches("[]") == name);
        let words = values.flat_map(|(_, value)| value.split(','));
        words.map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }
}
