//! The order in which instances are removed, and which are kept because others depend on them.

use std::collections::{HashMap, HashSet};

use super::{References, stays};
use crate::catalog::Method;
use crate::id::{InstanceId, StepId};
use crate::journal::{RecordedResource, Status};
use crate::plan::ReadyQueue;

/// Instances to remove, and how far the removal has come.
pub struct Removal {
    instances: Vec<InstanceId>,
    places: HashMap<InstanceId, usize>,
    /// By index: the entries that must be gone first. After the instances come entries for whole steps that others
    /// depend on; such an entry is gone once all instances of its step are. Then those for ids and names that several
    /// instances have, which wait for all whose calls mention them.
    waits_for: Vec<Vec<usize>>,
    ready: ReadyQueue,
    /// By index.
    gone: Vec<bool>,
    /// The instances from this index on are gone.
    youngest: usize,
    /// Instances that are kept.
    pub kept: Vec<Kept>,
}

/// An instance that is kept because a dependant is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub instance: InstanceId,
    /// The dependant that is kept; the instance itself when no undo takes away what it made.
    pub because_of: InstanceId,
}

impl Kept {
    /// Whether it is kept because no undo takes it away.
    pub fn stays(&self) -> bool {
        self.because_of == self.instance
    }
}

/// Orders a removal: dependants before what they depend on. Whatever a kept instance depends on is kept as well.
pub fn removal(status: &Status, wanted: &[InstanceId]) -> Removal {
    let references = References::of(status);
    let kept = kept(status, wanted, &references);
    let is_kept: HashSet<&InstanceId> = kept.iter().map(|kept| &kept.instance).collect();
    let instances: Vec<InstanceId> = wanted.iter().filter(|instance| !is_kept.contains(instance)).cloned().collect();
    let places: HashMap<InstanceId, usize> = instances.iter().cloned().enumerate().map(|(at, id)| (id, at)).collect();
    let mut steps: HashMap<&StepId, usize> = HashMap::new();
    for instance in &instances {
        let next = instances.len() + steps.len();
        steps.entry(&instance.step).or_insert(next);
    }
    let mut waits_for = vec![Vec::new(); instances.len() + steps.len()];
    let mut groups: HashMap<usize, usize> = HashMap::new();
    for (at, instance) in instances.iter().enumerate() {
        waits_for[at].push(steps[&instance.step]);
        let Some(place) = status.instances.get_index_of(instance) else { continue };
        for mention in references.uses(place) {
            let entry = match references.meaning(*mention) {
                [used] => status.instances.get_index(*used).and_then(|(used, _)| places.get(used)).copied(),
                _ => Some(*groups.entry(*mention).or_insert_with(|| {
                    waits_for.push(Vec::new());
                    waits_for.len() - 1
                })),
            };
            entry.into_iter().for_each(|entry| waits_for[entry].push(at));
        }
        let whole = references.steps(place).iter().filter_map(|step| steps.get(step));
        whole.for_each(|&step| waits_for[step].push(at));
    }
    for (mention, entry) in groups {
        let meant = references.meaning(mention).iter().filter_map(|at| status.instances.get_index(*at));
        meant.filter_map(|(instance, _)| places.get(instance)).for_each(|&at| waits_for[at].push(entry));
    }
    waits_for.iter_mut().for_each(|entries| {
        entries.sort_unstable();
        entries.dedup();
    });
    let ready = ReadyQueue::new(&waits_for);
    let (gone, youngest) = (vec![false; waits_for.len()], instances.len());
    Removal { instances, places, waits_for, ready, gone, youngest, kept }
}

