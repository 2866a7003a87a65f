//! What a removal of an instance would do to its resources: whether an undo is sent, which resources stay, and why.

use serde::Serialize;

use crate::catalog::{Catalog, Method};
use crate::engine::ownership::Claimable;
use crate::hash::HashSet;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, IntendedUndo, RecordedCall, RecordedResource, Status, id_text, may_undo};

/// A resource that a removal leaves where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Staying {
    pub kind: Option<String>,
    pub id: String,
    /// ``it has no undo``
    pub why: String,
}

/// What a removal would do about the resources of an instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemovalOutcome {
    /// Whether an undo is sent.
    pub goes: bool,
    pub stays: Vec<Staying>,
    /// Why an undo would not be sent.
    pub obstacle: Option<&'static str>,
}

/// What a removal of an instance would do. `going`: the instances that are removed with it.
pub fn fate(catalog: &Catalog, status: &Status, instance: &InstanceId, going: &HashSet<InstanceId>) -> RemovalOutcome {
    let Some(known) = status.instances.get(instance) else { return RemovalOutcome::default() };
    let call = known.intent.as_ref().map(|intent| &*intent.call);
    let keeps = known.intent.as_ref().is_some_and(|intent| intent.undo == IntendedUndo::Keep);
    // What a call under way makes is known only at its end.
    let mut fate = RemovalOutcome { goes: known.made.is_empty() && !keeps, ..RemovalOutcome::default() };
    for made in &known.made {
        if let Some(holder) = holders(status, instance, made).into_iter().find(|holder| !going.contains(holder)) {
            fate.stays.extend(staying(made, held_by(&holder)));
            continue;
        }
        for resource in std::iter::once(made).chain(&made.secondary) {
            match resource.undo.as_ref().map(|undo| unsendable(catalog, call, undo)) {
                None => fate.stays.extend(staying(resource, NO_UNDO.to_owned())),
                Some(None) => fate.goes = true,
                Some(why) => fate.obstacle = fate.obstacle.or(why),
            }
        }
    }
    fate
}

/// Why a resource without an undo stays.
pub const NO_UNDO: &str = "it has no undo";

/// Why a resource stays that another instance holds as well.
pub fn held_by(holder: &InstanceId) -> String {
    format!("it is on record as `{holder}`, too")
}

fn staying(made: &RecordedResource, why: String) -> Option<Staying> {
    Some(Staying { kind: made.kind.clone(), id: made.id.as_deref().map(id_text)?, why })
}

/// Other instances of the record that hold this resource as their own: a removal leaves it to them.
pub fn holders(status: &Status, instance: &InstanceId, made: &RecordedResource) -> Vec<InstanceId> {
    // Other calls undo a change of a resource that another instance made.
    let deletes = |made: &RecordedResource| made.undo.as_ref().is_some_and(|undo| undo.method == Method::Delete);
    let (Some(claimable), Some(id)) = (Claimable::of(made).filter(|_| deletes(made)), made.id.as_deref()) else {
        return Vec::new();
    };
    let is_it = |made: &RecordedResource| {
        deletes(made) && !made.uncertain && Claimable::of(made).is_some_and(|held| held.is(&claimable))
    };
    let owners = status.owners_of(id).map(|(owner, _)| owner).filter(|owner| *owner != instance);
    let holds = |owner: &&InstanceId| status.instances.get(*owner).is_some_and(|known| known.made.iter().any(is_it));
    owners.filter(holds).cloned().collect()
}

/// Why an undo is not sent. `call`: the one that it reverts.
pub fn unsendable(catalog: &Catalog, call: Option<&RecordedCall>, undo: &RecordedCall) -> Option<&'static str> {
    match () {
        () if undo.lacks_a_secret() => Some("needs a secret, and the record holds none"),
        // Both were recorded by an earlier version: an undo that is a read, and one for a result without an id.
        () if undo.method == Method::Get => Some("only reads"),
        () if undo.path.split('/').any(|segment| segment == "null") => Some("names no resource"),
        () if !may_undo(catalog, call, undo) => Some("is no operation of the API"),
        () => None,
    }
}

/// Whether a removal leaves what an instance has where it is: by `undo: none`, or because it was adopted.
pub fn stays(known: &InstanceStatus) -> bool {
    let kept = !known.called || known.intent.as_ref().is_none_or(|intent| intent.undo == IntendedUndo::Keep);
    kept && known.made.iter().any(|made| made.undo.is_none() && made.id.is_some())
}

