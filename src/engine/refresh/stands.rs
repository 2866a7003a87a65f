//! The call that an existing resource agrees with: the plan's, with what a read shows in the fields that differ.

use serde_json::Value;

use super::compare::{Comparison, Shown, field};
use crate::catalog::update::resource_route;
use crate::catalog::{Catalog, Operation};
use crate::engine::operation::operation_of;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, RecordedCall, Status, fields_of_mut};

/// The plan's call, with the values of `item`, a read resource, in the fields that differ. What cannot be compared is
/// taken from the plan.
pub fn as_it_stands(
    status: &Status,
    instance: &InstanceId,
    planned: &RecordedCall,
    create: &Operation,
    item: &Value,
) -> RecordedCall {
    let mut stands = planned.clone();
    let (Some(route), Some(body)) = (resource_route(create), &mut stands.body) else { return stands };
    let shown = Shown {
        route,
        object: item,
        digest_key: status.header.key.as_bytes(),
        is_owned_by_another: &|other| status.is_made_by_another(instance, other),
    };
    body.edit(|body| {
        let Some(body) = fields_of_mut(body) else { return };
        let names: Vec<String> = body.keys().cloned().collect();
        for name in names {
            match field(&name, body.get(&name), &shown) {
                Comparison::Differs(Some(now)) => drop(body.insert(name, now)),
                Comparison::Differs(None) => drop(body.shift_remove(&name)),
                Comparison::Same | Comparison::CannotTell => {}
            }
        }
    });
    stands
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
        (Some((create, _)), Some(item)) => as_it_stands(status, instance, planned, &create, item),
        _ => planned.clone(),
    };
    stands.path.clone_from(&intent.call.path);
    Some(InstanceStatus { agrees: Some(stands.into()), ..InstanceStatus::clone(known) })
}
