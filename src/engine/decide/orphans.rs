//! Orphans: instances that were made from a resource which does not exist any more.

use std::collections::HashSet;

use serde_json::Value;

use super::References;
use crate::id::InstanceId;
use crate::journal::{JsonText, RecordedCall, Status};

/// Ids shorter than this may occur in a call by coincidence.
const SHORTEST_ID: usize = 8;

/// Instances whose calls mention the id of a resource found to be gone, and the instances that depend on those.
pub fn orphans(status: &Status) -> HashSet<InstanceId> {
    let lost: Vec<&str> = status.instances.values().flat_map(|known| &known.lost).filter_map(Value::as_str).collect();
    if lost.is_empty() {
        return HashSet::new();
    }
    let named = status.instances.iter().filter(|(_, known)| {
        known.agrees.as_ref().is_some_and(|call| lost.iter().any(|id| id.len() >= SHORTEST_ID && names(call, id)))
    });
    let direct: Vec<InstanceId> = named.map(|(id, _)| id.clone()).collect();
    let references = References::of(status);
    direct.iter().flat_map(|orphan| references.dependants(orphan)).chain(direct.iter().cloned()).collect()
}

fn names(call: &RecordedCall, id: &str) -> bool {
    let body = call.body.as_ref().map(JsonText::text).unwrap_or_default();
    call.path.contains(id) || body.contains(id) || call.query.iter().any(|(_, value)| value.contains(id))
}
