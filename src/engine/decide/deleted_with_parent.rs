//! Instances that need no delete of their own, because the API deletes them together with their parent.

use std::collections::HashMap;

use crate::catalog::Method;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, RecordedResource, Status, id_text};

/// Kinds that the API deletes with their parent, and the kind of the parent. Deleted one by one, the rules of a
/// security group would lock the group for each other (observed.md §3).
const INSIDE: &[(&str, &str)] = &[("security_group_rules", "security_groups")];

/// Which of `instances` are deleted together with another one of them.
pub fn deleted_with_parent(status: &Status, instances: &[InstanceId]) -> HashMap<InstanceId, InstanceId> {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::id::StepId;
    use crate::journal::{Header, RecordedCall};

    fn id(name: &str) -> InstanceId {
        InstanceId::new(StepId::new(name), None)
    }

    fn made(kind: &str, id: &str, lock: Option<&str>, undo: Option<Method>) -> RecordedResource {
        RecordedResource {
            kind: Some(kind.to_owned()),
            id: Some(json!(id).into()),
            lock: lock.map(str::to_owned),
            undo: undo.map(|method| RecordedCall::new(method, "/x")),
            ..RecordedResource::default()
        }
    }

    fn rule(group: &str) -> RecordedResource {
        made("security_group_rules", "r", Some(group), Some(Method::Delete))
    }

    /// The security group that the instance `rule`, which made these resources, is deleted with. `groups`: instances
    /// that made a security group of this id.
    fn group_of(groups: &[(&str, RecordedResource)], rule: Vec<RecordedResource>) -> Option<String> {
        let mut status = Status::new(Header::new("demo", "default"), jiff::Timestamp::UNIX_EPOCH);
        let all = groups.iter().map(|(name, made)| (*name, vec![made.clone()])).chain([("rule", rule)]);
        for (name, made) in all {
            let known = InstanceStatus { phase: Phase::Succeeded, made, ..InstanceStatus::default() };
            status.instances.insert(id(name), known.into());
        }
        let instances: Vec<InstanceId> = status.instances.keys().cloned().collect();
        deleted_with_parent(&status, &instances).remove(&id("rule")).map(|group| group.to_string())
    }

    #[test]
    fn a_rule_is_deleted_with_its_group() {
        let group = |id: &str| made("security_groups", id, None, Some(Method::Delete));
        let kept = made("security_groups", "g", None, None);
        let reverted = made("security_groups", "g", None, Some(Method::Post));
        let both = [("one", group("g")), ("two", group("h"))];
        let undone_by_call = RecordedResource { undo: Some(RecordedCall::new(Method::Post, "/x")), ..rule("g") };
        let with_another = RecordedResource { secondary: vec![rule("g")].into(), ..rule("g") };
        for (groups, rules, with) in [
            (&both[..], vec![rule("g")], Some("one")),
            (&both, vec![rule("h")], Some("two")),
            (&both, vec![rule("of another plan")], None),
            (&both, vec![rule("g"), rule("g")], Some("one")),
            (&both, vec![rule("g"), rule("h")], None),
            (&both, vec![rule("g"), made("volumes", "v", None, Some(Method::Delete))], None),
            (&both, vec![made("volumes", "v", Some("g"), Some(Method::Delete))], None),
            (&both, vec![], None),
            // The group stays, or another call reverts it: nothing deletes the rule.
            (&[("one", kept)], vec![rule("g")], None),
            (&[("one", reverted)], vec![rule("g")], None),
            // A rule that is not deleted by its own delete call is not deleted with its group either.
            (&both, vec![undone_by_call], None),
            (&both, vec![RecordedResource { undo: None, ..rule("g") }], None),
            (&both, vec![with_another], None),
        ] {
            assert_eq!(group_of(groups, rules.clone()).as_deref(), with, "{rules:?}");
        }
    }
}
