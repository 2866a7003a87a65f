//! Instances that need no delete of their own, because the API deletes them together with their parent.

use crate::catalog::{Catalog, Method};
use crate::engine::operation::{lock_value, operation_of};
use crate::hash::HashMap;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, IntendedUndo, Phase, RecordedResource, Status, id_text};

/// Kinds that the API deletes with their parent, and the kind of the parent. Deleted one by one, the rules of a
/// security group would lock the group for each other (observed.md §3).
const INSIDE: &[(&str, &str)] = &[("security_group_rules", "security_groups")];

/// Which of `instances` are deleted together with another one of them, whether the outcome of their calls is known or
/// not.
pub fn deleted_with_parent(
    catalog: &Catalog,
    status: &Status,
    instances: &[InstanceId],
) -> HashMap<InstanceId, InstanceId> {
    let known = |instance: &InstanceId| {
        let known = status.instances.get(instance);
        known.filter(|known| matches!(known.phase, Phase::Succeeded | Phase::InDoubt))
    };
    let mut holders: HashMap<(&str, String), &InstanceId> = HashMap::default();
    for instance in instances {
        for made in known(instance).into_iter().flat_map(|known| &known.made).filter(|made| is_deleted(made)) {
            if let (Some(kind), Some(id)) = (made.kind.as_deref(), &made.id) {
                holders.insert((kind, id_text(id)), instance);
            }
        }
    }
    let holder_of = |known: &InstanceStatus| {
        let holder = |kind: Option<&str>, lock: Option<String>| {
            let (_, outer) = INSIDE.iter().find(|(inner, _)| kind == Some(inner))?;
            holders.get(&(*outer, lock?)).copied()
        };
        let made = known.made.iter().map(|made| {
            let alone = is_deleted(made) && made.secondary.is_empty();
            holder(made.kind.as_deref(), made.lock.clone().filter(|_| alone))
        });
        // What a create without an answer may have made.
        let intent = known.intent.as_ref().filter(|intent| known.phase == Phase::InDoubt && intent.update.is_none());
        let in_doubt = intent.map(|intent| {
            let (operation, parameters) = operation_of(catalog, &intent.call)?;
            let kind = operation.creates.as_ref().filter(|_| intent.undo == IntendedUndo::Default)?.kind.as_str();
            holder(Some(kind), lock_value(&operation, &intent.call, &parameters))
        });
        let mut all = made.chain(in_doubt);
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
    use crate::engine::stamps::intent_of;
    use crate::id::StepId;
    use crate::journal::{Header, Intent, RecordedCall};

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
        deleted_with_parent(Catalog::embedded(), &status, &instances).remove(&id("rule")).map(|group| group.to_string())
    }

    #[test]
    fn a_rule_in_doubt_is_deleted_with_its_group_unless_the_plan_says_how_it_goes() {
        let group = made("security_groups", "g", None, Some(Method::Delete));
        let path = |group: &str| format!("/cloud/v2/security_groups/1/7/{group}/rules");
        let own = IntendedUndo::Call(Box::new(RecordedCall::new(Method::Post, "/x")));
        for (path, undo, made, phase, goes) in [
            (path("g"), IntendedUndo::Default, vec![], Phase::InDoubt, true),
            (path("g"), IntendedUndo::Default, vec![rule("g")], Phase::InDoubt, true),
            (path("h"), IntendedUndo::Default, vec![], Phase::InDoubt, false),
            (path("g"), IntendedUndo::Default, vec![rule("h")], Phase::InDoubt, false),
            (path("g"), IntendedUndo::Keep, vec![], Phase::InDoubt, false),
            (path("g"), own, vec![], Phase::InDoubt, false),
            ("/cloud/v1/volumes/1/7".to_owned(), IntendedUndo::Default, vec![], Phase::InDoubt, false),
            (path("g"), IntendedUndo::Default, vec![], Phase::Failed, false),
        ] {
            let intent =
                Intent { undo, ..intent_of(&id("rule"), RecordedCall::new(Method::Post, path), String::new()) };
            let mut status = Status::new(Header::new("demo", "default"), jiff::Timestamp::UNIX_EPOCH);
            let done =
                InstanceStatus { phase: Phase::Succeeded, made: vec![group.clone()], ..InstanceStatus::default() };
            let known = InstanceStatus { phase, made, intent: Some(intent.into()), ..InstanceStatus::default() };
            let shown = format!("{known:?}");
            status.put(id("group"), done);
            status.put(id("rule"), known);
            let with = deleted_with_parent(Catalog::embedded(), &status, &[id("group"), id("rule")]);
            assert_eq!(with.get(&id("rule")), goes.then(|| id("group")).as_ref(), "{shown}");
        }
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
