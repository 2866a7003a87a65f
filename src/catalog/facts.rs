//! The facts of a document, before they are written and after they are read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::operation::{Operation, Route};
use super::schema::Schema;

/// The facts about one product.
pub(super) struct Facts {
    /// By path, then method.
    pub operations: Vec<Operation>,
    /// Definitions that bodies refer to.
    pub schemas: BTreeMap<String, Schema>,
    /// Answers of operations, for the simulator.
    pub answers: BTreeMap<Route, Answer>,
    /// Definitions that answers refer to.
    pub answer_schemas: BTreeMap<String, Schema>,
    pub skipped_patterns: usize,
}

/// The successful answer of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub status: u16,
    /// Anything, when the document has no schema.
    #[serde(default, skip_serializing_if = "is_default")]
    pub schema: Schema,
}

/// Whether a field need not be written.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