/// Of the instances to remove, those that are kept because a dependant is kept. One that no undo takes away stays on
/// record together with what it uses.
fn kept(status: &Status, wanted: &[InstanceId], references: &References<'_>) -> Vec<Kept> {
    let place = |id: &InstanceId| status.instances.get_index_of(id);
    let mut going: HashSet<usize> = wanted.iter().filter_map(place).collect();
    let may_exist = |at: &usize| status.instances.get_index(*at).is_some_and(|(_, known)| known.may_exist());
    // By mention: one that stays and mentions it.
    let mut staying: HashMap<usize, usize> = HashMap::new();
    for at in (0..status.instances.len()).filter(|at| !going.contains(at)).filter(may_exist) {
        for mention in references.uses(at) {
            staying.entry(*mention).or_insert(at);
        }
    }
    let mut kept = Vec::new();
    let id = |at: usize| status.instances.get_index(at).map(|(id, _)| id.clone());
    let goes = |at: &usize| {
        let known = status.instances.get_index(*at).filter(|_| going.contains(at));
        known.is_some_and(|(_, known)| known.made.iter().any(|made| made.undo.is_some()))
    };
    let used = |at: usize| references.uses(at).iter().flat_map(|mention| references.meaning(*mention));
    let stay = wanted.iter().filter(|id| status.instances.get(*id).is_some_and(|known| stays(known)));
    let stay: Vec<usize> = stay.filter_map(place).filter(|at| used(*at).any(|used| used != at && goes(used))).collect();
    for at in stay {
        going.remove(&at);
        kept.extend(id(at).map(|instance| Kept { because_of: instance.clone(), instance }));
        for mention in references.uses(at) {
            staying.entry(*mention).or_insert(at);
        }
    }
    // When an instance turns out to be kept, everything it depends on has to be examined again.
    let mut open: Vec<usize> = wanted.iter().rev().filter_map(place).collect();
    while let Some(at) = open.pop() {
        let Some(user) = references.meant_by(at).iter().find_map(|mention| staying.get(mention)).copied() else {
            continue;
        };
        if is_anothers(status, at, &going) || !going.remove(&at) {
            continue;
        }
        kept.extend(id(at).zip(id(user)).map(|(instance, because_of)| Kept { instance, because_of }));
        for mention in references.uses(at).iter().filter(|_| may_exist(&at)) {
            if !staying.contains_key(mention) {
                staying.insert(*mention, at);
                open.extend(references.meaning(*mention));
            }
        }
    }
    kept
}

/// Whether all that an instance made is also recorded of other instances, which stay: no call uses it under this name.
fn is_anothers(status: &Status, at: usize, going: &HashSet<usize>) -> bool {
    let Some((instance, known)) = status.instances.get_index(at) else { return false };
    let stays = |owner: &InstanceId| {
        owner != instance && status.instances.get_index_of(owner).is_some_and(|place| !going.contains(&place))
    };
    let deletes = |made: &RecordedResource| made.undo.as_ref().is_some_and(|undo| undo.method == Method::Delete);
    let mut made = known.made.iter().map(|made| {
        let id = made.id.as_deref().filter(|_| deletes(made))?;
        status.owners_of(id).find(|(owner, other)| stays(owner) && deletes(other) && other.kind == made.kind)
    });
    !known.made.is_empty() && made.all(|owner| owner.is_some())
}

/// All existing instances, in an order in which they can be removed; and those that are kept.
pub fn removal_order(status: &Status) -> (Vec<InstanceId>, Vec<Kept>) {
    let existing: Vec<InstanceId> = status.existing().map(|(instance, _)| instance.clone()).collect();
    let mut removal = removal(status, &existing);
    let mut order = Vec::new();
    while let Some(instance) = removal.take().or_else(|| removal.youngest()) {
        removal.mark_gone(&instance);
        order.push(instance);
    }
    (order, removal.kept)
}

impl Removal {
    /// The next instance that can be removed now.
    pub fn take(&mut self) -> Option<InstanceId> {
        while let Some(at) = self.ready.take() {
            match self.instances.get(at) {
                // Of a circle the youngest was removed before its turn.
                Some(_) if self.gone[at] => {}
                Some(instance) => return Some(instance.clone()),
                None => {
                    self.gone[at] = true;
                    self.ready.done(at);
                }
            }
        }
        None
    }

    /// Marks an instance as gone, which may release others.
    pub fn mark_gone(&mut self, instance: &InstanceId) {
        if let Some(&at) = self.places.get(instance)
            && !std::mem::replace(&mut self.gone[at], true)
        {
            self.ready.done(at);
        }
    }

    /// The youngest instance that is not gone: removed next when the rest depend on each other in a circle, as they can
    /// after steps were reordered.
    pub fn youngest(&mut self) -> Option<InstanceId> {
        while self.youngest > 0 && self.gone[self.youngest - 1] {
            self.youngest -= 1;
        }
        self.instances[..self.youngest].last().cloned()
    }

    /// The instances that are not gone yet.
    pub fn not_gone(&self) -> Vec<InstanceId> {
        self.waiting().map(|at| self.instances[at].clone()).collect()
    }