/// Whether a removal would remove nothing of what an instance has, though neither the plan nor an adoption keeps it: it
/// was there before a PUT, or no call that removes it is known.
pub fn is_untouched(known: &InstanceStatus) -> bool {
    let mut resources = known.made.iter().flat_map(|made| std::iter::once(made).chain(&made.secondary));
    let is_there = known.made.iter().any(|made| made.id.is_some());
    is_there && !stays(known) && resources.all(|resource| resource.undo.is_none())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::journal::{Header, Intent, Phase};
    use crate::plan::Selection;

    const VOLUMES: &str = "/cloud/v1/volumes/1/7";

    fn volume(id: &str, undo: bool) -> RecordedResource {
        RecordedResource {
            kind: Some("volumes".to_owned()),
            id: Some(json!(id).into()),
            undo: undo.then(|| RecordedCall::new(Method::Delete, format!("{VOLUMES}/{id}"))),
            ..RecordedResource::default()
        }
    }

    fn known(made: Vec<RecordedResource>, undo: &IntendedUndo) -> InstanceStatus {
        let intent: Intent = serde_json::from_value(json!({
            "instance": Selection::name("it"), "call": RecordedCall::new(Method::Post, VOLUMES), "attempt": 1,
            "nonce": "n", "stamped": false, "after": [], "undo": undo,
        }))
        .unwrap();
        InstanceStatus {
            phase: Phase::Succeeded,
            intent: Some(intent.into()),
            made,
            called: true,
            ..InstanceStatus::default()
        }
    }

    #[test]
    fn what_goes_and_what_stays_is_what_a_removal_does() {
        let with = |undo: &str| RecordedResource {
            undo: Some(RecordedCall::new(Method::Delete, format!("{VOLUMES}/{undo}"))),
            ..volume("a", true)
        };
        let reads = RecordedResource { undo: Some(RecordedCall::new(Method::Get, VOLUMES)), ..volume("a", true) };
        let foreign = RecordedResource { undo: Some(RecordedCall::new(Method::Delete, "/x/y")), ..volume("a", true) };
        let beside = RecordedResource { secondary: vec![volume("b", true)].into(), ..volume("a", false) };
        let keep = IntendedUndo::Keep;
        for (made, undo, goes, stays, obstacle) in [
            (vec![volume("a", true)], IntendedUndo::Default, true, &[][..], None),
            (vec![volume("a", false)], IntendedUndo::Default, false, &["a"], None),
            (vec![volume("a", false), volume("b", true)], IntendedUndo::Default, true, &["a"], None),
            (vec![beside], IntendedUndo::Default, true, &["a"], None),
            // Nothing is known of it yet.
            (vec![], IntendedUndo::Default, true, &[], None),
            (vec![], keep, false, &[], None),
            (vec![with("null")], IntendedUndo::Default, false, &[], Some("names no resource")),
            (vec![reads], IntendedUndo::Default, false, &[], Some("only reads")),
            (vec![foreign], IntendedUndo::Default, false, &[], Some("is no operation of the API")),
        ] {
            let mut status = Status::new(Header::new("demo", "default"), jiff::Timestamp::UNIX_EPOCH);
            let it = Selection::name("it");
            status.instances.insert(it.clone(), known(made.clone(), &undo).into());
            let fate = fate(Catalog::embedded(), &status, &it, &HashSet::default());
            let ids: Vec<&str> = fate.stays.iter().map(|staying| staying.id.as_str()).collect();
            assert_eq!((fate.goes, &ids[..], fate.obstacle), (goes, stays, obstacle), "{made:?}");
        }
    }

    #[test]
    fn what_another_instance_has_as_its_own_is_left_to_it_unless_both_go() {
        let mut status = Status::new(Header::new("demo", "default"), jiff::Timestamp::UNIX_EPOCH);
        let [it, other] = ["it", "other"].map(Selection::name);
        for instance in [&it, &other] {
            let known = known(vec![volume("a", true)], &IntendedUndo::Default);
            status.instances.insert(instance.clone(), known.into());
        }
        let fate = |going: &[&InstanceId]| {
            let going = going.iter().map(|&one| one.clone()).collect();
            super::fate(Catalog::embedded(), &status, &it, &going)
        };
        let alone = fate(&[&it]);
        assert_eq!((alone.goes, alone.stays[0].why.as_str()), (false, "it is on record as `other`, too"));
        assert!(fate(&[&it, &other]).goes);
    }

    #[test]
    fn what_the_plan_or_an_adoption_keeps_is_told_from_what_cannot_be_removed() {
        for (made, undo, called, kept, untouched) in [
            (volume("a", true), IntendedUndo::Default, true, false, false),
            (volume("a", false), IntendedUndo::Default, true, false, true),
            (volume("a", false), IntendedUndo::Keep, true, true, false),
            // Adopted, also where a call of the step was recorded before or after.
            (volume("a", false), IntendedUndo::Default, false, true, false),
            (volume("a", true), IntendedUndo::Default, false, false, false),
        ] {
            let known = InstanceStatus { called, ..known(vec![made.clone()], &undo) };
            assert_eq!((stays(&known), is_untouched(&known)), (kept, untouched), "{made:?} {undo:?} {called}");
        }
    }
}
