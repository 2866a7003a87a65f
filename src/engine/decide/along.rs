//! Instances that need no delete of their own, because the API deletes them together with their parent.

use std::collections::HashMap;

use crate::catalog::Method;
use crate::engine::results::id_text;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, RecordedResource, Status};

/// Kinds that the API deletes with their parent, and the kind of the parent. Deleted one by one, the rules of a
/// security group would lock the group for each other (observed.md §3).
const INSIDE: &[(&str, &str)] = &[("security_group_rules", "security_groups")];

/// Which of `instances` are deleted together with another one of them.
pub fn along(status: &Status, instances: &[InstanceId]) -> HashMap<InstanceId, InstanceId> {
    let known = |instance: &InstanceId| status.instances.get(instance).filter(|known| known.phase == Phase::Succeeded);
    let mut holders: HashMap<(&str, String), &InstanceId> = HashMap::new();
    for instance in instances {
        for made in known(instance).into_iter().flat_map(|known| &known.made).filter(|made| is_deleted(made)) {
            if let (Some(kind), Some(id)) = (made.kind.as_deref(), &made.id) {
                holders.insert((kind, id_text(id)), instance);
            }
        }
    }
    let holder_of = |known: &InstanceStatus| {
        let mut all = known.made.iter().map(|made| {
            let (_, outer) = INSIDE.iter().find(|(inner, _)| made.kind.as_deref() == Some(inner))?;
            let alone = is_deleted(made) && made.secondary.is_empty();
            holders.get(&(*outer, made.lock.clone().filter(|_| alone)?)).copied()
        });
        let first = all.next()??;
        all.all(|other| other == Some(first)).then_some(first)
    };
    let with_parent = |instance: &InstanceId| Some((instance.clone(), holder_of(known(instance)?)?.clone()));
    instances.iter().filter_map(with_parent).collect()
}

/// Whether the resource is removed by a DELETE, rather than kept or undone by another call.
fn is_deleted(made: &RecordedResource) -> bool {
    made.undo.as_ref().is_some_and(|undo| undo.method == Method::Delete)
}
