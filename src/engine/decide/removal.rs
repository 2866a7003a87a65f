//! The order in which instances are removed, and which are kept because others depend on them.

use super::{References, stays};
use crate::catalog::Method;
use crate::hash::{HashMap, HashSet};
use crate::id::{InstanceId, StepId};
use crate::journal::{RecordedResource, Status};
use crate::plan::ReadyQueue;

/// Instances to remove, and how far the removal has come.
pub struct RemovalOrder {
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
    pub kept: Vec<KeptInstance>,
}

/// An instance that is kept because a dependant is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptInstance {
    pub instance: InstanceId,
    /// The dependant that is kept; the instance itself when no undo takes away what it made.
    pub because_of: InstanceId,
}

impl KeptInstance {
    /// Whether it is kept because no undo takes it away.
    pub fn stays(&self) -> bool {
        self.because_of == self.instance
    }
}

/// Orders a removal: dependants before what they depend on. Whatever a kept instance depends on is kept as well.
pub fn removal(status: &Status, wanted: &[InstanceId]) -> RemovalOrder {
    let references = References::of(status);
    let kept = kept(status, wanted, &references);
    let is_kept: HashSet<&InstanceId> = kept.iter().map(|kept| &kept.instance).collect();
    let instances: Vec<InstanceId> = wanted.iter().filter(|instance| !is_kept.contains(instance)).cloned().collect();
    let places: HashMap<InstanceId, usize> = instances.iter().cloned().enumerate().map(|(at, id)| (id, at)).collect();
    let mut steps: HashMap<&StepId, usize> = HashMap::default();
    for instance in &instances {
        let next = instances.len() + steps.len();
        steps.entry(&instance.step).or_insert(next);
    }
    let mut waits_for = vec![Vec::new(); instances.len() + steps.len()];
    let mut groups: HashMap<usize, usize> = HashMap::default();
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
    RemovalOrder { instances, places, waits_for, ready, gone, youngest, kept }
}

/// Of the instances to remove, those that are kept because a dependant is kept. One that no undo takes away stays on
/// record together with what it uses.
fn kept(status: &Status, wanted: &[InstanceId], references: &References<'_>) -> Vec<KeptInstance> {
    let place = |id: &InstanceId| status.instances.get_index_of(id);
    let going = wanted.iter().filter_map(place).collect();
    let mut keeping = Keeping { status, references, going, staying: HashMap::default(), kept: Vec::new() };
    for at in (0..status.instances.len()).filter(|at| may_exist(status, *at)) {
        if keeping.going.contains(&at) {
            continue;
        }
        keeping.hold_used(at);
    }
    let stay = wanted.iter().filter(|id| status.instances.get(*id).is_some_and(|known| stays(known))).filter_map(place);
    let stay: Vec<usize> = stay.filter(|at| keeping.uses_what_goes(*at)).collect();
    for at in stay {
        keeping.keep(at, at);
        keeping.hold_used(at);
    }
    for at in wanted.iter().filter_map(place) {
        if let Some(keeper) = keeper_of(status, at, &keeping.going) {
            keeping.keep(at, keeper);
            keeping.hold_used(at);
        }
    }
    // When an instance turns out to be kept, everything it depends on has to be examined again.
    let mut open: Vec<usize> = wanted.iter().rev().filter_map(place).collect();
    while let Some(at) = open.pop() {
        let user = references.meant_by(at).iter().find_map(|mention| keeping.staying.get(mention)).copied();
        let Some(user) = user.filter(|_| !is_anothers(status, at, &keeping.going)) else { continue };
        if keeping.keep(at, user) && may_exist(status, at) {
            open.extend(keeping.hold_used(at).into_iter().flat_map(|mention| references.meaning(mention)));
        }
    }
    keeping.kept
}

/// Whether there may be something of the instance at this place of the record.
fn may_exist(status: &Status, at: usize) -> bool {
    status.instances.get_index(at).is_some_and(|(_, known)| known.may_exist())
}