    /// The instances that were never released, because one of their dependants still exists.
    pub fn never_free(&self) -> Vec<Kept> {
        // Many instances wait for one entry, which waits for many: each entry is read once.
        let behind: Vec<Option<usize>> =
            (self.instances.len()..self.waits_for.len()).map(|entry| self.in_the_way(entry)).collect();
        let stuck = self.waiting().filter_map(|at| {
            let first = self.in_the_way(at)?;
            let other = first.checked_sub(self.instances.len()).map_or(Some(first), |entry| behind[entry])?;
            Some(Kept { instance: self.instances[at].clone(), because_of: self.instances[other].clone() })
        });
        stuck.collect()
    }

    fn waiting(&self) -> impl Iterator<Item = usize> {
        (0..self.instances.len()).filter(|at| !self.gone[*at])
    }

    /// The first of what an instance or an entry waits for. An entry waits for instances only.
    fn in_the_way(&self, at: usize) -> Option<usize> {
        self.waits_for[at].iter().copied().find(|other| !self.gone[*other])
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::journal::{Header, InstanceStatus, IntendedUndo, Intent, Phase, RecordedCall, StepResult};

    fn id(text: &str) -> InstanceId {
        match text.split_once('[') {
            Some((step, key)) => InstanceId::new(StepId::new(step), Some(key.trim_end_matches(']').to_owned())),
            None => InstanceId::new(StepId::new(text), None),
        }
    }

    /// A record of instances, each with the body of its call and the steps it comes after.
    fn status(instances: &[(&str, Value, &[&str])]) -> Status {
        let mut status = Status::new(Header::new("demo", "default"), Timestamp::UNIX_EPOCH);
        for (name, body, after) in instances {
            let call = RecordedCall {
                body: Some(body.clone().into()),
                ..RecordedCall::new(Method::Post, "/cloud/v1/networks/1/7")
            };
            let own = json!(format!("id-of-{name}").replace(['[', ']'], "-"));
            let known = InstanceStatus {
                phase: Phase::Succeeded,
                agrees: Some(call.into()),
                result: Some(StepResult { id: Some(own.clone().into()), ..StepResult::default() }),
                made: vec![RecordedResource {
                    undo: Some(RecordedCall::new(Method::Delete, "/x")),
                    id: Some(own.into()),
                    ..RecordedResource::default()
                }],
                after: after.iter().map(|step| StepId::new(*step)).collect(),
                ..InstanceStatus::default()
            };
            status.instances.insert(id(name), known.into());
        }
        status
    }

    /// The removals wave by wave; and the kept instances with their reason.
    fn waves(status: &Status, wanted: &[&str]) -> (Vec<String>, Vec<String>) {
        let wanted: Vec<InstanceId> = wanted.iter().map(|name| id(name)).collect();
        let mut removal = removal(status, &wanted);
        let mut waves = Vec::new();
        loop {
            let wave: Vec<InstanceId> = std::iter::from_fn(|| removal.take()).collect();
            if wave.is_empty() {
                break;
            }
            waves.push(wave.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
            wave.iter().for_each(|instance| removal.mark_gone(instance));
        }
        let kept = removal.kept.iter().map(|kept| format!("{} for {}", kept.instance, kept.because_of));
        (waves, kept.collect())
    }

    fn chains() -> Status {
        status(&[
            ("net[0]", json!({}), &[]),
            ("net[1]", json!({}), &[]),
            ("sub[0]", json!({ "network_id": "id-of-net-0-" }), &["net"]),
            ("sub[1]", json!({ "network_id": "id-of-net-1-" }), &["net"]),
            ("vm", json!({ "interfaces": [{ "subnet_id": "id-of-sub-0-" }] }), &["sub"]),
        ])
    }

    #[test]
    fn dependants_are_removed_first() {
        let all = ["net[0]", "net[1]", "sub[0]", "sub[1]", "vm"];
        let (waves, kept) = waves(&chains(), &all);
        assert_eq!((waves, kept), (vec!["sub[1] vm".into(), "net[1] sub[0]".into(), "net[0]".into()], vec![]));
    }

    #[test]
    fn one_of_two_goes_while_the_other_stays() {
        let (waves, kept) = waves(&chains(), &["net[1]", "sub[1]"]);
        assert_eq!((waves, kept), (vec!["sub[1]".to_owned(), "net[1]".into()], vec![]));
    }

    /// Each call mentions all of them by their name: there are no more entries than instances and mentions of a name.
    #[test]
    fn instances_of_one_name_are_not_compared_one_by_one() {
        let (disks, machines): (Vec<String>, Vec<String>) =
            (0..300).map(|n| (format!("disk[{n}]"), format!("vm[{n}]"))).unzip();
        let disks = disks.iter().map(|name| (name.as_str(), json!({}), &[][..]));
        let all = disks.chain(machines.iter().map(|name| (name.as_str(), json!({ "disk": "data" }), &["disk"][..])));
        let mut status = status(&all.collect::<Vec<_>>());
        for (instance, known) in &mut status.instances {
            let named = (instance.step.as_str() == "disk").then(|| "data".to_owned());
            known.result.as_mut().unwrap().name = named;
        }
        let wanted: Vec<InstanceId> = status.instances.keys().cloned().collect();
        let removal = removal(&status, &wanted);
        let entries: usize = removal.waits_for.iter().map(Vec::len).sum();
        assert!(entries <= 4 * wanted.len(), "{entries}");
        let (order, _) = removal_order(&status);
        assert!(order.iter().take(300).all(|instance| instance.step.as_str() == "vm") && order.len() == 600);
        // One that stays keeps all of them, and all depend on one that is replaced.
        let all_but_one: Vec<InstanceId> =
            wanted.iter().filter(|instance| **instance != id("vm[7]")).cloned().collect();
        let kept = super::removal(&status, &all_but_one).kept;
        assert!(kept.len() == 300 && kept.iter().all(|kept| kept.because_of == id("vm[7]")), "{kept:?}");
        assert_eq!(References::of(&status).dependants(&id("disk[0]")).len(), 300);
    }

    /// Everything has one name, which says nothing where an id says more.
    #[test]
    fn one_of_two_with_equal_names_goes_while_the_other_stays() {
        let mut status = chains();
        for known in status.instances.values_mut() {
            known.result.as_mut().unwrap().name = Some("twin".to_owned());
            known.agrees.as_mut().unwrap().body.as_mut().unwrap().edit(|body| body["name"] = json!("twin"));
        }
        assert_eq!(waves(&status, &["net[1]", "sub[1]"]), (vec!["sub[1]".to_owned(), "net[1]".into()], vec![]));
        // What is mentioned by its name alone, as an SSH key, is still used.
        let sub = status.instances.get_mut(&id("sub[1]")).unwrap();
        sub.agrees.as_mut().unwrap().body = Some(json!({ "key": "twin" }).into());
        assert_eq!(waves(&status, &["net[1]"]).1, ["net[1] for sub[1]"]);
    }

    #[test]
    fn what_another_holds_too_is_not_kept_for_its_users() {
        let mut status = chains();
        let net = status.instances.get_mut(&id("net[0]")).unwrap();
        net.made[0].undo = Some(RecordedCall::new(Method::Delete, "/cloud/v1/networks/1/7/id-of-net-0-"));
        let second = net.clone();
        status.instances.insert(id("old"), second);
        assert_eq!(waves(&status, &["old"]), (vec!["old".to_owned()], vec![]));
        assert_eq!(waves(&status, &["old", "net[0]"]).1, ["net[0] for sub[0]"]);
    }

    #[test]
    fn dependencies_of_a_kept_instance_are_kept_and_named() {
        let (waves, kept) = waves(&chains(), &["net[0]", "sub[0]", "net[1]"]);
        assert_eq!(waves, Vec::<String>::new());
        assert_eq!(kept, ["sub[0] for vm", "net[0] for sub[0]", "net[1] for sub[1]"]);
    }

    #[test]
    fn what_no_undo_takes_away_keeps_what_it_uses_and_stays_on_record_with_it() {
        let intent = |undo| -> Intent {
            serde_json::from_value(json!({
                "instance": id("sub[1]"), "call": RecordedCall::new(Method::Post, "/x"), "attempt": 1, "nonce": "n",
                "stamped": false, "after": [], "undo": undo,
            }))
            .unwrap()
        };
        let all = ["net[0]", "net[1]", "sub[0]", "sub[1]", "vm"];
        for (undo, of_plan, wanted, kept) in [
            (None, Some(IntendedUndo::Keep), &all[..], &["sub[1] for sub[1]", "net[1] for sub[1]"][..]),
            // It was adopted.
            (None, None, &all, &["sub[1] for sub[1]", "net[1] for sub[1]"]),
            // It was there before, inside of what goes.
            (None, Some(IntendedUndo::Default), &all, &[]),
            (Some(RecordedCall::new(Method::Delete, "/x")), Some(IntendedUndo::Default), &all, &[]),
            // Nothing that it uses goes.
            (None, None, &["sub[1]"], &[]),
        ] {
            let mut status = chains();
            let sub = status.instances.get_mut(&id("sub[1]")).unwrap();
            sub.intent = of_plan.map(|undo| intent(undo).into());
            sub.called = sub.intent.is_some();
            sub.made[0].undo = undo;
            assert_eq!(waves(&status, wanted).1, kept, "{wanted:?}");
        }
    }

    #[test]
    fn a_former_dependency_of_a_kept_step_may_be_removed() {
        let status = status(&[("a", json!({}), &[]), ("b", json!({ "name": "b" }), &["a"])]);
        assert_eq!(waves(&status, &["a"]), (vec!["a".to_owned()], vec![]));
        // When both are removed, the recorded order still counts.
        assert_eq!(waves(&status, &["a", "b"]).0, ["b", "a"]);
    }

    #[test]
    fn reordered_steps_are_removed_as_well() {
        let status = status(&[("a", json!({}), &["b"]), ("b", json!({}), &["a"])]);
        let mut removal = removal(&status, &[id("a"), id("b")]);
        assert_eq!(removal.take(), None);
        let youngest = removal.youngest().unwrap();
        assert_eq!(youngest, id("b"));
        removal.mark_gone(&youngest);
        assert_eq!(removal.take(), Some(id("a")));
        removal.mark_gone(&id("a"));
        assert_eq!(removal.take(), None, "each is removed once");
    }

    #[test]
    fn instances_kept_because_of_another_are_reported_with_the_reason() {
        let all = ["net[0]", "net[1]", "sub[0]", "sub[1]", "vm"].map(id);
        let mut removal = removal(&chains(), &all);
        assert_eq!(removal.not_gone(), all);
        // `vm` and `sub[1]` are released; `vm` cannot be removed.
        assert_eq!([removal.take(), removal.take(), removal.take()], [Some(id("sub[1]")), Some(id("vm")), None]);
        removal.mark_gone(&id("sub[1]"));
        assert_eq!(removal.take(), Some(id("net[1]")));
        removal.mark_gone(&id("net[1]"));
        assert_eq!(removal.not_gone(), ["net[0]", "sub[0]", "vm"].map(id));
        let because = |instance: &str, of: &str| Kept { instance: id(instance), because_of: id(of) };
        assert_eq!(removal.never_free(), [because("net[0]", "sub[0]"), because("sub[0]", "vm")]);
        // One that comes after a whole step waits for any instance of it.
        let status = status(&[("a", json!({}), &[]), ("b[0]", json!({}), &["a"]), ("b[1]", json!({}), &["a"])]);
        let mut removal = super::removal(&status, &["a", "b[0]", "b[1]"].map(id));
        removal.mark_gone(&id("b[0]"));
        assert_eq!(removal.never_free(), [because("a", "b[1]")]);
    }

    #[test]
    fn all_that_exists_is_in_the_order_of_removal_even_in_a_circle() {
        let names = |order: Vec<InstanceId>| order.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(removal_order(&chains()).0), ["sub[1]", "net[1]", "vm", "sub[0]", "net[0]"]);
        let mut circle = status(&[("a", json!({}), &["b"]), ("b", json!({}), &["a"]), ("c", json!({}), &[])]);
        circle.instances.insert(id("gone"), InstanceStatus::default().into());
        assert_eq!(names(removal_order(&circle).0), ["c", "b", "a"]);
    }

    #[test]
    fn an_id_that_was_given_as_a_secret_is_a_reference_too() {
        let mut status = chains();
        let secret = crate::secret::digest_of(&json!("id-of-net-1-"), status.header.key.as_bytes());
        let sub = status.instances.get_mut(&id("sub[1]")).unwrap();
        sub.agrees.as_mut().unwrap().body = Some(json!({ "network_id": secret }).into());
        assert_eq!(waves(&status, &["net[1]", "sub[1]"]).0, ["sub[1]", "net[1]"]);
        assert_eq!(waves(&status, &["net[1]"]).1, ["net[1] for sub[1]"]);
    }
}
