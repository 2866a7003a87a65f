//! The call that an existing resource agrees with: the plan's, with what a read shows in the fields that differ.

use serde_json::Value;

use super::compare::{Comparison, ReadResource, field};
use crate::catalog::update::resource_route;
use crate::catalog::{Catalog, Operation};
use crate::engine::operation::operation_of;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, RecordedCall, Status, fields_of, fields_of_mut};

/// The plan's call, with the values of `item`, a read resource, in the fields that differ. What cannot be compared is
/// taken from the plan.
pub fn as_it_stands(
    digest_key: &[u8],
    is_owned_by_another: &dyn Fn(&Value) -> bool,
    planned: &RecordedCall,
    create: &Operation,
    item: &Value,
) -> RecordedCall {
    let compared = compared(digest_key, is_owned_by_another, planned, create, item);
    let mut stands = planned.clone();
    let Some(body) = &mut stands.body else { return stands };
    body.edit(|body| {
        let Some(body) = fields_of_mut(body) else { return };
        for (name, comparison) in compared {
            match comparison {
                Comparison::Differs(Some(now)) => drop(body.insert(name, now)),
                Comparison::Differs(None) => drop(body.shift_remove(&name)),
                Comparison::Same | Comparison::CannotTell => {}
            }
        }
    });
    stands
}

/// How a resource agrees with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Only its name or another key agrees, and little else could be compared.
    KeyOnly,
    /// A further text, list or mapping agrees, which another client would hardly have chosen by chance.
    Whole,
}

/// How `item`, a read resource, agrees with the call that would make it; `None` when a field differs.
pub fn agreement(
    status: &Status,
    instance: &InstanceId,
    call: &RecordedCall,
    create: &Operation,
    item: &Value,
) -> Option<Agreement> {
    let is_owned_by_another = |other: &Value| status.is_made_by_another(instance, other);
    let compared = compared(status.header.key.as_bytes(), &is_owned_by_another, call, create, item);
    let body = call.body.as_deref().and_then(fields_of);
    if compared.iter().any(|(_, comparison)| matches!(comparison, Comparison::Differs(_))) {
        return None;
    }
    let key = create.creates.as_ref().and_then(|creates| creates.name_at.as_deref()).unwrap_or("/name");
    let is_much = |name: &str| body.and_then(|body| body.get(name)).is_some_and(is_telling);
    let is_more = |(name, comparison): &(String, Comparison)| {
        *comparison == Comparison::Same && key.strip_prefix('/') != Some(name.as_str()) && is_much(name)
    };
    Some(if compared.iter().any(is_more) { Agreement::Whole } else { Agreement::KeyOnly })
}

/// Whether few resources have the same value by chance: not flags, numbers, and what is empty.
fn is_telling(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Each field of a call's body, compared with what a read shows of its resource.
fn compared(
    digest_key: &[u8],
    is_owned_by_another: &dyn Fn(&Value) -> bool,
    call: &RecordedCall,
    create: &Operation,
    item: &Value,
) -> Vec<(String, Comparison)> {
    let Some((route, body)) = resource_route(create).zip(call.body.as_deref().and_then(fields_of)) else {
        return Vec::new();
    };
    let shown = ReadResource { route, object: item, digest_key, is_owned_by_another };
    body.iter().map(|(name, value)| (name.clone(), field(name, Some(value), &shown))).collect()
}

/// The status of a recovered instance with the call that its resource agrees with, by what was read on recovery: the
/// call that made it is on no record. `None` for every other instance.
pub fn recovered(
    catalog: &Catalog,
    status: &Status,
    instance: &InstanceId,
    planned: &RecordedCall,
) -> Option<InstanceStatus> {
    let known = status.instances.get(instance)?;
    let (Phase::Succeeded, None, Some(intent), Some(result)) =
        (&known.phase, &known.agrees, &known.intent, &known.result)
    else {
        return None;
    };
    let mut stands = match (operation_of(catalog, planned), &result.response) {
        (Some((create, _)), Some(item)) => {
            let is_owned_by_another = |other: &Value| status.is_made_by_another(instance, other);
            as_it_stands(status.header.key.as_bytes(), &is_owned_by_another, planned, &create, item)
        }
        _ => planned.clone(),
    };
    stands.path.clone_from(&intent.call.path);
    Some(InstanceStatus { agrees: Some(stands.into()), ..InstanceStatus::clone(known) })
}