/// The instances that go, and those that turn out to be kept. By their places on the record.
struct Keeping<'a> {
    status: &'a Status,
    references: &'a References<'a>,
    going: HashSet<usize>,
    /// By mention: one that stays and mentions it.
    staying: HashMap<usize, usize>,
    kept: Vec<KeptInstance>,
}

impl Keeping<'_> {
    /// Keeps an instance because of another; whether it was one that goes.
    fn keep(&mut self, at: usize, because_of: usize) -> bool {
        let id = |at: usize| self.status.instances.get_index(at).map(|(id, _)| id.clone());
        let did_go = self.going.remove(&at);
        let kept = id(at).zip(id(because_of)).filter(|_| did_go);
        self.kept.extend(kept.map(|(instance, because_of)| KeptInstance { instance, because_of }));
        did_go
    }

    /// Holds what an instance that stays uses. Returns the mentions that nothing held before.
    fn hold_used(&mut self, at: usize) -> Vec<usize> {
        let mut added = Vec::new();
        for mention in self.references.uses(at) {
            self.staying.entry(*mention).or_insert_with(|| {
                added.push(*mention);
                at
            });
        }
        added
    }

    /// Whether an instance uses another that goes and is taken away by an undo.
    fn uses_what_goes(&self, at: usize) -> bool {
        let goes = |at: &usize| {
            let known = self.status.instances.get_index(*at).filter(|_| self.going.contains(at));
            known.is_some_and(|(_, known)| known.made.iter().any(|made| made.undo.is_some()))
        };
        let mut used = self.references.uses(at).iter().flat_map(|mention| self.references.meaning(*mention));
        used.any(|used| *used != at && goes(used))
    }
}

/// Another instance that stays and keeps what this one would delete, because it adopted that, or has `undo: none`:
/// records of earlier versions have such.
fn keeper_of(status: &Status, at: usize, going: &HashSet<usize>) -> Option<usize> {
    let (_, known) = status.instances.get_index(at)?;
    let deleted = known.made.iter().filter(|made| made.undo.as_ref().is_some_and(|undo| undo.method == Method::Delete));
    deleted.filter_map(|made| Some((made, made.id.as_deref()?))).find_map(|(made, id)| {
        let others = status.owners_of(id).filter(|(_, other)| other.undo.is_none() && other.kind == made.kind);
        let mut places = others.filter_map(|(owner, _)| status.instances.get_index_of(owner));
        places.find(|place| *place != at && !going.contains(place))
    })
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
pub fn removal_order(status: &Status) -> (Vec<InstanceId>, Vec<KeptInstance>) {
    let existing: Vec<InstanceId> = status.existing().map(|(instance, _)| instance.clone()).collect();
    let mut removal = removal(status, &existing);
    let mut order = Vec::new();
    while let Some(instance) = removal.take().or_else(|| removal.youngest()) {
        removal.mark_gone(&instance);
        order.push(instance);
    }
    (order, removal.kept)
}

impl RemovalOrder {
    /// The next instance that can be removed now.
    pub fn take(&mut self) -> Option<InstanceId> {
        while let Some(at) = self.ready.take() {
            match self.instances.get(at) {
                // Of a cycle the youngest was removed before its turn.
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

    /// The youngest instance that is not gone: removed next when the rest depend on each other in a cycle, as they can
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
    pub fn never_free(&self) -> Vec<KeptInstance> {
        // Many instances wait for one entry, which waits for many: each entry is read once.
        let behind: Vec<Option<usize>> =
            (self.instances.len()..self.waits_for.len()).map(|entry| self.in_the_way(entry)).collect();
        let stuck = self.waiting().filter_map(|at| {
            let first = self.in_the_way(at)?;
            let other = first.checked_sub(self.instances.len()).map_or(Some(first), |entry| behind[entry])?;
            Some(KeptInstance { instance: self.instances[at].clone(), because_of: self.instances[other].clone() })
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
mod tests;
